/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/safe_words.h"

#include <string.h>

#include "bridge/base/invisible.h"
#include "bridge/base/utf8.h"
#include "bridge/deliver/reply_text.h"

#define NAME_MAX_BYTES 100

static const char more[] = "…";

static void add_ticks(struct strbuf *out, size_t n)
{
	while (n-- > 0)
		strbuf_addc(out, '`');
}

/*
 * Code pings nobody and refers to nothing at the forges, but not every chat agrees: a zero-width space parts the mark
 * from its name. GitLab takes a "/" at the start of a line for a command.
 */
static void neutralise(const struct strbuf *words, struct strbuf *out)
{
	for (size_t i = 0; i < words->len; i++) {
		char c = words->ptr[i];
		if (c == '/' && i > 0 && words->ptr[i - 1] == '\n')
			strbuf_addc(out, ' ');
		strbuf_addc(out, c);
		if ((c == '@' || c == '#') && i + 1 < words->len && strchr(" \t\n", words->ptr[i + 1]) == NULL)
			strbuf_adds(out, "\u200B");
	}
}

void safe_words_prepare(const char *words, struct strbuf *out)
{
	CLEANUP(strbuf_release) struct strbuf visible = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf safe = STRBUF(SIZE_MAX - 1);

	words += strspn(words, " \t\r\n");
	(void)invisible_strip(words, strlen(words), &visible);
	while (visible.len > 0 && strchr(" \t\n", visible.ptr[visible.len - 1]) != NULL)
		strbuf_truncate(&visible, visible.len - 1);
	text_redact(strbuf_str(&visible), visible.len, &safe);
	if (!strbuf_failed(&visible) && !strbuf_failed(&safe))
		neutralise(&safe, out);
}

/* How much of the words fits into room together with two rows of back-ticks and `frame` more bytes. */
static size_t words_fit(const struct strbuf *words, size_t room, size_t frame, size_t least_ticks)
{
	size_t ticks = utf8_longest_run(words->ptr, words->len, '`') + 1;

	ticks = ticks < least_ticks ? least_ticks : ticks;
	if (words->len + 2 * ticks + frame <= room)
		return words->len;
	/* Longer rows than anybody writes: of a third, rows of any length fit. */
	size_t other = ticks <= 16 ? 2 * ticks + frame : room - room / 3 + frame;
	return other + sizeof(more) < room ? utf8_cut(words->ptr, words->len, room - other - (sizeof(more) - 1)) : 0;
}

void safe_words_span(struct strbuf *out, const struct strbuf *words, size_t room)
{
	size_t keep = words_fit(words, room, 2, 1), ticks = utf8_longest_run(words->ptr, keep, '`') + 1;

	if (keep == 0)
		return;
	bool pad = words->ptr[0] == '`' || words->ptr[keep - 1] == '`';
	add_ticks(out, ticks);
	strbuf_adds(out, pad ? " " : "");
	strbuf_add(out, words->ptr, keep);
	strbuf_adds(out, keep < words->len ? more : "");
	strbuf_adds(out, pad ? " " : "");
	add_ticks(out, ticks);
}

void safe_words_fence(struct strbuf *out, const struct strbuf *words, size_t room)
{
	size_t keep = words_fit(words, room, sizeof("\n\n\n\n\n"), 3), ticks = utf8_longest_run(words->ptr, keep, '`') + 1;

	if (keep == 0)
		return;
	ticks = ticks < 3 ? 3 : ticks;
	strbuf_adds(out, "\n\n");
	add_ticks(out, ticks);
	strbuf_addc(out, '\n');
	strbuf_adds(out, words->ptr[0] == '/' ? " " : "");
	strbuf_add(out, words->ptr, keep);
	strbuf_adds(out, keep < words->len ? more : "");
	strbuf_addc(out, '\n');
	add_ticks(out, ticks);
}

static bool is_made_of(const char *text, size_t len, const char *chars)
{
	return len > 0 && len <= NAME_MAX_BYTES && strspn(text, chars) >= len;
}

bool safe_words_is_id(const char *id)
{
	static const char chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";

	return id != NULL && is_made_of(id, strlen(id), chars);
}

/* The names without "@": the author reads this anyway and wants no second notice. */
void safe_words_address(struct strbuf *out, const char *authors)
{
	static const char chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.[]_-";
	bool any = false;

	for (const char *at = authors != NULL ? authors : ""; *at != '\0';) {
		size_t len = strcspn(at, ",");
		/* Not one that would begin a list or a line of markup. */
		if (is_made_of(at, len, chars) && strchr(".[]_-", at[0]) == NULL) {
			strbuf_addf(out, "%s%.*s", any ? ", " : "", (int)len, at);
			any = true;
		}
		at += len;
		at += strspn(at, ", ");
	}
	strbuf_adds(out, any ? ": " : "");
}
