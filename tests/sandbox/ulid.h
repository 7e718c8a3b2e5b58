/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_ULID_H
#define SANDBOX_ULID_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Identifiers `<prefix>_<ULID>`. The 80 bits after the time hold a counter and then noise, so
 * that ids made in one millisecond sort too, and the counter can be read back (see quick.h).
 */

#define ULID_SIZE 48 /* prefix of at most 20, underscore, 26 characters, NUL */

struct ulid_source {
	uint64_t counter;
	uint64_t seed;
};

/* Starts a source with a random seed. */
void ulid_start(struct ulid_source *source);

/* Writes the next id; the caller serialises access to the source. Returns its counter. */
uint64_t ulid_make(struct ulid_source *source, const char *prefix, int64_t wall_ms,
		   char out[ULID_SIZE]);

/* One underscore, a lower-case alphanumeric prefix, 26 characters of Crockford base32. */
bool ulid_is_valid(const char *id);

/* The counter inside a valid id (anything, for an id that was not made here). */
uint64_t ulid_counter(const char *id);

/* 64 well-mixed bits from a number. */
uint64_t ulid_mix(uint64_t number);

#endif
