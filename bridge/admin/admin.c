/* SPDX-License-Identifier: Apache-2.0 */
/* The edge of the admin API: who may ask, what is asked for, and one function that answers. */
#include "bridge/admin/admin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/admin/admin_private.h"
#include "bridge/base/log.h"

#define CALL_ARENA ((size_t)4 * 1024 * 1024)
#define THREAD_MAX 1024
#define HOST_MAX   255

int admin_new(const struct admin_options *options, struct admin **ret, struct error *err)
{
	struct admin *admin = calloc(1, sizeof(*admin));

	if (admin == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	admin->options = *options;
	admin->options.store_url = NULL; /* borrowed for now only */
	if (store_open(options->store_url, STORE_READ, &admin->store, err) != 0) {
		free(admin);
		return error_prefix(err, "reading the store: ");
	}
	*ret = admin;
	return 0;
}

void admin_free(struct admin *admin)
{
	if (admin == NULL)
		return;
	store_close(admin->store);
	free(admin);
}

/* ---- who may ask ---- */

/* The host without its port: into out. False: it is no host. */
static bool split_host(const char *text, char out[HOST_MAX + 1])
{
	const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");

	if (end == NULL)
		return false;
	const char *start = text[0] == '[' ? text + 1 : text;
	const char *port = end + (text[0] == '[');
	size_t len = (size_t)(end - start);
	if (len == 0 || len > HOST_MAX || (*port != '\0' && *port != ':'))
		return false;
	memcpy(out, start, len);
	out[len] = '\0';
	return true;
}

static bool is_configured_host(struct admin *admin, const char *host)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(admin->options.settings);
	const char *listen = settings->config->admin.listen;
	char own[HOST_MAX + 1];

	return listen != NULL && split_host(listen, own) && strcasecmp(own, host) == 0;
}

/*
 * A page on the web can make a browser call us under a name of its own that it points at our address (DNS
 * rebinding). What it cannot do is call us by address, or by a name that is ours.
 */
static int check_host(struct admin *admin, const struct http_request *head, struct error *err)
{
	const char *text = http_header_get(head->headers, head->header_count, "Host");
	char host[HOST_MAX + 1];
	unsigned char bytes[sizeof(struct in6_addr)];

	if (text == NULL) /* HTTP/1.0: no browser */
		return 0;
	if (split_host(text, host) &&
	    (strcasecmp(host, "localhost") == 0 || inet_pton(AF_INET, host, bytes) == 1 ||
	     inet_pton(AF_INET6, host, bytes) == 1 || is_configured_host(admin, host)))
		return 0;
	return error_set(err, ERR_INVALID, "Host is neither an address, nor localhost, nor the name in admin.listen");
}

static int check_token(struct admin *admin, const struct http_request *head, struct error *err)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(admin->options.settings);
	const struct secret *token = settings->config->admin.token;
	const char *text = http_header_get(head->headers, head->header_count, "Authorization");

	if (http_header_count(head->headers, head->header_count, "Authorization") > 1)
		return error_set(err, ERR_UNAUTHENTIC, "Authorization is repeated");
	if (text == NULL)
		return error_set(err, ERR_UNAUTHENTIC, "Authorization is missing: expected Bearer and the admin token");
	if (strncasecmp(text, "Bearer ", 7) != 0)
		return error_set(err, ERR_UNAUTHENTIC, "Authorization is not of the form Bearer TOKEN");
	text += 7 + strspn(text + 7, " ");
	if (token == NULL || !secret_equals(token, text, strlen(text)))
		return error_set(err, ERR_UNAUTHENTIC, "the admin token is wrong");
	return 0;
}

static int check_caller(struct admin *admin, const struct http_request *head, struct error *err)
{
	if (!admin->options.token_required)
		return 0;
	if (check_host(admin, head, err) == 0 && check_token(admin, head, err) == 0)
		return 0;
	log_event(LOG_WARN, "admin.rejected", NULL, LOG_STR("error", err->text));
	return -1;
}

/* ---- what is asked for ---- */

static bool is_health_path(const char *path)
{
	return strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0;
}

static int check_health_method(struct exchange *x, const struct http_request *head, struct error *err)
{
	if (strcmp(head->method, "GET") == 0 || strcmp(head->method, "HEAD") == 0)
		return 0;
	exchange_allow(x, "GET, HEAD");
	return error_set(err, ERR_METHOD, "%.20s is not allowed here, only GET, HEAD", head->method);
}

