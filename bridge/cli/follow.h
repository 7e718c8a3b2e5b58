/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is new in the ledger between two looks. Ids order by the moment of receipt, but a delivery is kept a
 * little later, and its state changes after that; so each look begins some time before the newest one seen, and
 * what was shown is remembered. Pure; one thread.
 */
#ifndef BRIDGE_CLI_FOLLOW_H
#define BRIDGE_CLI_FOLLOW_H

#include <stdbool.h>

#include "bridge/base/cleanup.h"
#include "bridge/base/id.h"

#define FOLLOW_BACK_MS 60000 /* how far a look goes back */
#define FOLLOW_SEEN    4096  /* deliveries that are remembered; what is older than all of them is not shown again */

struct follow;

struct follow *follow_new(void); /* NULL: no memory */
void follow_free(struct follow *follow);

/* The id after which the next look begins. */
void follow_start(const struct follow *follow, char ret_after[ID_SIZE]);

/* Whether this delivery was not yet shown in this state; it is remembered. */
bool follow_is_news(struct follow *follow, const char *id, const char *state);

DEFINE_CLEANUP(struct follow, follow_free);

#endif
