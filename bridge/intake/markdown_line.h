/* SPDX-License-Identifier: Apache-2.0 */
/* One line of Markdown while it is read: where it is, and what it may begin with. For the scanner only. */
#ifndef BRIDGE_INTAKE_MARKDOWN_LINE_H
#define BRIDGE_INTAKE_MARKDOWN_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* A line and how far it is read; a tab counts up to the next multiple of four columns. */
struct markdown_line {
	const char *text;
	size_t start, at, end, next; /* next: behind the line's end */
	size_t column;
	size_t first, indent;        /* first non-blank, and columns from at to it */
	bool blank;
};

/* Finds first, indent and blank from `at`; the functions that move `at` do so themselves. */
void markdown_line_look(struct markdown_line *line);
/* Over that many columns of blanks; half of a tab may remain. */
void markdown_line_skip_columns(struct markdown_line *line, size_t columns);
/* To the first non-blank and n bytes on. */
void markdown_line_skip_bytes(struct markdown_line *line, size_t n);
/* Over ">" and a blank behind it; false: there is none. */
bool markdown_line_skip_quote(struct markdown_line *line);

/* How often c stands at the first non-blank. */
size_t markdown_line_run(const struct markdown_line *line, char c);
bool markdown_line_blank_from(const struct markdown_line *line, size_t at);

/* What begins at the first non-blank; lengths are 0 when it does not. None may be called for a blank line. */
size_t markdown_line_fence(const struct markdown_line *line, char *ret_fence);
bool markdown_line_is_heading(const struct markdown_line *line);
bool markdown_line_is_underline(const struct markdown_line *line);
bool markdown_line_is_break(const struct markdown_line *line);
size_t markdown_line_footnote(const struct markdown_line *line);
size_t markdown_line_item(const struct markdown_line *line, bool in_paragraph);
bool markdown_line_is_table_rule(const struct markdown_line *line);

#endif
