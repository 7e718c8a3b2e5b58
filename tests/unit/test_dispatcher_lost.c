/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that may have reached the other side: lost, and never sent again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>

#include "tests/support/dispatcher_kit.h"

/* ---- lost ---- */

static void lost(struct bench *bench, enum act act, const char *text, const char *body)
{
	size_t before = server_requests(&bench->server);

	server_plan(&bench->server, act, text);
	struct probe *probe = make(bench, body);
	assert_int_equal(probe->call.result, CALL_LOST);
	assert_true(strlen(probe->call.reason) > 0);
	assert_false(probe->call.cancelled);
	assert_int_equal(server_requests(&bench->server), before + 1);
}

static void lost_without_an_answer(void **state)
{
	lost(*state, ACT_RESET, NULL, BODY);
	lost(*state, ACT_CLOSE, NULL, BODY);
	lost(*state, ACT_RESET, NULL, NULL);
	lost(*state, ACT_CLOSE, NULL, NULL);
}

static void lost_in_the_middle_of_an_answer(void **state)
{
	lost(*state, ACT_HALF, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"message_id\":", BODY);
	lost(*state, ACT_HALF, "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", BODY);
	lost(*state, ACT_HALF, "nonsense\r\n\r\n", BODY);
}

/* The library takes a head that breaks off for a whole one: then at least nothing may stand in its body. */
static void a_head_that_breaks_off_proves_nothing(void **state)
{
	struct bench *bench = *state;

	server_plan(&bench->server, ACT_HALF, "HTTP/1.1 201 Created\r\nContent-Le");
	struct probe *probe = make(bench, BODY);
	assert_int_not_equal(probe->call.result, CALL_NOT_SENT);
	assert_int_equal(probe->body_len, 0);
}

static void lost_after_the_time_out(void **state)
{
	struct bench *bench = *state;

	server_plan(&bench->server, ACT_SILENT, NULL);
	struct probe *probe = probe_new(bench, BODY);
	probe->call.timeout_ms = 200;
	go(probe);
	assert_int_equal(probe->call.result, CALL_LOST);
	assert_true(probe->call.duration_ms >= 190);
	assert_int_equal(server_requests(&bench->server), 1);
}

/* ---- a kept connection that dies without an answer: the request may have been accepted ---- */

static void dies_on_a_kept_connection(struct bench *bench, enum act act, const char *body)
{
	size_t before = server_requests(&bench->server), connections = server_connections(&bench->server);

	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	server_plan(&bench->server, act, NULL);
	server_plan(&bench->server, ACT_ANSWER, OK_TEXT); /* what a second try would get */
	struct probe *probe = make(bench, BODY);
	assert_int_equal(probe->call.result, CALL_ANSWERED);
	probe = make(bench, body);
	assert_int_equal(probe->call.result, CALL_LOST);
	assert_int_equal(server_requests(&bench->server), before + 2); /* each came once */
	assert_true(server_connections(&bench->server) >= connections + 1);
}

static void never_resends_after_a_close(void **state)
{
	dies_on_a_kept_connection(*state, ACT_CLOSE, BODY);
}

static void never_resends_after_a_reset(void **state)
{
	dies_on_a_kept_connection(*state, ACT_RESET, BODY);
}

/* The connection dies with the request accepted, and then nobody listens: it was sent all the same. */
static void sent_is_sent_even_if_nobody_listens_now(void **state)
{
	dies_on_a_kept_connection(*state, ACT_VANISH, BODY);
}

static void never_resends_an_empty_body(void **state)
{
	dies_on_a_kept_connection(*state, ACT_CLOSE, "");
}

static void a_server_that_closed_in_between_is_no_trouble(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < 4; i++) {
		server_plan(&bench->server, ACT_ANSWER_CLOSE, OK_TEXT);
		struct probe *probe = make(bench, BODY);
		/* Closed without "Connection: close": at worst it is lost, never "not sent", and never twice. */
		assert_true(probe->call.result != CALL_NOT_SENT);
	}
	assert_true(server_requests(&bench->server) <= 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(lost_without_an_answer),
		WITH_SERVER(lost_in_the_middle_of_an_answer),
		WITH_SERVER(a_head_that_breaks_off_proves_nothing),
		WITH_SERVER(lost_after_the_time_out),
		WITH_SERVER(never_resends_after_a_close),
		WITH_SERVER(never_resends_after_a_reset),
		WITH_SERVER(sent_is_sent_even_if_nobody_listens_now),
		WITH_SERVER(never_resends_an_empty_body),
		WITH_SERVER(a_server_that_closed_in_between_is_no_trouble),
	};

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests_name("dispatcher_lost", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
