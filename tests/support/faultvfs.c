/* SPDX-License-Identifier: Apache-2.0
 *
 * See faultvfs.h. A file is a node with what a reader sees now, what would survive a power cut, and
 * the changes between the two. Locks and the log's shared memory are kept as SQLite documents them.
 */
#include "faultvfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define SHM_SLOTS SQLITE_SHM_NLOCK
#define REGIONS_MAX 256
#define SECTOR 512

struct bytes {
    unsigned char *at;
    size_t len, room;
    bool lent; /* by another disk that outlives this one: copied before it is changed */
};

/* A change that is not durable yet. */
struct change {
    struct change *next;
    int64_t offset;     /* of a write; of a truncation the new size */
    size_t len;         /* 0: truncation */
    unsigned char at[];
};

struct file;

struct node {
    struct node *next;
    char *name;         /* NULL: temporary */
    struct bytes now, durable;
    struct change *first, **last;
    bool name_durable, unlinked;
    unsigned handles;
    unsigned shared;    /* holders of SHARED or more */
    const struct file *reserved, *pending, *exclusive;
    void *region[REGIONS_MAX];
    unsigned shm_handles;
    unsigned shm_shared[SHM_SLOTS];
    const struct file *shm_exclusive[SHM_SLOTS];
};

struct faultvfs {
    sqlite3_vfs vfs;
    struct node *nodes;
    uint64_t random;
    enum fault fault;
    uint64_t nth, changes, changes_ever;
    bool down, lose;
    int64_t capacity, wall_ms;
};

struct file {
    sqlite3_file base;
    struct faultvfs *disk;
    struct node *node;
    int lock;
    bool temporary, shm_mapped;
    unsigned shm_mine_shared; /* bit per slot */
};

static uint64_t next_random(struct faultvfs *disk)
{
    disk->random ^= disk->random << 13;
    disk->random ^= disk->random >> 7;
    disk->random ^= disk->random << 17;
    return disk->random;
}

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

/* --- bytes --- */

static void bytes_own(struct bytes *b)
{
    if (!b->lent)
        return;
    void *copy = must(malloc(b->len + 1));
    if (b->len)
        memcpy(copy, b->at, b->len);
    *b = (struct bytes){copy, b->len, b->len, false};
}

static void bytes_resize(struct bytes *b, size_t len)
{
    bytes_own(b);
    if (len > b->room) {
        b->room = len > 2 * b->room ? len : 2 * b->room;
        b->at = must(realloc(b->at, b->room));
    }
    if (len > b->len)
        memset(b->at + b->len, 0, len - b->len);
    b->len = len;
}

static void bytes_write(struct bytes *b, int64_t offset, const void *at, size_t len)
{
    if (!len)
        return;
    bytes_own(b);
    if ((size_t)offset + len > b->len)
        bytes_resize(b, (size_t)offset + len);
    memcpy(b->at + offset, at, len);
}

/* --- nodes --- */

static struct node *node_find(const struct faultvfs *disk, const char *name)
{
    for (struct node *n = disk->nodes; n; n = n->next) {
        if (n->name && !n->unlinked && strcmp(n->name, name) == 0)
            return n;
    }
    return NULL;
}

static struct node *node_new(struct faultvfs *disk, const char *name)
{
    struct node *n = must(calloc(1, sizeof *n));
    n->name = name ? must(strdup(name)) : NULL;
    n->last = &n->first;
    n->next = disk->nodes;
    disk->nodes = n;
    return n;
}

static void drop_shm(struct node *n)
{
    for (size_t i = 0; i < REGIONS_MAX; i++) {
        free(n->region[i]);
        n->region[i] = NULL;
    }
}

static void drop_changes(struct node *n)
{
    while (n->first) {
        struct change *c = n->first;
        n->first = c->next;
        free(c);
    }
    n->last = &n->first;
}

static void node_remove(struct faultvfs *disk, struct node *gone)
{
    struct node **at = &disk->nodes;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    drop_shm(gone);
    drop_changes(gone);
    if (!gone->now.lent)
        free(gone->now.at);
    free(gone->durable.at);
    free(gone->name);
    free(gone);
}

static void apply(struct bytes *to, const struct change *c, size_t len)
{
    if (c->len)
        bytes_write(to, c->offset, c->at, len);
    else
        bytes_resize(to, (size_t)c->offset);
}

