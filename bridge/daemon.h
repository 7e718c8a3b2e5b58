/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running daemon consists of. Only the files that wire it see this: serve.c (start and end), reload.c (the
 * configuration), upkeep.c (what is done now and then).
 */
#ifndef BRIDGE_DAEMON_H
#define BRIDGE_DAEMON_H

#include "bridge/admin/admin.h"
#include "bridge/git/git.h"
#include "bridge/intake/intake.h"

#define DAEMON_NAMES_MAX (2 * LISTENER_MAX + 1)

struct daemon {
	const char *config_file;
	struct settings_slot settings;
	bool settings_open;
	struct identities identities;
	struct store *store;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct git_service *git; /* NULL: not configured */
	struct deliver *deliver;
	struct intake *intake;
	struct admin *admin;
	struct http_server *http, *admin_http;
	const char *names[DAEMON_NAMES_MAX]; /* bound addresses, NULL-terminated */
	char name_texts[DAEMON_NAMES_MAX][128];
	size_t name_count;
	int64_t started_ms;
	/* committer's thread, mono: */
	int64_t prune_at_ms, trim_at_ms;
	uint64_t trimmed_items;
};

/* reload.c */

/* Reads the configuration; problems go to standard error. NULL with *err: it has errors. */
struct settings *daemon_load(const char *file, struct error *err);
/* SIGHUP: a good file takes effect, a broken one changes nothing. Main thread. */
void daemon_reload(struct daemon *d);
/* Puts the configured links in place of the last generation's, in a transaction of its own. Before the committer starts. */
int daemon_put_links(struct store *store, const struct settings *settings, struct error *err) MUST_CHECK;
/* sd_notify(3): "READY=1" …; nothing without $NOTIFY_SOCKET. */
void daemon_notify(const char *state);

/* upkeep.c: committer's thread; returns the next moment (mono ms) */
int64_t daemon_upkeep(struct daemon *d, int64_t now_ms);

#endif
