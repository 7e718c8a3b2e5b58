/* SPDX-License-Identifier: Apache-2.0 */
/* One message at the head of its lane: claim, call, meaning, record (design 3.2). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/log.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/deliver_private.h"

#define VETS_MAX     32  /* permissions asked for at once */
#define VET_AGAIN_MS 100

/* ---- flights ---- */

struct flight *flight_new(struct deliver *deliver, struct lane *lane, struct waiting *waiting)
{
	struct flight *flight = calloc(1, sizeof(*flight));

	if (flight == NULL)
		return NULL;
	flight->arena = arena_new(FLIGHT_ARENA);
	if (flight->arena == NULL) {
		free(flight);
		return NULL;
	}
	flight->deliver = deliver;
	flight->lane = lane;
	flight->waiting = waiting;
	flight->settings = settings_get(deliver->options.settings);
	flight->call.arena = flight->arena;
	flight->call.user = flight;
	return flight;
}

void flight_free(struct flight *flight)
{
	if (flight->counted)
		flight->deliver->calls--;
	if (flight->vets)
		flight->deliver->vets--;
	if (flight->probe && flight->deliver->circuit.state == CIRCUIT_UNREACHABLE)
		flight->deliver->circuit.probing = false;
	settings_drop(flight->settings);
	arena_free(flight->arena);
	free(flight);
}

static const struct config *config_of(const struct flight *flight)
{
	return flight->settings->config;
}

/* Gives the lane back with its head as it is. */
static void let_go(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;

	flight_free(flight);
	lanes_settle(&deliver->lanes, lane, clock_mono_ms());
}

/* A step of ours failed (memory): the head comes back a second later. */
static void try_again_soon(struct flight *flight, const char *what)
{
	log_event(LOG_ERROR, "message.retry", what, LOG_STR("delivery_id", flight->row.delivery_id),
		  LOG_STR("job_id", flight->lane->job_id));
	flight->waiting->due_ms = clock_mono_ms() + 1000;
	let_go(flight);
}

/* ---- the outcome ---- */

static void set_reason(struct flight *flight, const char *fmt, ...) PRINTF(2, 3);
static void set_reason(struct flight *flight, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(flight->final_reason, sizeof(flight->final_reason), fmt, args);
	va_end(args);
	flight->change.reason = flight->final_reason;
}

static void end_failed(struct flight *flight, int64_t now_ms, const char *words)
{
	struct message_change *change = &flight->change;

	change->to = MESSAGE_FAILED;
	change->error = words;
	flight->row.attempts = flight->waiting->attempts;
	flight->with_reply =
		replies_for_failure(flight->settings, &flight->row, words, words == NULL ? flight->final_reason : NULL,
				    words != NULL ? flight->verdict.status : 0, now_ms, flight->arena, &flight->reply);
}

static bool is_old(const struct flight *flight, int64_t now_ms)
{
	return now_ms - flight->waiting->created_ms > config_of(flight)->retry.give_up_after_ms;
}

static void end_expired(struct flight *flight, int64_t now_ms, const char *last)
{
	bool known = last != NULL && last[0] != '\0';

	set_reason(flight, "gave up after %lld s, retry.give_up_after%s%s",
		   (long long)(config_of(flight)->retry.give_up_after_ms / 1000), known ? ": " : "", known ? last : "");
	end_failed(flight, now_ms, NULL);
}

/* Back into the queue, or given up when it was tried often or long enough. */
static void end_later(struct flight *flight, int64_t now_ms, int64_t wait_ms)
{
	int attempts = flight->waiting->attempts;

	if (attempts >= config_of(flight)->retry.attempts) {
		set_reason(flight, "gave up after %d attempts: %s", attempts, flight->verdict.reason);
		end_failed(flight, now_ms, NULL);
		return;
	}
	if (is_old(flight, now_ms)) {
		end_expired(flight, now_ms, flight->verdict.reason);
		return;
	}
	flight->change.to = MESSAGE_QUEUED;
	flight->change.due_ms = now_ms + wait_ms;
	set_reason(flight, "%s", flight->verdict.reason);
}

static void end_forwarded(struct flight *flight, int64_t now_ms)
{
	flight->change.to = MESSAGE_FORWARDED;
	flight->change.message_id = flight->verdict.message_id;
	flight->change.reason = "";
	flight->change.error = "";
	flight->with_reaction =
		replies_for_acceptance(flight->settings, &flight->row, now_ms, flight->arena, &flight->reply);
}

