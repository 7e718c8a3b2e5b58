/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/url.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/utf8.h"

static bool has_unprintable(const char *url)
{
	for (const char *at = url; *at != '\0'; at++) {
		if ((unsigned char)*at <= ' ' || *at == 0x7f)
			return true;
	}
	return false;
}

/* git@host:path, as git itself understands it: a colon before the first slash. */
static bool is_scp_like(const char *url)
{
	size_t colon = strcspn(url, ":/");

	return colon > 0 && url[colon] == ':' && strncmp(url + colon, "://", 3) != 0;
}

static int check_host(const char *authority, struct error *err)
{
	size_t len = strcspn(authority, "/?#");

	if (memchr(authority, '@', len) != NULL)
		return error_set(err, ERR_INVALID, "a repository URL must not contain a user or a password");
	if (len == 0 || authority[0] == ':')
		return error_set(err, ERR_INVALID, "the repository URL has no host");
	return 0;
}

int git_url_check(const char *url, struct error *err)
{
	size_t len = url != NULL ? strnlen(url, GIT_URL_MAX + 1) : 0;

	if (len == 0 || len > GIT_URL_MAX || !utf8_valid(url, len) || has_unprintable(url))
		return error_set(err, ERR_INVALID, "not a repository URL of at most %d characters without white space",
				 GIT_URL_MAX);
	if (url[0] == '/')
		return 0;
	if (strncmp(url, "file:///", 8) == 0)
		return 0;
	if (strncasecmp(url, "https://", 8) == 0)
		return check_host(url + 8, err);
	if (strncasecmp(url, "http://", 7) == 0)
		return check_host(url + 7, err);
	if (strncasecmp(url, "ssh://", 6) == 0 || is_scp_like(url))
		return error_set(err, ERR_INVALID, "repositories over ssh are not supported yet, use https");
	return error_set(err, ERR_INVALID, "a repository URL begins with https://, http://, file:/// or /");
}

/* The length of "scheme://host:port", without a port that goes without saying; 0: no such URL. */
static size_t origin_len(const char *url)
{
	bool tls = strncasecmp(url, "https://", 8) == 0;

	if (!tls && strncasecmp(url, "http://", 7) != 0)
		return 0;
	size_t scheme = tls ? 8 : 7;
	size_t len = scheme + strcspn(url + scheme, "/?#");
	const char *port = tls ? ":443" : ":80";
	size_t port_len = strlen(port);
	if (len > scheme + port_len && strncmp(url + len - port_len, port, port_len) == 0)
		len -= port_len;
	return len;
}

bool git_url_same_host(const char *a, const char *b)
{
	size_t len = origin_len(a);

	return len > 0 && len == origin_len(b) && strncasecmp(a, b, len) == 0;
}

void git_url_show(const char *url, char out[GIT_URL_SHOWN_SIZE])
{
	size_t len = strcspn(url, "?#");
	size_t shown = utf8_cut(url, len, GIT_URL_SHOWN_SIZE - 4);

	(void)snprintf(out, GIT_URL_SHOWN_SIZE, "%.*s%s", (int)shown, url, shown < len ? "…" : "");
}
