/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Markdown scanner share; for nobody else. */
#ifndef BRIDGE_INTAKE_MARKDOWN_PARTS_H
#define BRIDGE_INTAKE_MARKDOWN_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/intake/markdown.h"

/* One pass over one text. */
struct markdown {
	const char *text;
	size_t len;
	unsigned char *map;
	bool hidden; /* a raw comment was opened and not closed: everything is hidden, until raw HTML closes it */
};

/* Sets the class of [from, to); "quoted" stays. */
void markdown_mark(struct markdown *md, size_t from, size_t to, unsigned char class);

/*
 * The inline content of one block (a paragraph, heading or table cell). Bytes that are already marked as markup (what
 * stands before the content of its lines) are passed over. doubtful: its code spans may not be what they seem.
 */
void markdown_inline(struct markdown *md, size_t from, size_t to, bool doubtful);

/* HTML blocks by number, CommonMark 0.31 section 4.6; 0: none starts at text[at], the line's first non-blank. */
int markdown_html_start(const struct markdown *md, size_t at, size_t to, bool in_paragraph);
/* Whether the line ends the block of that number (1 to 5; 6 and 7 end at a blank line). */
bool markdown_html_ends(int number, const char *line, size_t len);
/* One line of an HTML block: comments are hidden (and may stay open), tags are markup, the rest is text. */
void markdown_html_line(struct markdown *md, size_t from, size_t to);

/* A search that found nothing once finds nothing later in the same block: keeps failing searches linear. */
struct markdown_misses {
	bool comment, instruction, declaration, cdata;
};

/*
 * Raw inline HTML or an autolink at text[at] == '<', section 6.5 and 6.6: the offset behind it, or 0 if there is none.
 * *ret_comment: it is a comment.
 */
size_t markdown_html_inline(const struct markdown *md, size_t at, size_t to, struct markdown_misses *misses,
			    bool *ret_comment);
/* Whether renderers differ in what stands there; end: as returned above. Then code spans behind it are doubtful. */
bool markdown_html_differs(const struct markdown *md, size_t at, size_t end, size_t to);

#endif
