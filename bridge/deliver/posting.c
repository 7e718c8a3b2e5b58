/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reply on its way. A comment is committed as `sending` before it is posted; after a doubtful post its marker is looked for, so
 * that nobody reads the same thing twice. A reaction may be repeated freely, and so may a new text for a comment that stands
 * already. One that was deleted meanwhile is forgotten, and posted as if it never had been: an edit that finds nothing leads to
 * one new comment, or to its refusal.
 */
#include "bridge/deliver/posting.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/log.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/reply_text.h"

#define CALL_TIMEOUT_MS  20000
#define FIRST_WAIT_MS    2000
#define MAX_WAIT_MS      600000
#define ATTEMPTS_MAX     8
#define GIVE_UP_AFTER_MS (6 * 3600 * 1000LL) /* older words help nobody */
#define LOOK_MAX         ((size_t)8 * 1024 * 1024)
#define REPLY_ARENA      ((size_t)1 * 1024 * 1024)

/* One reply on its way: commit item and call, like a flight. Whoever holds it owns it. */
struct posting {
	struct commit_item item;
	struct call call;
	struct deliver *deliver;
	struct pending *pending;
	struct settings *settings;
	struct arena *arena;
	struct reply_row row;
	struct reply_order order;
	char marker[REPLY_MARKER_SIZE];
	bool looking;
	bool editing;        /* the comment stands already, and gets a new text */
	bool again;          /* the text changed while it was on its way: once more */
	struct reply_result result;
	struct reply_change change;
};

static void posting_free(struct posting *posting)
{
	settings_drop(posting->settings);
	arena_free(posting->arena);
	free(posting);
}

static void posting_log(const struct posting *posting)
{
	const struct reply_row *row = &posting->row;
	const struct reply_change *change = &posting->change;
	bool posted = change->to == REPLY_STATE_POSTED, gone = posting->result.verdict == REPLY_GONE;
	bool answer = strcmp(row->kind, "answer") == 0;

	if (!posted && !gone && change->to != REPLY_STATE_FAILED)
		return;
	log_event(posted || gone ? LOG_INFO : LOG_WARN,
		  gone		? "reply.gone"
		  : !posted	? "reply.failed"
		  : answer	? "answer.posted"
				: "reply.posted",
		  gone ? "somebody deleted it; it is posted anew" : row->kind, LOG_STR("source", row->source),
		  LOG_STR("delivery_id", row->delivery_id), LOG_STR("thread", row->thread),
		  LOG_STR("reason", posted || gone ? NULL : change->error), LOG_STR("reply_id", row->id),
		  LOG_STR("remote_id", gone ? row->remote_id : change->remote_id),
		  LOG_INT("attempt", posting->pending->attempts),
		  LOG_INT("upstream_status", posting->call.answer.status));
}

static int record_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct posting *posting = (struct posting *)item;
	const struct reply_change *change = &posting->change;

	posting->again = false;
	if (store_reply_move(store, change, err) != 0)
		return -1;
	if (change->to != REPLY_STATE_POSTED || posting->row.text == NULL)
		return 0;
	/* The text may have changed since it was read for posting. */
	CLEANUP(arena_free_at) struct arena *arena = arena_new(REPLY_ARENA);
	struct reply_row now;
	if (arena == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (store_reply_load(store, change->seq, arena, &now, err) != 0)
		return -1;
	bool found = posting->looking && strcmp(posting->row.kind, "status") == 0; /* who knows which text it has */
	posting->again = found || now.revision > posting->row.revision;
	if (!posting->again)
		return 0;
	struct reply_change back = {
		.seq = change->seq, .from = REPLY_STATE_POSTED, .to = REPLY_STATE_QUEUED, .attempts = 0, .due_ms = 0,
		.now_ms = change->now_ms,
	};
	return store_reply_move(store, &back, err);
}

/* It waits for another try. */
static void wait_again(struct posting *posting, int64_t now_ms)
{
	struct pending *pending = posting->pending;
	const struct reply_change *change = &posting->change;
	enum reply_verdict verdict = posting->result.verdict;
	bool doubt = change->to == REPLY_STATE_IN_DOUBT;

	if (verdict == REPLY_GONE)
		pending->attempts = 0;
	pending->looks = doubt && posting->looking && verdict == REPLY_LATER ? pending->looks + 1 : 0;
	pending->blind = posting->looking && verdict == REPLY_UNKNOWN ? pending->blind + 1 : 0;
	pending->state = change->to;
	pending->due_ms = change->due_ms > change->now_ms ? now_ms + change->due_ms - change->now_ms : 0;
	if (posting->result.all && pending->due_ms > pending->out->paused_until_ms)
		pending->out->paused_until_ms = pending->due_ms;
}

