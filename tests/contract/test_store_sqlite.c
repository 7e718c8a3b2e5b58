/* SPDX-License-Identifier: Apache-2.0 */
/* What only the SQLite store has to do: files, locks, schema versions, readers beside the writer. */
#include "tests/contract/store_kit.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bridge/store/sqlite_filter.h"
#include "bridge/store/sqlite_lock.h"
#include "bridge/store/sqlite_sql.h"

#define OUR_VERSION "3"

static void path_of(const struct kit *kit, const char *suffix, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/bridge.db%s", kit->place, suffix);
}

/* Runs SQL on the store's file, past the store. */
static void run_sql(const struct kit *kit, const char *sql)
{
	char path[300];
	sqlite3 *db = NULL;

	path_of(kit, "", path, sizeof(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_reader_beside_writer(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct store *reader = NULL;
	struct store_counts counts;
	char id[ID_SIZE];
	bool found = false;

	OK(store_open(kit->url, STORE_READ, &reader, &err));
	kit_begin(kit);
	(void)kit_put(kit, MESSAGE_QUEUED, id);
	OK(store_seen_put(kit->store, "github", "d:1", id, kit->now_ms, &err));
	OK(store_counts(reader, &counts, &err)); /* neither waits for the other */
	assert_int_equal(counts.deliveries, 0);
	OK(store_ping(reader, &err));
	kit_commit(kit);
	OK(store_counts(reader, &counts, &err));
	assert_int_equal(counts.deliveries, 1);
	assert_int_equal(counts.messages[MESSAGE_QUEUED], 1);
	OK(store_seen_find(reader, "github", "d:1", &found, id, &err));
	assert_true(found);
	REFUSED(ERR_INTERNAL, store_begin(reader, &err));
	REFUSED(ERR_INTERNAL, store_seen_put(reader, "github", "d:2", id, 1, &err));
	store_close(reader);
}

static void test_second_writer_is_refused(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct store *second = NULL;
	char want[40];

	REFUSED(ERR_CONFLICT, store_open(kit->url, STORE_WRITE, &second, &err));
	(void)snprintf(want, sizeof(want), "process %d ", (int)getpid());
	assert_non_null(strstr(err.text, want));
	pid_t child = fork();
	if (child == 0)
		_exit(store_open(kit->url, STORE_WRITE, &second, &err) != 0 && err.code == ERR_CONFLICT ? 0 : 1);
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	kit_reopen(kit); /* the lock went with the first */
}

static void test_newer_schema_is_refused(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };

	kit_close(kit);
	run_sql(kit, "PRAGMA user_version = 999");
	REFUSED(ERR_CONFLICT, store_open(kit->url, STORE_WRITE, &kit->store, &err));
	assert_non_null(strstr(err.text, "newer"));
	REFUSED(ERR_CONFLICT, store_open(kit->url, STORE_READ, &kit->store, &err));
	run_sql(kit, "PRAGMA user_version = " OUR_VERSION);
	kit_open(kit);
}

static void test_older_schema_is_refused_by_readers(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct store *reader = NULL;

	kit_close(kit);
	run_sql(kit, "PRAGMA user_version = 0");
	REFUSED(ERR_CONFLICT, store_open(kit->url, STORE_READ, &reader, &err));
	run_sql(kit, "PRAGMA user_version = " OUR_VERSION);
}

static void test_foreign_database_is_refused_and_untouched(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct stat before, after;
	char path[300];

	kit_close(kit);
	kit_sqlite_drop(kit->place);
	assert_int_equal(mkdir(kit->place, 0700), 0);
	run_sql(kit, "CREATE TABLE theirs (x)");
	path_of(kit, "", path, sizeof(path));
	assert_int_equal(stat(path, &before), 0);
	REFUSED(ERR_CONFLICT, store_open(kit->url, STORE_WRITE, &kit->store, &err));
	assert_non_null(strstr(err.text, "another program"));
	REFUSED(ERR_CONFLICT, store_open(kit->url, STORE_READ, &kit->store, &err));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	run_sql(kit, "INSERT INTO theirs VALUES (1)");
}

static void test_not_a_database(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char path[300];

	kit_close(kit);
	path_of(kit, "", path, sizeof(path));
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		(void)fputs("this is a letter to my aunt\n", file);
	(void)fclose(file);
	REFUSED(ERR_STORE, store_open(kit->url, STORE_WRITE, &kit->store, &err));
	assert_non_null(strstr(err.text, "not a database"));
}

static void test_places(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct store *other = NULL;
	char url[300];

	(void)snprintf(url, sizeof(url), "sqlite:%s/missing/bridge.db", kit->place);
	REFUSED(ERR_CONFIG, store_open(url, STORE_WRITE, &other, &err));
	assert_non_null(strstr(err.text, "create it first"));
	(void)snprintf(url, sizeof(url), "sqlite:%s/other.db", kit->place);
	REFUSED(ERR_STORE, store_open(url, STORE_READ, &other, &err)); /* a reader creates nothing */
	(void)snprintf(url, sizeof(url), "sqlite:%s/bridge.db/x.db", kit->place);
	REFUSED(ERR_CONFIG, store_open(url, STORE_WRITE, &other, &err));
	REFUSED(ERR_CONFIG, store_open("sqlite:", STORE_WRITE, &other, &err));
	REFUSED(ERR_CONFIG, store_open("sqlite::memory:", STORE_WRITE, &other, &err));
	REFUSED(ERR_CONFIG, store_open("oracle://u:hidden@h", STORE_WRITE, &other, &err));
	assert_null(strstr(err.text, "hidden"));
	assert_string_equal(sqlite_lock_network_name(0x6969), "NFS");
	assert_string_equal(sqlite_lock_network_name(0xFFFFFFFFFF534D42UL), "CIFS"); /* sign-extended */
	assert_null(sqlite_lock_network_name(0xEF53)); /* ext4 */
}

static void test_file_is_private(void **state)
{
	struct kit *kit = *state;
	struct stat info;
	char path[300];
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		path_of(kit, suffixes[i], path, sizeof(path));
		assert_int_equal(stat(path, &info), 0);
		assert_int_equal(info.st_mode & 0777, 0600);
	}
}

static void test_locked_by_another_program(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char path[300], id[ID_SIZE];
	sqlite3 *db = NULL;

	path_of(kit, "", path, sizeof(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	REFUSED(ERR_BUSY, store_begin(kit->store, &err)); /* after the five seconds that it may wait */
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	kit_begin(kit);
	(void)kit_put(kit, MESSAGE_QUEUED, id);
	kit_commit(kit);
}

static int64_t ask_sql(const struct kit *kit, const char *sql)
{
	char path[300];
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;

	path_of(kit, "", path, sizeof(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t number = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return number;
}

static void put_keys(struct kit *kit, char kind, int count)
{
	struct error err = { 0 };
	char id[ID_SIZE], key[40];

	id_new(kit->now_ms, id);
	for (int i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "%c:%d", kind, i);
		OK(store_seen_put(kit->store, "github", key, id, kit->now_ms, &err));
	}
}

static void expect_keys(struct kit *kit, char kind, int count, bool want)
{
	struct error err = { 0 };
	char id[ID_SIZE], key[40];
	bool found = !want;

	for (int i = 0; i < count; i += 101) {
		(void)snprintf(key, sizeof(key), "%c:%d", kind, i);
		OK(store_seen_find(kit->store, "github", key, &found, id, &err));
		assert_int_equal(found, want);
	}
}

#define KEYS_OF_A_RUN 3072
/* More than one plane of runs. */
#define MANY (66 * KEYS_OF_A_RUN)

/* The stored filters are a copy: without them everything is found all the same. */
static void test_filters_are_made_anew(void **state)
{
	struct kit *kit = *state;

	kit_begin(kit);
	put_keys(kit, 'd', MANY);
	kit_commit(kit);
	for (int pass = 0; pass < 2; pass++) {
		kit_close(kit);
		assert_in_range(ask_sql(kit, "SELECT count(*) FROM runs"), 64, 66);
		if (pass == 1)
			run_sql(kit, "DELETE FROM run_planes");
		else
			assert_int_equal(ask_sql(kit, "SELECT count(*) FROM run_planes"), 1);
		kit_open(kit);
		expect_keys(kit, 'd', MANY, true);
	}
}

/* Makes the store believe that it has so many complete runs, without filling them. */
static void pretend_runs(struct kit *kit, int count)
{
	char sql[300];

	kit_close(kit);
	(void)snprintf(sql, sizeof(sql),
		       "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
		       "INSERT INTO runs SELECT i, 1 FROM n", count - 1);
	run_sql(kit, sql);
	kit_open(kit);
}

/* From one sheet of filters to the next, there and back. */
static void test_over_the_end_of_a_sheet(void **state)
{
	struct kit *kit = *state;

	pretend_runs(kit, 510);
	kit_begin(kit);
	put_keys(kit, 'x', 5 * KEYS_OF_A_RUN);
	store_rollback(kit->store);
	kit_begin(kit);
	put_keys(kit, 'd', 5 * KEYS_OF_A_RUN);
	kit_commit(kit);
	for (int pass = 0; pass < 2; pass++) {
		expect_keys(kit, 'd', 5 * KEYS_OF_A_RUN, true);
		expect_keys(kit, 'x', 5 * KEYS_OF_A_RUN, false);
		kit_reopen(kit);
	}
}

/* Runs are bounded: the oldest are forgotten, and nothing else changes. */
static void test_more_runs_than_are_kept(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE];
	bool found = true;

	run_sql(kit, "INSERT INTO seen VALUES (3, 'github', 'd:old', 'id', 1), (1100, 'github', 'd:new', 'id', 1)");
	pretend_runs(kit, 15 * 512 - 2);
	OK(store_seen_find(kit->store, "github", "d:old", &found, id, &err));
	assert_true(found);
	kit_begin(kit);
	put_keys(kit, 'd', 5 * KEYS_OF_A_RUN);
	store_rollback(kit->store);
	OK(store_seen_find(kit->store, "github", "d:old", &found, id, &err));
	assert_true(found);
	kit_begin(kit);
	put_keys(kit, 'd', 5 * KEYS_OF_A_RUN);
	kit_commit(kit);
	kit_begin(kit);
	kit_commit(kit);
	for (int pass = 0; pass < 2; pass++) {
		expect_keys(kit, 'd', 5 * KEYS_OF_A_RUN, true);
		OK(store_seen_find(kit->store, "github", "d:old", &found, id, &err));
		assert_false(found);
		OK(store_seen_find(kit->store, "github", "d:new", &found, id, &err));
		assert_true(found);
		kit_reopen(kit);
	}
}

/* A wrong "maybe" costs a look at the disk: there must not be many in a full sheet. */
static void test_filters_are_mostly_right(void **state)
{
	enum { ASKED = 2000 };
	struct sqlite_filter *filter = sqlite_filter_new();
	struct sqlite_filter_line answer;
	char text[40];
	int wrong = 0;

	(void)state;
	assert_non_null(filter);
	for (int64_t run = 0; run < SQLITE_FILTER_RUNS; run++) {
		for (int i = 0; i < KEYS_OF_A_RUN; i++) {
			(void)snprintf(text, sizeof(text), "d:%d-%d", (int)run, i);
			struct sqlite_filter_key key = sqlite_filter_key(FILTER_SEEN, "github", text);
			(void)sqlite_filter_add(filter, &key, run);
		}
	}
	for (int i = 0; i < ASKED; i++) {
		(void)snprintf(text, sizeof(text), "c:%d", i);
		struct sqlite_filter_key key = sqlite_filter_key(FILTER_SEEN, "github", text);
		(void)sqlite_filter_ask(filter, &key, &answer);
		for (int word = 0; word < SQLITE_FILTER_WORDS; word++)
			wrong += __builtin_popcountll(answer.words[word]);
	}
	assert_in_range(wrong, 0, ASKED * SQLITE_FILTER_RUNS / 5000);
	for (int64_t run = 0; run < SQLITE_FILTER_RUNS; run += 37) {
		(void)snprintf(text, sizeof(text), "d:%d-%d", (int)run, (int)run);
		struct sqlite_filter_key key = sqlite_filter_key(FILTER_SEEN, "github", text);
		assert_true(sqlite_filter_ask(filter, &key, &answer));
		assert_true(sqlite_filter_highest(&answer, run) == run);
		assert_true(sqlite_filter_lowest(&answer, run) == run);
	}
	sqlite_filter_free(filter);
}

/* A rollback may go back over the end of runs, and of a plane. */
static void test_rollback_over_many_runs(void **state)
{
	struct kit *kit = *state;

	for (int pass = 0; pass < 2; pass++) {
		kit_begin(kit);
		put_keys(kit, 'd', MANY);
		store_rollback(kit->store);
	}
	kit_begin(kit);
	put_keys(kit, 'c', MANY);
	kit_commit(kit);
	for (int pass = 0; pass < 2; pass++) {
		expect_keys(kit, 'c', MANY, true);
		expect_keys(kit, 'd', MANY, false);
		kit_reopen(kit);
	}
}

/* What runs for every delivery, or at every start, finds its rows by an index and walks no table. */
static void test_no_statement_scans(void **state)
{
	static const bool may_scan[SQL_STATEMENTS_] = {
		[SQL_PING] = true,	       [SQL_TOTALS_LOAD] = true,	   [SQL_RUNS_LOAD] = true,
		[SQL_SEEN_FIND_ANY] = true,    [SQL_MESSAGE_OF_OBJECT_ANY] = true, [SQL_THREAD_COUNT_ANY] = true,
		[SQL_LINKS_FORGET] = true,     [SQL_LINKS_COUNT] = true,	   [SQL_PRUNE_FIND] = true,
		[SQL_TURNS_EACH] = true,       [SQL_TURNS_COUNT] = true,	   [SQL_CARRIED_SWEEP] = true,
		[SQL_CARRIED_UNNAME] = true,
	};
	struct kit *kit = *state;
	char path[300], text[4000];
	sqlite3 *db = NULL;

	path_of(kit, "", path, sizeof(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < SQL_STATEMENTS_; i++) {
		sqlite3_stmt *stmt = NULL;

		(void)snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sqlite_sql_text((enum sqlite_sql)i));
		if (strstr(text, "PLAN COMMIT") != NULL || strstr(text, "PLAN BEGIN") != NULL)
			continue;
		assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *step = (const char *)sqlite3_column_text(stmt, 3);

			if (strncmp(step, "SCAN", 4) == 0 && !may_scan[i])
				fail_msg("%s: %s", text, step);
		}
		(void)sqlite3_finalize(stmt);
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reader_beside_writer),
		TEST(test_second_writer_is_refused),
		TEST(test_newer_schema_is_refused),
		TEST(test_older_schema_is_refused_by_readers),
		TEST(test_foreign_database_is_refused_and_untouched),
		TEST(test_not_a_database),
		TEST(test_places),
		TEST(test_file_is_private),
		TEST(test_locked_by_another_program),
		TEST(test_filters_are_made_anew),
		TEST(test_over_the_end_of_a_sheet),
		TEST(test_more_runs_than_are_kept),
		cmocka_unit_test(test_filters_are_mostly_right),
		TEST(test_rollback_over_many_runs),
		TEST(test_no_statement_scans),
	};

	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
