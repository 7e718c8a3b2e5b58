/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_TABLE_H
#define SANDBOX_TABLE_H

#include <stddef.h>

/*
 * A hash table from strings to pointers, open addressing. Keys are NOT copied: they must live
 * as long as the entry. Nothing is ever removed singly. The caller serialises access.
 */
struct table {
	struct table_entry *entries;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

struct table_entry {
	unsigned long long hash;
	const char *key;
	void *value;
};

/* Forgets all entries and frees the table (not keys or values). */
void table_free(struct table *table);

/* The value of a key, or NULL. */
void *table_get(const struct table *table, const char *key);

/* Adds or replaces. */
void table_put(struct table *table, const char *key, void *value);

#endif
