/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests and fuzzers of handlers share: a source built from a few lines of JSON, a request read
 * from a file, and what a handler makes of it as JSON. All of it aborts on trouble of its own: a
 * test has nothing better to do.
 *
 * A fixture is a folder tests/fixtures/<type>/<case>/ with
 *   request        the request line and headers as they stand on the wire, without the body
 *   body           the exact bytes
 *   expected.json  what kit_outcome says of it
 *   source.json    optional: the settings, instead of tests/fixtures/<type>/source.json
 */
#ifndef TESTS_SUPPORT_HANDLER_KIT_H
#define TESTS_SUPPORT_HANDLER_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/json.h"
#include "handlers/generic.h"
#include "handlers/github.h"
#include "handlers/handler.h"

#define KIT_MAX_HEADERS 40
#define KIT_MAX_SECRETS 4
#define KIT_ARENA       ((size_t)16 << 20)

#define KIT_NEED(condition)                                                             \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

struct kit_bytes {
	char *ptr; /* a NUL follows */
	size_t len;
};

/* The whole file; ptr is NULL when there is none. */
static inline struct kit_bytes kit_read_file(const char *path)
{
	struct kit_bytes bytes = { 0 };
	FILE *file = fopen(path, "rb");

	if (file == NULL)
		return bytes;
	KIT_NEED(fseek(file, 0, SEEK_END) == 0);
	long size = ftell(file);
	KIT_NEED(size >= 0);
	rewind(file);
	bytes.len = (size_t)size;
	bytes.ptr = calloc(1, bytes.len + 1);
	KIT_NEED(bytes.ptr != NULL && fread(bytes.ptr, 1, bytes.len, file) == bytes.len);
	fclose(file);
	return bytes;
}

/* ---- a source, by hand ---- */

struct kit_source {
	const struct handler *handler;
	void *state;
	bool signs_body; /* whether a changed body must be noticed */
	int64_t received_ms;
	struct source_config config;
	struct github_settings github;
	struct generic_settings generic;
	const struct secret *secrets[KIT_MAX_SECRETS];
	struct secret *owned[KIT_MAX_SECRETS + 1];
	size_t owned_count;
	cJSON *json;
};

static inline const struct secret *kit_secret(struct kit_source *source, const char *text)
{
	KIT_NEED(text != NULL && source->owned_count <= KIT_MAX_SECRETS);
	struct secret *secret = secret_new(text, strlen(text));
	KIT_NEED(secret != NULL);
	source->owned[source->owned_count++] = secret;
	return secret;
}

/* A list of strings, or nothing. */
static inline struct config_secrets kit_secrets(struct kit_source *source, const char *name)
{
	const cJSON *list = json_at(source->json, name), *item = NULL;
	size_t count = 0;

	cJSON_ArrayForEach(item, list) {
		KIT_NEED(count < KIT_MAX_SECRETS);
		source->secrets[count++] = kit_secret(source, cJSON_GetStringValue(item));
	}
	return (struct config_secrets){ source->secrets, count };
}

static inline void kit_github(struct kit_source *source)
{
	static const char *const names[] = { "comments", "reviews", "ci", "pushes" };
	const char *ci = json_str(source->json, "ci");
	const cJSON *forward = json_at(source->json, "forward"), *item = NULL;

	source->github.secrets = kit_secrets(source, "secret");
	source->github.forward = forward == NULL ? GITHUB_COMMENTS | GITHUB_REVIEWS : 0;
	cJSON_ArrayForEach(item, forward) {
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			source->github.forward |= strcmp(item->valuestring, names[i]) == 0 ? 1U << i
											   : 0;
	}
	source->github.ci = ci != NULL && strcmp(ci, "all") == 0 ? GITHUB_CI_ALL : GITHUB_CI_FAILURES;
	source->signs_body = true;
	source->config.api.url = json_str(source->json, "api");
	source->config.settings = &source->github;
}

