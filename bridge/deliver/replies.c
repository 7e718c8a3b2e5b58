/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said back at the origin: a durable queue of its own. One call at a time per source, as forges ask for; the order
 * does not matter. A comment is committed as `sending` before it is posted; after a doubtful post its marker is looked for, so
 * that nobody reads the same thing twice. A reaction may be repeated freely, and so may a new text for a comment that stands
 * already. One that was deleted meanwhile is forgotten, and posted as if it never had been: an edit that finds nothing leads to
 * one new comment, or to its refusal. What is said is decided elsewhere (say.c).
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/heap.h"
#include "bridge/base/log.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/deliver_private.h"
#include "bridge/deliver/reply_text.h"

#define CALL_TIMEOUT_MS  20000
#define FIRST_WAIT_MS    2000
#define MAX_WAIT_MS      600000
#define ATTEMPTS_MAX     8
#define GIVE_UP_AFTER_MS (6 * 3600 * 1000LL) /* older words help nobody */
#define LOOK_MAX         ((size_t)8 * 1024 * 1024)
#define REPLY_ARENA      ((size_t)1 * 1024 * 1024)

/* A reply that is not posted yet. */
struct pending {
	struct pending *next;
	struct lane_out *out;
	int64_t seq;
	enum reply_state state;
	int attempts, looks;
	int blind;          /* looks in a row that showed nothing usable */
	int64_t due_ms;     /* mono */
	int64_t created_ms; /* wall */
};

/* One source's way out. */
struct lane_out {
	char source[64];
	struct pending *first, *last; /* due now */
	bool busy;
	int64_t paused_until_ms; /* mono: a rate limit holds for all */
};

struct replies {
	struct deliver *deliver;
	struct map *outs; /* by source */
	struct heap later;
	size_t count;
};

/* One reply on its way: commit item and call, like a flight. */
struct posting {
	struct commit_item item;
	struct call call;
	struct replies *replies;
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

struct replies *replies_new(struct deliver *deliver)
{
	struct replies *replies = calloc(1, sizeof(*replies));

	if (replies == NULL)
		return NULL;
	replies->deliver = deliver;
	replies->outs = map_new();
	if (replies->outs == NULL) {
		free(replies);
		return NULL;
	}
	return replies;
}

static void free_pendings(struct pending *at)
{
	while (at != NULL) {
		struct pending *next = at->next;
		free(at);
		at = next;
	}
}

void replies_free(struct replies *replies)
{
	if (replies == NULL)
		return;
	size_t at = 0;
	for (struct lane_out *out; (out = map_next(replies->outs, &at)) != NULL;) {
		free_pendings(out->first);
		free(out);
	}
	map_free(replies->outs);
	for (struct pending *pending; (pending = heap_pop(&replies->later, INT64_MAX)) != NULL;)
		free(pending);
	heap_release(&replies->later);
	free(replies);
}

/* ---- the queue ---- */

static struct lane_out *out_of(struct replies *replies, const char *source)
{
	struct lane_out *out = map_get(replies->outs, source);

