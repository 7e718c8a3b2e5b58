/* SPDX-License-Identifier: Apache-2.0 */
/* Who are we at the origin? Asked once per start and reload, so that our own comments are known by their author's id. */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/deliver_private.h"

#define CALL_TIMEOUT_MS 10000

struct question {
	struct commit_item item;
	struct call call;
	struct deliver *deliver;
	struct settings *settings;
	const struct source *source;
	bool known;
};

static int nothing_to_apply(struct commit_item *item, struct store *store, struct error *err)
{
	(void)item;
	(void)store;
	(void)err;
	return 0;
}

static void question_free(struct question *question)
{
	arena_free(question->call.arena);
	settings_drop(question->settings);
	free(question);
}

static void back_on_committer(struct commit_item *item, const struct error *err)
{
	struct question *question = (struct question *)item;
	struct deliver *deliver = question->deliver;

	(void)err;
	deliver->identity_busy = false;
	if (question->known) {
		deliver->identity_at_ms = 0; /* on to the next source */
	} else {
		deliver->identity_tries++;
		deliver->identity_at_ms = clock_mono_ms() + backoff_ceiling_ms(deliver->identity_tries, 2000, 600000);
		log_event(deliver->identity_tries == 1 ? LOG_WARN : LOG_DEBUG, "identity.unknown",
			  "cannot ask who we are; own comments are known by marker and id only",
			  LOG_STR("source", question->source->config->name), LOG_STR("reason", question->call.reason),
			  LOG_INT("upstream_status", question->call.answer.status));
	}
	question_free(question);
}

static void answered(struct call *call)
{
	struct question *question = call->user;
	const struct source *source = question->source;

	if (call->result == CALL_ANSWERED) {
		const char *id = source->handler->forge->identity_read(source->state, &call->answer, call->arena);
		question->known = id != NULL;
		if (id != NULL)
			identities_set(question->deliver->options.identities, source->config->name, id);
	}
	committer_keep(question->deliver->committer, &question->item);
}

static bool ask(struct deliver *deliver, struct settings *settings, const struct source *source)
{
	struct question *question = calloc(1, sizeof(*question));
	struct error err;

	if (question == NULL)
		return false;
	question->deliver = deliver;
	question->source = source;
	question->item.apply = nothing_to_apply;
	question->item.done = back_on_committer;
	question->call.user = question;
	question->call.done = answered;
	question->call.token = source->config->api.token;
	question->call.timeout_ms = CALL_TIMEOUT_MS;
	question->call.answer_max = ANSWER_MAX;
	question->call.arena = arena_new(16384);
	if (question->call.arena == NULL ||
	    source->handler->forge->identity_request(source->state, question->call.arena, &question->call.spec, &err) != 0) {
		question_free(question);
		return false;
	}
	question->settings = settings_share(settings);
	deliver->identity_busy = true;
	dispatcher_submit(deliver->dispatcher, &question->call);
	return true;
}

int64_t identity_tick(struct deliver *deliver, int64_t now_ms)
{
	char known[64];

	if (deliver->identity_busy || deliver->identity_at_ms == INT64_MAX)
		return INT64_MAX;
	if (deliver->identity_at_ms > now_ms)
		return deliver->identity_at_ms;
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(deliver->options.settings);
	for (size_t i = 0; i < settings->source_count; i++) {
		const struct source *source = &settings->sources[i];
		const struct forge *forge = source->handler->forge;
		if (forge == NULL || forge->identity_request == NULL || source->config->api.token == NULL ||
		    identities_get(deliver->options.identities, source->config->name, known))
			continue;
		if (ask(deliver, settings, source))
			return INT64_MAX;
	}
	deliver->identity_at_ms = INT64_MAX; /* all are known */
	return INT64_MAX;
}
