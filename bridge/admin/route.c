/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/admin/admin_private.h"

static const char *const page_query[] = { "after", "limit", NULL };
static const char *const ledger_query[] = { "state", "source", "thread", "job", "before", "after", "limit", NULL };
static const char *const wait_query[] = { "wait", NULL };
static const char *const link_members[] = { "job_id", NULL };
static const char *const continue_members[] = { "job_id", "thread", "prompt", NULL };
static const char *const start_members[] = { "agent", "prompt", "ask", "link", NULL };

#define LINK_METHODS "GET, HEAD, PUT, DELETE"

static const struct admin_route routes[] = {
	{ "/api/v1/status", "GET", "GET, HEAD", NULL, NULL, status_get },
	{ "/api/v1/links", "GET", "GET, HEAD", page_query, NULL, links_list },
	{ "/api/v1/links/*", "GET", LINK_METHODS, NULL, NULL, links_get },
	{ "/api/v1/links/*", "PUT", LINK_METHODS, NULL, link_members, links_put },
	{ "/api/v1/links/*", "DELETE", LINK_METHODS, NULL, NULL, links_delete },
	{ "/api/v1/deliveries", "GET", "GET, HEAD", ledger_query, NULL, deliveries_list },
	{ "/api/v1/deliveries/*", "GET", "GET, HEAD", NULL, NULL, delivery_get },
	{ "/api/v1/deliveries/*/replay", "POST", "POST", NULL, NULL, replay_post },
	{ "/api/v1/continue", "POST", "POST", wait_query, continue_members, continue_post },
	{ "/api/v1/start", "POST", "POST", wait_query, start_members, start_post },
};

/* The segment that '*' stands for is never empty and ends at the next slash: keys are percent-encoded. */
static bool fits(const char *pattern, const char *path, const char **ret_segment)
{
	size_t fixed = strcspn(pattern, "*");

	*ret_segment = NULL;
	if (pattern[fixed] == '\0')
		return strcmp(pattern, path) == 0;
	if (strncmp(pattern, path, fixed) != 0)
		return false;
	size_t segment = strcspn(path + fixed, "/");
	*ret_segment = path + fixed;
	return segment > 0 && strcmp(path + fixed + segment, pattern + fixed + 1) == 0;
}

int route_find(const char *path, const char *method, const struct admin_route **ret, const char **ret_segment,
	       const char **ret_allow, struct error *err)
{
	const char *allow = NULL, *segment = NULL;
	const char *asked = strcmp(method, "HEAD") == 0 ? "GET" : method;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!fits(routes[i].path, path, &segment))
			continue;
		allow = routes[i].allow;
		if (strcmp(routes[i].method, asked) == 0) {
			*ret = &routes[i];
			*ret_segment = segment;
			return 0;
		}
	}
	if (allow == NULL)
		return error_set(err, ERR_NOT_FOUND, "nothing is at this path");
	*ret_allow = allow;
	return error_set(err, ERR_METHOD, "%.20s is not allowed here, only %s", method, allow);
}
