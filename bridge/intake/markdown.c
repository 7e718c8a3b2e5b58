/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks: containers and leaves, line by line, in the way of CommonMark's appendix "A parsing strategy". */
#include "bridge/intake/markdown.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/intake/markdown_line.h"
#include "bridge/intake/markdown_parts.h"

/* Nobody nests deeper; behind it nothing is believed (give_up). Bounds the work for a line. */
#define DEPTH_MAX 64

enum leaf { LEAF_NONE, LEAF_PARAGRAPH, LEAF_FENCE, LEAF_INDENTED, LEAF_HTML };

struct container {
	bool quote;
	bool filled;   /* an item that has content: only such a one goes on over a blank line */
	size_t indent; /* of an item's content, in columns */
};

struct blocks {
	struct markdown md;
	struct container stack[DEPTH_MAX];
	size_t depth, quotes;
	bool lost;
	size_t doubt;       /* from where on code is not believed; the text's length: nowhere */
	enum leaf leaf;
	char fence;         /* LEAF_FENCE: its character and length */
	size_t fence_len;
	int html;           /* LEAF_HTML: its number */
	size_t from, to;    /* LEAF_PARAGRAPH: from its first line's start to its last line's end */
	bool table;
};

void markdown_mark(struct markdown *md, size_t from, size_t to, unsigned char class)
{
	for (size_t i = from; i < to; i++)
		md->map[i] = (unsigned char)((md->map[i] & MARKDOWN_QUOTED) | class);
}

static void mark_line(struct blocks *b, const struct markdown_line *line, unsigned char class)
{
	markdown_mark(&b->md, line->start, line->next, b->md.hidden ? MARKDOWN_HIDDEN : class);
}

/* Closing and opening. */

static bool is_cell_end(const struct markdown *md, size_t from, size_t at)
{
	return md->text[at] == '\n' || md->text[at] == '\r' ||
	       (md->text[at] == '|' && (at == from || md->text[at - 1] != '\\'));
}

/* A cell is a block of its own, even to code spans. Whether it is a table at all stays in doubt. */
static void close_table(struct blocks *b)
{
	size_t from = b->from;

	for (size_t at = b->from; at < b->to; at++) {
		if (!is_cell_end(&b->md, b->from, at))
			continue;
		markdown_inline(&b->md, from, at, true);
		from = at + 1;
	}
	markdown_inline(&b->md, from, b->to, true);
}

/*
 * A paragraph may begin with link definitions, which a page does not show: a back-tick in them opens nothing.
 * Not worth a parser: where there may be one, code spans are not believed.
 */
static bool may_define_links(const struct blocks *b)
{
	size_t at = b->from;

	while (at < b->to && (b->md.map[at] & MARKDOWN_CLASS) == MARKDOWN_MARKUP)
		at++;
	while (at < b->to && (b->md.text[at] == ' ' || b->md.text[at] == '\t'))
		at++;
	return at < b->to && b->md.text[at] == '[' && memmem(b->md.text + at, b->to - at, "]:", 2) != NULL;
}

static void close_leaf(struct blocks *b)
{
	if (b->leaf == LEAF_PARAGRAPH && b->table && !b->md.hidden)
		close_table(b);
	else if (b->leaf == LEAF_PARAGRAPH)
		markdown_inline(&b->md, b->from, b->to, may_define_links(b));
	b->leaf = LEAF_NONE;
}

/* Closes the leaf, and the containers that the line does not continue. */
static void close_to(struct blocks *b, size_t depth)
{
	close_leaf(b);
	while (b->depth > depth)
		b->quotes -= b->stack[--b->depth].quote ? 1 : 0;
}

static void fill_item(struct blocks *b)
{
	if (b->depth > 0)
		b->stack[b->depth - 1].filled = true;
}

static void open_container(struct blocks *b, size_t matched, bool quote, size_t indent)
{
	close_to(b, matched);
	fill_item(b);
	if (b->depth == DEPTH_MAX) {
		b->lost = true;
		return;
	}
	b->stack[b->depth++] = (struct container){ .quote = quote, .indent = indent };
	b->quotes += quote ? 1 : 0;
}

static void open_leaf(struct blocks *b, size_t matched, enum leaf leaf)
{
	close_to(b, matched);
	fill_item(b);
	b->leaf = leaf;
}

