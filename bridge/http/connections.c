/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "bridge/base/clock.h"
#include "bridge/http/server_private.h"

/* How many connections an address has; freed with the last one. */
struct address {
	unsigned count;
	char name[INET6_ADDRSTRLEN];
};

/* The address as text; false for what is always exempt: unix sockets and loopback. */
static bool address_name(const struct sockaddr *address, char out[INET6_ADDRSTRLEN])
{
	if (address == NULL)
		return false;
	if (address->sa_family == AF_INET) {
		const struct in_addr *v4 = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
		return (ntohl(v4->s_addr) >> 24) != 127 && inet_ntop(AF_INET, v4, out, INET6_ADDRSTRLEN) != NULL;
	}
	if (address->sa_family != AF_INET6)
		return false;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (IN6_IS_ADDR_LOOPBACK(v6))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(v6))
		return v6->s6_addr[12] != 127 && inet_ntop(AF_INET, &v6->s6_addr[12], out, INET6_ADDRSTRLEN) != NULL;
	return inet_ntop(AF_INET6, v6, out, INET6_ADDRSTRLEN) != NULL;
}

static bool is_counted(const struct http_server *server, const struct sockaddr *address,
		       char name[INET6_ADDRSTRLEN])
{
	const struct http_options *options = &server->options;

	return options->per_address > 0 && address_name(address, name) &&
	       (options->exempt == NULL || !options->exempt(options->ctx, name));
}

enum MHD_Result connections_policy(void *ctx, const struct sockaddr *address, socklen_t len)
{
	struct http_server *server = ctx;
	char name[INET6_ADDRSTRLEN];

	(void)len;
	if (!is_counted(server, address, name))
		return MHD_YES;
	const struct address *known = map_get(server->addresses, name);
	return known == NULL || known->count < server->options.per_address ? MHD_YES : MHD_NO;
}

static void count_address(struct http_server *server, struct connection *connection, struct MHD_Connection *mhd)
{
	char name[INET6_ADDRSTRLEN];
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (info == NULL || !is_counted(server, info->client_addr, name))
		return;
	struct address *entry = map_get(server->addresses, name);
	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		if (entry == NULL)
			return;
		memcpy(entry->name, name, sizeof(name));
		if (!map_put(server->addresses, entry->name, entry)) {
			free(entry);
			return;
		}
	}
	entry->count++;
	connection->address = entry;
}

static void open_connection(struct http_server *server, struct MHD_Connection *mhd, void **context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return;
	made->server = server;
	made->fd = info != NULL ? info->connect_fd : -1;
	made->since_ms = clock_mono_ms();
	made->next = server->connections;
	if (made->next != NULL)
		made->next->prev = made;
	server->connections = made;
	count_address(server, made, mhd);
	*context = made;
}

static void close_connection(struct http_server *server, struct connection *old)
{
	if (old->prev != NULL)
		old->prev->next = old->next;
	else
		server->connections = old->next;
	if (old->next != NULL)
		old->next->prev = old->prev;
	if (old->address != NULL && --old->address->count == 0) {
		(void)map_remove(server->addresses, old->address->name);
		free(old->address);
	}
	free(old);
}

void connections_notify(void *server, struct MHD_Connection *mhd, void **context,
			enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		open_connection(server, mhd, context);
	} else if (*context != NULL) {
		close_connection(server, *context);
		*context = NULL;
	}
}

struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

void connections_reap(struct http_server *server, int64_t now_ms)
{
	const struct http_options *options = &server->options;

	for (struct connection *at = server->connections; at != NULL; at = at->next) {
		/* The library ends what is silent for idle_ms; whoever is still without a request after twice that drips. */
		int64_t allowed = at->in_request ? options->request_ms : 2 * options->idle_ms;
		if (!at->suspended && at->fd >= 0 && now_ms - at->since_ms > allowed)
			(void)shutdown(at->fd, SHUT_RDWR);
	}
}