/* Not the message's fault (our key is refused): it is as it was before, and the attempt does not count. */
static void end_unchanged(struct flight *flight)
{
	flight->change.to = flight->looking ? MESSAGE_IN_DOUBT : MESSAGE_QUEUED;
	if (!flight->looking)
		flight->change.attempts = flight->waiting->attempts > 0 ? flight->waiting->attempts - 1 : 0;
	flight->change.due_ms = 0;
	set_reason(flight, "%s", flight->verdict.reason);
}

static int64_t retry_wait(const struct flight *flight, int attempt)
{
	const struct config *config = config_of(flight);

	return flight->verdict.wait_ms >= 0 ? flight->verdict.wait_ms
					    : backoff_ms(attempt, config->retry.first_ms, config->retry.max_ms);
}

static void decide_continue(struct flight *flight, int64_t now_ms)
{
	if (flight->call.cancelled) {
		end_unchanged(flight); /* we are shutting down and it never left: as if it had not been claimed */
		return;
	}
	switch (flight->verdict.meaning) {
	case NAIRI_FORWARDED:
		end_forwarded(flight, now_ms);
		break;
	case NAIRI_REFUSED:
		set_reason(flight, "%s", flight->verdict.reason);
		end_failed(flight, now_ms, flight->verdict.error);
		break;
	case NAIRI_KEY:
		end_unchanged(flight);
		break;
	case NAIRI_LATER:
		end_later(flight, now_ms, retry_wait(flight, flight->waiting->attempts));
		break;
	case NAIRI_DOUBT:
	default:
		flight->change.to = MESSAGE_IN_DOUBT;
		flight->change.due_ms = 0;
		set_reason(flight, "%s", flight->verdict.reason);
		break;
	}
}

/*
 * In doubt, and we looked. The first absence is not believed yet: whoever took the request may still be working on
 * it. The second one, after the grace and the back-off, is; then the message goes again at once.
 */
static void decide_look(struct flight *flight, int64_t now_ms)
{
	struct waiting *waiting = flight->waiting;
	int64_t wait = retry_wait(flight, waiting->attempts + waiting->tries);

	if (flight->sight == NAIRI_FOUND) {
		end_forwarded(flight, now_ms);
	} else if (flight->sight == NAIRI_ABSENT && waiting->looks > 0) {
		(void)snprintf(flight->verdict.reason, sizeof(flight->verdict.reason), "%s",
			       flight->row.reason != NULL && flight->row.reason[0] != '\0' ? flight->row.reason
											   : "no answer");
		end_later(flight, now_ms, 0);
	} else if (flight->sight == NAIRI_ABSENT) {
		flight->change.to = MESSAGE_IN_DOUBT;
		flight->change.due_ms = now_ms + (wait > DOUBT_GRACE_MS ? wait : DOUBT_GRACE_MS);
	} else if (flight->verdict.meaning == NAIRI_KEY || flight->call.cancelled) {
		end_unchanged(flight);
	} else if (is_old(flight, now_ms)) {
		end_expired(flight, now_ms, "it may have arrived, and the list that would tell could not be read");
	} else {
		flight->change.to = MESSAGE_IN_DOUBT;
		flight->change.due_ms = now_ms + (wait > 1000 ? wait : 1000);
	}
}

static void decide_expired(struct flight *flight, int64_t now_ms)
{
	if (flight->waiting->state == MESSAGE_VETTING) {
		flight->change.to = MESSAGE_IGNORED;
		set_reason(flight, "the author's permission could not be checked in time");
		return;
	}
	end_expired(flight, now_ms, flight->row.reason);
}

/* Fills flight->change from what the call came to. Committer's thread, once per flight. */
static void decide(struct flight *flight)
{
	int64_t now = clock_now_ms();
	struct waiting *waiting = flight->waiting;

	flight->change = (struct message_change){
		.seq = waiting->seq,
		.from = waiting->state,
		.attempts = -1,
		.due_ms = -1,
		.now_ms = now,
		.upstream_status = flight->verdict.status > 0 ? flight->verdict.status : -1,
	};
	if (flight->expired)
		decide_expired(flight, now);
	else if (waiting->state == MESSAGE_VETTING)
		vet_decide(flight, now);
	else if (flight->looking)
		decide_look(flight, now);
	else
		decide_continue(flight, now);
}

