/* SPDX-License-Identifier: Apache-2.0 */
/* Where a store may lie, and that only one process (and handle) writes to it. */
#ifndef BRIDGE_STORE_SQLITE_LOCK_H
#define BRIDGE_STORE_SQLITE_LOCK_H

#include "bridge/base/cleanup.h"
#include "bridge/base/error.h"

/*
 * The name of the network file system with this statfs(2) f_type ("NFS"), NULL for a local one. SQLite's WAL
 * needs shared memory and working locks (https://sqlite.org/wal.html, "All processes ... must be on the same
 * host computer"; https://sqlite.org/useovernet.html).
 */
const char *sqlite_lock_network_name(unsigned long magic);

/* The directory of path exists and is not on a network file system. ERR_CONFIG. */
int sqlite_lock_check_place(const char *path, struct error *err) MUST_CHECK;

/*
 * Creates "<path>.lock" (and an empty store file of mode 0600, if there is none) and locks it. *ret_fd is new:
 * the lock lasts until it is closed. ERR_CONFLICT: another writer has it; the text names its process. The
 * lock file is never removed: two processes could otherwise each lock their own.
 */
int sqlite_lock_take(const char *path, int *ret_fd, struct error *err) MUST_CHECK;

#endif
