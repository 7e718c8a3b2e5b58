/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings to structs by tables: unknown and missing keys, defaults, and one reader for each kind.
 */
#include <string.h>

#include "config/reader.h"

#define FILE_SUFFIX   "_file"
#define MAX_KEYS      96 /* names of one mapping's tables, for did-you-mean */
#define MAX_KEY_NAME  64
#define MAX_FALLBACKS 16

static void read_defaults(struct config_reader *reader, const struct config_node *at,
			  const struct config_table *table, void *target);

static bool is_secret(const struct config_key *key)
{
	return key->kind == KEY_SECRET || key->kind == KEY_SECRETS;
}

/* Whether name is the key's twin: "api_key_file" for "api_key". */
static bool is_twin(const struct config_key *key, const char *name)
{
	size_t len = strlen(key->name);

	return is_secret(key) && strncmp(name, key->name, len) == 0 &&
	       strcmp(name + len, FILE_SUFFIX) == 0;
}

static const struct config_node *find_twin(const struct config_node *node,
					   const struct config_key *key)
{
	for (size_t i = 0; is_secret(key) && i < node->count; i++) {
		if (is_twin(key, node->members[i].key->text))
			return node->members[i].value;
	}
	return NULL;
}

/* --- unknown keys --- */

static bool is_known(const struct table_part *parts, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		for (const struct config_key *key = parts[i].table->keys; key->name != NULL;
		     key++) {
			if (strcmp(key->name, name) == 0 || is_twin(key, name))
				return true;
		}
	}
	return false;
}

static void report_unknown(struct config_reader *reader, const struct config_node *node,
			   const struct config_node *key_node, const struct table_part *parts,
			   size_t count)
{
	const char *names[MAX_KEYS + 1];
	char twins[MAX_KEYS][MAX_KEY_NAME];
	size_t used = 0;
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1000);

	for (size_t i = 0; i < count; i++) {
		for (const struct config_key *key = parts[i].table->keys; key->name != NULL;
		     key++) {
			if (used + 2 > MAX_KEYS)
				break;
			names[used++] = key->name;
			size_t len = strlen(key->name);
			if (!is_secret(key) || len + sizeof(FILE_SUFFIX) > MAX_KEY_NAME)
				continue;
			memcpy(twins[used], key->name, len);
			memcpy(twins[used] + len, FILE_SUFFIX, sizeof(FILE_SUFFIX));
			names[used] = twins[used];
			used++;
		}
	}
	names[used] = NULL;
	strbuf_addf(&out, "unknown key %s in ", problems_quote(key_node->text).text);
	problems_path(node, &out);
	const char *nearest = suggest_nearest(key_node->text, names);
	if (nearest != NULL)
		strbuf_addf(&out, " (did you mean \"%s\"?)", nearest);
	problems_add(reader, PROBLEM_ERROR, key_node->mark, NULL, strbuf_str(&out));
}

/* --- defaults --- */

static struct config_node *new_default(struct config_reader *reader, const struct config_node *at,
				       const struct config_key *key)
{
	struct config_node *node = arena_alloc(reader->scratch, sizeof(*node));

	if (node != NULL)
		*node = (struct config_node){ .kind = NODE_SCALAR,
					      .mark = at->mark,
					      .parent = at,
					      .name = key->name,
					      .ours = true };
	return node;
}

/* The fallback as the node that the file might have held: "text", or "[a, b]" where a list may
 * stand. */
static const struct config_node *default_node(struct config_reader *reader,
					      const struct config_node *at,
					      const struct config_key *key)
{
	struct config_node *node = new_default(reader, at, key);
	bool list = (key->kind == KEY_STRINGS || key->kind == KEY_FLAGS) && key->fallback[0] == '[';

	if (node == NULL)
		return NULL;
	node->text = key->fallback;
	if (!list)
		return node;
	const struct config_node **items =
		arena_alloc(reader->scratch, MAX_FALLBACKS * sizeof(const void *));
	if (items == NULL)
		return NULL;
	node->kind = NODE_LIST;
	node->items = items;
	for (const char *text = key->fallback + 1; node->count < MAX_FALLBACKS;) {
		text += strspn(text, " ,");
		size_t len = strcspn(text, " ,]");
		struct config_node *item = len > 0 ? new_default(reader, at, key) : NULL;
		if (item == NULL)
			break;
		item->text = arena_strndup(reader->scratch, text, len);
		items[node->count++] = item;
		text += len;
	}
	return node;
}

