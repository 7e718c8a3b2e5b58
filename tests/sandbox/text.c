/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/text.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/memory.h"

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

void text_reserve(struct text *text, size_t more)
{
	size_t need = text->length + more + 1;
	size_t capacity = text->capacity > 0 ? text->capacity : 128;

	if (need <= text->capacity)
		return;
	while (capacity < need)
		capacity *= 2;
	text->data = memory_grow(text->data, capacity, 1);
	text->capacity = capacity;
}

void text_append(struct text *text, const void *bytes, size_t length)
{
	text_reserve(text, length);
	if (length > 0)
		memcpy(text->data + text->length, bytes, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_append(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_list again;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0)
		abort();
	text_reserve(text, (size_t)length);
	vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
	va_end(again);
	text->length += (size_t)length;
}

void text_add_base64(struct text *text, const void *bytes, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = bytes;
	size_t i;

	text_reserve(text, (length + 2) / 3 * 4);
	for (i = 0; i < length; i += 3) {
		uint32_t left = (uint32_t)(length - i);
		uint32_t group = (uint32_t)in[i] << 16;
		char out[4];

		if (left > 1)
			group |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			group |= in[i + 2];
		out[0] = digits[group >> 18 & 63];
		out[1] = digits[group >> 12 & 63];
		out[2] = left > 1 ? digits[group >> 6 & 63] : '=';
		out[3] = left > 2 ? digits[group & 63] : '=';
		text_append(text, out, 4);
	}
}

void text_add_json(struct text *text, const char *string)
{
	text_add(text, "\"");
	for (; *string != '\0'; string++) {
		unsigned char byte = (unsigned char)*string;

		if (byte == '"' || byte == '\\')
			text_addf(text, "\\%c", byte);
		else if (byte == '\n')
			text_add(text, "\\n");
		else if (byte < 0x20)
			text_addf(text, "\\u%04x", byte);
		else
			text_append(text, string, 1);
	}
	text_add(text, "\"");
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

void text_percent_decode(char *string, bool plus)
{
	const char *in = string;
	char *out = string;

	while (*in != '\0') {
		int high = *in == '%' ? hex_value(in[1]) : -1;
		int low = high >= 0 ? hex_value(in[2]) : -1;

		if (low >= 0 && (high | low) != 0) {
			*out++ = (char)(high << 4 | low);
			in += 3;
			continue;
		}
		*out++ = plus && *in == '+' ? ' ' : *in;
		in++;
	}
	*out = '\0';
}

/* Length of the sequence a lead byte opens, 0 if it cannot open one. */
static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

/* The second byte has a narrower range after some leads (RFC 3629 section 4). */
static bool second_byte_fits(unsigned char lead, unsigned char second)
{
	if (lead == 0xe0)
		return second >= 0xa0 && second <= 0xbf;
	if (lead == 0xed)
		return second >= 0x80 && second <= 0x9f;
	if (lead == 0xf0)
		return second >= 0x90 && second <= 0xbf;
	if (lead == 0xf4)
		return second >= 0x80 && second <= 0x8f;
	return second >= 0x80 && second <= 0xbf;
}

bool text_is_utf8(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes;
	const unsigned char *end = at + length;

	while (at < end) {
		size_t need = sequence_length(*at);
		size_t i;

		if (need == 0 || (size_t)(end - at) < need)
			return false;
		if (need > 1 && !second_byte_fits(at[0], at[1]))
			return false;
		for (i = 2; i < need; i++)
			if ((at[i] & 0xc0) != 0x80)
				return false;
		at += need;
	}
	return true;
}

size_t text_code_points(const char *string)
{
	size_t count = 0;

	for (; *string != '\0'; string++)
		count += ((unsigned char)*string & 0xc0) != 0x80;
	return count;
}

bool text_matches(const char *pattern, const char *string)
{
	if (strpbrk(pattern, "*?[") != NULL)
		return fnmatch(pattern, string, 0) == 0;
	return strstr(string, pattern) != NULL;
}

void text_find_tag(const char *string, char *out, size_t size)
{
	static const char opening[] = "[nairi-bridge ";
	const char *found = NULL;
	const char *at = string;
	size_t length;

	out[0] = '\0';
	while ((at = strstr(at, opening)) != NULL)
		found = at++;
	if (found == NULL)
		return;
	length = strcspn(found, "]\n");
	if (found[length] != ']' || length + 2 > size)
		return;
	memcpy(out, found, length + 1);
	out[length + 1] = '\0';
}

unsigned long long text_hash(unsigned long long seed, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	size_t i;

	for (i = 0; i < length; i++)
		seed = (seed ^ at[i]) * 0x100000001b3ULL;
	return seed;
}
