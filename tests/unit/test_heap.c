/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bridge/base/heap.h"

#define MANY 5000

static void empty(void **state)
{
	struct heap heap = { 0 };

	(void)state;
	assert_int_equal(heap_next(&heap), INT64_MAX);
	assert_null(heap_pop(&heap, INT64_MAX));
	heap_release(&heap);
	heap_release(&heap);
}

static void gives_only_what_is_due(void **state)
{
	struct heap heap = { 0 };
	int a, b;

	(void)state;
	assert_true(heap_push(&heap, 20, &b));
	assert_true(heap_push(&heap, 10, &a));
	assert_int_equal(heap_next(&heap), 10);
	assert_null(heap_pop(&heap, 9));
	assert_int_equal(heap.count, 2);
	assert_ptr_equal(heap_pop(&heap, 10), &a);
	assert_null(heap_pop(&heap, 19));
	assert_ptr_equal(heap_pop(&heap, 100), &b);
	assert_null(heap_pop(&heap, 100));
	heap_release(&heap);
	assert_true(heap_push(&heap, 1, &a)); /* usable again */
	assert_ptr_equal(heap_pop(&heap, 1), &a);
	heap_release(&heap);
}

static void holds_any_moment(void **state)
{
	static const int64_t moments[] = { 0, INT64_MIN, INT64_MAX, -1, 1 };
	struct heap heap = { 0 };
	int64_t copy[5];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		copy[i] = moments[i];
		assert_true(heap_push(&heap, copy[i], &copy[i]));
	}
	assert_int_equal(*(int64_t *)heap_pop(&heap, INT64_MIN), INT64_MIN);
	assert_null(heap_pop(&heap, INT64_MIN));
	assert_int_equal(*(int64_t *)heap_pop(&heap, 0), -1);
	assert_int_equal(*(int64_t *)heap_pop(&heap, 0), 0);
	assert_int_equal(*(int64_t *)heap_pop(&heap, INT64_MAX - 1), 1);
	assert_null(heap_pop(&heap, INT64_MAX - 1));
	assert_int_equal(*(int64_t *)heap_pop(&heap, INT64_MAX), INT64_MAX);
	heap_release(&heap);
}

struct thing {
	int64_t at;
	int popped;
};

/* Pushes and pops mixed, many equal moments: every value once, never out of order. */
static void sorts(void **state)
{
	static struct thing things[MANY];
	struct heap heap = { 0 };
	size_t pushed = 0, popped = 0;

	(void)state;
	srandom(7);
	while (popped < MANY) {
		if (pushed < MANY && random() % 3 != 0) {
			things[pushed].at = random() % 500;
			assert_true(heap_push(&heap, things[pushed].at, &things[pushed]));
			pushed++;
			continue;
		}
		int64_t now = pushed < MANY ? random() % 500 : INT64_MAX;
		int64_t next = heap_next(&heap);
		struct thing *thing = heap_pop(&heap, now);
		assert_int_equal(thing != NULL, next <= now && next != INT64_MAX);
		if (thing == NULL)
			continue;
		assert_int_equal(thing->at, next);
		assert_int_equal(thing->popped++, 0);
		assert_true(heap_next(&heap) >= thing->at);
		popped++;
		assert_int_equal(heap.count, pushed - popped);
	}
	heap_release(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(gives_only_what_is_due),
		cmocka_unit_test(holds_any_moment),
		cmocka_unit_test(sorts),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
