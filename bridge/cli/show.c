/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define PATH_SIZE 4096
#define LINE_SIZE 1024

static void print_fields(const cJSON *tree, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		print_field(stdout, names[i], json_str(tree, names[i]));
}

static void print_number(const cJSON *tree, const char *name)
{
	char text[32];
	int64_t value = 0;

	if (!json_int(tree, name, &value))
		return;
	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	print_field(stdout, name, text);
}

static void print_attempts(const cJSON *message)
{
	const cJSON *row;

	cJSON_ArrayForEach(row, json_at(message, "attempts"))
	{
		char line[LINE_SIZE], time[PRINT_TIME_SIZE], code[32] = "no answer";
		int64_t number = 0, took = 0, status = 0;
		(void)json_int(row, "number", &number);
		(void)json_int(row, "duration_ms", &took);
		(void)json_int(row, "upstream_status", &status);
		print_time(json_str(row, "started_at"), time);
		if (status > 0)
			(void)snprintf(code, sizeof(code), "HTTP %lld", (long long)status);
		(void)snprintf(line, sizeof(line), "%s  %s %lld, %lld ms, %s: %.600s", time, json_str(row, "call"),
			       (long long)number, (long long)took, code,
			       json_str(row, "outcome") != NULL ? json_str(row, "outcome") : "-");
		print_field(stdout, "attempt", line);
	}
}

static void print_replies(const cJSON *message)
{
	static const char *const names[] = { "kind", "state", "remote_id", "error", NULL };
	const cJSON *row;

	cJSON_ArrayForEach(row, json_at(message, "replies"))
	{
		print_field(stdout, "reply", json_str(row, "reply"));
		print_fields(row, names);
		if (json_str(row, "text") != NULL)
			print_text(stdout, json_str(row, "text"), "    ");
	}
}

static void print_message(const cJSON *message)
{
	static const char *const names[] = { "message", "kind", "state", "reason", "error", "job_id", "message_id", "lead",
					     "lead_delivery_id", "event", "object", "created_at", "updated_at", "due_at", NULL };

	(void)fputc('\n', stdout);
	print_fields(message, names);
	print_number(message, "upstream_status");
	print_attempts(message);
	print_replies(message);
	if (json_str(message, "prompt") == NULL)
		return;
	print_field(stdout, "prompt", "");
	print_text(stdout, json_str(message, "prompt"), "    ");
}

static void print_delivery(const cJSON *delivery)
{
	static const char *const names[] = { "delivery_id", "received_at", "source", "sender_delivery_id", "event", "thread",
					     "author", "url", "reason", NULL };
	const cJSON *message;

	print_fields(delivery, names);
	cJSON_ArrayForEach(message, json_at(delivery, "messages"))
		print_message(message);
}

static int run(const struct verb_call *call)
{
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	CLEANUP(strbuf_release) struct strbuf path = STRBUF(PATH_SIZE);

	strbuf_adds(&path, "/api/v1/deliveries/");
	client_encode(call->operands[0], &path);
	if (strbuf_failed(&path)) {
		(void)fprintf(stderr, "nairi-bridge: the id is too long\n");
		return VERB_REFUSED;
	}
	if (client == NULL || client_get(client, strbuf_str(&path), &answer) != 0)
		return VERB_REFUSED;
	if (call->json)
		print_json(stdout, answer.body);
	else
		print_delivery(answer.body);
	return VERB_DONE;
}

const struct verb show_verb = {
	.name = "show",
	.operands = "ID",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "shows a delivery: its messages, what was tried, what was replied",
	.lists = true,
	.run = run,
};
