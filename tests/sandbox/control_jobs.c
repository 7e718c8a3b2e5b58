/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/accounts.h"
#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/notices.h"
#include "tests/sandbox/quick.h"
#include "tests/sandbox/seeds.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/table.h"
#include "tests/sandbox/text.h"
#include "tests/sandbox/turns.h"

static const char *const phases[] = {"idle", "queued", "working", "gap", "notice"};

cJSON *control_jobs_message_json(const struct message *message)
{
	cJSON *object = message_json(message);
	char tag[128];

	cJSON_AddNumberToObject(object, "arrival", (double)message->arrival);
	text_find_tag(message->content, tag, sizeof(tag));
	if (*tag != '\0')
		cJSON_AddStringToObject(object, "tag", tag);
	if (message->stalled)
		cJSON_AddTrueToObject(object, "stalled");
	return object;
}

/* How many user messages repeat the whole text of an earlier one, and how many its tag. */
static void count_duplicates(const struct job *job, unsigned *ret_texts, unsigned *ret_tags)
{
	struct table texts = {0};
	struct table tags = {0};
	char(*kept)[128] = memory_new(job->count, sizeof(*kept));

	*ret_texts = *ret_tags = 0;
	for (size_t i = 0; i < job->count; i++) {
		struct message *message = job->messages[i];

		if (message->role != ROLE_USER)
			continue;
		*ret_texts += table_get(&texts, message->content) != NULL;
		table_put(&texts, message->content, message);
		text_find_tag(message->content, kept[i], sizeof(*kept));
		if (kept[i][0] == '\0')
			continue;
		*ret_tags += table_get(&tags, kept[i]) != NULL;
		table_put(&tags, kept[i], message);
	}
	table_free(&texts);
	table_free(&tags);
	free(kept);
}

static cJSON *messages_json(const struct job *job, const char *role)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < job->count; i++)
		if (role == NULL || strcmp(role_name(job->messages[i]->role), role) == 0)
			cJSON_AddItemToArray(array, control_jobs_message_json(job->messages[i]));
	return array;
}

cJSON *control_jobs_json(const struct sandbox *sandbox, const struct job *job, bool messages)
{
	cJSON *object = cJSON_CreateObject();
	unsigned texts;
	unsigned tags;

	count_duplicates(job, &texts, &tags);
	cJSON_AddStringToObject(object, "id", job->id);
	cJSON_AddNumberToObject(object, "org", job->org);
	cJSON_AddStringToObject(object, "platform", platform_name(job->platform));
	cJSON_AddStringToObject(object, "status", job_status_name(job->status));
	if (job->agent_id != NULL)
		cJSON_AddStringToObject(object, "agent_id", job->agent_id);
	cJSON_AddBoolToObject(object, "ask_mode", job->ask_mode);
	cJSON_AddStringToObject(object, "phase", phases[job->phase]);
	cJSON_AddNumberToObject(object, "turns", job->turns);
	doc_add_time(object, "created_at", job->created_ms);
	doc_add_time(object, "updated_at", job->updated_ms);
	cJSON_AddNumberToObject(object, "user_messages", (double)job->users);
	cJSON_AddNumberToObject(object, "lists", (double)job->lists);
	cJSON_AddNumberToObject(object, "gets", (double)job->gets);
	cJSON_AddNumberToObject(object, "duplicates", texts);
	cJSON_AddNumberToObject(object, "duplicate_tags", tags);
	if (sandbox->is_quick)
		quick_add_counts(sandbox, job, cJSON_AddObjectToObject(object, "quick"));
	if (messages)
		cJSON_AddItemToObject(object, "messages", messages_json(job, NULL));
	return object;
}

void control_jobs_list(struct call *call)
{
	cJSON *document = cJSON_CreateObject();
	cJSON *jobs = cJSON_AddArrayToObject(document, "jobs");

	sandbox_lock(call->sandbox);
	for (size_t i = 0; i < jobs_count(call->sandbox); i++)
		cJSON_AddItemToArray(jobs, control_jobs_json(call->sandbox,
							     jobs_at(call->sandbox, i), false));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}

struct job *control_jobs_named(struct call *call)
{
	struct job *job = jobs_find(call->sandbox, call->path->segments[1], 0);

	if (job == NULL)
		http_reply_error(call->reply, 404, "no such job");
	return job;
}

void control_jobs_reply(struct call *call, const struct job *job)
{
	http_reply_json(call->reply, 200, control_jobs_json(call->sandbox, job, true));
}

/* Sets status, policy-free members and times from a document; a problem, or NULL. Lock held. */
static const char *apply(struct job *job, const cJSON *document)
{
	const char *status = doc_string(document, "status");
	const char *created = doc_string(document, "created_at");
	const char *updated = doc_string(document, "updated_at");

	if (status != NULL && job_status_parse(status, &job->status) != 0)
		return "status is active|completed|error|abandoned";
	if (created != NULL && stamp_parse(created, &job->created_ms) != 0)
		return "created_at is an RFC 3339 time";
	if (updated != NULL && stamp_parse(updated, &job->updated_ms) != 0)
		return "updated_at is an RFC 3339 time";
	job->ask_mode = doc_bool(document, "ask_mode", job->ask_mode);
	return NULL;
}

