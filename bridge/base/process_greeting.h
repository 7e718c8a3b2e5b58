/* SPDX-License-Identifier: Apache-2.0 */
/* The first frame that a helper process gets; for process.c and process_worker.c only. */
#ifndef BRIDGE_BASE_PROCESS_GREETING_H
#define BRIDGE_BASE_PROCESS_GREETING_H

#include "bridge/base/process.h"

/* A binary that was replaced on disk by another version may be what is started: it must not guess. */
#define PROCESS_GREETING "nairi-bridge " BRIDGE_VERSION " 1"

struct process_greeting {
	char magic[48];
	struct process_limits limits;
};

#endif
