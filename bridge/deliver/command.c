/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/command.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"

/* A bound on what a retry may load: prompts of so many messages (limits.prompt is 1 MiB at most), and a copy each. */
#define EFFECTS_ARENA ((size_t)(2 * EFFECTS_MAX + 32) * 1024 * 1024)

/* ---- what the queue has to learn ---- */

struct command_effects *command_effects_new(void)
{
	struct command_effects *effects = calloc(1, sizeof(*effects));

	if (effects == NULL)
		return NULL;
	effects->arena = arena_new(EFFECTS_ARENA);
	if (effects->arena == NULL) {
		free(effects);
		return NULL;
	}
	return effects;
}

void command_effects_apply(struct deliver *deliver, struct command_effects *effects)
{
	for (size_t i = 0; i < effects->withdrawn_count; i++)
		deliver_withdraw(deliver, &effects->withdrawn[i]);
	for (size_t i = 0; i < effects->added_count; i++)
		deliver_add(deliver, &effects->added[i]);
	effects->added_count = 0; /* they are the queue's now */
	if (effects->linked != NULL)
		log_event(LOG_INFO, "job.linked", NULL, LOG_STR("thread", effects->thread),
			  LOG_STR("job_id", effects->linked));
	else if (effects->unlinked != NULL)
		log_event(LOG_INFO, "job.unlinked", NULL, LOG_STR("thread", effects->thread),
			  LOG_STR("job_id", effects->unlinked));
}

void command_effects_drop(struct deliver *deliver, struct command_effects *effects)
{
	if (effects == NULL)
		return;
	for (size_t i = 0; i < effects->added_count; i++)
		deliver_retract(deliver, effects->added[i].job_id);
	arena_free(effects->arena);
	free(effects);
}

int command_add(struct deliver *deliver, struct store *store, const struct message_row *row,
		struct command_effects *effects, struct error *err)
{
	if (effects->added_count == EFFECTS_MAX)
		return 0;
	struct message_row *added = &effects->added[effects->added_count];
	*added = *row;
	if (store_message_put(store, added, &added->seq, err) != 0)
		return -1;
	deliver_announce(deliver, added->job_id);
	effects->added_count++;
	return 0;
}

