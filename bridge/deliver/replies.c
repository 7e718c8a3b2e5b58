/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said back at the origin: a durable queue of its own. One call at a time per source, as forges ask for; the order
 * does not matter. What is said is decided elsewhere (say.c), and how it gets there, too (posting.c).
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/heap.h"
#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"
#include "bridge/deliver/posting.h"

struct replies {
	struct deliver *deliver;
	struct map *outs; /* by source */
	struct heap later;
	size_t count;
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
	for (struct outlet *out; (out = map_next(replies->outs, &at)) != NULL;) {
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

static struct outlet *out_of(struct replies *replies, const char *source)
{
	struct outlet *out = map_get(replies->outs, source);

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
	struct outlet *out = pending->out;

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
	struct outlet *out = out_of(replies, row->source);
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

void replies_settle(struct replies *replies, struct pending *pending, int64_t now_ms)
{
	pending->out->busy = false;
	enqueue(replies, pending, now_ms);
	publish_count(replies);
}

void replies_pop(struct replies *replies, struct pending *pending)
{
	pending->out->busy = false;
	replies->count--;
	free(pending);
	publish_count(replies);
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

int64_t replies_tick(struct replies *replies, struct store *store, int64_t now_ms)
{
	int64_t next = INT64_MAX;
	size_t at = 0;

	for (struct pending *pending; (pending = heap_pop(&replies->later, now_ms)) != NULL;) {
		pending->due_ms = 0;
		enqueue(replies, pending, now_ms);
	}
	for (struct outlet *out; (out = map_next(replies->outs, &at)) != NULL;) {
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
		out->busy = true;
		posting_start(replies->deliver, pending, store, now_ms);
	}
	int64_t later = heap_next(&replies->later);
	return later < next ? later : next;
}
