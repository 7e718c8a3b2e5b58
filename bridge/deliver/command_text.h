/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bridge says to whoever gave it a command, or wanted the agent where no job is linked. Markdown, harmless (reply_text.h), with
 * our marker; it never contains a line that command_parse would take for a command. Pure; any thread.
 */
#ifndef BRIDGE_DELIVER_COMMAND_TEXT_H
#define BRIDGE_DELIVER_COMMAND_TEXT_H

#include "bridge/base/strbuf.h"
#include "bridge/model/command.h"

enum command_said {
	SAID_LINKED,           /* this thread goes to job_id now; was: the job before it, or NULL */
	SAID_UNLINKED,         /* was */
	SAID_NOT_LINKED,       /* unlink, retry, stop or status where no job is linked */
	SAID_STATUS,           /* status */
	SAID_RETRIED,          /* count: how many messages go again */
	SAID_NOTHING_TO_RETRY,
	SAID_STOPPED,          /* count: dropped; running: a turn that the agent has already goes on */
	SAID_HELP,
	SAID_UNKNOWN,          /* problem; lists the known ones */
	SAID_NO_JOB,           /* a mention or command for the agent in a thread without a job: how to link one; hint */
};

struct thread_status {
	const char *origin;        /* "manual", "config", "started", "found" */
	int64_t waiting, sending, running; /* messages: queued or vetting; on their way; turns at work */
	const char *last_state;    /* of the newest message: "answered" …; NULL: none */
	const char *last_reason;   /* NULL */
	const char *last_message_id; /* Nairi's; NULL */
};

struct command_reply {
	enum command_said said;
	const char *author;  /* login; NULL */
	const char *prefix;  /* "/nairi"; NULL: the source has no commands */
	const char *job_id;  /* NULL */
	const char *was;     /* NULL */
	const char *problem; /* SAID_UNKNOWN */
	const char *hint;    /* NULL */
	const char *thread;  /* the full key: for `nairi-bridge link THREAD JOB` */
	bool can_start;      /* the source has `start:`: a mention starts a job here */
	int64_t count;
	bool more;     /* SAID_RETRIED: that is not all that failed, and all that is sent at once */
	int64_t running;
	struct thread_status status;
	const char *marker;
};

/* At most max bytes (at least 2000). */
void command_reply_text(const struct command_reply *reply, size_t max, struct strbuf *out);

#endif
