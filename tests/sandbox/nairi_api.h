/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_NAIRI_API_H
#define SANDBOX_NAIRI_API_H

#include "tests/sandbox/route.h"

#define NAIRI_API_PREFIX "/api/public/v1"

/* Answers one request below the prefix; call->path is what follows it. Lock not held. */
void nairi_api_handle(struct call *call);

/* GET /agents and GET /agents/{agent_id}/conversations (nairi_lists.c). Lock not held. */
void nairi_lists_agents(struct call *call);
void nairi_lists_conversations(struct call *call);

#endif
