/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite store, for its own files only. What a file does:
 *   sqlite.c             the table of functions; open, close, transactions, ping, notes
 *   sqlite_lock.c        the path: directory, kind of file system, the one writer
 *   sqlite_db.c          the connection: settings, migrations, what errors mean
 *   sqlite_sql.c         every SQL text, by name
 *   sqlite_call.c        one execution of a statement: prepare once, bind, step
 *   sqlite_states.c      states as the numbers that are stored
 *   sqlite_totals.c      counts and next sequence numbers
 *   sqlite_runs.c        which runs of deliveries may hold a key
 *   sqlite_filter.c      the filters that say so
 *   sqlite_deliveries.c  deliveries, dedupe keys
 *   sqlite_links.c       links, and what a job's new name changes
 *   sqlite_messages.c    messages, attempts
 *   sqlite_learn.c       what is found out about a message later
 *   sqlite_turns.c       turns that are followed, and their messages
 *   sqlite_threads.c     how many messages of a thread, and the newest
 *   sqlite_replies.c     replies
 *   sqlite_ledger.c      what readers ask
 *   sqlite_prune.c       removal of what is old
 */
#ifndef BRIDGE_STORE_SQLITE_H
#define BRIDGE_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/store/sqlite_sql.h"
#include "bridge/store/sqlite_totals.h"
#include "bridge/store/store_impl.h"

struct sqlite_runs;

struct sqlite_store {
	struct store base; /* first: a struct store * is one of these */
	enum store_mode mode;
	int lock_fd; /* -1: a reader */
	sqlite3 *db;
	bool in_transaction; /* between begin and commit or rollback, even if SQLite has rolled back meanwhile */
	struct sqlite_runs *runs; /* NULL: a reader */
	struct sqlite_totals totals;
	/* What the last look-up of a thread found, in this transaction: its message is mostly put next. */
	char ranked_thread[256];
	int64_t ranked_last; /* -1: nothing */
	sqlite3_stmt *statements[SQL_STATEMENTS_];
};

static inline struct sqlite_store *sqlite_of(struct store *store)
{
	return (struct sqlite_store *)store;
}

#endif
