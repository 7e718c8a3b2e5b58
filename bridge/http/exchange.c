/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/json.h"
#include "bridge/http/server_private.h"

#define RETRY_AFTER_S 5

void *exchange_on_uri(void *ctx, const char *uri, struct MHD_Connection *mhd)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->server = ctx;
	x->mhd = mhd;
	x->declared = -1;
	x->refs = 1;
	x->uri = strdup(uri);
	if (x->uri == NULL) {
		free(x);
		return NULL;
	}
	char *mark = strchr(x->uri, '?');
	x->query = "";
	if (mark != NULL) {
		*mark = '\0';
		x->query = mark + 1;
	}
	return x;
}

void exchange_drop(struct exchange *x)
{
	if (atomic_fetch_sub(&x->refs, 1) != 1)
		return;
	strbuf_release(&x->reply.body);
	strbuf_release(&x->body);
	free(x->uri);
	free(x);
}

void exchange_on_completed(void *ctx, struct MHD_Connection *mhd, void **context,
			   enum MHD_RequestTerminationCode why)
{
	struct http_server *server = ctx;
	struct exchange *x = *context;
	struct connection *connection = connection_of(mhd);

	(void)why;
	if (connection != NULL) {
		connection->in_request = false;
		connection->since_ms = clock_mono_ms();
	}
	if (x == NULL)
		return;
	server->body_bytes -= x->counted;
	x->counted = 0;
	*context = NULL;
	exchange_drop(x);
}

/* ---- refusals ---- */

void exchange_reply_error(struct http_reply *reply, const struct error *err, int status)
{
	reply->status = status;
	reply->body = STRBUF(4096);
	struct json_writer w = JSON_WRITER(&reply->body);
	json_begin_object(&w, NULL);
	json_put_str(&w, "error", err->text);
	json_end_object(&w);
	if (status == 503)
		reply->retry_after_s = RETRY_AFTER_S;
}

static void refuse(struct exchange *x, int status, enum error_code code, const char *text)
{
	if (x->refused)
		return;
	x->refused = true;
	x->refusal_status = status;
	(void)error_set(&x->refusal, code, "%s", text);
}

/* ---- the head ---- */

struct head_check {
	struct exchange *x;
	size_t bytes;
	unsigned lengths, codings, hosts;
	bool odd_coding;
};

static enum MHD_Result collect_header(void *ctx, enum MHD_ValueKind kind, const char *key, size_t key_len,
				      const char *value, size_t value_len)
{
	struct head_check *check = ctx;
	struct exchange *x = check->x;

	(void)kind;
	if (value == NULL)
		value = "";
	check->bytes += key_len + value_len;
	if (x->header_count < HEADERS_MAX)
		x->headers[x->header_count] = (struct http_header){ .name = key, .value = value };
	x->header_count++;
	if (strcasecmp(key, "Content-Length") == 0) {
		check->lengths++;
		x->declared = (int64_t)strtoull(value, NULL, 10);
	} else if (strcasecmp(key, "Transfer-Encoding") == 0) {
		check->codings++;
		check->odd_coding = check->odd_coding || strcasecmp(value, "chunked") != 0;
	} else if (strcasecmp(key, "Host") == 0) {
		check->hosts++;
	}
	return MHD_YES;
}

/*
 * What could make a proxy in front and us disagree about where a request ends (RFC 9112 sections 3.2, 6.1, 6.3).
 * These are refused at once and the connection is closed: what follows on it cannot be trusted to be a request.
 */
static bool is_ambiguous(struct exchange *x, const struct head_check *check, const char *version)
{
	const char *problem = NULL;

	if (check->lengths > 1)
		problem = "Content-Length is repeated";
	else if (check->codings > 1)
		problem = "Transfer-Encoding is repeated";
	else if (check->lengths > 0 && check->codings > 0)
		problem = "both Content-Length and Transfer-Encoding";
	else if (check->odd_coding)
		problem = "Transfer-Encoding other than chunked";
	else if (check->hosts > 1)
		problem = "Host is repeated";
	else if (check->hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_1) == 0)
		problem = "Host is missing";
	if (problem == NULL)
		return false;
	refuse(x, 400, ERR_INVALID, problem);
	return true;
}

