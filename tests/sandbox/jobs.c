/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/jobs.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/table.h"
#include "tests/sandbox/turns.h"

struct jobs {
	struct table by_id;
	struct table messages;
	struct job **list;
	size_t count;
	size_t capacity;
	uint64_t arrivals;
	struct policy policy;
};

static const char *const status_names[] = {"active", "completed", "error", "abandoned"};
static const char *const platform_names[] = {"api", "slack", "discord", "web"};
static const char *const role_names[] = {"user", "assistant", "system", "progress"};
static const char *const message_status_names[] = {"queued", "pending", "completed", "failed"};

struct jobs *jobs_new(void)
{
	return memory_new(1, sizeof(struct jobs));
}

static void message_free(struct message *message)
{
	for (size_t i = 0; i < message->attachment_count; i++)
		free(message->attachment_ids[i]);
	free(message->attachment_ids);
	free(message->usage);
	free(message->progress);
	free(message->content);
	free(message);
}

static void job_free(struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		message_free(job->messages[i]);
	free(job->messages);
	free(job->policy);
	turn_plan_free(job->plan);
	free(job->agent_id);
	free(job);
}

void jobs_reset(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		job_free(jobs->list[i]);
	free(jobs->list);
	table_free(&jobs->by_id);
	table_free(&jobs->messages);
	*jobs = (struct jobs){0};
}

void jobs_free(struct jobs *jobs)
{
	jobs_reset(jobs);
	free(jobs);
}

struct job *jobs_create(struct sandbox *sandbox, const char *id, unsigned org,
			enum platform platform, const char *agent_id)
{
	struct jobs *jobs = sandbox->jobs;
	struct job *job = memory_new(1, sizeof(*job));

	job->created_ms = job->updated_ms = stamp_wall();
	if (id != NULL)
		memcpy(job->id, id, strlen(id) + 1);
	else
		ulid_make(&sandbox->ids, "job", job->created_ms, job->id);
	job->org = org;
	job->platform = platform;
	job->agent_id = memory_copy(agent_id);
	job->due = INT64_MAX;
	if (jobs->count == jobs->capacity) {
		jobs->capacity = jobs->capacity > 0 ? jobs->capacity * 2 : 64;
		jobs->list = memory_grow(jobs->list, jobs->capacity, sizeof(struct job *));
	}
	jobs->list[jobs->count++] = job;
	job->number = (unsigned)jobs->count;
	table_put(&jobs->by_id, job->id, job);
	return job;
}

struct job *jobs_find(const struct sandbox *sandbox, const char *id, unsigned org)
{
	struct job *job = table_get(&sandbox->jobs->by_id, id);

	return job != NULL && (org == 0 || job->org == org) ? job : NULL;
}

struct message *jobs_find_message(const struct sandbox *sandbox, const char *id, unsigned org)
{
	struct message *message = table_get(&sandbox->jobs->messages, id);

	return message != NULL && (org == 0 || message->job->org == org) ? message : NULL;
}

size_t jobs_count(const struct sandbox *sandbox)
{
	return sandbox->jobs->count;
}

struct job *jobs_at(const struct sandbox *sandbox, size_t index)
{
	return sandbox->jobs->list[index];
}

struct message *jobs_append(struct sandbox *sandbox, struct job *job, enum role role,
			    enum message_status status, const char *content)
{
	struct message *message = memory_new(1, sizeof(*message));

	message->created_ms = message->updated_ms = job->updated_ms = stamp_wall();
	ulid_make(&sandbox->ids, "cmsg", message->created_ms, message->id);
	message->job = job;
	message->role = role;
	message->status = status;
	message->content = memory_copy(content);
	message->arrival = ++sandbox->jobs->arrivals;
	if (job->count == job->capacity) {
		job->capacity = job->capacity > 0 ? job->capacity * 2 : 8;
		job->messages = memory_grow(job->messages, job->capacity, sizeof(struct message *));
	}
	job->messages[job->count++] = message;
	job->users += role == ROLE_USER;
	table_put(&sandbox->jobs->messages, message->id, message);
	sandbox_changed(sandbox);
	return message;
}

