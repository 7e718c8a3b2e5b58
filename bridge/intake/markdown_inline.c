/* SPDX-License-Identifier: Apache-2.0 */
/* Code spans, raw HTML and escapes inside one block. */
#include <stdint.h>
#include <string.h>

#include "bridge/intake/markdown_parts.h"

/* GitHub's renderer takes no longer run of back-ticks for the start of a code span. */
#define RUN_MAX 80

struct spans {
	bool scanned;             /* the whole block has been searched once */
	size_t last[RUN_MAX + 1]; /* then: the offset behind the last run of each length; 0: none */
};

struct inline_scan {
	struct markdown *md;
	size_t to;
	bool doubtful;
	bool started;             /* spans are set up: only blocks with a back-tick pay for it */
	struct spans spans;
	struct markdown_misses misses;
	size_t hidden_from;       /* with md->hidden: from where on */
};

static size_t run_length(const char *text, size_t at, size_t to)
{
	size_t n = 0;

	while (at + n < to && text[at + n] == '`')
		n++;
	return n;
}

/*
 * The offset behind the run of exactly n back-ticks that closes a span whose content starts at `at`; 0: none. Failing
 * searches are answered from what the first one saw, so that a page of back-ticks costs no square of its length.
 */
static size_t span_end(struct inline_scan *scan, size_t at, size_t n)
{
	if (n > RUN_MAX)
		return 0;
	if (!scan->started) {
		memset(&scan->spans, 0, sizeof(scan->spans));
		scan->started = true;
	}
	struct spans *spans = &scan->spans;
	if (spans->scanned && spans->last[n] <= at)
		return 0;
	while (at < scan->to) {
		const char *tick = memchr(scan->md->text + at, '`', scan->to - at);
		if (tick == NULL)
			break;
		at = (size_t)(tick - scan->md->text);
		size_t run = run_length(scan->md->text, at, scan->to);
		at += run;
		if (run <= RUN_MAX)
			spans->last[run] = at;
		if (run == n)
			return at;
	}
	spans->scanned = true;
	return 0;
}

/* In a doubtful block a comment inside what looks like code counts all the same. Returns where to go on. */
static size_t hide_in_span(struct inline_scan *scan, size_t at, size_t end)
{
	struct markdown *md = scan->md;

	while (at < end) {
		const char *open = memchr(md->text + at, '<', end - at);
		if (open == NULL)
			return end;
		at = (size_t)(open - md->text);
		bool comment = false;
		size_t behind = markdown_html_inline(md, at, scan->to, &scan->misses, &comment);
		if (!comment) {
			at++;
			continue;
		}
		markdown_mark(md, at, behind, MARKDOWN_HIDDEN);
		at = behind;
	}
	return at;
}

static size_t pass_ticks(struct inline_scan *scan, size_t at)
{
	size_t run = run_length(scan->md->text, at, scan->to);
	size_t end = span_end(scan, at + run, run);

	if (end == 0)
		return at + run;
	markdown_mark(scan->md, at, end, MARKDOWN_CODE);
	return scan->doubtful ? hide_in_span(scan, at, end) : end;
}

static size_t pass_html(struct inline_scan *scan, size_t at)
{
	struct markdown *md = scan->md;
	bool comment = false;
	size_t end = markdown_html_inline(md, at, scan->to, &scan->misses, &comment);

	scan->doubtful = scan->doubtful || markdown_html_differs(md, at, end, scan->to);
	if (end == 0)
		return at + 1;
	markdown_mark(md, at, end, comment ? MARKDOWN_HIDDEN : MARKDOWN_MARKUP);
	if (comment && md->hidden) {
		/* An open raw comment ends at the first "-->" that reaches the browser unescaped: here. */
		markdown_mark(md, scan->hidden_from, end, MARKDOWN_HIDDEN);
		md->hidden = false;
	}
	return end;
}

static bool is_punctuation(char c)
{
	return c != '\0' && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c) != NULL;
}

void markdown_inline(struct markdown *md, size_t from, size_t to, bool doubtful)
{
	struct inline_scan scan; /* not zeroed as a whole: most blocks have no back-tick */

	scan.md = md;
	scan.to = to;
	scan.doubtful = doubtful;
	scan.started = false;
	scan.misses = (struct markdown_misses){ false, false, false, false };
	scan.hidden_from = from;
	for (size_t at = from; at < to;) {
		char c = md->text[at];
		if ((md->map[at] & MARKDOWN_CLASS) == MARKDOWN_MARKUP)
			at++;
		else if (c == '\\' && at + 1 < to && is_punctuation(md->text[at + 1]))
			at += 2;
		else if (c == '`')
			at = pass_ticks(&scan, at);
		else if (c == '<')
			at = pass_html(&scan, at);
		else
			at++;
	}
	if (md->hidden)
		markdown_mark(md, from, to, MARKDOWN_HIDDEN);
}
