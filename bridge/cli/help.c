/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/unknown.h"
#include "bridge/cli/verb.h"

static int run(const struct verb_call *call)
{
	if (call->count == 0) {
		verb_overview(stdout);
		return VERB_DONE;
	}
	const struct verb *verb = verb_find(call->operands[0]);
	if (verb == NULL)
		return unknown_verb(call->operands[0]);
	verb_help(verb, stdout);
	return VERB_DONE;
}

const struct verb help_verb = {
	.name = "help",
	.operands = "[VERB]",
	.operands_max = 1,
	.summary = "says how a verb is used",
	.run = run,
};
