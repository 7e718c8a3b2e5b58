/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking back to GitHub (docs.github.com, REST API 2022-11-28; webhook-sources 1.5 and 12). URLs
 * are made of the configured base and of checked parts only: nothing a sender wrote chooses where
 * the token goes.
 */
#include <inttypes.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/json.h"
#include "handlers/github.h"
#include "handlers/shape.h"

/* Of 65,536; whether bytes or characters are counted is nowhere said. */
#define MAX_REPLY 60000
#define URL_MAX   2048
#define LOGIN_MAX 100
#define BRANCH_MAX 250
/* The most that one listing returns. */
#define PAGE       100
/* Our clock and GitHub's may differ. */
#define CLOCK_SLACK_MS (5 * 60 * 1000)

/* ---- describing calls ---- */

/* RFC 3986: everything but unreserved characters, whatever the part was checked for before. */
static void add_segment(struct strbuf *out, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text != '\0'; text++) {
		if (strchr(plain, *text) != NULL)
			strbuf_addc(out, *text);
		else
			strbuf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

/* "<base>/repos/<owner>/<name>" */
static void add_repo(struct strbuf *out, const struct github_state *github,
		     const struct github_place *place)
{
	const char *slash = strchr(place->repo, '/');
	char owner[sizeof(place->repo)];
	size_t len = (size_t)(slash - place->repo);

	memcpy(owner, place->repo, len);
	owner[len] = '\0';
	strbuf_addf(out, "%s/repos/", github->api);
	add_segment(out, owner);
	strbuf_addc(out, '/');
	add_segment(out, slash + 1);
}

static int finish(const char *method, const struct strbuf *url, const struct strbuf *body,
		  struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	struct http_call_spec spec = {
		.method = method,
		.headers = { { "Accept", "application/vnd.github+json" },
			     { "X-GitHub-Api-Version", "2022-11-28" } },
		.header_count = 2,
	};

	if (strbuf_failed(url) || (body != NULL && strbuf_failed(body)))
		return error_set(err, ERR_TOO_LARGE, "the call to GitHub is too long");
	spec.url = arena_strdup(arena, strbuf_str(url));
	spec.body = body != NULL ? arena_strdup(arena, strbuf_str(body)) : NULL;
	if (arena_failed(arena))
		return error_set(err, ERR_TOO_LARGE, "the call to GitHub is too long");
	*ret = spec;
	return 0;
}

/* A call whose body is a comment's text. */
static int finish_text(const char *method, const struct strbuf *url, const char *text,
		       struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release)
	struct strbuf body = STRBUF((size_t)MAX_REPLY * 6 + 64); /* 6: \u0001 */
	struct json_writer w = JSON_WRITER(&body);

	if (strlen(text) > MAX_REPLY)
		return error_set(err, ERR_TOO_LARGE, "a reply of more than %d bytes", MAX_REPLY);
	json_begin_object(&w, NULL);
	json_put_str(&w, "body", text);
	json_end_object(&w);
	return finish(method, url, &body, arena, ret, err);
}

static int comment_request(const struct github_state *github, const struct github_place *place,
			   const char *text, struct arena *arena, struct http_call_spec *ret,
			   struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);

	add_repo(&url, github, place);
	if (place->kind == GITHUB_REVIEW_COMMENT)
		strbuf_addf(&url, "/pulls/%" PRId64 "/comments/%" PRId64 "/replies", place->number,
			    place->top);
	else if (place->kind == GITHUB_COMMIT_COMMENT)
		strbuf_addf(&url, "/commits/%s/comments", place->commit);
	else
		strbuf_addf(&url, "/issues/%" PRId64 "/comments", place->number);
	return finish_text("POST", &url, text, arena, ret, err);
}

/* "<base>/repos/octo/hello/issues/comments/123": one comment, under its own id. */
static void add_comment(struct strbuf *out, const struct github_state *github,
			const struct github_place *place, enum github_kind kind, int64_t id)
{
	add_repo(out, github, place);
	strbuf_addf(out, "%s/comments/%" PRId64,
		    kind == GITHUB_REVIEW_COMMENT	? "/pulls"
		    : kind == GITHUB_COMMIT_COMMENT	? ""
							: "/issues",
		    id);
}