/* ---- recording it ---- */

static int record_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct flight *flight = (struct flight *)item;
	struct message_change *change = &flight->change;

	if (change->seq == 0)
		decide(flight);
	if (store_message_move(store, change, err) != 0)
		return -1;
	/* The words of somebody who may not speak are not kept. */
	if (change->from == MESSAGE_VETTING && change->to == MESSAGE_IGNORED &&
	    store_message_set_prompt(store, change->seq, "", change->now_ms, err) != 0)
		return -1;
	if (flight->attempt_call != NULL) {
		struct attempt_row attempt = {
			.message_seq = change->seq,
			.number = flight->waiting->attempts,
			.call = flight->attempt_call,
			.started_ms = flight->call.started_ms,
			.duration_ms = flight->call.duration_ms,
			.upstream_status = flight->verdict.status,
			.outcome = change->to == MESSAGE_FORWARDED ? "forwarded" : flight->verdict.reason,
		};
		if (store_attempt_put(store, &attempt, err) != 0)
			return -1;
	}
	if (flight->with_reply || flight->with_reaction)
		return store_reply_put(store, &flight->reply, &flight->reply.seq, err);
	return 0;
}

static void log_outcome(struct flight *flight)
{
	static const struct {
		enum log_level level;
		const char *event;
	} lines[MESSAGE_STATES_] = {
		[MESSAGE_VETTING] = { LOG_DEBUG, "message.vetting" }, [MESSAGE_QUEUED] = { LOG_INFO, "message.retry" },
		[MESSAGE_SENDING] = { LOG_DEBUG, "message.sending" }, [MESSAGE_IN_DOUBT] = { LOG_WARN, "message.in_doubt" },
		[MESSAGE_FORWARDED] = { LOG_INFO, "message.forwarded" }, [MESSAGE_FAILED] = { LOG_WARN, "message.failed" },
		[MESSAGE_IGNORED] = { LOG_INFO, "delivery.ignored" },
	};
	const struct message_change *change = &flight->change;
	const struct message_row *row = &flight->row;

	if (change->from == MESSAGE_VETTING && change->to == MESSAGE_QUEUED)
		return; /* may speak: nothing that an operator needs to hear */
	bool news = change->from != change->to;
	log_event(news ? lines[change->to].level : LOG_DEBUG, lines[change->to].event, NULL, LOG_STR("source", row->source),
		  LOG_STR("delivery_id", row->delivery_id), LOG_STR("thread", row->thread),
		  LOG_STR("job_id", flight->lane->job_id), LOG_STR("message_id", change->message_id),
		  LOG_INT("attempt", flight->waiting->attempts), LOG_INT("upstream_status", flight->verdict.status),
		  LOG_STR("error", change->error), LOG_STR("reason", change->reason),
		  LOG_INT("duration_ms", flight->call.duration_ms));
}

static void feed_circuit(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	struct circuit *circuit = &deliver->circuit;
	const struct nairi_verdict *verdict = &flight->verdict;
	int64_t now = clock_mono_ms();

	if (flight->attempt_call == NULL || flight->waiting->state == MESSAGE_VETTING || flight->call.cancelled)
		return;
	if (verdict->meaning == NAIRI_KEY) {
		if (circuit_key_refused(circuit, false, now))
			log_event(LOG_ERROR, "circuit.opened",
				  "Nairi refuses our API key; everything is kept queued. Check nairi.api_key, then send SIGHUP",
				  LOG_INT("upstream_status", verdict->status), LOG_STR("error", verdict->error));
	} else if (verdict->unreachable) {
		if (circuit_failure(circuit, flight->lane->job_id, flight->probe, now))
			log_event(LOG_WARN, "circuit.opened", "calls fail for several jobs; one message at a time tries",
				  LOG_STR("reason", verdict->reason));
	} else if (circuit_success(circuit)) {
		log_event(LOG_INFO, "circuit.closed", "the API answers again", LOG_STR("reason", NULL));
	}
	pthread_mutex_lock(&deliver->lock);
	(void)snprintf(deliver->stats.circuit_reason, sizeof(deliver->stats.circuit_reason), "%s",
		       circuit->state == CIRCUIT_CLOSED ? "" : verdict->reason);
	pthread_mutex_unlock(&deliver->lock);
}

