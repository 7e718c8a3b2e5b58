/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/committer.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/log.h"

#define BATCH_MAX      1024
#define AGAIN_AFTER_MS 500 /* between tries while the store refuses */
#define GATHER_FROM    8      /* items: a batch of so many or more means load, */
#define GATHER_US      200    /* under which the next one may gather so much longer */

struct queue {
	struct commit_item *head, *tail;
	size_t count;
};

struct committer {
	struct committer_options options;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool started;

	/* under lock: */
	struct queue waiting;
	size_t refusable; /* of waiting: items without keep */
	size_t working;   /* taken, and not through yet: with all that follows from them, up to the tick */
	bool closed, ended, wake;
	int64_t stop_at_ms;
	struct committer_stats stats;

	/* committer's thread: */
	struct queue again; /* kept items that the store refused */
	int64_t again_at_ms;
	int64_t tick_at_ms;
	size_t last_count; /* of the batch before */
};

static void queue_add(struct queue *queue, struct commit_item *item)
{
	item->next = NULL;
	if (queue->tail != NULL)
		queue->tail->next = item;
	else
		queue->head = item;
	queue->tail = item;
	queue->count++;
}

static void queue_join(struct queue *front, struct queue *back)
{
	if (front->tail != NULL)
		front->tail->next = back->head;
	else
		front->head = back->head;
	if (back->tail != NULL)
		front->tail = back->tail;
	front->count += back->count;
	memset(back, 0, sizeof(*back));
}

/* Cuts the first BATCH_MAX items off. */
static struct queue queue_take(struct queue *queue)
{
	struct queue taken = { 0 };

	while (queue->head != NULL && taken.count < BATCH_MAX) {
		struct commit_item *item = queue->head;
		queue->head = item->next;
		queue->count--;
		queue_add(&taken, item);
	}
	if (queue->head == NULL)
		queue->tail = NULL;
	return taken;
}

static void note_health(struct committer *committer, const struct error *err, size_t items)
{
	pthread_mutex_lock(&committer->lock);
	struct committer_stats *stats = &committer->stats;
	bool was = stats->healthy;
	stats->healthy = err == NULL;
	if (err != NULL) {
		stats->last = *err;
	} else {
		stats->batches++;
		stats->items += items;
		if (items > stats->largest)
			stats->largest = items;
	}
	pthread_mutex_unlock(&committer->lock);
	if (was && err != NULL)
		log_event(LOG_ERROR, "store.failed", "nothing is accepted until the store keeps again",
			  LOG_STR("error", err->text));
	else if (!was && err == NULL)
		log_event(LOG_INFO, "store.recovered", NULL, LOG_STR("error", NULL));
}

/* Begins a transaction with all of them in it. *ret_blame: an item failed, rather than the transaction; it is rolled back. */
static int apply_items(struct store *store, const struct queue *batch, bool *ret_blame, struct error *err)
{
	*ret_blame = false;
	if (store_begin(store, err) != 0)
		return -1;
	for (struct commit_item *item = batch->head; item != NULL; item = item->next) {
		if (item->apply != NULL && item->apply(item, store, err) != 0) {
			store_rollback(store);
			*ret_blame = true;
			return -1;
		}
	}
	return 0;
}

static int apply_all(struct committer *committer, const struct queue *batch, bool *ret_blame, struct error *err)
{
	struct store *store = committer->options.store;

	if (apply_items(store, batch, ret_blame, err) != 0)
		return -1;
	if (FAULT_IS_CHOSEN("first-try")) {
		store_rollback(store); /* it comes to nothing, as when another item of the batch is to blame */
		if (apply_items(store, batch, ret_blame, err) != 0)
			return -1;
	}
	FAULT_POINT("before-commit");
	if (store_commit(store, err) != 0)
		return -1;
	FAULT_POINT("after-commit");
	return 0;
}

/* Whether the store as a whole refuses, rather than one item. */
static bool is_store_error(const struct error *err)
{
	return err->code == ERR_BUSY || err->code == ERR_STORE || err->code == ERR_NO_MEMORY;
}

