/* SPDX-License-Identifier: Apache-2.0 */
/* A binary min-heap of (moment, value), for what is due later. One thread at a time. */
#ifndef BRIDGE_BASE_HEAP_H
#define BRIDGE_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/cleanup.h"

struct heap_slot {
	int64_t at;
	void *value;
};

struct heap {
	struct heap_slot *slots;
	size_t count, cap;
};

void heap_release(struct heap *heap); /* not the values */
bool heap_push(struct heap *heap, int64_t at, void *value) MUST_CHECK; /* false: no memory */
int64_t heap_next(const struct heap *heap); /* the earliest moment; INT64_MAX when empty */
/* The earliest value if its moment is not after now; else NULL. */
void *heap_pop(struct heap *heap, int64_t now);

#endif
