/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/verb.h"

static int run(const struct verb_call *call)
{
	(void)call;
	(void)puts("nairi-bridge " BRIDGE_VERSION);
	return VERB_DONE;
}

const struct verb version_verb = {
	.name = "version",
	.operands = "",
	.summary = "prints the version",
	.run = run,
};
