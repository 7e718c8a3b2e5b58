/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP in: libmicrohttpd driven by an epoll loop of our own, one thread a server. The library's own epoll thread
 * stalls whenever exactly 128 events are ready, and a resume from another thread loses wake-ups in external mode;
 * so connections are suspended, handed to other threads as exchanges, and resumed here, from the loop, through a
 * list and an eventfd.
 *
 * What the library accepts but a server behind a proxy must not (RFC 9112 section 6: both lengths, repeated lengths, other
 * codings than chunked, no Host), is refused here, before a callback sees it.
 */
#ifndef BRIDGE_HTTP_SERVER_H
#define BRIDGE_HTTP_SERVER_H

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"
#include "bridge/http/listener.h"
#include "bridge/model/http.h"

struct http_server;
struct exchange; /* one request and its answer */

struct http_options {
	const char *name;             /* of the thread */
	size_t body_max;              /* one request */
	size_t body_total_max;        /* all requests that are being read */
	unsigned connections;         /* at once, over all listeners */
	unsigned per_address;         /* connections of one address; 0: no limit */
	bool (*exempt)(void *ctx, const char *address); /* from per_address; loopback and unix always are */
	int64_t idle_ms, request_ms;  /* no byte for so long; one whole request */
	const char *cert_pem, *key_pem; /* TLS with both; borrowed for the time of the call */

	void *ctx;
	/*
	 * Loop thread, once the header block is in: route it. Return 0 to read the body, or -1 with *err to refuse (the
	 * body is then read and dropped, as far as that is sensible, so that the client sees the answer). It may call
	 * exchange_allow.
	 */
	int (*begin)(void *ctx, struct exchange *x, const struct http_request *head, struct error *err);
	/*
	 * Loop thread, the body is in. It must either exchange_answer at once, or exchange_suspend and see to it that
	 * exchange_answer is called later, from any thread, exactly once.
	 */
	void (*request)(void *ctx, struct exchange *x, const struct http_request *request);
};

/* Takes the listeners' descriptors (they are closed by http_server_stop). Nothing is accepted before start. */
int http_server_new(const struct http_options *options, struct listener_set *listeners,
		    struct http_server **ret, struct error *err) MUST_CHECK;
int http_server_start(struct http_server *server, struct error *err) MUST_CHECK;

/* Stops accepting; connections that are open are served on. Any thread. */
void http_server_quiesce(struct http_server *server);

/*
 * After quiesce: ends the loop once no exchange is unanswered or deadline_ms have passed (those that still wait get
 * a 503), joins the thread. Nobody may hold an exchange that was not answered by then, except for calling
 * exchange_answer, which stays safe until http_server_free.
 */
void http_server_stop(struct http_server *server, int64_t deadline_ms);
void http_server_free(struct http_server *server);

/* ---- exchanges ---- */

/* For a 405: what Allow says; static text. */
void exchange_allow(struct exchange *x, const char *methods);

/* Loop thread, in request(): the connection waits. Must come before another thread learns of x. */
void exchange_suspend(struct exchange *x);

struct http_reply {
	int status;
	struct strbuf body;       /* taken: the caller's is empty afterwards */
	const char *content_type; /* NULL: application/json */
	int retry_after_s;        /* 0: none */
	const char *preference_applied; /* static text; NULL */
};

/* Any thread, exactly once per exchange; x must not be used afterwards. */
void exchange_answer(struct exchange *x, struct http_reply *reply);

/* {"error": text} with the code's status; ERR_BUSY and ERR_STORE get a Retry-After. */
void exchange_refuse(struct exchange *x, const struct error *err);

#endif
