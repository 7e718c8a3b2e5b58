/* SPDX-License-Identifier: Apache-2.0 */
/* What is pushed and kept, one by one and in groups, and an item that fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "tests/support/committer_kit.h"

/* ---- one by one and in groups ---- */

static void commits(void **state)
{
	struct bench *bench = *state;
	struct committer_stats stats;
	struct item *item = push(bench);

	wait_done(bench, 1);
	assert_int_equal(item->result, ERR_NONE);
	assert_int_equal(item->applied, 1);
	assert_int_equal(stored(bench, item), 1);
	assert_false(pthread_equal(item->thread, pthread_self()));
	committer_stats(bench->committer, &stats);
	assert_true(stats.healthy);
	assert_int_equal(stats.batches, 1);
	assert_int_equal(stats.items, 1);
	assert_true(stats.waiting <= 1); /* it waits until the tick has seen it */
	stop(bench, 1000);
	committer_stats(bench->committer, &stats);
	assert_int_equal(stats.waiting, 0);
}

static void what_gathers_is_committed_at_once(void **state)
{
	struct bench *bench = *state;
	struct committer_stats stats;

	(void)push_holding(bench);
	for (int i = 0; i < 500; i++)
		(void)(i % 3 == 0 ? keep(bench) : push(bench));
	committer_stats(bench->committer, &stats);
	assert_int_equal(stats.waiting, 501); /* and the one that is being worked on */
	open_gate(bench);
	wait_done(bench, 501);
	committer_stats(bench->committer, &stats);
	assert_int_equal(stats.batches, 2);
	assert_int_equal(stats.items, 501);
	assert_int_equal(stats.largest, 500);
	for (size_t i = 0; i < 501; i++) {
		assert_int_equal(bench->items[i]->order, i); /* in the order of the queue */
		assert_int_equal(bench->items[i]->result, ERR_NONE);
		assert_int_equal(bench->items[i]->applied, 1);
	}
	assert_int_equal(stored(bench, bench->items[500]), 1);
}

static void a_long_queue_takes_several_batches(void **state)
{
	struct bench *bench = *state;
	struct committer_stats stats;

	(void)push_holding(bench);
	for (int i = 0; i < 2400; i++)
		(void)push(bench);
	open_gate(bench);
	wait_done(bench, 2401);
	committer_stats(bench->committer, &stats);
	assert_true(stats.batches >= 3 && stats.batches <= 5);
	assert_true(stats.largest <= 2400);
	for (size_t i = 0; i < 2401; i++)
		assert_int_equal(bench->items[i]->order, i);
}

static void done_comes_after_the_commit(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 20; i++) {
		struct item *item = push(bench);
		wait_done(bench, (size_t)i + 1);
		assert_int_equal(stored(bench, item), 1); /* seen by another connection */
	}
}