/* Containers. */

/* How many of the open containers the line continues. */
static size_t match_containers(const struct blocks *b, struct markdown_line *line)
{
	for (size_t i = 0; i < b->depth; i++) {
		const struct container *one = &b->stack[i];
		if (one->quote) {
			if (!markdown_line_skip_quote(line))
				return i;
		} else if (line->indent >= one->indent) {
			markdown_line_skip_columns(line, one->indent);
		} else if (!line->blank || !one->filled) {
			return i;
		}
	}
	return b->depth;
}

static void open_item(struct blocks *b, size_t matched, struct markdown_line *line, size_t mark)
{
	size_t before = line->indent;

	markdown_line_skip_bytes(line, mark);
	size_t padding = mark + 1;
	if (line->blank || line->indent > 4) {
		markdown_line_skip_columns(line, line->indent > 0 && !line->blank ? 1 : 0);
	} else {
		padding = mark + line->indent;
		markdown_line_skip_columns(line, line->indent);
	}
	open_container(b, matched, false, before + padding);
}

/* Opens what containers the line begins; returns how deep they are. */
static size_t open_containers(struct blocks *b, size_t matched, struct markdown_line *line, bool *in_paragraph, bool *lazy)
{
	for (; !b->lost && !line->blank && line->indent < 4; *in_paragraph = *lazy = false, matched = b->depth) {
		size_t mark;
		if (line->text[line->first] == '>') {
			(void)markdown_line_skip_quote(line);
			open_container(b, matched, true, 0);
		} else if ((mark = markdown_line_footnote(line)) > 0) {
			markdown_line_skip_bytes(line, mark);
			markdown_line_skip_columns(line, line->indent);
			open_container(b, matched, false, 4);
			fill_item(b); /* unlike a list item it may begin with blank lines */
		} else if (!markdown_line_is_break(line) && !(*in_paragraph && markdown_line_is_underline(line)) &&
			   (mark = markdown_line_item(line, *in_paragraph)) > 0) {
			open_item(b, matched, line, mark);
		} else {
			break;
		}
	}
	return matched;
}

/* The leaves. */

/* Goes on with an open fence, HTML block or indented code; false: the line is something else. */
static bool continue_leaf(struct blocks *b, const struct markdown_line *line)
{
	switch (b->leaf) {
	case LEAF_FENCE:
		mark_line(b, line, MARKDOWN_CODE);
		if (!line->blank && line->indent < 4) {
			size_t n = markdown_line_run(line, b->fence);
			if (n >= b->fence_len && markdown_line_blank_from(line, line->first + n))
				b->leaf = LEAF_NONE;
		}
		return true;
	case LEAF_HTML:
		if (line->blank && b->html >= 6)
			break;
		markdown_mark(&b->md, line->start, line->at, b->md.hidden ? MARKDOWN_HIDDEN : MARKDOWN_MARKUP);
		markdown_html_line(&b->md, line->at, line->next);
		if (markdown_html_ends(b->html, line->text + line->at, line->end - line->at))
			b->leaf = LEAF_NONE;
		return true;
	case LEAF_INDENTED:
		if (!line->blank && line->indent < 4)
			break;
		mark_line(b, line, MARKDOWN_CODE);
		return true;
	case LEAF_NONE:
	case LEAF_PARAGRAPH:
		return false;
	}
	b->leaf = LEAF_NONE;
	return false;
}

static void add_to_paragraph(struct blocks *b, size_t matched, const struct markdown_line *line)
{
	markdown_mark(&b->md, line->start, line->at, MARKDOWN_MARKUP);
	if (b->leaf != LEAF_PARAGRAPH) {
		open_leaf(b, matched, LEAF_PARAGRAPH);
		b->from = line->start;
		b->table = false;
	} else if (markdown_line_is_table_rule(line)) {
		b->table = true;
	}
	b->to = line->next;
}

/*
 * Headings and breaks are over with their line. A line under nothing but link definitions underlines nothing and is a
 * paragraph instead, so that what follows may be no code.
 */
