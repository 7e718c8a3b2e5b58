/* SPDX-License-Identifier: Apache-2.0 */
/* One prompt on its way to a job: its states, and the one table of allowed moves (design section 3). */
#ifndef BRIDGE_MODEL_MESSAGE_H
#define BRIDGE_MODEL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/id.h"

enum message_state {
	MESSAGE_VETTING,   /* committed; may the author speak? is being asked at the forge */
	MESSAGE_QUEUED,    /* waits for its turn or its time */
	MESSAGE_SENDING,   /* committed before the first byte leaves */
	MESSAGE_IN_DOUBT,  /* may or may not have arrived; settled by looking */
	MESSAGE_FORWARDED, /* accepted: Nairi's message id is known; the turn may be followed from here */
	MESSAGE_ANSWERED,  /* the turn ended with an answer */
	MESSAGE_STALLED,   /* accepted, but the job had ended: nobody picked it up */
	MESSAGE_FAILED,    /* the job cannot be continued, we gave up, or the turn failed */
	MESSAGE_IGNORED,   /* not to be forwarded, with the reason */
	MESSAGE_STATES_
};

/* What is to be done with it. */
enum message_kind {
	MESSAGE_CONTINUE, /* POST /conversations/{job}/continue */
	MESSAGE_START,    /* POST /conversations/start: the job has a provisional id until the answer names it */
	MESSAGE_COMMAND,  /* for the bridge itself: "/nairi status" */
	MESSAGE_KINDS_
};
const char *message_kind_name(enum message_kind kind); /* "continue" … as stored and shown */
bool message_kind_parse(const char *name, enum message_kind *ret);

/* How it goes with others of its job; a set. */
enum {
	MESSAGE_JOINS = 1U << 0, /* may become one prompt with its neighbours that may, too */
	MESSAGE_HOLDS = 1U << 1, /* waits until no turn of the job is running */
	MESSAGE_PATIENT = 1U << 2, /* one of a burst: does not hurry those before it */
};

/* "vetting" … as stored and shown. */
const char *message_state_name(enum message_state state);
bool message_state_parse(const char *name, enum message_state *ret);

bool message_may_move(enum message_state from, enum message_state to);
/* Out of the queue: forwarded, and all that has no way out. A forwarded one may still become answered, stalled or failed. */
bool message_is_final(enum message_state state);

/* The sender's own id in a thread's full key, "<source>:<native id>"; NULL: there is none. */
const char *thread_native(const char *thread);

/* Our tag at the end of a prompt: "[nairi-bridge <id>]"; makes a later look-up exact. */
#define MESSAGE_TAG_SIZE (ID_SIZE + 16)
void message_tag(const char *message_id, char out[MESSAGE_TAG_SIZE]);

/* job_ or j_ and 26 characters of Crockford base32 (nairi-api.md section 2). */
#define JOB_ID_MAX 30
bool job_id_is_valid(const char *text);

/* A job that is being started has a name of ours until Nairi gives it one: "new_" and 26 digits of its message's id. */
void job_id_provisional(const char *message_id, char out[JOB_ID_MAX + 2]);
bool job_id_is_provisional(const char *text);

#endif
