/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tag in the author's words is left alone: the look-up searches for the random id of this one message, made after
 * the words were written, so nobody can have put it there.
 */
#include "bridge/intake/prompt.h"

#include <string.h>

#include "bridge/base/invisible.h"
#include "bridge/base/utf8.h"
#include "bridge/intake/hygiene.h"
#include "bridge/model/message.h"

#define FIELD_MAX 200
#define FILE_MAX 300
#define URL_MAX 1000
#define QUOTE_MAX 4096

static const char cut_mark[] = "[… cut]\n";

static bool is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Spaces, quotes and controls cannot stand in a URL; whoever put them there meant to end it. */
static void add_url(struct strbuf *out, const char *url)
{
	for (const char *at = url; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;
		if (c <= 0x20U || c >= 0x7FU || strchr("\"<>\\^`{|}", *at) != NULL)
			strbuf_addf(out, "%%%02X", c);
		else
			strbuf_addc(out, *at);
	}
}

/* A piece of the first line; in quotes, which it then cannot hold itself. */
static void add_field(struct strbuf *out, const char *text, size_t max, bool quoted)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(max);

	invisible_line(text, max, &line);
	if (quoted) {
		for (size_t i = 0; i < line.len; i++) {
			if (line.ptr[i] == '"')
				line.ptr[i] = '\'';
		}
	}
	strbuf_adds(out, quoted ? "\"" : "");
	strbuf_adds(out, strbuf_str(&line));
	strbuf_adds(out, quoted ? "\"" : "");
}

/* A name that is not one word is quoted, so that it cannot go on as "octocat (OWNER) commented on". */
static void add_login(struct strbuf *out, const char *login)
{
	bool plain = true;

	for (const char *at = login; *at != '\0' && plain; at++) {
		unsigned char c = (unsigned char)*at;
		plain = c >= 0x80U || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			strchr("._-+[]@", *at) != NULL;
	}
	add_field(out, login, FIELD_MAX, !plain);
}