/* --- rows --- */

static void read_value(struct config_reader *reader, const struct config_node *value,
		       const struct config_node *twin, const struct config_key *key, void *field)
{
	switch (key->kind) {
	case KEY_SECRET:
		secrets_read(reader, value, twin, field);
		break;
	case KEY_SECRETS:
		secrets_read_many(reader, value, twin, field);
		break;
	case KEY_TABLE:
		table_read(reader, value, &(struct table_part){ key->table, field }, 1);
		break;
	case KEY_CUSTOM:
		if (key->read != NULL)
			key->read(reader, value, field);
		break;
	default:
		scalars_read(reader, value, key, field);
	}
}

static void *field_of(void *target, size_t offset)
{
	return (char *)target + offset;
}

static void read_default(struct config_reader *reader, const struct config_node *at,
			 const struct config_key *key, void *target)
{
	void *field = field_of(target, key->offset);

	if (key->mark_offset != 0)
		memcpy(field_of(target, key->mark_offset), &at->mark, sizeof(at->mark));
	if (key->kind == KEY_TABLE) {
		read_defaults(reader, at, key->table, field);
		return;
	}
	const struct config_node *node =
		key->fallback != NULL ? default_node(reader, at, key) : NULL;
	if (node != NULL)
		read_value(reader, node, NULL, key, field);
}

/* A table that is not there at all asks for nothing: `required` holds within a mapping that
 * somebody wrote. */
static void read_defaults(struct config_reader *reader, const struct config_node *at,
			  const struct config_table *table, void *target)
{
	for (const struct config_key *key = table->keys; key->name != NULL; key++)
		read_default(reader, at, key, target);
}

static void report_missing(struct config_reader *reader, const struct config_node *node,
			   const struct config_key *key)
{
	if (is_secret(key))
		config_problem(reader, PROBLEM_ERROR, node,
			       "missing key \"%s\" (or \"%s" FILE_SUFFIX "\")", key->name,
			       key->name);
	else
		config_problem(reader, PROBLEM_ERROR, node, "missing key \"%s\"", key->name);
}

static void read_row(struct config_reader *reader, const struct config_node *node,
		     const struct config_key *key, void *target)
{
	const struct config_node *value = config_member(reader, node, key->name);
	const struct config_node *twin = find_twin(node, key);

	if (value == NULL && twin == NULL) {
		if (key->required)
			report_missing(reader, node, key);
		else
			read_default(reader, node, key, target);
		return;
	}
	if (key->mark_offset != 0) {
		const struct config_mark *mark = value != NULL ? &value->mark : &twin->mark;
		memcpy(field_of(target, key->mark_offset), mark, sizeof(*mark));
	}
	read_value(reader, value, twin, key, field_of(target, key->offset));
}

void table_read(struct config_reader *reader, const struct config_node *node,
		const struct table_part *parts, size_t count)
{
	if (node->kind != NODE_MAPPING) {
		/* The text is not shown: it may be a secret one level too high. */
		bool text = node->kind == NODE_SCALAR && !tree_is_null(node);
		config_problem(reader, PROBLEM_ERROR, node, "expected a mapping, got %s",
			       text ? "text" : problems_describe(node).text);
		return;
	}
	for (size_t i = 0; i < node->count; i++) {
		if (!is_known(parts, count, node->members[i].key->text))
			report_unknown(reader, node, node->members[i].key, parts, count);
	}
	for (size_t i = 0; i < count; i++) {
		for (const struct config_key *key = parts[i].table->keys; key->name != NULL; key++)
			read_row(reader, node, key, parts[i].target);
	}
}

bool config_read_table(struct config_reader *reader, const struct config_node *node,
		       const struct config_table *table, void *target)
{
	size_t errors = reader->problems->errors;

	table_read(reader, node, &(struct table_part){ table, target }, 1);
	return reader->problems->errors == errors;
}
