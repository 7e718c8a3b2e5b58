/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/github.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/text.h"

/* The first comment's id; beyond what a saturating `valueint` can hold. */
#define FIRST_COMMENT INT64_C(2200000001)
#define FIRST_REACTION INT64_C(300000001)

#define VERSIONS_MAX 1000U
#define VERSIONS_QUICK 16U

static void set_first(struct github *github)
{
	github_set_token(github, GITHUB_TOKEN, GITHUB_LOGIN, "User");
	github->rate_limit = github->is_quick ? 1000000000 : 5000;
	github->rate_remaining = github->rate_limit;
	github->any_comment = github->is_quick;
	github->last_comment_id = FIRST_COMMENT - 1;
	github->rate_reset = stamp_wall() / 1000 + 3600;
}

struct github *github_new(bool is_quick)
{
	struct github *github = memory_new(1, sizeof(*github));

	github->is_quick = is_quick;
	set_first(github);
	return github;
}

static void comment_free(struct github_comment *comment)
{
	free(comment->repo);
	free(comment->user);
	free(comment->body);
	free(comment->path);
	free(comment->sha);
	for (size_t i = 0; i < comment->version_count; i++)
		free(comment->versions[i].body);
	free(comment->versions);
	free(comment);
}

static void clear(struct github *github)
{
	for (size_t i = 0; i < github->token_count; i++)
		free(github->tokens[i].text);
	for (size_t i = 0; i < github->comment_count; i++)
		comment_free(github->comments[i]);
	for (size_t i = 0; i < github->reaction_count; i++) {
		free(github->reactions[i]->key);
		free(github->reactions[i]->repo);
		free(github->reactions[i]->user);
		free(github->reactions[i]);
	}
	for (size_t i = 0; i < github->pull_count; i++) {
		free(github->pulls[i].repo);
		cJSON_Delete(github->pulls[i].members);
	}
	for (size_t i = 0; i < github->permission_count; i++) {
		free(github->permissions[i].repo);
		free(github->permissions[i].user);
	}
	free(github->tokens);
	free(github->comments);
	free(github->reactions);
	free(github->pulls);
	free(github->permissions);
	table_free(&github->comments_by_key);
	table_free(&github->reactions_by_key);
	*github = (struct github){.is_quick = github->is_quick};
}

void github_free(struct github *github)
{
	clear(github);
	free(github);
}

void github_reset(struct github *github)
{
	clear(github);
	set_first(github);
}

static struct github_token *find_token(const struct github *github, const char *text)
{
	for (size_t i = 0; i < github->token_count; i++)
		if (strcmp(github->tokens[i].text, text) == 0)
			return &github->tokens[i];
	return NULL;
}

void github_set_token(struct github *github, const char *text, const char *login,
		      const char *type)
{
	struct github_token *token = find_token(github, text);

	if (token == NULL) {
		github->tokens = memory_grow(github->tokens, github->token_count + 1,
					   sizeof(*github->tokens));
		token = &github->tokens[github->token_count++];
		*token = (struct github_token){.text = memory_copy(text)};
	}
	snprintf(token->login, sizeof(token->login), "%s", login);
	snprintf(token->type, sizeof(token->type), "%s", type);
}

const struct github_token *github_token(const struct github *github, const char *authorization)
{
	const struct github_token *token = NULL;

	if (authorization != NULL && strncasecmp(authorization, "Bearer ", 7) == 0)
		token = find_token(github, authorization + 7);
	else if (authorization != NULL && strncasecmp(authorization, "token ", 6) == 0)
		token = find_token(github, authorization + 6);
	return token != NULL && *token->login != '\0' ? token : NULL;
}

static void write_key(char *out, size_t size, enum github_kind kind, int64_t id)
{
	snprintf(out, size, "%c%" PRId64, "irc"[kind], id);
}

struct github_comment *github_comment_by_id(const struct github *github, enum github_kind kind,
					    int64_t id)
{
	char key[32];

	write_key(key, sizeof(key), kind, id);
	return table_get(&github->comments_by_key, key);
}

