/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridge/cli/prompt.h"
#include "bridge/cli/verb.h"

static int write_body(const struct verb_call *call, const char *agent, struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out);
	const char *link = verb_value(call, "link");

	json_begin_object(&w, NULL);
	json_put_str(&w, "agent", agent);
	if (verb_value(call, "ask") != NULL)
		json_put_bool(&w, "ask", true);
	if (link != NULL)
		json_put_str(&w, "link", link);
	if (prompt_put(&w, call->operands[0]) != 0)
		return -1;
	json_end_object(&w);
	if (!strbuf_failed(out))
		return 0;
	(void)fprintf(stderr, "nairi-bridge: the prompt is too long\n");
	return -1;
}

static int run(const struct verb_call *call)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(PROMPT_BODY_MAX);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	const char *agent = verb_value(call, "agent");
	long wait_s = prompt_wait_s("start", verb_value(call, "wait"));
	char path[64];

	if (agent == NULL)
		(void)fprintf(stderr, "nairi-bridge start: --agent SLUG is missing: which agent shall do it?\n");
	if (wait_s < 0 || agent == NULL)
		return VERB_USAGE;
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	if (client == NULL || write_body(call, agent, &body) != 0)
		return VERB_REFUSED;
	(void)snprintf(path, sizeof(path), "/api/v1/start?wait=%ld", wait_s);
	if (client_call(client, "POST", path, strbuf_str(&body), wait_s + PROMPT_GRACE_S, &answer) != 0)
		return VERB_REFUSED;
	return prompt_print(&answer);
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
