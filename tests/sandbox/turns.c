/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/turns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/notices.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/text.h"

struct turns {
	struct job *at_work; /* a list through next_at_work */
	struct turn_plan plan;
	pthread_cond_t wake;
};

struct turns *turns_new(void)
{
	struct turns *turns = memory_new(1, sizeof(*turns));
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&turns->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	turn_plan_defaults(&turns->plan);
	return turns;
}

void turns_reset(struct turns *turns)
{
	turns->at_work = NULL;
	turn_plan_defaults(&turns->plan);
}

void turns_free(struct turns *turns)
{
	turn_plan_defaults(&turns->plan);
	pthread_cond_destroy(&turns->wake);
	free(turns);
}

struct turn_plan *turns_plan(const struct sandbox *sandbox, const struct job *job)
{
	return job != NULL && job->plan != NULL ? job->plan : &sandbox->turns->plan;
}

void turns_set_job_plan(struct job *job, struct turn_plan *plan, int64_t turns)
{
	turn_plan_free(job->plan);
	job->plan = plan;
	job->plan_turns = turns;
}

void turns_wake(struct turns *turns)
{
	pthread_cond_signal(&turns->wake);
}

static void take_off(struct turns *turns, struct job *job)
{
	struct job **at = &turns->at_work;

	if (!job->at_work)
		return;
	while (*at != job)
		at = &(*at)->next_at_work;
	*at = job->next_at_work;
	job->at_work = false;
}

void turns_abandon(struct sandbox *sandbox, struct job *job)
{
	take_off(sandbox->turns, job);
	job->phase = TURN_IDLE;
	job->turn_message = NULL;
	for (; job->cursor < job->count; job->cursor++)
		if (job->messages[job->cursor]->role == ROLE_USER)
			job->messages[job->cursor]->stalled = true;
}

/* Enters a phase that lasts `ms`. */
static void enter(struct sandbox *sandbox, struct job *job, enum turn_phase phase, int64_t ms)
{
	job->phase = phase;
	job->due = turns_plan(sandbox, job)->manual ? INT64_MAX : stamp_deadline(ms);
	turns_wake(sandbox->turns);
}

static struct message *next_message(struct job *job)
{
	for (; job->cursor < job->count; job->cursor++) {
		struct message *message = job->messages[job->cursor];

		if (message->role == ROLE_USER && message->status == MESSAGE_QUEUED &&
		    !message->stalled)
			return message;
	}
	return NULL;
}

void turns_consider(struct sandbox *sandbox, struct job *job)
{
	struct turns *turns = sandbox->turns;
	struct turn_plan *plan = turns_plan(sandbox, job);

	if (job->phase != TURN_IDLE || job_has_ended(job))
		return;
	while ((job->turn_message = next_message(job)) != NULL && plan->outcome == OUTCOME_STALL)
		job->turn_message->stalled = true;
	if (job->turn_message == NULL) {
		take_off(turns, job);
		return;
	}
	if (!job->at_work) {
		job->at_work = true;
		job->next_at_work = turns->at_work;
		turns->at_work = job;
	}
	enter(sandbox, job, TURN_QUEUED, plan->pickup_ms);
}

static void end_turn(struct sandbox *sandbox, struct job *job)
{
	job->phase = TURN_IDLE;
	job->due = INT64_MAX;
	job->turn_message = NULL;
	job->turns++;
	if (job->plan != NULL && job->plan_turns > 0 && --job->plan_turns == 0) {
		turn_plan_free(job->plan);
		job->plan = NULL;
	}
	turns_consider(sandbox, job);
}

static void pick_up(struct sandbox *sandbox, struct job *job)
{
	const struct turn_plan *plan = turns_plan(sandbox, job);

	jobs_set_message_status(sandbox, job->turn_message, MESSAGE_PENDING);
	jobs_set_status(sandbox, job, JOB_ACTIVE);
	for (int64_t i = 0; i < plan->progress; i++)
		notices_progress(sandbox, job, i);
	enter(sandbox, job, TURN_WORKING, plan->work_ms);
}

static void fail(struct sandbox *sandbox, struct job *job)
{
	const struct turn_plan *plan = turns_plan(sandbox, job);

	if (plan->outcome == OUTCOME_LOST)
		notices_lost(sandbox, job, plan);
	else
		notices_failed(sandbox, job, plan);
	jobs_set_message_status(sandbox, job->turn_message, MESSAGE_FAILED);
	jobs_set_status(sandbox, job, JOB_ERROR);
	end_turn(sandbox, job);
}

