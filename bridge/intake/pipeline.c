/* SPDX-License-Identifier: Apache-2.0 */
/* One request on the loop's thread: route, verify, parse, decide; what is to be kept goes to the committer. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/base/clock.h"
#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "bridge/intake/command_parse.h"
#include "bridge/intake/intake_private.h"
#include "bridge/intake/prompt.h"
#include "bridge/intake/trigger.h"

#define WAIT_MAX_S 60

int intake_new(const struct intake_options *options, struct intake **ret, struct error *err)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (intake != NULL)
		intake->waiters = waiters_new();
	if (intake == NULL || intake->waiters == NULL) {
		free(intake);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	intake->options = *options;
	*ret = intake;
	return 0;
}

void intake_free(struct intake *intake)
{
	if (intake == NULL)
		return;
	waiters_free(intake->waiters);
	free(intake);
}

void intake_drain(struct intake *intake)
{
	atomic_store(&intake->draining, true);
	committer_wake(intake->options.committer);
}

void intake_on_final(void *ctx, const struct outcome *outcome)
{
	struct intake *intake = ctx;

	waiters_finish(intake->waiters, outcome);
}

int64_t intake_tick(struct intake *intake, int64_t now_mono_ms)
{
	if (atomic_load(&intake->draining))
		waiters_end(intake->waiters);
	return waiters_tick(intake->waiters, now_mono_ms);
}

void intake_stats(struct intake *intake, struct intake_stats *ret)
{
	ret->queued = atomic_load(&intake->queued);
	ret->ignored = atomic_load(&intake->ignored);
	ret->duplicates = atomic_load(&intake->duplicates);
	ret->rejected = atomic_load(&intake->rejected);
	ret->refused = atomic_load(&intake->refused);
}

/* ---- health ---- */

static bool is_health_path(const char *path)
{
	return strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0;
}

bool intake_health(struct intake *intake, struct exchange *x, const struct http_request *request)
{
	struct committer_stats stats;
	struct http_reply reply = { .status = 200, .body = STRBUF(2048) };
	struct json_writer w = JSON_WRITER(&reply.body);
	bool draining = atomic_load(&intake->draining);

	if (!is_health_path(request->path))
		return false;
	json_begin_object(&w, NULL);
	if (strcmp(request->path, "/healthz") == 0) {
		json_put_str(&w, "status", "ok");
	} else {
		committer_stats(intake->options.committer, &stats);
		bool ready = stats.healthy && !draining;
		json_put_bool(&w, "ready", ready);
		json_begin_array(&w, "reasons");
		if (draining)
			json_put_str(&w, NULL, "draining: the service is shutting down");
		if (!stats.healthy)
			json_put_str(&w, NULL, stats.last.text);
		json_end_array(&w);
		reply.status = ready ? 200 : 503;
	}
	json_end_object(&w);
	exchange_answer(x, &reply);
	return true;
}

/* ---- the head ---- */

static int check_source(struct exchange *x, const struct source *source, const struct http_request *head,
			struct error *err)
{
	const char *coding = http_header_get(head->headers, head->header_count, "Content-Encoding");

	if (strcmp(head->method, "POST") != 0) {
		exchange_allow(x, "POST");
		return error_set(err, ERR_METHOD, "%.20s is not allowed here; deliveries are POSTed", head->method);
	}
	if (coding != NULL && strcasecmp(coding, "identity") != 0)
		return error_set(err, ERR_CONTENT_TYPE, "Content-Encoding is not supported; send the body as it is");
	if (http_header_count(head->headers, head->header_count, "Content-Type") > 1)
		return error_set(err, ERR_CONTENT_TYPE, "Content-Type is repeated");
	return source->handler->accepts(source->state, head, err);
}

int intake_begin(void *ctx, struct exchange *x, const struct http_request *head, struct error *err)
{
	struct intake *intake = ctx;

	if (is_health_path(head->path)) {
		if (strcmp(head->method, "GET") == 0 || strcmp(head->method, "HEAD") == 0)
			return 0;
		exchange_allow(x, "GET, HEAD");
		return error_set(err, ERR_METHOD, "%.20s is not allowed here", head->method);
	}
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(intake->options.settings);
	const struct source *source = settings_source_by_path(settings, head->path);
	if (source == NULL)
		return error_set(err, ERR_NOT_FOUND, "no source is configured at this path");
	if (atomic_load(&intake->draining))
		return error_set(err, ERR_BUSY, "shutting down; send it again");
	return check_source(x, source, head, err);
}

