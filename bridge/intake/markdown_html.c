/* SPDX-License-Identifier: Apache-2.0 */
/* HTML inside Markdown: CommonMark 0.31 sections 4.6 (blocks), 6.5 (autolinks) and 6.6 (inline). */
#include <string.h>
#include <strings.h>

#include "bridge/intake/markdown_parts.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool starts(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && strncasecmp(text, with, n) == 0;
}

/* The offset behind the next `what` in [at, to), or 0. */
static size_t behind(const char *text, size_t at, size_t to, const char *what)
{
	const char *found = at < to ? memmem(text + at, to - at, what, strlen(what)) : NULL;

	return found != NULL ? (size_t)(found - text) + strlen(what) : 0;
}

/* The offset behind a comment's end. "<!-->" and "<!--->" are whole comments (HTML 13.2.5.43); 0: it has none. */
static size_t comment_end(const char *text, size_t at, size_t to)
{
	if (starts(text + at, to - at, "<!-->"))
		return at + 5;
	if (starts(text + at, to - at, "<!--->"))
		return at + 6;
	return behind(text, at + 4, to, "-->");
}

/* Tags. */

/* The next offset of content: what stands before the content of a line is no part of a tag. */
static size_t next(const struct markdown *md, size_t at, size_t to)
{
	at++;
	while (at < to && (md->map[at] & MARKDOWN_CLASS) == MARKDOWN_MARKUP)
		at++;
	return at;
}

static size_t skip_space(const struct markdown *md, size_t at, size_t to)
{
	while (at < to && is_space(md->text[at]))
		at = next(md, at, to);
	return at;
}

static size_t skip_name(const struct markdown *md, size_t at, size_t to)
{
	while (at < to && (is_letter(md->text[at]) || is_digit(md->text[at]) || md->text[at] == '-'))
		at++;
	return at;
}

/* An attribute's value; 0: none that is well-formed. */
static size_t skip_value(const struct markdown *md, size_t at, size_t to)
{
	if (at >= to)
		return 0;
	char quote = md->text[at];
	if (quote == '"' || quote == '\'') {
		for (at = next(md, at, to); at < to && md->text[at] != quote;)
			at = next(md, at, to);
		return at < to ? at + 1 : 0;
	}
	size_t from = at;
	while (at < to && !is_space(md->text[at]) && strchr("\"'=<>`", md->text[at]) == NULL)
		at++;
	return at > from ? at : 0;
}

static bool starts_attribute(char c)
{
	return is_letter(c) || c == '_' || c == ':';
}

/* Behind all attributes; 0: one is malformed. */
static size_t skip_attributes(const struct markdown *md, size_t at, size_t to)
{
	for (;;) {
		size_t name = skip_space(md, at, to);
		if (name == at || name >= to || !starts_attribute(md->text[name]))
			return name;
		at = name;
		while (at < to && (starts_attribute(md->text[at]) || is_digit(md->text[at]) ||
				   md->text[at] == '.' || md->text[at] == '-'))
			at++;
		size_t equals = skip_space(md, at, to);
		if (equals >= to || md->text[equals] != '=')
			continue;
		at = skip_value(md, skip_space(md, equals + 1, to), to);
		if (at == 0)
			return 0;
	}
}

/* An open or closing tag at '<'. */
static size_t tag_end(const struct markdown *md, size_t at, size_t to)
{
	bool closing = at + 1 < to && md->text[at + 1] == '/';
	size_t name = at + (closing ? 2 : 1);

	if (name >= to || !is_letter(md->text[name]))
		return 0;
	at = skip_name(md, name, to);
	at = closing ? skip_space(md, at, to) : skip_attributes(md, at, to);
	if (at == 0)
		return 0;
	if (!closing && at < to && md->text[at] == '/')
		at++;
	return at < to && md->text[at] == '>' ? at + 1 : 0;
}

/* <scheme:…> and <a@b>; the latter more generously than the rule: a back-tick in it is no address either way. */
static size_t autolink_end(const struct markdown *md, size_t at, size_t to)
{
	size_t from = at + 1;
	bool scheme = false, mail = false;

	for (at = from; at < to && md->text[at] != '>'; at++) {
		unsigned char c = (unsigned char)md->text[at];
		if (c <= 0x20U || c == '<')
			return 0;
		if (c == ':' && !scheme && !mail)
			scheme = at - from >= 2 && at - from <= 32 && is_letter(md->text[from]);
		else if (c == '@' && !scheme)
			mail = at > from;
		else if (!scheme && !is_letter((char)c) && !is_digit((char)c) &&
			 strchr(".!#$%&'*+/=?^_`{|}~-", c) == NULL)
			return 0;
		if (c == '`' && !scheme)
			return 0;
	}
	return at < to && (scheme || mail) ? at + 1 : 0;
}

/* A construct with a fixed end; remembers a search in vain. */
static size_t until(const struct markdown *md, size_t at, size_t to, const char *what, bool *missed)
{
	if (*missed)
		return 0;
	size_t end = behind(md->text, at, to, what);
	*missed = end == 0;
	return end;
}

/* "<!NAME …>" as GitHub's renderer has it; 0.31 takes any letter ("<!here>" of a chat would be gone). */
static size_t declaration_end(const struct markdown *md, size_t at, size_t to, bool *missed)
{
	at += 2;
	while (at < to && md->text[at] >= 'A' && md->text[at] <= 'Z')
		at++;
	if (*missed || at >= to || !is_space(md->text[at]))
		return 0;
	while (at < to && md->text[at] != '>')
		at = next(md, at, to); /* not the ">" of a quote */
	*missed = at >= to;
	return at < to ? at + 1 : 0;
}

