/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"

#define PATH_SIZE 8192
#define WIDTH_JOB 30
#define WIDTH_ORIGIN 6

static void print_row(const char *job, const char *created, const char *origin, const char *thread, int columns)
{
	int used = WIDTH_JOB + 2 + PRINT_TIME_SIZE - 1 + 2 + WIDTH_ORIGIN + 2;

	print_cell(stdout, job, WIDTH_JOB);
	print_cell(stdout, created, PRINT_TIME_SIZE - 1);
	print_cell(stdout, origin, WIDTH_ORIGIN);
	print_last(stdout, thread, columns > 0 ? columns - used : 0);
}

static void print_page(const struct verb_call *call, const cJSON *page, bool first)
{
	int columns = print_columns(stdout);
	const cJSON *row;

	if (first && !call->json)
		print_row("JOB", "SINCE (UTC)", "ORIGIN", "THREAD", columns);
	cJSON_ArrayForEach(row, json_at(page, "links"))
	{
		char time[PRINT_TIME_SIZE];
		if (call->json) {
			print_json(stdout, row);
			continue;
		}
		print_time(json_str(row, "created_at"), time);
		print_row(json_str(row, "job_id"), time, json_str(row, "origin"), json_str(row, "thread"), columns);
	}
}

static int run(const struct verb_call *call)
{
	CLEANUP(client_close_at) struct client *client = client_open(call->config_file);
	CLEANUP(strbuf_release) struct strbuf path = STRBUF(PATH_SIZE);
	bool first = true, more = client != NULL;

	strbuf_adds(&path, "/api/v1/links?limit=1000");
	while (more) {
		CLEANUP(client_answer_release) struct client_answer answer = { 0 };
		if (client_get(client, strbuf_str(&path), &answer) != 0)
			return VERB_REFUSED;
		print_page(call, answer.body, first);
		const char *next = json_str(answer.body, "next");
		first = false;
		more = next != NULL;
		strbuf_reset(&path);
		strbuf_adds(&path, "/api/v1/links?limit=1000&after=");
		client_encode(more ? next : "", &path);
	}
	return client != NULL ? VERB_DONE : VERB_REFUSED;
}

const struct verb links_verb = {
	.name = "links",
	.operands = "",
	.summary = "lists all links",
	.lists = true,
	.run = run,
};
