/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/utf8.h"

/* A copy of exactly len bytes, so that a sanitizer sees one read too many. */
static char *exact(const char *text, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return copy;
}

/* Every scalar value there is: encode, read back, and no prefix of it is valid. */
static void every_code_point_goes_both_ways(void **state)
{
	char bytes[4];

	(void)state;
	for (uint32_t point = 0; point <= 0x10FFFFU; point++) {
		if (point >= 0xD800U && point <= 0xDFFFU)
			continue;
		uint32_t back = 0;
		size_t len = utf8_encode(point, bytes);
		assert_int_equal(utf8_next(bytes, len, &back), len);
		assert_int_equal(back, point);
		assert_true(utf8_valid(bytes, len));
		for (size_t cut = 1; cut < len; cut++)
			assert_false(utf8_valid(bytes, cut));
	}
}

static void refuses_what_rfc_3629_forbids(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "\x80", 1 },
		{ "\xBF", 1 },
		{ "\xC0\x80", 2 },
		{ "\xC0\xAF", 2 },
		{ "\xC1\xBF", 2 },
		{ "\xE0\x80\xAF", 3 },
		{ "\xE0\x9F\xBF", 3 },
		{ "\xED\xA0\x80", 3 },
		{ "\xED\xBF\xBF", 3 },
		{ "\xF0\x80\x80\xAF", 4 },
		{ "\xF0\x8F\xBF\xBF", 4 },
		{ "\xF4\x90\x80\x80", 4 },
		{ "\xF5\x80\x80\x80", 4 },
		{ "\xF8\x88\x80\x80\x80", 5 },
		{ "\xFE", 1 },
		{ "\xFF", 1 },
		{ "\xC3(", 2 },
		{ "\xE2\x9C(", 3 },
		{ "\xE2(\x93", 3 },
		{ "\xF0\x9F\x91(", 4 },
		{ "\xED\xA0\xBD\xED\xB1\x80", 6 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *bytes = exact(rows[i].bytes, rows[i].len);
		uint32_t point = 12345;
		assert_int_equal(utf8_next(bytes, rows[i].len, &point), 0);
		assert_int_equal(point, 12345);
		assert_false(utf8_valid(bytes, rows[i].len));
		free(bytes);
	}
}

/* The wide step over ASCII must not step over a bad byte, wherever it stands. */
static void finds_a_bad_byte_anywhere(void **state)
{
	char text[40];

	(void)state;
	for (size_t at = 0; at < sizeof(text); at++) {
		memset(text, 'a', sizeof(text));
		assert_true(utf8_valid(text, sizeof(text)));
		text[at] = '\xFF';
		assert_false(utf8_valid(text, sizeof(text)));
	}
	assert_true(utf8_valid("", 0));
	assert_true(utf8_valid("a\0b", 3));
}

static void cuts_between_characters(void **state)
{
	static const char text[] = "a\xC5\xBC\xE2\x9C\x93\xF0\x9F\x91\x80z"; /* 1 2 3 4 1 bytes */
	static const size_t expected[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };

	(void)state;
	for (size_t max = 0; max < sizeof(expected) / sizeof(expected[0]); max++)
		assert_int_equal(utf8_cut(text, sizeof(text) - 1, max), expected[max]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point_goes_both_ways),
		cmocka_unit_test(refuses_what_rfc_3629_forbids),
		cmocka_unit_test(finds_a_bad_byte_anywhere),
		cmocka_unit_test(cuts_between_characters),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
