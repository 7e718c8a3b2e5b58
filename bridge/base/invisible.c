/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/invisible.h"

#include <string.h>

#include "bridge/base/utf8.h"

static const struct range {
	uint32_t first, last;
} invisible[] = {
	{ 0x00, 0x08 },       { 0x0B, 0x1F },       { 0x7F, 0x9F },       /* controls: not tab, not newline */
	{ 0xAD, 0xAD },       { 0x34F, 0x34F },     { 0x61C, 0x61C },     /* soft hyphen, joiner, Arabic mark */
	{ 0x115F, 0x1160 },   { 0x17B4, 0x17B5 },   { 0x180B, 0x180F },   /* fillers, Khmer, Mongolian */
	{ 0x200B, 0x200F },   { 0x202A, 0x202E },   { 0x2060, 0x206F },   /* zero-width, bidi, invisible operators */
	{ 0x3164, 0x3164 },   { 0xFE00, 0xFE0F },   { 0xFEFF, 0xFEFF },   /* filler, variation selectors, BOM */
	{ 0xFFA0, 0xFFA0 },   { 0xFFF0, 0xFFFB },   { 0x1BCA0, 0x1BCA3 }, /* filler, annotations, shorthand */
	{ 0x1D173, 0x1D17A }, { 0xE0000, 0xE0FFF },                       /* music, tags and more selectors */
};

bool invisible_point(uint32_t point)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]) && point >= invisible[i].first; i++) {
		if (point <= invisible[i].last)
			return true;
	}
	return false;
}

bool invisible_strip(const char *text, size_t len, struct strbuf *out)
{
	size_t at = 0, plain = 0;
	bool changed = false;

	while (at < len) {
		unsigned char c = (unsigned char)text[at];
		if ((c >= 0x20U && c < 0x7FU) || c == '\n' || c == '\t') {
			at++;
			continue;
		}
		uint32_t point;
		size_t step = utf8_next(text + at, len - at, &point);
		if (step > 0 && !invisible_point(point)) {
			at += step;
			continue;
		}
		strbuf_add(out, text + plain, at - plain);
		if (step == 0)
			strbuf_add(out, "\xEF\xBF\xBD", 3);
		else if (c == '\r' && (at + 1 >= len || text[at + 1] != '\n'))
			strbuf_addc(out, '\n');
		if (c != '\r')
			changed = true;
		at += step == 0 ? 1 : step;
		plain = at;
	}
	strbuf_add(out, text + plain, len - plain);
	return changed;
}

/* What one code point is in a line: itself, a space, or nothing. */
static uint32_t in_line(uint32_t point)
{
	if (point == '\t' || point == '\n' || point == '\r' || point == 0x2028U || point == 0x2029U)
		return ' ';
	return invisible_point(point) ? 0 : point;
}

void invisible_line(const char *text, size_t max, struct strbuf *out)
{
	static const char more[] = "…";
	size_t len = strlen(text), start = out->len, fits = start;
	bool space = true; /* leading ones are dropped */

	for (size_t at = 0; at < len;) {
		uint32_t point = 0xFFFDU;
		size_t step = utf8_next(text + at, len - at, &point);
		at += step == 0 ? 1 : step;
		point = in_line(point);
		if (point == 0 || (point == ' ' && space))
			continue;
		char bytes[4];
		size_t size = utf8_encode(point, bytes);
		if (out->len - start + size > max) {
			strbuf_truncate(out, fits);
			if (max >= sizeof(more) - 1)
				strbuf_adds(out, more);
			return;
		}
		strbuf_add(out, bytes, size);
		if (strbuf_failed(out))
			return;
		space = point == ' ';
		if (out->len - start + sizeof(more) - 1 <= max)
			fits = out->len;
	}
	if (space && out->len > start)
		strbuf_truncate(out, out->len - 1);
}
