/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_runs.h"

#include <string.h>

#include "bridge/store/sqlite_call.h"

#define PLANE_RUNS  SQLITE_FILTER_PLANE_RUNS
#define SHEET_RUNS  SQLITE_FILTER_RUNS
#define RUN_KEYS    3072 /* different keys in a run: 21 bits of filter for each */
#define SHEETS_MAX  16
#define RUNS_MAX    (SHEETS_MAX * SHEET_RUNS)
#define ABSENT_KEYS 4

struct position {
	int64_t first;   /* the oldest run that is kept */
	int64_t current; /* the one that is being filled */
	int64_t end_ms;  /* the latest time in it, or in an earlier one */
};

/*
 * Sheets and end times stand at their number modulo the maximum; runs [first, current] are valid. Bits that a
 * rolled-back transaction has set stay: the filter then says "maybe" too often, but never too seldom. They
 * count, too, or a disk that stays full would fill the filter of a run that never ends.
 */
struct sqlite_runs {
	struct position now, mark;
	int keys;        /* in the current run's filter */
	int64_t highest; /* runs above it were never begun: their filters are clean */
	int64_t ends_ms[RUNS_MAX]; /* never descending, so that they can be searched */
	struct sqlite_filter *sheets[SHEETS_MAX];
	struct sqlite_filter_key absent[ABSENT_KEYS];
	unsigned next_absent;
};

static struct sqlite_filter *sheet_of(const struct sqlite_runs *runs, int64_t run)
{
	return runs->sheets[run / SHEET_RUNS % SHEETS_MAX];
}

static int sheet_make(struct sqlite_runs *runs, int64_t run, struct error *err)
{
	struct sqlite_filter **slot = &runs->sheets[run / SHEET_RUNS % SHEETS_MAX];

	if (*slot != NULL)
		return 0;
	*slot = sqlite_filter_new();
	return *slot != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "no memory for the filters of the store");
}

static void sheet_drop(struct sqlite_runs *runs, int64_t run)
{
	struct sqlite_filter **slot = &runs->sheets[run / SHEET_RUNS % SHEETS_MAX];

	sqlite_filter_free(*slot);
	*slot = NULL;
}