/* The kinds could share ids; the ones that are made here never do. */
static int64_t next_id(struct github *github)
{
	do {
		github->last_comment_id++;
	} while (github_comment_by_id(github, KIND_ISSUE, github->last_comment_id) != NULL ||
		 github_comment_by_id(github, KIND_REVIEW, github->last_comment_id) != NULL ||
		 github_comment_by_id(github, KIND_COMMIT, github->last_comment_id) != NULL);
	return github->last_comment_id;
}

struct github_comment *github_add_comment(struct sandbox *sandbox,
					  const struct github_draft *draft)
{
	struct github *github = sandbox->github;
	struct github_comment *comment = memory_new(1, sizeof(*comment));

	comment->id = draft->id > 0 ? draft->id : next_id(github);
	write_key(comment->key, sizeof(comment->key), draft->kind, comment->id);
	comment->kind = draft->kind;
	comment->repo = memory_copy(draft->repo);
	comment->number = draft->number;
	comment->sha = memory_copy(draft->sha);
	comment->user = memory_copy(draft->user);
	comment->body = memory_copy(draft->body);
	comment->path = memory_copy(draft->path);
	comment->in_reply_to = draft->in_reply_to;
	comment->created_ms = comment->updated_ms = stamp_wall();
	github->comments = memory_more(github->comments, github->comment_count,
				       sizeof(struct github_comment *));
	github->comments[github->comment_count++] = comment;
	table_put(&github->comments_by_key, comment->key, comment);
	sandbox_changed(sandbox);
	return comment;
}

void github_edit_comment(struct sandbox *sandbox, struct github_comment *comment, const char *body)
{
	size_t most = sandbox->is_quick ? VERSIONS_QUICK : VERSIONS_MAX;

	if (comment->version_count < most) {
		comment->versions = memory_more(comment->versions, comment->version_count,
						sizeof(*comment->versions));
		comment->versions[comment->version_count++] = (struct github_version){
			.body = comment->body, .since_ms = comment->updated_ms};
	} else {
		free(comment->body);
	}
	comment->body = memory_copy(body);
	comment->updated_ms = stamp_wall();
	comment->edits++;
	sandbox_changed(sandbox);
}

void github_delete_comment(struct sandbox *sandbox, struct github_comment *comment)
{
	comment->deleted = true;
	sandbox_changed(sandbox);
}

struct github_comment *github_comment(struct sandbox *sandbox, enum github_kind kind,
				      const char *repo, int64_t number, int64_t id)
{
	struct github_comment *comment = github_comment_by_id(sandbox->github, kind, id);
	struct github_draft draft = {
		.kind = kind,
		.id = id,
		.repo = repo,
		.number = number > 0 ? number : 1,
		.user = "octocat",
		.body = "Made up.",
	};

	if (comment == NULL && sandbox->github->any_comment)
		return github_add_comment(sandbox, &draft);
	if (comment == NULL || comment->deleted || strcasecmp(comment->repo, repo) != 0)
		return NULL;
	return comment;
}

static const char *const kinds[] = {"issue", "review", "commit"};

const char *github_kind_name(enum github_kind kind)
{
	return kinds[kind];
}

int github_kind_parse(const char *name, enum github_kind *ret_kind)
{
	for (unsigned i = 0; name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i], name) == 0) {
			*ret_kind = (enum github_kind)i;
			return 0;
		}
	}
	return -1;
}

enum github_target github_target_of(enum github_kind kind)
{
	static const enum github_target targets[] = {TARGET_ISSUE_COMMENT, TARGET_REVIEW_COMMENT,
						     TARGET_COMMIT_COMMENT};

	return targets[kind];
}

static const char *const contents[GITHUB_CONTENTS] = {"+1",    "-1",	 "laugh",  "confused",
						      "heart", "hooray", "rocket", "eyes"};

const char *github_content_name(unsigned content)
{
	return contents[content];
}

