/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to a tree of nodes with their positions, by libyaml's document API. libyaml takes every
 * scalar as text, keeps duplicate keys, follows aliases in circles and stops after the first
 * document without a word: what it lets pass is refused here.
 */
#include "config/reader.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "bridge/base/map.h"
#include "bridge/base/utf8.h"

struct reader_document {
	yaml_document_t yaml;
};

/* Texts may be secrets: they are overwritten before libyaml frees them. */
void reader_document_free(struct reader_document *document)
{
	if (document == NULL)
		return;
	for (yaml_node_t *node = document->yaml.nodes.start; node < document->yaml.nodes.top;
	     node++) {
		if (node->type == YAML_SCALAR_NODE)
			explicit_bzero(node->data.scalar.value, node->data.scalar.length);
	}
	yaml_document_delete(&document->yaml);
	free(document);
}

/* Length of a line break at text[at], as libyaml counts lines; 0: none. */
static size_t line_break(const char *text, size_t len, size_t at)
{
	unsigned char c = (unsigned char)text[at];

	if (c == '\r')
		return at + 1 < len && text[at + 1] == '\n' ? 2 : 1;
	if (c == '\n')
		return 1;
	if (c == 0xC2U && at + 1 < len && (unsigned char)text[at + 1] == 0x85U)
		return 2;
	if (c == 0xE2U && at + 2 < len && (unsigned char)text[at + 1] == 0x80U &&
	    ((unsigned char)text[at + 2] & 0xFEU) == 0xA8U)
		return 3;
	return 0;
}

/* What YAML 1.1 allows in a stream (section 5.1), checked before libyaml because it reports no line
 * for it. */
static bool is_printable(uint32_t point)
{
	return point == '\t' || point == '\n' || point == '\r' ||
	       (point >= 0x20U && point <= 0x7EU) || point == 0x85U ||
	       (point >= 0xA0U && point != 0xFEFFU && point != 0xFFFEU && point != 0xFFFFU);
}

static bool check_bytes(struct config_reader *reader)
{
	struct config_mark mark = { 1, 1 };
	char text[80];

	for (size_t at = 0; at < reader->len;) {
		uint32_t point = 0;
		size_t step = utf8_next(reader->text + at, reader->len - at, &point);
		if (step == 0) {
			problems_add(reader, PROBLEM_ERROR, mark, NULL, "not valid UTF-8");
			return false;
		}
		if (!is_printable(point)) {
			(void)snprintf(text, sizeof(text),
				       "control character U+%04X is not allowed", point);
			problems_add(reader, PROBLEM_ERROR, mark, NULL, text);
			return false;
		}
		size_t end = line_break(reader->text, reader->len, at);
		if (end > 0) {
			mark.line++;
			mark.column = 1;
		} else {
			mark.column++;
		}
		at += end > 0 ? end : step;
	}
	return true;
}

static struct config_mark mark_of(yaml_mark_t mark)
{
	return (struct config_mark){ (int)mark.line + 1, (int)mark.column + 1 };
}

/* libyaml's words, at its problem mark (its context mark is often far off), with a hint where we
 * know one. */
static void report_syntax(struct config_reader *reader, const yaml_parser_t *parser)
{
	const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
	const char *hint = "";
	char text[240];

	if (strstr(problem, "mapping values are not allowed") != NULL ||
	    strstr(problem, "',' or '}'") != NULL ||
	    strstr(problem, "cannot start any token") != NULL)
		hint = " (quote the value, or write it as a | block)";
	(void)snprintf(text, sizeof(text), "%s%s", problem, hint);
	problems_add(reader, PROBLEM_ERROR, mark_of(parser->problem_mark), NULL, text);
}

/* Whether the stream ends after what was loaded; yaml_parser_load itself would not look. */
static bool check_single(struct config_reader *reader, yaml_parser_t *parser)
{
	yaml_document_t second;

	if (!yaml_parser_load(parser, &second)) {
		report_syntax(reader, parser);
		return false;
	}
	const yaml_node_t *root = yaml_document_get_root_node(&second);
	if (root != NULL)
		problems_add(reader, PROBLEM_ERROR, mark_of(second.start_mark), NULL,
			     "a second document begins here; the configuration is one");
	bool single = root == NULL;
	yaml_document_delete(&second);
	return single;
}

static struct reader_document *load_document(struct config_reader *reader)
{
	CLEANUP(reader_document_free_at)
	struct reader_document *document = calloc(1, sizeof(*document));
	yaml_parser_t parser;

