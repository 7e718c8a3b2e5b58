/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_db.h"

#include <stdio.h>

#include "migrations.h"

/* "nair", in the file's header: https://sqlite.org/pragma.html#pragma_application_id */
#define APPLICATION_ID 0x6e616972

#define MIGRATIONS  (sizeof(migrations) / sizeof(migrations[0]))
#define OUR_VERSION (migrations[MIGRATIONS - 1].version)

static const struct {
	int primary; /* the low byte of an extended result code: https://sqlite.org/rescode.html */
	enum error_code code;
	const char *hint;
} meanings[] = {
	{ SQLITE_BUSY, ERR_BUSY, "the store is locked by another program" },
	{ SQLITE_LOCKED, ERR_BUSY, "the store is locked by another program" },
	{ SQLITE_NOMEM, ERR_NO_MEMORY, "no memory" },
	{ SQLITE_TOOBIG, ERR_TOO_LARGE, "a value is too large for the store" },
	{ SQLITE_CONSTRAINT, ERR_INTERNAL, "a rule of the store's schema was broken" },
	{ SQLITE_MISUSE, ERR_INTERNAL, "the store was used wrongly" },
	{ SQLITE_ERROR, ERR_INTERNAL, "a statement of ours is wrong" },
	{ SQLITE_FULL, ERR_STORE, "the disk is full, free some space" },
	{ SQLITE_IOERR, ERR_STORE, "the disk or file system failed, see the system's log" },
	{ SQLITE_CORRUPT, ERR_STORE, "the store is damaged, stop the bridge and restore a backup" },
	{ SQLITE_NOTADB, ERR_STORE, "the file is not a database, or is damaged" },
	{ SQLITE_READONLY, ERR_STORE, "the store may not be written, check owner and mode, also of its directory" },
	{ SQLITE_CANTOPEN, ERR_STORE, "the store cannot be opened, check that it exists, its owner and mode" },
	{ SQLITE_PERM, ERR_STORE, "the store may not be used, check its owner and mode" },
	{ SQLITE_AUTH, ERR_STORE, "the store may not be used" },
};

int sqlite_db_error(sqlite3 *db, int rc, struct error *err)
{
	const char *words = sqlite3_extended_errcode(db) == rc ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_ROWID)
		return error_set(err, ERR_CONFLICT, "already in the store: %s", words);
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].primary == (rc & 0xFF))
			return error_set(err, meanings[i].code, "%s: %s (SQLite %d)", meanings[i].hint, words, rc);
	return error_set(err, ERR_STORE, "the store does not answer: %s (SQLite %d)", words, rc);
}

static int run(sqlite3 *db, const char *sql, struct error *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sqlite_db_error(db, rc, err);
}

static int run_number(sqlite3 *db, const char *sql, int64_t *ret, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	int failed = rc == SQLITE_ROW ? 0 : sqlite_db_error(db, rc, err);
	(void)sqlite3_finalize(stmt);
	return failed;
}

static int configure(sqlite3 *db, struct error *err)
{
	static const struct {
		int option, value;
	} switches[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		/* Debian builds with them on: a mistyped column name would be taken for a text. */
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		int rc = sqlite3_db_config(db, switches[i].option, switches[i].value, NULL);

		if (rc != SQLITE_OK)
			return sqlite_db_error(db, rc, err);
	}
	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, 5000);
	return 0;
}

/* Looks before anything is changed: somebody else's file must stay as it is. */
static int check_ours(sqlite3 *db, enum store_mode mode, int64_t *ret_version, struct error *err)
{
	int64_t application = 0, version = 0, objects = 0;

	if (run_number(db, "PRAGMA application_id", &application, err) != 0 ||
	    run_number(db, "PRAGMA user_version", &version, err) != 0 ||
	    run_number(db, "SELECT count(*) FROM sqlite_schema", &objects, err) != 0)
		return -1;
	bool empty = application == 0 && version == 0 && objects == 0;
	if (empty && mode == STORE_READ)
		return error_set(err, ERR_NOT_FOUND, "the store is empty: has the bridge run yet?");
	if (!empty && application != APPLICATION_ID)
		return error_set(err, ERR_CONFLICT, "the file is a database of another program; name another file");
	if (version > OUR_VERSION)
		return error_set(err, ERR_CONFLICT,
				 "the store was written by a newer nairi-bridge (schema %lld, not %d); upgrade",
				 (long long)version, OUR_VERSION);
	if (version < OUR_VERSION && mode == STORE_READ)
		return error_set(err, ERR_CONFLICT,
				 "the store has an older schema (%lld, not %d); start the bridge to migrate it",
				 (long long)version, OUR_VERSION);
	*ret_version = version;
	return 0;
}