static bool same_key(const struct sqlite_filter_key *a, const struct sqlite_filter_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void sqlite_runs_note_absent(struct sqlite_runs *runs, const struct sqlite_filter_key *key)
{
	runs->absent[runs->next_absent++ % ABSENT_KEYS] = *key;
}

bool sqlite_runs_is_absent(const struct sqlite_runs *runs, const struct sqlite_filter_key *key)
{
	for (int i = 0; i < ABSENT_KEYS; i++)
		if (same_key(&runs->absent[i], key))
			return true;
	return false;
}

void sqlite_runs_add(struct sqlite_runs *runs, const struct sqlite_filter_key *key)
{
	for (int i = 0; i < ABSENT_KEYS; i++)
		if (same_key(&runs->absent[i], key))
			runs->absent[i] = (struct sqlite_filter_key){ 0 };
	if (sqlite_filter_add(sheet_of(runs, runs->now.current), key, runs->now.current))
		runs->keys++;
}

int64_t sqlite_runs_newest(const struct sqlite_runs *runs, const struct sqlite_filter_key *key, int64_t before)
{
	int64_t last = before <= runs->now.current ? before - 1 : runs->now.current;

	while (last >= runs->now.first) {
		struct sqlite_filter_line found;

		if (sqlite_filter_ask(sheet_of(runs, last), key, &found)) {
			int64_t run = sqlite_filter_highest(&found, last);
			if (run >= 0)
				return run >= runs->now.first ? run : -1;
		}
		last = last / SHEET_RUNS * SHEET_RUNS - 1;
	}
	return -1;
}

int64_t sqlite_runs_oldest(const struct sqlite_runs *runs, const struct sqlite_filter_key *key, int64_t from)
{
	int64_t first = from > runs->now.first ? from : runs->now.first;

	while (first <= runs->now.current) {
		struct sqlite_filter_line found;

		if (sqlite_filter_ask(sheet_of(runs, first), key, &found)) {
			int64_t run = sqlite_filter_lowest(&found, first);
			if (run >= 0)
				return run <= runs->now.current ? run : -1;
		}
		first = (first / SHEET_RUNS + 1) * SHEET_RUNS;
	}
	return -1;
}

int64_t sqlite_runs_since(const struct sqlite_runs *runs, int64_t since_ms)
{
	int64_t low = runs->now.first, high = runs->now.current;

	while (low < high) {
		int64_t middle = low + (high - low) / 2;

		if (runs->ends_ms[middle % RUNS_MAX] >= since_ms)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int64_t sqlite_runs_first(const struct sqlite_runs *runs)
{
	return runs->now.first;
}

int64_t sqlite_runs_last(const struct sqlite_runs *runs)
{
	return runs->now.current;
}

void sqlite_runs_forget(struct sqlite_runs *runs, int64_t run)
{
	if (run > runs->now.current)
		run = runs->now.current;
	if (run > runs->now.first)
		runs->now.first = run;
}

static int save_run(struct sqlite_store *store, struct error *err)
{
	const struct position *now = &store->runs->now;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_RUN_PUT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, now->current);
	sqlite_call_int(&call, 2, now->end_ms);
	return sqlite_call_run(&call, err);
}

static int save_plane(struct sqlite_store *store, int64_t plane, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };
	CLEANUP(cleanup_free) unsigned char *bits = malloc((size_t)SQLITE_FILTER_PLANE_SIZE);

	if (bits == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory for the filters of the store");
	int64_t run = plane * PLANE_RUNS;
	sqlite_filter_save_plane(sheet_of(store->runs, run), run, bits);
	if (sqlite_call_begin(store, SQL_PLANE_PUT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, plane);
	sqlite_call_blob(&call, 2, bits, SQLITE_FILTER_PLANE_SIZE);
	int failed = sqlite_call_run(&call, err);
	sqlite_call_end(&call); /* before its bytes are freed */
	return failed;
}

/* The current run is complete: the next one begins, and with it sometimes a plane and a sheet. */
static int advance(struct sqlite_store *store, struct error *err)
{
	struct sqlite_runs *runs = store->runs;
	int64_t next = runs->now.current + 1;

	if (save_run(store, err) != 0)
		return -1;
	if (next % PLANE_RUNS == 0 && save_plane(store, next / PLANE_RUNS - 1, err) != 0)
		return -1;
	if (next % SHEET_RUNS == 0) {
		/* One sheet fewer than there are slots: the oldest is needed again if this is rolled back. */
		if (next / SHEET_RUNS - runs->now.first / SHEET_RUNS >= SHEETS_MAX - 1)
			sqlite_runs_forget(runs, (runs->now.first / SHEET_RUNS + 1) * SHEET_RUNS);
		if (sheet_make(runs, next, err) != 0)
			return -1;
	}
	if (next <= runs->highest)
		sqlite_filter_clear(sheet_of(runs, next), next);
	else
		runs->highest = next;
	runs->ends_ms[next % RUNS_MAX] = runs->now.end_ms;
	runs->now.current = next;
	runs->keys = 0;
	return 0;
}

int sqlite_runs_current(struct sqlite_store *store, int64_t at_ms, int64_t *ret_run, struct error *err)
{
	struct sqlite_runs *runs = store->runs;

	if (runs->keys >= RUN_KEYS && advance(store, err) != 0)
		return -1;
	if (at_ms > runs->now.end_ms) {
		runs->now.end_ms = at_ms;
		runs->ends_ms[runs->now.current % RUNS_MAX] = at_ms;
	}
	*ret_run = runs->now.current;
	return 0;
}

int sqlite_runs_add_late(struct sqlite_store *store, int64_t run, const struct sqlite_filter_key *key,
			 struct error *err)
{
	int64_t plane = run / PLANE_RUNS;

	if (run == store->runs->now.current) {
		sqlite_runs_add(store->runs, key);
		return 0;
	}
	bool stored = plane < store->runs->now.current / PLANE_RUNS;
	return sqlite_filter_add(sheet_of(store->runs, run), key, run) && stored ? save_plane(store, plane, err) : 0;
}

void sqlite_runs_mark(struct sqlite_runs *runs)
{
	int64_t sheet = runs->mark.first / SHEET_RUNS;

	/* Sheets that the last commit has left behind, unless a newer one has taken the slot meanwhile. */
	for (; sheet < runs->now.first / SHEET_RUNS; sheet++)
		if (sheet + SHEETS_MAX > runs->now.current / SHEET_RUNS)
			sheet_drop(runs, sheet * SHEET_RUNS);
	runs->mark = runs->now;
}

void sqlite_runs_restore(struct sqlite_runs *runs)
{
	if (runs->now.current != runs->mark.current)
		runs->keys = RUN_KEYS;
	runs->now = runs->mark;
	runs->ends_ms[runs->now.current % RUNS_MAX] = runs->now.end_ms;
}

void sqlite_runs_free(struct sqlite_runs *runs)
{
	if (runs == NULL)
		return;
	for (int64_t sheet = 0; sheet < SHEETS_MAX; sheet++)
		sheet_drop(runs, sheet * SHEET_RUNS);
	free(runs);
}

static int load_ends(struct sqlite_store *store, struct error *err)
{
	struct sqlite_runs *runs = store->runs;
	bool row = false, first = true;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_RUNS_LOAD, &call, err) != 0 || sqlite_call_step(&call, &row, err) != 0)
		return -1;
	while (row) {
		int64_t run = sqlite_call_number(&call, 0), end_ms = sqlite_call_number(&call, 1);

		if (run < 0 || (!first && run != runs->now.current))
			return error_set(err, ERR_STORE, "the store's runs have a gap before %lld", (long long)run);
		if (first)
			runs->now.first = run;
		first = false;
		runs->ends_ms[run % RUNS_MAX] = end_ms;
		runs->now.end_ms = end_ms;
		runs->now.current = run + 1;
		if (sqlite_call_step(&call, &row, err) != 0)
			return -1;
	}
	/* A file from a build with more sheets. */
	sqlite_runs_forget(runs, (runs->now.current / SHEET_RUNS - (SHEETS_MAX - 2)) * SHEET_RUNS);
	runs->highest = runs->now.current;
	return 0;
}

/* *ret_done: the blob was there. */
static int load_blob(struct sqlite_store *store, int64_t plane, bool *ret_done, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	*ret_done = false;
	if (sqlite_call_begin(store, SQL_PLANE_LOAD, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, plane);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	const unsigned char *bits = row ? sqlite3_column_blob(call.stmt, 0) : NULL;
	if (bits == NULL || sqlite3_column_bytes(call.stmt, 0) != SQLITE_FILTER_PLANE_SIZE)
		return 0;
	int64_t run = plane * PLANE_RUNS;
	sqlite_filter_load_plane(sheet_of(store->runs, run), run, bits);
	*ret_done = true;
	return 0;
}

/* One of the three kinds of keys, from the rows: run, time, first, second. */
static int load_keys(struct sqlite_store *store, enum sqlite_sql sql, enum sqlite_filter_kind kind, int64_t plane,
		     struct error *err)
{
	struct sqlite_runs *runs = store->runs;
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, sql, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, plane * PLANE_RUNS);
	sqlite_call_int(&call, 2, plane * PLANE_RUNS + PLANE_RUNS - 1);
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		int64_t run = sqlite_call_number(&call, 0), at_ms = sqlite_call_number(&call, 1);
		const char *first = sqlite_call_column(&call, 2), *second = sqlite_call_column(&call, 3);
		if (first == NULL || second == NULL)
			return error_set(err, ERR_NO_MEMORY, "no memory for the filters of the store");
		struct sqlite_filter_key key = sqlite_filter_key(kind, first, second);
		if (sqlite_filter_add(sheet_of(runs, run), &key, run) && run == runs->now.current)
			runs->keys++;
		if (run == runs->now.current && at_ms > runs->now.end_ms)
			runs->now.end_ms = at_ms;
	}
	return -1;
}

