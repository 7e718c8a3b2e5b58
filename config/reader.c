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

struct config_mark reader_mark(yaml_mark_t mark)
{
	return (struct config_mark){ (int)mark.line + 1, (int)mark.column + 1 };
}

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

static bool is_tab(const struct config_reader *reader, struct config_mark mark)
{
	struct cursor cursor = { 0, { 1, 1 } };

	advance_to(reader, &cursor, mark);
	return cursor.at < reader->len && reader->text[cursor.at] == '\t';
}

/* libyaml's words, at its problem mark (its context mark is often far off), with a hint where we
 * know one. */
static void report_syntax(struct config_reader *reader, const yaml_parser_t *parser)
{
	const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
	const char *hint = "";
	char text[240];

	/* Here the problem alone says nothing: what it is stands in the context. */
	if (strcmp(problem, "second occurrence") == 0)
		problem = "found duplicate anchor";
	else if (strstr(problem, "cannot start any token") != NULL &&
		 is_tab(reader, reader_mark(parser->problem_mark)))
		problem = "found a tab character; indentation must be spaces";
	if (strstr(problem, "mapping values are not allowed") != NULL ||
	    strstr(problem, "',' or '}'") != NULL ||
	    strstr(problem, "cannot start any token") != NULL)
		hint = " (quote the value, or write it as a | block)";
	(void)snprintf(text, sizeof(text), "%s%s", problem, hint);
	problems_add(reader, PROBLEM_ERROR, reader_mark(parser->problem_mark), NULL, text);
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
		problems_add(reader, PROBLEM_ERROR, reader_mark(second.start_mark), NULL,
			     "a second document begins here; the configuration is one");
	bool single = root == NULL;
	yaml_document_delete(&second);
	return single;
}

/* --- limits, before libyaml builds anything --- */

/* Deep nesting and many anchors cost libyaml time that grows with their square. */
#define MAX_ANCHORS 1000

struct census {
	unsigned depth;
	size_t anchors;
};

/* Counts one event; what is beyond a limit, or NULL. */
static const char *count_event(struct census *census, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		census->depth--;
		return NULL;
	case YAML_ALIAS_EVENT:
		break;
	default:
		return NULL;
	}
	census->anchors += anchor != NULL;
	if (census->depth > READER_MAX_DEPTH)
		return READER_TOO_DEEP;
	if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
		census->depth++;
	return census->anchors > MAX_ANCHORS ? "too many anchors" : NULL;
}

/* Goes through the events up to the end or the first error, which yaml_parser_load will report. */
static bool check_limits(struct config_reader *reader)
{
	struct census census = { 0 };
	yaml_parser_t parser;
	const char *beyond = NULL;
	bool more = true;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)reader->text, reader->len);
	while (more && beyond == NULL) {
		yaml_event_t event;
		more = yaml_parser_parse(&parser, &event);
		if (!more)
			break;
		beyond = count_event(&census, &event);
		if (beyond != NULL)
			problems_add(reader, PROBLEM_ERROR, reader_mark(event.start_mark), NULL,
				     beyond);
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return beyond == NULL;
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
		struct config_mark end = reader_mark(node->end_mark);
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

static const char utf8_bom[] = "\xEF\xBB\xBF";

const struct config_node *reader_tree(struct config_reader *reader,
				      struct reader_document **ret_document)
{
	if (reader->len >= 3 && memcmp(reader->text, utf8_bom, 3) == 0) {
		reader->text += 3;
		reader->len -= 3;
	}
	if (!check_bytes(reader) || !check_limits(reader))
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
	const struct config_node *root = tree_build(reader, &document->yaml);
	if (root == NULL)
		return NULL;
	if (root->kind != NODE_MAPPING) {
		config_problem(reader, PROBLEM_ERROR, root, "expected a mapping of settings");
		return NULL;
	}
	*ret_document = TAKE(document);
	return root;
}
