/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work of a hook, in a process that may be killed at any time: reads the settings, opens the repository, and tells
 * about each branch. One thread (libcurl's resolver has its own).
 */
#ifndef BRIDGE_CLI_HOOK_SEND_H
#define BRIDGE_CLI_HOOK_SEND_H

#include <stdatomic.h>
#include <stdint.h>

#include "bridge/cli/hook_stdin.h"
#include "bridge/cli/verb.h"

struct hook_send {
	const struct verb_call *call;
	const struct hook_refs *refs;
	atomic_bool *told;   /* by index of refs: set when it was delivered; shared with who waits */
	int64_t deadline_ms; /* of clock_mono_ms; also kept by who waits, with a kill */
};

/* Says on standard error what went wrong, a line a problem, the first one the most telling. */
void hook_send(const struct hook_send *send);

#endif
