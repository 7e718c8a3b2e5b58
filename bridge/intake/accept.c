/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping a delivery: everything that must be decided in the same order in which it is kept (seen before? linked? too many?)
 * is decided inside the transaction that keeps it. So there is no gap in which a second delivery, an unlink or a crash could fall.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/log.h"
#include "bridge/intake/intake_private.h"

#define ACCEPT_ARENA ((size_t)8 * 1024 * 1024)
#define HOUR_MS      3600000

struct accept *accept_new(struct intake *intake, struct settings *settings, struct exchange *x, int64_t now_ms)
{
	struct accept *accept = calloc(1, sizeof(*accept));

	if (accept == NULL)
		return NULL;
	accept->arena = arena_new(ACCEPT_ARENA);
	if (accept->arena == NULL) {
		free(accept);
		return NULL;
	}
	accept->intake = intake;
	accept->settings = settings_share(settings);
	accept->exchange = x;
	id_new(now_ms, accept->id);
	accept->row.id = accept->id;
	accept->row.received_ms = now_ms;
	return accept;
}

void accept_free(struct accept *accept)
{
	if (accept == NULL)
		return;
	settings_drop(accept->settings);
	arena_free(accept->arena);
	free(accept);
}

/* ---- inside the transaction ---- */

static const char *seen_key(struct arena *arena, char kind, const char *text)
{
	return text != NULL ? arena_printf(arena, "%c:%s", kind, text) : NULL;
}

static int find_seen(struct accept *accept, struct store *store, const char *key, bool *ret_found, struct error *err)
{
	*ret_found = false;
	return key == NULL ? 0
			   : store_seen_find(store, accept->row.source, key, ret_found, accept->first_id, err);
}

static int put_seen(struct accept *accept, struct store *store, const char *key, struct error *err)
{
	return key == NULL ? 0
			   : store_seen_put(store, accept->row.source, key, accept->id, accept->row.received_ms, err);
}

static void set_ignored(struct candidate *candidate, const char *reason)
{
	candidate->verdict = POLICY_IGNORE;
	candidate->reason = reason;
}

/* An edit reaches what still waits; a deletion withdraws it. Either is itself nothing to forward. */
static int apply_to_earlier(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	bool edit = candidate->event->kind == EVENT_EDIT;
	bool found = false;
	int64_t seq = 0, now = accept->row.received_ms;
	enum message_state state = MESSAGE_IGNORED;

	if (candidate->event->object != NULL &&
	    store_message_of_object(store, accept->row.source, candidate->event->object, &found, &seq, &state, err) != 0)
		return -1;
	if (!found || (state != MESSAGE_QUEUED && state != MESSAGE_VETTING)) {
		set_ignored(candidate, edit ? "an edit; what was forwarded stays as it was"
					    : "a deletion; what was forwarded stays as it was");
		return 0;
	}
	struct message_row row;
	if (store_message_load(store, seq, accept->arena, &row, err) != 0)
		return -1;
	if (edit) {
		/* The prompt ends in the tag of its message, not of this delivery's. */
		char old_tag[MESSAGE_TAG_SIZE], tag[MESSAGE_TAG_SIZE];
		message_tag(candidate->message_id, old_tag);
		message_tag(row.id, tag);
		size_t keep = strlen(candidate->prompt) - strlen(old_tag);
		const char *prompt = arena_printf(accept->arena, "%.*s%s", (int)keep, candidate->prompt, tag);
		if (prompt == NULL)
			return error_set(err, ERR_NO_MEMORY, "out of memory");
		set_ignored(candidate, "an edit; the queued message was updated");
		return store_message_set_prompt(store, seq, prompt, now, err);
	}
	struct message_change change = {
		.seq = seq, .from = state, .to = MESSAGE_IGNORED, .attempts = -1, .due_ms = -1, .now_ms = now,
		.upstream_status = -1, .reason = "withdrawn: deleted at the origin",
	};
	candidate->withdrawn = true;
	candidate->row.seq = seq;
	(void)snprintf(candidate->job_id, sizeof(candidate->job_id), "%s", row.job_id);
	set_ignored(candidate, "a deletion; the queued message was withdrawn");
	return store_message_move(store, &change, err);
}

static int find_job(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	const struct event *event = candidate->event;
	bool found = true;
	enum link_origin origin;

	(void)accept;
	if (event->job_id != NULL)
		(void)snprintf(candidate->job_id, sizeof(candidate->job_id), "%s", event->job_id);
	else if (store_link_find(store, candidate->thread, &found, candidate->job_id, &origin, err) != 0)
		return -1;
	if (!found) {
		candidate->job_id[0] = '\0';
		set_ignored(candidate, "not linked: no job is linked to this thread");
	}
	return 0;
}

static int check_rate(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	int64_t rate = accept->settings->config->limits.thread_rate;
	int64_t count = 0;

	if (rate == 0 || candidate->thread == NULL)
		return 0;
	if (store_thread_count(store, candidate->thread, accept->row.received_ms - HOUR_MS, &count, err) != 0)
		return -1;
	if (count >= rate)
		set_ignored(candidate, "loop breaker: this thread reached limits.thread_rate prompts within an hour");
	return 0;
}

