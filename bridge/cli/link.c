/* SPDX-License-Identifier: Apache-2.0 */
/* link and unlink: a thread, by its key or a pasted URL, and its job. */
#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define BODY_MAX 4096
#define PATH_MAX_ 8192

/* Changes the link of the thread; prints what came of it. */
static int change(const struct verb_call *call, const char *method, const char *body, const char *arrow)
{
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	CLEANUP(strbuf_release) struct strbuf path = STRBUF(PATH_MAX_);
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(PATH_MAX_);

	strbuf_adds(&path, "/api/v1/links/");
	client_encode(call->operands[0], &path);
	if (strbuf_failed(&path)) {
		(void)fprintf(stderr, "nairi-bridge: the thread is too long\n");
		return VERB_REFUSED;
	}
	if (client == NULL || client_call(client, method, strbuf_str(&path), body, CLIENT_TIMEOUT_S, &answer) != 0)
		return VERB_REFUSED;
	if (answer.status != 200 && answer.status != 201) {
		client_complain(&answer);
		return VERB_REFUSED;
	}
	strbuf_addf(&line, "%s %s %s", json_str(answer.body, "thread"), arrow, json_str(answer.body, "job_id"));
	print_last(stdout, strbuf_str(&line), 0);
	return VERB_DONE;
}

static int run_link(const struct verb_call *call)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(BODY_MAX);
	struct json_writer w = JSON_WRITER(&body);

	json_begin_object(&w, NULL);
	json_put_str(&w, "job_id", call->operands[1]);
	json_end_object(&w);
	if (strbuf_failed(&body)) {
		(void)fprintf(stderr, "nairi-bridge: the job id is too long\n");
		return VERB_REFUSED;
	}
	return change(call, "PUT", strbuf_str(&body), "->");
}

static int run_unlink(const struct verb_call *call)
{
	return change(call, "DELETE", NULL, "no longer ->");
}

const struct verb link_verb = {
	.name = "link",
	.operands = "THREAD-or-URL JOB",
	.operands_min = 2,
	.operands_max = 2,
	.summary = "links a thread to a job: what is said there continues it",
	.run = run_link,
};

const struct verb unlink_verb = {
	.name = "unlink",
	.operands = "THREAD-or-URL",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "takes the link of a thread away",
	.run = run_unlink,
};
