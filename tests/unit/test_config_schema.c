/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema says what the tables say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <regex.h>

#include "config/reader.h"
#include "tests/support/config_kit.h"

static cJSON *make_schema(void **state)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1 << 20);
	const char *end = NULL;

	(void)state;
	config_json_schema(kit_types, KIT_TYPES, &out);
	assert_false(strbuf_failed(&out));
	cJSON *schema = cJSON_ParseWithOpts(strbuf_str(&out), &end, true);
	assert_non_null(schema);
	return schema;
}

static void delete_schema(cJSON **schema)
{
	cJSON_Delete(*schema);
}

static const cJSON *get(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (item == NULL)
		print_error("no \"%s\"\n", name);
	assert_non_null(item);
	return item;
}

static bool lists(const cJSON *array, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
	{
		if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0)
			return true;
	}
	return false;
}

static void check_table(const cJSON *object, const struct config_table *table)
{
	const cJSON *properties = get(object, "properties");

	assert_true(cJSON_IsFalse(get(object, "additionalProperties")));
	for (const struct config_key *key = table->keys; key->name != NULL; key++) {
		const cJSON *property = get(properties, key->name);
		if (key->help != NULL)
			assert_non_null(
				strstr(get(property, "description")->valuestring, key->help));
		if (key->fallback != NULL)
			get(property, "default");
		if (key->kind == KEY_TABLE)
			check_table(property, key->table);
		if (key->kind == KEY_SECRET || key->kind == KEY_SECRETS) {
			char twin[80];
			(void)snprintf(twin, sizeof(twin), "%s_file", key->name);
			get(properties, twin);
		} else {
			assert_true(lists(get(object, "required"), key->name) == key->required);
		}
	}
}

static void names_every_key(void **state)
{
	CLEANUP(delete_schema) cJSON *schema = make_schema(state);
	const cJSON *types = get(get(get(schema, "$defs"), "source"), "allOf");

	assert_string_equal(get(schema, "$schema")->valuestring,
			    "https://json-schema.org/draft/2020-12/schema");
	check_table(schema, &config_top);
	assert_int_equal(cJSON_GetArraySize(types), (int)KIT_TYPES);
	for (size_t i = 0; i < KIT_TYPES; i++) {
		const cJSON *type = cJSON_GetArrayItem(types, (int)i);
		const cJSON *then = get(type, "then");
		const cJSON *word = get(get(get(get(type, "if"), "properties"), "type"), "const");
		assert_string_equal(word->valuestring, kit_types[i]->type);
		check_table(then, &sources_common);
		if (kit_types[i]->settings != NULL)
			check_table(then, kit_types[i]->settings);
		if (kit_types[i]->conversational)
			check_table(then, &conversation_table);
		else
			assert_null(
				cJSON_GetObjectItemCaseSensitive(get(then, "properties"), "reply"));
	}
}

static void says_what_values_may_be(void **state)
{
	CLEANUP(delete_schema) cJSON *schema = make_schema(state);
	const cJSON *limits = get(get(get(schema, "properties"), "limits"), "properties");
	const cJSON *queue = get(get(limits, "queue"), "anyOf");
	const cJSON *talk = get(
		cJSON_GetArrayItem(get(get(get(schema, "$defs"), "source"), "allOf"), 0), "then");
	const cJSON *reply = get(get(get(talk, "properties"), "reply"), "anyOf");
	const cJSON *trust = get(get(get(talk, "properties"), "trust"), "properties");
	const cJSON *defaults = get(get(trust, "associations"), "default");

	assert_int_equal(get(cJSON_GetArrayItem(queue, 0), "minimum")->valueint, 1);
	assert_int_equal(get(cJSON_GetArrayItem(queue, 0), "maximum")->valueint, 10000000);
	assert_int_equal(get(get(limits, "queue"), "default")->valueint, 100000);
	assert_string_equal(get(get(limits, "body"), "$ref")->valuestring, "#/$defs/size");
	assert_string_equal(get(get(limits, "body"), "default")->valuestring, "25MiB");
	assert_non_null(
		strstr(get(get(limits, "body"), "description")->valuestring, " (1KiB to 64MiB)"));
	assert_int_equal(cJSON_GetArraySize(get(cJSON_GetArrayItem(reply, 0), "enum")), 4);
	assert_int_equal(cJSON_GetArraySize(defaults), 3);
	assert_true(lists(defaults, "COLLABORATOR"));
	get(get(get(schema, "properties"), "links"), "allOf");
}

/* The patterns of durations and sizes, held against what the readers take. */
static void patterns_match_what_is_read(void **state)
{
	CLEANUP(delete_schema) cJSON *schema = make_schema(state);
	static const struct {
		const char *name, *text;
		bool good;
	} rows[] = {
		{ "duration", "500ms", true }, { "duration", "0s", true },
		{ "duration", "7d", true },    { "duration", "30", false },
		{ "duration", "010s", false }, { "duration", "1.5s", false },
		{ "duration", "${A}s", true }, { "size", "25MiB", true },
		{ "size", "25MB", false },     { "size", "0B", true },
		{ "size", "x${A:-1B}", true }, { "env", "${A}", true },
		{ "env", "$A", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		regex_t regex;
		const cJSON *pattern = get(get(get(schema, "$defs"), rows[i].name), "pattern");
		assert_int_equal(regcomp(&regex, pattern->valuestring, REG_EXTENDED | REG_NOSUB),
				 0);
		assert_true((regexec(&regex, rows[i].text, 0, NULL, 0) == 0) == rows[i].good);
		regfree(&regex);
	}
}

/* The pattern of a command, held against what the reader takes. */
static void knows_a_command(void **state)
{
	CLEANUP(delete_schema) cJSON *schema = make_schema(state);
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ "none", true },   { "/nairi", true }, { "!n", true },    { "`x", true },
		{ "~x", true },     { "[x", true },     { "@x", true },    { "${A}", true },
		{ "n${A}", true },  { "nairi", false }, { "/", false },    { "", false },
		{ "/a b", false },  { "9/", false },    { "Zx", false },   { "/\xC3\xBC", false },
		{ "nones", false }, { " /x", false },  { "ax", false },    { "zx", false },
		{ "Ax", false },    { "0x", false },
	};
	const cJSON *talk = get(
		cJSON_GetArrayItem(get(get(get(schema, "$defs"), "source"), "allOf"), 0), "then");
	const cJSON *command = get(get(talk, "properties"), "command");
	const cJSON *pattern = get(cJSON_GetArrayItem(get(command, "allOf"), 0), "pattern");
	regex_t regex;

	assert_string_equal(get(command, "default")->valuestring, "/nairi");
	assert_null(cJSON_GetObjectItemCaseSensitive(get(get(talk, "properties"), "when_busy"), "default"));
	assert_int_equal(regcomp(&regex, pattern->valuestring, REG_EXTENDED | REG_NOSUB), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool good = regexec(&regex, rows[i].text, 0, NULL, 0) == 0;
		if (good != rows[i].good)
			print_error("\"%s\"\n", rows[i].text);
		assert_true(good == rows[i].good);
	}
	regfree(&regex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_every_key),
		cmocka_unit_test(says_what_values_may_be),
		cmocka_unit_test(patterns_match_what_is_read),
		cmocka_unit_test(knows_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
