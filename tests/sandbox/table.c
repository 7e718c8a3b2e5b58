/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/table.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

void table_free(struct table *table)
{
	free(table->entries);
	*table = (struct table){0};
}

/* The entry of a key, or the empty one where it belongs. */
static struct table_entry *find(const struct table *table, unsigned long long hash, const char *key)
{
	size_t mask = table->capacity - 1;
	size_t at = (size_t)hash & mask;

	while (table->entries[at].key != NULL) {
		if (table->entries[at].hash == hash && strcmp(table->entries[at].key, key) == 0)
			break;
		at = (at + 1) & mask;
	}
	return &table->entries[at];
}

void *table_get(const struct table *table, const char *key)
{
	if (table->capacity == 0)
		return NULL;
	return find(table, text_hash(TEXT_HASH_START, key, strlen(key)), key)->value;
}

static void grow(struct table *table)
{
	struct table old = *table;
	size_t i;

	table->capacity = old.capacity > 0 ? old.capacity * 2 : 64;
	table->entries = memory_new(table->capacity, sizeof(*table->entries));
	for (i = 0; i < old.capacity; i++)
		if (old.entries[i].key != NULL)
			*find(table, old.entries[i].hash, old.entries[i].key) = old.entries[i];
	free(old.entries);
}

void table_put(struct table *table, const char *key, void *value)
{
	unsigned long long hash = text_hash(TEXT_HASH_START, key, strlen(key));
	struct table_entry *entry;

	if ((table->count + 1) * 4 > table->capacity * 3)
		grow(table);
	entry = find(table, hash, key);
	if (entry->key == NULL)
		table->count++;
	*entry = (struct table_entry){.hash = hash, .key = key, .value = value};
}
