/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_HTTP_H
#define SANDBOX_HTTP_H

#include <cjson/cJSON.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/sandbox/text.h"

/*
 * One request and the reply being made for it. Both belong to the thread of their connection.
 */

struct sandbox;

/* Large enough for a 50 MB attachment in its multipart envelope, and for seeing that one is
 * larger; a request beyond it gets 413. */
#define HTTP_BODY_MAX ((size_t)80 * 1024 * 1024)

struct request {
	struct MHD_Connection *connection;
	char *path;  /* raw (still percent-encoded), without the query */
	char *query; /* raw, without '?'; "" if none; part of the memory of `path` */
	char method[16];
	struct text body;
	bool started;
	bool oversize;
	uint64_t log_number; /* of its entry in the request log, 0 if it has none */
};

enum reply_manner {
	REPLY_PLAIN,
	REPLY_RESET,   /* a TCP reset instead of any byte */
	REPLY_CUT,     /* all of it is promised, half of it sent, then the connection closed */
	REPLY_TRICKLE, /* one byte every `trickle_ms` */
};

struct reply_header {
	char *name;
	char *value;
};

#define REPLY_HEADERS_MAX 24

struct reply {
	unsigned status;
	const char *content_type; /* static */
	struct text body;
	struct reply_header headers[REPLY_HEADERS_MAX];
	size_t header_count;
	enum reply_manner manner;
	int64_t trickle_ms;
};

/* The value of a request header, NULL if it is not there. Owned by the connection. */
const char *http_header(const struct request *request, const char *name);

/* A decoded query parameter to free(), NULL if it is not there. The first of several wins. */
char *http_query(const struct request *request, const char *name);

/* An integral query parameter within [min, max]; `fallback` if absent or anything else. */
int64_t http_query_integer(const struct request *request, const char *name, int64_t fallback,
			   int64_t min, int64_t max);

/* Drops what the reply holds and makes it an empty JSON one with this status. */
void http_reply(struct reply *reply, unsigned status);

/* Replies with a document, which is deleted. */
void http_reply_json(struct reply *reply, unsigned status, cJSON *document);

/* Replies {"error": "<formatted>"}. */
void http_reply_error(struct reply *reply, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a header; silently full after REPLY_HEADERS_MAX. Replaces one of the same name. */
void http_reply_header(struct reply *reply, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void http_reply_free(struct reply *reply);

#endif
