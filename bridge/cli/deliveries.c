/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "bridge/base/id.h"
#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/tail.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define PATH_SIZE    16384
#define LIMIT        "20"
#define WIDTH_ID     36
#define WIDTH_STATE  9
#define WIDTH_THREAD 24
#define POLL_MS      500

static const struct verb_option options[] = {
	{ "state", 's', "STATE", "vetting, queued, sending, in_doubt, forwarded, answered, stalled, failed or ignored" },
	{ "source", 'S', "SOURCE", "only of this source" },
	{ "thread", 't', "THREAD", "only of this thread (a key or a URL)" },
	{ "job", 'J', "JOB", "only for this job" },
	{ "limit", 'n', "N", "the newest N, at most 1000; " LIMIT " unless given" },
	{ "follow", 'f', NULL, "goes on, and prints what comes and what becomes of it" },
	{ 0 },
};

/* What is most telling of a row: why not, else what Nairi calls it. */
static const char *detail_of(const cJSON *row)
{
	const char *error = json_str(row, "error");
	const char *reason = json_str(row, "reason");

	if (error != NULL)
		return error;
	return reason != NULL ? reason : json_str(row, "message_id");
}

static void print_columns_of(const char *received, const char *state, const char *id, const char *thread,
			     const char *detail)
{
	int columns = print_columns(stdout);
	int used = PRINT_TIME_SIZE - 1 + WIDTH_STATE + WIDTH_ID + WIDTH_THREAD + 4 * 2;

	print_cell(stdout, received, PRINT_TIME_SIZE - 1);
	print_cell(stdout, state, WIDTH_STATE);
	print_cell(stdout, id, WIDTH_ID);
	if (columns == 0 || columns >= used + 10) {
		print_cell(stdout, thread, WIDTH_THREAD);
		print_last(stdout, detail, columns > 0 ? columns - used : 0);
	} else {
		print_last(stdout, detail != NULL ? detail : thread, columns - (used - WIDTH_THREAD - 2));
	}
}

static void print_row(const struct verb_call *call, const cJSON *row)
{
	char received[PRINT_TIME_SIZE];

	if (call->json) {
		print_json(stdout, row);
		return;
	}
	print_time(json_str(row, "received_at"), received);
	const char *thread = json_str(row, "thread");
	print_columns_of(received, json_str(row, "state"), json_str(row, "delivery_id"),
			 thread != NULL ? thread : json_str(row, "job_id"), detail_of(row));
}

/* The newest is printed last, where the next would follow it. */
static void print_backwards(const struct verb_call *call, const cJSON *rows, struct tail *tail)
{
	for (int i = cJSON_GetArraySize(rows) - 1; i >= 0; i--) {
		const cJSON *row = cJSON_GetArrayItem(rows, i);
		print_row(call, row);
		if (tail != NULL)
			(void)tail_is_news(tail, json_str(row, "delivery_id"), json_str(row, "state"));
	}
}

static void add_parameter(struct strbuf *path, const char *name, const char *value)
{
	if (value == NULL)
		return;
	strbuf_addf(path, "&%s=", name);
	client_encode(value, path);
}

static void add_filter(const struct verb_call *call, struct strbuf *path)
{
	add_parameter(path, "state", verb_value(call, "state"));
	add_parameter(path, "source", verb_value(call, "source"));
	add_parameter(path, "thread", verb_value(call, "thread"));
	add_parameter(path, "job", verb_value(call, "job"));
}

/* One look: every page after the moment from which something may still change. */
static int look(const struct verb_call *call, struct client *client, struct tail *tail)
{
	char after[ID_SIZE];
	bool more = true;

	tail_start(tail, after);
	while (more) {
		CLEANUP(strbuf_release) struct strbuf path = STRBUF(PATH_SIZE);
		CLEANUP(client_answer_release) struct client_answer answer = { 0 };
		const cJSON *row;
		strbuf_addf(&path, "/api/v1/deliveries?limit=1000&after=%s", after);
		add_filter(call, &path);
		if (client_get(client, strbuf_str(&path), &answer) != 0)
			return -1;
		cJSON_ArrayForEach(row, json_at(answer.body, "deliveries"))
		{
			if (tail_is_news(tail, json_str(row, "delivery_id"), json_str(row, "state")))
				print_row(call, row);
		}
		const char *next = json_str(answer.body, "next");
		more = next != NULL && id_is_valid(next);
		(void)snprintf(after, sizeof(after), "%s", more ? next : "");
	}
	return 0;
}

static int tail_on(const struct verb_call *call, struct client *client, struct tail *tail)
{
	static const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };

	while (look(call, client, tail) == 0) {
		if (fflush(stdout) != 0) /* whoever read us is gone */
			return VERB_DONE;
		(void)nanosleep(&pause, NULL);
	}
	return VERB_REFUSED;
}

static int run(const struct verb_call *call)
{
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	CLEANUP(strbuf_release) struct strbuf path = STRBUF(PATH_SIZE);
	CLEANUP(tail_free_at) struct tail *tail = NULL;
	const char *limit = verb_value(call, "limit");

	strbuf_adds(&path, "/api/v1/deliveries?limit=");
	client_encode(limit != NULL ? limit : LIMIT, &path);
	add_filter(call, &path);
	if (client == NULL || client_get(client, strbuf_str(&path), &answer) != 0)
		return VERB_REFUSED;
	if (verb_value(call, "follow") != NULL) {
		tail = tail_new();
		if (tail == NULL)
			return VERB_REFUSED;
	}
	if (!call->json)
		print_columns_of("RECEIVED (UTC)", "STATE", "DELIVERY", "THREAD OR JOB", "WHY, OR MESSAGE");
	print_backwards(call, json_at(answer.body, "deliveries"), tail);
	return tail != NULL ? tail_on(call, client, tail) : VERB_DONE;
}

const struct verb deliveries_verb = {
	.name = "deliveries",
	.operands = "",
	.summary = "the ledger: what came, what became of it, and why",
	.lists = true,
	.options = options,
	.run = run,
};
