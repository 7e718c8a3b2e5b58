/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/json.h"

/*
 * What json_extract accepts and refuses, in the manner of JSONTestSuite. Every document is tried
 * three ways, since three parts of the code read it: as a value that is kept, as one that is
 * skipped, and as one below a path.
 */
struct document {
	const char *value;
	size_t len;
};

#define DOC(text)                                                                                  \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}

static const struct document good[] = {
	DOC("0"),
	DOC("-0"),
	DOC("-1"),
	DOC("10"),
	DOC("1.5"),
	DOC("0.0"),
	DOC("1e5"),
	DOC("1E+5"),
	DOC("1e-5"),
	DOC("0e1"),
	DOC("0e+00"),
	DOC("1.25E007"),
	DOC("1e400"),
	DOC("-1e-400"),
	DOC("123456789012345678901234567890"),
	DOC("true"),
	DOC("false"),
	DOC("null"),
	DOC("\"\""),
	DOC("\" \""),
	DOC("\"\x7F\""),
	DOC("\"/\""),
	DOC("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u12aB\""),
	DOC("\"\\ud83d\\udc40\""),
	DOC("\"\\uD800\""),
	DOC("\"\\uDC00\\uD800\""),
	DOC("\"\\uD800\\uD800\\uDC00\""),
	DOC("\"\\uD800x\""),
	DOC("\"\\uD800\\n\""),
	DOC("\"\\u0000\""),
	DOC("\"\\ufffe\""),
	DOC("\"\xC5\xBC\xE2\x9C\x93\xF0\x9F\x91\x80\""),
	DOC("\"\xEF\xBB\xBF\""),
	DOC("\"\xF4\x8F\xBF\xBF\""),
	DOC("\"\xE2\x80\xA8\""),
	DOC("[]"),
	DOC("[ ]"),
	DOC("[1]"),
	DOC("[1,2]"),
	DOC(" [ 1 , 2 ] "),
	DOC("[[],[[]],{}]"),
	DOC("[\t\r\n1]"),
	DOC("{}"),
	DOC("{ }"),
	DOC("{\"a\":1}"),
	DOC("{ \"a\" : 1 , \"b\" : { } }"),
	DOC("{\"a\":1,\"a\":1}"),
	DOC("{\"\":0}"),
	DOC("{\"\\u0000\":0}"),
	DOC("{\"x\":[{\"id\":\"y\"}]}"),
	DOC("[[[[[[[[[[1]]]]]]]]]]"),
	DOC("\"0123456789abcdef0123456789abcdef\""),
	DOC("\"0123456789abcde\\\"0123456789abcdef\""),
};

