/* SPDX-License-Identifier: Apache-2.0 */
/* The one writer over a real SQLite file; a second connection stands in for what makes a store refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/store/committer.h"

#define DEADLINE_MS 20000
#define ITEMS	    3000

struct bench;

/* An item writes a note "<name>" = "<applied how often>". */
struct item {
	struct commit_item item; /* first */
	struct bench *bench;
	char name[16];
	int failures;		   /* so often apply fails with this: */
	enum error_code failure;
	bool fails_late;	   /* after it has written */
	bool hold;		   /* apply waits for the gate */
	int applied, done;
	enum error_code result;
	size_t order;		   /* of done() */
	uint64_t batches_at_done;
	pthread_t thread;
	void (*then)(struct item *item); /* in done() */
};

struct bench {
	char dir[64], url[128], path[96];
	struct store *store;
	struct committer *committer;
	struct item *items[ITEMS];
	size_t item_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool gate, held;
	size_t done_count;
	int ticks;
	int64_t tick_returns; /* next moment, relative; INT64_MAX: none */
	void (*on_tick)(struct bench *bench);
	sqlite3 *other;
	bool stopped;
};

static struct timespec deadline(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += DEADLINE_MS / 1000;
	return ts;
}

/* Waits until *counter >= want. */
static bool reached(struct bench *bench, const size_t *counter, size_t want)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&bench->lock);
	while (*counter < want && failed == 0)
		failed = pthread_cond_timedwait(&bench->changed, &bench->lock, &ts);
	pthread_mutex_unlock(&bench->lock);
	return failed == 0;
}

static void wait_done(struct bench *bench, size_t count)
{
	if (!reached(bench, &bench->done_count, count))
		fail_msg("%zu of %zu are done", bench->done_count, count);
}

static void open_gate(struct bench *bench)
{
	pthread_mutex_lock(&bench->lock);
	bench->gate = true;
	pthread_cond_broadcast(&bench->changed);
	pthread_mutex_unlock(&bench->lock);
}

static void wait_held(struct bench *bench)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&bench->lock);
	while (!bench->held && failed == 0)
		failed = pthread_cond_timedwait(&bench->changed, &bench->lock, &ts);
	pthread_mutex_unlock(&bench->lock);
	assert_int_equal(failed, 0);
}

static void hold(struct bench *bench)
{
	struct timespec ts = deadline();

	pthread_mutex_lock(&bench->lock);
	bench->held = true;
	pthread_cond_broadcast(&bench->changed);
	while (!bench->gate && pthread_cond_timedwait(&bench->changed, &bench->lock, &ts) == 0)
		;
	pthread_mutex_unlock(&bench->lock);
}

static int on_apply(struct commit_item *base, struct store *store, struct error *err)
{
	struct item *item = (struct item *)base;
	char value[16];

	item->applied++;
	if (item->hold)
		hold(item->bench);
	bool fails = item->failures > 0;
	item->failures -= fails ? 1 : 0;
	(void)snprintf(value, sizeof(value), "%d", item->applied);
	if ((!fails || item->fails_late) && store_note_put(store, item->name, value, err) != 0)
		return -1;
	return fails ? error_set(err, item->failure, "as it was told") : 0;
}

static void on_done(struct commit_item *base, const struct error *err)
{
	struct item *item = (struct item *)base;
	struct bench *bench = item->bench;
	struct committer_stats stats;

	committer_stats(bench->committer, &stats);
	pthread_mutex_lock(&bench->lock);
	item->done++;
	item->result = err != NULL ? err->code : ERR_NONE;
	item->order = bench->done_count++;
	item->batches_at_done = stats.batches;
	item->thread = pthread_self();
	pthread_cond_broadcast(&bench->changed);
	pthread_mutex_unlock(&bench->lock);
	if (item->then != NULL)
		item->then(item);
}

static int64_t on_tick(void *ctx, struct store *store, int64_t now)
{
	struct bench *bench = ctx;

	(void)store;
	pthread_mutex_lock(&bench->lock);
	bench->ticks++;
	int64_t next = bench->tick_returns == INT64_MAX ? INT64_MAX : now + bench->tick_returns;
	void (*then)(struct bench *bench) = bench->on_tick;
	bench->on_tick = NULL;
	pthread_cond_broadcast(&bench->changed);
	pthread_mutex_unlock(&bench->lock);
	if (then != NULL)
		then(bench);
	return next;
}

static struct item *item_new(struct bench *bench)
{
	struct item *item = calloc(1, sizeof(*item));

	assert_non_null(item);
	assert_true(bench->item_count < ITEMS);
	(void)snprintf(item->name, sizeof(item->name), "n%zu", bench->item_count);
	bench->items[bench->item_count++] = item;
	item->item.apply = on_apply;
	item->item.done = on_done;
	item->bench = bench;
	return item;
}

static struct item *push(struct bench *bench)
{
	struct item *item = item_new(bench);

	assert_true(committer_push(bench->committer, &item->item));
	return item;
}

