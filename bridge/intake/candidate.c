/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event inside the transaction that keeps its delivery: what it becomes. An edit reaches what still waits; a command is carried out; a
 * prompt finds its job, or is vetted first, or starts one.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/deliver/errand.h"
#include "bridge/intake/intake_private.h"

static void set_ignored(struct candidate *candidate, const char *reason)
{
	candidate->made.verdict = POLICY_IGNORE;
	candidate->made.reason = reason;
}

/* An edit reaches what still waits; a deletion withdraws it. Either is itself nothing to forward. */
static int apply_to_earlier(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	bool edit = candidate->event->kind == EVENT_EDIT;
	bool found = false;
	int64_t seq = 0, now = accept->row.received_ms;
	enum message_state state = MESSAGE_IGNORED;

	if (candidate->event->object != NULL &&
	    store_message_of_object(store, accept->row.source, candidate->event->object, &found, &seq, &state, err) != 0)
		return -1;
	if (!found || (state != MESSAGE_QUEUED && state != MESSAGE_VETTING)) {
		set_ignored(candidate, edit ? "an edit; what was forwarded stays as it was"
					    : "a deletion; what was forwarded stays as it was");
		return 0;
	}
	struct message_row row;
	if (store_message_load(store, seq, accept->arena, &row, err) != 0)
		return -1;
	if (edit) {
		/* The prompt ends in the tag of its message, not of this delivery's. */
		const char *prompt = prompt_retag(accept->arena, candidate->prompt, candidate->message_id, row.id);
		if (prompt == NULL)
			return error_set(err, ERR_NO_MEMORY, "out of memory");
		set_ignored(candidate, "an edit; the queued message was updated");
		return store_message_set_prompt(store, seq, prompt, now, err);
	}
	struct message_change change = {
		.seq = seq, .from = state, .to = MESSAGE_IGNORED, .attempts = -1, .due_ms = -1, .now_ms = now,
		.upstream_status = -1, .reason = "withdrawn: deleted at the origin",
	};
	candidate->made.gone = (struct withdrawn){
		.seq = seq, .message_id = row.id, .delivery_id = row.delivery_id, .job_id = row.job_id, .reason = change.reason,
	};
	set_ignored(candidate, "a deletion; the queued message was withdrawn");
	/* The job that it was to start will never have a name. */
	if (row.kind == MESSAGE_START && row.job_id != NULL && store_job_forget(store, row.job_id, row.seq, err) != 0)
		return -1;
	return store_message_move(store, &change, err);
}

static bool has_git(const struct accept *accept)
{
	return accept->settings->config->git.cache != NULL && accept->source != NULL && accept->source->git.url != NULL;
}

/* ---- its job ---- */

static int find_job(struct candidate *candidate, struct store *store, bool *ret_found, struct error *err)
{
	const struct event *event = candidate->event;
	enum link_origin origin;

	*ret_found = true;
	if (event->job_id != NULL)
		(void)snprintf(candidate->made.job_id, sizeof(candidate->made.job_id), "%s", event->job_id);
	else if (store_link_find(store, candidate->thread, ret_found, candidate->made.job_id, &origin, err) != 0)
		return -1;
	if (!*ret_found)
		candidate->made.job_id[0] = '\0';
	return 0;
}

static int check_rate(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	const char *broken = NULL;

	if (candidate->thread == NULL)
		return 0;
	if (deliver_breaks_loop(accept->settings->config, store, candidate->thread, accept->row.received_ms, &broken, err) != 0)
		return -1;
	if (broken != NULL)
		set_ignored(candidate, broken);
	return 0;
}

/* ---- the message that it becomes ---- */

