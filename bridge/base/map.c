/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/map.h"

#include <stdint.h>
#include <string.h>

#include "bridge/base/siphash.h"

#define FIRST_SIZE ((size_t)16) /* a power of two, as all sizes */

struct slot {
	const char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

/* Open addressing with linear probing: one block of memory, and removal without tombstones. */
struct map {
	struct slot *slots; /* NULL until something is put */
	size_t size;
	size_t count;
	struct siphash_seed seed;
};

struct map *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	if (map != NULL)
		siphash_seed(&map->seed);
	return map;
}

void map_free(struct map *map)
{
	if (map == NULL)
		return;
	free(map->slots);
	free(map);
}

size_t map_count(const struct map *map)
{
	return map->count;
}

/* Where the key is, or the free slot where it would go. There is always a free one. */
static size_t find(const struct slot *slots, size_t size, const char *key, uint64_t hash)
{
	size_t at = (size_t)hash & (size - 1);

	while (slots[at].key != NULL && (slots[at].hash != hash || strcmp(slots[at].key, key) != 0))
		at = (at + 1) & (size - 1);
	return at;
}

static size_t find_in(const struct map *map, const char *key)
{
	return find(map->slots, map->size, key, siphash(&map->seed, key, strlen(key)));
}

void *map_get(const struct map *map, const char *key)
{
	return map->count == 0 ? NULL : map->slots[find_in(map, key)].value;
}

/* Room for one more with a quarter left free, so that probing stays short and always ends. */
static bool make_room(struct map *map)
{
	if (map->slots != NULL && map->count + 1 <= map->size / 4 * 3)
		return true;
	size_t size = map->slots == NULL ? FIRST_SIZE : map->size * 2;
	struct slot *slots = calloc(size, sizeof(*slots));
	if (slots == NULL)
		return false;
	for (size_t i = 0; i < map->size; i++) {
		const struct slot *old = &map->slots[i];
		if (old->key != NULL)
			slots[find(slots, size, old->key, old->hash)] = *old;
	}
	free(map->slots);
	map->slots = slots;
	map->size = size;
	return true;
}

bool map_put(struct map *map, const char *key, void *value)
{
	uint64_t hash = siphash(&map->seed, key, strlen(key));

	if (map->slots != NULL) {
		struct slot *slot = &map->slots[find(map->slots, map->size, key, hash)];
		if (slot->key != NULL) {
			/* The old key may stand inside the old value. */
			slot->key = key;
			slot->value = value;
			return true;
		}
	}
	if (!make_room(map))
		return false;
	map->slots[find(map->slots, map->size, key, hash)] =
		(struct slot){ .key = key, .value = value, .hash = hash };
	map->count++;
	return true;
}

/*
 * Closes the gap at a free slot: an entry behind it moves up unless its home lies between gap and
 * entry.
 */
static void close_gap(struct map *map, size_t gap)
{
	size_t mask = map->size - 1;

	for (size_t at = (gap + 1) & mask; map->slots[at].key != NULL; at = (at + 1) & mask) {
		size_t home = (size_t)map->slots[at].hash & mask;
		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		map->slots[gap] = map->slots[at];
		map->slots[at] = (struct slot){ .key = NULL };
		gap = at;
	}
}

void *map_remove(struct map *map, const char *key)
{
	if (map->count == 0)
		return NULL;
	size_t at = find_in(map, key);
	void *value = map->slots[at].value;
	if (value == NULL)
		return NULL;
	map->slots[at] = (struct slot){ .key = NULL };
	map->count--;
	close_gap(map, at);
	return value;
}

void *map_next(const struct map *map, size_t *at)
{
	while (*at < map->size) {
		const struct slot *slot = &map->slots[(*at)++];
		if (slot->key != NULL)
			return slot->value;
	}
	return NULL;
}
