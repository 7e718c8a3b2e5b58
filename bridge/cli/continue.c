/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define PROMPT_MAX ((size_t)1024 * 1024)
#define BODY_MAX   (6 * PROMPT_MAX + 4096) /* JSON may escape every byte */
#define WAIT_S     30
#define WAIT_MAX_S 120
#define GRACE_S    30 /* for the daemon to answer after the wait */

static int read_stdin(struct strbuf *out)
{
	char chunk[8192];
	size_t got;

	while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		strbuf_add(out, chunk, got);
	if (ferror(stdin)) {
		(void)fprintf(stderr, "nairi-bridge: standard input cannot be read\n");
		return -1;
	}
	if (strbuf_failed(out)) {
		(void)fprintf(stderr, "nairi-bridge: the prompt is longer than 1 MiB\n");
		return -1;
	}
	/* The newline that ends a text file is not part of what is said. */
	if (out->len > 0 && out->ptr[out->len - 1] == '\n')
		strbuf_truncate(out, out->len - 1);
	return 0;
}

/* A key of a thread and a URL have a colon; a job's id has none. */
static int write_body(const struct verb_call *call, struct strbuf *out)
{
	const char *target = call->operands[0], *prompt = call->operands[1];
	CLEANUP(strbuf_release) struct strbuf input = STRBUF(PROMPT_MAX);
	struct json_writer w = JSON_WRITER(out);

	if (strcmp(prompt, "-") == 0 && read_stdin(&input) != 0)
		return -1;
	json_begin_object(&w, NULL);
	json_put_str(&w, strchr(target, ':') != NULL ? "thread" : "job_id", target);
	if (strcmp(prompt, "-") == 0)
		json_put_strn(&w, "prompt", strbuf_str(&input), input.len);
	else
		json_put_str(&w, "prompt", prompt);
	json_end_object(&w);
	if (!strbuf_failed(out))
		return 0;
	(void)fprintf(stderr, "nairi-bridge: the prompt is too long\n");
	return -1;
}

static int print_answer(const struct client_answer *answer)
{
	const char *status = json_str(answer->body, "status");

	if (answer->status == 201) {
		(void)fputs("job_id ", stdout);
		print_last(stdout, json_str(answer->body, "job_id"), 0);
		(void)fputs("message_id ", stdout);
		print_last(stdout, json_str(answer->body, "message_id"), 0);
		return VERB_DONE;
	}
	if (answer->status == 202) {
		(void)fputs("queued, still on its way: delivery_id ", stdout);
		print_last(stdout, json_str(answer->body, "delivery_id"), 0);
		return VERB_DONE;
	}
	if (status != NULL && strcmp(status, "ignored") == 0 && json_str(answer->body, "reason") != NULL)
		print_text(stderr, json_str(answer->body, "reason"), "");
	else
		client_complain(answer);
	return VERB_REFUSED;
}

static long wait_of(const char *text)
{
	char *end = NULL;

	if (text == NULL)
		return WAIT_S;
	long seconds = strtol(text, &end, 10);
	return end != text && *end == '\0' && seconds >= 0 && seconds <= WAIT_MAX_S ? seconds : -1;
}

static int run(const struct verb_call *call)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(BODY_MAX);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	long wait_s = wait_of(verb_value(call, "wait"));
	char path[64];

	if (wait_s < 0) {
		(void)fprintf(stderr, "nairi-bridge continue: --wait: expected 0 to %d seconds\n", WAIT_MAX_S);
		return VERB_USAGE;
	}
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	if (client == NULL || write_body(call, &body) != 0)
		return VERB_REFUSED;
	(void)snprintf(path, sizeof(path), "/api/v1/continue?wait=%ld", wait_s);
	if (client_call(client, "POST", path, strbuf_str(&body), wait_s + GRACE_S, &answer) != 0)
		return VERB_REFUSED;
	return print_answer(&answer);
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
