/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to json_*.c: the names seen in each object that is open, to find repeated ones. The
 * objects nest, so it is a stack with a hash index over it. The hash is seeded: names come from
 * outside. One thread at a time.
 */
#ifndef BRIDGE_BASE_JSON_KEYS_H
#define BRIDGE_BASE_JSON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/siphash.h"
#include "bridge/base/strbuf.h"

struct json_key;

struct json_keys {
	struct json_key *stack;
	uint32_t *heads; /* per hash value, the newest such key: its place in the stack plus one; 0:
			    none */
	size_t count;
	size_t cap;	    /* of the stack; heads has twice as many, a power of two */
	struct strbuf text; /* the names, one after the other */
	struct siphash_seed seed;
};

/* An empty set for names of at most max bytes in all; allocates nothing until used. */
#define JSON_KEYS(max) ((struct json_keys){ .text = STRBUF(max) })
void json_keys_release(struct json_keys *keys);

/*
 * Adds a name to the object at that depth. Returns 1, or 0 if it is there already, or -1 without
 * memory. json_keys_close forgets the names of that depth: once for each object, the inner ones
 * first.
 */
int json_keys_add(struct json_keys *keys, unsigned depth, const char *name, size_t len);
void json_keys_close(struct json_keys *keys, unsigned depth);

#endif