static const struct document bad[] = {
	/* numbers */
	DOC(""),
	DOC("01"),
	DOC("-01"),
	DOC("00"),
	DOC("1."),
	DOC("-1."),
	DOC(".5"),
	DOC("-.5"),
	DOC("1.e1"),
	DOC("1e"),
	DOC("1e+"),
	DOC("1E-"),
	DOC("1eE2"),
	DOC("1.5.5"),
	DOC("+1"),
	DOC("-"),
	DOC("--1"),
	DOC("- 1"),
	DOC("1 2"),
	DOC("1a"),
	DOC("0x1"),
	DOC("1_000"),
	DOC("NaN"),
	DOC("-NaN"),
	DOC("Infinity"),
	DOC("-Infinity"),
	DOC("inf"),
	DOC("1\xEF\xBC\x91"),
	DOC("1e1.5"),
	DOC("2.e3"),
	DOC("0e"),
	DOC("1.2a-3"),
	DOC("1\0"),
	/* literals */
	DOC("tru"),
	DOC("True"),
	DOC("TRUE"),
	DOC("truee"),
	DOC("nul"),
	DOC("nulll"),
	DOC("fals"),
	DOC("undefined"),
	DOC("t"),
	/* strings */
	DOC("\""),
	DOC("\"a"),
	DOC("'a'"),
	DOC("a"),
	DOC("\"a\"\""),
	DOC("\"a\" \"b\""),
	DOC("\"\\\""),
	DOC("\"\\"),
	DOC("\"\\x00\""),
	DOC("\"\\a\""),
	DOC("\"\\'\""),
	DOC("\"\\0\""),
	DOC("\"\\ \""),
	DOC("\"\\U0041\""),
	DOC("\"\\u\""),
	DOC("\"\\u1\""),
	DOC("\"\\u12\""),
	DOC("\"\\u123\""),
	DOC("\"\\u123g\""),
	DOC("\"\\u 123\""),
	DOC("\"\\u-123\""),
	DOC("\"\\uD800\\\""),
	DOC("\"\\uD800\\u\""),
	DOC("\"\\uD800\\u1\""),
	DOC("\"\\uD800\\uDC0\""),
	DOC("\"\\uD800\\x\""),
	DOC("\"\\\xC5\xBC\""),
	DOC("\"\0\""),
	DOC("\"a\0b\""),
	DOC("\"\x01\""),
	DOC("\"\n\""),
	DOC("\"\t\""),
	DOC("\"\r\""),
	DOC("\"\x1F\""),
	DOC("\"0123456789abcdef\n\""),
	DOC("\"0123456789abcde\n\""),
	DOC("\"0123456789abcdef012345\x1F\""),
	DOC("\"\\\0\""),
	/* text that is not UTF-8 */
	DOC("\"\xFF\""),
	DOC("\"\x80\""),
	DOC("\"\xC0\xAF\""),
	DOC("\"\xE0\x80\xAF\""),
	DOC("\"\xED\xA0\x80\""),
	DOC("\"\xF4\x90\x80\x80\""),
	DOC("\"\xC5\""),
	DOC("\"\xE2\x9C\""),
	DOC("\"\xF0\x9F\x91\""),
	DOC("\"\xC5"),
	DOC("\"0123456789abcdef\xFF\""),
	DOC("\xC5\xBC"),
	DOC("[\xFF]"),
	/* arrays */
	DOC("["),
	DOC("]"),
	DOC("[1"),
	DOC("[1,"),
	DOC("[1,]"),
	DOC("[,1]"),
	DOC("[,]"),
	DOC("[1,,2]"),
	DOC("[1 2]"),
	DOC("[1}"),
	DOC("[1:2]"),
	DOC("[\"a\":1]"),
	DOC("[]]"),
	DOC("[[]"),
	DOC("[1]]"),
	DOC("[1;2]"),
	DOC("[*]"),
	DOC("[\"a\""),
	DOC("[1,\n"),
	DOC("[{}"),
	DOC("[\f]"),
	DOC("[\v1]"),
	DOC("[\xC2\xA0]"),
	DOC("[\xE2\x81\xA0]"),
	/* objects */
	DOC("{"),
	DOC("}"),
	DOC("{\"a\""),
	DOC("{\"a\":"),
	DOC("{\"a\":1"),
	DOC("{\"a\":1,"),
	DOC("{\"a\":1,}"),
	DOC("{,}"),
	DOC("{,\"a\":1}"),
	DOC("{\"a\":1,,\"b\":2}"),
	DOC("{\"a\":1 \"b\":2}"),
	DOC("{\"a\" 1}"),
	DOC("{\"a\"::1}"),
	DOC("{\"a\",1}"),
	DOC("{a:1}"),
	DOC("{'a':1}"),
	DOC("{1:1}"),
	DOC("{null:1}"),
	DOC("{\"a\":}"),
	DOC("{:1}"),
	DOC("{\"a\":1]"),
	DOC("{\"a\":1}}"),
	DOC("{[]:1}"),
	DOC("{\"a\":1,\"b\"}"),
	DOC("{\"a\xFF\":1}"),
	DOC("{\"a\n\":1}"),
	DOC("{\"\\x\":1}"),
	DOC("{\"a\":1;}"),
	DOC("{\"a\":a}"),
	DOC("{\"a\":/**/1}"),
	DOC("{\"a\":1,\"a\":}"),
	DOC("{\"a\":1,\"a\":01}"),
	DOC("{} {}"),
	/* what others allow around it */
	DOC("1 //x"),
	DOC("/*x*/1"),
	DOC("1#"),
	DOC("\xEF\xBB\xBF"
	    "1"),
	DOC("1,"),
	DOC("1;"),
	DOC("1\x00 "),
	DOC("\f1"),
	DOC("1\v"),
	DOC("1\xC2\xA0"),
};

/* In memory of exactly its length, so that a sanitizer sees a read beyond the end. */
static int extract(const char *text, size_t len, const struct json_paths *paths, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1U << 16);
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, text, len);
	int result = json_extract(copy, len, paths, &out, err);
	free(copy);
	return result;
}

/* The ways to meet a value: kept, below a path, skipped. */
static const char *const kept[] = { "v", NULL }, *const below[] = { "v.x.id", NULL },
			 *const skipped[] = { "w", NULL };
