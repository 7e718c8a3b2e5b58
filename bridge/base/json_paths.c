/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/json_paths.h"

#include <string.h>

#include "bridge/base/json.h"

static uint64_t length_bit(size_t len)
{
	return UINT64_C(1) << (len & 63U);
}

const struct json_node *json_paths_child(const struct json_node *node, const char *name, size_t len)
{
	if ((node->lengths & length_bit(len)) == 0)
		return NULL;
	for (const struct json_node *child = node->child; child != NULL; child = child->next) {
		if (child->len == len && memcmp(child->name, name, len) == 0)
			return child;
	}
	return NULL;
}

static struct json_node *new_node(struct json_paths *paths, const char *name, size_t len)
{
	struct json_node *node = calloc(1, sizeof(*node) + len);

	if (node == NULL)
		return NULL;
	node->index = paths->count++;
	node->len = len;
	if (len > 0)
		memcpy(node->name, name, len);
	return node;
}

/* The child of that name, made when there is none yet; NULL: no memory. */
static struct json_node *grow(struct json_paths *paths, struct json_node *node, const char *name,
			      size_t len)
{
	for (struct json_node *child = node->child; child != NULL; child = child->next) {
		if (child->len == len && memcmp(child->name, name, len) == 0)
			return child;
	}
	struct json_node *child = new_node(paths, name, len);
	if (child == NULL)
		return NULL;
	child->next = node->child;
	node->child = child;
	node->lengths |= length_bit(len);
	return child;
}

static bool add_path(struct json_paths *paths, const char *path)
{
	struct json_node *node = paths->root;

	for (;;) {
		size_t len = strcspn(path, ".");
		node = grow(paths, node, path, len);
		if (node == NULL)
			return false;
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	node->keep = true;
	return true;
}

struct json_paths *json_paths_new(const char *const *paths)
{
	struct json_paths *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return NULL;
	made->root = new_node(made, "", 0);
	bool ok = made->root != NULL;
	for (; ok && *paths != NULL; paths++)
		ok = add_path(made, *paths);
	if (ok)
		return made;
	json_paths_free(made);
	return NULL;
}

/* Without recursion: the children of a node that goes are put in front of those that wait. */
void json_paths_free(struct json_paths *paths)
{
	if (paths == NULL)
		return;
	for (struct json_node *node = paths->root, *rest; node != NULL; node = rest) {
		rest = node->next;
		for (struct json_node *child = node->child, *next; child != NULL; child = next) {
			next = child->next;
			child->next = rest;
			rest = child;
		}
		free(node);
	}
	free(paths);
}
