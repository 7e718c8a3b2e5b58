/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's words on their way to a forge (webhook-sources section 13; nairi-api.md section 4): Markdown instead of Slack's markup, no
 * credentials, no pings, no closed issues, our marker, and never longer than the platform takes. Pure; any thread.
 */
#ifndef BRIDGE_DELIVER_ANSWER_TEXT_H
#define BRIDGE_DELIVER_ANSWER_TEXT_H

#include "bridge/base/strbuf.h"
#include "bridge/deliver/transcript.h"

/*
 * Slack's mrkdwn to Markdown: *bold* to **bold**, _italic_, ~struck~ to ~~struck~~, <url|text> to [text](url), <url> to itself,
 * "• " to "- ", &amp; &lt; &gt;; code spans and fences stay untouched. Text that is Markdown already (**bold**, [a](b), # heading,
 * lists) comes through unchanged.
 */
void answer_markdown(const char *text, size_t len, struct strbuf *out);

/* What a status comment, or a comment about a turn, says. */
enum answer_kind {
	ANSWER_QUEUED,    /* ⏳ kept; other work of the job comes first */
	ANSWER_WORKING,   /* 👀 the agent has it */
	ANSWER_DONE,      /* ✅ the answer; empty: it ended without words */
	ANSWER_TROUBLE,   /* ❌ the turn failed: the notices */
	ANSWER_STALLED,   /* ✋ accepted, but the job had ended (end), or nobody picked it up */
	ANSWER_SILENT,    /* ✋ no end of the turn was seen in the time that it is followed */
	ANSWER_RESTARTED, /* ⏳ the job had ended; a new one carries on */
	ANSWER_STARTED,   /* 👀 a job was started for this thread */
};

struct answer_text {
	enum answer_kind kind;
	bool status;           /* for a status comment: begins with its sign; else without */
	const char *author;    /* login of who asked, or several: "one, other"; NULL */
	const char *job_id;    /* NULL */
	const char *words;     /* the answer (Slack's markup), or the notices; NULL */
	enum job_end end;      /* ANSWER_STALLED */
	const char *end_words; /* NULL */
	int64_t after_ms;      /* ANSWER_STALLED, ANSWER_SILENT: how long it was waited for */
	size_t others;         /* how many more comments were sent in the same prompt */
	const char *marker;
};

/*
 * At most max bytes. Markers and signs stand even then; what is too long is cut on a UTF-8 boundary, with open fences closed and "[… cut: N of M bytes]"
 * in sight. @mentions in the agent's words are neutralised outside of code, as are "fixes #1" references; HTML comments in them go; GitLab's "/" commands at
 * the start of a line, too. Credentials are redacted (text_redact).
 */
void answer_text(const struct answer_text *what, size_t max, struct strbuf *out);

#endif
