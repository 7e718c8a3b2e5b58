/* SPDX-License-Identifier: Apache-2.0 */
/* CommonMark 0.31 sections 2.2 (tabs), 4.1 to 4.5, 5.1 and 5.2; tables and footnotes as GitHub has them. */
#include "bridge/intake/markdown_line.h"

#include <string.h>

void markdown_line_look(struct markdown_line *line)
{
	size_t column = line->column;

	line->first = line->at;
	while (line->first < line->end && (line->text[line->first] == ' ' || line->text[line->first] == '\t')) {
		column = line->text[line->first] == '\t' ? (column / 4 + 1) * 4 : column + 1;
		line->first++;
	}
	line->indent = column - line->column;
	line->blank = line->first == line->end;
}

void markdown_line_skip_columns(struct markdown_line *line, size_t columns)
{
	while (columns > 0 && line->at < line->end) {
		size_t width = line->text[line->at] == '\t' ? 4 - line->column % 4 : 1;
		size_t step = width < columns ? width : columns;
		line->column += step;
		columns -= step;
		if (step == width)
			line->at++;
	}
	markdown_line_look(line);
}

/* To the first non-blank and n bytes on. */
void markdown_line_skip_bytes(struct markdown_line *line, size_t n)
{
	line->column += line->indent + n;
	line->at = line->first + n;
	markdown_line_look(line);
}

size_t markdown_line_run(const struct markdown_line *line, char c)
{
	size_t n = 0;

	while (line->first + n < line->end && line->text[line->first + n] == c)
		n++;
	return n;
}

bool markdown_line_blank_from(const struct markdown_line *line, size_t at)
{
	while (at < line->end && (line->text[at] == ' ' || line->text[at] == '\t'))
		at++;
	return at >= line->end;
}

bool markdown_line_skip_quote(struct markdown_line *line)
{
	if (line->blank || line->indent > 3 || line->text[line->first] != '>')
		return false;
	markdown_line_skip_bytes(line, 1);
	if (line->at < line->end && (line->text[line->at] == ' ' || line->text[line->at] == '\t'))
		markdown_line_skip_columns(line, 1);
	return true;
}

size_t markdown_line_fence(const struct markdown_line *line, char *ret_fence)
{
	char c = line->text[line->first];

	if (c != '`' && c != '~')
		return 0;
	size_t n = markdown_line_run(line, c), info = line->first + n;
	if (n < 3 || (c == '`' && memchr(line->text + info, '`', line->end - info) != NULL))
		return 0;
	*ret_fence = c;
	return n;
}

bool markdown_line_is_heading(const struct markdown_line *line)
{
	size_t n = markdown_line_run(line, '#'), after = line->first + n;

	return n >= 1 && n <= 6 &&
	       (after == line->end || line->text[after] == ' ' || line->text[after] == '\t');
}

bool markdown_line_is_underline(const struct markdown_line *line)
{
	size_t n = markdown_line_run(line, line->text[line->first]);

	return strchr("=-", line->text[line->first]) != NULL && markdown_line_blank_from(line, line->first + n);
}

bool markdown_line_is_break(const struct markdown_line *line)
{
	char c = line->text[line->first];
	size_t n = 0;

	if (c != '*' && c != '-' && c != '_')
		return false;
	for (size_t at = line->first; at < line->end; at++) {
		if (line->text[at] == c)
			n++;
		else if (line->text[at] != ' ' && line->text[at] != '\t')
			return false;
	}
	return n >= 3;
}

/* "[^name]:", whose content is indented by four; its length, or 0. */
size_t markdown_line_footnote(const struct markdown_line *line)
{
	const char *text = line->text;
	size_t at = line->first + 2;

	if (line->end - line->first < 5 || text[line->first] != '[' || text[line->first + 1] != '^')
		return 0;
	while (at < line->end && text[at] != ']' && text[at] != '[' && text[at] != ' ' && text[at] != '\t')
		at++;
	if (at == line->first + 2 || at + 1 >= line->end || text[at] != ']' || text[at + 1] != ':')
		return 0;
	return at + 2 - line->first;
}

/* A bullet or number; its length, or 0. One that interrupts a paragraph must have content, a number must be 1. */
size_t markdown_line_item(const struct markdown_line *line, bool in_paragraph)
{
	const char *text = line->text + line->first;
	size_t len = line->end - line->first, n = 0;

	if (text[0] == '*' || text[0] == '+' || text[0] == '-') {
		n = 1;
	} else {
		while (n < len && n < 10 && text[n] >= '0' && text[n] <= '9')
			n++;
		if (n == 0 || n > 9 || n >= len || (text[n] != '.' && text[n] != ')'))
			return 0;
		if (in_paragraph && !(n == 1 && text[0] == '1'))
			return 0;
		n++;
	}
	if (n < len && text[n] != ' ' && text[n] != '\t')
		return 0;
	return in_paragraph && markdown_line_blank_from(line, line->first + n) ? 0 : n;
}

/* A row of dashes, pipes and colons makes a table of what is around it. */
bool markdown_line_is_table_rule(const struct markdown_line *line)
{
	bool dash = false;

	for (size_t at = line->at; at < line->end; at++) {
		if (strchr("-|: \t", line->text[at]) == NULL || line->text[at] == '\0')
			return false;
		dash = dash || line->text[at] == '-';
	}
	return dash;
}
