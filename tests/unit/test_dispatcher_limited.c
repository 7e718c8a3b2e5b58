/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of which only so many run at once. */
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

static struct probe *limited(struct bench *bench, const char *url)
{
	struct probe *probe = probe_new(bench, BODY);

	probe->call.limited = true;
	if (url != NULL)
		probe->call.spec.url = url;
	dispatcher_submit(bench->dispatcher, &probe->call);
	return probe;
}

static void limited_calls_take_turns(void **state)
{
	struct bench *bench = *state;
	struct probe *probes[5];
	char path[16];

	for (int i = 0; i < LIMITED; i++)
		server_plan(&bench->server, ACT_GATED, OK_TEXT);
	for (int i = 0; i < 6; i++)
		server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	for (int i = 0; i < 5; i++) {
		probes[i] = probe_new(bench, BODY);
		probes[i]->call.limited = true;
		probes[i]->call.spec.url =
			arena_printf(probes[i]->call.arena, "http://127.0.0.1:%d/%d", bench->server.port, i);
		dispatcher_submit(bench->dispatcher, &probes[i]->call);
	}
	server_wait_requests(&bench->server, LIMITED);
	struct probe *other = make(bench, BODY); /* not of their kind: it passes them */
	assert_int_equal(other->call.result, CALL_ANSWERED);
	assert_int_equal(server_requests(&bench->server), LIMITED + 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(probe_done(probes[i]), 0);
	server_open_gate(&bench->server);
	for (int i = 0; i < 5; i++) {
		probe_wait(probes[i]);
		assert_int_equal(probes[i]->call.result, CALL_ANSWERED);
	}
	assert_int_equal(server_requests(&bench->server), 6);
	/* The third could not start before one of the first two was over. */
	for (size_t i = 0; i < LIMITED; i++) {
		(void)snprintf(path, sizeof(path), "POST /%zu ", i);
		assert_true(strncmp(server_request(&bench->server, 0), path, 8) == 0 ||
			    strncmp(server_request(&bench->server, 1), path, 8) == 0);
	}
}

/* However a turn ends, the next one comes. */
static void a_limited_call_gives_its_turn_back(void **state)
{
	struct bench *bench = *state;
	char value[4096];
	int port;
	CLEANUP(cleanup_close) int fd = bound_socket(&port);

	assert_true(fd >= 0);
	memset(value, 'v', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	server_plan(&bench->server, ACT_RESET, NULL);
	server_plan(&bench->server, ACT_CLOSE, NULL);
	server_plan(&bench->server, ACT_SILENT, NULL);
	server_plan(&bench->server, ACT_ANSWER, OK_TEXT);
	(void)limited(bench, NULL);
	(void)limited(bench, NULL);
	(void)limited(bench, "ftp://127.0.0.1/");
	struct probe *refused = probe_new(bench, BODY);
	refused->call.limited = true;
	refused->call.spec.url = arena_printf(refused->call.arena, "http://127.0.0.1:%d/", port);
	dispatcher_submit(bench->dispatcher, &refused->call);
	struct probe *unfit = probe_new(bench, BODY);
	unfit->call.limited = true;
	unfit->call.spec.headers[0] = (struct http_header){ "X", value };
	unfit->call.spec.header_count = 1;
	dispatcher_submit(bench->dispatcher, &unfit->call);
	for (size_t i = 0; i < bench->probe_count; i++)
		probe_wait(bench->probes[i]);
	struct probe *slow = probe_new(bench, BODY);
	slow->call.limited = true;
	slow->call.timeout_ms = 100;
	probe_wait(go(slow));
	assert_int_equal(slow->call.result, CALL_LOST);
	struct probe *last = limited(bench, NULL);
	probe_wait(last);
	assert_int_equal(last->call.result, CALL_ANSWERED);
}

static void limited_calls_that_wait_are_cancelled(void **state)
{
	struct bench *bench = *state;
	struct probe *probes[4];

	server_plan(&bench->server, ACT_SILENT, NULL);
	server_plan(&bench->server, ACT_SILENT, NULL);
	for (int i = 0; i < 4; i++)
		probes[i] = limited(bench, NULL);
	server_wait_requests(&bench->server, LIMITED);
	bench_stop(bench, 50);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(probes[i]->call.result, i < LIMITED ? CALL_LOST : CALL_NOT_SENT);
		assert_int_equal(probes[i]->call.cancelled, i >= LIMITED);
	}
	assert_int_equal(server_requests(&bench->server), LIMITED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(limited_calls_take_turns),
		WITH_SERVER(a_limited_call_gives_its_turn_back),
		WITH_SERVER(limited_calls_that_wait_are_cancelled),
	};

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests_name("dispatcher_limited", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
