/* SPDX-License-Identifier: Apache-2.0 */
/* sources: a mapping from names to sources of some type. */
#include <stdio.h>
#include <string.h>

#include "bridge/base/map.h"
#include "config/reader.h"

#define MAX_SOURCES 1000
#define MAX_NAME    64
#define MAX_PATH    256
#define MAX_TYPES   64

static const char *const respond_names[] = {
	[RESPOND_QUEUED] = "queued", [RESPOND_OUTCOME] = "outcome", NULL
};
static const char *const hygiene_names[] = {
	[HYGIENE_STRICT] = "strict", [HYGIENE_OFF] = "off", NULL
};
/* --- table --- */

static const struct config_key common_keys[] = {
	{ .name = "type", .kind = KEY_CUSTOM, .required = true, .read = NULL,
	  .help = "what sends here" },
	{ .name = "path", .kind = KEY_STRING, .offset = offsetof(struct source_config, path),
	  .min = 1, .max = MAX_PATH, .help = "where it posts to; default /hooks/<name>" },
	{ .name = "respond", .kind = KEY_ENUM, .offset = offsetof(struct source_config, respond),
	  .names = respond_names,
	  .help = "answer once it is queued, or hold the answer until the outcome is known" },
	{ .name = "respond_within", .kind = KEY_DURATION,
	  .offset = offsetof(struct source_config, respond_within_ms), .min = 100, .max = 60000,
	  .fallback = "8s", .help = "how long to hold the answer for the outcome" },
	{ .name = "hygiene", .kind = KEY_ENUM, .offset = offsetof(struct source_config, hygiene),
	  .names = hygiene_names, .fallback = "strict",
	  .help = "remove text that a human reader does not see" },
	{ 0 },
};
const struct config_table sources_common = { "source", sizeof(struct source_config), common_keys };

/* --- values --- */

static bool is_good_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= MAX_NAME &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Paths are compared byte for byte: only what no client or proxy would rewrite. */
static bool is_good_path(const char *path)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	size_t len = strlen(path);

	return path[0] == '/' && len > 1 && path[len - 1] != '/' && strspn(path, allowed) == len &&
	       strstr(path, "//") == NULL && strstr(path, "/.") == NULL;
}

static bool is_reserved_path(const char *path)
{
	static const char *const taken[] = { "/healthz", "/readyz", "/metrics" };

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		if (strcmp(path, taken[i]) == 0)
			return true;
	}
	return strncmp(path, "/api/", 5) == 0;
}

/* --- one source --- */

static const struct source_type *find_type(struct config_reader *reader,
					   const struct config_node *node)
{
	const char *names[MAX_TYPES + 1];
	int index = -1;
	size_t count = reader->type_count < MAX_TYPES ? reader->type_count : MAX_TYPES;
	const struct config_node *type = config_member(reader, node, "type");

	if (type == NULL) {
		config_problem(reader, PROBLEM_ERROR, node, "missing key \"type\"");
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		names[i] = reader->types[i]->type;
	names[count] = NULL;
	scalars_read(reader, type, &(struct config_key){ .kind = KEY_ENUM, .names = names },
		     &index);
	return index >= 0 ? reader->types[index] : NULL;
}

static void check_path(struct config_reader *reader, const struct config_node *node,
		       struct source_config *source)
{
	const struct config_node *path = config_member(reader, node, "path");

	if (source->path == NULL) {
		if (path == NULL)
			source->path = arena_printf(reader->arena, "/hooks/%s", source->name);
		return;
	}
	if (!is_good_path(source->path))
		config_problem(
			reader, PROBLEM_ERROR, path,
			"expected a path such as /hooks/ci (letters, digits and - . _ ~ /), got %s",
			problems_quote(path->text).text);
	else if (is_reserved_path(source->path))
		config_problem(reader, PROBLEM_ERROR, path, "%s is taken by the bridge itself",
			       problems_quote(path->text).text);
}

static bool all_loopback(const struct config *config)
{
	for (size_t i = 0; i < config->listen.count; i++) {
		struct address address;
		struct error err;
		if (address_parse(config->listen.items[i], &address, &err) != 0 ||
		    !address.loopback)
			return false;
	}
	return true;
}

static bool source_read(struct config_reader *reader, const struct config_node *node,
			struct source_config *source)
{
	size_t errors = reader->problems->errors;
	struct table_part parts[3] = { { &sources_common, source } };
	size_t count = 1;

	if (node->kind != NODE_MAPPING) {
		table_read(reader, node, parts, 1);
		return false;
	}
	source->type = find_type(reader, node);
	if (source->type == NULL)
		return false;
	source->respond = source->type->respond;
	if (source->type->conversational)
		parts[count++] = (struct table_part){ &conversation_table, source };
	if (source->type->settings != NULL) {
		void *settings = config_alloc(reader, source->type->settings->size);
		if (settings == NULL)
			return false;
		parts[count++] = (struct table_part){ source->type->settings, settings };
		source->settings = settings;
	}
	table_read(reader, node, parts, count);
	check_path(reader, node, source);
	if (source->type->conversational)
		conversation_check(reader, node, source);
	/* A handler's check may rely on what its tables promise, so it sees only what was read
	 * without an error. */
	if (reader->problems->errors == errors && !arena_failed(reader->arena) &&
	    source->type->check != NULL)
		source->type->check(reader, node, source, all_loopback(reader->config));
	return source->path != NULL;
}

/* --- all sources --- */

static void check_unique_path(struct config_reader *reader, struct map *paths,
			      const struct config_node *node, struct source_config *source)
{
	const struct config_node *path = config_member(reader, node, "path");
	const struct source_config *first = map_get(paths, source->path);

	if (first != NULL)
		config_problem(reader, PROBLEM_ERROR, path != NULL ? path : node,
			       "the path %s belongs to \"%s\" (line %d)",
			       problems_quote(source->path).text, first->name, first->mark.line);
	else if (!map_put(paths, source->path, source))
		config_problem(reader, PROBLEM_ERROR, node, "out of memory");
}

void sources_read(struct config_reader *reader, const struct config_node *node, void *field)
{
	CLEANUP(map_free_at) struct map *paths = map_new();

	(void)field; /* it is config->sources: filled together with the count */
	if (node->kind != NODE_MAPPING || node->count > MAX_SOURCES) {
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected a mapping of at most %d names to sources", MAX_SOURCES);
		return;
	}
	struct source_config *sources = config_alloc(reader, (node->count + 1) * sizeof(*sources));
	if (sources == NULL || paths == NULL) {
		config_problem(reader, PROBLEM_ERROR, node, "out of memory");
		return;
	}
	size_t count = 0;
	for (size_t i = 0; i < node->count; i++) {
		const struct node_member *member = &node->members[i];
		struct source_config *source = &sources[count];
		if (!is_good_name(member->key->text)) {
			CLEANUP(strbuf_release) struct strbuf out = STRBUF(400);
			strbuf_addf(&out,
				    "sources: expected a name of 1 to %d characters "
				    "a-z, 0-9 and -, got %s",
				    MAX_NAME, problems_quote(member->key->text).text);
			problems_add(reader, PROBLEM_ERROR, member->key->mark, NULL,
				     strbuf_str(&out));
			continue;
		}
		source->name = arena_strdup(reader->arena, member->key->text);
		source->mark = member->key->mark;
		if (source->name == NULL)
			return;
		if (source_read(reader, member->value, source)) {
			check_unique_path(reader, paths, member->value, source);
			count++;
		} else {
			memset(source, 0, sizeof(*source));
		}
	}
	reader->config->sources = sources;
	reader->config->source_count = count;
}
