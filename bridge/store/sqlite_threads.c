/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many messages of a thread came lately, without counting them: each has its rank in its thread, so the
 * answer is a difference of two. A COUNT would make each prompt of a busy thread dearer than the one before,
 * exactly when the loop breaker asks.
 */
#include <string.h>

#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_runs.h"

/* *ret_rank 0: no such row. since_ms is $3 where the statement has one. */
static int ask(struct sqlite_store *store, enum sqlite_sql sql, int64_t run, const char *thread, int64_t since_ms,
	       int64_t *ret_rank, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, sql, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, run);
	sqlite_call_text(&call, 2, thread);
	if (sql == SQL_THREAD_FIRST)
		sqlite_call_int(&call, 3, since_ms);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	*ret_rank = row ? sqlite_call_number(&call, 0) : 0;
	return 0;
}

void sqlite_threads_note_rank(struct sqlite_store *store, const char *thread, int64_t rank)
{
	size_t len = strlen(thread);

	store->ranked_last = -1;
	if (len < sizeof(store->ranked_thread) && store->in_transaction) {
		memcpy(store->ranked_thread, thread, len + 1);
		store->ranked_last = rank;
	}
}

static int last_rank(struct sqlite_store *store, const struct sqlite_filter_key *filter, const char *thread,
		     int64_t *ret_rank, struct error *err)
{
	int64_t rank = 0, run = INT64_MAX;

	while (rank == 0 && (run = sqlite_runs_newest(store->runs, filter, run)) >= 0)
		if (ask(store, SQL_THREAD_LAST, run, thread, 0, &rank, err) != 0)
			return -1;
	sqlite_threads_note_rank(store, thread, rank);
	*ret_rank = rank;
	return 0;
}

static int first_rank(struct sqlite_store *store, const struct sqlite_filter_key *filter, const char *thread,
		      int64_t since_ms, int64_t *ret_rank, struct error *err)
{
	int64_t rank = 0, run = sqlite_runs_since(store->runs, since_ms) - 1;

	while (rank == 0 && (run = sqlite_runs_oldest(store->runs, filter, run + 1)) >= 0)
		if (ask(store, SQL_THREAD_FIRST, run, thread, since_ms, &rank, err) != 0)
			return -1;
	*ret_rank = rank;
	return 0;
}

static int rank_before(struct sqlite_store *store, int64_t run, const char *thread, int64_t seq, int64_t *ret_rank,
		       struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_THREAD_BEFORE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, run);
	sqlite_call_text(&call, 2, thread);
	sqlite_call_int(&call, 3, seq);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	*ret_rank = row ? sqlite_call_number(&call, 0) : 0;
	return 0;
}

static int shift_run(struct sqlite_store *store, int64_t run, const char *thread, int64_t above, int by,
		     struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_THREAD_SHIFT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, by);
	sqlite_call_int(&call, 2, run);
	sqlite_call_text(&call, 3, thread);
	sqlite_call_int(&call, 4, above);
	return sqlite_call_run(&call, err);
}

/* All of a thread from a run on with a rank above this one: what came while a message was vetted, so a few. */
static int shift(struct sqlite_store *store, const struct sqlite_filter_key *filter, const char *thread, int64_t run,
		 int64_t above, int by, struct error *err)
{
	store->ranked_last = -1;
	for (run = sqlite_runs_oldest(store->runs, filter, run); run >= 0;
	     run = sqlite_runs_oldest(store->runs, filter, run + 1))
		if (shift_run(store, run, thread, above, by, err) != 0)
			return -1;
	return 0;
}

int sqlite_threads_insert(struct sqlite_store *store, const char *thread, int64_t run, int64_t seq,
			  int64_t *ret_rank, struct error *err)
{
	struct sqlite_filter_key filter = sqlite_filter_key(FILTER_THREAD, "", thread);
	int64_t before = 0, earlier = run;

	if (run < sqlite_runs_first(store->runs)) {
		*ret_rank = 0;
		return 0;
	}
	if (rank_before(store, run, thread, seq, &before, err) != 0)
		return -1;
	while (before == 0 && (earlier = sqlite_runs_newest(store->runs, &filter, earlier)) >= 0)
		if (ask(store, SQL_THREAD_LAST, earlier, thread, 0, &before, err) != 0)
			return -1;
	if (shift(store, &filter, thread, run, before, 1, err) != 0 ||
	    sqlite_runs_add_late(store, run, &filter, err) != 0)
		return -1;
	*ret_rank = before + 1;
	return 0;
}

int sqlite_threads_remove(struct sqlite_store *store, const char *thread, int64_t run, int64_t rank,
			  struct error *err)
{
	struct sqlite_filter_key filter = sqlite_filter_key(FILTER_THREAD, "", thread);

	return shift(store, &filter, thread, run, rank, -1, err);
}

int sqlite_threads_next_rank(struct sqlite_store *store, const char *thread, int64_t *ret_rank, struct error *err)
{
	int64_t last = store->ranked_last;

	if (last < 0 || strcmp(store->ranked_thread, thread) != 0) {
		struct sqlite_filter_key filter = sqlite_filter_key(FILTER_THREAD, "", thread);

		if (last_rank(store, &filter, thread, &last, err) != 0)
			return -1;
	}
	*ret_rank = last + 1;
	return 0;
}

static int count_by_scan(struct sqlite_store *store, const char *thread, int64_t since_ms, int64_t *ret_count,
			 struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_THREAD_COUNT_ANY, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, thread);
	sqlite_call_int(&call, 2, since_ms);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	*ret_count = sqlite_call_number(&call, 0);
	return 0;
}

int sqlite_threads_count(struct store *base, const char *thread, int64_t since_ms, int64_t *ret_count,
			 struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	int64_t first = 0, last = 0;

	if (store->runs == NULL)
		return count_by_scan(store, thread, since_ms, ret_count, err);
	struct sqlite_filter_key filter = sqlite_filter_key(FILTER_THREAD, "", thread);
	if (first_rank(store, &filter, thread, since_ms, &first, err) != 0)
		return -1;
	if (first != 0 && last_rank(store, &filter, thread, &last, err) != 0)
		return -1;
	*ret_count = first != 0 ? last - first + 1 : 0;
	return 0;
}

/* run -1: a reader's look at the last few thousand. */
static int newest_in(struct sqlite_store *store, int64_t run, const char *thread, bool *ret_found, int64_t *ret_seq,
		     struct error *err)
{
	int index = 1;
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, run >= 0 ? SQL_THREAD_NEWEST : SQL_THREAD_NEWEST_ANY, &call, err) != 0)
		return -1;
	if (run >= 0)
		sqlite_call_int(&call, index++, run);
	sqlite_call_text(&call, index, thread);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (row)
		*ret_seq = sqlite_call_number(&call, 0);
	*ret_found = row;
	return 0;
}

int sqlite_threads_newest(struct store *base, const char *thread, bool *ret_found, int64_t *ret_seq,
			  struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	int64_t run = INT64_MAX;
	bool found = false;

	if (store->runs == NULL)
		return newest_in(store, -1, thread, ret_found, ret_seq, err);
	struct sqlite_filter_key filter = sqlite_filter_key(FILTER_THREAD, "", thread);
	while (!found && (run = sqlite_runs_newest(store->runs, &filter, run)) >= 0)
		if (newest_in(store, run, thread, &found, ret_seq, err) != 0)
			return -1;
	*ret_found = found;
	return 0;
}
