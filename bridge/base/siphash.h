/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): the hash for
 * tables whose keys come from outside, since without the seed nobody can choose keys that collide.
 * libcrypto has it too, but one call there costs a microsecond of set-up. Pure, except
 * siphash_seed; any thread.
 */
#ifndef BRIDGE_BASE_SIPHASH_H
#define BRIDGE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_seed {
	uint64_t k0, k1;
};

/* A seed that nobody outside can know and no other table of this thread has; from getrandom(2), which cannot fail here. */
void siphash_seed(struct siphash_seed *seed);

uint64_t siphash(const struct siphash_seed *seed, const void *bytes, size_t len);

#endif
