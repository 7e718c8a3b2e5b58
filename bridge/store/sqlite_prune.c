/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_runs.h"
#include "bridge/store/sqlite_states.h"

struct found {
	char (*ids)[ID_SIZE];
	int count;
};

static void found_release(struct found *found)
{
	free(found->ids);
}

/*
 * Ids ascend with time, so the walk ends at the first delivery that is young enough; what it passes over is
 * not final, and there is never much of that (the queue has a limit).
 */
static int find(struct sqlite_store *store, int64_t before_ms, int limit, struct found *found, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_PRUNE_FIND, &call, err) != 0)
		return -1;
	while (found->count < limit) {
		if (sqlite_call_step(&call, &row, err) != 0)
			return -1;
		if (!row || sqlite_call_number(&call, 1) >= before_ms)
			return 0;
		const char *id = sqlite_call_column(&call, 0);
		if (sqlite_call_number(&call, 2) == 0 && id != NULL)
			(void)snprintf(found->ids[found->count++], ID_SIZE, "%s", id);
	}
	return 0;
}

static int delete_by_number(struct sqlite_store *store, enum sqlite_sql sql, int64_t number, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, sql, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, number);
	return sqlite_call_run(&call, err);
}

/*
 * The first row of a message or reply statement, if there is one. One at a time, in a statement of its own:
 * SQLite does not say what comes after a row that was deleted under a SELECT.
 */
static int first_of(struct sqlite_call *call, bool *ret_row, int64_t *ret_seq, int64_t *ret_state,
		    struct error *err)
{
	if (sqlite_call_step(call, ret_row, err) != 0)
		return -1;
	*ret_seq = *ret_row ? sqlite_call_number(call, 0) : 0;
	*ret_state = *ret_row ? sqlite_call_number(call, 1) : 0;
	return 0;
}

static int first_reply(struct sqlite_store *store, int64_t message_seq, bool *ret_row, int64_t *ret_seq,
		       int64_t *ret_state, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_PRUNE_REPLIES, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, message_seq);
	return first_of(&call, ret_row, ret_seq, ret_state, err);
}

static int first_message(struct sqlite_store *store, const char *delivery_id, bool *ret_row, int64_t *ret_seq,
			 int64_t *ret_state, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_PRUNE_MESSAGES, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, delivery_id);
	return first_of(&call, ret_row, ret_seq, ret_state, err);
}

static int delete_replies(struct sqlite_store *store, int64_t message_seq, struct error *err)
{
	bool row = false;
	int64_t seq = 0, stored = 0;
	enum reply_state state = REPLY_STATE_QUEUED;

	while (first_reply(store, message_seq, &row, &seq, &stored, err) == 0) {
		if (!row)
			return 0;
		if (sqlite_states_to_reply(stored, &state, err) != 0 ||
		    delete_by_number(store, SQL_PRUNE_REPLY, seq, err) != 0)
			return -1;
		store->totals.now[TOTAL_REPLIES + (int)state]--;
	}
	return -1;
}

static int delete_message(struct sqlite_store *store, int64_t seq, int64_t stored_state, struct error *err)
{
	enum message_state state = MESSAGE_VETTING;

	if (sqlite_states_to_message(stored_state, &state, err) != 0 || delete_replies(store, seq, err) != 0 ||
	    delete_by_number(store, SQL_PRUNE_ATTEMPTS, seq, err) != 0 ||
	    delete_by_number(store, SQL_PRUNE_PROMPT, seq, err) != 0 ||
	    delete_by_number(store, SQL_PRUNE_MESSAGE, seq, err) != 0)
		return -1;
	store->totals.now[TOTAL_MESSAGES + (int)state]--;
	return 0;
}

static int delete_messages(struct sqlite_store *store, const char *delivery_id, struct error *err)
{
	bool row = false;
	int64_t seq = 0, stored = 0;

	while (first_message(store, delivery_id, &row, &seq, &stored, err) == 0) {
		if (!row)
			return 0;
		if (delete_message(store, seq, stored, err) != 0)
			return -1;
	}
	return -1;
}

static int delete_delivery(struct sqlite_store *store, const char *id, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (delete_messages(store, id, err) != 0)
		return -1;
	if (sqlite_call_begin(store, SQL_PRUNE_DELIVERY, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, id);
	if (sqlite_call_run(&call, err) != 0)
		return -1;
	store->totals.now[TOTAL_DELIVERIES]--;
	return 0;
}

static int delete_seen(struct sqlite_store *store, int64_t run, int64_t before_ms, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_PRUNE_SEEN, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, run);
	sqlite_call_int(&call, 2, before_ms);
	return sqlite_call_run(&call, err);
}

/*
 * Whole runs of dedupe keys, as many as fit the limit, and what is old in the next one. The last complete run
 * keeps its row: it says which number comes next.
 */
static int prune_seen(struct sqlite_store *store, int64_t before_ms, int limit, struct error *err)
{
	int64_t run = sqlite_runs_first(store->runs), last = sqlite_runs_last(store->runs);
	int64_t young = sqlite_runs_since(store->runs, before_ms);
	int64_t stop = run + 1 + limit / 1000;

	for (; run < young && run < stop; run++) {
		if (delete_seen(store, run, INT64_MAX, err) != 0)
			return -1;
		if (run < last - 1 && delete_by_number(store, SQL_RUN_DELETE, run, err) != 0)
			return -1;
	}
	sqlite_runs_forget(store->runs, run < last ? run : last);
	if (run == young && delete_seen(store, run, before_ms, err) != 0)
		return -1;
	int64_t plane = sqlite_runs_first(store->runs) / SQLITE_FILTER_PLANE_RUNS;
	return delete_by_number(store, SQL_PLANES_DELETE, plane, err);
}

#define LIMIT_MAX 10000

int sqlite_prune(struct store *base, int64_t before_ms, int limit, int *ret_removed, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	CLEANUP(found_release) struct found found = { 0 };

	if (store->runs == NULL)
		return error_set(err, ERR_INTERNAL, "a write to a store that is open for reading");
	if (limit < 1 || limit > LIMIT_MAX)
		limit = limit < 1 ? 1 : LIMIT_MAX;
	found.ids = calloc((size_t)limit, ID_SIZE);
	if (found.ids == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory to prune the store");
	if (find(store, before_ms, limit, &found, err) != 0)
		return -1;
	for (int i = 0; i < found.count; i++)
		if (delete_delivery(store, found.ids[i], err) != 0)
			return -1;
	if (prune_seen(store, before_ms, limit, err) != 0)
		return -1;
	*ret_removed = found.count;
	return 0;
}
