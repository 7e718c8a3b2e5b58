/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/heap.h"

void heap_release(struct heap *heap)
{
	free(heap->slots);
	*heap = (struct heap){ 0 };
}

bool heap_push(struct heap *heap, int64_t at, void *value)
{
	if (heap->count == heap->cap) {
		size_t cap = heap->cap == 0 ? 64 : heap->cap * 2;
		struct heap_slot *grown = reallocarray(heap->slots, cap, sizeof(*grown));
		if (grown == NULL)
			return false;
		heap->slots = grown;
		heap->cap = cap;
	}
	size_t i = heap->count++;
	while (i > 0 && heap->slots[(i - 1) / 2].at > at) {
		heap->slots[i] = heap->slots[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap->slots[i] = (struct heap_slot){ .at = at, .value = value };
	return true;
}

int64_t heap_next(const struct heap *heap)
{
	return heap->count > 0 ? heap->slots[0].at : INT64_MAX;
}

static void sift_down(struct heap *heap, struct heap_slot moved)
{
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= heap->count)
			break;
		if (child + 1 < heap->count && heap->slots[child + 1].at < heap->slots[child].at)
			child++;
		if (heap->slots[child].at >= moved.at)
			break;
		heap->slots[i] = heap->slots[child];
		i = child;
	}
	heap->slots[i] = moved;
}

void *heap_pop(struct heap *heap, int64_t now)
{
	if (heap->count == 0 || heap->slots[0].at > now)
		return NULL;
	void *value = heap->slots[0].value;
	struct heap_slot last = heap->slots[--heap->count];
	if (heap->count > 0)
		sift_down(heap, last);
	return value;
}
