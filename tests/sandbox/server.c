/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/router.h"

#define CONNECTIONS_MAX 4096U
#define BACKLOG 1024
#define STACK_SIZE ((size_t)1024 * 1024)

struct server {
	struct sandbox *sandbox;
	struct MHD_Daemon *daemon;
	char address[80];
};

/*
 * The first call for a request, and the only one that sees path and query as they were sent:
 * later ones get the path decoded, where "%2F" would split it.
 */
static void *request_new(void *closure, const char *uri, struct MHD_Connection *connection)
{
	struct request *request = memory_new(1, sizeof(*request));
	size_t length = strcspn(uri, "?");

	(void)closure;
	request->connection = connection;
	request->path = memory_copy(uri);
	request->path[length] = '\0';
	request->query = request->path + length + (uri[length] == '?');
	return request;
}

static void request_done(void *closure, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct request *request = *state;

	(void)closure;
	(void)connection;
	(void)code;
	if (request == NULL)
		return;
	text_free(&request->body);
	free(request->path);
	free(request);
	*state = NULL;
}

/*
 * The peer sees a reset at once: on Linux, dissolving the association of a connected TCP socket
 * sends one (connect(2), AF_UNSPEC). The linger option makes the close that follows do so where
 * that did not work.
 */
static enum MHD_Result reset(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	if (info != NULL) {
		setsockopt(info->connect_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		if (connect(info->connect_fd, &nobody, sizeof(nobody)) != 0)
			shutdown(info->connect_fd, SHUT_RD);
	}
	return MHD_NO;
}

/* A body that does not simply arrive: it trickles, or ends half way. */
struct slow_body {
	struct sandbox *sandbox;
	char *data;
	size_t length;
	size_t end; /* where it breaks off */
	int64_t pause_ms;
};

static ssize_t slow_read(void *closure, uint64_t position, char *buffer, size_t size)
{
	struct slow_body *slow = closure;
	size_t left = slow->end - (size_t)position;

	if (position >= slow->end)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (slow->pause_ms > 0) {
		sandbox_sleep(slow->sandbox, slow->pause_ms);
		left = 1;
	}
	if (left > size)
		left = size;
	memcpy(buffer, slow->data + position, left);
	return (ssize_t)left;
}

static void slow_free(void *closure)
{
	struct slow_body *slow = closure;

	free(slow->data);
	free(slow);
}

static struct MHD_Response *slow_response(struct sandbox *sandbox, struct reply *reply)
{
	struct slow_body *slow = memory_new(1, sizeof(*slow));

	slow->sandbox = sandbox;
	slow->length = reply->body.length;
	slow->data = memory_copy_n(reply->body.data, reply->body.length);
	slow->end = reply->manner == REPLY_CUT ? slow->length / 2 : slow->length;
	slow->pause_ms = reply->manner == REPLY_TRICKLE ? reply->trickle_ms : 0;
	return MHD_create_response_from_callback(slow->length, 512, slow_read, slow, slow_free);
}

/* The response takes over the body's memory. */
static struct MHD_Response *plain_response(struct reply *reply)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		reply->body.length, reply->body.data, MHD_RESPMEM_MUST_FREE);

	reply->body = (struct text){0};
	return response;
}

static enum MHD_Result send_reply(struct sandbox *sandbox, struct MHD_Connection *connection,
				  struct reply *reply)
{
	bool slow = reply->manner != REPLY_PLAIN && reply->body.length > 0;
	struct MHD_Response *response;
	enum MHD_Result result;

