/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/arena.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

static void gives_zeroed_aligned_bytes_that_do_not_overlap(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1U << 20);
	static const size_t sizes[] = { 1, 3, 16, 17, 4000, 5000, 70000, 0, 1, 200000, 8 };
	unsigned char *given[sizeof(sizes) / sizeof(sizes[0])];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		given[i] = arena_alloc(arena, sizes[i]);
		assert_non_null(given[i]);
		assert_int_equal((uintptr_t)given[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(given[i][k], 0);
		memset(given[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(given[i][k], i + 1);
	}
	assert_false(arena_failed(arena));
}

static void refuses_more_than_its_maximum_and_remembers(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1000);

	(void)state;
	char *kept = arena_strdup(arena, "kept");
	assert_non_null(kept);
	assert_null(arena_alloc(arena, 1000));
	assert_true(arena_failed(arena));
	assert_string_equal(kept, "kept");
	/* What still fits is still given out; the failure stays. */
	assert_non_null(arena_alloc(arena, 10));
	assert_true(arena_failed(arena));
}

static void gives_out_exactly_its_maximum(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(10 * 64);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_non_null(arena_alloc(arena, 64));
	assert_false(arena_failed(arena));
	assert_null(arena_alloc(arena, 1));
	assert_true(arena_failed(arena));
}

static void refuses_sizes_that_would_wrap(void **state)
{
	static const size_t huge[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 16 };

	(void)state;
	for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		CLEANUP(arena_free_at) struct arena *arena = arena_new(SIZE_MAX);
		assert_null(arena_alloc(arena, huge[i]));
		assert_non_null(arena_alloc(arena, 1));
		assert_null(arena_alloc(arena, huge[i]));
		assert_null(arena_strndup(arena, "x", huge[i]));
		assert_true(arena_failed(arena));
	}
}

static void copies_strings(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1U << 16);

	(void)state;
	assert_null(arena_strdup(arena, NULL));
	assert_null(arena_strndup(arena, NULL, 5));
	assert_false(arena_failed(arena));
	assert_string_equal(arena_strdup(arena, ""), "");
	assert_string_equal(arena_strdup(arena, "comment"), "comment");
	assert_string_equal(arena_strndup(arena, "comment", 4), "comm");
	assert_memory_equal(arena_strndup(arena, "a\0b", 3), "a\0b", 4);
}

static void formats(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(100);

	(void)state;
	assert_string_equal(arena_printf(arena, "%s#%d", "octo/hello", 42), "octo/hello#42");
	assert_string_equal(arena_printf(arena, "%s", ""), "");
	assert_null(arena_printf(arena, "%200d", 1));
	assert_true(arena_failed(arena));
}

static void takes_null_for_free(void **state)
{
	(void)state;
	arena_free(NULL);
}

#ifdef HAS_ASAN
static void poisons_what_it_did_not_give(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1000);
	const char *bytes = arena_alloc(arena, 10);

	(void)state;
	assert_false(__asan_address_is_poisoned(bytes + 9));
	assert_true(__asan_address_is_poisoned(bytes + 10));
	assert_true(__asan_address_is_poisoned(bytes + 16));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_zeroed_aligned_bytes_that_do_not_overlap),
		cmocka_unit_test(refuses_more_than_its_maximum_and_remembers),
		cmocka_unit_test(gives_out_exactly_its_maximum),
		cmocka_unit_test(refuses_sizes_that_would_wrap),
		cmocka_unit_test(copies_strings),
		cmocka_unit_test(formats),
		cmocka_unit_test(takes_null_for_free),
#ifdef HAS_ASAN
		cmocka_unit_test(poisons_what_it_did_not_give),
#endif
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
