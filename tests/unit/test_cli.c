/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's tables, its parser, its man page, and what it remembers while it follows the ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/strbuf.h"
#include "bridge/cli/config_file.h"
#include "bridge/cli/tail.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define MAN_PAGE    "docs/nairi-bridge.1.scd"
#define CONFIG_PAGE "docs/nairi-bridge.yaml.5.scd"
#define TEXT_MAX    ((size_t)256 * 1024)

/* ---- tables ---- */

static size_t rows(const struct verb_option *options)
{
	size_t count = 0;

	while (options != NULL && options[count].name != NULL)
		count++;
	return count;
}

/* One verb's options with those that all take. */
static const struct verb_option *row(const struct verb *verb, size_t i)
{
	size_t own = rows(verb->options), common = rows(verb_common);

	if (i < own)
		return &verb->options[i];
	i -= own;
	if (i < common)
		return &verb_common[i];
	i -= common;
	return verb->lists && i < rows(verb_listing) ? &verb_listing[i] : NULL;
}

static void tables_are_sound(void **state)
{
	(void)state;
	for (size_t v = 0; verbs[v] != NULL; v++) {
		const struct verb *verb = verbs[v];
		const struct verb_option *one, *other;
		assert_ptr_equal(verb_find(verb->name), verb);
		assert_non_null(verb->run);
		assert_true(verb->summary != NULL && strlen(verb->summary) > 5);
		assert_true(verb->operands_min <= verb->operands_max);
		assert_int_equal(verb->operands[0] == '\0', verb->operands_max == 0);
		assert_true(rows(verb->options) <= VERB_OPTIONS_MAX);
		for (size_t i = 0; (one = row(verb, i)) != NULL; i++) {
			assert_true(one->help != NULL && one->help[0] != '\0');
			for (size_t j = 0; j < i && (other = row(verb, j)) != NULL; j++) {
				assert_string_not_equal(one->name, other->name);
				assert_true(one->letter == 0 || one->letter != other->letter);
			}
		}
	}
	assert_null(verb_find("frob"));
}

/* ---- the parser ---- */

static int parse(const char *verb, struct verb_call *call, const char *a, const char *b, const char *c, const char *d)
{
	static char words[5][64];
	static char *argv[6];
	const char *given[] = { verb, a, b, c, d };
	int argc = 0;

	for (int i = 0; i < 5 && given[i] != NULL; i++) {
		(void)snprintf(words[i], sizeof(words[i]), "%s", given[i]);
		argv[argc++] = words[i];
	}
	argv[argc] = NULL;
	*call = (struct verb_call){ .config_file = "default" };
	return verb_parse(verb_find(verb), argc, argv, call);
}

static void options_are_parsed(void **state)
{
	struct verb_call call;

	(void)state;
	assert_int_equal(parse("deliveries", &call, "--state", "failed", "-fn", "7"), -1);
	assert_string_equal(verb_value(&call, "state"), "failed");
	assert_string_equal(verb_value(&call, "limit"), "7");
	assert_string_equal(verb_value(&call, "follow"), "");
	assert_null(verb_value(&call, "source"));
	assert_null(verb_value(&call, "no such option"));
	assert_string_equal(call.config_file, "default");
	assert_false(call.json);
	assert_int_equal(parse("links", &call, "--config=x", "-j", NULL, NULL), -1);
	assert_string_equal(call.config_file, "x");
	assert_true(call.json);
}

static void operands_are_counted(void **state)
{
	struct verb_call call;

	(void)state;
	assert_int_equal(parse("link", &call, "-c", "x", "thread", "job"), -1);
	assert_int_equal(call.count, 2);
	assert_string_equal(call.operands[0], "thread");
	assert_string_equal(call.operands[1], "job");
	assert_int_equal(parse("continue", &call, "thread", "--", "--help", NULL), -1);
	assert_string_equal(call.operands[1], "--help");
	assert_int_equal(parse("continue", &call, "thread", "-", NULL, NULL), -1);
	assert_string_equal(call.operands[1], "-");
}

static void misuse_is_refused(void **state)
{
	struct verb_call call;

	(void)state;
	assert_int_equal(parse("link", &call, "thread", NULL, NULL, NULL), VERB_USAGE);
	assert_int_equal(parse("link", &call, "thread", "job", "more", NULL), VERB_USAGE);
	assert_int_equal(parse("link", &call, "--json", "thread", "job", NULL), VERB_USAGE);
	assert_int_equal(parse("status", &call, "--frob", NULL, NULL, NULL), VERB_USAGE);
	assert_int_equal(parse("status", &call, "--config", NULL, NULL, NULL), VERB_USAGE);
	assert_int_equal(parse("deliveries", &call, "--follow=yes", NULL, NULL, NULL), VERB_USAGE);
}

/* ---- the man page ---- */

static void read_page(const char *name, struct strbuf *out)
{
	char chunk[4096];
	size_t got;
	FILE *file = fopen(name, "r");

	assert_non_null(file);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		strbuf_add(out, chunk, got);
	(void)fclose(file);
	assert_false(strbuf_failed(out));
}

