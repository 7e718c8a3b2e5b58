/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_GITHUB_H
#define SANDBOX_GITHUB_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/table.h"

/*
 * What the GitHub stand-in knows. Repositories, issues and users need no seeding: any name
 * exists. Names of repositories and users compare without case. All calls: sandbox lock held.
 */

#define GITHUB_TOKEN "ghp_sandboxToken00000000000000000000000"
#define GITHUB_LOGIN "bridge-bot"

struct github_token {
	char *text;
	char login[64];
	char type[16]; /* User, or Bot for what stands for an installation token */
};

#define GITHUB_CONTENTS 8 /* what a reaction can say */

/* On an issue or pull request; inline in a pull request; on a commit. */
enum github_kind { KIND_ISSUE, KIND_REVIEW, KIND_COMMIT };

/* A text that a comment once had. */
struct github_version {
	char *body;
	int64_t since_ms;
};

struct github_comment {
	int64_t id; /* above 2^31, as the real ones are, unless a test chose it */
	char key[32]; /* of its kind and id */
	enum github_kind kind;
	char *repo; /* "owner/name" */
	int64_t number; /* 0 on a commit */
	char *sha; /* of the commit; NULL on anything else */
	char *user;
	char *body;
	struct github_version *versions; /* the texts before `body`, oldest first */
	size_t version_count;
	char *path; /* NULL on an issue */
	int64_t in_reply_to; /* 0: it is the top of its thread */
	int64_t created_ms;
	int64_t updated_ms;
	unsigned edits;
	bool deleted;
	unsigned reactions[GITHUB_CONTENTS];
};

enum github_target {
	TARGET_ISSUE,
	TARGET_ISSUE_COMMENT,
	TARGET_REVIEW_COMMENT,
	TARGET_COMMIT_COMMENT,
};

struct github_reaction {
	int64_t id;
	char *key; /* of all that makes it one and the same */
	enum github_target target;
	char *repo; /* of an issue */
	int64_t number; /* of the issue, or the comment's id */
	char *user;
	unsigned content; /* see github_content_name() */
	int64_t created_ms;
};

struct github_pull {
	char *repo;
	int64_t number;
	cJSON *members; /* what a test has set: see github_json_pull() */
};

struct github_permission {
	char *repo; /* "*": any */
	char *user; /* "*": any */
	const char *role; /* static */
};

struct github {
	bool is_quick;
	struct github_token *tokens;
	size_t token_count;
	struct github_comment **comments; /* id order */
	size_t comment_count;
	struct table comments_by_key;
	int64_t last_comment_id;
	bool any_comment; /* an unknown id is somebody's comment all the same */
	struct github_reaction **reactions;
	size_t reaction_count;
	struct table reactions_by_key;
	struct github_pull *pulls;
	size_t pull_count;
	struct github_permission *permissions;
	size_t permission_count;
	int64_t rate_limit;
	int64_t rate_remaining;
	int64_t rate_reset; /* epoch seconds */
};

/* In --quick mode the rate limit is out of reach and any comment exists. */
struct github *github_new(bool is_quick);
void github_free(struct github *github);
void github_reset(struct github *github);

/* Makes a token good for a user; an empty login makes it bad. */
void github_set_token(struct github *github, const char *text, const char *login,
		      const char *type);

/* The token in an Authorization value (Bearer or token), or NULL. */
const struct github_token *github_token(const struct github *github, const char *authorization);

/* What makes a comment; see struct github_comment. `sha`, `path` may be NULL. */
struct github_draft {
	enum github_kind kind;
	int64_t id; /* 0: the next one; another one must not be in use for that kind */
	const char *repo;
	int64_t number;
	const char *sha;
	const char *user;
	const char *body;
	const char *path;
	int64_t in_reply_to;
};

/* Adds a comment; all strings are copied. */
struct github_comment *github_add_comment(struct sandbox *sandbox,
					  const struct github_draft *draft);

/* Gives a comment another text. The one before it is kept, of the first 1,000 (16 in --quick). */
void github_edit_comment(struct sandbox *sandbox, struct github_comment *comment,
			 const char *body);
void github_delete_comment(struct sandbox *sandbox, struct github_comment *comment);

/* issue, review, commit; the parser gives 0, or -1 and leaves *ret_kind alone. */
const char *github_kind_name(enum github_kind kind);
int github_kind_parse(const char *name, enum github_kind *ret_kind);

/* What a reaction to a comment of that kind is one to. */
enum github_target github_target_of(enum github_kind kind);

/* The comment of that kind with that id, deleted or not, in whatever repository; or NULL. */
struct github_comment *github_comment_by_id(const struct github *github, enum github_kind kind,
					    int64_t id);

/* The comment that a request names: in that repository and not deleted, or NULL. When any comment
 * exists, an unknown one is made as the top of a thread of `number` (1 if that is 0). */
struct github_comment *github_comment(struct sandbox *sandbox, enum github_kind kind,
				      const char *repo, int64_t number, int64_t id);

/* The eight contents of reactions by number and back; -1 for anything else. */
const char *github_content_name(unsigned content);
int github_content_parse(const char *name, unsigned *ret_content);

/* Finds or adds a user's reaction; *ret_new tells which. `comment` is its target or NULL. */
const struct github_reaction *github_react(struct sandbox *sandbox, enum github_target target,
					   struct github_comment *comment, const char *repo,
					   int64_t number, const char *user, unsigned content,
					   bool *ret_new);

/* admin, maintain, write, triage, read, none as a static string; NULL for anything else. */
const char *github_role(const char *name);

/* The latest fitting setting wins; without any it is "read", as on a public repository. */
const char *github_role_of(const struct github *github, const char *repo, const char *user);
void github_set_role(struct github *github, const char *repo, const char *user, const char *role);

/* What was set for a pull request, or NULL. The members become the store's. */
const cJSON *github_pull(const struct github *github, const char *repo, int64_t number);
void github_set_pull(struct github *github, const char *repo, int64_t number, cJSON *members);

#endif
