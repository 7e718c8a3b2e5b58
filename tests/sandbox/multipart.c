/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/multipart.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/memory.h"

/* The value of `key` among the parameters of a header value; to free(), NULL if there is none. */
static char *parameter(const char *header, const char *key)
{
	size_t wanted = strlen(key);
	const char *at = header;

	while ((at = strchr(at, ';')) != NULL) {
		at += 1 + strspn(at + 1, " \t");
		if (strncasecmp(at, key, wanted) != 0 || at[wanted] != '=')
			continue;
		at += wanted + 1;
		if (*at == '"')
			return memory_copy_n(at + 1, strcspn(at + 1, "\"\r\n"));
		return memory_copy_n(at, strcspn(at, "; \t\r\n"));
	}
	return NULL;
}

/* The Content-Disposition line among a part's headers; to free(), "" if it has none. */
static char *disposition(const char *headers, size_t length)
{
	static const char name[] = "content-disposition:";
	const char *at = headers;
	const char *end = headers + length;

	while (at < end) {
		const char *stop = memmem(at, (size_t)(end - at), "\r\n", 2);
		size_t line = stop != NULL ? (size_t)(stop - at) : (size_t)(end - at);

		if (line >= sizeof(name) - 1 && strncasecmp(at, name, sizeof(name) - 1) == 0)
			return memory_copy_n(at, line);
		at += line + 2;
	}
	return memory_copy("");
}

static bool is_wanted(const char *headers, size_t length, const char *name, char **ret_filename)
{
	CLEANUP(memory_drop) char *line = disposition(headers, length);
	CLEANUP(memory_drop) char *found = parameter(line, "name");

	if (found == NULL || strcmp(found, name) != 0)
		return false;
	*ret_filename = parameter(line, "filename");
	return true;
}

int multipart_find(const char *content_type, const char *body, size_t length, const char *name,
		   struct multipart *ret_part)
{
	CLEANUP(memory_drop) char *boundary = NULL;
	char delimiter[80];
	size_t size;
	const char *end = body + length;
	const char *at;

	if (content_type == NULL || strncasecmp(content_type, "multipart/form-data", 19) != 0)
		return -1;
	boundary = parameter(content_type, "boundary");
	if (boundary == NULL || *boundary == '\0' || strlen(boundary) > 70)
		return -1;
	size = (size_t)snprintf(delimiter, sizeof(delimiter), "\r\n--%s", boundary);
	/* The first delimiter may stand at the very beginning, without its line end. */
	if (length >= size - 2 && memcmp(body, delimiter + 2, size - 2) == 0) {
		at = body + size - 2;
	} else {
		at = memmem(body, length, delimiter, size);
		if (at != NULL)
			at += size;
	}
	while (at != NULL && end - at >= 2 && memcmp(at, "--", 2) != 0) {
		const char *headers = memmem(at, (size_t)(end - at), "\r\n", 2);
		const char *blank;
		const char *next;

		if (headers == NULL)
			return -1;
		blank = memmem(headers, (size_t)(end - headers), "\r\n\r\n", 4);
		if (blank == NULL)
			return -1;
		next = memmem(blank + 2, (size_t)(end - blank - 2), delimiter, size);
		if (next == NULL)
			return -1;
		if (is_wanted(headers, (size_t)(blank - headers), name, &ret_part->filename)) {
			ret_part->data = blank + 4;
			ret_part->length = next > blank + 4 ? (size_t)(next - blank - 4) : 0;
			return 0;
		}
		at = next + size;
	}
	return -1;
}
