/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/json_scan.h"

#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What scanning a string found out. */
enum { ESCAPED = 1, UNSTORABLE = 2 };

bool json_scan_fail(const struct json_scan *s, const unsigned char *at, const char *expected)
{
	(void)error_set(s->err, ERR_INVALID, "not JSON at byte %zu: expected %s",
			(size_t)(at - s->start), expected);
	return false;
}

/* The same for those that return a place. */
static const unsigned char *lost(const struct json_scan *s, const unsigned char *at,
				 const char *expected)
{
	(void)json_scan_fail(s, at, expected);
	return NULL;
}

static bool too_many(const struct json_scan *s, const unsigned char *at)
{
	(void)error_set(s->err, ERR_INVALID, "JSON with more than %d values, at byte %zu",
			JSON_MAX_VALUES, (size_t)(at - s->start));
	return false;
}

static bool too_deep(const struct json_scan *s, const unsigned char *at)
{
	(void)error_set(s->err, ERR_INVALID, "JSON nested deeper than %d levels, at byte %zu",
			JSON_MAX_DEPTH, (size_t)(at - s->start));
	return false;
}

static const unsigned char *space_end(const unsigned char *p, const unsigned char *end)
{
	while (p < end && *p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static unsigned char byte_at(const unsigned char *p, const unsigned char *end)
{
	return p < end ? *p : 0;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20U && c < 0x80U && c != '"' && c != '\\';
}

/*
 * The first byte that a string cannot simply go on with: quote, backslash, control, or beyond
 * ASCII. Most of a webhook is text of strings, so this is what decides the speed: sixteen bytes a
 * step.
 */
static inline const unsigned char *plain_end(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'),
		      blank = _mm_set1_epi8(' ');
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/*
		 * Signed comparison: what is beyond ASCII counts as less than blank, like the
		 * controls.
		 */
		__m128i odd = _mm_or_si128(
			_mm_cmplt_epi8(v, blank),
			_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
		unsigned mask = (unsigned)_mm_movemask_epi8(odd);
		if (mask != 0)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#else
	/*
	 * The same in a machine word; a borrow can only raise a false alarm, which the loop below
	 * settles.
	 */
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
	while (end - p >= 8) {
		uint64_t v, quotes, backslashes;
		memcpy(&v, p, sizeof(v));
		quotes = v ^ (ones * '"');
		backslashes = v ^ (ones * '\\');
		if (((v | (v - ones * 0x20) | (quotes - ones) | (backslashes - ones)) & highs) != 0)
			break;
		p += 8;
	}
#endif
	while (p < end && is_plain(*p))
		p++;
	return p;
}

/* Four hexadecimal digits at p, or -1. */
static int hex4(const unsigned char *p, const unsigned char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = p[i];
		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c | 0x20U) >= 'a' && (c | 0x20U) <= 'f')
			value = value << 4 | (int)((c | 0x20U) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/*
 * Four digits at p, after \u: the code point, with its second half if there is one, or -1. Moves
 * *p.
 */
static int take_unicode(const unsigned char **p, const unsigned char *end, bool *ret_lone)
{
	int unit = hex4(*p, end);

	*ret_lone = unit >= 0xD800 && unit <= 0xDFFF;
	if (unit < 0)
		return -1;
	*p += 4;
	if (!*ret_lone || unit >= 0xDC00 || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return unit;
	int low = hex4(*p + 2, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return unit;
	*p += 6;
	*ret_lone = false;
	return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

/* p is at a backslash. */
static const unsigned char *escape_end(const struct json_scan *s, const unsigned char *p,
				       unsigned *found)
{
	unsigned char kind = byte_at(p + 1, s->end);
	bool lone;

	*found |= ESCAPED;
	if (kind == 0 || strchr("\"\\/bfnrtu", kind) == NULL)
		return lost(s, p + 1, "one of \"\\/bfnrtu after a backslash");
	p += 2;
	if (kind != 'u')
		return p;
	int point = take_unicode(&p, s->end, &lone);
	if (point < 0)
		return lost(s, p, "four hexadecimal digits");
	if (lone || point == 0)
		*found |= UNSTORABLE;
	return p;
}

static const unsigned char *beyond_ascii_end(const struct json_scan *s, const unsigned char *p)
{
	while (p < s->end && *p >= 0x80U) {
		uint32_t point;
		size_t step = utf8_next((const char *)p, (size_t)(s->end - p), &point);
		if (step == 0)
			return lost(s, p, "valid UTF-8");
		p += step;
	}
	return p;
}

/* p is after the opening quote; returns what is after the closing one, or NULL. */
static inline const unsigned char *string_end(const struct json_scan *s, const unsigned char *p,
					      unsigned *found)
{
	for (;;) {
		p = plain_end(p, s->end);
		if (p == s->end)
			return lost(s, p, "the end of a string");
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
			p = escape_end(s, p, found);
		else if (*p >= 0x80U)
			p = beyond_ascii_end(s, p);
		else
			return lost(s, p, "no bare control character in a string");
		if (p == NULL)
			return NULL;
	}
}

/* From before a member's name to after its colon. */
static inline const unsigned char *name_end(const struct json_scan *s, const unsigned char *p,
					    struct json_text *ret)
{
	unsigned found = 0;

	p = space_end(p, s->end);
	if (byte_at(p, s->end) != '"')
		return lost(s, p, "the name of a member");
	ret->ptr = p + 1;
	p = string_end(s, p + 1, &found);
	if (p == NULL)
		return NULL;
	ret->len = (size_t)(p - 1 - ret->ptr);
	ret->escaped = (found & ESCAPED) != 0;
	ret->unstorable = (found & UNSTORABLE) != 0;
	p = space_end(p, s->end);
	return byte_at(p, s->end) == ':' ? p + 1 : lost(s, p, "a colon");
}

/* One or more digits, or NULL. */
static const unsigned char *digits_end(const struct json_scan *s, const unsigned char *p)
{
	const unsigned char *first = p;

	while (p < s->end && *p >= '0' && *p <= '9')
		p++;
	return p > first ? p : lost(s, p, "a digit");
}

static const unsigned char *number_end(const struct json_scan *s, const unsigned char *p,
				       size_t *ret_digits)
{
	p += *p == '-';
	const unsigned char *first = p;
	if (byte_at(p, s->end) == '0')
		p++;
	else if ((p = digits_end(s, p)) == NULL)
		return NULL;
	*ret_digits = (size_t)(p - first);
	if (byte_at(p, s->end) == '.') {
		*ret_digits = 0;
		if ((p = digits_end(s, p + 1)) == NULL)
			return NULL;
	}
	if ((byte_at(p, s->end) | 0x20) != 'e')
		return p;
	*ret_digits = 0;
	p++;
	p += byte_at(p, s->end) == '+' || byte_at(p, s->end) == '-';
	return digits_end(s, p);
}

static const unsigned char *word_end(const struct json_scan *s, const unsigned char *p,
				     const char *word, size_t len)
{
	if ((size_t)(s->end - p) < len || memcmp(p, word, len) != 0)
		return lost(s, p, "true, false or null");
	return p + len;
}

static const unsigned char *scalar_end(const struct json_scan *s, const unsigned char *p,
				       size_t *ret_digits)
{
	*ret_digits = 0;
	switch (byte_at(p, s->end)) {
	case 't':
		return word_end(s, p, "true", 4);
	case 'f':
		return word_end(s, p, "false", 5);
	case 'n':
		return word_end(s, p, "null", 4);
	case '-':
	case '0' ... '9':
		return number_end(s, p, ret_digits);
	default:
		return lost(s, p, "a value");
	}
}

bool json_scan_count(struct json_scan *s)
{
	return ++s->values <= JSON_MAX_VALUES || too_many(s, s->at);
}

bool json_scan_enter(struct json_scan *s)
{
	return ++s->depth <= JSON_MAX_DEPTH || too_deep(s, s->at);
}

unsigned char json_scan_peek(struct json_scan *s)
{
	s->at = space_end(s->at, s->end);
	return byte_at(s->at, s->end);
}

bool json_scan_string(struct json_scan *s, struct json_text *ret)
{
	unsigned found = 0;
	const unsigned char *after = string_end(s, s->at + 1, &found);

	if (after == NULL)
		return false;
	*ret = (struct json_text){ .ptr = s->at + 1,
				   .len = (size_t)(after - s->at) - 2,
				   .escaped = (found & ESCAPED) != 0,
				   .unstorable = (found & UNSTORABLE) != 0 };
	s->at = after;
	return true;
}

bool json_scan_name(struct json_scan *s, struct json_text *ret)
{
	s->at = name_end(s, s->at, ret);
	return s->at != NULL;
}

bool json_scan_scalar(struct json_scan *s, size_t *ret_digits)
{
	s->at = scalar_end(s, s->at, ret_digits);
	return s->at != NULL;
}

/*
 * The containers that skipping is inside of: one bit each, the innermost lowest, set for an object.
 */
struct nest {
	uint64_t objects;
	unsigned depth;
};
_Static_assert(JSON_MAX_DEPTH <= 64, "a bit for every level");

/*
 * After a value: over all brackets that close here, to the next item or past the outermost value.
 */
static inline const unsigned char *closings_end(const struct json_scan *s, const unsigned char *p,
						struct nest *nest)
{
	while (nest->depth > 0) {
		p = space_end(p, s->end);
		unsigned char c = byte_at(p, s->end);
		if (c == ',')
			return p + 1;
		if (c != ((nest->objects & 1U) != 0 ? '}' : ']'))
			return lost(s, p,
				    (nest->objects & 1U) != 0 ? "a comma or }" : "a comma or ]");
		p++;
		nest->objects >>= 1;
		nest->depth--;
	}
	return p;
}

/* The inside of an array or object is walked with a bit per level instead of a call per level. */
bool json_scan_skip(struct json_scan *s)
{
	const unsigned char *p = s->at, *end = s->end;
	struct nest nest = { 0, 0 };
	struct json_text name;
	size_t digits;
	unsigned found;

	do {
		p = space_end(p, end);
		unsigned char c = byte_at(p, end);
		if (++s->values > JSON_MAX_VALUES)
			return too_many(s, p);
		if (c == '"') {
			p = string_end(s, p + 1, &found);
		} else if (c == '{' || c == '[') {
			if (s->depth + ++nest.depth > JSON_MAX_DEPTH)
				return too_deep(s, p);
			nest.objects = nest.objects << 1 | (c == '{');
			p = space_end(p + 1, end);
			if (byte_at(p, end) != c + 2) { /* } and ] come two after { and [ */
				if (c == '{' && (p = name_end(s, p, &name)) == NULL)
					return false;
				continue;
			}
		} else {
			p = scalar_end(s, p, &digits);
		}
		if (p == NULL || (p = closings_end(s, p, &nest)) == NULL)
			return false;
		if ((nest.objects & 1U) != 0 && (p = name_end(s, p, &name)) == NULL)
			return false;
	} while (nest.depth > 0);
	s->at = p;
	return true;
}

/* One escape, p after the backslash; already validated. Returns what follows it. */
static const unsigned char *add_escape(const unsigned char *p, const unsigned char *end,
				       struct strbuf *out)
{
	static const char meanings[] = "b\bf\fn\nr\rt\t";
	char utf8[4];
	bool lone;

	if (*p != 'u') {
		const char *meaning =
			strchr("bfnrt", *p) != NULL ? strchr(meanings, *p) + 1 : (const char *)p;
		strbuf_addc(out, *meaning);
		return p + 1;
	}
	p++;
	int point = take_unicode(&p, end, &lone);
	if (lone || point <= 0)
		point = 0xFFFD;
	strbuf_add(out, utf8, utf8_encode((uint32_t)point, utf8));
	return p;
}

void json_scan_unescape(const struct json_text *text, struct strbuf *out)
{
	const unsigned char *p = text->ptr, *end = text->ptr + text->len;

	while (p < end) {
		const unsigned char *backslash = memchr(p, '\\', (size_t)(end - p));
		if (backslash == NULL)
			backslash = end;
		strbuf_add(out, p, (size_t)(backslash - p));
		p = backslash < end ? add_escape(backslash + 1, end, out) : end;
	}
}
