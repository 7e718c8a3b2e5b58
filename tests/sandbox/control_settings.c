/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/accounts.h"
#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/turns.h"

static const char *const policies[] = {"accept-and-stall", "reject", "revive"};

cJSON *control_settings_policy_json(const struct policy *policy)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "policy", policies[policy->kind]);
	cJSON_AddNumberToObject(object, "status", policy->status);
	cJSON_AddStringToObject(object, "text", policy->text);
	return object;
}

static int find_policy(const char *name)
{
	for (int i = 0; name != NULL && i < 3; i++)
		if (strcmp(policies[i], name) == 0)
			return i;
	return -1;
}

/* The job that a document names, if it names one. Lock held; -1 when the reply is made. */
static int named_job(struct call *call, const cJSON *document, struct job **ret_job)
{
	const char *id = doc_string(document, "job");

	*ret_job = id != NULL ? jobs_find(call->sandbox, id, 0) : NULL;
	if (cJSON_HasObjectItem(document, "job") && *ret_job == NULL) {
		http_reply_error(call->reply, 404, "no such job");
		return -1;
	}
	return 0;
}

/* Lock held. */
static void set_policy(struct call *call, const cJSON *document, int kind)
{
	struct policy *policy = jobs_policy(call->sandbox, NULL);
	const char *text = doc_string(document, "text");
	struct job *job;

	if (named_job(call, document, &job) != 0)
		return;
	if (job != NULL) {
		if (job->policy == NULL)
			job->policy = memory_new(1, sizeof(*job->policy));
		*job->policy = *policy;
		policy = job->policy;
	}
	policy->kind = (enum policy_kind)kind;
	policy->status = (unsigned)doc_integer(document, "status", 400);
	snprintf(policy->text, sizeof(policy->text), "%s", text != NULL ? text : "job has ended");
	http_reply_json(call->reply, 200, control_settings_policy_json(policy));
}

void control_settings_policy(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "policy status text job");
	int64_t status;
	int kind;

	if (document == NULL)
		return;
	kind = find_policy(doc_string(document, "policy"));
	status = doc_integer(document, "status", 400);
	if (kind < 0 || status < 400 || status > 599) {
		http_reply_error(call->reply, 400, "policy is accept-and-stall|reject|revive, "
						   "status is 400 to 599");
		return;
	}
	sandbox_lock(call->sandbox);
	set_policy(call, document, kind);
	sandbox_unlock(call->sandbox);
}

/* Lock held. */
static void set_turns(struct call *call, const cJSON *document)
{
	const char *problem;
	struct turn_plan *plan;
	struct job *job;

	if (named_job(call, document, &job) != 0)
		return;
	plan = turn_plan_copy(turns_plan(call->sandbox, job));
	if (turn_plan_merge(plan, document, &problem) != 0) {
		turn_plan_free(plan);
		http_reply_error(call->reply, 400, "%s", problem);
		return;
	}
	http_reply_json(call->reply, 200, turn_plan_json(plan));
	if (job != NULL) {
		turns_set_job_plan(job, plan, doc_integer(document, "times", 0));
		return;
	}
	turn_plan_defaults(turns_plan(call->sandbox, NULL));
	*turns_plan(call->sandbox, NULL) = *plan;
	free(plan);
}

void control_settings_turns(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "job times " TURN_PLAN_MEMBERS);

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	set_turns(call, document);
	sandbox_unlock(call->sandbox);
}

void control_settings_show_turns(struct call *call)
{
	cJSON *document;

	sandbox_lock(call->sandbox);
	document = turn_plan_json(turns_plan(call->sandbox, NULL));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}

void control_settings_key(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "key org");
	int64_t org;

	if (document == NULL)
		return;
	org = doc_integer(document, "org", -1);
	if (doc_string(document, "key") == NULL || org < 0 || org > 2) {
		http_reply_error(call->reply, 400, "key is required, org is 1 or 2, or 0: revoked");
		return;
	}
	sandbox_lock(call->sandbox);
	accounts_set_key(call->sandbox->accounts, doc_string(document, "key"), (unsigned)org);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

void control_settings_agent(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "agent_id name org");
	const struct agent *agent;
	const char *slug;
	const char *name;
	int64_t org;

	if (document == NULL)
		return;
	slug = doc_string(document, "agent_id");
	name = doc_string(document, "name");
	org = doc_integer(document, "org", 1);
	if (slug == NULL || *slug == '\0' || org < 1 || org > 2) {
		http_reply_error(call->reply, 400, "agent_id is required, org is 1 or 2");
		return;
	}
	sandbox_lock(call->sandbox);
	agent = accounts_add_agent(call->sandbox->accounts, &call->sandbox->ids, (unsigned)org,
				   slug, name != NULL ? name : slug, DESCRIPTION_GIVEN);
	http_reply(call->reply, 201);
	text_addf(&call->reply->body, "{\"id\":\"%s\"}", agent->id);
	sandbox_unlock(call->sandbox);
}
