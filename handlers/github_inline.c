/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a file an inline comment stands, and the code there. */
#include <inttypes.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "handlers/github.h"

#define QUOTE_LINES 30
#define QUOTE_MAX   8192

/*
 * Where the last lines begin: at most QUOTE_LINES of them; a newline at the very end counts none.
 */
static size_t last_lines(const char *hunk, size_t len)
{
	size_t start = len;

	for (int lines = 0; start > 0; start--) {
		if (hunk[start - 1] == '\n' && start < len && ++lines == QUOTE_LINES)
			break;
	}
	return start;
}

const char *github_inline_quote(const cJSON *comment, struct arena *arena)
{
	const char *hunk = json_str(comment, "diff_hunk");

	if (hunk == NULL || hunk[0] == '\0')
		return NULL;
	size_t len = strlen(hunk), start = last_lines(hunk, len);
	while (len - start > QUOTE_MAX) {
		const char *next = memchr(hunk + start, '\n', len - start - 1);
		if (next == NULL)
			break;
		start = (size_t)(next - hunk) + 1;
	}
	return arena_strndup(arena, hunk + start, utf8_cut(hunk + start, len - start, QUOTE_MAX));
}

const char *github_inline_lines(const cJSON *comment, struct arena *arena)
{
	const char *side = json_str(comment, "side");
	const char *suffix = side != NULL && strcmp(side, "LEFT") == 0 ? " of the old version" : "";
	int64_t line = 0, start = 0;
	bool current = json_int(comment, "line", &line) && line > 0;

	if (!current && (!json_int(comment, "original_line", &line) || line <= 0))
		return NULL;
	const char *first = current ? "start_line" : "original_start_line";
	if (json_int(comment, first, &start) && start > 0 && start < line)
		return arena_printf(arena, "%" PRId64 "-%" PRId64 "%s", start, line, suffix);
	return arena_printf(arena, "%" PRId64 "%s", line, suffix);
}
