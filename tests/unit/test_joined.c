/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/cleanup.h"
#include "bridge/deliver/deliver_private.h"

/* A part whose prompt is the word, and its place in the code, if any. */
static struct part part(const char *prompt, const char *spot)
{
	return (struct part){ .row = { .prompt = prompt, .spot = spot } };
}

static const char *join(struct arena *arena, struct part *parts, size_t count)
{
	const char *prompt = joined_prompt(parts, count, arena);

	assert_non_null(prompt);
	return prompt;
}

/* The words stand in the prompt in this order, each once. */
static void expect_order(const char *prompt, size_t count, ...)
{
	va_list words;
	const char *at = prompt;

	va_start(words, count);
	for (size_t i = 0; i < count; i++) {
		const char *word = va_arg(words, const char *);
		const char *found = strstr(at, word);
		if (found == NULL)
			fail_msg("no %s behind what came before, in:\n%s", word, prompt);
		if (strstr(prompt, word) != found || strstr(found + 1, word) != NULL)
			fail_msg("%s is there twice in:\n%s", word, prompt);
		at = found + strlen(word);
	}
	va_end(words);
}

static void one_alone_is_itself(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	struct part parts[] = { part("alone\n\n[tag]", "a.c:0000000001") };

	(void)state;
	assert_string_equal(join(arena, parts, 1), "alone\n\n[tag]");
}

static void parts_are_apart_and_whole(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	struct part parts[] = { part("first\n\n[tag-1]", NULL), part("second\n\n[tag-2]", NULL) };

	(void)state;
	assert_string_equal(join(arena, parts, 2), "2 messages, in reading order; each ends in its tag.\n\n---\n\n"
						   "first\n\n[tag-1]\n\n---\n\nsecond\n\n[tag-2]");
	/* The parts themselves keep their order: the first one leads. */
	assert_string_equal(parts[0].row.prompt, "first\n\n[tag-1]");
}

static void sorts_by_file_and_line(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	struct part parts[] = {
		part("<b:5>", "src/b.c:0000000005"),   part("<a:120>", "src/a.c:0000000120"),
		part("<a:9>", "src/a.c:0000000009"),   part("<a:9, later>", "src/a.c:0000000009"),
		part("<a:9, last>", "src/a.c:0000000009"), part("<B:1>", "src/B.c:0000000001"),
	};

	(void)state;
	expect_order(join(arena, parts, 6), 6, "<B:1>", "<a:9>", "<a:9, later>", "<a:9, last>", "<a:120>", "<b:5>");
	assert_string_equal(parts[0].row.prompt, "<b:5>");
}

/* What is not in the code stays where it came; what is, is sorted around it. */
static void others_keep_their_place(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	struct part parts[] = {
		part("<plain 1>", NULL), part("<z:2>", "z.c:0000000002"), part("<z:1>", "z.c:0000000001"),
		part("<plain 2>", NULL), part("<b:1>", "b.c:0000000001"), part("<a:1>", "a.c:0000000001"),
		part("<plain 3>", NULL),
	};

	(void)state;
	expect_order(join(arena, parts, 7), 7, "<plain 1>", "<z:1>", "<z:2>", "<plain 2>", "<a:1>", "<b:1>", "<plain 3>");
}

/* Whoever adds up the sizes stays under the limit with all of it. */
static void fits_into_what_it_says(void **state)
{
	struct part parts[RUN_MAX];
	char text[RUN_MAX][64];

	(void)state;
	for (size_t count = 2; count <= RUN_MAX; count++) {
		CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
		size_t sum = 0;
		for (size_t i = 0; i < count; i++) {
			(void)snprintf(text[i], sizeof(text[i]), "<%zu>%.*s", i, (int)(i % 7), "xxxxxxx");
			parts[i] = part(text[i], i % 3 == 0 ? NULL : "a.c:0000000001");
			sum += joined_size(&parts[i].row);
		}
		const char *prompt = join(arena, parts, count);
		if (strlen(prompt) > sum)
			fail_msg("%zu parts: %zu bytes, %zu were said", count, strlen(prompt), sum);
		for (size_t i = 0; i < count; i++)
			assert_non_null(strstr(prompt, text[i]));
	}
}

static void says_when_there_is_no_memory(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(64);
	struct part parts[] = { part("first and rather long", NULL), part("second and rather long", NULL) };

	(void)state;
	assert_null(joined_prompt(parts, 2, arena));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_is_itself),
		cmocka_unit_test(parts_are_apart_and_whole),
		cmocka_unit_test(sorts_by_file_and_line),
		cmocka_unit_test(others_keep_their_place),
		cmocka_unit_test(fits_into_what_it_says),
		cmocka_unit_test(says_when_there_is_no_memory),
	};

	return cmocka_run_group_tests_name("joined", tests, NULL, NULL);
}