static void record_done(struct commit_item *item, const struct error *err)
{
	struct posting *posting = (struct posting *)item;
	struct replies *replies = posting->deliver->replies;
	struct pending *pending = posting->pending;
	bool over = posting->change.to == REPLY_STATE_POSTED || posting->change.to == REPLY_STATE_FAILED;
	int64_t now = clock_mono_ms();

	if (err == NULL)
		posting_log(posting);
	if (err != NULL || (over && !posting->again)) {
		replies_pop(replies, pending);
	} else if (posting->again) {
		pending->state = REPLY_STATE_QUEUED;
		pending->attempts = pending->looks = pending->blind = 0;
		pending->due_ms = 0;
		replies_settle(replies, pending, now);
	} else {
		wait_again(posting, now);
		replies_settle(replies, pending, now);
	}
	posting_free(posting);
}

/* A reaction, and a new text for a comment that stands: doing it twice is doing it once. */
static bool may_repeat(const struct posting *posting)
{
	return posting->row.text == NULL || posting->editing;
}

/* Decides what the answer means for the row. Dispatcher's thread, on values of the posting only. */
static void decide(struct posting *posting, int64_t now_ms)
{
	struct reply_change *change = &posting->change;
	const struct reply_result *result = &posting->result;
	const struct pending *pending = posting->pending;
	int64_t wait = result->wait_ms >= 0 ? result->wait_ms
					    : backoff_ms(pending->attempts + 1 + pending->blind, FIRST_WAIT_MS, MAX_WAIT_MS);
	bool held = result->verdict == REPLY_LATER && result->all && !posting->looking;
	if (held && posting->pending->attempts > 0)
		posting->pending->attempts--; /* a rate limit is not this reply's failure */
	bool spent = (!held && pending->attempts >= ATTEMPTS_MAX) || now_ms - pending->created_ms > GIVE_UP_AFTER_MS;

	*change = (struct reply_change){
		.seq = pending->seq, .from = pending->state, .attempts = pending->attempts, .due_ms = -1, .now_ms = now_ms,
		.error = result->text,
	};
	switch (result->verdict) {
	case REPLY_POSTED:
		change->to = REPLY_STATE_POSTED;
		change->remote_id = posting->editing ? NULL : result->remote_id;
		return;
	case REPLY_REFUSED:
		change->to = REPLY_STATE_FAILED;
		return;
	case REPLY_GONE:
		/* No failed try: the comment that follows is tried as often as any, and once if it is late. */
		change->to = REPLY_STATE_QUEUED;
		change->remote_id = "";
		change->attempts = 0;
		change->due_ms = 0;
		return;
	case REPLY_UNKNOWN:
		change->to = may_repeat(posting) ? REPLY_STATE_QUEUED : REPLY_STATE_IN_DOUBT;
		if (posting->looking || may_repeat(posting))
			change->due_ms = now_ms + (wait > 1000 ? wait : 1000);
		break;
	case REPLY_LATER:
	default:
		change->to = REPLY_STATE_QUEUED;
		change->due_ms = now_ms + wait;
		if (posting->looking && !result->all && pending->looks == 0) {
			/* Absent once may be too early: see DOUBT_GRACE_MS. */
			change->to = REPLY_STATE_IN_DOUBT;
			change->due_ms = now_ms + DOUBT_GRACE_MS;
		} else if (posting->looking && result->all) {
			change->to = REPLY_STATE_IN_DOUBT; /* the look itself was refused */
		}
		break;
	}
	if (spent)
		change->to = REPLY_STATE_FAILED;
}

static void posting_record(struct posting *posting)
{
	decide(posting, clock_now_ms());
	posting->item.apply = record_apply;
	posting->item.done = record_done;
	committer_keep(posting->deliver->committer, &posting->item);
}

static const struct source *source_of(const struct posting *posting)
{
	return settings_source_by_name(posting->settings, posting->row.source);
}

static void answered(struct call *call)
{
	struct posting *posting = call->user;
	const struct source *source = source_of(posting);
	const struct forge *forge = source->handler->forge;
	int64_t now = clock_now_ms();

	FAULT_POINT("after-reply-answer");
	posting->result = (struct reply_result){ .wait_ms = -1 };
	if (call->result == CALL_ANSWERED && posting->editing)
		forge->edit_read(source->state, &call->answer, now, posting->arena, &posting->result);
	else if (call->result == CALL_ANSWERED && posting->looking)
		forge->lookup_read(source->state, &posting->order, &call->answer, now, posting->arena, &posting->result);
	else if (call->result == CALL_ANSWERED)
		forge->reply_read(source->state, &posting->order, &call->answer, now, posting->arena, &posting->result);
	else
		posting->result = (struct reply_result){
			.verdict = call->result == CALL_NOT_SENT && !posting->looking ? REPLY_LATER : REPLY_UNKNOWN,
			.wait_ms = -1,
			.text = arena_strdup(posting->arena, call->reason),
		};
	if (call->cancelled && posting->pending->attempts > 0 && !posting->looking)
		posting->pending->attempts--;
	posting_record(posting);
}

