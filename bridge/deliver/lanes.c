/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/lanes.h"

#include <stdio.h>
#include <string.h>

bool lanes_init(struct lanes *lanes)
{
	*lanes = (struct lanes){ .by_job = map_new() };
	return lanes->by_job != NULL;
}

static void lane_free(struct lane *lane)
{
	while (lane->head != NULL) {
		struct waiting *next = lane->head->next;
		free(lane->head);
		lane->head = next;
	}
	free(lane);
}

void lanes_release(struct lanes *lanes)
{
	if (lanes->by_job != NULL) {
		size_t at = 0;
		for (struct lane *lane; (lane = map_next(lanes->by_job, &at)) != NULL;)
			lane_free(lane);
		map_free(lanes->by_job);
	}
	heap_release(&lanes->timers);
	*lanes = (struct lanes){ 0 };
}

static struct lane *lane_get(struct lanes *lanes, const char *job_id)
{
	struct lane *lane = map_get(lanes->by_job, job_id);

	if (lane != NULL)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (lane == NULL)
		return NULL;
	(void)snprintf(lane->job_id, sizeof(lane->job_id), "%s", job_id);
	if (!map_put(lanes->by_job, lane->job_id, lane)) {
		free(lane);
		return NULL;
	}
	return lane;
}

/* A lane goes when nothing stands in it and nothing points to it. */
static void lane_forget(struct lanes *lanes, struct lane *lane)
{
	if (lane->head != NULL || lane->busy || lane->ready || lane->timers > 0 || lane->announced > 0 || lane->turns > 0)
		return;
	(void)map_remove(lanes->by_job, lane->job_id);
	free(lane);
}

static void make_ready(struct lanes *lanes, struct lane *lane)
{
	lane->ready = true;
	lane->next_ready = NULL;
	if (lanes->ready_last != NULL)
		lanes->ready_last->next_ready = lane;
	else
		lanes->ready_first = lane;
	lanes->ready_last = lane;
}

/* Puts an idle lane where its work belongs: among the ready ones, or on the clock. */
static void place(struct lanes *lanes, struct lane *lane, int64_t now_ms)
{
	if (lane->busy || lane->ready || lane->head == NULL || lane_is_held(lane))
		return;
	int64_t due_ms = lane_due(lane);
	if (due_ms > now_ms && heap_push(&lanes->timers, due_ms, lane)) {
		lane->timers++;
		return;
	}
	make_ready(lanes, lane); /* without memory for a timer it runs too early rather than never */
}

struct waiting *lanes_add(struct lanes *lanes, const char *job_id, const struct waiting *message, int64_t now_ms)
{
	struct lane *lane = lane_get(lanes, job_id);
	struct waiting *made = lane != NULL ? malloc(sizeof(*made)) : NULL;

	if (made == NULL) {
		if (lane != NULL)
			lane_forget(lanes, lane);
		return NULL;
	}
	*made = *message;
	lanes->waiting++;
	if (lane_add(lane, made, now_ms))
		place(lanes, lane, now_ms);
	return made;
}

static void set_busy(struct lanes *lanes, struct lane *lane, bool busy)
{
	if (lane->busy == busy)
		return;
	lane->busy = busy;
	lanes->busy += busy ? 1 : (size_t)-1;
}

void lanes_announce(struct lanes *lanes, const char *job_id)
{
	struct lane *lane = lane_get(lanes, job_id);

	if (lane != NULL)
		lane->announced++;
}

void lanes_retract(struct lanes *lanes, const char *job_id)
{
	struct lane *lane = map_get(lanes->by_job, job_id);

	if (lane == NULL || lane->announced == 0)
		return;
	lane->announced--;
	lane_forget(lanes, lane);
}

bool lanes_reserve(struct lanes *lanes, const char *job_id, unsigned pace)
{
	struct lane *lane = lane_get(lanes, job_id);

	if (lane == NULL || !lane_is_free(lane, pace))
		return false;
	set_busy(lanes, lane, true);
	return true;
}

void lanes_unreserve(struct lanes *lanes, const char *job_id)
{
	struct lane *lane = map_get(lanes->by_job, job_id);

	if (lane == NULL)
		return;
	set_busy(lanes, lane, false);
	place(lanes, lane, 0);
	lane_forget(lanes, lane);
}

static void fire_timers(struct lanes *lanes, int64_t now_ms)
{
	for (struct lane *lane; (lane = heap_pop(&lanes->timers, now_ms)) != NULL;) {
		lane->timers--;
		place(lanes, lane, now_ms); /* the head may have changed since the timer was set */
		lane_forget(lanes, lane);
	}
}

