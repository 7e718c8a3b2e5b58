/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be found out about a message after the ack, and how it is stored: in state vetting a message may carry a small JSON
 * document (message_row.lookup) that says what is missing. Written by whoever accepts it, read here..
 */
#ifndef BRIDGE_DELIVER_ERRAND_H
#define BRIDGE_DELIVER_ERRAND_H

#include "bridge/base/arena.h"
#include "bridge/model/command.h"
#include "bridge/model/event.h"

struct errand {
	bool permission;              /* may the author speak? is to be asked at the forge first */
	bool find_link;               /* the thread has no job: Git may hold one (trailer, note) */
	bool may_start;               /* … and if not, one is started */
	int64_t carries_on;           /* seq of the message that the ended job did not take: its comment is used on; 0: none */
	bool find_branch;             /* of the thread's pull request, for a job that carries on there */
	const struct lookup *lookup;  /* NULL: nothing */
	const struct command *command; /* NULL: a prompt */
	const char *hint;             /* of the event; NULL */
};

/* The document, in the arena; NULL: no memory. */
const char *errand_write(const struct errand *errand, struct arena *arena);
/* Reads it back; what is not readable asks for the permission and nothing else, which is the safe side. */
void errand_read(const char *text, struct arena *arena, struct errand *ret);

#endif
