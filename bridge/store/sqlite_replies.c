/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_states.h"

static void bind_reply(struct sqlite_call *call, const struct reply_row *row, int64_t seq)
{
	sqlite_call_int(call, 1, seq);
	sqlite_call_text(call, 2, row->id);
	sqlite_call_int(call, 3, row->message_seq);
	sqlite_call_text(call, 4, row->source);
	sqlite_call_text(call, 5, row->kind);
	sqlite_call_text(call, 6, row->place);
	sqlite_call_text(call, 7, row->text);
	sqlite_call_int(call, 8, sqlite_states_of_reply(row->state));
	sqlite_call_int(call, 9, row->attempts);
	sqlite_call_int(call, 10, row->due_ms);
	sqlite_call_int(call, 11, row->created_ms);
	sqlite_call_int(call, 12, row->updated_ms);
	sqlite_call_text(call, 13, row->remote_id);
	sqlite_call_text(call, 14, row->error);
	sqlite_call_int(call, 15, row->revision > 0 ? row->revision : 1);
}

int sqlite_replies_put(struct store *base, const struct reply_row *row, int64_t *ret_seq, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	int64_t seq = store->totals.now[TOTAL_NEXT_REPLY] + 1;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_REPLY_PUT, &call, err) != 0)
		return -1;
	bind_reply(&call, row, seq);
	if (sqlite_call_run(&call, err) != 0)
		return -1;
	store->totals.now[TOTAL_NEXT_REPLY] = seq;
	store->totals.now[TOTAL_REPLIES + (int)row->state]++;
	*ret_seq = seq;
	return 0;
}

static int state_of(struct sqlite_store *store, int64_t seq, enum reply_state *ret, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_REPLY_STATE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (!row)
		return error_set(err, ERR_NOT_FOUND, "no reply %lld", (long long)seq);
	return sqlite_states_to_reply(sqlite_call_number(&call, 0), ret, err);
}

static int explain_refusal(struct sqlite_store *store, const struct reply_change *change, struct error *err)
{
	enum reply_state state = change->from;

	if (state_of(store, change->seq, &state, err) != 0)
		return -1;
	return error_set(err, ERR_CONFLICT, "reply %lld is %s, not %s", (long long)change->seq,
			 reply_state_name(state), reply_state_name(change->from));
}

static int move_row(struct sqlite_store *store, const struct reply_change *change, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_REPLY_MOVE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, sqlite_states_of_reply(change->to));
	sqlite_call_int(&call, 2, change->attempts);
	sqlite_call_int(&call, 3, change->due_ms);
	sqlite_call_int(&call, 4, change->now_ms);
	sqlite_call_text(&call, 5, change->remote_id);
	sqlite_call_text(&call, 6, change->error);
	sqlite_call_int(&call, 7, change->seq);
	sqlite_call_int(&call, 8, sqlite_states_of_reply(change->from));
	return sqlite_call_run(&call, err);
}

int sqlite_replies_move(struct store *base, const struct reply_change *change, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (move_row(store, change, err) != 0)
		return -1;
	if (sqlite3_changes(store->db) == 0)
		return explain_refusal(store, change, err);
	store->totals.now[TOTAL_REPLIES + (int)change->from]--;
	store->totals.now[TOTAL_REPLIES + (int)change->to]++;
	return 0;
}

int sqlite_replies_read(const struct sqlite_call *call, struct reply_row *ret, struct error *err)
{
	enum reply_state state = REPLY_STATE_QUEUED;

	if (sqlite_states_to_reply(sqlite_call_number(call, 7), &state, err) != 0)
		return -1;
	*ret = (struct reply_row){
		.seq = sqlite_call_number(call, 0),
		.id = sqlite_call_column(call, 1),
		.message_seq = sqlite_call_number(call, 2),
		.source = sqlite_call_column(call, 3),
		.kind = sqlite_call_column(call, 4),
		.place = sqlite_call_column(call, 5),
		.text = sqlite_call_column(call, 6),
		.state = state,
		.attempts = (int)sqlite_call_number(call, 8),
		.due_ms = sqlite_call_number(call, 9),
		.created_ms = sqlite_call_number(call, 10),
		.updated_ms = sqlite_call_number(call, 11),
		.remote_id = sqlite_call_column(call, 12),
		.error = sqlite_call_column(call, 13),
		.revision = (int)sqlite_call_number(call, 14),
		.delivery_id = sqlite_call_column(call, 15),
		.thread = sqlite_call_column(call, 16),
	};
	return 0;
}

static void copy_texts(struct arena *arena, struct reply_row *row)
{
	const char **const texts[] = {
		&row->id, &row->source, &row->kind, &row->place, &row->text, &row->remote_id, &row->error,
		&row->delivery_id, &row->thread,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_strdup(arena, *texts[i]);
}

int sqlite_replies_load(struct store *base, int64_t seq, struct arena *arena, struct reply_row *ret,
			struct error *err)
{
	bool row = false;
	struct reply_row reply;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_REPLY_LOAD, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (!row)
		return error_set(err, ERR_NOT_FOUND, "no reply %lld", (long long)seq);
	if (sqlite_replies_read(&call, &reply, err) != 0)
		return -1;
	copy_texts(arena, &reply);
	if (arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "no memory for reply %lld", (long long)seq);
	*ret = reply;
	return 0;
}

static int revise_row(struct sqlite_store *store, int64_t seq, const char *text, int64_t now_ms,
		      enum reply_state to, bool again, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_REPLY_REVISE, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, text);
	sqlite_call_int(&call, 2, now_ms);
	sqlite_call_int(&call, 3, sqlite_states_of_reply(to));
	sqlite_call_int(&call, 4, again);
	sqlite_call_int(&call, 5, seq);
	return sqlite_call_run(&call, err);
}

int sqlite_replies_revise(struct store *base, int64_t seq, const char *text, int64_t now_ms, enum reply_state *ret,
			  struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	enum reply_state from = REPLY_STATE_QUEUED;

	if (state_of(store, seq, &from, err) != 0)
		return -1;
	/* What is under way goes on; whoever ends it sees by the revision that there is more to say. */
	bool again = from == REPLY_STATE_POSTED || from == REPLY_STATE_FAILED;
	enum reply_state to = again ? REPLY_STATE_QUEUED : from;
	if (revise_row(store, seq, text, now_ms, to, again, err) != 0)
		return -1;
	store->totals.now[TOTAL_REPLIES + (int)from]--;
	store->totals.now[TOTAL_REPLIES + (int)to]++;
	*ret = to;
	return 0;
}

int sqlite_replies_status_of(struct store *base, int64_t message_seq, bool *ret_found, int64_t *ret_seq,
			     struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_REPLY_STATUS_OF, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, message_seq);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (row)
		*ret_seq = sqlite_call_number(&call, 0);
	*ret_found = row;
	return 0;
}

int sqlite_replies_pending(struct store *base, void (*each)(void *ctx, const struct reply_row *row), void *ctx,
			   struct error *err)
{
	bool row = false;
	struct reply_row reply;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_REPLIES_PENDING, &call, err) != 0)
		return -1;
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		if (sqlite_replies_read(&call, &reply, err) != 0)
			return -1;
		each(ctx, &reply);
	}
	return -1;
}

int sqlite_replies_is_ours(struct store *base, const char *source, const char *remote_id, bool *ret,
			   struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_REPLY_IS_OURS, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, source);
	sqlite_call_text(&call, 2, remote_id);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	*ret = row;
	return 0;
}
