/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"

/*
 * json_extract against cJSON, on documents made at random from a fixed seed: cJSON reads the whole,
 * the plain (slow) code below cuts the tree down to the paths, and the result must be what
 * json_extract lets through.
 */
#define ROUNDS	  3000
#define DEPTH	  5
#define PATHS_MAX 5

static uint32_t next(uint32_t *random, uint32_t below)
{
	*random ^= *random << 13;
	*random ^= *random >> 17;
	*random ^= *random << 5;
	return *random % below;
}

/* Few names, so that they repeat and paths meet them; two are spelled in several ways. */
static const char *const names[] = { "a",	 "b",	    "cc",   "\\u0061", "\\u0063c",
				     "\xC5\xBC", "\\u017c", "\\\"", "" };
static const char *const plain_names[] = { "a", "b", "cc", "\xC5\xBC", "\"", "" };

static const char *const strings[] = {
	"\"\"",
	"\"x\"",
	"\"some text that is longer than one wide step, and another\"",
	"\"\\n\\t\\\\ \\/ \\u00e9\"",
	"\"\xC5\xBC\xC3\xB3\xC5\x82\xC4\x87 \xE2\x9C\x93 \xF0\x9F\x91\x80\"",
	"\"\\ud83d\\udc40\"",
	"\"{\\\"a\\\":[1,2]}\"",
	"\"\x7F\"",
};
static const char *const scalars[] = { "0",   "-1",   "123456789012345", "1.5", "-2.5e-3",
				       "1E2", "true", "false",		 "null" };

#define PICK(table, random) (table)[next((random), (uint32_t)(sizeof(table) / sizeof((table)[0])))]

static void add_space(struct strbuf *out, uint32_t *random)
{
	static const char *const spaces[] = { "", "", "", "", "", " ", "\n", "\t ", "\r\n" };

	strbuf_adds(out, PICK(spaces, random));
}

static void add_value(struct strbuf *out, uint32_t *random, unsigned depth);

static void add_container(struct strbuf *out, uint32_t *random, unsigned depth, bool object)
{
	uint32_t count = next(random, 6);

	strbuf_addc(out, object ? '{' : '[');
	add_space(out, random);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			strbuf_addc(out, ',');
		add_space(out, random);
		if (object) {
			strbuf_addf(out, "\"%s\"", PICK(names, random));
			add_space(out, random);
			strbuf_addc(out, ':');
			add_space(out, random);
		}
		add_value(out, random, depth + 1);
		add_space(out, random);
	}
	strbuf_addc(out, object ? '}' : ']');
}

static void add_value(struct strbuf *out, uint32_t *random, unsigned depth)
{
	uint32_t kind = next(random, 8);

	if (depth < DEPTH && kind < 4)
		add_container(out, random, depth, kind < 3);
	else if (kind < 6)
		strbuf_adds(out, PICK(strings, random));
	else
		strbuf_adds(out, PICK(scalars, random));
}

static void add_path(struct strbuf *out, uint32_t *random)
{
	uint32_t steps = 1 + next(random, 3);

	for (uint32_t i = 0; i < steps; i++)
		strbuf_addf(out, "%s%s", i > 0 ? "." : "", PICK(plain_names, random));
}

enum fate { DROP, ENTER, KEEP };

/*
 * place is "" for the whole and ".a.b" below it, so that a member without a name has a place of its
 * own.
 */
static enum fate fate_of(const char *place, const char *const *paths)
{
	enum fate fate = DROP;
	size_t len = strlen(place) - 1;

	for (; *paths != NULL; paths++) {
		if (strcmp(*paths, place + 1) == 0)
			return KEEP;
		if (strncmp(*paths, place + 1, len) == 0 && (*paths)[len] == '.')
			fate = ENTER;
	}
	return fate;
}

static bool came_before(const cJSON *object, const cJSON *member)
{
	for (const cJSON *other = object->child; other != member; other = other->next) {
		if (strcmp(other->string, member->string) == 0)
			return true;
	}
	return false;
}

/* Cuts a tree down; paths == NULL: everything is kept, but for repeated members. */
static void prune(cJSON *tree, const char *place, const char *const *paths)
{
	cJSON *doomed[64];
	size_t count = 0;

	for (cJSON *child = tree->child; child != NULL; child = child->next) {
		char below[64];
		enum fate fate = paths == NULL ? KEEP : ENTER;
		(void)snprintf(below, sizeof(below), "%s", place);
		if (cJSON_IsObject(tree) && paths != NULL) {
			(void)snprintf(below, sizeof(below), "%s.%s", place, child->string);
			fate = fate_of(below, paths);
		}
		bool container = cJSON_IsObject(child) || cJSON_IsArray(child);
		if ((cJSON_IsObject(tree) && came_before(tree, child)) || fate == DROP ||
		    (fate == ENTER && !container))
			doomed[count++] = child;
		else if (container)
			prune(child, below, fate == KEEP ? NULL : paths);
	}
	while (count > 0)
		cJSON_Delete(cJSON_DetachItemViaPointer(tree, doomed[--count]));
}

/* The same to the last byte, the order of members included. */
static void compare(const char *text, const cJSON *expected, const struct strbuf *out)
{
	const char *end = NULL;
	CLEANUP(json_delete_at) cJSON *got = cJSON_ParseWithOpts(strbuf_str(out), &end, true);

	if (got == NULL)
		fail_msg("%s\nis left as\n%s", text, strbuf_str(out));
	char *expected_text = cJSON_PrintUnformatted(expected);
	char *got_text = cJSON_PrintUnformatted(got);
	if (strcmp(expected_text, got_text) != 0)
		fail_msg("%s\nis left as\n%s\nand not as\n%s", text, got_text, expected_text);
	cJSON_free(expected_text);
	cJSON_free(got_text);
	assert_true(utf8_valid(strbuf_str(out), out->len));
}

static void check_one(const char *text, size_t len, const char *const *paths)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1U << 20), again = STRBUF(1U << 20);
	CLEANUP(json_delete_at) cJSON *expected = cJSON_ParseWithLength(text, len);
	struct json_paths *compiled = paths != NULL ? json_paths_new(paths) : NULL;
	struct error err = { .code = ERR_NONE };

	assert_non_null(expected);
	prune(expected, "", paths);
	if (json_extract(text, len, compiled, &out, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	compare(text, expected, &out);
	assert_int_equal(json_extract(strbuf_str(&out), out.len, compiled, &again, &err), 0);
	assert_string_equal(strbuf_str(&again), strbuf_str(&out));
	json_paths_free(compiled);
}

static void keeps_what_a_tree_would_hold(void **state)
{
	uint32_t random = 20260412;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		CLEANUP(strbuf_release) struct strbuf text = STRBUF(1U << 20);
		struct strbuf paths[PATHS_MAX];
		const char *borrowed[PATHS_MAX + 1] = { NULL };
		uint32_t count = next(&random, PATHS_MAX + 1);

		add_space(&text, &random);
		add_container(&text, &random, 1, true);
		add_space(&text, &random);
		for (uint32_t i = 0; i < count; i++) {
			paths[i] = STRBUF(64);
			add_path(&paths[i], &random);
			borrowed[i] = strbuf_str(&paths[i]);
		}
		check_one(strbuf_str(&text), text.len, borrowed);
		check_one(strbuf_str(&text), text.len, NULL);
		for (uint32_t i = 0; i < count; i++)
			strbuf_release(&paths[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_a_tree_would_hold),
	};

	return cmocka_run_group_tests_name("json_random", tests, NULL, NULL);
}
