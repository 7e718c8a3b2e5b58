/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/github_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/github_json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"

static cJSON *error_json(unsigned status, const char *message)
{
	cJSON *object = cJSON_CreateObject();
	char digits[16];

	snprintf(digits, sizeof(digits), "%u", status);
	cJSON_AddStringToObject(object, "message", message);
	cJSON_AddStringToObject(object, "documentation_url", "https://docs.github.com/rest");
	cJSON_AddStringToObject(object, "status", digits);
	return object;
}

void github_api_error(struct call *call, unsigned status, const char *message)
{
	http_reply_json(call->reply, status, error_json(status, message));
}

void github_api_invalid(struct call *call, const char *resource, const char *field,
			const char *code, const char *message)
{
	cJSON *object = error_json(422, "Validation Failed");
	cJSON *errors = cJSON_AddArrayToObject(object, "errors");
	cJSON *entry = cJSON_CreateObject();

	cJSON_AddStringToObject(entry, "resource", resource);
	cJSON_AddStringToObject(entry, "code", code);
	cJSON_AddStringToObject(entry, "field", field);
	if (message != NULL)
		cJSON_AddStringToObject(entry, "message", message);
	cJSON_AddItemToArray(errors, entry);
	http_reply_json(call->reply, 422, object);
}

const char *github_api_login(const struct call *call)
{
	const struct github_caller *caller = call->caller;

	return caller->login;
}

char *github_api_repo(const struct call *call)
{
	struct text repo = {0};

	text_addf(&repo, "%s/%s", call->path->segments[1], call->path->segments[2]);
	return repo.data;
}

int64_t github_api_number(struct call *call, size_t segment)
{
	const char *digits = call->path->segments[segment];
	size_t length = strlen(digits);

	if (length == 0 || length > 15 || strspn(digits, "0123456789") != length ||
	    strtoll(digits, NULL, 10) == 0) {
		github_api_error(call, 404, "Not Found");
		return -1;
	}
	return strtoll(digits, NULL, 10);
}

size_t github_api_comment(const struct call *call, enum github_kind *ret_kind)
{
	const char *what = call->path->segments[3];

	*ret_kind = strcmp(what, "pulls") == 0	  ? KIND_REVIEW
		    : strcmp(what, "issues") == 0 ? KIND_ISSUE
						  : KIND_COMMIT;
	return *ret_kind == KIND_COMMIT ? 4 : 5;
}

static void get_user(struct call *call)
{
	const struct github_caller *caller = call->caller;

	/* Installation tokens have no user of their own. */
	if (strcmp(caller->type, "Bot") == 0)
		github_api_error(call, 403, "Resource not accessible by integration");
	else
		http_reply_json(call->reply, 200, github_json_user(caller->login, caller->type));
}

static void get_repo(struct call *call)
{
	CLEANUP(memory_drop) char *name = github_api_repo(call);
	cJSON *repo = cJSON_CreateObject();

	cJSON_AddNumberToObject(repo, "id",
				(double)(text_hash(TEXT_HASH_START, name, strlen(name)) %
					 1000000000));
	cJSON_AddStringToObject(repo, "name", call->path->segments[2]);
	cJSON_AddStringToObject(repo, "full_name", name);
	cJSON_AddBoolToObject(repo, "private", 0);
	cJSON_AddItemToObject(repo, "owner", github_json_user(call->path->segments[1], NULL));
	http_reply_json(call->reply, 200, repo);
}

/* The old four-step permission of a role. */
static const char *permission_of(const char *role)
{
	if (strcmp(role, "maintain") == 0)
		return "write";
	if (strcmp(role, "triage") == 0)
		return "read";
	return role;
}

static void get_permission(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	const char *user = call->path->segments[4];
	cJSON *object = cJSON_CreateObject();
	const char *role;

	sandbox_lock(call->sandbox);
	role = github_role_of(call->sandbox->github, repo, user);
	sandbox_unlock(call->sandbox);
	cJSON_AddStringToObject(object, "permission", permission_of(role));
	cJSON_AddStringToObject(object, "role_name", role);
	cJSON_AddItemToObject(object, "user", github_json_user(user, NULL));
	http_reply_json(call->reply, 200, object);
}

static void get_pull(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	int64_t number = github_api_number(call, 4);
	cJSON *pull;

	if (number < 0)
		return;
	sandbox_lock(call->sandbox);
	pull = github_json_pull(repo, number, github_pull(call->sandbox->github, repo, number));
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, pull);
}

/* The pull requests that a test has set with this head. */
static void list_pulls_of_commit(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	const char *sha = call->path->segments[4];
	const struct github *github = call->sandbox->github;
	cJSON *array = cJSON_CreateArray();

	sandbox_lock(call->sandbox);
	for (size_t i = 0; i < github->pull_count; i++) {
		const struct github_pull *pull = &github->pulls[i];
		const char *head = doc_string(pull->members, "head_sha");

		if (head != NULL && strcmp(head, sha) == 0 && strcasecmp(pull->repo, repo) == 0)
			cJSON_AddItemToArray(array, github_json_pull(pull->repo, pull->number,
								     pull->members));
	}
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, array);
}

