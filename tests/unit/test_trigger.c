/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bridge/base/strbuf.h"
#include "bridge/intake/trigger.h"

struct row {
	const char *text;
	bool matches;
};

static void check(enum trigger_kind kind, const char *word, const struct row *rows, size_t count)
{
	struct trigger_config trigger = { .kind = kind, .word = word };

	for (size_t i = 0; i < count; i++) {
		if (trigger_matches(&trigger, rows[i].text) != rows[i].matches)
			fail_msg("row %zu should%s match: %s", i, rows[i].matches ? "" : " not", rows[i].text);
	}
}
#define CHECK(kind, word, rows) check(kind, word, rows, sizeof(rows) / sizeof((rows)[0]))

static void any_takes_everything(void **state)
{
	static const struct row rows[] = { { "", true }, { "> quoted", true }, { "```\ncode", true } };

	(void)state;
	CHECK(TRIGGER_ANY, NULL, rows);
}

static void mention_is_a_word(void **state)
{
	static const struct row rows[] = {
		{ "@nairi", true },
		{ "@nairi fix this", true },
		{ "@NaIrI fix this", true },
		{ "please, @nairi, fix", true },
		{ "please @nairi.", true },
		{ "please @nairi...", true },
		{ "(@nairi)", true },
		{ "**@nairi** _@nairi_", true },
		{ "_@nairi_", true },
		{ "@nairi's work", true },
		{ "@nairi: go", true },
		{ "cc\n@nairi\n", true },
		{ "cc\r\n@nairi\r\n", true },
		{ "请@nairi看看", true },
		{ "\"@nairi\"", true },
		{ "[@nairi](https://example.com)", true },
		{ "# @nairi do it", true },
		{ "- @nairi do it", true },
		{ "| a | @nairi |\n|---|---|\n", true },
		{ "x@nairi @nairi", true },
		{ "", false },
		{ "nairi", false },
		{ "@nair", false },
		{ "@nairis", false },
		{ "@nairi-bot", false },
		{ "@nairi-", false },
		{ "@nairi_x", false },
		{ "@nairi/foo", false },
		{ "@nairi.com", false },
		{ "@nairi@example.com", false },
		{ "x@nairi", false },
		{ "x_@nairi", false },
		{ "me@nairi.ai", false },
		{ "@@nairi", false },
		{ "https://example.com/@nairi", false },
		{ "@na\u200Biri", false },
		{ "@nairi2", false },
	};

	(void)state;
	CHECK(TRIGGER_MENTION, "@nairi", rows);
}

static void a_word_without_at_is_a_word_too(void **state)
{
	static const struct row rows[] = {
		{ "nairi, go", true }, { "go nairi", true },	{ "@nairi", true },
		{ "unairi", false },   { "my-nairi", false },	{ "nairi-bot", false },
	};
	static const struct row slack[] = { { "<@U123> go", true }, { "x<@U123>y", true }, { "<@U1234>", false } };

	(void)state;
	CHECK(TRIGGER_MENTION, "nairi", rows);
	CHECK(TRIGGER_MENTION, "<@U123>", slack);
}

static void mention_in_code_does_not_count(void **state)
{
	static const struct row rows[] = {
		{ "`@nairi`", false },
		{ "``x ` @nairi``", false },
		{ "`a\n@nairi`", false },
		{ "`` ` @nairi", true },       /* never closed */
		{ "`x` @nairi `y`", true },
		{ "\\`@nairi\\`", true },      /* escaped back-ticks are none */
		{ "`x\\` @nairi `", true },    /* no escapes in code */
		{ "``x` @nairi", true },       /* runs of another length */
		{ "<a href=\"`\">x</a> @nairi `", true },
		{ "`\n\n@nairi `", true },     /* a span ends with its paragraph */
		{ "```\n@nairi\n```", false },
		{ "```c\n@nairi\n", false },   /* never closed: to the end */
		{ "~~~\n@nairi\n~~~", false },
		{ "~~~\n```\n@nairi\n~~~\n", false },
		{ "````\n```\n@nairi\n````", false },
		{ "```\nx\n~~~\n@nairi\n```", false },
		{ "```\nx\n``\n@nairi", false },
		{ "```\nx\n    ```\n@nairi", false }, /* a fence four in closes nothing */
		{ "```\nx\n``` y\n@nairi", false },   /* nor one with an info string */
		{ "```\nx\n```\n@nairi", true },
		{ "```\nx\n`````   \n@nairi", true },
		{ "   ```\nx\n  ```\n@nairi", true },
		{ "``` x ``` @nairi", true },         /* that is a span */
		{ "```\r\nx\r\n```\r\n@nairi", true },
		{ "```\r\n@nairi\r\n```\r\n", false },
		{ "    @nairi", false },
		{ "\t@nairi", false },
		{ "  \t@nairi", false },
		{ "x\n    @nairi", true },            /* no code inside a paragraph */
		{ "x\n\n    @nairi", false },
		{ "x\n\n    y\n\n    @nairi\n", false },
		{ "- x\n\n  @nairi", true },
		{ "- x\n\n      @nairi", false },
		{ "- ```\n  @nairi\n  ```", false },
		{ "- ```\n@nairi", true },            /* the item is over, and its fence */
		{ "1. x\n\n   ```\n   @nairi\n   ```\n", false },
	};

	(void)state;
	CHECK(TRIGGER_MENTION, "@nairi", rows);
}