int admin_begin(void *ctx, struct exchange *x, const struct http_request *head, struct error *err)
{
	struct admin *admin = ctx;
	const struct admin_route *route = NULL;
	const char *segment = NULL, *allow = NULL;

	if (is_health_path(head->path)) /* for probes, which have no token */
		return check_health_method(x, head, err);
	if (check_caller(admin, head, err) != 0)
		return -1;
	if (route_find(head->path, head->method, &route, &segment, &allow, err) != 0) {
		if (allow != NULL)
			exchange_allow(x, allow);
		return -1;
	}
	if (route->members == NULL)
		return 0;
	if (http_header_count(head->headers, head->header_count, "Content-Type") != 1 ||
	    !http_is_type(http_header_get(head->headers, head->header_count, "Content-Type"), "application/json"))
		return error_set(err, ERR_CONTENT_TYPE, "expected Content-Type: application/json");
	return 0;
}

static bool is_member(const char *name, const char *const *members)
{
	for (size_t i = 0; members[i] != NULL; i++) {
		if (strcmp(name, members[i]) == 0)
			return true;
	}
	return false;
}

static int read_body(const struct admin_route *route, const struct http_request *request, cJSON **ret,
		     struct error *err)
{
	const cJSON *member;

	if (route->members == NULL)
		return request->body_len == 0 ? 0 : error_set(err, ERR_INVALID, "no body is expected here");
	if (json_read(request->body, request->body_len, NULL, ret, err) != 0)
		return error_prefix(err, "the body: ");
	cJSON_ArrayForEach(member, *ret)
	{
		if (!is_member(member->string, route->members))
			return error_set(err, ERR_INVALID, "unknown member \"%.60s\" in the body", member->string);
	}
	return 0;
}

static int take_apart(struct admin_call *call, const struct http_request *request, const struct admin_route **ret_route,
		      struct error *err)
{
	const struct admin_route *route = NULL;
	const char *segment = NULL, *allow = NULL;

	if (route_find(request->path, request->method, &route, &segment, &allow, err) != 0 ||
	    params_read(request->query, route->query, call->arena, &call->query, err) != 0)
		return -1;
	if (segment != NULL &&
	    params_decode(segment, strcspn(segment, "/"), false, call->arena, &call->name, err) != 0)
		return -1;
	*ret_route = route;
	return 0;
}

static int run(struct admin_call *call, const struct http_request *request, struct error *err)
{
	const struct admin_route *route = NULL;
	CLEANUP(json_delete_at) cJSON *body = NULL;

	if (call->arena == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (take_apart(call, request, &route, err) != 0 || read_body(route, request, &body, err) != 0)
		return -1;
	call->body = body;
	return route->run(call, err);
}

void admin_request(void *ctx, struct exchange *x, const struct http_request *request)
{
	struct admin *admin = ctx;
	CLEANUP(arena_free_at) struct arena *arena = NULL;
	struct error err = { 0 };

	if (intake_health(admin->options.intake, x, request))
		return;
	arena = arena_new(CALL_ARENA);
	struct admin_call call = { .admin = admin, .x = x, .arena = arena };
	if (run(&call, request, &err) != 0)
		exchange_refuse(x, &err);
}

/* ---- for the functions behind the routes ---- */

int admin_answer(struct admin_call *call, int status, struct strbuf *body, struct error *err)
{
	struct http_reply reply = { .status = status };

	if (strbuf_failed(body))
		return error_set(err, ERR_NO_MEMORY, "the answer is too large; ask for fewer with limit=");
	reply.body = *body;
	*body = STRBUF(0);
	exchange_answer(call->x, &reply);
	return 0;
}

void admin_refuse_commit(struct exchange *x, const char *what, const struct error *err)
{
	struct error told;

	log_event(LOG_ERROR, "admin.failed", what, LOG_STR("error", err->text));
	(void)error_set(&told, ERR_STORE, "the store cannot keep it right now; try again later");
	exchange_refuse(x, &told);
}

static int check_thread_form(const char *text, struct error *err)
{
	if (strlen(text) > THREAD_MAX)
		return error_set(err, ERR_INVALID, "a thread has at most %d bytes", THREAD_MAX);
	for (const char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20U || (unsigned char)*at == 0x7FU)
			return error_set(err, ERR_INVALID, "a thread has no control characters");
	}
	const char *colon = strchr(text, ':');
	if (colon == NULL || colon == text || colon[1] == '\0')
		return error_set(err, ERR_INVALID,
				 "\"%.200s\" is no thread: expected <source>:<id>, such as github:octo/hello#42, or a URL",
				 text);
	return 0;
}

int admin_thread(struct admin_call *call, const char *text, const char **ret, struct error *err)
{
	if (strstr(text, "://") == NULL) {
		*ret = text;
		return check_thread_form(text, err);
	}
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(call->admin->options.settings);
	return settings_resolve_thread(settings, text, call->arena, ret, err);
}
