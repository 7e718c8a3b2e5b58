/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/sandbox/ulid.h"

/*
 * The whole state behind one lock. Everything it points to may be read or written only while
 * the lock is held, unless said otherwise; no pointer into it survives an unlock.
 */

struct accounts;
struct attachments;
struct faults;
struct github;
struct jobs;
struct quick;
struct request_log;
struct turns;

struct sandbox {
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* something a waiter may wait for has happened */
	pthread_cond_t released; /* sleepers should look whether they may go on */
	bool is_quick;		/* set once before any thread starts */
	bool stopping;
	uint64_t release; /* counts the releases of sleepers */
	/* Faults and WAF words in force. May be read without the lock: the hot path skips
	 * both when it is 0. */
	atomic_uint special;
	struct ulid_source ids;
	struct accounts *accounts;
	struct attachments *attachments;
	struct faults *faults;
	struct github *github;
	struct jobs *jobs;
	struct quick *quick;
	struct request_log *log;
	struct turns *turns;
};

/* Makes the state and seeds it. The extra keys belong to the first organisation. */
struct sandbox *sandbox_new(bool is_quick, const char *const *extra_keys, size_t extra_count);
void sandbox_free(struct sandbox *sandbox);

void sandbox_lock(struct sandbox *sandbox);
void sandbox_unlock(struct sandbox *sandbox);

/* For CLEANUP(sandbox_unlock_at) on a `struct sandbox *` that was locked. */
void sandbox_unlock_at(struct sandbox **sandbox);

/* Back to what sandbox_new() made, except for the release of sleepers. Lock held. */
void sandbox_reset(struct sandbox *sandbox);

/* Tells all waiters to look again. Lock held. */
void sandbox_changed(struct sandbox *sandbox);

/* Waits, lock held, for sandbox_changed(); -1 when `deadline` (monotonic ms) has passed or the
 * program is stopping. */
int sandbox_wait(struct sandbox *sandbox, int64_t deadline);

/* Sleeps, lock NOT held; ends early when sleepers are released or the program stops. */
void sandbox_sleep(struct sandbox *sandbox, int64_t ms);

/* Ends every sleep under way. Lock held. */
void sandbox_release(struct sandbox *sandbox);

/* Ends sleeps, waits and the turns thread for good. Lock NOT held. */
void sandbox_stop(struct sandbox *sandbox);

/* A timed wait on a condition of the CLOCK_MONOTONIC kind, lock held; 0 or -1 when it timed out. */
int sandbox_wait_on(struct sandbox *sandbox, pthread_cond_t *condition, int64_t deadline);

#endif
