/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define LINE_SIZE 2048

static int64_t number(const cJSON *tree, const char *path)
{
	int64_t value = 0;

	return json_int(tree, path, &value) ? value : 0;
}

static void add_span(struct strbuf *out, int64_t seconds)
{
	if (seconds >= 86400)
		strbuf_addf(out, "%lld d %lld h", (long long)(seconds / 86400), (long long)(seconds / 3600 % 24));
	else if (seconds >= 3600)
		strbuf_addf(out, "%lld h %lld min", (long long)(seconds / 3600), (long long)(seconds / 60 % 60));
	else if (seconds >= 60)
		strbuf_addf(out, "%lld min", (long long)(seconds / 60));
	else
		strbuf_addf(out, "%lld s", (long long)seconds);
}

static void print_head(const cJSON *status)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(LINE_SIZE);
	char since[PRINT_TIME_SIZE];
	const cJSON *item;

	print_time(json_str(status, "started_at"), since);
	strbuf_addf(&line, "nairi-bridge %s, up ", json_str(status, "version"));
	add_span(&line, number(status, "uptime_s"));
	strbuf_addf(&line, " (since %s UTC)", since);
	print_last(stdout, strbuf_str(&line), 0);
	strbuf_reset(&line);
	cJSON_ArrayForEach(item, json_at(status, "listening"))
		strbuf_addf(&line, "%s%s", line.len > 0 ? ", " : "", cJSON_IsString(item) ? item->valuestring : "?");
	print_field(stdout, "listening", strbuf_str(&line));
}

static void print_store(const cJSON *status)
{
	char line[LINE_SIZE];
	const char *error = json_str(status, "store.last_error");

	if (error == NULL)
		error = json_str(status, "store.read_error");
	(void)snprintf(line, sizeof(line), "%s; %lld writes in %lld commits, at most %lld in one; %lld waiting",
		       json_bool(status, "store.healthy", false) ? "healthy" : "NOT HEALTHY",
		       (long long)number(status, "store.items"), (long long)number(status, "store.batches"),
		       (long long)number(status, "store.largest_batch"), (long long)number(status, "store.waiting"));
	print_field(stdout, "store", line);
	print_field(stdout, "", error);
}

static void print_counts(const cJSON *status, const char *name)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(LINE_SIZE);
	const cJSON *item;

	cJSON_ArrayForEach(item, json_at(status, name))
	{
		int64_t count = cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0;
		if (count != 0)
			strbuf_addf(&line, "%s%lld %s", line.len > 0 ? ", " : "", (long long)count, item->string);
	}
	print_field(stdout, name, line.len > 0 ? strbuf_str(&line) : "none");
}

static void print_work(const cJSON *status)
{
	char line[LINE_SIZE], time[PRINT_TIME_SIZE];

	(void)snprintf(line, sizeof(line), "%lld kept, %lld links", (long long)number(status, "deliveries"),
		       (long long)number(status, "links"));
	print_field(stdout, "deliveries", line);
	print_counts(status, "messages");
	print_counts(status, "replies");
	print_time(json_str(status, "oldest_waiting_at"), time);
	if (json_str(status, "oldest_waiting_at") != NULL)
		print_field(stdout, "oldest waiting", time);
	(void)snprintf(line, sizeof(line),
		       "%lld in flight, %lld waiting, %lld turns followed; since the start %lld forwarded, %lld failed, "
		       "%lld retried, %lld in doubt",
		       (long long)number(status, "deliver.in_flight"), (long long)number(status, "deliver.waiting"),
		       (long long)number(status, "deliver.followed"),
		       (long long)number(status, "deliver.forwarded"), (long long)number(status, "deliver.failed"),
		       (long long)number(status, "deliver.retried"), (long long)number(status, "deliver.doubted"));
	print_field(stdout, "calls", line);
	const char *reason = json_str(status, "circuit.reason");
	(void)snprintf(line, sizeof(line), "%s%s%s", json_str(status, "circuit.state"), reason != NULL ? ": " : "",
		       reason != NULL ? reason : "");
	print_field(stdout, "circuit", line);
}

static void print_failures(const cJSON *page)
{
	int columns = print_columns(stdout);
	const cJSON *row;
	const char *label = "last failed";

	cJSON_ArrayForEach(row, json_at(page, "deliveries"))
	{
		char time[PRINT_TIME_SIZE];
		const char *error = json_str(row, "error");
		print_cell(stdout, label, 16);
		print_time(json_str(row, "updated_at"), time);
		print_cell(stdout, time, PRINT_TIME_SIZE - 1);
		print_cell(stdout, json_str(row, "delivery_id"), 36);
		print_last(stdout, error != NULL ? error : json_str(row, "reason"),
			   columns > 0 ? columns - 18 - PRINT_TIME_SIZE - 1 - 38 : 0);
		label = "";
	}
}

static int run(const struct verb_call *call)
{
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	CLEANUP(client_answer_release) struct client_answer status = { 0 };
	CLEANUP(client_answer_release) struct client_answer failed = { 0 };

	if (client == NULL || client_get(client, "/api/v1/status", &status) != 0)
		return VERB_REFUSED;
	if (call->json) {
		print_json(stdout, status.body);
		return VERB_DONE;
	}
	print_head(status.body);
	print_store(status.body);
	print_work(status.body);
	if (client_get(client, "/api/v1/deliveries?state=failed&limit=3", &failed) != 0)
		return VERB_REFUSED;
	print_failures(failed.body);
	return VERB_DONE;
}

const struct verb status_verb = {
	.name = "status",
	.operands = "",
	.summary = "how the daemon is, on one screen",
	.lists = true,
	.run = run,
};