/* The text of a section: from its heading to the next of the same depth or above. */
static void take_section(const char *page, const char *heading, struct strbuf *out)
{
	char line[128];

	(void)snprintf(line, sizeof(line), "\n%s\n", heading);
	const char *start = strstr(page, line);
	if (start == NULL)
		fail_msg("%s has no section \"%s\"", MAN_PAGE, heading);
	start += strlen(line);
	const char *end = strstr(start, "\n#");
	strbuf_reset(out);
	strbuf_add(out, start, end != NULL ? (size_t)(end - start) : strlen(start));
}

/* "*-s*, *--state* _STATE_" at the start of a line, as the table has it. */
static void expect_option(const char *section, const struct verb_option *option, const char *where)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(256);

	strbuf_addc(&line, '\n');
	if (option->letter != 0)
		strbuf_addf(&line, "*-%c*, ", option->letter);
	strbuf_addf(&line, "*--%s*", option->name);
	if (option->argument != NULL)
		strbuf_addf(&line, " _%s_", option->argument);
	strbuf_addc(&line, '\n');
	if (strstr(section, strbuf_str(&line)) == NULL)
		fail_msg("%s, %s: no line %s", MAN_PAGE, where, strbuf_str(&line));
}

/* The words of "THREAD-or-URL JOB", each as an argument of scdoc. */
static void expect_synopsis(const char *section, const struct verb *verb)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(256);
	const char *at = verb->operands;

	strbuf_addf(&line, "*nairi-bridge %s*", verb->name);
	while (*at != '\0') {
		size_t len = strcspn(at, " ");
		bool optional = at[0] == '[';
		strbuf_adds(&line, optional ? " [_" : " _");
		strbuf_add(&line, at + optional, len - 2 * optional);
		strbuf_adds(&line, optional ? "_]" : "_");
		at += len;
		at += *at == ' ';
	}
	strbuf_addc(&line, '\n');
	if (strstr(section, strbuf_str(&line)) == NULL)
		fail_msg("%s, %s: no line %s", MAN_PAGE, verb->name, strbuf_str(&line));
}

static void page_names_every_option(void **state)
{
	CLEANUP(strbuf_release) struct strbuf page = STRBUF(TEXT_MAX);
	CLEANUP(strbuf_release) struct strbuf section = STRBUF(TEXT_MAX);

	(void)state;
	read_page(MAN_PAGE, &page);
	take_section(strbuf_str(&page), "# OPTIONS", &section);
	for (size_t i = 0; i < rows(verb_common); i++)
		expect_option(strbuf_str(&section), &verb_common[i], "OPTIONS");
	for (size_t i = 0; i < rows(verb_listing); i++)
		expect_option(strbuf_str(&section), &verb_listing[i], "OPTIONS");
	for (size_t v = 0; verbs[v] != NULL; v++) {
		char heading[64];
		size_t own = rows(verbs[v]->options), lines = 0;
		(void)snprintf(heading, sizeof(heading), "## %s", verbs[v]->name);
		take_section(strbuf_str(&page), heading, &section);
		expect_synopsis(strbuf_str(&section), verbs[v]);
		for (size_t i = 0; i < own; i++)
			expect_option(strbuf_str(&section), &verbs[v]->options[i], heading);
		for (const char *at = strbuf_str(&section); (at = strstr(at, "\n*-")) != NULL; at++)
			lines++;
		if (lines != own)
			fail_msg("%s, %s: %zu options, the table has %zu", MAN_PAGE, heading, lines, own);
	}
}

/* Sections of verbs that are not there (any more). */
static void page_names_no_other_verb(void **state)
{
	CLEANUP(strbuf_release) struct strbuf page = STRBUF(TEXT_MAX);
	size_t sections = 0, count = 0;

	(void)state;
	read_page(MAN_PAGE, &page);
	for (const char *at = strbuf_str(&page); (at = strstr(at, "\n## ")) != NULL; at++)
		sections++;
	while (verbs[count] != NULL)
		count++;
	assert_int_equal(sections, count);
}

/* Every property that the schema of the configuration names, however deep, stands in the page as *name*. */
static void expect_keys(const cJSON *schema, const char *page)
{
	const cJSON *child, *property;
	char word[128];

	cJSON_ArrayForEach(property, cJSON_GetObjectItemCaseSensitive(schema, "properties"))
	{
		(void)snprintf(word, sizeof(word), "*%s*", property->string);
		if (strstr(page, word) == NULL)
			fail_msg("%s does not name %s", CONFIG_PAGE, word);
	}
	cJSON_ArrayForEach(child, schema)
		expect_keys(child, page);
}

