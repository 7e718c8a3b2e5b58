/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/accounts.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/jobs.h"
#include "tests/sandbox/nairi_api.h"
#include "tests/sandbox/stamp.h"

struct listing {
	bool statuses[4]; /* by enum job_status */
	int64_t updated_after; /* INT64_MIN: no bound */
	int (*compare)(const void *one, const void *other);
	int64_t limit;
	int64_t offset;
};

static const struct job *job_at(const void *element)
{
	return *(const struct job *const *)element;
}

static int order(int64_t one, int64_t other)
{
	return (one > other) - (one < other);
}

static int created_asc(const void *one, const void *other)
{
	int by_time = order(job_at(one)->created_ms, job_at(other)->created_ms);

	return by_time != 0 ? by_time : order(job_at(one)->number, job_at(other)->number);
}

static int created_desc(const void *one, const void *other)
{
	return created_asc(other, one);
}

static int updated_asc(const void *one, const void *other)
{
	int by_time = order(job_at(one)->updated_ms, job_at(other)->updated_ms);

	return by_time != 0 ? by_time : order(job_at(one)->number, job_at(other)->number);
}

static int updated_desc(const void *one, const void *other)
{
	return updated_asc(other, one);
}

/* A comma-separated list of statuses, case-sensitive, no empty segment. */
static int read_statuses(const struct request *request, struct listing *listing)
{
	CLEANUP(memory_drop) char *value = http_query(request, "status");
	char *at = value;

	for (size_t i = 0; i < 4; i++)
		listing->statuses[i] = value == NULL;
	while (at != NULL) {
		char *comma = strchr(at, ',');
		enum job_status status;

		if (comma != NULL)
			*comma++ = '\0';
		if (job_status_parse(at, &status) != 0)
			return -1;
		listing->statuses[status] = true;
		at = comma;
	}
	return 0;
}

static int read_sort(const struct request *request, struct listing *listing)
{
	static const struct {
		const char *name;
		int (*compare)(const void *one, const void *other);
	} sorts[] = {
		{"created_at_desc", created_desc},
		{"created_at_asc", created_asc},
		{"updated_at_desc", updated_desc},
		{"updated_at_asc", updated_asc},
	};
	CLEANUP(memory_drop) char *value = http_query(request, "sort");

	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
		if (value == NULL || strcmp(value, sorts[i].name) == 0) {
			listing->compare = sorts[i].compare;
			return 0;
		}
	}
	return -1;
}

static int read_number(const struct request *request, const char *name, int64_t fallback,
		       int64_t min, int64_t max, int64_t *ret_number)
{
	CLEANUP(memory_drop) char *value = http_query(request, name);

	*ret_number = value == NULL ? fallback
				    : http_query_integer(request, name, INT64_MIN, min, max);
	return *ret_number == INT64_MIN ? -1 : 0;
}

/* What is wrong with the query, NULL if nothing. */
static const char *read_listing(const struct request *request, struct listing *listing)
{
	CLEANUP(memory_drop) char *after = http_query(request, "updated_after");

	listing->updated_after = INT64_MIN;
	if (after != NULL && stamp_parse(after, &listing->updated_after) != 0)
		return "invalid updated_after";
	if (read_statuses(request, listing) != 0)
		return "invalid status";
	if (read_sort(request, listing) != 0)
		return "invalid sort";
	if (read_number(request, "limit", 50, 1, 100, &listing->limit) != 0)
		return "invalid limit";
	if (read_number(request, "offset", 0, 0, INT32_MAX, &listing->offset) != 0)
		return "invalid offset";
	return NULL;
}

static cJSON *row_json(const struct job *job)
{
	cJSON *row = cJSON_CreateObject();

	cJSON_AddStringToObject(row, "id", job->id);
	cJSON_AddStringToObject(row, "status", job_status_name(job->status));
	doc_add_time(row, "created_at", job->created_ms);
	doc_add_time(row, "updated_at", job->updated_ms);
	return row;
}

/* Lock held. */
static cJSON *rows_json(const struct sandbox *sandbox, const struct agent *agent,
			const struct listing *listing)
{
	size_t total = jobs_count(sandbox);
	const struct job **found = memory_new(total, sizeof(*found));
	cJSON *rows = cJSON_CreateArray();
	size_t count = 0;

	for (size_t i = 0; i < total; i++) {
		const struct job *job = jobs_at(sandbox, i);

		if (job->agent_id != NULL && strcmp(job->agent_id, agent->id) == 0 &&
		    listing->statuses[job->status] && job->updated_ms > listing->updated_after)
			found[count++] = job;
	}
	qsort(found, count, sizeof(*found), listing->compare);
	for (size_t i = (size_t)listing->offset;
	     i < count && i < (size_t)(listing->offset + listing->limit); i++)
		cJSON_AddItemToArray(rows, row_json(found[i]));
	free(found);
	return rows;
}

/* The agent's reference stands in all segments but the first and the last: a raw slash splits. */
static char *agent_reference(const struct route_path *path)
{
	struct text reference = {0};

	for (size_t i = 1; i + 1 < path->count; i++) {
		if (i > 1)
			text_add(&reference, "/");
		text_add(&reference, path->segments[i]);
	}
	return reference.data;
}

void nairi_lists_conversations(struct call *call)
{
	CLEANUP(memory_drop) char *reference = agent_reference(call->path);
	struct listing listing = {0};
	const char *problem;
	const struct agent *agent;
	cJSON *rows = NULL;
	cJSON *document;

	if (strncmp(reference, "cci_", 4) == 0 && !ulid_is_valid(reference)) {
		http_reply_error(call->reply, 400, "invalid agent id");
		return;
	}
	problem = read_listing(call->request, &listing);
	if (problem != NULL) {
		http_reply_error(call->reply, 400, "%s", problem);
		return;
	}
	sandbox_lock(call->sandbox);
	agent = accounts_agent(call->sandbox->accounts, call->org, reference);
	if (agent != NULL)
		rows = rows_json(call->sandbox, agent, &listing);
	sandbox_unlock(call->sandbox);
	if (rows == NULL) {
		http_reply_error(call->reply, 404, "agent not found");
		return;
	}
	document = cJSON_CreateObject();
	cJSON_AddItemToObject(document, "conversations", rows);
	http_reply_json(call->reply, 200, document);
}

static cJSON *agent_json(const struct agent *agent)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "id", agent->id);
	cJSON_AddStringToObject(object, "name", agent->name);
	cJSON_AddStringToObject(object, "agent_id", agent->slug);
	cJSON_AddNumberToObject(object, "instances_count", 1);
	if (agent->description == DESCRIPTION_GIVEN)
		cJSON_AddStringToObject(object, "description", "Looks after the code.");
	else if (agent->description == DESCRIPTION_NULL)
		cJSON_AddNullToObject(object, "description");
	cJSON_AddBoolToObject(object, "is_self_hosted", agent->description == DESCRIPTION_GIVEN);
	if (agent->description != DESCRIPTION_ABSENT)
		cJSON_AddNullToObject(object, "system_prompt");
	doc_add_time(object, "created_at", agent->created_ms);
	doc_add_time(object, "updated_at", agent->created_ms);
	return object;
}

void nairi_lists_agents(struct call *call)
{
	cJSON *array = cJSON_CreateArray();
	const struct agent *agent;
	size_t at = 0;

	sandbox_lock(call->sandbox);
	while ((agent = accounts_next_agent(call->sandbox->accounts, call->org, &at)) != NULL)
		cJSON_AddItemToArray(array, agent_json(agent));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, array);
}