static void finish(struct committer *committer, struct queue *batch, const struct error *err)
{
	while (batch->head != NULL) {
		struct commit_item *item = batch->head;
		batch->head = item->next;
		if (err != NULL && item->keep && is_store_error(err))
			queue_add(&committer->again, item);
		else
			item->done(item, err);
	}
	if (committer->again.count > 0)
		committer->again_at_ms = clock_mono_ms() + AGAIN_AFTER_MS;
}

/* Some items only want the thread. */
static bool queue_writes(const struct queue *batch)
{
	const struct commit_item *item = batch->head;

	while (item != NULL && item->apply == NULL)
		item = item->next;
	return item != NULL;
}

static void run_batch(struct committer *committer, struct queue *batch)
{
	struct error err = { 0 };
	size_t count = batch->count;
	bool blame = false;

	if (!queue_writes(batch)) {
		finish(committer, batch, NULL);
		return;
	}
	if (apply_all(committer, batch, &blame, &err) == 0) {
		note_health(committer, NULL, count);
		finish(committer, batch, NULL);
		return;
	}
	if (!blame || count == 1) {
		if (is_store_error(&err))
			note_health(committer, &err, 0);
		finish(committer, batch, &err);
		return;
	}
	/* One item is to blame, and it must not take the others with it. */
	for (struct commit_item *item = batch->head, *next; item != NULL; item = next) {
		next = item->next;
		struct queue alone = { 0 };
		queue_add(&alone, item);
		run_batch(committer, &alone);
	}
}

/* While unhealthy and idle, an empty write proves that the store is back. */
static void probe(struct committer *committer)
{
	struct error err = { 0 };
	struct store *store = committer->options.store;

	if (store_begin(store, &err) == 0) {
		if (store_note_put(store, "probe", "1", &err) == 0 && store_commit(store, &err) == 0) {
			note_health(committer, NULL, 0);
			return;
		}
		store_rollback(store);
	}
	note_health(committer, &err, 0);
}

static void sleep_until(struct committer *committer, int64_t mono_ms)
{
	if (mono_ms == INT64_MAX) {
		pthread_cond_wait(&committer->changed, &committer->lock);
		return;
	}
	struct timespec ts = { .tv_sec = (time_t)(mono_ms / 1000), .tv_nsec = (long)(mono_ms % 1000) * 1000000L };
	(void)pthread_cond_timedwait(&committer->changed, &committer->lock, &ts);
}

/* The next moment at which there is something to do without anybody pushing. */
static int64_t next_moment(const struct committer *committer)
{
	int64_t at = committer->tick_at_ms;

	if (!committer->stats.healthy || committer->again.count > 0)
		at = committer->again_at_ms < at ? committer->again_at_ms : at;
	return at;
}

/*
 * A commit costs nearly the same for one item and for fifty. Alone, an item goes at once; under load the fsync of one
 * batch gathers the next, and a little patience on top of it makes that one half as large again.
 */
static void gather(struct committer *committer)
{
	struct timespec patience = { .tv_nsec = GATHER_US * 1000L };

	if (committer->last_count < GATHER_FROM || committer->waiting.count == 0 || committer->closed)
		return;
	pthread_mutex_unlock(&committer->lock);
	(void)nanosleep(&patience, NULL);
	pthread_mutex_lock(&committer->lock);
}

/* Waits for work; false when it is time to end. *ret is the batch, maybe empty (a tick is due). */
static bool next_batch(struct committer *committer, struct queue *ret)
{
	pthread_mutex_lock(&committer->lock);
	committer->working = committer->again.count;
	for (;;) {
		int64_t now = clock_mono_ms();
		if (committer->waiting.count > 0 || committer->wake || now >= next_moment(committer))
			break;
		if (committer->closed && (committer->again.count == 0 || now >= committer->stop_at_ms)) {
			pthread_mutex_unlock(&committer->lock);
			return false;
		}
		int64_t until = next_moment(committer);
		if (committer->closed && committer->stop_at_ms < until)
			until = committer->stop_at_ms;
		sleep_until(committer, until);
	}
	gather(committer);
	committer->wake = false;
	*ret = queue_take(&committer->waiting);
	for (const struct commit_item *item = ret->head; item != NULL; item = item->next)
		committer->refusable -= item->keep ? 0 : 1;
	committer->last_count = ret->count;
	committer->working += ret->count;
	bool give_up = committer->closed && clock_mono_ms() >= committer->stop_at_ms && ret->count == 0;
	pthread_mutex_unlock(&committer->lock);
	return !give_up;
}