static const char *const *const ways[] = { kept, below, skipped };
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void check_all(const struct document *documents, size_t count, int expected)
{
	for (size_t way = 0; way < WAYS; way++) {
		struct json_paths *paths = json_paths_new(ways[way]);
		for (size_t i = 0; i < count; i++) {
			CLEANUP(strbuf_release) struct strbuf text = STRBUF(1000);
			struct error err = { .code = ERR_NONE };
			strbuf_adds(&text, "{\"v\":");
			strbuf_add(&text, documents[i].value, documents[i].len);
			strbuf_adds(&text, "}");
			if (extract(strbuf_str(&text), text.len, paths, &err) != expected)
				fail_msg("way %zu: %s (%s)", way, strbuf_str(&text), err.text);
			assert_int_equal(err.code, expected == 0 ? ERR_NONE : ERR_INVALID);
		}
		json_paths_free(paths);
	}
}

static void accepts_json(void **state)
{
	(void)state;
	check_all(good, sizeof(good) / sizeof(good[0]), 0);
}

static void refuses_everything_else(void **state)
{
	(void)state;
	check_all(bad, sizeof(bad) / sizeof(bad[0]), -1);
}

static void the_document_must_be_one_object(void **state)
{
	static const struct document wrong[] = {
		DOC(""),	 DOC(" "),
		DOC("\0"),	 DOC("[]"),
		DOC("1"),	 DOC("\"a\""),
		DOC("null"),	 DOC("{}{}"),
		DOC("{} 1"),	 DOC("{},"),
		DOC("{}\0"),	 DOC("{}}"),
		DOC("{}x"),	 DOC("\xEF\xBB\xBF{}"),
		DOC("\xFE\xFF"), DOC("{}\xFF"),
		DOC("{} \f"),	 DOC("\v{}"),
		DOC("// x\n{}"), DOC("{}//"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct error err = { .code = ERR_NONE };
		assert_int_equal(extract(wrong[i].value, wrong[i].len, NULL, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
	struct error err = { .code = ERR_NONE };
	assert_int_equal(extract(" \t\r\n{} \t\r\n", 10, NULL, &err), 0);
}

static const char sample[] =
	" {\"action\":\"created\",\"v\":{\"x\":[{\"id\":-12.5e+3,\"n\":null},[true,false]],\"\\u0069d\":\"\\ud83d\\udc40"
	" \xC5\xBC\xE2\x9C\x93\xF0\x9F\x91\x80 \\\"quoted\\\" and some text that is longer than a wide step\"},"
	"\"w\":[0,1234567890123456789,[],{}],\"v\":{}}";

/* No prefix of an object is an object. */
static void refuses_every_truncation(void **state)
{
	(void)state;
	for (size_t way = 0; way <= WAYS; way++) {
		struct json_paths *paths = way < WAYS ? json_paths_new(ways[way]) : NULL;
		struct error err = { .code = ERR_NONE };
		assert_int_equal(extract(sample, sizeof(sample) - 1, paths, &err), 0);
		for (size_t len = 0; len < sizeof(sample) - 1; len++) {
			if (extract(sample, len, paths, &err) == 0)
				fail_msg("way %zu: the first %zu bytes pass", way, len);
		}
		json_paths_free(paths);
	}
}

/* The one byte changed decides alike whether a value is kept or skipped. */
static void all_ways_agree_on_every_changed_byte(void **state)
{
	static const char changes[] = "\"\\{}[]:,x0-.e \n\0\x1F\x7F\x80\xC5\xFF";
	struct json_paths *paths[WAYS];
	char text[sizeof(sample)];

	(void)state;
	for (size_t way = 0; way < WAYS; way++)
		paths[way] = json_paths_new(ways[way]);
	for (size_t at = 0; at < sizeof(sample) - 1; at++) {
		for (size_t i = 0; i < sizeof(changes); i++) {
			memcpy(text, sample, sizeof(sample));
			text[at] = changes[i];
			int all = extract(text, sizeof(sample) - 1, NULL, NULL);
			for (size_t way = 0; way < WAYS; way++)
				assert_int_equal(
					extract(text, sizeof(sample) - 1, paths[way], NULL), all);
		}
	}
	for (size_t way = 0; way < WAYS; way++)
		json_paths_free(paths[way]);
}

/* Nests to a depth, the outermost object included, by arrays or by objects. */
static void nest(struct strbuf *text, unsigned depth, bool objects)
{
	strbuf_reset(text);
	strbuf_adds(text, "{\"v\":");
	for (unsigned i = 1; i < depth; i++)
		strbuf_adds(text, objects ? "{\"x\":" : "[");
	strbuf_adds(text, "0");
	for (unsigned i = 1; i < depth; i++)
		strbuf_adds(text, objects ? "}" : "]");
	strbuf_adds(text, "}");
}

static void limits_depth(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1U << 20);

	(void)state;
	for (size_t way = 0; way <= 2 * WAYS + 1; way++) {
		struct json_paths *paths = way / 2 < WAYS ? json_paths_new(ways[way / 2]) : NULL;
		struct error err = { .code = ERR_NONE };
		nest(&text, JSON_MAX_DEPTH, way % 2 != 0);
		assert_int_equal(extract(strbuf_str(&text), text.len, paths, &err), 0);
		nest(&text, JSON_MAX_DEPTH + 1, way % 2 != 0);
		assert_int_equal(extract(strbuf_str(&text), text.len, paths, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.text, "deeper"));
		nest(&text, 50000, way % 2 != 0);
		assert_int_equal(extract(strbuf_str(&text), text.len, paths, &err), -1);
		json_paths_free(paths);
	}
	/* Closed ones no longer count. */
	strbuf_reset(&text);
	strbuf_adds(&text, "{\"v\":[");
	for (int i = 0; i < 500; i++)
		strbuf_adds(&text, "[[]],{\"x\":{}},");
	strbuf_adds(&text, "0]}");
	for (size_t way = 0; way < WAYS; way++) {
		struct json_paths *paths = json_paths_new(ways[way]);
		assert_int_equal(extract(strbuf_str(&text), text.len, paths, NULL), 0);
		json_paths_free(paths);
	}
}

static void limits_the_number_of_values(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1U << 23), out = STRBUF(1U << 23);

	(void)state;
	/* The object, the array and what is in it. */
	strbuf_adds(&text, "{\"v\":[0");
	for (int i = 3; i < JSON_MAX_VALUES; i++)
		strbuf_adds(&text, ",0");
	for (size_t way = 0; way < WAYS; way++) {
		struct json_paths *paths = json_paths_new(ways[way]);
		struct error err = { .code = ERR_NONE };
		size_t before = text.len;
		strbuf_adds(&text, "]}");
		strbuf_reset(&out);
		assert_int_equal(json_extract(strbuf_str(&text), text.len, paths, &out, &err), 0);
		strbuf_truncate(&text, before);
		strbuf_adds(&text, ",0]}");
		strbuf_reset(&out);
		assert_int_equal(json_extract(strbuf_str(&text), text.len, paths, &out, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.text, "values"));
		strbuf_truncate(&text, before);
		json_paths_free(paths);
	}
}

static void errors_say_where_and_what(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{ "", "not JSON at byte 0: expected an object" },
		{ " [1]", "not JSON at byte 1: expected an object" },
		{ "{\"a\":1,}", "not JSON at byte 7: expected the name of a member" },
		{ "{\"a\" 1}", "not JSON at byte 5: expected a colon" },
		{ "{\"a\":}", "not JSON at byte 5: expected a value" },
		{ "{\"a\":1 2}", "not JSON at byte 7: expected a comma or }" },
		{ "{\"a\":[1 2]}", "not JSON at byte 8: expected a comma or ]" },
		{ "{\"a\":1.}", "not JSON at byte 7: expected a digit" },
		{ "{\"a\":nul}", "not JSON at byte 5: expected true, false or null" },
		{ "{\"a\":\"b", "not JSON at byte 7: expected the end of a string" },
		{ "{\"a\":\"\\q\"}",
		  "not JSON at byte 7: expected one of \"\\/bfnrtu after a backslash" },
		{ "{\"a\":\"\\u12x\"}", "not JSON at byte 8: expected four hexadecimal digits" },
		{ "{\"a\":\"b\n\"}",
		  "not JSON at byte 7: expected no bare control character in a string" },
		{ "{\"a\":\"b\xFF\"}", "not JSON at byte 7: expected valid UTF-8" },
		{ "{} x", "not JSON at byte 3: expected nothing after the object" },
	};
	static const char *const none[] = { NULL };
	struct json_paths *paths = json_paths_new(none);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { .code = ERR_NONE };
		assert_int_equal(extract(rows[i].text, strlen(rows[i].text), NULL, &err), -1);
		assert_string_equal(err.text, rows[i].expected);
		assert_int_equal(extract(rows[i].text, strlen(rows[i].text), paths, &err), -1);
		assert_string_equal(err.text, rows[i].expected);
	}
	json_paths_free(paths);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_json),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(the_document_must_be_one_object),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(all_ways_agree_on_every_changed_byte),
		cmocka_unit_test(limits_depth),
		cmocka_unit_test(limits_the_number_of_values),
		cmocka_unit_test(errors_say_where_and_what),
	};

	return cmocka_run_group_tests_name("json_grammar", tests, NULL, NULL);
}
