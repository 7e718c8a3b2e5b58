/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/base/json.h"

static void puts_commas_and_names_where_they_belong(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(1000);
	struct json_writer w = JSON_WRITER(&sb);

	(void)state;
	json_begin_object(&w, NULL);
	json_put_str(&w, "s", "a\"b\n");
	json_put_strn(&w, "part", "abcdef", 3);
	json_put_int(&w, "n", INT64_MIN);
	json_put_bool(&w, "t", true);
	json_put_bool(&w, "f", false);
	json_begin_array(&w, "l");
	json_put_int(&w, NULL, 1);
	json_begin_object(&w, NULL);
	json_end_object(&w);
	json_begin_array(&w, NULL);
	json_end_array(&w);
	json_put_str(&w, NULL, "x");
	json_end_array(&w);
	json_begin_object(&w, "o\"");
	json_put_raw(&w, "raw", "{\"a\":[]}");
	json_end_object(&w);
	json_put_time(&w, "at", INT64_C(1776019512007));
	json_end_object(&w);
	assert_string_equal(
		strbuf_str(&sb),
		"{\"s\":\"a\\\"b\\n\",\"part\":\"abc\",\"n\":-9223372036854775808,\"t\":true,"
		"\"f\":false,\"l\":[1,{},[],\"x\"],\"o\\\"\":{\"raw\":{\"a\":[]}},"
		"\"at\":\"2026-04-12T18:45:12.007Z\"}");
}

static void leaves_out_what_is_not_there(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(1000);
	struct json_writer w = JSON_WRITER(&sb);

	(void)state;
	json_begin_object(&w, NULL);
	json_put_str(&w, "a", NULL);
	json_put_strn(&w, "b", NULL, 0);
	json_put_raw(&w, "c", NULL);
	json_put_time(&w, "d", 0);
	json_put_str(&w, "e", "");
	json_begin_array(&w, "f");
	json_put_str(&w, NULL, NULL);
	json_put_str(&w, NULL, NULL);
	json_put_raw(&w, NULL, NULL);
	json_end_array(&w);
	json_end_object(&w);
	assert_string_equal(strbuf_str(&sb), "{\"e\":\"\",\"f\":[null,null,null]}");
}

static void writes_what_the_reader_accepts(void **state)
{
	CLEANUP(strbuf_release) struct strbuf sb = STRBUF(4000);
	struct json_writer w = JSON_WRITER(&sb);
	struct error err = { .code = ERR_NONE };
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	char bytes[255];
	int64_t number;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i + 1);
	json_begin_object(&w, NULL);
	json_put_strn(&w, "any", bytes, sizeof(bytes));
	json_put_int(&w, "max", INT64_MAX);
	json_end_object(&w);
	if (json_read(strbuf_str(&sb), sb.len, NULL, &tree, &err) != 0)
		fail_msg("%s", err.text);
	assert_memory_equal(json_str(tree, "any"), bytes, 127);
	assert_true(json_int(tree, "max", &number));
	assert_int_equal(number, INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_commas_and_names_where_they_belong),
		cmocka_unit_test(leaves_out_what_is_not_there),
		cmocka_unit_test(writes_what_the_reader_accepts),
	};

	return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
