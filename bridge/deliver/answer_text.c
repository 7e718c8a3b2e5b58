/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/answer_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/base/invisible.h"
#include "bridge/base/utf8.h"
#include "bridge/deliver/code_map.h"
#include "bridge/deliver/reply_text.h"
#include "bridge/deliver/safe_words.h"

#define NOTE_MAX 80   /* "[… cut: N of M bytes]" and the lines around it */
#define FENCE_MAX 64  /* no fence of longer rows is closed: what is in it goes */
#define WORD_MAX 12
static const char zero_width[] = "\u200B";

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* HTML comments outside of code become a blank; one without an end loses its first sign. */
static void drop_comments(const char *text, size_t len, struct strbuf *out)
{
	CLEANUP(cleanup_free) bool *code = code_map(text, len, NULL);
	const char *stop = text + len;
	bool closed = true;

	for (size_t at = 0; at < len;) {
		bool opens = len - at >= 4 && memcmp(text + at, "<!--", 4) == 0 && (code == NULL || !code[at]);
		if (!opens) {
			strbuf_addc(out, text[at++]);
			continue;
		}
		const char *end = closed ? memmem(text + at + 4, (size_t)(stop - text) - at - 4, "-->", 3) : NULL;
		closed = end != NULL;
		strbuf_adds(out, closed ? " " : "&lt;");
		at = closed ? (size_t)(end - text) + 3 : at + 1;
	}
}

/* "fixes #1", "closes: octo/hello#1": the "#" at `at` stands behind a word that closes issues. */
static bool closes_issue(const char *text, size_t at)
{
	static const char *const words[] = { "close", "closes", "closed", "closing", "fix", "fixes", "fixed", "fixing",
					     "resolve", "resolves", "resolved", "resolving", "implement", "implements",
					     "implemented", "implementing" };
	size_t bound = at > 160 ? at - 160 : 0;

	while (at > bound && (is_alnum(text[at - 1]) || strchr("/._-", text[at - 1]) != NULL))
		at--;
	while (at > bound && strchr(" \t\n:*_", text[at - 1]) != NULL)
		at--;
	size_t end = at;
	while (at > bound && is_alnum(text[at - 1]) && end - at <= WORD_MAX)
		at--;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) == end - at && strncasecmp(words[i], text + at, end - at) == 0)
			return true;
	}
	return false;
}

