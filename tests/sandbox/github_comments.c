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

static void list(struct call *call, bool review)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	const struct github *github = call->sandbox->github;
	int64_t number = github_api_number(call, 4);
	cJSON *array;
	struct page page;
	int64_t total = 0;

	if (number < 0 || read_page(call, &page) != 0)
		return;
	array = cJSON_CreateArray();
	sandbox_lock(call->sandbox);
	for (size_t i = 0; i < github->comment_count; i++) {
		const struct github_comment *comment = github->comments[i];

		if (comment->review != review || comment->number != number || comment->deleted ||
		    strcasecmp(comment->repo, repo) != 0)
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
	list(call, false);
}

void github_comments_list_review(struct call *call)
{
	list(call, true);
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

void github_comments_create(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	CLEANUP(doc_drop) cJSON *document = NULL;
	int64_t number = github_api_number(call, 4);
	const struct github_comment *comment;
	cJSON *shown;

	if (number < 0)
		return;
	document = read_body(call, "IssueComment");
	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	comment = github_add_comment(call->sandbox, false, 0, repo, number,
				     github_api_login(call), doc_string(document, "body"), NULL,
				     0);
	shown = github_json_comment(comment);
	sandbox_unlock(call->sandbox);
	created(call, shown);
}

/* Adds a reply to the thread whose top comment is `top_id`. */
static void reply_to(struct call *call, const char *repo, int64_t number, int64_t top_id,
		     const char *body)
{
	const struct github_comment *top;
	const struct github_comment *comment;
	bool is_reply;
	cJSON *shown = NULL;

	sandbox_lock(call->sandbox);
	top = github_comment(call->sandbox, true, repo, number, top_id);
	if (top != NULL && top->number != number)
		top = NULL;
	is_reply = top != NULL && top->in_reply_to != 0;
	if (top != NULL && !is_reply) {
		comment = github_add_comment(call->sandbox, true, 0, repo, number,
					     github_api_login(call), body, top->path, top->id);
		shown = github_json_comment(comment);
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
	const char *path = doc_string(document, "path");
	const struct github_comment *comment;
	cJSON *shown;

	if (path == NULL || doc_string(document, "commit_id") == NULL) {
		github_api_error(call, 422,
				 "Invalid request.\n\n\"commit_id\", \"path\" weren't supplied.");
		return;
	}
	sandbox_lock(call->sandbox);
	comment = github_add_comment(call->sandbox, true, 0, repo, number,
				     github_api_login(call), doc_string(document, "body"), path,
				     0);
	shown = github_json_comment(comment);
	sandbox_unlock(call->sandbox);
	created(call, shown);
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

/* .../issues/comments/{id} or .../pulls/comments/{id}. Lock held. */
static struct github_comment *find(struct call *call, const char *repo, int64_t id)
{
	bool review = strcmp(call->path->segments[3], "pulls") == 0;

	return github_comment(call->sandbox, review, repo, 0, id);
}

void github_comments_get(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	int64_t id = github_api_number(call, 5);
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
	int64_t id = github_api_number(call, 5);
	struct github_comment *comment;

	if (id < 0)
		return;
	document = read_body(call, "IssueComment");
	if (document == NULL)
		return;
	sandbox_lock(call->sandbox);
	comment = find_own(call, repo, id);
	if (comment != NULL) {
		free(comment->body);
		comment->body = memory_copy(doc_string(document, "body"));
		comment->updated_ms = stamp_wall();
		comment->edits++;
		http_reply_json(call->reply, 200, github_json_comment(comment));
		sandbox_changed(call->sandbox);
	}
	sandbox_unlock(call->sandbox);
}

void github_comments_delete(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	int64_t id = github_api_number(call, 5);
	struct github_comment *comment;

	if (id < 0)
		return;
	sandbox_lock(call->sandbox);
	comment = find_own(call, repo, id);
	if (comment != NULL) {
		comment->deleted = true;
		http_reply(call->reply, 204);
		sandbox_changed(call->sandbox);
	}
	sandbox_unlock(call->sandbox);
}
