/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/memory.h"

const char *http_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

char *http_query(const struct request *request, const char *name)
{
	const char *at = request->query;
	size_t wanted = strlen(name);

	while (*at != '\0') {
		size_t length = strcspn(at, "&");
		size_t key = strcspn(at, "=&");

		if (key == wanted && memcmp(at, name, wanted) == 0) {
			bool has_value = at[key] == '=';
			char *value = has_value ? memory_copy_n(at + key + 1, length - key - 1)
						: memory_copy("");

			text_percent_decode(value, true);
			return value;
		}
		at += length;
		at += *at == '&';
	}
	return NULL;
}

int64_t http_query_integer(const struct request *request, const char *name, int64_t fallback,
			   int64_t min, int64_t max)
{
	CLEANUP(memory_drop) char *value = http_query(request, name);
	char *end;
	long long number;

	if (value == NULL || *value == '\0' || strspn(value, "-0123456789") != strlen(value))
		return fallback;
	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno != 0 || *end != '\0' || number < min || number > max)
		return fallback;
	return number;
}

void http_reply_free(struct reply *reply)
{
	size_t i;

	text_free(&reply->body);
	for (i = 0; i < reply->header_count; i++) {
		free(reply->headers[i].name);
		free(reply->headers[i].value);
	}
	reply->header_count = 0;
}

void http_reply(struct reply *reply, unsigned status)
{
	http_reply_free(reply);
	*reply = (struct reply){.status = status, .content_type = "application/json"};
}

void http_reply_json(struct reply *reply, unsigned status, cJSON *document)
{
	char *printed = cJSON_PrintUnformatted(document);

	http_reply(reply, status);
	text_add(&reply->body, printed != NULL ? printed : "{}");
	cJSON_free(printed);
	cJSON_Delete(document);
}

void http_reply_error(struct reply *reply, unsigned status, const char *format, ...)
{
	CLEANUP(memory_drop) char *message = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&message, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	http_reply(reply, status);
	text_add(&reply->body, "{\"error\":");
	text_add_json(&reply->body, message);
	text_add(&reply->body, "}");
}

static struct reply_header *header_slot(struct reply *reply, const char *name)
{
	size_t i;

	for (i = 0; i < reply->header_count; i++)
		if (strcasecmp(reply->headers[i].name, name) == 0)
			return &reply->headers[i];
	if (i == REPLY_HEADERS_MAX)
		return NULL;
	reply->header_count++;
	return &reply->headers[i];
}

void http_reply_header(struct reply *reply, const char *name, const char *format, ...)
{
	struct reply_header *slot = header_slot(reply, name);
	va_list arguments;
	char *value = NULL;

	if (slot == NULL)
		return;
	va_start(arguments, format);
	if (vasprintf(&value, format, arguments) < 0)
		abort();
	va_end(arguments);
	free(slot->name);
	free(slot->value);
	slot->name = memory_copy(name);
	slot->value = value;
}