/* Whether only blanks stand between the start of the line and `at`. */
static bool begins_line(const char *text, size_t at)
{
	size_t bound = at > 200 ? at - 200 : 0;

	while (at > bound && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	return at == bound || text[at - 1] == '\n';
}

/* No pings, no closed issues, no commands of the forge's or ours. */
static void neutralise(const char *text, size_t len, struct strbuf *out)
{
	CLEANUP(cleanup_free) bool *code = code_map(text, len, NULL);

	for (size_t i = 0; i < len; i++) {
		char c = text[i], next = i + 1 < len ? text[i + 1] : '\0';
		bool inside = code != NULL && code[i];
		if (c == '/' && begins_line(text, i))
			strbuf_addc(out, inside ? ' ' : '\\');
		strbuf_addc(out, c);
		bool word = is_alnum(next) || next == '_' || next == '-';
		if (inside || !word || (c != '@' && c != '#'))
			continue;
		if (c == '@' ? i == 0 || !is_alnum(text[i - 1]) : closes_issue(text, i))
			strbuf_adds(out, zero_width);
	}
}

/* The agent's words: readable, redacted, in Markdown; not yet neutralised. */
static void prepare(const char *words, struct strbuf *out)
{
	CLEANUP(strbuf_release) struct strbuf visible = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf markdown = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf plain = STRBUF(SIZE_MAX - 1);

	words += strspn(words, "\r\n");
	(void)invisible_strip(words, strlen(words), &visible);
	while (visible.len > 0 && strchr(" \t\n", visible.ptr[visible.len - 1]) != NULL)
		strbuf_truncate(&visible, visible.len - 1);
	answer_markdown(strbuf_str(&visible), visible.len, &markdown);
	drop_comments(strbuf_str(&markdown), markdown.len, &plain);
	/* Last, so that nothing that was taken away can have parted a credential. */
	text_redact(strbuf_str(&plain), plain.len, out);
}

/* Ends what is open at the end of a text that was cut. A fence of endless rows is not worth its closing. */
static void close_fence(struct strbuf *out, size_t start)
{
	struct code_end end = { .mark = '\0' };
	CLEANUP(cleanup_free) bool *code = code_map(strbuf_str(out) + start, out->len - start, &end);

	if (code == NULL || end.mark == '\0' || end.len > FENCE_MAX)
		return;
	if (out->ptr[out->len - 1] != '\n')
		strbuf_addc(out, '\n');
	for (size_t i = 0; i < end.len; i++)
		strbuf_addc(out, end.mark);
}

/* The words in at most room bytes; true: all of them. What is neutralised grows, so the cut is found step by step. */
static void add_words(struct strbuf *out, const struct strbuf *words, size_t room)
{
	size_t start = out->len, keep = words->len, spare = NOTE_MAX + FENCE_MAX + 2;

	neutralise(strbuf_str(words), keep, out);
	if (out->len - start <= room) {
		close_fence(out, start);
		if (out->len - start <= room)
			return;
	}
	size_t limit = room > spare ? room - spare : 0;
	keep = utf8_cut(strbuf_str(words), words->len, limit < keep ? limit : keep);
	for (int tries = 0;; tries++) {
		strbuf_truncate(out, start);
		neutralise(strbuf_str(words), keep, out);
		size_t used = out->len - start;
		if (used <= limit || keep == 0)
			break;
		size_t less = tries < 8 ? used - limit : keep / 2 + 1;
		keep = utf8_cut(words->ptr, words->len, less < keep ? keep - less : 0);
	}
	if (room < NOTE_MAX)
		return;
	if (keep > 0)
		close_fence(out, start);
	strbuf_addf(out, "%s[… cut: %zu of %zu bytes]", keep > 0 ? "\n\n" : "", keep, words->len);
}

/* ---- what we say ourselves ---- */

static const struct said {
	const char *sign, *text;
} said[] = {
	[ANSWER_QUEUED] = { "⏳", "This is kept, and goes to the agent as soon as the job's other work is done." },
	[ANSWER_WORKING] = { "👀", "The agent is working on this." },
	[ANSWER_DONE] = { "✅", "The agent is done. It left no words." },
	[ANSWER_TROUBLE] = { "❌", "**The agent could not finish this.**" },
	[ANSWER_STALLED] = { "✋", "**The agent did not pick this up.**" },
	[ANSWER_SILENT] = { "✋", "**No answer was seen.**" },
	[ANSWER_RESTARTED] = { "⏳", "The job had ended, so a new one carries on." },
	[ANSWER_STARTED] = { "👀", "A job was started for this conversation. Comments here continue it." },
};

static const char *const ends[] = {
	[JOB_GOES_ON] = NULL,
	[JOB_MERGED] = "its pull request was merged",
	[JOB_CLOSED] = "its pull request was closed",
	[JOB_INACTIVE] = "nobody had written to it for about a day",
	[JOB_ABANDONED] = "its branch was deleted",
};

/* "25 minutes", rounded down; nothing when it is not known. */
static void add_time(struct strbuf *out, int64_t ms)
{
	int64_t minutes = ms / 60000, count = minutes >= 120 ? minutes / 60 : minutes >= 1 ? minutes : ms / 1000;
	const char *unit = minutes >= 120 ? "hour" : minutes >= 1 ? "minute" : "second";

	if (count > 0)
		strbuf_addf(out, " in %lld %s%s", (long long)count, unit, count == 1 ? "" : "s");
}

static void add_job(struct strbuf *out, const struct answer_text *what)
{
	if (safe_words_is_id(what->job_id))
		strbuf_addf(out, " (Job `%s`)", what->job_id);
}

static void add_quoted(struct strbuf *out, const char *before, const char *text, size_t room)
{
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(SIZE_MAX - 1);

	if (text != NULL)
		safe_words_prepare(text, &words);
	if (words.len == 0)
		return;
	strbuf_adds(out, before);
	if (memchr(words.ptr, '\n', words.len) != NULL) {
		safe_words_fence(out, &words, room);
	} else {
		strbuf_addc(out, ' ');
		safe_words_span(out, &words, room);
	}
}

static void add_stalled(struct strbuf *out, const struct answer_text *what, size_t room)
{
	const char *why = (size_t)what->end < sizeof(ends) / sizeof(ends[0]) ? ends[what->end] : NULL;

	if (why != NULL) {
		strbuf_addf(out, " The job has ended: %s.", why);
		add_quoted(out, " Its last notice:", what->end_words, room);
		strbuf_adds(out, "\n\nWhat to do: start a new job, or link this conversation to another one "
				 "(`nairi-bridge link`), and write this again.");
	} else {
		strbuf_adds(out, " Nairi took the message, but nobody began with it");
		add_time(out, what->after_ms);
		strbuf_adds(out, ".\n\nWhat to do: see whether the agent is online. It may still get to this; if the job has "
				 "ended, start a new job or link another one (`nairi-bridge link`).");
	}
	add_job(out, what);
}

static void add_silent(struct strbuf *out, const struct answer_text *what)
{
	strbuf_adds(out, " The agent has the message, but its turn did not end");
	add_time(out, what->after_ms);
	strbuf_adds(out, ", and nobody looks any longer.\n\nWhat to do: look at the job itself, or ask here again. If it is stuck, "
			 "start a new job or link another one (`nairi-bridge link`).");
	add_job(out, what);
}

static void add_trouble(struct strbuf *out, const struct answer_text *what, size_t room)
{
	add_quoted(out, " It says:", what->words, room);
	strbuf_adds(out, "\n\nWhat to do: write another comment to try again; the job can go on.");
	add_job(out, what);
}

/* What begins a block of its own must not stand behind a sign. */
static bool begins_block(const char *words)
{
	size_t digits = strspn(words, "0123456789");

	if (digits > 0)
		return words[digits] == '.' || words[digits] == ')';
	if (strchr("-*+", words[0]) != NULL)
		return strchr(" \t\n", words[1]) != NULL;
	return strchr(" \t#>|<~=", words[0]) != NULL || strncmp(words, "```", 3) == 0;
}

static void add_answer(struct strbuf *out, const struct answer_text *what, size_t room)
{
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(SIZE_MAX - 1);
	size_t start = out->len;

	if (what->words != NULL)
		prepare(what->words, &words);
	if (words.len == 0) {
		strbuf_adds(out, said[ANSWER_DONE].text);
		return;
	}
	if (start > 0 && begins_block(words.ptr)) {
		while (out->len > 0 && out->ptr[out->len - 1] == ' ')
			strbuf_truncate(out, out->len - 1);
		strbuf_adds(out, "\n\n");
	}
	size_t used = out->len > start ? out->len - start : 0;
	add_words(out, &words, room > used ? room - used : 0);
}

static void add_body(struct strbuf *out, const struct answer_text *what, size_t room)
{
	if (what->kind == ANSWER_DONE) {
		add_answer(out, what, room);
		return;
	}
	strbuf_adds(out, said[what->kind].text);
	/* Our own sentences around quoted words take less than this. */
	size_t quoted = room > 600 ? room - 600 : room / 4;
	if (what->kind == ANSWER_TROUBLE)
		add_trouble(out, what, quoted);
	else if (what->kind == ANSWER_STALLED)
		add_stalled(out, what, quoted);
	else if (what->kind == ANSWER_SILENT)
		add_silent(out, what);
	else if (what->kind == ANSWER_RESTARTED || what->kind == ANSWER_STARTED)
		add_job(out, what);
}

static void add_tail(struct strbuf *out, const struct answer_text *what)
{
	if (what->others > 0)
		strbuf_addf(out, "\n\n(%zu more comment%s went along in the same prompt.)", what->others,
			    what->others == 1 ? "" : "s");
}

void answer_text(const struct answer_text *what, size_t max, struct strbuf *out)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf tail = STRBUF(4096);
	size_t marker = strlen(what->marker) + 2;

	if (marker - 2 > max)
		return;
	add_tail(&tail, what);
	if (what->status)
		strbuf_addf(&text, "%s ", said[what->kind].sign);
	else
		safe_words_address(&text, what->author);
	size_t fixed = text.len + tail.len + marker;
	add_body(&text, what, max > fixed ? max - fixed : 0);
	/* A limit that is shorter than our own words: cut them, so that the marker stays whole. */
	size_t left = max >= marker ? max - marker : 0;
	if (text.len + tail.len <= left)
		strbuf_add(&text, strbuf_str(&tail), tail.len);
	strbuf_truncate(&text, utf8_cut(strbuf_str(&text), text.len, left));
	strbuf_add(out, strbuf_str(&text), text.len);
	strbuf_adds(out, text.len > 0 ? "\n\n" : "");
	strbuf_adds(out, what->marker);
}
