/* SPDX-License-Identifier: Apache-2.0 */
/* Real sockets, on loopback and in a directory of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/http/listener.h"

struct bench {
	char dir[64], path[96], spec[112];
	struct listener_set set;
	struct error err;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL)
		return -1;
	(void)snprintf(bench->dir, sizeof(bench->dir), "/tmp/test-listener-XXXXXX");
	if (mkdtemp(bench->dir) == NULL)
		return -1;
	(void)snprintf(bench->path, sizeof(bench->path), "%s/s.sock", bench->dir);
	(void)snprintf(bench->spec, sizeof(bench->spec), "unix:%s", bench->path);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	listener_close_all(&bench->set);
	(void)unlink(bench->path);
	int failed = rmdir(bench->dir);
	free(bench);
	return failed;
}

static void add(struct bench *bench, const char *spec)
{
	if (listener_add(&bench->set, spec, 0660, &bench->err) != 0)
		fail_msg("%s: %s", spec, bench->err.text);
}

/* Refused, for a reason, and nothing was changed. */
static void refuse(struct bench *bench, const char *spec)
{
	size_t before = bench->set.count;

	bench->err = (struct error){ 0 };
	if (listener_add(&bench->set, spec, 0660, &bench->err) == 0)
		fail_msg("taken: %s as %s", spec, bench->set.items[bench->set.count - 1].name);
	assert_int_equal(bench->set.count, before);
	assert_true(bench->err.code == ERR_CONFIG || bench->err.code == ERR_IO);
	assert_true(strlen(bench->err.text) > 0);
}

static bool can_connect_unix(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_close) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static int bind_unix(const char *path, int type, bool listening)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (listening)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in6 address;
	socklen_t len = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin6_port); /* at the same place in a sockaddr_in */
}

/* Connects, and the listener has somebody to accept. */
static bool answers(const struct listener *listener, const char *address_text)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(listener->fd)) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = four.sin_port };
	bool is_six = inet_pton(AF_INET6, address_text, &six.sin6_addr) == 1;

	if (!is_six)
		assert_int_equal(inet_pton(AF_INET, address_text, &four.sin_addr), 1);
	CLEANUP(cleanup_close) int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four,
		    is_six ? sizeof(six) : sizeof(four)) != 0)
		return false;
	CLEANUP(cleanup_close) int accepted = accept(listener->fd, NULL, NULL);
	return accepted >= 0;
}

static void check_flags(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);

	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len), 0);
	assert_int_equal(yes, 1);
}

/* ---- unix ---- */

static void unix_socket(void **state)
{
	static const mode_t modes[] = { 0600, 0660, 0666 };
	struct bench *bench = *state;
	struct stat st;

	for (size_t i = 0; i < 3; i++) {
		mode_t old = umask(i == 0 ? 0 : 0177); /* whatever the mask */
		assert_int_equal(listener_add(&bench->set, bench->spec, modes[i], &bench->err), 0);
		(void)umask(old);
		assert_int_equal(bench->set.count, 1);
		assert_int_equal(stat(bench->path, &st), 0);
		assert_true(S_ISSOCK(st.st_mode));
		assert_int_equal(st.st_mode & 07777, modes[i]);
		assert_string_equal(bench->set.items[0].name, bench->spec);
		check_flags(bench->set.items[0].fd);
		assert_true(can_connect_unix(bench->path, SOCK_STREAM));
		listener_close_all(&bench->set);
		assert_int_equal(bench->set.count, 0);
		assert_int_equal(lstat(bench->path, &st), -1);
	}
}

static void replaces_a_stale_socket(void **state)
{
	struct bench *bench = *state;

	close(bind_unix(bench->path, SOCK_STREAM, true)); /* as a crash leaves it */
	add(bench, bench->spec);
	assert_true(can_connect_unix(bench->path, SOCK_STREAM));
}

static void refuses_a_live_socket(void **state)
{
	struct bench *bench = *state;
	struct listener_set other = { .count = 0 };

	add(bench, bench->spec);
	assert_int_equal(listener_add(&other, bench->spec, 0600, &bench->err), -1);
	assert_int_equal(other.count, 0);
	listener_close_all(&other);
	assert_true(can_connect_unix(bench->path, SOCK_STREAM));
	refuse(bench, bench->spec);
	assert_true(can_connect_unix(bench->path, SOCK_STREAM));
}

