/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's tick: when it comes, and what it may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "bridge/base/clock.h"
#include "tests/support/committer_kit.h"

static void start(struct bench *bench)
{
	struct error err;

	assert_int_equal(committer_start(bench->committer, &err), 0);
}

static void wait_ticks(struct bench *bench, int count)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&bench->lock);
	while (bench->ticks < count && failed == 0)
		failed = pthread_cond_timedwait(&bench->changed, &bench->lock, &ts);
	pthread_mutex_unlock(&bench->lock);
	assert_int_equal(failed, 0);
}

static int ticks(struct bench *bench)
{
	pthread_mutex_lock(&bench->lock);
	int count = bench->ticks;
	pthread_mutex_unlock(&bench->lock);
	return count;
}

static void push_one(struct bench *bench)
{
	(void)push(bench);
	(void)keep(bench);
}

static void a_tick_may_push(void **state)
{
	struct bench *bench = *state;

	bench->on_tick = push_one;
	start(bench);
	wait_done(bench, 2);
	wait_ticks(bench, 2); /* at the start, and after the batch */
}

static void ticks_when_woken(void **state)
{
	struct bench *bench = *state;

	wait_ticks(bench, 1);
	for (int i = 0; i < 5; i++) {
		int before = ticks(bench);
		committer_wake(bench->committer);
		wait_ticks(bench, before + 1);
	}
}

static void ticks_at_the_moment_it_asked_for(void **state)
{
	struct bench *bench = *state;

	bench->tick_returns = 20;
	start(bench);
	int64_t before = clock_mono_ms();
	wait_ticks(bench, 6);
	int64_t took = clock_mono_ms() - before;
	assert_true(took >= 80); /* five pauses of 20, the first of which had begun */
	stop(bench, 1000);
	assert_true(ticks(bench) <= 6 + (int)(clock_mono_ms() - before) / 20 + 2); /* and it does not spin */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNSTARTED(a_tick_may_push),
		STARTED(ticks_when_woken),
		UNSTARTED(ticks_at_the_moment_it_asked_for),
	};

	quiet();
	return cmocka_run_group_tests_name("committer_tick", tests, NULL, NULL);
}
