/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: how it is set up, how the schema gets there, and what SQLite's errors mean. */
#ifndef BRIDGE_STORE_SQLITE_DB_H
#define BRIDGE_STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "bridge/base/error.h"
#include "bridge/store/store.h"

/*
 * Opens path, which a writer may find empty and migrates; a reader finds it with our version or is refused.
 * *ret is new: sqlite3_close it. ERR_CONFLICT: a newer schema, another program's database.
 */
int sqlite_db_open(const char *path, enum store_mode mode, sqlite3 **ret, struct error *err) MUST_CHECK;

/*
 * Fills err from a result code: ERR_BUSY (locked), ERR_CONFLICT (a key is there already), ERR_NO_MEMORY,
 * ERR_TOO_LARGE, ERR_INTERNAL (a broken promise of ours), else ERR_STORE, with SQLite's words and what to do.
 */
int sqlite_db_error(sqlite3 *db, int rc, struct error *err);

#endif
