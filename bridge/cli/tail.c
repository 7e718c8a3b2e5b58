/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/tail.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/map.h"

struct seen {
	char id[ID_SIZE];
	char state[16];
};

struct tail {
	struct map *by_id;
	struct seen ring[TAIL_SEEN];
	size_t next;            /* the place that is taken next, and freed for it */
	char newest[ID_SIZE];   /* "" at first */
	char floor[ID_SIZE];    /* what was forgotten is not above it */
};

struct tail *tail_new(void)
{
	struct tail *tail = calloc(1, sizeof(*tail));

	if (tail != NULL)
		tail->by_id = map_new();
	if (tail != NULL && tail->by_id == NULL) {
		free(tail);
		return NULL;
	}
	return tail;
}

void tail_free(struct tail *tail)
{
	if (tail == NULL)
		return;
	map_free(tail->by_id);
	free(tail);
}

/* The first 48 bits of a UUIDv7 are milliseconds since 1970 (RFC 9562 section 5.7). */
static unsigned long long time_of(const char *id)
{
	unsigned high = 0, low = 0;

	if (sscanf(id, "%8x-%4x-", &high, &low) != 2)
		return 0;
	return (unsigned long long)high << 16 | low;
}

void tail_start(const struct tail *tail, char ret_after[ID_SIZE])
{
	unsigned long long ms = time_of(tail->newest);

	ms = ms > TAIL_BACK_MS ? ms - TAIL_BACK_MS : 0;
	(void)snprintf(ret_after, ID_SIZE, "%08llx-%04llx-7000-8000-000000000000", ms >> 16 & 0xFFFFFFFFULL, ms & 0xFFFFULL);
	if (strcmp(tail->floor, ret_after) > 0)
		(void)snprintf(ret_after, ID_SIZE, "%s", tail->floor);
}

static void remember(struct tail *tail, const char *id, const char *state)
{
	struct seen *seen = &tail->ring[tail->next];

	if (seen->id[0] != '\0') {
		(void)map_remove(tail->by_id, seen->id);
		if (strcmp(seen->id, tail->floor) > 0)
			(void)snprintf(tail->floor, sizeof(tail->floor), "%s", seen->id);
	}
	(void)snprintf(seen->id, sizeof(seen->id), "%s", id);
	(void)snprintf(seen->state, sizeof(seen->state), "%s", state);
	if (!map_put(tail->by_id, seen->id, seen))
		(void)snprintf(tail->floor, sizeof(tail->floor), "%s", id); /* rather not shown again than for ever */
	tail->next = (tail->next + 1) % TAIL_SEEN;
}

bool tail_is_news(struct tail *tail, const char *id, const char *state)
{
	if (id == NULL || state == NULL || !id_is_valid(id) || strcmp(id, tail->floor) <= 0)
		return false;
	struct seen *seen = map_get(tail->by_id, id);
	if (strcmp(id, tail->newest) > 0)
		(void)snprintf(tail->newest, sizeof(tail->newest), "%s", id);
	if (seen == NULL) {
		remember(tail, id, state);
		return true;
	}
	if (strcmp(seen->state, state) == 0)
		return false;
	(void)snprintf(seen->state, sizeof(seen->state), "%s", state);
	return true;
}
