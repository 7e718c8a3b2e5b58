/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_ROUTE_H
#define SANDBOX_ROUTE_H

#include <stddef.h>

#include "tests/sandbox/http.h"

/*
 * From method and path to the function that answers. A pattern is written without a leading
 * slash; "*" stands for one segment that is not empty, "**" for one or more. Segments are
 * percent-decoded after splitting, so an encoded slash stays inside its segment.
 * No state: any thread may call.
 */

#define ROUTE_PATH_MAX 2048
#define ROUTE_SEGMENTS_MAX 24

struct route_path {
	char buffer[ROUTE_PATH_MAX];
	char *segments[ROUTE_SEGMENTS_MAX];
	size_t count;
};

/* What a handler gets. */
struct call {
	struct sandbox *sandbox;
	struct request *request;
	struct reply *reply;
	const struct route_path *path;
	const void *caller; /* whom the authorization names; its type is the realm's affair */
	unsigned org;
};

struct route {
	const char *method;
	const char *pattern;
	void (*handle)(struct call *call);
};

enum route_result { ROUTE_DONE, ROUTE_NOT_FOUND, ROUTE_WRONG_METHOD };

/* Splits what follows the prefix (a raw path) ; -1 if it is too long or has too many segments. */
int route_split(const char *raw, struct route_path *path);

/*
 * Calls the handler of the first route that fits. When only the method does not fit, nothing is
 * called and the reply is given an Allow header; its status is the caller's to set.
 */
enum route_result route_dispatch(const struct route *routes, size_t count, struct call *call);

#endif
