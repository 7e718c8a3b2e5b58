/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_GITHUB_JSON_H
#define SANDBOX_GITHUB_JSON_H

#include <cjson/cJSON.h>

#include "tests/sandbox/github.h"

/* Objects as GitHub shows them, with the members a client may care for. Lock held. */

cJSON *github_json_user(const char *login, const char *type);
cJSON *github_json_comment(const struct github_comment *comment);
cJSON *github_json_reaction(const struct github_reaction *reaction);

/*
 * A pull request. `members` may hold any of: title body state draft merged locked user head_ref
 * head_sha head_repo (null: the fork is gone) base_ref base_sha author_association; NULL or a
 * missing one takes a default.
 */
cJSON *github_json_pull(const char *repo, int64_t number, const cJSON *members);

#define GITHUB_JSON_PULL_MEMBERS                                                                   \
	"repo number title body state draft merged locked user head_ref head_sha head_repo "       \
	"base_ref base_sha author_association"

#endif
