/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out and what comes back, and the calls of which nothing ever left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <stdio.h>

#include "tests/support/dispatcher_kit.h"

/* ---- answered ---- */

static void answered(void **state)
{
	struct bench *bench = *state;
	CLEANUP(secret_free_at) struct secret *token = secret_new("nr_secret", 9);

	server_plan(&bench->server, ACT_ANSWER,
		    "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nhello");
	struct probe *probe = probe_new(bench, BODY);
	probe->call.token = token;
	probe->call.spec.headers[0] = (struct http_header){ "Accept", "application/x" };
	probe->call.spec.header_count = 1;
	go(probe);

	assert_int_equal(probe->call.result, CALL_ANSWERED);
	assert_int_equal(probe->call.answer.status, 429);
	assert_string_equal(probe->body, "hello");
	assert_int_equal(probe->body_len, 5);
	assert_false(probe->call.answer.truncated);
	assert_false(probe->call.cancelled);
	assert_string_equal(probe->retry_after, "7");
	assert_false(pthread_equal(probe->thread, pthread_self()));
	assert_true(probe->call.started_ms > 1600000000000 && probe->call.duration_ms >= 0);
	const char *request = server_request(&bench->server, 0);
	assert_int_equal(strncmp(request, "POST /x HTTP/1.1\r\n", 18), 0);
	assert_non_null(strstr(request, "\r\nAuthorization: Bearer nr_secret\r\n"));
	assert_non_null(strstr(request, "\r\nAccept: application/x\r\n"));
	assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(request, "\r\nUser-Agent: nairi-bridge/"));
	assert_null(strcasestr(request, "\r\nExpect:"));
	assert_null(strcasestr(request, "Transfer-Encoding"));
	assert_string_equal(strstr(request, "\r\n\r\n") + 4, BODY);
}

static void sends_without_a_body(void **state)
{
	struct bench *bench = *state;

	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	struct probe *probe = make(bench, NULL);
	assert_int_equal(probe->call.result, CALL_ANSWERED);
	assert_int_equal(strncmp(server_request(&bench->server, 0), "GET /x HTTP/1.1\r\n", 17), 0);
	assert_null(strstr(server_request(&bench->server, 0), "Authorization"));
	assert_null(strstr(server_request(&bench->server, 0), "Content-Type"));
}

static void sends_other_methods(void **state)
{
	static const struct {
		const char *method, *body, *line;
	} rows[] = {
		{ "PATCH", BODY, "PATCH /x HTTP/1.1\r\n" },
		{ "DELETE", NULL, "DELETE /x HTTP/1.1\r\n" },
		{ "POST", "", "POST /x HTTP/1.1\r\n" },
		{ "PUT", BODY, "PUT /x HTTP/1.1\r\n" },
		{ "GET", NULL, "GET /x HTTP/1.1\r\n" }, /* the handle of a POST, used again */
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
		struct probe *probe = probe_new(bench, rows[i].body);
		probe->call.spec.method = rows[i].method;
		go(probe);
		assert_int_equal(probe->call.result, CALL_ANSWERED);
		assert_int_equal(strncmp(server_request(&bench->server, i), rows[i].line, strlen(rows[i].line)), 0);
		assert_string_equal(strstr(server_request(&bench->server, i), "\r\n\r\n") + 4,
				    rows[i].body != NULL ? rows[i].body : "");
	}
	assert_int_equal(server_connections(&bench->server), 1); /* and the connection is kept */
}

static void carries_a_large_body(void **state)
{
	struct bench *bench = *state;
	size_t size = 3 << 20;
	CLEANUP(cleanup_free) char *body = malloc(size + 1);

	memset(body, 'x', size);
	body[size] = '\0';
	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	struct probe *probe = make(bench, body);
	assert_int_equal(probe->call.result, CALL_ANSWERED);
	assert_int_equal(strlen(strstr(server_request(&bench->server, 0), "\r\n\r\n") + 4), size);
}

static void does_not_follow(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.1 301 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 308 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n",
	};
	struct bench *bench = *state;

	for (size_t i = 0; i < 3; i++) {
			server_plan(&bench->server, ACT_ANSWER, texts[i]);
		struct probe *probe = make(bench, BODY);
		assert_int_equal(probe->call.result, CALL_ANSWERED);
		assert_true(probe->call.answer.status >= 301 && probe->call.answer.status <= 308);
	}
	assert_int_equal(server_requests(&bench->server), 3);
}

static void does_not_answer_a_challenge(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\n{}",
	};
	struct bench *bench = *state;
	CLEANUP(secret_free_at) struct secret *token = secret_new("nr_secret", 9);

	for (size_t i = 0; i < 5; i++) {
			server_plan(&bench->server, ACT_ANSWER, texts[i]);
		struct probe *probe = probe_new(bench, BODY);
		probe->call.token = token;
		go(probe);
		assert_int_equal(probe->call.result, CALL_ANSWERED);
		assert_true(probe->call.answer.status >= 401);
		/* What one answer said of our key does not change how the next call is made. */
		assert_non_null(strstr(server_request(&bench->server, i), "\r\nAuthorization: Bearer nr_secret\r\n"));
	}
	assert_int_equal(server_requests(&bench->server), 5);
}

