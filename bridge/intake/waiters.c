/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that are held back until the outcome is known (`respond: outcome`, `Prefer: wait`). Committer's thread. */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/heap.h"
#include "bridge/base/map.h"
#include "bridge/intake/intake_private.h"

struct waiter {
	char message_id[ID_SIZE];
	char delivery_id[ID_SIZE];
	const char *preference;
	struct exchange *exchange; /* NULL: answered; stays until its moment in the heap */
	struct waiter *next;       /* who waits for the same message: several that one start goes on with */
};

struct waiters {
	struct map *by_message;
	struct heap deadlines;
};

struct waiters *waiters_new(void)
{
	struct waiters *waiters = calloc(1, sizeof(*waiters));

	if (waiters == NULL)
		return NULL;
	waiters->by_message = map_new();
	if (waiters->by_message == NULL) {
		free(waiters);
		return NULL;
	}
	return waiters;
}

void waiters_free(struct waiters *waiters)
{
	if (waiters == NULL)
		return;
	/* Every one is in the heap exactly once. Those who still wait get what is true: it is kept. */
	for (struct waiter *waiter; (waiter = heap_pop(&waiters->deadlines, INT64_MAX)) != NULL;) {
		if (waiter->exchange != NULL)
			answer_queued(waiter->exchange, waiter->delivery_id, NULL);
		free(waiter);
	}
	heap_release(&waiters->deadlines);
	map_free(waiters->by_message);
	free(waiters);
}

bool waiters_add(struct waiters *waiters, const char *message_id, const char *delivery_id, const char *preference,
		 struct exchange *x, int64_t until_ms)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter == NULL)
		return false;
	(void)snprintf(waiter->message_id, sizeof(waiter->message_id), "%s", message_id);
	(void)snprintf(waiter->delivery_id, sizeof(waiter->delivery_id), "%s", delivery_id);
	waiter->preference = preference;
	if (!map_put(waiters->by_message, waiter->message_id, waiter)) {
		free(waiter);
		return false;
	}
	if (!heap_push(&waiters->deadlines, until_ms, waiter)) {
		(void)map_remove(waiters->by_message, waiter->message_id);
		free(waiter);
		return false;
	}
	waiter->exchange = x;
	return true;
}

/* Nobody finds them any more: each is answered in its time. */
static void unchain(struct waiter *first)
{
	for (struct waiter *next; first != NULL; first = next) {
		next = first->next;
		first->next = NULL;
	}
}

/* Its time is over: the others go on waiting. */
static void take_out(struct waiters *waiters, struct waiter *waiter)
{
	struct waiter *first = map_remove(waiters->by_message, waiter->message_id);

	if (first == waiter) {
		first = waiter->next;
	} else {
		for (struct waiter *at = first; at != NULL; at = at->next) {
			if (at->next == waiter)
				at->next = waiter->next;
		}
	}
	if (first != NULL && !map_put(waiters->by_message, first->message_id, first))
		unchain(first);
}

/* Those who wait for a message wait for another one from now on. Without memory they hear 202 in their time. */
static void follow(struct waiters *waiters, struct waiter *first, const char *message_id)
{
	struct waiter *last = map_get(waiters->by_message, message_id), *waiter = first;

	for (; waiter != NULL; waiter = waiter->next)
		(void)snprintf(waiter->message_id, sizeof(waiter->message_id), "%s", message_id);
	if (last == NULL) {
		if (!map_put(waiters->by_message, first->message_id, first))
			unchain(first);
		return;
	}
	while (last->next != NULL)
		last = last->next;
	last->next = first;
}

void waiters_finish(struct waiters *waiters, const struct outcome *outcome)
{
	struct waiter *waiter = map_remove(waiters->by_message, outcome->message_id);

	if (waiter == NULL)
		return;
	if (outcome->becomes != NULL) {
		follow(waiters, waiter, outcome->becomes);
		return;
	}
	for (; waiter != NULL; waiter = waiter->next) {
		struct outcome told = *outcome;
		told.delivery_id = waiter->delivery_id;
		answer_outcome(waiter->exchange, &told, waiter->preference);
		waiter->exchange = NULL;
	}
}

void waiters_end(struct waiters *waiters)
{
	(void)waiters_tick(waiters, INT64_MAX);
}

int64_t waiters_tick(struct waiters *waiters, int64_t now_ms)
{
	for (struct waiter *waiter; (waiter = heap_pop(&waiters->deadlines, now_ms)) != NULL;) {
		if (waiter->exchange != NULL) {
			take_out(waiters, waiter);
			answer_queued(waiter->exchange, waiter->delivery_id, waiter->preference);
		}
		free(waiter);
	}
	return heap_next(&waiters->deadlines);
}
