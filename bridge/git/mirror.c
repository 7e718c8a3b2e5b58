/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/base/invisible.h"
#include "bridge/git/folder.h"
#include "bridge/git/url.h"

#define TOKEN_USER   "x-access-token"
#define REFS_CHECKED 2000

/* ---- the library ---- */

static int libgit2_failed(struct error *err)
{
	const git_error *last = git_error_last();

	return error_set(err, ERR_INTERNAL, "libgit2: %.200s", last != NULL ? last->message : "out of memory");
}

/* No git configuration of the host: it could rewrite URLs, name helpers and proxies, or trust what we do not. */
static int forget_host(struct error *err)
{
	static const int levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
				      GIT_CONFIG_LEVEL_GLOBAL };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "") != 0)
			return libgit2_failed(err);
	}
	return git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "") == 0 ? 0 : libgit2_failed(err);
}

int git_mirror_setup(const char *ca, struct error *err)
{
	if (git_libgit2_init() < 0)
		return libgit2_failed(err);
	if (forget_host(err) != 0)
		return -1;
	/* The defaults are 256 MiB of objects and 8 GiB of mapped packs. */
	if (git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)32 << 20) != 0 ||
	    git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)16 << 20) != 0 ||
	    git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)256 << 20) != 0 ||
	    git_libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, (size_t)64) != 0 ||
	    git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)20000000) != 0 ||
	    git_libgit2_opts(GIT_OPT_SET_USER_AGENT, "nairi-bridge " BRIDGE_VERSION) != 0)
		return libgit2_failed(err);
	if (ca != NULL && git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, ca, NULL) != 0)
		return error_set(err, ERR_CONFIG, "the certificates in %.200s cannot be read", ca);
	return 0;
}

/* ---- the mirror ---- */

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* A pack comes before its index: one without it was never finished. */
static bool is_orphan(int directory, const char *name)
{
	char index[128];
	size_t len = strlen(name);

	if (!ends_with(name, ".pack") || len >= sizeof(index))
		return false;
	(void)snprintf(index, sizeof(index), "%.*s.idx", (int)(len - 5), name);
	return faccessat(directory, index, F_OK, 0) != 0 && errno == ENOENT;
}

/*
 * A mirror has one writer at a time, and that is this process: a lock (no ref may end like that) or an unfinished
 * file in it is of one that was killed, and would be in the way for ever.
 */
static void remove_leftover(void *ctx, int directory, const char *name, const struct stat *entry)
{
	(void)ctx;
	(void)entry;
	if (ends_with(name, ".lock") || strncmp(name, "pack_git2_", 10) == 0 || strncmp(name, "tmp_object", 10) == 0 ||
	    is_orphan(directory, name))
		(void)unlinkat(directory, name, 0);
}

int git_mirror_open(const char *path, git_repository **ret, struct error *err)
{
	/*
	 * Not the other ways to open: they look at owners, and speak of safe.directory; the service has looked
	 * itself.
	 */
	int code = git_repository_open_bare(ret, path);

	if (code == 0) {
		git_folder_walk(AT_FDCWD, path, remove_leftover, NULL);
		return 0;
	}
	*ret = NULL;
	const git_error *last = git_error_last();
	return last != NULL && last->klass == GIT_ERROR_NOMEMORY ? libgit2_failed(err) : 0;
}

int git_mirror_make(const char *path, git_repository **ret, struct error *err)
{
	git_repository_init_options options;

	if (!git_folder_remove(AT_FDCWD, path))
		return error_set(err, ERR_IO, "the mirror is damaged and cannot be removed: %s", strerror(errno));
	if (git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION) != 0)
		return libgit2_failed(err);
	options.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR | GIT_REPOSITORY_INIT_NO_REINIT;
	options.mode = 0700;
	if (git_repository_init_ext(ret, path, &options) == 0)
		return 0;
	*ret = NULL;
	return libgit2_failed(err);
}

