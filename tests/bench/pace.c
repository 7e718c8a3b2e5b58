/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhook-to-API latency at a steady rate. One program sends the webhooks and stands in for the API that they end up at, so
 * both ends of the way are read from one clock. Two threads: the stub answers `continue` and notes when each comment arrived; the
 * sender posts ready-made requests, each at its own moment. Latency counts from the moment a request was due, so a
 * sender that is held up hides nothing.
 *
 *   pace           prints the stub's port, then for each line "PORT RATE SIZE FILE ANCHOR" on standard input (requests of SIZE
 *                  bytes each, one after another in FILE, posted to 127.0.0.1:PORT; ANCHOR stands before the comment's id
 *                  in the prompt, "-": nothing will arrive at the stub) one line of JSON, in microseconds.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem, epoll_pwait2 */
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS_MAX 65536
#define BUFFER_MAX   (256 * 1024)
#define ID_BASE      1000000000ULL /* the first request has id ID_BASE + 1 */
#define ARRIVE_MAX_S 10            /* how long the last one may take */

struct stub {
	int listener, epoll;
	char anchor[32]; /* set between runs */
	_Atomic int64_t arrived[REQUESTS_MAX];
	atomic_size_t count, twice;
};

struct peer {
	int fd;
	size_t len;
	char data[BUFFER_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "pace: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent < 0)
			die("send");
		data += sent;
		len -= (size_t)sent;
	}
}

static void no_delay(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* ---- the stub ---- */

/* Length of the whole message at the start of data, 0: not all of it is there. */
static size_t message_length(const char *data, size_t len)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);
	size_t body = 0;

	if (end == NULL)
		return 0;
	size_t head = (size_t)(end - data) + 4;
	for (const char *at = data; at < end; at = (const char *)memchr(at, '\n', (size_t)(end - at) + 2) + 1) {
		if (strncasecmp(at, "Content-Length:", 15) == 0)
			body = strtoul(at + 15, NULL, 10);
	}
	return head + body <= len ? head + body : 0;
}

static void note_arrival(struct stub *stub, const char *data, size_t len)
{
	int64_t now = now_ns();
	size_t anchor = strlen(stub->anchor);
	const char *at = memmem(data, len, stub->anchor, anchor);
	int64_t never = 0;

	if (at == NULL)
		return;
	uint64_t index = strtoull(at + anchor, NULL, 10) - ID_BASE - 1;
	if (index >= REQUESTS_MAX)
		return;
	if (atomic_compare_exchange_strong(&stub->arrived[index], &never, now))
		atomic_fetch_add(&stub->count, 1);
	else
		atomic_fetch_add(&stub->twice, 1);
}

