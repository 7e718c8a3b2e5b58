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
	deliver->identity.busy = false;
	if (!question->known) {
		deliver->identity.failed = true;
		log_event(deliver->identity.rounds == 0 ? LOG_WARN : LOG_DEBUG, "identity.unknown",
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
	deliver->identity.busy = true;
	dispatcher_submit(deliver->dispatcher, &question->call);
	return true;
}

void identity_restart(struct deliver *deliver)
{
	deliver->identity.at_ms = 0;
	deliver->identity.next = 0;
	deliver->identity.rounds = 0;
	deliver->identity.failed = false;
	deliver->identity.again = true;
}

/* One source after the other; what failed is asked again in the next round, and keeps nobody waiting. */
int64_t identity_tick(struct deliver *deliver, int64_t now_ms)
{
	char known[64];

	if (deliver->identity.busy || deliver->identity.at_ms == INT64_MAX)
		return INT64_MAX;
	if (deliver->identity.at_ms > now_ms)
		return deliver->identity.at_ms;
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(deliver->options.settings);
	while (deliver->identity.next < settings->source_count) {
		const struct source *source = &settings->sources[deliver->identity.next++];
		const struct forge *forge = source->handler->forge;
		if (forge == NULL || forge->identity_request == NULL || source->config->api.token == NULL ||
		    (!deliver->identity.again &&
		     identities_get(deliver->options.identities, source->config->name, known)))
			continue;
		if (ask(deliver, settings, source))
			return INT64_MAX;
		deliver->identity.failed = true;
	}
	deliver->identity.next = 0;
	deliver->identity.again = false;
	deliver->identity.rounds = deliver->identity.failed ? deliver->identity.rounds + 1 : 0;
	deliver->identity.at_ms =
		deliver->identity.failed ? now_ms + backoff_ceiling_ms(deliver->identity.rounds, 2000, 600000) : INT64_MAX;
	deliver->identity.failed = false;
	return deliver->identity.at_ms;
}
