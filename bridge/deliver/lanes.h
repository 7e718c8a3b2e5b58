/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the queue: one lane a job, in commit order, one message in flight per lane, lanes independent of each
 * other (invariants I4 and I5). Only what is needed to decide stands in memory; prompts stay in the store. A plain data
 * structure: no clock, no store, no thread of its own. One thread.
 */
#ifndef BRIDGE_DELIVER_LANES_H
#define BRIDGE_DELIVER_LANES_H

#include "bridge/base/heap.h"
#include "bridge/base/map.h"
#include "bridge/deliver/lane.h"

struct lanes {
	struct map *by_job;
	struct lane *ready_first, *ready_last;
	struct heap timers;
	size_t waiting; /* messages in all lanes */
	size_t busy;    /* lanes */
};

bool lanes_init(struct lanes *lanes) MUST_CHECK; /* false: no memory */
void lanes_release(struct lanes *lanes);

/* A copy of message joins its job's lane (lane_add); it must come after all that are there. NULL: no memory. */
struct waiting *lanes_add(struct lanes *lanes, const char *job_id, const struct waiting *message, int64_t now_ms);

/*
 * A message that is being committed and will be added later (lanes_add, then lanes_retract; or lanes_retract alone
 * when it was not committed). Until then nothing that is committed after it can reserve the lane and overtake it.
 */
void lanes_announce(struct lanes *lanes, const char *job_id);
void lanes_retract(struct lanes *lanes, const char *job_id);

/*
 * For a message that is about to be committed: true when the job's lane is empty and idle; it is busy from then on,
 * until lanes_add puts the message at its head, or lanes_unreserve.
 */
bool lanes_reserve(struct lanes *lanes, const char *job_id, unsigned pace);
void lanes_unreserve(struct lanes *lanes, const char *job_id);

/* The next lane whose head may run now, or NULL. It is busy from then on: lanes_settle or lanes_pop it. */
struct lane *lanes_next(struct lanes *lanes, int64_t now_ms);

/* The work on the head is over, and it stays there, with the due time it has. */
void lanes_settle(struct lanes *lanes, struct lane *lane, int64_t now_ms);
/* The work on the head is over, and it is gone. The lane may be freed. */
void lanes_pop(struct lanes *lanes, struct lane *lane, int64_t now_ms);

/* Takes out a claimed one (lane_claim) that is gone from the store. */
void lanes_drop(struct lanes *lanes, struct waiting *waiting);
/* The work on the first n is over, and they are gone (n may be 0). The lane may be freed. */
void lanes_pop_run(struct lanes *lanes, struct lane *lane, size_t n, int64_t now_ms);

/* ---- turns ---- */

bool lanes_turn_began(struct lanes *lanes, const char *job_id) MUST_CHECK; /* false: no memory; then nobody is held */
void lanes_turn_ended(struct lanes *lanes, const char *job_id, int64_t now_ms);
int lanes_turns(const struct lanes *lanes, const char *job_id);

/* Nothing of the job is being worked on or committed at this moment. */
bool lanes_idle(const struct lanes *lanes, const char *job_id);
/* The work on the head, a start, is over, and it is gone: all that waits behind it goes to the lane of the job, which has its name now. */
void lanes_pop_start(struct lanes *lanes, struct lane *lane, const char *job_id, int64_t now_ms);
/* All that waits for a job goes to another's lane, in order; the lane is idle (lanes_idle). */
void lanes_rename(struct lanes *lanes, const char *from, const char *to, int64_t now_ms);

/* Takes a message out that is not being worked on; false: not there, or busy. */
bool lanes_remove(struct lanes *lanes, const char *job_id, int64_t seq, int64_t now_ms);

/* When lanes_next may have something that it has not now; 0: at once; INT64_MAX: nothing scheduled. */
int64_t lanes_due(const struct lanes *lanes);

#endif
