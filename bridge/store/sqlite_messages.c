/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_runs.h"
#include "bridge/store/sqlite_states.h"

static void bind_message(struct sqlite_call *call, const struct message_row *row, int64_t seq, int64_t run,
			 int64_t rank)
{
	sqlite_call_int(call, 1, seq);
	sqlite_call_text(call, 2, row->id);
	sqlite_call_text(call, 3, row->delivery_id);
	sqlite_call_int(call, 4, run);
	if (rank > 0)
		sqlite_call_int(call, 5, rank);
	else
		sqlite_call_text(call, 5, NULL);
	sqlite_call_text(call, 6, row->source);
	sqlite_call_text(call, 7, row->thread);
	sqlite_call_text(call, 8, row->job_id);
	sqlite_call_text(call, 9, row->object);
	sqlite_call_text(call, 10, row->event);
	sqlite_call_text(call, 11, row->author);
	sqlite_call_text(call, 12, row->author_id);
	sqlite_call_text(call, 13, row->url);
	sqlite_call_text(call, 14, row->place);
	sqlite_call_int(call, 15, sqlite_states_of_message(row->state));
	sqlite_call_int(call, 16, row->attempts);
	sqlite_call_int(call, 17, row->due_ms);
	sqlite_call_int(call, 18, row->created_ms);
	sqlite_call_int(call, 19, row->updated_ms);
	sqlite_call_text(call, 20, row->message_id);
	sqlite_call_int(call, 21, row->upstream_status);
	sqlite_call_text(call, 22, row->error);
	sqlite_call_text(call, 23, row->reason);
	sqlite_call_int(call, 24, sqlite_states_of_kind(row->kind));
	sqlite_call_int(call, 25, (int64_t)row->pace);
	sqlite_call_text(call, 26, row->agent);
	sqlite_call_int(call, 27, row->ask);
	sqlite_call_text(call, 28, row->spot);
	sqlite_call_text(call, 29, row->lookup);
	if (row->lead > 0)
		sqlite_call_int(call, 30, row->lead);
	else
		sqlite_call_text(call, 30, NULL);
}

static int put_row(struct sqlite_store *store, const struct message_row *row, int64_t seq, int64_t run,
		   int64_t rank, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGE_PUT, &call, err) != 0)
		return -1;
	bind_message(&call, row, seq, run, rank);
	return sqlite_call_run(&call, err);
}

static int put_prompt(struct sqlite_store *store, int64_t seq, const char *prompt, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_PROMPT_PUT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	sqlite_call_text(&call, 2, prompt);
	return sqlite_call_run(&call, err);
}

/* The run and the rank, and the filter's bits for what the message can be found by. */
static int place_in_run(struct sqlite_store *store, const struct message_row *row, int64_t *ret_run,
			int64_t *ret_rank, struct error *err)
{
	int64_t run = 0, rank = 0;
	bool counted = row->thread != NULL && row->job_id != NULL;

	if (store->runs == NULL)
		return error_set(err, ERR_INTERNAL, "a write to a store that is open for reading");
	if (counted && sqlite_threads_next_rank(store, row->thread, &rank, err) != 0)
		return -1;
	if (sqlite_runs_current(store, row->created_ms, &run, err) != 0)
		return -1;
	if (counted) {
		struct sqlite_filter_key key = sqlite_filter_key(FILTER_THREAD, "", row->thread);
		sqlite_runs_add(store->runs, &key);
	}
	if (row->object != NULL) {
		struct sqlite_filter_key key = sqlite_filter_key(FILTER_OBJECT, row->source, row->object);
		sqlite_runs_add(store->runs, &key);
	}
	*ret_run = run;
	*ret_rank = rank;
	return 0;
}

int sqlite_messages_put(struct store *base, const struct message_row *row, int64_t *ret_seq, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	int64_t seq = store->totals.now[TOTAL_NEXT_MESSAGE] + 1, run = 0, rank = 0;

	if (place_in_run(store, row, &run, &rank, err) != 0 || put_row(store, row, seq, run, rank, err) != 0 ||
	    put_prompt(store, seq, row->prompt, err) != 0)
		return -1;
	if (rank > 0)
		sqlite_threads_note_rank(store, row->thread, rank);
	store->totals.now[TOTAL_NEXT_MESSAGE] = seq;
	store->totals.now[TOTAL_MESSAGES + (int)row->state]++;
	*ret_seq = seq;
	return 0;
}

/* Why a move found no row: it is gone, or it is in another state. */
static int explain_refusal(struct sqlite_store *store, const struct message_change *change, struct error *err)
{
	bool row = false;
	enum message_state state = change->from;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGE_STATE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, change->seq);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (!row)
		return error_set(err, ERR_NOT_FOUND, "no message %lld", (long long)change->seq);
	if (sqlite_states_to_message(sqlite_call_number(&call, 0), &state, err) != 0)
		return -1;
	return error_set(err, ERR_CONFLICT, "message %lld is %s, not %s", (long long)change->seq,
			 message_state_name(state), message_state_name(change->from));
}

