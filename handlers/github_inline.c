/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a file an inline comment stands, and the code there. */
#include <inttypes.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "handlers/github.h"

#define QUOTE_LINES 30
#define QUOTE_MAX   8192
/* A cut quote with fewer says little of where it stands. */
#define ENOUGH_LINES 4

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

/* What of a hunk is shown. */
struct extent {
	size_t start, end;
};

static struct extent find_extent(const char *hunk, size_t len)
{
	size_t start = last_lines(hunk, len);

	while (len - start > QUOTE_MAX) {
		const char *next = memchr(hunk + start, '\n', len - start - 1);
		if (next == NULL)
			break;
		start = (size_t)(next - hunk) + 1;
	}
	return (struct extent){ start, start + utf8_cut(hunk + start, len - start, QUOTE_MAX) };
}

const char *github_inline_quote(const cJSON *comment, struct arena *arena)
{
	const char *hunk = json_str(comment, "diff_hunk");

	if (hunk == NULL || hunk[0] == '\0')
		return NULL;
	struct extent shown = find_extent(hunk, strlen(hunk));
	return arena_strndup(arena, hunk + shown.start, shown.end - shown.start);
}

/* Which lines a comment is about. */
struct span {
	int64_t first, last; /* 0: none */
	bool old_side;
	bool outdated; /* they count at the original commit */
};

static bool is_left(const char *side)
{
	return side != NULL && strcmp(side, "LEFT") == 0;
}

static struct span find_span(const cJSON *comment)
{
	struct span span = { .old_side = is_left(json_str(comment, "side")) };
	const char *start_side = json_str(comment, "start_side");
	int64_t start = 0;

	if (!json_int(comment, "line", &span.last) || span.last <= 0) {
		span.last = 0;
		span.outdated = json_int(comment, "original_line", &span.last) && span.last > 0;
		if (!span.outdated)
			return (struct span){ 0 };
	}
	span.first = span.last;
	/* A range may begin on the other side, where lines are counted differently. */
	if (start_side != NULL && is_left(start_side) != span.old_side)
		return span;
	if (json_int(comment, span.outdated ? "original_start_line" : "start_line", &start) && start > 0 &&
	    start < span.last)
		span.first = start;
	return span;
}

int64_t github_inline_line(const cJSON *comment)
{
	return find_span(comment).last;
}

const char *github_inline_lines(const cJSON *comment, struct arena *arena)
{
	struct span span = find_span(comment);
	const char *suffix = span.old_side ? " of the old version" : "";

	if (span.last == 0)
		return NULL;
	if (span.first < span.last)
		return arena_printf(arena, "%" PRId64 "-%" PRId64 "%s", span.first, span.last, suffix);
	return arena_printf(arena, "%" PRId64 "%s", span.last, suffix);
}

/* Whether the quote shows the commented lines with something around them, see github.h. */
static bool is_enough(const cJSON *comment, struct span span)
{
	const char *hunk = json_str(comment, "diff_hunk");
	int64_t lines = 0;

	if (hunk == NULL || hunk[0] == '\0')
		return false;
	struct extent shown = find_extent(hunk, strlen(hunk));
	if (hunk[shown.end] != '\0')
		return false;
	for (size_t at = shown.start; at < shown.end; at++)
		lines += at == shown.start || hunk[at - 1] == '\n';
	return shown.start == 0 || (lines >= ENOUGH_LINES && lines > span.last - span.first);
}

const struct lookup *github_inline_lookup(const cJSON *comment, const char *repo, struct arena *arena)
{
	const struct span span = find_span(comment);
	const char *commit = json_str(comment, span.outdated ? "original_commit_id" : "commit_id");
	const char *path = json_str(comment, "path");

	if (span.last == 0 || path == NULL || path[0] == '\0' || !github_place_commit_is_valid(commit) ||
	    is_enough(comment, span))
		return NULL;
	struct lookup *lookup = arena_alloc(arena, sizeof(*lookup));
	if (lookup == NULL)
		return NULL;
	*lookup = (struct lookup){
		.wants = LOOKUP_CODE,
		.repo = github_thread_lower(repo, arena),
		.commit = arena_strdup(arena, commit),
		.path = arena_strdup(arena, path),
		.line = span.first,
		.last_line = span.last > span.first ? span.last : 0,
		.old_side = span.old_side,
	};
	return lookup;
}