	if (reply->manner == REPLY_RESET)
		return reset(connection);
	response = slow ? slow_response(sandbox, reply) : plain_response(reply);
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
	for (size_t i = 0; i < reply->header_count; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	result = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer(struct sandbox *sandbox, struct request *request)
{
	CLEANUP(http_reply_free) struct reply reply = {0};

	if (request->oversize)
		http_reply_error(&reply, 413, "request body too large");
	else
		router_answer(sandbox, request, &reply);
	return send_reply(sandbox, request->connection, &reply);
}

/* Once the headers are there, before any body. */
static enum MHD_Result begin(struct request *request, const char *method)
{
	const char *length = http_header(request, "Content-Length");
	unsigned long long announced = length != NULL ? strtoull(length, NULL, 10) : 0;

	request->started = true;
	snprintf(request->method, sizeof(request->method), "%s", method);
	if (announced > HTTP_BODY_MAX)
		request->oversize = true;
	else if (announced > 0)
		text_reserve(&request->body, (size_t)announced);
	return MHD_YES;
}

static enum MHD_Result handle(void *closure, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **state)
{
	struct sandbox *sandbox = closure;
	struct request *request = *state;

	(void)connection;
	(void)url;
	(void)version;
	if (!request->started) {
		enum MHD_Result result = begin(request, method);

		/* A reply to a body too large is possible only now, before it is read. */
		return request->oversize ? answer(sandbox, request) : result;
	}
	if (*size == 0)
		return answer(sandbox, request);
	if (request->body.length + *size > HTTP_BODY_MAX) {
		/* A chunked one: it cannot be answered before its end, so it has none. */
		return MHD_NO;
	}
	text_append(&request->body, data, *size);
	*size = 0;
	return MHD_YES;
}

/* Splits "host:port" and refuses what is not loopback. */
static int read_address(const char *listen, struct sockaddr_storage *ret_address,
			socklen_t *ret_length)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
	struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
	const char *colon = strrchr(listen, ':');
	char host[64];
	char *end;
	long port;

	if (colon == NULL || (size_t)(colon - listen) >= sizeof(host) || colon[1] == '\0')
		return -1;
	port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 0 || port > 65535)
		return -1;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - listen), listen);
	memset(ret_address, 0, sizeof(*ret_address));
	if (strcmp(host, "[::1]") == 0) {
		six->sin6_family = AF_INET6;
		six->sin6_addr = in6addr_loopback;
		six->sin6_port = htons((uint16_t)port);
		*ret_length = sizeof(*six);
		return 0;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons((uint16_t)port);
	*ret_length = sizeof(*four);
	if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
		      &four->sin_addr) != 1)
		return -1;
	return ntohl(four->sin_addr.s_addr) >> 24 == 127 ? 0 : -1;
}

static void write_address(int descriptor, char *out, size_t size)
{
	struct sockaddr_storage bound;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&bound;
	struct sockaddr_in *four = (struct sockaddr_in *)&bound;
	socklen_t length = sizeof(bound);
	char host[INET6_ADDRSTRLEN] = "";

	getsockname(descriptor, (struct sockaddr *)&bound, &length);
	if (bound.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		snprintf(out, size, "[%s]:%u", host, ntohs(six->sin6_port));
		return;
	}
	inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
	snprintf(out, size, "%s:%u", host, ntohs(four->sin_port));
}

static int open_socket(const struct sockaddr_storage *address, socklen_t length)
{
	int descriptor = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	if (descriptor < 0)
		return -1;
	setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(descriptor, (const struct sockaddr *)address, length) == 0 &&
	    listen(descriptor, BACKLOG) == 0)
		return descriptor;
	close(descriptor);
	return -1;
}

struct server *server_start(struct sandbox *sandbox, const char *listen, char *problem,
			    size_t problem_size)
{
	struct sockaddr_storage address;
	struct server *server;
	socklen_t length;
	int descriptor;

	if (read_address(listen, &address, &length) != 0) {
		snprintf(problem, problem_size,
			 "%s: not a loopback address with a port, like 127.0.0.1:0", listen);
		return NULL;
	}
	descriptor = open_socket(&address, length);
	if (descriptor < 0) {
		snprintf(problem, problem_size, "%s: %s", listen, strerror(errno));
		return NULL;
	}
	server = memory_new(1, sizeof(*server));
	server->sandbox = sandbox;
	write_address(descriptor, server->address, sizeof(server->address));
	server->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_AUTO, 0,
		NULL, NULL, handle, sandbox, MHD_OPTION_LISTEN_SOCKET, descriptor,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_THREAD_STACK_SIZE,
		STACK_SIZE, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)64 * 1024,
		MHD_OPTION_URI_LOG_CALLBACK, request_new, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		request_done, NULL, MHD_OPTION_END);
	if (server->daemon == NULL) {
		snprintf(problem, problem_size, "%s: cannot start the HTTP server", listen);
		close(descriptor);
		free(server);
		return NULL;
	}
	return server;
}

const char *server_address(const struct server *server)
{
	return server->address;
}

void server_stop(struct server *server)
{
	MHD_stop_daemon(server->daemon);
	free(server);
}
