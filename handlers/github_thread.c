/* SPDX-License-Identifier: Apache-2.0 */
/* Pull requests and issues as threads: their ids, and the URLs under which people know them. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "handlers/github.h"

/* ---- ids ---- */

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

const char *github_thread_lower(const char *text, struct arena *arena)
{
	char *copy = arena_strdup(arena, text);

	for (char *at = copy; at != NULL && *at != '\0'; at++)
		*at = lower(*at);
	return copy;
}

const char *github_thread_name(const char *repo, int64_t number, struct arena *arena)
{
	const char *small = github_thread_lower(repo, arena);

	return small != NULL ? arena_printf(arena, "%s#%" PRId64, small, number) : NULL;
}

/* A number as it is written: no sign, no leading zero, below 10^18. */
static bool is_number(const char *text, size_t digits)
{
	return digits > 0 && digits <= 18 && text[0] != '0';
}

int github_thread_read(const char *thread, struct github_place *ret, struct error *err)
{
	struct github_place place = { .kind = GITHUB_ISSUE_COMMENT };
	const char *hash = strchr(thread, '#');
	size_t len = hash != NULL ? (size_t)(hash - thread) : 0;
	size_t digits = hash != NULL ? strspn(hash + 1, "0123456789") : 0;

	if (hash == NULL || len >= sizeof(place.repo) || !is_number(hash + 1, digits) || hash[1 + digits] != '\0')
		return error_set(err, ERR_NOT_FOUND, "not a thread of GitHub, such as octo/hello#42");
	for (size_t i = 0; i < len; i++)
		place.repo[i] = lower(thread[i]);
	if (!github_place_repo_is_valid(place.repo))
		return error_set(err, ERR_NOT_FOUND, "not a thread of GitHub: no owner/name");
	place.number = strtoll(hash + 1, NULL, 10);
	*ret = place;
	return 0;
}

int github_thread_normalise(const void *state, const char *thread, struct arena *arena,
			    const char **ret, struct error *err)
{
	struct github_place place;

	(void)state;
	if (github_thread_read(thread, &place, NULL) < 0)
		return error_set(err, ERR_INVALID, "\"%.100s\" is not owner/name#number, such as octo/hello#42",
				 thread);
	const char *made = github_thread_name(place.repo, place.number, arena);
	if (made == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	*ret = made;
	return 0;
}

int github_thread_place(const void *state, const char *thread, struct arena *arena,
			const char **ret, struct error *err)
{
	struct github_place place;

	(void)state;
	if (github_thread_read(thread, &place, err) < 0)
		return -1;
	const char *made = github_place_write(&place, arena);
	if (made == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	*ret = made;
	return 0;
}

/*
 * GitHub keeps the head of every pull request there, also of those from forks (docs.github.com,
 * "Checking out pull requests locally"). An issue has no such ref: Git says so.
 */
int github_thread_ref(const void *state, const char *thread, struct arena *arena,
		      const char **ret_repo, const char **ret_ref, struct error *err)
{
	struct github_place place;

	(void)state;
	if (github_thread_read(thread, &place, err) < 0)
		return -1;
	const char *repo = arena_strdup(arena, place.repo);
	const char *ref = arena_printf(arena, "refs/pull/%" PRId64 "/head", place.number);
	if (repo == NULL || ref == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	*ret_repo = repo;
	*ret_ref = ref;
	return 0;
}

/* GitHub leads on from /pull/ to /issues/ where it is an issue. */
int github_thread_url(const void *state, const char *thread, struct arena *arena, const char **ret,
		      struct error *err)
{
	const struct github_state *github = state;
	struct github_place place;

	if (github_thread_read(thread, &place, err) < 0)
		return -1;
	const char *url = arena_printf(arena, "https://%s/%s/pull/%" PRId64, github->web, place.repo, place.number);
	if (url == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	*ret = url;
	return 0;
}

/* ---- URLs ---- */

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_part(char **part)
{
	curl_free(*part);
}

/* A URL by http or https without a user in it; NULL: it is none, or no memory. */
static CURLU *url_parse(const char *text)
{
	CURLU *url = curl_url();
	CLEANUP(free_part) char *user = NULL;
	CLEANUP(free_part) char *scheme = NULL;

	if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    (strcasecmp(scheme, "https") == 0 || strcasecmp(scheme, "http") == 0) &&
	    curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER)
		return url;
	curl_url_cleanup(url);
	return NULL;
}

/* host[:port], without the scheme's own port; false: cannot be told. */
static bool url_authority(CURLU *url, struct strbuf *out)
{
	CLEANUP(free_part) char *host = NULL;
	CLEANUP(free_part) char *port = NULL;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return false;
	strbuf_adds(out, host);
	if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT) == CURLUE_OK &&
	    port != NULL)
		strbuf_addf(out, ":%s", port);
	return !strbuf_failed(out);
}

/*
 * Where people see what this API serves: an Enterprise Server has its API at HOST/api/v3, data residency has
 * api.NAME.ghe.com for NAME.ghe.com; whatever else is configured (api.github.com, a proxy in front of it, a stand-in)
 * speaks for github.com.
 */
static char *web_of_api(const char *api)
{
	CLEANUP(free_url) CURLU *url = url_parse(api);
	CLEANUP(free_part) char *path = NULL;
	CLEANUP(strbuf_release) struct strbuf host = STRBUF(512);

	if (url == NULL || !url_authority(url, &host))
		return NULL;
	const char *text = strbuf_str(&host);
	if (host.len > 8 && strcasecmp(text + host.len - 8, ".ghe.com") == 0 && strncasecmp(text, "api.", 4) == 0)
		return strdup(text + 4);
	if (curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK && strncmp(path, "/api/v3", 7) == 0)
		return strdup(text);
	return strdup("github.com");
}

static bool is_loopback(const char *authority)
{
	size_t host = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":");

	return (strncmp(authority, "127.", 4) == 0 && strspn(authority, "0123456789.") == host) ||
		(host == 5 && strncmp(authority, "[::1]", 5) == 0) ||
		(host == 9 && strncasecmp(authority, "localhost", 9) == 0);
}

