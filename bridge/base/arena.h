/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded arena: the parts of one delivery live here, travel with it and die in one call. It remembers an
 * overflow (arena_failed) so that callers can check once; bytes that are not given out are poisoned under
 * ASan. Whoever holds the delivery owns its arena; one thread at a time.
 */
#ifndef BRIDGE_BASE_ARENA_H
#define BRIDGE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/cleanup.h"

struct arena;

/* An arena that gives out at most max bytes in all; allocates little until used. NULL: no memory. */
struct arena *arena_new(size_t max);
void arena_free(struct arena *arena);

/* True once any request was refused. What was given out before stays valid. */
bool arena_failed(const struct arena *arena);

/* Zeroed bytes, aligned for any type; NULL (and failed) when the maximum or memory forbids. */
void *arena_alloc(struct arena *arena, size_t size);

/* Copies; NUL-terminated. NULL in gives NULL out (no failure). */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF(2, 3);

DEFINE_CLEANUP(struct arena, arena_free);

#endif
