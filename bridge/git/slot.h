/* SPDX-License-Identifier: Apache-2.0 */
/* One helper process at work on one repository's batch, as the service sees it. The service's thread only. */
#ifndef BRIDGE_GIT_SLOT_H
#define BRIDGE_GIT_SLOT_H

#include "bridge/base/process.h"
#include "bridge/git/repos.h"
#include "bridge/git/wire.h"

struct git_slot_options {
	const struct git_cache *cache;
	const char *program, *ca;
	int64_t max_size, timeout_ms;
	/* An answer is in the question, err included; owns it. */
	void (*answered)(void *ctx, struct git_question *question);
	void *ctx;
};

struct git_slot {
	const struct git_slot_options *options;
	struct process *process; /* NULL: free */
	struct git_repo *repo;
	struct git_question *questions[GIT_BATCH_MAX]; /* NULL: answered */
	size_t count, reports;
	int64_t deadline;
	bool fetching, fetched;
	bool broken; /* the fetch failed in a way that may be the mirror's fault */
};

/*
 * Takes a batch from a busy repository and starts on it. False: the slot is free again, and the batch is answered
 * already (nothing may be tried, or a helper cannot be started).
 */
bool git_slot_start(struct git_slot *slot, struct git_repo *repo, int64_t now);

/* The helper said something, or is gone, or its deadline has come. True: the batch is answered and the slot is free. */
bool git_slot_turn(struct git_slot *slot, bool readable, int64_t now);

/* Kills the helper and answers the rest: the service is stopping. */
void git_slot_cancel(struct git_slot *slot);

#endif
