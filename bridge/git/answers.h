/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a question is answered with, out of an open mirror. In the helper process only; one thread. A repository is
 * hostile: whatever is walked or read here has a maximum, and the service kills what takes too long all the same.
 */
#ifndef BRIDGE_GIT_ANSWERS_H
#define BRIDGE_GIT_ANSWERS_H

#include <git2.h>

#include "bridge/base/strbuf.h"
#include "bridge/git/git.h"

#define GIT_WALK_MAX 5000    /* commits looked at per ref, and 10 times as many per question */
#define GIT_BLOB_MAX 1048576 /* bytes of a file that is read */

struct git_answer {
	struct strbuf text; /* GIT_TEXT_MAX; empty: none */
	ssize_t found;
	char job_id[40];
};

/* The commit that hex names: exactly 40 digits. -1: it is not here, or hex is none. */
int git_find_commit(git_repository *repo, const char *hex, git_commit **ret);

/* The commit that a ref leads to; -1: none. */
int git_find_head(git_repository *repo, const char *ref, git_commit **ret);

/*
 * GIT_CODE: the lines around question->line, each as "> 12 | text" (a commented one) or "  13 | text", without what a
 * reader does not see (base/invisible.h), long ones cut. Adds nothing when there is no such file or line, or the file
 * is binary or too large. The commit is the question's.
 */
int git_code_read(git_repository *repo, git_commit *commit, const struct git_question *question, struct strbuf *out,
		  struct error *err) MUST_CHECK;

/*
 * GIT_THREAD: the index of the ref whose history has the commit: the one whose head it is, else the one with the
 * fewest commits since; the first of equals; -1: none. *ret_head: whether it is the head.
 */
ssize_t git_thread_find(git_repository *repo, const git_oid *commit, const struct git_question *question,
			bool *ret_head);

/*
 * GIT_LINK: the job that the newest of the last 50 first-parent commits of refs[0] names, in a `Nairi-Job: job_…`
 * trailer (git-interpret- trailers(1); any case) or in its note under refs/notes/nairi (such a trailer, or the id
 * alone). Commits that are in the default branch (HEAD of the remote) do not count, unless refs[0] is that branch:
 * they belong to jobs that are done. A trailer counts only when author and committer of its commit are both in
 * authors, a note when those of the commit that wrote it are.
 */
void git_link_find(git_repository *repo, const struct git_question *question, char job_id[40]);

/* The last valid Nairi-Job trailer of a message; whether there is one. */
bool git_link_trailer(const char *message, char job_id[40]);

#endif