static struct item *keep(struct bench *bench)
{
	struct item *item = item_new(bench);

	committer_keep(bench->committer, &item->item);
	return item;
}

/* The first item holds the committer while the others gather behind it. */
static struct item *push_holding(struct bench *bench)
{
	struct item *item = item_new(bench);

	item->hold = true;
	assert_true(committer_push(bench->committer, &item->item));
	wait_held(bench);
	return item;
}

/* What the store has under the item's name, or 0. */
static int stored(struct bench *bench, const struct item *item)
{
	sqlite3_stmt *stmt = NULL;
	int value = 0;

	if (bench->other == NULL)
		assert_int_equal(sqlite3_open(bench->path, &bench->other), SQLITE_OK);
	char sql[128];
	(void)snprintf(sql, sizeof(sql), "SELECT value FROM notes WHERE name = '%s'", item->name);
	if (sqlite3_prepare_v2(bench->other, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(bench->other));
	if (sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

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

static void stop(struct bench *bench, int64_t deadline_ms)
{
	if (!bench->stopped)
		committer_stop(bench->committer, deadline_ms);
	bench->stopped = true;
}

static void start(struct bench *bench)
{
	struct error err;

	assert_int_equal(committer_start(bench->committer, &err), 0);
}

static int setup_unstarted(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct error err = { 0 };

	if (bench == NULL)
		return -1;
	*state = bench;
	bench->tick_returns = INT64_MAX;
	pthread_mutex_init(&bench->lock, NULL);
	pthread_cond_init(&bench->changed, NULL);
	(void)snprintf(bench->dir, sizeof(bench->dir), "/tmp/test-committer-XXXXXX");
	if (mkdtemp(bench->dir) == NULL)
		return -1;
	(void)snprintf(bench->path, sizeof(bench->path), "%s/b.db", bench->dir);
	(void)snprintf(bench->url, sizeof(bench->url), "sqlite:%s", bench->path);
	if (store_open(bench->url, STORE_WRITE, &bench->store, &err) != 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	struct committer_options options = { .store = bench->store, .queue_max = 2500, .ctx = bench, .tick = on_tick };
	return committer_new(&options, &bench->committer, &err);
}

static int setup(void **state)
{
	struct error err;

	return setup_unstarted(state) == 0 ? committer_start(((struct bench *)*state)->committer, &err) : -1;
}

static int teardown(void **state)
{
	struct bench *bench = *state;
	char command[128];
	bool once = true;

	if (bench->other != NULL)
		sqlite3_close(bench->other); /* rolls back */
	open_gate(bench);
	stop(bench, 0);
	committer_free(bench->committer);
	store_close(bench->store);
	for (size_t i = 0; i < bench->item_count; i++) {
		once = once && bench->items[i]->done == 1;
		free(bench->items[i]);
	}
	(void)snprintf(command, sizeof(command), "rm -r %s", bench->dir);
	int failed = system(command);
	pthread_cond_destroy(&bench->changed);
	pthread_mutex_destroy(&bench->lock);
	free(bench);
	return once && failed == 0 ? 0 : -1; /* done() exactly once for each, whatever became of it */
}

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
	assert_int_equal(stats.waiting, 500);
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

/* ---- a store that refuses (its own patience with a lock is five seconds) ---- */

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

/* ---- ticks ---- */

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

static int ticks(struct bench *bench)
{
	pthread_mutex_lock(&bench->lock);
	int count = bench->ticks;
	pthread_mutex_unlock(&bench->lock);
	return count;
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

/* ---- stopping ---- */

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

#define STARTED(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
#define UNSTARTED(name) cmocka_unit_test_setup_teardown(name, setup_unstarted, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STARTED(commits),
		STARTED(what_gathers_is_committed_at_once),
		STARTED(a_long_queue_takes_several_batches),
		STARTED(done_comes_after_the_commit),
		STARTED(takes_no_others_along),
		STARTED(a_kept_item_that_fails_by_itself_is_not_tried_for_ever),
		STARTED(nor_with_words_of_the_store),
		STARTED(a_stuck_kept_item_holds_no_other),
		STARTED(survives_a_store_that_refuses),
		STARTED(finds_out_by_itself_that_the_store_is_back),
		STARTED(gives_up_at_the_deadline),
		STARTED(refuses_beyond_the_maximum),
		UNSTARTED(a_tick_may_push),
		STARTED(done_may_push),
		STARTED(ticks_when_woken),
		UNSTARTED(ticks_at_the_moment_it_asked_for),
		STARTED(stop_commits_what_waits),
		STARTED(takes_kept_items_while_it_drains),
		STARTED(an_item_after_the_end_comes_back),
		STARTED(stop_is_quick_when_nothing_waits),
		STARTED(many_threads_push),
	};

	/* What it logs about a store that refuses is not a test's output. */
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	log_open(null, LOG_ERROR, LOG_JSON);
	return cmocka_run_group_tests_name("committer", tests, NULL, NULL);
}
