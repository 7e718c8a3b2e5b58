/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_TEXT_H
#define SANDBOX_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Growing bytes and the small questions asked of strings. No state: any thread may call,
 * a `struct text` belongs to one thread at a time. `{0}` is an empty text.
 */
struct text {
	char *data; /* NUL-terminated once anything was added, else NULL */
	size_t length;
	size_t capacity;
};

void text_free(struct text *text);
void text_reserve(struct text *text, size_t more);
void text_append(struct text *text, const void *bytes, size_t length);
void text_add(struct text *text, const char *string);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds standard base64 (RFC 4648 section 4, padded) of the bytes. */
void text_add_base64(struct text *text, const void *bytes, size_t length);

/* Adds the string as a JSON string with its quotes (RFC 8259 section 7). */
void text_add_json(struct text *text, const char *string);

/* Decodes %XX in place, and '+' to a space if `plus`; a broken escape stays as it is. */
void text_percent_decode(char *string, bool plus);

/* Whether the bytes are valid UTF-8 (RFC 3629: no surrogates, nothing overlong). */
bool text_is_utf8(const char *bytes, size_t length);

/* Number of code points in valid UTF-8. */
size_t text_code_points(const char *string);

/* `pattern` holding '*', '?' or '[' must match all of `string` (fnmatch), else be part of it. */
bool text_matches(const char *pattern, const char *string);

/* The last "[nairi-bridge ...]" tag inside the string, copied into `out`; "" if there is none. */
void text_find_tag(const char *string, char *out, size_t size);

/* FNV-1a, 64 bits, continuing from `seed` (use TEXT_HASH_START for the first). */
#define TEXT_HASH_START 0xcbf29ce484222325ULL
unsigned long long text_hash(unsigned long long seed, const void *bytes, size_t length);

#endif
