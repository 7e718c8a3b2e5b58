/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the committer: one over a real SQLite file, items that remember what became of
 * them, and a second connection that looks at the file or stands in for what makes a store refuse.
 */
#ifndef TESTS_SUPPORT_COMMITTER_KIT_H
#define TESTS_SUPPORT_COMMITTER_KIT_H

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

static inline struct timespec deadline(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += DEADLINE_MS / 1000;
	return ts;
}

/* Waits until *counter >= want. */
static inline bool reached(struct bench *bench, const size_t *counter, size_t want)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&bench->lock);
	while (*counter < want && failed == 0)
		failed = pthread_cond_timedwait(&bench->changed, &bench->lock, &ts);
	pthread_mutex_unlock(&bench->lock);
	return failed == 0;
}

static inline void wait_done(struct bench *bench, size_t count)
{
	if (!reached(bench, &bench->done_count, count))
		fail_msg("%zu of %zu are done", bench->done_count, count);
}

static inline void open_gate(struct bench *bench)
{
	pthread_mutex_lock(&bench->lock);
	bench->gate = true;
	pthread_cond_broadcast(&bench->changed);
	pthread_mutex_unlock(&bench->lock);
}

static inline void wait_held(struct bench *bench)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&bench->lock);
	while (!bench->held && failed == 0)
		failed = pthread_cond_timedwait(&bench->changed, &bench->lock, &ts);
	pthread_mutex_unlock(&bench->lock);
	assert_int_equal(failed, 0);
}

static inline void hold(struct bench *bench)
{
	struct timespec ts = deadline();

	pthread_mutex_lock(&bench->lock);
	bench->held = true;
	pthread_cond_broadcast(&bench->changed);
	while (!bench->gate && pthread_cond_timedwait(&bench->changed, &bench->lock, &ts) == 0)
		;
	pthread_mutex_unlock(&bench->lock);
}

static inline int on_apply(struct commit_item *base, struct store *store, struct error *err)
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

static inline void on_done(struct commit_item *base, const struct error *err)
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

static inline int64_t on_tick(void *ctx, struct store *store, int64_t now)
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

static inline struct item *item_new(struct bench *bench)
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

static inline struct item *push(struct bench *bench)
{
	struct item *item = item_new(bench);

	assert_true(committer_push(bench->committer, &item->item));
	return item;
}

static inline struct item *keep(struct bench *bench)
{
	struct item *item = item_new(bench);

	committer_keep(bench->committer, &item->item);
	return item;
}

/* The first item holds the committer while the others gather behind it. */
static inline struct item *push_holding(struct bench *bench)
{
	struct item *item = item_new(bench);

	item->hold = true;
	assert_true(committer_push(bench->committer, &item->item));
	wait_held(bench);
	return item;
}

/* What the store has under the item's name, or 0. */
static inline int stored(struct bench *bench, const struct item *item)
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

static inline void stop(struct bench *bench, int64_t deadline_ms)
{
	if (!bench->stopped)
		committer_stop(bench->committer, deadline_ms);
	bench->stopped = true;
}

static inline int setup_unstarted(void **state)
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

static inline int setup(void **state)
{
	struct error err;

	return setup_unstarted(state) == 0 ? committer_start(((struct bench *)*state)->committer, &err) : -1;
}

static inline int teardown(void **state)
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

/* What it logs about a store that refuses is not a test's output. */
static inline void quiet(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	log_open(null, LOG_ERROR, LOG_JSON);
}

#define STARTED(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)
#define UNSTARTED(name) cmocka_unit_test_setup_teardown(name, setup_unstarted, teardown)

#endif
