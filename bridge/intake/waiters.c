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

void waiters_finish(struct waiters *waiters, const struct outcome *outcome)
{
	struct waiter *waiter = map_remove(waiters->by_message, outcome->message_id);

	if (waiter == NULL)
		return;
	answer_outcome(waiter->exchange, outcome, waiter->preference);
	waiter->exchange = NULL;
}

void waiters_end(struct waiters *waiters)
{
	(void)waiters_tick(waiters, INT64_MAX);
}

int64_t waiters_tick(struct waiters *waiters, int64_t now_ms)
{
	for (struct waiter *waiter; (waiter = heap_pop(&waiters->deadlines, now_ms)) != NULL;) {
		if (waiter->exchange != NULL) {
			(void)map_remove(waiters->by_message, waiter->message_id);
			answer_queued(waiter->exchange, waiter->delivery_id, waiter->preference);
		}
		free(waiter);
	}
	return heap_next(&waiters->deadlines);
}
