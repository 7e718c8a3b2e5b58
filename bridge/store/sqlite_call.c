/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_call.h"

#include <stdio.h>
#include <string.h>

#include "bridge/store/sqlite_db.h"

/* $n must be parameter n: the callers bind by number. Wrong only if a text in sqlite_sql.c is. */
static bool parameters_ascend(sqlite3_stmt *stmt)
{
	int count = sqlite3_bind_parameter_count(stmt);

	for (int i = 1; i <= count; i++) {
		char want[16];
		const char *name = sqlite3_bind_parameter_name(stmt, i);

		(void)snprintf(want, sizeof(want), "$%d", i);
		if (name == NULL || strcmp(name, want) != 0)
			return false;
	}
	return true;
}

static int prepare(struct sqlite_store *store, enum sqlite_sql name, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v3(store->db, sqlite_sql_text(name), -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);

	if (rc != SQLITE_OK)
		return sqlite_db_error(store->db, rc, err);
	if (!parameters_ascend(stmt)) {
		(void)sqlite3_finalize(stmt);
		return error_set(err, ERR_INTERNAL, "the parameters of statement %d are out of order", (int)name);
	}
	store->statements[name] = stmt;
	return 0;
}

static int may_write(const struct sqlite_store *store, struct error *err)
{
	if (!store->in_transaction)
		return error_set(err, ERR_INTERNAL, "a write outside a transaction");
	if (sqlite3_get_autocommit(store->db) != 0)
		return error_set(err, ERR_STORE, "the transaction was rolled back after an earlier failure");
	return 0;
}

int sqlite_call_begin(struct sqlite_store *store, enum sqlite_sql name, struct sqlite_call *call,
		      struct error *err)
{
	*call = (struct sqlite_call){ .store = store, .rc = SQLITE_OK };
	if (store->statements[name] == NULL && prepare(store, name, err) != 0)
		return -1;
	/* COMMIT counts as read-only, BEGIN IMMEDIATE does not. */
	if (name != SQL_BEGIN && sqlite3_stmt_readonly(store->statements[name]) == 0 &&
	    may_write(store, err) != 0)
		return -1;
	call->stmt = store->statements[name];
	return 0;
}

void sqlite_call_end(struct sqlite_call *call)
{
	if (call->stmt != NULL)
		(void)sqlite3_reset(call->stmt); /* repeats the error of the step, which was reported then */
	call->stmt = NULL;
}

static void note(struct sqlite_call *call, int rc)
{
	if (rc != SQLITE_OK && call->rc == SQLITE_OK)
		call->rc = rc;
}

void sqlite_call_text(struct sqlite_call *call, int index, const char *text)
{
	note(call, sqlite3_bind_text(call->stmt, index, text, -1, SQLITE_STATIC));
}

void sqlite_call_int(struct sqlite_call *call, int index, int64_t value)
{
	note(call, sqlite3_bind_int64(call->stmt, index, value));
}

void sqlite_call_blob(struct sqlite_call *call, int index, const void *bytes, int size)
{
	note(call, sqlite3_bind_blob(call->stmt, index, bytes, size, SQLITE_STATIC));
}

int sqlite_call_step(struct sqlite_call *call, bool *ret_row, struct error *err)
{
	if (call->rc != SQLITE_OK)
		return sqlite_db_error(call->store->db, call->rc, err);
	int rc = sqlite3_step(call->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sqlite_db_error(call->store->db, rc, err);
	*ret_row = rc == SQLITE_ROW;
	return 0;
}

int sqlite_call_run(struct sqlite_call *call, struct error *err)
{
	bool row = false;

	return sqlite_call_step(call, &row, err);
}

const char *sqlite_call_column(const struct sqlite_call *call, int column)
{
	return (const char *)sqlite3_column_text(call->stmt, column);
}

int64_t sqlite_call_number(const struct sqlite_call *call, int column)
{
	return sqlite3_column_int64(call->stmt, column);
}

int sqlite_call_simple(struct sqlite_store *store, enum sqlite_sql name, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, name, &call, err) != 0)
		return -1;
	return sqlite_call_run(&call, err);
}
