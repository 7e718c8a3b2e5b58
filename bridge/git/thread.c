/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/git/answers.h"

#define CLOCK_SLACK_S 86400 /* a committer's clock may be wrong by that much */

int git_find_commit(git_repository *repo, const char *hex, git_commit **ret)
{
	git_oid oid;

	if (hex == NULL || strnlen(hex, GIT_OID_HEXSZ + 1) != GIT_OID_HEXSZ || git_oid_fromstr(&oid, hex) != 0)
		return -1;
	return git_commit_lookup(ret, repo, &oid) == 0 ? 0 : -1;
}

int git_find_head(git_repository *repo, const char *ref, git_commit **ret)
{
	git_reference *found = NULL;
	git_object *peeled = NULL;

	if (git_reference_lookup(&found, repo, ref) != 0)
		return -1;
	int bad = git_reference_peel(&peeled, found, GIT_OBJECT_COMMIT);
	git_reference_free(found);
	if (bad != 0)
		return -1;
	*ret = (git_commit *)peeled;
	return 0;
}

/*
 * How many commits are newer than the wanted one, from head; -1: it is not among them. *budget bounds all refs of a
 * question.
 */
static int64_t distance(git_repository *repo, const git_oid *head, const git_oid *wanted, git_time_t when, int *budget)
{
	git_revwalk *walk = NULL;
	git_oid at;
	int64_t found = -1;

	if (git_revwalk_new(&walk, repo) != 0)
		return -1;
	/* By commit time and without any limit set, so that the walk reads on only as it is asked. */
	if (git_revwalk_push(walk, head) == 0) {
		int64_t most = *budget < GIT_WALK_MAX ? *budget : GIT_WALK_MAX;
		for (int64_t count = 0; count < most && git_revwalk_next(&at, walk) == 0; count++) {
			git_commit *commit = NULL;
			(*budget)--;
			if (git_oid_equal(&at, wanted)) {
				found = count;
				break;
			}
			if (git_commit_lookup(&commit, repo, &at) != 0)
				break;
			bool older = git_commit_time(commit) < when - CLOCK_SLACK_S;
			git_commit_free(commit);
			if (older)
				break;
		}
	}
	git_revwalk_free(walk);
	return found;
}

static int head_of(git_repository *repo, const char *ref, git_oid *ret)
{
	git_commit *head = NULL;

	if (git_find_head(repo, ref, &head) != 0)
		return -1;
	git_oid_cpy(ret, git_commit_id(head));
	git_commit_free(head);
	return 0;
}

ssize_t git_thread_find(git_repository *repo, const git_oid *commit, const struct git_question *question,
			bool *ret_head)
{
	git_commit *object = NULL;
	git_oid head;
	int64_t nearest = INT64_MAX;
	ssize_t found = -1;
	int budget = GIT_WALK_MAX * 10;

	*ret_head = false;
	for (size_t i = 0; i < question->ref_count; i++) {
		if (head_of(repo, question->refs[i], &head) == 0 && git_oid_equal(&head, commit)) {
			*ret_head = true;
			return (ssize_t)i;
		}
	}
	if (git_commit_lookup(&object, repo, commit) != 0)
		return -1;
	git_time_t when = git_commit_time(object);
	git_commit_free(object);
	for (size_t i = 0; i < question->ref_count; i++) {
		int64_t far = head_of(repo, question->refs[i], &head) == 0
				      ? distance(repo, &head, commit, when, &budget)
				      : -1;
		if (far >= 0 && far < nearest) {
			nearest = far;
			found = (ssize_t)i;
		}
	}
	return found;
}
