/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/cleanup.h"
#include "bridge/deliver/errand.h"

#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"

static void expect_text(const char *got, const char *wanted)
{
	if (wanted == NULL)
		assert_null(got);
	else
		assert_string_equal(got, wanted);
}

static void check(const struct errand *errand)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	struct errand back;

	memset(&back, 0xA5, sizeof(back));
	const char *text = errand_write(errand, arena);
	assert_non_null(text);
	errand_read(text, arena, &back);
	assert_int_equal(back.permission, errand->permission);
	assert_int_equal(back.find_link, errand->find_link);
	assert_int_equal(back.may_start, errand->may_start);
	expect_text(back.hint, errand->hint);
	assert_int_equal(back.lookup != NULL, errand->lookup != NULL);
	assert_int_equal(back.command != NULL, errand->command != NULL);
	if (errand->lookup != NULL) {
		const struct lookup *a = errand->lookup, *b = back.lookup;
		assert_int_equal(b->wants, a->wants);
		expect_text(b->repo, a->repo);
		expect_text(b->commit, a->commit);
		expect_text(b->before, a->before);
		expect_text(b->branch, a->branch);
		expect_text(b->path, a->path);
		assert_int_equal(b->line, a->line);
		assert_int_equal(b->last_line, a->last_line);
		assert_int_equal(b->old_side, a->old_side);
	}
	if (errand->command != NULL) {
		assert_int_equal(back.command->kind, errand->command->kind);
		assert_string_equal(back.command->job_id, errand->command->job_id);
		assert_string_equal(back.command->problem, errand->command->problem);
	}
}

static void comes_back_as_it_was(void **state)
{
	static const struct lookup whole = {
		.wants = LOOKUP_CODE | LOOKUP_PUSH, .repo = "octo/hello", .commit = "ec26c3e5", .before = "f95f852b",
		.branch = "feature/\"x\"\\", .path = "src/\xC3\xA9 a.c", .line = 12, .last_line = 1 << 30, .old_side = true,
	};
	static const struct lookup bare = { .wants = LOOKUP_THREAD };
	static const struct command command = { .kind = COMMAND_LINK, .job_id = JOB };
	static const struct command unknown = { .kind = COMMAND_UNKNOWN, .problem = "\"dance\" is not a command" };
	static const struct errand errands[] = {
		{ 0 },
		{ .permission = true },
		{ .find_link = true },
		{ .may_start = true, .hint = "its branch was made by an agent" },
		{ .permission = true, .find_link = true, .may_start = true, .lookup = &whole },
		{ .lookup = &bare },
		{ .permission = true, .command = &command },
		{ .command = &unknown, .hint = "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(errands) / sizeof(errands[0]); i++)
		check(&errands[i]);
	for (int kind = COMMAND_NONE + 1; kind <= COMMAND_PROMPT; kind++) {
		struct command each = { .kind = (enum command_kind)kind };
		struct errand errand = { .command = &each };
		check(&errand);
	}
}

/* What cannot be read asks for the permission: nobody speaks because a row is damaged. */
static void what_is_unreadable_asks_for_the_permission(void **state)
{
	static const char *const texts[] = {
		NULL, "", "{", "nonsense", "[]", "7", "null", "{}", "{\"permission\":null}", "{\"permission\":0}",
		"{\"permission\":\"false\"}", "{\"permission\":true,\"git\":7,\"command\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
		struct errand back;
		memset(&back, 0xA5, sizeof(back));
		errand_read(texts[i], arena, &back);
		if (!back.permission || back.find_link || back.may_start || back.lookup != NULL || back.command != NULL ||
		    back.hint != NULL)
			fail_msg("%s", texts[i] != NULL ? texts[i] : "(none)");
	}
}

static void a_command_that_is_none_is_unknown(void **state)
{
	static const char *const kinds[] = { "0", "-1", "99", "\"link\"", "null", "1.5", "1e99" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
		struct errand back;
		const char *text = arena_printf(arena,
						"{\"permission\":false,\"command\":{\"kind\":%s,\"job_id\":7,\"problem\":[]}}",
						kinds[i]);
		errand_read(text, arena, &back);
		assert_false(back.permission);
		assert_non_null(back.command);
		if (back.command->kind != COMMAND_UNKNOWN)
			fail_msg("%s: %d", kinds[i], (int)back.command->kind);
		assert_string_equal(back.command->job_id, "");
		assert_string_equal(back.command->problem, "");
	}
}

/* Nothing is cut: what is too long is refused when it is written. */
static void says_when_it_does_not_fit(void **state)
{
	CLEANUP(arena_free_at) struct arena *small = arena_new(16);
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	static const struct errand plain = { .permission = true };
	char *path = calloc(1, 20001);
	struct lookup lookup = { .wants = LOOKUP_CODE, .path = path };
	struct errand errand = { .lookup = &lookup };

	(void)state;
	assert_null(errand_write(&plain, small));
	memset(path, 'x', 20000);
	assert_null(errand_write(&errand, arena));
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(what_is_unreadable_asks_for_the_permission),
		cmocka_unit_test(a_command_that_is_none_is_unknown),
		cmocka_unit_test(says_when_it_does_not_fit),
	};

	return cmocka_run_group_tests_name("errand", tests, NULL, NULL);
}
