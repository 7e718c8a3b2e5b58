/* SPDX-License-Identifier: Apache-2.0 */
/* sources: a mapping from names to sources of some type. */
#include <stdio.h>
#include <string.h>

#include "bridge/base/map.h"
#include "config/reader.h"

#define MAX_SOURCES 1000
#define MAX_NAME    64
#define MAX_PATH    256
#define MAX_WORD    64
#define MAX_TYPES   64

static const char *const respond_names[] = {
	[RESPOND_QUEUED] = "queued", [RESPOND_OUTCOME] = "outcome", NULL
};
static const char *const hygiene_names[] = {
	[HYGIENE_STRICT] = "strict", [HYGIENE_OFF] = "off", NULL
};
static const char *const reply_names[] = {
	[REPLY_MODE_NONE] = "none", [REPLY_MODE_ERRORS] = "errors", NULL
};
static const char *const association_names[] = {
	"OWNER",       "MEMBER", "COLLABORATOR", "CONTRIBUTOR", "FIRST_TIME_CONTRIBUTOR",
	"FIRST_TIMER", "NONE",   "MANNEQUIN",    NULL
};

static void read_trigger(struct config_reader *reader, const struct config_node *node, void *field);

/* --- tables --- */

static const char trigger_schema[] =
	"{\"oneOf\":[{\"const\":\"any\"},{\"type\":\"object\",\"properties\":{"
	"\"mention\":{\"type\":\"string\",\"pattern\":\"^\\\\S+$\"},"
	"\"command\":{\"type\":\"string\",\"pattern\":\"^\\\\S+$\"}},"
	"\"minProperties\":1,\"maxProperties\":1,\"additionalProperties\":false}]}";

static const struct config_key trust_keys[] = {
	{ .name = "associations", .kind = KEY_STRINGS,
	  .offset = offsetof(struct trust_config, associations),
	  .fallback = "[OWNER, MEMBER, COLLABORATOR]", .names = association_names,
	  .help = "author associations that may speak" },
	{ .name = "users", .kind = KEY_STRINGS, .offset = offsetof(struct trust_config, users),
	  .help = "logins or numeric ids that may speak besides" },
	{ .name = "bots", .kind = KEY_STRINGS, .offset = offsetof(struct trust_config, bots),
	  .help = "bots that may speak; no other bot may" },
	{ 0 },
};
static const struct config_table trust_table = { "trust", sizeof(struct trust_config), trust_keys };

static const struct config_key api_keys[] = {
	{ .name = "url", .kind = KEY_STRING, .offset = offsetof(struct api_config, url), .min = 1,
	  .max = 1024, .help = "base URL of the API; the type knows the usual one" },
	{ .name = "token", .kind = KEY_SECRET, .offset = offsetof(struct api_config, token),
	  .help = "token for replies; without one there are none" },
	{ 0 },
};
static const struct config_table api_table = { "api", sizeof(struct api_config), api_keys };

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

static const struct config_key conversational_keys[] = {
	{ .name = "trigger", .kind = KEY_CUSTOM, .offset = offsetof(struct source_config, trigger),
	  .fallback = "any", .read = read_trigger, .help = "what must address the agent",
	  .schema = trigger_schema },
	{ .name = "trust", .kind = KEY_TABLE, .offset = offsetof(struct source_config, trust),
	  .table = &trust_table, .help = "who may speak" },
	{ .name = "reply", .kind = KEY_ENUM, .offset = offsetof(struct source_config, reply),
	  .names = reply_names, .fallback = "errors", .help = "what to say in the thread" },
	{ .name = "api", .kind = KEY_TABLE, .offset = offsetof(struct source_config, api),
	  .table = &api_table, .help = "where replies go" },
	{ 0 },
};
const struct config_table sources_conversational = { "source", sizeof(struct source_config),
						     conversational_keys };

/* --- values --- */

struct trigger_words {
	const char *mention;
	const char *command;
};

