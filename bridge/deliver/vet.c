/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is found out after the ack. First: may this author speak? Asked at the forge, remembered for a minute, closed on doubt
 * (webhook-sources 14.2): what cannot be found out is a no, with its reason. Then, if need be, Git is asked (scout.c). At the end the
 * message is queued, or ignored; or it was a command, which is carried out here.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/map.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/deliver_private.h"
#include "bridge/deliver/scout.h"

#define REMEMBER_MS  60000
#define REMEMBER_MAX 4096
#define BRANCH_TRIES 3
#define BRANCH_ANSWER_MAX ((size_t)1024 * 1024) /* a pull request may be long */
#define VETS_MAX     32  /* questions to the forge at once */
#define SCOUTS_MAX   256 /* messages that Git is asked about at once: it may hang for all of them */
#define FULL_MS      500
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

static void say_verdict(struct flight *flight, const struct call *call)
{
	(void)snprintf(flight->verdict.reason, sizeof(flight->verdict.reason), "%s",
		       flight->permission == PERMISSION_GRANTED	 ? "may write"
		       : flight->permission == PERMISSION_DENIED ? "may not write"
		       : call->result != CALL_ANSWERED		 ? call->reason
								 : "no usable answer");
}

static void ask_forge(struct flight *flight, const struct source *source, const char *name, size_t answer_max,
		      void (*done)(struct call *call))
{
	flight->attempt_call = name;
	flight->call.token = source->config->api.token;
	flight->call.timeout_ms = flight->settings->config->nairi.timeout_ms;
	flight->call.answer_max = answer_max;
	flight->call.done = done;
	dispatcher_submit(flight->deliver->dispatcher, &flight->call);
}

static void branch_answered(struct call *call)
{
	struct flight *flight = call->user;
	const struct source *source = settings_source_by_name(flight->settings, flight->row.source);

	if (call->result == CALL_ANSWERED && source != NULL)
		flight->branch = source->handler->forge->head_read(source->state, &call->answer, flight->arena);
	(void)snprintf(flight->verdict.reason, sizeof(flight->verdict.reason), "%s",
		       flight->branch != NULL		? "the branch is known"
		       : call->result != CALL_ANSWERED	? call->reason
							: "no branch in the answer");
	flight->verdict.status = call->result == CALL_ANSWERED ? call->answer.status : 0;
	forward_record(flight);
}

/* A job that carries on does better with the name of the branch, and does without it, too. */
static bool ask_branch(struct flight *flight)
{
	const struct source *source = settings_source_by_name(flight->settings, flight->row.source);
	const char *native = thread_native(flight->row.thread);
	struct error ignored;

	if (source == NULL || !source_can_ask(source) || native == NULL || source->handler->forge->head_request == NULL ||
	    source->handler->forge->head_request(source->state, native, flight->arena, &flight->call.spec, &ignored) != 0)
		return false;
	ask_forge(flight, source, "branch", BRANCH_ANSWER_MAX, branch_answered);
	return true;
}

/* Goes on to what Git has to say, or records what is known. */
static void permitted(struct flight *flight)
{
	if (flight->permission == PERMISSION_GRANTED && flight->scouting != NULL) {
		vet_uncount(flight); /* who waits for Git keeps nobody from asking the forge */
		scout_ask(flight);
	} else if (flight->permission == PERMISSION_GRANTED && flight->errand.find_branch && ask_branch(flight)) {
		return;
	} else {
		forward_record(flight);
	}
}

static void answered(struct call *call)
{
	struct flight *flight = call->user;
	const struct source *source = settings_source_by_name(flight->settings, flight->row.source);

	flight->verdict.status = call->result == CALL_ANSWERED ? call->answer.status : 0;
	flight->permission = PERMISSION_UNKNOWN;
	if (call->result == CALL_ANSWERED && source != NULL)
		flight->permission = source->handler->forge->permission_read(source->state, &call->answer);
	say_verdict(flight, call);
	flight->asked_forge = true;
	permitted(flight);
}