static void refuses_a_live_socket_that_is_busy(void **state)
{
	struct bench *bench = *state;
	CLEANUP(cleanup_close) int fd = bind_unix(bench->path, SOCK_STREAM, false);
	int clients[16];
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_int_equal(listen(fd, 0), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", bench->path);
	for (int i = 0; i < 16; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(clients[i], (struct sockaddr *)&address, sizeof(address));
	}
	refuse(bench, bench->spec);
	for (int i = 0; i < 16; i++)
		close(clients[i]);
	assert_int_equal(access(bench->path, F_OK), 0);
}

static void refuses_live_sockets_of_other_types(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
	struct bench *bench = *state;

	for (size_t i = 0; i < 2; i++) {
		CLEANUP(cleanup_close) int fd = bind_unix(bench->path, types[i], types[i] == SOCK_SEQPACKET);
		assert_true(fd >= 0);
		refuse(bench, bench->spec);
		assert_true(can_connect_unix(bench->path, types[i])); /* it still has its name */
		assert_int_equal(unlink(bench->path), 0);
	}
}

/* A live socket that we may not talk to is still somebody's. */
static void refuses_a_live_socket_of_somebody_else(void **state)
{
	struct bench *bench = *state;

	if (geteuid() == 0) {
		CLEANUP(cleanup_close) int fd = bind_unix(bench->path, SOCK_STREAM, true);
		assert_true(fd >= 0);
		assert_int_equal(chmod(bench->path, 0600), 0);
		assert_int_equal(chmod(bench->dir, 0777), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct error err;
			_exit(setuid(65534) != 0 ? 2 : listener_add(&bench->set, bench->spec, 0600, &err) == 0 ? 1 : 0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_true(can_connect_unix(bench->path, SOCK_STREAM));
		return;
	}
	skip();
}

static void refuses_what_is_no_socket(void **state)
{
	struct bench *bench = *state;
	char other[128];
	struct stat st;

	close(open(bench->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	refuse(bench, bench->spec);
	assert_int_equal(stat(bench->path, &st), 0);
	assert_int_equal(unlink(bench->path), 0);
	(void)snprintf(other, sizeof(other), "%s/other", bench->dir);
	close(bind_unix(other, SOCK_STREAM, true));
	assert_int_equal(symlink(other, bench->path), 0); /* even one that leads to a stale socket */
	refuse(bench, bench->spec);
	assert_int_equal(unlink(other), 0);
	refuse(bench, bench->spec);
}

static void refuses_paths_that_cannot_be(void **state)
{
	struct bench *bench = *state;
	char spec[256] = "unix:/tmp/";

	refuse(bench, "unix:");
	(void)snprintf(spec, sizeof(spec), "unix:%s/no/such/dir.sock", bench->dir);
	refuse(bench, spec);
	(void)snprintf(spec, sizeof(spec), "unix:%s", bench->dir);
	refuse(bench, spec);
	memset(spec + 5, 'x', 200);
	spec[5] = '/';
	spec[5 + 108] = '\0'; /* one byte more than fits */
	refuse(bench, spec);
}

static void takes_the_longest_path(void **state)
{
	struct bench *bench = *state;
	char spec[256];
	int len;
	struct stat st;

	/* As many bytes as fit. */
	len = snprintf(spec, sizeof(spec), "unix:%s/", bench->dir);
	memset(spec + len, 'y', (size_t)(5 + 107 - len));
	spec[5 + 107] = '\0';
	add(bench, spec);
	assert_string_equal(bench->set.items[0].name, spec);
	assert_string_equal(bench->set.items[0].unlink_path, spec + 5);
	listener_close_all(&bench->set);
	assert_int_equal(lstat(spec + 5, &st), -1);
}

/* ---- TCP ---- */

static void finds_a_free_port(void **state)
{
	struct bench *bench = *state;
	char expected[64];

	add(bench, "127.0.0.1:0");
	const struct listener *listener = &bench->set.items[0];
	int port = port_of(listener->fd);
	assert_true(port > 0);
	(void)snprintf(expected, sizeof(expected), "127.0.0.1:%d", port);
	assert_string_equal(listener->name, expected);
	assert_string_equal(listener->unlink_path, "");
	check_flags(listener->fd);
	assert_true(answers(listener, "127.0.0.1"));
	assert_false(answers(listener, "127.0.0.2")); /* there, and nowhere else */
}

static void refuses_a_port_in_use(void **state)
{
	struct bench *bench = *state;
	char spec[64];

	add(bench, "127.0.0.1:0");
	(void)snprintf(spec, sizeof(spec), "127.0.0.1:%d", port_of(bench->set.items[0].fd));
	refuse(bench, spec);
	assert_non_null(strstr(bench->err.text, spec));
	listener_close_all(&bench->set);
	add(bench, spec); /* and it is free again at once */
	assert_string_equal(bench->set.items[0].name, spec);
}

static void listens_on_v6(void **state)
{
	struct bench *bench = *state;
	char expected[64];
	CLEANUP(cleanup_close) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		skip(); /* no IPv6 here */
	add(bench, "[::1]:0");
	(void)snprintf(expected, sizeof(expected), "[::1]:%d", port_of(bench->set.items[0].fd));
	assert_string_equal(bench->set.items[0].name, expected);
	assert_true(answers(&bench->set.items[0], "::1"));
	add(bench, "[::]:0"); /* all of them, IPv4 too */
	assert_true(answers(&bench->set.items[1], "::1"));
	assert_true(answers(&bench->set.items[1], "127.0.0.1"));
}

static void listens_everywhere(void **state)
{
	static const char *const specs[] = { ":0", "0.0.0.0:0", "localhost:0" };
	struct bench *bench = *state;

	for (size_t i = 0; i < 3; i++) {
		add(bench, specs[i]);
		const struct listener *listener = &bench->set.items[i];
		assert_true(answers(listener, "127.0.0.1") || answers(listener, "::1"));
	}
}

static void refuses_what_is_no_address(void **state)
{
	static const char *const specs[] = {
		"", "8080", "localhost", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:80x", "[::1]", "127.0.0.1:99999",
		"127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 80", "127.0.0.1:", ":", "256.0.0.1:0",
		"192.0.2.1:0", /* TEST-NET-1 (RFC 5737): not ours */
	};
	struct bench *bench = *state;
	char spec[512];

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
		refuse(bench, specs[i]);
	memset(spec, 'h', sizeof(spec));
	(void)snprintf(spec + 400, sizeof(spec) - 400, ":80");
	refuse(bench, spec);
}

static void has_a_maximum(void **state)
{
	struct bench *bench = *state;

	for (int i = 0; i < LISTENER_MAX; i++)
		add(bench, "127.0.0.1:0");
	refuse(bench, "127.0.0.1:0");
	refuse(bench, bench->spec);
	assert_true(answers(&bench->set.items[0], "127.0.0.1"));
	assert_true(answers(&bench->set.items[LISTENER_MAX - 1], "127.0.0.1"));
}

static void closes_everything(void **state)
{
	struct bench *bench = *state;

	add(bench, "127.0.0.1:0");
	add(bench, bench->spec);
	int fds[2] = { bench->set.items[0].fd, bench->set.items[1].fd };
	/* A descriptor that was handed on is not closed, but the path still goes. */
	bench->set.items[1].fd = -1;
	listener_close_all(&bench->set);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_true(fcntl(fds[1], F_GETFD) >= 0);
	assert_int_equal(access(bench->path, F_OK), -1);
	close(fds[1]);
	listener_close_all(&bench->set);
}

/* ---- systemd: descriptors from 3 on, so each case runs in a child of its own ---- */

enum passed { PASS_TCP, PASS_UNIX, PASS_DGRAM, PASS_FILE, PASS_NOTHING, PASS_CONNECTED };

struct systemd_case {
	const char *what;
	const char *pid, *fds; /* pid NULL: ours; "-": not set */
	enum passed passed[4];
	size_t count;
	int expected; /* -1: refused, else how many */
};

static int make_fd(enum passed kind, const char *path)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd;

	switch (kind) {
	case PASS_UNIX:
		return bind_unix(path, SOCK_STREAM, true);
	case PASS_DGRAM:
		return socket(AF_INET, SOCK_DGRAM, 0);
	case PASS_FILE:
		return open("/dev/null", O_RDONLY);
	case PASS_CONNECTED:
		return socket(AF_INET, SOCK_STREAM, 0); /* a stream, but it does not listen */
	case PASS_TCP:
	case PASS_NOTHING:
	default:
		fd = socket(AF_INET, SOCK_STREAM, 0);
		return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0 ? fd : -1;
	}
}

/* The child's part: 0 as expected, 10 and up: not. */
static int run_systemd(struct bench *bench, const struct systemd_case *c)
{
	char pid[32];
	int made[4];

	for (size_t i = 0; i < c->count; i++)
		made[i] = c->passed[i] == PASS_NOTHING ? -1 : fcntl(make_fd(c->passed[i], bench->path), F_DUPFD, 40);
	for (int fd = 3; fd < 40; fd++)
		close(fd);
	for (size_t i = 0; i < c->count; i++) {
		if (made[i] >= 0 && dup2(made[i], 3 + (int)i) != 3 + (int)i)
			return 10;
	}
	(void)snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	if (c->pid == NULL || strcmp(c->pid, "-") != 0)
		(void)setenv("LISTEN_PID", c->pid != NULL ? c->pid : pid, 1);
	if (strcmp(c->fds, "-") != 0)
		(void)setenv("LISTEN_FDS", c->fds, 1);
	int failed = listener_add(&bench->set, "systemd", 0600, &bench->err);
	if ((failed != 0) != (c->expected < 0))
		return 11;
	if (bench->set.count != (c->expected < 0 ? 0 : (size_t)c->expected))
		return 12;
	for (size_t i = 0; i < bench->set.count; i++) {
		const struct listener *listener = &bench->set.items[i];
		if (listener->fd != 3 + (int)i || listener->name[0] == '\0' || listener->unlink_path[0] != '\0')
			return 13;
		if ((fcntl(listener->fd, F_GETFD) & FD_CLOEXEC) == 0 ||
		    (fcntl(listener->fd, F_GETFL) & O_NONBLOCK) == 0)
			return 14;
	}
	listener_close_all(&bench->set);
	/* The file is systemd's: it stays. */
	return c->expected > 0 && c->passed[0] == PASS_UNIX && access(bench->path, F_OK) != 0 ? 15 : 0;
}

static void takes_what_systemd_passed(void **state)
{
	static const struct systemd_case cases[] = {
		{ "one", NULL, "1", { PASS_TCP }, 1, 1 },
		{ "three", NULL, "3", { PASS_TCP, PASS_UNIX, PASS_TCP }, 3, 3 },
		{ "a unix socket", NULL, "1", { PASS_UNIX }, 1, 1 },
		{ "fewer than there are", NULL, "1", { PASS_TCP, PASS_TCP }, 2, 1 },
		{ "not for us", "1", "1", { PASS_TCP }, 1, -1 },
		{ "no LISTEN_PID", "-", "1", { PASS_TCP }, 1, -1 },
		{ "no LISTEN_FDS", NULL, "-", { PASS_TCP }, 1, -1 },
		{ "an empty LISTEN_PID", "", "1", { PASS_TCP }, 1, -1 },
		{ "none", NULL, "0", { PASS_TCP }, 1, -1 },
		{ "fewer than none", NULL, "-1", { PASS_TCP }, 1, -1 },
		{ "no number", NULL, "many", { PASS_TCP }, 1, -1 },
		{ "far too many", NULL, "17", { PASS_TCP }, 1, -1 },
		{ "a number that overflows", NULL, "99999999999999999999", { PASS_TCP }, 1, -1 },
		{ "a datagram socket", NULL, "1", { PASS_DGRAM }, 1, -1 },
		{ "a file", NULL, "1", { PASS_FILE }, 1, -1 },
		{ "nothing there", NULL, "1", { PASS_NOTHING }, 1, -1 },
		{ "a bad one behind a good one", NULL, "2", { PASS_TCP, PASS_FILE }, 2, -1 },
		{ "fewer there than said", NULL, "2", { PASS_TCP }, 1, -1 },
		{ "one that does not listen", NULL, "1", { PASS_CONNECTED }, 1, -1 },
	};
	struct bench *bench = *state;

	bool failed = false;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)unlink(bench->path);
		int status;
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(run_systemd(bench, &cases[i]));
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0)
			print_error("%s: %d\n", cases[i].what, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		failed = failed || status != 0;
	}
	assert_false(failed);
}

#define LISTENER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(unix_socket),
		LISTENER_TEST(replaces_a_stale_socket),
		LISTENER_TEST(refuses_a_live_socket),
		LISTENER_TEST(refuses_a_live_socket_that_is_busy),
		LISTENER_TEST(refuses_live_sockets_of_other_types),
		LISTENER_TEST(refuses_a_live_socket_of_somebody_else),
		LISTENER_TEST(refuses_what_is_no_socket),
		LISTENER_TEST(refuses_paths_that_cannot_be),
		LISTENER_TEST(takes_the_longest_path),
		LISTENER_TEST(finds_a_free_port),
		LISTENER_TEST(refuses_a_port_in_use),
		LISTENER_TEST(listens_on_v6),
		LISTENER_TEST(listens_everywhere),
		LISTENER_TEST(refuses_what_is_no_address),
		LISTENER_TEST(has_a_maximum),
		LISTENER_TEST(closes_everything),
		LISTENER_TEST(takes_what_systemd_passed),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
