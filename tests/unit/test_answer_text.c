/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/utf8.h"
#include "bridge/deliver/answer_text.h"

#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define MARKER "<!-- nairi-bridge:reply:x -->"
#define Z "\u200B"

struct row {
	const char *text, *expected; /* NULL: unchanged */
};

static void slack_becomes_markdown(void **state)
{
	static const struct row rows[] = {
		{ "", NULL },
		{ "*bold* and _it_ and ~gone~", "**bold** and _it_ and ~~gone~~" },
		{ "(*bold*), *two words*!", "(**bold**), **two words**!" },
		{ "*a & ~b~ &amp; c*", "**a & ~~b~~ & c**" },
		{ "2*3*4 and 2 * 3 * 4", NULL },
		{ "* item\n* item", NULL },
		{ "*not\nbold*", NULL },
		{ "<https://x.y/a_b|the *link*> <https://x.y> <mailto:a@b.c|mail>",
		  "[the *link*](https://x.y/a_b) https://x.y [mail](mailto:a@b.c)" },
		{ "<https://x.y/(1)|a]b>", "[a\\]b](https://x.y/%281%29)" },
		{ "<@U1|ann> <#C1|general> <!here>", "ann general here" },
		{ "<b>x</b> a < b", NULL },
		{ "• one\n  • two\na • b", "- one\n  - two\na • b" },
		{ "a &lt; b &amp;&amp; c &gt; d", "a < b && c > d" },
		{ "&lt;script&gt;", "&lt;script>" },
		{ "`*x* <https://a.b|c> &amp;` *y*", "`*x* <https://a.b|c> &amp;` **y**" },
		{ "```\n*x* &lt;\n```\n*y*", "```\n*x* &lt;\n```\n**y**" },
		{ "https://x.y/*a*/~b~", NULL },
		{ "**bold** *it*", NULL },
		{ "## Heading\n\n- *it*\n1. [a](b)", NULL },
		{ "zażółć *gęślą* jaźń", "zażółć **gęślą** jaźń" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(strbuf_release) struct strbuf out = STRBUF(10000);
		const char *expected = rows[i].expected != NULL ? rows[i].expected : rows[i].text;
		answer_markdown(rows[i].text, strlen(rows[i].text), &out);
		if (strcmp(strbuf_str(&out), expected) != 0)
			fail_msg("{%s} became {%s}, not {%s}", rows[i].text, strbuf_str(&out), expected);
	}
}

static char *render(struct answer_text what, size_t max)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1 << 20);

	what.marker = MARKER;
	answer_text(&what, max, &out);
	assert_false(strbuf_failed(&out));
	assert_true(out.len <= max && utf8_valid(strbuf_str(&out), out.len));
	assert_true(out.len >= strlen(MARKER) && strcmp(out.ptr + out.len - strlen(MARKER), MARKER) == 0);
	return strbuf_detach(&out);
}

static void expect(struct answer_text what, const char *const *has)
{
	char *text = render(what, 3000);

	for (; *has != NULL; has++) {
		if (strstr(text, *has) == NULL)
			fail_msg("no {%s} in {%s}", *has, text);
	}
	free(text);
}
#define EXPECT(what, ...) expect(what, (const char *const[]){ __VA_ARGS__, NULL })

