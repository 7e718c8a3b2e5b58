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
	MESSAGE_FORWARDED, /* accepted: Nairi's message id is known */
	MESSAGE_FAILED,    /* the job cannot be continued, or we gave up */
	MESSAGE_IGNORED,   /* not to be forwarded, with the reason */
	MESSAGE_STATES_
};

/* "vetting" … as stored and shown. */
const char *message_state_name(enum message_state state);
bool message_state_parse(const char *name, enum message_state *ret);

bool message_may_move(enum message_state from, enum message_state to);
bool message_is_final(enum message_state state);

/* Our tag at the end of a prompt: "[nairi-bridge <id>]"; makes a later look-up exact. */
#define MESSAGE_TAG_SIZE (ID_SIZE + 16)
void message_tag(const char *message_id, char out[MESSAGE_TAG_SIZE]);

/* job_ or j_ and 26 characters of Crockford base32 (nairi-api.md section 2). */
#define JOB_ID_MAX 30
bool job_id_is_valid(const char *text);

#endif
