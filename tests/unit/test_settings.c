/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "bridge/settings/settings.h"

#define SECRET "secret: 0123456789abcdef0123456789abcdef"
#define SOURCES                                                                                              \
	"nairi: { api_key: nr_k }\n"                                                                         \
	"sources:\n"                                                                                         \
	"  github: { type: github, " SECRET ", api: { token: t } }\n"                                        \
	"  enterprise: { type: github, " SECRET ", api: { url: https://git.example.com/api/v3, token: t } }\n" \
	"  silent: { type: github, " SECRET ", path: /in/silent, reply: none, api: { token: t } }\n"         \
	"  mute: { type: github, " SECRET " }\n"                                                             \
	"  ci: { type: generic, verify: { type: hmac-sha256, header: X-S, " SECRET " } }\n"                  \
	"  https: { type: generic, verify: { type: hmac-sha256, header: X-S, " SECRET " } }\n"

static struct config *parse(const char *text)
{
	const struct source_type *types[16];
	struct config_problems problems;
	struct config *config = NULL;
	struct strbuf out = STRBUF(65536);

	for (size_t i = 0; i < handler_count; i++)
		types[i] = &handlers[i]->kind;
	int failed = config_parse("c.yaml", text, strlen(text), types, handler_count, &config, &problems);
	config_problems_print(&problems, &out);
	config_problems_release(&problems);
	if (failed != 0)
		print_error("%s", strbuf_str(&out));
	strbuf_release(&out);
	assert_int_equal(failed, 0);
	return config;
}

static struct settings *open_settings(void)
{
	struct settings *settings = NULL;
	struct error err = { 0 };

