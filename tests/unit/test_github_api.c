/* SPDX-License-Identifier: Apache-2.0 */
/* Talking back to GitHub: which calls are made, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/handler_kit.h"

#define NOW    INT64_C(1776019512000) /* 2026-04-12T18:45:12Z */
#define MARKER "<!-- nairi-bridge:reply:0198c0de -->"
#define ISSUE \
	"{\"repo\":\"octo/hello\",\"number\":42,\"kind\":\"issue_comment\",\"id\":3492700400,\"top\":3492700400}"
#define INLINE \
	"{\"repo\":\"octo/hello\",\"number\":42,\"kind\":\"review_comment\",\"id\":2284312999,\"top\":2284312630}"
#define REVIEW \
	"{\"repo\":\"octo/hello\",\"number\":42,\"kind\":\"review\",\"id\":2937895671,\"top\":2937895671}"

#define COMMIT "ec26c3e57ca3a959ca5aad62de7213c562f8c821"
#define ON_COMMIT \
	"{\"repo\":\"octo/hello\",\"commit\":\"" COMMIT "\",\"kind\":\"commit_comment\",\"id\":33548674," \
	"\"top\":33548674}"
#define THREAD "{\"repo\":\"octo/hello\",\"number\":42,\"kind\":\"issue_comment\"}"

struct fixture {
	struct kit_source *source;
	const struct forge *forge;
	struct arena *arena;
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->source = kit_open(
		"github", "{\"secret\":[\"x\"],\"api\":\"https://ghes.example/api/v3\"}", &f->err);
	assert_non_null(f->source);
	f->forge = f->source->handler->forge;
	f->arena = arena_new(1 << 20);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kit_close(f->source);
	arena_free(f->arena);
	free(f);
	return 0;
}

static struct reply_order order_of(enum reply_kind kind, const char *place, const char *text)
{
	return (struct reply_order){
		.kind = kind, .place = place, .text = text, .marker = MARKER, .since_ms = NOW
	};
}

/* ---- calls ---- */

static void check_headers(const struct http_call_spec *call)
{
	assert_int_equal(call->header_count, 2);
	assert_string_equal(http_header_get(call->headers, call->header_count, "accept"),
			    "application/vnd.github+json");
	assert_string_equal(
		http_header_get(call->headers, call->header_count, "x-github-api-version"),
		"2022-11-28");
}

static void expect_reply(struct fixture *f, enum reply_kind kind, const char *place,
			 const char *url, const char *body)
{
	const struct reply_order order = order_of(kind, place, "Not \"reached\":\n" MARKER);
	struct http_call_spec call = { 0 };

	assert_int_equal(
		f->forge->reply_request(f->source->state, &order, f->arena, &call, &f->err), 0);
	assert_string_equal(call.method, "POST");
	assert_string_equal(call.url, url);
	assert_string_equal(call.body, body);
	check_headers(&call);
}

