/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States and kinds as they are stored. Numbers instead of names, because three of four bytes of an index entry would be
 * the name; not the enums' own values, because those may be reordered when a state is added, and a stored
 * number may not. Whoever reads the file with a tool of their own finds the numbers in sqlite_states.c.
 */
#ifndef BRIDGE_STORE_SQLITE_STATES_H
#define BRIDGE_STORE_SQLITE_STATES_H

#include "bridge/base/error.h"
#include "bridge/store/store.h"

/* Below it: not final. The SQL has these numbers in its partial indexes. */
#define SQLITE_STATES_FINAL 10
/* Below it: not final, failed or stalled. */
#define SQLITE_STATES_DONE 20

int sqlite_states_of_message(enum message_state state);
int sqlite_states_of_reply(enum reply_state state);

int sqlite_states_of_kind(enum message_kind kind);

/* ERR_STORE: the number is not one of ours (a file that was edited by hand). */
int sqlite_states_to_message(int64_t stored, enum message_state *ret, struct error *err) MUST_CHECK;
int sqlite_states_to_reply(int64_t stored, enum reply_state *ret, struct error *err) MUST_CHECK;
int sqlite_states_to_kind(int64_t stored, enum message_kind *ret, struct error *err) MUST_CHECK;

#endif
