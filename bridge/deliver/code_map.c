/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/code_map.h"

#include <stdlib.h>
#include <string.h>

struct scan {
	const char *text;
	bool *map;
	char mark;          /* of the open fence; 0: none */
	size_t row, indent; /* of its opening line */
	bool sure;          /* it was opened without doubt */
	bool table;         /* a line could be the second one of a table */
	bool doubt;         /* nothing is surely code from here on */
	bool unclear;       /* … up to the next blank line */
};

static size_t run_length(const char *text, size_t at, size_t end)
{
	size_t n = at;

	while (n < end && text[n] == text[at])
		n++;
	return n - at;
}

static bool is_blank_line(const char *text, size_t at, size_t end)
{
	while (at < end && (text[at] == ' ' || text[at] == '\t'))
		at++;
	return at == end;
}

static void mark_code(struct scan *s, size_t from, size_t to)
{
	if (!s->doubt)
		memset(s->map + from, true, to - from);
}

/* A line inside of a fence. */
static void scan_fenced(struct scan *s, size_t at, size_t end)
{
	size_t indent = run_length(s->text, at, end), from = at;

	if (at < end && s->text[at] == ' ')
		from += indent;
	else
		indent = 0;
	/* In a list the fence would end with its item. */
	if (indent < s->indent && !is_blank_line(s->text, at, end))
		s->doubt = true;
	mark_code(s, at, end);
	if (indent > 3 || from == end || s->text[from] != s->mark)
		return;
	size_t row = run_length(s->text, from, end);
	if (row >= s->row && is_blank_line(s->text, from + row, end))
		s->mark = '\0';
}

/* Whether the line opens a fence. */
static bool open_fence(struct scan *s, size_t at, size_t end)
{
	size_t from = at;

	while (from < end && s->text[from] == ' ')
		from++;
	if (from - at > 3 || from == end || (s->text[from] != '`' && s->text[from] != '~'))
		return false;
	size_t row = run_length(s->text, from, end);
	if (row < 3 || (s->text[from] == '`' && memchr(s->text + from + row, '`', end - from - row) != NULL))
		return false;
	s->mark = s->text[from];
	s->row = row;
	s->sure = !s->doubt;
	s->indent = from - at;
	mark_code(s, at, end);
	return true;
}

/* The end of the span that a row of back-ticks opens, or 0. */
static size_t span_end(const char *text, size_t at, size_t row, size_t end)
{
	while (at < end) {
		const char *tick = memchr(text + at, '`', end - at);
		if (tick == NULL)
			return 0;
		at = (size_t)(tick - text);
		size_t n = run_length(text, at, end);
		at += n;
		if (n == row)
			return at;
	}
	return 0;
}

static void scan_spans(struct scan *s, size_t at, size_t end)
{
	bool parted = false; /* a cell may end inside of a span: behind it, back-ticks may pair in another way */

	while (at < end) {
		char c = s->text[at];
		if (c == '<' || (c == '\\' && at + 1 < end && s->text[at + 1] == '`'))
			s->unclear = true; /* a tag may swallow back-ticks, a backslash unmakes one */
		if (c != '`') {
			at++;
			continue;
		}
		size_t row = run_length(s->text, at, end), stop = span_end(s->text, at + row, row, end);
		if (stop == 0) {
			s->unclear = true;
			return;
		}
		parted = parted || (s->table && memchr(s->text + at, '|', stop - at) != NULL);
		if (!s->unclear && !parted)
			mark_code(s, at, stop);
		at = stop;
	}
}

static bool has(const char *text, size_t at, size_t end, const char *what)
{
	return memmem(text + at, end - at, what, strlen(what)) != NULL;
}

/* "--|--", wherever it stands: in quotes and lists, too. */
static bool has_table(const char *text, size_t len)
{
	bool only = true, bar = false, dash = false;

	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? text[i] : '\n';
		if (c == '\n') {
			if (only && bar && dash)
				return true;
			only = true;
			bar = dash = false;
			continue;
		}
		only = only && c != '\0' && strchr(" \t|:->*+0123456789.)", c) != NULL;
		bar = bar || c == '|';
		dash = dash || c == '-';
	}
	return false;
}

static void scan_line(struct scan *s, size_t at, size_t end)
{
	if (s->mark != '\0') {
		scan_fenced(s, at, end);
		return;
	}
	if (is_blank_line(s->text, at, end)) {
		s->unclear = false;
		return;
	}
	if (open_fence(s, at, end)) {
		s->unclear = false;
		return;
	}
	size_t first = at;
	while (s->text[first] == ' ' || s->text[first] == '\t')
		first++;
	/* An HTML block takes fences for text; one in a list or a quote is opened and closed by other rules. */
	if (s->text[first] == '<' || has(s->text, at, end, "```") || has(s->text, at, end, "~~~"))
		s->doubt = true;
	/* Four blanks or a tab may be code, in which back-ticks mean nothing. */
	if (first - at > 3 || memchr(s->text + at, '\t', first - at) != NULL)
		s->unclear = true;
	scan_spans(s, at, end);
}

bool *code_map(const char *text, size_t len, struct code_end *ret_end)
{
	struct scan s = { .text = text, .table = has_table(text, len), .map = calloc(len + 1, sizeof(bool)) };

	if (s.map == NULL)
		return NULL;
	for (size_t at = 0; at < len;) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t end = newline != NULL ? (size_t)(newline - text) : len;
		scan_line(&s, at, end);
		at = end + 1;
	}
	if (ret_end != NULL)
		*ret_end = (struct code_end){ .mark = s.sure ? s.mark : '\0', .len = s.row };
	return s.map;
}