static void mention_in_a_quote_does_not_count(void **state)
{
	static const struct row rows[] = {
		{ "> @nairi", false },
		{ ">@nairi", false },
		{ "   > @nairi", false },
		{ "> > @nairi", false },
		{ "> x\n@nairi", false },     /* lazy continuation */
		{ "> > x\n> @nairi", false },
		{ "> x\n\n@nairi", true },
		{ "> x\n- @nairi", true },
		{ "> ```\n@nairi", true },
		{ "- > @nairi", false },
		{ "> - x\n>   @nairi", false },
		{ "On Mon, 3 Mar 2025, A B wrote:\n> @nairi do it\n> now\n", false },
		{ "thanks\n\nOn Mon A B <a@b> wrote:\n\n> @nairi do it\n", false },
		{ "@nairi do it\n\n> old words\n", true },
		{ "\\> @nairi", true },
		{ "a > @nairi", true },
	};

	(void)state;
	CHECK(TRIGGER_MENTION, "@nairi", rows);
}

static void mention_that_is_hidden_does_not_count(void **state)
{
	static const struct row rows[] = {
		{ "<!-- @nairi -->", false },
		{ "x <!-- @nairi --> y", false },
		{ "<!--\n\n@nairi\n\n-->", false },
		{ "<!-- x --> @nairi", true },
		{ "<!-- x\n\n@nairi", false },
		{ "x <!-- y @nairi", true },
		{ "<img alt=\"@nairi\">", false },
		{ "<details>\n@nairi\n</details>", true },
		{ "<https://x.example/?@nairi>", false },
	};

	(void)state;
	CHECK(TRIGGER_MENTION, "@nairi", rows);
}

static void command_begins_a_line(void **state)
{
	static const struct row rows[] = {
		{ "/nairi", true },
		{ "/NAIRI go", true },
		{ "   /nairi go", true },
		{ "hello\n/nairi go", true },
		{ "hello\r\n/nairi\r\ngo", true },
		{ "/nairi\tgo", true },
		{ "/nairi\n", true },
		{ "    /nairi", false },
		{ "x\n    /nairi", false },
		{ "please /nairi", false },
		{ "- /nairi", false },
		{ "//nairi", false },
		{ "/nairi2", false },
		{ "/nairi.", false },
		{ "/nairi-x", false },
		{ "/nairi/x", false },
		{ "> /nairi", false },
		{ "> x\n/nairi", false },
		{ "```\n/nairi\n```", false },
		{ "`\n/nairi\n`", false },
		{ "<!--\n/nairi\n-->", false },
		{ "", false },
	};

	(void)state;
	CHECK(TRIGGER_COMMAND, "/nairi", rows);
}

static void nothing_matches_an_empty_word(void **state)
{
	static const struct row rows[] = { { "x", false }, { "", false } };

	(void)state;
	CHECK(TRIGGER_MENTION, "", rows);
	CHECK(TRIGGER_COMMAND, NULL, rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_takes_everything),
		cmocka_unit_test(mention_is_a_word),
		cmocka_unit_test(a_word_without_at_is_a_word_too),
		cmocka_unit_test(mention_in_code_does_not_count),
		cmocka_unit_test(mention_in_a_quote_does_not_count),
		cmocka_unit_test(mention_that_is_hidden_does_not_count),
		cmocka_unit_test(command_begins_a_line),
		cmocka_unit_test(nothing_matches_an_empty_word),
	};

	return cmocka_run_group_tests_name("trigger", tests, NULL, NULL);
}