static void replies(void **state)
{
	static const char body[] = "{\"body\":\"Not \\\"reached\\\":\\n" MARKER "\"}";
	static const char eyes[] = "{\"content\":\"eyes\"}";
	struct fixture *f = *state;
	const struct reply_order order = order_of(REPLY_REACTION, REVIEW, NULL);
	struct http_call_spec call = { 0 };

	expect_reply(f, REPLY_COMMENT, ISSUE,
		     "https://ghes.example/api/v3/repos/octo/hello/issues/42/comments", body);
	expect_reply(f, REPLY_COMMENT, REVIEW,
		     "https://ghes.example/api/v3/repos/octo/hello/issues/42/comments", body);
	/* To the first comment of the thread, which is not the one that was answered. */
	expect_reply(
		f, REPLY_COMMENT, INLINE,
		"https://ghes.example/api/v3/repos/octo/hello/pulls/42/comments/2284312630/replies",
		body);
	expect_reply(
		f, REPLY_REACTION, ISSUE,
		"https://ghes.example/api/v3/repos/octo/hello/issues/comments/3492700400/reactions",
		eyes);
	expect_reply(
		f, REPLY_REACTION, INLINE,
		"https://ghes.example/api/v3/repos/octo/hello/pulls/comments/2284312999/reactions",
		eyes);
	expect_reply(f, REPLY_COMMENT, ON_COMMIT,
		     "https://ghes.example/api/v3/repos/octo/hello/commits/" COMMIT "/comments", body);
	expect_reply(f, REPLY_REACTION, ON_COMMIT,
		     "https://ghes.example/api/v3/repos/octo/hello/comments/33548674/reactions", eyes);
	expect_reply(f, REPLY_COMMENT, THREAD,
		     "https://ghes.example/api/v3/repos/octo/hello/issues/42/comments", body);
	assert_int_equal(
		f->forge->reply_request(f->source->state, &order, f->arena, &call, &f->err), -1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	const struct reply_order nothing = order_of(REPLY_REACTION, THREAD, NULL);
	assert_int_equal(
		f->forge->reply_request(f->source->state, &nothing, f->arena, &call, &f->err), -1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
}

/* ---- edits ---- */

static void edits(void **state)
{
	static const struct {
		const char *place, *remote_id, *url;
	} rows[] = {
		{ ISSUE, "issue_comment/7", "https://ghes.example/api/v3/repos/octo/hello/issues/comments/7" },
		{ REVIEW, "issue_comment/7", "https://ghes.example/api/v3/repos/octo/hello/issues/comments/7" },
		{ THREAD, "issue_comment/7", "https://ghes.example/api/v3/repos/octo/hello/issues/comments/7" },
		{ INLINE, "review_comment/8", "https://ghes.example/api/v3/repos/octo/hello/pulls/comments/8" },
		{ ON_COMMIT, "commit_comment/9", "https://ghes.example/api/v3/repos/octo/hello/comments/9" },
	};
	static const char *const bad[] = { "",		       "issue_comment",	    "issue_comment/",
					   "issue_comment/x",  "issue_comment/1/2", "issue_comment/-1",
					   "issue_comment/01", "other/1",	    "review/1",
					   "reaction/1",       "issue_comment/9999999999999999999" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct reply_order order = order_of(REPLY_COMMENT, rows[i].place, "new");
		struct http_call_spec call = { 0 };
		assert_int_equal(f->forge->edit_request(f->source->state, &order, rows[i].remote_id, f->arena, &call,
							&f->err),
				 0);
		assert_string_equal(call.method, "PATCH");
		assert_string_equal(call.url, rows[i].url);
		assert_string_equal(call.body, "{\"body\":\"new\"}");
		check_headers(&call);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct reply_order order = order_of(REPLY_COMMENT, ISSUE, "new");
		struct http_call_spec call = { 0 };
		if (f->forge->edit_request(f->source->state, &order, bad[i], f->arena, &call, &f->err) == 0)
			fail_msg("%s: %s", bad[i], call.url);
		assert_int_equal(f->err.code, ERR_INVALID);
	}
	char *text = calloc(1, f->forge->max_reply + 2);
	assert_non_null(text);
	memset(text, 'x', f->forge->max_reply + 1);
	const struct reply_order order = order_of(REPLY_COMMENT, ISSUE, text);
	struct http_call_spec call = { 0 };
	assert_int_equal(
		f->forge->edit_request(f->source->state, &order, "issue_comment/7", f->arena, &call, &f->err), -1);
	assert_int_equal(f->err.code, ERR_TOO_LARGE);
	free(text);
}

static void replies_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct http_call_spec call = { 0 };
	char *text = malloc(f->forge->max_reply + 2);

	assert_non_null(text);
	memset(text, 1, f->forge->max_reply + 1);
	text[f->forge->max_reply + 1] = '\0';
	struct reply_order order = order_of(REPLY_COMMENT, ISSUE, text);
	assert_int_equal(
		f->forge->reply_request(f->source->state, &order, f->arena, &call, &f->err), -1);
	assert_int_equal(f->err.code, ERR_TOO_LARGE);
	text[f->forge->max_reply] = '\0';
	assert_int_equal(
		f->forge->reply_request(f->source->state, &order, f->arena, &call, &f->err), 0);
	free(text);
	struct arena *small = arena_new(64);
	order.text = "x";
	assert_int_equal(f->forge->reply_request(f->source->state, &order, small, &call, &f->err),
			 -1);
	arena_free(small);
}

static void nothing_of_a_place_leads_elsewhere(void **state)
{
	static const char *const places[] = {
		"{\"repo\":\"octo/..\",\"number\":42,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"{\"repo\":\"@evil.example/x\",\"number\":42,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"{\"repo\":\"octo/x?y=\",\"number\":42,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"{\"repo\":\"octo/x#\",\"number\":42,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"not json",
	};
	struct fixture *f = *state;
	struct http_call_spec call = { 0 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct reply_order order = order_of(REPLY_COMMENT, places[i], "x");
		assert_int_equal(
			f->forge->reply_request(f->source->state, &order, f->arena, &call, &f->err),
			-1);
		assert_int_equal(f->forge->lookup_request(f->source->state, &order, f->arena, &call,
							  &f->err),
				 -1);
		assert_int_equal(f->forge->permission_request(f->source->state, places[i], "mona",
							      f->arena, &call, &f->err),
				 -1);
	}
	assert_null(call.url);
}

static void questions(void **state)
{
	struct fixture *f = *state;
	struct http_call_spec call = { 0 };
	struct reply_order order = order_of(REPLY_COMMENT, ISSUE, NULL);

	assert_int_equal(
		f->forge->lookup_request(f->source->state, &order, f->arena, &call, &f->err), 0);
	assert_string_equal(call.method, "GET");
	assert_null(call.body);
	assert_string_equal(call.url,
			    "https://ghes.example/api/v3/repos/octo/hello/issues/42/comments"
			    "?since=2026-04-12T18:40:12Z&per_page=100");
	check_headers(&call);
	order.place = INLINE;
	assert_int_equal(
		f->forge->lookup_request(f->source->state, &order, f->arena, &call, &f->err), 0);
	assert_string_equal(call.url,
			    "https://ghes.example/api/v3/repos/octo/hello/pulls/42/comments"
			    "?since=2026-04-12T18:40:12Z&per_page=100&sort=created&direction=desc");
	order.place = ON_COMMIT;
	assert_int_equal(
		f->forge->lookup_request(f->source->state, &order, f->arena, &call, &f->err), 0);
	assert_string_equal(call.url, "https://ghes.example/api/v3/repos/octo/hello/commits/" COMMIT
				      "/comments?per_page=100");
	order.place = THREAD;
	assert_int_equal(
		f->forge->lookup_request(f->source->state, &order, f->arena, &call, &f->err), 0);
	assert_string_equal(call.url,
			    "https://ghes.example/api/v3/repos/octo/hello/issues/42/comments"
			    "?since=2026-04-12T18:40:12Z&per_page=100");
	order.kind = REPLY_REACTION;
	assert_int_equal(
		f->forge->lookup_request(f->source->state, &order, f->arena, &call, &f->err), -1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);

	assert_int_equal(f->forge->permission_request(f->source->state, ISSUE, "dependabot[bot]",
						      f->arena, &call, &f->err),
			 0);
	assert_string_equal(
		call.url,
		"https://ghes.example/api/v3/repos/octo/hello/collaborators/dependabot%5Bbot%5D/permission");
	assert_int_equal(f->forge->permission_request(f->source->state, ISSUE, "a/../../x?y",
						      f->arena, &call, &f->err),
			 0);
	assert_string_equal(call.url,
			    "https://ghes.example/api/v3/repos/octo/hello/collaborators/"
			    "a%2F..%2F..%2Fx%3Fy/permission");
	const char *const logins[] = { "", ".", "..", "a b", "a\nb", NULL };
	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++)
		assert_int_equal(f->forge->permission_request(f->source->state, ISSUE, logins[i],
							      f->arena, &call, &f->err),
				 -1);
	assert_int_equal(f->forge->identity_request(f->source->state, f->arena, &call, &f->err), 0);
	assert_string_equal(call.url, "https://ghes.example/api/v3/user");
	check_headers(&call);
}

/* ---- answers ---- */

static struct http_answer answer_of(int status, const char *body, const struct http_header *headers,
				    size_t count)
{
	return (struct http_answer){ .status = status,
				     .headers = headers,
				     .header_count = count,
				     .body = body,
				     .body_len = strlen(body) };
}

static struct reply_result read_reply(struct fixture *f, enum reply_kind kind, const char *place,
				      const struct http_answer *answer)
{
	const struct reply_order order = order_of(kind, place, NULL);
	struct reply_result result = { 0 };

	f->forge->reply_read(f->source->state, &order, answer, NOW, f->arena, &result);
	return result;
}

static void posted(void **state)
{
	static const char body[] =
		"{\"id\":3492800000,\"html_url\":\"https://x\",\"user\":{\"id\":1}}";
	struct fixture *f = *state;
	struct http_answer answer = answer_of(201, body, NULL, 0);

	struct reply_result result = read_reply(f, REPLY_COMMENT, ISSUE, &answer);
	assert_int_equal(result.verdict, REPLY_POSTED);
	assert_string_equal(result.remote_id, "issue_comment/3492800000");
	result = read_reply(f, REPLY_COMMENT, REVIEW, &answer);
	assert_string_equal(result.remote_id, "issue_comment/3492800000");
	result = read_reply(f, REPLY_COMMENT, INLINE, &answer);
	assert_string_equal(result.remote_id, "review_comment/3492800000");
	result = read_reply(f, REPLY_COMMENT, ON_COMMIT, &answer);
	assert_string_equal(result.remote_id, "commit_comment/3492800000");
	result = read_reply(f, REPLY_COMMENT, THREAD, &answer);
	assert_string_equal(result.remote_id, "issue_comment/3492800000");
	result = read_reply(f, REPLY_REACTION, ISSUE, &answer);
	assert_int_equal(result.verdict, REPLY_POSTED);
	answer.status = 200;
	result = read_reply(f, REPLY_REACTION, ISSUE, &answer);
	assert_int_equal(result.verdict, REPLY_POSTED);
	/* A comment is made by 201; what another success means, only a look can tell. */
	result = read_reply(f, REPLY_COMMENT, ISSUE, &answer);
	assert_int_equal(result.verdict, REPLY_UNKNOWN);
}

static void doubtful(void **state)
{
	static const struct {
		int status;
		const char *body;
	} rows[] = { { 201, "" },
		     { 201, "{}" },
		     { 201, "{\"id\":0}" },
		     { 201, "{\"id\":\"x\"}" },
		     { 201, "<html>ok</html>" },
		     { 201, "[{\"id\":1}]" },
		     { 202, "{\"id\":1}" },
		     { 500, "{\"message\":\"x\"}" },
		     { 502, "<html>Bad Gateway</html>" },
		     { 503, "{\"message\":\"x\"}" },
		     { 504, "" },
		     { 408, "{\"message\":\"timed out\"}" },
		     { 403, "<html>blocked by a firewall</html>" },
		     { 404, "<html>not here</html>" },
		     { 404, "" },
		     { 0, "" } };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer answer = answer_of(rows[i].status, rows[i].body, NULL, 0);
		struct reply_result result = read_reply(f, REPLY_COMMENT, ISSUE, &answer);
		if (result.verdict != REPLY_UNKNOWN || result.text == NULL)
			fail_msg("%d %s", rows[i].status, rows[i].body);
		/* A reaction can simply be made again. */
		result = read_reply(f, REPLY_REACTION, ISSUE, &answer);
		assert_int_equal(result.verdict, REPLY_LATER);
		assert_false(result.all);
	}
	struct http_answer cut = answer_of(201, "{\"id\":1}", NULL, 0);
	cut.truncated = true;
	assert_int_equal(read_reply(f, REPLY_COMMENT, ISSUE, &cut).verdict, REPLY_UNKNOWN);
}

static void refused(void **state)
{
	static const struct {
		int status;
		const char *body, *word;
	} rows[] = { { 401, "{\"message\":\"Bad credentials\"}", "token" },
		     { 403, "{\"message\":\"Resource not accessible by integration\"}",
		       "Resource not accessible" },
		     { 403, "{\"message\":\"Unable to create comment because issue is locked.\"}",
		       "locked" },
		     { 404, "{\"message\":\"Not Found\"}", "hidden" },
		     { 410, "{\"message\":\"This issue was deleted\"}", "deleted" },
		     { 422, "{\"message\":\"Validation Failed\",\"errors\":[{}]}",
		       "Validation Failed" },
		     { 307, "{\"message\":\"Moved Permanently\"}", "moved" },
		     { 400, "{\"message\":17}", "400" },
		     { 451, "{}", "451" } };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer answer = answer_of(rows[i].status, rows[i].body, NULL, 0);
		struct reply_result result = read_reply(f, REPLY_COMMENT, ISSUE, &answer);
		if (result.verdict != REPLY_REFUSED || strstr(result.text, rows[i].word) == NULL)
			fail_msg("%d: %d %s", rows[i].status, (int)result.verdict, result.text);
		assert_int_equal(read_reply(f, REPLY_REACTION, ISSUE, &answer).verdict,
				 REPLY_REFUSED);
	}
	char longest[4000] = "{\"message\":\"";
	for (size_t i = 12; i < 3990; i += 2)
		memcpy(longest + i, "ż", 2);
	memcpy(longest + 3990, "\"}", 3);
	struct http_answer answer = answer_of(422, longest, NULL, 0);
	assert_true(strlen(read_reply(f, REPLY_COMMENT, ISSUE, &answer).text) < 400);
}

static void rate_limits(void **state)
{
	static const struct http_header retry[] = { { "Retry-After", "17" } };
	static const struct http_header retry_now[] = { { "retry-after", "0" } };
	static const struct http_header retry_long[] = { { "retry-after", "9999999" } };
	static const struct http_header retry_bad[] = { { "retry-after", "soon" } };
	static const struct http_header reset[] = { { "X-RateLimit-Remaining", "0" },
						    { "X-RateLimit-Reset", "1776019612" } };
	static const struct http_header reset_past[] = { { "X-RateLimit-Remaining", "0" },
							 { "X-RateLimit-Reset", "1776010000" } };
	static const struct http_header reset_bad[] = {
		{ "X-RateLimit-Remaining", "0" }, { "X-RateLimit-Reset", "99999999999999999999" }
	};
	static const struct http_header left[] = { { "X-RateLimit-Remaining", "4999" },
						   { "X-RateLimit-Reset", "1776019612" } };
	static const struct {
		int status;
		const char *body;
		const struct http_header *headers;
		size_t count;
		int64_t wait_ms;
	} rows[] = {
		{ 429, "{\"message\":\"x\"}", NULL, 0, 60000 },
		{ 429, "<html>slow down</html>", retry, 1, 17000 },
		{ 403, "{\"message\":\"x\"}", retry, 1, 17000 },
		{ 403, "{\"message\":\"x\"}", retry_long, 1, 7200000 },
		{ 403, "{\"message\":\"x\"}", retry_now, 1, 1000 },
		{ 403, "{\"message\":\"x\"}", retry_bad, 1, 60000 },
		{ 403, "{\"message\":\"API rate limit exceeded for user ID 1.\"}", reset, 2,
		  101000 },
		{ 403, "{\"message\":\"x\"}", reset_past, 2, 1000 },
		{ 403, "{\"message\":\"x\"}", reset_bad, 2, 60000 },
		{ 403, "{\"message\":\"You have exceeded a secondary rate limit. Please wait\"}",
		  left, 2, 60000 },
		{ 403, "{\"message\":\"You have triggered an abuse detection mechanism.\"}", NULL,
		  0, 60000 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_answer answer = answer_of(rows[i].status, rows[i].body, rows[i].headers,
						      rows[i].count);
		for (int kind = REPLY_COMMENT; kind <= REPLY_REACTION; kind++) {
			struct reply_result result = read_reply(f, (enum reply_kind)kind, ISSUE,
								&answer);
			assert_int_equal(result.verdict, REPLY_LATER);
			assert_true(result.all);
			if (result.wait_ms != rows[i].wait_ms)
				fail_msg("row %zu: %lld", i, (long long)result.wait_ms);
		}
		assert_int_equal(f->forge->permission_read(f->source->state, &answer),
				 PERMISSION_UNKNOWN);
	}
	/* Calls are left, and the words speak of something else: no limit. */
	struct http_answer answer = answer_of(403, "{\"message\":\"Forbidden\"}", left, 2);
	assert_int_equal(read_reply(f, REPLY_COMMENT, ISSUE, &answer).verdict, REPLY_REFUSED);
}

static struct reply_result look(struct fixture *f, const char *place, int status, const char *body)
{
	const struct reply_order order = order_of(REPLY_COMMENT, place, NULL);
	const struct http_answer answer = answer_of(status, body, NULL, 0);
	struct reply_result result = { 0 };

	f->forge->lookup_read(f->source->state, &order, &answer, NOW, f->arena, &result);
	return result;
}

static void looking(void **state)
{
	struct fixture *f = *state;
	CLEANUP(strbuf_release) struct strbuf full = STRBUF(10000);

	struct reply_result result = look(f, ISSUE, 200, "[]");
	assert_int_equal(result.verdict, REPLY_LATER);
	assert_int_equal(result.wait_ms, 0);
	assert_false(result.all);
	result = look(f, ISSUE, 200,
		      "[{\"id\":1,\"body\":\"x\"},{\"id\":2,\"body\":null},{\"id\":3}, 7]");
	assert_int_equal(result.verdict, REPLY_LATER);
	result = look(f, ISSUE, 200,
		      "[{\"id\":1,\"body\":\"<!-- nairi-bridge:reply:another -->\"},"
		      "{\"user\":{\"id\":9},\"id\":3492800001,\"body\":\"Not reached.\\n\\n" MARKER
		      "\"}]");
	assert_int_equal(result.verdict, REPLY_POSTED);
	assert_string_equal(result.remote_id, "issue_comment/3492800001");
	result = look(f, INLINE, 200, "[{\"id\":5,\"body\":\"" MARKER "\"}]");
	assert_string_equal(result.remote_id, "review_comment/5");
	/* A full page may have another behind it: absence is not proved. */
	for (int i = 0; i < 100; i++)
		strbuf_addf(&full, "%s{\"id\":%d,\"body\":\"x\"}", i == 0 ? "[" : ",", i + 1);
	strbuf_addc(&full, ']');
	assert_int_equal(look(f, ISSUE, 200, strbuf_str(&full)).verdict, REPLY_UNKNOWN);
	static const struct {
		int status;
		const char *body;
		enum reply_verdict verdict;
	} rows[] = {
		{ 200, "", REPLY_UNKNOWN },
		{ 200, "{}", REPLY_UNKNOWN },
		{ 200, "<html></html>", REPLY_UNKNOWN },
		{ 200, "[", REPLY_UNKNOWN },
		{ 500, "[]", REPLY_UNKNOWN },
		{ 502, "<html></html>", REPLY_UNKNOWN },
		{ 429, "{\"message\":\"x\"}", REPLY_UNKNOWN },
		{ 403, "{\"message\":\"secondary rate limit\"}", REPLY_UNKNOWN },
		{ 404, "{\"message\":\"Not Found\"}", REPLY_REFUSED },
		{ 401, "{\"message\":\"Bad credentials\"}", REPLY_REFUSED },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (look(f, ISSUE, rows[i].status, rows[i].body).verdict != rows[i].verdict)
			fail_msg("%d %s", rows[i].status, rows[i].body);
	}
}

static void permissions(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum permission want;
	} rows[] = {
		{ 200, "{\"permission\":\"admin\",\"role_name\":\"admin\"}", PERMISSION_GRANTED },
		{ 200, "{\"permission\":\"write\",\"role_name\":\"maintain\"}",
		  PERMISSION_GRANTED },
		{ 200, "{\"permission\":\"write\",\"role_name\":\"our-own-role\"}",
		  PERMISSION_GRANTED },
		{ 200, "{\"role_name\":\"maintain\"}", PERMISSION_GRANTED },
		{ 200, "{\"permission\":\"read\",\"role_name\":\"triage\"}", PERMISSION_DENIED },
		{ 200, "{\"permission\":\"none\",\"role_name\":\"\"}", PERMISSION_DENIED },
		{ 200, "{\"permission\":\"Admin\"}", PERMISSION_DENIED },
		{ 404, "{\"message\":\"Not Found\"}", PERMISSION_DENIED },
		{ 403, "{\"message\":\"Must have push access\"}", PERMISSION_DENIED },
		{ 301, "{\"message\":\"Moved Permanently\"}", PERMISSION_DENIED },
		{ 200, "{\"permission\":[\"admin\"]}", PERMISSION_UNKNOWN },
		{ 200, "{}", PERMISSION_UNKNOWN },
		{ 200, "<html>admin</html>", PERMISSION_UNKNOWN },
		{ 404, "<html></html>", PERMISSION_UNKNOWN },
		{ 401, "{\"message\":\"Bad credentials\"}", PERMISSION_UNKNOWN },
		{ 500, "{\"permission\":\"admin\"}", PERMISSION_UNKNOWN },
		{ 502, "", PERMISSION_UNKNOWN },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct http_answer answer = answer_of(rows[i].status, rows[i].body, NULL, 0);
		if (f->forge->permission_read(f->source->state, &answer) != rows[i].want)
			fail_msg("%d %s", rows[i].status, rows[i].body);
	}
}

static void edited(void **state)
{
	static const struct {
		int status;
		const char *body;
		struct http_header header;
		enum reply_verdict verdict;
		int64_t wait_ms;
		bool all;
	} rows[] = {
		{ 200, "{\"id\":7}", { NULL, NULL }, REPLY_POSTED, -1, false },
		/* Unknown: to do it again does no harm. */
		{ 200, "<html></html>", { NULL, NULL }, REPLY_LATER, -1, false },
		{ 502, "<html></html>", { NULL, NULL }, REPLY_LATER, -1, false },
		{ 500, "{\"message\":\"x\"}", { NULL, NULL }, REPLY_LATER, -1, false },
		/* Deleted, unless something in between says so. */
		{ 404, "{\"message\":\"Not Found\"}", { NULL, NULL }, REPLY_GONE, -1, false },
		{ 410, "{\"message\":\"Gone\"}", { NULL, NULL }, REPLY_GONE, -1, false },
		{ 404, "<html></html>", { NULL, NULL }, REPLY_LATER, -1, false },
		{ 403, "{\"message\":\"locked\"}", { NULL, NULL }, REPLY_REFUSED, -1, false },
		{ 422, "{\"message\":\"too long\"}", { NULL, NULL }, REPLY_REFUSED, -1, false },
		{ 403, "{\"message\":\"x\"}", { "Retry-After", "30" }, REPLY_LATER, 30000, true },
		{ 429, "{\"message\":\"x\"}", { NULL, NULL }, REPLY_LATER, 60000, true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct http_answer answer =
			answer_of(rows[i].status, rows[i].body, &rows[i].header, rows[i].header.name != NULL);
		struct reply_result result = { 0 };
		f->forge->edit_read(f->source->state, &answer, NOW, f->arena, &result);
		if (result.verdict != rows[i].verdict || result.wait_ms != rows[i].wait_ms ||
		    result.all != rows[i].all)
			fail_msg("%d %s: %d %lld", rows[i].status, rows[i].body, result.verdict,
				 (long long)result.wait_ms);
		assert_true((result.text != NULL) == (result.verdict != REPLY_POSTED));
	}
}

/* ---- threads ---- */

static void threads(void **state)
{
	static const char *const bad[] = { "",		  "octo/hello",	   "octo/hello#",    "octo/hello#0",
					   "octo/hello#042", "octo/hello#4x", "octo/hello#4#2", "octo#42",
					   "#42",	  "octo/..#42",	   "octo/a b#42",    "octo/hello#-4",
					   "octo/hello#9999999999999999999" };
	struct fixture *f = *state;
	const void *source = f->source->state;
	const char *place = NULL, *repo = NULL, *ref = NULL, *url = NULL, *thread = NULL;

	assert_int_equal(f->forge->place_of_thread(source, "octo/hello#42", f->arena, &place, &f->err), 0);
	assert_string_equal(place, THREAD);
	/* As a typed key may have it. */
	assert_int_equal(f->forge->ref_of_thread(source, "Octo/hello#42", f->arena, &repo, &ref, &f->err), 0);
	assert_string_equal(repo, "octo/hello");
	assert_string_equal(ref, "refs/pull/42/head");
	assert_int_equal(f->forge->url_of_thread(source, "octo/hello#42", f->arena, &url, &f->err), 0);
	assert_string_equal(url, "https://ghes.example/octo/hello/pull/42");
	assert_int_equal(f->source->handler->thread_of_url(source, url, f->arena, &thread, &f->err), 0);
	assert_string_equal(thread, "octo/hello#42");
	const struct handler *handler = f->source->handler;
	assert_int_equal(handler->thread_normalise(source, "Octo-Org/Hello.C#42", f->arena, &thread, &f->err), 0);
	assert_string_equal(thread, "octo-org/hello.c#42");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (f->forge->place_of_thread(source, bad[i], f->arena, &place, &f->err) == 0 ||
		    f->err.code != ERR_NOT_FOUND ||
		    f->forge->ref_of_thread(source, bad[i], f->arena, &repo, &ref, &f->err) == 0 ||
		    f->err.code != ERR_NOT_FOUND ||
		    f->forge->url_of_thread(source, bad[i], f->arena, &url, &f->err) == 0 ||
		    f->err.code != ERR_NOT_FOUND ||
		    handler->thread_normalise(source, bad[i], f->arena, &thread, &f->err) == 0 ||
		    f->err.code != ERR_INVALID)
			fail_msg("%s", bad[i]);
	}
}

static void identities(void **state)
{
	struct fixture *f = *state;
	struct http_answer answer = answer_of(200, "{\"login\":\"bridge\",\"id\":5100009}", NULL,
					      0);

	assert_string_equal(f->forge->identity_read(f->source->state, &answer, f->arena),
			    "5100009");
	answer.status = 403;
	assert_null(f->forge->identity_read(f->source->state, &answer, f->arena));
	answer = answer_of(200, "{\"id\":\"5100009\"}", NULL, 0);
	assert_null(f->forge->identity_read(f->source->state, &answer, f->arena));
	answer = answer_of(200, "", NULL, 0);
	assert_null(f->forge->identity_read(f->source->state, &answer, f->arena));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(replies),
		TEST(edits),
		TEST(edited),
		TEST(threads),
		TEST(replies_are_bounded),
		TEST(nothing_of_a_place_leads_elsewhere),
		TEST(questions),
		TEST(posted),
		TEST(doubtful),
		TEST(refused),
		TEST(rate_limits),
		TEST(looking),
		TEST(permissions),
		TEST(identities),
	};

	return cmocka_run_group_tests_name("github_api", tests, NULL, NULL);
}
