/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/invisible.h"
#include "bridge/base/utf8.h"
#include "bridge/intake/hygiene.h"

struct row {
	const char *text, *clean; /* clean NULL: unchanged */
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *expected = rows[i].clean != NULL ? rows[i].clean : rows[i].text;
		CLEANUP(strbuf_release) struct strbuf out = STRBUF(10000);
		CLEANUP(strbuf_release) struct strbuf again = STRBUF(10000);
		bool removed = hygiene_clean(rows[i].text, strlen(rows[i].text), &out);
		if (strcmp(strbuf_str(&out), expected) != 0)
			fail_msg("row %zu: {%s} became {%s}, not {%s}", i, rows[i].text, strbuf_str(&out), expected);
		if (removed != (rows[i].clean != NULL))
			fail_msg("row %zu: says that something was%s removed: %s", i, removed ? "" : " not",
				 rows[i].text);
		if (hygiene_clean(strbuf_str(&out), out.len, &again) || strcmp(strbuf_str(&again), expected) != 0)
			fail_msg("row %zu: a second time it becomes {%s}", i, strbuf_str(&again));
	}
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void leaves_visible_text_alone(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		{ "plain", NULL },
		{ "tab\there\n\n  two\n", NULL },
		{ "żółć ✓ 日本語 😀 🇩🇪", NULL },
		{ "<b title=\"x\">bold</b> <img alt=\"y\">", NULL },
		{ "a <- b --> c", NULL },
		{ "a < ! -- b -->", NULL },
		{ "<!channel> hello <!here>", NULL },
		{ "[a](b \"title\")", NULL },
		{ "&#8203;", NULL },
	};

	(void)state;
	CHECK(rows);
}

static void line_ends_become_lf_silently(void **state)
{
	static const char text[] = "a\r\nb\rc\n\r\nd\r";
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(100);

	(void)state;
	assert_false(hygiene_clean(text, strlen(text), &out));
	assert_string_equal(strbuf_str(&out), "a\nb\nc\n\nd\n");
}

static void removes_invisible_characters(void **state)
{
	static const uint32_t points[] = {
		0x01,	0x07,	0x08,	0x0B,	0x0C,	0x1B,	0x1F,	0x7F,	0x80,	 0x85,	  0x9F,	   0xAD,
		0x34F,	0x61C,	0x115F, 0x1160, 0x17B4, 0x180B, 0x180E, 0x200B, 0x200C,	 0x200D,  0x200E,  0x200F,
		0x202A, 0x202E, 0x2060, 0x2064, 0x2065, 0x2066, 0x2069, 0x206A, 0x206F,	 0x3164,  0xFE00,  0xFE0F,
		0xFEFF, 0xFFA0, 0xFFF9, 0xFFFB, 0x1D173, 0xE0000, 0xE0001, 0xE0020, 0xE007F, 0xE0100, 0xE01EF, 0xE0FFF,
	};
	static const uint32_t visible[] = { '\t', '\n', ' ', '~', 0xA0, 0xAE, 0x2026, 0x2070, 0xFFFD, 0x1F600, 0xE1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		char text[16] = "a";
		size_t len = 1 + utf8_encode(points[i], text + 1);
		text[len++] = 'b';
		CLEANUP(strbuf_release) struct strbuf out = STRBUF(100);
		if (!hygiene_clean(text, len, &out) || strcmp(strbuf_str(&out), "ab") != 0)
			fail_msg("U+%04X stays", points[i]);
	}
	for (size_t i = 0; i < sizeof(visible) / sizeof(visible[0]); i++) {
		if (invisible_point(visible[i]))
			fail_msg("U+%04X goes", visible[i]);
	}
}

static void removes_smuggled_text(void **state)
{
	static const struct row rows[] = {
		{ "LGTM\U000E0069\U000E0067\U000E006E\U000E006F\U000E0072\U000E0065", "LGTM" },
		{ "ok😀\U000E0101\U000E0102", "ok😀" },
		{ "if (a\u202E\u2066) // x\u2069", "if (a) // x" },
		{ "`co\u200Bde`", "`code`" },
		{ "```\nco\u202Ede\n```", "```\ncode\n```" },
		{ "\uFEFFhello", "hello" },
		{ "so\u00ADft", "soft" },
		{ "\x1B[31mred", "[31mred" },
		{ "👨\u200D👩", "👨👩" },
		/* What is parted so that it is no comment is shown, but nobody types that by accident. */
		{ "a <!\u200B-- b --> c", "a  c" },
	};

	(void)state;
	CHECK(rows);
}

