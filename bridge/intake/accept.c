/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping a delivery: everything that must be decided in the same order in which it is kept (seen before? linked? too many?)
 * is decided inside the transaction that keeps it (candidate.c). So there is no gap in which a second delivery, an unlink or a crash could fall.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/log.h"
#include "bridge/intake/intake_private.h"

#define ACCEPT_ARENA ((size_t)8 * 1024 * 1024)

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
	for (size_t i = 0; i < accept->count; i++)
		candidate_reset(accept, &accept->candidates[i]);
	arena_free(accept->arena);
	free(accept);
}

/* ---- inside the transaction ---- */

const char *accept_seen_key(struct arena *arena, char kind, const char *text)
{
	return text != NULL ? arena_printf(arena, "%c:%s", kind, text) : NULL;
}

int accept_find_seen(struct accept *accept, struct store *store, const char *key, bool *ret_found, struct error *err)
{
	*ret_found = false;
	return key == NULL ? 0
			   : store_seen_find(store, accept->row.source, key, ret_found, accept->first_id, err);
}

int accept_put_seen(struct accept *accept, struct store *store, const char *key, struct error *err)
{
	return key == NULL ? 0
			   : store_seen_put(store, accept->row.source, key, accept->id, accept->row.received_ms, err);
}

/* For another try, or after all was in vain: what the delivering half was told is taken back. */
static void take_back(struct accept *accept)
{
	for (size_t i = 0; i < accept->count; i++)
		candidate_reset(accept, &accept->candidates[i]);
}

/* The answer follows from the candidates: queued if any is, else a repetition, else the first reason. */
static void conclude(struct accept *accept, bool kept)
{
	for (size_t i = 0; i < accept->count; i++) {
		if (accept->candidates[i].made.queued) {
			accept->result = ACCEPT_QUEUED;
			return;
		}
	}
	if (accept->result == ACCEPT_DUPLICATE && !kept)
		return;
	accept->result = ACCEPT_IGNORED;
	for (size_t i = 0; i < accept->count && accept->reason == NULL; i++)
		accept->reason = accept->candidates[i].made.reason;
}

/* A command was carried out, or somebody was told something: the same delivery must not do it again. */
static bool was_settled(const struct accept *accept)
{
	for (size_t i = 0; i < accept->count; i++) {
		if (accept->candidates[i].made.settled)
			return true;
	}
	return false;
}

static int accept_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct accept *accept = (struct accept *)item;
	const char *sender = accept_seen_key(accept->arena, 'd', accept->row.sender_id);
	bool seen = false, kept = false;

	take_back(accept); /* when this is the second try */
	accept->result = ACCEPT_IGNORED;
	accept->reason = accept->row.reason;
	if (accept->count > 0 && accept_find_seen(accept, store, sender, &seen, err) != 0)
		return -1;
	if (seen) {
		accept->result = ACCEPT_DUPLICATE;
		return 0;
	}
	for (size_t i = 0; i < accept->count; i++) {
		if (candidate_accept(accept, &accept->candidates[i], store, &kept, err) != 0)
			return -1;
	}
	conclude(accept, kept);
	if (accept->result == ACCEPT_DUPLICATE)
		return 0;
	struct delivery_row row = accept->row;
	row.reason = accept->result == ACCEPT_IGNORED ? accept->reason : NULL;
	if (store_delivery_put(store, &row, err) != 0)
		return -1;
	return accept->result == ACCEPT_QUEUED || was_settled(accept) ? accept_put_seen(accept, store, sender, err) : 0;
}

/* ---- after it ---- */

static void log_result(const struct accept *accept)
{
	static const char *const events[] = {
		[ACCEPT_QUEUED] = "delivery.queued", [ACCEPT_IGNORED] = "delivery.ignored",
		[ACCEPT_DUPLICATE] = "delivery.duplicate",
	};
	bool loud = accept->reason != NULL && strncmp(accept->reason, "loop breaker", 12) == 0;
	const char *job = accept->count > 0 && accept->result == ACCEPT_QUEUED ? accept->candidates[0].made.job_id : NULL;

	log_event(loud ? LOG_WARN : LOG_INFO, events[accept->result], NULL, LOG_STR("source", accept->row.source),
		  LOG_STR("delivery_id", accept->result == ACCEPT_DUPLICATE ? accept->first_id : accept->id),
		  LOG_STR("sender_delivery_id", accept->row.sender_id), LOG_STR("thread", accept->row.thread),
		  LOG_STR("job_id", job), LOG_STR("reason", accept->result == ACCEPT_IGNORED ? accept->reason : NULL));
}

static void hand_over(struct accept *accept)
{
	for (size_t i = 0; i < accept->count; i++)
		candidate_hand_over(accept, &accept->candidates[i]);
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
		if (accept->candidates[i].made.queued &&
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
