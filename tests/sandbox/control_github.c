/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/github.h"
#include "tests/sandbox/github_json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"

void control_github_tokens(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "token login type");
	const char *token;
	const char *login;
	const char *type;

	if (document == NULL)
		return;
	token = doc_string(document, "token");
	login = doc_string(document, "login");
	type = doc_string(document, "type");
	if (token == NULL || login == NULL || strlen(login) > 60) {
		http_reply_error(call->reply, 400,
				 "token and login are required; an empty login makes it bad");
		return;
	}
	sandbox_lock(call->sandbox);
	github_set_token(call->sandbox->github, token, login, type != NULL ? type : "User");
	sandbox_unlock(call->sandbox);
	control_done(call);
}

void control_github_permissions(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "repo user permission");
	const char *repo;
	const char *user;
	const char *role;

	if (document == NULL)
		return;
	repo = doc_string(document, "repo");
	user = doc_string(document, "user");
	role = github_role(doc_string(document, "permission"));
	if (role == NULL) {
		http_reply_error(call->reply, 400,
				 "permission is admin|maintain|write|triage|read|none");
		return;
	}
	sandbox_lock(call->sandbox);
	github_set_role(call->sandbox->github, repo != NULL ? repo : "*",
			user != NULL ? user : "*", role);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

void control_github_pulls(struct call *call)
{
	cJSON *document = control_read(call, GITHUB_JSON_PULL_MEMBERS);
	const char *repo = doc_string(document, "repo");
	int64_t number = doc_integer(document, "number", 0);
	cJSON *shown;

	if (document == NULL)
		return;
	if (repo == NULL || number < 1) {
		http_reply_error(call->reply, 400, "repo and number are required");
		cJSON_Delete(document);
		return;
	}
	sandbox_lock(call->sandbox);
	shown = github_json_pull(repo, number, document);
	github_set_pull(call->sandbox->github, repo, number, document);
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 201, shown);
}

void control_github_rate(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "limit remaining reset_in");
	struct github *github = call->sandbox->github;

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	github->rate_limit = doc_integer(document, "limit", github->rate_limit);
	github->rate_remaining = doc_integer(document, "remaining", github->rate_remaining);
	github->rate_reset = stamp_wall() / 1000 + doc_integer(document, "reset_in", 3600);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

static cJSON *reactions_of(const struct github *github, const struct github_comment *comment)
{
	enum github_target target = comment->review ? TARGET_REVIEW_COMMENT : TARGET_ISSUE_COMMENT;
	cJSON *array = cJSON_CreateArray();
	unsigned left = 0;

	for (unsigned i = 0; i < GITHUB_CONTENTS; i++)
		left += comment->reactions[i];
	for (size_t i = 0; i < github->reaction_count && left > 0; i++) {
		const struct github_reaction *reaction = github->reactions[i];

		if (reaction->target != target || reaction->number != comment->id)
			continue;
		cJSON_AddItemToArray(array, github_json_reaction(reaction));
		left--;
	}
	return array;
}

/* What GitHub shows, with the reactions one by one and what only the sandbox knows. */
static cJSON *shown_json(const struct github *github, const struct github_comment *comment)
{
	cJSON *object = github_json_comment(comment);

	cJSON_AddStringToObject(object, "kind", comment->review ? "review" : "issue");
	cJSON_AddStringToObject(object, "repo", comment->repo);
	cJSON_AddNumberToObject(object, "number", (double)comment->number);
	cJSON_AddNumberToObject(object, "edits", comment->edits);
	cJSON_AddBoolToObject(object, "deleted", comment->deleted);
	cJSON_ReplaceItemInObjectCaseSensitive(object, "reactions", reactions_of(github, comment));
	return object;
}

cJSON *control_github_comments_json(const struct call *call)
{
	CLEANUP(memory_drop) char *repo = http_query(call->request, "repo");
	CLEANUP(memory_drop) char *user = http_query(call->request, "user");
	int64_t number = http_query_integer(call->request, "number", 0, 1, INT64_MAX / 2);
	const struct github *github = call->sandbox->github;
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < github->comment_count; i++) {
		const struct github_comment *comment = github->comments[i];

		if ((repo == NULL || strcasecmp(repo, comment->repo) == 0) &&
		    (user == NULL || strcasecmp(user, comment->user) == 0) &&
		    (number == 0 || number == comment->number))
			cJSON_AddItemToArray(array, shown_json(github, comment));
	}
	return array;
}

void control_github_comments(struct call *call)
{
	cJSON *document = cJSON_CreateObject();

	sandbox_lock(call->sandbox);
	cJSON_AddItemToObject(document, "comments", control_github_comments_json(call));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}

/* Lock held. */
static void add_comment(struct call *call, const cJSON *document)
{
	bool review = doc_bool(document, "review", false);
	const char *repo = doc_string(document, "repo");
	const char *user = doc_string(document, "user");
	const char *body = doc_string(document, "body");
	int64_t number = doc_integer(document, "number", 0);
	int64_t id = doc_integer(document, "id", 0);
	const struct github_comment *comment;

	if (repo == NULL || number < 1 || id < 0) {
		http_reply_error(call->reply, 400, "repo and number are required");
		return;
	}
	if (id > 0 && github_comment_by_id(call->sandbox->github, review, id) != NULL) {
		http_reply_error(call->reply, 400, "id is in use");
		return;
	}
	comment = github_add_comment(call->sandbox, review, id, repo, number,
				     user != NULL ? user : "octocat",
				     body != NULL ? body : "Hello.", doc_string(document, "path"),
				     doc_integer(document, "in_reply_to", 0));
	http_reply_json(call->reply, 201, shown_json(call->sandbox->github, comment));
}

void control_github_add_comment(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document =
		control_read(call, "repo number user body review path in_reply_to id");

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	add_comment(call, document);
	sandbox_unlock(call->sandbox);
}

void control_github_settings(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "any_comment");
	struct github *github = call->sandbox->github;

	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	github->any_comment = doc_bool(document, "any_comment", github->any_comment);
	sandbox_unlock(call->sandbox);
	control_done(call);
}

void control_github_reactions(struct call *call)
{
	static const char *const targets[] = {"issue", "issue_comment", "review_comment"};
	const struct github *github = call->sandbox->github;
	cJSON *document = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(document, "reactions");

	sandbox_lock(call->sandbox);
	for (size_t i = 0; i < github->reaction_count; i++) {
		const struct github_reaction *reaction = github->reactions[i];
		cJSON *object = github_json_reaction(reaction);

		cJSON_AddStringToObject(object, "target", targets[reaction->target]);
		cJSON_AddStringToObject(object, "repo", reaction->repo);
		cJSON_AddNumberToObject(object, "number", (double)reaction->number);
		cJSON_AddItemToArray(array, object);
	}
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}
