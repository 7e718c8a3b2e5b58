/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP as values: a request that arrived, a call to make, an answer that came. No socket in reach. */
#ifndef BRIDGE_MODEL_HTTP_H
#define BRIDGE_MODEL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/error.h"

struct http_header {
	const char *name;
	const char *value;
};

/* A received request; everything borrowed for the time of the call. */
struct http_request {
	const char *method;
	const char *path;  /* raw: not decoded, without the query */
	const char *query; /* raw, without '?'; "" when absent */
	const struct http_header *headers;
	size_t header_count;
	const char *body; /* the exact bytes that arrived; NUL follows, not counted */
	size_t body_len;
	int64_t received_ms; /* wall time */
};

/* Header names compare without case (RFC 9110 section 5.1). Returns the first, or NULL. */
const char *http_header_get(const struct http_header *headers, size_t count, const char *name);
size_t http_header_count(const struct http_header *headers, size_t count, const char *name);

/*
 * The value of a header that must not be repeated. Absent: 0 and *ret NULL. Twice: ERR_UNAUTHENTIC, since
 * two readers could take different ones.
 */
int http_header_once(const struct http_request *request, const char *name, const char **ret,
		     struct error *err) MUST_CHECK;

/* Whether the media type (without parameters, any case) is the given one, e.g. "application/json". */
bool http_is_type(const char *content_type, const char *type);

/* A call to another service, described; the sender adds the credential the source or nairi section has. */
#define HTTP_CALL_HEADERS 6
struct http_call_spec {
	const char *method; /* "GET", "POST", "PATCH" */
	const char *url;
	const char *body; /* JSON, or NULL */
	struct http_header headers[HTTP_CALL_HEADERS]; /* besides Authorization, Content-Type, User-Agent */
	size_t header_count;
};

/* What came back. Borrowed for the time of the call. */
struct http_answer {
	int status;
	const struct http_header *headers; /* bounded in number and size */
	size_t header_count;
	const char *body; /* NUL follows */
	size_t body_len;
	bool truncated; /* longer than the caller allowed: the rest was not read */
};

/*
 * Retry-After (RFC 9110 section 10.2.3): seconds or an HTTP-date, as milliseconds from now_ms, clamped to
 * [0, max_ms]. -1: absent or malformed.
 */
int64_t http_retry_after_ms(const char *value, int64_t now_ms, int64_t max_ms);

#endif
