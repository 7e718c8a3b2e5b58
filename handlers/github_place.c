/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/json.h"
#include "handlers/github.h"
#include "handlers/shape.h"

#define NAME_MAX_BYTES 100 /* GitHub's limit for repositories; owners have a shorter one */

static const char *const kind_names[] = {
	[GITHUB_ISSUE_COMMENT] = "issue_comment",
	[GITHUB_REVIEW_COMMENT] = "review_comment",
	[GITHUB_REVIEW] = "review",
	[GITHUB_COMMIT_COMMENT] = "commit_comment",
};

const char *github_place_kind(enum github_kind kind)
{
	return kind_names[kind];
}

bool github_place_kind_parse(const char *word, size_t len, enum github_kind *ret)
{
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strlen(kind_names[i]) == len && memcmp(kind_names[i], word, len) == 0) {
			*ret = (enum github_kind)i;
			return true;
		}
	}
	return false;
}

static bool is_name(const char *text, size_t len, const char *extra)
{
	static const char common[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\0' ||
		    (strchr(common, text[i]) == NULL && strchr(extra, text[i]) == NULL))
			return false;
	}
	return len > 0 && len <= NAME_MAX_BYTES;
}

bool github_place_repo_is_valid(const char *full_name)
{
	const char *slash = strchr(full_name, '/');

	if (slash == NULL || !is_name(full_name, (size_t)(slash - full_name), ""))
		return false;
	const char *name = slash + 1;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false; /* a server would walk the path */
	return is_name(name, strlen(name), ".");
}

bool github_place_commit_is_valid(const char *commit)
{
	size_t digits = commit != NULL ? strspn(commit, "0123456789abcdefABCDEF") : 0;

	return (digits == 40 || digits == 64) && commit[digits] == '\0';
}

const char *github_place_write(const struct github_place *place, struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1024);
	struct json_writer w = JSON_WRITER(&out);

	json_begin_object(&w, NULL);
	json_put_str(&w, "repo", place->repo);
	if (place->kind == GITHUB_COMMIT_COMMENT)
		json_put_str(&w, "commit", place->commit);
	else
		json_put_int(&w, "number", place->number);
	json_put_str(&w, "kind", kind_names[place->kind]);
	if (place->id != 0) {
		json_put_int(&w, "id", place->id);
		json_put_int(&w, "top", place->top);
	}
	json_end_object(&w);
	return strbuf_failed(&out) ? NULL : arena_strdup(arena, strbuf_str(&out));
}

static int read_kind(const cJSON *tree, enum github_kind *ret, struct error *err)
{
	const char *name = NULL;

	if (shape_str(tree, "kind", &name, err) < 0)
		return -1;
	if (!github_place_kind_parse(name, strlen(name), ret))
		return error_set(err, ERR_INVALID, "kind is unknown");
	return 0;
}

/* What the comment hangs on. */
static int read_subject(const cJSON *tree, struct github_place *place, struct error *err)
{
	const char *commit = NULL;

	if (place->kind != GITHUB_COMMIT_COMMENT)
		return shape_id(tree, "number", &place->number, err);
	if (shape_str(tree, "commit", &commit, err) < 0)
		return -1;
	if (!github_place_commit_is_valid(commit))
		return error_set(err, ERR_INVALID, "commit is not a commit");
	(void)snprintf(place->commit, sizeof(place->commit), "%s", commit);
	return 0;
}

static int read_ids(const cJSON *tree, struct github_place *place, struct error *err)
{
	if (place->kind == GITHUB_ISSUE_COMMENT && json_at(tree, "id") == NULL)
		return 0; /* the thread as a whole */
	return shape_id(tree, "id", &place->id, err) < 0 || shape_id(tree, "top", &place->top, err) < 0
		? -1
		: 0;
}

int github_place_read(const char *json, struct github_place *ret, struct error *err)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct github_place place = { 0 };
	const char *repo = NULL;

	if (json_read(json, strlen(json), NULL, &tree, err) < 0 ||
	    shape_str(tree, "repo", &repo, err) < 0 || read_kind(tree, &place.kind, err) < 0 ||
	    read_subject(tree, &place, err) < 0 || read_ids(tree, &place, err) < 0)
		return error_prefix(err, "the place of a reply: ");
	if (!github_place_repo_is_valid(repo))
		return error_set(err, ERR_INVALID, "the place of a reply: repo is not owner/name");
	(void)snprintf(place.repo, sizeof(place.repo), "%s", repo);
	*ret = place;
	return 0;
}