int command_again(struct deliver *deliver, struct store *store, const struct message_row *old, const char *job_id,
		  const char *reason, int64_t now_ms, struct command_effects *effects, struct error *err)
{
	struct arena *arena = effects->arena;
	struct message_row row = *old;
	char id[ID_SIZE];

	id_new(now_ms, id);
	row.id = arena_strdup(arena, id);
	row.prompt = prompt_retag(arena, old->prompt, old->id, id);
	row.job_id = arena_strdup(arena, job_id);
	if (row.prompt == NULL || arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	message_renew(&row, MESSAGE_QUEUED, reason, now_ms);
	return command_add(deliver, store, &row, effects, err);
}

/* ---- the commands ---- */

/* One command on its way. */
struct run {
	struct deliver *deliver;
	struct say *say;
	struct store *store;
	const struct message_row *row; /* of the comment */
	const struct command *command;
	struct command_effects *effects;
	struct command_reply reply;
	bool linked;
	char job_id[JOB_ID_MAX + 2];
	enum link_origin origin;
};

static int run_link(struct run *run, struct error *err)
{
	struct link_row link = {
		.thread = run->row->thread,
		.job_id = run->command->job_id,
		.origin = LINK_MANUAL,
		.created_ms = run->say->now_ms,
	};

	run->reply.said = SAID_LINKED;
	run->reply.job_id = run->command->job_id;
	run->reply.was = run->linked && strcmp(run->job_id, run->command->job_id) != 0 ? run->job_id : NULL;
	run->effects->linked = arena_strdup(run->effects->arena, run->command->job_id);
	return store_link_put(run->store, &link, err);
}

static int run_unlink(struct run *run, struct error *err)
{
	bool found = false;

	run->reply.said = SAID_UNLINKED;
	run->reply.was = run->job_id;
	run->effects->unlinked = arena_strdup(run->effects->arena, run->job_id);
	return store_link_delete(run->store, run->row->thread, run->say->now_ms, &found, err);
}

static void count_waiting(void *ctx, const struct message_row *row)
{
	struct run *run = ctx;

	if (row->kind == MESSAGE_COMMAND)
		return;
	if (row->state == MESSAGE_QUEUED || row->state == MESSAGE_VETTING)
		run->reply.status.waiting++;
	else
		run->reply.status.sending++;
}

static int load_newest(struct run *run, bool *ret_found, struct message_row *ret, struct error *err)
{
	int64_t seq = 0;

	if (store_message_newest(run->store, run->row->thread, ret_found, &seq, err) != 0)
		return -1;
	return *ret_found ? store_message_load(run->store, seq, run->effects->arena, ret, err) : 0;
}

static int run_status(struct run *run, struct error *err)
{
	struct thread_status *status = &run->reply.status;
	struct message_row newest;
	bool found = false;

	run->reply.said = SAID_STATUS;
	status->origin = link_origin_name(run->origin);
	status->running = lanes_turns(&run->deliver->lanes, run->job_id);
	if (store_messages_of_thread(run->store, run->row->thread, count_waiting, run, err) != 0 ||
	    load_newest(run, &found, &newest, err) != 0)
		return -1;
	if (!found)
		return 0;
	status->last_state = message_state_name(newest.state);
	status->last_reason = newest.error != NULL && newest.error[0] != '\0' ? newest.error : newest.reason;
	status->last_message_id = newest.message_id;
	return 0;
}

/* ---- retry ---- */

/* What is to be tried again: what went, or failed, together with the newest message. */
struct failed_rows {
	const char *thread;
	bool own;                             /* this thread's only */
	struct message_row start;             /* with starts: the one that the others failed with */
	bool starts;
	struct message_row rows[EFFECTS_MAX]; /* all others, as many as a command can put at once */
	size_t count;
	size_t seen;
	bool more;                            /* there are, or may be, more than those */
};

static bool has_failed(const struct message_row *row)
{
	return row->state == MESSAGE_FAILED || row->state == MESSAGE_STALLED;
}

static bool is_of(const struct message_row *row, const char *thread)
{
	return row->thread != NULL && strcmp(row->thread, thread) == 0;
}

static void collect_failed(void *ctx, const struct message_row *row)
{
	struct failed_rows *failed = ctx;
	size_t max = failed->starts ? EFFECTS_MAX - 1 : EFFECTS_MAX;

	failed->more = failed->more || ++failed->seen > EFFECTS_MAX;
	if (!has_failed(row) || row->kind == MESSAGE_START || (failed->own && !is_of(row, failed->thread)))
		return;
	if (failed->count < max)
		failed->rows[failed->count++] = *row;
	else
		failed->more = true;
}

/*
 * Of a start that failed, whoever gave the command gets what was said in their own thread: another's they cannot have
 * made again.
 */
static int load_start(struct run *run, const struct message_row *newest, struct failed_rows *failed, struct error *err)
{
	struct message_row lead = *newest;

	if (newest->lead != 0 && store_message_load(run->store, newest->lead, run->effects->arena, &lead, err) != 0)
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	failed->own = lead.kind == MESSAGE_START;
	failed->starts = failed->own && has_failed(&lead) && is_of(&lead, failed->thread);
	failed->start = lead;
	return 0;
}

/* What that start was to carry on; *ret_found false: nothing, or it is too old to be kept. */
static int load_carried(struct run *run, const struct message_row *start, bool *ret_found, struct message_row *ret,
			struct error *err)
{
	struct errand errand = { .carries_on = 0 };

	*ret_found = false;
	if (start->lookup != NULL)
		errand_read(start->lookup, run->effects->arena, &errand);
	if (errand.carries_on == 0)
		return 0;
	*ret_found = store_message_load(run->store, errand.carries_on, run->effects->arena, ret, err) == 0;
	return *ret_found || err->code == ERR_NOT_FOUND ? 0 : -1;
}

static int retry_start(struct run *run, const struct message_row *failed, struct error *err)
{
	struct start_config start = { .agent = failed->agent, .ask = failed->ask };
	const char *prompt = prompt_untag(run->effects->arena, failed);
	struct message_row carried;
	bool carries_on = false;

	if (prompt == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (load_carried(run, failed, &carries_on, &carried, err) != 0)
		return -1;
	return command_start(run->deliver, run->store, failed, &start, prompt, carries_on ? &carried : NULL,
			     run->say->now_ms, run->effects, err);
}

static int retry_all(struct run *run, const struct failed_rows *failed, struct error *err)
{
	const char *job_id = run->linked ? run->job_id : NULL;

	if (failed->starts) {
		if (retry_start(run, &failed->start, err) != 0)
			return -1;
		job_id = run->effects->added[0].job_id;
	}
	for (size_t i = 0; i < failed->count; i++) {
		const struct message_row *row = &failed->rows[i];
		if (command_again(run->deliver, run->store, row, job_id != NULL ? job_id : row->job_id,
				  "retried by a command", run->say->now_ms, run->effects, err) != 0)
			return -1;
	}
	run->reply.said = SAID_RETRIED;
	run->reply.count = (int64_t)run->effects->added_count;
	run->reply.more = failed->more;
	return 0;
}

static int run_retry(struct run *run, struct error *err)
{
	struct failed_rows failed = { .thread = run->row->thread };
	struct message_row newest;
	bool found = false;

	run->reply.said = SAID_NOTHING_TO_RETRY;
	if (load_newest(run, &found, &newest, err) != 0)
		return -1;
	if (!found || !has_failed(&newest))
		return 0;
	if (load_start(run, &newest, &failed, err) != 0 ||
	    store_messages_of_turn(run->store, newest.lead != 0 ? newest.lead : newest.seq, EFFECTS_MAX + 1,
				   run->effects->arena, collect_failed, &failed, err) != 0)
		return -1;
	/* It failed with a start that is not made again (withdrawn, or another thread's): there is no job for it. */
	if (!failed.starts && !run->linked && job_id_is_provisional(newest.job_id)) {
		run->reply.said = SAID_NOT_LINKED;
		return 0;
	}
	return retry_all(run, &failed, err);
}

/* ---- stop ---- */

#define STOP_MAX    256
#define STOP_REASON "withdrawn: stopped by a command"

struct stopping {
	struct arena *arena;
	struct {
		struct withdrawn gone;
		enum message_state state;
		enum message_kind kind;
	} found[STOP_MAX];
	size_t count;
};

static void collect_waiting(void *ctx, const struct message_row *row)
{
	struct stopping *stopping = ctx;

	if (row->kind == MESSAGE_COMMAND || (row->state != MESSAGE_QUEUED && row->state != MESSAGE_VETTING) ||
	    stopping->count == STOP_MAX)
		return;
	size_t i = stopping->count++;
	stopping->found[i].state = row->state;
	stopping->found[i].kind = row->kind;
	stopping->found[i].gone = (struct withdrawn){
		.seq = row->seq, .message_id = arena_strdup(stopping->arena, row->id),
		.delivery_id = arena_strdup(stopping->arena, row->delivery_id),
		.job_id = arena_strdup(stopping->arena, row->job_id), .reason = STOP_REASON,
	};
}

static int stop_one(struct run *run, const struct stopping *stopping, size_t i, struct error *err)
{
	const struct withdrawn *gone = &stopping->found[i].gone;
	struct message_change change = {
		.seq = gone->seq, .from = stopping->found[i].state, .to = MESSAGE_IGNORED, .attempts = -1, .due_ms = -1,
		.now_ms = run->say->now_ms, .upstream_status = -1, .reason = STOP_REASON,
	};

	if (store_message_move(run->store, &change, err) != 0)
		return -1;
	if (stopping->found[i].kind == MESSAGE_START && gone->job_id != NULL &&
	    store_job_forget(run->store, gone->job_id, gone->seq, err) != 0)
		return -1;
	run->reply.count++;
	run->effects->withdrawn[run->effects->withdrawn_count++] = *gone;
	return 0;
}

static int run_stop(struct run *run, struct error *err)
{
	struct stopping stopping = { .arena = run->effects->arena };

	run->reply.said = SAID_STOPPED;
	run->reply.running = lanes_turns(&run->deliver->lanes, run->job_id);
	if (store_messages_of_thread(run->store, run->row->thread, collect_waiting, &stopping, err) != 0)
		return -1;
	run->effects->withdrawn = arena_alloc(stopping.arena, (stopping.count + 1) * sizeof(*run->effects->withdrawn));
	if (arena_failed(stopping.arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < stopping.count; i++) {
		if (stop_one(run, &stopping, i, err) != 0)
			return -1;
	}
	return 0;
}

/* ---- all of them ---- */

static int run_command(struct run *run, struct error *err)
{
	enum command_kind kind = run->command->kind;

	if (store_link_find(run->store, run->row->thread, &run->linked, run->job_id, &run->origin, err) != 0)
		return -1;
	run->reply.job_id = run->linked ? run->job_id : NULL;
	run->reply.problem = run->command->problem;
	if (!run->linked && (kind == COMMAND_UNLINK || kind == COMMAND_STATUS || kind == COMMAND_STOP)) {
		run->reply.said = SAID_NOT_LINKED;
		return 0;
	}
	switch (kind) {
	case COMMAND_LINK:
		return run_link(run, err);
	case COMMAND_UNLINK:
		return run_unlink(run, err);
	case COMMAND_STATUS:
		return run_status(run, err);
	case COMMAND_STOP:
		return run_stop(run, err);
	case COMMAND_RETRY: /* also without a link: a start that failed has none any more */
		return run_retry(run, err);
	case COMMAND_HELP:
		run->reply.said = SAID_HELP;
		return 0;
	case COMMAND_UNKNOWN:
	case COMMAND_NONE:
	case COMMAND_PROMPT:
	default:
		run->reply.said = SAID_UNKNOWN;
		return 0;
	}
}

int command_run(struct deliver *deliver, struct say *say, const struct message_row *row, const struct command *command,
		const char *hint, struct command_effects *effects, struct error *err)
{
	struct run run = {
		.deliver = deliver, .say = say, .store = say->store, .row = row, .command = command, .effects = effects,
		.reply = { .hint = hint },
	};

	if (row->thread == NULL)
		return 0;
	effects->thread = arena_strdup(effects->arena, row->thread);
	if (run_command(&run, err) != 0)
		return -1;
	return say_command(say, row, &run.reply, err);
}

/* How much of a prompt stands before the tag of that message; all of it when it does not end in it. */
static size_t before_tag(const char *prompt, const char *id)
{
	char tag[MESSAGE_TAG_SIZE];
	size_t len = strlen(prompt), tag_len;

	message_tag(id, tag);
	tag_len = strlen(tag);
	return len >= tag_len && strcmp(prompt + len - tag_len, tag) == 0 ? len - tag_len : len;
}

const char *prompt_retag(struct arena *arena, const char *prompt, const char *old_id, const char *new_id)
{
	char tag[MESSAGE_TAG_SIZE];
	size_t len = before_tag(prompt, old_id);

	message_tag(new_id, tag);
	return arena_printf(arena, "%.*s%s%s", (int)len, prompt, prompt[len] == '\0' ? "\n" : "", tag);
}

const char *prompt_untag(struct arena *arena, const struct message_row *row)
{
	size_t len = before_tag(row->prompt, row->id);

	while (len > 0 && row->prompt[len - 1] == '\n')
		len--;
	return arena_strndup(arena, row->prompt, len);
}

void message_renew(struct message_row *row, enum message_state state, const char *reason, int64_t now_ms)
{
	row->state = state;
	row->reason = reason;
	row->lookup = NULL;
	row->attempts = 0;
	row->due_ms = 0;
	row->created_ms = now_ms;
	row->updated_ms = now_ms;
	row->message_id = NULL;
	row->upstream_status = 0;
	row->error = NULL;
	row->lead = 0;
}
