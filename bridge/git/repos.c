/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/repos.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/utf8.h"

#define BACKOFF_FIRST_MS 5000
#define BACKOFF_MAX_MS   600000

int git_repos_init(struct git_repos *repos, struct error *err)
{
	*repos = (struct git_repos){ .map = map_new() };
	return repos->map != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

static void repo_free(struct git_repo *repo)
{
	free(repo->url);
	free(repo);
}

void git_repos_release(struct git_repos *repos)
{
	size_t at = 0;

	for (struct git_repo *repo; repos->map != NULL && (repo = map_next(repos->map, &at)) != NULL;)
		repo_free(repo);
	map_free(repos->map);
	*repos = (struct git_repos){ 0 };
}

/* Of those that are only remembered, the one whose failure is longest ago. */
static void forget_one(struct git_repos *repos)
{
	struct git_repo *oldest = NULL;
	size_t at = 0;

	for (struct git_repo *repo; (repo = map_next(repos->map, &at)) != NULL;) {
		if (!repo->busy && !repo->ready && (oldest == NULL || repo->until < oldest->until))
			oldest = repo;
	}
	if (oldest == NULL)
		return;
	(void)map_remove(repos->map, oldest->url);
	repo_free(oldest);
}

static struct git_repo *repo_new(struct git_repos *repos, const char *url)
{
	if (map_count(repos->map) >= GIT_REPOS_MAX)
		forget_one(repos);
	struct git_repo *repo = calloc(1, sizeof(*repo));
	if (repo == NULL)
		return NULL;
	repo->url = strdup(url);
	if (repo->url == NULL || !map_put(repos->map, repo->url, repo)) {
		repo_free(repo);
		return NULL;
	}
	git_cache_name(url, repo->name);
	return repo;
}

static void make_ready(struct git_repos *repos, struct git_repo *repo)
{
	repo->ready = true;
	repo->next = NULL;
	if (repos->first == NULL)
		repos->first = repo;
	else
		repos->last->next = repo;
	repos->last = repo;
}

bool git_repos_add(struct git_repos *repos, struct git_question *question)
{
	struct git_repo *repo = map_get(repos->map, question->url);

	if (repo == NULL)
		repo = repo_new(repos, question->url);
	if (repo == NULL)
		return false;
	question->next = NULL;
	if (repo->first == NULL)
		repo->first = question;
	else
		repo->last->next = question;
	repo->last = question;
	if (!repo->busy && !repo->ready)
		make_ready(repos, repo);
	return true;
}

struct git_repo *git_repos_next(struct git_repos *repos)
{
	struct git_repo *repo = repos->first;

	if (repo == NULL)
		return NULL;
	repos->first = repo->next;
	repo->next = NULL;
	repo->ready = false;
	repo->busy = true;
	return repo;
}

static bool same_token(const struct secret *a, const struct secret *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return secret_equals(a, secret_bytes(b), secret_len(b));
}

struct git_question *git_repos_take(struct git_repo *repo, const struct git_question *token_of)
{
	struct git_question *question = repo->first;

	if (question == NULL || (token_of != NULL && !same_token(question->token, token_of->token)))
		return NULL;
	repo->first = question->next;
	question->next = NULL;
	return question;
}

void git_repos_done(struct git_repos *repos, struct git_repo *repo)
{
	repo->busy = false;
	if (repo->first != NULL) {
		make_ready(repos, repo);
	} else if (repo->failures == 0) {
		(void)map_remove(repos->map, repo->url);
		repo_free(repo);
	}
}

int64_t git_repos_backoff_ms(int failures)
{
	int64_t wait = BACKOFF_FIRST_MS;

	for (int i = 1; i < failures && wait < BACKOFF_MAX_MS; i++)
		wait *= 2;
	return wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
}

void git_repos_asks(struct git_repo *repo, const struct secret *token)
{
	char digest[SHA256_HEX_SIZE] = "";

	if (token != NULL && secret_len(token) > 0)
		sha256_hex(secret_bytes(token), secret_len(token), digest);
	if (!repo->shut && strcmp(digest, repo->token) != 0)
		repo->until = 0;
	memcpy(repo->token, digest, sizeof(digest));
}

void git_repos_failed(struct git_repo *repo, bool shut, const char *why, int64_t now)
{
	size_t len = strlen(why);

	repo->failures += repo->failures < 100 ? 1 : 0;
	repo->until = now + git_repos_backoff_ms(repo->failures);
	repo->shut = shut;
	(void)snprintf(repo->why, sizeof(repo->why), "%.*s", (int)utf8_cut(why, len, sizeof(repo->why) - 1), why);
}

void git_repos_succeeded(struct git_repo *repo)
{
	repo->failures = 0;
	repo->until = 0;
	repo->shut = false;
}
