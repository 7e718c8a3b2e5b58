/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/model/http.h"

#include <string.h>
#include <strings.h>

const char *http_header_get(const struct http_header *headers, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	}
	return NULL;
}

size_t http_header_count(const struct http_header *headers, size_t count, const char *name)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += strcasecmp(headers[i].name, name) == 0;
	return found;
}

int http_header_once(const struct http_request *request, const char *name, const char **ret,
		     struct error *err)
{
	if (http_header_count(request->headers, request->header_count, name) > 1)
		return error_set(err, ERR_UNAUTHENTIC, "the header %s stands there more than once",
				 name);
	*ret = http_header_get(request->headers, request->header_count, name);
	return 0;
}

bool http_is_type(const char *content_type, const char *type)
{
	if (content_type == NULL)
		return false;
	const char *start = content_type + strspn(content_type, " \t");
	size_t len = strcspn(start, "; \t");
	const char *rest = start + len + strspn(start + len, " \t");
	/* "a/b c" names no type at all; after the type only parameters may follow. */
	return (*rest == '\0' || *rest == ';') && len == strlen(type) &&
	       strncasecmp(start, type, len) == 0;
}
