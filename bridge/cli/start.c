/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "bridge/cli/prompt.h"

static int put_members(const struct verb_call *call, struct json_writer *w)
{
	const char *link = verb_value(call, "link");

	json_put_str(w, "agent", verb_value(call, "agent"));
	if (verb_value(call, "ask") != NULL)
		json_put_bool(w, "ask", true);
	if (link != NULL)
		json_put_str(w, "link", link);
	return prompt_put(w, call->operands[0]);
}

static int run(const struct verb_call *call)
{
	if (verb_value(call, "agent") != NULL)
		return prompt_send(call, "/api/v1/start", put_members);
	(void)fprintf(stderr, "nairi-bridge start: --agent SLUG is missing: which agent shall do it?\n");
	return VERB_USAGE;
}

static const struct verb_option options[] = {
	{ "agent", 'a', "SLUG", "the agent that does it" },
	{ "ask", 0, NULL, "it only answers: no changes, no pull request" },
	{ "link", 'l', "THREAD", "a thread or its URL: what is said there continues the job" },
	{ "wait", 'w', "SECONDS", "how long to wait for the outcome, 0 to 120; 30 unless given" },
	{ 0 },
};

const struct verb start_verb = {
	.name = "start",
	.operands = "PROMPT",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "starts a job, prints its ids, links it; the prompt - is read from standard input",
	.options = options,
	.run = run,
};