static int reaction_request(const struct github_state *github, const struct github_place *place,
			    struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(64);

	if (place->kind == GITHUB_REVIEW)
		return error_set(err, ERR_NOT_FOUND, "a review takes no reactions");
	if (place->id == 0)
		return error_set(err, ERR_NOT_FOUND, "there is no comment to react to");
	add_comment(&url, github, place, place->kind, place->id);
	strbuf_adds(&url, "/reactions");
	strbuf_adds(&body, "{\"content\":\"eyes\"}");
	return finish("POST", &url, &body, arena, ret, err);
}

static int reply_request(const void *state, const struct reply_order *order, struct arena *arena,
			 struct http_call_spec *ret, struct error *err)
{
	struct github_place place;

	if (github_place_read(order->place, &place, err) < 0)
		return -1;
	if (order->kind == REPLY_REACTION)
		return reaction_request(state, &place, arena, ret, err);
	return comment_request(state, &place, order->text, arena, ret, err);
}

/* "issue_comment/123", as event.object and remote_id have it. */
static int read_remote_id(const char *text, enum github_kind *ret_kind, int64_t *ret_id,
			  struct error *err)
{
	size_t word = strcspn(text, "/");
	size_t digits = text[word] == '/' ? strspn(text + word + 1, "0123456789") : 0;

	if (digits == 0 || digits > 18 || text[word + 1] == '0' || text[word + 1 + digits] != '\0' ||
	    !github_place_kind_parse(text, word, ret_kind) || *ret_kind == GITHUB_REVIEW)
		return error_set(err, ERR_INVALID, "not the id of a comment");
	*ret_id = strtoll(text + word + 1, NULL, 10);
	return 0;
}

static int edit_request(const void *state, const struct reply_order *order, const char *remote_id,
			struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	enum github_kind kind = GITHUB_ISSUE_COMMENT;
	struct github_place place;
	int64_t id = 0;

	if (order->kind == REPLY_REACTION)
		return error_set(err, ERR_NOT_FOUND, "a reaction has no text to edit");
	if (github_place_read(order->place, &place, err) < 0 ||
	    read_remote_id(remote_id, &kind, &id, err) < 0)
		return -1;
	add_comment(&url, state, &place, kind, id);
	return finish_text("PATCH", &url, order->text, arena, ret, err);
}

/*
 * Comments that changed since the reply was first tried. Inline ones newest first; the other
 * listing has one order.
 */
static int lookup_request(const void *state, const struct reply_order *order, struct arena *arena,
			  struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	struct github_place place;
	char since[CLOCK_TEXT_SIZE];

	if (order->kind == REPLY_REACTION)
		return error_set(err, ERR_NOT_FOUND,
				 "a reaction can be repeated: there is nothing to look up");
	if (github_place_read(order->place, &place, err) < 0)
		return -1;
	clock_format(order->since_ms > CLOCK_SLACK_MS ? order->since_ms - CLOCK_SLACK_MS : 0,
		     since);
	bool is_inline = place.kind == GITHUB_REVIEW_COMMENT;
	add_repo(&url, state, &place);
	if (place.kind == GITHUB_COMMIT_COMMENT) { /* takes neither a time nor an order */
		strbuf_addf(&url, "/commits/%s/comments?per_page=%d", place.commit, PAGE);
		return finish("GET", &url, NULL, arena, ret, err);
	}
	/* 19: up to the seconds, the form that GitHub documents. */
	strbuf_addf(&url, "/%s/%" PRId64 "/comments?since=%.19sZ&per_page=%d%s",
		    is_inline ? "pulls" : "issues", place.number, since, PAGE,
		    is_inline ? "&sort=created&direction=desc" : "");
	return finish("GET", &url, NULL, arena, ret, err);
}

static int permission_request(const void *state, const char *json, const char *login,
			      struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	struct github_place place;

	if (github_place_read(json, &place, err) < 0)
		return -1;
	if (login == NULL || !shape_is_visible(login, LOGIN_MAX) || strcmp(login, ".") == 0 ||
	    strcmp(login, "..") == 0)
		return error_set(err, ERR_INVALID, "not a login");
	add_repo(&url, state, &place);
	strbuf_adds(&url, "/collaborators/");
	add_segment(&url, login);
	strbuf_adds(&url, "/permission");
	return finish("GET", &url, NULL, arena, ret, err);
}

