/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages with a length in front (four bytes, big endian) over a stream socket, each with a maximum: how the daemon
 * and its helper processes speak (process.h). Moments are of clock_mono_ms(). One thread at a time per end.
 */
#ifndef BRIDGE_BASE_FRAME_H
#define BRIDGE_BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

#define FRAME_FOREVER INT64_MAX

/* What has come of a frame so far; it never reads beyond the frame's end. */
struct frame_reader {
	unsigned char head[4];
	size_t head_len;
	size_t want;
	struct strbuf body; /* its max is the most that is taken */
};

/* For initialisers; frame_reader_release frees. */
#define FRAME_READER(maximum) ((struct frame_reader){ .body = STRBUF(maximum) })
void frame_reader_release(struct frame_reader *reader);

/*
 * Waits until `until` at most (a moment that is past: does not wait) for the rest of a frame. *ret is the frame,
 * NUL-terminated, borrowed until the next call; NULL: it has not come whole yet, ask again. ERR_UPSTREAM: the other
 * end is gone; ERR_TOO_LARGE: it announced more than the maximum (the stream is useless from then on).
 */
int frame_receive(struct frame_reader *reader, int socket, int64_t until, const char **ret, size_t *ret_len,
		  struct error *err) MUST_CHECK;

/*
 * Sends all of it; ERR_UPSTREAM: the other end is gone, or did not read in time (the stream is useless from then on).
 */
int frame_send(int socket, const void *bytes, size_t len, int64_t until, struct error *err) MUST_CHECK;

#endif
