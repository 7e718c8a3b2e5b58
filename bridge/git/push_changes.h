/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between the trees of two commits, in numbers; bounded. Only within this room; one thread. */
#ifndef BRIDGE_GIT_PUSH_CHANGES_H
#define BRIDGE_GIT_PUSH_CHANGES_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"

#define PUSH_CHANGES_FILES 2000 /* more are not even listed */
#define PUSH_CHANGES_READ  300  /* files whose lines are counted */
#define PUSH_CHANGES_BLOB  ((size_t)1024 * 1024) /* larger ones are not read */
#define PUSH_CHANGES_BYTES ((size_t)16 * 1024 * 1024) /* that are read, in all */

struct push_change {
	const char *path, *old_path; /* borrowed from the diff, as bytes: anything may stand there but NUL */
	git_delta_t status;
	bool counted;                /* else binary, a submodule, or beyond a maximum */
	size_t insertions, deletions;
};

struct push_changes {
	git_diff *diff;            /* NULL: more than PUSH_CHANGES_FILES files */
	struct push_change *files; /* most lines first */
	size_t count;
	size_t uncounted;
	size_t insertions, deletions;
};

/* from may be NULL: the empty tree. The result is released by the caller. */
int push_changes_read(git_repository *repository, const git_commit *from, const git_commit *to,
		      struct push_changes *ret, struct error *err) MUST_CHECK;
void push_changes_release(struct push_changes *changes);

#endif
