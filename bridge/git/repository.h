/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A repository on this disk, opened as a server's hook sees it, and its settings. One thread uses one repository at a
 * time.
 */
#ifndef BRIDGE_GIT_REPOSITORY_H
#define BRIDGE_GIT_REPOSITORY_H

#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

/* libgit2's own type; its header stays within this room. */
struct git_repository;

/*
 * Opens the directory that holds objects/ and refs/ (bare, or the .git of another). Without libgit2's check of the
 * owner: the caller is started by Git itself, as the user who may write there. New: repository_close.
 */
int repository_open(const char *directory, struct git_repository **ret, struct error *err) MUST_CHECK;
void repository_close(struct git_repository *repository); /* takes NULL */

/*
 * The name by which people know it: the last part of its real path without ".git" ("/srv/git/hello.git",
 * "/home/a/hello/.git": hello), as one line of at most 200 bytes. "repository" when there is none.
 */
void repository_name(struct git_repository *repository, struct strbuf *out);

/*
 * A setting as `git config NAME` says it (of the repository, the user, the system). out is left empty when it is not
 * set. path: "~/" at its start is the home directory. Fails when a file cannot be read or parsed.
 */
int repository_setting(struct git_repository *repository, const char *name, bool path, struct strbuf *out,
		       struct error *err) MUST_CHECK;
/* The same, as a truth value; false when it is not set. */
int repository_flag(struct git_repository *repository, const char *name, bool *ret, struct error *err) MUST_CHECK;

/* What libgit2 says was wrong with the last call on this thread, behind what was tried. Returns -1. */
int repository_fail(struct error *err, int code, const char *what);

DEFINE_CLEANUP(struct git_repository, repository_close);

#endif
