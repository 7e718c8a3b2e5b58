/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick: libmicrohttpd alone, in an epoll loop of its own, that reads a body and answers 202. Nothing else. */
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct MHD_Response *accepted;

static enum MHD_Result answer(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *data, size_t *len, void **state)
{
	(void)ctx;
	(void)url;
	(void)method;
	(void)version;
	(void)data;
	if (*state == NULL) {
		*state = accepted;
		return MHD_YES;
	}
	if (*len > 0) {
		*len = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, 202, accepted);
}

int main(int argc, char **argv)
{
	char body[] = "{\"status\":\"queued\"}";
	unsigned long port = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	accepted = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_COPY);
	struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL, (uint16_t)port, NULL, NULL, answer, NULL,
						     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_END);
	if (accepted == NULL || daemon == NULL)
		return 1;
	printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	(void)fflush(stdout);
	struct pollfd fd = { .fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN };
	for (;;) {
		(void)poll(&fd, 1, 1000);
		(void)MHD_run(daemon);
	}
}