/* ---- a delivery ---- */

static void reject(struct intake *intake, struct exchange *x, const struct source *source, const char *sender_id,
		   const struct error *err)
{
	atomic_fetch_add(&intake->rejected, 1);
	log_event(LOG_WARN, "delivery.rejected", NULL, LOG_STR("source", source->config->name),
		  LOG_STR("sender_delivery_id", sender_id), LOG_STR("error", err->text),
		  LOG_INT("status", error_http_status(err->code)));
	exchange_refuse(x, err);
}

/* RFC 7240 section 4.3: Prefer: wait=N, N in seconds. -1: not asked for. */
static int64_t preferred_wait_ms(const struct http_request *request)
{
	const char *prefer = http_header_get(request->headers, request->header_count, "Prefer");
	const char *at = prefer != NULL ? strcasestr(prefer, "wait=") : NULL;

	if (at == NULL || (at != prefer && at[-1] != ' ' && at[-1] != ',' && at[-1] != ';'))
		return -1;
	char *end = NULL;
	long seconds = strtol(at + 5, &end, 10);
	if (end == at + 5 || seconds < 0)
		return -1;
	return (seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S) * 1000;
}

static void set_wait(struct accept *accept, const struct source *source, const struct http_request *request)
{
	int64_t preferred = preferred_wait_ms(request);

	if (preferred >= 0) {
		accept->wait_ms = preferred;
		accept->preference = "wait";
	} else if (source->config->respond == RESPOND_OUTCOME) {
		accept->wait_ms = source->config->respond_within_ms;
	}
}

