/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slack's mrkdwn as Markdown. The two agree on code and _italic_, but *x* is bold in the one and italic in the other:
 * a text that has marks which only Markdown knows is taken for Markdown, and its emphasis left alone.
 */
#include <string.h>

#include "bridge/deliver/answer_text.h"
#include "bridge/deliver/code_map.h"

#define LINK_MAX 2000 /* longer ones stay as they are: it bounds the search for an end */

struct scan {
	const char *text;
	size_t at, len;
	const bool *code;
	bool markdown;
	size_t bold_end, struck_end; /* the marks that close what is open; 0: none */
	struct strbuf *out;
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || ((unsigned char)c & 0x80U) != 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static char byte_at(const struct scan *s, size_t at)
{
	return at < s->len ? s->text[at] : '\n';
}

static char byte_before(const struct scan *s, size_t at)
{
	return at > 0 ? s->text[at - 1] : '\n';
}

static bool starts(const struct scan *s, const char *with)
{
	size_t n = strlen(with);

	return s->len - s->at >= n && memcmp(s->text + s->at, with, n) == 0;
}

static bool is_heading(const struct scan *s, size_t at)
{
	size_t n = 0;

	while (byte_at(s, at + n) == '#')
		n++;
	return n >= 1 && n <= 6 && byte_at(s, at + n) == ' ';
}

static bool is_markdown(const struct scan *s)
{
	for (size_t i = 0; i < s->len; i++) {
		if (s->code[i])
			continue;
		char c = s->text[i], next = byte_at(s, i + 1);
		if ((c == '*' && next == '*' && !is_space(byte_at(s, i + 2)) && byte_at(s, i + 2) != '*') ||
		    (c == ']' && next == '(') || (byte_before(s, i) == '\n' && is_heading(s, i)))
			return true;
	}
	return false;
}

/* The closing mark of the emphasis that begins at s->at, or 0. */
static size_t emphasis_end(const struct scan *s, char mark)
{
	char before = byte_before(s, s->at), first = byte_at(s, s->at + 1);

	if (is_word(before) || before == mark || before == '\\' || first == mark || is_space(first))
		return 0;
	for (size_t i = s->at + 1; i < s->len && s->text[i] != '\n'; i++) {
		if (s->text[i] != mark || s->code[i])
			continue;
		char after = byte_at(s, i + 1);
		return is_space(s->text[i - 1]) || is_word(after) || after == mark ? 0 : i;
	}
	return 0;
}

static bool take_emphasis(struct scan *s)
{
	char mark = s->text[s->at];

	size_t *close = mark == '*' ? &s->bold_end : mark == '~' ? &s->struck_end : NULL;

	if (close == NULL || s->markdown)
		return false;
	bool closing = *close != 0 && s->at == *close;
	size_t end = closing ? 0 : emphasis_end(s, mark);
	if (!closing && end == 0)
		return false;
	*close = end;
	strbuf_addc(s->out, mark);
	strbuf_addc(s->out, mark);
	s->at++;
	return true;
}

static void add_link(struct strbuf *out, const char *url, size_t url_len, const char *label, size_t label_len)
{
	strbuf_addc(out, '[');
	for (size_t i = 0; i < label_len; i++) {
		if (label[i] == '[' || label[i] == ']')
			strbuf_addc(out, '\\');
		strbuf_addc(out, label[i]);
	}
	strbuf_adds(out, "](");
	for (size_t i = 0; i < url_len; i++) {
		if (url[i] == '(' || url[i] == ')')
			strbuf_adds(out, url[i] == '(' ? "%28" : "%29");
		else
			strbuf_addc(out, url[i]);
	}
	strbuf_addc(out, ')');
}

/* <url|text>, <url>, and Slack's own <@U1|name>, <#C1|name>, <!here>, of which only the name stays. */
static bool take_angle(struct scan *s)
{
	if (s->text[s->at] != '<')
		return false;
	const char *inside = s->text + s->at + 1;
	size_t left = s->len - s->at - 1;
	const char *close = memchr(inside, '>', left < LINK_MAX ? left : LINK_MAX);
	size_t len = close != NULL ? (size_t)(close - inside) : 0;
	if (len == 0 || memchr(inside, '\n', len) != NULL || memchr(inside, '<', len) != NULL)
		return false;
	const char *bar = memchr(inside, '|', len);
	size_t target = bar != NULL ? (size_t)(bar - inside) : len;
	s->at++;
	bool url = starts(s, "https://") || starts(s, "http://") || starts(s, "mailto:");
	s->at--;
	bool name = strchr("@#!", inside[0]) != NULL && target > 1 && inside[1] != '-';
	if ((!url && !name) || memchr(inside, ' ', target) != NULL)
		return false;
	if (name)
		strbuf_add(s->out, bar != NULL ? bar + 1 : inside + 1, bar != NULL ? len - target - 1 : len - 1);
	else if (bar != NULL && len > target + 1)
		add_link(s->out, inside, target, bar + 1, len - target - 1);
	else
		strbuf_add(s->out, inside, target);
	s->at += len + 2;
	return true;
}

/* "&lt;" before what would make it a tag stays: it shows as the same. */
static bool take_entity(struct scan *s)
{
	static const struct {
		const char *entity;
		char meaning;
	} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' } };

	for (size_t i = 0; s->text[s->at] == '&' && i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (!starts(s, entities[i].entity))
			continue;
		size_t after = s->at + strlen(entities[i].entity);
		char next = byte_at(s, after);
		bool tag = entities[i].meaning == '<' && (is_word(next) || strchr("/!?", next) != NULL);
		bool quote = entities[i].meaning == '>' && byte_before(s, s->at) == '\n';
		bool twice = entities[i].meaning == '&' && (is_word(next) || next == '#');
		if (tag || quote || twice)
			return false;
		strbuf_addc(s->out, entities[i].meaning);
		s->at = after;
		return true;
	}
	return false;
}

static bool take_bullet(struct scan *s)
{
	static const char bullet[] = "• ";
	size_t line = s->at;

	if (!starts(s, bullet))
		return false;
	while (line > 0 && s->text[line - 1] == ' ')
		line--;
	if (line > 0 && s->text[line - 1] != '\n')
		return false;
	strbuf_adds(s->out, "- ");
	s->at += sizeof(bullet) - 1;
	return true;
}

/* A bare URL: its stars and tildes are no marks. */
static bool take_url(struct scan *s)
{
	if (s->text[s->at] != 'h' || (!starts(s, "https://") && !starts(s, "http://")))
		return false;
	for (; s->at < s->len && !is_space(s->text[s->at]) && strchr("<>|)`&", s->text[s->at]) == NULL; s->at++) {
		if ((s->bold_end != 0 && s->at == s->bold_end) || (s->struck_end != 0 && s->at == s->struck_end))
			break;
		strbuf_addc(s->out, s->text[s->at]);
	}
	return true;
}

void answer_markdown(const char *text, size_t len, struct strbuf *out)
{
	CLEANUP(cleanup_free) bool *code = code_map(text, len, NULL);
	struct scan s = { .text = text, .len = len, .code = code, .out = out };

	if (code == NULL) {
		strbuf_add(out, text, len);
		return;
	}
	s.markdown = is_markdown(&s);
	while (s.at < len) {
		if (!code[s.at] &&
		    (take_bullet(&s) || take_url(&s) || take_emphasis(&s) || take_angle(&s) || take_entity(&s)))
			continue;
		strbuf_addc(out, text[s.at++]);
	}
}
