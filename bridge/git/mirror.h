/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libgit2 with its global options, and one bare mirror: opened, cleaned of what a killed process left, fetched into.
 * In the helper process only; one thread.
 */
#ifndef BRIDGE_GIT_MIRROR_H
#define BRIDGE_GIT_MIRROR_H

#include <git2.h>

#include "bridge/git/git.h"

/*
 * Once a process: no host configuration, caches of bounded size, TLS by the bundle ca (libgit2 1.5 ignores
 * SSL_CERT_FILE; NULL: it has none and no TLS host is trusted).
 */
int git_mirror_setup(const char *ca, struct error *err) MUST_CHECK;

/* *ret NULL: there is none, or none that can be opened. */
int git_mirror_open(const char *path, git_repository **ret, struct error *err) MUST_CHECK;

/* An empty one, in place of what may be there. */
int git_mirror_make(const char *path, git_repository **ret, struct error *err) MUST_CHECK;

/*
 * Whether what its refs lead to is there: a fetch believes them, and would never bring what was lost. Looks at 2,000
 * of them.
 */
bool git_mirror_is_whole(git_repository *repo);

struct git_mirror_fetch {
	const char *url;
	const struct secret *token; /* NULL: none; sent as the password of x-access-token, as forges take one */
	const char *const *refs;    /* beyond the branches and the notes; checked names */
	size_t ref_count;
	int64_t max_bytes;          /* received; more is an error */
};

/*
 * Fetches branches, notes and refs, prunes what is gone, takes over the remote's HEAD. On failure *ret_broken: the
 * mirror itself may be damaged, and is better made anew. Error texts name neither token nor URL.
 */
int git_mirror_fetch(git_repository *repo, const struct git_mirror_fetch *fetch, bool *ret_broken,
		     struct error *err) MUST_CHECK;

#endif
