/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again: exponential with full jitter, within bounds. Pure but for the random source; any thread. */
#ifndef BRIDGE_DELIVER_BACKOFF_H
#define BRIDGE_DELIVER_BACKOFF_H

#include <stdint.h>

/*
 * Milliseconds to wait after the attempt-th failure (from 1): a random time up to first * 2^(attempt-1), at most
 * max. Full jitter, so that what failed together does not come back together
 * (AWS Architecture Blog, "Exponential Backoff And Jitter").
 */
int64_t backoff_ms(int attempt, int64_t first_ms, int64_t max_ms);

/* The ceiling that the jitter is taken from. */
int64_t backoff_ceiling_ms(int attempt, int64_t first_ms, int64_t max_ms);

#endif