static const struct config_key trigger_keys[] = {
	{ .name = "mention", .kind = KEY_STRING, .offset = offsetof(struct trigger_words, mention),
	  .min = 1, .max = MAX_WORD },
	{ .name = "command", .kind = KEY_STRING, .offset = offsetof(struct trigger_words, command),
	  .min = 1, .max = MAX_WORD },
	{ 0 },
};
static const struct config_table trigger_table = { "trigger", sizeof(struct trigger_words),
						   trigger_keys };

static void read_trigger(struct config_reader *reader, const struct config_node *node, void *field)
{
	static const char expected[] = "any, or a mapping with mention or command";
	struct trigger_config *trigger = field;
	struct trigger_words words = { 0 };

	if (node->kind != NODE_MAPPING) {
		const char *text = scalars_text(reader, node, expected);
		if (text != NULL && strcmp(text, "any") != 0)
			config_problem(reader, PROBLEM_ERROR, node, "expected %s, got %s", expected,
				       problems_describe(node).text);
		return;
	}
	if (!config_read_table(reader, node, &trigger_table, &words))
		return;
	if ((words.mention == NULL) == (words.command == NULL)) {
		config_problem(reader, PROBLEM_ERROR, node, "expected either mention or command");
		return;
	}
	const char *word = words.mention != NULL ? words.mention : words.command;
	if (strpbrk(word, " \t\r\n\v\f") != NULL) {
		config_problem(reader, PROBLEM_ERROR, node->members[0].value,
			       "expected one word without white space");
		return;
	}
	*trigger =
		(struct trigger_config){ words.mention != NULL ? TRIGGER_MENTION : TRIGGER_COMMAND,
					 word };
}

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

static void check_api(struct config_reader *reader, const struct config_node *node,
		      struct source_config *source)
{
	const struct config_node *api = config_member(reader, node, "api");
	const struct config_node *token = config_member(reader, api, "token");
	const struct config_node *url_node = config_member(reader, api, "url");
	struct address_url url;
	struct error err = { 0 };

	if (source->api.token != NULL && !secrets_is_placeholder(reader, source->api.token))
		checks_token(reader,
			     token != NULL ? token : config_member(reader, api, "token_file"),
			     source->api.token);
	if (source->api.url == NULL)
		source->api.url = url_node == NULL ? source->type->api_url : NULL;
	if (source->api.url == NULL) {
		if (url_node == NULL && source->api.token != NULL)
			config_problem(reader, PROBLEM_ERROR, api, "missing key \"url\"");
		return;
	}
	if (url_node == NULL)
		url_node = api != NULL ? api : node;
	if (address_parse_url(source->api.url, &url, &err) != 0) {
		config_problem(reader, PROBLEM_ERROR, url_node, "%s", err.text);
		return;
	}
	checks_url_is_safe(reader, url_node, &url);
	source->api.url = arena_strndup(reader->arena, source->api.url, url.base);
}

/* Logins and ids: what a sender gives, without the @ that people write before it. */
static void check_people(struct config_reader *reader, const struct config_node *node,
			 const char *key, const struct config_strings *people)
{
	const struct config_node *list =
		config_member(reader, config_member(reader, node, "trust"), key);

	for (size_t i = 0; list != NULL && i < people->count; i++) {
		if (people->items[i][0] == '@' || strpbrk(people->items[i], " \t\r\n,") != NULL)
			config_problem(
				reader, PROBLEM_ERROR, tree_item(list, i),
				"expected a login or a numeric id, without @ or white space");
	}
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
		parts[count++] = (struct table_part){ &sources_conversational, source };
	if (source->type->settings != NULL) {
		void *settings = config_alloc(reader, source->type->settings->size);
		if (settings == NULL)
			return false;
		parts[count++] = (struct table_part){ source->type->settings, settings };
		source->settings = settings;
	}
	table_read(reader, node, parts, count);
	check_path(reader, node, source);
	if (source->type->conversational) {
		check_api(reader, node, source);
		check_people(reader, node, "users", &source->trust.users);
		check_people(reader, node, "bots", &source->trust.bots);
	}
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
