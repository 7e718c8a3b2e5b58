/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to json_*.c: compiled paths are a tree of member names. Immutable once made; any thread.
 */
#ifndef BRIDGE_BASE_JSON_PATHS_H
#define BRIDGE_BASE_JSON_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_node {
	struct json_node *child; /* the first of those below */
	struct json_node *next;	 /* beside it */
	uint64_t
		lengths; /* of the children's names, a bit each (modulo 64): most names fail here */
	size_t index;	 /* from 0, unique in the tree */
	bool keep;	 /* a path ends here: everything below is kept */
	size_t len;
	char name[];
};

struct json_paths {
	struct json_node *root;
	size_t count; /* of nodes */
};

/* The child of that name, or NULL. */
const struct json_node *json_paths_child(const struct json_node *node, const char *name,
					 size_t len);

#endif
