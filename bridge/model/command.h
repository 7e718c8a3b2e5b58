/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people tell the bridge itself in a comment: "/nairi link job_…", on a line of its own, outside of code and quotes.
 * The prefix is the source's `command:`. Pure; any thread.
 */
#ifndef BRIDGE_MODEL_COMMAND_H
#define BRIDGE_MODEL_COMMAND_H

#include <stdbool.h>

#include "bridge/model/message.h"

enum command_kind {
	COMMAND_NONE,    /* the text has no line that begins with the prefix */
	COMMAND_LINK,    /* job_id */
	COMMAND_UNLINK,
	COMMAND_STATUS,
	COMMAND_RETRY,
	COMMAND_STOP,
	COMMAND_HELP,    /* also the prefix alone */
	COMMAND_UNKNOWN, /* one word that is none of them, or one of them with the wrong words behind it: problem says which */
	COMMAND_PROMPT,  /* several words that are no command: meant for the agent, where the prefix addresses it */
};

struct command {
	enum command_kind kind;
	char job_id[JOB_ID_MAX + 2]; /* COMMAND_LINK; "" otherwise */
	char problem[160];           /* COMMAND_UNKNOWN: one clause, only of printable characters */
};

const char *command_name(enum command_kind kind); /* "link" … */

#endif
