/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_ROUTER_H
#define SANDBOX_ROUTER_H

#include "tests/sandbox/http.h"
#include "tests/sandbox/sandbox.h"

/* Answers one complete request: which stand-in it is for, its entry in the log, faults. May
 * sleep when a fault says so. Any thread; lock not held. */
void router_answer(struct sandbox *sandbox, struct request *request, struct reply *reply);

#endif
