/* SPDX-License-Identifier: Apache-2.0 */
/* A store that refuses (its own patience with a lock is five seconds). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <time.h>

#include "bridge/base/clock.h"
#include "tests/support/committer_kit.h"

static void lock_store(struct bench *bench)
{
	if (bench->other == NULL)
		assert_int_equal(sqlite3_open(bench->path, &bench->other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(bench->other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void unlock_store(struct bench *bench)
{
	assert_int_equal(sqlite3_exec(bench->other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
}

static void survives_a_store_that_refuses(void **state)
{
	struct bench *bench = *state;
	struct committer_stats stats;

	(void)push_holding(bench);
	open_gate(bench);
	wait_done(bench, 1);
	lock_store(bench);
	struct item *kept = keep(bench);
	struct item *refused = push(bench);
	wait_done(bench, 2); /* the one that need not be kept hears of it */
	assert_int_equal(refused->done, 1);
	assert_int_equal(refused->result, ERR_BUSY);
	assert_int_equal(kept->done, 0);
	committer_stats(bench->committer, &stats);
	assert_false(stats.healthy);
	assert_int_equal(stats.last.code, ERR_BUSY);
	assert_true(strlen(stats.last.text) > 0);
	assert_int_equal(stats.items, 1);

	struct item *after = keep(bench);
	unlock_store(bench);
	wait_done(bench, 4);
	assert_int_equal(kept->result, ERR_NONE);
	assert_int_equal(after->result, ERR_NONE);
	assert_true(kept->order < after->order); /* one queue is one order of writes */
	assert_true(stored(bench, kept) > 0);
	committer_stats(bench->committer, &stats);
	assert_true(stats.healthy);
	assert_int_equal(stats.items, 3);
}

static void finds_out_by_itself_that_the_store_is_back(void **state)
{
	struct bench *bench = *state;
	struct committer_stats stats;

	(void)push_holding(bench);
	open_gate(bench);
	wait_done(bench, 1);
	lock_store(bench);
	struct item *refused = push(bench);
	wait_done(bench, 2);
	assert_int_equal(refused->result, ERR_BUSY);
	unlock_store(bench);
	int64_t until = clock_mono_ms() + DEADLINE_MS;
	do {
		committer_stats(bench->committer, &stats);
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	} while (!stats.healthy && clock_mono_ms() < until);
	assert_true(stats.healthy);
}

/* Keeps the thread busy without ever writing, until the store is back. */
static void push_idle(struct item *before)
{
	struct bench *bench = before->bench;
	struct committer_stats stats;

	committer_stats(bench->committer, &stats);
	if (stats.healthy || bench->item_count >= ITEMS)
		return;
	(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	struct item *item = item_new(bench);
	item->item.apply = NULL;
	item->then = push_idle;
	committer_keep(bench->committer, &item->item);
}

static void finds_out_although_others_want_the_thread(void **state)
{
	struct bench *bench = *state;
	struct committer_stats stats;

	(void)push_holding(bench);
	open_gate(bench);
	wait_done(bench, 1);
	lock_store(bench);
	struct item *refused = item_new(bench);
	refused->then = push_idle;
	assert_true(committer_push(bench->committer, &refused->item));
	wait_done(bench, 3);
	assert_int_equal(refused->result, ERR_BUSY);
	unlock_store(bench);
	int64_t until = clock_mono_ms() + DEADLINE_MS;
	do {
		committer_stats(bench->committer, &stats);
		(void)nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	} while (!stats.healthy && clock_mono_ms() < until);
	assert_true(stats.healthy);
	stop(bench, 1000);
	assert_true(bench->item_count < ITEMS);
}

static void gives_up_at_the_deadline(void **state)
{
	struct bench *bench = *state;

	(void)push_holding(bench);
	open_gate(bench);
	wait_done(bench, 1);
	lock_store(bench);
	struct item *kept = keep(bench);
	int64_t before = clock_mono_ms();
	stop(bench, 100);
	assert_true(clock_mono_ms() - before < DEADLINE_MS);
	assert_int_equal(kept->done, 1);
	assert_true(kept->result == ERR_STORE || kept->result == ERR_BUSY);
	unlock_store(bench);
	assert_int_equal(stored(bench, kept), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STARTED(survives_a_store_that_refuses),
		STARTED(finds_out_by_itself_that_the_store_is_back),
		STARTED(finds_out_although_others_want_the_thread),
		STARTED(gives_up_at_the_deadline),
	};

	quiet();
	return cmocka_run_group_tests_name("committer_refusal", tests, NULL, NULL);
}
