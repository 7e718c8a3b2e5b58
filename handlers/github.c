/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitHub's webhooks (docs.github.com, "Validating webhook deliveries"; webhook-sources section 1).
 */
#include "handlers/github.h"

#include <stddef.h>
#include <string.h>

#include "handlers/form.h"
#include "handlers/rows.h"
#include "handlers/shape.h"

#define SIGNATURE_HEADER "X-Hub-Signature-256"
#define SHA1_HEADER      "X-Hub-Signature"
#define DELIVERY_ID_MAX  128
#define EVENT_NAME_MAX   64

static const char *const forward_names[] = { "comments", "reviews", "ci", "pushes", NULL };
static const char *const ci_names[] = { "failures", "all", NULL };

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
	  .help = "comments: on issues, pull requests (also inline) and commits; reviews: submitted "
		  "ones with their summary; ci: results of checks, workflows and statuses; pushes: "
		  "to branches" },
	{ .name = "ci",
	  .kind = KEY_ENUM,
	  .offset = offsetof(struct github_settings, ci),
	  .fallback = "failures",
	  .names = ci_names,
	  .help = "which results `forward: [ci]` means: those that failed, or all" },
	{ .name = NULL },
};

static const struct config_table github_table = {
	.name = "source of type github",
	.size = sizeof(struct github_settings),
	.keys = github_keys,
};

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
	free(github->standin);
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
	github->events = github_events_new(settings->forward, (enum github_ci)settings->ci);
	github->api = strdup(api);
	if (github->events == NULL || github->api == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	return github_thread_hosts(github, err);
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
	.thread_normalise = github_thread_normalise,
	.forge = &github_api_forge,
};
