/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/github_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/text.h"

/* A commit that everything belongs to for which a test has named no other. */
#define COMMIT "6dcb09b5b57875f334f61aebed695e2e4193db5e"

static void add_time(cJSON *object, const char *name, int64_t wall_ms)
{
	char stamp[STAMP_SIZE];

	stamp_format_seconds(wall_ms, stamp);
	cJSON_AddStringToObject(object, name, stamp);
}

static void add_text(cJSON *object, const char *name, struct text *text)
{
	cJSON_AddStringToObject(object, name, text->data != NULL ? text->data : "");
	text_free(text);
}

cJSON *github_json_user(const char *login, const char *type)
{
	cJSON *user = cJSON_CreateObject();
	size_t length = strlen(login);
	bool is_bot = length > 5 && strcmp(login + length - 5, "[bot]") == 0;
	unsigned long long hash = text_hash(TEXT_HASH_START, login, length);

	cJSON_AddStringToObject(user, "login", login);
	cJSON_AddNumberToObject(user, "id", (double)(hash % 100000000 + 1));
	cJSON_AddStringToObject(user, "type", type != NULL ? type : is_bot ? "Bot" : "User");
	cJSON_AddBoolToObject(user, "site_admin", 0);
	return user;
}

static void add_commit_urls(cJSON *object, const struct github_comment *comment)
{
	const char *sha = comment->sha != NULL ? comment->sha : COMMIT;
	struct text url = {0};

	text_addf(&url, "https://api.github.com/repos/%s/comments/%" PRId64, comment->repo,
		  comment->id);
	add_text(object, "url", &url);
	text_addf(&url, "https://github.com/%s/commit/%s#commitcomment-%" PRId64, comment->repo,
		  sha, comment->id);
	add_text(object, "html_url", &url);
	cJSON_AddStringToObject(object, "commit_id", sha);
	if (comment->path != NULL)
		cJSON_AddStringToObject(object, "path", comment->path);
	else
		cJSON_AddNullToObject(object, "path");
	cJSON_AddNullToObject(object, "position");
	cJSON_AddNullToObject(object, "line");
}

static void add_urls(cJSON *object, const struct github_comment *comment)
{
	bool review = comment->kind == KIND_REVIEW;
	struct text url = {0};
	struct text html = {0};

	text_addf(&url, "https://api.github.com/repos/%s/%s/comments/%" PRId64, comment->repo,
		  review ? "pulls" : "issues", comment->id);
	text_addf(&html, "https://github.com/%s/pull/%" PRId64 "#%s%" PRId64, comment->repo,
		  comment->number, review ? "discussion_r" : "issuecomment-",
		  comment->id);
	add_text(object, "url", &url);
	add_text(object, "html_url", &html);
	text_addf(&url, "https://api.github.com/repos/%s/%s/%" PRId64, comment->repo,
		  review ? "pulls" : "issues", comment->number);
	add_text(object, review ? "pull_request_url" : "issue_url", &url);
}

static void add_review_members(cJSON *object, const struct github_comment *comment)
{
	cJSON_AddNumberToObject(object, "pull_request_review_id",
				(double)(comment->id + 1000000000));
	if (comment->in_reply_to != 0)
		cJSON_AddNumberToObject(object, "in_reply_to_id", (double)comment->in_reply_to);
	cJSON_AddStringToObject(object, "path",
				comment->path != NULL ? comment->path : "src/main.c");
	cJSON_AddStringToObject(object, "diff_hunk", "@@ -1,3 +1,4 @@\n int main(void)\n {");
	cJSON_AddNumberToObject(object, "line", 2);
	cJSON_AddNumberToObject(object, "original_line", 2);
	cJSON_AddStringToObject(object, "side", "RIGHT");
	cJSON_AddStringToObject(object, "subject_type", "line");
	cJSON_AddStringToObject(object, "commit_id", COMMIT);
}

static void add_reaction_counts(cJSON *object, const struct github_comment *comment)
{
	cJSON *counts = cJSON_AddObjectToObject(object, "reactions");
	unsigned total = 0;

	for (unsigned i = 0; i < GITHUB_CONTENTS; i++) {
		total += comment->reactions[i];
		cJSON_AddNumberToObject(counts, github_content_name(i), comment->reactions[i]);
	}
	cJSON_AddNumberToObject(counts, "total_count", total);
}