/* What is to be found out before it is sent; NULL in *ret: nothing. */
static int write_errand(struct accept *accept, struct candidate *candidate, const char **ret, struct error *err)
{
	const struct event *event = candidate->event;
	struct errand errand = {
		.permission = candidate->decided == POLICY_ASK,
		.find_link = candidate->made.finds_link,
		.may_start = candidate->made.may_start,
		.lookup = has_git(accept) ? event->lookup : NULL,
		.command = candidate->made.commands ? &candidate->made.command : NULL,
		.hint = event->hint,
	};

	*ret = NULL;
	bool plain = !errand.find_link && !errand.may_start && errand.lookup == NULL && errand.command == NULL;
	if (plain && (!errand.permission || errand.hint == NULL))
		return 0; /* vetting without an errand asks for the permission alone */
	*ret = errand_write(&errand, accept->arena);
	return *ret != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

static unsigned pace_of(const struct accept *accept, const struct event *event)
{
	const struct source_config *source = accept->source;
	unsigned pace = 0;

	if (source == NULL || !source->type->conversational)
		return 0;
	if (source->when_busy == BUSY_HOLD)
		pace |= MESSAGE_JOINS | MESSAGE_HOLDS;
	if (event->pace != EVENT_AT_ONCE && source->batch_ms > 0)
		pace |= MESSAGE_JOINS | MESSAGE_PATIENT;
	/* A push that somebody made is told with the next prompt, or when the job has time. */
	if (event->lookup != NULL && (event->lookup->wants & LOOKUP_PUSH) != 0)
		pace |= MESSAGE_JOINS | MESSAGE_PATIENT | (accept->settings->config->nairi.follow.enabled ? MESSAGE_HOLDS : 0U);
	return pace;
}

/* Sorts by file, then by line. */
static const char *spot_of(struct accept *accept, const struct event *event)
{
	if (event->file == NULL || event->pace != EVENT_BURST)
		return NULL;
	return arena_printf(accept->arena, "%.1000s:%010lld", event->file, (long long)event->line);
}

static void fill_row(struct accept *accept, struct candidate *candidate, enum message_state state)
{
	const struct event *event = candidate->event;
	const struct source_config *source = accept->source;

	candidate->made.row = (struct message_row){
		.id = candidate->message_id,
		.delivery_id = accept->id,
		.source = candidate->source != NULL ? candidate->source : accept->row.source,
		.thread = candidate->thread,
		.job_id = candidate->made.job_id[0] != '\0' ? candidate->made.job_id : NULL,
		.object = event->object,
		.event = event->name,
		.author = event->author.login,
		.author_id = event->author.id,
		.url = event->url,
		.place = event->place,
		.prompt = candidate->prompt,
		.kind = candidate->made.commands ? MESSAGE_COMMAND : candidate->made.starts ? MESSAGE_START : MESSAGE_CONTINUE,
		.pace = pace_of(accept, event),
		.agent = candidate->made.starts ? candidate->made.start.agent : NULL,
		.ask = candidate->made.starts && candidate->made.start.ask,
		.spot = spot_of(accept, event),
		.state = state,
		.created_ms = accept->row.received_ms,
		.updated_ms = accept->row.received_ms,
		.reason = candidate->made.reason,
	};
	/* What is vetted begins its waiting when that is done. */
	if (event->pace == EVENT_BURST && source != NULL && source->batch_ms > 0 && state == MESSAGE_QUEUED)
		candidate->made.row.due_ms = accept->row.received_ms + source->batch_ms;
}

/* "⏳": one comment for all that wait in a thread. */
static void count_waiting(void *ctx, const struct message_row *row)
{
	size_t *count = ctx;

	*count += row->state == MESSAGE_QUEUED ? 1 : 0;
}

static int say_waits(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	const struct source_config *source = accept->source;
	const struct message_row *row = &candidate->made.row;
	size_t waiting = 0;

	if (source == NULL || !source->type->conversational || source->reply != REPLY_MODE_STATUS ||
	    row->state != MESSAGE_QUEUED || row->due_ms > 0 || row->thread == NULL)
		return 0;
	if (store_messages_of_thread(store, row->thread, count_waiting, &waiting, err) != 0)
		return -1;
	if (waiting > 1)
		return 0;
	struct answer_text what = { .kind = ANSWER_QUEUED, .job_id = row->job_id };
	candidate->made.say = say_new(accept->settings, store, accept->row.received_ms);
	if (candidate->made.say == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return say_turn(candidate->made.say, &row, 1, &what, err);
}

static int put_message(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	struct deliver *deliver = accept->intake->options.deliver;
	const char *lookup = NULL;
	bool ignored = candidate->made.verdict == POLICY_IGNORE;

	if (!ignored && write_errand(accept, candidate, &lookup, err) != 0)
		return -1;
	bool vets = candidate->decided == POLICY_ASK || lookup != NULL;
	fill_row(accept, candidate, ignored ? MESSAGE_IGNORED : vets ? MESSAGE_VETTING : MESSAGE_QUEUED);
	struct message_row *row = &candidate->made.row;
	row->lookup = lookup;
	/* An idle job's message goes out right after this commit: it is `sending` from the start, which saves a commit. */
	if (row->state == MESSAGE_QUEUED && row->due_ms == 0 && deliver_reserve(deliver, row->job_id, row->pace)) {
		candidate->made.reserved = true;
		row->state = MESSAGE_SENDING;
		row->attempts = 1;
	} else if (!ignored && row->job_id != NULL) {
		deliver_announce(deliver, row->job_id);
		candidate->made.announced = true;
	}
	candidate->made.queued = !ignored;
	if (store_message_put(store, row, &row->seq, err) != 0)
		return -1;
	return say_waits(accept, candidate, store, err);
}

/* ---- commands ---- */

/* It is in the ledger as something to ignore, with an answer hanging on it. */
static int put_commented(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	fill_row(accept, candidate, MESSAGE_IGNORED);
	candidate->made.row.job_id = NULL;
	candidate->made.row.kind = MESSAGE_COMMAND;
	candidate->made.row.prompt = "";
	candidate->made.row.due_ms = 0;
	candidate->made.settled = true;
	if (store_message_put(store, &candidate->made.row, &candidate->made.row.seq, err) != 0)
		return -1;
	candidate->made.say = say_new(accept->settings, store, accept->row.received_ms);
	return candidate->made.say != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

static int carry_out(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	candidate->made.commands = true;
	if (candidate->decided == POLICY_ASK) {
		candidate->made.job_id[0] = '\0';
		return put_message(accept, candidate, store, err);
	}
	set_ignored(candidate, arena_printf(accept->arena, "a command to the bridge: %s",
					    command_name(candidate->made.command.kind)));
	if (put_commented(accept, candidate, store, err) != 0)
		return -1;
	candidate->made.effects = command_effects_new();
	if (candidate->made.effects == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return command_run(accept->intake->options.deliver, candidate->made.say, &candidate->made.row,
			   &candidate->made.command, candidate->event->hint, candidate->made.effects, err);
}

/* Several words that are no command are for the agent, if that is how it is addressed here; else somebody mistook us. */
static bool is_command(const struct candidate *candidate, const struct source_config *source, bool linked)
{
	enum command_kind kind = candidate->made.command.kind;

	if (kind == COMMAND_NONE || source == NULL)
		return false;
	if (kind != COMMAND_PROMPT)
		return true;
	return !candidate->triggered && (linked || source->start.agent == NULL);
}

/* ---- no job ---- */

static int start_job(struct candidate *candidate, const struct start_config *start, int64_t now_ms, struct store *store,
		     struct error *err)
{
	struct link_row link = {
		.thread = candidate->thread, .job_id = candidate->made.job_id, .origin = LINK_STARTED, .created_ms = now_ms,
	};

	char job_id[JOB_ID_MAX + 2];
	enum link_origin origin;
	bool linked = false;

	candidate->made.starts = true;
	candidate->made.start = *start;
	job_id_provisional(candidate->message_id, candidate->made.job_id);
	if (candidate->thread == NULL)
		return 0;
	/* By hand, for a thread that has a job: that one is kept until there is another. */
	if (candidate->by_hand != NULL && store_link_find(store, candidate->thread, &linked, job_id, &origin, err) != 0)
		return -1;
	return linked ? 0 : store_link_put(store, &link, err);
}

/* Once a thread: whoever mentions the agent where no job is linked hears how to link one. */
static int tell_unlinked(struct accept *accept, struct candidate *candidate, struct store *store, bool *ret_kept,
			 struct error *err)
{
	const char *key = accept_seen_key(accept->arena, 'h', candidate->thread);
	bool told = false;
	struct command_reply what = { .said = SAID_NO_JOB, .hint = candidate->event->hint };

	if (accept_find_seen(accept, store, key, &told, err) != 0)
		return -1;
	if (told)
		return 0;
	if (accept_put_seen(accept, store, key, err) != 0 || put_commented(accept, candidate, store, err) != 0)
		return -1;
	*ret_kept = true;
	return say_command(candidate->made.say, &candidate->made.row, &what, err);
}

static int accept_unlinked(struct accept *accept, struct candidate *candidate, struct store *store, bool *ret_kept,
			   struct error *err)
{
	const struct source_config *source = accept->source;
	bool starts = source != NULL && candidate->mentioned && source->start.agent != NULL;

	if (candidate->thread != NULL && has_git(accept) && source->git.link_authors.count > 0) {
		candidate->made.finds_link = true;
		candidate->made.may_start = starts;
		return 0;
	}
	if (starts && candidate->decided == POLICY_ASK) {
		candidate->made.may_start = true;
		return 0;
	}
	if (starts)
		return start_job(candidate, &source->start, accept->row.received_ms, store, err);
	set_ignored(candidate, "not linked: no job is linked to this thread");
	if (source == NULL || !candidate->mentioned || candidate->decided != POLICY_FORWARD)
		return 0;
	return tell_unlinked(accept, candidate, store, ret_kept, err);
}

/* ---- one event ---- */

/* What this event tells is told for another's key, too: the suite that a check belongs to. */
static int put_covered(struct accept *accept, struct candidate *candidate, struct store *store, struct error *err)
{
	const char *key = accept_seen_key(accept->arena, 'c', candidate->event->covers);
	char first[ID_SIZE];
	bool covered = false;

	if (key == NULL)
		return 0;
	if (store_seen_find(store, accept->row.source, key, &covered, first, err) != 0)
		return -1;
	return covered ? 0 : accept_put_seen(accept, store, key, err);
}

static int refuse_repeated(struct accept *accept, struct candidate *candidate, const char *content, struct store *store,
			   bool *ret_settled, struct error *err)
{
	const struct event *event = candidate->event;
	bool seen = false, ours = false;

	*ret_settled = false;
	if (accept_find_seen(accept, store, content, &seen, err) != 0)
		return -1;
	if (!seen && event->object != NULL && event->place != NULL &&
	    store_reply_is_ours(store, accept->row.source, event->object, &ours, err) != 0)
		return -1;
	if (seen)
		accept->result = ACCEPT_DUPLICATE;
	else if (ours)
		set_ignored(candidate, "own comment");
	*ret_settled = seen || ours;
	return 0;
}

static int accept_message(struct accept *accept, struct candidate *candidate, struct store *store, bool *ret_kept,
			  struct error *err)
{
	const struct source_config *source = accept->source;
	const char *content = accept_seen_key(accept->arena, 'c', candidate->event->dedupe);
	bool settled = false, linked = true;

	if (candidate->by_hand != NULL) {
		*ret_kept = true;
		return start_job(candidate, candidate->by_hand, accept->row.received_ms, store, err) != 0
			       ? -1
			       : put_message(accept, candidate, store, err);
	}
	if (refuse_repeated(accept, candidate, content, store, &settled, err) != 0 || settled)
		return settled ? 0 : -1;
	bool searches = candidate->thread == NULL && candidate->event->job_id == NULL;
	if (searches && (!has_git(accept) || candidate->event->lookup == NULL)) {
		set_ignored(candidate, "not linked: only Git could tell which thread it belongs to (git is not configured)");
		return 0;
	}
	if (searches)
		candidate->made.job_id[0] = '\0';
	else if (find_job(candidate, store, &linked, err) != 0)
		return -1;
	if (is_command(candidate, source, linked)) {
		if (candidate->made.command.kind == COMMAND_PROMPT)
			candidate->made.command.kind = COMMAND_UNKNOWN;
		*ret_kept = true;
		return accept_put_seen(accept, store, content, err) != 0 ? -1 : carry_out(accept, candidate, store, err);
	}
	if (check_rate(accept, candidate, store, err) != 0)
		return -1;
	if (!linked && candidate->made.verdict != POLICY_IGNORE &&
	    accept_unlinked(accept, candidate, store, ret_kept, err) != 0)
		return -1;
	if (candidate->made.verdict != POLICY_IGNORE && (accept_put_seen(accept, store, content, err) != 0 ||
						    put_covered(accept, candidate, store, err) != 0))
		return -1;
	/* What nobody vouches for is not kept: its author would be asked about only once a job is known. */
	if (candidate->made.settled || (candidate->made.verdict == POLICY_IGNORE && candidate->decided == POLICY_ASK))
		return 0;
	*ret_kept = true;
	return put_message(accept, candidate, store, err);
}

int candidate_accept(struct accept *accept, struct candidate *candidate, struct store *store, bool *ret_kept,
		     struct error *err)
{
	if (candidate->made.verdict == POLICY_IGNORE)
		return 0; /* by policy: a stranger's text is not kept */
	if (candidate->event->kind != EVENT_MESSAGE)
		return apply_to_earlier(accept, candidate, store, err);
	return accept_message(accept, candidate, store, ret_kept, err);
}

/* ---- another try, and the end ---- */

void candidate_reset(struct accept *accept, struct candidate *candidate)
{
	struct deliver *deliver = accept->intake->options.deliver;

	if (candidate->made.reserved)
		deliver_unreserve(deliver, candidate->made.job_id);
	if (candidate->made.announced)
		deliver_retract(deliver, candidate->made.job_id);
	command_effects_drop(deliver, candidate->made.effects);
	say_free(candidate->made.say);
	candidate->made = (struct made){
		.verdict = candidate->decided, .reason = candidate->decided_reason, .command = candidate->parsed,
	};
}

void candidate_hand_over(struct accept *accept, struct candidate *candidate)
{
	struct deliver *deliver = accept->intake->options.deliver;

	if (candidate->made.gone.seq != 0)
		deliver_withdraw(deliver, &candidate->made.gone);
	if (candidate->made.queued)
		deliver_add(deliver, &candidate->made.row);
	if (candidate->made.effects != NULL)
		command_effects_apply(deliver, candidate->made.effects);
	if (candidate->made.say != NULL)
		deliver_say(deliver, candidate->made.say);
	candidate->made.reserved = false;
	candidate->made.announced = false;
}
