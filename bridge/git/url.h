/* SPDX-License-Identifier: Apache-2.0 */
/* Which repository URLs are taken, and how they are named to readers. Pure; any thread. */
#ifndef BRIDGE_GIT_URL_H
#define BRIDGE_GIT_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"

#define GIT_URL_MAX 2000

/*
 * https:, http:, file: or an absolute path. ERR_INVALID for everything else: ssh (not supported yet), a user or
 * password in the URL (they would end up in texts), white space and controls. The text names no part of the URL.
 */
int git_url_check(const char *url, struct error *err) MUST_CHECK;

/* Whether both have the same scheme, host and port: a token for the one may go to the other. */
bool git_url_same_host(const char *a, const char *b);

/* The URL without its query, for texts; cut. url passed git_url_check. */
#define GIT_URL_SHOWN_SIZE 160
void git_url_show(const char *url, char out[GIT_URL_SHOWN_SIZE]);

#endif