static int head_request(const void *state, const char *thread, struct arena *arena, struct http_call_spec *ret,
			struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	struct github_place place;

	if (github_thread_read(thread, &place, err) < 0)
		return -1;
	add_repo(&url, state, &place);
	strbuf_addf(&url, "/pulls/%" PRId64, place.number);
	return finish("GET", &url, NULL, arena, ret, err);
}

/* git-check-ref-format(1) allows more; what is odd is better not put into a sentence. */
static const char *head_read(const void *state, const struct http_answer *answer, struct arena *arena)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct error ignored;

	(void)state;
	if (answer->status != 200 || answer->truncated ||
	    json_read(answer->body, answer->body_len, NULL, &tree, &ignored) != 0)
		return NULL;
	const char *branch = json_str(tree, "head.ref");
	if (branch == NULL || !shape_is_visible(branch, BRANCH_MAX) || strpbrk(branch, "`\\\"'<>") != NULL)
		return NULL;
	return arena_strdup(arena, branch);
}

static int identity_request(const void *state, struct arena *arena, struct http_call_spec *ret,
			    struct error *err)
{
	const struct github_state *github = state;
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);

	strbuf_addf(&url, "%s/user", github->api);
	return finish("GET", &url, NULL, arena, ret, err);
}

/* ---- reading answers ---- */

static const char *remote_id(const struct reply_order *order, int64_t id, struct arena *arena)
{
	struct github_place place;
	const char *kind = "issue_comment";

	if (order->kind == REPLY_REACTION)
		kind = "reaction";
	else if (github_place_read(order->place, &place, NULL) == 0 &&
		 (place.kind == GITHUB_REVIEW_COMMENT || place.kind == GITHUB_COMMIT_COMMENT))
		kind = github_place_kind(place.kind);
	return arena_printf(arena, "%s/%" PRId64, kind, id);
}

static void reply_read(const void *state, const struct reply_order *order,
		       const struct http_answer *answer, int64_t now_ms, struct arena *arena,
		       struct reply_result *ret)
{
	CLEANUP(json_delete_at) cJSON *tree = github_answer_object(answer);
	int64_t id = 0;

	(void)state;
	/* 200: the reaction is there already. */
	bool accepted = answer->status == 201 ||
		(answer->status == 200 && order->kind == REPLY_REACTION);
	if (accepted && json_int(tree, "id", &id) && id > 0) {
		*ret = (struct reply_result){ .verdict = REPLY_POSTED,
					      .remote_id = remote_id(order, id, arena),
					      .wait_ms = -1 };
		return;
	}
	github_answer_failure(answer, tree, now_ms, arena, ret);
	/* A reaction exists once, however often it is made: doubt needs no look-up. */
	if (order->kind == REPLY_REACTION && ret->verdict == REPLY_UNKNOWN)
		ret->verdict = REPLY_LATER;
}

/*
 * To edit twice does no harm: what is unknown is done again. 404 is a comment that was deleted, or a
 * place that the token does not see any more; a new comment, if it is made, tells which.
 */
static void edit_read(const void *state, const struct http_answer *answer, int64_t now_ms,
		      struct arena *arena, struct reply_result *ret)
{
	CLEANUP(json_delete_at) cJSON *tree = github_answer_object(answer);
	int64_t id = 0;

	(void)state;
	if (answer->status == 200 && json_int(tree, "id", &id) && id > 0) {
		*ret = (struct reply_result){ .verdict = REPLY_POSTED, .wait_ms = -1 };
		return;
	}
	github_answer_failure(answer, tree, now_ms, arena, ret);
	if (ret->verdict == REPLY_UNKNOWN)
		ret->verdict = REPLY_LATER;
	else if (ret->verdict == REPLY_REFUSED && (answer->status == 404 || answer->status == 410))
		ret->verdict = REPLY_GONE;
}

/*
 * The list of comments, as a tree under "items": json.h reads objects only. New; NULL: not a list.
 */
