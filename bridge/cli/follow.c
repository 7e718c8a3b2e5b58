/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/follow.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/map.h"

struct seen {
	char id[ID_SIZE];
	char state[16];
};

struct follow {
	struct map *by_id;
	struct seen ring[FOLLOW_SEEN];
	size_t next;            /* the place that is taken next, and freed for it */
	char newest[ID_SIZE];   /* "" at first */
	char floor[ID_SIZE];    /* what was forgotten is not above it */
};

struct follow *follow_new(void)
{
	struct follow *follow = calloc(1, sizeof(*follow));

	if (follow != NULL)
		follow->by_id = map_new();
	if (follow != NULL && follow->by_id == NULL) {
		free(follow);
		return NULL;
	}
	return follow;
}

void follow_free(struct follow *follow)
{
	if (follow == NULL)
		return;
	map_free(follow->by_id);
	free(follow);
}

/* The first 48 bits of a UUIDv7 are milliseconds since 1970 (RFC 9562 section 5.7). */
static unsigned long long time_of(const char *id)
{
	unsigned high = 0, low = 0;

	if (sscanf(id, "%8x-%4x-", &high, &low) != 2)
		return 0;
	return (unsigned long long)high << 16 | low;
}

void follow_start(const struct follow *follow, char ret_after[ID_SIZE])
{
	unsigned long long ms = time_of(follow->newest);

	ms = ms > FOLLOW_BACK_MS ? ms - FOLLOW_BACK_MS : 0;
	(void)snprintf(ret_after, ID_SIZE, "%08llx-%04llx-7000-8000-000000000000", ms >> 16 & 0xFFFFFFFFULL, ms & 0xFFFFULL);
	if (strcmp(follow->floor, ret_after) > 0)
		(void)snprintf(ret_after, ID_SIZE, "%s", follow->floor);
}

static void remember(struct follow *follow, const char *id, const char *state)
{
	struct seen *seen = &follow->ring[follow->next];

	if (seen->id[0] != '\0') {
		(void)map_remove(follow->by_id, seen->id);
		if (strcmp(seen->id, follow->floor) > 0)
			(void)snprintf(follow->floor, sizeof(follow->floor), "%s", seen->id);
	}
	(void)snprintf(seen->id, sizeof(seen->id), "%s", id);
	(void)snprintf(seen->state, sizeof(seen->state), "%s", state);
	if (!map_put(follow->by_id, seen->id, seen))
		(void)snprintf(follow->floor, sizeof(follow->floor), "%s", id); /* rather not shown again than for ever */
	follow->next = (follow->next + 1) % FOLLOW_SEEN;
}

bool follow_is_news(struct follow *follow, const char *id, const char *state)
{
	if (id == NULL || state == NULL || !id_is_valid(id) || strcmp(id, follow->floor) <= 0)
		return false;
	struct seen *seen = map_get(follow->by_id, id);
	if (strcmp(id, follow->newest) > 0)
		(void)snprintf(follow->newest, sizeof(follow->newest), "%s", id);
	if (seen == NULL) {
		remember(follow, id, state);
		return true;
	}
	if (strcmp(seen->state, state) == 0)
		return false;
	(void)snprintf(seen->state, sizeof(seen->state), "%s", state);
	return true;
}
