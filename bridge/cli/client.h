/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the daemon: the admin API (design 2.6) over its unix socket or its address. One thread. */
#ifndef BRIDGE_CLI_CLIENT_H
#define BRIDGE_CLI_CLIENT_H

#include <cjson/cJSON.h>

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

#define CLIENT_TIMEOUT_S 30

struct client;

/*
 * Reads the configuration to know where the daemon is and by which token. NULL: it was said on standard error
 * why not (all problems of the configuration).
 */
struct client *client_open(const char *config_file);
void client_close(struct client *client); /* takes NULL */
DEFINE_CLEANUP(struct client, client_close);

struct client_answer {
	int status;
	cJSON *body; /* an object; new */
};
void client_answer_release(struct client_answer *answer);

/*
 * One call. body: JSON or NULL. Returns 0 with an answer of any status, or -1: it was said on standard error
 * that there is none, and why.
 */
int client_call(struct client *client, const char *method, const char *path, const char *body, long timeout_s,
		struct client_answer *ret) MUST_CHECK;

/* The same with GET, for what can only be right with 200: anything else is said on standard error, and -1. */
int client_get(struct client *client, const char *path, struct client_answer *ret) MUST_CHECK;

/* Says the answer's error on standard error, verbatim but for control characters. */
void client_complain(const struct client_answer *answer);

/* Appends text, percent-encoded for a path segment or a query. */
void client_encode(const char *text, struct strbuf *out);

#endif
