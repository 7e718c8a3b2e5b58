/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a stored delivery again: a new message with the text of its newest one, to whatever job its thread is
 * linked to by now. All of it is decided inside the transaction that keeps the new message.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/admin/admin_private.h"
#include "bridge/deliver/command.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/intake/policy.h"

#define REPLAY_ARENA ((size_t)8 * 1024 * 1024)
#define REASON_MAX   240

struct replay {
	struct commit_item item; /* first */
	struct admin *admin;
	struct exchange *x;
	struct arena *arena;
	char delivery_id[ID_SIZE];
	char message_id[ID_SIZE]; /* the new one */
	int64_t now_ms;

	/* What apply makes of it, anew at each try: */
	struct error refusal;  /* code ERR_NONE: it was put */
	struct message_row row;
	char job_id[JOB_ID_MAX + 2];
	int64_t newest;        /* seq; 0: the delivery has no message */
	bool announced;          /* to the delivering half, until deliver_add */
	char reason[REASON_MAX]; /* why it has none */
};

static void replay_free(struct replay *replay)
{
	arena_free(replay->arena);
	free(replay);
}

/* ---- inside the transaction ---- */

static void see_delivery(void *ctx, const struct delivery_row *row)
{
	struct replay *replay = ctx;

	(void)snprintf(replay->reason, sizeof(replay->reason), "%s", row->reason != NULL ? row->reason : "");
}

static void see_message(void *ctx, const struct message_row *row)
{
	struct replay *replay = ctx;

	if (row->seq > replay->newest)
		replay->newest = row->seq;
}

static void skip_attempt(void *ctx, const struct attempt_row *row)
{
	(void)ctx;
	(void)row;
}

static void skip_reply(void *ctx, const struct reply_row *row)
{
	(void)ctx;
	(void)row;
}

static int find_newest(struct replay *replay, struct store *store, struct error *err)
{
	const struct delivery_visitor visitor = {
		.ctx = replay, .delivery = see_delivery, .message = see_message, .attempt = skip_attempt, .reply = skip_reply,
	};
	struct error found = { 0 };

	replay->newest = 0;
	replay->reason[0] = '\0';
	if (store_delivery_visit(store, replay->delivery_id, &visitor, &found) != 0) {
		if (found.code != ERR_NOT_FOUND)
			return error_set(err, found.code, "%s", found.text);
		replay->refusal = found; /* an answer, not a fault of the store */
		return 0;
	}
	if (replay->newest == 0)
		(void)error_set(&replay->refusal, ERR_CONFLICT, "nothing to run again: %s",
				replay->reason[0] != '\0' ? replay->reason : "the delivery became no message");
	return 0;
}

/*
 * Of what was ignored, only what an operator can have put right since may run: a missing link, a busy hour.
 * Whose author may not speak, or took the words back, stays unheard.
 */
static bool is_curable(const struct message_row *row)
{
	return row->job_id == NULL || (row->reason != NULL && strncmp(row->reason, "loop breaker", 12) == 0);
}

static void check_row(struct replay *replay)
{
	const struct message_row *row = &replay->row;
	const char *reason = row->reason != NULL ? row->reason : "";

	if (!message_is_final(row->state))
		(void)error_set(&replay->refusal, ERR_CONFLICT, "its message is still on its way (%s)",
				message_state_name(row->state));
	else if (row->kind == MESSAGE_START)
		(void)error_set(&replay->refusal, ERR_CONFLICT, "a start is not run again; start a new job (nairi-bridge start)");
	else if (row->state == MESSAGE_IGNORED && !is_curable(row))
		(void)error_set(&replay->refusal, ERR_CONFLICT, "nothing to run again: %s", reason);
	else if (row->prompt == NULL || row->prompt[0] == '\0')
		(void)error_set(&replay->refusal, ERR_CONFLICT, "nothing to run again: its text is not kept");
}

static int find_job(struct replay *replay, struct store *store, struct error *err)
{
	const struct message_row *row = &replay->row;
	enum link_origin origin = LINK_MANUAL;
	bool found = row->job_id != NULL;

	if (row->thread != NULL) {
		if (store_link_find(store, row->thread, &found, replay->job_id, &origin, err) != 0)
			return -1;
	} else if (found) {
		(void)snprintf(replay->job_id, sizeof(replay->job_id), "%s", row->job_id);
	}
	if (!found)
		(void)error_set(&replay->refusal, ERR_CONFLICT, "not linked: no job is linked to %.200s",
				row->thread != NULL ? row->thread : "it");
	return 0;
}

/*
 * What was ignored for want of a link was never asked about at the forge. Its author may speak if the
 * configuration names them; else the forge is asked now, since what the payload said of them is not kept.
 */