static int migrate_from(sqlite3 *db, int64_t version, struct error *err)
{
	char pragma[64];

	for (size_t i = 0; i < MIGRATIONS; i++) {
		if (migrations[i].version <= version)
			continue;
		if (run(db, migrations[i].sql, err) != 0)
			return error_prefix(err, "migration %s: ", migrations[i].name);
	}
	(void)snprintf(pragma, sizeof(pragma), "PRAGMA application_id = %d", APPLICATION_ID);
	if (run(db, pragma, err) != 0)
		return -1;
	(void)snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", OUR_VERSION);
	return run(db, pragma, err);
}

/* All steps in one transaction: application_id and user_version stand in the header and roll back with it. */
static int migrate(sqlite3 *db, int64_t version, struct error *err)
{
	if (version == OUR_VERSION)
		return 0;
	if (run(db, "BEGIN IMMEDIATE", err) != 0)
		return -1;
	if (migrate_from(db, version, err) != 0 || run(db, "COMMIT", err) != 0) {
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		return -1;
	}
	return 0;
}

/*
 * Measured: in groups of 64 deliveries pages of 16 and 8 KiB cost the same and 4 KiB a tenth more, but alone or in
 * groups of a few, as most of the time, 4 KiB take a sixth to a third less time, for a commit writes whole pages.
 * A checkpoint holds up the commit that it falls into: 2,500 pages are 10 MiB and 9 ms at the 99th percentile, 8,000
 * were 18 ms. FULL, because NORMAL loses the last commits when the power fails. The limit gives back what the log took
 * while a reader held up its checkpoints. Foreign keys are not declared: they cost a look-up a row, and one writer
 * puts a row and its parent in the same transaction.
 */
static int prepare_writer(sqlite3 *db, struct error *err)
{
	return run(db,
		   "PRAGMA page_size = 4096;"
		   "PRAGMA journal_mode = WAL;"
		   "PRAGMA synchronous = FULL;"
		   "PRAGMA wal_autocheckpoint = 2500;"
		   "PRAGMA journal_size_limit = 134217728;"
		   "PRAGMA cache_size = -12288;"
		   "PRAGMA temp_store = MEMORY;",
		   err);
}

static int prepare_reader(sqlite3 *db, struct error *err)
{
	return run(db, "PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;", err);
}

static int check_wal(sqlite3 *db, struct error *err)
{
	int64_t wal = 0;

	if (run_number(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &wal, err) != 0)
		return -1;
	if (wal == 0)
		return error_set(err, ERR_STORE, "the store's file system does not allow a write-ahead log");
	return 0;
}

static int set_up(sqlite3 *db, enum store_mode mode, struct error *err)
{
	int64_t version = 0;

	if (configure(db, err) != 0 || check_ours(db, mode, &version, err) != 0)
		return -1;
	if (mode == STORE_READ)
		return prepare_reader(db, err);
	if (prepare_writer(db, err) != 0 || check_wal(db, err) != 0)
		return -1;
	return migrate(db, version, err);
}

int sqlite_db_open(const char *path, enum store_mode mode, sqlite3 **ret, struct error *err)
{
	sqlite3 *db = NULL;
	/* A reader opens for writing too, or it could not share the WAL's index; query_only holds it. */
	/* Nobody asks SQLite how much memory it has, and counting it takes a lock at every allocation. Too late (and refused,
	 * harmlessly) once it was initialised. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (db == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	int failed = rc == SQLITE_OK ? set_up(db, mode, err) : sqlite_db_error(db, rc, err);
	if (failed != 0) {
		(void)sqlite3_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}
