/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/command_text.h"

#include <string.h>

#include "bridge/base/invisible.h"
#include "bridge/base/utf8.h"
#include "bridge/deliver/reply_text.h"
#include "bridge/deliver/safe_words.h"

#define EXAMPLE_JOB "job_…"
#define WORDS_MAX 300

/* What was said by somebody else, as a code span. Nothing when there is nothing. */
static void add_code(struct strbuf *out, const char *text)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(4096);
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(16384);

	invisible_line(text, WORDS_MAX, &line);
	safe_words_prepare(strbuf_str(&line), &words);
	if (words.len > 0)
		safe_words_span(out, &words, 2 * WORDS_MAX);
}

static void add_job(struct strbuf *out, const char *before, const char *job_id, const char *after)
{
	if (!safe_words_is_id(job_id))
		return;
	strbuf_addf(out, "%s`%s`%s", before, job_id, after);
}

/* A prefix is the operator's; in code it is harmless. Each stands in a list item, never at the start of a line. */
static void add_commands(struct strbuf *out, const char *prefix)
{
	static const struct {
		const char *command, *does;
	} rows[] = {
		{ "link " EXAMPLE_JOB, "comments here continue this job from now on" },
		{ "unlink", "they continue none" },
		{ "status", "which job is linked, and what it is doing" },
		{ "retry", "sends again what failed last" },
		{ "stop", "drops what waits; a turn at work goes on" },
		{ "help", "this list" },
	};

	if (prefix == NULL)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strbuf_addf(out, "%s- ", i == 0 ? "\n\n" : "\n");
		CLEANUP(strbuf_release) struct strbuf command = STRBUF(400);
		strbuf_addf(&command, "%s %s", prefix, rows[i].command);
		safe_words_span(out, &command, 400);
		strbuf_addf(out, ": %s", rows[i].does);
	}
}

static void add_how_to_link(struct strbuf *out, const struct command_reply *reply)
{
	CLEANUP(strbuf_release) struct strbuf shell = STRBUF(4096);

	strbuf_adds(out, "\n\nTo link a job:");
	if (reply->prefix != NULL) {
		CLEANUP(strbuf_release) struct strbuf command = STRBUF(400);
		strbuf_addf(&command, "%s link " EXAMPLE_JOB, reply->prefix);
		strbuf_adds(out, " write ");
		safe_words_span(out, &command, 400);
		strbuf_adds(out, " here");
	}
	if (reply->thread != NULL) {
		strbuf_addf(&shell, "nairi-bridge link '%s' " EXAMPLE_JOB, reply->thread);
		strbuf_adds(out, reply->prefix != NULL ? ", or run " : " run ");
		/* To be copied: what makes other people's words harmless would stand in it, invisibly. In code it links nothing. */
		safe_words_span(out, &shell, 4096);
		strbuf_adds(out, " where the bridge runs");
	}
	if (reply->prefix == NULL && reply->thread == NULL)
		strbuf_adds(out, " ask whoever runs the bridge");
	strbuf_addc(out, '.');
	if (reply->can_start)
		strbuf_adds(out, " Or mention the agent in a new comment: that starts a job.");
}

static void add_hint(struct strbuf *out, const struct command_reply *reply)
{
	if (reply->hint == NULL || reply->hint[0] == '\0')
		return;
	strbuf_adds(out, "\n\nHint: ");
	add_code(out, reply->hint);
}

