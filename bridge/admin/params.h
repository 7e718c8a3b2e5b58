/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent-encoding and query strings (RFC 3986 section 2.1; application/x-www-form-urlencoded). Pure; any
 * thread.
 */
#ifndef BRIDGE_ADMIN_PARAMS_H
#define BRIDGE_ADMIN_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/arena.h"
#include "bridge/base/error.h"

#define PARAMS_MAX 16

struct params {
	struct {
		const char *name, *value;
	} items[PARAMS_MAX];
	size_t count;
};

/*
 * Decodes text[0..len) into the arena. plus: '+' is a space, as in queries. ERR_INVALID: a broken escape, an
 * encoded NUL, not UTF-8.
 */
int params_decode(const char *text, size_t len, bool plus, struct arena *arena, const char **ret,
		  struct error *err) MUST_CHECK;

/*
 * Reads a query (without '?'); allowed is NULL-terminated, NULL: none. ERR_INVALID: unknown or repeated names.
 */
int params_read(const char *query, const char *const *allowed, struct arena *arena, struct params *ret,
		struct error *err) MUST_CHECK;

const char *params_get(const struct params *params, const char *name); /* NULL: not there */

/* A decimal number within min..max. ERR_INVALID. */
int params_int(const struct params *params, const char *name, int64_t min, int64_t max, int64_t if_absent, int64_t *ret,
	       struct error *err) MUST_CHECK;

#endif
