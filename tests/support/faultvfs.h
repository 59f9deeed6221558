/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk in memory as an SQLite VFS, on which everything that can go wrong goes wrong on order: the
 * Nth change fails, the process dies, the power is cut, the disk is full. Used by the store's fault
 * tests and by the simulation. Deterministic from its seed: its randomness and its clock are its
 * own. One thread.
 *
 * Durability: a write or truncation is durable after the file's sync, a new file's name too; a
 * deletion at once. What was not synced when the power is cut is kept, dropped or torn at a
 * 512-byte border, each write for itself.
 */
#ifndef SUPPORT_FAULTVFS_H
#define SUPPORT_FAULTVFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct faultvfs;

enum fault {
    FAULT_NONE,
    FAULT_ERROR, /* that one change fails, nothing of it happens; the next ones succeed */
    FAULT_KILL,  /* the process dies in it: a write is half done, nothing later happens */
    FAULT_POWER, /* the same, and what was not synced is lost */
};

/* Registered under `name` (kept by reference), never as the default. */
struct faultvfs *faultvfs_new(const char *name, uint64_t seed);
/* Another disk with what would be left of this one if the power went now and nothing that was not
 * synced were kept: to look at while the first one is in use. */
struct faultvfs *faultvfs_durable(const struct faultvfs *, const char *name);
/* Every file must be closed. Takes NULL, returns NULL. */
struct faultvfs *faultvfs_free(struct faultvfs *);

/* The fault comes at the `nth` change from now (1: the next write, truncation, sync, creation or
 * deletion). FAULT_NONE disarms. */
void faultvfs_arm(struct faultvfs *, enum fault, uint64_t nth);
/* Kill or cut the power now. */
void faultvfs_strike(struct faultvfs *, enum fault);
uint64_t faultvfs_changes(const struct faultvfs *); /* since the last arm */
uint64_t faultvfs_changes_ever(const struct faultvfs *);
/* True: no byte would be lost if the power went now. */
bool faultvfs_all_durable(const struct faultvfs *);
bool faultvfs_down(const struct faultvfs *);        /* killed or without power: everything fails */
/* Up again: the handles of before must be closed by now; locks are gone, the fault is disarmed. */
void faultvfs_restart(struct faultvfs *);

void faultvfs_set_capacity(struct faultvfs *, int64_t bytes); /* 0: endless */
int64_t faultvfs_used(const struct faultvfs *);
void faultvfs_set_time(struct faultvfs *, int64_t wall_ms);
/* The bytes of a file as they are now, to look at or to damage; NULL: no such file. */
unsigned char *faultvfs_bytes(struct faultvfs *, const char *path, size_t *ret_len);

#endif