bool git_mirror_is_whole(git_repository *repo)
{
	git_reference_iterator *refs = NULL;
	git_reference *ref = NULL;
	bool whole = true;

	if (git_reference_iterator_new(&refs, repo) != 0)
		return false;
	for (int i = 0; i < REFS_CHECKED && whole && git_reference_next(&ref, refs) == 0; i++) {
		git_object *object = NULL;
		const git_oid *target = git_reference_target(ref);
		whole = target == NULL || git_object_lookup(&object, repo, target, GIT_OBJECT_ANY) == 0;
		git_object_free(object);
		git_reference_free(ref);
	}
	git_reference_iterator_free(refs);
	return whole;
}

/* ---- a fetch ---- */

struct attempt {
	const struct git_mirror_fetch *fetch;
	bool offered;    /* the token was sent */
	bool refused;    /* … and is not what they want; or there is none */
	bool too_large;
};

/* The library asks again and again as long as it gets something: the same token would be refused for ever. */
static int on_credentials(git_credential **ret, const char *url, const char *user, unsigned int types, void *ctx)
{
	struct attempt *attempt = ctx;
	const struct secret *token = attempt->fetch->token;

	(void)user;
	/*
	 * After a redirect it is another URL that asks: the token is for the host that it was configured with, and no
	 * other.
	 */
	if (token == NULL || attempt->offered || (types & GIT_CREDENTIAL_USERPASS_PLAINTEXT) == 0 ||
	    !git_url_same_host(url, attempt->fetch->url)) {
		attempt->refused = true;
		return GIT_EAUTH;
	}
	attempt->offered = true;
	return git_credential_userpass_plaintext_new(ret, TOKEN_USER, secret_bytes(token));
}

static int on_progress(const git_indexer_progress *stats, void *ctx)
{
	struct attempt *attempt = ctx;

	if ((int64_t)stats->received_bytes <= attempt->fetch->max_bytes)
		return 0;
	attempt->too_large = true;
	return GIT_EUSER;
}

static bool may_be_broken(const git_error *last)
{
	return last != NULL && (last->klass == GIT_ERROR_ODB || last->klass == GIT_ERROR_ZLIB ||
				last->klass == GIT_ERROR_INDEXER || last->klass == GIT_ERROR_REPOSITORY);
}

static int explain(const struct attempt *attempt, int code, bool *ret_broken, struct error *err)
{
	struct strbuf CLEANUP(strbuf_release) text = STRBUF(256);
	const git_error *last = git_error_last();

	*ret_broken = false;
	if (attempt->too_large)
		return error_set(err, ERR_UPSTREAM, "the repository is larger than the cache may be");
	if (attempt->refused)
		return error_set(err, ERR_UPSTREAM, "%s",
				 attempt->offered ? "the token was refused"
				 : attempt->fetch->token == NULL
					 ? "the repository asks for a token, and there is none"
					 : "another host asks for the token, or not for a password");
	if (code == GIT_ECERTIFICATE || (last != NULL && last->klass == GIT_ERROR_SSL))
		return error_set(err, ERR_UPSTREAM,
				 "the TLS connection is not trusted, or not possible (certificate, or TLS 1.3 only)");
	if (last != NULL && strstr(last->message, "safe.directory") != NULL)
		return error_set(err, ERR_CONFIG, "the repository belongs to another user of this machine");
	if (last != NULL && strstr(last->message, "redirect") != NULL)
		return error_set(err, ERR_UPSTREAM,
				 "the server redirects to another host, or in circles: that is not followed");
	*ret_broken = may_be_broken(last);
	/* The library's words may be the server's. */
	invisible_line(last != NULL ? last->message : "no reason given", 200, &text);
	return error_set(err, ERR_UPSTREAM, "%s", strbuf_str(&text));
}

struct refspecs {
	char **items;
	size_t count;
};