int github_content_parse(const char *name, unsigned *ret_content)
{
	for (unsigned i = 0; name != NULL && i < GITHUB_CONTENTS; i++) {
		if (strcmp(contents[i], name) == 0) {
			*ret_content = i;
			return 0;
		}
	}
	return -1;
}

/* Names of repositories and users compare without case, so the key has none. */
static char *reaction_key(enum github_target target, const char *repo, int64_t number,
			  const char *user, unsigned content)
{
	struct text key = {0};

	text_addf(&key, "%d/%u/%" PRId64 "/%s/%s", (int)target, content, number, repo, user);
	for (size_t i = 0; i < key.length; i++)
		key.data[i] = (char)tolower((unsigned char)key.data[i]);
	return key.data;
}

const struct github_reaction *github_react(struct sandbox *sandbox, enum github_target target,
					   struct github_comment *comment, const char *repo,
					   int64_t number, const char *user, unsigned content,
					   bool *ret_new)
{
	struct github *github = sandbox->github;
	char *key = reaction_key(target, repo, number, user, content);
	struct github_reaction *reaction = table_get(&github->reactions_by_key, key);

	*ret_new = reaction == NULL;
	if (reaction != NULL) {
		free(key);
		return reaction;
	}
	reaction = memory_new(1, sizeof(*reaction));
	*reaction = (struct github_reaction){
		.id = FIRST_REACTION + (int64_t)github->reaction_count,
		.key = key,
		.target = target,
		.repo = memory_copy(repo),
		.number = number,
		.user = memory_copy(user),
		.content = content,
		.created_ms = stamp_wall(),
	};
	github->reactions = memory_more(github->reactions, github->reaction_count,
					sizeof(struct github_reaction *));
	github->reactions[github->reaction_count++] = reaction;
	table_put(&github->reactions_by_key, key, reaction);
	if (comment != NULL)
		comment->reactions[content]++;
	sandbox_changed(sandbox);
	return reaction;
}

const char *github_role(const char *name)
{
	static const char *const roles[] = {"admin", "maintain", "write", "triage", "read", "none"};

	for (size_t i = 0; name != NULL && i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i], name) == 0)
			return roles[i];
	return NULL;
}

static bool covers(const char *pattern, const char *name)
{
	return strcmp(pattern, "*") == 0 || strcasecmp(pattern, name) == 0;
}

const char *github_role_of(const struct github *github, const char *repo, const char *user)
{
	for (size_t i = github->permission_count; i > 0; i--) {
		const struct github_permission *permission = &github->permissions[i - 1];

		if (covers(permission->repo, repo) && covers(permission->user, user))
			return permission->role;
	}
	return "read";
}

void github_set_role(struct github *github, const char *repo, const char *user, const char *role)
{
	github->permissions = memory_grow(github->permissions, github->permission_count + 1,
					sizeof(*github->permissions));
	github->permissions[github->permission_count++] = (struct github_permission){
		.repo = memory_copy(repo), .user = memory_copy(user), .role = role};
}

static struct github_pull *find_pull(const struct github *github, const char *repo, int64_t number)
{
	for (size_t i = 0; i < github->pull_count; i++)
		if (github->pulls[i].number == number &&
		    strcasecmp(github->pulls[i].repo, repo) == 0)
			return &github->pulls[i];
	return NULL;
}

const cJSON *github_pull(const struct github *github, const char *repo, int64_t number)
{
	const struct github_pull *pull = find_pull(github, repo, number);

	return pull != NULL ? pull->members : NULL;
}

void github_set_pull(struct github *github, const char *repo, int64_t number, cJSON *members)
{
	struct github_pull *pull = find_pull(github, repo, number);

	if (pull == NULL) {
		github->pulls = memory_grow(github->pulls, github->pull_count + 1,
					  sizeof(*github->pulls));
		pull = &github->pulls[github->pull_count++];
		*pull = (struct github_pull){.repo = memory_copy(repo), .number = number};
	}
	cJSON_Delete(pull->members);
	pull->members = members;
}
