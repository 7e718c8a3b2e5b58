/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_states.h"

static const int message_numbers[] = {
	[MESSAGE_VETTING] = 1,    [MESSAGE_QUEUED] = 2,    [MESSAGE_SENDING] = 3,  [MESSAGE_IN_DOUBT] = 4,
	[MESSAGE_FORWARDED] = 20, [MESSAGE_ANSWERED] = 22, [MESSAGE_STALLED] = 11, [MESSAGE_FAILED] = 10,
	[MESSAGE_IGNORED] = 21,
};
_Static_assert(sizeof(message_numbers) / sizeof(message_numbers[0]) == MESSAGE_STATES_, "a number for every state");

static const int reply_numbers[] = {
	[REPLY_STATE_QUEUED] = 2,  [REPLY_STATE_SENDING] = 3, [REPLY_STATE_IN_DOUBT] = 4,
	[REPLY_STATE_POSTED] = 20, [REPLY_STATE_FAILED] = 10,
};
_Static_assert(sizeof(reply_numbers) / sizeof(reply_numbers[0]) == REPLY_STATES_, "a number for every state");

/* The ordinary one is 0, which takes no bytes in a row. */
static const int kind_numbers[] = { [MESSAGE_CONTINUE] = 0, [MESSAGE_START] = 1, [MESSAGE_COMMAND] = 2 };
_Static_assert(sizeof(kind_numbers) / sizeof(kind_numbers[0]) == MESSAGE_KINDS_, "a number for every kind");

int sqlite_states_of_message(enum message_state state)
{
	return message_numbers[state];
}

int sqlite_states_of_reply(enum reply_state state)
{
	return reply_numbers[state];
}

int sqlite_states_of_kind(enum message_kind kind)
{
	return kind_numbers[kind];
}

int sqlite_states_to_message(int64_t stored, enum message_state *ret, struct error *err)
{
	for (int i = 0; i < MESSAGE_STATES_; i++) {
		if (message_numbers[i] == stored) {
			*ret = (enum message_state)i;
			return 0;
		}
	}
	return error_set(err, ERR_STORE, "the store holds a message in an unknown state (%lld)", (long long)stored);
}

int sqlite_states_to_reply(int64_t stored, enum reply_state *ret, struct error *err)
{
	for (int i = 0; i < REPLY_STATES_; i++) {
		if (reply_numbers[i] == stored) {
			*ret = (enum reply_state)i;
			return 0;
		}
	}
	return error_set(err, ERR_STORE, "the store holds a reply in an unknown state (%lld)", (long long)stored);
}

int sqlite_states_to_kind(int64_t stored, enum message_kind *ret, struct error *err)
{
	for (int i = 0; i < MESSAGE_KINDS_; i++) {
		if (kind_numbers[i] == stored) {
			*ret = (enum message_kind)i;
			return 0;
		}
	}
	return error_set(err, ERR_STORE, "the store holds a message of an unknown kind (%lld)", (long long)stored);
}
