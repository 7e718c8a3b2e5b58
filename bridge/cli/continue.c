/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/cli/prompt.h"

/* A key of a thread and a URL have a colon; a job's id has none. */
static int put_members(const struct verb_call *call, struct json_writer *w)
{
	const char *target = call->operands[0];

	json_put_str(w, strchr(target, ':') != NULL ? "thread" : "job_id", target);
	return prompt_put(w, call->operands[1]);
}

static int run(const struct verb_call *call)
{
	return prompt_send(call, "/api/v1/continue", put_members);
}

static const struct verb_option options[] = {
	{ "wait", 'w', "SECONDS", "how long to wait for the outcome, 0 to 120; 30 unless given" },
	{ 0 },
};

const struct verb continue_verb = {
	.name = "continue",
	.operands = "JOB-or-THREAD PROMPT",
	.operands_min = 2,
	.operands_max = 2,
	.summary = "continues a job by hand; the prompt - is read from standard input",
	.options = options,
	.run = run,
};