	if (document == NULL || !yaml_parser_initialize(&parser)) {
		problems_add(reader, PROBLEM_ERROR, (struct config_mark){ 0, 0 }, NULL,
			     "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)reader->text, reader->len);
	bool good = yaml_parser_load(&parser, &document->yaml);
	if (!good) {
		report_syntax(reader, &parser);
		memset(&document->yaml, 0, sizeof(document->yaml));
	} else {
		good = yaml_document_get_root_node(&document->yaml) == NULL ||
		       check_single(reader, &parser);
	}
	yaml_parser_delete(&parser);
	return good ? TAKE(document) : NULL;
}

/* --- " #" after a plain scalar --- */

struct cursor {
	size_t at;
	struct config_mark mark;
};

static void advance_to(const struct config_reader *reader, struct cursor *cursor,
		       struct config_mark to)
{
	while (cursor->at < reader->len &&
	       (cursor->mark.line < to.line || cursor->mark.column < to.column)) {
		size_t end = line_break(reader->text, reader->len, cursor->at);
		if (end > 0) {
			if (cursor->mark.line >= to.line)
				return;
			cursor->mark = (struct config_mark){ cursor->mark.line + 1, 1 };
			cursor->at += end;
			continue;
		}
		uint32_t point = 0;
		cursor->at +=
			utf8_next(reader->text + cursor->at, reader->len - cursor->at, &point);
		cursor->mark.column++;
	}
}

static bool starts_before(struct config_mark a, struct config_mark b)
{
	return a.line < b.line || (a.line == b.line && a.column < b.column);
}

/*
 * YAML cuts `channel: #general` and `text: build #7` at the " #" without a word. A comment that
 * somebody meant has a space after the #; so a # with something right behind it gets a warning.
 */
static void warn_about_cuts(struct config_reader *reader, const yaml_document_t *yaml)
{
	struct cursor cursor = { 0, { 1, 1 } };

	for (const yaml_node_t *node = yaml->nodes.start; node < yaml->nodes.top; node++) {
		if (node->type != YAML_SCALAR_NODE ||
		    node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
			continue;
		struct config_mark end = mark_of(node->end_mark);
		if (starts_before(end, cursor.mark))
			cursor = (struct cursor){ 0, { 1, 1 } };
		advance_to(reader, &cursor, end);
		size_t at = cursor.at;
		while (at < reader->len && (reader->text[at] == ' ' || reader->text[at] == '\t'))
			at++;
		if (at == cursor.at || at + 1 >= reader->len || reader->text[at] != '#' ||
		    strchr(" \t\r\n#!", reader->text[at + 1]) != NULL)
			continue;
		end.column += (int)(at - cursor.at);
		problems_add(reader, PROBLEM_WARNING, end, NULL,
			     "the value ends before \" #\": quote it if the rest belongs to it, "
			     "or put a space after the # of a comment");
	}
}

/* --- the tree --- */

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
	problems_add(reader, PROBLEM_ERROR, mark_of(node->start_mark), NULL, text);
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
		struct node_member member;
		member.key = build_key(reader, yaml, start[i].key, &place, seen);
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
		report(reader, yaml_node, "nested too deeply (or an alias that contains itself)");
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
	*node = (struct config_node){ .mark = mark_of(yaml_node->start_mark),
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

static const char utf8_bom[] = "\xEF\xBB\xBF";

const struct config_node *reader_tree(struct config_reader *reader,
				      struct reader_document **ret_document)
{
	if (reader->len >= 3 && memcmp(reader->text, utf8_bom, 3) == 0) {
		reader->text += 3;
		reader->len -= 3;
	}
	if (!check_bytes(reader))
		return NULL;
	CLEANUP(reader_document_free_at) struct reader_document *document = load_document(reader);
	if (document == NULL)
		return NULL;
	if (yaml_document_get_root_node(&document->yaml) == NULL) {
		problems_add(reader, PROBLEM_ERROR, (struct config_mark){ 1, 1 }, NULL,
			     "there is nothing in it");
		return NULL;
	}
	warn_about_cuts(reader, &document->yaml);
	const struct config_node *root =
		build(reader, &document->yaml, 1, &(struct place){ .depth = 0 });
	if (root == NULL) {
		if (reader->problems->errors == 0)
			problems_add(reader, PROBLEM_ERROR, (struct config_mark){ 1, 1 }, NULL,
				     "too large");
		return NULL;
	}
	if (root->kind != NODE_MAPPING) {
		config_problem(reader, PROBLEM_ERROR, root, "expected a mapping of settings");
		return NULL;
	}
	*ret_document = TAKE(document);
	return root;
}

const struct config_node *reader_item(const struct config_node *node, size_t i)
{
	if (node == NULL || node->kind != NODE_LIST)
		return node;
	return i < node->count ? node->items[i] : node;
}

bool reader_is_null(const struct config_node *node)
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
