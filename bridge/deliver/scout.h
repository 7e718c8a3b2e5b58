/* SPDX-License-Identifier: Apache-2.0 */
/* What Git is asked about a message before it is sent: the errand of a flight in state vetting. Within this room. */
#ifndef BRIDGE_DELIVER_SCOUT_H
#define BRIDGE_DELIVER_SCOUT_H

#include "bridge/deliver/deliver_private.h"

/* Committer's thread, outside of a transaction: sets flight->scouting if the errand needs Git, with the threads that may be meant. */
int scout_prepare(struct flight *flight, struct store *store, struct error *err) MUST_CHECK;
/* Asks; forward_record follows. Any thread. */
void scout_ask(struct flight *flight);
/* Fills flight->change from what came. Committer's thread. */
void scout_decide(struct flight *flight, int64_t now_ms);
/* Inside the transaction: what was learned. */
int scout_apply(struct flight *flight, struct store *store, struct error *err) MUST_CHECK;
/* The prompt with what Git told of it, in the arena; prompt itself: nothing, or there is no room for it. */
const char *scout_prompt(struct flight *flight, const char *prompt);

#endif