static void refuse(struct posting *posting, const char *why)
{
	posting->result = (struct reply_result){
		.verdict = REPLY_REFUSED, .text = arena_strdup(posting->arena, why),
	};
	posting_record(posting);
}

static int describe(struct posting *posting, struct error *err)
{
	const struct source *source = source_of(posting);
	const struct forge *forge = source->handler->forge;
	struct http_call_spec *spec = &posting->call.spec;

	if (posting->editing && forge->edit_request == NULL)
		return error_set(err, ERR_NOT_FOUND, "comments cannot be edited here");
	if (posting->editing)
		return forge->edit_request(source->state, &posting->order, posting->row.remote_id, posting->arena, spec, err);
	if (posting->looking)
		return forge->lookup_request(source->state, &posting->order, posting->arena, spec, err);
	return forge->reply_request(source->state, &posting->order, posting->arena, spec, err);
}

static void post(struct posting *posting)
{
	const struct source *source = source_of(posting);
	struct error err;
	int failed = describe(posting, &err);

	if (failed != 0) {
		refuse(posting, err.text);
		return;
	}
	posting->call.arena = posting->arena;
	posting->call.user = posting;
	posting->call.done = answered;
	posting->call.token = source->config->api.token;
	posting->call.timeout_ms = CALL_TIMEOUT_MS;
	posting->call.answer_max = posting->looking ? LOOK_MAX : ANSWER_MAX;
	dispatcher_submit(posting->deliver->dispatcher, &posting->call);
}

/* ---- the claim: a comment is `sending` on disk before its first byte leaves ---- */

static int claim_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct posting *posting = (struct posting *)item;
	struct reply_change change = {
		.seq = posting->pending->seq,
		.from = REPLY_STATE_QUEUED,
		.to = REPLY_STATE_SENDING,
		.attempts = posting->pending->attempts + 1,
		.due_ms = -1,
		.now_ms = clock_now_ms(),
	};

	return store_reply_move(store, &change, err);
}

static void claim_done(struct commit_item *item, const struct error *err)
{
	struct posting *posting = (struct posting *)item;

	if (err != NULL) {
		int64_t now = clock_mono_ms();
		posting->pending->due_ms = now + 1000;
		replies_settle(posting->deliver->replies, posting->pending, now);
		posting_free(posting);
		return;
	}
	FAULT_POINT("after-reply-sending");
	posting->pending->state = REPLY_STATE_SENDING;
	posting->pending->attempts++;
	post(posting);
}

static struct posting *posting_new(struct deliver *deliver, struct pending *pending, struct store *store)
{
	struct posting *posting = calloc(1, sizeof(*posting));
	struct error err;

	if (posting == NULL)
		return NULL;
	posting->deliver = deliver;
	posting->pending = pending;
	posting->settings = settings_get(deliver->options.settings);
	posting->arena = arena_new(FLIGHT_ARENA);
	if (posting->arena == NULL ||
	    store_reply_load(store, pending->seq, posting->arena, &posting->row, &err) != 0) {
		posting_free(posting);
		return NULL;
	}
	reply_marker(posting->row.id, posting->marker);
	posting->order = (struct reply_order){
		.kind = posting->row.text == NULL ? REPLY_REACTION : REPLY_COMMENT,
		.place = posting->row.place,
		.text = posting->row.text,
		.marker = posting->marker,
		.since_ms = posting->row.created_ms,
	};
	return posting;
}

void posting_start(struct deliver *deliver, struct pending *pending, struct store *store, int64_t now_ms)
{
	struct posting *posting = posting_new(deliver, pending, store);

	if (posting == NULL) {
		pending->due_ms = now_ms + 5000;
		replies_settle(deliver->replies, pending, now_ms);
		return;
	}
	const struct source *source = source_of(posting);
	if (source == NULL || !source_can_reply(source)) {
		refuse(posting, "the source takes no replies any more (token, reply or source was removed)");
		return;
	}
	posting->looking = pending->state == REPLY_STATE_IN_DOUBT;
	posting->editing = !posting->looking && posting->row.remote_id != NULL && posting->row.text != NULL;
	if (posting->looking) {
		post(posting);
	} else if (may_repeat(posting)) {
		pending->attempts++;
		post(posting);
	} else {
		posting->item.apply = claim_apply;
		posting->item.done = claim_done;
		committer_keep(deliver->committer, &posting->item);
	}
}