static struct http_request request_of(const struct exchange *x, const char *method)
{
	return (struct http_request){
		.method = method,
		.path = x->uri,
		.query = x->query,
		.headers = x->headers,
		.header_count = x->header_count,
		.body = strbuf_str(&x->body),
		.body_len = x->body.len,
		.received_ms = clock_now_ms(),
	};
}

static enum MHD_Result send_reply(struct exchange *x, bool close_after)
{
	struct http_reply *reply = &x->reply;
	size_t len = reply->body.len;
	char *body = strbuf_detach(&reply->body);
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body != NULL ? len : 0, body, MHD_RESPMEM_MUST_FREE);
	char number[16];

	if (response == NULL) {
		free(body);
		return MHD_NO;
	}
	(void)MHD_add_response_header(response, "Content-Type",
				      reply->content_type != NULL ? reply->content_type : "application/json");
	if (reply->retry_after_s > 0) {
		(void)snprintf(number, sizeof(number), "%d", reply->retry_after_s);
		(void)MHD_add_response_header(response, "Retry-After", number);
	}
	if (reply->preference_applied != NULL)
		(void)MHD_add_response_header(response, "Preference-Applied", reply->preference_applied);
	if (reply->status == 405 && x->allow != NULL)
		(void)MHD_add_response_header(response, "Allow", x->allow);
	if (reply->status == 401)
		(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	if (close_after)
		(void)MHD_add_response_header(response, "Connection", "close");
	enum MHD_Result result = MHD_queue_response(x->mhd, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_refusal(struct exchange *x, bool close_after)
{
	exchange_reply_error(&x->reply, &x->refusal, x->refusal_status);
	return send_reply(x, close_after);
}

/* Whether a refused body should not even be read: the client waits for a go-ahead, or it is far too long. */
static bool refuse_at_once(const struct exchange *x)
{
	return http_header_get(x->headers, x->header_count, "Expect") != NULL ||
	       (x->declared >= 0 && (uint64_t)x->declared > 2 * (uint64_t)x->server->options.body_max);
}

static enum MHD_Result on_head(struct exchange *x, const char *method, const char *version)
{
	struct http_server *server = x->server;
	struct head_check check = { .x = x };
	struct error err = { 0 };
	struct connection *connection = connection_of(x->mhd);

	if (connection != NULL) {
		connection->in_request = true;
		connection->since_ms = clock_mono_ms();
	}
	(void)MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, collect_header, &check);
	if (x->header_count > HEADERS_MAX || check.bytes > HEADER_BYTES_MAX) {
		x->header_count = 0;
		refuse(x, 431, ERR_TOO_LARGE, "more headers than 64, or more than 32 KiB of them");
		return send_refusal(x, true);
	}
	if (is_ambiguous(x, &check, version))
		return send_refusal(x, true);
	x->body = STRBUF(server->options.body_max);
	struct http_request head = request_of(x, method);
	if (server->options.begin(server->options.ctx, x, &head, &err) != 0)
		refuse(x, error_http_status(err.code), err.code, err.text);
	if (x->declared >= 0 && (uint64_t)x->declared > server->options.body_max)
		refuse(x, 413, ERR_TOO_LARGE, "the body is larger than limits.body");
	return x->refused && refuse_at_once(x) ? send_refusal(x, true) : MHD_YES;
}

/* ---- the body ---- */

static enum MHD_Result on_data(struct exchange *x, const char *data, size_t len)
{
	struct http_server *server = x->server;
	size_t max = server->options.body_max;
	const struct connection *connection = connection_of(x->mhd);

	x->received += len;
	if (x->received > 2 * max)
		return MHD_NO; /* a response cannot be queued in mid-upload: cut it */
	if (connection != NULL && clock_mono_ms() - connection->since_ms > server->options.request_ms)
		return MHD_NO;
	if (x->received > max)
		refuse(x, 413, ERR_TOO_LARGE, "the body is larger than limits.body");
	if (server->body_bytes + len > server->options.body_total_max)
		refuse(x, 503, ERR_BUSY, "too many large requests at once; send it again later");
	if (x->refused)
		return MHD_YES; /* read and drop, so that the client gets to see why */
	if (x->body.cap == 0 && x->declared > 0 && x->declared <= 256 * 1024) {
		/* The usual case: one allocation of the right size, filled by one or two calls. */
		char *exact = malloc((size_t)x->declared + 1);
		if (exact != NULL) {
			x->body.ptr = exact;
			x->body.cap = (size_t)x->declared + 1;
		}
	}
	strbuf_add(&x->body, data, len);
	if (strbuf_failed(&x->body))
		refuse(x, 503, ERR_NO_MEMORY, "out of memory; send it again later");
	x->counted += len;
	server->body_bytes += len;
	return MHD_YES;
}

static enum MHD_Result on_complete(struct exchange *x, const char *method)
{
	struct http_server *server = x->server;

	if (x->refused)
		return send_refusal(x, false);
	x->called = true;
	struct http_request request = request_of(x, method);
	server->options.request(server->options.ctx, x, &request);
	/* Suspended: another thread may already have answered; the loop resumes it, and we are called again. */
	return x->suspended ? MHD_YES : send_reply(x, false);
}

enum MHD_Result exchange_on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
				    const char *version, const char *data, size_t *data_len, void **context)
{
	struct exchange *x = *context;

	(void)ctx;
	(void)mhd;
	(void)url;
	if (x == NULL)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		return on_head(x, method, version);
	}
	if (*data_len > 0) {
		enum MHD_Result result = on_data(x, data, *data_len);
		*data_len = 0;
		return result;
	}
	return x->called ? send_reply(x, false) : on_complete(x, method);
}

