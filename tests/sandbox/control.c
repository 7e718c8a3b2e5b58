/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/control.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/attachments.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/github.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/quick.h"
#include "tests/sandbox/request_log.h"
#include "tests/sandbox/turns.h"

cJSON *control_read(struct call *call, const char *known)
{
	cJSON *document = doc_parse_object(call->request->body.data, call->request->body.length,
					   true);
	const char *unknown;

	if (document == NULL) {
		http_reply_error(call->reply, 400, "the body is not a JSON object");
		return NULL;
	}
	unknown = doc_unknown(document, known);
	if (unknown != NULL) {
		http_reply_error(call->reply, 400, "unknown member %s; known: %s", unknown, known);
		cJSON_Delete(document);
		return NULL;
	}
	return document;
}

void control_done(struct call *call)
{
	http_reply(call->reply, 200);
	text_add(&call->reply->body, "{}");
}

static void reset(struct call *call)
{
	sandbox_lock(call->sandbox);
	sandbox_reset(call->sandbox);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

static void show_store(struct call *call)
{
	struct sandbox *sandbox = call->sandbox;
	cJSON *store = cJSON_CreateObject();
	cJSON *jobs = cJSON_AddArrayToObject(store, "jobs");

	sandbox_lock(sandbox);
	for (size_t i = 0; i < jobs_count(sandbox); i++)
		cJSON_AddItemToArray(jobs, control_jobs_json(sandbox, jobs_at(sandbox, i), true));
	cJSON_AddItemToObject(store, "attachments", attachments_json(sandbox));
	cJSON_AddItemToObject(store, "policy",
			      control_settings_policy_json(jobs_policy(sandbox, NULL)));
	cJSON_AddItemToObject(store, "turns", turn_plan_json(turns_plan(sandbox, NULL)));
	cJSON_AddItemToObject(store, "faults", faults_json(sandbox->faults));
	sandbox_unlock(sandbox);
	http_reply_json(call->reply, 200, store);
}

static void show_counts(struct call *call)
{
	struct sandbox *sandbox = call->sandbox;
	cJSON *counts = cJSON_CreateObject();
	size_t users = 0;
	int64_t lists = 0;
	int64_t gets = 0;

	sandbox_lock(sandbox);
	for (size_t i = 0; i < jobs_count(sandbox); i++) {
		users += jobs_at(sandbox, i)->users;
		lists += jobs_at(sandbox, i)->lists;
		gets += jobs_at(sandbox, i)->gets;
	}
	cJSON_AddNumberToObject(counts, "lists", (double)lists);
	cJSON_AddNumberToObject(counts, "gets", (double)gets);
	cJSON_AddNumberToObject(counts, "comments", (double)sandbox->github->comment_count);
	cJSON_AddNumberToObject(counts, "jobs", (double)jobs_count(sandbox));
	cJSON_AddNumberToObject(counts, "user_messages", (double)users);
	cJSON_AddNumberToObject(counts, "requests", (double)request_log_last(sandbox->log));
	quick_add_counts(sandbox, NULL, cJSON_AddObjectToObject(counts, "quick"));
	sandbox_unlock(sandbox);
	http_reply_json(call->reply, 200, counts);
}

static void list_requests(struct call *call)
{
	CLEANUP(memory_drop) char *path = http_query(call->request, "path");
	CLEANUP(memory_drop) char *method = http_query(call->request, "method");
	CLEANUP(memory_drop) char *answered = http_query(call->request, "answered");
	struct request_filter filter = {
		.answered = answered != NULL,
		.path = path,
		.method = method,
		.since = (uint64_t)http_query_integer(call->request, "since", 0, 0, INT64_MAX / 2),
		.limit = http_query_integer(call->request, "limit", 1000, 1, 100000),
	};
	cJSON *document = cJSON_CreateObject();

	sandbox_lock(call->sandbox);
	cJSON_AddNumberToObject(document, "last", (double)request_log_last(call->sandbox->log));
	cJSON_AddItemToObject(document, "requests",
			      request_log_json(call->sandbox->log, &filter));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}

static void forget_requests(struct call *call)
{
	sandbox_lock(call->sandbox);
	request_log_reset(call->sandbox->log);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

static void list_faults(struct call *call)
{
	cJSON *document = cJSON_CreateObject();

	sandbox_lock(call->sandbox);
	cJSON_AddItemToObject(document, "faults", faults_json(call->sandbox->faults));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}

static void add_fault(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = doc_parse_object(
		call->request->body.data, call->request->body.length, false);
	const char *problem = "the body is not a JSON object";
	int64_t id = 0;
	int added = -1;

	if (document != NULL) {
		sandbox_lock(call->sandbox);
		added = faults_add(call->sandbox->faults, document, &id, &problem);
		sandbox_unlock(call->sandbox);
	}
	if (added != 0) {
		http_reply_error(call->reply, 400, "%s", problem);
		return;
	}
	http_reply(call->reply, 201);
	text_addf(&call->reply->body, "{\"id\":%lld}", (long long)id);
}

static void remove_faults(struct call *call)
{
	sandbox_lock(call->sandbox);
	faults_remove(call->sandbox->faults, 0);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

static void remove_fault(struct call *call)
{
	long long id = strtoll(call->path->segments[1], NULL, 10);
	bool found = false;

	if (id > 0) {
		sandbox_lock(call->sandbox);
		found = faults_remove(call->sandbox->faults, id);
		sandbox_unlock(call->sandbox);
	}
	if (found)
		control_done(call);
	else
		http_reply_error(call->reply, 404, "no such fault");
}

static void release(struct call *call)
{
	sandbox_lock(call->sandbox);
	sandbox_release(call->sandbox);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

static void set_waf(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "substring");
	int set;

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	set = faults_set_waf(call->sandbox->faults,
			     cJSON_GetObjectItemCaseSensitive(document, "substring"));
	sandbox_unlock(call->sandbox);
	if (set == 0)
		control_done(call);
	else
		http_reply_error(call->reply, 400, "substring is a string, an array of up to 32 "
						   "of them, or null");
}

static const struct route routes[] = {
	{"POST", "reset", reset},
	{"GET", "store", show_store},
	{"GET", "counts", show_counts},
	{"POST", "keys", control_settings_key},
	{"POST", "agents", control_settings_agent},
	{"GET", "requests", list_requests},
	{"DELETE", "requests", forget_requests},
	{"GET", "faults", list_faults},
	{"POST", "faults", add_fault},
	{"DELETE", "faults", remove_faults},
	{"DELETE", "faults/*", remove_fault},
	{"POST", "release", release},
	{"POST", "waf", set_waf},
	{"GET", "jobs", control_jobs_list},
	{"POST", "jobs", control_jobs_seed},
	{"GET", "jobs/*", control_jobs_get},
	{"POST", "jobs/*", control_jobs_change},
	{"GET", "jobs/*/messages", control_jobs_messages},
	{"POST", "jobs/*/messages", control_jobs_say},
	{"POST", "jobs/*/end", control_jobs_end},
	{"POST", "jobs/*/advance", control_turns_advance},
	{"POST", "jobs/*/finish", control_turns_finish},
	{"POST", "jobs/*/pickup", control_turns_pick_up},
	{"POST", "jobs/*/answer", control_turns_answer},
	{"POST", "jobs/*/notice", control_turns_notice},
	{"POST", "jobs/*/complete", control_turns_complete},
	{"GET", "messages", control_search_messages},
	{"GET", "duplicates", control_search_duplicates},
	{"POST", "quick", control_quick_set},
	{"POST", "quick/complete", control_quick_complete},
	{"POST", "policy", control_settings_policy},
	{"POST", "turns", control_settings_turns},
	{"GET", "turns", control_settings_show_turns},
	{"GET", "wait", control_wait_job},
	{"GET", "wait_requests", control_wait_requests},
	{"GET", "wait_messages", control_search_wait},
	{"GET", "wait_comments", control_wait_comments},
	{"GET", "wait_reactions", control_wait_reactions},
	{"POST", "github/tokens", control_github_tokens},
	{"POST", "github/permissions", control_github_permissions},
	{"POST", "github/pulls", control_github_pulls},
	{"POST", "github/rate", control_github_rate},
	{"POST", "github/settings", control_github_settings},
	{"GET", "github/comments", control_github_comments},
	{"POST", "github/comments", control_github_add_comment},
	{"POST", "github/comments/*", control_github_edit_comment},
	{"DELETE", "github/comments/*", control_github_delete_comment},
	{"GET", "github/reactions", control_github_reactions},
};

void control_handle(struct call *call)
{
	switch (route_dispatch(routes, sizeof(routes) / sizeof(routes[0]), call)) {
	case ROUTE_DONE:
		return;
	case ROUTE_NOT_FOUND:
		http_reply_error(call->reply, 404, "no such control; see tests/sandbox/README.md");
		return;
	case ROUTE_WRONG_METHOD:
		http_reply_error(call->reply, 405, "method not allowed");
		return;
	}
}
