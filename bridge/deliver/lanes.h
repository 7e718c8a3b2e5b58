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
#include "bridge/model/message.h"

struct lane;

/* A message that is not final yet. */
struct waiting {
	struct lane *lane;
	struct waiting *next;
	int64_t seq;
	char id[ID_SIZE];
	enum message_state state;
	int attempts;        /* sends begun */
	int looks;           /* lists that were read and did not have it */
	int tries;           /* of what is being done now, that failed: looks without a list, permission calls */
	int64_t due_ms;      /* mono: not before; 0: at once */
	int64_t created_ms;  /* wall */
};

struct lane {
	char job_id[JOB_ID_MAX + 2];
	struct waiting *head, *tail;
	bool busy;     /* its head is being worked on (or a place is reserved for one that is being committed) */
	int announced; /* messages that are being committed behind what stands here: nothing may go past them */
	bool ready;    /* stands in the list of lanes that can run */
	int timers;    /* of this lane, in the heap */
	struct lane *next_ready;
};

struct lanes {
	struct map *by_job;
	struct lane *ready_first, *ready_last;
	struct heap timers;
	size_t waiting; /* messages in all lanes */
	size_t busy;    /* lanes */
};

bool lanes_init(struct lanes *lanes) MUST_CHECK; /* false: no memory */
void lanes_release(struct lanes *lanes);

/* Appends a copy of message to its job's lane; it must come after all that are there. NULL: no memory. */
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
bool lanes_reserve(struct lanes *lanes, const char *job_id);
void lanes_unreserve(struct lanes *lanes, const char *job_id);

/* The next lane whose head may run now, or NULL. It is busy from then on: lanes_settle or lanes_pop it. */
struct lane *lanes_next(struct lanes *lanes, int64_t now_ms);

/* The work on the head is over, and it stays there, with the due time it has. */
void lanes_settle(struct lanes *lanes, struct lane *lane, int64_t now_ms);
/* The work on the head is over, and it is gone. The lane may be freed. */
void lanes_pop(struct lanes *lanes, struct lane *lane, int64_t now_ms);

/* Takes a message out that is not being worked on; false: not there, or busy. */
bool lanes_remove(struct lanes *lanes, const char *job_id, int64_t seq, int64_t now_ms);

/* When lanes_next may have something that it has not now; 0: at once; INT64_MAX: nothing scheduled. */
int64_t lanes_due(const struct lanes *lanes);

#endif
