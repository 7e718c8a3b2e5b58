/* SPDX-License-Identifier: Apache-2.0 */
/* What YAML lets pass and we do not; all problems in one run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/config_kit.h"
#include "tests/support/config_rows.h"

static struct config *load(const char *text)
{
	struct config *config = NULL;
	CLEANUP(cleanup_free) char *printed = kit_parse(text, &config);

	if (config == NULL)
		print_error("%s", printed);
	assert_non_null(config);
	return config;
}

/* --- what libyaml lets pass, or says --- */

static void refuses_what_is_not_one_plain_document(void **state)
{
	static const struct row rows[] = {
		{ "", "c.yaml:1:1: there is nothing in it\n" },
		{ "# nothing\n", "c.yaml:1:1: there is nothing in it\n" },
		{ "[a]\n", "c.yaml:1:1: expected a mapping of settings\n" },
		{ "nr_secret\n", "c.yaml:1:1: expected a mapping of settings\n" },
		{ KIT_BASE "---\nlog: {}\n",
		  "c.yaml:3:1: a second document begins here; the configuration is one\n" },
		{ KIT_BASE "proxy: a: b\n",
		  "c.yaml:3:9: mapping values are not allowed in this context "
		  "(quote the value, or write it as a | block)\n" },
		{ KIT_BASE "proxy: ${{ .a }}: ${{ .b }}\n",
		  "c.yaml:3:17: mapping values are not allowed in this context "
		  "(quote the value, or write it as a | block)\n" },
		{ KIT_BASE "log: { level: ${{ x }} }\n",
		  "c.yaml:3:16: did not find expected ',' or '}' "
		  "(quote the value, or write it as a | block)\n" },
		{ KIT_BASE "log: {\n", "c.yaml:4:1: did not find expected node content\n" },
		{ KIT_BASE "log: *nobody\n", "c.yaml:3:6: found undefined alias\n" },
		{ KIT_BASE "log: &a {}\nproxy: &a b\n", "c.yaml:4:8: found duplicate anchor\n" },
		{ KIT_BASE "log: !x {}\n", "c.yaml:3:6: tags (!…) have no meaning here\n" },
		{ KIT_BASE "proxy: !!int 5\n", "c.yaml:3:8: tags (!…) have no meaning here\n" },
		{ KIT_BASE "[a]: b\n", "c.yaml:3:1: a key must be plain text\n" },
		{ KIT_BASE "log: { level: \"a\\0b\" }\n",
		  "c.yaml:3:15: the value contains a NUL character\n" },
		{ KIT_BASE "log: { level: \x07 }\n",
		  "c.yaml:3:15: control character U+0007 is not allowed\n" },
		{ KIT_BASE "log: { level: \xC3\xBC\xFF }\n", "c.yaml:3:16: not valid UTF-8\n" },
		{ KIT_BASE "\xEF\xBB\xBFlog: {}\n",
		  "c.yaml:3:1: control character U+FEFF is not allowed\n" },
		{ "\xFF\xFE"
		  "a\n",
		  "c.yaml:1:1: not valid UTF-8\n" },
		{ "a: &a [*a]\n",
		  "c.yaml:1:4: nested too deeply (or an alias that contains itself)\n" },
		{ KIT_BASE "<<: { log: {} }\n",
		  "c.yaml:3:1: unknown key \"<<\" in the top level\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void refuses_a_nul_byte(void **state)
{
	static const char text[] = "nairi: 1\nlog: \0\n";
	struct config *config = NULL;
	CLEANUP(cleanup_free) char *printed = kit_parse_len(text, sizeof(text) - 1, &config);

	(void)state;
	assert_null(config);
	assert_string_equal(printed, "c.yaml:2:6: control character U+0000 is not allowed\n");
}

static void takes_a_bom_and_any_line_end(void **state)
{
	static const struct row rows[] = {
		{ "\xEF\xBB\xBFnairi: { api_key: nr_k }\r\nsources: {}\r\nproxy: none #x\r\n",
		  "c.yaml:3:13: warning: the value ends before \" #\": quote it if the rest "
		  "belongs to it, "
		  "or put a space after the # of a comment\n" },
		{ "---\n" KIT_BASE "...\n", "" },
		{ "%YAML 1.1\n---\n" KIT_BASE, "" },
	};

	(void)state;
	RUN_ROWS(rows, true);
}

static void takes_aliases(void **state)
{
	CLEANUP(config_free_at)
	struct config *c = load("nairi: { api_key: nr_k }\nsources:\n"
				"  a: { type: talk, secret: s, trust: &t { users: [x] } }\n"
				"  b: { type: talk, secret: s, trust: *t }\n");

	(void)state;
	assert_string_equal(c->sources[1].trust.users.items[0], "x");
}

static void survives_an_alias_bomb(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	struct config *config = NULL;

	(void)state;
	strbuf_adds(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++) {
		strbuf_addf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			strbuf_addf(&text, "%s*a%d", j > 0 ? ", " : "", i - 1);
		strbuf_adds(&text, "]\n");
	}
	CLEANUP(cleanup_free) char *printed = kit_parse(strbuf_str(&text), &config);
	assert_null(config);
	assert_non_null(strstr(printed, "too many values (aliases count every time)\n"));
}

static void caps_depth(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	struct config *config = NULL;

	(void)state;
	strbuf_adds(&text, "a: ");
	for (int i = 0; i < 500; i++)
		strbuf_addc(&text, '[');
	for (int i = 0; i < 500; i++)
		strbuf_addc(&text, ']');
	CLEANUP(cleanup_free) char *printed = kit_parse(strbuf_str(&text), &config);
	assert_null(config);
	assert_string_equal(printed,
			    "c.yaml:1:36: nested too deeply (or an alias that contains itself)\n");
}

/* libyaml's time grows with the square of the depth: a whole MiB must be refused at its beginning.
 */
static void refuses_a_deep_file_at_once(void **state)
{
	size_t len = 1 << 20;
	CLEANUP(cleanup_free) char *text = malloc(len);
	struct config *config = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, '[', len);
	CLEANUP(cleanup_free) char *printed = kit_parse_len(text, len, &config);
	assert_null(config);
	assert_string_equal(printed,
			    "c.yaml:1:34: nested too deeply (or an alias that contains itself)\n");
}

static void caps_anchors(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	struct config *config = NULL;

	(void)state;
	for (int i = 0; i < 1001; i++)
		strbuf_addf(&text, "a%d: &b%d x\n", i, i);
	CLEANUP(cleanup_free) char *printed = kit_parse(strbuf_str(&text), &config);
	assert_null(config);
	assert_string_equal(printed, "c.yaml:1001:8: too many anchors\n");
}

static void caps_values(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	struct config *config = NULL;

	(void)state;
	for (int i = 0; i < 100000; i++)
		strbuf_adds(&text, "- x\n");
	CLEANUP(cleanup_free) char *printed = kit_parse(strbuf_str(&text), &config);
	assert_null(config);
	assert_string_equal(printed,
			    "c.yaml:100000:3: too many values (aliases count every time)\n");
}

static void caps_the_file(void **state)
{
	size_t len = (1 << 20) + 1;
	CLEANUP(cleanup_free) char *text = malloc(len);
	struct config *config = NULL;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', len);
	CLEANUP(cleanup_free) char *printed = kit_parse_len(text, len, &config);
	assert_null(config);
	assert_string_equal(printed, "c.yaml: larger than 1 MiB\n");
}

/* --- all of it, in order, but not without end --- */

static void reports_all_in_the_order_of_the_file(void **state)
{
	static const struct row rows[] = {
		{ "sources: { t: { type: x } }\nlog: { level: a #b\n  }\nzzz: 1\nnairi: { api_kye: "
		  "nr_k }\n"
		  "listen: x\n",
		  "c.yaml:1:23: sources.t.type: expected one of talk, plain, bare, got \"x\"\n"
		  "c.yaml:2:15: log.level: expected one of debug, info, warn, error, got \"a\"\n"
		  "c.yaml:2:17: warning: the value ends before \" #\": quote it if the rest "
		  "belongs to it, "
		  "or put a space after the # of a comment\n"
		  "c.yaml:4:1: unknown key \"zzz\" in the top level\n"
		  "c.yaml:5:8: nairi: missing key \"api_key\" (or \"api_key_file\")\n"
		  "c.yaml:5:10: unknown key \"api_kye\" in nairi (did you mean \"api_key\"?)\n"
		  "c.yaml:6:9: listen: expected host:port, [v6]:port, unix:/path or systemd, got "
		  "\"x\"\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void stops_at_fifty(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	struct config *config = NULL;
	size_t lines = 0;

	(void)state;
	/* The warnings come first and must not keep the errors out. */
	for (int i = 0; i < 60; i++)
		strbuf_addf(&text, "w%d: a #b\n", i);
	CLEANUP(cleanup_free) char *printed = kit_parse(strbuf_str(&text), &config);
	assert_null(config);
	for (const char *at = printed; *at != '\0'; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 51);
	assert_null(strstr(printed, "warning"));
	assert_non_null(strstr(printed, "\nc.yaml: and 11 more\n"));
}

static void cuts_what_it_quotes(void **state)
{
	static const struct row rows[] = {
		{ KIT_BASE "log: { level: ääääääääääääääääääääääääääää"
			   "ääääääääääääää }\n",
		  "c.yaml:3:15: log.level: expected one of debug, info, warn, error, "
		  "got \"ääääääääääääääääääääääääääääää…\"\n" },
		{ KIT_BASE "log: { level: \"\\e[31m\\u202E\" }\n",
		  "c.yaml:3:15: log.level: expected one of debug, info, warn, error, "
		  "got \"\\u001b[31m\\u202e\"\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_not_one_plain_document),
		cmocka_unit_test(refuses_a_nul_byte),
		cmocka_unit_test(takes_a_bom_and_any_line_end),
		cmocka_unit_test(takes_aliases),
		cmocka_unit_test(survives_an_alias_bomb),
		cmocka_unit_test(caps_depth),
		cmocka_unit_test(refuses_a_deep_file_at_once),
		cmocka_unit_test(caps_anchors),
		cmocka_unit_test(caps_values),
		cmocka_unit_test(caps_the_file),
		cmocka_unit_test(reports_all_in_the_order_of_the_file),
		cmocka_unit_test(stops_at_fifty),
		cmocka_unit_test(cuts_what_it_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
