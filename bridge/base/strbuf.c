/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/strbuf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/utf8.h"

void strbuf_release(struct strbuf *sb)
{
	free(sb->ptr);
	sb->ptr = NULL;
	sb->len = 0;
	sb->cap = 0;
	sb->failed = false;
}

void strbuf_reset(struct strbuf *sb)
{
	sb->len = 0;
	sb->failed = false;
	if (sb->ptr != NULL)
		sb->ptr[0] = '\0';
}

bool strbuf_failed(const struct strbuf *sb)
{
	return sb->failed;
}

const char *strbuf_str(const struct strbuf *sb)
{
	return sb->ptr != NULL ? sb->ptr : "";
}

char *strbuf_detach(struct strbuf *sb)
{
	char *text = sb->ptr != NULL ? sb->ptr : calloc(1, 1);

	sb->ptr = NULL;
	strbuf_release(sb);
	return text;
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
	if (len >= sb->len)
		return;
	sb->len = len;
	sb->ptr[len] = '\0';
}

/* Makes room for more bytes and a NUL; false, and failed for good, if the maximum or memory forbids. */
static bool make_room(struct strbuf *sb, size_t more)
{
	if (sb->failed)
		return false;
	if (more > sb->max - sb->len || sb->max == SIZE_MAX) {
		sb->failed = true;
		return false;
	}
	size_t need = sb->len + more + 1;
	if (need <= sb->cap)
		return true;
	size_t cap = sb->cap < 64 ? 64 : sb->cap;
	while (cap < need)
		cap += cap / 2;
	char *grown = realloc(sb->ptr, cap);
	if (grown == NULL) {
		sb->failed = true;
		return false;
	}
	sb->ptr = grown;
	sb->cap = cap;
	return true;
}

void strbuf_add(struct strbuf *sb, const void *bytes, size_t len)
{
	if (!make_room(sb, len))
		return;
	if (len > 0)
		memcpy(sb->ptr + sb->len, bytes, len);
	sb->len += len;
	sb->ptr[sb->len] = '\0';
}

void strbuf_adds(struct strbuf *sb, const char *text)
{
	if (text != NULL)
		strbuf_add(sb, text, strlen(text));
}

void strbuf_addc(struct strbuf *sb, char c)
{
	strbuf_add(sb, &c, 1);
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !make_room(sb, (size_t)len)) {
		sb->failed = true;
		return;
	}
	va_start(args, fmt);
	(void)vsnprintf(sb->ptr + sb->len, (size_t)len + 1, fmt, args);
	va_end(args);
	sb->len += (size_t)len;
}

void strbuf_add_i64(struct strbuf *sb, int64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, value);

	strbuf_add(sb, digits, (size_t)len);
}

/* Code points that viewers treat as a line end, a control or a change of direction. */
static bool must_escape(uint32_t point)
{
	return point < 0x20U || (point >= 0x7FU && point < 0xA0U) || point == 0x2028U || point == 0x2029U ||
	       point == 0x200EU || point == 0x200FU || (point >= 0x202AU && point <= 0x202EU) ||
	       (point >= 0x2066U && point <= 0x2069U);
}

static void add_escape(struct strbuf *sb, uint32_t point)
{
	switch (point) {
	case '\n':
		strbuf_add(sb, "\\n", 2);
		return;
	case '\r':
		strbuf_add(sb, "\\r", 2);
		return;
	case '\t':
		strbuf_add(sb, "\\t", 2);
		return;
	default:
		strbuf_addf(sb, "\\u%04x", point);
	}
}

void strbuf_add_json(struct strbuf *sb, const char *text, size_t len)
{
	size_t at = 0, plain = 0;

	strbuf_addc(sb, '"');
	while (at < len) {
		unsigned char c = (unsigned char)text[at];
		if (c >= 0x20U && c < 0x7FU && c != '"' && c != '\\') {
			at++;
			continue;
		}
		uint32_t point = 0xFFFDU;
		size_t step = utf8_next(text + at, len - at, &point);
		if (step > 1 && !must_escape(point)) {
			at += step;
			continue;
		}
		strbuf_add(sb, text + plain, at - plain);
		if (step == 0)
			strbuf_add(sb, "\xEF\xBF\xBD", 3);
		else if (c == '"' || c == '\\')
			strbuf_add(sb, (char[]){ '\\', (char)c }, 2);
		else
			add_escape(sb, point);
		at += step == 0 ? 1 : step;
		plain = at;
	}
	if (len > plain)
		strbuf_add(sb, text + plain, len - plain);
	strbuf_addc(sb, '"');
}
