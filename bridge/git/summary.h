/* SPDX-License-Identifier: Apache-2.0 */
/* What was pushed, in words for the agent. Reads local objects only; bounded. One thread uses one repository. */
#ifndef BRIDGE_GIT_SUMMARY_H
#define BRIDGE_GIT_SUMMARY_H

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

struct git_repository;

#define GIT_SUMMARY_MAX ((size_t)16 * 1024) /* bytes that one summary appends at most */

/*
 * Appends Markdown: what became of the branch (pushed, by force, new, deleted), its commits (at most 20, "and N
 * more"), and the files changed with their insertions and deletions (the 20 with most of them). before and after are
 * what Git tells a post-receive hook (ref may be NULL: unknown): 40 hex digits, all zeros for "none" (githooks(5)). A new branch is compared with
 * where it left the default branch; when there is no such place, its last 20 commits are named. Walks at most 1,000
 * commits, lists at most 2,000 files and reads neither large nor many blobs; where a maximum was met the text says so.
 * Names, subjects and paths stand in code spans which they cannot leave, as one line without control, bidi or invisible
 * characters. Fails with ERR_INVALID (no object ids), ERR_NOT_FOUND (after is not in the repository), ERR_IO; out is
 * then as it was.
 */
int git_summary_push(struct git_repository *repository, const char *before, const char *after, const char *ref,
		     struct strbuf *out, struct error *err) MUST_CHECK;

#endif
