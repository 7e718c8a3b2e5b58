/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for which repository: questions grouped by URL in the order of asking, the repositories whose turn it is,
 * and which of them failed lately. The service's thread only; time is an argument (clock_mono_ms).
 */
#ifndef BRIDGE_GIT_REPOS_H
#define BRIDGE_GIT_REPOS_H

#include "bridge/base/hmac.h"
#include "bridge/base/map.h"
#include "bridge/git/cache.h"
#include "bridge/git/git.h"

#define GIT_REPOS_MAX 1024 /* remembered for their failures; what waits comes on top */

struct git_repo {
	char *url;
	char name[GIT_CACHE_NAME_SIZE]; /* of its mirror */
	struct git_question *first, *last;
	bool busy, ready;
	int failures;   /* in a row */
	int64_t until;  /* no fetch before this moment */
	bool shut;      /* nor reading: it crashed or stalled the helper */
	char why[200];
	char token[SHA256_HEX_SIZE]; /* the digest of the one that it was last asked with; "": none */
	struct git_repo *next; /* in the order of their turn */
};

struct git_repos {
	struct map *map;
	struct git_repo *first, *last;
};

int git_repos_init(struct git_repos *repos, struct error *err) MUST_CHECK;
void git_repos_release(struct git_repos *repos); /* not the questions */

/* False: no memory; the question is still the caller's. */
bool git_repos_add(struct git_repos *repos, struct git_question *question) MUST_CHECK;

/* The repository whose turn it is, now busy; NULL: none. */
struct git_repo *git_repos_next(struct git_repos *repos);

/* The next question; with token_of only one with the same token. NULL: none. */
struct git_question *git_repos_take(struct git_repo *repo, const struct git_question *token_of);

/* No longer busy: it waits for its turn again, or is forgotten if nobody asks and nothing failed. */
void git_repos_done(struct git_repos *repos, struct git_repo *repo);

/*
 * It is about to be asked with this token (NULL: none). With another one than before nothing is waited for: what was
 * refused may be right now. Not if it is shut, which was not the token's fault.
 */
void git_repos_asks(struct git_repo *repo, const struct secret *token);
void git_repos_failed(struct git_repo *repo, bool shut, const char *why, int64_t now);
void git_repos_succeeded(struct git_repo *repo);

/* 5 s after the first failure, doubling to 10 minutes. */
int64_t git_repos_backoff_ms(int failures);

#endif
