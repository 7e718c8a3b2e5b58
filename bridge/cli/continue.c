/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridge/cli/prompt.h"
#include "bridge/cli/verb.h"

/* A key of a thread and a URL have a colon; a job's id has none. */
static int write_body(const struct verb_call *call, struct strbuf *out)
{
	const char *target = call->operands[0];
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w, NULL);
	json_put_str(&w, strchr(target, ':') != NULL ? "thread" : "job_id", target);
	if (prompt_put(&w, call->operands[1]) != 0)
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
	long wait_s = prompt_wait_s("continue", verb_value(call, "wait"));
	char path[64];

	if (wait_s < 0)
		return VERB_USAGE;
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	if (client == NULL || write_body(call, &body) != 0)
		return VERB_REFUSED;
	(void)snprintf(path, sizeof(path), "/api/v1/continue?wait=%ld", wait_s);
	if (client_call(client, "POST", path, strbuf_str(&body), wait_s + PROMPT_GRACE_S, &answer) != 0)
		return VERB_REFUSED;
	return prompt_print(&answer);
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
