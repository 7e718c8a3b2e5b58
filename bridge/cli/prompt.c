/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/prompt.h"

#include <stdio.h>
#include <string.h>

#include "bridge/cli/client.h"
#include "bridge/cli/print.h"

#define PROMPT_MAX ((size_t)1024 * 1024)
#define WAIT_S     30
#define BODY_MAX   (6 * PROMPT_MAX + 4096) /* JSON may escape every byte */
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

int prompt_put(struct json_writer *w, const char *prompt)
{
	CLEANUP(strbuf_release) struct strbuf input = STRBUF(PROMPT_MAX);

	if (strcmp(prompt, "-") != 0) {
		json_put_str(w, "prompt", prompt);
		return 0;
	}
	if (read_stdin(&input) != 0)
		return -1;
	json_put_strn(w, "prompt", strbuf_str(&input), input.len);
	return 0;
}

static long wait_of(const char *text)
{
	char *end = NULL;

	if (text == NULL)
		return WAIT_S;
	long seconds = strtol(text, &end, 10);
	return end != text && *end == '\0' && seconds >= 0 && seconds <= WAIT_MAX_S ? seconds : -1;
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

int prompt_send(const struct verb_call *call, const char *path,
		int (*members)(const struct verb_call *call, struct json_writer *w))
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(BODY_MAX);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	struct json_writer w = JSON_WRITER(&body);
	long wait_s = wait_of(verb_value(call, "wait"));
	char target[64];

	if (wait_s < 0) {
		(void)fprintf(stderr, "nairi-bridge %s: --wait: expected 0 to %d seconds\n", call->verb->name, WAIT_MAX_S);
		return VERB_USAGE;
	}
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	if (client == NULL)
		return VERB_REFUSED;
	json_begin_object(&w, NULL);
	if (members(call, &w) != 0)
		return VERB_REFUSED;
	json_end_object(&w);
	if (strbuf_failed(&body)) {
		(void)fprintf(stderr, "nairi-bridge: the prompt is too long\n");
		return VERB_REFUSED;
	}
	(void)snprintf(target, sizeof(target), "%s?wait=%ld", path, wait_s);
	if (client_call(client, "POST", target, strbuf_str(&body), wait_s + GRACE_S, &answer) != 0)
		return VERB_REFUSED;
	return print_answer(&answer);
}
