/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bloom filters of many runs at once (sqlite_runs.h says what for), stored bit-sliced: one cache line holds the same
 * bit of 512 filters, so one pass over eight lines asks 512 runs, with about one wrong "maybe" in 10,000. This takes
 * 4 MiB, of which a page counts when a bit in it is set. Runs are numbered from 0 for ever; here stands the
 * sheet of 512 in which a run is. Pure; one thread at a time.
 */
#ifndef BRIDGE_STORE_SQLITE_FILTER_H
#define BRIDGE_STORE_SQLITE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQLITE_FILTER_BITS       65536 /* of one run */
#define SQLITE_FILTER_PROBES     8
#define SQLITE_FILTER_PLANE_RUNS 64 /* one word of each line: the unit that is stored */
#define SQLITE_FILTER_PLANE_SIZE ((int)(SQLITE_FILTER_BITS * sizeof(uint64_t)))
#define SQLITE_FILTER_WORDS      8
#define SQLITE_FILTER_RUNS       (SQLITE_FILTER_WORDS * SQLITE_FILTER_PLANE_RUNS)

struct sqlite_filter_line {
	uint64_t words[SQLITE_FILTER_WORDS];
};

struct sqlite_filter {
	struct sqlite_filter_line lines[SQLITE_FILTER_BITS];
};

enum sqlite_filter_kind { FILTER_SEEN, FILTER_OBJECT, FILTER_THREAD };

struct sqlite_filter_key {
	uint16_t at[SQLITE_FILTER_PROBES];
};

/* first is the source, or ""; second the key. */
struct sqlite_filter_key sqlite_filter_key(enum sqlite_filter_kind kind, const char *first, const char *second);

/* Empty. NULL: no memory. free takes NULL. */
struct sqlite_filter *sqlite_filter_new(void);
void sqlite_filter_free(struct sqlite_filter *filter);

/* Whether the key was not in the run before. */
bool sqlite_filter_add(struct sqlite_filter *filter, const struct sqlite_filter_key *key, int64_t run);
/* Forgets the keys of one run. */
void sqlite_filter_clear(struct sqlite_filter *filter, int64_t run);

/* A bit for each run that may hold the key, into *ret; false: none does. */
bool sqlite_filter_ask(const struct sqlite_filter *filter, const struct sqlite_filter_key *key,
		       struct sqlite_filter_line *ret);
/* The highest run of the answer up to and with `last`, the lowest from `first` on, in its sheet; -1: none. */
int64_t sqlite_filter_highest(const struct sqlite_filter_line *found, int64_t last);
int64_t sqlite_filter_lowest(const struct sqlite_filter_line *found, int64_t first);

/* The plane in which the run is, as SQLITE_FILTER_PLANE_SIZE bytes: little-endian, so that a file may move. */
void sqlite_filter_save_plane(const struct sqlite_filter *filter, int64_t run, unsigned char *out);
void sqlite_filter_load_plane(struct sqlite_filter *filter, int64_t run, const unsigned char *bytes);

#endif
