/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/model/message.h"

#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {
	[MESSAGE_VETTING] = "vetting",	   [MESSAGE_QUEUED] = "queued",
	[MESSAGE_SENDING] = "sending",	   [MESSAGE_IN_DOUBT] = "in_doubt",
	[MESSAGE_FORWARDED] = "forwarded", [MESSAGE_ANSWERED] = "answered",
	[MESSAGE_STALLED] = "stalled",	   [MESSAGE_FAILED] = "failed",
	[MESSAGE_IGNORED] = "ignored",
};
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == MESSAGE_STATES_,
	       "a name for every state");

#define TO(state) (1U << (state))

/* What may follow what. A state without a way out is final. */
static const unsigned moves[] = {
	/* The author may speak, or may not. */
	[MESSAGE_VETTING] = TO(MESSAGE_QUEUED) | TO(MESSAGE_IGNORED),
	/* Its turn; or withdrawn before it; or too old to be worth sending. */
	[MESSAGE_QUEUED] = TO(MESSAGE_SENDING) | TO(MESSAGE_IGNORED) | TO(MESSAGE_FAILED),
	/* Accepted; refused; "later" or never left us; nobody knows. */
	[MESSAGE_SENDING] = TO(MESSAGE_FORWARDED) | TO(MESSAGE_FAILED) | TO(MESSAGE_QUEUED) |
			    TO(MESSAGE_IN_DOUBT),
	/* Found at the job; not found there; could not be settled in the time allowed. */
	[MESSAGE_IN_DOUBT] = TO(MESSAGE_FORWARDED) | TO(MESSAGE_QUEUED) | TO(MESSAGE_FAILED),
	/* The turn ended well; never began; ended in an error. */
	[MESSAGE_FORWARDED] = TO(MESSAGE_ANSWERED) | TO(MESSAGE_STALLED) | TO(MESSAGE_FAILED),
	[MESSAGE_ANSWERED] = 0,
	[MESSAGE_STALLED] = 0,
	[MESSAGE_FAILED] = 0,
	[MESSAGE_IGNORED] = 0,
};
_Static_assert(sizeof(moves) / sizeof(moves[0]) == MESSAGE_STATES_, "a row for every state");

const char *message_state_name(enum message_state state)
{
	return (unsigned)state < MESSAGE_STATES_ ? state_names[state] : "unknown";
}

bool message_state_parse(const char *name, enum message_state *ret)
{
	if (name == NULL)
		return false;
	for (unsigned i = 0; i < MESSAGE_STATES_; i++) {
		if (strcmp(name, state_names[i]) == 0) {
			*ret = (enum message_state)i;
			return true;
		}
	}
	return false;
}

static const char *const kind_names[] = {
	[MESSAGE_CONTINUE] = "continue",
	[MESSAGE_START] = "start",
	[MESSAGE_COMMAND] = "command",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == MESSAGE_KINDS_, "a name for every kind");

const char *message_kind_name(enum message_kind kind)
{
	return (unsigned)kind < MESSAGE_KINDS_ ? kind_names[kind] : "unknown";
}

bool message_kind_parse(const char *name, enum message_kind *ret)
{
	for (unsigned i = 0; name != NULL && i < MESSAGE_KINDS_; i++) {
		if (strcmp(name, kind_names[i]) == 0) {
			*ret = (enum message_kind)i;
			return true;
		}
	}
	return false;
}

bool message_may_move(enum message_state from, enum message_state to)
{
	if ((unsigned)from >= MESSAGE_STATES_ || (unsigned)to >= MESSAGE_STATES_)
		return false;
	return (moves[from] & TO(to)) != 0;
}

bool message_is_final(enum message_state state)
{
	return (unsigned)state < MESSAGE_STATES_ && (moves[state] == 0 || state == MESSAGE_FORWARDED);
}

const char *thread_native(const char *thread)
{
	const char *colon = thread != NULL ? strchr(thread, ':') : NULL;

	return colon != NULL ? colon + 1 : NULL;
}

void message_tag(const char *message_id, char out[MESSAGE_TAG_SIZE])
{
	(void)snprintf(out, MESSAGE_TAG_SIZE, "[nairi-bridge %.*s]", ID_SIZE - 1, message_id);
}

bool job_id_is_valid(const char *text)
{
	static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

	if (text == NULL)
		return false;
	const char *ulid = text;
	if (strncmp(text, "job_", 4) == 0)
		ulid += 4;
	else if (strncmp(text, "j_", 2) == 0)
		ulid += 2;
	else
		return false;
	return strspn(ulid, crockford) == 26 && ulid[26] == '\0';
}

#define PROVISIONAL "new_"

void job_id_provisional(const char *message_id, char out[JOB_ID_MAX + 2])
{
	char digits[ID_SIZE];
	size_t n = 0;

	for (const char *at = message_id; *at != '\0' && n < sizeof(digits) - 1; at++) {
		if (*at != '-')
			digits[n++] = (char)(*at >= 'a' && *at <= 'f' ? *at - 'a' + 'A' : *at);
	}
	digits[n] = '\0';
	/* The end, where the random part stands. */
	(void)snprintf(out, JOB_ID_MAX + 2, PROVISIONAL "%.26s", n > 26 ? digits + n - 26 : digits);
}

bool job_id_is_provisional(const char *text)
{
	return text != NULL && strncmp(text, PROVISIONAL, sizeof(PROVISIONAL) - 1) == 0;
}
