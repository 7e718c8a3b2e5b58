/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_DOC_H
#define SANDBOX_DOC_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * JSON documents that came from outside. No member is assumed to have a type.
 * No state: any thread may call.
 */

/* The whole input as one JSON value in valid UTF-8, or NULL. Free with cJSON_Delete. */
cJSON *doc_parse(const char *bytes, size_t length);

/* As doc_parse, but only an object; an empty input is an empty object if `or_empty`. */
cJSON *doc_parse_object(const char *bytes, size_t length, bool or_empty);

/* For CLEANUP(doc_drop). */
void doc_drop(cJSON **document);

/* A string member (owned by the document), or NULL if it is absent or anything else. */
const char *doc_string(const cJSON *object, const char *name);

/* An integral number member within ±1e15; `fallback` if it is absent or anything else. */
int64_t doc_integer(const cJSON *object, const char *name, int64_t fallback);

/* A boolean member; `fallback` if it is absent or anything else. */
bool doc_bool(const cJSON *object, const char *name, bool fallback);

/* The first member whose name is not among the space-separated `known` ones, or NULL. */
const char *doc_unknown(const cJSON *object, const char *known);

/* Adds an RFC 3339 time with milliseconds. */
void doc_add_time(cJSON *object, const char *name, int64_t wall_ms);

#endif
