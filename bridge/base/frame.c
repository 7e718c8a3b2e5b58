/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bridge/base/clock.h"

#define PIECE ((size_t)64 * 1024)

void frame_reader_release(struct frame_reader *reader)
{
	strbuf_release(&reader->body);
	reader->head_len = 0;
	reader->want = 0;
}

/* Whether the socket became ready before the moment; false with errno 0: the time is over. */
static bool wait_for(int socket, short events, int64_t until)
{
	for (;;) {
		struct pollfd ready = { .fd = socket, .events = events };
		int64_t left = until == FRAME_FOREVER ? -1 : until - clock_mono_ms();
		int timeout = left > 60000 ? 60000 : (int)left;

		if (until != FRAME_FOREVER && left <= 0)
			timeout = 0;
		int count = poll(&ready, 1, until == FRAME_FOREVER ? -1 : timeout);
		if (count > 0)
			return true;
		if (count < 0 && errno != EINTR)
			return false;
		if (until != FRAME_FOREVER && clock_mono_ms() >= until) {
			errno = 0;
			return false;
		}
	}
}

/* Up to len bytes; 0: not before the moment. */
static int receive_some(int socket, void *into, size_t len, int64_t until, size_t *ret, struct error *err)
{
	for (;;) {
		ssize_t got = recv(socket, into, len, MSG_DONTWAIT);

		if (got > 0) {
			*ret = (size_t)got;
			return 0;
		}
		if (got == 0)
			return error_set(err, ERR_UPSTREAM, "the other end is gone");
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return error_set(err, ERR_UPSTREAM, "receive: %s", strerror(errno));
		if (!wait_for(socket, POLLIN, until)) {
			if (errno != 0)
				return error_set(err, ERR_IO, "poll: %s", strerror(errno));
			*ret = 0;
			return 0;
		}
	}
}

static int receive_head(struct frame_reader *reader, int socket, int64_t until, bool *ret_whole, struct error *err)
{
	while (reader->head_len < sizeof(reader->head)) {
		size_t got = 0;

		if (receive_some(socket, reader->head + reader->head_len, sizeof(reader->head) - reader->head_len,
				 until, &got, err) != 0)
			return -1;
		if (got == 0) {
			*ret_whole = false;
			return 0;
		}
		reader->head_len += got;
	}
	if (reader->want == 0) {
		strbuf_reset(&reader->body);
		reader->want = (size_t)reader->head[0] << 24 | (size_t)reader->head[1] << 16 |
			       (size_t)reader->head[2] << 8 | reader->head[3];
	}
	*ret_whole = true;
	return 0;
}

int frame_receive(struct frame_reader *reader, int socket, int64_t until, const char **ret, size_t *ret_len,
		  struct error *err)
{
	bool head = false;

	*ret = NULL;
	*ret_len = 0;
	if (receive_head(reader, socket, until, &head, err) != 0)
		return -1;
	if (!head)
		return 0;
	if (reader->want > reader->body.max)
		return error_set(err, ERR_TOO_LARGE, "a message of %zu bytes, at most %zu are taken", reader->want,
				 reader->body.max);
	while (reader->body.len < reader->want) {
		char piece[4096];
		size_t left = reader->want - reader->body.len;
		size_t got = 0;

		if (receive_some(socket, piece, left < sizeof(piece) ? left : sizeof(piece), until, &got, err) != 0)
			return -1;
		if (got == 0)
			return 0;
		strbuf_add(&reader->body, piece, got);
		/* It may be a secret: the buffer is the caller's to wipe, this copy is ours. */
		explicit_bzero(piece, got);
		if (strbuf_failed(&reader->body))
			return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	reader->head_len = 0;
	reader->want = 0;
	*ret = strbuf_str(&reader->body);
	*ret_len = reader->body.len;
	return 0;
}

static int send_all(int socket, const char *bytes, size_t len, int64_t until, struct error *err)
{
	while (len > 0) {
		ssize_t sent = send(socket, bytes, len < PIECE ? len : PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent >= 0) {
			bytes += sent;
			len -= (size_t)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return error_set(err, ERR_UPSTREAM, "send: %s", strerror(errno));
		if (!wait_for(socket, POLLOUT, until))
			return error_set(err, ERR_UPSTREAM, "the other end does not read");
	}
	return 0;
}

int frame_send(int socket, const void *bytes, size_t len, int64_t until, struct error *err)
{
	if (len == 0 || len > INT32_MAX)
		return error_set(err, ERR_TOO_LARGE, "a message of %zu bytes", len);
	char head[4] = { (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len };

	if (send_all(socket, head, sizeof(head), until, err) != 0)
		return -1;
	return send_all(socket, bytes, len, until, err);
}
