/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The admin API (design 2.6): what the command line and later the dashboard speak to. It runs on a listener and a loop
 * thread of its own, reads through a store handle of its own, and writes only through the committer.
 */
#ifndef BRIDGE_ADMIN_ADMIN_H
#define BRIDGE_ADMIN_ADMIN_H

#include "bridge/deliver/deliver.h"
#include "bridge/http/server.h"
#include "bridge/intake/intake.h"
#include "bridge/settings/settings.h"
#include "bridge/store/committer.h"

struct admin;

struct admin_options {
	struct settings_slot *settings;
	struct committer *committer;
	struct deliver *deliver;
	struct intake *intake;
	const char *store_url;     /* for a reader of its own; borrowed for the time of the call */
	const char *const *listening; /* names of the bound addresses, NULL-terminated; outlives admin */
	bool token_required;       /* not on a unix socket, which its mode guards */
	int64_t started_ms;
};

int admin_new(const struct admin_options *options, struct admin **ret, struct error *err) MUST_CHECK;
void admin_free(struct admin *admin);

/* The callbacks of the admin listener (bridge/http/server.h). The token is read from the current settings at each request. */
int admin_begin(void *admin, struct exchange *x, const struct http_request *head, struct error *err);
void admin_request(void *admin, struct exchange *x, const struct http_request *request);

#endif
