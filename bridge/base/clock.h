/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks, in milliseconds. Only threads' loops and main ask them; everything below takes time as an
 * argument, so that a test can say what time it is. Any thread.
 */
#ifndef BRIDGE_BASE_CLOCK_H
#define BRIDGE_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);  /* wall time since 1970, for what is stored and shown */
int64_t clock_mono_ms(void); /* monotonic, for deadlines within this process */

/* Writes "2026-04-12T18:45:12.000Z" (RFC 3339, UTC) into out. */
#define CLOCK_TEXT_SIZE 32
void clock_format(int64_t now_ms, char out[CLOCK_TEXT_SIZE]);

#endif
