/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define PATH_SIZE 4096

static int run(const struct verb_call *call)
{
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	CLEANUP(strbuf_release) struct strbuf path = STRBUF(PATH_SIZE);

	strbuf_adds(&path, "/api/v1/deliveries/");
	client_encode(call->operands[0], &path);
	strbuf_adds(&path, "/replay");
	if (strbuf_failed(&path)) {
		(void)fprintf(stderr, "nairi-bridge: the id is too long\n");
		return VERB_REFUSED;
	}
	if (client == NULL ||
	    client_call(client, "POST", strbuf_str(&path), NULL, CLIENT_TIMEOUT_S, &answer) != 0)
		return VERB_REFUSED;
	if (answer.status != 202) {
		client_complain(&answer);
		return VERB_REFUSED;
	}
	(void)fputs("queued again: delivery_id ", stdout);
	print_last(stdout, json_str(answer.body, "delivery_id"), 0);
	return VERB_DONE;
}

const struct verb replay_verb = {
	.name = "replay",
	.operands = "ID",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "runs a stored delivery again, under a new message",
	.run = run,
};
