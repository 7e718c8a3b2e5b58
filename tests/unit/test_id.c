/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/id.h"

#define NOW	INT64_C(1776019512000)
#define THREADS 4
#define IDS	2000

static void has_the_form_of_a_uuid_7(void **state)
{
	char id[ID_SIZE];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		id_new(NOW, id);
		assert_true(id_is_valid(id));
		assert_int_equal(id[14], '7');
		assert_non_null(strchr("89ab", id[19]));
	}
}

/* The first 48 bits are the time, so that ids of two processes sort too. */
static void begins_with_the_time(void **state)
{
	const int64_t later = NOW + INT64_C(86400000);
	char id[ID_SIZE], expected[20];

	(void)state;
	id_new(later, id);
	(void)snprintf(expected, sizeof(expected), "%08jx-%04jx-", (uintmax_t)later >> 16,
		       (uintmax_t)later & 0xFFFFU);
	assert_memory_equal(id, expected, 14);
}

static void ascends_even_when_the_clock_does_not(void **state)
{
	char last[ID_SIZE], id[ID_SIZE];

	(void)state;
	id_new(NOW, last);
	for (int i = 0; i < 20000; i++) {
		/*
		 * More than the 4,096 that one millisecond's counter holds, and a clock that steps
		 * back.
		 */
		id_new(i < 10000 ? NOW : NOW - 5000, id);
		assert_true(strcmp(id, last) > 0);
		memcpy(last, id, ID_SIZE);
	}
}

static void *make_ids(void *arg)
{
	char(*ids)[ID_SIZE] = arg;

	for (int i = 0; i < IDS; i++)
		id_new(NOW, ids[i]);
	return NULL;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void threads_never_get_the_same(void **state)
{
	static char ids[THREADS * IDS][ID_SIZE];
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_ids, ids[i * IDS]), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 1; i < THREADS * IDS; i++) {
		if (i % IDS != 0)
			assert_true(strcmp(ids[i], ids[i - 1]) > 0);
	}
	qsort(ids, THREADS * IDS, ID_SIZE, compare_ids);
	/*
	 * The time and counter alone (the first 18 characters) must differ, not just the random
	 * part.
	 */
	for (int i = 1; i < THREADS * IDS; i++)
		assert_true(strncmp(ids[i], ids[i - 1], 18) != 0);
}

static void refuses_other_forms(void **state)
{
	static const char *const wrong[] = {
		"",
		"01963f3c-1f2a-7d11-8a44-0d8e5a3f9c0",
		"01963f3c-1f2a-7d11-8a44-0d8e5a3f9c011",
		"01963F3C-1F2A-7D11-8A44-0D8E5A3F9C01",
		"01963f3c11f2a-7d11-8a44-0d8e5a3f9c01",
		"01963f3c-1f2a-7d11-8a44-0d8e5a3f9c0g",
		"01963f3c-1f2a-7d11-8a44_0d8e5a3f9c01",
		"-1963f3c-1f2a-7d11-8a44-0d8e5a3f9c01",
	};

	(void)state;
	assert_true(id_is_valid("01963f3c-1f2a-7d11-8a44-0d8e5a3f9c01"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (id_is_valid(wrong[i]))
			fail_msg("%s", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_form_of_a_uuid_7),
		cmocka_unit_test(begins_with_the_time),
		cmocka_unit_test(ascends_even_when_the_clock_does_not),
		cmocka_unit_test(threads_never_get_the_same),
		cmocka_unit_test(refuses_other_forms),
	};

	return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
