/* SPDX-License-Identifier: Apache-2.0 */
/* The sample configuration loads as it is, with the real sources, and its comments are true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/reader.h"
#include "handlers/handler.h"

#define SAMPLE    "config/nairi-bridge.yaml" /* tests run at the top of the tree */
#define MAX_TYPES 32

struct types {
	const struct source_type *items[MAX_TYPES];
};

DEFINE_CLEANUP(struct config, config_free);

static struct types all_types(void)
{
	struct types types = { 0 };

	assert_true(handler_count <= MAX_TYPES);
	for (size_t i = 0; i < handler_count; i++)
		types.items[i] = &handlers[i]->kind;
	return types;
}

static void clear_environment(void)
{
	static const char *const names[] = { "NAIRI_API_KEY",     "GITHUB_WEBHOOK_SECRET",
					     "CI_WEBHOOK_SECRET", "STATE_DIRECTORY",
					     "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

static void read_sample(struct strbuf *out)
{
	FILE *file = fopen(SAMPLE, "r");
	char chunk[1024];
	size_t got;

	assert_non_null(file);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		strbuf_add(out, chunk, got);
	assert_int_equal(fclose(file), 0);
	assert_false(strbuf_failed(out));
}

static void loads_as_it_is(void **state)
{
	struct types types = all_types();
	CLEANUP(config_free_at) struct config *config = NULL;
	CLEANUP(config_problems_release) struct config_problems problems;

	(void)state;
	clear_environment();
	assert_int_equal(config_load(SAMPLE, types.items, handler_count, &config, &problems), 0);
	/* A warning for each placeholder, and none besides. */
	assert_int_equal(problems.count, 3);
	for (size_t i = 0; i < problems.count; i++)
		assert_non_null(strstr(problems.items[i].text, "a placeholder, not a secret"));
	assert_string_equal(config->listen.items[0], "127.0.0.1:8080");
	assert_string_equal(config->store, "sqlite:/var/lib/nairi-bridge/bridge.db");
	assert_string_equal(config->admin.listen, "unix:/run/nairi-bridge/admin.sock");
	assert_int_equal(config->source_count, 2);
}

static void follows_systemd(void **state)
{
	struct types types = all_types();
	CLEANUP(config_free_at) struct config *config = NULL;
	CLEANUP(config_problems_release) struct config_problems problems;

	(void)state;
	clear_environment();
	setenv("STATE_DIRECTORY", "/state", 1);
	setenv("RUNTIME_DIRECTORY", "/run/x", 1);
	setenv("NAIRI_API_KEY", "nr_1", 1);
	setenv("GITHUB_WEBHOOK_SECRET", "a", 1);
	setenv("CI_WEBHOOK_SECRET", "b", 1);
	assert_int_equal(config_load(SAMPLE, types.items, handler_count, &config, &problems), 0);
	assert_int_equal(problems.count, 0);
	assert_string_equal(config->store, "sqlite:/state/bridge.db");
	assert_string_equal(config->admin.listen, "unix:/run/x/admin.sock");
	clear_environment();
}

/* A comment that could stand there as a key: "# timeout: 30s" or "#   - { thread: …". */
static bool is_commented_key(const char *text)
{
	text += strspn(text, " ");
	if (strncmp(text, "- {", 3) == 0)
		return true;
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
	return len > 0 && text[len] == ':' && (text[len + 1] == ' ' || text[len + 1] == '\n');
}

static void uncomment(const char *text, struct strbuf *out)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n") + 1;
		size_t indent = strspn(text, " ");
		if (strncmp(text + indent, "# ", 2) == 0 && is_commented_key(text + indent + 2)) {
			strbuf_add(out, text, indent);
			strbuf_add(out, text + indent + 2, len - indent - 2);
		} else {
			strbuf_add(out, text, len);
		}
		text += len;
	}
}

static void comments_are_keys_that_exist(void **state)
{
	struct types types = all_types();
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	CLEANUP(strbuf_release) struct strbuf all = STRBUF(1 << 20);
	CLEANUP(config_problems_release) struct config_problems problems;
	struct config *config = NULL;

	(void)state;
	clear_environment();
	read_sample(&text);
	uncomment(strbuf_str(&text), &all);
	assert_true(all.len < text.len - 50);
	/* The files that it names do not exist here; nothing else may be wrong. */
	assert_int_equal(config_parse(NULL, strbuf_str(&all), all.len, types.items, handler_count,
				      &config, &problems),
			 -1);
	for (size_t i = 0; i < problems.count; i++) {
		if (problems.items[i].level == PROBLEM_ERROR &&
		    strstr(problems.items[i].text, "files are not read here") == NULL)
			print_error("line %d: %s\n", problems.items[i].mark.line,
				    problems.items[i].text);
	}
	assert_int_equal(problems.errors, 5);
	assert_null(config);
}

/* Every key is there, commented out or not, with its default if it has one. */
static void check_documented(const char *sample, const struct config_table *table)
{
	for (const struct config_key *key = table->keys; key->name != NULL; key++) {
		char text[200];
		bool listed =
			key->fallback != NULL && key->fallback[0] != '[' && key->kind != KEY_TABLE;
		(void)snprintf(
			text, sizeof(text), "%s%s:%s%s", key->name,
			key->kind == KEY_SECRET && strstr(sample, key->name) == NULL ? "_file" : "",
			listed ? " " : "", listed ? key->fallback : "");
		if (strcmp(key->name, "store") == 0 || strcmp(key->name, "token") == 0)
			continue; /* written with ${…}; only its twin */
		if (strstr(sample, text) == NULL)
			print_error("the sample lacks \"%s\"\n", text);
		assert_non_null(strstr(sample, text));
		if (key->kind == KEY_TABLE)
			check_documented(sample, key->table);
	}
}

static void comments_name_every_key_and_default(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);

	(void)state;
	read_sample(&text);
	check_documented(strbuf_str(&text), &config_top);
	check_documented(strbuf_str(&text), &sources_common);
	check_documented(strbuf_str(&text), &conversation_table);
	for (size_t i = 0; i < handler_count; i++)
		check_documented(strbuf_str(&text), handlers[i]->kind.settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_as_it_is),
		cmocka_unit_test(follows_systemd),
		cmocka_unit_test(comments_are_keys_that_exist),
		cmocka_unit_test(comments_name_every_key_and_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
