/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include "tests/sandbox/sandbox.h"

/* The HTTP side: one thread for each connection, so that a faulty call may sleep. */

struct server;

/*
 * Listens on "host:port" ("127.0.0.1:0", "[::1]:8080", "localhost:0"); only loopback addresses.
 * NULL and a message in `problem` if it cannot be. The sandbox stays the caller's.
 */
struct server *server_start(struct sandbox *sandbox, const char *listen, char *problem,
			    size_t problem_size);

/* "127.0.0.1:40123": where it listens. Lives as long as the server. */
const char *server_address(const struct server *server);

/* Ends all connections and frees the server. To be called after sandbox_stop(). */
void server_stop(struct server *server);

#endif
