/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this author speak? Asked at the forge after the ack, remembered for a minute, closed on doubt
 * (webhook-sources 14.2): what cannot be found out is a no, with its reason.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/map.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/deliver_private.h"

#define REMEMBER_MS  60000
#define REMEMBER_MAX 4096
#define TRIES_MAX    6 /* a quarter of a minute, with the waits between them */

struct verdict {
	enum permission permission;
	int64_t until_ms; /* mono */
	char url[];       /* of the question: source, repository and person in one */
};

struct vetting {
	struct map *known;
};

struct vetting *vetting_new(void)
{
	struct vetting *vetting = calloc(1, sizeof(*vetting));

	if (vetting == NULL)
		return NULL;
	vetting->known = map_new();
	if (vetting->known == NULL) {
		free(vetting);
		return NULL;
	}
	return vetting;
}

static void forget_all(struct vetting *vetting)
{
	size_t at = 0;

	for (struct verdict *verdict; (verdict = map_next(vetting->known, &at)) != NULL;)
		free(verdict);
	map_free(vetting->known);
	vetting->known = NULL;
}

void vetting_free(struct vetting *vetting)
{
	if (vetting == NULL)
		return;
	if (vetting->known != NULL)
		forget_all(vetting);
	free(vetting);
}

static void remember(struct vetting *vetting, const char *url, enum permission permission, int64_t now_ms)
{
	struct verdict *old = map_remove(vetting->known, url);

	free(old);
	if (map_count(vetting->known) >= REMEMBER_MAX) {
		/* Rare, and a minute's memory is cheap to lose. */
		struct map *fresh = map_new();
		if (fresh == NULL)
			return;
		forget_all(vetting);
		vetting->known = fresh;
	}
	struct verdict *made = malloc(sizeof(*made) + strlen(url) + 1);
	if (made == NULL)
		return;
	made->permission = permission;
	made->until_ms = now_ms + REMEMBER_MS;
	memcpy(made->url, url, strlen(url) + 1);
	if (!map_put(vetting->known, made->url, made))
		free(made);
}

static void answered(struct call *call)
{
	struct flight *flight = call->user;
	const struct source *source = settings_source_by_name(flight->settings, flight->row.source);

	flight->verdict.status = call->result == CALL_ANSWERED ? call->answer.status : 0;
	flight->permission = PERMISSION_UNKNOWN;
	if (call->result == CALL_ANSWERED && source != NULL)
		flight->permission = source->handler->forge->permission_read(source->state, &call->answer);
	(void)snprintf(flight->verdict.reason, sizeof(flight->verdict.reason), "%s",
		       flight->permission == PERMISSION_GRANTED	 ? "may write"
		       : flight->permission == PERMISSION_DENIED ? "may not write"
		       : call->result != CALL_ANSWERED		 ? call->reason
								 : "no usable answer");
	forward_record(flight);
}

void vet_start(struct flight *flight, int64_t now_ms)
{
	const struct source *source = settings_source_by_name(flight->settings, flight->row.source);
	struct error err = { 0 };

	flight->permission = PERMISSION_DENIED;
	if (source == NULL || !source_can_ask(source) || flight->row.author == NULL || flight->row.place == NULL ||
	    source->handler->forge->permission_request(source->state, flight->row.place, flight->row.author,
						       flight->arena, &flight->call.spec, &err) != 0) {
		/* The configuration changed since, or there is nobody to ask: closed. */
		forward_record(flight);
		return;
	}
	const struct verdict *known = map_get(flight->deliver->vetting->known, flight->call.spec.url);
	if (known != NULL && known->until_ms > now_ms) {
		flight->permission = known->permission;
		forward_record(flight);
		return;
	}
	flight->attempt_call = "permission";
	flight->call.token = source->config->api.token;
	flight->call.timeout_ms = flight->settings->config->nairi.timeout_ms;
	flight->call.answer_max = ANSWER_MAX;
	flight->call.done = answered;
	dispatcher_submit(flight->deliver->dispatcher, &flight->call);
}

void vet_decide(struct flight *flight, int64_t now_ms)
{
	struct message_change *change = &flight->change;
	struct waiting *waiting = flight->waiting;

	if (flight->attempt_call != NULL && flight->permission != PERMISSION_UNKNOWN)
		remember(flight->deliver->vetting, flight->call.spec.url, flight->permission, clock_mono_ms());
	if (flight->call.cancelled) {
		change->to = MESSAGE_VETTING; /* we are shutting down: nobody was asked */
		change->due_ms = 0;
	} else if (flight->permission == PERMISSION_GRANTED) {
		change->to = MESSAGE_QUEUED;
		change->due_ms = 0;
	} else if (flight->permission == PERMISSION_DENIED) {
		change->to = MESSAGE_IGNORED;
		change->reason = "untrusted author: no write permission";
	} else if (waiting->tries + 1 >= TRIES_MAX) {
		change->to = MESSAGE_IGNORED;
		change->reason = "untrusted author: the permission could not be checked";
	} else {
		change->to = MESSAGE_VETTING;
		change->due_ms = now_ms + backoff_ceiling_ms(waiting->tries + 1, 500, 30000);
	}
}
