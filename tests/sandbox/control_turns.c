/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/notices.h"
#include "tests/sandbox/turns.h"

/* A copy of the job's plan with what the request says about this once; NULL when the reply is
 * made. Lock held. */
static struct turn_plan *plan_for_once(struct call *call, const struct job *job,
				       const cJSON *document)
{
	struct turn_plan *plan = turn_plan_copy(turns_plan(call->sandbox, job));
	const char *problem;

	if (turn_plan_merge(plan, document, &problem) == 0)
		return plan;
	turn_plan_free(plan);
	http_reply_error(call->reply, 400, "%s", problem);
	return NULL;
}

static void reply_moved(struct call *call, const struct job *job, bool moved)
{
	if (moved)
		control_jobs_reply(call, job);
	else
		http_reply_error(call->reply, 409, "no turn is at that point");
}

/* Moves a turn, under another plan if the request has one for it. */
static void move(struct call *call, bool (*how)(struct sandbox *sandbox, struct job *job))
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, TURN_PLAN_MEMBERS);
	struct turn_plan *plan;
	struct job *job;

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	plan = job != NULL ? plan_for_once(call, job, document) : NULL;
	if (plan != NULL) {
		if (document->child != NULL)
			turns_set_job_plan(job, plan, 1);
		else
			turn_plan_free(plan);
		reply_moved(call, job, how(call->sandbox, job));
	}
	sandbox_unlock(call->sandbox);
}

void control_turns_advance(struct call *call)
{
	move(call, turns_step);
}

void control_turns_finish(struct call *call)
{
	move(call, turns_finish);
}

void control_turns_pick_up(struct call *call)
{
	move(call, turns_pick_up);
}

/* Says something as agent or daemon; the turn stays where it is. */
static void say(struct call *call, const cJSON *document,
		void (*how)(struct sandbox *sandbox, struct job *job,
			    const struct turn_plan *plan))
{
	struct turn_plan *plan;
	struct job *job;

	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	plan = job != NULL ? plan_for_once(call, job, document) : NULL;
	if (plan != NULL) {
		how(call->sandbox, job, plan);
		turn_plan_free(plan);
		control_jobs_reply(call, job);
	}
	sandbox_unlock(call->sandbox);
}

void control_turns_answer(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, TURN_PLAN_MEMBERS);

	if (document != NULL)
		say(call, document, notices_answer);
}

void control_turns_notice(struct call *call)
{
	static const struct {
		const char *name;
		void (*how)(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);
	} notices[] = {
		{"opened", notices_opened}, {"added", notices_added},
		{"failed", notices_failed}, {"lost", notices_lost},
		{"late_error", notices_late_error},
	};
	CLEANUP(doc_drop) cJSON *document = control_read(call, "notice " TURN_PLAN_MEMBERS);
	const char *wanted = doc_string(document, "notice");

	if (document == NULL)
		return;
	for (size_t i = 0; wanted != NULL && i < sizeof(notices) / sizeof(notices[0]); i++) {
		if (strcmp(notices[i].name, wanted) == 0) {
			say(call, document, notices[i].how);
			return;
		}
	}
	http_reply_error(call->reply, 400, "notice is opened|added|failed|lost|late_error");
}

void control_turns_complete(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "status");
	enum message_status status = MESSAGE_COMPLETED;
	const char *wanted = doc_string(document, "status");
	struct job *job;

	if (document == NULL)
		return;
	if (cJSON_HasObjectItem(document, "status") &&
	    (wanted == NULL || message_status_parse(wanted, &status) != 0 ||
	     (status != MESSAGE_COMPLETED && status != MESSAGE_FAILED))) {
		http_reply_error(call->reply, 400, "status is completed|failed");
		return;
	}
	sandbox_lock(call->sandbox);
	job = control_jobs_named(call);
	if (job != NULL)
		reply_moved(call, job,
			    turns_complete(call->sandbox, job, status == MESSAGE_FAILED));
	sandbox_unlock(call->sandbox);
}
