/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/github_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "handlers/shape.h"

#define ACTION_MAX 64
#define LOGIN_MAX  100
#define URL_MAX    2048

int github_read_repo(struct github_delivery *d, struct error *err)
{
	const char *name = NULL;

	if (shape_id(d->tree, "repository.id", &d->repo_id, err) < 0 ||
	    shape_str(d->tree, "repository.full_name", &name, err) < 0)
		return -1;
	if (!github_place_repo_is_valid(name))
		return error_set(err, ERR_INVALID, "repository.full_name is not owner/name");
	(void)snprintf(d->repo, sizeof(d->repo), "%s", name);
	return 0;
}

int github_read_action(const struct github_delivery *d, const char **ret, struct error *err)
{
	const char *action = NULL;

	if (shape_str(d->tree, "action", &action, err) < 0)
		return -1;
	size_t len = strspn(action, "abcdefghijklmnopqrstuvwxyz_");
	if (len == 0 || len > ACTION_MAX || action[len] != '\0')
		return error_set(err, ERR_INVALID, "action is not the name of an action");
	*ret = action;
	return 0;
}

static bool ends_in_bot(const char *login)
{
	size_t len = strlen(login);

	/* A user's name cannot hold brackets: only an App's can end so. */
	return len >= 5 && strcmp(login + len - 5, "[bot]") == 0;
}

int github_read_person(const struct github_delivery *d, const cJSON *tree, const char *name,
		       struct person *ret, struct error *err)
{
	const cJSON *user = json_at(tree, name);
	const char *login = NULL, *type = NULL;
	int64_t id = 0;

	if (!cJSON_IsObject(user))
		return error_set(err, ERR_INVALID, "%s is missing", name);
	if (shape_str(user, "login", &login, err) < 0 || shape_id(user, "id", &id, err) < 0 ||
	    shape_opt_str(user, "type", &type, err) < 0)
		return error_prefix(err, "%s.", name);
	if (!shape_is_visible(login, LOGIN_MAX))
		return error_set(err, ERR_INVALID, "%s.login is not a login", name);
	*ret = (struct person){ .login = arena_strdup(d->arena, login),
				.id = arena_printf(d->arena, "%" PRId64, id),
				.bot = (type != NULL && strcmp(type, "Bot") == 0) ||
					ends_in_bot(login) };
	return 0;
}

int github_read_commit(const cJSON *tree, const char *path, const char **ret, struct error *err)
{
	const char *commit = NULL;

	if (shape_str(tree, path, &commit, err) < 0)
		return -1;
	if (!github_place_commit_is_valid(commit))
		return error_set(err, ERR_INVALID, "%s is not a commit", path);
	*ret = commit;
	return 0;
}

const char *github_read_display(const struct github_delivery *d, const cJSON *tree,
				const char *path, size_t max)
{
	const char *text = json_str(tree, path);

	if (text == NULL || text[0] == '\0')
		return NULL;
	size_t len = strlen(text);
	return arena_strndup(d->arena, text, utf8_cut(text, len, max));
}

const char *github_read_url(const struct github_delivery *d, const cJSON *tree, const char *path)
{
	const char *url = json_str(tree, path);

	if (url == NULL || !shape_is_visible(url, URL_MAX) ||
	    (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return NULL;
	return arena_strdup(d->arena, url);
}

struct event *github_read_events(const struct github_delivery *d, size_t count, struct error *err)
{
	struct event *events = arena_alloc(d->arena, count * sizeof(*events));

	if (events == NULL)
		(void)error_set(err, ERR_TOO_LARGE, "the delivery holds more text than can be kept");
	return events;
}

struct lookup *github_read_lookup(const struct github_delivery *d, unsigned wants,
				  const char *commit, const char *branch)
{
	struct lookup *lookup = arena_alloc(d->arena, sizeof(*lookup));

	if (lookup == NULL)
		return NULL;
	*lookup = (struct lookup){ .wants = wants,
				   .repo = github_thread_lower(d->repo, d->arena),
				   .commit = arena_strdup(d->arena, commit),
				   .branch = arena_strdup(d->arena, branch) };
	return lookup;
}
