/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_GITHUB_API_H
#define SANDBOX_GITHUB_API_H

#include "tests/sandbox/github.h"
#include "tests/sandbox/route.h"

#define GITHUB_API_PREFIX "/github"

/* Who calls; what call->caller points to below the prefix. */
struct github_caller {
	char login[64];
	char type[16];
};

/* Answers one request below the prefix. Lock not held; so for all handlers below. */
void github_api_handle(struct call *call);

/* {"message", "documentation_url", "status"}; with an errors[] entry if `field` is not NULL. */
void github_api_error(struct call *call, unsigned status, const char *message);
void github_api_invalid(struct call *call, const char *resource, const char *field,
			const char *code, const char *message);

const char *github_api_login(const struct call *call);

/* "owner/name" from the path, to free(). */
char *github_api_repo(const struct call *call);

/* A path segment as a positive number; -1 and a 404 if it is none. */
int64_t github_api_number(struct call *call, size_t segment);

/* Which kind of comment a path is about, {issues,pulls}/comments/{id} or comments/{id}; returns
 * the segment of its id. */
size_t github_api_comment(const struct call *call, enum github_kind *ret_kind);

/* github_comments.c: inline comments and others. */
void github_comments_list(struct call *call);
void github_comments_create(struct call *call);
void github_comments_list_review(struct call *call);
void github_comments_create_review(struct call *call);
void github_comments_list_commit(struct call *call);
void github_comments_create_commit(struct call *call);
void github_comments_reply(struct call *call);
void github_comments_get(struct call *call);
void github_comments_update(struct call *call);
void github_comments_delete(struct call *call);

/* github_reactions.c: for the four things that can be reacted to. */
void github_reactions_list(struct call *call);
void github_reactions_create(struct call *call);

#endif
