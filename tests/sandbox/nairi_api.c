/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/nairi_api.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/accounts.h"
#include "tests/sandbox/attachments.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/jobs.h"
#include "tests/sandbox/quick.h"
#include "tests/sandbox/turns.h"

/*
 * The order of checks is not documented by the vendor; this is the one place that decides it:
 *
 *   1. 401  bearer, for anything below the prefix, known or not (nairi_api_handle)
 *   -  404  unknown path, 405 wrong method
 *   2. 400  malformed id in the path
 *   3. 400  body that is not a JSON object (`ask_mode` of a wrong type counts as that)
 *   4. 400  `prompt is required`; for start also `agent_id`
 *   5. 404  job (or, for start, agent) unknown in this organisation
 *   6. 400  `job is not an API job`; then the policy for ended jobs
 *   7. 400  attachments; nothing was created so far
 *   8. 201  the message exists before the reply is written
 */

#define ATTACHMENTS_MAX 10
#define JOBS_MADE_UP_MAX 1000000

/* What start and continue have in common. */
struct prompt {
	cJSON *document;
	const char *text;
	const cJSON *attachment_ids; /* NULL or an array */
};

static void prompt_drop(struct prompt *prompt)
{
	cJSON_Delete(prompt->document);
}

/* Checks 3 and 4; -1 when the reply is made. */
static int read_prompt(struct call *call, struct prompt *ret_prompt)
{
	const struct text *body = &call->request->body;
	const cJSON *ask_mode;

	ret_prompt->document = doc_parse_object(body->data, body->length, false);
	ask_mode = cJSON_GetObjectItemCaseSensitive(ret_prompt->document, "ask_mode");
	if (ret_prompt->document == NULL ||
	    (ask_mode != NULL && !cJSON_IsBool(ask_mode) && !cJSON_IsNull(ask_mode))) {
		http_reply_error(call->reply, 400, "invalid request body");
		return -1;
	}
	ret_prompt->text = doc_string(ret_prompt->document, "prompt");
	if (ret_prompt->text == NULL || *ret_prompt->text == '\0') {
		http_reply_error(call->reply, 400, "prompt is required");
		return -1;
	}
	ret_prompt->attachment_ids =
		cJSON_GetObjectItemCaseSensitive(ret_prompt->document, "attachment_ids");
	if (cJSON_IsNull(ret_prompt->attachment_ids))
		ret_prompt->attachment_ids = NULL;
	return 0;
}

/* Check 7, lock held; -1 when the reply is made. */
static int check_attachments(struct call *call, const cJSON *ids)
{
	const cJSON *item;

	if (ids == NULL)
		return 0;
	if (!cJSON_IsArray(ids)) {
		http_reply_error(call->reply, 400, "attachment_ids must be an array");
		return -1;
	}
	if (cJSON_GetArraySize(ids) > ATTACHMENTS_MAX) {
		http_reply_error(call->reply, 400, "too many attachments (maximum %d)",
				 ATTACHMENTS_MAX);
		return -1;
	}
	cJSON_ArrayForEach(item, ids) {
		const char *id = cJSON_GetStringValue(item);

		if (id == NULL || !ulid_is_valid(id)) {
			http_reply_error(call->reply, 400, "invalid attachment id");
			return -1;
		}
		if (!attachments_has(call->sandbox, id, call->org)) {
			http_reply_error(call->reply, 400, "attachment not found: %s", id);
			return -1;
		}
	}
	return 0;
}

/* Check 6, lock held; -1 when the reply is made. */
static int check_continuable(struct call *call, const struct job *job)
{
	const struct policy *policy = jobs_policy(call->sandbox, job);

	if (job->platform != PLATFORM_API) {
		http_reply_error(call->reply, 400, "job is not an API job");
		return -1;
	}
	if (job_has_ended(job) && policy->kind == POLICY_REJECT) {
		http_reply_error(call->reply, policy->status, "%s", policy->text);
		return -1;
	}
	return 0;
}

static void attach(struct message *message, const cJSON *ids)
{
	const cJSON *item;

	if (ids == NULL)
		return;
	message->attachment_ids = memory_new((size_t)cJSON_GetArraySize(ids), sizeof(char *));
	cJSON_ArrayForEach(item, ids)
		message->attachment_ids[message->attachment_count++] =
			memory_copy(item->valuestring);
}

/* Check 8, lock held. */
static void add_prompt(struct sandbox *sandbox, struct job *job, const struct prompt *prompt,
		       char ret_id[ULID_SIZE])
{
	const struct policy *policy = jobs_policy(sandbox, job);
	struct message *message;

	if (sandbox->is_quick) {
		quick_append(sandbox, job, prompt->text, ret_id);
		return;
	}
	message = jobs_append(sandbox, job, ROLE_USER, MESSAGE_QUEUED, prompt->text);
	attach(message, prompt->attachment_ids);
	memcpy(ret_id, message->id, ULID_SIZE);
	if (job_has_ended(job) && policy->kind == POLICY_STALL)
		message->stalled = true;
	else if (job->status != JOB_ACTIVE)
		jobs_set_status(sandbox, job, JOB_ACTIVE);
	turns_consider(sandbox, job);
}

static void reply_created(struct reply *reply, const char *job_id, const char *message_id)
{
	http_reply(reply, 201);
	text_addf(&reply->body, "{\"job_id\":\"%s\",\"message_id\":\"%s\"}", job_id, message_id);
}

