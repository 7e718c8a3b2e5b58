/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/siphash.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, int by)
{
	return word << by | word >> (64 - by);
}

static void mix(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s);
	mix(s);
	s->v0 ^= word;
}

/* Up to eight bytes as a little-endian number, whatever the machine's order. */
static uint64_t little_endian(const unsigned char *bytes, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

/* One system call a thread: every document that is read needs a seed. The next one is as unknown outside as the first. */
void siphash_seed(struct siphash_seed *seed)
{
	static _Thread_local struct siphash_seed next;
	static _Thread_local bool known;

	while (!known)
		known = getrandom(&next, sizeof(next), 0) == (ssize_t)sizeof(next);
	*seed = next;
	next.k0++;
}

uint64_t siphash(const struct siphash_seed *seed, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	size_t left = len;
	struct state s = { seed->k0 ^ UINT64_C(0x736f6d6570736575),
			   seed->k1 ^ UINT64_C(0x646f72616e646f6d),
			   seed->k0 ^ UINT64_C(0x6c7967656e657261),
			   seed->k1 ^ UINT64_C(0x7465646279746573) };

	for (; left >= 8; at += 8, left -= 8)
		absorb(&s, little_endian(at, 8));
	absorb(&s, (uint64_t)len << 56 | little_endian(at, left));
	s.v2 ^= 0xFFU;
	mix(&s);
	mix(&s);
	mix(&s);
	mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
