/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error is a value: a code for the program and one clause of text for the reader, who can act on it.
 * The caller owns it (mostly on its stack); it is the last parameter of whatever can fail. A function that
 * fails returns -1 and has filled it; one that succeeds returns 0 and has not touched it. Nobody below the
 * edge logs an error: whoever drops it does, once. Any thread; no global state.
 */
#ifndef BRIDGE_BASE_ERROR_H
#define BRIDGE_BASE_ERROR_H

#include "bridge/base/cleanup.h"

enum error_code {
	ERR_NONE = 0,
	ERR_INVALID,         /* the request or value is malformed: 400 */
	ERR_UNAUTHENTIC,     /* signature or credential missing, wrong, repeated or stale: 401 */
	ERR_NOT_FOUND,       /* 404 */
	ERR_METHOD,          /* 405 */
	ERR_CONFLICT,        /* 409 */
	ERR_TOO_LARGE,       /* 413 */
	ERR_CONTENT_TYPE,    /* 415 */
	ERR_BUSY,            /* full, draining or locked; trying again later is safe: 503 */
	ERR_STORE,           /* the store cannot keep or read it: 503 */
	ERR_CONFIG,          /* the configuration does not say what is needed */
	ERR_IO,              /* the operating system said no */
	ERR_UPSTREAM,        /* another service said no, or nothing */
	ERR_NO_MEMORY,
	ERR_INTERNAL,        /* a promise between our own functions was broken */
	ERR_CODES_
};

struct error {
	enum error_code code;
	char text[400];
};

/*
 * Fills *err (which may be NULL: the caller does not care) and returns -1, so that
 * `return error_set(err, CODE, "…")` is a whole error path. The text is one clause, without a full stop and
 * without "failed to"; what does not fit is cut on a UTF-8 boundary.
 */
int error_set(struct error *err, enum error_code code, const char *fmt, ...) PRINTF(3, 4);

/* Puts context in front of an error that is set ("open /x: " …); keeps the code. Returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF(2, 3);

/* The HTTP status that stands for a code (design 2.4); 500 for what has none. */
int error_http_status(enum error_code code);

#endif
