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
#include "bridge/base/utf8.h"
#include "handlers/github.h"
#include "handlers/shape.h"

/* Of 65,536; whether bytes or characters are counted is nowhere said. */
#define MAX_REPLY 60000
#define URL_MAX   2048
#define LOGIN_MAX 100
/* The most that one listing returns. */
#define PAGE       100
#define ANSWER_MAX ((size_t)8 << 20)
/* Of GitHub's message in ours. */
#define WORDS_MAX 200
/* GitHub's advice when it does not say how long. */
#define RATE_WAIT_MS 60000
/* Limits are by the hour: what asks for more is wrong. */
#define MAX_WAIT_MS (2 * 3600 * 1000)
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

static int comment_request(const struct github_state *github, const struct github_place *place,
			   const char *text, struct arena *arena, struct http_call_spec *ret,
			   struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	CLEANUP(strbuf_release)
	struct strbuf body = STRBUF((size_t)MAX_REPLY * 6 + 64); /* 6: \u0001 */
	struct json_writer w = JSON_WRITER(&body);

	if (strlen(text) > MAX_REPLY)
		return error_set(err, ERR_TOO_LARGE, "a reply of more than %d bytes", MAX_REPLY);
	add_repo(&url, github, place);
	if (place->kind == GITHUB_REVIEW_COMMENT)
		strbuf_addf(&url, "/pulls/%" PRId64 "/comments/%" PRId64 "/replies", place->number,
			    place->top);
	else
		strbuf_addf(&url, "/issues/%" PRId64 "/comments", place->number);
	json_begin_object(&w, NULL);
	json_put_str(&w, "body", text);
	json_end_object(&w);
	return finish("POST", &url, &body, arena, ret, err);
}

static int reaction_request(const struct github_state *github, const struct github_place *place,
			    struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(64);

	if (place->kind == GITHUB_REVIEW)
		return error_set(err, ERR_NOT_FOUND, "a review takes no reactions");
	add_repo(&url, github, place);
	strbuf_addf(&url, "/%s/comments/%" PRId64 "/reactions",
		    place->kind == GITHUB_REVIEW_COMMENT ? "pulls" : "issues", place->id);
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

static int identity_request(const void *state, struct arena *arena, struct http_call_spec *ret,
			    struct error *err)
{
	const struct github_state *github = state;
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);

	strbuf_addf(&url, "%s/user", github->api);
	return finish("GET", &url, NULL, arena, ret, err);
}

/* ---- reading answers ---- */

static const char *header(const struct http_answer *answer, const char *name)
{
	return http_header_get(answer->headers, answer->header_count, name);
}

/* The answer as an object, new; NULL: it is none (a proxy's page, or cut short). */
static cJSON *read_object(const struct http_answer *answer)
{
	cJSON *tree = NULL;

	if (answer->truncated || answer->body_len > ANSWER_MAX ||
	    json_read(answer->body, answer->body_len, NULL, &tree, NULL) < 0)
		return NULL;
	return tree;
}

/*
 * 403 is both "you may not" and "not so fast". GitHub's limits say so in a header; the secondary
 * ones sometimes only in words.
 */
static bool is_rate_limit(const struct http_answer *answer, const cJSON *tree)
{
	const char *remaining = header(answer, "x-ratelimit-remaining");
	const char *message = json_str(tree, "message");

	if (answer->status == 429)
		return true;
	if (answer->status != 403)
		return false;
	return header(answer, "retry-after") != NULL ||
		(remaining != NULL && strcmp(remaining, "0") == 0) ||
		(message != NULL &&
		 (strcasestr(message, "rate limit") != NULL ||
		  strcasestr(message, "abuse detection") != NULL));
}

static int64_t clamp_wait(int64_t ms)
{
	return ms < 1000 ? 1000 : ms > MAX_WAIT_MS ? MAX_WAIT_MS : ms;
}

static int64_t rate_wait_ms(const struct http_answer *answer, int64_t now_ms)
{
	int64_t wait = http_retry_after_ms(header(answer, "retry-after"), now_ms, MAX_WAIT_MS);
	const char *remaining = header(answer, "x-ratelimit-remaining");
	const char *reset = header(answer, "x-ratelimit-reset");

	if (wait >= 0)
		return clamp_wait(wait);
	if (remaining == NULL || strcmp(remaining, "0") != 0 || reset == NULL)
		return RATE_WAIT_MS;
	size_t digits = strspn(reset, "0123456789");
	if (digits == 0 || digits > 12 || reset[digits] != '\0')
		return RATE_WAIT_MS;
	/* A second more: the limit ends after the second that it names. */
	return clamp_wait((strtoll(reset, NULL, 10) + 1) * 1000 - now_ms);
}