/* What is wrong with a seed, NULL if nothing. Lock held. */
static const char *check_seed(const struct sandbox *sandbox, const char *id, int64_t org,
			      const struct agent *agent)
{
	if (id != NULL && (!ulid_is_valid(id) || strlen(id) >= ULID_SIZE))
		return "id is not a well-formed one";
	if (id != NULL && jobs_find(sandbox, id, 0) != NULL)
		return "id is in use";
	if (org != 1 && org != 2)
		return "org is 1 or 2";
	if (agent == NULL)
		return "that organisation has no such agent";
	return NULL;
}

/* Lock held. */
static void seed(struct call *call, const cJSON *document)
{
	struct sandbox *sandbox = call->sandbox;
	const char *id = doc_string(document, "id");
	const char *slug = doc_string(document, "agent");
	const char *platform_text = doc_string(document, "platform");
	int64_t org = doc_integer(document, "org", 1);
	enum platform platform = PLATFORM_API;
	const struct agent *agent;
	const char *problem;
	struct job *job;

	if (slug == NULL)
		slug = org == 2 ? "other-agent" : "my-agent";
	agent = accounts_agent(sandbox->accounts, (unsigned)org, slug);
	problem = check_seed(sandbox, id, org, agent);
	if (problem == NULL && platform_text != NULL &&
	    platform_parse(platform_text, &platform) != 0)
		problem = "platform is api|slack|discord|web";
	if (problem != NULL) {
		http_reply_error(call->reply, 400, "%s", problem);
		return;
	}
	job = jobs_create(sandbox, id, (unsigned)org, platform, agent->id);
	problem = apply(job, document);
	if (problem != NULL) {
		http_reply_error(call->reply, 400, "%s", problem);
		return;
	}
	http_reply_json(call->reply, 201, control_jobs_json(sandbox, job, true));
}

void control_jobs_seed(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(
		call, "id org platform status agent ask_mode created_at updated_at");

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	seed(call, document);
	sandbox_unlock(call->sandbox);
}

void control_jobs_get(struct call *call)
{
	const struct job *job;

	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	if (job != NULL)
		control_jobs_reply(call, job);
	sandbox_unlock(call->sandbox);
}

void control_jobs_change(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document =
		control_read(call, "status ask_mode created_at updated_at");
	const char *problem;
	struct job *job;

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	problem = job != NULL ? apply(job, document) : NULL;
	if (problem != NULL)
		http_reply_error(call->reply, 400, "%s", problem);
	else if (job != NULL)
		control_jobs_reply(call, job);
	sandbox_changed(call->sandbox);
	sandbox_unlock(call->sandbox);
}

void control_jobs_messages(struct call *call)
{
	CLEANUP(memory_drop) char *role = http_query(call->request, "role");
	const struct job *job;
	cJSON *document;

	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	if (job != NULL) {
		document = cJSON_CreateObject();
		cJSON_AddItemToObject(document, "messages", messages_json(job, role));
		http_reply_json(call->reply, 200, document);
	}
	sandbox_unlock(call->sandbox);
}

void control_jobs_say(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "role content status");
	enum message_status status = MESSAGE_COMPLETED;
	enum role role = ROLE_SYSTEM;
	const struct message *message;
	const char *content;
	struct job *job;

	if (document == NULL)
		return;
	content = doc_string(document, "content");
	if (content == NULL ||
	    (cJSON_HasObjectItem(document, "role") &&
	     role_parse(doc_string(document, "role") != NULL ? doc_string(document, "role") : "",
			&role) != 0) ||
	    (doc_string(document, "status") != NULL &&
	     message_status_parse(doc_string(document, "status"), &status) != 0)) {
		http_reply_error(call->reply, 400, "content is required; role is user|assistant|"
						   "system|progress; status is queued|pending|"
						   "completed|failed");
		return;
	}
	/* A user's message wants its turn, unless it is said that it had one. */
	if (role == ROLE_USER && doc_string(document, "status") == NULL)
		status = MESSAGE_QUEUED;
	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	if (job != NULL) {
		message = jobs_append(call->sandbox, job, role, status, content);
		http_reply_json(call->reply, 201, message_json(message));
		turns_consider(call->sandbox, job);
	}
	sandbox_unlock(call->sandbox);
}

void control_jobs_end(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "form name branch");
	const char *form;
	enum ending ending;
	struct job *job;

	if (document == NULL)
		return;
	form = doc_string(document, "form");
	if (form == NULL || notices_ending_parse(form, &ending) != 0) {
		http_reply_error(call->reply, 400,
				 "form is merged|closed|inactive|abandoned|untidy");
		return;
	}
	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	if (job != NULL) {
		notices_end(call->sandbox, job, ending, doc_string(document, "name"),
			    doc_string(document, "branch"));
		control_jobs_reply(call, job);
	}
	sandbox_unlock(call->sandbox);
}