static inline void kit_generic(struct kit_source *source)
{
	static const char *const names[] = { "unset",  "none",  "hmac-sha256",
					     "bearer", "basic", "standard-webhooks" };
	struct verify_settings *verify = &source->generic.verify;
	const char *type = json_str(source->json, "verify");
	const char *encoding = json_str(source->json, "encoding");

	KIT_NEED(type != NULL);
	for (int i = 0; i < VERIFY_TYPES_; i++) {
		if (strcmp(names[i], type) == 0)
			verify->type = i;
	}
	verify->header = json_str(source->json, "header");
	verify->prefix = json_str(source->json, "prefix");
	verify->encoding = encoding != NULL && strcmp(encoding, "base64") == 0 ? VERIFY_BASE64
									       : VERIFY_HEX;
	if (json_at(source->json, "token") != NULL)
		verify->token = kit_secrets(source, "token");
	else
		verify->secret = kit_secrets(source, "secret");
	verify->username = json_str(source->json, "username");
	if (json_str(source->json, "password") != NULL)
		verify->password = kit_secret(source, json_str(source->json, "password"));
	source->signs_body = verify->type == VERIFY_HMAC_SHA256 ||
		verify->type == VERIFY_STANDARD_WEBHOOKS;
	source->config.settings = &source->generic;
}

/* How each type's settings are built; a new row in the registry needs one here. */
static const struct kit_builder {
	const char *type;
	void (*build)(struct kit_source *source);
} kit_builders[] = {
	{ "github", kit_github },
	{ "generic", kit_generic },
};

/*
 * Opens a source of the type; json as in source.json. NULL, with *err set, when the handler refuses
 * the settings.
 */
static inline struct kit_source *kit_open(const char *type, const char *json, struct error *err)
{
	struct kit_source *source = calloc(1, sizeof(*source));
	const struct kit_builder *builder = NULL;

	for (size_t i = 0; i < sizeof(kit_builders) / sizeof(kit_builders[0]); i++) {
		if (strcmp(kit_builders[i].type, type) == 0)
			builder = &kit_builders[i];
	}
	KIT_NEED(source != NULL && builder != NULL);
	source->json = cJSON_Parse(json);
	source->handler = handler_find(type);
	KIT_NEED(source->json != NULL && source->handler != NULL);
	source->config.name = type;
	source->config.type = &source->handler->kind;
	int64_t seconds = 0;
	source->received_ms = json_int(source->json, "received", &seconds) ? seconds * 1000
									   : 1700000000000;
	builder->build(source);
	if (source->handler->open(&source->config, &source->state, err) == 0)
		return source;
	for (size_t i = 0; i < source->owned_count; i++)
		secret_free(source->owned[i]);
	cJSON_Delete(source->json);
	free(source);
	return NULL;
}

static inline void kit_close(struct kit_source *source)
{
	if (source == NULL)
		return;
	source->handler->close(source->state);
	for (size_t i = 0; i < source->owned_count; i++)
		secret_free(source->owned[i]);
	cJSON_Delete(source->json);
	free(source);
}

/* ---- a request ---- */

struct kit_request {
	struct http_request http;
	struct http_header headers[KIT_MAX_HEADERS];
	struct kit_bytes text; /* what the headers point into */
};

/* text: request line and headers; taken over. Lines may end in CR LF or LF. */
static inline void kit_parse_request(struct kit_request *request, struct kit_bytes text)
{
	char *save = NULL;
	size_t count = 0;

	*request = (struct kit_request){ .text = text };
	char *line = strtok_r(text.ptr, "\r\n", &save);
	KIT_NEED(line != NULL && strncmp(line, "POST /", 6) == 0);
	while ((line = strtok_r(NULL, "\r\n", &save)) != NULL) {
		char *colon = strchr(line, ':');
		KIT_NEED(colon != NULL && count < KIT_MAX_HEADERS);
		*colon = '\0';
		request->headers[count++] = (struct http_header){
			line, colon + 1 + strspn(colon + 1, " ")
		};
	}
	request->http = (struct http_request){ .method = "POST",
					       .path = "/hooks/test",
					       .query = "",
					       .headers = request->headers,
					       .header_count = count };
}

/* ---- an outcome ---- */

static inline void kit_put_person(struct json_writer *w, const char *name,
				  const struct person *person)
{
	json_begin_object(w, name);
	json_put_str(w, "login", person->login);
	json_put_str(w, "id", person->id);
	json_put_str(w, "association", person->association);
	json_put_bool(w, "bot", person->bot);
	json_end_object(w);
}