static int put_message(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	const struct event *event = candidate->event;
	bool ignored = candidate->verdict == POLICY_IGNORE;
	enum message_state state = candidate->verdict == POLICY_ASK ? MESSAGE_VETTING : MESSAGE_QUEUED;

	/* An idle job's message goes out right after this commit: it is `sending` from the start, which saves a commit. */
	if (!ignored && state == MESSAGE_QUEUED && deliver_reserve(accept->intake->options.deliver, candidate->job_id)) {
		candidate->reserved = true;
		state = MESSAGE_SENDING;
	} else if (!ignored) {
		deliver_announce(accept->intake->options.deliver, candidate->job_id);
		candidate->announced = true;
	}
	candidate->row = (struct message_row){
		.id = candidate->message_id,
		.delivery_id = accept->id,
		.source = accept->row.source,
		.thread = candidate->thread,
		.job_id = candidate->job_id[0] != '\0' ? candidate->job_id : NULL,
		.object = event->object,
		.event = event->name,
		.author = event->author.login,
		.author_id = event->author.id,
		.url = event->url,
		.place = event->place,
		.prompt = candidate->prompt,
		.state = ignored ? MESSAGE_IGNORED : state,
		.attempts = candidate->reserved ? 1 : 0,
		.created_ms = accept->row.received_ms,
		.updated_ms = accept->row.received_ms,
		.reason = candidate->reason,
	};
	candidate->queued = !ignored;
	return store_message_put(store, &candidate->row, &candidate->row.seq, err);
}

/* One event; *ret_kept: a message row hangs on the delivery. */
static int accept_one(struct accept *accept, struct candidate *candidate, struct store *store, bool *ret_kept,
		      struct error *err)
{
	const struct event *event = candidate->event;
	bool seen = false, ours = false;

	if (candidate->verdict == POLICY_IGNORE)
		return 0; /* by policy: a stranger's text is not kept */
	if (event->kind != EVENT_MESSAGE)
		return apply_to_earlier(accept, candidate, store, err);
	const char *content = seen_key(accept->arena, 'c', event->dedupe);
	if (find_seen(accept, store, content, &seen, err) != 0)
		return -1;
	if (seen) {
		accept->result = ACCEPT_DUPLICATE;
		return 0;
	}
	if (event->object != NULL && event->place != NULL &&
	    store_reply_is_ours(store, accept->row.source, event->object, &ours, err) != 0)
		return -1;
	if (ours) {
		set_ignored(candidate, "own comment");
		return 0;
	}
	if (find_job(accept, candidate, store, err) != 0)
		return -1;
	if (candidate->verdict != POLICY_IGNORE && check_rate(accept, candidate, store, err) != 0)
		return -1;
	if (candidate->verdict != POLICY_IGNORE && put_seen(accept, store, content, err) != 0)
		return -1;
	/* What nobody vouches for is not kept: its author would be asked about only once a job is known. */
	if (candidate->verdict == POLICY_IGNORE && candidate->decided == POLICY_ASK)
		return 0;
	*ret_kept = true;
	return put_message(accept, candidate, store, err);
}

/* What the delivering half was told of messages that were not committed after all. */
static void take_back(struct accept *accept)
{
	struct deliver *deliver = accept->intake->options.deliver;

	for (size_t i = 0; i < accept->count; i++) {
		struct candidate *candidate = &accept->candidates[i];
		if (candidate->reserved)
			deliver_unreserve(deliver, candidate->job_id);
		if (candidate->announced)
			deliver_retract(deliver, candidate->job_id);
		candidate->reserved = false;
		candidate->announced = false;
	}
}

/* The answer follows from the candidates: queued if any is, else a repetition, else the first reason. */
static void conclude(struct accept *accept)
{
	for (size_t i = 0; i < accept->count; i++) {
		if (accept->candidates[i].queued) {
			accept->result = ACCEPT_QUEUED;
			return;
		}
	}
	if (accept->result == ACCEPT_DUPLICATE)
		return;
	accept->result = ACCEPT_IGNORED;
	for (size_t i = 0; i < accept->count && accept->reason == NULL; i++)
		accept->reason = accept->candidates[i].reason;
}

