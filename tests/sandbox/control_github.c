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
	enum github_target target = github_target_of(comment->kind);
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

static void add_version(cJSON *history, const char *body, int64_t since_ms)
{
	cJSON *version = cJSON_CreateObject();

	cJSON_AddStringToObject(version, "body", body);
	doc_add_time(version, "since", since_ms);
	cJSON_AddItemToArray(history, version);
}

/* What GitHub shows, with the reactions one by one and what only the sandbox knows. */
static cJSON *shown_json(const struct github *github, const struct github_comment *comment)
{
	cJSON *object = github_json_comment(comment);
	cJSON *history = cJSON_AddArrayToObject(object, "history");

	for (size_t i = 0; i < comment->version_count; i++)
		add_version(history, comment->versions[i].body, comment->versions[i].since_ms);
	add_version(history, comment->body, comment->updated_ms);
	cJSON_AddStringToObject(object, "kind", github_kind_name(comment->kind));
	cJSON_AddStringToObject(object, "repo", comment->repo);
	cJSON_AddNumberToObject(object, "number", (double)comment->number);
	cJSON_AddNumberToObject(object, "edits", comment->edits);
	cJSON_AddBoolToObject(object, "deleted", comment->deleted);
	cJSON_ReplaceItemInObjectCaseSensitive(object, "reactions", reactions_of(github, comment));
	return object;
}

/* Which comments a query names; strings are owned, what is NULL or 0 is not asked for. */
struct comment_filter {
	char *repo;
	char *user;
	char *kind;
	char *text;
	char *sha;
	int64_t number;
	int64_t id;
	int64_t edits;
};

static void filter_read(const struct call *call, struct comment_filter *filter)
{
	const struct request *request = call->request;

	filter->repo = http_query(request, "repo");
	filter->user = http_query(request, "user");
	filter->kind = http_query(request, "kind");
	filter->text = http_query(request, "text");
	filter->sha = http_query(request, "sha");
	filter->number = http_query_integer(request, "number", 0, 1, INT64_MAX / 2);
	filter->id = http_query_integer(request, "id", 0, 1, INT64_MAX / 2);
	filter->edits = http_query_integer(request, "edits", 0, 0, INT32_MAX);
}

static void filter_drop(struct comment_filter *filter)
{
	free(filter->repo);
	free(filter->user);
	free(filter->kind);
	free(filter->text);
	free(filter->sha);
}

static bool filter_fits(const struct comment_filter *filter, const struct github_comment *comment)
{
	const char *kind = github_kind_name(comment->kind);

	if (filter->repo != NULL && strcasecmp(filter->repo, comment->repo) != 0)
		return false;
	if (filter->user != NULL && strcasecmp(filter->user, comment->user) != 0)
		return false;
	if (filter->kind != NULL && strcmp(filter->kind, kind) != 0)
		return false;
	if (filter->sha != NULL &&
	    (comment->sha == NULL || strcmp(filter->sha, comment->sha) != 0))
		return false;
	if ((filter->number != 0 && filter->number != comment->number) ||
	    (filter->id != 0 && filter->id != comment->id) || comment->edits < filter->edits)
		return false;
	return filter->text == NULL || strstr(comment->body, filter->text) != NULL;
}