static void a_token_stays_with_its_call(void **state)
{
	struct bench *bench = *state;
	CLEANUP(secret_free_at) struct secret *token = secret_new("nr_secret", 9);

	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	struct probe *probe = probe_new(bench, BODY);
	probe->call.token = token;
	go(probe);
	probe = make(bench, BODY);
	assert_non_null(strstr(server_request(&bench->server, 0), "nr_secret"));
	assert_null(strstr(server_request(&bench->server, 1), "nr_secret"));
}

static void reads_no_more_than_allowed(void **state)
{
	static const struct {
		size_t max;
		size_t len;
		bool truncated;
	} rows[] = { { 5, 5, false }, { 4, 4, true }, { 1, 1, true }, { 0, 0, true }, { 6, 5, false } };
	struct bench *bench = *state;

	for (size_t i = 0; i < 5; i++) {
			server_plan(&bench->server, ACT_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
		struct probe *probe = probe_new(bench, BODY);
		probe->call.answer_max = rows[i].max;
		go(probe);
		assert_int_equal(probe->call.result, CALL_ANSWERED);
		assert_int_equal(probe->call.answer.status, 200);
		assert_int_equal(probe->call.answer.truncated, rows[i].truncated);
		assert_int_equal(probe->body_len, rows[i].len);
		assert_int_equal(strncmp(probe->body, "hello", rows[i].len), 0);
		assert_int_equal(probe->body[probe->body_len], '\0');
	}
}

static void bounds_the_headers(void **state)
{
	struct bench *bench = *state;
	char text[8192];
	size_t len = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");

	for (int i = 0; i < 100; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "X-%d: %d\r\n", i, i);
	(void)snprintf(text + len, sizeof(text) - len, "\r\n");
	server_plan(&bench->server, ACT_ANSWER, text);
	struct probe *probe = make(bench, BODY);
	assert_int_equal(probe->call.result, CALL_ANSWERED);
	assert_true(probe->header_count >= 10 && probe->header_count <= 64);
}

/* Nothing has come from this host yet, and one of its calls hangs: the others go out all the same. */
static void a_silent_call_holds_up_no_other(void **state)
{
	struct bench *bench = *state;

	server_plan(&bench->server, ACT_SILENT, NULL);
	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	struct probe *first = probe_new(bench, BODY);
	dispatcher_submit(bench->dispatcher, &first->call);
	server_wait_requests(&bench->server, 1);
	struct probe *second = make(bench, BODY);
	assert_int_equal(second->call.result, CALL_ANSWERED);
	assert_int_equal(probe_done(first), 0);
}

/* ---- not sent ---- */

static void not_sent_when_nobody_listens(void **state)
{
	struct bench *bench = *state;
	int port;
	CLEANUP(cleanup_close) int fd = bound_socket(&port); /* bound, but it does not listen */

	assert_true(fd >= 0);
	for (int i = 0; i < 2; i++) {
		struct probe *probe = probe_new(bench, i == 0 ? BODY : NULL);
		probe->call.spec.url = arena_printf(probe->call.arena, "http://127.0.0.1:%d/x", port);
		go(probe);
		assert_int_equal(probe->call.result, CALL_NOT_SENT);
		assert_false(probe->call.cancelled);
		assert_true(strlen(probe->call.reason) > 0);
		assert_null(strpbrk(probe->call.reason, "\r\n"));
	}
}

static void not_sent_without_tls(void **state)
{
	struct bench *bench = *state;

	/* The server takes the ClientHello for half a request, then hangs up on the gate. */
	struct probe *probe = probe_new(bench, BODY);
	probe->call.spec.url = "https://127.0.0.1:1/x";
	go(probe);
	assert_int_equal(probe->call.result, CALL_NOT_SENT);
}

static void not_sent_to_what_is_no_url(void **state)
{
	static const char *const urls[] = { "", "http://", "ftp://127.0.0.1/x", "file:///etc/passwd",
					    "http://127.0.0.1:99999/", "gopher://127.0.0.1/" };
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
			struct probe *probe = probe_new(bench, i % 2 == 0 ? BODY : NULL);
		probe->call.spec.url = urls[i];
		go(probe);
		if (probe->call.result != CALL_NOT_SENT)
			fail_msg("%s: %d", urls[i], (int)probe->call.result);
	}
}

static void not_sent_when_a_header_does_not_fit(void **state)
{
	struct bench *bench = *state;
	char value[4096];

	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	struct probe *probe = probe_new(bench, BODY);
	probe->call.spec.headers[0] = (struct http_header){ "X", value };
	probe->call.spec.header_count = 1;
	go(probe);
	assert_int_equal(probe->call.result, CALL_NOT_SENT);
	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	probe = make(bench, BODY); /* the handle is as good as new */
	assert_int_equal(probe->call.result, CALL_ANSWERED);
	assert_null(strstr(server_request(&bench->server, 0), "vvv"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(answered),
		WITH_SERVER(sends_without_a_body),
		WITH_SERVER(sends_other_methods),
		WITH_SERVER(carries_a_large_body),
		WITH_SERVER(does_not_follow),
		WITH_SERVER(does_not_answer_a_challenge),
		WITH_SERVER(a_token_stays_with_its_call),
		WITH_SERVER(reads_no_more_than_allowed),
		WITH_SERVER(bounds_the_headers),
		WITH_SERVER(a_silent_call_holds_up_no_other),
		WITH_SERVER(not_sent_when_nobody_listens),
		WITH_SERVER(not_sent_without_tls),
		WITH_SERVER(not_sent_to_what_is_no_url),
		WITH_SERVER(not_sent_when_a_header_does_not_fit),
	};

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests_name("dispatcher", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
