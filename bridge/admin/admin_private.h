/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share. A request is taken apart once (route.c, params.c) and given to one
 * function (links.c, deliveries.c, …), which answers it, or fails with the error that is the answer.
 */
#ifndef BRIDGE_ADMIN_ADMIN_PRIVATE_H
#define BRIDGE_ADMIN_ADMIN_PRIVATE_H

#include "bridge/admin/admin.h"
#include "bridge/admin/params.h"
#include "bridge/base/json.h"

#define ADMIN_ANSWER_MAX ((size_t)16 * 1024 * 1024)
#define ADMIN_PAGE       100  /* entries of a page, unless ?limit= says otherwise */
#define ADMIN_PAGE_MAX   1000

struct admin {
	struct admin_options options;
	struct store *store; /* a reader; the loop thread's */
	struct store_counts counts;
	struct error counts_error; /* code ERR_NONE: counts are good */
	int64_t counted_ms;        /* mono; 0: never */
};

/* One request, taken apart. Loop thread; nothing in it outlives the request's function. */
struct admin_call {
	struct admin *admin;
	struct exchange *x;
	struct arena *arena;
	struct params query;
	const char *name;  /* the variable segment of the path, decoded; NULL: the route has none */
	const cJSON *body; /* an object with known members only; NULL: the route takes none */
};

struct admin_route {
	const char *path;   /* "*" at the end stands for one segment */
	const char *method; /* GET answers HEAD too */
	const char *allow;  /* all methods of the path */
	const char *const *query;   /* the parameters it takes, NULL-terminated; NULL: none */
	const char *const *members; /* the members of its JSON body, NULL-terminated; NULL: no body */
	/* Answers x, or sees to it that it is answered (0), or leaves that to the caller: the error (-1). */
	int (*run)(struct admin_call *call, struct error *err);
};

/*
 * ERR_NOT_FOUND; ERR_METHOD, with *ret_allow set. *ret_segment: the variable segment within path, raw; NULL:
 * none.
 */
int route_find(const char *path, const char *method, const struct admin_route **ret, const char **ret_segment,
	       const char **ret_allow, struct error *err) MUST_CHECK;

/* Answers with a JSON body, which is taken; fails when it did not fit. */
int admin_answer(struct admin_call *call, int status, struct strbuf *body, struct error *err) MUST_CHECK;

/* For what the committer could not do: the reason goes to the log, to the caller that it may be tried again. */
void admin_refuse_commit(struct exchange *x, const char *what, const struct error *err);

/*
 * A thread as somebody typed or pasted it. URLs need a configured source; a plain key only its form, so that
 * what an earlier configuration left can still be asked for and removed.
 */
int admin_thread(struct admin_call *call, const char *text, const char **ret, struct error *err) MUST_CHECK;

/* The functions behind the routes, by noun. */
int status_get(struct admin_call *call, struct error *err);
int links_list(struct admin_call *call, struct error *err);
int links_get(struct admin_call *call, struct error *err);
int links_put(struct admin_call *call, struct error *err);
int links_delete(struct admin_call *call, struct error *err);
int deliveries_list(struct admin_call *call, struct error *err);
int delivery_get(struct admin_call *call, struct error *err);
int replay_post(struct admin_call *call, struct error *err);
int continue_post(struct admin_call *call, struct error *err);

/* continue.c, for start.c too: a member that is a string or absent; a prompt that may be sent; ?wait=; room in the queue */
int prompt_member(const cJSON *body, const char *name, const char **ret, struct error *err);
int prompt_check(const char *prompt, const struct settings *settings, struct error *err);
int prompt_wait(struct admin_call *call, int64_t *ret_s, struct error *err);
int prompt_room(const struct admin_call *call, const struct settings *settings, struct error *err);

/* start.c */
int start_post(struct admin_call *call, struct error *err);

#endif