	if (out != NULL)
		return out;
	out = calloc(1, sizeof(*out));
	if (out == NULL)
		return NULL;
	(void)snprintf(out->source, sizeof(out->source), "%s", source);
	if (!map_put(replies->outs, out->source, out)) {
		free(out);
		return NULL;
	}
	return out;
}

static void enqueue(struct replies *replies, struct pending *pending, int64_t now_ms)
{
	struct lane_out *out = pending->out;

	pending->next = NULL;
	if (pending->due_ms > now_ms && heap_push(&replies->later, pending->due_ms, pending))
		return;
	if (out->last != NULL && out->first != NULL)
		out->last->next = pending;
	else
		out->first = pending;
	out->last = pending;
}

static void publish_count(struct replies *replies)
{
	struct deliver *deliver = replies->deliver;

	pthread_mutex_lock(&deliver->lock);
	deliver->stats.replies_waiting = replies->count;
	pthread_mutex_unlock(&deliver->lock);
}

static bool add_pending(struct replies *replies, const struct reply_row *row, int64_t due_mono_ms, int64_t now_ms)
{
	struct lane_out *out = out_of(replies, row->source);
	struct pending *pending = out != NULL ? calloc(1, sizeof(*pending)) : NULL;

	if (pending == NULL)
		return false;
	pending->out = out;
	pending->seq = row->seq;
	pending->state = row->state;
	pending->attempts = row->attempts;
	pending->created_ms = row->created_ms;
	pending->due_ms = due_mono_ms;
	replies->count++;
	enqueue(replies, pending, now_ms);
	publish_count(replies);
	return true;
}

void replies_add(struct replies *replies, const struct reply_row *row)
{
	if (!add_pending(replies, row, 0, clock_mono_ms()))
		log_event(LOG_ERROR, "reply.failed", "out of memory; it waits for the next start",
			  LOG_STR("source", row->source));
}

struct recovery {
	struct replies *replies;
	int64_t mono_ms, wall_ms;
	bool failed;
};

static void recover_reply(void *ctx, const struct reply_row *row)
{
	struct recovery *recovery = ctx;
	int64_t late = row->due_ms > recovery->wall_ms ? row->due_ms - recovery->wall_ms : 0;

	if (!add_pending(recovery->replies, row, late > 0 ? recovery->mono_ms + late : 0, recovery->mono_ms))
		recovery->failed = true;
}

int replies_recover(struct replies *replies, struct store *store, struct error *err)
{
	struct recovery recovery = {
		.replies = replies,
		.mono_ms = clock_mono_ms(),
		.wall_ms = clock_now_ms(),
	};

	if (store_replies_pending(store, recover_reply, &recovery, err) != 0)
		return -1;
	return recovery.failed ? error_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

/* ---- one posting ---- */

static void posting_free(struct posting *posting)
{
	settings_drop(posting->settings);
	arena_free(posting->arena);
	free(posting);
}

static void posting_log(const struct posting *posting)
{
	const struct reply_change *change = &posting->change;
	bool posted = change->to == REPLY_STATE_POSTED;
	bool answer = strcmp(posting->row.kind, "answer") == 0;

	if (posting->result.verdict == REPLY_GONE)
		log_event(LOG_INFO, "reply.gone", "somebody deleted it; it is posted anew",
			  LOG_STR("source", posting->row.source), LOG_STR("reply_id", posting->row.id),
			  LOG_STR("remote_id", posting->row.remote_id),
			  LOG_INT("upstream_status", posting->call.answer.status));
	if (!posted && change->to != REPLY_STATE_FAILED)
		return;
	log_event(posted ? LOG_INFO : LOG_WARN, !posted ? "reply.failed" : answer ? "answer.posted" : "reply.posted",
		  posting->row.kind,
		  LOG_STR("source", posting->row.source), LOG_STR("reason", posted ? NULL : change->error),
		  LOG_STR("reply_id", posting->row.id), LOG_STR("remote_id", change->remote_id),
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

static void record_done(struct commit_item *item, const struct error *err)
{
	struct posting *posting = (struct posting *)item;
	struct replies *replies = posting->replies;
	struct pending *pending = posting->pending;
	const struct reply_change *change = &posting->change;
	int64_t now = clock_mono_ms();

	pending->out->busy = false;
	if (err == NULL)
		posting_log(posting);
	if (err == NULL && posting->again) {
		pending->state = REPLY_STATE_QUEUED;
		pending->attempts = pending->looks = pending->blind = 0;
		pending->due_ms = 0;
		enqueue(replies, pending, now);
	} else if (err != NULL || change->to == REPLY_STATE_POSTED || change->to == REPLY_STATE_FAILED) {
		replies->count--;
		free(pending);
	} else {
		if (posting->result.verdict == REPLY_GONE)
			pending->attempts = 0;
		pending->looks = posting->looking && posting->result.verdict == REPLY_LATER ? pending->looks + 1 : 0;
		if (change->to != REPLY_STATE_IN_DOUBT)
			pending->looks = 0;
		pending->blind = posting->looking && posting->result.verdict == REPLY_UNKNOWN ? pending->blind + 1 : 0;
		pending->state = change->to;
		pending->due_ms = change->due_ms > change->now_ms ? now + change->due_ms - change->now_ms : 0;
		if (posting->result.all && pending->due_ms > pending->out->paused_until_ms)
			pending->out->paused_until_ms = pending->due_ms;
		enqueue(replies, pending, now);
	}
	publish_count(replies);
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
	committer_keep(posting->replies->deliver->committer, &posting->item);
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
	dispatcher_submit(posting->replies->deliver->dispatcher, &posting->call);
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
		posting->pending->out->busy = false;
		posting->pending->due_ms = clock_mono_ms() + 1000;
		enqueue(posting->replies, posting->pending, clock_mono_ms());
		posting_free(posting);
		return;
	}
	FAULT_POINT("after-reply-sending");
	posting->pending->state = REPLY_STATE_SENDING;
	posting->pending->attempts++;
	post(posting);
}

static struct posting *posting_new(struct replies *replies, struct pending *pending, struct store *store)
{
	struct posting *posting = calloc(1, sizeof(*posting));
	struct error err;

	if (posting == NULL)
		return NULL;
	posting->replies = replies;
	posting->pending = pending;
	posting->settings = settings_get(replies->deliver->options.settings);
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

static void start(struct replies *replies, struct pending *pending, struct store *store, int64_t now_ms)
{
	struct posting *posting = posting_new(replies, pending, store);

	if (posting == NULL) {
		pending->due_ms = now_ms + 5000;
		enqueue(replies, pending, now_ms);
		return;
	}
	pending->out->busy = true;
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
		committer_keep(replies->deliver->committer, &posting->item);
	}
}

int64_t replies_tick(struct replies *replies, struct store *store, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	size_t at = 0;

	for (struct pending *pending; (pending = heap_pop(&replies->later, now_ms)) != NULL;) {
		pending->due_ms = 0;
		enqueue(replies, pending, now_ms);
	}
	for (struct lane_out *out; (out = map_next(replies->outs, &at)) != NULL;) {
		if (out->busy || out->first == NULL)
			continue;
		if (out->paused_until_ms > now_ms) {
			next = out->paused_until_ms < next ? out->paused_until_ms : next;
			continue;
		}
		struct pending *pending = out->first;
		out->first = pending->next;
		if (out->first == NULL)
			out->last = NULL;
		start(replies, pending, store, now_ms);
	}
	int64_t later = heap_next(&replies->later);
	return later < next ? later : next;
}