static void *run_committer(void *ctx)
{
	struct committer *committer = ctx;
	struct queue batch;

	while (next_batch(committer, &batch)) {
		int64_t now = clock_mono_ms();
		if (committer->again.count > 0) {
			/* They were pushed before what waits now, and there is one order of writes. */
			struct queue all = { 0 };
			queue_join(&all, &committer->again);
			queue_join(&all, &batch);
			batch = all;
		}
		bool idle = !queue_writes(&batch);
		if (batch.count > 0)
			run_batch(committer, &batch);
		if (idle && !committer->stats.healthy && now >= committer->again_at_ms) {
			probe(committer);
			committer->again_at_ms = clock_mono_ms() + AGAIN_AFTER_MS;
		}
		committer->tick_at_ms =
			committer->options.tick(committer->options.ctx, committer->options.store, clock_mono_ms());
	}
	struct error err;
	(void)error_set(&err, ERR_STORE, "shutting down before the store could keep this");
	pthread_mutex_lock(&committer->lock);
	committer->ended = true;
	queue_join(&committer->again, &committer->waiting);
	pthread_mutex_unlock(&committer->lock);
	while (committer->again.head != NULL) {
		struct commit_item *item = committer->again.head;
		committer->again.head = item->next;
		item->done(item, &err);
	}
	return NULL;
}

int committer_new(const struct committer_options *options, struct committer **ret, struct error *err)
{
	struct committer *committer = calloc(1, sizeof(*committer));
	pthread_condattr_t attr;

	if (committer == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	committer->options = *options;
	committer->stats.healthy = true;
	pthread_mutex_init(&committer->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&committer->changed, &attr);
	pthread_condattr_destroy(&attr);
	*ret = committer;
	return 0;
}

int committer_start(struct committer *committer, struct error *err)
{
	int failed = pthread_create(&committer->thread, NULL, run_committer, committer);

	if (failed != 0)
		return error_set(err, ERR_IO, "cannot start a thread: %s", strerror(failed));
	committer->started = true;
	(void)pthread_setname_np(committer->thread, "committer");
	return 0;
}

bool committer_push(struct committer *committer, struct commit_item *item)
{
	pthread_mutex_lock(&committer->lock);
	bool refused = committer->ended || (!item->keep && (committer->closed || committer->refusable >= committer->options.queue_max));
	if (!refused) {
		/* The thread takes all that waits, so it needs a signal only for the first. */
		if (committer->waiting.count == 0)
			pthread_cond_signal(&committer->changed);
		committer->refusable += item->keep ? 0 : 1;
		queue_add(&committer->waiting, item);
	}
	pthread_mutex_unlock(&committer->lock);
	return !refused;
}

void committer_keep(struct committer *committer, struct commit_item *item)
{
	struct error err;

	item->keep = true;
	if (committer_push(committer, item))
		return;
	(void)error_set(&err, ERR_STORE, "the process is ending");
	item->done(item, &err);
}

void committer_wake(struct committer *committer)
{
	pthread_mutex_lock(&committer->lock);
	committer->wake = true;
	pthread_cond_signal(&committer->changed);
	pthread_mutex_unlock(&committer->lock);
}

void committer_stop(struct committer *committer, int64_t deadline_ms)
{
	if (!committer->started)
		return;
	pthread_mutex_lock(&committer->lock);
	committer->closed = true;
	committer->stop_at_ms = clock_mono_ms() + deadline_ms;
	pthread_cond_signal(&committer->changed);
	pthread_mutex_unlock(&committer->lock);
	(void)pthread_join(committer->thread, NULL);
	committer->started = false;
}

void committer_free(struct committer *committer)
{
	if (committer == NULL)
		return;
	pthread_cond_destroy(&committer->changed);
	pthread_mutex_destroy(&committer->lock);
	free(committer);
}

void committer_stats(struct committer *committer, struct committer_stats *ret)
{
	pthread_mutex_lock(&committer->lock);
	*ret = committer->stats;
	ret->waiting = committer->waiting.count + committer->working;
	pthread_mutex_unlock(&committer->lock);
}