/* A stand-in on this machine may show its pages where it has its API; nobody from outside can be there. */
static char *standin_of_api(const char *api)
{
	CLEANUP(free_url) CURLU *url = url_parse(api);
	CLEANUP(strbuf_release) struct strbuf host = STRBUF(512);

	if (url == NULL || !url_authority(url, &host) || !is_loopback(strbuf_str(&host)))
		return NULL;
	return strdup(strbuf_str(&host));
}

int github_thread_hosts(struct github_state *github, struct error *err)
{
	github->web = web_of_api(github->api);
	if (github->web == NULL)
		return error_set(err, ERR_CONFIG, "api.url is not an http or https URL");
	github->standin = standin_of_api(github->api);
	return 0;
}

static bool is_host(const struct github_state *github, const char *host)
{
	if (strcasecmp(host, github->web) == 0 ||
	    (github->standin != NULL && strcasecmp(host, github->standin) == 0))
		return true;
	return strcasecmp(github->web, "github.com") == 0 && strcasecmp(host, "www.github.com") == 0;
}

/* "/octo/hello/pull/42/files" to "octo/hello#42". */
static const char *thread_of_path(const char *path, struct arena *arena)
{
	const char *owner = path + strspn(path, "/");
	size_t owner_len = strcspn(owner, "/");
	const char *name = owner + owner_len + strspn(owner + owner_len, "/");
	size_t repo_len = (size_t)(name - owner) + strcspn(name, "/");
	const char *rest = owner + repo_len;
	size_t skip = strncmp(rest, "/pull/", 6) == 0 ? 6
		: strncmp(rest, "/issues/", 8) == 0   ? 8
						      : 0;
	size_t digits = skip > 0 ? strspn(rest + skip, "0123456789") : 0;
	char after = skip > 0 ? rest[skip + digits] : '\0';

	if (!is_number(rest + skip, digits) || (after != '\0' && after != '/'))
		return NULL;
	const char *repo = arena_strndup(arena, owner, repo_len);
	if (repo == NULL || !github_place_repo_is_valid(repo))
		return NULL;
	return github_thread_name(repo, strtoll(rest + skip, NULL, 10), arena);
}

int github_thread_of_url(const void *state, const char *text, struct arena *arena, const char **ret,
			 struct error *err)
{
	const struct github_state *github = state;
	CLEANUP(free_url) CURLU *url = url_parse(text);
	CLEANUP(free_part) char *path = NULL;
	CLEANUP(strbuf_release) struct strbuf host = STRBUF(512);

	if (url == NULL || !url_authority(url, &host) || !is_host(github, strbuf_str(&host)))
		return error_set(err, ERR_NOT_FOUND, "not a URL of %s", github->web);
	const char *thread = NULL;
	if (curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK)
		thread = thread_of_path(path, arena);
	if (thread == NULL)
		return error_set(err, ERR_NOT_FOUND, "not the URL of a pull request or an issue");
	*ret = thread;
	return 0;
}
