/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sender that can post JSON: the plain shape of design 2.7, so that a script with curl and
 * openssl can continue a job. Members that are not named here are none of our business and are
 * skipped.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/model/message.h"
#include "handlers/generic.h"
#include "handlers/rows.h"
#include "handlers/shape.h"

/* A prompt is cut to limits.prompt later, but not held without a bound before. */
#define KEPT_MAX   ((size_t)8 << 20)
#define THREAD_MAX 512
#define ID_MAX     256
#define AUTHOR_MAX 256
#define TITLE_MAX  1024
#define URL_MAX    2048

struct generic_state {
	struct verifier *verifier;
	struct json_paths *paths;
};

static const struct config_key generic_keys[] = {
	{ .name = "verify",
	  .kind = KEY_CUSTOM,
	  .offset = offsetof(struct generic_settings, verify),
	  .read = verify_settings_read,
	  .help = "how requests prove that they are authentic: none, or a mapping with type "
		  "hmac-sha256, bearer, basic or standard-webhooks" },
	{ .name = NULL },
};

static const struct config_table generic_table = {
	.name = "source of type generic",
	.size = sizeof(struct generic_settings),
	.keys = generic_keys,
};

static void generic_check(struct config_reader *reader, const struct config_node *node,
			  const struct source_config *source, bool loopback)
{
	const struct generic_settings *settings = source->settings;
	const struct config_node *at = config_member(reader, node, "verify");
	CLEANUP(verify_close_at) struct verifier *tried = NULL;
	struct error err;

	if (at == NULL) {
		config_problem(
			reader, PROBLEM_ERROR, node,
			"verify is required; to take requests from anybody, write verify: none");
		return;
	}
	if (settings->verify.type == VERIFY_UNSET)
		return; /* its reader has said why */
	if (settings->verify.type == VERIFY_NONE && !loopback)
		config_problem(reader, PROBLEM_ERROR, at,
			       "none is only for listeners on loopback or unix sockets: "
			       "anybody who reaches the port could continue jobs");
	if (verify_open(&settings->verify, &tried, &err) < 0)
		config_problem(reader, PROBLEM_ERROR, at, "%s", err.text);
}

/* ---- life ---- */

static void generic_close(void *state)
{
	struct generic_state *generic = state;

	if (generic == NULL)
		return;
	verify_close(generic->verifier);
	json_paths_free(generic->paths);
	free(generic);
}

