/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing string that always has a maximum. Appends return nothing: the buffer remembers the first
 * failure (maximum passed, no memory) and is asked once, before use (strbuf_failed). After a failure it
 * takes nothing more; what it holds stays valid and NUL-terminated. One thread at a time.
 */
#ifndef BRIDGE_BASE_STRBUF_H
#define BRIDGE_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/cleanup.h"

struct strbuf {
	char *ptr;   /* NULL until something is appended; see strbuf_str */
	size_t len;  /* without the NUL */
	size_t cap;
	size_t max;  /* len never exceeds it */
	bool failed;
};

/* An empty buffer for at most max bytes, for initialisers; allocates nothing. */
#define STRBUF(maximum) ((struct strbuf){ .max = (maximum) })

/* Frees what it holds; the buffer is empty and usable again, with the same maximum. For CLEANUP. */
void strbuf_release(struct strbuf *sb);

/* Forgets content and failure, keeps the memory. */
void strbuf_reset(struct strbuf *sb);

bool strbuf_failed(const struct strbuf *sb);

/* The content, NUL-terminated, never NULL; borrowed until the next append or release. */
const char *strbuf_str(const struct strbuf *sb);

/* Hands the content over (new, free() it; never NULL unless memory ran out) and leaves the buffer empty. */
char *strbuf_detach(struct strbuf *sb);

/* Cuts the content to len bytes, if it is longer. */
void strbuf_truncate(struct strbuf *sb, size_t len);

void strbuf_add(struct strbuf *sb, const void *bytes, size_t len);
void strbuf_adds(struct strbuf *sb, const char *text); /* NULL adds nothing */
void strbuf_addc(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...) PRINTF(2, 3);
void strbuf_add_i64(struct strbuf *sb, int64_t value);

/*
 * Adds text as a JSON string with its quotes (RFC 8259). Bytes that are not UTF-8 become U+FFFD, so the
 * result is always valid JSON; DEL, C1 controls, U+2028/9 and bidi controls are escaped too, so that one
 * line stays one line in every viewer. text may be NULL only when len is 0.
 */
void strbuf_add_json(struct strbuf *sb, const char *text, size_t len);

#endif
