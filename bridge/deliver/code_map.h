/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a Markdown text is code beyond doubt, in every reader's eyes. What intake/markdown.h tells is what a
 * careful reader of somebody else's words must know; here we write, so what might be prose to some renderer is prose:
 * fences of up to three blanks' indent, and code spans that open and close in one line. After anything that makes the
 * rest doubtful (HTML, a fence in a list, a row of back-ticks without its partner) nothing is code any more, for the
 * rest of the paragraph or of the text. Pure; any thread; linear.
 */
#ifndef BRIDGE_DELIVER_CODE_MAP_H
#define BRIDGE_DELIVER_CODE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct code_end {
	char mark;  /* of a fence that is surely open at the end of the text: '`' or '~'; 0: none */
	size_t len; /* of its row of marks */
};

/* For each byte whether it is code or a mark of it (new; free it). ret_end may be NULL. NULL: no memory. */
bool *code_map(const char *text, size_t len, struct code_end *ret_end);

#endif
