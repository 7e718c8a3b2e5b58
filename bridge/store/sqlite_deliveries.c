/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_runs.h"

int sqlite_deliveries_put(struct store *base, const struct delivery_row *row, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_DELIVERY_PUT, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, row->id);
	sqlite_call_text(&call, 2, row->source);
	sqlite_call_text(&call, 3, row->sender_id);
	sqlite_call_text(&call, 4, row->event);
	sqlite_call_text(&call, 5, row->thread);
	sqlite_call_text(&call, 6, row->author);
	sqlite_call_text(&call, 7, row->url);
	sqlite_call_text(&call, 8, row->reason);
	sqlite_call_int(&call, 9, row->received_ms);
	if (sqlite_call_run(&call, err) != 0)
		return -1;
	store->totals.now[TOTAL_DELIVERIES]++;
	return 0;
}

void sqlite_deliveries_read(const struct sqlite_call *call, int column, struct delivery_row *ret)
{
	*ret = (struct delivery_row){
		.id = sqlite_call_column(call, column),
		.source = sqlite_call_column(call, column + 1),
		.sender_id = sqlite_call_column(call, column + 2),
		.event = sqlite_call_column(call, column + 3),
		.thread = sqlite_call_column(call, column + 4),
		.author = sqlite_call_column(call, column + 5),
		.url = sqlite_call_column(call, column + 6),
		.reason = sqlite_call_column(call, column + 7),
		.received_ms = sqlite_call_number(call, column + 8),
	};
}

static int take_id(struct sqlite_call *call, bool *ret_found, char ret_delivery_id[ID_SIZE], struct error *err)
{
	bool row = false;

	if (sqlite_call_step(call, &row, err) != 0)
		return -1;
	const char *id = row ? sqlite_call_column(call, 0) : NULL;
	if (row && id == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory to read a delivery's id");
	if (row)
		(void)snprintf(ret_delivery_id, ID_SIZE, "%s", id);
	*ret_found = row;
	return 0;
}

static int find_in_run(struct sqlite_store *store, int64_t run, const char *source, const char *key,
		       bool *ret_found, char ret_delivery_id[ID_SIZE], struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_SEEN_FIND, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, run);
	sqlite_call_text(&call, 2, source);
	sqlite_call_text(&call, 3, key);
	return take_id(&call, ret_found, ret_delivery_id, err);
}

/* A reader has no filters: it looks at every key. Nobody in a hurry reads these. */
static int find_by_scan(struct sqlite_store *store, const char *source, const char *key, bool *ret_found,
			char ret_delivery_id[ID_SIZE], struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_SEEN_FIND_ANY, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, source);
	sqlite_call_text(&call, 2, key);
	return take_id(&call, ret_found, ret_delivery_id, err);
}

static int find_by_filter(struct sqlite_store *store, const struct sqlite_filter_key *filter, const char *source,
			  const char *key, bool *ret_found, char ret_delivery_id[ID_SIZE], struct error *err)
{
	int64_t run = INT64_MAX;

	while ((run = sqlite_runs_newest(store->runs, filter, run)) >= 0) {
		bool found = false;

		if (find_in_run(store, run, source, key, &found, ret_delivery_id, err) != 0)
			return -1;
		if (found) {
			*ret_found = true;
			return 0;
		}
	}
	sqlite_runs_note_absent(store->runs, filter);
	*ret_found = false;
	return 0;
}

int sqlite_deliveries_seen_find(struct store *base, const char *source, const char *key, bool *ret_found,
				char ret_delivery_id[ID_SIZE], struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (store->runs == NULL)
		return find_by_scan(store, source, key, ret_found, ret_delivery_id, err);
	struct sqlite_filter_key filter = sqlite_filter_key(FILTER_SEEN, source, key);
	return find_by_filter(store, &filter, source, key, ret_found, ret_delivery_id, err);
}

static int put_in_run(struct sqlite_store *store, int64_t run, const char *source, const char *key,
		      const char *delivery_id, int64_t now_ms, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_SEEN_PUT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, run);
	sqlite_call_text(&call, 2, source);
	sqlite_call_text(&call, 3, key);
	sqlite_call_text(&call, 4, delivery_id);
	sqlite_call_int(&call, 5, now_ms);
	return sqlite_call_run(&call, err);
}

int sqlite_deliveries_seen_put(struct store *base, const char *source, const char *key, const char *delivery_id,
			       int64_t now_ms, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	struct sqlite_filter_key filter = sqlite_filter_key(FILTER_SEEN, source, key);
	char first[ID_SIZE];
	bool found = false;
	int64_t run = 0;

	if (store->runs == NULL)
		return error_set(err, ERR_INTERNAL, "a write to a store that is open for reading");
	/* It may stand in an older run, where no constraint of this one's would notice. */
	if (!sqlite_runs_is_absent(store->runs, &filter) &&
	    find_by_filter(store, &filter, source, key, &found, first, err) != 0)
		return -1;
	if (found)
		return 0;
	if (sqlite_runs_current(store, now_ms, &run, err) != 0)
		return -1;
	sqlite_runs_add(store->runs, &filter);
	return put_in_run(store, run, source, key, delivery_id, now_ms, err);
}