static void start(struct call *call)
{
	CLEANUP(prompt_drop) struct prompt prompt = {0};
	struct sandbox *sandbox = call->sandbox;
	const struct agent *agent;
	const char *slug;
	struct job *job;
	char message_id[ULID_SIZE];

	if (read_prompt(call, &prompt) != 0)
		return;
	slug = doc_string(prompt.document, "agent_id");
	if (slug == NULL || *slug == '\0') {
		http_reply_error(call->reply, 400, "agent_id is required");
		return;
	}
	sandbox_lock(sandbox);
	agent = accounts_agent_by_slug(sandbox->accounts, call->org, slug);
	if (agent == NULL) {
		http_reply_error(call->reply, 404, "agent not found");
	} else if (check_attachments(call, prompt.attachment_ids) == 0) {
		job = jobs_create(sandbox, NULL, call->org, PLATFORM_API, agent->id);
		job->ask_mode = doc_bool(prompt.document, "ask_mode", false);
		add_prompt(sandbox, job, &prompt, message_id);
		reply_created(call->reply, job->id, message_id);
	}
	sandbox_unlock(sandbox);
}

/* In --quick mode any well-formed id is an active API job of whoever asks first. Lock held. */
static struct job *find_job(struct call *call, const char *id)
{
	struct sandbox *sandbox = call->sandbox;
	struct job *job = jobs_find(sandbox, id, 0);

	if (job == NULL && sandbox->is_quick && jobs_count(sandbox) < JOBS_MADE_UP_MAX)
		job = jobs_create(sandbox, id, call->org, PLATFORM_API, NULL);
	return job != NULL && job->org == call->org ? job : NULL;
}

static void continue_job(struct call *call)
{
	CLEANUP(prompt_drop) struct prompt prompt = {0};
	const char *id = call->path->segments[1];
	struct job *job;
	char message_id[ULID_SIZE];

	if (!ulid_is_valid(id)) {
		http_reply_error(call->reply, 400, "invalid job id");
		return;
	}
	if (read_prompt(call, &prompt) != 0)
		return;
	sandbox_lock(call->sandbox);
	job = find_job(call, id);
	if (job == NULL) {
		http_reply_error(call->reply, 404, "job not found");
	} else if (check_continuable(call, job) == 0 &&
		   check_attachments(call, prompt.attachment_ids) == 0) {
		add_prompt(call->sandbox, job, &prompt, message_id);
		reply_created(call->reply, id, message_id);
	}
	sandbox_unlock(call->sandbox);
}

static void list_messages(struct call *call)
{
	const char *id = call->path->segments[1];
	cJSON *document = NULL;
	cJSON *array;
	struct job *job;

	if (!ulid_is_valid(id)) {
		http_reply_error(call->reply, 400, "invalid job id");
		return;
	}
	sandbox_lock(call->sandbox);
	job = jobs_find(call->sandbox, id, call->org);
	if (job != NULL) {
		job->lists++;
		sandbox_changed(call->sandbox);
	}
	if (job != NULL && job->quick_count > 0) {
		http_reply(call->reply, 200);
		quick_write_messages(call->sandbox, job, &call->reply->body);
	} else if (job != NULL) {
		document = cJSON_CreateObject();
		array = cJSON_AddArrayToObject(document, "messages");
		for (size_t i = 0; i < job->count; i++)
			cJSON_AddItemToArray(array, message_json(job->messages[i]));
	}
	sandbox_unlock(call->sandbox);
	if (document != NULL)
		http_reply_json(call->reply, 200, document);
	else if (job == NULL)
		http_reply_error(call->reply, 404, "job not found");
}

static void get_message(struct call *call)
{
	const char *id = call->path->segments[1];
	bool found = false;
	struct message *message;

	if (!ulid_is_valid(id)) {
		http_reply_error(call->reply, 400, "invalid message id");
		return;
	}
	sandbox_lock(call->sandbox);
	message = jobs_find_message(call->sandbox, id, call->org);
	if (message != NULL) {
		found = true;
		message->job->gets++;
		http_reply_json(call->reply, 200, message_json(message));
		sandbox_changed(call->sandbox);
	} else if (call->sandbox->is_quick) {
		http_reply(call->reply, 200);
		found = quick_write_message(call->sandbox, id, call->org, &call->reply->body) == 0;
	}
	sandbox_unlock(call->sandbox);
	if (!found)
		http_reply_error(call->reply, 404, "message not found");
}

static const struct route routes[] = {
	{"POST", "conversations/*/continue", continue_job},
	{"POST", "conversations/start", start},
	{"GET", "conversations/*/messages", list_messages},
	{"GET", "messages/*", get_message},
	{"GET", "agents", nairi_lists_agents},
	{"GET", "agents/**/conversations", nairi_lists_conversations},
	{"POST", "attachments", attachments_upload},
	{"GET", "attachments/*", attachments_get},
};

void nairi_api_handle(struct call *call)
{
	sandbox_lock(call->sandbox);
	call->org = accounts_org(call->sandbox->accounts,
				 http_header(call->request, "Authorization"));
	sandbox_unlock(call->sandbox);
	if (call->org == 0) {
		http_reply_error(call->reply, 401, "missing or invalid API key");
		return;
	}
	switch (route_dispatch(routes, sizeof(routes) / sizeof(routes[0]), call)) {
	case ROUTE_DONE:
		return;
	case ROUTE_NOT_FOUND:
		http_reply_error(call->reply, 404, "not found");
		return;
	case ROUTE_WRONG_METHOD:
		call->reply->status = 405;
		call->reply->content_type = "application/json";
		text_add(&call->reply->body, "{\"error\":\"method not allowed\"}");
		return;
	}
}