static const struct route routes[] = {
	{"GET", "user", get_user},
	{"GET", "repos/*/*", get_repo},
	{"GET", "repos/*/*/collaborators/*/permission", get_permission},
	{"GET", "repos/*/*/commits/*/pulls", list_pulls_of_commit},
	{"GET", "repos/*/*/issues/*/comments", github_comments_list},
	{"POST", "repos/*/*/issues/*/comments", github_comments_create},
	{"GET", "repos/*/*/issues/*/reactions", github_reactions_list},
	{"POST", "repos/*/*/issues/*/reactions", github_reactions_create},
	{"GET", "repos/*/*/issues/comments/*", github_comments_get},
	{"PATCH", "repos/*/*/issues/comments/*", github_comments_update},
	{"DELETE", "repos/*/*/issues/comments/*", github_comments_delete},
	{"GET", "repos/*/*/issues/comments/*/reactions", github_reactions_list},
	{"POST", "repos/*/*/issues/comments/*/reactions", github_reactions_create},
	{"GET", "repos/*/*/pulls/*", get_pull},
	{"GET", "repos/*/*/pulls/*/comments", github_comments_list_review},
	{"POST", "repos/*/*/pulls/*/comments", github_comments_create_review},
	{"POST", "repos/*/*/pulls/*/comments/*/replies", github_comments_reply},
	{"GET", "repos/*/*/pulls/comments/*", github_comments_get},
	{"PATCH", "repos/*/*/pulls/comments/*", github_comments_update},
	{"DELETE", "repos/*/*/pulls/comments/*", github_comments_delete},
	{"GET", "repos/*/*/pulls/comments/*/reactions", github_reactions_list},
	{"POST", "repos/*/*/pulls/comments/*/reactions", github_reactions_create},
	{"GET", "repos/*/*/commits/*/comments", github_comments_list_commit},
	{"POST", "repos/*/*/commits/*/comments", github_comments_create_commit},
	{"GET", "repos/*/*/comments/*", github_comments_get},
	{"PATCH", "repos/*/*/comments/*", github_comments_update},
	{"DELETE", "repos/*/*/comments/*", github_comments_delete},
	{"GET", "repos/*/*/comments/*/reactions", github_reactions_list},
	{"POST", "repos/*/*/comments/*/reactions", github_reactions_create},
};

/* Counts the request and says what is left. Lock held; -1 when there was nothing left. */
static int spend(struct github *github, struct reply *reply)
{
	int64_t now = stamp_wall() / 1000;
	bool exhausted;

	if (now >= github->rate_reset) {
		github->rate_reset = now + 3600;
		github->rate_remaining = github->rate_limit;
	}
	exhausted = github->rate_remaining <= 0;
	if (!exhausted)
		github->rate_remaining--;
	http_reply_header(reply, "x-ratelimit-limit", "%" PRId64, github->rate_limit);
	http_reply_header(reply, "x-ratelimit-remaining", "%" PRId64, github->rate_remaining);
	http_reply_header(reply, "x-ratelimit-used", "%" PRId64,
			  github->rate_limit - github->rate_remaining);
	http_reply_header(reply, "x-ratelimit-reset", "%" PRId64, github->rate_reset);
	http_reply_header(reply, "x-ratelimit-resource", "core");
	return exhausted ? -1 : 0;
}

/* Fills the caller; false if the token is not good. */
static bool recognise(struct call *call, struct github_caller *caller)
{
	const struct github_token *token;

	sandbox_lock(call->sandbox);
	token = github_token(call->sandbox->github, http_header(call->request, "Authorization"));
	if (token != NULL) {
		memcpy(caller->login, token->login, sizeof(caller->login));
		memcpy(caller->type, token->type, sizeof(caller->type));
	}
	sandbox_unlock(call->sandbox);
	return token != NULL;
}

static void dispatch(struct call *call)
{
	switch (route_dispatch(routes, sizeof(routes) / sizeof(routes[0]), call)) {
	case ROUTE_DONE:
		return;
	case ROUTE_NOT_FOUND:
	case ROUTE_WRONG_METHOD: /* GitHub makes no difference */
		github_api_error(call, 404, "Not Found");
		return;
	}
}

void github_api_handle(struct call *call)
{
	struct github_caller caller;
	const char *agent = http_header(call->request, "User-Agent");
	struct reply limits = {0};
	int spent;

	if (agent == NULL || *agent == '\0') {
		github_api_error(call, 403,
				 "Request forbidden by administrative rules. "
				 "Please make sure your request has a User-Agent header");
		return;
	}
	if (!recognise(call, &caller)) {
		github_api_error(call, 401,
				 http_header(call->request, "Authorization") != NULL
					 ? "Bad credentials"
					 : "Requires authentication");
		return;
	}
	call->caller = &caller;
	sandbox_lock(call->sandbox);
	spent = spend(call->sandbox->github, &limits);
	sandbox_unlock(call->sandbox);
	if (spent == 0)
		dispatch(call);
	else
		github_api_error(call, 403, "API rate limit exceeded for the token.");
	/* Handlers start their reply afresh, so these come last. */
	for (size_t i = 0; i < limits.header_count; i++)
		http_reply_header(call->reply, limits.headers[i].name, "%s",
				  limits.headers[i].value);
	http_reply_free(&limits);
	call->caller = NULL;
}