static void abandon(struct sandbox *sandbox, struct job *job)
{
	jobs_set_message_status(sandbox, job->turn_message, MESSAGE_FAILED);
	job->turns++;
	notices_end(sandbox, job, ENDING_ABANDONED, NULL, NULL);
}

static void after_answer(struct sandbox *sandbox, struct job *job)
{
	const struct turn_plan *plan = turns_plan(sandbox, job);

	if (plan->git == GIT_NONE && !plan->late_error)
		end_turn(sandbox, job);
	else
		enter(sandbox, job, TURN_NOTICE, plan->notice_ms);
}

static void answer(struct sandbox *sandbox, struct job *job)
{
	const struct turn_plan *plan = turns_plan(sandbox, job);
	int64_t gap = plan->answer_gap_ms;

	if (gap >= 0)
		jobs_set_message_status(sandbox, job->turn_message, MESSAGE_COMPLETED);
	if (gap <= 0)
		notices_answer(sandbox, job, plan);
	if (gap == 0)
		after_answer(sandbox, job);
	else
		enter(sandbox, job, TURN_GAP, gap > 0 ? gap : -gap);
}

static void close_gap(struct sandbox *sandbox, struct job *job)
{
	const struct turn_plan *plan = turns_plan(sandbox, job);

	if (job->turn_message->status == MESSAGE_COMPLETED)
		notices_answer(sandbox, job, plan);
	else
		jobs_set_message_status(sandbox, job->turn_message, MESSAGE_COMPLETED);
	after_answer(sandbox, job);
}

static void give_notice(struct sandbox *sandbox, struct job *job)
{
	const struct turn_plan *plan = turns_plan(sandbox, job);

	if (plan->git != GIT_NONE)
		notices_git(sandbox, job, plan);
	if (plan->late_error) {
		notices_late_error(sandbox, job, plan);
		jobs_set_status(sandbox, job, JOB_ERROR);
	}
	end_turn(sandbox, job);
}

bool turns_step(struct sandbox *sandbox, struct job *job)
{
	enum turn_outcome outcome = turns_plan(sandbox, job)->outcome;

	switch (job->phase) {
	case TURN_IDLE:
		return false;
	case TURN_QUEUED:
		pick_up(sandbox, job);
		return true;
	case TURN_WORKING:
		if (outcome == OUTCOME_FAIL || outcome == OUTCOME_LOST)
			fail(sandbox, job);
		else if (outcome == OUTCOME_GONE)
			abandon(sandbox, job);
		else
			answer(sandbox, job);
		return true;
	case TURN_GAP:
		close_gap(sandbox, job);
		return true;
	case TURN_NOTICE:
		give_notice(sandbox, job);
		return true;
	}
	return false;
}

bool turns_finish(struct sandbox *sandbox, struct job *job)
{
	unsigned before = job->turns;

	while (job->turns == before)
		if (!turns_step(sandbox, job))
			return false;
	return true;
}

bool turns_pick_up(struct sandbox *sandbox, struct job *job)
{
	if (job->phase != TURN_QUEUED)
		return false;
	pick_up(sandbox, job);
	/* What a hand has begun, a hand ends. */
	job->due = INT64_MAX;
	return true;
}

bool turns_complete(struct sandbox *sandbox, struct job *job, bool failed)
{
	if (job->phase == TURN_IDLE || job->phase == TURN_QUEUED)
		return false;
	jobs_set_message_status(sandbox, job->turn_message,
				failed ? MESSAGE_FAILED : MESSAGE_COMPLETED);
	if (failed)
		jobs_set_status(sandbox, job, JOB_ERROR);
	end_turn(sandbox, job);
	return true;
}

/* Moves every job that is due; returns when the next one will be. */
static int64_t run_due(struct sandbox *sandbox)
{
	int64_t now = stamp_monotonic();
	int64_t next = now + 3600000;
	struct job *job = sandbox->turns->at_work;

	while (job != NULL) {
		/* A step may take the job off the list or put it at its head again. */
		struct job *following = job->next_at_work;

		if (job->due <= now)
			turns_step(sandbox, job);
		if (job->at_work && job->due < next)
			next = job->due;
		job = following;
	}
	return next;
}

void *turns_run(void *argument)
{
	struct sandbox *sandbox = argument;

	sandbox_lock(sandbox);
	while (!sandbox->stopping) {
		int64_t next = run_due(sandbox);

		sandbox_wait_on(sandbox, &sandbox->turns->wake, next);
	}
	sandbox_unlock(sandbox);
	return NULL;
}
