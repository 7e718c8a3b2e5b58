/* SPDX-License-Identifier: Apache-2.0 */
/* The messages at the head of a lane: the claim, and the call. What it means is in outcome.c, what is kept of it in record.c (design 3.2). */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/deliver/deliver_private.h"

#define VET_AGAIN_MS 100

static const struct config *config_of(const struct flight *flight)
{
	return flight->settings->config;
}

static bool is_start(const struct flight *flight)
{
	return flight->row.kind == MESSAGE_START;
}

/* ---- the call ---- */

static void answered(struct call *call)
{
	struct flight *flight = call->user;
	int64_t now = clock_now_ms();
	int64_t max_wait = config_of(flight)->retry.max_ms;

	FAULT_POINT("after-answer");
	if (flight->looking) {
		char tag[MESSAGE_TAG_SIZE];
		message_tag(flight->row.id, tag);
		flight->sight = nairi_read_messages(call, tag, now, max_wait, &flight->verdict);
	} else if (is_start(flight)) {
		nairi_read_start(call, now, max_wait, &flight->verdict);
	} else {
		nairi_read_continue(call, now, max_wait, &flight->verdict);
	}
	forward_record(flight);
}

void forward_call(struct flight *flight, const char *name, size_t answer_max, void (*done)(struct call *call))
{
	const struct config *config = config_of(flight);

	flight->attempt_call = name;
	flight->call.limited = true;
	flight->call.token = config->nairi.api_key;
	flight->call.timeout_ms = config->nairi.timeout_ms;
	flight->call.answer_max = answer_max;
	flight->call.done = done;
	dispatcher_submit(flight->deliver->dispatcher, &flight->call);
}

static int request_of(struct flight *flight, struct error *err)
{
	const char *url = config_of(flight)->nairi.url;
	struct http_call_spec *spec = &flight->call.spec;

	if (flight->prompt == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (is_start(flight))
		return nairi_start_request(url, flight->row.agent, flight->prompt, flight->row.ask, flight->arena, spec,
					   err);
	return nairi_continue_request(url, flight->row.job_id, flight->prompt, flight->arena, spec, err);
}

void forward_send(struct flight *flight)
{
	const char *name = is_start(flight) ? "start" : "continue";
	struct error err;

	FAULT_POINT("after-sending");
	flight->counted = true;
	flight->prompt = joined_prompt(flight->parts, flight->count, flight->arena);
	if (request_of(flight, &err) != 0) {
		flight->call.result = CALL_NOT_SENT;
		flight->call.started_ms = clock_now_ms();
		(void)snprintf(flight->call.reason, sizeof(flight->call.reason), "%.199s", err.text);
		flight->attempt_call = name;
		answered(&flight->call);
		return;
	}
	forward_call(flight, name, ANSWER_MAX, answered);
}

static void look(struct flight *flight)
{
	struct error err;

	flight->looking = true;
	flight->counted = true;
	flight->deliver->calls++;
	if (is_start(flight)) {
		start_look(flight);
		return;
	}
	if (nairi_messages_request(config_of(flight)->nairi.url, flight->lane->job_id, flight->arena, &flight->call.spec,
				   &err) != 0) {
		flight_again_soon(flight, err.text);
		return;
	}
	forward_call(flight, "look", LIST_MAX, answered);
}

/* ---- the claim ---- */

/* 0 and part->gone: it was withdrawn meanwhile. */
static int load_part(struct flight *flight, struct part *part, struct store *store, struct error *err)
{
	int failed = store_message_load(store, part->waiting->seq, flight->arena, &part->row, err);

	part->gone = failed != 0 ? err->code == ERR_NOT_FOUND : part->row.state != MESSAGE_QUEUED;
	return failed != 0 && !part->gone ? -1 : 0;
}

static int claim_part(const struct part *part, struct store *store, struct error *err)
{
	struct message_change change = {
		.seq = part->waiting->seq,
		.from = MESSAGE_QUEUED,
		.to = MESSAGE_SENDING,
		.attempts = part->waiting->attempts + 1,
		.due_ms = 0, /* or a restart would wait for the end of a burst before it looks */
		.now_ms = clock_now_ms(),
		.upstream_status = -1,
	};

	return store_message_move(store, &change, err);
}

/* As many of the claimed ones as make one prompt; what does not fit any more waits for the next. */
static int claim_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct flight *flight = (struct flight *)item;
	size_t max = (size_t)config_of(flight)->limits.prompt, used = 0, kept = 0;

	/* Tried again and again while the store refuses: what the last try loaded must not add up. */
	if (flight_renew_arena(flight, err) != 0)
		return -1;
	for (flight->count = 0; flight->count < flight->claimed; flight->count++) {
		struct part *part = &flight->parts[flight->count];
		if (load_part(flight, part, store, err) != 0)
			return -1;
		if (part->gone)
			continue;
		used += joined_size(&part->row);
		if (kept > 0 && used > max)
			break;
		if (claim_part(part, store, err) != 0)
			return -1;
		kept++;
	}
	return 0;
}

