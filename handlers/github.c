/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitHub's webhooks (docs.github.com, "Validating webhook deliveries"; webhook-sources section 1).
 */
#include "handlers/github.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "handlers/form.h"
#include "handlers/rows.h"
#include "handlers/shape.h"

#define SIGNATURE_HEADER "X-Hub-Signature-256"
#define SHA1_HEADER      "X-Hub-Signature"
#define DELIVERY_ID_MAX  128
#define EVENT_NAME_MAX   64

static const char *const forward_names[] = { "comments", "reviews", NULL };

static const struct config_key github_keys[] = {
	{ .name = "secret",
	  .kind = KEY_SECRETS,
	  .offset = offsetof(struct github_settings, secrets),
	  .required = true,
	  .help = "the webhook's secret; a list while it is being rotated" },
	{ .name = "forward",
	  .kind = KEY_FLAGS,
	  .offset = offsetof(struct github_settings, forward),
	  .fallback = "[comments, reviews]",
	  .names = forward_names,
	  .help = "comments: on issues and pull requests, also inline; reviews: submitted ones "
		  "with their summary" },
	{ .name = NULL },
};

static const struct config_table github_table = {
	.name = "source of type github",
	.size = sizeof(struct github_settings),
	.keys = github_keys,
};

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

static bool is_host(const char *host, const char *web)
{
	if (strcasecmp(host, web) == 0)
		return true;
	return strcasecmp(web, "github.com") == 0 && strcasecmp(host, "www.github.com") == 0;
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

	if (digits == 0 || digits > 18 || rest[skip] == '0' || (after != '\0' && after != '/'))
		return NULL;
	const char *repo = arena_strndup(arena, owner, repo_len);
	if (repo == NULL || !github_place_repo_is_valid(repo))
		return NULL;
	return arena_printf(arena, "%s#%.*s", repo, (int)digits, rest + skip);
}

static int github_thread_of_url(const void *state, const char *text, struct arena *arena,
				const char **ret, struct error *err)
{
	const struct github_state *github = state;
	CLEANUP(free_url) CURLU *url = url_parse(text);
	CLEANUP(free_part) char *path = NULL;
	CLEANUP(strbuf_release) struct strbuf host = STRBUF(512);

	if (url == NULL || !url_authority(url, &host) || !is_host(strbuf_str(&host), github->web))
		return error_set(err, ERR_NOT_FOUND, "not a URL of %s", github->web);
	const char *thread = NULL;
	if (curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK)
		thread = thread_of_path(path, arena);
	if (thread == NULL)
		return error_set(err, ERR_NOT_FOUND, "not the URL of a pull request or an issue");
	*ret = thread;
	return 0;
}

/* ---- life ---- */

static void github_close(void *state)
{
	struct github_state *github = state;

	if (github == NULL)
		return;
	verify_close(github->verifier);
	github_events_free(github->events);
	free(github->api);
	free(github->web);
	free(github);
}

static int open_into(struct github_state *github, const struct source_config *source,
		     struct error *err)
{
	const struct github_settings *settings = source->settings;
	const struct verify_settings how = { .type = VERIFY_HMAC_SHA256,
					     .header = SIGNATURE_HEADER,
					     .prefix = "sha256=",
					     .encoding = VERIFY_HEX,
					     .secret = settings->secrets };
	const char *api = source->api.url != NULL ? source->api.url : source->type->api_url;

