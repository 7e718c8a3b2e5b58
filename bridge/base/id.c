/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/id.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

/*
 * The last timestamp and counter given out, as one number: milliseconds << 12 | counter. A process-wide
 * sequence has to be process-wide state; it is the one exception to passing a context, and lock-free.
 */
static _Atomic uint64_t last_stamp;

static uint64_t next_stamp(int64_t now_ms)
{
	uint64_t wanted = (uint64_t)now_ms << 12;
	uint64_t last = atomic_load_explicit(&last_stamp, memory_order_relaxed);
	uint64_t next;

	do {
		next = wanted > last ? wanted : last + 1;
	} while (!atomic_compare_exchange_weak_explicit(&last_stamp, &last, next, memory_order_relaxed,
							memory_order_relaxed));
	return next;
}

#define RANDOM_BYTES  8
#define RANDOM_STOCK  (32 * RANDOM_BYTES)

/* A system call for 32 ids: a thread's own stock, used up from the front and never twice. */
static void fill_random(unsigned char out[RANDOM_BYTES])
{
	static _Thread_local unsigned char stock[RANDOM_STOCK];
	static _Thread_local size_t used = RANDOM_STOCK;

	if (used == RANDOM_STOCK) {
		while (getrandom(stock, RANDOM_STOCK, 0) != RANDOM_STOCK && errno == EINTR)
			;
		used = 0;
	}
	memcpy(out, stock + used, RANDOM_BYTES);
	used += RANDOM_BYTES;
}

void id_new(int64_t now_ms, char out[ID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	uint64_t stamp = next_stamp(now_ms);
	uint64_t ms = stamp >> 12;
	unsigned char b[16];

	fill_random(b + 8);
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)(ms >> (40 - 8 * i));
	b[6] = (unsigned char)(0x70U | ((stamp >> 8) & 0x0FU));
	b[7] = (unsigned char)stamp;
	b[8] = (unsigned char)(0x80U | (b[8] & 0x3FU));

	char *at = out;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = hex[b[i] >> 4];
		*at++ = hex[b[i] & 0x0FU];
	}
	*at = '\0';
}

bool id_is_valid(const char *text)
{
	if (strlen(text) != ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < ID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	return true;
}
