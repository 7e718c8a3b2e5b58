/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/lanes.h"

#include <stdio.h>
#include <string.h>

#define WINDOW_MOST 6 /* so many times its patience a burst waits at most */
#define SEARCH_MOST 64 /* so many of a burst are looked at for one that has to be vetted */

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

/* Waits for the end of a turn, not for a time. */
static bool is_held(const struct lane *lane)
{
	const struct waiting *head = lane->head;

	return lane->turns > 0 && (head->pace & MESSAGE_HOLDS) != 0 && head->state == MESSAGE_QUEUED &&
	       head->kind == MESSAGE_CONTINUE;
}

static bool may_join(const struct waiting *waiting)
{
	return waiting->state == MESSAGE_QUEUED && waiting->kind == MESSAGE_CONTINUE && (waiting->pace & MESSAGE_JOINS) != 0;
}

/* One of the burst at the head that is still to be vetted; NULL: none. */
static struct waiting *unvetted(const struct lane *lane)
{
	struct waiting *at = lane->head;

	if (!may_join(at) || (at->pace & MESSAGE_PATIENT) == 0)
		return NULL;
	for (int left = SEARCH_MOST; at != NULL && left > 0; at = at->next, left--) {
		if (at->state == MESSAGE_VETTING && at->kind == MESSAGE_CONTINUE && (at->pace & MESSAGE_PATIENT) != 0)
			return at;
		if (!may_join(at))
			return NULL;
	}
	return NULL;
}

static int64_t lane_due(const struct lane *lane)
{
	const struct waiting *vets = unvetted(lane);

	return vets != NULL && vets->due_ms < lane->head->due_ms ? vets->due_ms : lane->head->due_ms;
}

struct waiting *lanes_work(const struct lane *lane, int64_t now_ms)
{
	struct waiting *vets = unvetted(lane);

	return vets != NULL && vets->due_ms <= now_ms ? vets : lane->head;
}

/* Puts an idle lane where its work belongs: among the ready ones, or on the clock. */
static void place(struct lanes *lanes, struct lane *lane, int64_t now_ms)
{
	if (lane->busy || lane->ready || lane->head == NULL || is_held(lane))
		return;
	int64_t due_ms = lane_due(lane);
	if (due_ms > now_ms && heap_push(&lanes->timers, due_ms, lane)) {
		lane->timers++;
		return;
	}
	make_ready(lanes, lane); /* without memory for a timer it runs too early rather than never */
}

static void put_first(struct lane *lane, struct waiting *made)
{
	made->next = lane->head;
	lane->head = made;
}

static void put_last(struct lane *lane, struct waiting *made)
{
	if (lane->tail != NULL)
		lane->tail->next = made;
	else
		lane->head = made;
	lane->tail = made;
}

/* Opens, prolongs or ends the waiting of a burst. Returns whether its first message is due at another time now. */
static bool update_window(struct lane *lane, struct waiting *made, int64_t now_ms)
{
	struct waiting *first = lane->window;
	bool patient = (made->pace & MESSAGE_PATIENT) != 0;
	bool waits = patient && made->state == MESSAGE_QUEUED && made->attempts == 0 && made->due_ms > now_ms;

	made->window = waits;
	made->window_end_ms = waits ? now_ms + WINDOW_MOST * (made->due_ms - now_ms) : 0;
	if (first == NULL) {
		lane->window = waits ? made : NULL;
		return false;
	}
	if (waits && made->due_ms > first->due_ms) {
		first->due_ms = made->due_ms < first->window_end_ms ? made->due_ms : first->window_end_ms;
		return false; /* its timer comes too early, and is set again */
	}
	if (patient)
		return false;
	first->window = false;
	first->due_ms = 0;
	lane->window = NULL;
	return true;
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
	made->lane = lane;
	made->next = NULL;
	if (made->kind == MESSAGE_START && lane->head != NULL && !lane->busy)
		put_first(lane, made);
	else
		put_last(lane, made);
	lanes->waiting++;
	bool changed = update_window(lane, made, now_ms);
	/* One that is to be vetted may be looked after before the burst that it belongs to. */
	if (lane->head == made || changed || made->state == MESSAGE_VETTING)
		place(lanes, lane, now_ms);
	return made;
}