static bool needs_vetting(const struct replay *replay, const struct source *source)
{
	const struct message_row *row = &replay->row;
	const struct event event = {
		.kind = EVENT_MESSAGE, .text = row->prompt, .author = { .login = row->author, .id = row->author_id },
	};
	const char *reason = NULL;

	return row->state == MESSAGE_IGNORED && source != NULL && source_can_ask(source) &&
	       policy_decide(source->config, &event, NULL, true, false, &reason) != POLICY_FORWARD;
}

static enum message_state first_state(const struct replay *replay)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(replay->admin->options.settings);
	const struct source *source = settings_source_by_name(settings, replay->row.source);

	return needs_vetting(replay, source) ? MESSAGE_VETTING : MESSAGE_QUEUED;
}

static int put_again(struct replay *replay, struct store *store, struct error *err)
{
	struct message_row *row = &replay->row;
	enum message_state state = first_state(replay);

	/* The text stays, its last line names the new message. */
	row->prompt = prompt_retag(replay->arena, row->prompt, row->id, replay->message_id);
	if (row->prompt == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	row->id = replay->message_id;
	row->job_id = replay->job_id;
	message_renew(row, state, "a replay", replay->now_ms);
	deliver_announce(replay->admin->options.deliver, replay->job_id);
	replay->announced = true;
	return store_message_put(store, row, &row->seq, err);
}

static void take_back(struct replay *replay)
{
	if (replay->announced)
		deliver_retract(replay->admin->options.deliver, replay->job_id);
	replay->announced = false;
}

static int replay_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct replay *replay = (struct replay *)item;

	take_back(replay); /* when this is the second try */
	replay->refusal = (struct error){ .code = ERR_NONE };
	if (find_newest(replay, store, err) != 0)
		return -1;
	if (replay->refusal.code != ERR_NONE)
		return 0;
	if (store_message_load(store, replay->newest, replay->arena, &replay->row, err) != 0)
		return -1;
	check_row(replay);
	if (replay->refusal.code == ERR_NONE && find_job(replay, store, err) != 0)
		return -1;
	return replay->refusal.code == ERR_NONE ? put_again(replay, store, err) : 0;
}

/* ---- after it ---- */

static void answer_queued(struct replay *replay)
{
	struct http_reply reply = { .status = 202, .body = STRBUF(1024) };
	struct json_writer w = JSON_WRITER(&reply.body);

	json_begin_object(&w, NULL);
	json_put_str(&w, "status", "queued");
	json_put_str(&w, "delivery_id", replay->delivery_id);
	json_put_str(&w, "message", replay->message_id);
	json_end_object(&w);
	exchange_answer(replay->x, &reply);
}

static void replay_done(struct commit_item *item, const struct error *err)
{
	struct replay *replay = (struct replay *)item;

	if (err != NULL) {
		take_back(replay);
		admin_refuse_commit(replay->x, "a delivery was not run again", err);
	} else if (replay->refusal.code != ERR_NONE) {
		exchange_refuse(replay->x, &replay->refusal);
	} else {
		log_event(LOG_INFO, "delivery.queued", NULL, LOG_STR("source", replay->row.source),
			  LOG_STR("delivery_id", replay->delivery_id), LOG_STR("thread", replay->row.thread),
			  LOG_STR("job_id", replay->job_id), LOG_STR("reason", "a replay"));
		deliver_add(replay->admin->options.deliver, &replay->row);
		answer_queued(replay);
	}
	replay_free(replay);
}

static bool queue_is_full(struct admin *admin)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(admin->options.settings);

	return deliver_waiting(admin->options.deliver) >= (size_t)settings->config->limits.queue;
}

int replay_post(struct admin_call *call, struct error *err)
{
	struct admin *admin = call->admin;

	if (!id_is_valid(call->name))
		return error_set(err, ERR_INVALID, "\"%.60s\" is no delivery's id", call->name);
	if (queue_is_full(admin))
		return error_set(err, ERR_BUSY, "the queue is full (limits.queue); try again later");
	struct replay *replay = calloc(1, sizeof(*replay));
	if (replay == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	replay->arena = arena_new(REPLAY_ARENA);
	if (replay->arena == NULL) {
		free(replay);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	replay->item.apply = replay_apply;
	replay->item.done = replay_done;
	replay->admin = admin;
	replay->x = call->x;
	replay->now_ms = clock_now_ms();
	(void)snprintf(replay->delivery_id, sizeof(replay->delivery_id), "%s", call->name);
	id_new(replay->now_ms, replay->message_id);
	exchange_suspend(call->x);
	if (committer_push(admin->options.committer, &replay->item))
		return 0;
	replay_free(replay);
	return error_set(err, ERR_BUSY, "too much is waiting to be kept, or the service is shutting down");
}