static void add_status(struct strbuf *out, const struct command_reply *reply)
{
	static const struct {
		const char *origin, *says;
	} origins[] = {
		{ "manual", "linked by hand" },
		{ "config", "linked in the configuration" },
		{ "started", "started from here" },
		{ "found", "found by its pull request" },
	};
	const struct thread_status *status = &reply->status;

	strbuf_adds(out, "This conversation continues");
	add_job(out, " job ", reply->job_id, "");
	for (size_t i = 0; status->origin != NULL && i < sizeof(origins) / sizeof(origins[0]); i++) {
		if (strcmp(status->origin, origins[i].origin) == 0)
			strbuf_addf(out, " (%s)", origins[i].says);
	}
	strbuf_addf(out, ".\n\n- Waiting: %lld\n- On the way: %lld\n- At work: %lld", (long long)status->waiting,
		    (long long)status->sending, (long long)status->running);
	if (status->last_state == NULL)
		return;
	strbuf_adds(out, "\n- Newest message: ");
	add_code(out, status->last_state);
	if (safe_words_is_id(status->last_message_id))
		strbuf_addf(out, ", `%s`", status->last_message_id);
	if (status->last_reason != NULL && status->last_reason[0] != '\0') {
		strbuf_adds(out, ", because ");
		add_code(out, status->last_reason);
	}
}

static void add_stopped(struct strbuf *out, const struct command_reply *reply)
{
	if (reply->count == 0)
		strbuf_adds(out, "Nothing was waiting.");
	else
		strbuf_addf(out, "Stopped: %lld waiting message%s dropped.", (long long)reply->count,
			    reply->count == 1 ? " was" : "s were");
	if (reply->running > 0)
		strbuf_adds(out, " What the agent is working on already goes on; nothing can call it back.");
}

static void add_linked(struct strbuf *out, const struct command_reply *reply)
{
	bool same = reply->was != NULL && reply->job_id != NULL && strcmp(reply->was, reply->job_id) == 0;

	strbuf_adds(out, same ? "Linked as before:" : "Linked:");
	add_job(out, " comments here continue job ", reply->job_id, ".");
	if (!same)
		add_job(out, " Before, they continued ", reply->was, ".");
}

static void add_body(struct strbuf *out, const struct command_reply *reply)
{
	switch (reply->said) {
	case SAID_LINKED:
		add_linked(out, reply);
		break;
	case SAID_UNLINKED:
		strbuf_adds(out, "Unlinked: comments here continue no job.");
		add_job(out, " It was ", reply->was, ".");
		break;
	case SAID_NOT_LINKED:
		strbuf_adds(out, "No job is linked to this conversation, so there is nothing to do.");
		add_hint(out, reply);
		add_how_to_link(out, reply);
		break;
	case SAID_STATUS:
		add_status(out, reply);
		break;
	case SAID_RETRIED:
		strbuf_addf(out, "Trying again: %lld message%s on the way.", (long long)reply->count,
			    reply->count == 1 ? " is" : "s are");
		if (reply->more)
			strbuf_adds(out, " More failed with them than are sent at once: please write what came after "
					 "these again.");
		break;
	case SAID_NOTHING_TO_RETRY:
		strbuf_adds(out, "There is nothing to try again: no message of this conversation has failed.");
		break;
	case SAID_STOPPED:
		add_stopped(out, reply);
		break;
	case SAID_HELP:
		strbuf_adds(out, "This bridge carries comments to a Nairi job. It understands, on a line of its own:");
		add_commands(out, reply->prefix);
		break;
	case SAID_UNKNOWN:
		strbuf_adds(out, "That was not understood: ");
		add_code(out, reply->problem != NULL ? reply->problem : "no such command");
		strbuf_adds(out, ". What is:");
		add_commands(out, reply->prefix);
		break;
	case SAID_NO_JOB:
		strbuf_adds(out, "**This did not reach an agent:** no job is linked to this conversation.");
		add_hint(out, reply);
		add_how_to_link(out, reply);
		break;
	}
}

void command_reply_text(const struct command_reply *reply, size_t max, struct strbuf *out)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(64 * 1024);
	size_t marker = strlen(reply->marker) + 2;

	if (marker > max)
		return;
	safe_words_address(&text, reply->author);
	add_body(&text, reply);
	strbuf_truncate(&text, utf8_cut(strbuf_str(&text), text.len, max - marker));
	strbuf_add(out, strbuf_str(&text), text.len);
	strbuf_adds(out, "\n\n");
	strbuf_adds(out, reply->marker);
}