static void tell_waiter(struct flight *flight)
{
	const struct message_change *change = &flight->change;
	struct outcome outcome = {
		.message_id = flight->waiting->id,
		.delivery_id = flight->row.delivery_id,
		.job_id = flight->lane->job_id,
		.state = change->to,
		.nairi_message_id = change->message_id,
		.error = change->error != NULL && change->error[0] != '\0' ? change->error : change->reason,
		.reason = change->reason,
		.upstream_status = flight->verdict.status,
	};

	flight->deliver->options.on_final(flight->deliver->options.ctx, &outcome);
}

/* The memory's copy follows the store. */
static void update_waiting(struct flight *flight)
{
	const struct message_change *change = &flight->change;
	struct waiting *waiting = flight->waiting;
	bool same = change->from == change->to;

	waiting->tries = same && flight->sight != NAIRI_ABSENT ? waiting->tries + 1 : 0;
	waiting->looks = same && flight->looking && flight->sight == NAIRI_ABSENT ? waiting->looks + 1
			 : same							  ? waiting->looks
										  : 0;
	waiting->state = change->to;
	if (change->attempts >= 0)
		waiting->attempts = change->attempts;
	waiting->due_ms = change->due_ms > change->now_ms ? clock_mono_ms() + (change->due_ms - change->now_ms) : 0;
}

static void count_outcome(struct deliver *deliver, const struct message_change *change)
{
	if (change->to == MESSAGE_FORWARDED)
		deliver_count(deliver, &deliver->stats.forwarded);
	else if (change->to == MESSAGE_FAILED)
		deliver_count(deliver, &deliver->stats.failed);
	else if (change->to == MESSAGE_IN_DOUBT && change->from != MESSAGE_IN_DOUBT)
		deliver_count(deliver, &deliver->stats.doubted);
	else if (change->to == MESSAGE_QUEUED && change->from != MESSAGE_VETTING)
		deliver_count(deliver, &deliver->stats.retried);
}

static void record_done(struct commit_item *item, const struct error *err)
{
	struct flight *flight = (struct flight *)item;
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;

	if (err != NULL) {
		/* The row is not as we left it (withdrawn meanwhile), or the process is ending: the store knows better. */
		if (err->code != ERR_CONFLICT)
			log_event(LOG_ERROR, "store.failed", "an outcome was not recorded; the next start settles it",
				  LOG_STR("delivery_id", flight->row.delivery_id), LOG_STR("error", err->text));
		flight_free(flight);
		lanes_pop(&deliver->lanes, lane, clock_mono_ms());
		return;
	}
	FAULT_POINT("after-record");
	bool final = message_is_final(flight->change.to);
	feed_circuit(flight);
	log_outcome(flight);
	count_outcome(deliver, &flight->change);
	if (flight->with_reply || flight->with_reaction)
		replies_add(deliver->replies, &flight->reply);
	if (final)
		tell_waiter(flight);
	else
		update_waiting(flight);
	flight_free(flight);
	if (final)
		lanes_pop(&deliver->lanes, lane, clock_mono_ms());
	else
		lanes_settle(&deliver->lanes, lane, clock_mono_ms());
}

void forward_record(struct flight *flight)
{
	flight->item.apply = record_apply;
	flight->item.done = record_done;
	committer_keep(flight->deliver->committer, &flight->item);
}

/* ---- the call ---- */

static void answered(struct call *call)
{
	struct flight *flight = call->user;
	int64_t now = clock_now_ms();
	int64_t max_wait = config_of(flight)->retry.max_ms;

	if (flight->looking) {
		char tag[MESSAGE_TAG_SIZE];
		message_tag(flight->row.id, tag);
		flight->sight = nairi_read_messages(call, tag, now, max_wait, &flight->verdict);
	} else {
		nairi_read_continue(call, now, max_wait, &flight->verdict);
	}
	forward_record(flight);
}

static void submit(struct flight *flight, const char *name, size_t answer_max)
{
	const struct config *config = config_of(flight);

	flight->attempt_call = name;
	flight->call.limited = true;
	flight->call.token = config->nairi.api_key;
	flight->call.timeout_ms = config->nairi.timeout_ms;
	flight->call.answer_max = answer_max;
	flight->call.done = answered;
	dispatcher_submit(flight->deliver->dispatcher, &flight->call);
}

