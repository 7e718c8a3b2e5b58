/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/error.h"
#include "bridge/base/utf8.h"

static void set_fills_and_returns_minus_one(void **state)
{
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_int_equal(error_set(&err, ERR_BUSY, "%d are waiting", 7), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_string_equal(err.text, "7 are waiting");
	assert_int_equal(error_set(NULL, ERR_BUSY, "nobody cares"), -1);
}

static void prefix_keeps_the_code(void **state)
{
	struct error err = { .code = ERR_NONE };

	(void)state;
	(void)error_set(&err, ERR_IO, "no such file");
	assert_int_equal(error_prefix(&err, "open %s: ", "/x"), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.text, "open /x: no such file");
	assert_int_equal(error_prefix(NULL, "x"), -1);
}

/*
 * Whatever the length, an error ends up in JSON: never half a character, and not much less than
 * fits.
 */
static void cuts_between_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 8; shift++) {
		struct error err = { .code = ERR_NONE };
		char text[600] = "";
		memset(text, 'a', shift);
		while (strlen(text) + 5 < sizeof(text))
			memcpy(text + strlen(text), "\xF0\x9F\x91\x80", 5);
		(void)error_set(&err, ERR_INVALID, "%s", text);
		assert_true(strlen(err.text) >= sizeof(err.text) - 8);
		assert_true(utf8_valid(err.text, strlen(err.text)));
		(void)error_prefix(&err, "b: ");
		assert_memory_equal(err.text, "b: ", 3);
		assert_true(strlen(err.text) >= sizeof(err.text) - 8);
		assert_true(utf8_valid(err.text, strlen(err.text)));
	}
}

static void a_long_prefix_leaves_no_room(void **state)
{
	struct error err = { .code = ERR_NONE };

	(void)state;
	(void)error_set(&err, ERR_IO, "why");
	(void)error_prefix(&err, "%0500d", 1);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_int_equal(err.code, ERR_IO);
}

static void codes_have_a_status(void **state)
{
	static const int expected[ERR_CODES_] = {
		[ERR_NONE] = 200,      [ERR_INVALID] = 400,	 [ERR_UNAUTHENTIC] = 401,
		[ERR_NOT_FOUND] = 404, [ERR_METHOD] = 405,	 [ERR_CONFLICT] = 409,
		[ERR_TOO_LARGE] = 413, [ERR_CONTENT_TYPE] = 415, [ERR_BUSY] = 503,
		[ERR_STORE] = 503,     [ERR_CONFIG] = 500,	 [ERR_IO] = 500,
		[ERR_UPSTREAM] = 502,  [ERR_NO_MEMORY] = 503,	 [ERR_INTERNAL] = 500,
	};

	(void)state;
	for (unsigned i = 0; i < ERR_CODES_; i++)
		assert_int_equal(error_http_status((enum error_code)i), expected[i]);
	assert_int_equal(error_http_status(ERR_CODES_), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_and_returns_minus_one),
		cmocka_unit_test(prefix_keeps_the_code),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(a_long_prefix_leaves_no_room),
		cmocka_unit_test(codes_have_a_status),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