static int move_row(struct sqlite_store *store, const struct message_change *change, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGE_MOVE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, sqlite_states_of_message(change->to));
	sqlite_call_int(&call, 2, change->attempts);
	sqlite_call_int(&call, 3, change->due_ms);
	sqlite_call_int(&call, 4, change->now_ms);
	sqlite_call_text(&call, 5, change->message_id);
	sqlite_call_int(&call, 6, change->upstream_status);
	sqlite_call_text(&call, 7, change->error);
	sqlite_call_text(&call, 8, change->reason);
	sqlite_call_int(&call, 9, change->seq);
	sqlite_call_int(&call, 10, sqlite_states_of_message(change->from));
	return sqlite_call_run(&call, err);
}

static int set_lead(struct sqlite_store *store, int64_t seq, int64_t lead, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGE_LEAD, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, lead);
	sqlite_call_int(&call, 2, seq);
	return sqlite_call_run(&call, err);
}

int sqlite_messages_move(struct store *base, const struct message_change *change, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (move_row(store, change, err) != 0)
		return -1;
	if (sqlite3_changes(store->db) == 0)
		return explain_refusal(store, change, err);
	if (change->lead != 0 && set_lead(store, change->seq, change->lead, err) != 0)
		return -1;
	store->totals.now[TOTAL_MESSAGES + (int)change->from]--;
	store->totals.now[TOTAL_MESSAGES + (int)change->to]++;
	return 0;
}

static int touch(struct sqlite_store *store, int64_t seq, int64_t now_ms, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGE_TOUCH, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, now_ms);
	sqlite_call_int(&call, 2, seq);
	return sqlite_call_run(&call, err);
}

int sqlite_messages_replace_prompt(struct sqlite_store *store, int64_t seq, const char *prompt, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_PROMPT_SET, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, prompt);
	sqlite_call_int(&call, 2, seq);
	return sqlite_call_run(&call, err);
}

int sqlite_messages_set_prompt(struct store *base, int64_t seq, const char *prompt, int64_t now_ms,
			       struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (sqlite_messages_replace_prompt(store, seq, prompt, err) != 0)
		return -1;
	if (sqlite3_changes(store->db) == 0)
		return error_set(err, ERR_NOT_FOUND, "no message %lld", (long long)seq);
	return touch(store, seq, now_ms, err);
}

int sqlite_messages_read(const struct sqlite_call *call, int column, struct message_row *ret, struct error *err)
{
	enum message_state state = MESSAGE_VETTING;
	enum message_kind kind = MESSAGE_CONTINUE;

	if (sqlite_states_to_message(sqlite_call_number(call, column + 11), &state, err) != 0 ||
	    sqlite_states_to_kind(sqlite_call_number(call, column + 20), &kind, err) != 0)
		return -1;
	*ret = (struct message_row){
		.seq = sqlite_call_number(call, column),
		.id = sqlite_call_column(call, column + 1),
		.delivery_id = sqlite_call_column(call, column + 2),
		.source = sqlite_call_column(call, column + 3),
		.thread = sqlite_call_column(call, column + 4),
		.job_id = sqlite_call_column(call, column + 5),
		.object = sqlite_call_column(call, column + 6),
		.event = sqlite_call_column(call, column + 7),
		.author = sqlite_call_column(call, column + 8),
		.author_id = sqlite_call_column(call, column + 9),
		.url = sqlite_call_column(call, column + 10),
		.state = state,
		.attempts = (int)sqlite_call_number(call, column + 12),
		.due_ms = sqlite_call_number(call, column + 13),
		.created_ms = sqlite_call_number(call, column + 14),
		.updated_ms = sqlite_call_number(call, column + 15),
		.message_id = sqlite_call_column(call, column + 16),
		.upstream_status = (int)sqlite_call_number(call, column + 17),
		.error = sqlite_call_column(call, column + 18),
		.reason = sqlite_call_column(call, column + 19),
		.kind = kind,
		.pace = (unsigned)sqlite_call_number(call, column + 21),
		.agent = sqlite_call_column(call, column + 22),
		.ask = sqlite_call_number(call, column + 23) != 0,
		.spot = sqlite_call_column(call, column + 24),
		.lookup = sqlite_call_column(call, column + 25),
		.lead = sqlite_call_number(call, column + 26),
	};
	return 0;
}

