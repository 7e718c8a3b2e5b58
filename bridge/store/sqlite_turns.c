/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_nouns.h"

int sqlite_turns_put(struct store *base, const struct turn_row *row, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_TURN_PUT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, row->seq);
	sqlite_call_text(&call, 2, row->job_id);
	sqlite_call_text(&call, 3, row->message_id);
	sqlite_call_int(&call, 4, row->started_ms);
	sqlite_call_int(&call, 5, row->ended_ms);
	return sqlite_call_run(&call, err);
}

int sqlite_turns_end(struct store *base, int64_t seq, int64_t now_ms, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_TURN_END, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, now_ms);
	sqlite_call_int(&call, 2, seq);
	if (sqlite_call_run(&call, err) != 0)
		return -1;
	if (sqlite3_changes(store->db) == 0)
		return error_set(err, ERR_NOT_FOUND, "no turn of message %lld", (long long)seq);
	return 0;
}

int sqlite_turns_delete(struct store *base, int64_t seq, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_TURN_DELETE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	return sqlite_call_run(&call, err);
}

int sqlite_turns_each(struct store *base, void (*each)(void *ctx, const struct turn_row *row), void *ctx,
		      struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_TURNS_EACH, &call, err) != 0)
		return -1;
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		const struct turn_row turn = {
			.seq = sqlite_call_number(&call, 0),
			.job_id = sqlite_call_column(&call, 1),
			.message_id = sqlite_call_column(&call, 2),
			.started_ms = sqlite_call_number(&call, 3),
			.ended_ms = sqlite_call_number(&call, 4),
		};
		each(ctx, &turn);
	}
	return -1;
}

int sqlite_turns_messages(struct store *base, int64_t lead_seq, int limit, struct arena *arena,
			  void (*each)(void *ctx, const struct message_row *row), void *ctx, struct error *err)
{
	bool row = false;
	struct message_row message;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_MESSAGES_OF_TURN, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, lead_seq);
	sqlite_call_int(&call, 2, limit);
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		if (sqlite_messages_copy(&call, arena, &message, err) != 0)
			return -1;
		each(ctx, &message);
	}
	return -1;
}
