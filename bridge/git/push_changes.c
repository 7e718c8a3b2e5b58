/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/push_changes.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/git/repository.h"

#define RENAMES_MAX 200 /* files among which equal ones are looked for: the search is quadratic */

static void tree_release(git_tree **tree)
{
	git_tree_free(*tree);
}

static void odb_release(git_odb **odb)
{
	git_odb_free(*odb);
}

void push_changes_release(struct push_changes *changes)
{
	git_diff_free(changes->diff);
	free(changes->files);
	*changes = (struct push_changes){ 0 };
}

static int stop_at_maximum(const git_diff *diff, const git_diff_delta *delta, const char *matched, void *payload)
{
	(void)delta;
	(void)matched;
	(void)payload;
	return git_diff_num_deltas(diff) >= PUSH_CHANGES_FILES ? GIT_EUSER : 0;
}

/* The bytes of a side of a file; more than can be allowed when it has none that can be read. */
static size_t side_size(git_odb *odb, const git_diff_file *file)
{
	git_object_t type;
	size_t size = 0;

	if ((file->flags & GIT_DIFF_FLAG_EXISTS) == 0 || git_oid_is_zero(&file->id))
		return 0;
	if (file->mode == GIT_FILEMODE_COMMIT || git_odb_read_header(&size, &type, odb, &file->id) != 0)
		return PUSH_CHANGES_BLOB + 1;
	return size;
}

/* Counts the lines of one file, if that is within bounds; *budget is the bytes that may still be read. */
static void count_lines(git_diff *diff, size_t index, git_odb *odb, size_t *budget, struct push_change *change)
{
	const git_diff_delta *delta = git_diff_get_delta(diff, index);
	size_t before = side_size(odb, &delta->old_file), after = side_size(odb, &delta->new_file);
	git_patch *patch = NULL;

	if (before > PUSH_CHANGES_BLOB || after > PUSH_CHANGES_BLOB || before + after > *budget)
		return;
	*budget -= before + after;
	if (git_patch_from_diff(&patch, diff, index) != 0)
		return;
	delta = git_diff_get_delta(diff, index);
	if ((delta->flags & GIT_DIFF_FLAG_BINARY) == 0)
		change->counted =
			patch == NULL ||
			git_patch_line_stats(NULL, &change->insertions, &change->deletions, patch) == 0;
	git_patch_free(patch);
}

static int most_lines_first(const void *a, const void *b)
{
	const struct push_change *one = a, *other = b;
	size_t lines = one->insertions + one->deletions, others = other->insertions + other->deletions;

	if (lines != others)
		return lines > others ? -1 : 1;
	return strcmp(one->path, other->path);
}

static int count_files(git_repository *repository, struct push_changes *changes, struct error *err)
{
	CLEANUP(odb_release) git_odb *odb = NULL;
	size_t budget = PUSH_CHANGES_BYTES, count = git_diff_num_deltas(changes->diff);
	int code = git_repository_odb(&odb, repository);

	if (code != 0)
		return repository_fail(err, code, "the objects cannot be read");
	changes->files = calloc(count > 0 ? count : 1, sizeof(*changes->files));
	if (changes->files == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct push_change *change = &changes->files[changes->count++];
		const git_diff_delta *delta = git_diff_get_delta(changes->diff, i);
		*change = (struct push_change){ .path = delta->new_file.path, .old_path = delta->old_file.path,
						.status = delta->status };
		if (i < PUSH_CHANGES_READ)
			count_lines(changes->diff, i, odb, &budget, change);
		changes->insertions += change->insertions;
		changes->deletions += change->deletions;
		changes->uncounted += !change->counted;
	}
	qsort(changes->files, changes->count, sizeof(*changes->files), most_lines_first);
	return 0;
}

/* Files that only moved are one line, not two full counts. What cannot be found is not worth failing for. */
static void find_renames(git_diff *diff)
{
	git_diff_find_options options;

	if (git_diff_num_deltas(diff) > RENAMES_MAX ||
	    git_diff_find_options_init(&options, GIT_DIFF_FIND_OPTIONS_VERSION) != 0)
		return;
	options.flags = GIT_DIFF_FIND_RENAMES | GIT_DIFF_FIND_EXACT_MATCH_ONLY;
	options.rename_limit = RENAMES_MAX;
	(void)git_diff_find_similar(diff, &options);
}

int push_changes_read(git_repository *repository, const git_commit *from, const git_commit *to,
		      struct push_changes *ret, struct error *err)
{
	CLEANUP(tree_release) git_tree *old = NULL, *new = NULL;
	CLEANUP(push_changes_release) struct push_changes changes = { 0 };
	git_diff_options options;
	int code = git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);

	options.notify_cb = stop_at_maximum;
	options.context_lines = 0;
	options.max_size = (git_off_t)PUSH_CHANGES_BLOB;
	if (code == 0 && from != NULL)
		code = git_commit_tree(&old, from);
	if (code == 0)
		code = git_commit_tree(&new, to);
	if (code == 0)
		code = git_diff_tree_to_tree(&changes.diff, repository, old, new, &options);
	if (code == GIT_EUSER) {
		*ret = (struct push_changes){ 0 };
		return 0;
	}
	if (code != 0)
		return repository_fail(err, code, "the changes cannot be read");
	find_renames(changes.diff);
	if (count_files(repository, &changes, err) != 0)
		return -1;
	*ret = changes;
	changes = (struct push_changes){ 0 };
	return 0;
}