static cJSON *read_list(const struct http_answer *answer)
{
	static const char *const wanted[] = { "items.id", "items.body", NULL };
	CLEANUP(strbuf_release) struct strbuf wrapped = STRBUF(GITHUB_ANSWER_MAX + 16);
	struct json_paths *paths = json_paths_new(wanted);
	cJSON *tree = NULL;

	strbuf_adds(&wrapped, "{\"items\":");
	strbuf_add(&wrapped, answer->body, answer->body_len);
	strbuf_addc(&wrapped, '}');
	bool ok = paths != NULL && !answer->truncated && !strbuf_failed(&wrapped) &&
		json_read(strbuf_str(&wrapped), wrapped.len, paths, &tree, NULL) == 0;
	json_paths_free(paths);
	if (ok && cJSON_IsArray(json_at(tree, "items")))
		return tree;
	cJSON_Delete(tree);
	return NULL;
}

static void lookup_read(const void *state, const struct reply_order *order,
			const struct http_answer *answer, int64_t now_ms, struct arena *arena,
			struct reply_result *ret)
{
	CLEANUP(json_delete_at) cJSON *list = answer->status == 200 ? read_list(answer) : NULL;
	const cJSON *items = json_at(list, "items"), *item = NULL;

	(void)state;
	if (list == NULL) {
		CLEANUP(json_delete_at) cJSON *tree = github_answer_object(answer);
		github_answer_failure(answer, tree, now_ms, arena, ret);
		/*
		 * Here LATER would mean "not there, post again", which nobody knows: the wait stays
		 * for who wants it.
		 */
		if (ret->verdict == REPLY_LATER)
			ret->verdict = REPLY_UNKNOWN;
		return;
	}
	cJSON_ArrayForEach(item, items) {
		const char *body = json_str(item, "body");
		int64_t id = 0;
		if (body == NULL || strstr(body, order->marker) == NULL ||
		    !json_int(item, "id", &id))
			continue;
		*ret = (struct reply_result){ .verdict = REPLY_POSTED,
					      .remote_id = remote_id(order, id, arena),
					      .wait_ms = -1 };
		return;
	}
	bool all = cJSON_GetArraySize(items) < PAGE;
	*ret = (struct reply_result){ .verdict = all ? REPLY_LATER : REPLY_UNKNOWN,
				      .wait_ms = all ? 0 : -1,
				      .text = all ? "it is not there"
						  : "too many comments to look through" };
}

static enum permission permission_read(const void *state, const struct http_answer *answer)
{
	CLEANUP(json_delete_at) cJSON *tree = github_answer_object(answer);
	const char *permission = json_str(tree, "permission");
	const char *role = json_str(tree, "role_name");

	(void)state;
	/* 401 is about our token: the author is not to blame, and an operator can mend it. */
	if (tree == NULL || github_answer_is_limit(answer, tree) || answer->status == 401 ||
	    answer->status == 408 || answer->status >= 500)
		return PERMISSION_UNKNOWN;
	if (answer->status != 200)
		return PERMISSION_DENIED;
	if (permission != NULL &&
	    (strcmp(permission, "admin") == 0 || strcmp(permission, "write") == 0))
		return PERMISSION_GRANTED;
	if (role != NULL &&
	    (strcmp(role, "admin") == 0 || strcmp(role, "maintain") == 0 ||
	     strcmp(role, "write") == 0))
		return PERMISSION_GRANTED;
	return permission != NULL ? PERMISSION_DENIED : PERMISSION_UNKNOWN;
}

static const char *identity_read(const void *state, const struct http_answer *answer,
				 struct arena *arena)
{
	CLEANUP(json_delete_at) cJSON *tree = github_answer_object(answer);
	int64_t id = 0;

	(void)state;
	if (answer->status != 200 || !json_int(tree, "id", &id) || id <= 0)
		return NULL;
	return arena_printf(arena, "%" PRId64, id);
}

const struct forge github_api_forge = {
	.max_reply = MAX_REPLY,
	.reply_request = reply_request,
	.reply_read = reply_read,
	.edit_request = edit_request,
	.edit_read = edit_read,
	.place_of_thread = github_thread_place,
	.ref_of_thread = github_thread_ref,
	.head_request = head_request,
	.head_read = head_read,
	.url_of_thread = github_thread_url,
	.lookup_request = lookup_request,
	.lookup_read = lookup_read,
	.permission_request = permission_request,
	.permission_read = permission_read,
	.identity_request = identity_request,
	.identity_read = identity_read,
};