static void add_single(struct blocks *b, size_t matched, const struct markdown_line *line)
{
	if (b->leaf == LEAF_PARAGRAPH && b->doubt > line->start && may_define_links(b))
		b->doubt = line->start;
	open_leaf(b, matched, LEAF_NONE);
	markdown_mark(&b->md, line->start, line->at, MARKDOWN_MARKUP);
	markdown_inline(&b->md, line->start, line->next, false);
}

/* The leaf that the rest of the line begins or continues. */
static void add_leaf(struct blocks *b, size_t matched, struct markdown_line *line, bool in_paragraph, bool lazy)
{
	if (line->blank) {
		close_to(b, matched);
		mark_line(b, line, MARKDOWN_MARKUP);
	} else if (line->indent >= 4) {
		if (lazy) {
			add_to_paragraph(b, matched, line);
			return;
		}
		open_leaf(b, matched, LEAF_INDENTED);
		mark_line(b, line, MARKDOWN_CODE);
	} else if (markdown_line_is_heading(line) || markdown_line_is_break(line) || (in_paragraph && markdown_line_is_underline(line))) {
		add_single(b, matched, line);
	} else if ((b->fence_len = markdown_line_fence(line, &b->fence)) > 0) {
		open_leaf(b, matched, LEAF_FENCE);
		mark_line(b, line, MARKDOWN_CODE);
	} else if ((b->html = markdown_html_start(&b->md, line->first, line->end, in_paragraph)) > 0) {
		open_leaf(b, matched, LEAF_HTML);
		(void)continue_leaf(b, line);
	} else {
		add_to_paragraph(b, matched, line);
	}
}

static void scan_line(struct blocks *b, struct markdown_line *line)
{
	markdown_line_look(line);
	size_t matched = match_containers(b, line);
	bool all = matched == b->depth;
	if (!all && b->leaf != LEAF_PARAGRAPH)
		close_to(b, matched);
	bool done = all && continue_leaf(b, line);
	if (!done) {
		bool lazy = b->leaf == LEAF_PARAGRAPH, in_paragraph = lazy && all;
		matched = open_containers(b, matched, line, &in_paragraph, &lazy);
		if (!b->lost)
			add_leaf(b, matched, line, in_paragraph, lazy);
	}
	if (b->quotes > 0) {
		for (size_t i = line->start; i < line->next; i++)
			b->md.map[i] |= MARKDOWN_QUOTED;
	}
}

/*
 * Nested deeper than anybody writes: from here on every comment counts, and nothing is code. Nothing is the writer's
 * own words either (quoted).
 */
static void give_up(struct blocks *b, size_t from)
{
	memset(b->md.map + from, MARKDOWN_TEXT | MARKDOWN_QUOTED, b->md.len - from);
	markdown_html_line(&b->md, from, b->md.len);
}

/* Behind the line that starts at `start`; *ret_end: its end without CR, LF or CR LF. */
static size_t line_end(const char *text, size_t len, size_t start, size_t *ret_end)
{
	size_t at = start;

	while (at < len && text[at] != '\n' && text[at] != '\r')
		at++;
	*ret_end = at;
	if (at < len)
		at += text[at] == '\r' && at + 1 < len && text[at + 1] == '\n' ? 2 : 1;
	return at;
}

/* Comments in code that may be none. */
static void hide_doubtful(struct blocks *b)
{
	size_t at = b->doubt;

	while (at < b->md.len) {
		const char *open = memmem(b->md.text + at, b->md.len - at, "<!--", 4);
		const char *end = open != NULL ? memmem(open, b->md.len - (size_t)(open - b->md.text), "-->", 3) : NULL;
		if (end == NULL)
			return;
		at = (size_t)(end - b->md.text) + 3;
		markdown_mark(&b->md, (size_t)(open - b->md.text), at, MARKDOWN_HIDDEN);
	}
}

unsigned char *markdown_map(const char *text, size_t len)
{
	struct blocks b = { .md = { .text = text, .len = len, .map = calloc(1, len + 1) }, .doubt = len };

	if (b.md.map == NULL)
		return NULL;
	for (size_t at = 0; at < len && !b.lost;) {
		struct markdown_line line = { .text = text, .start = at, .at = at };
		line.next = line_end(text, len, at, &line.end);
		scan_line(&b, &line);
		if (b.lost)
			give_up(&b, at);
		at = line.next;
	}
	close_leaf(&b);
	hide_doubtful(&b);
	return b.md.map;
}