static void answer(struct stub *stub, int fd, const char *data, size_t len)
{
	static const char job[] = "{\"job_id\":\"job_01KRK1V46BXS73CSNK2VR35NPJ\",\"message_id\":\"cmsg_01KRK1V46BXS73CSNK2VR35NPJ\"}";
	const char *body = "[]";
	char text[512];

	if (strncmp(data, "POST ", 5) == 0) {
		note_arrival(stub, data, len);
		body = job;
	}
	int size = snprintf(text, sizeof(text),
			    "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			    body == job ? "201 Created" : "200 OK", strlen(body), body);
	send_all(fd, text, (size_t)size);
}

static void serve_peer(struct stub *stub, struct peer *peer)
{
	ssize_t got = recv(peer->fd, peer->data + peer->len, BUFFER_MAX - 1 - peer->len, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		(void)close(peer->fd);
		free(peer);
		return;
	}
	peer->len += (size_t)got;
	peer->data[peer->len] = '\0';
	for (size_t len; (len = message_length(peer->data, peer->len)) > 0;) {
		answer(stub, peer->fd, peer->data, len);
		memmove(peer->data, peer->data + len, peer->len - len + 1);
		peer->len -= len;
	}
}

static void *run_stub(void *arg)
{
	struct stub *stub = arg;
	struct epoll_event events[64];

	for (int count = 0; count >= 0 || errno == EINTR;) {
		count = epoll_wait(stub->epoll, events, 64, -1);
		for (int i = 0; i < count; i++) {
			struct peer *peer = events[i].data.ptr;
			if (peer != NULL) {
				serve_peer(stub, peer);
				continue;
			}
			peer = calloc(1, sizeof(*peer));
			if (peer == NULL)
				die("memory");
			peer->fd = accept(stub->listener, NULL, NULL);
			if (peer->fd < 0)
				die("accept");
			no_delay(peer->fd);
			struct epoll_event event = { .events = EPOLLIN, .data.ptr = peer };
			(void)epoll_ctl(stub->epoll, EPOLL_CTL_ADD, peer->fd, &event);
		}
	}
	return NULL;
}

static unsigned start_stub(struct stub *stub)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	struct epoll_event event = { .events = EPOLLIN };
	pthread_t thread;

	stub->listener = socket(AF_INET, SOCK_STREAM, 0);
	stub->epoll = epoll_create1(0);
	if (bind(stub->listener, (const struct sockaddr *)&address, len) != 0 || listen(stub->listener, 128) != 0 ||
	    getsockname(stub->listener, (struct sockaddr *)&address, &len) != 0 ||
	    epoll_ctl(stub->epoll, EPOLL_CTL_ADD, stub->listener, &event) != 0 ||
	    pthread_create(&thread, NULL, run_stub, stub) != 0)
		die("stub");
	return ntohs(address.sin_port);
}

/* ---- the sender ---- */

/* Enough connections that none has to wait for another's answer; kept from one request to the next. */
#define LINES 16

struct line {
	int fd;
	bool busy;
	size_t request;
	size_t len;
	char data[4096];
};

struct run {
	const char *requests;
	size_t size, count;
	int64_t *due, *acked;
	struct line lines[LINES];
	size_t answered, refused, held_up;
	int epoll;
};

static void connect_lines(struct run *run, unsigned port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port),
	};

	run->epoll = epoll_create1(0);
	for (size_t i = 0; i < LINES; i++) {
		struct line *line = &run->lines[i];
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = line };
		line->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(line->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
			die("connect");
		no_delay(line->fd);
		(void)epoll_ctl(run->epoll, EPOLL_CTL_ADD, line->fd, &event);
	}
}

static void read_answer(struct run *run, struct line *line)
{
	ssize_t got = recv(line->fd, line->data + line->len, sizeof(line->data) - 1 - line->len, MSG_DONTWAIT);
	int64_t now = now_ns();

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		die("the other side closed");
	line->len += (size_t)got;
	line->data[line->len] = '\0';
	if (!line->busy || message_length(line->data, line->len) == 0)
		return;
	run->acked[line->request] = now;
	run->answered++;
	run->refused += strncmp(line->data + 8, " 202", 4) == 0 ? 0 : 1;
	line->len = 0;
	line->busy = false;
}

static void wait_until(struct run *run, int64_t until)
{
	struct epoll_event events[LINES];
	int64_t left;

	while ((left = until - now_ns()) > 0) {
		struct timespec timeout = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
		int count = epoll_pwait2(run->epoll, events, LINES, &timeout, NULL);
		for (int i = 0; i < count; i++)
			read_answer(run, events[i].data.ptr);
		if (run->answered == run->count)
			return;
	}
}

static struct line *free_line(struct run *run)
{
	for (bool first = true;; first = false) {
		for (size_t i = 0; i < LINES; i++) {
			if (!run->lines[i].busy)
				return &run->lines[i];
		}
		run->held_up += first ? 1 : 0;
		wait_until(run, now_ns() + 1000000);
	}
}

static void send_requests(struct run *run, double rate)
{
	int64_t start = now_ns() + 10000000;

	for (size_t i = 0; i < run->count; i++) {
		run->due[i] = start + (int64_t)((double)i * 1e9 / rate);
		wait_until(run, run->due[i]);
		struct line *line = free_line(run);
		line->busy = true;
		line->request = i;
		send_all(line->fd, run->requests + i * run->size, run->size);
	}
	for (int64_t end = now_ns() + (int64_t)ARRIVE_MAX_S * 1000000000; run->answered < run->count && now_ns() < end;)
		wait_until(run, now_ns() + 10000000);
}