static inline void kit_put_lookup(struct json_writer *w, const struct lookup *lookup)
{
	json_begin_object(w, "lookup");
	json_put_bool(w, "code", (lookup->wants & LOOKUP_CODE) != 0);
	json_put_bool(w, "thread", (lookup->wants & LOOKUP_THREAD) != 0);
	json_put_bool(w, "push", (lookup->wants & LOOKUP_PUSH) != 0);
	json_put_str(w, "repo", lookup->repo);
	json_put_str(w, "commit", lookup->commit);
	json_put_str(w, "before", lookup->before);
	json_put_str(w, "branch", lookup->branch);
	json_put_str(w, "path", lookup->path);
	json_put_int(w, "line", lookup->line);
	json_put_int(w, "last_line", lookup->last_line);
	json_put_bool(w, "old_side", lookup->old_side);
	json_end_object(w);
}

/* Left out when they say nothing: the pace of what waits for nobody, the line of what has none. */
static inline void kit_put_manner(struct json_writer *w, const struct event *event)
{
	static const char *const paces[] = { NULL, "burst", "joins" };

	json_put_str(w, "pace", paces[event->pace]);
	if (event->machine)
		json_put_bool(w, "machine", true);
	if (event->line != 0)
		json_put_int(w, "line", event->line);
	json_put_str(w, "covers", event->covers);
	json_put_str(w, "hint", event->hint);
	if (event->lookup != NULL)
		kit_put_lookup(w, event->lookup);
}

static inline void kit_put_event(struct json_writer *w, const struct event *event)
{
	static const char *const kinds[] = { "message", "edit", "delete" };

	json_begin_object(w, NULL);
	json_put_str(w, "kind", kinds[event->kind]);
	json_put_str(w, "name", event->name);
	json_put_str(w, "thread", event->thread);
	json_put_str(w, "job_id", event->job_id);
	json_put_str(w, "object", event->object);
	json_put_str(w, "dedupe", event->dedupe);
	kit_put_person(w, "author", &event->author);
	kit_put_person(w, "actor", &event->actor);
	json_put_str(w, "text", event->text);
	json_put_str(w, "did", event->did);
	json_put_str(w, "where", event->where);
	json_put_str(w, "title", event->title);
	json_put_str(w, "url", event->url);
	json_put_str(w, "file", event->file);
	json_put_str(w, "lines", event->lines);
	json_put_str(w, "quote", event->quote);
	kit_put_manner(w, event);
	if (event->place != NULL)
		json_put_raw(w, "place", event->place);
	json_end_object(w);
}

static inline void kit_put_parsed(struct json_writer *w, const struct parsed *parsed)
{
	json_put_str(w, "sender_id", parsed->sender_id);
	json_put_str(w, "ignored", parsed->ignore_reason);
	json_put_str(w, "warning", parsed->warning);
	json_begin_array(w, "events");
	for (size_t i = 0; i < parsed->event_count; i++)
		kit_put_event(w, &parsed->events[i]);
	json_end_array(w);
}

static inline void kit_put_refusal(struct json_writer *w, const char *step, const struct error *err)
{
	json_begin_object(w, "refused");
	json_put_str(w, "by", step);
	json_put_int(w, "status", error_http_status(err->code));
	json_put_str(w, "error", err->text);
	json_end_object(w);
}

/* accepts, verify, parse, and what came of it, as one JSON object appended to out. */
static inline void kit_outcome(const struct kit_source *source, const struct http_request *request,
			       struct strbuf *out)
{
	const struct handler *handler = source->handler;
	struct json_writer w = JSON_WRITER(out);
	struct arena *arena = arena_new(KIT_ARENA);
	struct parsed parsed = { 0 };
	struct error err = { 0 };

	KIT_NEED(arena != NULL);
	json_begin_object(&w, NULL);
	if (handler->accepts(source->state, request, &err) < 0)
		kit_put_refusal(&w, "accepts", &err);
	else if (handler->verify(source->state, request, &err) < 0)
		kit_put_refusal(&w, "verify", &err);
	else if (handler->parse(source->state, request, arena, &parsed, &err) < 0)
		kit_put_refusal(&w, "parse", &err);
	else
		kit_put_parsed(&w, &parsed);
	json_end_object(&w);
	arena_free(arena);
}

#endif
