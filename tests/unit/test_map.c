/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/map.h"
#include "bridge/base/siphash.h"

#define MANY 3000

struct entry {
	char key[24];
	bool in;
	bool walked;
};

static void is_empty_at_first(void **state)
{
	CLEANUP(map_free_at) struct map *map = map_new();
	size_t at = 0;

	(void)state;
	assert_int_equal(map_count(map), 0);
	assert_null(map_get(map, "a"));
	assert_null(map_remove(map, "a"));
	assert_null(map_next(map, &at));
	map_free(NULL);
}

static void puts_replaces_and_removes(void **state)
{
	CLEANUP(map_free_at) struct map *map = map_new();
	int one = 1, two = 2;

	(void)state;
	assert_true(map_put(map, "a", &one));
	assert_true(map_put(map, "", &two));
	assert_ptr_equal(map_get(map, "a"), &one);
	assert_ptr_equal(map_get(map, ""), &two);
	assert_null(map_get(map, "A"));
	assert_true(map_put(map, "a", &two));
	assert_int_equal(map_count(map), 2);
	assert_ptr_equal(map_remove(map, "a"), &two);
	assert_null(map_get(map, "a"));
	assert_null(map_remove(map, "a"));
	assert_int_equal(map_count(map), 1);
}

/* A key mostly stands inside its value, so the new value must bring its own key. */
static void replacing_takes_the_new_key(void **state)
{
	CLEANUP(map_free_at) struct map *map = map_new();
	char old_key[] = "job", new_key[] = "job";

	(void)state;
	assert_true(map_put(map, old_key, old_key));
	assert_true(map_put(map, new_key, new_key));
	memset(old_key, 'x', 3);
	assert_ptr_equal(map_get(map, "job"), new_key);
}

static void compare(const struct map *map, struct entry *entries, size_t count)
{
	size_t expected = 0, walked = 0, at = 0;

	for (size_t i = 0; i < count; i++) {
		expected += entries[i].in;
		entries[i].walked = false;
		assert_ptr_equal(map_get(map, entries[i].key), entries[i].in ? &entries[i] : NULL);
	}
	assert_int_equal(map_count(map), expected);
	for (struct entry *entry; (entry = map_next(map, &at)) != NULL; walked++) {
		assert_true(entry->in);
		assert_false(entry->walked);
		entry->walked = true;
	}
	assert_int_equal(walked, expected);
}

/*
 * Random puts and removals beside a plain array; growth and closing gaps across the end of the
 * table included.
 */
static void agrees_with_a_plain_array(void **state)
{
	CLEANUP(map_free_at) struct map *map = map_new();
	static struct entry entries[MANY];
	uint32_t random = 20260412;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		(void)snprintf(entries[i].key, sizeof(entries[i].key), "thread/%zu", i);
	for (int step = 0; step < 40000; step++) {
		random = random * 1664525U + 1013904223U;
		/* Few keys first, then all: small tables wrap around more often. */
		struct entry *entry = &entries[(random >> 8) % (step < 20000 ? 20U : MANY)];
		if ((random & 0x80U) != 0)
			assert_true(map_put(map, entry->key, entry));
		else
			assert_ptr_equal(map_remove(map, entry->key), entry->in ? entry : NULL);
		entry->in = (random & 0x80U) != 0;
		if (step % 400 == 0)
			compare(map, entries, MANY);
	}
	compare(map, entries, MANY);
}

/* The vectors of the SipHash paper's reference code: key 00 01 … 0f, input 00 01 … (n-1). */
static void hash_has_the_published_values(void **state)
{
	const struct siphash_seed seed = { UINT64_C(0x0706050403020100),
					   UINT64_C(0x0f0e0d0c0b0a0908) };
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
	};
	unsigned char input[16];

	(void)state;
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (unsigned char)i;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(siphash(&seed, input, rows[i].len), rows[i].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_empty_at_first),
		cmocka_unit_test(puts_replaces_and_removes),
		cmocka_unit_test(replacing_takes_the_new_key),
		cmocka_unit_test(agrees_with_a_plain_array),
		cmocka_unit_test(hash_has_the_published_values),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
