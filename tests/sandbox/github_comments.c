/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/github_api.h"
#include "tests/sandbox/github_json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"

/* More characters than this in a body are refused. */
#define BODY_MAX 65536

struct page {
	int64_t number;
	int64_t size;
	int64_t since_ms; /* INT64_MIN: from the beginning */
};

static int read_page(struct call *call, struct page *page)
{
	CLEANUP(memory_drop) char *since = http_query(call->request, "since");

	page->size = http_query_integer(call->request, "per_page", 30, 1, 100);
	page->number = http_query_integer(call->request, "page", 1, 1, 1000000);
	page->since_ms = INT64_MIN;
	if (since != NULL && stamp_parse(since, &page->since_ms) != 0) {
		github_api_error(call, 422, "Invalid request. \"since\" is not a timestamp.");
		return -1;
	}
	return 0;
}

static void add_link(struct text *link, const struct call *call, const struct page *page,
		     int64_t number, const char *relation)
{
	const char *host = http_header(call->request, "Host");

	text_addf(link, "%s<http://%s%s?per_page=%" PRId64 "&page=%" PRId64 ">; rel=\"%s\"",
		  link->length > 0 ? ", " : "", host != NULL ? host : "localhost",
		  call->request->path, page->size, number, relation);
}

static void add_links(struct call *call, const struct page *page, int64_t total)
{
	int64_t last = (total + page->size - 1) / page->size;
	struct text link = {0};

	if (page->number > 1)
		add_link(&link, call, page, page->number - 1, "prev");
	if (page->number < last) {
		add_link(&link, call, page, page->number + 1, "next");
		add_link(&link, call, page, last, "last");
	}
	if (page->number > 1)
		add_link(&link, call, page, 1, "first");
	if (link.length > 0)
		http_reply_header(call->reply, "Link", "%s", link.data);
	text_free(&link);
}

/* Whose comments a list shows. */
struct place {
	enum github_kind kind;
	int64_t number;
	const char *sha; /* KIND_COMMIT: instead of the number */
};

static bool is_at(const struct github_comment *comment, const struct place *place)
{
	if (comment->kind != place->kind || comment->deleted)
		return false;
	return place->sha == NULL ? comment->number == place->number
				  : comment->sha != NULL && strcmp(comment->sha, place->sha) == 0;
}

static void list(struct call *call, const struct place *place)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	const struct github *github = call->sandbox->github;
	cJSON *array;
	struct page page;
	int64_t total = 0;

	if (place->number < 0 || read_page(call, &page) != 0)
		return;
	array = cJSON_CreateArray();
	sandbox_lock(call->sandbox);
	for (size_t i = 0; i < github->comment_count; i++) {
		const struct github_comment *comment = github->comments[i];

		if (!is_at(comment, place) || strcasecmp(comment->repo, repo) != 0)
			continue;
		/* Times are shown in whole seconds and compared as they are shown. */
		if (comment->updated_ms / 1000 * 1000 < page.since_ms)
			continue;
		if (total / page.size == page.number - 1)
			cJSON_AddItemToArray(array, github_json_comment(comment));
		total++;
	}
	sandbox_unlock(call->sandbox);
	http_reply_json(call->reply, 200, array);
	add_links(call, &page, total);
}

void github_comments_list(struct call *call)
{
	struct place place = {.kind = KIND_ISSUE, .number = github_api_number(call, 4)};

	list(call, &place);
}

void github_comments_list_review(struct call *call)
{
	struct place place = {.kind = KIND_REVIEW, .number = github_api_number(call, 4)};

	list(call, &place);
}

void github_comments_list_commit(struct call *call)
{
	struct place place = {.kind = KIND_COMMIT, .sha = call->path->segments[4]};

	list(call, &place);
}

/* The request's document with a good `body`; NULL when the reply is made. */
static cJSON *read_body(struct call *call, const char *resource)
{
	cJSON *document = doc_parse_object(call->request->body.data, call->request->body.length,
					   false);
	const char *body = doc_string(document, "body");

	if (document == NULL) {
		github_api_error(call, 400, "Problems parsing JSON");
		return NULL;
	}
	if (body == NULL)
		github_api_error(call, 422, "Invalid request.\n\n\"body\" wasn't supplied.");
	else if (*body == '\0')
		github_api_invalid(call, resource, "body", "missing_field", NULL);
	else if (text_code_points(body) > BODY_MAX)
		github_api_invalid(call, resource, "body", "custom",
				   "body is too long (maximum is 65536 characters)");
	else
		return document;
	cJSON_Delete(document);
	return NULL;
}

static void created(struct call *call, cJSON *comment)
{
	const char *url = doc_string(comment, "url");

	if (url == NULL)
		url = "";
	CLEANUP(memory_drop) char *location = memory_copy(url);

	http_reply_json(call->reply, 201, comment);
	http_reply_header(call->reply, "Location", "%s", location);
}

/* Makes the caller's comment and the reply. */
static void create(struct call *call, const struct github_draft *draft)
{
	cJSON *shown;

	sandbox_lock(call->sandbox);
	shown = github_json_comment(github_add_comment(call->sandbox, draft));
	sandbox_unlock(call->sandbox);
	created(call, shown);
}

void github_comments_create(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	CLEANUP(doc_drop) cJSON *document = NULL;
	struct github_draft draft = {
		.kind = KIND_ISSUE,
		.repo = repo,
		.number = github_api_number(call, 4),
		.user = github_api_login(call),
	};

	if (draft.number < 0)
		return;
	document = read_body(call, "IssueComment");
	if (document == NULL)
		return;
	draft.body = doc_string(document, "body");
	create(call, &draft);
}