void jobs_set_message_status(struct sandbox *sandbox, struct message *message,
			     enum message_status status)
{
	message->status = status;
	message->updated_ms = message->job->updated_ms = stamp_wall();
	sandbox_changed(sandbox);
}

void jobs_set_status(struct sandbox *sandbox, struct job *job, enum job_status status)
{
	job->status = status;
	job->updated_ms = stamp_wall();
	sandbox_changed(sandbox);
}

bool job_has_ended(const struct job *job)
{
	return job->status == JOB_COMPLETED || job->status == JOB_ABANDONED;
}

struct policy *jobs_policy(const struct sandbox *sandbox, const struct job *job)
{
	return job != NULL && job->policy != NULL ? job->policy : &sandbox->jobs->policy;
}

const char *job_status_name(enum job_status status)
{
	return status_names[status];
}

const char *platform_name(enum platform platform)
{
	return platform_names[platform];
}

const char *role_name(enum role role)
{
	return role_names[role];
}

const char *message_status_name(enum message_status status)
{
	return message_status_names[status];
}

/* All four lists have four names. */
static int parse_name(const char *const names[4], const char *name)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

int job_status_parse(const char *name, enum job_status *ret_status)
{
	int found = parse_name(status_names, name);

	if (found < 0)
		return -1;
	*ret_status = (enum job_status)found;
	return 0;
}

int platform_parse(const char *name, enum platform *ret_platform)
{
	int found = parse_name(platform_names, name);

	if (found < 0)
		return -1;
	*ret_platform = (enum platform)found;
	return 0;
}

int role_parse(const char *name, enum role *ret_role)
{
	int found = parse_name(role_names, name);

	if (found < 0)
		return -1;
	*ret_role = (enum role)found;
	return 0;
}

int message_status_parse(const char *name, enum message_status *ret_status)
{
	int found = parse_name(message_status_names, name);

	if (found < 0)
		return -1;
	*ret_status = (enum message_status)found;
	return 0;
}

static void add_usage(cJSON *object, const struct usage *usage)
{
	cJSON_AddNumberToObject(object, "cost_usd", usage->cost_usd);
	cJSON_AddNumberToObject(object, "input_tokens", usage->input_tokens);
	cJSON_AddNumberToObject(object, "output_tokens", usage->output_tokens);
	cJSON_AddNumberToObject(object, "cache_read_tokens", usage->cache_read_tokens);
	cJSON_AddNumberToObject(object, "cache_write_tokens", usage->cache_write_tokens);
	cJSON_AddStringToObject(object, "model", usage->model);
}

static void add_progress(cJSON *object, const struct progress *progress)
{
	cJSON_AddStringToObject(object, "progress_type", progress->type);
	if (progress->tool_name == NULL)
		return;
	cJSON_AddStringToObject(object, "tool_name", progress->tool_name);
	cJSON_AddStringToObject(object, "tool_status", progress->tool_status);
	cJSON_AddStringToObject(object, "tool_use_id", progress->tool_use_id);
}

cJSON *message_json(const struct message *message)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *ids;

	cJSON_AddStringToObject(object, "id", message->id);
	cJSON_AddStringToObject(object, "job_id", message->job->id);
	cJSON_AddStringToObject(object, "content", message->content);
	cJSON_AddStringToObject(object, "role", role_name(message->role));
	cJSON_AddStringToObject(object, "status", message_status_name(message->status));
	doc_add_time(object, "created_at", message->created_ms);
	doc_add_time(object, "updated_at", message->updated_ms);
	if (message->attachment_count > 0) {
		ids = cJSON_AddArrayToObject(object, "attachment_ids");
		for (size_t i = 0; i < message->attachment_count; i++)
			cJSON_AddItemToArray(ids, cJSON_CreateString(message->attachment_ids[i]));
	}
	if (message->usage != NULL)
		add_usage(object, message->usage);
	if (message->progress != NULL)
		add_progress(object, message->progress);
	return object;
}
