/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/quick.h"
#include "tests/sandbox/table.h"
#include "tests/sandbox/text.h"

/* Which messages of all jobs a query names; strings are owned, what is NULL is not asked for. */
struct search {
	char *job;
	char *role; /* of a user, unless it says "any" or another one */
	char *status;
	char *text;
	char *tag;
	int64_t limit;
};

static void search_read(const struct call *call, struct search *search)
{
	const struct request *request = call->request;

	search->job = http_query(request, "job");
	search->role = http_query(request, "role");
	search->status = http_query(request, "status");
	search->text = http_query(request, "text");
	search->tag = http_query(request, "tag");
	search->limit = http_query_integer(request, "limit", 1000, 0, 100000);
}

static void search_drop(struct search *search)
{
	free(search->job);
	free(search->role);
	free(search->status);
	free(search->text);
	free(search->tag);
}

static bool content_fits(const struct search *search, const char *content)
{
	char tag[128];

	if (search->text != NULL && strstr(content, search->text) == NULL)
		return false;
	if (search->tag == NULL)
		return true;
	text_find_tag(content, tag, sizeof(tag));
	return strcmp(tag, search->tag) == 0;
}

static bool message_fits(const struct search *search, const struct message *message)
{
	const char *role = role_name(message->role);

	if (search->role == NULL ? message->role != ROLE_USER
				 : strcmp(search->role, "any") != 0 && strcmp(search->role, role) != 0)
		return false;
	if (search->status != NULL &&
	    strcmp(search->status, message_status_name(message->status)) != 0)
		return false;
	return content_fits(search, message->content);
}

static int by_arrival(const void *one, const void *other)
{
	uint64_t first = (*(const struct message *const *)one)->arrival;
	uint64_t second = (*(const struct message *const *)other)->arrival;

	return (first > second) - (first < second);
}

/* What fits, in order of arrival, to free(). Lock held. */
static struct message **find(const struct sandbox *sandbox, const struct search *search,
			     size_t *ret_count)
{
	struct message **found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < jobs_count(sandbox); i++) {
		const struct job *job = jobs_at(sandbox, i);

		if (search->job != NULL && strcmp(search->job, job->id) != 0)
			continue;
		for (size_t j = 0; j < job->count; j++) {
			if (!message_fits(search, job->messages[j]))
				continue;
			found = memory_more(found, count, sizeof(struct message *));
			found[count++] = job->messages[j];
		}
	}
	if (count > 0)
		qsort(found, count, sizeof(struct message *), by_arrival);
	*ret_count = count;
	return found;
}

/* How many different jobs the messages are in. */
static size_t count_jobs(struct message *const *messages, size_t count)
{
	struct table jobs = {0};
	size_t different;

	for (size_t i = 0; i < count; i++)
		table_put(&jobs, messages[i]->job->id, messages[i]->job);
	different = jobs.count;
	table_free(&jobs);
	return different;
}

/* {"count", "jobs", "messages"}. Lock held. */
static cJSON *found_json(const struct call *call, int64_t *ret_count)
{
	CLEANUP(search_drop) struct search search;
	cJSON *document = cJSON_CreateObject();
	struct message **found;
	cJSON *array;
	size_t count;

	search_read(call, &search);
	found = find(call->sandbox, &search, &count);
	cJSON_AddNumberToObject(document, "count", (double)count);
	cJSON_AddNumberToObject(document, "jobs", (double)count_jobs(found, count));
	array = cJSON_AddArrayToObject(document, "messages");
	for (size_t i = 0; i < count && i < (size_t)search.limit; i++)
		cJSON_AddItemToArray(array, control_jobs_message_json(found[i]));
	free(found);
	*ret_count = (int64_t)count;
	return document;
}

void control_search_messages(struct call *call)
{
	cJSON *document;
	int64_t count;

	sandbox_lock(call->sandbox);
	document = found_json(call, &count);
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}

void control_search_wait(struct call *call)
{
	int64_t deadline = control_wait_deadline(call);
	int64_t wanted = control_wait_count(call);
	cJSON *document;
	int64_t count;

	sandbox_lock(call->sandbox);
	for (;;) {
		document = found_json(call, &count);
		if (count >= wanted || sandbox_wait(call->sandbox, deadline) != 0)
			break;
		cJSON_Delete(document);
	}
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, count >= wanted ? 200 : 408, document);
}

/* The user messages of all jobs that bear one tag. */
struct group {
	char tag[128];
	struct message **messages;
	size_t count;
};

static void group_add(struct table *groups, struct message *message)
{
	struct group *group;
	char tag[128];

	text_find_tag(message->content, tag, sizeof(tag));
	if (*tag == '\0')
		return;
	group = table_get(groups, tag);
	if (group == NULL) {
		group = memory_new(1, sizeof(*group));
		memcpy(group->tag, tag, sizeof(tag));
		table_put(groups, group->tag, group);
	}
	group->messages = memory_more(group->messages, group->count, sizeof(struct message *));
	group->messages[group->count++] = message;
}

static cJSON *group_json(const struct group *group)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *messages;

	cJSON_AddStringToObject(object, "tag", group->tag);
	cJSON_AddNumberToObject(object, "count", (double)group->count);
	cJSON_AddNumberToObject(object, "jobs",
				(double)count_jobs(group->messages, group->count));
	messages = cJSON_AddArrayToObject(object, "messages");
	for (size_t i = 0; i < group->count; i++) {
		cJSON *message = cJSON_CreateObject();

		cJSON_AddStringToObject(message, "job_id", group->messages[i]->job->id);
		cJSON_AddStringToObject(message, "id", group->messages[i]->id);
		cJSON_AddItemToArray(messages, message);
	}
	return object;
}

void control_search_duplicates(struct call *call)
{
	struct search users = {0};
	struct table groups = {0};
	cJSON *document = cJSON_CreateObject();
	cJSON *duplicates = cJSON_AddArrayToObject(document, "duplicates");
	struct message **found;
	size_t count;

	sandbox_lock(call->sandbox);
	found = find(call->sandbox, &users, &count);
	for (size_t i = 0; i < count; i++)
		group_add(&groups, found[i]);
	cJSON_AddNumberToObject(document, "tags", (double)groups.count);
	for (size_t i = 0; i < groups.capacity; i++) {
		struct group *group = groups.entries[i].value;

		if (group == NULL)
			continue;
		if (group->count > 1)
			cJSON_AddItemToArray(duplicates, group_json(group));
		free(group->messages);
		free(group);
	}
	sandbox_unlock(call->sandbox);
	free(found);
	table_free(&groups);
	http_reply_json(call->reply, 200, document);
}
