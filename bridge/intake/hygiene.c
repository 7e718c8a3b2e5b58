/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comments: by CommonMark an HTML block that begins with "<!--" and has no end runs to the end of its container, and the
 * browser hides all that follows, so an unclosed comment at the start of a line removes the rest. In the middle of a
 * paragraph it is plain text, visible, and stays.
 *
 * Removing can make something new of what is left ("<!-<!-- -->- x -->"), so it is done until nothing is left to remove.
 * Nobody but an attacker nests that way: after a few rounds all comments go, in code too.
 */
#include "bridge/intake/hygiene.h"

#include <stdint.h>
#include <string.h>

#include "bridge/base/invisible.h"
#include "bridge/intake/markdown.h"

#define ROUNDS 4

/* Appends what is not hidden. Returns whether something was. */
static bool drop_hidden(const char *text, size_t len, struct strbuf *out)
{
	CLEANUP(cleanup_free) unsigned char *map = markdown_map(text, len);
	size_t plain = 0;
	bool dropped = false;

	if (map == NULL) {
		out->failed = true;
		return false;
	}
	for (size_t at = 0; at < len; at++) {
		if ((map[at] & MARKDOWN_CLASS) != MARKDOWN_HIDDEN)
			continue;
		strbuf_add(out, text + plain, at - plain);
		while (at < len && (map[at] & MARKDOWN_CLASS) == MARKDOWN_HIDDEN)
			at++;
		plain = at;
		dropped = true;
	}
	strbuf_add(out, text + plain, len - plain);
	return dropped;
}

static bool ends_with(const struct strbuf *sb, size_t from, const char *tail)
{
	size_t n = strlen(tail);

	return sb->len - from >= n && memcmp(sb->ptr + sb->len - n, tail, n) == 0;
}

/* Every "<!--", and with it everything up to the first "-->" behind it or the end; what is left has none, whatever joins. */
static void drop_all(const char *text, size_t len, struct strbuf *out)
{
	size_t from = out->len;

	for (size_t at = 0; at < len; at++) {
		strbuf_addc(out, text[at]);
		if (strbuf_failed(out))
			return;
		if (!ends_with(out, from, "<!--"))
			continue;
		strbuf_truncate(out, out->len - 4);
		const char *end = memmem(text + at + 1, len - at - 1, "-->", 3);
		if (end == NULL)
			return;
		at = (size_t)(end - text) + 2;
	}
}

bool hygiene_clean(const char *text, size_t len, struct strbuf *out)
{
	CLEANUP(strbuf_release) struct strbuf now = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf less = STRBUF(SIZE_MAX - 1);
	bool removed = invisible_strip(text, len, &now);

	for (int round = 0; memmem(strbuf_str(&now), now.len, "<!--", 4) != NULL; round++) {
		if (round == ROUNDS)
			drop_all(now.ptr, now.len, &less);
		else if (!drop_hidden(now.ptr, now.len, &less) && !strbuf_failed(&less))
			break;
		removed = true;
		struct strbuf swap = now;
		now = less;
		less = swap;
		strbuf_reset(&less);
		if (strbuf_failed(&now))
			break;
	}
	if (strbuf_failed(&now))
		out->failed = true;
	strbuf_add(out, strbuf_str(&now), now.len);
	return removed;
}
