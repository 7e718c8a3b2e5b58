/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commits between two tips of one repository, found by one bounded walk. libgit2's own walks and merge bases read
 * all of history when the tips have nothing in common, so this one paints from both tips, newest commits first, and
 * stops when only common ones are left (as git's paint_down_to_common does) or at a maximum. Only within this room; one
 * thread.
 */
#ifndef BRIDGE_GIT_PUSH_HISTORY_H
#define BRIDGE_GIT_PUSH_HISTORY_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"

#define PUSH_HISTORY_WALK 1000 /* commits that are looked at */
#define PUSH_HISTORY_LIST 20   /* commits that are kept */

/*
 * git_commit_lookup, and its codes, but of no commit with more than PUSH_COMMIT_MAX bytes: one object may otherwise be
 * as large as memory. *ret is new (git_commit_free).
 */
#define PUSH_COMMIT_MAX ((size_t)1024 * 1024)
int push_history_commit(git_commit **ret, git_repository *repository, const git_oid *id) MUST_CHECK;

struct push_history {
	git_oid list[PUSH_HISTORY_LIST]; /* the newest ones of tip that are not of other */
	size_t listed;
	size_t count;   /* of those of tip that are not of other: as many as were seen */
	size_t dropped; /* of those of other that are not of tip: as many as were seen */
	bool whole;     /* the walk came to its end: the counts are exact */
	bool has_base;  /* the two have a commit in common */
	git_oid base;   /* the newest of those */
};

/*
 * other may be NULL: the last commits of tip, `count` then at most PUSH_HISTORY_LIST. A parent that is not there (a
 * shallow clone) ends its line. Fails when tip itself cannot be read; *ret is then undefined.
 */
int push_history_walk(git_repository *repository, const git_oid *tip, const git_oid *other, struct push_history *ret,
		      struct error *err) MUST_CHECK;

#endif