static int generic_open(const struct source_config *source, void **ret_state, struct error *err)
{
	static const char *const paths[] = { "job_id", "thread", "prompt", "id",
					     "author", "url",    "title",  NULL };
	const struct generic_settings *settings = source->settings;
	struct generic_state *generic = calloc(1, sizeof(*generic));

	if (generic == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	if (verify_open(&settings->verify, &generic->verifier, err) < 0) {
		generic_close(generic);
		return error_prefix(err, "verify: ");
	}
	generic->paths = json_paths_new(paths);
	if (generic->paths == NULL) {
		generic_close(generic);
		return error_set(err, ERR_NO_MEMORY, "no memory");
	}
	*ret_state = generic;
	return 0;
}

/* ---- one request ---- */

static int generic_accepts(const void *state, const struct http_request *request, struct error *err)
{
	const struct http_header *h = request->headers;
	size_t n = request->header_count;

	(void)state;
	if (http_header_count(h, n, "Content-Type") == 1 &&
	    http_is_type(http_header_get(h, n, "Content-Type"), "application/json"))
		return 0;
	return error_set(err, ERR_CONTENT_TYPE, "the content type must be application/json");
}

static int generic_verify(const void *state, const struct http_request *request, struct error *err)
{
	const struct generic_state *generic = state;

	return verify_request(generic->verifier, request, err);
}

/* An optional member of one line. */
static int read_line(const cJSON *tree, const char *name, size_t max, struct arena *arena,
		     const char **ret, struct error *err)
{
	const char *text = NULL;

	if (shape_opt_str(tree, name, &text, err) < 0)
		return -1;
	if (text != NULL && !shape_is_printable(text, max))
		return error_set(err, ERR_INVALID, "%s is not 1 to %zu bytes of printable text",
				 name, max);
	*ret = arena_strdup(arena, text);
	return 0;
}

static int read_target(const cJSON *tree, struct arena *arena, struct event *event,
		       struct error *err)
{
	const char *job = NULL;

	if (shape_opt_str(tree, "job_id", &job, err) < 0 ||
	    read_line(tree, "thread", THREAD_MAX, arena, &event->thread, err) < 0)
		return -1;
	if (job == NULL && event->thread == NULL)
		return error_set(err, ERR_INVALID, "job_id or thread is required");
	if (job != NULL && event->thread != NULL)
		return error_set(err, ERR_INVALID,
				 "job_id and thread exclude each other: give one");
	if (job != NULL && !job_id_is_valid(job))
		return error_set(err, ERR_INVALID,
				 "job_id is not the id of a job (job_ and 26 characters)");
	event->job_id = arena_strdup(arena, job);
	return 0;
}

static int read_prompt(const cJSON *tree, struct arena *arena, struct event *event,
		       struct error *err)
{
	const char *prompt = NULL;

	if (shape_str(tree, "prompt", &prompt, err) < 0)
		return -1;
	if (shape_is_blank(prompt))
		return error_set(err, ERR_INVALID, "prompt is empty");
	event->text = arena_strdup(arena, prompt);
	return 0;
}

/* A link that someone may click on later: nothing but the web. */
static int read_url(const cJSON *tree, struct arena *arena, struct event *event, struct error *err)
{
	const char *url = NULL;

	if (shape_opt_str(tree, "url", &url, err) < 0)
		return -1;
	if (url != NULL &&
	    (!shape_is_visible(url, URL_MAX) ||
	     (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)))
		return error_set(err, ERR_INVALID,
				 "url is not an http or https URL of at most %d characters",
				 URL_MAX);
	event->url = arena_strdup(arena, url);
	return 0;
}

/*
 * What names this message for its sender: the header, else the body's id, else the id under the
 * signature.
 */
static int read_key(const struct generic_state *generic, const struct http_request *request,
		    const cJSON *tree, struct arena *arena, const char **ret, struct error *err)
{
	const char *header = NULL, *id = NULL;

	if (http_header_once(request, "Idempotency-Key", &header, err) < 0 ||
	    read_line(tree, "id", ID_MAX, arena, &id, err) < 0)
		return -1;
	if (header != NULL && !shape_is_printable(header, ID_MAX))
		return error_set(
			err, ERR_INVALID,
			"the header Idempotency-Key is not 1 to %d bytes of printable text",
			ID_MAX);
	/*
	 * What the signature covers comes first: the header is outside of it, and whoever captured a request could
	 * send it again under a fresh one.
	 */
	const char *signed_id = verify_message_id(generic->verifier, request);
	if (signed_id == NULL)
		signed_id = id;
	*ret = arena_strdup(arena, signed_id != NULL ? signed_id : header);
	return 0;
}

static int read_event(const cJSON *tree, struct arena *arena, struct event *event,
		      struct error *err)
{
	event->kind = EVENT_MESSAGE;
	event->name = "generic";
	event->did = "sent a message";
	if (read_target(tree, arena, event, err) < 0 || read_prompt(tree, arena, event, err) < 0 ||
	    read_url(tree, arena, event, err) < 0 ||
	    read_line(tree, "author", AUTHOR_MAX, arena, &event->author.login, err) < 0 ||
	    read_line(tree, "title", TITLE_MAX, arena, &event->title, err) < 0)
		return -1;
	event->actor = event->author;
	return 0;
}

static int read_tree(const struct generic_state *generic, const struct http_request *request,
		     cJSON **ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf kept = STRBUF(KEPT_MAX);

	if (json_extract(request->body, request->body_len, generic->paths, &kept, err) < 0)
		return -1;
	*ret = cJSON_ParseWithLength(strbuf_str(&kept), kept.len);
	return *ret != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "no memory");
}

static int generic_parse(const void *state, const struct http_request *request, struct arena *arena,
			 struct parsed *ret, struct error *err)
{
	const struct generic_state *generic = state;
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct event *event = arena_alloc(arena, sizeof(*event));
	const char *key = NULL;

	if (event == NULL)
		return error_set(err, ERR_TOO_LARGE,
				 "the delivery holds more text than can be kept");
	if (read_tree(generic, request, &tree, err) < 0 ||
	    read_event(tree, arena, event, err) < 0 ||
	    read_key(generic, request, tree, arena, &key, err) < 0)
		return -1;
	if (arena_failed(arena))
		return error_set(err, ERR_TOO_LARGE,
				 "the delivery holds more text than can be kept");
	*ret = (struct parsed){ .sender_id = key, .events = event, .event_count = 1 };
	return 0;
}

const struct handler handler_generic = {
	.kind = { .type = "generic",
		  .respond = RESPOND_OUTCOME,
		  .settings = &generic_table,
		  .check = generic_check },
	.answers_caller = true,
	.open = generic_open,
	.close = generic_close,
	.accepts = generic_accepts,
	.verify = generic_verify,
	.parse = generic_parse,
};