static void ask_permission(struct flight *flight, int64_t now_ms)
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
	flight->question = flight->call.spec.url;
	const struct verdict *known = map_get(flight->deliver->vetting->known, flight->question);
	if (known != NULL && known->until_ms > now_ms) {
		flight->permission = known->permission;
		permitted(flight);
		return;
	}
	ask_forge(flight, source, "permission", ANSWER_MAX, answered);
}

bool vet_is_full(struct deliver *deliver)
{
	return atomic_load(&deliver->vets) >= VETS_MAX && deliver->scouts >= SCOUTS_MAX;
}

void vet_uncount(struct flight *flight)
{
	if (flight->vets)
		atomic_fetch_sub(&flight->deliver->vets, 1);
	flight->vets = false;
}

/* False: there are enough of its kind. A forge that is slow and a Git that hangs hold up their own kind only. */
static bool count(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	bool scouts = flight->errand.lookup != NULL || flight->errand.find_link;
	bool asks = flight->errand.permission || flight->errand.find_branch;

	if ((asks && atomic_load(&deliver->vets) >= VETS_MAX) || (scouts && deliver->scouts >= SCOUTS_MAX))
		return false;
	flight->vets = asks;
	flight->scouts = scouts;
	if (flight->vets)
		atomic_fetch_add(&deliver->vets, 1);
	deliver->scouts += scouts ? 1 : 0;
	return true;
}

void vet_start(struct flight *flight, struct store *store, int64_t now_ms)
{
	struct error err;

	errand_read(flight->row.lookup, flight->arena, &flight->errand);
	if (!count(flight)) {
		flight->waiting->due_ms = now_ms + FULL_MS;
		flight_let_go(flight);
		return;
	}
	if (scout_prepare(flight, store, &err) != 0) {
		flight_again_soon(flight, err.text);
		return;
	}
	flight->permission = PERMISSION_GRANTED;
	if (flight->errand.permission)
		ask_permission(flight, now_ms);
	else
		permitted(flight);
}

/* One of a burst waits for the others of it, vetted or not. */
static int64_t burst_end(const struct flight *flight, int64_t now_ms)
{
	const struct message_row *row = &flight->row;
	const struct source *source = settings_source_by_name(flight->settings, row->source);

	if (source == NULL || row->spot == NULL || (row->pace & MESSAGE_PATIENT) == 0)
		return 0;
	int64_t end = row->created_ms + source->config->batch_ms;
	return end > now_ms ? end : 0;
}