bool markdown_html_differs(const struct markdown *md, size_t at, size_t end, size_t to)
{
	const char *text = md->text + at;
	size_t len = to - at;

	if (end > 0 && starts(text, len, "<!--"))
		return end - at < 7 || text[4] == '>' || text[end - at - 4] == '-' || starts(text + 4, len - 4, "->") ||
		       behind(md->text, at + 4, end - 3, "--") > 0;
	return len > 2 && text[1] == '!' && is_letter(text[2]);
}

size_t markdown_html_inline(const struct markdown *md, size_t at, size_t to, struct markdown_misses *misses,
			    bool *ret_comment)
{
	const char *text = md->text + at;
	size_t len = to - at;

	*ret_comment = false;
	if (starts(text, len, "<!--")) {
		/*
		 * Up to the first "-->", as in 0.31. GitHub's renderer (0.29) shows a comment that has "--" inside;
		 * others do not, so it is hidden here. Without an end it is plain text, everywhere.
		 */
		bool whole = starts(text, len, "<!-->") || starts(text, len, "<!--->");
		size_t end = misses->comment && !whole ? 0 : comment_end(md->text, at, to);
		misses->comment = misses->comment || end == 0;
		*ret_comment = end > 0;
		return end;
	}
	if (starts(text, len, "<?"))
		return until(md, at + 2, to, "?>", &misses->instruction);
	if (starts(text, len, "<![CDATA["))
		return until(md, at + 9, to, "]]>", &misses->cdata);
	if (len > 2 && text[1] == '!' && text[2] >= 'A' && text[2] <= 'Z')
		return declaration_end(md, at, to, &misses->declaration);
	size_t end = tag_end(md, at, to);
	return end > 0 ? end : autolink_end(md, at, to);
}

/* Blocks. */

static const char *const raw_tags[] = { "script", "pre", "style", "textarea", NULL };
static const char *const block_tags[] = {
	"address", "article", "aside", "base", "basefont", "blockquote", "body", "caption", "center", "col", "colgroup",
	"dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
	"frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "iframe", "legend",
	"li", "link", "main", "menu", "menuitem", "nav", "noframes", "ol", "optgroup", "option", "p", "param", "search",
	"section", "source", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "title", "tr", "track", "ul",
	NULL
};

static bool is_one_of(const char *name, size_t len, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strlen(*names) == len && strncasecmp(name, *names, len) == 0)
			return true;
	}
	return false;
}

/* A complete tag, alone on its line. */
static bool is_lone_tag(const struct markdown *md, size_t at, size_t to)
{
	size_t end = tag_end(md, at, to);

	return end > 0 && skip_space(md, end, to) == to;
}

int markdown_html_start(const struct markdown *md, size_t at, size_t to, bool in_paragraph)
{
	const char *line = md->text + at;
	size_t len = to - at;

	if (len < 2 || line[0] != '<')
		return 0;
	if (starts(line, len, "<!--"))
		return 2;
	if (line[1] == '?')
		return 3;
	if (starts(line, len, "<![CDATA["))
		return 5;
	if (len > 2 && line[1] == '!' && is_letter(line[2]))
		return 4;
	size_t name = line[1] == '/' ? 2 : 1, end = name;
	while (end < len && (is_letter(line[end]) || is_digit(line[end])))
		end++;
	bool bare = end == len || is_space(line[end]) || line[end] == '>';
	if (name == 1 && bare && is_one_of(line + name, end - name, raw_tags))
		return 1;
	if (is_one_of(line + name, end - name, block_tags) && (bare || starts(line + end, len - end, "/>")))
		return 6;
	return !in_paragraph && is_lone_tag(md, at, to) ? 7 : 0;
}

/* Whether one of the raw tags is closed in the line. */
static bool closes_raw(const char *line, size_t len)
{
	for (size_t at = 0; (at = behind(line, at, len, "</")) > 0;) {
		size_t end = at;
		while (end < len && is_letter(line[end]))
			end++;
		if (end < len && line[end] == '>' && is_one_of(line + at, end - at, raw_tags))
			return true;
	}
	return false;
}

bool markdown_html_ends(int number, const char *line, size_t len)
{
	static const char *const ends[] = { [2] = "-->", [3] = "?>", [4] = ">", [5] = "]]>" };

	if (number == 1)
		return closes_raw(line, len);
	return number >= 2 && number <= 5 && behind(line, 0, len, ends[number]) > 0;
}

/* Tags of raw HTML, roughly: from "<" and a letter or slash to ">" or the end of the line. */
static void mark_tags(struct markdown *md, size_t at, size_t to)
{
	while (at < to) {
		const char *open = memchr(md->text + at, '<', to - at);
		if (open == NULL)
			return;
		size_t from = (size_t)(open - md->text);
		at = from + 1;
		if (at >= to || (!is_letter(md->text[at]) && md->text[at] != '/'))
			continue;
		size_t end = behind(md->text, at, to, ">");
		at = end > 0 ? end : to;
		markdown_mark(md, from, at, MARKDOWN_MARKUP);
	}
}

void markdown_html_line(struct markdown *md, size_t from, size_t to)
{
	while (from < to) {
		if (!md->hidden) {
			size_t open = behind(md->text, from, to, "<!--");
			mark_tags(md, from, open > 0 ? open - 4 : to);
			if (open == 0)
				return;
			from = open - 4;
		}
		size_t end = md->hidden ? behind(md->text, from, to, "-->") : comment_end(md->text, from, to);
		md->hidden = end == 0;
		end = end > 0 ? end : to;
		markdown_mark(md, from, end, MARKDOWN_HIDDEN);
		from = end;
	}
}
