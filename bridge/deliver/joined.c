/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several comments as one prompt: a turn costs minutes, and a review is read as a whole. Each part is a prompt of its own, with its line
 * of provenance and its tag; comments on lines of code stand in the order in which a reader of the change meets them.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/deliver/deliver_private.h"

#define HEAD_SHARE 40 /* the line above them: two of these are enough for it */

static const char separator[] = "\n\n---\n\n";

size_t joined_size(const struct message_row *row)
{
	return strlen(row->prompt) + sizeof(separator) - 1 + HEAD_SHARE;
}

/* Inline comments that follow each other are sorted by file and line; equal ones, and all others, keep their order. */
static void sort_for_reading(const struct message_row **rows, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const struct message_row *row = rows[i];
		size_t at = i;
		while (at > 0 && row->spot != NULL && rows[at - 1]->spot != NULL &&
		       strcmp(rows[at - 1]->spot, row->spot) > 0) {
			rows[at] = rows[at - 1];
			at--;
		}
		rows[at] = row;
	}
}

const char *joined_prompt(struct part *parts, size_t count, struct arena *arena)
{
	const struct message_row *rows[RUN_MAX];
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(16 * 1024 * 1024);

	if (count == 1)
		return parts[0].row.prompt;
	for (size_t i = 0; i < count; i++)
		rows[i] = &parts[i].row;
	sort_for_reading(rows, count);
	strbuf_addf(&out, "%zu messages, in reading order; each ends in its tag.", count);
	for (size_t i = 0; i < count; i++) {
		strbuf_adds(&out, separator);
		strbuf_adds(&out, rows[i]->prompt);
	}
	return strbuf_failed(&out) ? NULL : arena_strndup(arena, strbuf_str(&out), out.len);
}
