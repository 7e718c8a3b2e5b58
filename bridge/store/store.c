/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the implementation by the url's scheme, and forwards. */
#include "bridge/store/store.h"

#include <string.h>

#include "bridge/store/store_impl.h"

static const struct {
	const char *scheme;
	const struct store_ops *ops;
} schemes[] = {
	{ "sqlite:", &sqlite_store_ops },
};

int store_open(const char *url, enum store_mode mode, struct store **ret, struct error *err)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i].scheme);

		if (strncmp(url, schemes[i].scheme, len) == 0)
			return schemes[i].ops->open(url + len, mode, ret, err);
	}
	/* The url may hold a password: it is not repeated. */
	return error_set(err, ERR_CONFIG, "unknown kind of store: want sqlite:/path/to/file");
}

void store_close(struct store *store)
{
	if (store != NULL)
		store->ops->close(store);
}

int store_begin(struct store *store, struct error *err)
{
	return store->ops->begin(store, err);
}

int store_commit(struct store *store, struct error *err)
{
	return store->ops->commit(store, err);
}

void store_rollback(struct store *store)
{
	store->ops->rollback(store);
}

int store_ping(struct store *store, struct error *err)
{
	return store->ops->ping(store, err);
}

int store_delivery_put(struct store *store, const struct delivery_row *row, struct error *err)
{
	return store->ops->delivery_put(store, row, err);
}

int store_seen_find(struct store *store, const char *source, const char *key, bool *ret_found,
		    char ret_delivery_id[ID_SIZE], struct error *err)
{
	return store->ops->seen_find(store, source, key, ret_found, ret_delivery_id, err);
}

int store_seen_put(struct store *store, const char *source, const char *key, const char *delivery_id,
		   int64_t now_ms, struct error *err)
{
	return store->ops->seen_put(store, source, key, delivery_id, now_ms, err);
}

const char *link_origin_name(enum link_origin origin)
{
	static const char *const names[] = {
		[LINK_MANUAL] = "manual", [LINK_CONFIG] = "config",	[LINK_STARTED] = "started",
		[LINK_FOUND] = "found",	  [LINK_UNLINKED] = "unlinked",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == LINK_ORIGINS_, "a name for every origin");

	return (unsigned)origin < LINK_ORIGINS_ ? names[origin] : "unknown";
}

int store_link_find(struct store *store, const char *thread, bool *ret_found, char ret_job_id[JOB_ID_MAX + 2],
		    enum link_origin *ret_origin, struct error *err)
{
	return store->ops->link_find(store, thread, ret_found, ret_job_id, ret_origin, err);
}

int store_link_put(struct store *store, const struct link_row *row, struct error *err)
{
	return store->ops->link_put(store, row, err);
}

int store_link_offer(struct store *store, const struct link_row *row, bool *ret_taken, struct error *err)
{
	return store->ops->link_offer(store, row, ret_taken, err);
}

int store_link_delete(struct store *store, const char *thread, int64_t now_ms, bool *ret_found, struct error *err)
{
	return store->ops->link_delete(store, thread, now_ms, ret_found, err);
}

int store_links_forget_config(struct store *store, struct error *err)
{
	return store->ops->links_forget_config(store, err);
}

int store_links_each(struct store *store, const char *after, int limit,
		     void (*each)(void *ctx, const struct link_row *row), void *ctx, struct error *err)
{
	return store->ops->links_each(store, after, limit, each, ctx, err);
}

int store_job_rename(struct store *store, const char *from, const char *to, int64_t now_ms, struct error *err)
{
	return store->ops->job_rename(store, from, to, now_ms, err);
}

int store_job_forget(struct store *store, const char *job_id, int64_t start_seq, struct error *err)
{
	return store->ops->job_forget(store, job_id, start_seq, err);
}

int store_job_carry_on(struct store *store, const char *job_id, const char *to, bool named, struct error *err)
{
	return store->ops->job_carry_on(store, job_id, to, named, err);
}

int store_message_put(struct store *store, const struct message_row *row, int64_t *ret_seq, struct error *err)
{
	return store->ops->message_put(store, row, ret_seq, err);
}

int store_message_move(struct store *store, const struct message_change *change, struct error *err)
{
	/* The one table of moves holds for every store. A move that it does not have is a mistake of ours. */
	if (change->from != change->to && !message_may_move(change->from, change->to))
		return error_set(err, ERR_INTERNAL, "a message may not go from %s to %s",
				 message_state_name(change->from), message_state_name(change->to));
	return store->ops->message_move(store, change, err);
}

int store_message_set_prompt(struct store *store, int64_t seq, const char *prompt, int64_t now_ms,
			     struct error *err)
{
	return store->ops->message_set_prompt(store, seq, prompt, now_ms, err);
}

int store_message_learn(struct store *store, const struct message_finding *finding, struct error *err)
{
	return store->ops->message_learn(store, finding, err);
}

int store_messages_of_turn(struct store *store, int64_t lead_seq, int limit, struct arena *arena,
			   void (*each)(void *ctx, const struct message_row *row), void *ctx, struct error *err)
{
	return store->ops->messages_of_turn(store, lead_seq, limit, arena, each, ctx, err);
}

