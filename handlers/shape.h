/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members a payload must have: typed look-ups that say, by name, what is wrong. Every error is
 * ERR_INVALID. Strings are borrowed from the tree. Pure; any thread.
 */
#ifndef HANDLERS_SHAPE_H
#define HANDLERS_SHAPE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/error.h"

/* A string, also an empty one. */
int shape_str(const cJSON *tree, const char *path, const char **ret, struct error *err) MUST_CHECK;

/*
 * A string; NULL when the member is null or absent, which senders use alike (webhook-sources 0.2).
 */
int shape_opt_str(const cJSON *tree, const char *path, const char **ret,
		  struct error *err) MUST_CHECK;

/* A whole number above 0: what ids and numbers of things are. */
int shape_id(const cJSON *tree, const char *path, int64_t *ret, struct error *err) MUST_CHECK;

/*
 * 1 to max bytes, all of them visible ASCII ("!" to "~"): ids that go into headers, keys and log
 * lines.
 */
bool shape_is_visible(const char *text, size_t max);

/*
 * 1 to max bytes of valid UTF-8 without controls, line separators, zero-width and bidi characters.
 */
bool shape_is_printable(const char *text, size_t max);

/* Nothing but white space (or nothing at all). */
bool shape_is_blank(const char *text);

#endif
