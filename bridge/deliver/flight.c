/* SPDX-License-Identifier: Apache-2.0 */
/* What works on the head of a lane: made, given back, renewed. */
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"

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
	flight->parts = &flight->one;
	flight->count = 1;
	flight->claimed = 1;
	flight->one.waiting = waiting;
	flight->settings = settings_get(deliver->options.settings);
	flight->call.arena = flight->arena;
	flight->call.user = flight;
	return flight;
}

void flight_take_back(struct flight *flight)
{
	struct aftermath *after = &flight->after;

	say_free(after->say);
	command_effects_drop(flight->deliver, after->effects);
	if (after->announced)
		deliver_retract(flight->deliver, after->learned_job);
	*after = (struct aftermath){ 0 };
}

void flight_free(struct flight *flight)
{
	if (flight->counted)
		flight->deliver->calls--;
	vet_uncount(flight);
	if (flight->scouts)
		flight->deliver->scouts--;
	if (flight->probe && flight->deliver->circuit.state == CIRCUIT_UNREACHABLE)
		flight->deliver->circuit.probing = false;
	if (flight->parts != &flight->one)
		free(flight->parts);
	flight_take_back(flight);
	settings_drop(flight->settings);
	arena_free(flight->scratch);
	arena_free(flight->arena);
	free(flight);
}

void flight_let_go(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;

	if (flight->waiting != NULL && flight->waiting->state == MESSAGE_VETTING)
		flight->waiting->claimed = false;
	flight_free(flight);
	lane_unclaim(lane, 0);
	lanes_settle(&deliver->lanes, lane, clock_mono_ms());
}

void flight_again_soon(struct flight *flight, const char *what)
{
	log_event(LOG_ERROR, "message.retry", what, LOG_STR("delivery_id", flight->row.delivery_id),
		  LOG_STR("job_id", flight->lane->job_id));
	flight->waiting->due_ms = clock_mono_ms() + 1000;
	flight_let_go(flight);
}

int flight_renew_arena(struct flight *flight, struct error *err)
{
	struct arena *fresh = arena_new(FLIGHT_ARENA);

	if (fresh == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	arena_free(flight->arena);
	flight->arena = fresh;
	flight->call.arena = fresh;
	return 0;
}

int flight_claim_parts(struct flight *flight)
{
	size_t n = lane_claim(flight->lane, RUN_MAX);

	if (n > 1) {
		struct part *parts = calloc(n, sizeof(*parts));
		if (parts == NULL) {
			lane_unclaim(flight->lane, 0);
			return -1;
		}
		flight->parts = parts;
	}
	flight->count = n;
	flight->claimed = n;
	struct waiting *at = flight->lane->head;
	for (size_t i = 0; i < n; i++, at = at->next)
		flight->parts[i].waiting = at;
	return 0;
}
