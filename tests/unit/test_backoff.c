/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/deliver/backoff.h"

#define DAY INT64_C(86400000)

static void doubles_up_to_the_maximum(void **state)
{
	static const struct {
		int attempt;
		int64_t first, max, ceiling;
	} rows[] = {
		{ 1, 1000, 600000, 1000 },    { 2, 1000, 600000, 2000 },       { 3, 1000, 600000, 4000 },
		{ 10, 1000, 600000, 512000 }, { 11, 1000, 600000, 600000 },    { 12, 1000, 600000, 600000 },
		{ 1, 1000, 1000, 1000 },      { 5, 1000, 1000, 1000 },         { 1, 5000, 1000, 1000 },
		{ 1, 1, DAY, 1 },             { 64, 1, DAY, DAY },             { 65, 1, DAY, DAY },
		{ INT32_MAX, 1, DAY, DAY },   { INT32_MAX, 1000, DAY, DAY },   { 0, 1000, 600000, 1000 },
		{ -1, 1000, 600000, 1000 },   { INT32_MIN, 1000, DAY, 1000 },  { 5, 1000, 0, 0 },
		{ 27, 1, DAY, 67108864 },     { 28, 1, DAY, DAY },             { 2, 3, 5, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t got = backoff_ceiling_ms(rows[i].attempt, rows[i].first, rows[i].max);
		if (got != rows[i].ceiling)
			fail_msg("row %zu: %jd", i, (intmax_t)got);
	}
}

static void never_overflows(void **state)
{
	(void)state;
	assert_int_equal(backoff_ceiling_ms(200, 1000, INT64_MAX), INT64_MAX);
	assert_int_equal(backoff_ceiling_ms(INT32_MAX, 3, INT64_MAX - 1), INT64_MAX - 1);
	for (int i = 0; i < 100; i++)
		assert_true(backoff_ms(200, 1, INT64_MAX) >= 0);
}

static void jitters_over_the_whole_range(void **state)
{
	unsigned quarter[4] = { 0 };

	(void)state;
	/* 400 draws: the chance that a quarter stays empty is under 1e-49. */
	for (int i = 0; i < 400; i++) {
		int64_t wait = backoff_ms(4, 1000, 600000);
		assert_true(wait >= 0 && wait <= 8000);
		quarter[wait == 8000 ? 3 : wait / 2000]++;
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(quarter[i] > 0);
}

static void reaches_both_ends(void **state)
{
	unsigned seen[4] = { 0 };

	(void)state;
	for (int i = 0; i < 400; i++) {
		int64_t wait = backoff_ms(1, 3, 3);
		assert_true(wait >= 0 && wait <= 3);
		seen[wait]++;
	}
	assert_true(seen[0] > 0 && seen[3] > 0);
	assert_int_equal(backoff_ms(3, 1000, 0), 0);
	assert_int_equal(backoff_ms(3, 0, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubles_up_to_the_maximum),
		cmocka_unit_test(never_overflows),
		cmocka_unit_test(jitters_over_the_whole_range),
		cmocka_unit_test(reaches_both_ends),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