static void removes_comments(void **state)
{
	static const struct row rows[] = {
		{ "a<!-- x -->b", "ab" },
		{ "a <!-- x --> b <!-- y --> c", "a  b  c" },
		{ "<!-- x -->", "" },
		{ "<!-- x -->\nb", "\nb" },
		{ "a\n<!-- x\ny\n\nz -->\nb", "a\n\nb" },
		{ "   <!-- x -->b", "   b" },
		{ "a <!-- x\ny --> b", "a  b" },
		{ "a <!--> b", "a  b" },
		{ "a <!---> b", "a  b" },
		{ "a <!-- b -- c --> d", "a  d" },
		{ "a <!-- > --> d", "a  d" },
		{ "# title <!-- x -->\ny", "# title \ny" },
		{ "> quoted <!-- x --> words", "> quoted  words" },
		{ "> <!-- x -->", "> " },
		{ "- a\n\n  <!-- x -->\n", "- a\n\n  \n" },
		{ "- a\n\n    <!-- x -->\n", "- a\n\n    \n" }, /* four in, but not in a list */
		{ "a\n    <!-- x -->", "a\n    " },
		{ "| a | <!-- x --> |\n|---|---|\n| b | c |", "| a |  |\n|---|---|\n| b | c |" },
		{ "[a](b)<!-- x -->", "[a](b)" },
		{ "**a<!-- x -->**", "**a**" },
		{ "<div>\n<!-- x -->\n</div>", "<div>\n\n</div>" },
		{ "a <!-- `x` --> b", "a  b" },
		{ "a <!-- x --> `b` <!-- y -->", "a  `b` " },
	};

	(void)state;
	CHECK(rows);
}

static void keeps_comments_in_code(void **state)
{
	static const struct row rows[] = {
		{ "`<!-- x -->`", NULL },
		{ "``a ` <!-- x -->``", NULL },
		{ "```html\n<!-- x -->\n```", NULL },
		{ "~~~\n<!-- x -->\n~~~\n", NULL },
		{ "```\n<!-- x", NULL },
		{ "    <!-- x -->", NULL },
		{ "a\n\n\t<!-- x -->\n", NULL },
		{ "- a\n\n  ```\n  <!-- x -->\n  ```\n", NULL },
		{ "- a\n\n      <!-- x -->\n", NULL },
		{ "> ```\n> <!-- x -->\n> ```\n", NULL },
		{ "1. a\n   ```xml\n   <!-- x -->\n   ```\n", NULL },
		{ "`<!-- x -->` <!-- y -->", "`<!-- x -->` " },
		{ "```\n<!-- x -->\n```\n<!-- y -->\n", "```\n<!-- x -->\n```\n\n" },
	};

	(void)state;
	CHECK(rows);
}

static void unclosed_comments_go_where_a_page_hides_them(void **state)
{
	static const struct row rows[] = {
		{ "a\n<!-- x\n\ny", "a\n" },
		{ "<!-- x", "" },
		{ "<!--", "" },
		{ "a <!-- b", NULL },
		{ "a <!-- b\n\nc --> d", NULL },
		{ "> <!-- x\n\ny", "> " },
		{ "<div>\n<!-- x\n\nhidden too\n", "<div>\n" },
		{ "<div>\n<!-- x\n\n<p>y --></p>\nz", "<div>\n</p>\nz" },
		{ "<!-- x -->  <!-- y\nz", "  " },
	};

	(void)state;
	CHECK(rows);
}

/* Each is a comment to the page, however much it looks like code. */
static void is_not_fooled_by_what_looks_like_code(void **state)
{
	static const char *const texts[] = {
		"- ```\nhello <!-- EVIL -->",
		"1. a\n\n   ```\n<!-- EVIL -->",
		"<div>\n```\n<!-- EVIL -->\n```\n</div>",
		"<pre>\n<!-- EVIL -->\n</pre>",
		"<a title=\"`\"> <!-- EVIL --> <b title=\"`\">",
		"<http://a`b> <!-- EVIL --> `",
		"\\` <!-- EVIL --> `",
		"`` <!-- EVIL --> `",
		"`\n\n<!-- EVIL --> `",
		"`\n# <!-- EVIL --> `",
		"x `\n- <!-- EVIL --> `",
		"> `\n\n<!-- EVIL --> `",
		"| ` | <!-- EVIL --> ` |\n|---|---|",
		"[x]: /`\nbar <!-- EVIL --> `",
		"[x]: /u\n---\n    <!-- EVIL -->",
		"[^1]: a\n\n    <!-- EVIL -->",
		"[^1]:     <!-- EVIL -->",
		"- a\n\n\t<!-- EVIL -->",
		"a\n    <!-- EVIL -->",
		"``` a ` b\n<!-- EVIL -->\n```",
		"~~~\na\n~~~\n<!-- EVIL -->\n~~~",
		"```\na\n````\n<!-- EVIL -->\n```",
		"<? ` ?> <!-- EVIL --> `",
		"<!A ` > <!-- EVIL --> `",
		"> <!A ``\n> `\n<a b=\"`\"> <!-- EVIL --> `",
		"<!a ` > ` <!-- EVIL --> `",
		"<!-- a -- ` --> ` <!-- EVIL --> `",
		"    a\nb <!-- EVIL -->",
		"<!-<!-- x -->- EVIL -->",
		"<!-<!-<!-<!-<!-<!-<!-<!-- 1 -->- 2 -->- 3 -->- 4 -->- 5 -->- 6 -->- 7 -->- EVIL -->",
		"`<!-- a -->`` <!-- EVIL --> ``",
		"\r```\r<!-- a -->\r```\r<!-- EVIL -->\r",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(strbuf_release) struct strbuf out = STRBUF(10000);
		if (!hygiene_clean(texts[i], strlen(texts[i]), &out) || strstr(strbuf_str(&out), "EVIL") != NULL)
			fail_msg("row %zu: {%s} became {%s}", i, texts[i], strbuf_str(&out));
	}
}

