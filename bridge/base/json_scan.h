/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to json_*.c: the cursor of the validating pass (RFC 8259 grammar, RFC 3629 text), and how
 * it moves over strings, numbers and whole values. Nothing is copied. Pure; any thread.
 */
#ifndef BRIDGE_BASE_JSON_SCAN_H
#define BRIDGE_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

struct json_scan {
	const unsigned char *start;
	const unsigned char *at;
	const unsigned char *end; /* nothing is read here or beyond, not even a NUL */
	size_t values;		  /* seen so far */
	unsigned depth;		  /* objects and arrays that are open */
	struct error *err;
};

/* The inside of a string as it stands in the text, and what is known of it. */
struct json_text {
	const unsigned char *ptr;
	size_t len;
	bool escaped;	 /* holds a backslash */
	bool unstorable; /* holds \u0000 or a lone surrogate */
};

/* All return false with *err set when the text is not JSON there; s->at is then of no use. */

/* Says what was expected at a place. Always false, so that it ends a function. */
bool json_scan_fail(const struct json_scan *s, const unsigned char *at, const char *expected);

/* Counts one more value, or one more open container, against JSON_MAX_VALUES and JSON_MAX_DEPTH. */
bool json_scan_count(struct json_scan *s);
bool json_scan_enter(struct json_scan *s);

/*
 * Moves over white space. Returns the byte that follows, or 0 (which no JSON has there) at the end.
 */
unsigned char json_scan_peek(struct json_scan *s);

/* A string, or a member's name with its colon, at s->at. */
bool json_scan_string(struct json_scan *s, struct json_text *ret);
bool json_scan_name(struct json_scan *s, struct json_text *ret);

/* A number or literal at s->at. *ret_digits: of an integer; 0 for all else. */
bool json_scan_scalar(struct json_scan *s, size_t *ret_digits);

/* Any value, white space before it included, counted with all that is in it. */
bool json_scan_skip(struct json_scan *s);

/* Adds what a scanned string means; \u0000 and lone surrogates become U+FFFD. */
void json_scan_unescape(const struct json_text *text, struct strbuf *out);

#endif