static void words_are_harmless(void **state)
{
	static const struct row rows[] = {
		{ "ask @admin or a@b.c, @ home", "ask @" Z "admin or a@b.c, @ home" },
		{ "see #1, fixes #2, Closes: octo/hello#3", "see #1, fixes #" Z "2, Closes: octo/hello#" Z "3" },
		{ "`@code` and\n\n```\n@Override\n```", NULL },
		{ "`a | @admin | b`\n\nx", NULL },
		{ "`a | @admin | b`\n-|-|-", "`a | @" Z "admin | b`\n-|-|-" },
		{ "`|` `@y`\n-|-", "`|` `@" Z "y`\n-|-" }, /* the second span opens where the first one seems to end */
		{ "`a|b`\n`@y`\n-|-", NULL }, /* … but the next row is one of its own */
		{ "`a\nb` @admin `c`", "`a\nb` @" Z "admin `c`" },
		{ "\\`@admin`", "\\`@" Z "admin`" },
		{ "- ```\n  x\n  ```\n@admin", "- ```\n  x\n  ```\n@" Z "admin" },
		{ "<div>\n```\n@admin\n```", "<div>\n```\n@" Z "admin\n```" },
		{ "x\n/close\n  /merge a/b", "x\n\\/close\n  \\/merge a/b" },
		{ "/nairi status", "\\/nairi status" },
		{ "```\n/bin/sh\n```", "```\n /bin/sh\n```" },
		{ "a<!-- @x -->b <!-- c", "a b &lt;!-- c" },
		{ "`<!-- x -->`", NULL },
		{ "ghp_aB3dE6gH9jaB3dE6gH9j\u202E\r\nx\n\n", "[redacted]\nx" },
		{ "```\nopen", "```\nopen\n```" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char expected[400], *text = render((struct answer_text){ .kind = ANSWER_DONE, .words = rows[i].text }, 3000);
		(void)snprintf(expected, sizeof(expected), "%s\n\n" MARKER, rows[i].expected != NULL ? rows[i].expected : rows[i].text);
		if (strcmp(text, expected) != 0)
			fail_msg("{%s} became {%s}, not {%s}", rows[i].text, text, expected);
		free(text);
	}
}

static void every_kind_says_its_own(void **state)
{
	(void)state;
	EXPECT(((struct answer_text){ .kind = ANSWER_QUEUED, .status = true }), "⏳ This is kept");
	EXPECT(((struct answer_text){ .kind = ANSWER_WORKING, .status = true }), "👀 The agent is working on this.\n\n");
	EXPECT(((struct answer_text){ .kind = ANSWER_WORKING, .author = "octocat" }), "octocat: The agent is");
	EXPECT(((struct answer_text){ .kind = ANSWER_DONE, .status = true, .words = "*Fixed.*" }), "✅ **Fixed.**\n\n" MARKER);
	EXPECT(((struct answer_text){ .kind = ANSWER_DONE, .status = true, .words = "• a" }), "✅\n\n- a\n\n" MARKER);
	EXPECT(((struct answer_text){ .kind = ANSWER_DONE, .author = "octocat", .words = "Fixed." }), "octocat: Fixed.\n\n");
	EXPECT(((struct answer_text){ .kind = ANSWER_DONE, .status = true, .words = "" }), "✅ The agent is done. It left no words.");
	EXPECT(((struct answer_text){ .kind = ANSWER_TROUBLE, .status = true, .words = "boom", .job_id = JOB, .others = 1 }),
	       "❌ **The agent could not finish this.** It says: `boom`\n\nWhat to do: ", "(Job `" JOB "`)",
	       "(1 more comment went along in the same prompt.)");
	EXPECT(((struct answer_text){ .kind = ANSWER_TROUBLE, .words = "/a\nb" }), "It says:\n\n```\n /a\nb\n```\n\nWhat");
	EXPECT(((struct answer_text){ .kind = ANSWER_STALLED, .status = true, .end = JOB_MERGED, .end_words = "Job complete" }),
	       "✋ **The agent did not pick this up.** The job has ended: its pull request was merged. Its last notice: "
	       "`Job complete`", "start a new job, or link this conversation to another");
	EXPECT(((struct answer_text){ .kind = ANSWER_STALLED, .after_ms = 600000 }), "nobody began with it in 10 minutes.",
	       "start a new job or link");
	EXPECT(((struct answer_text){ .kind = ANSWER_SILENT, .status = true, .after_ms = 7200000, .others = 3 }), "✋",
	       "did not end in 2 hours", "start a new job or link", "(3 more comments went");
	EXPECT(((struct answer_text){ .kind = ANSWER_RESTARTED, .status = true, .job_id = JOB }), "⏳ The job had ended", JOB);
	EXPECT(((struct answer_text){ .kind = ANSWER_STARTED, .status = true, .job_id = "x` @y" }), "👀 A job was started");
}

static void long_answers_are_cut_in_sight(void **state)
{
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(100000);

	(void)state;
	strbuf_adds(&words, "Begin.\n\n```c\n");
	for (int i = 0; i < 500; i++)
		strbuf_adds(&words, "łącze @x\n");
	for (size_t max = strlen(MARKER); max < 900; max++) {
		char *text = render((struct answer_text){ .kind = ANSWER_DONE, .status = true, .words = words.ptr }, max);
		if (max > 300) {
			assert_int_equal(strncmp(text, "✅ Begin.\n\n```c\n", 16), 0);
			assert_non_null(strstr(text, "\n```\n\n[… cut: "));
			assert_true(strlen(text) + 180 > max);
		}
		free(text);
	}
	CLEANUP(strbuf_release) struct strbuf pings = STRBUF(100000);
	for (int i = 0; i < 2000; i++)
		strbuf_adds(&pings, "@x ");
	char *text = render((struct answer_text){ .kind = ANSWER_DONE, .words = pings.ptr }, 2000);
	assert_non_null(strstr(text, " of 5999 bytes]\n\n" MARKER));
	assert_null(strstr(text, "@x"));
	free(text);
	struct answer_text what = { .kind = ANSWER_DONE, .marker = MARKER };
	CLEANUP(strbuf_release) struct strbuf none = STRBUF(1000);
	answer_text(&what, strlen(MARKER) - 1, &none);
	assert_int_equal(none.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slack_becomes_markdown),
		cmocka_unit_test(words_are_harmless),
		cmocka_unit_test(every_kind_says_its_own),
		cmocka_unit_test(long_answers_are_cut_in_sight),
	};

	return cmocka_run_group_tests_name("answer_text", tests, NULL, NULL);
}
