/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into the daemon by the fault tests. Kills the process before its Nth call that leaves a
 * trace outside (write, sync, connect, send), lets the disk fail, moves the wall clock. Everything
 * is steered through a page shared with the test (SHIM_PAGE), so that a test can arm it at the
 * moment it wants. Calls the kernel directly: nothing here needs to be looked up or set up.
 */
#undef _FILE_OFFSET_BITS /* it would make pwrite and pwrite64 one name */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* support/world.py packs and unpacks it. */
struct page {
    uint32_t armed;      /* 1: count, and kill at kill_at */
    uint32_t count;      /* calls since it was armed */
    uint32_t kill_at;    /* 0: never */
    uint32_t disk_errno; /* not 0: every change of a regular file fails so */
    int64_t wall_offset_ms;
    uint32_t last_call;  /* number of the system call that was killed or came last */
    int32_t denied;      /* changes of files that failed by disk_errno */
};

static struct page *page;

__attribute__((constructor)) static void map_page(void)
{
    const char *path = getenv("SHIM_PAGE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED
                      : mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED)
        page = at;
    if (fd >= 0)
        (void)close(fd);
}

/* The log is no trace that anybody relies on. */
static void count(int fd, long call)
{
    if (!page || !page->armed || fd == STDERR_FILENO || fd == STDOUT_FILENO)
        return;
    uint32_t n = __atomic_add_fetch(&page->count, 1, __ATOMIC_SEQ_CST);
    page->last_call = (uint32_t)call;
    if (page->kill_at && n >= page->kill_at)
        (void)syscall(SYS_kill, getpid(), SIGKILL);
}

static int denied(int fd)
{
    struct stat st;
    if (!page || !page->disk_errno || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || fd <= 2)
        return 0;
    page->denied++;
    errno = (int)page->disk_errno;
    return 1;
}

ssize_t write(int fd, const void *at, size_t n)
{
    count(fd, SYS_write);
    return denied(fd) ? -1 : syscall(SYS_write, fd, at, n);
}

ssize_t pwrite(int fd, const void *at, size_t n, off_t offset)
{
    count(fd, SYS_pwrite64);
    return denied(fd) ? -1 : syscall(SYS_pwrite64, fd, at, n, offset);
}

ssize_t pwrite64(int fd, const void *at, size_t n, off64_t offset)
{
    count(fd, SYS_pwrite64);
    return denied(fd) ? -1 : syscall(SYS_pwrite64, fd, at, n, offset);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    count(fd, SYS_writev);
    return denied(fd) ? -1 : syscall(SYS_writev, fd, v, n);
}

int fsync(int fd)
{
    count(fd, SYS_fsync);
    return denied(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    count(fd, SYS_fdatasync);
    return denied(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    count(fd, SYS_connect);
    return (int)syscall(SYS_connect, fd, to, n);
}

ssize_t send(int fd, const void *at, size_t n, int flags)
{
    count(fd, SYS_sendto);
    return syscall(SYS_sendto, fd, at, n, flags, NULL, 0);
}

ssize_t sendto(int fd, const void *at, size_t n, int flags, const struct sockaddr *to,
               socklen_t len)
{
    count(fd, SYS_sendto);
    return syscall(SYS_sendto, fd, at, n, flags, to, len);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    count(fd, SYS_sendmsg);
    return syscall(SYS_sendmsg, fd, m, flags);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int status = (int)syscall(SYS_clock_gettime, id, ret);
    if (status == 0 && id == CLOCK_REALTIME && page && page->wall_offset_ms) {
        int64_t ns = ret->tv_nsec + page->wall_offset_ms % 1000 * 1000000;
        ret->tv_sec += page->wall_offset_ms / 1000 + (ns >= 1000000000) - (ns < 0);
        ret->tv_nsec = (long)(ns < 0 ? ns + 1000000000 : ns >= 1000000000 ? ns - 1000000000 : ns);
    }
    return status;
}
