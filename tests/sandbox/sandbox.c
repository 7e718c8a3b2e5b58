/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "tests/sandbox/accounts.h"
#include "tests/sandbox/attachments.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/github.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/jobs.h"
#include "tests/sandbox/quick.h"
#include "tests/sandbox/request_log.h"
#include "tests/sandbox/seeds.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/turns.h"

static void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

struct sandbox *sandbox_new(bool is_quick, const char *const *extra_keys, size_t extra_count)
{
	struct sandbox *sandbox = memory_new(1, sizeof(*sandbox));

	pthread_mutex_init(&sandbox->mutex, NULL);
	condition_init(&sandbox->changed);
	condition_init(&sandbox->released);
	sandbox->is_quick = is_quick;
	ulid_start(&sandbox->ids);
	sandbox->accounts = accounts_new(extra_keys, extra_count);
	sandbox->attachments = attachments_new();
	sandbox->faults = faults_new(&sandbox->special);
	sandbox->github = github_new(is_quick);
	sandbox->jobs = jobs_new();
	sandbox->quick = quick_new();
	sandbox->log = request_log_new();
	sandbox->turns = turns_new();
	seeds_plant(sandbox);
	return sandbox;
}

void sandbox_free(struct sandbox *sandbox)
{
	turns_free(sandbox->turns);
	request_log_free(sandbox->log);
	quick_free(sandbox->quick);
	jobs_free(sandbox->jobs);
	github_free(sandbox->github);
	faults_free(sandbox->faults);
	attachments_free(sandbox->attachments);
	accounts_free(sandbox->accounts);
	pthread_cond_destroy(&sandbox->released);
	pthread_cond_destroy(&sandbox->changed);
	pthread_mutex_destroy(&sandbox->mutex);
	free(sandbox);
}

void sandbox_lock(struct sandbox *sandbox)
{
	pthread_mutex_lock(&sandbox->mutex);
}

void sandbox_unlock(struct sandbox *sandbox)
{
	pthread_mutex_unlock(&sandbox->mutex);
}

void sandbox_unlock_at(struct sandbox **sandbox)
{
	sandbox_unlock(*sandbox);
}

void sandbox_reset(struct sandbox *sandbox)
{
	turns_reset(sandbox->turns);
	request_log_reset(sandbox->log);
	quick_reset(sandbox->quick);
	jobs_reset(sandbox->jobs);
	github_reset(sandbox->github);
	faults_reset(sandbox->faults);
	attachments_reset(sandbox->attachments);
	accounts_reset(sandbox->accounts);
	seeds_plant(sandbox);
	sandbox_release(sandbox);
	sandbox_changed(sandbox);
}

void sandbox_changed(struct sandbox *sandbox)
{
	pthread_cond_broadcast(&sandbox->changed);
}

int sandbox_wait_on(struct sandbox *sandbox, pthread_cond_t *condition, int64_t deadline)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline / 1000),
		.tv_nsec = (long)(deadline % 1000) * 1000000L,
	};

	return pthread_cond_timedwait(condition, &sandbox->mutex, &until) == ETIMEDOUT ? -1 : 0;
}

int sandbox_wait(struct sandbox *sandbox, int64_t deadline)
{
	if (sandbox->stopping || stamp_monotonic() >= deadline)
		return -1;
	sandbox_wait_on(sandbox, &sandbox->changed, deadline);
	return sandbox->stopping ? -1 : 0;
}

void sandbox_sleep(struct sandbox *sandbox, int64_t ms)
{
	int64_t deadline = stamp_deadline(ms);
	uint64_t release;

	sandbox_lock(sandbox);
	release = sandbox->release;
	while (!sandbox->stopping && sandbox->release == release && stamp_monotonic() < deadline)
		sandbox_wait_on(sandbox, &sandbox->released, deadline);
	sandbox_unlock(sandbox);
}

void sandbox_release(struct sandbox *sandbox)
{
	sandbox->release++;
	pthread_cond_broadcast(&sandbox->released);
}

void sandbox_stop(struct sandbox *sandbox)
{
	sandbox_lock(sandbox);
	sandbox->stopping = true;
	sandbox_release(sandbox);
	sandbox_changed(sandbox);
	turns_wake(sandbox->turns);
	sandbox_unlock(sandbox);
}