static const char *meaning(int status)
{
	switch (status) {
	case 401:
		return "GitHub does not accept the token";
	case 403:
		return "the token may not do this there, or the conversation is locked";
	case 404:
		return "not there, or hidden from the token";
	case 410:
		return "it was deleted, or issues are disabled";
	case 422:
		return "GitHub does not take this text";
	default:
		return status >= 300 && status < 400 ? "the repository has moved"
						     : "GitHub refused";
	}
}

/*
 * "not there, or hidden from the token (404: Not Found)". GitHub's words are cut, and quoted as
 * they are.
 */
static const char *final_text(const struct http_answer *answer, const cJSON *tree,
			      struct arena *arena)
{
	const char *message = json_str(tree, "message");

	if (message == NULL || message[0] == '\0')
		return arena_printf(arena, "%s (%d)", meaning(answer->status), answer->status);
	size_t len = utf8_cut(message, strlen(message), WORDS_MAX);
	return arena_printf(arena, "%s (%d: %.*s)", meaning(answer->status), answer->status,
			    (int)len, message);
}

static void read_failure(const struct http_answer *answer, const cJSON *tree, int64_t now_ms,
			 struct arena *arena, struct reply_result *ret)
{
	int status = answer->status;

	if (is_rate_limit(answer, tree)) {
		*ret = (struct reply_result){ .verdict = REPLY_LATER,
					      .wait_ms = rate_wait_ms(answer, now_ms),
					      .all = true,
					      .text = arena_printf(
						      arena, "GitHub's rate limit (%d)", status) };
		return;
	}
	/*
	 * What is not GitHub's own JSON came from something in between, which does not know what
	 * GitHub did.
	 */
	bool told = tree != NULL && status >= 300 && status < 500 && status != 408;
	*ret = (struct reply_result){
		.verdict = told ? REPLY_REFUSED : REPLY_UNKNOWN,
		.wait_ms = -1,
		.text = told ? final_text(answer, tree, arena)
			     : arena_printf(arena, "no usable answer from GitHub (%d)", status),
	};
}

static const char *remote_id(const struct reply_order *order, int64_t id, struct arena *arena)
{
	struct github_place place;
	const char *kind = "issue_comment";

	if (order->kind == REPLY_REACTION)
		kind = "reaction";
	else if (github_place_read(order->place, &place, NULL) == 0 &&
		 place.kind == GITHUB_REVIEW_COMMENT)
		kind = github_place_kind(place.kind);
	return arena_printf(arena, "%s/%" PRId64, kind, id);
}

static void reply_read(const void *state, const struct reply_order *order,
		       const struct http_answer *answer, int64_t now_ms, struct arena *arena,
		       struct reply_result *ret)
{
	CLEANUP(json_delete_at) cJSON *tree = read_object(answer);
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
	read_failure(answer, tree, now_ms, arena, ret);
	/* A reaction exists once, however often it is made: doubt needs no look-up. */
	if (order->kind == REPLY_REACTION && ret->verdict == REPLY_UNKNOWN)
		ret->verdict = REPLY_LATER;
}

/*
 * The list of comments, as a tree under "items": json.h reads objects only. New; NULL: not a list.
 */
static cJSON *read_list(const struct http_answer *answer)
{
	static const char *const wanted[] = { "items.id", "items.body", NULL };
	CLEANUP(strbuf_release) struct strbuf wrapped = STRBUF(ANSWER_MAX + 16);
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
		CLEANUP(json_delete_at) cJSON *tree = read_object(answer);
		read_failure(answer, tree, now_ms, arena, ret);
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
	CLEANUP(json_delete_at) cJSON *tree = read_object(answer);
	const char *permission = json_str(tree, "permission");
	const char *role = json_str(tree, "role_name");

	(void)state;
	/* 401 is about our token: the author is not to blame, and an operator can mend it. */
	if (tree == NULL || is_rate_limit(answer, tree) || answer->status == 401 ||
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
	CLEANUP(json_delete_at) cJSON *tree = read_object(answer);
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
	.lookup_request = lookup_request,
	.lookup_read = lookup_read,
	.permission_request = permission_request,
	.permission_read = permission_read,
	.identity_request = identity_request,
	.identity_read = identity_read,
};
