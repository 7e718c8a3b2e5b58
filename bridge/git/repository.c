/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/repository.h"

#include <git2.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/invisible.h"

#define NAME_MAX_BYTES 200

static void buf_release(git_buf *buf)
{
	git_buf_dispose(buf);
}

static void config_release(git_config **config)
{
	git_config_free(*config);
}

int repository_fail(struct error *err, int code, const char *what)
{
	const git_error *last = git_error_last();
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(300);

	invisible_line(last != NULL && last->message != NULL ? last->message : "libgit2 does not say why", 240, &text);
	return error_set(err, code == GIT_ENOTFOUND ? ERR_NOT_FOUND : ERR_IO, "%s: %s", what, strbuf_str(&text));
}

int repository_open(const char *directory, struct git_repository **ret, struct error *err)
{
	git_repository *repository = NULL;
	int code = git_libgit2_init();

	if (code < 0)
		return error_set(err, ERR_INTERNAL, "libgit2 does not start");
	code = git_repository_open_bare(&repository, directory);
	if (code != 0) {
		(void)repository_fail(err, code, "the repository cannot be opened");
		(void)git_libgit2_shutdown();
		return -1;
	}
	*ret = repository;
	return 0;
}

void repository_close(struct git_repository *repository)
{
	if (repository == NULL)
		return;
	git_repository_free(repository);
	(void)git_libgit2_shutdown();
}

/* Cuts the slashes at the end and returns the last part. */
static const char *last_part(char *path)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		path[--len] = '\0';
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

void repository_name(struct git_repository *repository, struct strbuf *out)
{
	CLEANUP(cleanup_free) char *path = realpath(git_repository_path(repository), NULL);
	size_t before = out->len;

	if (path != NULL) {
		const char *name = last_part(path);
		if (strcmp(name, ".git") == 0) {
			path[strlen(path) - 4] = '\0';
			name = last_part(path);
		}
		size_t len = strlen(name);
		if (len > 4 && strcmp(name + len - 4, ".git") == 0)
			path[strlen(path) - 4] = '\0';
		invisible_line(name, NAME_MAX_BYTES, out);
	}
	if (out->len == before)
		strbuf_adds(out, "repository");
}

int repository_setting(struct git_repository *repository, const char *name, bool path, struct strbuf *out,
		       struct error *err)
{
	CLEANUP(config_release) git_config *config = NULL;
	CLEANUP(buf_release) git_buf value = GIT_BUF_INIT;
	int code = git_repository_config(&config, repository);

	if (code == 0)
		code = path ? git_config_get_path(&value, config, name)
			    : git_config_get_string_buf(&value, config, name);
	if (code == GIT_ENOTFOUND && config != NULL)
		return 0;
	if (code != 0)
		return repository_fail(err, code, name);
	strbuf_add(out, value.ptr, value.size);
	return strbuf_failed(out) ? error_set(err, ERR_TOO_LARGE, "%s is too long", name) : 0;
}

int repository_flag(struct git_repository *repository, const char *name, bool *ret, struct error *err)
{
	CLEANUP(config_release) git_config *config = NULL;
	int value = 0, code = git_repository_config(&config, repository);

	if (code == 0)
		code = git_config_get_bool(&value, config, name);
	if (code != 0 && (code != GIT_ENOTFOUND || config == NULL))
		return repository_fail(err, code, name);
	*ret = code == 0 && value != 0;
	return 0;
}
