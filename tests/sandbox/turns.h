/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_TURNS_H
#define SANDBOX_TURNS_H

#include <cjson/cJSON.h>

#include "tests/sandbox/jobs.h"

/*
 * What the agent does about user messages: per job one at a time, first come first served.
 * A thread of its own moves the jobs that are due. All calls: sandbox lock held, unless said.
 */

enum turn_outcome {
	OUTCOME_OK,
	OUTCOME_FAIL,  /* two S3 notices, the user message `failed`, the job `error` */
	OUTCOME_LOST,  /* the work was done, publishing failed: one S3 notice, no answer */
	OUTCOME_STALL, /* the message is never picked up */
	OUTCOME_GONE,  /* picked up, but the branch is gone: S5 with its S3, `failed`, the job ends */
};

enum cost_form { COST_ALTERNATE, COST_NONE, COST_ALL };
enum git_form { GIT_NONE, GIT_MARKDOWN, GIT_PLAIN };

struct turn_list {
	char **items;
	size_t count;
	bool given;
};

/* How turns go. Strings are owned; NULL means what is said beside it. */
struct turn_plan {
	bool manual; /* nothing moves but on command */
	int64_t pickup_ms; /* queued -> pending */
	int64_t work_ms;   /* pending -> answer */
	int64_t notice_ms; /* answer -> S1/S2; really 200 ms and more, here scaled by a tenth */
	int64_t answer_gap_ms; /* > 0: `completed` first, the answer so much later; < 0: the
				  other way round; 0: at once */
	enum turn_outcome outcome;
	int64_t progress; /* rows of progress at pick-up */
	enum cost_form cost;
	enum git_form git;
	bool late_error; /* an S3 notice about the PR footer after a good answer */
	bool without_pr; /* S2 without its "in ..." part */
	char *answer; /* "Done (turn N)." */
	char *pr_url; /* https://github.com/octo/hello/pull/<100 + number of the job> */
	char *git_warning; /* output of the GitHub CLI before the URL in S1: none */
	char *error_detail; /* "the agent stopped with exit code 1" */
	char *daemon; /* "nairid" */
	struct turn_list answers; /* several messages instead of `answer`; given, but empty: none */
	struct turn_list attachment_ids; /* of the answer */
};

void turn_plan_free(struct turn_plan *plan);

/* Sets the members that a JSON object names. -1 and a static text in *ret_problem if one of
 * them does not fit; the plan may then be half changed. */
int turn_plan_merge(struct turn_plan *plan, const cJSON *object, const char **ret_problem);
struct turn_plan *turn_plan_copy(const struct turn_plan *plan);
void turn_plan_defaults(struct turn_plan *plan);
cJSON *turn_plan_json(const struct turn_plan *plan);

/* The names that turn_plan_merge() understands, separated by spaces. */
#define TURN_PLAN_MEMBERS                                                                          \
	"manual pickup_ms work_ms notice_ms answer_gap_ms outcome progress cost git late_error "   \
	"without_pr answer pr_url git_warning error_detail daemon answers attachment_ids"

struct turns;

struct turns *turns_new(void);
void turns_free(struct turns *turns);

/* Forgets which jobs are at work and goes back to the default plan. */
void turns_reset(struct turns *turns);

/* The plan of a job, or the global one for NULL; for change too. */
struct turn_plan *turns_plan(const struct sandbox *sandbox, const struct job *job);

/* Gives a job a plan for `turns` turns (0: for ever); the job owns the plan. */
void turns_set_job_plan(struct job *job, struct turn_plan *plan, int64_t turns);

/* To be called whenever a job may have something to do. */
void turns_consider(struct sandbox *sandbox, struct job *job);

/* Moves a job one step, or to the end of the turn under way (or next); false if it is idle. */
bool turns_step(struct sandbox *sandbox, struct job *job);
bool turns_finish(struct sandbox *sandbox, struct job *job);

/* By hand, for turns that do not move by themselves: picks up the message that waits (false if
 * none does), or ends the turn under way with a message that is completed or failed (false if
 * there is none). Neither writes an answer or a notice. */
bool turns_pick_up(struct sandbox *sandbox, struct job *job);
bool turns_complete(struct sandbox *sandbox, struct job *job, bool failed);

/* Takes a job off the list of work: what is queued stays queued for ever. */
void turns_abandon(struct sandbox *sandbox, struct job *job);

/* The thread; runs until sandbox_stop(). Lock NOT held. `argument` is the sandbox. */
void *turns_run(void *argument);
void turns_wake(struct turns *turns);

#endif
