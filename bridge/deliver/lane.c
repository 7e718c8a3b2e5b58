/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/lane.h"

#include <stdlib.h>

#define WINDOW_MOST 6 /* so many times its patience a burst waits at most */
#define SEARCH_MOST 64 /* so many of a burst are looked at for one that has to be vetted */

/* ---- what is due ---- */

bool lane_is_free(const struct lane *lane, unsigned pace)
{
	return !lane->busy && lane->head == NULL && lane->announced == 0 &&
	       (lane->turns == 0 || (pace & MESSAGE_HOLDS) == 0);
}

bool lane_is_held(const struct lane *lane)
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

int64_t lane_due(const struct lane *lane)
{
	const struct waiting *vets = unvetted(lane);

	return vets != NULL && vets->due_ms < lane->head->due_ms ? vets->due_ms : lane->head->due_ms;
}

struct waiting *lane_work(const struct lane *lane, int64_t now_ms)
{
	struct waiting *vets = unvetted(lane);

	return vets != NULL && vets->due_ms <= now_ms ? vets : lane->head;
}

/* ---- coming and going ---- */

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

bool lane_add(struct lane *lane, struct waiting *made, int64_t now_ms)
{
	made->lane = lane;
	made->next = NULL;
	if (made->kind == MESSAGE_START && lane->head != NULL && !lane->busy)
		put_first(lane, made);
	else
		put_last(lane, made);
	bool changed = update_window(lane, made, now_ms);
	/* One that is to be vetted may be looked after before the burst that it belongs to. */
	return lane->head == made || changed || made->state == MESSAGE_VETTING;
}

void lane_vetted(struct waiting *waiting, int64_t now_ms)
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

struct waiting *lane_find(const struct lane *lane, int64_t seq)
{
	struct waiting *at = lane->head;

	while (at != NULL && at->seq != seq)
		at = at->next;
	return at;
}

void lane_take(struct lane *lane, struct waiting *waiting)
{
	struct waiting *before = NULL;

	for (struct waiting *at = lane->head; at != waiting; at = at->next)
		before = at;
	leave_window(lane, waiting);
	if (before != NULL)
		before->next = waiting->next;
	else
		lane->head = waiting->next;
	if (lane->tail == waiting)
		lane->tail = before;
	free(waiting);
}

void lane_move_all(struct lane *lane, struct lane *other)
{
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
}

/* ---- runs ---- */

/* What was sent together is in doubt together: one message of a job is in flight at a time. */
static bool belongs(const struct waiting *head, const struct waiting *waiting)
{
	if (head->state == MESSAGE_IN_DOUBT)
		return waiting->state == MESSAGE_IN_DOUBT && waiting->kind == head->kind;
	return may_join(head) && may_join(waiting);
}

size_t lane_claim(struct lane *lane, size_t max)
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

void lane_unclaim(struct lane *lane, size_t n)
{
	for (struct waiting *at = lane->head; at != NULL && at->claimed; at = at->next) {
		if (n > 0)
			n--;
		else
			at->claimed = false;
	}
}
