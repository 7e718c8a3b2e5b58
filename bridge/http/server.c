/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/http/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/http/server_private.h"

#define POOL_BYTES     (64 * 1024) /* one callback for a review comment; given back at close */
#define REAP_EVERY_MS  1000
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* The raw path is routed and signed paths stay what they were: nothing is decoded by the library. */
static size_t keep_escapes(void *ctx, struct MHD_Connection *mhd, char *text)
{
	(void)ctx;
	(void)mhd;
	return strlen(text);
}

static void log_library(void *ctx, const char *fmt, va_list args) PRINTF(2, 0);
static void log_library(void *ctx, const char *fmt, va_list args)
{
	char text[256];

	(void)ctx;
	(void)vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\r\n")] = '\0';
	log_event(LOG_DEBUG, "http.library", text, LOG_STR("source", NULL));
}

static struct MHD_Daemon *open_daemon(struct http_server *server, int fd)
{
	const struct http_options *o = &server->options;
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->cert_pem },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->key_pem },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (o->cert_pem != NULL)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	return MHD_start_daemon(flags, 0, connections_policy, server, exchange_on_request, server,
				MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
				MHD_OPTION_LISTEN_SOCKET, fd,
				MHD_OPTION_CONNECTION_LIMIT, o->connections,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(o->idle_ms / 1000),
				MHD_OPTION_STRICT_FOR_CLIENT, 1,
				MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
				MHD_OPTION_URI_LOG_CALLBACK, exchange_on_uri, server,
				MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, server,
				MHD_OPTION_NOTIFY_CONNECTION, connections_notify, server,
				MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static int watch(struct http_server *server, int fd, struct error *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return error_set(err, ERR_IO, "epoll: %s", strerror(errno));
	return 0;
}

static int open_daemons(struct http_server *server, struct error *err)
{
	for (size_t i = 0; i < server->listeners.count; i++) {
		struct listener *listener = &server->listeners.items[i];
		struct MHD_Daemon *daemon = open_daemon(server, listener->fd);
		if (daemon == NULL)
			return error_set(err, ERR_IO, "cannot serve %s%s", listener->name,
					 server->options.cert_pem != NULL ? " (is the TLS certificate a match for its key?)"
									  : "");
		listener->fd = -1; /* the daemon's from here on */
		server->daemons[server->daemon_count++] = daemon;
		const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
		if (info == NULL || watch(server, info->epoll_fd, err) != 0)
			return error_set(err, ERR_IO, "cannot watch %s", listener->name);
	}
	return 0;
}

int http_server_new(const struct http_options *options, struct listener_set *listeners,
		    struct http_server **ret, struct error *err)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	server->options = *options;
	server->listeners = *listeners;
	listeners->count = 0;
	pthread_mutex_init(&server->lock, NULL);
	server->addresses = map_new();
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->addresses == NULL || server->epoll_fd < 0 || server->wake_fd < 0) {
		(void)error_set(err, ERR_IO, "cannot make an event loop: %s", strerror(errno));
	} else if (watch(server, server->wake_fd, err) == 0 && open_daemons(server, err) == 0) {
		*ret = server;
		return 0;
	}
	http_server_free(server);
	return -1;
}

/* ---- the loop ---- */

static void resume_answered(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	struct exchange *at = server->done;
	server->done = NULL;
	pthread_mutex_unlock(&server->lock);
	while (at != NULL) {
		struct exchange *next = at->next_done;
		struct connection *connection = connection_of(at->mhd);
		if (connection != NULL) {
			connection->suspended = false;
			connection->since_ms = clock_mono_ms();
		}
		MHD_resume_connection(at->mhd);
		exchange_drop(at); /* the owner's reference; the library holds its own */
		at = next;
	}
}

/* At the deadline: whoever still waits is told to send again. Its owner's late answer then finds it answered. */
static void refuse_waiting(struct http_server *server)
{
	struct error err;

	(void)error_set(&err, ERR_BUSY, "shutting down; send it again");
	pthread_mutex_lock(&server->lock);
	while (server->waiting != NULL) {
		struct exchange *x = server->waiting;
		server->waiting = x->next_waiting;
		if (server->waiting != NULL)
			server->waiting->prev_waiting = NULL;
		exchange_reply_error(&x->reply, &err, 503);
		x->answered = true;
		atomic_fetch_add(&x->refs, 1); /* the owner keeps its own, until it answers */
		x->next_done = server->done;
		server->done = x;
	}
	pthread_mutex_unlock(&server->lock);
}

