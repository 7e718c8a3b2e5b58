/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From libyaml's document to a tree of nodes. libyaml keeps duplicate keys and lets an alias
 * contain itself: what it lets pass is refused here.
 */
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "bridge/base/map.h"
#include "config/reader.h"

struct place {
	const struct config_node *parent;
	const char *name;
	size_t index;
	unsigned depth;
};

static const struct config_node *build(struct config_reader *reader, yaml_document_t *yaml, int id,
				       const struct place *place);

static void report(struct config_reader *reader, const yaml_node_t *node, const char *text)
{
	problems_add(reader, PROBLEM_ERROR, reader_mark(node->start_mark), NULL, text);
}

static const struct config_node *build_scalar(struct config_reader *reader,
					      const yaml_node_t *yaml_node,
					      struct config_node *node)
{
	const unsigned char *value = yaml_node->data.scalar.value;

	if (memchr(value, '\0', yaml_node->data.scalar.length) != NULL) {
		report(reader, yaml_node, "the value contains a NUL character");
		return NULL;
	}
	node->kind = NODE_SCALAR;
	node->plain = yaml_node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = (const char *)value;
	return node;
}

static const struct config_node *build_list(struct config_reader *reader, yaml_document_t *yaml,
					    const yaml_node_t *yaml_node, struct config_node *node,
					    unsigned depth)
{
	const yaml_node_item_t *start = yaml_node->data.sequence.items.start;
	size_t count = (size_t)(yaml_node->data.sequence.items.top - start);
	const struct config_node **items =
		arena_alloc(reader->scratch, (count + 1) * sizeof(const void *));

	if (items == NULL)
		return NULL;
	node->kind = NODE_LIST;
	for (size_t i = 0; i < count; i++) {
		struct place place = { .parent = node, .index = i, .depth = depth };
		items[i] = build(reader, yaml, start[i], &place);
		if (items[i] == NULL)
			return NULL;
	}
	node->items = items;
	node->count = count;
	return node;
}

/* The member's key, or NULL if it must be left out: not a text, or there already. */
static const struct config_node *build_key(struct config_reader *reader, yaml_document_t *yaml,
					   int id, const struct place *place, struct map *seen)
{
	const yaml_node_t *yaml_node = yaml_document_get_node(yaml, id);

	if (yaml_node == NULL || yaml_node->type != YAML_SCALAR_NODE) {
		report(reader, yaml_node, "a key must be plain text");
		return NULL;
	}
	const struct config_node *key = build(reader, yaml, id, place);
	if (key == NULL)
		return NULL;
	const struct config_node *first = map_get(seen, key->text);
	if (first != NULL) {
		char text[240];
		(void)snprintf(text, sizeof(text), "duplicate key %s (first on line %d)",
			       problems_quote(key->text).text, first->mark.line);
		problems_add(reader, PROBLEM_ERROR, key->mark, NULL, text);
		return NULL;
	}
	struct config_node *own = arena_alloc(reader->scratch, sizeof(*own));
	if (own == NULL)
		return NULL;
	*own = *key;
	return map_put(seen, own->text, own) ? own : NULL;
}

static const struct config_node *build_mapping(struct config_reader *reader, yaml_document_t *yaml,
					       const yaml_node_t *yaml_node,
					       struct config_node *node, unsigned depth)
{
	const yaml_node_pair_t *start = yaml_node->data.mapping.pairs.start;
	size_t count = (size_t)(yaml_node->data.mapping.pairs.top - start);
	struct node_member *members = arena_alloc(reader->scratch, (count + 1) * sizeof(*members));
	CLEANUP(map_free_at) struct map *seen = map_new();

	if (members == NULL || seen == NULL)
		return NULL;
	node->kind = NODE_MAPPING;
	node->members = members;
	for (size_t i = 0; i < count; i++) {
		struct place place = { .parent = node, .depth = depth };
		size_t errors = reader->problems->errors;
		struct node_member member;
		member.key = build_key(reader, yaml, start[i].key, &place, seen);
		/* A key that is wrong was reported and is left out; without memory nothing may be.
		 */
		if (member.key == NULL && reader->problems->errors == errors)
			return NULL;
		if (member.key == NULL)
			continue;
		place.name = member.key->text;
		member.value = build(reader, yaml, start[i].value, &place);
		if (member.value == NULL)
			return NULL;
		members[node->count++] = member;
	}
	return node;
}

/* Tags would ask for conversions that do not happen; libyaml gives untagged nodes these three. */
static bool has_foreign_tag(const yaml_node_t *node)
{
	const char *tag = (const char *)node->tag;

	return tag != NULL && strcmp(tag, YAML_STR_TAG) != 0 && strcmp(tag, YAML_SEQ_TAG) != 0 &&
	       strcmp(tag, YAML_MAP_TAG) != 0;
}

static const struct config_node *build(struct config_reader *reader, yaml_document_t *yaml, int id,
				       const struct place *place)
{
	const yaml_node_t *yaml_node = yaml_document_get_node(yaml, id);
	struct config_node *node = arena_alloc(reader->scratch, sizeof(*node));

	if (yaml_node == NULL || node == NULL)
		return NULL;
	if (place->depth > READER_MAX_DEPTH) {
		report(reader, yaml_node, READER_TOO_DEEP);
		return NULL;
	}
	if (++reader->visits > READER_MAX_VISITS) {
		report(reader, yaml_node, "too many values (aliases count every time)");
		return NULL;
	}
	if (has_foreign_tag(yaml_node)) {
		report(reader, yaml_node, "tags (!…) have no meaning here");
		return NULL;
	}
	*node = (struct config_node){ .mark = reader_mark(yaml_node->start_mark),
				      .parent = place->parent,
				      .name = place->name,
				      .index = place->index };
	switch (yaml_node->type) {
	case YAML_SCALAR_NODE:
		return build_scalar(reader, yaml_node, node);
	case YAML_SEQUENCE_NODE:
		return build_list(reader, yaml, yaml_node, node, place->depth + 1);
	case YAML_MAPPING_NODE:
		return build_mapping(reader, yaml, yaml_node, node, place->depth + 1);
	case YAML_NO_NODE:
		break;
	}
	return NULL;
}

const struct config_node *tree_build(struct config_reader *reader, struct yaml_document_s *yaml)
{
	return build(reader, yaml, 1, &(struct place){ .depth = 0 });
}

const struct config_node *tree_item(const struct config_node *node, size_t i)
{
	if (node == NULL || node->kind != NODE_LIST)
		return node;
	return i < node->count ? node->items[i] : node;
}

bool tree_is_null(const struct config_node *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	if (node->kind != NODE_SCALAR || !node->plain)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(node->text, words[i]) == 0)
			return true;
	}
	return false;
}

const struct config_node *config_member(struct config_reader *reader,
					const struct config_node *node, const char *key)
{
	(void)reader;
	if (node == NULL || node->kind != NODE_MAPPING)
		return NULL;
	for (size_t i = 0; i < node->count; i++) {
		if (strcmp(node->members[i].key->text, key) == 0)
			return node->members[i].value;
	}
	return NULL;
}

void *config_alloc(struct config_reader *reader, size_t size)
{
	return arena_alloc(reader->arena, size);
}