static void what_only_wants_the_thread_needs_no_store(void **state)
{
	struct bench *bench = *state;
	struct committer_stats before, after;

	struct item *first = push(bench);
	wait_done(bench, 1);
	assert_int_equal(stored(bench, first), 1);
	committer_stats(bench->committer, &before);
	assert_int_equal(sqlite3_exec(bench->other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (size_t i = 0; i < 10; i++) {
		struct item *item = item_new(bench);
		item->item.apply = NULL;
		committer_keep(bench->committer, &item->item);
		wait_done(bench, i + 2);
		assert_int_equal(item->result, ERR_NONE);
		assert_false(pthread_equal(item->thread, pthread_self()));
	}
	committer_stats(bench->committer, &after);
	assert_int_equal(after.batches, before.batches);
	assert_int_equal(sqlite3_exec(bench->other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
}

/* ---- pushed from elsewhere ---- */

static void push_again(struct item *item)
{
	if (item->bench->item_count < 50)
		keep(item->bench)->then = push_again;
}

static void done_may_push(void **state)
{
	struct bench *bench = *state;

	struct item *first = item_new(bench);
	first->then = push_again;
	assert_true(committer_push(bench->committer, &first->item));
	wait_done(bench, 50);
}

static void *push_many(void *ctx)
{
	struct bench *bench = ctx;

	for (int i = 0; i < 400; i++) {
		pthread_mutex_lock(&bench->lock);
		struct item *item = item_new(bench);
		pthread_mutex_unlock(&bench->lock);
		if (i % 2 == 0)
			committer_keep(bench->committer, &item->item);
		else if (!committer_push(bench->committer, &item->item))
			abort(); /* the queue is longer than all of them */
	}
	return NULL;
}

static void many_threads_push(void **state)
{
	struct bench *bench = *state;
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, push_many, bench), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	stop(bench, DEADLINE_MS);
	assert_int_equal(bench->done_count, 1600);
	for (size_t i = 0; i < 1600; i++)
		assert_int_equal(bench->items[i]->applied, 1);
}

/* ---- an item that fails ---- */

static void takes_no_others_along(void **state)
{
	static const enum error_code codes[] = { ERR_CONFLICT, ERR_INVALID, ERR_INTERNAL, ERR_NOT_FOUND,
						ERR_TOO_LARGE };
	struct bench *bench = *state;
	struct committer_stats stats;

	(void)push_holding(bench);
	for (size_t i = 0; i < 15; i++) {
		struct item *item = item_new(bench);
		if (i % 3 == 1) {
			item->failures = 2; /* with the others, and alone */
			item->failure = codes[i / 3];
			item->fails_late = i % 2 == 0;
		}
		assert_true(committer_push(bench->committer, &item->item));
	}
	open_gate(bench);
	wait_done(bench, 16);
	for (size_t i = 0; i < 15; i++) {
		const struct item *item = bench->items[i + 1];
		assert_int_equal(item->result, i % 3 == 1 ? codes[i / 3] : ERR_NONE);
		assert_int_equal(stored(bench, item) > 0, i % 3 != 1); /* all or nothing */
		assert_int_equal(item->order, i + 1);
		assert_true(item->applied <= 2);
	}
	committer_stats(bench->committer, &stats);
	assert_true(stats.healthy);
}

static void a_kept_item_that_fails_by_itself_is_not_tried_for_ever(void **state)
{
	struct bench *bench = *state;
	struct item *item = item_new(bench);

	item->failures = 1000;
	item->failure = ERR_CONFLICT;
	committer_keep(bench->committer, &item->item);
	wait_done(bench, 1);
	assert_int_equal(item->result, ERR_CONFLICT);
	assert_true(item->applied <= 2);
}

/* Even when what it says sounds like the store: the others can be kept, so they are. */
static void nor_with_words_of_the_store(void **state)
{
	static const enum error_code codes[] = { ERR_STORE, ERR_NO_MEMORY, ERR_BUSY };
	struct bench *bench = *state;

	(void)push_holding(bench);
	for (size_t i = 0; i < 6; i++) {
		struct item *item = item_new(bench);
		if (i % 2 == 1) {
			item->failures = 1000;
			item->failure = codes[i / 2];
			item->fails_late = true;
		}
		assert_true(committer_push(bench->committer, &item->item));
	}
	struct item *kept = keep(bench);
	open_gate(bench);
	wait_done(bench, 8);
	for (size_t i = 0; i < 6; i++) {
		const struct item *item = bench->items[i + 1];
		assert_int_equal(item->result, i % 2 == 1 ? codes[i / 2] : ERR_NONE);
		assert_int_equal(stored(bench, item) > 0, i % 2 == 0);
	}
	assert_int_equal(kept->result, ERR_NONE);
}

/* One kept item that the store refuses for ever must not hold the other kept ones. */
static void a_stuck_kept_item_holds_no_other(void **state)
{
	struct bench *bench = *state;

	(void)push_holding(bench);
	struct item *stuck = item_new(bench);
	stuck->failures = 1000000;
	stuck->failure = ERR_STORE;
	committer_keep(bench->committer, &stuck->item);
	for (int i = 0; i < 5; i++)
		(void)keep(bench);
	open_gate(bench);
	wait_done(bench, 6);
	assert_int_equal(stuck->done, 0);
	(void)push(bench);
	wait_done(bench, 7);
	for (size_t i = 2; i < 8; i++)
		assert_int_equal(bench->items[i]->result, ERR_NONE);
	stop(bench, 0);
	assert_int_equal(stuck->done, 1);
	assert_int_equal(stuck->result, ERR_STORE);
}

/* ---- limits ---- */

static void refuses_beyond_the_maximum(void **state)
{
	struct bench *bench = *state;

	(void)push_holding(bench);
	for (int i = 0; i < 2500; i++)
		(void)push(bench);
	struct item *over = item_new(bench);
	assert_false(committer_push(bench->committer, &over->item));
	assert_int_equal(over->applied + over->done, 0);
	for (int i = 0; i < 5; i++)
		(void)keep(bench); /* never refused, and they take nobody's place */
	open_gate(bench);
	wait_done(bench, 2506);
	assert_int_equal(over->applied + over->done, 0); /* it stayed ours */
	assert_true(committer_push(bench->committer, &over->item));
	wait_done(bench, 2507);
	assert_int_equal(over->result, ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STARTED(commits),
		STARTED(what_gathers_is_committed_at_once),
		STARTED(a_long_queue_takes_several_batches),
		STARTED(done_comes_after_the_commit),
		STARTED(what_only_wants_the_thread_needs_no_store),
		STARTED(done_may_push),
		STARTED(many_threads_push),
		STARTED(takes_no_others_along),
		STARTED(a_kept_item_that_fails_by_itself_is_not_tried_for_ever),
		STARTED(nor_with_words_of_the_store),
		STARTED(a_stuck_kept_item_holds_no_other),
		STARTED(refuses_beyond_the_maximum),
	};

	quiet();
	return cmocka_run_group_tests_name("committer", tests, NULL, NULL);
}
