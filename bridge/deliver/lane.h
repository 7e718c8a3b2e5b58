/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One lane: what waits for one job, in commit order. It knows what of it may be worked on and when: whether a turn
 * that runs holds its head back, until when a burst waits for the rest of it, and which messages go together as one
 * prompt. lanes.h has all of them, and the clock. A plain data structure; one thread.
 */
#ifndef BRIDGE_DELIVER_LANE_H
#define BRIDGE_DELIVER_LANE_H

#include "bridge/base/cleanup.h"
#include "bridge/model/message.h"

struct lane;

/* A message that is not final yet. */
struct waiting {
	struct lane *lane;
	struct waiting *next;
	int64_t seq;
	char id[ID_SIZE];
	enum message_state state;
	enum message_kind kind;
	unsigned pace;
	bool claimed;        /* belongs to the run that is being worked on */
	bool window;         /* waits, with due_ms, for others of its burst; not later than window_end_ms */
	int64_t window_end_ms;
	int attempts;        /* sends begun */
	int looks;           /* lists that were read and did not have it */
	int tries;           /* of what is being done now, that failed: looks without a list, permission calls */
	int64_t due_ms;      /* mono: not before; 0: at once */
	int64_t created_ms;  /* wall */
};

struct lane {
	char job_id[JOB_ID_MAX + 2];
	struct waiting *head, *tail;
	struct waiting *window; /* the first of a burst that is still waited for; NULL: none */
	int turns;     /* of the job, that are running: who holds waits for their end */
	bool busy;     /* its head is being worked on (or a place is reserved for one that is being committed) */
	int announced; /* messages that are being committed behind what stands here: nothing may go past them */
	bool ready;    /* stands in the list of lanes that can run */
	int timers;    /* of this lane, in the heap */
	struct lane *next_ready;
};

/*
 * Takes over what was allocated, as the last one; but a start comes before what waits already: nothing else can go
 * before the job exists. One of a burst (patient, due later) keeps the burst before it waiting, for six times its own
 * patience at most; one that is not patient ends the waiting. True: the lane may have something to do at another time
 * now than before.
 */
bool lane_add(struct lane *lane, struct waiting *made, int64_t now_ms) MUST_CHECK;
/* Takes one of the lane's out and frees it. */
void lane_take(struct lane *lane, struct waiting *waiting);
struct waiting *lane_find(const struct lane *lane, int64_t seq); /* NULL: not there */
/* All that waits goes behind what another lane has, and the time that a burst waits for more is over. */
void lane_move_all(struct lane *lane, struct lane *other);

/* A message of this pace that comes now could go at once. */
bool lane_is_free(const struct lane *lane, unsigned pace);

/* These need a head. Held: it waits for the end of a turn, not for a time. */
bool lane_is_held(const struct lane *lane);
int64_t lane_due(const struct lane *lane); /* when there is something to do */

/*
 * What is to be worked on in a lane that is busy now: its head; but the vetting of a burst's comments comes before the burst is sent.
 * What is not the head has to be claimed by who works on it, so that it is not removed meanwhile.
 */
struct waiting *lane_work(const struct lane *lane, int64_t now_ms);
/* A message that was vetted is queued, with the due time of its burst: as if it came now. Then lanes_settle. */
void lane_vetted(struct waiting *waiting, int64_t now_ms);

/* Claims as many messages from the head of a busy lane on as may go together: at least the head, at most max. */
size_t lane_claim(struct lane *lane, size_t max);
/* Keeps the first n of them; the others wait again. */
void lane_unclaim(struct lane *lane, size_t n);

#endif
