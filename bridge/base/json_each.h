/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a long list out of a document, row by row, in one validating pass (RFC 8259, RFC 3629; the limits of json.h):
 * what is kept of a row is the reader's choice when it has seen the row, so a list of many megabytes costs only what
 * is wanted of it. Pure; any thread.
 */
#ifndef BRIDGE_BASE_JSON_EACH_H
#define BRIDGE_BASE_JSON_EACH_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

#define JSON_EACH_FIELDS 8

struct json_row; /* valid during the call it is given to */

/* Called for each object of the list. False ends the reading; json_each then fails with ERR_NO_MEMORY. */
typedef bool json_each_fn(void *context, const struct json_row *row);

/*
 * Walks the array that is the member `list` of the top-level object text[0..len). fields: NULL-terminated, at most
 * JSON_EACH_FIELDS names; the first of duplicate names wins. *ret_rows: all elements, also those that are no objects.
 * ERR_INVALID: not JSON, not an object, or no such array; some rows may have been given by then.
 */
int json_each(const char *text, size_t len, const char *list, const char *const *fields, json_each_fn *each, void *context,
	      size_t *ret_rows, struct error *err) MUST_CHECK;

/* Whether the row's field is a string. */
bool json_row_has(const struct json_row *row, size_t field);
/* Whether it is this very string (compared as written: a string that is spelled with escapes is none of our words). */
bool json_row_is(const struct json_row *row, size_t field, const char *text);
/* Appends what the string means (json.h says what becomes of \u0000); nothing when it is none. */
void json_row_add(const struct json_row *row, size_t field, struct strbuf *out);

#endif
