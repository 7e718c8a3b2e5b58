/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What looks like a credential. One pass: each rule looks at what stands at one place and takes a run of
 * characters away whole, so the time is linear. Too much taken is no harm; too little is.
 */
#include <string.h>
#include <strings.h>

#include "bridge/deliver/reply_text.h"

static const char redacted[] = "[redacted]";

/*
 * Prefix, then at least `least` of the characters of all token alphabets. GitHub's installation tokens hold dots and have
 * no fixed length since 2026 (webhook-sources 1.5).
 */
static const struct token_shape {
	const char *prefix;
	size_t least;
	bool word; /* only at the start of a word: the prefix is short */
} shapes[] = {
	{ "ghp_", 10, false },   { "gho_", 10, false },   { "ghu_", 10, false },   { "ghs_", 10, false },
	{ "ghr_", 10, false },   { "github_pat_", 10, false },
	{ "glpat-", 10, false }, { "gldt-", 10, true },   { "glrt-", 10, true },   { "glptt-", 10, true },
	{ "glcbt-", 10, true },  { "glsoat-", 10, true }, { "gloas-", 10, true },
	{ "xoxa-", 8, false },   { "xoxb-", 8, false },   { "xoxp-", 8, false },   { "xoxr-", 8, false },
	{ "xoxs-", 8, false },   { "xoxe-", 8, false },   { "xoxc-", 8, false },   { "xoxd-", 8, false },
	{ "xoxe.", 8, false },   { "xapp-", 8, true },
	{ "nr_", 12, true },     { "sk-", 16, true },     { "whsec_", 12, true },  { "eyJ", 24, true },
};

struct cursor {
	const char *text;
	size_t at, len;
};

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_token(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("._~+/=-", c) != NULL);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool starts(const struct cursor *c, size_t at, const char *with)
{
	size_t n = strlen(with);

	return c->len - at >= n && strncasecmp(c->text + at, with, n) == 0;
}

static bool starts_word(const struct cursor *c)
{
	return c->at == 0 || !(is_alnum(c->text[c->at - 1]) || c->text[c->at - 1] == '_');
}

/* Behind the run of token characters at `at`; full stops at its end belong to the sentence. */
static size_t token_end(const struct cursor *c, size_t at)
{
	size_t end = at;

	while (end < c->len && is_token(c->text[end]))
		end++;
	while (end > at && c->text[end - 1] == '.')
		end--;
	return end;
}

/* ghp_… and the like: the offset behind it, or 0. */
static size_t shape_end(const struct cursor *c)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		size_t prefix = strlen(shapes[i].prefix);
		if (c->len - c->at < prefix + shapes[i].least ||
		    memcmp(c->text + c->at, shapes[i].prefix, prefix) != 0 || (shapes[i].word && !starts_word(c)))
			continue;
		size_t end = c->at + prefix;
		while (end < c->len && (is_alnum(c->text[end]) || strchr("._-", c->text[end]) != NULL))
			end++;
		while (c->text[end - 1] == '.')
			end--;
		if (end >= c->at + prefix + shapes[i].least)
			return end;
	}
	return 0;
}

/* "missing bearer token", "Bearer authentication": a word, not a credential. */
static bool is_plain_word(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!(text[i] >= 'a' && text[i] <= 'z'))
			return false;
	}
	return len < 20;
}

/* "Bearer …": *ret_from is where the credential begins; returns where it ends, or 0. */
static size_t bearer_end(const struct cursor *c, size_t *ret_from)
{
	if (!starts_word(c) || !starts(c, c->at, "bearer"))
		return 0;
	size_t from = c->at + strlen("bearer"), word = from;
	while (from < c->len && (is_space(c->text[from]) || c->text[from] == ':' || c->text[from] == '='))
		from++;
	size_t end = token_end(c, from);
	if (from == word || end == from || is_plain_word(c->text + from, end - from))
		return 0;
	*ret_from = from;
	return end;
}

