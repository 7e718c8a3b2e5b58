/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON Schema (2020-12) of the configuration, from the tables that read it. Editors validate
 * YAML with it. It is as strict as JSON Schema can be, and wherever a value may come from ${NAME},
 * text with a ${ in it passes too.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/json.h"
#include "config/reader.h"

#define ENV_REF  "{\"$ref\":\"#/$defs/env\"}"
#define MAX_TWIN 96

static const struct {
	const char *name;
	const char *pattern;
} patterns[] = {
	{ "env", "\\$\\{" },
	{ "duration", "^(0|[1-9][0-9]*)(ms|s|m|h|d)$|\\$\\{" },
	{ "size", "^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$|\\$\\{" },
};

static void put_table(struct json_writer *w, const struct table_part *parts, size_t count,
		      const char *type);

static bool is_secret(const struct config_key *key)
{
	return key->kind == KEY_SECRET || key->kind == KEY_SECRETS;
}

static void put_names(struct json_writer *w, const char *name, const char *const *names)
{
	json_begin_array(w, name);
	for (size_t i = 0; names[i] != NULL; i++)
		json_put_str(w, NULL, names[i]);
	json_end_array(w);
}

/* One of the key's names, or text from the environment. */
static void put_choice(struct json_writer *w, const char *const *names)
{
	json_begin_array(w, "anyOf");
	json_begin_object(w, NULL);
	put_names(w, "enum", names);
	json_end_object(w);
	json_put_raw(w, NULL, ENV_REF);
	json_end_array(w);
}

static void put_entry(struct json_writer *w, const char *name, const struct config_key *key)
{
	json_begin_object(w, name);
	if (key->names != NULL)
		put_choice(w, key->names);
	else if (key->kind == KEY_SECRETS)
		json_put_str(w, "type", "string");
	else
		json_put_raw(w, "type",
			     "[\"string\",\"integer\"]"); /* a numeric id need not be quoted */
	json_end_object(w);
}

static void put_one_or_list(struct json_writer *w, const struct config_key *key)
{
	int64_t least = key->kind == KEY_SECRETS ? 1 : key->min;

	json_begin_array(w, "anyOf");
	put_entry(w, NULL, key);
	json_begin_object(w, NULL);
	json_put_str(w, "type", "array");
	put_entry(w, "items", key);
	if (least > 0)
		json_put_int(w, "minItems", least);
	if (key->max > 0)
		json_put_int(w, "maxItems", key->max);
	json_end_object(w);
	json_end_array(w);
}

static void put_int(struct json_writer *w, const struct config_key *key)
{
	json_begin_array(w, "anyOf");
	json_begin_object(w, NULL);
	json_put_str(w, "type", "integer");
	json_put_int(w, "minimum", key->min);
	if (key->max > 0)
		json_put_int(w, "maximum", key->max);
	json_end_object(w);
	json_put_raw(w, NULL, ENV_REF);
	json_end_array(w);
}

/* Bounds of text are in bytes and JSON Schema counts characters, so only "not empty" carries over.
 */
static void put_kind(struct json_writer *w, const struct config_key *key)
{
	switch (key->kind) {
	case KEY_BOOL:
		json_put_raw(w, "anyOf", "[{\"type\":\"boolean\"}," ENV_REF "]");
		break;
	case KEY_INT:
		put_int(w, key);
		break;
	case KEY_DURATION:
		json_put_str(w, "$ref", "#/$defs/duration");
		break;
	case KEY_SIZE:
		json_put_str(w, "$ref", "#/$defs/size");
		break;
	case KEY_STRING:
	case KEY_SECRET:
		json_put_str(w, "type", "string");
		if (key->min > 0 || key->kind == KEY_SECRET)
			json_put_int(w, "minLength", 1);
		break;
	case KEY_ENUM:
		put_choice(w, key->names);
		break;
	case KEY_FLAGS:
	case KEY_STRINGS:
	case KEY_SECRETS:
		put_one_or_list(w, key);
		break;
	case KEY_TABLE:
		put_table(w, &(struct table_part){ key->table, NULL }, 1, NULL);
		break;
	case KEY_CUSTOM:
		if (key->schema == NULL)
			break;
		json_begin_array(w, "allOf");
		json_put_raw(w, NULL, key->schema);
		json_end_array(w);
	}
}

static void put_default(struct json_writer *w, const struct config_key *key)
{
	const char *text = key->fallback;

	if (text == NULL)
		return;
	if (key->kind == KEY_BOOL || key->kind == KEY_INT) {
		json_put_raw(w, "default", text);
		return;
	}
	if ((key->kind != KEY_STRINGS && key->kind != KEY_FLAGS) || text[0] != '[') {
		json_put_str(w, "default", text);
		return;
	}
	json_begin_array(w, "default");
	for (text++; *text != '\0' && *text != ']';) {
		text += strspn(text, " ,");
		size_t len = strcspn(text, " ,]");
		if (len > 0)
			json_put_strn(w, NULL, text, len);
		text += len;
	}
	json_end_array(w);
}

/* The help, with the bounds that a pattern cannot hold. */
static void put_help(struct json_writer *w, const struct config_key *key)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(400);
	void (*add)(struct strbuf *, int64_t) =
		key->kind == KEY_SIZE ? scalars_add_size : scalars_add_duration;

	if (key->help == NULL)
		return;
	strbuf_adds(&text, key->help);
	if ((key->kind == KEY_DURATION || key->kind == KEY_SIZE) && key->max > 0) {
		strbuf_adds(&text, " (");
		add(&text, key->min);
		strbuf_adds(&text, " to ");
		add(&text, key->max);
		strbuf_adds(&text, ")");
	}
	json_put_str(w, "description", strbuf_str(&text));
}

