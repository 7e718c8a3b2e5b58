/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/push_history.h"

#include <string.h>

#include "bridge/git/repository.h"

#define NODES_MAX   4096 /* those looked at, and their parents that wait */
#define PARENTS_MAX 64   /* of one commit; an octopus with more arms is not followed into all of them */

enum colour { OF_TIP = 1, OF_OTHER = 2, OF_BOTH = 3 };

struct node {
	git_oid id;
	git_time_t time;
	unsigned colours;
	unsigned order; /* of the first look, from 1; 0: none yet */
	bool waits;     /* to be looked at (again) */
};

struct walk {
	git_repository *repository;
	struct node *nodes;
	size_t count;
	unsigned looks;
	bool cut; /* something was left out */
};

static void walk_release(struct walk *walk)
{
	free(walk->nodes);
}

static void commit_release(git_commit **commit)
{
	git_commit_free(*commit);
}

int push_history_commit(git_commit **ret, git_repository *repository, const git_oid *id)
{
	git_odb *odb = NULL;
	git_object_t type = GIT_OBJECT_ANY;
	size_t size = 0;
	int code = git_repository_odb(&odb, repository);

	if (code == 0)
		code = git_odb_read_header(&size, &type, odb, id);
	git_odb_free(odb);
	if (code != 0)
		return code;
	if (size > PUSH_COMMIT_MAX) {
		(void)git_error_set_str(GIT_ERROR_INVALID, "the commit is too large");
		return GIT_EINVALID;
	}
	return git_commit_lookup(ret, repository, id);
}

/* Gives a commit colours; what is new to it has to go on to its parents. Returns libgit2's code. */
static int paint(struct walk *walk, const git_oid *id, unsigned colours)
{
	struct node *node = NULL;

	for (size_t i = 0; i < walk->count && node == NULL; i++) {
		if (git_oid_equal(&walk->nodes[i].id, id))
			node = &walk->nodes[i];
	}
	if (node == NULL) {
		if (walk->count == NODES_MAX) {
			walk->cut = true;
			return 0;
		}
		CLEANUP(commit_release) git_commit *commit = NULL;
		int code = push_history_commit(&commit, walk->repository, id);
		if (code != 0)
			return code;
		node = &walk->nodes[walk->count++];
		*node = (struct node){ .id = *id, .time = git_commit_time(commit) };
	}
	if ((node->colours | colours) == node->colours)
		return 0;
	node->colours |= colours;
	node->waits = true;
	return 0;
}

/* The newest that waits; NULL: none, or (with two tips) only common ones do. */
static struct node *newest(const struct walk *walk)
{
	struct node *found = NULL;
	bool open = false;

	for (size_t i = 0; i < walk->count; i++) {
		struct node *node = &walk->nodes[i];
		if (!node->waits)
			continue;
		open = open || node->colours != OF_BOTH;
		if (found == NULL || node->time > found->time)
			found = node;
	}
	return open ? found : NULL;
}

static int look(struct walk *walk, struct node *node)
{
	CLEANUP(commit_release) git_commit *commit = NULL;
	unsigned colours = node->colours;
	int code = push_history_commit(&commit, walk->repository, &node->id);

	if (code != 0)
		return code;
	node->waits = false;
	if (node->order == 0)
		node->order = ++walk->looks;
	unsigned parents = git_commit_parentcount(commit);
	for (unsigned i = 0; i < parents && i < PARENTS_MAX; i++) {
		code = paint(walk, git_commit_parent_id(commit, i), colours);
		if (code == GIT_ENOTFOUND || code == GIT_EINVALID)
			walk->cut = true;
		else if (code != 0)
			return code;
	}
	walk->cut = walk->cut || parents > PARENTS_MAX;
	return 0;
}

/* The node of the lowest order above `after` with just these colours. */
static const struct node *next_of(const struct walk *walk, unsigned colours, unsigned after)
{
	const struct node *found = NULL;

	for (size_t i = 0; i < walk->count; i++) {
		const struct node *node = &walk->nodes[i];
		if (node->colours == colours && node->order > after && (found == NULL || node->order < found->order))
			found = node;
	}
	return found;
}

static void collect(const struct walk *walk, struct push_history *history)
{
	const struct node *node = NULL, *base = NULL;

	for (size_t i = 0; i < walk->count; i++) {
		node = &walk->nodes[i];
		history->count += node->colours == OF_TIP && node->order > 0;
		history->dropped += node->colours == OF_OTHER && node->order > 0;
		if (node->colours == OF_BOTH && (base == NULL || node->time > base->time))
			base = node;
	}
	history->has_base = base != NULL;
	if (base != NULL)
		history->base = base->id;
	for (unsigned order = 0; history->listed < PUSH_HISTORY_LIST; order = node->order) {
		node = next_of(walk, OF_TIP, order);
		if (node == NULL)
			return;
		history->list[history->listed++] = node->id;
	}
}

int push_history_walk(git_repository *repository, const git_oid *tip, const git_oid *other, struct push_history *ret,
		      struct error *err)
{
	CLEANUP(walk_release) struct walk walk = { .repository = repository };
	unsigned steps = 0, most = other != NULL ? PUSH_HISTORY_WALK : PUSH_HISTORY_LIST;
	struct node *node = NULL;

	walk.nodes = calloc(NODES_MAX, sizeof(*walk.nodes));
	if (walk.nodes == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	int code = paint(&walk, tip, OF_TIP);
	if (code == 0 && other != NULL)
		code = paint(&walk, other, OF_OTHER);
	while (code == 0 && (node = newest(&walk)) != NULL && steps++ < most)
		code = look(&walk, node);
	if (code != 0)
		return repository_fail(err, code, "the history cannot be read");
	*ret = (struct push_history){ .whole = node == NULL && !walk.cut };
	collect(&walk, ret);
	return 0;
}
