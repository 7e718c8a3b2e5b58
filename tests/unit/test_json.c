/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/json.h"

#define PATHS_MAX 8

/* What is kept of a document, by the paths given (none: the first is NULL and all is set). */
struct row {
	const char *text;
	const char *paths[PATHS_MAX];
	const char *expected;
};

static void check(const struct row *row, bool all)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(4096);
	struct error err = { .code = ERR_NONE };
	struct json_paths *paths = all ? NULL : json_paths_new(row->paths);

	strbuf_adds(&out, ">");
	if (json_extract(row->text, strlen(row->text), paths, &out, &err) != 0)
		fail_msg("%s: %s", row->text, err.text);
	json_paths_free(paths);
	assert_memory_equal(strbuf_str(&out), ">", 1);
	assert_string_equal(strbuf_str(&out) + 1, row->expected);
}

static void keeps_what_is_named(void **state)
{
	static const struct row rows[] = {
		{ "{}", { NULL }, "{}" },
		{ "{\"a\":1}", { NULL }, "{}" },
		{ "{\"a\":1,\"b\":2}", { "b" }, "{\"b\":2}" },
		{ " { \"a\" : 1 , \"b\" : [ 1 , { } ] } ", { "b" }, "{\"b\":[1,{}]}" },
		{ "{\"c\":{\"u\":{\"login\":\"x\",\"id\":1},\"body\":\"b\"},\"z\":0}",
		  { "c.u.login", "c.body" },
		  "{\"c\":{\"u\":{\"login\":\"x\"},\"body\":\"b\"}}" },
		/* the order is the document's, not that of the paths */
		{ "{\"b\":1,\"a\":2}", { "a", "b" }, "{\"b\":1,\"a\":2}" },
		/*
		 * a path that names a container keeps all of it, also beside one that goes into it
		 */
		{ "{\"c\":{\"x\":[true,null],\"y\":{\"z\":1}}}",
		  { "c" },
		  "{\"c\":{\"x\":[true,null],\"y\":{\"z\":1}}}" },
		{ "{\"c\":{\"x\":1,\"y\":2}}", { "c.x", "c" }, "{\"c\":{\"x\":1,\"y\":2}}" },
		{ "{\"c\":{\"x\":1,\"y\":2}}", { "c", "c.x" }, "{\"c\":{\"x\":1,\"y\":2}}" },
		/* absent members stay absent; what is on the way stays, empty */
		{ "{\"c\":{\"q\":1}}", { "c.x", "d.e" }, "{\"c\":{}}" },
		/* names that only begin alike */
		{ "{\"ab\":1,\"a\":2,\"abc\":3}", { "a", "abc" }, "{\"a\":2,\"abc\":3}" },
		{ "{\"A\":1}", { "a" }, "{}" },
		/* the name of nothing */
		{ "{\"\":1,\"a\":{\"\":2}}", { "", "a." }, "{\"\":1,\"a\":{\"\":2}}" },
		/* only members below the top object */
		{ "{\"a\":{\"b\":1},\"b\":2}", { "b" }, "{\"b\":2}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i], false);
}

static void walks_arrays_on_the_way(void **state)
{
	static const struct row rows[] = {
		{ "{\"b\":[{\"n\":1,\"x\":0},{\"n\":2},{}]}",
		  { "b.n" },
		  "{\"b\":[{\"n\":1},{\"n\":2},{}]}" },
		{ "{\"b\":[[{\"n\":1}],[]]}", { "b.n" }, "{\"b\":[[{\"n\":1}],[]]}" },
		{ "{\"b\":[{\"n\":[{\"m\":1,\"k\":2}]}]}",
		  { "b.n.m" },
		  "{\"b\":[{\"n\":[{\"m\":1}]}]}" },
		{ "{\"b\":[1,{\"n\":1},\"s\",null,{\"n\":2}]}",
		  { "b.n" },
		  "{\"b\":[{\"n\":1},{\"n\":2}]}" },
		{ "{\"b\":[]}", { "b.n" }, "{\"b\":[]}" },
		/* each element has its own first member of a name */
		{ "{\"b\":[{\"n\":1,\"n\":2},{\"n\":3,\"n\":4}]}",
		  { "b.n" },
		  "{\"b\":[{\"n\":1},{\"n\":3}]}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i], false);
}

static void a_value_where_a_path_goes_on_is_absent(void **state)
{
	static const struct row rows[] = {
		{ "{\"c\":\"text\",\"d\":1}", { "c.body", "d" }, "{\"d\":1}" },
		{ "{\"c\":null}", { "c.body" }, "{}" },
		{ "{\"c\":17}", { "c.body.x" }, "{}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i], false);
}

static void the_first_of_repeated_members_wins(void **state)
{
	static const struct row rows[] = {
		{ "{\"a\":1,\"a\":2}", { "a" }, "{\"a\":1}" },
		{ "{\"c\":{\"body\":1},\"c\":{\"body\":2}}", { "c.body" }, "{\"c\":{\"body\":1}}" },
		{ "{\"c\":{},\"c\":{\"body\":2}}", { "c.body" }, "{\"c\":{}}" },
		/*
		 * also when the first is none that can hold the member: a reader of the whole would
		 * see that one
		 */
		{ "{\"c\":0,\"c\":{\"body\":2}}", { "c.body" }, "{}" },
		{ "{\"a\":1,\"\\u0061\":2}", { "a" }, "{\"a\":1}" },
		{ "{\"\\u0061\":1,\"a\":2}", { "a" }, "{\"a\":1}" },
		/* below a path's end any name may repeat */
		{ "{\"c\":{\"x\":1,\"y\":{\"x\":2,\"x\":3},\"x\":4,\"y\":5}}",
		  { "c" },
		  "{\"c\":{\"x\":1,\"y\":{\"x\":2}}}" },
		/*
		 * the second is dropped, but what it holds must still be JSON (see the grammar's
		 * tests)
		 */
		{ "{\"a\":1,\"a\":{\"b\":[{}]},\"z\":2}", { "a", "z" }, "{\"a\":1,\"z\":2}" },
	};
	static const struct row whole[] = {
		{ "{\"a\":1,\"a\":2,\"b\":3,\"a\":4}", { NULL }, "{\"a\":1,\"b\":3}" },
		{ "{\"a\":{\"a\":{\"a\":1,\"a\":2},\"a\":3}}",
		  { NULL },
		  "{\"a\":{\"a\":{\"a\":1}}}" },
		{ "{\"l\":[{\"a\":1},{\"a\":2,\"a\":3}],\"l\":4}",
		  { NULL },
		  "{\"l\":[{\"a\":1},{\"a\":2}]}" },
		{ "{\"x\\/y\":1,\"x/y\":2}", { NULL }, "{\"x/y\":1}" },
		/* what becomes the same name is the same name */
		{ "{\"\\u0000\":1,\"\\ud800\":2,\"\\ufffd\":3,\"\xEF\xBF\xBD\":4}",
		  { NULL },
		  "{\"\xEF\xBF\xBD\":1}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i], false);
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		check(&whole[i], true);
}

static void compares_names_after_unescaping(void **state)
{
	static const struct row rows[] = {
		{ "{\"\\u0062ody\":1}", { "body" }, "{\"body\":1}" },
		{ "{\"b\\u006Fd\\u0079\":1}", { "body" }, "{\"body\":1}" },
		{ "{\"a\\\"b\\\\c\\/\\b\\f\\n\\r\\t\":1}",
		  { "a\"b\\c/\b\f\n\r\t" },
		  "{\"a\\\"b\\\\c/\\u0008\\u000c\\n\\r\\t\":1}" },
		{ "{\"\\ud83d\\udc40\":1}", { "\xF0\x9F\x91\x80" }, "{\"\xF0\x9F\x91\x80\":1}" },
		{ "{\"\\u017c\":1}", { "\xC5\xBC" }, "{\"\xC5\xBC\":1}" },
		/* a name is not cut at an escaped NUL */
		{ "{\"body\\u0000x\":1,\"body\":2}", { "body" }, "{\"body\":2}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i], false);
}

static void rewrites_what_cannot_be_kept(void **state)
{
	static const struct row rows[] = {
		/* U+0000 and lone halves; pairs and everything else stand as they stood */
		{ "{\"s\":\"a\\u0000b\"}",
		  { NULL },
		  "{\"s\":\"a\xEF\xBF\xBD"
		  "b\"}" },
		{ "{\"s\":\"\\ud800\"}", { NULL }, "{\"s\":\"\xEF\xBF\xBD\"}" },
		{ "{\"s\":\"\\udc00\\ud800\"}", { NULL }, "{\"s\":\"\xEF\xBF\xBD\xEF\xBF\xBD\"}" },
		{ "{\"s\":\"\\ud800\\ud83d\\udc40\"}",
		  { NULL },
		  "{\"s\":\"\xEF\xBF\xBD\xF0\x9F\x91\x80\"}" },
		{ "{\"s\":\"\\ud800\\n\\\"\"}", { NULL }, "{\"s\":\"\xEF\xBF\xBD\\n\\\"\"}" },
		{ "{\"s\":\"\\ud83d\\udc40\\u017c\\/\"}",
		  { NULL },
		  "{\"s\":\"\\ud83d\\udc40\\u017c\\/\"}" },
		{ "{\"s\":\"\\\\u0000\"}", { NULL }, "{\"s\":\"\\\\u0000\"}" },
		/* integers beyond what a double holds for certain */
		{ "{\"n\":999999999999999}", { NULL }, "{\"n\":999999999999999}" },
		{ "{\"n\":1000000000000000}", { NULL }, "{\"n\":\"1000000000000000\"}" },
		{ "{\"n\":-1000000000000000}", { NULL }, "{\"n\":\"-1000000000000000\"}" },
		{ "{\"n\":[9223372036854775808,0]}",
		  { NULL },
		  "{\"n\":[\"9223372036854775808\",0]}" },
		{ "{\"n\":1000000000000000.5,\"m\":1e400,\"o\":10000000000000000e2}",
		  { NULL },
		  "{\"n\":1000000000000000.5,\"m\":1e400,\"o\":10000000000000000e2}" },
		/* cJSON's buffer ends here */
		{ "{\"n\":0.1234567890123456789012345678901234567890123456789012345678901}",
		  { NULL },
		  "{\"n\":0.1234567890123456789012345678901234567890123456789012345678901}" },
		{ "{\"n\":0.12345678901234567890123456789012345678901234567890123456789012}",
		  { NULL },
		  "{\"n\":\"0.12345678901234567890123456789012345678901234567890123456789012\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i], true);
}

static void reports_when_the_output_is_full(void **state)
{
	static const char text[] = "{\"a\":\"0123456789\"}";
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(sizeof(text) - 2);
	CLEANUP(strbuf_release) struct strbuf enough = STRBUF(sizeof(text) - 1);
	struct error err = { .code = ERR_NONE };

	(void)state;
	assert_int_equal(json_extract(text, sizeof(text) - 1, NULL, &out, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_int_equal(json_extract(text, sizeof(text) - 1, NULL, &enough, &err), 0);
}

/* More names than there is room for without memory of its own, and long chains of the same ones. */
static void takes_many_paths(void **state)
{
	static char names[500][16];
	static const char *paths[501];
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1U << 20), out = STRBUF(1U << 20);
	struct error err = { .code = ERR_NONE };

	(void)state;
	strbuf_adds(&text, "{\"o\":{");
	for (int i = 0; i < 500; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "o.n%d", i);
		paths[i] = names[i];
		strbuf_addf(&text, "%s\"n%d\":%d", i > 0 ? "," : "", i, i);
	}
	strbuf_adds(&text, "}}");
	struct json_paths *made = json_paths_new(paths);
	assert_int_equal(json_extract(strbuf_str(&text), text.len, made, &out, &err), 0);
	assert_string_equal(strbuf_str(&out), strbuf_str(&text));
	json_paths_free(made);
	json_paths_free(NULL);
}

/*
 * One object of very many members that are kept: a repeated one is found among them, and in good
 * time.
 */
static void finds_repetition_among_many(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(8U << 20), out = STRBUF(8U << 20);
	struct error err = { .code = ERR_NONE };

	(void)state;
	strbuf_adds(&text, "{\"o\":{\"n7\":1}");
	for (int i = 0; i < 90000; i++)
		strbuf_addf(&text, ",\"n%d\":%d", i, i);
	size_t unique = text.len;
	for (int i = 0; i < 90000; i++)
		strbuf_addf(&text, ",\"n%d\":0", i);
	strbuf_adds(&text, "}");
	assert_false(strbuf_failed(&text));
	assert_int_equal(json_extract(strbuf_str(&text), text.len, NULL, &out, &err), 0);
	assert_int_equal(out.len, unique + 1);
	assert_memory_equal(strbuf_str(&out), strbuf_str(&text), unique);
}

static void reads_members_by_path(void **state)
{
	static const char text[] =
		"{\"a\":{\"b\":{\"c\":\"deep\"},\"n\":null},\"s\":\"top\",\"t\":true,"
		"\"f\":false,\"l\":[\"x\"],\"ab\":\"no\",\"\":\"empty\"}";
	struct error err = { .code = ERR_NONE };
	CLEANUP(json_delete_at) cJSON *tree = NULL;

	(void)state;
	assert_int_equal(json_read(text, sizeof(text) - 1, NULL, &tree, &err), 0);
	assert_string_equal(json_str(tree, "a.b.c"), "deep");
	assert_string_equal(json_str(tree, "s"), "top");
	assert_string_equal(json_str(tree, ""), "empty");
	assert_true(cJSON_IsNull(json_at(tree, "a.n")));
	static const char *const absent[] = { "x",   "a.x", "a.b.c.d", "s.x", "l.x",
					      "l.0", "S",   "a.b.",    ".a",  "a..b" };
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_null(json_at(tree, absent[i]));
	static const char *const no_strings[] = { "a", "a.n", "t", "l", "x" };
	for (size_t i = 0; i < sizeof(no_strings) / sizeof(no_strings[0]); i++)
		assert_null(json_str(tree, no_strings[i]));
	assert_true(json_bool(tree, "t", false));
	assert_false(json_bool(tree, "f", true));
	assert_true(json_bool(tree, "x", true));
	assert_false(json_bool(tree, "s", false));
	assert_null(json_at(NULL, "a"));
	assert_null(json_str(NULL, "a.b"));
	assert_true(json_bool(NULL, "a", true));
}

static void reads_only_exact_integers(void **state)
{
	static const struct {
		const char *json;
		bool ok;
		int64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "42", true, 42 },
		{ "1.0", true, 1 },
		{ "1e3", true, 1000 },
		{ "5400000000", true, INT64_C(5400000000) },
		{ "999999999999999", true, INT64_C(999999999999999) },
		{ "9007199254740991", true, INT64_C(9007199254740991) },
		{ "9007199254740993", true, INT64_C(9007199254740993) },
		{ "-9007199254740993", true, INT64_C(-9007199254740993) },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9007199254740991.0", true, INT64_C(9007199254740991) },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999999999999", false, 0 },
		{ "9007199254740992.0", false, 0 },
		{ "1.5", false, 0 },
		{ "1e400", false, 0 },
		{ "-1e400", false, 0 },
		{ "1e20", false, 0 },
		{ "\"42\"", false, 0 },
		{ "\"\"", false, 0 },
		{ "\"-\"", false, 0 },
		{ "\"0000000000000000001\"", false, 0 },
		{ "\"1000000000000000 \"", false, 0 },
		{ "\"+1000000000000000\"", false, 0 },
		{ "\"1000000000000000x\"", false, 0 },
		{ "true", false, 0 },
		{ "null", false, 0 },
		{ "[1]", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { .code = ERR_NONE };
		CLEANUP(json_delete_at) cJSON *tree = NULL;
		char text[80];
		int64_t value = 4711;
		int len = snprintf(text, sizeof(text), "{\"n\":%s}", rows[i].json);
		assert_int_equal(json_read(text, (size_t)len, NULL, &tree, &err), 0);
		if (json_int(tree, "n", &value) != rows[i].ok ||
		    value != (rows[i].ok ? rows[i].value : 4711))
			fail_msg("%s: %jd", rows[i].json, (intmax_t)value);
	}
	int64_t value;
	assert_false(json_int(NULL, "n", &value));
}

static void a_failed_read_leaves_the_output_alone(void **state)
{
	struct error err = { .code = ERR_NONE };
	cJSON *tree = NULL;

	(void)state;
	assert_int_equal(json_read("{\"a\":1", 6, NULL, &tree, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(tree);
	assert_int_equal(json_read("", 0, NULL, &tree, NULL), -1);
	json_delete_at(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_is_named),
		cmocka_unit_test(walks_arrays_on_the_way),
		cmocka_unit_test(a_value_where_a_path_goes_on_is_absent),
		cmocka_unit_test(the_first_of_repeated_members_wins),
		cmocka_unit_test(compares_names_after_unescaping),
		cmocka_unit_test(rewrites_what_cannot_be_kept),
		cmocka_unit_test(reports_when_the_output_is_full),
		cmocka_unit_test(takes_many_paths),
		cmocka_unit_test(finds_repetition_among_many),
		cmocka_unit_test(reads_members_by_path),
		cmocka_unit_test(reads_only_exact_integers),
		cmocka_unit_test(a_failed_read_leaves_the_output_alone),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