/* ---- the handler's side ---- */

void exchange_allow(struct exchange *x, const char *methods)
{
	x->allow = methods;
}

void exchange_suspend(struct exchange *x)
{
	struct http_server *server = x->server;
	struct connection *connection = connection_of(x->mhd);

	MHD_suspend_connection(x->mhd);
	if (connection != NULL)
		connection->suspended = true;
	atomic_fetch_add(&x->refs, 1);
	pthread_mutex_lock(&server->lock);
	x->suspended = true;
	x->prev_waiting = NULL;
	x->next_waiting = server->waiting;
	if (x->next_waiting != NULL)
		x->next_waiting->prev_waiting = x;
	server->waiting = x;
	pthread_mutex_unlock(&server->lock);
}

static void unlink_waiting(struct exchange *x)
{
	if (x->prev_waiting != NULL)
		x->prev_waiting->next_waiting = x->next_waiting;
	else
		x->server->waiting = x->next_waiting;
	if (x->next_waiting != NULL)
		x->next_waiting->prev_waiting = x->prev_waiting;
}

void exchange_answer(struct exchange *x, struct http_reply *reply)
{
	struct http_server *server = x->server;

	if (!x->suspended) { /* still on the loop thread, inside request() */
		x->reply = *reply;
		reply->body.ptr = NULL;
		return;
	}
	pthread_mutex_lock(&server->lock);
	bool late = x->answered; /* the server stopped and answered for us */
	bool wake = false;
	if (!late) {
		x->reply = *reply;
		reply->body.ptr = NULL;
		x->answered = true;
		unlink_waiting(x);
		wake = server->done == NULL;
		x->next_done = server->done;
		server->done = x;
	}
	pthread_mutex_unlock(&server->lock);
	if (late) {
		strbuf_release(&reply->body);
		exchange_drop(x);
	} else if (wake) {
		(void)eventfd_write(server->wake_fd, 1);
	}
}

void exchange_refuse(struct exchange *x, const struct error *err)
{
	struct http_reply reply = { 0 };

	exchange_reply_error(&reply, err, error_http_status(err->code));
	exchange_answer(x, &reply);
}
