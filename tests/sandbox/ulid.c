/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/ulid.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tests/sandbox/stamp.h"

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void ulid_start(struct ulid_source *source)
{
	source->counter = 0;
	if (getrandom(&source->seed, sizeof(source->seed), 0) != (ssize_t)sizeof(source->seed))
		source->seed = (uint64_t)stamp_wall();
}

/* splitmix64, public domain, by Sebastiano Vigna. */
uint64_t ulid_mix(uint64_t number)
{
	number += 0x9e3779b97f4a7c15ULL;
	number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9ULL;
	number = (number ^ number >> 27) * 0x94d049bb133111ebULL;
	return number ^ number >> 31;
}

static void encode(uint64_t value, size_t length, char *out)
{
	while (length > 0) {
		out[--length] = digits[value & 31];
		value >>= 5;
	}
}

uint64_t ulid_make(struct ulid_source *source, const char *prefix, int64_t wall_ms,
		   char out[ULID_SIZE])
{
	uint64_t counter = ++source->counter;
	char ulid[27];

	encode((uint64_t)wall_ms, 10, ulid);
	encode(counter, 8, ulid + 10);
	encode(ulid_mix(source->seed + counter), 8, ulid + 18);
	ulid[26] = '\0';
	snprintf(out, ULID_SIZE, "%.20s_%s", prefix, ulid);
	return counter;
}

bool ulid_is_valid(const char *id)
{
	size_t prefix = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789");
	const char *ulid = id + prefix + 1;

	if (prefix == 0 || prefix > 20 || id[prefix] != '_')
		return false;
	return strspn(ulid, digits) == 26 && ulid[26] == '\0';
}

uint64_t ulid_counter(const char *id)
{
	const char *ulid = strchr(id, '_') + 1;
	uint64_t value = 0;
	size_t i;

	for (i = 10; i < 18; i++) {
		const char *found = strchr(digits, ulid[i]);

		value = value << 5 | (uint64_t)(found - digits);
	}
	return value;
}