static void add_association(struct strbuf *out, const char *association)
{
	if (!is_set(association) || strspn(association, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen(association))
		return;
	strbuf_adds(out, " (");
	add_field(out, association, FIELD_MAX, false);
	strbuf_addc(out, ')');
}

static const char *name_of(const struct person *person)
{
	return is_set(person->login) ? person->login : person->id;
}

/* octocat (MEMBER) commented on pull request octo/hello#42 "Title" */
static void add_who_did_what(struct strbuf *out, const struct event *event)
{
	const char *who = name_of(&event->author);

	if (!is_set(who) && !is_set(event->did)) {
		strbuf_adds(out, "a message");
	} else if (!is_set(who)) {
		strbuf_adds(out, "somebody");
	} else {
		add_login(out, who);
		add_association(out, event->author.association);
	}
	if (is_set(event->did) || is_set(who)) {
		strbuf_addc(out, ' ');
		add_field(out, is_set(event->did) ? event->did : "wrote", FIELD_MAX, false);
	}
	if (is_set(event->where)) {
		strbuf_addc(out, ' ');
		add_field(out, event->where, FIELD_MAX, false);
	}
	if (is_set(event->title)) {
		strbuf_addc(out, ' ');
		add_field(out, event->title, FIELD_MAX, true);
	}
}

static void add_file(struct strbuf *out, const struct event *event)
{
	if (!is_set(event->file))
		return;
	strbuf_adds(out, " (");
	add_field(out, event->file, FILE_MAX, false);
	if (is_set(event->lines)) {
		strbuf_adds(out, strchr(event->lines, '-') != NULL ? ", lines " : ", line ");
		add_field(out, event->lines, FIELD_MAX, false);
	}
	strbuf_addc(out, ')');
}

static void add_editor(struct strbuf *out, const struct event *event)
{
	const char *author = name_of(&event->author), *actor = name_of(&event->actor);

	if (event->kind != EVENT_EDIT || !is_set(actor) || (author != NULL && strcmp(author, actor) == 0))
		return;
	strbuf_adds(out, " (edited by ");
	add_login(out, actor);
	strbuf_addc(out, ')');
}

static bool has_url(const struct event *event)
{
	return is_set(event->url) && strlen(event->url) <= URL_MAX;
}

static void add_provenance(struct strbuf *out, const struct source_config *source, const struct event *event,
			   bool cleaned)
{
	strbuf_addc(out, '[');
	add_field(out, source->name, FIELD_MAX, false);
	strbuf_adds(out, "] ");
	add_who_did_what(out, event);
	if (has_url(event)) {
		strbuf_adds(out, ": ");
		add_url(out, event->url);
	}
	add_file(out, event);
	add_editor(out, event);
	if (cleaned)
		strbuf_adds(out, " (hidden text removed)");
	strbuf_addc(out, '\n');
}

static void add_ticks(struct strbuf *out, size_t n)
{
	while (n-- > 0)
		strbuf_addc(out, '`');
}

/* Of a hunk that is too long the end is kept: the line in question is its last one. */
static const char *last_lines(const struct strbuf *quote, size_t max)
{
	const char *text = strbuf_str(quote);

	if (quote->len <= max)
		return text;
	const char *line = strchr(text + quote->len - max, '\n');
	return line != NULL ? line + 1 : text + quote->len;
}

/* The code in a fence that it cannot close. room: for all of it; it is left out when nothing fits. */
static void add_quote(struct strbuf *out, const struct event *event, enum hygiene_mode hygiene, size_t room)
{
	if (!is_set(event->quote))
		return;
	size_t len = strlen(event->quote);
	CLEANUP(strbuf_release) struct strbuf quote = STRBUF(3 * len + 1);
	if (hygiene == HYGIENE_STRICT)
		(void)invisible_strip(event->quote, len, &quote);
	else
		strbuf_add(&quote, event->quote, len);
	while (quote.len > 0 && quote.ptr[quote.len - 1] == '\n')
		strbuf_truncate(&quote, quote.len - 1);

	const char *text = last_lines(&quote, QUOTE_MAX);
	size_t ticks = utf8_longest_run(text, strlen(text), '`') + 1;
	ticks = ticks < 3 ? 3 : ticks;
	size_t frame = 2 * ticks + strlen("diff\n") + strlen("\n\n") + sizeof(cut_mark);
	if (text[0] == '\0' || frame + strlen(text) > room)
		return;
	add_ticks(out, ticks);
	strbuf_adds(out, "diff\n");
	if (text != strbuf_str(&quote))
		strbuf_adds(out, cut_mark);
	strbuf_adds(out, text);
	strbuf_addc(out, '\n');
	add_ticks(out, ticks);
	strbuf_addc(out, '\n');
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static void format_notice(struct strbuf *notice, size_t gone, size_t all, const struct event *event, bool url)
{
	strbuf_reset(notice);
	strbuf_addf(notice, "\n[… cut: %zu of %zu bytes", gone, all);
	if (url && has_url(event)) {
		strbuf_adds(notice, "; the whole text: ");
		add_url(notice, event->url);
	}
	strbuf_addc(notice, ']');
}

/* A blank line and the text, in at most room bytes. Returns whether it was cut. */
static bool add_text(struct strbuf *out, const char *text, size_t len, const struct event *event, size_t room)
{
	if (is_blank(text))
		return false;
	if (len + 2 <= room) {
		strbuf_addc(out, '\n');
		strbuf_add(out, text, len);
		strbuf_addc(out, '\n');
		return false;
	}
	CLEANUP(strbuf_release) struct strbuf notice = STRBUF(4096);
	format_notice(&notice, len, len, event, true); /* its longest form */
	bool url = notice.len + 2 <= room / 2;
	format_notice(&notice, len, len, event, url);
	if (notice.len + 2 > room)
		return true;
	size_t keep = utf8_cut(text, len, room - 2 - notice.len);
	format_notice(&notice, len - keep, len, event, url);
	strbuf_addc(out, '\n');
	strbuf_add(out, text, keep);
	strbuf_add(out, notice.ptr, notice.len);
	strbuf_addc(out, '\n');
	return true;
}

/* Everything in front of the text; how much of it there is depends on nothing but its own limits. */
static void add_head(struct strbuf *out, const struct source_config *source, const struct event *event, bool cleaned,
		     size_t max, size_t tail)
{
	add_provenance(out, source, event, cleaned);
	if (out->len + tail < max)
		add_quote(out, event, source->hygiene, (max - out->len - tail) / 2);
}

int prompt_compose(const struct source_config *source, const struct event *event, const char *message_id, size_t max,
		   struct strbuf *out, bool *ret_cut, struct error *err)
{
	const char *text = event->text != NULL ? event->text : "";
	size_t len = strlen(text);
	CLEANUP(strbuf_release) struct strbuf clean = STRBUF(3 * len + 1);
	CLEANUP(strbuf_release) struct strbuf head = STRBUF(SIZE_MAX - 1);
	bool cleaned = false;

	if (source->hygiene == HYGIENE_STRICT) {
		cleaned = hygiene_clean(text, len, &clean);
		text = strbuf_str(&clean);
		len = clean.len;
	}
	char tag[MESSAGE_TAG_SIZE];
	message_tag(message_id, tag);
	size_t tail = strlen(tag) + 1;
	add_head(&head, source, event, cleaned, max, tail);
	if (strbuf_failed(&clean) || strbuf_failed(&head))
		return error_set(err, ERR_NO_MEMORY, "no memory for a prompt");
	if (head.len + tail > max)
		return error_set(err, ERR_TOO_LARGE, "a prompt of at most %zu bytes has no room for its first line",
				 max);

	size_t before = out->len;
	strbuf_add(out, head.ptr, head.len);
	bool cut = add_text(out, text, len, event, max - head.len - tail);
	strbuf_addf(out, "\n%s", tag);
	if (strbuf_failed(out)) {
		strbuf_truncate(out, before);
		return error_set(err, ERR_TOO_LARGE, "the prompt does not fit into its buffer");
	}
	*ret_cut = cut;
	return 0;
}
