/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of "name: value" as headers: the three ways to ask must agree; and each value as a media
 * type.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bridge/model/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS_MAX 64

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Cuts text into headers that point into it. */
static size_t split(char *text, struct http_header *headers)
{
	size_t count = 0;

	for (char *line = text, *rest; line != NULL && count < HEADERS_MAX; line = rest) {
		rest = strchr(line, '\n');
		if (rest != NULL)
			*rest++ = '\0';
		char *colon = strchr(line, ':');
		if (colon == NULL)
			continue;
		*colon = '\0';
		headers[count++] = (struct http_header){ .name = line, .value = colon + 1 };
	}
	return count;
}

static void check_name(const struct http_request *request, const char *name)
{
	struct error err = { .code = ERR_NONE };
	size_t count = http_header_count(request->headers, request->header_count, name);
	const char *first = http_header_get(request->headers, request->header_count, name);
	const char *once = "untouched";
	int result = http_header_once(request, name, &once, &err);

	must((count == 0) == (first == NULL));
	must((result != 0) == (count > 1));
	if (result == 0)
		must(once == first);
	else
		must(err.code == ERR_UNAUTHENTIC && strcmp(once, "untouched") == 0);
}

static void check_type(const char *value)
{
	static const char json[] = "application/json";

	if (!http_is_type(value, json))
		return;
	const char *start = value + strspn(value, " \t");
	must(strncasecmp(start, json, sizeof(json) - 1) == 0);
	must(strchr("; \t", start[sizeof(json) - 1]) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_header headers[HEADERS_MAX];
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	const struct http_request request = { .headers = headers,
					      .header_count = split(text, headers) };
	check_name(&request, "Content-Type");
	check_name(&request, "X-Hub-Signature-256");
	for (size_t i = 0; i < request.header_count; i++) {
		check_name(&request, headers[i].name);
		check_type(headers[i].value);
	}
	free(text);
	return 0;
}
