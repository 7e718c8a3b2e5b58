/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/json_keys.h"

#include <string.h>

#define FIRST_CAP ((size_t)64)

struct json_key {
	uint64_t hash;
	size_t offset; /* into text */
	size_t len;
	uint32_t below; /* the next older key of the same hash value, as in heads */
	uint32_t depth;
};

void json_keys_release(struct json_keys *keys)
{
	free(keys->stack);
	free(keys->heads);
	strbuf_release(&keys->text);
}

static uint32_t *head_of(const struct json_keys *keys, uint64_t hash)
{
	return &keys->heads[hash & (2 * keys->cap - 1)];
}

/* Puts the topmost key into the index. */
static void link_key(struct json_keys *keys, size_t at)
{
	uint32_t *head = head_of(keys, keys->stack[at].hash);

	keys->stack[at].below = *head;
	*head = (uint32_t)at + 1;
}

static bool make_room(struct json_keys *keys)
{
	if (keys->count < keys->cap)
		return true;
	size_t cap = keys->cap == 0 ? FIRST_CAP : keys->cap * 2;
	struct json_key *stack = reallocarray(keys->stack, cap, sizeof(*stack));
	if (stack == NULL)
		return false;
	keys->stack = stack;
	uint32_t *heads = calloc(2 * cap, sizeof(*heads));
	if (heads == NULL)
		return false;
	free(keys->heads);
	keys->heads = heads;
	keys->cap = cap;
	for (size_t i = 0; i < keys->count; i++)
		link_key(keys, i);
	return true;
}

static bool is_there(const struct json_keys *keys, const struct json_key *wanted, const char *name)
{
	for (uint32_t at = *head_of(keys, wanted->hash); at != 0; at = keys->stack[at - 1].below) {
		const struct json_key *key = &keys->stack[at - 1];
		if (key->hash == wanted->hash && key->depth == wanted->depth &&
		    key->len == wanted->len &&
		    memcmp(keys->text.ptr + key->offset, name, key->len) == 0)
			return true;
	}
	return false;
}

int json_keys_add(struct json_keys *keys, unsigned depth, const char *name, size_t len)
{
	if (keys->cap == 0)
		siphash_seed(&keys->seed);
	if (!make_room(keys))
		return -1;
	/*
	 * The depth goes into the hash, else one name in every open object would make one long
	 * chain.
	 */
	struct json_key key = { .hash = siphash(&keys->seed, name, len) + depth,
				.offset = keys->text.len,
				.len = len,
				.depth = depth };
	if (keys->text.ptr != NULL && is_there(keys, &key, name))
		return 0;
	strbuf_add(&keys->text, name, len);
	if (strbuf_failed(&keys->text))
		return -1;
	keys->stack[keys->count] = key;
	link_key(keys, keys->count++);
	return 1;
}

void json_keys_close(struct json_keys *keys, unsigned depth)
{
	while (keys->count > 0 && keys->stack[keys->count - 1].depth == depth) {
		const struct json_key *key = &keys->stack[--keys->count];
		*head_of(keys, key->hash) = key->below;
		strbuf_truncate(&keys->text, key->offset);
	}
}
