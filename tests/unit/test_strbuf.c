/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/strbuf.h"
#include "bridge/base/utf8.h"

static void is_a_string_before_anything_is_added(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(10);

	(void)state;
	assert_string_equal(strbuf_str(&sb), "");
	assert_false(strbuf_failed(&sb));
	strbuf_truncate(&sb, 0);
	strbuf_reset(&sb);
	char *text = strbuf_detach(&sb);
	assert_string_equal(text, "");
	free(text);
}

static void appends(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(1000);

	(void)state;
	strbuf_adds(&sb, "a");
	strbuf_adds(&sb, NULL);
	strbuf_add(&sb, "b\0c", 3);
	strbuf_addc(&sb, 'd');
	strbuf_addf(&sb, "%s-%03d", "e", 7);
	strbuf_addf(&sb, "%s", "");
	strbuf_add_i64(&sb, INT64_MIN);
	strbuf_add_i64(&sb, INT64_MAX);
	static const char expected[] = "ab\0cde-007-92233720368547758089223372036854775807";
	assert_int_equal(sb.len, sizeof(expected) - 1);
	assert_memory_equal(strbuf_str(&sb), expected, sizeof(expected));
	assert_false(strbuf_failed(&sb));
}

static void stops_at_its_maximum_for_good(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(5);

	(void)state;
	strbuf_adds(&sb, "12345");
	assert_false(strbuf_failed(&sb));
	strbuf_adds(&sb, "");
	assert_false(strbuf_failed(&sb));
	strbuf_addc(&sb, '6');
	assert_true(strbuf_failed(&sb));
	strbuf_truncate(&sb, 1);
	strbuf_addc(&sb, 'x');
	strbuf_addf(&sb, "%d", 1);
	assert_string_equal(strbuf_str(&sb), "1");
	strbuf_reset(&sb);
	assert_false(strbuf_failed(&sb));
	strbuf_addf(&sb, "%d", 123456);
	assert_true(strbuf_failed(&sb));
	assert_string_equal(strbuf_str(&sb), "");
	strbuf_release(&sb);
	strbuf_adds(&sb, "again");
	assert_string_equal(strbuf_str(&sb), "again");
}

static void huge_requests_do_not_wrap(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(100);

	(void)state;
	strbuf_adds(&sb, "x");
	strbuf_add(&sb, "y", SIZE_MAX);
	assert_true(strbuf_failed(&sb));
	assert_string_equal(strbuf_str(&sb), "x");
}

static void hands_its_content_over(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(10);

	(void)state;
	strbuf_adds(&sb, "mine");
	char *text = strbuf_detach(&sb);
	assert_string_equal(text, "mine");
	free(text);
	assert_int_equal(sb.len, 0);
	strbuf_adds(&sb, "0123456789");
	assert_false(strbuf_failed(&sb));
	strbuf_truncate(&sb, 100);
	assert_int_equal(sb.len, 10);
	strbuf_truncate(&sb, 3);
	assert_string_equal(strbuf_str(&sb), "012");
}

static void escapes_json(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *expected;
	} rows[] = {
		{ NULL, 0, "\"\"" },
		{ "plain /text", 11, "\"plain /text\"" },
		{ "\"\\", 2, "\"\\\"\\\\\"" },
		{ "\n\r\t\b\x01", 5, "\"\\n\\r\\t\\u0008\\u0001\"" },
		{ "a\0b", 3, "\"a\\u0000b\"" },
		{ "\x7F", 1, "\"\\u007f\"" },
		{ "\xC2\x85", 2, "\"\\u0085\"" },
		{ "\xC2\xA0", 2, "\"\xC2\xA0\"" },
		{ "\xE2\x80\xA8\xE2\x80\xA9", 6, "\"\\u2028\\u2029\"" },
		{ "\xE2\x80\xAA\xE2\x80\xAE\xE2\x81\xA6\xE2\x81\xA9", 12,
		  "\"\\u202a\\u202e\\u2066\\u2069\"" },
		{ "\xE2\x80\x8E\xE2\x80\x8F", 6, "\"\\u200e\\u200f\"" },
		{ "\xC5\xBC\xE2\x9C\x93\xF0\x9F\x91\x80", 9,
		  "\"\xC5\xBC\xE2\x9C\x93\xF0\x9F\x91\x80\"" },
		{ "\xFFx\xC0\xAFy\xED\xA0\x80", 8,
		  "\"\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"" },
		{ "cut\xE2\x9C", 5, "\"cut\xEF\xBF\xBD\xEF\xBF\xBD\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(strbuf_release) struct strbuf sb = STRBUF(1000);
		strbuf_add_json(&sb, rows[i].text, rows[i].len);
		assert_string_equal(strbuf_str(&sb), rows[i].expected);
		assert_true(utf8_valid(strbuf_str(&sb), sb.len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_a_string_before_anything_is_added),
		cmocka_unit_test(appends),
		cmocka_unit_test(stops_at_its_maximum_for_good),
		cmocka_unit_test(huge_requests_do_not_wrap),
		cmocka_unit_test(hands_its_content_over),
		cmocka_unit_test(escapes_json),
	};

	return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