static int load_plane(struct sqlite_store *store, int64_t plane, struct error *err)
{
	bool done = false;

	if (sheet_make(store->runs, plane * PLANE_RUNS, err) != 0)
		return -1;
	if (plane < store->runs->now.current / PLANE_RUNS && load_blob(store, plane, &done, err) != 0)
		return -1;
	if (done)
		return 0;
	if (load_keys(store, SQL_RUN_SEEN, FILTER_SEEN, plane, err) != 0 ||
	    load_keys(store, SQL_RUN_OBJECTS, FILTER_OBJECT, plane, err) != 0)
		return -1;
	return load_keys(store, SQL_RUN_THREADS, FILTER_THREAD, plane, err);
}

int sqlite_runs_load(struct sqlite_store *store, struct error *err)
{
	store->runs = calloc(1, sizeof(*store->runs));
	if (store->runs == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory for the filters of the store");
	struct sqlite_runs *runs = store->runs;
	if (load_ends(store, err) != 0)
		return -1;
	for (int64_t plane = runs->now.first / PLANE_RUNS; plane <= runs->now.current / PLANE_RUNS; plane++)
		if (load_plane(store, plane, err) != 0)
			return -1;
	runs->ends_ms[runs->now.current % RUNS_MAX] = runs->now.end_ms;
	runs->mark = runs->now;
	return 0;
}
