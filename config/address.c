/* SPDX-License-Identifier: Apache-2.0 */
/* Where to listen, whom to trust as a proxy, and URLs: forms only, nothing is resolved. URLs by
 * libcurl's parser. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "config/reader.h"

#define MAX_HOST 253 /* RFC 1035, section 2.3.4 */

/* Digits without a leading zero, up to max; false on anything else. */
static bool parse_small(const char *text, unsigned max, unsigned *ret)
{
	size_t len = strlen(text);
	unsigned value = 0;

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	*ret = value;
	return value <= max;
}

static bool is_loopback_host(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool is_host_name(const char *host)
{
	size_t len = strlen(host);

	return len > 0 && len <= MAX_HOST && host[0] != '-' && host[0] != '.' &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") ==
		       len &&
	       strspn(host, "0123456789.") != len;
}

static int parse_unix(const char *path, struct address *ret, struct error *err)
{
	if (path[0] != '/' || path[1] == '\0')
		return error_set(err, ERR_CONFIG, "expected an absolute path behind unix:");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return error_set(err, ERR_CONFIG,
				 "expected a path of at most %zu bytes behind unix:",
				 sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	*ret = (struct address){ .form = ADDRESS_UNIX, .loopback = true };
	return 0;
}

/* Cuts the brackets of an IPv6 address; host is modified in place. */
static int check_host(char *host, struct error *err)
{
	struct in6_addr six;
	struct in_addr four;
	size_t len = strlen(host);

	if (len == 0 || strcmp(host, "*") == 0)
		return error_set(err, ERR_CONFIG,
				 "expected a host before the port (0.0.0.0 or [::] for all)");
	if (host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
		if (inet_pton(AF_INET6, host, &six) == 1)
			return 0;
		return error_set(err, ERR_CONFIG, "expected an IPv6 address in the brackets");
	}
	if (strchr(host, ':') != NULL)
		return error_set(err, ERR_CONFIG, "an IPv6 address needs brackets: [::1]:8080");
	if (inet_pton(AF_INET, host, &four) != 1 && !is_host_name(host))
		return error_set(err, ERR_CONFIG,
				 "expected an address or a host name before the port");
	return 0;
}

int address_parse(const char *text, struct address *ret, struct error *err)
{
	char host[MAX_HOST + 3];
	unsigned port = 0;

	if (strcmp(text, "systemd") == 0) {
		*ret = (struct address){ .form = ADDRESS_SYSTEMD };
		return 0;
	}
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, ret, err);
	const char *colon = strrchr(text, ':');
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) || strchr(colon, ']') != NULL)
		return error_set(err, ERR_CONFIG,
				 "expected host:port, [v6]:port, unix:/path or systemd");
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	if (!parse_small(colon + 1, 65535, &port))
		return error_set(err, ERR_CONFIG,
				 "expected a port from 0 to 65535 behind the last colon");
	if (check_host(host, err) != 0)
		return -1;
	*ret = (struct address){ .form = ADDRESS_HOST,
				 .loopback = is_loopback_host(host),
				 .any_port = port == 0 };
	return 0;
}

int address_check_network(const char *text, struct error *err)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[sizeof(struct in6_addr)];
	unsigned bits = 0;
	size_t len = strcspn(text, "/");
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;

	if (len >= sizeof(address))
		return error_set(err, ERR_CONFIG,
				 "expected an IP address or a network such as 10.0.0.0/8");
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(family, address, bytes) != 1)
		return error_set(err, ERR_CONFIG,
				 "expected an IP address or a network such as 10.0.0.0/8");
	if (text[len] == '/' && !parse_small(text + len + 1, family == AF_INET ? 32 : 128, &bits))
		return error_set(err, ERR_CONFIG, "expected 0 to %d bits behind the /",
				 family == AF_INET ? 32 : 128);
	return 0;
}

/* --- URLs --- */

DEFINE_CLEANUP(CURLU, curl_url_cleanup);
DEFINE_CLEANUP(char, curl_free);

static bool is_visible(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text <= 0x20U || (unsigned char)*text >= 0x7FU)
			return false;
	}
	return true;
}

/* The scheme and the host of a URL (new; curl_free). */
static int split_url(const char *text, unsigned flags, char **ret_scheme, char **ret_host,
		     struct error *err)
{
	CLEANUP(curl_url_cleanup_at) CURLU *url = curl_url();
	CLEANUP(curl_free_at) char *scheme = NULL;
	CLEANUP(curl_free_at) char *host = NULL;

	if (url == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	CURLUcode code = is_visible(text) ? curl_url_set(url, CURLUPART_URL, text, flags)
					  : CURLUE_MALFORMED_INPUT;
	if (code == CURLUE_USER_NOT_ALLOWED)
		return error_set(err, ERR_CONFIG,
				 "a user or password does not belong into this URL");
	if (code != CURLUE_OK || curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0')
		return error_set(err, ERR_CONFIG, "expected a URL such as https://host.example");
	*ret_scheme = TAKE(scheme);
	*ret_host = TAKE(host);
	return 0;
}

int address_parse_url(const char *text, struct address_url *ret, struct error *err)
{
	CLEANUP(curl_free_at) char *scheme = NULL;
	CLEANUP(curl_free_at) char *host = NULL;

	if (split_url(text, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME, &scheme, &host, err) !=
	    0)
		return -1;
	bool tls = strcasecmp(scheme, "https") == 0;
	if (!tls && strcasecmp(scheme, "http") != 0)
		return error_set(err, ERR_CONFIG, "expected an http or https URL");
	if (strpbrk(text, "?#") != NULL)
		return error_set(err, ERR_CONFIG,
				 "a query or fragment does not belong into this URL");
	size_t len = strlen(host);
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
	size_t base = strlen(text);
	while (base > 0 && text[base - 1] == '/')
		base--;
	*ret = (struct address_url){ .tls = tls, .loopback = is_loopback_host(host), .base = base };
	return 0;
}

int address_check_proxy(const char *text, struct error *err)
{
	static const char *const schemes[] = { "http",    "https",  "socks4",
					       "socks4a", "socks5", "socks5h" };
	CLEANUP(curl_free_at) char *scheme = NULL;
	CLEANUP(curl_free_at) char *host = NULL;

	if (split_url(text, CURLU_NON_SUPPORT_SCHEME, &scheme, &host, err) == 0) {
		for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
			if (strcasecmp(scheme, schemes[i]) == 0)
				return 0;
		}
	}
	return error_set(
		err, ERR_CONFIG,
		"expected none, env, or a URL (http, https, socks4, socks4a, socks5, socks5h)");
}
