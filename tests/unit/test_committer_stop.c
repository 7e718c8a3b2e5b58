/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of items when the committer stops. */
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

static void stop_commits_what_waits(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 2000; i++)
		(void)(i % 2 == 0 ? keep(bench) : push(bench));
	stop(bench, DEADLINE_MS);
	assert_int_equal(bench->done_count, 2000);
	for (size_t i = 0; i < 2000; i++)
		assert_int_equal(bench->items[i]->result, ERR_NONE);
	assert_int_equal(stored(bench, bench->items[1999]), 1);
	struct item *late = item_new(bench);
	assert_false(committer_push(bench->committer, &late->item));
	late->done = 1; /* it is ours: for teardown's count */
}

static void *stop_thread(void *ctx)
{
	committer_stop(((struct bench *)ctx)->committer, DEADLINE_MS);
	return NULL;
}

static void keep_one_more(struct item *item)
{
	(void)keep(item->bench);
}

/* Outcomes that come while it drains are still recorded. */
static void takes_kept_items_while_it_drains(void **state)
{
	struct bench *bench = *state;
	pthread_t stopper;

	struct item *first = push_holding(bench);
	first->then = keep_one_more;
	assert_int_equal(pthread_create(&stopper, NULL, stop_thread, bench), 0);
	bench->stopped = true;
	/* Refused as soon as the stop was seen; until then it is taken, and committed. */
	for (int64_t until = clock_mono_ms() + DEADLINE_MS; clock_mono_ms() < until;) {
		struct item *item = item_new(bench);
		if (!committer_push(bench->committer, &item->item)) {
			item->done = 1;
			break;
		}
		if (bench->item_count > ITEMS - 10)
			break;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	struct item *kept = keep(bench);
	open_gate(bench);
	assert_int_equal(pthread_join(stopper, NULL), 0);
	assert_int_equal(kept->result, ERR_NONE);
	assert_int_equal(stored(bench, kept), 1);
	const struct item *last = bench->items[bench->item_count - 1];
	assert_int_equal(last->done, 1);
	assert_int_equal(last->result, ERR_NONE);
}

/* After the end nobody can keep anything, and the owner has to hear of it. */
static void an_item_after_the_end_comes_back(void **state)
{
	struct bench *bench = *state;

	stop(bench, 1000);
	struct item *late = keep(bench);
	assert_int_equal(late->done, 1);
	assert_int_not_equal(late->result, ERR_NONE);
}

static void stop_is_quick_when_nothing_waits(void **state)
{
	struct bench *bench = *state;

	pthread_mutex_lock(&bench->lock);
	bench->tick_returns = 5;
	pthread_mutex_unlock(&bench->lock);
	committer_wake(bench->committer);
	int64_t before = clock_mono_ms();
	stop(bench, DEADLINE_MS);
	assert_true(clock_mono_ms() - before < DEADLINE_MS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STARTED(stop_commits_what_waits),
		STARTED(takes_kept_items_while_it_drains),
		STARTED(an_item_after_the_end_comes_back),
		STARTED(stop_is_quick_when_nothing_waits),
	};

	quiet();
	return cmocka_run_group_tests_name("committer_stop", tests, NULL, NULL);
}