cJSON *github_json_comment(const struct github_comment *comment)
{
	static const char *const nodes[] = {"IC", "PRRC", "CC"};
	cJSON *object = cJSON_CreateObject();
	struct text node = {0};

	cJSON_AddNumberToObject(object, "id", (double)comment->id);
	text_addf(&node, "%s_sandbox%" PRId64, nodes[comment->kind], comment->id);
	add_text(object, "node_id", &node);
	if (comment->kind == KIND_COMMIT)
		add_commit_urls(object, comment);
	else
		add_urls(object, comment);
	cJSON_AddStringToObject(object, "body", comment->body);
	cJSON_AddItemToObject(object, "user", github_json_user(comment->user, NULL));
	add_time(object, "created_at", comment->created_ms);
	add_time(object, "updated_at", comment->updated_ms);
	cJSON_AddStringToObject(object, "author_association", "MEMBER");
	cJSON_AddNullToObject(object, "performed_via_github_app");
	if (comment->kind == KIND_REVIEW)
		add_review_members(object, comment);
	add_reaction_counts(object, comment);
	return object;
}

cJSON *github_json_reaction(const struct github_reaction *reaction)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddNumberToObject(object, "id", (double)reaction->id);
	cJSON_AddItemToObject(object, "user", github_json_user(reaction->user, NULL));
	cJSON_AddStringToObject(object, "content", github_content_name(reaction->content));
	add_time(object, "created_at", reaction->created_ms);
	return object;
}

static const char *member(const cJSON *members, const char *name, const char *fallback)
{
	const char *value = doc_string(members, name);

	return value != NULL ? value : fallback;
}

static void add_repo(cJSON *object, const char *full_name)
{
	cJSON *repo = cJSON_AddObjectToObject(object, "repo");

	cJSON_AddStringToObject(repo, "full_name", full_name);
	cJSON_AddBoolToObject(repo, "private", 0);
}

static void add_head_and_base(cJSON *pull, const char *repo, const cJSON *members)
{
	const cJSON *head_repo = cJSON_GetObjectItemCaseSensitive(members, "head_repo");
	cJSON *head = cJSON_AddObjectToObject(pull, "head");
	cJSON *base = cJSON_AddObjectToObject(pull, "base");

	cJSON_AddStringToObject(head, "ref",
				member(members, "head_ref", "nairid/brave-otter-20260412-184512"));
	cJSON_AddStringToObject(head, "sha", member(members, "head_sha", COMMIT));
	if (cJSON_IsNull(head_repo))
		cJSON_AddNullToObject(head, "repo");
	else
		add_repo(head, cJSON_IsString(head_repo) ? head_repo->valuestring : repo);
	cJSON_AddStringToObject(base, "ref", member(members, "base_ref", "main"));
	cJSON_AddStringToObject(
		base, "sha",
		member(members, "base_sha", "e5bd3914e2e596debea16f433f57875b5b90bcd6"));
	add_repo(base, repo);
}

cJSON *github_json_pull(const char *repo, int64_t number, const cJSON *members)
{
	cJSON *pull = cJSON_CreateObject();
	struct text url = {0};

	cJSON_AddNumberToObject(pull, "id", (double)(number + 2000000000));
	cJSON_AddNumberToObject(pull, "number", (double)number);
	text_addf(&url, "https://api.github.com/repos/%s/pulls/%" PRId64, repo, number);
	add_text(pull, "url", &url);
	text_addf(&url, "https://github.com/%s/pull/%" PRId64, repo, number);
	add_text(pull, "html_url", &url);
	cJSON_AddStringToObject(pull, "state", member(members, "state", "open"));
	cJSON_AddStringToObject(pull, "title", member(members, "title", "feat: say hello"));
	cJSON_AddStringToObject(pull, "body", member(members, "body", "## Summary\n\nHello."));
	cJSON_AddBoolToObject(pull, "draft", doc_bool(members, "draft", false));
	cJSON_AddBoolToObject(pull, "merged", doc_bool(members, "merged", false));
	cJSON_AddBoolToObject(pull, "locked", doc_bool(members, "locked", false));
	cJSON_AddItemToObject(pull, "user",
			      github_json_user(member(members, "user", "octocat"), NULL));
	cJSON_AddStringToObject(pull, "author_association",
				member(members, "author_association", "MEMBER"));
	add_head_and_base(pull, repo, members);
	return pull;
}
