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
};

const char *github_place_kind(enum github_kind kind)
{
	return kind_names[kind];
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

const char *github_place_write(const struct github_place *place, struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1024);
	struct json_writer w = JSON_WRITER(&out);

	json_begin_object(&w, NULL);
	json_put_str(&w, "repo", place->repo);
	json_put_int(&w, "number", place->number);
	json_put_str(&w, "kind", kind_names[place->kind]);
	json_put_int(&w, "id", place->id);
	json_put_int(&w, "top", place->top);
	json_end_object(&w);
	return strbuf_failed(&out) ? NULL : arena_strdup(arena, strbuf_str(&out));
}

static int read_kind(const cJSON *tree, enum github_kind *ret, struct error *err)
{
	const char *name = NULL;

	if (shape_str(tree, "kind", &name, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strcmp(kind_names[i], name) == 0) {
			*ret = (enum github_kind)i;
			return 0;
		}
	}
	return error_set(err, ERR_INVALID, "kind is unknown");
}

int github_place_read(const char *json, struct github_place *ret, struct error *err)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct github_place place = { 0 };
	const char *repo = NULL;

	if (json_read(json, strlen(json), NULL, &tree, err) < 0 ||
	    shape_str(tree, "repo", &repo, err) < 0 || read_kind(tree, &place.kind, err) < 0 ||
	    shape_id(tree, "number", &place.number, err) < 0 ||
	    shape_id(tree, "id", &place.id, err) < 0 || shape_id(tree, "top", &place.top, err) < 0)
		return error_prefix(err, "the place of a reply: ");
	if (!github_place_repo_is_valid(repo))
		return error_set(err, ERR_INVALID, "the place of a reply: repo is not owner/name");
	(void)snprintf(place.repo, sizeof(place.repo), "%s", repo);
	*ret = place;
	return 0;
}
