/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the dispatcher: a server of a few lines that does to each connection and request
 * what the test says, and calls that remember what became of them.
 */
#ifndef TESTS_SUPPORT_DISPATCHER_KIT_H
#define TESTS_SUPPORT_DISPATCHER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "bridge/deliver/dispatcher.h"

#define DEADLINE_MS 10000

/* ---- the server ---- */

/* What it does with a request, in the order in which requests come. */
enum act {
	ACT_ANSWER,       /* with text, and keeps the connection */
	ACT_ANSWER_CLOSE, /* with text, then closes */
	ACT_CLOSE,        /* reads it whole, says nothing, closes */
	ACT_RESET,        /* likewise, with a reset */
	ACT_VANISH,       /* likewise, and stops listening before that */
	ACT_SILENT,       /* reads it whole, says nothing, waits until the client goes or the gate opens, then closes */
	ACT_GATED,        /* answers with text once the gate is open */
	ACT_HALF,         /* answers with text, which promises more than it has, and closes */
};

struct plan {
	enum act act;
	const char *text;
};

#define PLANS 16
struct server {
	int listen_fd;
	int port;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct plan plans[PLANS];
	size_t plan_count;
	char *requests[PLANS]; /* as they came, head and body */
	size_t request_count, connections;
	bool gate, quit;
};

static inline struct timespec deadline(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += DEADLINE_MS / 1000;
	return ts;
}

static inline bool send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		text += sent;
		len -= (size_t)sent;
	}
	return true;
}

/* One request, or NULL when the client closed. Nothing is read beyond it. */
static inline char *read_request(int fd)
{
	size_t cap = 1 << 22, len = 0, want = 0;
	char *text = malloc(cap);

	while (text != NULL && (want == 0 || len < want)) {
		ssize_t got = recv(fd, text + len, cap - len - 1, 0);
		if (got <= 0) {
			free(text);
			return NULL;
		}
		len += (size_t)got;
		text[len] = '\0';
		const char *end = strstr(text, "\r\n\r\n");
		if (want == 0 && end != NULL) {
			const char *length = strcasestr(text, "\r\nContent-Length:");
			want = (size_t)(end + 4 - text);
			if (length != NULL && length < end)
				want += strtoul(length + 17, NULL, 10);
		}
	}
	return text;
}

static inline void wait_gate(struct server *server)
{
	struct timespec ts = deadline();

	pthread_mutex_lock(&server->lock);
	while (!server->gate && !server->quit && pthread_cond_timedwait(&server->changed, &server->lock, &ts) == 0)
		;
	pthread_mutex_unlock(&server->lock);
}

static inline void reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* False: the connection is over. */
static inline bool obey(struct server *server, int fd, const struct plan *plan)
{
	switch (plan->act) {
	case ACT_GATED:
		wait_gate(server);
		return send_all(fd, plan->text, strlen(plan->text));
	case ACT_ANSWER:
		return send_all(fd, plan->text, strlen(plan->text));
	case ACT_ANSWER_CLOSE:
	case ACT_HALF:
		(void)send_all(fd, plan->text, strlen(plan->text));
		return false;
	case ACT_RESET:
		reset(fd);
		return false;
	case ACT_VANISH:
		/* Also for who is in accept(2) just now. */
		(void)shutdown(server->listen_fd, SHUT_RDWR);
		close(server->listen_fd);
		return false;
	case ACT_SILENT:
		wait_gate(server);
		return false;
	case ACT_CLOSE:
	default:
		return false;
	}
}

struct visit {
	struct server *server;
	int fd;
};

static inline void *serve_connection(void *ctx)
{
	struct visit *visit = ctx;
	struct server *server = visit->server;
	bool open = true;

	for (char *text; open && (text = read_request(visit->fd)) != NULL;) {
		pthread_mutex_lock(&server->lock);
		size_t at = server->request_count++;
		if (at < PLANS)
			server->requests[at] = text;
		else
			free(text);
		struct plan plan = { .act = ACT_CLOSE };
		if (at < server->plan_count)
			plan = server->plans[at];
		pthread_cond_broadcast(&server->changed);
		pthread_mutex_unlock(&server->lock);
		open = obey(server, visit->fd, &plan);
	}
	close(visit->fd);
	free(visit);
	return NULL;
}

#define CONNECTIONS 16
static inline void *serve(void *ctx)
{
	struct server *server = ctx;
	pthread_t threads[CONNECTIONS];
	size_t count = 0;

	for (int fd; count < CONNECTIONS && (fd = accept(server->listen_fd, NULL, NULL)) >= 0;) {
		struct visit *visit = malloc(sizeof(*visit));
		struct timeval limit = { .tv_sec = DEADLINE_MS / 1000 };
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		*visit = (struct visit){ server, fd };
		pthread_mutex_lock(&server->lock);
		server->connections++;
		pthread_mutex_unlock(&server->lock);
		if (pthread_create(&threads[count], NULL, serve_connection, visit) != 0)
			abort();
		count++;
	}
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(threads[i], NULL);
	return NULL;
}

