/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: server.c drives the loop, exchange.c one request, connections.c the sockets. */
#ifndef BRIDGE_HTTP_SERVER_PRIVATE_H
#define BRIDGE_HTTP_SERVER_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "bridge/base/map.h"
#include "bridge/http/server.h"

#define HEADERS_MAX       64
#define HEADER_BYTES_MAX  (32 * 1024)

/* One accepted socket, for the reaper and the count per address. Loop thread only. */
struct connection {
	struct http_server *server;
	struct connection *next, *prev;
	struct address *address; /* NULL: exempt */
	int fd;
	int64_t since_ms;        /* mono: accepted, last request done, or this request begun */
	bool in_request;
	bool suspended;
};

struct exchange {
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct exchange *next_done;    /* under server->lock */
	struct exchange *next_waiting, *prev_waiting; /* suspended ones; under server->lock */
	bool suspended;                /* set by the loop before anybody else knows of x, never cleared */
	bool answered;                 /* the reply is set; under server->lock once suspended */
	_Atomic int refs;              /* one of the library's side, one of the owner's while suspended */
	const char *allow;
	char *uri;                     /* raw path; the query starts at `query` */
	const char *query;
	struct http_header headers[HEADERS_MAX];
	size_t header_count;
	struct strbuf body;
	size_t counted;                /* of body, in server->body_bytes */
	size_t received;
	int64_t declared;              /* Content-Length; -1: none */
	bool begun, called, refused;
	struct error refusal;
	int refusal_status;
	struct http_reply reply;
};

struct http_server {
	struct http_options options;
	struct listener_set listeners;
	struct MHD_Daemon *daemons[LISTENER_MAX];
	size_t daemon_count;
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	struct exchange *done;    /* answered by other threads, newest first */
	struct exchange *waiting; /* suspended, not answered */
	bool quiesce, stop;
	int64_t stop_at_ms;

	/* loop thread only: */
	struct connection *connections;
	struct map *addresses;
	size_t body_bytes;
	bool quiesced;
};

/* exchange.c */
void *exchange_on_uri(void *server, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange_on_request(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
				    const char *version, const char *data, size_t *data_len, void **exchange);
void exchange_on_completed(void *server, struct MHD_Connection *mhd, void **exchange,
			   enum MHD_RequestTerminationCode why);
void exchange_drop(struct exchange *x);
void exchange_reply_error(struct http_reply *reply, const struct error *err, int status);

/* connections.c */
enum MHD_Result connections_policy(void *server, const struct sockaddr *address, socklen_t len);
void connections_notify(void *server, struct MHD_Connection *mhd, void **context,
			enum MHD_ConnectionNotificationCode code);
/* Shuts down sockets that drip: no complete request within the limits. */
void connections_reap(struct http_server *server, int64_t now_ms);
struct connection *connection_of(struct MHD_Connection *mhd);

#endif