/* Those that were withdrawn meanwhile leave the lane; the first of the others leads. Returns how many are left. */
static size_t drop_gone(struct flight *flight)
{
	size_t kept = 0;

	for (size_t i = 0; i < flight->count; i++) {
		struct part *part = &flight->parts[i];
		if (part->gone)
			lanes_drop(&flight->deliver->lanes, part->waiting);
		else
			flight->parts[kept++] = *part;
	}
	flight->count = kept;
	flight->waiting = kept > 0 ? flight->parts[0].waiting : NULL;
	if (kept > 0)
		flight->row = flight->parts[0].row;
	return kept;
}

static void claim_done(struct commit_item *item, const struct error *err)
{
	struct flight *flight = (struct flight *)item;

	if (err != NULL) {
		flight_again_soon(flight, err->text);
		return;
	}
	if (drop_gone(flight) == 0) {
		flight_let_go(flight);
		return;
	}
	lane_unclaim(flight->lane, flight->count);
	for (size_t i = 0; i < flight->count; i++) {
		struct waiting *waiting = flight->parts[i].waiting;
		waiting->state = MESSAGE_SENDING;
		waiting->attempts++;
		waiting->tries = 0;
	}
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

/* Doubtful ones were sent together, and are looked for together. */
static int load_doubtful(struct flight *flight, struct store *store, struct error *err)
{
	for (size_t i = 0; i < flight->count; i++) {
		struct part *part = &flight->parts[i];
		if (store_message_load(store, part->waiting->seq, flight->arena, &part->row, err) != 0)
			return -1;
	}
	flight->row = flight->parts[0].row;
	return 0;
}

static int load_head(struct flight *flight, struct store *store, struct error *err)
{
	if (store_message_load(store, flight->waiting->seq, flight->arena, &flight->row, err) != 0)
		return -1;
	flight->one.row = flight->row;
	return 0;
}

/* There is nothing to call: it is too old, or the job that it was meant for could not be started. */
static bool is_hopeless(const struct flight *flight)
{
	const struct waiting *waiting = flight->waiting;

	/* Doubt is never given up unseen: the author would hear of a failure that was none. Its looks ask for the age. */
	if (waiting->state == MESSAGE_IN_DOUBT)
		return false;
	return outcome_is_old(flight, clock_now_ms()) ||
	       (waiting->state == MESSAGE_QUEUED && waiting->kind == MESSAGE_CONTINUE &&
		job_id_is_provisional(flight->lane->job_id));
}

static void start_loaded(struct flight *flight, struct store *store, int64_t now_ms)
{
	struct deliver *deliver = flight->deliver;
	struct error err;

	if (flight->waiting->state == MESSAGE_VETTING) {
		vet_start(flight, store, now_ms);
		return;
	}
	flight->probe = deliver->circuit.state == CIRCUIT_UNREACHABLE;
	if (flight->probe)
		deliver->circuit.probing = true;
	if (flight_claim_parts(flight) != 0) {
		flight_again_soon(flight, "out of memory");
	} else if (flight->waiting->state != MESSAGE_IN_DOUBT) {
		claim(flight);
	} else if (load_doubtful(flight, store, &err) != 0) {
		flight_again_soon(flight, err.text);
	} else {
		look(flight);
	}
}

void forward_start(struct deliver *deliver, struct store *store, struct lane *lane, int64_t now_ms)
{
	struct waiting *waiting = lane_work(lane, now_ms);
	struct error err;

	if (waiting->state == MESSAGE_VETTING && vet_is_full(deliver)) {
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
	waiting->claimed = waiting->state == MESSAGE_VETTING;
	flight->expired = is_hopeless(flight);
	/* Claims and looks load the rows themselves. */
	if ((flight->expired || waiting->state == MESSAGE_VETTING) && load_head(flight, store, &err) != 0) {
		if (err.code == ERR_NOT_FOUND) {
			flight_free(flight);
			lanes_drop(&deliver->lanes, waiting);
			lanes_settle(&deliver->lanes, lane, now_ms);
			return;
		}
		flight_again_soon(flight, err.text);
		return;
	}
	if (flight->expired)
		forward_record(flight);
	else
		start_loaded(flight, store, now_ms);
}
