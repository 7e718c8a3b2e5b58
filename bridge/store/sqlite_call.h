/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One execution of a named statement:
 *
 *	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };
 *	if (sqlite_call_begin(store, SQL_…, &call, err) != 0)
 *		return -1;
 *	sqlite_call_text(&call, 1, thread);
 *	if (sqlite_call_step(&call, &row, err) != 0) …
 *
 * Every parameter is bound anew in every call: texts are borrowed until the end of the call, not copied.
 */
#ifndef BRIDGE_STORE_SQLITE_CALL_H
#define BRIDGE_STORE_SQLITE_CALL_H

#include "bridge/store/sqlite.h"

struct sqlite_call {
	struct sqlite_store *store;
	sqlite3_stmt *stmt;
	int rc; /* the first failed bind */
};

/*
 * Prepares the statement unless it is. Refuses what writes outside a transaction (ERR_INTERNAL), or in one
 * that SQLite has rolled back after an earlier failure (ERR_STORE). On failure call may be ended all the same.
 */
int sqlite_call_begin(struct sqlite_store *store, enum sqlite_sql name, struct sqlite_call *call,
		      struct error *err) MUST_CHECK;
void sqlite_call_end(struct sqlite_call *call);

void sqlite_call_text(struct sqlite_call *call, int index, const char *text); /* NULL: NULL */
void sqlite_call_int(struct sqlite_call *call, int index, int64_t value);
void sqlite_call_blob(struct sqlite_call *call, int index, const void *bytes, int size);

/* *ret_row: a row stands ready, to be read with the functions below. */
int sqlite_call_step(struct sqlite_call *call, bool *ret_row, struct error *err) MUST_CHECK;
/* For what returns no rows. */
int sqlite_call_run(struct sqlite_call *call, struct error *err) MUST_CHECK;

/* A column of the row; the text is borrowed until the next step or end, and NULL for NULL. */
const char *sqlite_call_column(const struct sqlite_call *call, int column);
int64_t sqlite_call_number(const struct sqlite_call *call, int column);

/* What one INTEGER-less statement is: begin, run, end. */
int sqlite_call_simple(struct sqlite_store *store, enum sqlite_sql name, struct error *err) MUST_CHECK;

#endif