static inline int bound_socket(int *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static inline void server_start(struct server *server)
{
	server->listen_fd = bound_socket(&server->port);
	assert_int_equal(listen(server->listen_fd, 64), 0);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static inline void server_open_gate(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->gate = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static inline void server_wait_requests(struct server *server, size_t count)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&server->lock);
	while (server->request_count < count && failed == 0)
		failed = pthread_cond_timedwait(&server->changed, &server->lock, &ts);
	pthread_mutex_unlock(&server->lock);
	assert_int_equal(failed, 0);
}

static inline void server_plan(struct server *server, enum act act, const char *text)
{
	pthread_mutex_lock(&server->lock);
	assert_true(server->plan_count < PLANS);
	server->plans[server->plan_count++] = (struct plan){ act, text };
	pthread_mutex_unlock(&server->lock);
}

static inline size_t server_requests(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	size_t count = server->request_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

static inline size_t server_connections(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	size_t count = server->connections;
	pthread_mutex_unlock(&server->lock);
	return count;
}

/* The i-th request as it came: it does not change any more. */
static inline const char *server_request(struct server *server, size_t i)
{
	pthread_mutex_lock(&server->lock);
	const char *text = i < PLANS ? server->requests[i] : NULL;
	pthread_mutex_unlock(&server->lock);
	assert_non_null(text);
	return text;
}

/* After the dispatcher is gone: its connections are closed, so every thread ends. */
static inline void server_stop(struct server *server)
{
	server_open_gate(server);
	(void)shutdown(server->listen_fd, SHUT_RDWR);
	(void)pthread_join(server->thread, NULL);
	close(server->listen_fd);
	for (size_t i = 0; i < server->request_count && i < PLANS; i++)
		free(server->requests[i]);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
}

/* ---- calls ---- */

#define PROBES 256
struct probe;
struct bench {
	struct server server;
	struct dispatcher *dispatcher;
	struct probe *probes[PROBES]; /* not on a test's stack: a failed assertion leaves that early */
	size_t probe_count;
	bool stopped;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

struct probe {
	struct call call; /* first */
	struct bench *bench;
	int done;
	/* Copied inside done(), where the answer is valid. */
	char *body;
	size_t body_len;
	char retry_after[64];
	size_t header_count;
	pthread_t thread;
};

static inline void on_done(struct call *call)
{
	struct probe *probe = (struct probe *)call;
	const char *after = NULL;

	if (call->result == CALL_ANSWERED) {
		after = http_header_get(call->answer.headers, call->answer.header_count, "Retry-After");
		probe->body = malloc(call->answer.body_len + 1);
		memcpy(probe->body, call->answer.body, call->answer.body_len + 1); /* with the NUL that follows */
	}
	probe->body_len = call->answer.body_len;
	probe->header_count = call->answer.header_count;
	probe->thread = pthread_self();
	(void)snprintf(probe->retry_after, sizeof(probe->retry_after), "%s", after != NULL ? after : "");
	pthread_mutex_lock(&probe->bench->lock);
	probe->done++;
	pthread_cond_broadcast(&probe->bench->changed);
	pthread_mutex_unlock(&probe->bench->lock);
}

static inline struct probe *probe_new(struct bench *bench, const char *body)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	bench->probes[bench->probe_count++] = probe;
	probe->bench = bench;
	probe->call.arena = arena_new(65536);
	probe->call.spec.method = body != NULL ? "POST" : "GET";
	probe->call.spec.url = arena_printf(probe->call.arena, "http://127.0.0.1:%d/x", bench->server.port);
	probe->call.spec.body = body;
	probe->call.timeout_ms = DEADLINE_MS;
	probe->call.answer_max = 65536;
	probe->call.done = on_done;
	return probe;
}

static inline void probe_wait(struct probe *probe)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&probe->bench->lock);
	while (probe->done == 0 && failed == 0)
		failed = pthread_cond_timedwait(&probe->bench->changed, &probe->bench->lock, &ts);
	pthread_mutex_unlock(&probe->bench->lock);
	assert_int_equal(failed, 0);
}

static inline int probe_done(struct probe *probe)
{
	pthread_mutex_lock(&probe->bench->lock);
	int done = probe->done;
	pthread_mutex_unlock(&probe->bench->lock);
	return done;
}

static inline void probe_free(struct probe *probe)
{
	free(probe->body);
	arena_free(probe->call.arena);
	free(probe);
}

static inline struct probe *go(struct probe *probe)
{
	dispatcher_submit(probe->bench->dispatcher, &probe->call);
	probe_wait(probe);
	return probe;
}

static inline struct probe *make(struct bench *bench, const char *body)
{
	return go(probe_new(bench, body));
}

static inline void bench_stop(struct bench *bench, int64_t deadline_ms)
{
	if (!bench->stopped)
		dispatcher_stop(bench->dispatcher, deadline_ms);
	bench->stopped = true;
}

#define LIMITED 2
static inline void bench_open(struct bench *bench, long connections)
{
	struct dispatcher_options options = { .proxy = "none", .max_connections = connections, .limited_max = LIMITED };
	struct error err;

	pthread_mutex_init(&bench->lock, NULL);
	pthread_cond_init(&bench->changed, NULL);
	assert_int_equal(dispatcher_new(&options, &bench->dispatcher, &err), 0);
	assert_int_equal(dispatcher_start(bench->dispatcher, &err), 0);
}

static inline int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	server_start(&bench->server);
	bench_open(bench, 8);
	*state = bench;
	return 0;
}

static inline int teardown(void **state)
{
	struct bench *bench = *state;

	pthread_mutex_lock(&bench->server.lock);
	bench->server.quit = true;
	pthread_cond_broadcast(&bench->server.changed);
	pthread_mutex_unlock(&bench->server.lock);
	bench_stop(bench, 0);
	dispatcher_free(bench->dispatcher);
	server_stop(&bench->server);
	bool once = true;
	for (size_t i = 0; i < bench->probe_count; i++) {
		once = once && bench->probes[i]->done == 1;
		probe_free(bench->probes[i]);
	}
	pthread_cond_destroy(&bench->changed);
	pthread_mutex_destroy(&bench->lock);
	free(bench);
	return once ? 0 : -1; /* done() exactly once for each call, whatever became of it */
}

#define OK_TEXT "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
#define BODY    "{\"prompt\":\"hi\"}"

#define WITH_SERVER(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
