/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Just enough Markdown to know what each byte of a text is to its reader: words, code, markup, or hidden. Follows
 * CommonMark 0.31 with GitHub's tables and footnotes, because that is what renders the comments: containers (quotes with
 * lazy lines, list items), fenced and indented code, HTML blocks, code spans, tags, comments.
 *
 * Where renderers differ, or a page could be read in two ways, it decides against the writer: what might be a
 * hidden comment is one, even if some renderer would show it. Pure; any thread; time and memory linear in the text.
 */
#ifndef BRIDGE_INTAKE_MARKDOWN_H
#define BRIDGE_INTAKE_MARKDOWN_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MARKDOWN_TEXT = 0,  /* prose; includes the marks of emphasis, links, headings */
	MARKDOWN_CODE = 1,  /* code, with its fences and back-ticks */
	MARKDOWN_MARKUP = 2, /* what stands before the content of a line (quote and list marks), HTML tags, autolinks */
	MARKDOWN_HIDDEN = 3, /* HTML comments, where a reader does not see them */
	MARKDOWN_CLASS = 0x0F,
	MARKDOWN_QUOTED = 0x10, /* added to any of them inside a block quote */
};

/* The class of each byte of text, as a new array of len bytes (free it; at least one byte). NULL: no memory. */
unsigned char *markdown_map(const char *text, size_t len);

#endif