void forward_send(struct flight *flight)
{
	struct error err;

	FAULT_POINT("after-sending");
	flight->counted = true;
	if (nairi_continue_request(config_of(flight)->nairi.url, flight->row.job_id, flight->row.prompt, flight->arena,
				   &flight->call.spec, &err) != 0) {
		flight->call.result = CALL_NOT_SENT;
		flight->call.started_ms = clock_now_ms();
		(void)snprintf(flight->call.reason, sizeof(flight->call.reason), "%.199s", err.text);
		flight->attempt_call = "continue";
		answered(&flight->call);
		return;
	}
	submit(flight, "continue", ANSWER_MAX);
}

static void look(struct flight *flight)
{
	struct error err;

	flight->looking = true;
	flight->counted = true;
	flight->deliver->calls++;
	if (nairi_messages_request(config_of(flight)->nairi.url, flight->lane->job_id, flight->arena, &flight->call.spec,
				   &err) != 0) {
		try_again_soon(flight, err.text);
		return;
	}
	submit(flight, "look", LIST_MAX);
}

/* ---- the claim ---- */

static int claim_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct flight *flight = (struct flight *)item;
	struct message_change change = {
		.seq = flight->waiting->seq,
		.from = MESSAGE_QUEUED,
		.to = MESSAGE_SENDING,
		.attempts = flight->waiting->attempts + 1,
		.due_ms = -1,
		.now_ms = clock_now_ms(),
		.upstream_status = -1,
	};

	if (store_message_move(store, &change, err) != 0)
		return -1;
	/* Tried again and again while the store refuses: what the last try loaded must not add up. */
	struct arena *fresh = arena_new(FLIGHT_ARENA);
	if (fresh == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	arena_free(flight->arena);
	flight->arena = fresh;
	flight->call.arena = fresh;
	flight->row = (struct message_row){ .seq = change.seq };
	return store_message_load(store, change.seq, flight->arena, &flight->row, err);
}

static void claim_done(struct commit_item *item, const struct error *err)
{
	struct flight *flight = (struct flight *)item;
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;

	if (err != NULL) {
		if (err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND) {
			/* Withdrawn while the claim was on its way. */
			flight_free(flight);
			lanes_pop(&deliver->lanes, lane, clock_mono_ms());
			return;
		}
		try_again_soon(flight, err->text);
		return;
	}
	flight->waiting->state = MESSAGE_SENDING;
	flight->waiting->attempts++;
	flight->waiting->tries = 0;
	forward_send(flight);
}

static void claim(struct flight *flight)
{
	flight->counted = true;
	flight->deliver->calls++;
	flight->item.apply = claim_apply;
	flight->item.done = claim_done;
	committer_keep(flight->deliver->committer, &flight->item);
}

void forward_start(struct deliver *deliver, struct store *store, struct lane *lane, int64_t now_ms)
{
	struct waiting *waiting = lane->head;
	struct error err;

	if (waiting->state == MESSAGE_VETTING && deliver->vets >= VETS_MAX) {
		waiting->due_ms = now_ms + VET_AGAIN_MS;
		lanes_settle(&deliver->lanes, lane, now_ms);
		return;
	}
	struct flight *flight = flight_new(deliver, lane, waiting);
	if (flight == NULL) {
		waiting->due_ms = now_ms + 1000;
		lanes_settle(&deliver->lanes, lane, now_ms);
		return;
	}
	/* Doubt is never given up unseen: the author would hear of a failure that was none. Its looks ask for the age. */
	bool old = waiting->state != MESSAGE_IN_DOUBT && is_old(flight, clock_now_ms());
	/* A claim loads the row itself, inside its transaction. */
	if ((old || waiting->state != MESSAGE_QUEUED) &&
	    store_message_load(store, waiting->seq, flight->arena, &flight->row, &err) != 0) {
		if (err.code == ERR_NOT_FOUND) {
			flight_free(flight);
			lanes_pop(&deliver->lanes, lane, now_ms);
			return;
		}
		try_again_soon(flight, err.text);
		return;
	}
	if (old) {
		flight->expired = true;
		forward_record(flight);
		return;
	}
	if (waiting->state == MESSAGE_VETTING) {
		flight->vets = true;
		deliver->vets++;
		vet_start(flight, now_ms);
		return;
	}
	flight->probe = deliver->circuit.state == CIRCUIT_UNREACHABLE;
	if (flight->probe)
		deliver->circuit.probing = true;
	if (waiting->state == MESSAGE_IN_DOUBT)
		look(flight);
	else
		claim(flight);
}
