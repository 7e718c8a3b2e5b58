/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/reply_text.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/utf8.h"
#include "bridge/deliver/safe_words.h"

#define MARKER_START "<!-- nairi-bridge:reply:"
#define MARKER_END " -->"
#define MARKER_ID_MAX 48

static const char id_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

_Static_assert(sizeof(MARKER_START MARKER_END) + MARKER_ID_MAX <= REPLY_MARKER_SIZE, "a whole marker always fits");

void reply_marker(const char *reply_id, char out[REPLY_MARKER_SIZE])
{
	(void)snprintf(out, REPLY_MARKER_SIZE, MARKER_START "%.*s" MARKER_END, MARKER_ID_MAX, reply_id);
}

bool reply_has_marker(const char *text)
{
	const char *at = text;

	while (at != NULL && (at = strstr(at, MARKER_START)) != NULL) {
		at += sizeof(MARKER_START) - 1;
		size_t id = strspn(at, id_chars);
		if (id > 0 && id <= MARKER_ID_MAX && strncmp(at + id, MARKER_END, sizeof(MARKER_END) - 1) == 0)
			return true;
	}
	return false;
}

/* What it means. */

static const struct advice {
	const char *error;
	bool job;          /* the sentence begins with the job */
	const char *means; /* nairi-api.md 3.2 and 6 */
	const char *next;
} known[] = {
	{ "job is not an API job", true,
	  "was started from chat or the web app, and only jobs that were started over the API can be continued from here.",
	  "answer where the job was started, or start a new API job and link this conversation to it." },
	{ "job not found", true,
	  "does not exist in the organisation of this bridge's API key: it was deleted, or this conversation is linked "
	  "to the wrong one.",
	  "link this conversation to another job (`nairi-bridge link`), or start a new one." },
	{ "prompt is required", false, "There was nothing to pass on.", "write a comment with some text in it." },
};
static const struct advice refused = {
	NULL, true,
	"cannot be continued. It may have ended: jobs end when their pull request is merged or closed, or after about "
	"a day without activity.",
	"start a new job and link this conversation to it."
};
static const struct advice unanswered = {
	NULL, false, "Nothing is wrong with the comment itself.",
	"write it again later; if that does not help, ask whoever runs the bridge."
};

static const struct advice *find_known(const char *error)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].error, error) == 0)
			return &known[i];
	}
	return NULL;
}

bool reply_is_documented(const char *error)
{
	return find_known(error) != NULL;
}

static const struct advice *advice_for(const struct failure_text *failure)
{
	if (failure->error == NULL)
		return &unanswered;
	const struct advice *advice = find_known(failure->error);
	return advice != NULL ? advice : &refused;
}

static void add_advice(struct strbuf *out, const struct failure_text *failure)
{
	const struct advice *advice = advice_for(failure);
	bool named = safe_words_is_id(failure->job_id);

	strbuf_adds(out, "\n\n");
	if (named && advice->job)
		strbuf_addf(out, "Job `%s` ", failure->job_id);
	else if (advice->job)
		strbuf_adds(out, "The job ");
	strbuf_addf(out, "%s\n\nWhat to do: %s", advice->means, advice->next);
	if (named && !advice->job)
		strbuf_addf(out, " (Job `%s`)", failure->job_id);
}

static void add_status(struct strbuf *out, const struct failure_text *failure)
{
	if (failure->upstream_status != 0)
		strbuf_addf(out, " (%d)", failure->upstream_status);
}

static void add_first_line(struct strbuf *out, const struct failure_text *failure, const struct strbuf *words,
			   size_t room)
{
	bool fence = memchr(strbuf_str(words), '\n', words->len) != NULL;
	size_t start = out->len;

	safe_words_address(out, failure->author);
	if (failure->others > 0)
		strbuf_addf(out, "**These %zu comments did not reach the agent.**", failure->others + 1);
	else
		strbuf_adds(out, "**This comment did not reach the agent.**");
	if (words->len == 0) {
		if (failure->error != NULL) {
			strbuf_adds(out, " Nairi answered without a reason");
			add_status(out, failure);
			strbuf_addc(out, '.');
		}
		return;
	}
	strbuf_adds(out, failure->error != NULL ? " Nairi answered" : " The bridge");
	if (fence)
		add_status(out, failure);
	strbuf_adds(out, failure->error != NULL ? ":" : " says:");
	strbuf_adds(out, fence ? "" : " ");
	/* What is behind the words needs at most 16 bytes. */
	size_t used = out->len - start + 16, left = used < room ? room - used : 0;
	if (fence) {
		safe_words_fence(out, words, left);
	} else {
		safe_words_span(out, words, left);
		add_status(out, failure);
	}
}

void reply_failure_text(const struct failure_text *failure, size_t max, struct strbuf *out)
{
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf tail = STRBUF(4096);
	size_t marker = strlen(failure->marker);
	const char *said = failure->error != NULL ? failure->error : failure->reason;

	if (marker > max)
		return;
	if (said != NULL)
		safe_words_prepare(said, &words);
	add_advice(&tail, failure);
	strbuf_adds(&tail, "\n\n");
	size_t fixed = tail.len + marker;
	add_first_line(&text, failure, &words, max > fixed ? max - fixed : 0);
	strbuf_add(&text, tail.ptr, tail.len);
	/* A limit that is shorter than our own words: cut them, so that the marker stays whole. */
	strbuf_truncate(&text, utf8_cut(strbuf_str(&text), text.len, max - marker));
	strbuf_add(out, strbuf_str(&text), text.len);
	strbuf_adds(out, failure->marker);
}
