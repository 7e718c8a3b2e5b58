/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/quick.h"

#define WORK_MAX 86400000

/* What is wrong with the settings, NULL if nothing. Lock held. */
static const char *apply(struct sandbox *sandbox, const cJSON *document)
{
	const cJSON *answer = cJSON_GetObjectItemCaseSensitive(document, "answer");
	int64_t work_ms = doc_integer(document, "work_ms", -1);

	if (cJSON_HasObjectItem(document, "work_ms") && (work_ms < 0 || work_ms > WORK_MAX))
		return "work_ms is 0 to 86400000";
	if (answer != NULL && !cJSON_IsString(answer) && !cJSON_IsNull(answer))
		return "answer is a string or null";
	if (answer != NULL && quick_set_answer(sandbox, cJSON_IsString(answer)
								? answer->valuestring
								: "") != 0)
		return "answer is too long";
	if (work_ms >= 0)
		quick_set_work(sandbox, work_ms);
	if (doc_bool(document, "pending", false))
		quick_hold(sandbox);
	return NULL;
}

void control_quick_set(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "pending work_ms answer");
	const char *problem;

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	problem = apply(call->sandbox, document);
	sandbox_unlock(call->sandbox);
	if (problem == NULL)
		control_done(call);
	else
		http_reply_error(call->reply, 400, "%s", problem);
}

void control_quick_complete(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "job");
	const char *id = doc_string(document, "job");
	struct job *job;

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	job = id != NULL ? jobs_find(call->sandbox, id, 0) : NULL;
	if (cJSON_HasObjectItem(document, "job") && job == NULL) {
		http_reply_error(call->reply, 404, "no such job");
	} else {
		for (size_t i = 0; job == NULL && i < jobs_count(call->sandbox); i++)
			quick_complete(call->sandbox, jobs_at(call->sandbox, i));
		if (job != NULL)
			quick_complete(call->sandbox, job);
		control_done(call);
	}
	sandbox_unlock(call->sandbox);
}