struct lane *lanes_next(struct lanes *lanes, int64_t now_ms)
{
	fire_timers(lanes, now_ms);
	while (lanes->ready_first != NULL) {
		struct lane *lane = lanes->ready_first;
		lanes->ready_first = lane->next_ready;
		if (lanes->ready_first == NULL)
			lanes->ready_last = NULL;
		lane->ready = false;
		if (lane->head == NULL || lane->busy || lane_is_held(lane)) {
			lane_forget(lanes, lane);
			continue;
		}
		/* Since it became ready another head may have come: it has to wait again. */
		int64_t due_ms = lane_due(lane);
		if (due_ms > now_ms && heap_push(&lanes->timers, due_ms, lane)) {
			lane->timers++;
			continue;
		}
		set_busy(lanes, lane, true);
		return lane;
	}
	return NULL;
}

void lanes_settle(struct lanes *lanes, struct lane *lane, int64_t now_ms)
{
	set_busy(lanes, lane, false);
	place(lanes, lane, now_ms);
	lane_forget(lanes, lane);
}

void lanes_drop(struct lanes *lanes, struct waiting *waiting)
{
	lanes->waiting--;
	lane_take(waiting->lane, waiting);
}

void lanes_pop(struct lanes *lanes, struct lane *lane, int64_t now_ms)
{
	lanes_drop(lanes, lane->head);
	lanes_settle(lanes, lane, now_ms);
}

bool lanes_remove(struct lanes *lanes, const char *job_id, int64_t seq, int64_t now_ms)
{
	struct lane *lane = map_get(lanes->by_job, job_id);
	struct waiting *found = lane != NULL ? lane_find(lane, seq) : NULL;

	if (found == NULL || found->claimed || (found == lane->head && lane->busy))
		return false;
	bool was_head = found == lane->head;
	lanes_drop(lanes, found);
	if (was_head)
		place(lanes, lane, now_ms);
	lane_forget(lanes, lane);
	return true;
}

void lanes_pop_run(struct lanes *lanes, struct lane *lane, size_t n, int64_t now_ms)
{
	while (n-- > 0 && lane->head != NULL)
		lanes_drop(lanes, lane->head);
	lanes_settle(lanes, lane, now_ms);
}

/* ---- turns ---- */

bool lanes_turn_began(struct lanes *lanes, const char *job_id)
{
	struct lane *lane = lane_get(lanes, job_id);

	if (lane == NULL)
		return false;
	lane->turns++;
	return true;
}

void lanes_turn_ended(struct lanes *lanes, const char *job_id, int64_t now_ms)
{
	struct lane *lane = map_get(lanes->by_job, job_id);

	if (lane == NULL || lane->turns == 0)
		return;
	lane->turns--;
	place(lanes, lane, now_ms);
	lane_forget(lanes, lane);
}

int lanes_turns(const struct lanes *lanes, const char *job_id)
{
	const struct lane *lane = map_get(lanes->by_job, job_id);

	return lane != NULL ? lane->turns : 0;
}

bool lanes_idle(const struct lanes *lanes, const char *job_id)
{
	const struct lane *lane = map_get(lanes->by_job, job_id);

	return lane == NULL || (!lane->busy && lane->announced == 0 &&
				(lane->head == NULL || lane->head->state == MESSAGE_QUEUED));
}

static void move_all(struct lanes *lanes, struct lane *lane, const char *to, int64_t now_ms)
{
	struct lane *other = lane->head != NULL ? lane_get(lanes, to) : NULL;

	if (other == NULL || other == lane)
		return;
	lane_move_all(lane, other);
	place(lanes, other, now_ms);
}

void lanes_pop_start(struct lanes *lanes, struct lane *lane, const char *job_id, int64_t now_ms)
{
	lanes_drop(lanes, lane->head);
	set_busy(lanes, lane, false);
	move_all(lanes, lane, job_id, now_ms);
	place(lanes, lane, now_ms); /* without memory for the other lane they wait here for the next start */
	lane_forget(lanes, lane);
}

void lanes_rename(struct lanes *lanes, const char *from, const char *to, int64_t now_ms)
{
	struct lane *lane = map_get(lanes->by_job, from);

	if (lane == NULL)
		return;
	move_all(lanes, lane, to, now_ms);
	lane_forget(lanes, lane);
}

int64_t lanes_due(const struct lanes *lanes)
{
	return lanes->ready_first != NULL ? 0 : heap_next(&lanes->timers);
}
