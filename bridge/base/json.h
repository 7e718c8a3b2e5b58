/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON from outside and JSON of ours.
 *
 * Reading is in two steps, because building a tree of a whole webhook costs five times as much as all else
 * together, and because cJSON alone accepts what must not pass (invalid UTF-8, NaN, trailing bytes) and cuts
 * strings at \u0000:
 *   1. json_extract makes one validating pass over all bytes (RFC 8259, RFC 3629) and keeps only the members
 *      that the caller names, as a small document of the same shape;
 *   2. cJSON parses that small document.
 * Pure; any thread.
 */
#ifndef BRIDGE_BASE_JSON_H
#define BRIDGE_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/error.h"
#include "bridge/base/strbuf.h"

#define JSON_MAX_DEPTH  64       /* nesting of objects and arrays */
/* Values of any kind in one document: the list of a long job's messages, nine members each, has many of them. */
#define JSON_MAX_VALUES 2000000

struct json_paths; /* a compiled list of member paths */

/*
 * Compiles paths such as "action", "comment.user.login", "changes.body.from": members below the top-level
 * object. A path that names an object or array keeps all of it. Names are compared byte for byte after
 * unescaping. An array on the way of a path is walked: every element is treated alike ("builds.name").
 * The list is NULL-terminated and copied. NULL: no memory. Immutable: any thread may use it.
 */
struct json_paths *json_paths_new(const char *const *paths);
void json_paths_free(struct json_paths *paths);

/*
 * Validates text[0..len) as exactly one JSON object and appends to out a document with just the named members
 * (present ones; members that are absent stay absent; the first of duplicate keys wins). paths == NULL keeps
 * everything. In what is kept, \u0000 and lone surrogate escapes become \ufffd, and integers of more than 15
 * digits become strings, since a double cannot hold them. Fails with ERR_INVALID and "line:col"-free text
 * that names the byte offset: not JSON, not an object, invalid UTF-8, too deep, too many values, bytes after
 * the end; ERR_TOO_LARGE when out's maximum is passed. out then holds a prefix: drop it.
 */
int json_extract(const char *text, size_t len, const struct json_paths *paths, struct strbuf *out,
		 struct error *err) MUST_CHECK;

/* json_extract, then cJSON. The tree is new: cJSON_Delete it (CLEANUP(json_delete_at)). */
int json_read(const char *text, size_t len, const struct json_paths *paths, cJSON **ret,
	      struct error *err) MUST_CHECK;
void json_delete_at(cJSON **tree);

/*
 * Typed look-ups along a dotted path ("comment.user.login"), NULL-safe at every step. The string form
 * returns NULL unless it is a string; borrowed from the tree. json_int is false unless it is an exact
 * integer (below 2^53), or a string of digits that json_extract made of a longer one (up to INT64_MAX).
 */
const cJSON *json_at(const cJSON *tree, const char *path);
const char *json_str(const cJSON *tree, const char *path);
bool json_int(const cJSON *tree, const char *path, int64_t *ret);
bool json_bool(const cJSON *tree, const char *path, bool if_absent);

/*
 * Writing. A writer puts commas and names where they belong; name is NULL inside arrays and for the
 * outermost value. Strings go through strbuf_add_json, so the result is always valid. A NULL string is
 * left out together with its name (in arrays: null).
 */
struct json_writer {
	struct strbuf *out;
	bool comma;
};

#define JSON_WRITER(sb) ((struct json_writer){ .out = (sb) })

void json_begin_object(struct json_writer *w, const char *name);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *name);
void json_end_array(struct json_writer *w);
void json_put_str(struct json_writer *w, const char *name, const char *value);
void json_put_strn(struct json_writer *w, const char *name, const char *value, size_t len);
void json_put_int(struct json_writer *w, const char *name, int64_t value);
void json_put_bool(struct json_writer *w, const char *name, bool value);
void json_put_raw(struct json_writer *w, const char *name, const char *json); /* already JSON */
/* An RFC 3339 time; left out when ms is 0. */
void json_put_time(struct json_writer *w, const char *name, int64_t ms);

#endif