	if (verify_open(&how, &github->verifier, err) < 0)
		return -1;
	github->web = web_of_api(api);
	if (github->web == NULL)
		return error_set(err, ERR_CONFIG, "api.url is not an http or https URL");
	github->events = github_events_new(settings->forward);
	github->api = strdup(api);
	if (github->events == NULL || github->api == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	return 0;
}

static int github_open(const struct source_config *source, void **ret_state, struct error *err)
{
	struct github_state *github = calloc(1, sizeof(*github));

	if (github == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	if (open_into(github, source, err) < 0) {
		github_close(github);
		return -1;
	}
	*ret_state = github;
	return 0;
}

/* ---- one request ---- */

static bool is_form(const struct http_request *request)
{
	return http_is_type(
		http_header_get(request->headers, request->header_count, "Content-Type"),
		"application/x-www-form-urlencoded");
}

static int github_accepts(const void *state, const struct http_request *request, struct error *err)
{
	const char *type = http_header_get(request->headers, request->header_count, "Content-Type");

	(void)state;
	if (http_header_count(request->headers, request->header_count, "Content-Type") == 1 &&
	    (http_is_type(type, "application/json") || is_form(request)))
		return 0;
	return error_set(
		err, ERR_CONTENT_TYPE,
		"the content type must be application/json or application/x-www-form-urlencoded");
}

static int github_verify(const void *state, const struct http_request *request, struct error *err)
{
	const struct github_state *github = state;
	const struct http_header *h = request->headers;
	size_t n = request->header_count;

	if (http_header_count(h, n, SIGNATURE_HEADER) == 0 &&
	    http_header_count(h, n, SHA1_HEADER) > 0)
		return error_set(err, ERR_UNAUTHENTIC,
				 "the header " SIGNATURE_HEADER " is missing, and " SHA1_HEADER
				 " (SHA-1) is not accepted");
	return verify_request(github->verifier, request, err);
}

/*
 * X-GitHub-Event goes into answers and logs, and is not under the MAC: only what a name can hold.
 */
static int event_name(const struct http_request *request, const char **ret, struct error *err)
{
	const char *name = NULL;

	if (http_header_once(request, "X-GitHub-Event", &name, err) < 0)
		return -1;
	if (name == NULL)
		return error_set(err, ERR_INVALID, "the header X-GitHub-Event is missing");
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	if (len == 0 || len > EVENT_NAME_MAX || name[len] != '\0')
		return error_set(err, ERR_INVALID,
				 "the header X-GitHub-Event is not the name of an event");
	*ret = name;
	return 0;
}

static int delivery_id(const struct http_request *request, const char **ret, struct error *err)
{
	const char *id = NULL;

	if (http_header_once(request, "X-GitHub-Delivery", &id, err) < 0)
		return -1;
	if (id != NULL && !shape_is_visible(id, DELIVERY_ID_MAX))
		return error_set(err, ERR_INVALID,
				 "the header X-GitHub-Delivery is not 1 to %d visible characters",
				 DELIVERY_ID_MAX);
	*ret = id;
	return 0;
}

static int github_parse(const void *state, const struct http_request *request, struct arena *arena,
			struct parsed *ret, struct error *err)
{
	const struct github_state *github = state;
	CLEANUP(strbuf_release) struct strbuf payload = STRBUF(request->body_len + 1);
	const char *name = NULL, *id = NULL, *json = request->body;
	size_t len = request->body_len;
	struct parsed made = { 0 };

	if (event_name(request, &name, err) < 0 || delivery_id(request, &id, err) < 0)
		return -1;
	if (is_form(request)) {
		if (form_value(request->body, request->body_len, "payload", &payload, err) < 0)
			return -1;
		json = strbuf_str(&payload);
		len = payload.len;
	}
	if (github_events_parse(github->events, name, json, len, arena, &made, err) < 0)
		return -1;
	made.sender_id = arena_strdup(arena, id);
	if (arena_failed(arena))
		return error_set(err, ERR_TOO_LARGE,
				 "the delivery holds more text than can be kept");
	*ret = made;
	return 0;
}

const struct handler handler_github = {
	.kind = { .type = "github",
		  .conversational = true,
		  .respond = RESPOND_QUEUED,
		  .api_url = "https://api.github.com",
		  .settings = &github_table },
	.open = github_open,
	.close = github_close,
	.accepts = github_accepts,
	.verify = github_verify,
	.parse = github_parse,
	.thread_of_url = github_thread_of_url,
	.forge = &github_api_forge,
};