static void copy_texts(struct arena *arena, struct message_row *row)
{
	const char **const texts[] = {
		&row->id,	&row->delivery_id, &row->source, &row->thread,	   &row->job_id,
		&row->object,	&row->event,	   &row->author, &row->author_id,  &row->url,
		&row->place,	&row->prompt,	   &row->error,	 &row->message_id, &row->reason,
		&row->agent,	&row->spot,	   &row->lookup,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_strdup(arena, *texts[i]);
}

int sqlite_messages_copy(const struct sqlite_call *call, struct arena *arena, struct message_row *ret,
			 struct error *err)
{
	struct message_row message;

	if (sqlite_messages_read(call, 0, &message, err) != 0)
		return -1;
	message.place = sqlite_call_column(call, SQLITE_MESSAGE_COLUMNS);
	message.prompt = sqlite_call_column(call, SQLITE_MESSAGE_COLUMNS + 1);
	copy_texts(arena, &message);
	if (arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "no memory for message %lld", (long long)message.seq);
	*ret = message;
	return 0;
}

int sqlite_messages_load(struct store *base, int64_t seq, struct arena *arena, struct message_row *ret,
			 struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_MESSAGE_LOAD, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (!row)
		return error_set(err, ERR_NOT_FOUND, "no message %lld", (long long)seq);
	return sqlite_messages_copy(&call, arena, ret, err);
}

int sqlite_messages_of_thread(struct store *base, const char *thread,
			      void (*each)(void *ctx, const struct message_row *row), void *ctx, struct error *err)
{
	bool row = false;
	struct message_row message;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_MESSAGES_OF_THREAD, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, thread);
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		if (sqlite_messages_read(&call, 0, &message, err) != 0)
			return -1;
		message.place = sqlite_call_column(&call, SQLITE_MESSAGE_COLUMNS);
		each(ctx, &message);
	}
	return -1;
}

static int take_object(struct sqlite_call *call, bool *ret_found, int64_t *ret_seq, enum message_state *ret_state,
		       struct error *err)
{
	bool row = false;

	if (sqlite_call_step(call, &row, err) != 0)
		return -1;
	if (row && sqlite_states_to_message(sqlite_call_number(call, 1), ret_state, err) != 0)
		return -1;
	if (row)
		*ret_seq = sqlite_call_number(call, 0);
	*ret_found = row;
	return 0;
}

/* run -1: by a scan, which is what a reader does. */
static int find_object(struct sqlite_store *store, int64_t run, const char *source, const char *object,
		       bool *ret_found, int64_t *ret_seq, enum message_state *ret_state, struct error *err)
{
	int index = 1;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, run >= 0 ? SQL_MESSAGE_OF_OBJECT : SQL_MESSAGE_OF_OBJECT_ANY, &call, err) != 0)
		return -1;
	if (run >= 0)
		sqlite_call_int(&call, index++, run);
	sqlite_call_text(&call, index++, source);
	sqlite_call_text(&call, index, object);
	return take_object(&call, ret_found, ret_seq, ret_state, err);
}

int sqlite_messages_of_object(struct store *base, const char *source, const char *object, bool *ret_found,
			      int64_t *ret_seq, enum message_state *ret_state, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	int64_t run = INT64_MAX;

	if (store->runs == NULL)
		return find_object(store, -1, source, object, ret_found, ret_seq, ret_state, err);
	struct sqlite_filter_key filter = sqlite_filter_key(FILTER_OBJECT, source, object);
	while ((run = sqlite_runs_newest(store->runs, &filter, run)) >= 0) {
		bool found = false;

		if (find_object(store, run, source, object, &found, ret_seq, ret_state, err) != 0)
			return -1;
		if (found) {
			*ret_found = true;
			return 0;
		}
	}
	*ret_found = false;
	return 0;
}

int sqlite_messages_pending(struct store *base, void (*each)(void *ctx, const struct pending_row *row), void *ctx,
			    struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_MESSAGES_PENDING, &call, err) != 0)
		return -1;
	while (sqlite_call_step(&call, &row, err) == 0) {
		struct pending_row pending;
		enum message_state state = MESSAGE_VETTING;
		enum message_kind kind = MESSAGE_CONTINUE;

		if (!row)
			return 0;
		if (sqlite_states_to_message(sqlite_call_number(&call, 3), &state, err) != 0 ||
		    sqlite_states_to_kind(sqlite_call_number(&call, 7), &kind, err) != 0)
			return -1;
		pending = (struct pending_row){
			.seq = sqlite_call_number(&call, 0),
			.id = sqlite_call_column(&call, 1),
			.job_id = sqlite_call_column(&call, 2),
			.state = state,
			.attempts = (int)sqlite_call_number(&call, 4),
			.due_ms = sqlite_call_number(&call, 5),
			.created_ms = sqlite_call_number(&call, 6),
			.kind = kind,
			.pace = (unsigned)sqlite_call_number(&call, 8),
		};
		each(ctx, &pending);
	}
	return -1;
}

int sqlite_messages_attempt_put(struct store *base, const struct attempt_row *row, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_ATTEMPT_PUT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, row->message_seq);
	sqlite_call_int(&call, 2, row->started_ms);
	sqlite_call_int(&call, 3, row->number);
	sqlite_call_text(&call, 4, row->call);
	sqlite_call_int(&call, 5, row->duration_ms);
	sqlite_call_int(&call, 6, row->upstream_status);
	sqlite_call_text(&call, 7, row->outcome);
	return sqlite_call_run(&call, err);
}
