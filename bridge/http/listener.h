/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets, made by ourselves and handed to the HTTP library: TCP on an address, a unix socket with its
 * mode set before anybody can connect, or what systemd passed in (sd_listen_fds(3)).
 */
#ifndef BRIDGE_HTTP_LISTENER_H
#define BRIDGE_HTTP_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bridge/base/error.h"

#define LISTENER_MAX 16

struct listener {
	int fd;
	char name[128];        /* as bound: "127.0.0.1:8080", "unix:/run/…", for the log */
	char unlink_path[108]; /* "" unless a unix socket of ours */
};

struct listener_set {
	struct listener items[LISTENER_MAX];
	size_t count;
};

/*
 * Adds the sockets of one spec: "host:port" (port 0: a free one), ":port", "[v6]:port", "unix:/path", "systemd". A stale
 * unix socket is replaced, a live one refused. unix_mode: the mode of a unix socket. On failure the set is unchanged.
 */
int listener_add(struct listener_set *set, const char *spec, mode_t unix_mode, struct error *err) MUST_CHECK;

/* Closes what is still open and unlinks our unix sockets. */
void listener_close_all(struct listener_set *set);

#endif