/* After a few rounds comments go in code too, and it takes no square of the depth. */
static void ends_however_deep_comments_are_nested(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1 << 20);

	(void)state;
	strbuf_adds(&text, "`<!-- seen -->` ");
	for (int i = 0; i < 20000; i++)
		strbuf_adds(&text, "<!-");
	strbuf_adds(&text, "<!-- EVIL -->");
	for (int i = 0; i < 20000; i++)
		strbuf_adds(&text, "- EVIL -->");
	assert_true(hygiene_clean(text.ptr, text.len, &out));
	assert_null(strstr(strbuf_str(&out), "<!--"));
	assert_null(strstr(strbuf_str(&out), "seen"));
	strbuf_reset(&text);
	strbuf_adds(&text, strbuf_str(&out));
	strbuf_reset(&out);
	assert_false(hygiene_clean(text.ptr, text.len, &out));
	assert_string_equal(strbuf_str(&out), strbuf_str(&text));
}

/* Deeper than the scanner follows, nothing counts as code. */
static void is_not_fooled_by_depth(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(100000);
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(100000);

	(void)state;
	for (int i = 0; i < 200; i++)
		strbuf_adds(&text, i % 2 == 0 ? "> " : "- ");
	strbuf_adds(&text, "`<!-- EVIL -->`\n\n    <!-- EVIL -->\n\n    <!-- EVIL");
	assert_true(hygiene_clean(text.ptr, text.len, &out));
	assert_null(strstr(strbuf_str(&out), "EVIL"));
}

static void broken_utf8_becomes_valid(void **state)
{
	static const char text[] = "a\xFF\xE2\x80 b\xC0\x80";
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(100);

	(void)state;
	assert_true(hygiene_clean(text, strlen(text), &out));
	assert_true(utf8_valid(out.ptr, out.len));
	assert_string_equal(strbuf_str(&out), "a\uFFFD\uFFFD\uFFFD b\uFFFD\uFFFD");
}

static void appends_and_respects_the_maximum(void **state)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(5);

	(void)state;
	strbuf_adds(&out, "x");
	assert_true(hygiene_clean("ab<!-- -->", 10, &out));
	assert_string_equal(strbuf_str(&out), "xab");
	(void)hygiene_clean("abcdef", 6, &out);
	assert_true(strbuf_failed(&out));
}

static void one_line_stays_one_line(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *line;
	} rows[] = {
		{ "plain", 100, "plain" },
		{ " a\n\tb\r\nc  d ", 100, "a b c d" },
		{ "a\u2028b\u2029c\xC2\x85" "d", 100, "a b cd" },
		{ "a\u202Eb\u200Bc\x1B", 100, "abc" },
		{ "abcdef", 6, "abcdef" },
		{ "abcdefg", 6, "abc…" },
		{ "äöüß", 6, "ä…" },
		{ "äöü", 6, "äöü" },
		{ "abcdef", 2, "" },
		{ "", 10, "" },
		{ "\n\n", 10, "" },
		{ "a\xFFz", 10, "a\uFFFDz" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(strbuf_release) struct strbuf out = STRBUF(200);
		strbuf_adds(&out, "<");
		invisible_line(rows[i].text, rows[i].max, &out);
		assert_string_equal(strbuf_str(&out) + 1, rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_visible_text_alone),
		cmocka_unit_test(line_ends_become_lf_silently),
		cmocka_unit_test(removes_invisible_characters),
		cmocka_unit_test(removes_smuggled_text),
		cmocka_unit_test(removes_comments),
		cmocka_unit_test(keeps_comments_in_code),
		cmocka_unit_test(unclosed_comments_go_where_a_page_hides_them),
		cmocka_unit_test(is_not_fooled_by_what_looks_like_code),
		cmocka_unit_test(ends_however_deep_comments_are_nested),
		cmocka_unit_test(is_not_fooled_by_depth),
		cmocka_unit_test(broken_utf8_becomes_valid),
		cmocka_unit_test(appends_and_respects_the_maximum),
		cmocka_unit_test(one_line_stays_one_line),
	};

	return cmocka_run_group_tests_name("hygiene", tests, NULL, NULL);
}
