/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/secret.h"

static void keeps_a_copy(void **state)
{
	char bytes[] = "s3cr\0et";
	CLEANUP(secret_free_at) struct secret *secret = secret_new(bytes, sizeof(bytes) - 1);

	(void)state;
	memset(bytes, 'x', sizeof(bytes) - 1);
	assert_int_equal(secret_len(secret), 7);
	assert_memory_equal(secret_bytes(secret), "s3cr\0et", 8);
}

static void compares_whole(void **state)
{
	CLEANUP(secret_free_at) struct secret *secret = secret_new("token", 5);

	(void)state;
	assert_true(secret_equals(secret, "token", 5));
	assert_false(secret_equals(secret, "token", 4));
	assert_false(secret_equals(secret, "token", 6));
	assert_false(secret_equals(secret, "tokem", 5));
	assert_false(secret_equals(secret, "Token", 5));
	assert_false(secret_equals(secret, "", 0));
}

static void may_be_empty(void **state)
{
	CLEANUP(secret_free_at) struct secret *secret = secret_new(NULL, 0);

	(void)state;
	assert_int_equal(secret_len(secret), 0);
	assert_string_equal(secret_bytes(secret), "");
	assert_true(secret_equals(secret, "", 0));
	assert_false(secret_equals(secret, "\0", 1));
	secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_copy),
		cmocka_unit_test(compares_whole),
		cmocka_unit_test(may_be_empty),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
