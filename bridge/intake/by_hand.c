/* SPDX-License-Identifier: Apache-2.0 */
/* Prompts by hand, from the admin API: kept and forwarded like any delivery, of the source "admin". */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/intake/intake_private.h"

static void refuse(struct exchange *x)
{
	struct error err;

	(void)error_set(&err, ERR_NO_MEMORY, "out of memory");
	exchange_refuse(x, &err);
}

/* A delivery with one candidate that policy has nothing to say about, of *ret_event. NULL: no memory, and refused. */
static struct accept *by_hand(struct intake *intake, struct settings *settings, struct exchange *x, const char *name,
			      const char *prompt, int64_t wait_ms, struct event **ret_event)
{
	struct accept *accept = accept_new(intake, settings, x, clock_now_ms());
	char tag[MESSAGE_TAG_SIZE];

	if (accept == NULL) {
		refuse(x);
		return NULL;
	}
	struct candidate *candidate = arena_alloc(accept->arena, sizeof(*candidate));
	struct event *event = arena_alloc(accept->arena, sizeof(*event));
	if (candidate != NULL && event != NULL) {
		event->kind = EVENT_MESSAGE;
		event->name = name;
		event->text = "";
		candidate->event = event;
		candidate->decided = POLICY_FORWARD;
		id_new(accept->row.received_ms, candidate->message_id);
		message_tag(candidate->message_id, tag);
		candidate->prompt = arena_printf(accept->arena, "%s\n\n%s", prompt, tag);
	}
	if (arena_failed(accept->arena)) {
		refuse(x);
		accept_free(accept);
		return NULL;
	}
	accept->candidates = candidate;
	accept->count = 1;
	accept->row.source = "admin";
	accept->row.event = name;
	accept->wait_ms = wait_ms;
	*ret_event = event;
	return accept;
}

static void submit(struct accept *accept)
{
	struct exchange *x = accept->exchange;

	if (!arena_failed(accept->arena)) {
		accept_submit(accept);
		return;
	}
	refuse(x);
	accept_free(accept);
}

void intake_continue(struct intake *intake, struct exchange *x, const char *job_id, const char *thread,
		     const char *prompt, int64_t wait_ms)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(intake->options.settings);
	struct event *event = NULL;
	struct accept *accept = by_hand(intake, settings, x, "admin.continue", prompt, wait_ms, &event);

	if (accept == NULL)
		return;
	struct candidate *candidate = &accept->candidates[0];
	event->job_id = arena_strdup(accept->arena, job_id);
	candidate->thread = arena_strdup(accept->arena, thread);
	accept->row.thread = candidate->thread;
	submit(accept);
}

/* What comes of it is told in the thread that it is started for. */
static void place_in_thread(struct accept *accept, struct candidate *candidate, struct event *event, const char *thread)
{
	const char *native = thread_native(thread), *place = NULL;
	struct error ignored;

	candidate->thread = arena_strdup(accept->arena, thread);
	accept->row.thread = candidate->thread;
	const char *name = native != NULL ? arena_strndup(accept->arena, thread, (size_t)(native - thread) - 1) : NULL;
	const struct source *source = name != NULL ? settings_source_by_name(accept->settings, name) : NULL;
	if (source == NULL || !source_can_reply(source) || source->handler->forge->place_of_thread == NULL ||
	    source->handler->forge->place_of_thread(source->state, native, accept->arena, &place, &ignored) != 0)
		return;
	candidate->source = name;
	event->place = place;
}

void intake_start(struct intake *intake, struct exchange *x, const struct start_config *start, const char *thread,
		  const char *prompt, int64_t wait_ms)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(intake->options.settings);
	struct event *event = NULL;
	struct accept *accept = by_hand(intake, settings, x, "admin.start", prompt, wait_ms, &event);

	if (accept == NULL)
		return;
	struct candidate *candidate = &accept->candidates[0];
	char *name = arena_alloc(accept->arena, JOB_ID_MAX + 2);
	struct start_config *wanted = arena_alloc(accept->arena, sizeof(*wanted));
	candidate->by_hand = wanted;
	if (name != NULL && wanted != NULL) {
		*wanted = (struct start_config){ .agent = arena_strdup(accept->arena, start->agent), .ask = start->ask };
		job_id_provisional(candidate->message_id, name);
		event->job_id = name;
		if (thread != NULL)
			place_in_thread(accept, candidate, event, thread);
	}
	submit(accept);
}
