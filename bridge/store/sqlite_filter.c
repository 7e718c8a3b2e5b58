/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_filter.h"

#include <endian.h>
#include <string.h>
#include <sys/mman.h>

#define PLANE SQLITE_FILTER_PLANE_RUNS

/* FNV-1a, and the finaliser of splitmix64 to spread it. Who can send keys has a secret: no seed needed. */
static uint64_t hash(uint64_t seed, const char *text)
{
	uint64_t value = seed;

	for (; *text != '\0'; text++)
		value = (value ^ (unsigned char)*text) * 0x100000001B3ULL;
	return (value ^ 0xFFU) * 0x100000001B3ULL;
}

static uint64_t spread(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
	value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
	return value ^ (value >> 31);
}

struct sqlite_filter_key sqlite_filter_key(enum sqlite_filter_kind kind, const char *first, const char *second)
{
	uint64_t value = spread(hash(hash(0xCBF29CE484222325ULL + (uint64_t)kind, first), second));
	uint32_t at = (uint32_t)value, step = (uint32_t)(value >> 32) | 1U;
	struct sqlite_filter_key key;

	/* Two hashes do for any number of probes: Kirsch and Mitzenmacher, "Less Hashing, Same Performance". */
	for (int i = 0; i < SQLITE_FILTER_PROBES; i++, at += step)
		key.at[i] = (uint16_t)(at >> 16);
	return key;
}

struct sqlite_filter *sqlite_filter_new(void)
{
	/* Not calloc: it would put each line across two cache lines. */
	void *pages = mmap(NULL, sizeof(struct sqlite_filter), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	return pages != MAP_FAILED ? pages : NULL;
}

void sqlite_filter_free(struct sqlite_filter *filter)
{
	if (filter != NULL)
		(void)munmap(filter, sizeof(*filter));
}

static size_t word_of(int64_t run)
{
	return (size_t)(run / PLANE % SQLITE_FILTER_WORDS);
}

static uint64_t bit_of(int64_t run)
{
	return 1ULL << (run % PLANE);
}

void sqlite_filter_clear(struct sqlite_filter *filter, int64_t run)
{
	for (size_t i = 0; i < SQLITE_FILTER_BITS; i++)
		if ((filter->lines[i].words[word_of(run)] & bit_of(run)) != 0)
			filter->lines[i].words[word_of(run)] &= ~bit_of(run);
}

/* Whether the key was not in the run before. */
bool sqlite_filter_add(struct sqlite_filter *filter, const struct sqlite_filter_key *key, int64_t run)
{
	size_t word = word_of(run);
	uint64_t bit = bit_of(run), had = bit;

	for (int i = 0; i < SQLITE_FILTER_PROBES; i++) {
		had &= filter->lines[key->at[i]].words[word];
		filter->lines[key->at[i]].words[word] |= bit;
	}
	return had == 0;
}

/*
 * One bit for each run of the sheet that may hold the key; false: none. All lines are loaded without asking in
 * between, so that the processor fetches them at the same time: with many sheets none is in its cache.
 */
bool sqlite_filter_ask(const struct sqlite_filter *filter, const struct sqlite_filter_key *key,
		       struct sqlite_filter_line *ret)
{
	struct sqlite_filter_line found = filter->lines[key->at[0]];
	uint64_t any = 0;

	for (int i = 1; i < SQLITE_FILTER_PROBES; i++)
		for (size_t word = 0; word < SQLITE_FILTER_WORDS; word++)
			found.words[word] &= filter->lines[key->at[i]].words[word];
	for (size_t word = 0; word < SQLITE_FILTER_WORDS; word++)
		any |= found.words[word];
	*ret = found;
	return any != 0;
}

/* The highest set bit up to and with run `last` of its sheet, as a run; -1: none. */
int64_t sqlite_filter_highest(const struct sqlite_filter_line *found, int64_t last)
{
	int64_t start = last / SQLITE_FILTER_RUNS * SQLITE_FILTER_RUNS;

	for (int64_t run = last; run >= start; run = run / PLANE * PLANE - 1) {
		uint64_t word = found->words[word_of(run)] & (~0ULL >> (PLANE - 1 - run % PLANE));

		if (word != 0)
			return run / PLANE * PLANE + 63 - __builtin_clzll(word);
	}
	return -1;
}

/* The lowest set bit from run `first` of its sheet on, as a run; -1: none. */
int64_t sqlite_filter_lowest(const struct sqlite_filter_line *found, int64_t first)
{
	int64_t end = (first / SQLITE_FILTER_RUNS + 1) * SQLITE_FILTER_RUNS;

	for (int64_t run = first; run < end; run = (run / PLANE + 1) * PLANE) {
		uint64_t word = found->words[word_of(run)] & (~0ULL << (run % PLANE));

		if (word != 0)
			return run / PLANE * PLANE + __builtin_ctzll(word);
	}
	return -1;
}

void sqlite_filter_save_plane(const struct sqlite_filter *filter, int64_t run, unsigned char *out)
{
	for (size_t i = 0; i < SQLITE_FILTER_BITS; i++) {
		uint64_t word = htole64(filter->lines[i].words[word_of(run)]);

		memcpy(out + i * sizeof(word), &word, sizeof(word));
	}
}

void sqlite_filter_load_plane(struct sqlite_filter *filter, int64_t run, const unsigned char *bytes)
{
	for (size_t i = 0; i < SQLITE_FILTER_BITS; i++) {
		uint64_t word = 0;

		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		filter->lines[i].words[word_of(run)] = le64toh(word);
	}
}
