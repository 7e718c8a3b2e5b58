/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_STAMP_H
#define SANDBOX_STAMP_H

#include <stdint.h>

/* Points in time, in milliseconds. No state: any thread may call. */

#define STAMP_SIZE 32

/* Milliseconds of a clock that never jumps; only differences mean anything. */
int64_t stamp_monotonic(void);

/* The moment from which at least `ms` have passed: one later than the sum, as both ends of the
 * interval were rounded down. */
int64_t stamp_deadline(int64_t ms);

/* Milliseconds since 1970-01-01 UTC. */
int64_t stamp_wall(void);

/* RFC 3339, UTC: with milliseconds as Nairi writes them, without as GitHub does. */
void stamp_format(int64_t wall_ms, char out[STAMP_SIZE]);
void stamp_format_seconds(int64_t wall_ms, char out[STAMP_SIZE]);

/* Reads RFC 3339 with any offset; 0 and *ret_ms, or -1 if it is not one. */
int stamp_parse(const char *string, int64_t *ret_ms);

#endif