void github_comments_create_commit(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	CLEANUP(doc_drop) cJSON *document = read_body(call, "CommitComment");
	struct github_draft draft = {
		.kind = KIND_COMMIT,
		.repo = repo,
		.sha = call->path->segments[4],
		.user = github_api_login(call),
		.body = doc_string(document, "body"),
		.path = doc_string(document, "path"),
	};

	if (document != NULL)
		create(call, &draft);
}

/* Adds a reply to the thread whose top comment is `top_id`. */
static void reply_to(struct call *call, const char *repo, int64_t number, int64_t top_id,
		     const char *body)
{
	struct github_draft draft = {
		.kind = KIND_REVIEW,
		.repo = repo,
		.number = number,
		.user = github_api_login(call),
		.body = body,
	};
	const struct github_comment *top;
	bool is_reply;
	cJSON *shown = NULL;

	sandbox_lock(call->sandbox);
	top = github_comment(call->sandbox, KIND_REVIEW, repo, number, top_id);
	if (top != NULL && top->number != number)
		top = NULL;
	is_reply = top != NULL && top->in_reply_to != 0;
	if (top != NULL && !is_reply) {
		draft.path = top->path;
		draft.in_reply_to = top->id;
		shown = github_json_comment(github_add_comment(call->sandbox, &draft));
	}
	sandbox_unlock(call->sandbox);
	if (shown != NULL)
		created(call, shown);
	else if (is_reply)
		github_api_invalid(call, "PullRequestReviewComment", "in_reply_to", "invalid",
				   "in_reply_to must be the top comment of a thread");
	else
		github_api_error(call, 404, "Not Found");
}

void github_comments_reply(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	CLEANUP(doc_drop) cJSON *document = NULL;
	int64_t number = github_api_number(call, 4);
	int64_t top = number < 0 ? -1 : github_api_number(call, 6);

	if (number < 0 || top < 0)
		return;
	document = read_body(call, "PullRequestReviewComment");
	if (document != NULL)
		reply_to(call, repo, number, top, doc_string(document, "body"));
}

/* A new thread, which needs a place in the diff. */
static void start_thread(struct call *call, const char *repo, int64_t number,
			 const cJSON *document)
{
	struct github_draft draft = {
		.kind = KIND_REVIEW,
		.repo = repo,
		.number = number,
		.user = github_api_login(call),
		.body = doc_string(document, "body"),
		.path = doc_string(document, "path"),
	};

	if (draft.path == NULL || doc_string(document, "commit_id") == NULL) {
		github_api_error(call, 422,
				 "Invalid request.\n\n\"commit_id\", \"path\" weren't supplied.");
		return;
	}
	create(call, &draft);
}

void github_comments_create_review(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	CLEANUP(doc_drop) cJSON *document = NULL;
	int64_t number = github_api_number(call, 4);
	int64_t top;

	if (number < 0)
		return;
	document = read_body(call, "PullRequestReviewComment");
	if (document == NULL)
		return;
	top = doc_integer(document, "in_reply_to", 0);
	if (top > 0)
		reply_to(call, repo, number, top, doc_string(document, "body"));
	else
		start_thread(call, repo, number, document);
}

/* The id that the path ends with; -1 when the reply is made. */
static int64_t read_id(struct call *call)
{
	enum github_kind kind;
	size_t segment = github_api_comment(call, &kind);

	return github_api_number(call, segment);
}

/* The comment of the kind that the path says. Lock held. */
static struct github_comment *find(struct call *call, const char *repo, int64_t id)
{
	enum github_kind kind;

	github_api_comment(call, &kind);
	return github_comment(call->sandbox, kind, repo, 0, id);
}

void github_comments_get(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	int64_t id = read_id(call);
	const struct github_comment *comment;
	cJSON *shown = NULL;

	if (id < 0)
		return;
	sandbox_lock(call->sandbox);
	comment = find(call, repo, id);
	if (comment != NULL)
		shown = github_json_comment(comment);
	sandbox_unlock(call->sandbox);
	if (shown == NULL)
		github_api_error(call, 404, "Not Found");
	else
		http_reply_json(call->reply, 200, shown);
}

/* The caller's own comment; NULL when the reply is made. Lock held. */
static struct github_comment *find_own(struct call *call, const char *repo, int64_t id)
{
	struct github_comment *comment = find(call, repo, id);

	if (comment == NULL) {
		github_api_error(call, 404, "Not Found");
		return NULL;
	}
	if (strcasecmp(comment->user, github_api_login(call)) != 0) {
		github_api_error(call, 403, "Resource not accessible by personal access token");
		return NULL;
	}
	return comment;
}

void github_comments_update(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	CLEANUP(doc_drop) cJSON *document = NULL;
	int64_t id = read_id(call);
	struct github_comment *comment;

	if (id < 0)
		return;
	document = read_body(call, "IssueComment");
	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	comment = find_own(call, repo, id);
	if (comment != NULL) {
		github_edit_comment(call->sandbox, comment, doc_string(document, "body"));
		http_reply_json(call->reply, 200, github_json_comment(comment));
	}
	sandbox_unlock(call->sandbox);
}

void github_comments_delete(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	int64_t id = read_id(call);
	struct github_comment *comment;

	if (id < 0)
		return;
	sandbox_lock(call->sandbox);
	comment = find_own(call, repo, id);
	if (comment != NULL) {
		github_delete_comment(call->sandbox, comment);
		http_reply(call->reply, 204);
	}
	sandbox_unlock(call->sandbox);
}
