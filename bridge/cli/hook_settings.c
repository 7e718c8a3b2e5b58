/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/hook_settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/git/repository.h"

#define SETTING_MAX ((size_t)4096)
#define SECRET_MAX  ((size_t)64 * 1024)

void hook_settings_release(struct hook_settings *settings)
{
	free(settings->url);
	free(settings->thread);
	free(settings->job);
	secret_free(settings->key);
	secret_free(settings->token);
	*settings = (struct hook_settings){ 0 };
}

/* The option, else the setting; *ret stays NULL when there is neither. New. */
static int choose(const char *option, struct git_repository *repository, const char *name, bool path, char **ret,
		  struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf value = STRBUF(SETTING_MAX);

	if (option != NULL)
		strbuf_adds(&value, option);
	else if (repository_setting(repository, name, path, &value, err) != 0)
		return -1;
	if (strbuf_failed(&value))
		return error_set(err, ERR_TOO_LARGE, "%s is too long", name);
	if (value.len == 0)
		return 0;
	*ret = strbuf_detach(&value);
	return *ret != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

/* ---- secrets ---- */

static int read_whole(int fd, struct strbuf *out)
{
	char chunk[4096];
	ssize_t got;

	do {
		got = read(fd, chunk, sizeof(chunk));
		if (got > 0)
			strbuf_add(out, chunk, (size_t)got);
	} while ((got > 0 && !strbuf_failed(out)) || (got < 0 && errno == EINTR));
	explicit_bzero(chunk, sizeof(chunk));
	return got < 0 ? -1 : 0;
}

/* Without the newline that ends the file, as the daemon reads the same secret (config/secrets.c). */
static struct secret *make_secret(const struct strbuf *text)
{
	size_t len = text->len;

	if (len > 0 && text->ptr[len - 1] == '\n')
		len--;
	if (len < text->len && len > 0 && text->ptr[len - 1] == '\r')
		len--;
	return len > 0 ? secret_new(text->ptr, len) : NULL;
}

static int read_secret(const char *file, const char *name, struct secret **ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(SECRET_MAX);
	struct stat status;
	/* Non-blocking: a FIFO must not hold a push. */
	CLEANUP(cleanup_close) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &status) != 0)
		return error_set(err, ERR_IO, "the file of %s cannot be read: %s", name, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERR_IO, "the file of %s is not a regular file", name);
	int failed = read_whole(fd, &text);
	*ret = failed == 0 && !strbuf_failed(&text) ? make_secret(&text) : NULL;
	if (text.ptr != NULL)
		explicit_bzero(text.ptr, text.cap);
	if (*ret == NULL)
		return error_set(err, ERR_IO, "the file of %s is empty, too large or cannot be read", name);
	return 0;
}

static int read_secrets(const struct verb_call *call, struct git_repository *repository, struct hook_settings *settings,
			struct error *err)
{
	CLEANUP(cleanup_free) char *key = NULL;
	CLEANUP(cleanup_free) char *token = NULL;
	const char *key_option = verb_value(call, "secret-file"), *token_option = verb_value(call, "token-file");

	/* One on the command line puts the other in the repository out of force. */
	if ((key_option != NULL || token_option == NULL) &&
	    choose(key_option, repository, "nairi.secretFile", true, &key, err) != 0)
		return -1;
	if ((token_option != NULL || key_option == NULL) &&
	    choose(token_option, repository, "nairi.tokenFile", true, &token, err) != 0)
		return -1;
	if (key != NULL && token != NULL)
		return error_set(err, ERR_CONFIG, "nairi.secretFile and nairi.tokenFile exclude each other: unset one");
	if (key != NULL && read_secret(key, "nairi.secretFile", &settings->key, err) != 0)
		return -1;
	if (token == NULL)
		return 0;
	if (read_secret(token, "nairi.tokenFile", &settings->token, err) != 0)
		return -1;
	for (const char *at = secret_bytes(settings->token);
	     at < secret_bytes(settings->token) + secret_len(settings->token); at++) {
		if (*at <= ' ' || *at > '~')
			return error_set(err, ERR_CONFIG, "the file of nairi.tokenFile holds more than one token");
	}
	return 0;
}

/* ---- all ---- */

/* A password in a URL would end up in process lists and messages. */
static int check_url(const char *url, struct error *err)
{
	const char *host = NULL;

	if (strncmp(url, "http://", 7) == 0)
		host = url + 7;
	else if (strncmp(url, "https://", 8) == 0)
		host = url + 8;
	if (host == NULL || host[0] == '\0')
		return error_set(err, ERR_CONFIG, "nairi.url is no http:// or https:// URL");
	if (memchr(host, '@', strcspn(host, "/?#")) != NULL)
		return error_set(err, ERR_CONFIG,
				 "nairi.url has a user in it: use nairi.tokenFile or nairi.secretFile");
	return 0;
}

static int fill(const struct verb_call *call, struct git_repository *repository, struct hook_settings *settings,
		struct error *err)
{
	const char *direct_option = verb_value(call, "direct"), *url_option = verb_value(call, "url");
	bool direct = direct_option != NULL;

	if (!direct && url_option == NULL && repository_flag(repository, "nairi.direct", &direct, err) != 0)
		return -1;
	if (direct) {
		if (choose(direct_option, repository, "nairi.job", false, &settings->job, err) != 0)
			return -1;
		if (settings->job != NULL)
			return 0;
		return error_set(err, ERR_CONFIG,
				 "nairi.direct is set, but nairi.job is not: `git config nairi.job JOB`");
	}
	if (choose(url_option, repository, "nairi.url", false, &settings->url, err) != 0 ||
	    choose(verb_value(call, "thread"), repository, "nairi.thread", false, &settings->thread, err) != 0)
		return -1;
	if (settings->url == NULL)
		return error_set(err, ERR_CONFIG,
				 "nairi.url is not set: `git config nairi.url http://127.0.0.1:8080/hooks/NAME`");
	if (settings->thread == NULL)
		settings->thread = strdup("{repo}/{branch}");
	if (settings->thread == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return check_url(settings->url, err) != 0 ? -1 : read_secrets(call, repository, settings, err);
}

int hook_settings_read(const struct verb_call *call, struct git_repository *repository, struct hook_settings *ret,
		       struct error *err)
{
	CLEANUP(hook_settings_release) struct hook_settings settings = { 0 };

	if (fill(call, repository, &settings, err) != 0)
		return -1;
	*ret = settings;
	settings = (struct hook_settings){ 0 };
	return 0;
}

void hook_settings_thread(const struct hook_settings *settings, const char *repo, const char *branch,
			  struct strbuf *out)
{
	for (const char *at = settings->thread; *at != '\0';) {
		if (strncmp(at, "{repo}", 6) == 0) {
			strbuf_adds(out, repo);
			at += 6;
		} else if (strncmp(at, "{branch}", 8) == 0) {
			strbuf_adds(out, branch);
			at += 8;
		} else {
			strbuf_addc(out, *at++);
		}
	}
}
