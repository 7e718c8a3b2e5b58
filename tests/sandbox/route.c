/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/route.h"

#include <stdbool.h>
#include <string.h>

int route_split(const char *raw, struct route_path *path)
{
	size_t length = strlen(raw);
	char *at = path->buffer;

	path->count = 0;
	if (length >= sizeof(path->buffer))
		return -1;
	memcpy(path->buffer, raw, length + 1);
	if (*at == '/')
		at++;
	for (;;) {
		char *slash = strchr(at, '/');

		if (path->count == ROUTE_SEGMENTS_MAX)
			return -1;
		path->segments[path->count++] = at;
		if (slash == NULL)
			break;
		*slash = '\0';
		at = slash + 1;
	}
	/* Only now: decoding moves bytes, and a decoded slash must not split. */
	for (size_t i = 0; i < path->count; i++)
		text_percent_decode(path->segments[i], false);
	return 0;
}

static bool segment_fits(const char *pattern, size_t length, const char *segment)
{
	if (length == 1 && *pattern == '*')
		return *segment != '\0';
	return strlen(segment) == length && memcmp(pattern, segment, length) == 0;
}

static bool fits(const char *pattern, const struct route_path *path)
{
	size_t at = 0;
	size_t after;

	for (; *pattern != '\0'; pattern += *pattern == '/') {
		size_t length = strcspn(pattern, "/");

		if (length == 2 && memcmp(pattern, "**", 2) == 0) {
			/* It takes all but as many segments as the pattern still names. */
			after = 0;
			for (const char *rest = pattern; *rest != '\0'; rest++)
				after += *rest == '/';
			if (path->count < at + 1 + after || *path->segments[at] == '\0')
				return false;
			at = path->count - after;
		} else if (at >= path->count ||
			   !segment_fits(pattern, length, path->segments[at++])) {
			return false;
		}
		pattern += length;
	}
	return at == path->count;
}

enum route_result route_dispatch(const struct route *routes, size_t count, struct call *call)
{
	char allow[64] = "";
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(routes[i].method);

		if (!fits(routes[i].pattern, call->path))
			continue;
		if (strcmp(routes[i].method, call->request->method) == 0) {
			routes[i].handle(call);
			return ROUTE_DONE;
		}
		if (used + length + 3 < sizeof(allow)) {
			if (used > 0) {
				memcpy(allow + used, ", ", 2);
				used += 2;
			}
			memcpy(allow + used, routes[i].method, length + 1);
			used += length;
		}
	}
	if (used == 0)
		return ROUTE_NOT_FOUND;
	http_reply_header(call->reply, "Allow", "%s", allow);
	return ROUTE_WRONG_METHOD;
}