static void remember(struct node *n, int64_t offset, const void *at, size_t len)
{
    struct change *c = must(malloc(sizeof *c + len));
    *c = (struct change){.offset = offset, .len = len};
    if (len)
        memcpy(c->at, at, len);
    *n->last = c;
    n->last = &c->next;
}

static void make_durable(struct node *n)
{
    for (struct change *c = n->first; c; c = c->next)
        apply(&n->durable, c, c->len);
    drop_changes(n);
    n->name_durable = true;
}

/* What is left of a file when the power is cut. */
static void lose_power(struct faultvfs *disk, struct node *n)
{
    for (struct change *c = n->first; c; c = c->next) {
        uint64_t luck = next_random(disk) % 4;
        if (luck == 0)
            apply(&n->durable, c, c->len);
        else if (luck == 1 && c->len > SECTOR)
            apply(&n->durable, c, (1 + next_random(disk) % (c->len / SECTOR)) * SECTOR);
    }
    drop_changes(n);
    n->now.len = 0;
    bytes_write(&n->now, 0, n->durable.at, n->durable.len);
}

/* --- faults --- */

static void strike(struct faultvfs *disk, enum fault fault)
{
    disk->down = fault != FAULT_ERROR;
    disk->lose |= fault == FAULT_POWER;
}

/* True when this change must fail. */
static bool hit(struct faultvfs *disk)
{
    if (disk->down)
        return true;
    disk->changes++;
    disk->changes_ever++;
    if (disk->fault == FAULT_NONE || disk->changes != disk->nth)
        return false;
    strike(disk, disk->fault);
    return true;
}

/* --- methods of a file --- */