int store_messages_of_thread(struct store *store, const char *thread,
			     void (*each)(void *ctx, const struct message_row *row), void *ctx, struct error *err)
{
	return store->ops->messages_of_thread(store, thread, each, ctx, err);
}

int store_message_newest(struct store *store, const char *thread, bool *ret_found, int64_t *ret_seq,
			 struct error *err)
{
	return store->ops->message_newest(store, thread, ret_found, ret_seq, err);
}

int store_message_load(struct store *store, int64_t seq, struct arena *arena, struct message_row *ret,
		       struct error *err)
{
	return store->ops->message_load(store, seq, arena, ret, err);
}

int store_message_of_object(struct store *store, const char *source, const char *object, bool *ret_found,
			    int64_t *ret_seq, enum message_state *ret_state, struct error *err)
{
	return store->ops->message_of_object(store, source, object, ret_found, ret_seq, ret_state, err);
}

int store_thread_count(struct store *store, const char *thread, int64_t since_ms, int64_t *ret_count,
		       struct error *err)
{
	return store->ops->thread_count(store, thread, since_ms, ret_count, err);
}

int store_messages_pending(struct store *store, void (*each)(void *ctx, const struct pending_row *row), void *ctx,
			   struct error *err)
{
	return store->ops->messages_pending(store, each, ctx, err);
}

int store_turn_put(struct store *store, const struct turn_row *row, struct error *err)
{
	return store->ops->turn_put(store, row, err);
}

int store_turn_end(struct store *store, int64_t seq, int64_t now_ms, struct error *err)
{
	return store->ops->turn_end(store, seq, now_ms, err);
}

int store_turn_delete(struct store *store, int64_t seq, struct error *err)
{
	return store->ops->turn_delete(store, seq, err);
}

int store_turns_each(struct store *store, void (*each)(void *ctx, const struct turn_row *row), void *ctx,
		     struct error *err)
{
	return store->ops->turns_each(store, each, ctx, err);
}

int store_attempt_put(struct store *store, const struct attempt_row *row, struct error *err)
{
	return store->ops->attempt_put(store, row, err);
}

const char *reply_state_name(enum reply_state state)
{
	static const char *const names[] = {
		[REPLY_STATE_QUEUED] = "queued",     [REPLY_STATE_SENDING] = "sending",
		[REPLY_STATE_IN_DOUBT] = "in_doubt", [REPLY_STATE_POSTED] = "posted",
		[REPLY_STATE_FAILED] = "failed",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == REPLY_STATES_, "a name for every state");

	return (unsigned)state < REPLY_STATES_ ? names[state] : "unknown";
}

int store_reply_put(struct store *store, const struct reply_row *row, int64_t *ret_seq, struct error *err)
{
	return store->ops->reply_put(store, row, ret_seq, err);
}

int store_reply_move(struct store *store, const struct reply_change *change, struct error *err)
{
	return store->ops->reply_move(store, change, err);
}

int store_reply_load(struct store *store, int64_t seq, struct arena *arena, struct reply_row *ret,
		     struct error *err)
{
	return store->ops->reply_load(store, seq, arena, ret, err);
}

int store_reply_revise(struct store *store, int64_t seq, const char *text, int64_t now_ms, enum reply_state *ret,
		       struct error *err)
{
	return store->ops->reply_revise(store, seq, text, now_ms, ret, err);
}

int store_reply_status_of(struct store *store, int64_t message_seq, bool *ret_found, int64_t *ret_seq,
			  struct error *err)
{
	return store->ops->reply_status_of(store, message_seq, ret_found, ret_seq, err);
}

int store_replies_pending(struct store *store, void (*each)(void *ctx, const struct reply_row *row), void *ctx,
			  struct error *err)
{
	return store->ops->replies_pending(store, each, ctx, err);
}

int store_reply_is_ours(struct store *store, const char *source, const char *remote_id, bool *ret,
			struct error *err)
{
	return store->ops->reply_is_ours(store, source, remote_id, ret, err);
}

int store_ledger_each(struct store *store, const struct delivery_filter *filter,
		      void (*each)(void *ctx, const struct ledger_row *row), void *ctx, struct error *err)
{
	if (filter->limit < 1 || filter->limit > 1000)
		return error_set(err, ERR_INVALID, "limit must be from 1 to 1000");
	return store->ops->ledger_each(store, filter, each, ctx, err);
}

int store_delivery_visit(struct store *store, const char *id, const struct delivery_visitor *visitor,
			 struct error *err)
{
	return store->ops->delivery_visit(store, id, visitor, err);
}

int store_counts(struct store *store, struct store_counts *ret, struct error *err)
{
	return store->ops->counts(store, ret, err);
}

int store_prune(struct store *store, int64_t before_ms, int limit, int *ret_removed, struct error *err)
{
	return store->ops->prune(store, before_ms, limit, ret_removed, err);
}

int store_note_put(struct store *store, const char *name, const char *value, struct error *err)
{
	return store->ops->note_put(store, name, value, err);
}

int store_note_get(struct store *store, const char *name, struct arena *arena, const char **ret,
		   struct error *err)
{
	return store->ops->note_get(store, name, arena, ret, err);
}
