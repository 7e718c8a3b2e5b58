/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG          1024
#define SYSTEMD_FIRST_FD 3

static struct listener *next_slot(struct listener_set *set, struct error *err)
{
	if (set->count == LISTENER_MAX) {
		(void)error_set(err, ERR_CONFIG, "more than %d listening sockets", LISTENER_MAX);
		return NULL;
	}
	struct listener *slot = &set->items[set->count];
	memset(slot, 0, sizeof(*slot));
	slot->fd = -1;
	return slot;
}

static void name_bound(struct listener *listener)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[64], port[16];

	if (getsockname(listener->fd, (struct sockaddr *)&address, &len) != 0)
		return;
	if (address.ss_family == AF_UNIX) {
		(void)snprintf(listener->name, sizeof(listener->name), "unix:%.107s",
			       ((const struct sockaddr_un *)&address)->sun_path);
		return;
	}
	if (getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	(void)snprintf(listener->name, sizeof(listener->name), address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		       host, port);
}

/* Whether the unix socket at path was left behind: only a refused connection says that nobody listens there. */
static bool is_stale(const struct sockaddr_un *address)
{
	CLEANUP(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
	       errno == ECONNREFUSED;
}

static int add_unix(struct listener_set *set, const char *path, mode_t mode, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	struct listener *slot = next_slot(set, err);

	if (slot == NULL)
		return -1;
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, ERR_CONFIG, "unix socket path is longer than %zu bytes: %s",
				 sizeof(address.sun_path) - 1, path);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return error_set(err, ERR_CONFIG, "%s is there and is no socket", path);
		if (!is_stale(&address))
			return error_set(err, ERR_CONFIG, "%s: another process answers there; stop it first", path);
		(void)unlink(path);
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, ERR_IO, "socket: %s", strerror(errno));
	/* The mode must be right before listen(2): chmod afterwards would leave a gap in which anybody connects. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || chmod(path, mode) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		int saved = errno;
		close(fd);
		return error_set(err, ERR_IO, "listen on unix:%s: %s%s", path, strerror(saved),
				 saved == ENOENT ? " (make the directory first)" : "");
	}
	slot->fd = fd;
	(void)snprintf(slot->unlink_path, sizeof(slot->unlink_path), "%s", path);
	name_bound(slot);
	set->count++;
	return 0;
}

static int bind_tcp(const struct addrinfo *info, int *ret_fd)
{
	int one = 1;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (info->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int));
	if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

static int add_tcp(struct listener_set *set, const char *spec, struct error *err)
{
	const char *colon = strrchr(spec, ':');
	char host[256] = "";
	struct listener *slot = next_slot(set, err);

	if (slot == NULL)
		return -1;
	if (colon == NULL)
		return error_set(err, ERR_CONFIG, "listen: %s: expected host:port", spec);
	char *end;
	unsigned long port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port > 65535)
		return error_set(err, ERR_CONFIG, "listen: %s: expected a port from 0 to 65535", spec);
	size_t len = (size_t)(colon - spec);
	const char *start = spec;
	if (len >= 2 && spec[0] == '[' && spec[len - 1] == ']') {
		start++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return error_set(err, ERR_CONFIG, "listen: %s: the host is too long", spec);
	memcpy(host, start, len);
	host[len] = '\0';

	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	int failed = getaddrinfo(host[0] != '\0' ? host : NULL, colon + 1, &hints, &found);
	if (failed != 0)
		return error_set(err, ERR_CONFIG, "listen on %s: %s", spec, gai_strerror(failed));
	int saved = EADDRNOTAVAIL;
	int bound = -1;
	for (const struct addrinfo *at = found; at != NULL && bound != 0; at = at->ai_next) {
		bound = bind_tcp(at, &slot->fd);
		saved = bound == 0 ? 0 : errno;
	}
	freeaddrinfo(found);
	if (bound != 0)
		return error_set(err, ERR_IO, "listen on %s: %s%s", spec, strerror(saved),
				 saved == EADDRINUSE ? "; stop what uses it, or choose another port" : "");
	name_bound(slot);
	set->count++;
	return 0;
}

/* sd_listen_fds(3): descriptors from 3 on, meant for us only when LISTEN_PID is ours. */
static int add_systemd(struct listener_set *set, struct error *err)
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");

	if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != (long)getpid())
		return error_set(err, ERR_CONFIG,
				 "listen: systemd: no sockets were passed in; start through a .socket unit");
	long count = strtol(fds, NULL, 10);
	if (count < 1 || (size_t)count > LISTENER_MAX - set->count)
		return error_set(err, ERR_CONFIG, "listen: systemd: %ld sockets were passed in", count);
	for (int fd = SYSTEMD_FIRST_FD; fd < SYSTEMD_FIRST_FD + (int)count; fd++) {
		int type = 0, listens = 0;
		socklen_t len = sizeof(type);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM ||
		    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || listens == 0)
			return error_set(err, ERR_CONFIG, "listen: systemd: descriptor %d is no listening stream socket", fd);
	}
	for (int fd = SYSTEMD_FIRST_FD; fd < SYSTEMD_FIRST_FD + (int)count; fd++) {
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		struct listener *slot = next_slot(set, err);
		if (slot == NULL)
			return -1;
		slot->fd = fd;
		name_bound(slot);
		set->count++;
	}
	return 0;
}

int listener_add(struct listener_set *set, const char *spec, mode_t unix_mode, struct error *err)
{
	if (strcmp(spec, "systemd") == 0)
		return add_systemd(set, err);
	if (strncmp(spec, "unix:", 5) == 0)
		return add_unix(set, spec + 5, unix_mode, err);
	return add_tcp(set, spec, err);
}

void listener_close_all(struct listener_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct listener *at = &set->items[i];
		if (at->fd >= 0)
			close(at->fd);
		if (at->unlink_path[0] != '\0')
			(void)unlink(at->unlink_path);
		at->fd = -1;
		at->unlink_path[0] = '\0';
	}
	set->count = 0;
}
