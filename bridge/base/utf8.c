/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/utf8.h"

#include <string.h>

static bool is_tail(unsigned char byte)
{
	return (byte & 0xC0U) == 0x80U;
}

size_t utf8_next(const char *text, size_t len, uint32_t *ret_point)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x80U) {
		*ret_point = s[0];
		return 1;
	}
	if (s[0] < 0xC2U || s[0] > 0xF4U)
		return 0;
	if (s[0] < 0xE0U) {
		if (len < 2 || !is_tail(s[1]))
			return 0;
		*ret_point = ((s[0] & 0x1FU) << 6) | (s[1] & 0x3FU);
		return 2;
	}
	if (s[0] < 0xF0U) {
		if (len < 3 || !is_tail(s[1]) || !is_tail(s[2]))
			return 0;
		uint32_t point = ((s[0] & 0x0FU) << 12) | ((s[1] & 0x3FU) << 6) | (s[2] & 0x3FU);
		if (point < 0x800U || (point >= 0xD800U && point <= 0xDFFFU))
			return 0;
		*ret_point = point;
		return 3;
	}
	if (len < 4 || !is_tail(s[1]) || !is_tail(s[2]) || !is_tail(s[3]))
		return 0;
	uint32_t point = ((s[0] & 0x07U) << 18) | ((s[1] & 0x3FU) << 12) | ((s[2] & 0x3FU) << 6) |
			 (s[3] & 0x3FU);
	if (point < 0x10000U || point > 0x10FFFFU)
		return 0;
	*ret_point = point;
	return 4;
}

bool utf8_valid(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		/* Most text is ASCII: eight bytes at a step. */
		uint64_t word;
		while (len - at >= sizeof(word)) {
			memcpy(&word, text + at, sizeof(word));
			if ((word & UINT64_C(0x8080808080808080)) != 0)
				break;
			at += sizeof(word);
		}
		if (at >= len)
			break;
		uint32_t point;
		size_t step = utf8_next(text + at, len - at, &point);
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	size_t at = max;
	while (at > 0 && is_tail((unsigned char)text[at]))
		at--;
	return at;
}

size_t utf8_encode(uint32_t point, char *out)
{
	if (point < 0x80U) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800U) {
		out[0] = (char)(0xC0U | (point >> 6));
		out[1] = (char)(0x80U | (point & 0x3FU));
		return 2;
	}
	if (point < 0x10000U) {
		out[0] = (char)(0xE0U | (point >> 12));
		out[1] = (char)(0x80U | ((point >> 6) & 0x3FU));
		out[2] = (char)(0x80U | (point & 0x3FU));
		return 3;
	}
	out[0] = (char)(0xF0U | (point >> 18));
	out[1] = (char)(0x80U | ((point >> 12) & 0x3FU));
	out[2] = (char)(0x80U | ((point >> 6) & 0x3FU));
	out[3] = (char)(0x80U | (point & 0x3FU));
	return 4;
}

size_t utf8_longest_run(const char *text, size_t len, char c)
{
	size_t longest = 0, run = 0;

	for (size_t i = 0; i < len; i++) {
		run = text[i] == c ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}