void vet_decide(struct flight *flight, int64_t now_ms)
{
	struct message_change *change = &flight->change;
	struct waiting *waiting = flight->waiting;

	if (flight->asked_forge && flight->permission != PERMISSION_UNKNOWN)
		remember(flight->deliver->vetting, flight->question, flight->permission, clock_mono_ms());
	if (flight->call.cancelled) {
		change->to = MESSAGE_VETTING; /* we are shutting down: nobody was asked */
		change->due_ms = 0;
	} else if (flight->permission == PERMISSION_GRANTED && flight->scouting != NULL) {
		scout_decide(flight, now_ms);
	} else if (flight->permission == PERMISSION_GRANTED && flight->errand.may_start) {
		change->to = MESSAGE_IGNORED;
		flight->no_job = true;
	} else if (flight->errand.find_branch && flight->attempt_call != NULL && flight->branch == NULL &&
		   waiting->tries + 1 < BRANCH_TRIES) {
		change->to = MESSAGE_VETTING;
		change->due_ms = now_ms + backoff_ceiling_ms(waiting->tries + 1, 500, 30000);
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
	if (change->to == MESSAGE_QUEUED && flight->errand.command != NULL) {
		change->to = MESSAGE_IGNORED;
		outcome_reason(flight, "a command to the bridge: %s", command_name(flight->errand.command->kind));
		flight->commanded = true;
	}
	if (change->to == MESSAGE_QUEUED)
		change->due_ms = burst_end(flight, now_ms);
}

/* ---- recording it ---- */

static int learn_branch(struct flight *flight, struct store *store, struct error *err)
{
	struct message_finding finding = {
		.seq = flight->change.seq, .now_ms = flight->change.now_ms,
		.prompt = branch_into(flight->row.prompt, flight->branch, flight->scratch),
	};

	return finding.prompt != NULL ? store_message_learn(store, &finding, err) : 0;
}

static int apply_command(struct flight *flight, struct store *store, struct error *err)
{
	if (!flight->commanded)
		return 0;
	flight->after.effects = command_effects_new();
	flight->after.say = say_new(flight->settings, store, flight->change.now_ms);
	if (flight->after.effects == NULL || flight->after.say == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return command_run(flight->deliver, flight->after.say, &flight->row, flight->errand.command, flight->errand.hint,
			   flight->after.effects, err);
}

/* The agent of a job for this thread; NULL: (by now) none is started. */
static const struct start_config *start_of(const struct flight *flight)
{
	const struct source *source = settings_source_by_name(flight->settings, flight->row.source);

	return flight->errand.may_start && source != NULL && source->config->start.agent != NULL ? &source->config->start : NULL;
}

/* There is no job: one is started with the same words. */
static int start_instead(struct flight *flight, struct store *store, struct error *err)
{
	flight->after.effects = command_effects_new();
	const char *prompt = prompt_untag(flight->scratch, &flight->row);
	if (flight->after.effects == NULL || prompt == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return command_start(flight->deliver, store, &flight->row, start_of(flight), prompt, NULL,
			     flight->change.now_ms, flight->after.effects, err);
}

/* The words may have been edited since it was asked about: what is made of them is made of the last ones. */
static int reload_words(struct flight *flight, struct store *store, struct error *err)
{
	struct message_row now;

	arena_free(flight->scratch);
	flight->row.prompt = NULL;
	flight->scratch = arena_new(FLIGHT_ARENA);
	if (flight->scratch == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (store_message_load(store, flight->change.seq, flight->scratch, &now, err) != 0)
		return -1;
	flight->row.prompt = now.prompt;
	return 0;
}

/*
 * No job was known when it came. By now there may be one: it was linked meanwhile, or the comment before this one
 * started it. Else one is started, or it is nobody's.
 */
static int settle_unlinked(struct flight *flight, struct store *store, struct error *err)
{
	struct message_change *change = &flight->change;
	bool linked = false;
	enum link_origin origin;
	struct message_finding finding = { .seq = change->seq, .job_id = flight->after.learned_job, .now_ms = change->now_ms };

	if (!flight->no_job)
		return 0;
	if (store_link_find(store, flight->row.thread, &linked, flight->after.learned_job, &origin, err) != 0)
		return -1;
	flight->after.restarted = !linked && start_of(flight) != NULL;
	change->to = linked ? MESSAGE_QUEUED : MESSAGE_IGNORED;
	change->reason = linked			   ? NULL
			 : flight->after.restarted ? "a job was started for this thread"
						   : "not linked: no job is linked to this thread";
	if (linked) {
		change->due_ms = 0;
		return store_message_learn(store, &finding, err);
	}
	flight->after.learned_job[0] = '\0';
	if (!flight->after.restarted)
		return 0;
	flight->row.prompt = scout_prompt(flight, flight->row.prompt);
	return 0;
}

int vet_apply(struct flight *flight, struct store *store, struct error *err)
{
	struct message_change *change = &flight->change;

	if (reload_words(flight, store, err) != 0 || settle_unlinked(flight, store, err) != 0 ||
	    (flight->scouting != NULL && scout_apply(flight, store, err) != 0))
		return -1;
	if (change->to == MESSAGE_QUEUED && flight->after.learned_job[0] != '\0') {
		deliver_announce(flight->deliver, flight->after.learned_job);
		flight->after.announced = true;
	}
	if (flight->after.restarted && start_instead(flight, store, err) != 0)
		return -1;
	if (flight->branch != NULL && learn_branch(flight, store, err) != 0)
		return -1;
	if (apply_command(flight, store, err) != 0 || store_message_move(store, change, err) != 0)
		return -1;
	/* A start that came too late: its job will never have a name. */
	if (change->to == MESSAGE_IGNORED && flight->row.kind == MESSAGE_START &&
	    store_job_forget(store, flight->row.job_id, change->seq, err) != 0)
		return -1;
	/* The words of somebody who may not speak are not kept. */
	if (change->to == MESSAGE_IGNORED && !flight->after.restarted &&
	    store_message_set_prompt(store, change->seq, "", change->now_ms, err) != 0)
		return -1;
	if (flight->attempt_call == NULL)
		return 0;
	struct attempt_row attempt = {
		.message_seq = change->seq,
		.number = flight->waiting->attempts,
		.call = flight->attempt_call,
		.started_ms = flight->call.started_ms,
		.duration_ms = flight->call.duration_ms,
		.upstream_status = flight->verdict.status,
		.outcome = flight->verdict.reason,
	};
	return store_attempt_put(store, &attempt, err);
}

static void log_ignored(const struct flight *flight)
{
	log_event(LOG_INFO, "delivery.ignored", NULL, LOG_STR("source", flight->row.source),
		  LOG_STR("delivery_id", flight->row.delivery_id), LOG_STR("thread", flight->row.thread),
		  LOG_STR("reason", flight->change.reason));
}

/* Its job is known now, and its place in the queue is that of the job. */
static void change_lane(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	struct waiting moved = *flight->waiting;
	struct lane *lane = flight->lane;
	char job_id[JOB_ID_MAX + 2];

	(void)snprintf(job_id, sizeof(job_id), "%s", flight->after.learned_job);
	flight->after.announced = false; /* it is taken back when it stands there */
	moved.state = MESSAGE_QUEUED;
	moved.due_ms = 0;
	moved.tries = 0;
	moved.looks = 0;
	moved.claimed = false;
	struct waiting *gone = flight->waiting;
	flight_free(flight);
	lanes_drop(&deliver->lanes, gone);
	lanes_settle(&deliver->lanes, lane, clock_mono_ms());
	if (lanes_add(&deliver->lanes, job_id, &moved, clock_mono_ms()) == NULL)
		log_event(LOG_ERROR, "message.retry", "out of memory; it waits for the next start", LOG_STR("job_id", job_id));
	lanes_retract(&deliver->lanes, job_id);
}

void vet_settle(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;
	const struct message_change *change = &flight->change;

	if (flight->after.effects != NULL)
		command_effects_apply(deliver, flight->after.effects);
	if (change->to == MESSAGE_IGNORED) {
		log_ignored(flight);
		struct outcome outcome = {
			.message_id = flight->waiting->id, .delivery_id = flight->row.delivery_id, .state = MESSAGE_IGNORED,
			.reason = change->reason, .becomes = flight->after.restarted ? flight->after.effects->added[0].id : NULL,
		};
		deliver_final(deliver, &outcome);
		struct waiting *gone = flight->waiting;
		flight_free(flight);
		lanes_drop(&deliver->lanes, gone);
		lanes_settle(&deliver->lanes, lane, clock_mono_ms());
		return;
	}
	if (flight->after.learned_job[0] != '\0') {
		change_lane(flight);
		return;
	}
	struct waiting *waiting = flight->waiting;
	bool same = change->to == MESSAGE_VETTING;
	waiting->tries = same && !flight->answered ? waiting->tries + 1 : 0;
	waiting->looks = same ? waiting->looks + flight->quiet : 0;
	waiting->state = change->to;
	waiting->due_ms = change->due_ms > change->now_ms ? clock_mono_ms() + (change->due_ms - change->now_ms) : 0;
	waiting->claimed = false;
	if (!same)
		lane_vetted(waiting, clock_mono_ms());
	flight_free(flight);
	lanes_settle(&deliver->lanes, lane, clock_mono_ms());
}