static void page_names_every_key(void **state)
{
	CLEANUP(strbuf_release) struct strbuf page = STRBUF(TEXT_MAX);
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(16 * TEXT_MAX);
	const struct source_type *types[CONFIG_FILE_TYPES];
	size_t count = config_file_types(types);

	(void)state;
	read_page(CONFIG_PAGE, &page);
	config_json_schema(types, count, &text);
	cJSON *schema = cJSON_Parse(strbuf_str(&text));
	assert_non_null(schema);
	expect_keys(schema, strbuf_str(&page));
	cJSON_Delete(schema);
}

/* ---- text for a terminal ---- */

static void expect_printed(const char *text, int width, const char *expected)
{
	char got[256] = "";
	FILE *out = fmemopen(got, sizeof(got), "w");

	assert_non_null(out);
	print_last(out, text, width);
	(void)fclose(out);
	assert_string_equal(got, expected);
}

static void lines_are_clean_and_cut(void **state)
{
	(void)state;
	expect_printed("plain", 0, "plain\n");
	expect_printed(NULL, 0, "\n");
	expect_printed("two\nlines\x1b[31m", 0, "two lines[31m\n");
	expect_printed("bidi \xE2\x80\xAE end \xC2\x9B" "31m", 0, "bidi end 31m\n");
	expect_printed("abcdef", 6, "abcdef\n");
	expect_printed("abcdef", 5, "abcd…\n");
	expect_printed("äöüßäö", 5, "äöüß…\n");
	expect_printed("bad \xFF byte", 0, "bad \xEF\xBF\xBD byte\n");
}

static void times_are_shortened(void **state)
{
	char out[PRINT_TIME_SIZE];

	(void)state;
	print_time("2026-04-12T18:45:12.000Z", out);
	assert_string_equal(out, "2026-04-12 18:45:12");
	print_time(NULL, out);
	assert_string_equal(out, "-");
	print_time("2026-04-12", out);
	assert_string_equal(out, "-");
	print_time("\x1b[31m26-04-12T18:45:12", out);
	assert_string_equal(out, "-");
}

/* ---- follow ---- */

static void make_id(unsigned long long ms, unsigned tail, char out[ID_SIZE])
{
	(void)snprintf(out, ID_SIZE, "%08llx-%04llx-7000-8000-%012x", ms >> 16 & 0xFFFFFFFFULL, ms & 0xFFFFULL, tail);
}

static void news_are_told_once(void **state)
{
	CLEANUP(tail_free_at) struct tail *tail = tail_new();
	char one[ID_SIZE], other[ID_SIZE];

	(void)state;
	make_id(1700000000000ULL, 1, one);
	make_id(1700000000000ULL, 2, other);
	assert_true(tail_is_news(tail, other, "queued"));
	assert_false(tail_is_news(tail, other, "queued"));
	assert_true(tail_is_news(tail, one, "queued")); /* kept later, though it came first */
	assert_true(tail_is_news(tail, other, "forwarded"));
	assert_false(tail_is_news(tail, other, "forwarded"));
	assert_false(tail_is_news(tail, NULL, "queued"));
	assert_false(tail_is_news(tail, "x", "queued"));
}

static void a_look_begins_before_the_newest(void **state)
{
	CLEANUP(tail_free_at) struct tail *tail = tail_new();
	char id[ID_SIZE], after[ID_SIZE], expected[ID_SIZE];

	(void)state;
	tail_start(tail, after);
	assert_string_equal(after, "00000000-0000-7000-8000-000000000000");
	make_id(1700000000000ULL, 1, id);
	assert_true(tail_is_news(tail, id, "queued"));
	tail_start(tail, after);
	make_id(1700000000000ULL - TAIL_BACK_MS, 0, expected);
	assert_string_equal(after, expected);
}

static void what_is_forgotten_is_not_told_again(void **state)
{
	CLEANUP(tail_free_at) struct tail *tail = tail_new();
	char id[ID_SIZE], after[ID_SIZE];

	(void)state;
	for (unsigned i = 0; i < TAIL_SEEN + 10; i++) {
		make_id(1700000000000ULL, i, id);
		assert_true(tail_is_news(tail, id, "queued"));
	}
	for (unsigned i = 0; i < TAIL_SEEN + 10; i++) {
		make_id(1700000000000ULL, i, id);
		assert_false(tail_is_news(tail, id, "queued"));
	}
	make_id(1700000000000ULL, 5, id);
	assert_false(tail_is_news(tail, id, "forwarded"));
	make_id(1700000000000ULL, 9, id);
	tail_start(tail, after);
	assert_string_equal(after, id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_sound),
		cmocka_unit_test(options_are_parsed),
		cmocka_unit_test(operands_are_counted),
		cmocka_unit_test(misuse_is_refused),
		cmocka_unit_test(page_names_every_option),
		cmocka_unit_test(page_names_no_other_verb),
		cmocka_unit_test(page_names_every_key),
		cmocka_unit_test(lines_are_clean_and_cut),
		cmocka_unit_test(times_are_shortened),
		cmocka_unit_test(news_are_told_once),
		cmocka_unit_test(a_look_begins_before_the_newest),
		cmocka_unit_test(what_is_forgotten_is_not_told_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