void lanes_vetted(struct waiting *waiting, int64_t now_ms)
{
	struct lane *lane = waiting->lane;
	struct waiting *first = lane->window;

	for (const struct waiting *at = waiting->next; at != NULL && waiting->due_ms > 0; at = at->next) {
		if ((at->pace & MESSAGE_PATIENT) == 0)
			waiting->due_ms = 0; /* it has ended the waiting already */
	}
	if ((waiting->pace & MESSAGE_PATIENT) == 0 || waiting->due_ms <= now_ms)
		return;
	if (first == NULL || first->seq < waiting->seq) {
		(void)update_window(lane, waiting, now_ms);
		return;
	}
	waiting->window = true;
	waiting->window_end_ms = now_ms + WINDOW_MOST * (waiting->due_ms - now_ms);
	if (waiting->due_ms < first->due_ms)
		waiting->due_ms = first->due_ms;
	lane->window = waiting;
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

	if (lane == NULL || lane->busy || lane->head != NULL || lane->announced > 0 ||
	    (lane->turns > 0 && (pace & MESSAGE_HOLDS) != 0))
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
		if (lane->head == NULL || lane->busy || is_held(lane)) {
			lane_forget(lanes, lane);
			continue;
		}
		/* Since it became ready a turn may have begun, or another head come: it has to wait again. */
		if (is_held(lane))
			continue;
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

/* The next one of the burst, if there is one, is what is waited with from now on. */
static void leave_window(struct lane *lane, struct waiting *waiting)
{
	if (lane->window != waiting)
		return;
	struct waiting *next = waiting->next;
	lane->window = next != NULL && next->window ? next : NULL;
	if (lane->window != NULL && waiting->window && waiting->due_ms > next->due_ms)
		next->due_ms = waiting->due_ms;
}

static void drop_head(struct lanes *lanes, struct lane *lane)
{
	struct waiting *head = lane->head;

	leave_window(lane, head);
	lane->head = head->next;
	if (lane->head == NULL)
		lane->tail = NULL;
	lanes->waiting--;
	free(head);
}

void lanes_pop(struct lanes *lanes, struct lane *lane, int64_t now_ms)
{
	drop_head(lanes, lane);
	lanes_settle(lanes, lane, now_ms);
}

bool lanes_remove(struct lanes *lanes, const char *job_id, int64_t seq, int64_t now_ms)
{
	struct lane *lane = map_get(lanes->by_job, job_id);

	if (lane == NULL || lane->head == NULL)
		return false;
	if (lane->head->seq == seq) {
		if (lane->busy)
			return false;
		drop_head(lanes, lane);
		place(lanes, lane, now_ms);
		lane_forget(lanes, lane);
		return true;
	}
	for (struct waiting *before = lane->head; before->next != NULL; before = before->next) {
		struct waiting *at = before->next;
		if (at->seq != seq)
			continue;
		if (at->claimed)
			return false;
		leave_window(lane, at);
		before->next = at->next;
		if (lane->tail == at)
			lane->tail = before;
		lanes->waiting--;
		free(at);
		return true;
	}
	return false;
}

/* ---- runs ---- */

/* What was sent together is in doubt together: one message of a job is in flight at a time. */
static bool belongs(const struct waiting *head, const struct waiting *waiting)
{
	if (head->state == MESSAGE_IN_DOUBT)
		return waiting->state == MESSAGE_IN_DOUBT && waiting->kind == head->kind;
	return may_join(head) && may_join(waiting);
}

size_t lanes_claim(struct lane *lane, size_t max)
{
	size_t n = 1;

	lane->head->claimed = true;
	for (struct waiting *at = lane->head->next; at != NULL && n < max && belongs(lane->head, at); at = at->next) {
		at->claimed = true;
		n++;
	}
	/* The waiting is over for all of the burst: what does not fit into this prompt goes with the next, at once. */
	bool goes_on = true;
	for (struct waiting *at = lane->head; at != NULL && (at->claimed || (at->window && goes_on)); at = at->next) {
		leave_window(lane, at);
		if (at->window)
			at->due_ms = 0;
		at->window = false;
		goes_on = (at->pace & MESSAGE_PATIENT) != 0;
	}
	return n;
}

void lanes_unclaim(struct lane *lane, size_t n)
{
	for (struct waiting *at = lane->head; at != NULL && at->claimed; at = at->next) {
		if (n > 0)
			n--;
		else
			at->claimed = false;
	}
}

void lanes_drop(struct lanes *lanes, struct waiting *waiting)
{
	struct lane *lane = waiting->lane;

	if (lane->head == waiting) {
		drop_head(lanes, lane);
		return;
	}
	for (struct waiting *before = lane->head; before != NULL; before = before->next) {
		if (before->next != waiting)
			continue;
		leave_window(lane, waiting);
		before->next = waiting->next;
		if (lane->tail == waiting)
			lane->tail = before;
		lanes->waiting--;
		free(waiting);
		return;
	}
}

void lanes_pop_run(struct lanes *lanes, struct lane *lane, size_t n, int64_t now_ms)
{
	while (n-- > 0 && lane->head != NULL)
		drop_head(lanes, lane);
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
	for (struct waiting *at = lane->head; at != NULL; at = at->next) {
		at->lane = other;
		if (at->window)
			at->due_ms = 0; /* it has waited for the start */
		at->window = false;
	}
	if (other->tail != NULL)
		other->tail->next = lane->head;
	else
		other->head = lane->head;
	other->tail = lane->tail;
	lane->head = NULL;
	lane->tail = NULL;
	lane->window = NULL;
	place(lanes, other, now_ms);
}

void lanes_pop_start(struct lanes *lanes, struct lane *lane, const char *job_id, int64_t now_ms)
{
	drop_head(lanes, lane);
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
