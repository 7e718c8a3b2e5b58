/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatcher against a server of a few lines that does to each connection and request what the test says. */
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
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "bridge/base/clock.h"
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

static struct timespec deadline(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += DEADLINE_MS / 1000;
	return ts;
}

static bool send_all(int fd, const char *text, size_t len)
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
static char *read_request(int fd)
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

static void wait_gate(struct server *server)
{
	struct timespec ts = deadline();

	pthread_mutex_lock(&server->lock);
	while (!server->gate && !server->quit && pthread_cond_timedwait(&server->changed, &server->lock, &ts) == 0)
		;
	pthread_mutex_unlock(&server->lock);
}

static void reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* False: the connection is over. */
static bool obey(struct server *server, int fd, const struct plan *plan)
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

static void *serve_connection(void *ctx)
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
static void *serve(void *ctx)
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

static int bound_socket(int *ret_port)
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

static void server_start(struct server *server)
{
	server->listen_fd = bound_socket(&server->port);
	assert_int_equal(listen(server->listen_fd, 64), 0);
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->changed, NULL);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_open_gate(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->gate = true;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
}

static void server_wait_requests(struct server *server, size_t count)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&server->lock);
	while (server->request_count < count && failed == 0)
		failed = pthread_cond_timedwait(&server->changed, &server->lock, &ts);
	pthread_mutex_unlock(&server->lock);
	assert_int_equal(failed, 0);
}

static void server_plan(struct server *server, enum act act, const char *text)
{
	pthread_mutex_lock(&server->lock);
	assert_true(server->plan_count < PLANS);
	server->plans[server->plan_count++] = (struct plan){ act, text };
	pthread_mutex_unlock(&server->lock);
}

static size_t server_requests(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	size_t count = server->request_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

static size_t server_connections(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	size_t count = server->connections;
	pthread_mutex_unlock(&server->lock);
	return count;
}

/* The i-th request as it came: it does not change any more. */
static const char *server_request(struct server *server, size_t i)
{
	pthread_mutex_lock(&server->lock);
	const char *text = i < PLANS ? server->requests[i] : NULL;
	pthread_mutex_unlock(&server->lock);
	assert_non_null(text);
	return text;
}

/* After the dispatcher is gone: its connections are closed, so every thread ends. */
static void server_stop(struct server *server)
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

static void on_done(struct call *call)
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

static struct probe *probe_new(struct bench *bench, const char *body)
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

static void probe_wait(struct probe *probe)
{
	struct timespec ts = deadline();
	int failed = 0;

	pthread_mutex_lock(&probe->bench->lock);
	while (probe->done == 0 && failed == 0)
		failed = pthread_cond_timedwait(&probe->bench->changed, &probe->bench->lock, &ts);
	pthread_mutex_unlock(&probe->bench->lock);
	assert_int_equal(failed, 0);
}

static int probe_done(struct probe *probe)
{
	pthread_mutex_lock(&probe->bench->lock);
	int done = probe->done;
	pthread_mutex_unlock(&probe->bench->lock);
	return done;
}

static void probe_free(struct probe *probe)
{
	free(probe->body);
	arena_free(probe->call.arena);
	free(probe);
}

static struct probe *go(struct probe *probe)
{
	dispatcher_submit(probe->bench->dispatcher, &probe->call);
	probe_wait(probe);
	return probe;
}

static struct probe *make(struct bench *bench, const char *body)
{
	return go(probe_new(bench, body));
}

static void bench_stop(struct bench *bench, int64_t deadline_ms)
{
	if (!bench->stopped)
		dispatcher_stop(bench->dispatcher, deadline_ms);
	bench->stopped = true;
}

#define LIMITED 2
static void bench_open(struct bench *bench, long connections)
{
	struct dispatcher_options options = { .proxy = "none", .max_connections = connections, .limited_max = LIMITED };
	struct error err;

	pthread_mutex_init(&bench->lock, NULL);
	pthread_cond_init(&bench->changed, NULL);
	assert_int_equal(dispatcher_new(&options, &bench->dispatcher, &err), 0);
	assert_int_equal(dispatcher_start(bench->dispatcher, &err), 0);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	server_start(&bench->server);
	bench_open(bench, 8);
	*state = bench;
	return 0;
}

static int teardown(void **state)
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

/* ---- stopping ---- */

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

/* ---- calls of which only so many run at once ---- */

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

#define WITH_SERVER(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
		WITH_SERVER(not_sent_when_nobody_listens),
		WITH_SERVER(not_sent_without_tls),
		WITH_SERVER(not_sent_to_what_is_no_url),
		WITH_SERVER(not_sent_when_a_header_does_not_fit),
		WITH_SERVER(lost_without_an_answer),
		WITH_SERVER(lost_in_the_middle_of_an_answer),
		WITH_SERVER(a_head_that_breaks_off_proves_nothing),
		WITH_SERVER(lost_after_the_time_out),
		WITH_SERVER(never_resends_after_a_close),
		WITH_SERVER(never_resends_after_a_reset),
		WITH_SERVER(sent_is_sent_even_if_nobody_listens_now),
		WITH_SERVER(never_resends_an_empty_body),
		WITH_SERVER(a_server_that_closed_in_between_is_no_trouble),
		WITH_SERVER(stop_waits_for_calls_under_way),
		WITH_SERVER(a_silent_call_holds_up_no_other),
		WITH_SERVER(stop_cuts_at_the_deadline),
		WITH_SERVER(nothing_starts_after_stop),
		WITH_SERVER(cut_while_connecting_is_cancelled),
		WITH_SERVER(limited_calls_take_turns),
		WITH_SERVER(a_limited_call_gives_its_turn_back),
		WITH_SERVER(limited_calls_that_wait_are_cancelled),
		WITH_SERVER(many_at_once_each_once),
		cmocka_unit_test(freed_without_a_start),
	};

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	int failed = cmocka_run_group_tests_name("dispatcher", tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