static int file_close(sqlite3_file *base)
{
    struct file *f = (struct file *)base;
    struct node *n = f->node;
    base->pMethods->xUnlock(base, SQLITE_LOCK_NONE);
    if (--n->handles == 0 && (n->unlinked || f->temporary))
        node_remove(f->disk, n);
    base->pMethods = NULL;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *to, int len, sqlite3_int64 offset)
{
    struct file *f = (struct file *)base;
    const struct bytes *b = &f->node->now;
    if (f->disk->down)
        return SQLITE_IOERR_READ;
    size_t want = (size_t)len, there = offset < (int64_t)b->len ? b->len - (size_t)offset : 0;
    size_t n = there < want ? there : want;
    if (n)
        memcpy(to, b->at + offset, n);
    memset((char *)to + n, 0, want - n);
    return n == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static void change_write(struct file *f, const void *at, size_t len, int64_t offset)
{
    bytes_write(&f->node->now, offset, at, len);
    if (len)
        remember(f->node, offset, at, len);
}

static int file_write(sqlite3_file *base, const void *at, int len, sqlite3_int64 offset)
{
    struct file *f = (struct file *)base;
    bool was_down = f->disk->down;
    if (hit(f->disk)) {
        if (!was_down && f->disk->down)
            change_write(f, at, (size_t)len / 2, offset);
        return SQLITE_IOERR_WRITE;
    }
    int64_t growth = offset + len - (int64_t)f->node->now.len;
    if (growth > 0 && f->disk->capacity && faultvfs_used(f->disk) + growth > f->disk->capacity)
        return SQLITE_FULL;
    change_write(f, at, (size_t)len, offset);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *f = (struct file *)base;
    if (hit(f->disk))
        return SQLITE_IOERR_TRUNCATE;
    bytes_resize(&f->node->now, (size_t)size);
    remember(f->node, size, NULL, 0);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct file *f = (struct file *)base;
    (void)flags;
    if (hit(f->disk))
        return SQLITE_IOERR_FSYNC;
    make_durable(f->node);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    struct file *f = (struct file *)base;
    *ret = (sqlite3_int64)f->node->now.len;
    return f->disk->down ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
    struct file *f = (struct file *)base;
    struct node *n = f->node;
    if (f->disk->down)
        return SQLITE_IOERR_LOCK;
    if (f->lock >= level)
        return SQLITE_OK;
    if (f->lock == SQLITE_LOCK_NONE) {
        if (n->pending || n->exclusive)
            return SQLITE_BUSY;
        n->shared++;
        f->lock = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED && f->lock < SQLITE_LOCK_RESERVED) {
        if (n->reserved || n->pending)
            return SQLITE_BUSY;
        n->reserved = f;
        f->lock = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        n->pending = f;
        f->lock = SQLITE_LOCK_PENDING;
        if (n->shared > 1)
            return SQLITE_BUSY;
        n->exclusive = f;
        f->lock = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level)
{
    struct file *f = (struct file *)base;
    struct node *n = f->node;
    if (f->lock <= level)
        return SQLITE_OK;
    n->exclusive = n->exclusive == f ? NULL : n->exclusive;
    n->pending = n->pending == f ? NULL : n->pending;
    n->reserved = n->reserved == f ? NULL : n->reserved;
    if (level == SQLITE_LOCK_NONE)
        n->shared--;
    f->lock = level;
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *ret)
{
    struct file *f = (struct file *)base;
    *ret = f->node->reserved || f->node->pending || f->node->exclusive;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

static int file_traits(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as the system's own VFS says */
}

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret)
{
    struct file *f = (struct file *)base;
    *ret = NULL;
    if (f->disk->down || region >= REGIONS_MAX)
        return SQLITE_IOERR_SHMMAP;
    if (!f->shm_mapped) {
        f->shm_mapped = true;
        f->node->shm_handles++;
    }
    if (!f->node->region[region] && extend)
        f->node->region[region] = must(calloc(1, (size_t)size));
    *ret = f->node->region[region];
    return SQLITE_OK;
}

static bool shm_free(const struct file *f, unsigned slot, bool exclusive)
{
    const struct node *n = f->node;
    unsigned others = n->shm_shared[slot] - ((f->shm_mine_shared >> slot) & 1);
    if (n->shm_exclusive[slot] && n->shm_exclusive[slot] != f)
        return false;
    return !exclusive || others == 0;
}

static void shm_change(struct file *f, unsigned slot, int flags)
{
    struct node *n = f->node;
    unsigned bit = 1u << slot;
    if (flags & SQLITE_SHM_UNLOCK) {
        if (n->shm_exclusive[slot] == f)
            n->shm_exclusive[slot] = NULL;
        n->shm_shared[slot] -= (f->shm_mine_shared & bit) != 0;
        f->shm_mine_shared &= ~bit;
    } else if (flags & SQLITE_SHM_EXCLUSIVE) {
        n->shm_exclusive[slot] = f;
    } else {
        n->shm_shared[slot] += !(f->shm_mine_shared & bit);
        f->shm_mine_shared |= bit;
    }
}

static int shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
    struct file *f = (struct file *)base;
    for (int i = offset; (flags & SQLITE_SHM_LOCK) && i < offset + n; i++) {
        if (!shm_free(f, (unsigned)i, flags & SQLITE_SHM_EXCLUSIVE))
            return SQLITE_BUSY;
    }
    for (int i = offset; i < offset + n; i++)
        shm_change(f, (unsigned)i, flags);
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base) { (void)base; }

static int shm_unmap(sqlite3_file *base, int delete)
{
    struct file *f = (struct file *)base;
    (void)delete;
    if (!f->shm_mapped)
        return SQLITE_OK;
    f->shm_mapped = false;
    if (--f->node->shm_handles == 0)
        drop_shm(f->node);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* --- methods of the disk --- */

static struct faultvfs *disk_of(sqlite3_vfs *vfs) { return vfs->pAppData; }

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *ret)
{
    struct faultvfs *disk = disk_of(vfs);
    struct file *f = (struct file *)base;
    base->pMethods = NULL;
    struct node *n = name ? node_find(disk, name) : NULL;
    if (disk->down || (!n && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (!n && hit(disk))
        return SQLITE_CANTOPEN;
    if (!n)
        n = node_new(disk, name);
    n->handles++;
    *f = (struct file){.base = {&methods}, .disk = disk, .node = n,
                       .temporary = flags & SQLITE_OPEN_DELETEONCLOSE};
    if (ret)
        *ret = flags;
    return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    struct faultvfs *disk = disk_of(vfs);
    struct node *n = node_find(disk, name);
    (void)sync;
    if (hit(disk))
        return SQLITE_IOERR_DELETE;
    if (!n)
        return SQLITE_IOERR_DELETE_NOENT;
    n->unlinked = true;
    if (n->handles == 0)
        node_remove(disk, n);
    return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    const struct node *n = node_find(disk_of(vfs), name);
    /* The system's own VFS takes an empty file for none. */
    *ret = n && (flags != SQLITE_ACCESS_EXISTS || n->now.len > 0);
    return disk_of(vfs)->down ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int disk_full_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
    (void)vfs;
    sqlite3_snprintf(size, ret, "%s%s", *name == '/' ? "" : "/", name);
    return SQLITE_OK;
}

static int disk_randomness(sqlite3_vfs *vfs, int len, char *ret)
{
    for (int i = 0; i < len; i++)
        ret[i] = (char)(next_random(disk_of(vfs)) >> 32);
    return len;
}

static int disk_sleep(sqlite3_vfs *vfs, int microseconds)
{
    disk_of(vfs)->wall_ms += microseconds / 1000;
    return microseconds;
}

static int disk_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    *ret = disk_of(vfs)->wall_ms + 210866760000000; /* Julian day of 1970, in ms */
    return SQLITE_OK;
}

static int disk_time(sqlite3_vfs *vfs, double *ret)
{
    sqlite3_int64 ms;
    (void)disk_time_ms(vfs, &ms);
    *ret = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int disk_last_error(sqlite3_vfs *vfs, int size, char *ret)
{
    (void)vfs;
    if (size > 0 && ret)
        *ret = '\0';
    return 0;
}

/* --- the face --- */

struct faultvfs *faultvfs_new(const char *name, uint64_t seed)
{
    struct faultvfs *disk = must(calloc(1, sizeof *disk));
    disk->random = seed * 2654435761u + 1;
    disk->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct file),
        .mxPathname = 512,
        .zName = name,
        .pAppData = disk,
        .xOpen = disk_open,
        .xDelete = disk_delete,
        .xAccess = disk_access,
        .xFullPathname = disk_full_path,
        .xRandomness = disk_randomness,
        .xSleep = disk_sleep,
        .xCurrentTime = disk_time,
        .xGetLastError = disk_last_error,
        .xCurrentTimeInt64 = disk_time_ms,
    };
    if (sqlite3_vfs_register(&disk->vfs, 0) != SQLITE_OK)
        abort();
    return disk;
}

struct faultvfs *faultvfs_durable(const struct faultvfs *from, const char *name)
{
    struct faultvfs *disk = faultvfs_new(name, 1);
    for (const struct node *n = from->nodes; n; n = n->next) {
        if (!n->name || !n->name_durable || n->unlinked)
            continue;
        struct node *copy = node_new(disk, n->name);
        copy->now = (struct bytes){n->durable.at, n->durable.len, n->durable.len, true};
    }
    return disk;
}

struct faultvfs *faultvfs_free(struct faultvfs *disk)
{
    if (!disk)
        return NULL;
    sqlite3_vfs_unregister(&disk->vfs);
    while (disk->nodes) {
        if (disk->nodes->handles)
            abort();
        node_remove(disk, disk->nodes);
    }
    free(disk);
    return NULL;
}

void faultvfs_arm(struct faultvfs *disk, enum fault fault, uint64_t nth)
{
    disk->fault = fault;
    disk->nth = nth;
    disk->changes = 0;
}

void faultvfs_strike(struct faultvfs *disk, enum fault fault) { strike(disk, fault); }

uint64_t faultvfs_changes(const struct faultvfs *disk) { return disk->changes; }

uint64_t faultvfs_changes_ever(const struct faultvfs *disk) { return disk->changes_ever; }

bool faultvfs_all_durable(const struct faultvfs *disk)
{
    bool all = true;
    for (const struct node *n = disk->nodes; n && all; n = n->next)
        all = !n->name || n->unlinked || (!n->first && (n->name_durable || !n->now.len));
    return all;
}

bool faultvfs_down(const struct faultvfs *disk) { return disk->down; }

void faultvfs_restart(struct faultvfs *disk)
{
    struct node *next;
    for (struct node *n = disk->nodes; n; n = next) {
        next = n->next;
        if (n->handles)
            abort();
        if (disk->lose)
            lose_power(disk, n);
        if (disk->lose && !n->name_durable)
            node_remove(disk, n);
    }
    disk->down = disk->lose = false;
    faultvfs_arm(disk, FAULT_NONE, 0);
}

void faultvfs_set_capacity(struct faultvfs *disk, int64_t bytes) { disk->capacity = bytes; }

int64_t faultvfs_used(const struct faultvfs *disk)
{
    int64_t used = 0;
    for (const struct node *n = disk->nodes; n; n = n->next)
        used += (int64_t)n->now.len;
    return used;
}

void faultvfs_set_time(struct faultvfs *disk, int64_t wall_ms) { disk->wall_ms = wall_ms; }

unsigned char *faultvfs_bytes(struct faultvfs *disk, const char *path, size_t *ret_len)
{
    struct node *n = node_find(disk, path);
    if (!n)
        return NULL;
    *ret_len = n->now.len;
    return n->now.at;
}