static int compose(struct accept *accept, const struct source *source, struct candidate *candidate, struct error *err)
{
	size_t max = (size_t)accept->settings->config->limits.prompt;
	CLEANUP(strbuf_release) struct strbuf prompt = STRBUF(max);
	bool cut = false;

	if (prompt_compose(source->config, candidate->event, candidate->message_id, max, &prompt, &cut, err) != 0)
		return -1;
	/* Who reads our answer can send less; who wrote a comment cannot, and gets it cut visibly. */
	if (cut && source->handler->answers_caller)
		return error_set(err, ERR_TOO_LARGE, "the prompt is longer than limits.prompt allows (%zu bytes in all)", max);
	candidate->prompt = arena_strndup(accept->arena, strbuf_str(&prompt), prompt.len);
	return candidate->prompt != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

/* The permission is asked for one person, the author; who acts for somebody else has to be trusted without asking. */
static bool acts_for_another(const struct event *event)
{
	return event->actor.login != NULL && event->author.login != NULL &&
	       strcasecmp(event->actor.login, event->author.login) != 0;
}

/* By name: what a mere `trigger: any` is not. "@nairi" goes with the command "/nairi". */
static bool is_mentioned(const struct source_config *source, const struct candidate *candidate, const char *text)
{
	struct trigger_config mention = { .kind = TRIGGER_MENTION };
	char word[80];

	if (source->trigger.kind != TRIGGER_ANY)
		return candidate->triggered;
	if (candidate->parsed.kind == COMMAND_PROMPT)
		return true;
	if (source->command == NULL)
		return false;
	(void)snprintf(word, sizeof(word), "@%s", source->command + 1);
	mention.word = word;
	return trigger_matches(&mention, text);
}

/* What the text wants of the bridge, and whether it addresses the agent. */
static void read_address(const struct source_config *source, struct candidate *candidate)
{
	const struct event *event = candidate->event;

	if (!source->type->conversational || event->kind != EVENT_MESSAGE || event->machine)
		return;
	if (source->command != NULL && candidate->thread != NULL)
		command_parse(source->command, event->text, &candidate->parsed);
	candidate->triggered = trigger_matches(&source->trigger, event->text);
	candidate->mentioned = is_mentioned(source, candidate, event->text);
}

static int prepare(struct intake *intake, struct accept *accept, const struct source *source,
		   struct candidate *candidate, const struct event *event, struct error *err)
{
	char own_id[64];
	bool known = identities_get(intake->options.identities, source->config->name, own_id);

	candidate->event = event;
	id_new(accept->row.received_ms, candidate->message_id);
	if (event->thread != NULL) {
		candidate->thread = arena_printf(accept->arena, "%s:%s", source->config->name, event->thread);
		if (candidate->thread == NULL)
			return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	read_address(source->config, candidate);
	candidate->decided = policy_decide(source->config, event, known ? own_id : NULL, source_can_ask(source),
					   candidate->parsed.kind != COMMAND_NONE, &candidate->decided_reason);
	if (candidate->decided == POLICY_ASK && acts_for_another(event)) {
		candidate->decided = POLICY_IGNORE;
		candidate->decided_reason = "untrusted: somebody acts on another's words";
	}
	if (candidate->decided == POLICY_IGNORE || event->kind == EVENT_DELETE)
		return 0;
	return compose(accept, source, candidate, err);
}

/* The ledger's line of a delivery speaks of its first event. */
static void describe(struct accept *accept, const struct source *source, const struct parsed *parsed)
{
	accept->source = source->config;
	accept->row.source = arena_strdup(accept->arena, source->config->name);
	accept->row.sender_id = parsed->sender_id;
	accept->row.reason = parsed->ignore_reason;
	if (accept->count == 0)
		return;
	const struct event *event = accept->candidates[0].event;
	accept->row.event = event->name;
	accept->row.thread = accept->candidates[0].thread;
	accept->row.author = event->author.login;
	accept->row.url = event->url;
}

static int make_candidates(struct intake *intake, struct accept *accept, const struct source *source,
			   const struct parsed *parsed, struct error *err)
{
	accept->candidates = arena_alloc(accept->arena, (parsed->event_count + 1) * sizeof(*accept->candidates));
	if (accept->candidates == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < parsed->event_count; i++) {
		if (prepare(intake, accept, source, &accept->candidates[i], &parsed->events[i], err) != 0)
			return -1;
		accept->count++;
	}
	return 0;
}

/* Nothing of it can become a prompt: it is answered at once, and the ledger hears of it when there is time. */
static bool is_settled(const struct accept *accept)
{
	for (size_t i = 0; i < accept->count; i++) {
		if (accept->candidates[i].decided != POLICY_IGNORE)
			return false;
	}
	return true;
}

static void answer_settled(struct accept *accept)
{
	const char *reason = accept->count > 0 ? accept->candidates[0].decided_reason : accept->row.reason;

	answer_ignored(accept->exchange, accept->id, reason);
	accept->exchange = NULL;
	accept_submit(accept);
}

static void receive(struct intake *intake, struct settings *settings, const struct source *source, struct exchange *x,
		    const struct http_request *request)
{
	struct parsed parsed = { 0 };
	struct error err = { 0 };

	if (source->handler->verify(source->state, request, &err) != 0) {
		reject(intake, x, source, NULL, &err);
		return;
	}
	struct accept *accept = accept_new(intake, settings, x, request->received_ms);
	if (accept == NULL) {
		(void)error_set(&err, ERR_NO_MEMORY, "out of memory; send it again later");
		reject(intake, x, source, NULL, &err);
		return;
	}
	if (source->handler->parse(source->state, request, accept->arena, &parsed, &err) != 0 ||
	    make_candidates(intake, accept, source, &parsed, &err) != 0) {
		reject(intake, x, source, parsed.sender_id, &err);
		accept_free(accept);
		return;
	}
	if (parsed.warning != NULL)
		log_event(LOG_WARN, "source.warning", parsed.warning, LOG_STR("source", source->config->name));
	describe(accept, source, &parsed);
	if (is_settled(accept)) {
		answer_settled(accept);
		return;
	}
	if (deliver_waiting(intake->options.deliver) >= (size_t)settings->config->limits.queue) {
		(void)error_set(&err, ERR_BUSY, "the queue is full (limits.queue); send it again later");
		reject(intake, x, source, parsed.sender_id, &err);
		accept_free(accept);
		return;
	}
	set_wait(accept, source, request);
	accept_submit(accept);
}

void intake_request(void *ctx, struct exchange *x, const struct http_request *request)
{
	struct intake *intake = ctx;
	struct error err;

	if (intake_health(intake, x, request))
		return;
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(intake->options.settings);
	const struct source *source = settings_source_by_path(settings, request->path);
	if (source == NULL) { /* a reload took it away meanwhile */
		(void)error_set(&err, ERR_NOT_FOUND, "no source is configured at this path");
		exchange_refuse(x, &err);
		return;
	}
	receive(intake, settings, source, x, request);
}