static int wait_ms(struct http_server *server, int64_t now, int64_t next_reap)
{
	int64_t wait = next_reap > now ? next_reap - now : 0;

	for (size_t i = 0; i < server->daemon_count; i++) {
		MHD_UNSIGNED_LONG_LONG timeout;
		if (MHD_get_timeout(server->daemons[i], &timeout) == MHD_YES && (int64_t)timeout < wait)
			wait = (int64_t)timeout;
	}
	return (int)wait;
}

static void do_quiesce(struct http_server *server)
{
	for (size_t i = 0; i < server->daemon_count; i++) {
		MHD_socket fd = MHD_quiesce_daemon(server->daemons[i]);
		if (fd != MHD_INVALID_SOCKET)
			close(fd);
	}
	server->quiesced = true;
}

/* True when the loop may end: asked to, and nothing is owed to anybody (or the deadline has passed). */
static bool handle_orders(struct http_server *server, int64_t now)
{
	pthread_mutex_lock(&server->lock);
	bool quiesce = server->quiesce && !server->quiesced;
	bool stop = server->stop;
	bool due = stop && now >= server->stop_at_ms;
	bool idle = server->waiting == NULL && server->done == NULL;
	pthread_mutex_unlock(&server->lock);
	if (quiesce)
		do_quiesce(server);
	if (due && !idle) {
		refuse_waiting(server);
		return false;
	}
	if (!stop || !idle)
		return false;
	/* Requests that are being read or answered right now: give them until the deadline. */
	bool reading = false;
	for (const struct connection *at = server->connections; at != NULL; at = at->next)
		reading = reading || at->in_request;
	return due || !reading;
}

static void *run_loop(void *ctx)
{
	struct http_server *server = ctx;
	int64_t next_reap = clock_mono_ms() + REAP_EVERY_MS;

	for (;;) {
		struct epoll_event events[LISTENER_MAX + 1];
		int64_t now = clock_mono_ms();
		if (handle_orders(server, now))
			break;
		(void)epoll_wait(server->epoll_fd, events, LISTENER_MAX + 1, wait_ms(server, now, next_reap));
		eventfd_t woken;
		(void)eventfd_read(server->wake_fd, &woken);
		resume_answered(server);
		for (size_t i = 0; i < server->daemon_count; i++)
			(void)MHD_run(server->daemons[i]);
		now = clock_mono_ms();
		if (now >= next_reap) {
			connections_reap(server, now);
			next_reap = now + REAP_EVERY_MS;
		}
	}
	return NULL;
}

int http_server_start(struct http_server *server, struct error *err)
{
	int failed = pthread_create(&server->thread, NULL, run_loop, server);

	if (failed != 0)
		return error_set(err, ERR_IO, "cannot start a thread: %s", strerror(failed));
	server->started = true;
	(void)pthread_setname_np(server->thread, server->options.name);
	return 0;
}

void http_server_quiesce(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->quiesce = true;
	pthread_mutex_unlock(&server->lock);
	(void)eventfd_write(server->wake_fd, 1);
}

void http_server_stop(struct http_server *server, int64_t deadline_ms)
{
	if (!server->started)
		return;
	pthread_mutex_lock(&server->lock);
	server->quiesce = true;
	server->stop = true;
	server->stop_at_ms = clock_mono_ms() + deadline_ms;
	pthread_mutex_unlock(&server->lock);
	(void)eventfd_write(server->wake_fd, 1);
	(void)pthread_join(server->thread, NULL);
	server->started = false;
}

static void free_address(void *address)
{
	free(address);
}

void http_server_free(struct http_server *server)
{
	if (server == NULL)
		return;
	/* The loop has ended with nothing suspended: the library aborts on a suspended connection otherwise. */
	for (size_t i = 0; i < server->daemon_count; i++)
		MHD_stop_daemon(server->daemons[i]);
	listener_close_all(&server->listeners);
	if (server->addresses != NULL) {
		size_t at = 0;
		for (void *value; (value = map_next(server->addresses, &at)) != NULL;)
			free_address(value);
		map_free(server->addresses);
	}
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	if (server->wake_fd >= 0)
		close(server->wake_fd);
	pthread_mutex_destroy(&server->lock);
	free(server);
}