/* ---- the report ---- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y ? 1 : 0;
}

static void print_times(const char *name, int64_t *times, size_t count)
{
	qsort(times, count, sizeof(*times), compare);
	for (size_t i = 0; i < 3; i++) {
		static const char *const labels[] = { "p50", "p99", "max" };
		size_t at = i == 2 ? count - 1 : i == 1 ? count * 99 / 100 : count / 2;
		printf(",\"%s_%s\":%.1f", name, labels[i], count > 0 ? (double)times[at] / 1e3 : 0.0);
	}
}

static void report(struct run *run, struct stub *stub)
{
	int64_t *times = calloc(run->count, sizeof(*times));
	size_t acks = 0, arrivals = 0;

	if (times == NULL)
		die("memory");
	printf("{\"sent\":%zu,\"answered\":%zu,\"refused\":%zu,\"held_up\":%zu,\"arrived\":%zu,\"twice\":%zu", run->count,
	       run->answered, run->refused, run->held_up, atomic_load(&stub->count), atomic_load(&stub->twice));
	for (size_t i = 0; i < run->count; i++)
		if (run->acked[i] != 0)
			times[acks++] = run->acked[i] - run->due[i];
	print_times("ack", times, acks);
	for (size_t i = 0; i < run->count; i++)
		if (stub->arrived[i] != 0)
			times[arrivals++] = stub->arrived[i] - run->due[i];
	print_times("arrival", times, arrivals);
	printf("}\n");
	(void)fflush(stdout);
	free(times);
}

static void map_requests(struct run *run, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	off_t length = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;

	if (length <= 0 || run->size == 0)
		die(file);
	run->count = (size_t)length / run->size;
	if (run->count > REQUESTS_MAX)
		run->count = REQUESTS_MAX;
	run->requests = mmap(NULL, (size_t)length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (run->requests == MAP_FAILED)
		die(file);
	(void)close(fd);
	run->due = calloc(run->count, sizeof(*run->due));
	run->acked = calloc(run->count, sizeof(*run->acked));
	if (run->due == NULL || run->acked == NULL)
		die("memory");
}

static void one_run(struct stub *stub, const char *text)
{
	struct run run = { .count = 0 };
	char file[512], anchor[32];
	unsigned port;
	double rate;

	if (sscanf(text, "%u %lf %zu %511s %31s", &port, &rate, &run.size, file, anchor) != 5 || rate <= 0) {
		fprintf(stderr, "pace: PORT RATE SIZE FILE ANCHOR\n");
		exit(2);
	}
	map_requests(&run, file);
	(void)snprintf(stub->anchor, sizeof(stub->anchor), "%s", anchor);
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		stub->arrived[i] = 0;
	stub->count = 0;
	stub->twice = 0;
	connect_lines(&run, port);
	send_requests(&run, rate);
	for (int i = 0; i < ARRIVE_MAX_S * 100 && strcmp(anchor, "-") != 0 && stub->count < run.count; i++)
		(void)usleep(10000);
	(void)usleep(50000); /* what comes twice comes now */
	report(&run, stub);
	for (size_t i = 0; i < LINES; i++)
		(void)close(run.lines[i].fd);
	(void)close(run.epoll);
	(void)munmap((void *)(uintptr_t)run.requests, run.count * run.size);
	free(run.due);
	free(run.acked);
}

int main(void)
{
	struct stub *stub = calloc(1, sizeof(*stub));
	char text[1024];

	if (stub == NULL)
		die("memory");
	/* Timers of normal threads may fire 50 us late to save wake-ups; that would be counted as latency. */
	(void)prctl(PR_SET_TIMERSLACK, 1UL);
	printf("%u\n", start_stub(stub));
	(void)fflush(stdout);
	while (fgets(text, sizeof(text), stdin) != NULL)
		one_run(stub, text);
	return 0;
}
