/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_states.h"

/* ---- pages of the ledger ---- */

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* Above any id: ids are hexadecimal and dashes. */
#define AFTER_ALL "~"

static enum sqlite_sql choose(int state, bool ascending)
{
	if (state != 0 && state < SQLITE_STATES_DONE)
		return ascending ? SQL_LEDGER_ATTENTION_UP : SQL_LEDGER_ATTENTION_DOWN;
	return ascending ? SQL_LEDGER_UP : SQL_LEDGER_DOWN;
}

static void bind_filter(struct sqlite_call *call, const struct delivery_filter *filter, int state)
{
	sqlite_call_text(call, 1, or_empty(filter->after));
	sqlite_call_text(call, 2, filter->before != NULL ? filter->before : AFTER_ALL);
	sqlite_call_text(call, 3, or_empty(filter->source));
	sqlite_call_text(call, 4, or_empty(filter->thread));
	sqlite_call_text(call, 5, or_empty(filter->job_id));
	sqlite_call_int(call, 6, state);
	sqlite_call_int(call, 7, sqlite_states_of_message(MESSAGE_IGNORED));
	sqlite_call_int(call, 8, filter->limit);
}

static int read_ledger(const struct sqlite_call *call, struct ledger_row *ret, struct error *err)
{
	struct ledger_row row = { 0 };

	sqlite_deliveries_read(call, 0, &row.delivery);
	row.has_message = sqlite3_column_type(call->stmt, SQLITE_DELIVERY_COLUMNS) != SQLITE_NULL;
	if (row.has_message && sqlite_messages_read(call, SQLITE_DELIVERY_COLUMNS, &row.message, err) != 0)
		return -1;
	*ret = row;
	return 0;
}

static int each_ledger(struct sqlite_call *call, void (*each)(void *ctx, const struct ledger_row *row), void *ctx,
		       struct error *err)
{
	bool row = false;
	struct ledger_row entry;

	while (sqlite_call_step(call, &row, err) == 0) {
		if (!row)
			return 0;
		if (read_ledger(call, &entry, err) != 0)
			return -1;
		each(ctx, &entry);
	}
	return -1;
}

int sqlite_ledger_each(struct store *base, const struct delivery_filter *filter,
		       void (*each)(void *ctx, const struct ledger_row *row), void *ctx, struct error *err)
{
	enum message_state state = MESSAGE_VETTING;
	int number = 0;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (filter->state != NULL) {
		if (!message_state_parse(filter->state, &state))
			return error_set(err, ERR_INVALID, "unknown state");
		number = sqlite_states_of_message(state);
	}
	if (sqlite_call_begin(sqlite_of(base), choose(number, filter->after != NULL), &call, err) != 0)
		return -1;
	bind_filter(&call, filter, number);
	return each_ledger(&call, each, ctx, err);
}

/* ---- one delivery ---- */

static int visit_attempts(struct sqlite_store *store, int64_t seq, const struct delivery_visitor *visitor,
			  struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_VISIT_ATTEMPTS, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		const struct attempt_row attempt = {
			.message_seq = sqlite_call_number(&call, 0),
			.number = (int)sqlite_call_number(&call, 1),
			.call = sqlite_call_column(&call, 2),
			.started_ms = sqlite_call_number(&call, 3),
			.duration_ms = sqlite_call_number(&call, 4),
			.upstream_status = (int)sqlite_call_number(&call, 5),
			.outcome = sqlite_call_column(&call, 6),
		};
		visitor->attempt(visitor->ctx, &attempt);
	}
	return -1;
}

static int visit_replies(struct sqlite_store *store, int64_t seq, const struct delivery_visitor *visitor,
			 struct error *err)
{
	bool row = false;
	struct reply_row reply;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_VISIT_REPLIES, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		if (sqlite_replies_read(&call, &reply, err) != 0)
			return -1;
		visitor->reply(visitor->ctx, &reply);
	}
	return -1;
}

static int visit_message(const struct sqlite_call *call, const struct delivery_visitor *visitor, struct error *err)
{
	struct message_row message;

	if (sqlite_messages_read(call, 0, &message, err) != 0)
		return -1;
	message.place = sqlite_call_column(call, SQLITE_MESSAGE_COLUMNS);
	message.prompt = sqlite_call_column(call, SQLITE_MESSAGE_COLUMNS + 1);
	if (visitor->message != NULL)
		visitor->message(visitor->ctx, &message);
	if (visitor->attempt != NULL && visit_attempts(call->store, message.seq, visitor, err) != 0)
		return -1;
	return visitor->reply != NULL ? visit_replies(call->store, message.seq, visitor, err) : 0;
}

static int visit_messages(struct sqlite_store *store, const char *id, const struct delivery_visitor *visitor,
			  struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_VISIT_MESSAGES, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, id);
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		if (visit_message(&call, visitor, err) != 0)
			return -1;
	}
	return -1;
}

/*
 * The statement of the delivery stays open until the end: SQLite then keeps one snapshot for all of them, so
 * that a message and its attempts fit together.
 */
int sqlite_ledger_visit(struct store *base, const char *id, const struct delivery_visitor *visitor,
			struct error *err)
{
	bool row = false;
	struct delivery_row delivery;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_DELIVERY_GET, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, id);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (!row)
		return error_set(err, ERR_NOT_FOUND, "no such delivery");
	sqlite_deliveries_read(&call, 0, &delivery);
	if (visitor->delivery != NULL)
		visitor->delivery(visitor->ctx, &delivery);
	return visit_messages(sqlite_of(base), id, visitor, err);
}

/* ---- counts ---- */

static int ask_number(struct sqlite_store *store, enum sqlite_sql sql, int64_t *ret, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, sql, &call, err) != 0 || sqlite_call_step(&call, &row, err) != 0)
		return -1;
	*ret = row ? sqlite_call_number(&call, 0) : 0; /* no rows to take a minimum of: NULL, which reads as 0 */
	return 0;
}

int sqlite_ledger_counts(struct store *base, struct store_counts *ret, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	struct store_counts counts = { 0 };

	/* The writer knows them, also what it has not committed yet. */
	if (store->mode == STORE_READ && sqlite_totals_load(store, err) != 0)
		return -1;
	if (sqlite_links_count(store, &counts.links, err) != 0 ||
	    ask_number(store, SQL_TURNS_COUNT, &counts.turns, err) != 0 ||
	    ask_number(store, SQL_MESSAGES_OLDEST, &counts.oldest_waiting_ms, err) != 0)
		return -1;
	counts.deliveries = store->totals.now[TOTAL_DELIVERIES];
	for (int i = 0; i < MESSAGE_STATES_; i++)
		counts.messages[i] = store->totals.now[TOTAL_MESSAGES + i];
	for (int i = 0; i < REPLY_STATES_; i++)
		counts.replies[i] = store->totals.now[TOTAL_REPLIES + i];
	*ret = counts;
	return 0;
}
