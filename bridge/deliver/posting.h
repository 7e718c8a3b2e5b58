/* SPDX-License-Identifier: Apache-2.0 */
/* Private to replies.c and posting.c: the queue of replies, and one of them on its way. Committer's thread. */
#ifndef BRIDGE_DELIVER_POSTING_H
#define BRIDGE_DELIVER_POSTING_H

#include "bridge/deliver/deliver_private.h"

/* A reply that is not posted yet. */
struct pending {
	struct pending *next;
	struct outlet *out;
	int64_t seq;
	enum reply_state state;
	int attempts, looks;
	int blind;          /* looks in a row that showed nothing usable */
	int64_t due_ms;     /* mono */
	int64_t created_ms; /* wall */
};

/* One source's way out. */
struct outlet {
	char source[64];
	struct pending *first, *last; /* due now */
	bool busy;
	int64_t paused_until_ms; /* mono: a rate limit holds for all */
};

/* Says one: its outlet is busy, until replies_settle or replies_pop. */
void posting_start(struct deliver *deliver, struct pending *pending, struct store *store, int64_t now_ms);

/* The work on it is over, and it waits again, until due_ms. */
void replies_settle(struct replies *replies, struct pending *pending, int64_t now_ms);
/* The work on it is over, and it is gone. */
void replies_pop(struct replies *replies, struct pending *pending);

#endif