cJSON *control_github_comments_json(const struct call *call)
{
	CLEANUP(filter_drop) struct comment_filter filter;
	const struct github *github = call->sandbox->github;
	cJSON *array = cJSON_CreateArray();

	filter_read(call, &filter);
	for (size_t i = 0; i < github->comment_count; i++)
		if (filter_fits(&filter, github->comments[i]))
			cJSON_AddItemToArray(array, shown_json(github, github->comments[i]));
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

/* The kind that a request asks for; -1 when the reply is made. */
static int read_kind(struct call *call, const cJSON *document, enum github_kind *ret_kind)
{
	*ret_kind = doc_bool(document, "review", false) ? KIND_REVIEW : KIND_ISSUE;
	if (!cJSON_HasObjectItem(document, "kind") ||
	    github_kind_parse(doc_string(document, "kind"), ret_kind) == 0)
		return 0;
	http_reply_error(call->reply, 400, "kind is issue|review|commit");
	return -1;
}

static const char *or_else(const char *value, const char *fallback)
{
	return value != NULL ? value : fallback;
}

/* Lock held. */
static void add_comment(struct call *call, const cJSON *document, enum github_kind kind)
{
	struct github_draft draft = {
		.kind = kind,
		.id = doc_integer(document, "id", 0),
		.repo = doc_string(document, "repo"),
		.number = doc_integer(document, "number", 0),
		.sha = doc_string(document, "sha"),
		.user = or_else(doc_string(document, "user"), "octocat"),
		.body = or_else(doc_string(document, "body"), "Hello."),
		.path = doc_string(document, "path"),
		.in_reply_to = doc_integer(document, "in_reply_to", 0),
	};

	if (draft.repo == NULL || draft.id < 0 ||
	    (kind == KIND_COMMIT ? draft.sha == NULL : draft.number < 1)) {
		http_reply_error(call->reply, 400,
				 "repo is required, and number (on a commit: sha)");
		return;
	}
	if (draft.id > 0 && github_comment_by_id(call->sandbox->github, kind, draft.id) != NULL) {
		http_reply_error(call->reply, 400, "id is in use");
		return;
	}
	http_reply_json(call->reply, 201,
			shown_json(call->sandbox->github,
				   github_add_comment(call->sandbox, &draft)));
}

void control_github_add_comment(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(
		call, "repo number sha user body kind review path in_reply_to id");
	enum github_kind kind;

	if (document == NULL || read_kind(call, document, &kind) != 0)
		return;
	sandbox_lock(call->sandbox);
	add_comment(call, document, kind);
	sandbox_unlock(call->sandbox);
}

/* The comment that the path names, of the kind in the query or else of any. NULL when the reply
 * is made. Lock held. */
static struct github_comment *named_comment(struct call *call)
{
	CLEANUP(memory_drop) char *wanted = http_query(call->request, "kind");
	int64_t id = strtoll(call->path->segments[2], NULL, 10);
	struct github_comment *comment = NULL;

	for (enum github_kind kind = KIND_ISSUE; kind <= KIND_COMMIT && comment == NULL; kind++)
		if (wanted == NULL || strcmp(wanted, github_kind_name(kind)) == 0)
			comment = github_comment_by_id(call->sandbox->github, kind, id);
	if (comment == NULL)
		http_reply_error(call->reply, 404, "no such comment");
	return comment;
}

void control_github_edit_comment(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = control_read(call, "body");
	struct github_comment *comment;

	if (document == NULL)
		return;
	if (doc_string(document, "body") == NULL) {
		http_reply_error(call->reply, 400, "body is required");
		return;
	}
	sandbox_lock(call->sandbox);
	comment = named_comment(call);
	if (comment != NULL) {
		github_edit_comment(call->sandbox, comment, doc_string(document, "body"));
		http_reply_json(call->reply, 200, shown_json(call->sandbox->github, comment));
	}
	sandbox_unlock(call->sandbox);
}

void control_github_delete_comment(struct call *call)
{
	struct github_comment *comment;

	sandbox_lock(call->sandbox);
	comment = named_comment(call);
	if (comment != NULL) {
		github_delete_comment(call->sandbox, comment);
		http_reply_json(call->reply, 200, shown_json(call->sandbox->github, comment));
	}
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

cJSON *control_github_reactions_json(const struct call *call)
{
	static const char *const targets[] = {"issue", "issue_comment", "review_comment",
					      "commit_comment"};
	CLEANUP(memory_drop) char *target = http_query(call->request, "target");
	CLEANUP(memory_drop) char *content = http_query(call->request, "content");
	CLEANUP(memory_drop) char *user = http_query(call->request, "user");
	int64_t number = http_query_integer(call->request, "number", 0, 1, INT64_MAX / 2);
	const struct github *github = call->sandbox->github;
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < github->reaction_count; i++) {
		const struct github_reaction *reaction = github->reactions[i];
		const char *says = github_content_name(reaction->content);
		cJSON *object;

		if ((target != NULL && strcmp(target, targets[reaction->target]) != 0) ||
		    (content != NULL && strcmp(content, says) != 0) ||
		    (user != NULL && strcasecmp(user, reaction->user) != 0) ||
		    (number != 0 && number != reaction->number))
			continue;
		object = github_json_reaction(reaction);
		cJSON_AddStringToObject(object, "target", targets[reaction->target]);
		cJSON_AddStringToObject(object, "repo", reaction->repo);
		cJSON_AddNumberToObject(object, "number", (double)reaction->number);
		cJSON_AddItemToArray(array, object);
	}
	return array;
}

void control_github_reactions(struct call *call)
{
	cJSON *document = cJSON_CreateObject();

	sandbox_lock(call->sandbox);
	cJSON_AddItemToObject(document, "reactions", control_github_reactions_json(call));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, document);
}