static int accept_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct accept *accept = (struct accept *)item;
	const char *sender = seen_key(accept->arena, 'd', accept->row.sender_id);
	bool seen = false, kept = false;

	take_back(accept); /* when this is the second try */
	accept->result = ACCEPT_IGNORED;
	accept->reason = accept->row.reason;
	for (size_t i = 0; i < accept->count; i++) {
		struct candidate *candidate = &accept->candidates[i];
		candidate->verdict = candidate->decided;
		candidate->reason = candidate->decided_reason;
		candidate->queued = false;
		candidate->withdrawn = false;
	}
	if (accept->count > 0 && find_seen(accept, store, sender, &seen, err) != 0)
		return -1;
	if (seen) {
		accept->result = ACCEPT_DUPLICATE;
		return 0;
	}
	for (size_t i = 0; i < accept->count; i++) {
		if (accept_one(accept, &accept->candidates[i], store, &kept, err) != 0)
			return -1;
	}
	conclude(accept);
	if (accept->result == ACCEPT_DUPLICATE)
		return 0;
	struct delivery_row row = accept->row;
	row.reason = accept->result == ACCEPT_IGNORED ? accept->reason : NULL;
	if (store_delivery_put(store, &row, err) != 0)
		return -1;
	return accept->result == ACCEPT_QUEUED ? put_seen(accept, store, sender, err) : 0;
}

/* ---- after it ---- */

static void log_result(const struct accept *accept)
{
	static const char *const events[] = {
		[ACCEPT_QUEUED] = "delivery.queued", [ACCEPT_IGNORED] = "delivery.ignored",
		[ACCEPT_DUPLICATE] = "delivery.duplicate",
	};
	bool loud = accept->reason != NULL && strncmp(accept->reason, "loop breaker", 12) == 0;
	const char *job = accept->count > 0 && accept->result == ACCEPT_QUEUED ? accept->candidates[0].job_id : NULL;

	log_event(loud ? LOG_WARN : LOG_INFO, events[accept->result], NULL, LOG_STR("source", accept->row.source),
		  LOG_STR("delivery_id", accept->result == ACCEPT_DUPLICATE ? accept->first_id : accept->id),
		  LOG_STR("sender_delivery_id", accept->row.sender_id), LOG_STR("thread", accept->row.thread),
		  LOG_STR("job_id", job), LOG_STR("reason", accept->result == ACCEPT_IGNORED ? accept->reason : NULL));
}

static void hand_over(struct accept *accept)
{
	struct deliver *deliver = accept->intake->options.deliver;

	for (size_t i = 0; i < accept->count; i++) {
		struct candidate *candidate = &accept->candidates[i];
		if (candidate->withdrawn)
			deliver_withdraw(deliver, candidate->job_id, candidate->row.seq);
		if (candidate->queued)
			deliver_add(deliver, &candidate->row);
	}
}

static void answer(struct accept *accept)
{
	struct intake *intake = accept->intake;
	struct exchange *x = accept->exchange;

	switch (accept->result) {
	case ACCEPT_DUPLICATE:
		answer_duplicate(x, accept->first_id);
		return;
	case ACCEPT_IGNORED:
		answer_ignored(x, accept->id, accept->reason);
		return;
	case ACCEPT_QUEUED:
	default:
		break;
	}
	bool wait = accept->wait_ms > 0 && !atomic_load(&intake->draining);
	for (size_t i = 0; wait && i < accept->count; i++) {
		if (accept->candidates[i].queued &&
		    waiters_add(intake->waiters, accept->candidates[i].message_id, accept->id, accept->preference, x,
				clock_mono_ms() + accept->wait_ms))
			return;
	}
	answer_queued(x, accept->id, NULL);
}

static void accept_done(struct commit_item *item, const struct error *err)
{
	struct accept *accept = (struct accept *)item;
	struct intake *intake = accept->intake;

	if (err != NULL) {
		take_back(accept);
		atomic_fetch_add(&intake->refused, 1);
		log_event(LOG_ERROR, "delivery.rejected", "the store cannot keep it; the sender was told to send it again",
			  LOG_STR("source", accept->row.source), LOG_STR("sender_delivery_id", accept->row.sender_id),
			  LOG_STR("error", err->text));
		if (accept->exchange != NULL) {
			struct error told;
			(void)error_set(&told, ERR_STORE, "the delivery cannot be kept right now; send it again later");
			exchange_refuse(accept->exchange, &told);
		}
		accept_free(accept);
		return;
	}
	FAULT_POINT("before-ack");
	atomic_fetch_add(accept->result == ACCEPT_QUEUED    ? &intake->queued
			 : accept->result == ACCEPT_IGNORED ? &intake->ignored
							    : &intake->duplicates,
			 1);
	log_result(accept);
	/* The waiter stands before the message moves, so that no outcome can come too early for it. */
	if (accept->exchange != NULL)
		answer(accept);
	FAULT_POINT("after-ack");
	hand_over(accept);
	accept_free(accept);
}

void accept_submit(struct accept *accept)
{
	struct intake *intake = accept->intake;
	struct error err;

	accept->item.apply = accept_apply;
	accept->item.done = accept_done;
	if (accept->exchange != NULL)
		exchange_suspend(accept->exchange);
	if (committer_push(intake->options.committer, &accept->item))
		return;
	atomic_fetch_add(&intake->refused, 1);
	if (accept->exchange != NULL) {
		(void)error_set(&err, ERR_BUSY, "too much is waiting to be kept; send it again later");
		exchange_refuse(accept->exchange, &err);
	}
	accept_free(accept);
}