	if (settings_open(parse(SOURCES), &settings, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(err.code, ERR_NONE);
	return settings;
}

static int setup(void **state)
{
	*state = open_settings();
	return 0;
}

static int teardown(void **state)
{
	settings_drop(*state);
	return 0;
}

/* ---- sources ---- */

static void finds_sources(void **state)
{
	const struct settings *settings = *state;

	assert_int_equal(settings->source_count, 6);
	assert_string_equal(settings_source_by_name(settings, "ci")->handler->kind.type, "generic");
	assert_string_equal(settings_source_by_path(settings, "/hooks/github")->config->name, "github");
	assert_string_equal(settings_source_by_path(settings, "/in/silent")->config->name, "silent");
	static const char *const no_paths[] = { "", "/", "/hooks/", "/hooks/git", "/hooks/github/", "/hooks/GitHub",
						"/hooks/silent", "hooks/github", "/hooks/github?x" };
	for (size_t i = 0; i < sizeof(no_paths) / sizeof(no_paths[0]); i++)
		assert_null(settings_source_by_path(settings, no_paths[i]));
	assert_null(settings_source_by_name(settings, "git"));
	assert_null(settings_source_by_name(settings, ""));
	assert_null(settings_source_by_name(settings, "GitHub"));
}

static void knows_who_can_talk_back(void **state)
{
	static const struct {
		const char *name;
		bool reply, ask;
	} rows[] = {
		{ "github", true, true },  { "enterprise", true, true }, { "silent", false, true },
		{ "mute", false, false },  { "ci", false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct source *source = settings_source_by_name(*state, rows[i].name);
		if (source_can_reply(source) != rows[i].reply || source_can_ask(source) != rows[i].ask)
			fail_msg("%s", rows[i].name);
	}
}

/* ---- threads ---- */

static void resolves(void **state)
{
	static const struct {
		const char *text, *thread;
	} rows[] = {
		{ "github:octo/hello#42", "github:octo/hello#42" },
		/* One conversation has one key, however it is spelled; what is not GitHub's is left alone. */
		{ "github:Octo/Hello#42", "github:octo/hello#42" },
		{ "https://github.com/Octo/Hello/pull/42", "github:octo/hello#42" },
		{ "ci:Any#42", "ci:Any#42" },
		{ "ci:any key", "ci:any key" },
		{ "ci:a:b:c", "ci:a:b:c" },
		{ "ci::", "ci::" },
		{ "ci:\xC3\xA9", "ci:\xC3\xA9" },
		{ "https://github.com/octo/hello/pull/42", "github:octo/hello#42" },
		{ "https://github.com/octo/hello/issues/42", "github:octo/hello#42" },
		{ "https://github.com/octo/hello/pull/42#issuecomment-1", "github:octo/hello#42" },
		{ "https://git.example.com/octo/hello/pull/7/files", "enterprise:octo/hello#7" },
		/* A key may have what looks like a URL in it. */
		{ "ci:https://build.example/1", "ci:https://build.example/1" },
		{ "https:job/1", "https:job/1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(arena_free_at) struct arena *arena = arena_new(16384);
		struct error err = { 0 };
		const char *thread = NULL;
		if (settings_resolve_thread(*state, rows[i].text, arena, &thread, &err) != 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		if (strcmp(thread, rows[i].thread) != 0)
			fail_msg("%s: %s", rows[i].text, thread);
		if (err.code != ERR_NONE) /* what succeeds has not touched it */
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_ptr_not_equal(thread, rows[i].text);
	}
}

static void does_not_resolve(void **state)
{
	static const char *const texts[] = {
		"", ":", "github", "github:", ":octo/hello#42", "unknown:x", "GITHUB:octo/hello#42", " github:x",
		"octo/hello#42", "github:octo/hello", "github:octo/hello#x", "github:https://github.com/octo/hello/pull/42",
		"ci:a\nb", "ci:\t", "ci:\x7F", "ci:\x1B[31m",
		"https://example.com/octo/hello/pull/42", "https://github.com/octo/hello", "https://github.com/",
		"https://github.com.evil.example/octo/hello/pull/42",
		"https://evil.example/github.com/octo/hello/pull/42",
		"https://github.com@evil.example/octo/hello/pull/42", "ftp://github.com/octo/hello/pull/42",
		"://", "http://",
		"https://github.com/octo/hello/pull/x", "nosuch:https://github.com/octo/hello/pull/42",
		"a-source-name-that-is-longer-than-any-source-can-have-in-the-configuration:x",
	};
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	char long_text[2048] = "ci:";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = { 0 };
		const char *thread = "untouched";
		if (settings_resolve_thread(*state, texts[i], arena, &thread, &err) == 0)
			fail_msg("%s: %s", texts[i], thread);
		assert_int_equal(err.code, ERR_INVALID);
		assert_true(strlen(err.text) > 0);
		assert_string_equal(thread, "untouched");
	}
	struct error err;
	const char *thread;
	memset(long_text + 3, 'x', 1021);
	assert_int_equal(settings_resolve_thread(*state, long_text, arena, &thread, &err), 0);
	memset(long_text + 3, 'x', 1022);
	assert_int_equal(settings_resolve_thread(*state, long_text, arena, &thread, &err), -1);
	memset(long_text + 3, 'x', sizeof(long_text) - 4);
	assert_int_equal(settings_resolve_thread(*state, long_text, arena, &thread, &err), -1);
}

static void says_when_memory_is_not_enough(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(8);
	struct error err = { 0 };
	const char *thread;

	assert_int_equal(settings_resolve_thread(*state, "github:octo/hello#42", arena, &thread, &err), -1);
	assert_int_equal(err.code, ERR_NO_MEMORY);
	assert_int_equal(settings_resolve_thread(*state, "https://github.com/octo/hello/pull/42", arena, &thread, &err),
			 -1);
}

/* ---- opening ---- */

/* A type that config/ knows but no handler, behind some that opened: all of it goes. */
static void fails_whole(void **state)
{
	static const struct source_type stranger = { .type = "stranger" };
	struct config *config = parse(SOURCES);
	struct settings *settings = NULL;
	struct error err = { 0 };

	(void)state;
	struct source_config *last = (struct source_config *)(uintptr_t)&config->sources[5];
	last->type = &stranger;
	assert_int_equal(settings_open(config, &settings, &err), -1); /* and it took the config */
	assert_null(settings);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "https"));
}

static void opens_without_sources(void **state)
{
	struct settings *settings = NULL;
	struct error err;

	(void)state;
	assert_int_equal(settings_open(parse("nairi: { api_key: nr_k }\nsources: {}\n"), &settings, &err), 0);
	assert_int_equal(settings->source_count, 0);
	assert_null(settings_source_by_path(settings, "/hooks/github"));
	settings_drop(settings);
}

/* ---- generations (a use after free shows under ASan, a leak too) ---- */

static void counts_references(void **state)
{
	struct settings *settings = open_settings();

	(void)state;
	settings_drop(NULL);
	assert_ptr_equal(settings_share(settings), settings);
	assert_int_equal(settings->refs, 2);
	settings_drop(settings);
	assert_non_null(settings_source_by_name(settings, "ci"));
	settings_drop(settings);
}

static void an_old_generation_lives_as_long_as_it_is_used(void **state)
{
	struct settings_slot slot;

	(void)state;
	settings_slot_init(&slot, open_settings());
	struct settings *first = settings_get(&slot);
	struct settings *again = settings_get(&slot);
	assert_ptr_equal(first, again);
	struct settings *next = open_settings();
	settings_put(&slot, next);
	struct settings *second = settings_get(&slot);
	assert_ptr_equal(second, next);
	assert_ptr_not_equal(first, second);
	settings_drop(again);
	assert_non_null(settings_source_by_name(first, "github")); /* still there for whoever has it */
	settings_drop(first);
	settings_put(&slot, open_settings());
	assert_non_null(settings_source_by_name(second, "github"));
	settings_slot_done(&slot);
	assert_non_null(settings_source_by_name(second, "github"));
	settings_drop(second);
}

#define READERS 3
#define ROUNDS	300

struct race {
	struct settings_slot slot;
	atomic_bool stop;
};

static void *read_settings(void *ctx)
{
	struct race *race = ctx;

	while (!atomic_load(&race->stop)) {
		struct settings *settings = settings_get(&race->slot);
		struct settings *shared = settings_share(settings);
		if (settings_source_by_name(settings, "ci") == NULL ||
		    settings_source_by_path(shared, "/hooks/ci") == NULL)
			abort();
		settings_drop(settings);
		settings_drop(shared);
	}
	return NULL;
}

static void generations_change_under_readers(void **state)
{
	struct race race = { .stop = false };
	pthread_t threads[READERS];

	(void)state;
	settings_slot_init(&race.slot, open_settings());
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_settings, &race), 0);
	for (int i = 0; i < ROUNDS; i++)
		settings_put(&race.slot, open_settings());
	atomic_store(&race.stop, true);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(race.slot.current->refs, 1);
	settings_slot_done(&race.slot);
}

