/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Pure; any thread. */
#ifndef BRIDGE_BASE_UTF8_H
#define BRIDGE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads one code point at text[0..len), len > 0. Returns its length in bytes (1 to 4) and stores it, or
 * returns 0 if the bytes there are not valid UTF-8 (*ret_point is then untouched).
 */
size_t utf8_next(const char *text, size_t len, uint32_t *ret_point);

bool utf8_valid(const char *text, size_t len);

/* The largest n <= max such that text[0..n) does not end inside a sequence; text itself must be valid. */
size_t utf8_cut(const char *text, size_t len, size_t max);

/* How often c, an ASCII character, stands in a row in text[0..len) at most: a Markdown fence or span of one more cannot be left. */
size_t utf8_longest_run(const char *text, size_t len, char c);

/* Writes point as UTF-8 into out (at least 4 bytes); returns the length. point must be a scalar value. */
size_t utf8_encode(uint32_t point, char *out);

#endif
