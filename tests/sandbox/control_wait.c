/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/request_log.h"
#include "tests/sandbox/stamp.h"

#define TIMEOUT_MAX 600000

int64_t control_wait_deadline(const struct call *call)
{
	return stamp_monotonic() +
	       http_query_integer(call->request, "timeout_ms", 10000, 0, TIMEOUT_MAX);
}

int64_t control_wait_count(const struct call *call)
{
	return http_query_integer(call->request, "count", 1, 0, INT32_MAX);
}

/* Messages of users, quick ones included. */
static int64_t users_of(const struct job *job)
{
	return job != NULL ? (int64_t)(job->users + job->quick_count) : -1;
}

/* The state that is waited for beside the number: all of them handled, if `settled`. */
static bool is_settled(const struct job *job)
{
	return job->phase == TURN_IDLE;
}

void control_wait_job(struct call *call)
{
	CLEANUP(memory_drop) char *id = http_query(call->request, "job");
	CLEANUP(memory_drop) char *settled = http_query(call->request, "settled");
	int64_t deadline = control_wait_deadline(call);
	int64_t count = control_wait_count(call);
	int64_t lists = http_query_integer(call->request, "lists", 0, 0, INT32_MAX);
	int64_t gets = http_query_integer(call->request, "gets", 0, 0, INT32_MAX);
	const struct job *job;
	bool there;

	if (id == NULL) {
		http_reply_error(call->reply, 400, "job is required");
		return;
	}
	sandbox_lock(call->sandbox);
	for (;;) {
		/* Looked up again each time: a reset may have come between. */
		job = jobs_find(call->sandbox, id, 0);
		there = users_of(job) >= count && job != NULL && job->lists >= lists &&
			job->gets >= gets &&
			(settled == NULL || is_settled(job));
		if (there || sandbox_wait(call->sandbox, deadline) != 0)
			break;
	}
	if (job == NULL)
		http_reply_error(call->reply, 404, "no such job");
	else
		http_reply_json(call->reply, there ? 200 : 408,
				control_jobs_json(call->sandbox, job, true));
	sandbox_unlock(call->sandbox);
}

void control_wait_requests(struct call *call)
{
	CLEANUP(memory_drop) char *path = http_query(call->request, "path");
	CLEANUP(memory_drop) char *method = http_query(call->request, "method");
	CLEANUP(memory_drop) char *answered = http_query(call->request, "answered");
	struct request_filter filter = {
		.path = path,
		.method = method,
		.since = (uint64_t)http_query_integer(call->request, "since", 0, 0, INT64_MAX / 2),
		.limit = 1000,
		.answered = answered != NULL,
	};
	int64_t deadline = control_wait_deadline(call);
	int64_t wanted = control_wait_count(call);
	cJSON *document = cJSON_CreateObject();
	int64_t count;

	sandbox_lock(call->sandbox);
	while ((count = request_log_count(call->sandbox->log, &filter)) < wanted)
		if (sandbox_wait(call->sandbox, deadline) != 0)
			break;
	cJSON_AddNumberToObject(document, "count", (double)count);
	cJSON_AddNumberToObject(document, "last", (double)request_log_last(call->sandbox->log));
	cJSON_AddItemToObject(document, "requests",
			      request_log_json(call->sandbox->log, &filter));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, count >= wanted ? 200 : 408, document);
}

/* Until an array, made anew each time, has so many items; shown under `name`. */
static void wait_for_items(struct call *call, const char *name,
			   cJSON *(*make)(const struct call *call))
{
	int64_t deadline = control_wait_deadline(call);
	int64_t wanted = control_wait_count(call);
	cJSON *document = cJSON_CreateObject();
	cJSON *items;

	sandbox_lock(call->sandbox);
	for (;;) {
		items = make(call);
		if (cJSON_GetArraySize(items) >= wanted ||
		    sandbox_wait(call->sandbox, deadline) != 0)
			break;
		cJSON_Delete(items);
	}
	sandbox_unlock(call->sandbox);
	cJSON_AddItemToObject(document, name, items);
	http_reply_json(call->reply, cJSON_GetArraySize(items) >= wanted ? 200 : 408, document);
}

void control_wait_comments(struct call *call)
{
	wait_for_items(call, "comments", control_github_comments_json);
}

void control_wait_reactions(struct call *call)
{
	wait_for_items(call, "reactions", control_github_reactions_json);
}