/* ---- identities ---- */

static void remembers_identities(void **state)
{
	struct identities identities;
	char out[64] = "untouched", name[64], id[128];

	(void)state;
	identities_init(&identities);
	assert_false(identities_get(&identities, "github", out));
	assert_string_equal(out, "untouched");
	identities_set(&identities, "github", "7");
	identities_set(&identities, "git", "8");
	identities_set(&identities, "github", "9");
	assert_true(identities_get(&identities, "github", out));
	assert_string_equal(out, "9");
	assert_true(identities_get(&identities, "git", out));
	assert_string_equal(out, "8");
	assert_false(identities_get(&identities, "gi", out));
	for (int i = 0; i < 2 * IDENTITY_SOURCES; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		identities_set(&identities, name, name);
	}
	assert_true(identities.count <= IDENTITY_SOURCES);
	assert_true(identities_get(&identities, "s10", out));
	assert_string_equal(out, "s10");
	memset(id, '1', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	identities_set(&identities, "github", id);
	assert_true(identities_get(&identities, "github", out));
	assert_true(strlen(out) < sizeof(out));
	identities_done(&identities);
}

static void *use_identities(void *ctx)
{
	char out[64];

	for (int i = 0; i < 2000; i++) {
		identities_set(ctx, "github", i % 2 == 0 ? "1111" : "22222222");
		if (!identities_get(ctx, "github", out) || (strcmp(out, "1111") != 0 && strcmp(out, "22222222") != 0))
			abort();
	}
	return NULL;
}

static void identities_are_shared(void **state)
{
	struct identities identities;
	pthread_t threads[READERS];

	(void)state;
	identities_init(&identities);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_identities, &identities), 0);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(identities.count, 1);
	identities_done(&identities);
}

#define OPENED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPENED(finds_sources),
		OPENED(knows_who_can_talk_back),
		OPENED(resolves),
		OPENED(does_not_resolve),
		OPENED(says_when_memory_is_not_enough),
		cmocka_unit_test(fails_whole),
		cmocka_unit_test(opens_without_sources),
		cmocka_unit_test(counts_references),
		cmocka_unit_test(an_old_generation_lives_as_long_as_it_is_used),
		cmocka_unit_test(generations_change_under_readers),
		cmocka_unit_test(remembers_identities),
		cmocka_unit_test(identities_are_shared),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
