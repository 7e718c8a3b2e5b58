/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of calls when the dispatcher stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/dispatcher_kit.h"

static void stop_waits_for_calls_under_way(void **state)
{
	struct bench *bench = *state;

	server_plan(&bench->server, ACT_GATED, OK_TEXT);
	struct probe *probe = probe_new(bench, BODY);
	dispatcher_submit(bench->dispatcher, &probe->call);
	server_wait_requests(&bench->server, 1);
	server_open_gate(&bench->server);
	bench_stop(bench, DEADLINE_MS);
	assert_int_equal(probe->call.result, CALL_ANSWERED);
}

static void stop_cuts_at_the_deadline(void **state)
{
	struct bench *bench = *state;

	server_plan(&bench->server, ACT_SILENT, NULL);
	server_plan(&bench->server, ACT_SILENT, NULL);
	struct probe *with = probe_new(bench, BODY);
	struct probe *without = probe_new(bench, NULL);
	dispatcher_submit(bench->dispatcher, &with->call);
	dispatcher_submit(bench->dispatcher, &without->call);
	server_wait_requests(&bench->server, 2);
	bench_stop(bench, 50);
	assert_int_equal(with->call.result, CALL_LOST);
	assert_int_equal(without->call.result, CALL_LOST);
}

static void nothing_starts_after_stop(void **state)
{
	struct bench *bench = *state;

	bench_stop(bench, 0);
	struct probe *probe = make(bench, BODY);
	assert_int_equal(probe->call.result, CALL_NOT_SENT);
	assert_true(probe->call.cancelled);
	assert_int_equal(server_connections(&bench->server), 0);
}

/* A host that takes no connection: cut at stop, it was never sent, and that is because of the stop. */
static void cut_while_connecting_is_cancelled(void **state)
{
	struct bench *bench = *state;
	struct pollfd poll_fd;
	int port, others[8];
	CLEANUP(cleanup_close) int fd = bound_socket(&port);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	/* A full backlog drops SYNs, so connect(2) hangs. */
	assert_int_equal(listen(fd, 0), 0);
	for (int i = 0; i < 8; i++) {
		others[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(others[i], (struct sockaddr *)&address, sizeof(address));
	}
	poll_fd = (struct pollfd){ .fd = others[7], .events = POLLOUT };
	struct probe *probe = probe_new(bench, BODY);
	probe->call.spec.url = arena_printf(probe->call.arena, "http://127.0.0.1:%d/x", port);
	if (poll(&poll_fd, 1, 50) == 0) { /* else this kernel behaves otherwise: nothing to see */
		dispatcher_submit(bench->dispatcher, &probe->call);
		bench_stop(bench, 50);
		assert_int_equal(probe->call.result, CALL_NOT_SENT);
		assert_true(probe->call.cancelled);
		assert_int_equal(probe->done, 1);
	}
	for (int i = 0; i < 8; i++)
		close(others[i]);
}

#define MANY 200
static void many_at_once_each_once(void **state)
{
	struct bench *bench = *state;
	int port;
	CLEANUP(cleanup_close) int fd = bound_socket(&port);

	assert_true(fd >= 0);
	for (int i = 0; i < MANY; i++) {
		struct probe *probe = probe_new(bench, BODY);
		probe->call.spec.url = arena_printf(probe->call.arena, "http://127.0.0.1:%d/x", port);
		dispatcher_submit(bench->dispatcher, &probe->call);
	}
	bench_stop(bench, 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(bench->probes[i]->call.result, CALL_NOT_SENT);
}

static void freed_without_a_start(void **state)
{
	struct dispatcher_options options = { .max_connections = 1 };
	struct dispatcher *dispatcher;
	struct error err;

	(void)state;
	assert_int_equal(dispatcher_new(&options, &dispatcher, &err), 0);
	dispatcher_stop(dispatcher, 0);
	dispatcher_free(dispatcher);
	dispatcher_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(stop_waits_for_calls_under_way),
		WITH_SERVER(stop_cuts_at_the_deadline),
		WITH_SERVER(nothing_starts_after_stop),
		WITH_SERVER(cut_while_connecting_is_cancelled),
		WITH_SERVER(many_at_once_each_once),
		cmocka_unit_test(freed_without_a_start),
	};

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests_name("dispatcher_stop", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
