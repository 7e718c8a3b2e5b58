/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is new in the ledger between two looks. Ids order by the moment of receipt, but a delivery is kept a
 * little later, and its state changes after that; so each look begins some time before the newest one seen, and
 * what was shown is remembered. Pure; one thread.
 */
#ifndef BRIDGE_CLI_TAIL_H
#define BRIDGE_CLI_TAIL_H

#include <stdbool.h>

#include "bridge/base/cleanup.h"
#include "bridge/base/id.h"

#define TAIL_BACK_MS 60000 /* how far a look goes back */
#define TAIL_SEEN    4096  /* deliveries that are remembered; what is older than all of them is not shown again */

struct tail;

struct tail *tail_new(void); /* NULL: no memory */
void tail_free(struct tail *tail);

/* The id after which the next look begins. */
void tail_start(const struct tail *tail, char ret_after[ID_SIZE]);

/* Whether this delivery was not yet shown in this state; it is remembered. */
bool tail_is_news(struct tail *tail, const char *id, const char *state);

DEFINE_CLEANUP(struct tail, tail_free);

#endif
