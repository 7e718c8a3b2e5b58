/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one writer. Everything that changes the store is an item in its queue, whoever brings it: a delivery, an
 * outcome, a link. It takes all that waits, applies it in one transaction and commits once: the fsync of one
 * batch is the time in which the next gathers, so there is no timer. One queue is one order of writes.
 *
 * Ownership: committer_push hands the item over; done() gets it back on the committer's thread.
 */
#ifndef BRIDGE_STORE_COMMITTER_H
#define BRIDGE_STORE_COMMITTER_H

#include "bridge/store/store.h"

struct committer;

struct commit_item {
	/*
	 * Inside the transaction. All or nothing: -1 undoes what it did, and that of the others in the batch,
	 * which are then applied again one by one; so apply may run twice and must not change anything but the
	 * store and its own item. NULL: nothing to write, it only comes back to this thread.
	 */
	int (*apply)(struct commit_item *item, struct store *store, struct error *err);
	/* After the commit (err NULL), or after it failed (nothing of the item is in the store). Owns the item. */
	void (*done)(struct commit_item *item, const struct error *err);
	/* An outcome that must not be lost: tried again until it is committed; done() never sees a store's error. */
	bool keep;
	struct commit_item *next; /* the committer's */
};

struct committer_options {
	struct store *store; /* borrowed; used by the committer's thread only, from start to stop */
	size_t queue_max;    /* items without `keep` that may wait */
	void *ctx;
	/*
	 * On the committer's thread, after every batch and when the time it last returned has come: starts what is
	 * due. Returns the next moment (monotonic ms) it wants to run, or INT64_MAX. It may push items.
	 */
	int64_t (*tick)(void *ctx, struct store *store, int64_t now_mono_ms);
};

int committer_new(const struct committer_options *options, struct committer **ret, struct error *err) MUST_CHECK;
int committer_start(struct committer *committer, struct error *err) MUST_CHECK;

/* Any thread. False, and the item stays the caller's: the queue is full or closed (for `keep`: the thread has ended). */
bool committer_push(struct committer *committer, struct commit_item *item) MUST_CHECK;
/* Pushes with keep set. After the thread has ended, done() gets an error at once, on the caller's thread. */
void committer_keep(struct committer *committer, struct commit_item *item);

/* Any thread: run tick soon. */
void committer_wake(struct committer *committer);

/*
 * Refuses further items without `keep`, commits what waits, ends the thread. Items with `keep` that cannot be committed
 * by deadline_ms are given up (done with the error): the next start settles them as in doubt.
 */
void committer_stop(struct committer *committer, int64_t deadline_ms);
void committer_free(struct committer *committer);

struct committer_stats {
	bool healthy;           /* the last write worked */
	struct error last;      /* why not */
	size_t waiting;         /* items, until they are committed and the tick after that has seen what came of them */
	uint64_t batches, items; /* committed so far */
	uint64_t largest;
};
void committer_stats(struct committer *committer, struct committer_stats *ret); /* any thread */

#endif
