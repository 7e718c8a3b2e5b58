/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from strings to pointers. Keys are borrowed: they must live as long as their entry (mostly they
 * stand inside the value). The hash is seeded per map, since keys come from outside. One thread at a time.
 */
#ifndef BRIDGE_BASE_MAP_H
#define BRIDGE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/cleanup.h"

struct map;

struct map *map_new(void); /* NULL: no memory */
void map_free(struct map *map); /* not the values; takes NULL */

size_t map_count(const struct map *map);
void *map_get(const struct map *map, const char *key); /* NULL: not there */

/* Adds or replaces; false when memory runs out (the map is then unchanged). value is not NULL. */
bool map_put(struct map *map, const char *key, void *value) MUST_CHECK;
void *map_remove(struct map *map, const char *key); /* returns the value, or NULL */

/* Walks all entries in no order: start with *at = 0; NULL ends. The map must not change meanwhile. */
void *map_next(const struct map *map, size_t *at);

DEFINE_CLEANUP(struct map, map_free);

#endif