static void refspecs_release(struct refspecs *specs)
{
	for (size_t i = 0; i < specs->count; i++)
		free(specs->items[i]);
	free(specs->items);
}

static bool add_spec(struct refspecs *specs, const char *ref)
{
	return asprintf(&specs->items[specs->count], "+%s:%s", ref, ref) >= 0 && ++specs->count > 0;
}

static int list_specs(const struct git_mirror_fetch *fetch, struct refspecs *specs, struct error *err)
{
	specs->items = calloc(fetch->ref_count + 2, sizeof(*specs->items));
	bool ok = specs->items != NULL && add_spec(specs, "refs/heads/*") && add_spec(specs, "refs/notes/*");

	for (size_t i = 0; i < fetch->ref_count && ok; i++) {
		const char *ref = fetch->refs[i];
		if (strncmp(ref, "refs/heads/", 11) != 0 && strncmp(ref, "refs/notes/", 11) != 0)
			ok = add_spec(specs, ref);
	}
	return ok ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

static void set_options(git_fetch_options *options, struct attempt *attempt)
{
	options->callbacks.credentials = on_credentials;
	options->callbacks.transfer_progress = on_progress;
	options->callbacks.payload = attempt;
	/* No certificate_check: without one the library's own verdict stands. */
	options->download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options->follow_redirects = GIT_REMOTE_REDIRECT_NONE; /* to another host, that is; the same one is followed */
	options->update_fetchhead = 0;
}

/* The remote's default branch: what is in it belongs to jobs that are done (answers.h). */
static void take_head(git_repository *repo, git_remote *remote)
{
	git_buf name = { .ptr = NULL };

	if (git_remote_default_branch(&name, remote) == 0 && strncmp(name.ptr, "refs/heads/", 11) == 0)
		(void)git_repository_set_head(repo, name.ptr);
	git_buf_dispose(&name);
}

/* The pieces of git_remote_fetch, but prune first: where `a` became `a/b` the old ref is in the way of the new one. */
static int fetch_all(git_repository *repo, git_remote *remote, const struct refspecs *specs, struct attempt *attempt)
{
	git_fetch_options options;
	git_remote_connect_options connect;
	git_strarray wanted = { .strings = specs->items, .count = specs->count };

	if (git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION) != 0 ||
	    git_remote_connect_options_init(&connect, GIT_REMOTE_CONNECT_OPTIONS_VERSION) != 0)
		return -1;
	set_options(&options, attempt);
	connect.callbacks = options.callbacks;
	connect.follow_redirects = options.follow_redirects;
	int bad = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &connect);
	bad = bad != 0 ? bad : git_remote_download(remote, &wanted, &options);
	bad = bad != 0 ? bad : git_remote_prune(remote, &options.callbacks);
	bad = bad != 0 ? bad
		       : git_remote_update_tips(remote, &options.callbacks, 0, GIT_REMOTE_DOWNLOAD_TAGS_NONE, "fetch");
	if (bad == 0)
		take_head(repo, remote);
	return bad;
}

int git_mirror_fetch(git_repository *repo, const struct git_mirror_fetch *fetch, bool *ret_broken, struct error *err)
{
	struct attempt attempt = { .fetch = fetch };
	struct refspecs CLEANUP(refspecs_release) specs = { 0 };
	git_remote *remote = NULL;

	*ret_broken = false;
	if (list_specs(fetch, &specs, err) != 0)
		return -1;
	/* Anonymous: nothing of the URL is written into the mirror's config. */
	if (git_remote_create_anonymous(&remote, repo, fetch->url) != 0)
		return libgit2_failed(err);
	git_error_clear();
	int code = fetch_all(repo, remote, &specs, &attempt);
	int bad = code == 0 ? 0 : explain(&attempt, code, ret_broken, err);
	(void)git_remote_disconnect(remote);
	git_remote_free(remote);
	return bad;
}