static void twin_of(const struct config_key *key, char out[MAX_TWIN])
{
	(void)snprintf(out, MAX_TWIN, "%s_file", key->name);
}

static void put_property(struct json_writer *w, const struct config_key *key, const char *type)
{
	char twin[MAX_TWIN];

	json_begin_object(w, key->name);
	put_help(w, key);
	if (type != NULL && strcmp(key->name, "type") == 0)
		json_put_str(w, "const", type);
	else
		put_kind(w, key);
	put_default(w, key);
	json_end_object(w);
	if (!is_secret(key))
		return;
	twin_of(key, twin);
	json_begin_object(w, twin);
	json_put_str(w, "description", "the name of a file that holds it");
	put_kind(w, key);
	json_end_object(w);
}

static void put_required(struct json_writer *w, const struct table_part *parts, size_t count)
{
	json_begin_array(w, "required");
	for (size_t i = 0; i < count; i++) {
		for (const struct config_key *key = parts[i].table->keys; key->name != NULL;
		     key++) {
			if (key->required && !is_secret(key))
				json_put_str(w, NULL, key->name);
		}
	}
	json_end_array(w);
}

/* A secret is given in place or by its file: one if it must be there, and not both unless there may
 * be many. */
static void put_secret_rule(struct json_writer *w, const struct config_key *key)
{
	const char *names[] = { key->name, NULL };
	const char *both[] = { key->name, NULL, NULL };
	char twin[MAX_TWIN];

	twin_of(key, twin);
	both[1] = twin;
	if (key->required) {
		json_begin_object(w, NULL);
		json_begin_array(w, "anyOf");
		for (int i = 0; i < 2; i++) {
			names[0] = both[i];
			json_begin_object(w, NULL);
			put_names(w, "required", names);
			json_end_object(w);
		}
		json_end_array(w);
		json_end_object(w);
	}
	if (key->kind != KEY_SECRET)
		return;
	json_begin_object(w, NULL);
	json_begin_object(w, "not");
	put_names(w, "required", both);
	json_end_object(w);
	json_end_object(w);
}

/* The members of an object's schema. type: the value of its key "type", if it has one. */
static void put_table(struct json_writer *w, const struct table_part *parts, size_t count,
		      const char *type)
{
	bool secrets = false;

	json_put_str(w, "type", "object");
	json_begin_object(w, "properties");
	for (size_t i = 0; i < count; i++) {
		for (const struct config_key *key = parts[i].table->keys; key->name != NULL;
		     key++) {
			put_property(w, key, type);
			secrets = secrets || is_secret(key);
		}
	}
	json_end_object(w);
	put_required(w, parts, count);
	if (secrets)
		json_begin_array(w, "allOf");
	for (size_t i = 0; i < count; i++) {
		for (const struct config_key *key = parts[i].table->keys; key->name != NULL;
		     key++) {
			if (is_secret(key))
				put_secret_rule(w, key);
		}
	}
	if (secrets)
		json_end_array(w);
	json_put_bool(w, "additionalProperties", false);
}

static void put_source(struct json_writer *w, const struct source_type *type)
{
	struct table_part parts[3] = { { &sources_common, NULL } };
	size_t count = 1;

	if (type->conversational)
		parts[count++] = (struct table_part){ &conversation_table, NULL };
	if (type->settings != NULL)
		parts[count++] = (struct table_part){ type->settings, NULL };
	json_begin_object(w, NULL);
	json_begin_object(w, "if");
	json_begin_object(w, "properties");
	json_begin_object(w, "type");
	json_put_str(w, "const", type->type);
	json_end_object(w);
	json_end_object(w);
	json_end_object(w);
	json_begin_object(w, "then");
	put_table(w, parts, count, type->type);
	json_end_object(w);
	json_end_object(w);
}

static void put_sources(struct json_writer *w, const struct source_type *const *types,
			size_t type_count)
{
	json_begin_object(w, "source");
	json_put_str(w, "type", "object");
	json_put_raw(w, "required", "[\"type\"]");
	json_begin_object(w, "properties");
	json_begin_object(w, "type");
	json_begin_array(w, "enum");
	for (size_t i = 0; i < type_count; i++)
		json_put_str(w, NULL, types[i]->type);
	json_end_array(w);
	json_end_object(w);
	json_end_object(w);
	json_begin_array(w, "allOf");
	for (size_t i = 0; i < type_count; i++)
		put_source(w, types[i]);
	json_end_array(w);
	json_end_object(w);
}

void config_json_schema(const struct source_type *const *types, size_t type_count,
			struct strbuf *out)
{
	struct json_writer writer = JSON_WRITER(out);
	struct json_writer *w = &writer;

	json_begin_object(w, NULL);
	json_put_str(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_put_str(w, "title", "nairi-bridge configuration");
	put_table(w, &(struct table_part){ &config_top, NULL }, 1, NULL);
	json_begin_object(w, "$defs");
	put_sources(w, types, type_count);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		json_begin_object(w, patterns[i].name);
		json_put_str(w, "type", "string");
		json_put_str(w, "pattern", patterns[i].pattern);
		json_end_object(w);
	}
	json_end_object(w);
	json_end_object(w);
	strbuf_addc(out, '\n');
}