/* "Authorization: …" as a header or a JSON member: all up to the end of the line or string. */
static size_t header_end(const struct cursor *c, size_t *ret_from)
{
	static const char *const names[] = { "authorization", "private-token", "x-api-key", "set-cookie", "cookie" };
	size_t at = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && at == 0; i++) {
		if (starts(c, c->at, names[i]))
			at = c->at + strlen(names[i]);
	}
	if (at == 0)
		return 0;
	if (at < c->len && (c->text[at] == '"' || c->text[at] == '\''))
		at++;
	while (at < c->len && is_space(c->text[at]))
		at++;
	if (at >= c->len || (c->text[at] != ':' && c->text[at] != '='))
		return 0;
	at++;
	while (at < c->len && is_space(c->text[at]))
		at++;
	char quote = at < c->len && (c->text[at] == '"' || c->text[at] == '\'') ? c->text[at++] : '\n';
	size_t end = at;
	while (end < c->len && c->text[end] != '\n' && c->text[end] != '\r' && c->text[end] != quote)
		end++;
	*ret_from = at;
	return end > at ? end : 0;
}

/* What stands for a password in a URL: "x-access-token:…@", "://user:…@". */
static size_t userinfo_end(const struct cursor *c, size_t *ret_from)
{
	static const char token[] = "x-access-token:", scheme[] = "://";
	size_t from;

	if (starts(c, c->at, token)) {
		from = c->at + sizeof(token) - 1;
	} else if (starts(c, c->at, scheme)) {
		from = c->at + sizeof(scheme) - 1;
		while (from < c->len && (is_alnum(c->text[from]) || strchr("._~%+-", c->text[from]) != NULL))
			from++;
		if (from >= c->len || c->text[from] != ':')
			return 0;
		from++;
	} else {
		return 0;
	}
	size_t end = from;
	while (end < c->len && (unsigned char)c->text[end] > 0x20U && strchr("@/\"'<>`", c->text[end]) == NULL)
		end++;
	bool at_sign = end < c->len && c->text[end] == '@';
	*ret_from = from;
	return end > from && (at_sign || starts(c, c->at, token)) ? end : 0;
}

/* A PEM block, whatever it holds; without an end all that follows. */
static size_t pem_end(const struct cursor *c)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ", dashes[] = "-----";

	if (!starts(c, c->at, begin))
		return 0;
	const char *text = c->text + c->at, *stop = c->text + c->len;
	const char *last = memmem(text, (size_t)(stop - text), end, sizeof(end) - 1);
	if (last == NULL)
		return c->len;
	last += sizeof(end) - 1;
	const char *close = memmem(last, (size_t)(stop - last), dashes, sizeof(dashes) - 1);
	return close != NULL ? (size_t)(close - c->text) + sizeof(dashes) - 1 : c->len;
}

/* Where the credential that is announced at the cursor begins and ends; false: there is none. */
static bool find(const struct cursor *c, size_t *ret_from, size_t *ret_end)
{
	*ret_from = c->at;
	switch (c->text[c->at]) {
	case '-':
		*ret_end = pem_end(c);
		break;
	case ':':
		*ret_end = userinfo_end(c, ret_from);
		break;
	case 'b':
	case 'B':
		*ret_end = bearer_end(c, ret_from);
		break;
	case 'x':
	case 'X':
		*ret_end = userinfo_end(c, ret_from);
		if (*ret_end == 0)
			*ret_end = header_end(c, ret_from);
		break;
	case 'a':
	case 'A':
	case 'c':
	case 'C':
	case 'p':
	case 'P':
		*ret_end = header_end(c, ret_from);
		break;
	default:
		*ret_end = 0;
	}
	if (*ret_end == 0) {
		*ret_from = c->at;
		*ret_end = shape_end(c);
	}
	return *ret_end > 0;
}

void text_redact(const char *text, size_t len, struct strbuf *out)
{
	struct cursor c = { .text = text, .len = len };
	size_t plain = 0;

	while (c.at < len) {
		size_t from, end;
		if (!find(&c, &from, &end)) {
			c.at++;
			continue;
		}
		strbuf_add(out, text + plain, from - plain);
		strbuf_adds(out, redacted);
		c.at = plain = end;
	}
	strbuf_add(out, text + plain, len - plain);
}
