/* SPDX-License-Identifier: Apache-2.0 */
/* What a flight came to, recorded in one transaction: states, attempts, the turn, the replies, a new job; then the lane goes on. */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"
#include "bridge/deliver/reply_text.h"

static const struct config *config_of(const struct flight *flight)
{
	return flight->settings->config;
}

static bool is_start(const struct flight *flight)
{
	return flight->row.kind == MESSAGE_START;
}

/* ---- inside the transaction ---- */

/* The change of one of several that were sent together: all go the same way, each from where it is. */
static struct message_change change_of(const struct flight *flight, size_t i)
{
	struct message_change change = flight->change;
	const struct waiting *waiting = flight->parts[i].waiting;

	if (i == 0)
		return change;
	change.seq = waiting->seq;
	change.from = waiting->state;
	if (change.attempts >= 0)
		change.attempts = waiting->attempts > 0 ? waiting->attempts - 1 : 0;
	if (change.to == MESSAGE_FORWARDED || change.to == MESSAGE_FAILED) /* a retry sends again what was sent together */
		change.lead = flight->change.seq;
	return change;
}

static int put_attempt(struct flight *flight, struct store *store, int64_t seq, int number, struct error *err)
{
	struct attempt_row attempt = {
		.message_seq = seq,
		.number = number,
		.call = flight->attempt_call,
		.started_ms = flight->call.started_ms,
		.duration_ms = flight->call.duration_ms,
		.upstream_status = flight->verdict.status,
		.outcome = flight->change.to == MESSAGE_FORWARDED ? "forwarded" : flight->verdict.reason,
	};

	return store_attempt_put(store, &attempt, err);
}

static int apply_changes(struct flight *flight, struct store *store, struct error *err)
{
	for (size_t i = 0; i < flight->count; i++) {
		struct message_change change = change_of(flight, i);
		if (store_message_move(store, &change, err) != 0)
			return -1;
		if (flight->attempt_call != NULL &&
		    put_attempt(flight, store, change.seq, flight->parts[i].waiting->attempts, err) != 0)
			return -1;
	}
	return 0;
}

/* The job of a start has its name from the answer on; or there will never be one. */
static int apply_start(struct flight *flight, struct store *store, struct error *err)
{
	const struct message_change *change = &flight->change;
	struct link_row link = {
		.thread = flight->row.thread, .job_id = flight->verdict.job_id, .origin = LINK_STARTED,
		.created_ms = change->now_ms,
	};

	if (!is_start(flight))
		return 0;
	if (change->to == MESSAGE_FORWARDED) {
		/* What waited behind the start goes there after the commit: nothing of this batch may reserve the lane before. */
		deliver_announce(flight->deliver, flight->verdict.job_id);
		flight->after.announced = true;
		(void)snprintf(flight->after.learned_job, sizeof(flight->after.learned_job), "%s", flight->verdict.job_id);
		if (store_job_rename(store, flight->lane->job_id, flight->verdict.job_id, change->now_ms, err) != 0)
			return -1;
		/* What was started by hand takes the thread from the job that it had until now. */
		bool by_hand = flight->row.thread != NULL && flight->row.event != NULL &&
			       strcmp(flight->row.event, "admin.start") == 0;
		return by_hand ? store_link_put(store, &link, err) : 0;
	}
	return change->to == MESSAGE_FAILED ? store_job_forget(store, flight->lane->job_id, change->seq, err) : 0;
}

static const char *job_of(const struct flight *flight)
{
	return is_start(flight) && flight->change.to == MESSAGE_FORWARDED ? flight->verdict.job_id
									  : flight->lane->job_id;
}

static int apply_turn(struct flight *flight, struct store *store, struct error *err)
{
	struct turn_row turn = {
		.seq = flight->change.seq,
		.job_id = job_of(flight),
		.message_id = flight->verdict.message_id,
		.started_ms = flight->change.now_ms,
	};

	return config_of(flight)->nairi.follow.enabled ? store_turn_put(store, &turn, err) : 0;
}

static int apply_say(struct flight *flight, struct store *store, struct error *err)
{
	const struct message_row *rows[RUN_MAX];
	struct answer_text what = {
		/* One that carries on has an errand. */
		.kind = !is_start(flight)		? ANSWER_WORKING
			: flight->row.lookup == NULL ? ANSWER_STARTED
						     : ANSWER_RESTARTED,
		.job_id = job_of(flight),
	};

	if (!flight->accepted && !flight->refused)
		return 0;
	flight->after.say = say_new(flight->settings, store, flight->change.now_ms);
	if (flight->after.say == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < flight->count; i++)
		rows[i] = &flight->parts[i].row;
	if (flight->after.renamed != NULL)
		return 0; /* the start of the job that carries on tells of it, when it has a name */
	if (flight->refused)
		return say_refused(flight->after.say, rows, flight->count, flight->words,
				   flight->words == NULL ? flight->final_reason : NULL,
				   flight->words != NULL ? flight->verdict.status : 0, err);
	if (say_seen(flight->after.say, rows, flight->count, err) != 0)
		return -1;
	return say_turn(flight->after.say, rows, flight->count, &what, err);
}

/* A refusal in other words than the documented ones: the job has ended (nairi-api.md 3.2). */
static bool is_about_the_job(const struct flight *flight)
{
	return flight->refused && flight->words != NULL && !is_start(flight) && !reply_is_documented(flight->words);
}

static int apply_restart(struct flight *flight, struct store *store, struct error *err)
{
	const struct message_row *rows[RUN_MAX];

	if (!is_about_the_job(flight))
		return 0;
	for (size_t i = 0; i < flight->count; i++)
		rows[i] = &flight->parts[i].row;
	flight->after.effects = command_effects_new();
	struct restart restart = {
		.deliver = flight->deliver, .settings = flight->settings, .store = store, .rows = rows,
		.count = flight->count, .job_id = flight->lane->job_id, .end_words = flight->words,
		.now_ms = flight->change.now_ms, .effects = flight->after.effects,
	};
	if (flight->after.effects == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	bool wanted = false;
	if (restart_is_wanted(&restart, &wanted, err) != 0)
		return -1;
	if (!wanted)
		return 0;
	if (restart_job(&restart, err) != 0)
		return -1;
	flight->after.renamed = restart.renamed;
	return 0;
}

static int record_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct flight *flight = (struct flight *)item;
	struct message_change *change = &flight->change;

	flight_take_back(flight); /* when this is the second try */
	if (flight->decided.seq == 0) {
		outcome_decide(flight);
		flight->decided = *change;
	}
	*change = flight->decided;
	if (change->from == MESSAGE_VETTING)
		return vet_apply(flight, store, err);
	if (apply_start(flight, store, err) != 0 || apply_changes(flight, store, err) != 0)
		return -1;
	if ((flight->accepted && apply_turn(flight, store, err) != 0) || apply_restart(flight, store, err) != 0)
		return -1;
	return apply_say(flight, store, err);
}

/* ---- after it ---- */

static void log_outcome(const struct flight *flight, const struct message_row *row)
{
	static const struct {
		enum log_level level;
		const char *event;
	} lines[MESSAGE_STATES_] = {
		[MESSAGE_VETTING] = { LOG_DEBUG, "message.vetting" }, [MESSAGE_QUEUED] = { LOG_INFO, "message.retry" },
		[MESSAGE_SENDING] = { LOG_DEBUG, "message.sending" }, [MESSAGE_IN_DOUBT] = { LOG_WARN, "message.in_doubt" },
		[MESSAGE_FORWARDED] = { LOG_INFO, "message.forwarded" }, [MESSAGE_FAILED] = { LOG_WARN, "message.failed" },
		[MESSAGE_ANSWERED] = { LOG_INFO, "message.answered" }, [MESSAGE_STALLED] = { LOG_WARN, "message.stalled" },
		[MESSAGE_IGNORED] = { LOG_INFO, "delivery.ignored" },
	};
	const struct message_change *change = &flight->change;

	if (change->from == MESSAGE_VETTING && change->to == MESSAGE_QUEUED)
		return; /* may speak: nothing that an operator needs to hear */
	bool news = change->from != change->to;
	log_event(news ? lines[change->to].level : LOG_DEBUG, lines[change->to].event, NULL, LOG_STR("source", row->source),
		  LOG_STR("delivery_id", row->delivery_id), LOG_STR("thread", row->thread),
		  LOG_STR("job_id", job_of(flight)), LOG_STR("message_id", change->message_id),
		  LOG_INT("attempt", flight->waiting->attempts), LOG_INT("upstream_status", flight->verdict.status),
		  LOG_STR("error", change->error), LOG_STR("reason", change->reason),
		  LOG_INT("duration_ms", flight->call.duration_ms));
}

static void feed_circuit(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	struct circuit *circuit = &deliver->circuit;
	const struct nairi_verdict *verdict = &flight->verdict;
	int64_t now = clock_mono_ms();

	if (flight->attempt_call == NULL || flight->waiting->state == MESSAGE_VETTING || flight->call.cancelled)
		return;
	if (verdict->meaning == NAIRI_KEY) {
		if (circuit_key_refused(circuit, false, now))
			log_event(LOG_ERROR, "circuit.opened",
				  "Nairi refuses our API key; everything is kept queued. Check nairi.api_key, then send SIGHUP",
				  LOG_INT("upstream_status", verdict->status), LOG_STR("error", verdict->error));
	} else if (verdict->unreachable) {
		if (circuit_failure(circuit, flight->lane->job_id, flight->probe, now))
			log_event(LOG_WARN, "circuit.opened", "calls fail for several jobs; one message at a time tries",
				  LOG_STR("reason", verdict->reason));
	} else if (circuit_success(circuit)) {
		log_event(LOG_INFO, "circuit.closed", "the API answers again", LOG_STR("reason", NULL));
	}
	pthread_mutex_lock(&deliver->lock);
	(void)snprintf(deliver->stats.circuit_reason, sizeof(deliver->stats.circuit_reason), "%s",
		       circuit->state == CIRCUIT_CLOSED ? "" : verdict->reason);
	pthread_mutex_unlock(&deliver->lock);
}

static void tell_waiter(struct flight *flight, const struct part *part)
{
	const struct message_change *change = &flight->change;
	struct outcome outcome = {
		.message_id = part->waiting->id,
		.delivery_id = part->row.delivery_id,
		.job_id = job_id_is_provisional(job_of(flight)) ? NULL : job_of(flight),
		.state = change->to,
		.nairi_message_id = change->message_id,
		.error = change->error != NULL && change->error[0] != '\0' ? change->error : change->reason,
		.reason = change->reason,
		.upstream_status = flight->verdict.status,
		/* A new job carries on: its start has the words, and says what becomes of them. */
		.becomes = flight->after.renamed != NULL ? flight->after.effects->added[0].id : NULL,
	};

	deliver_final(flight->deliver, &outcome);
}

/* The memory's copy follows the store. */
static void update_waiting(const struct flight *flight, size_t i)
{
	struct message_change changed = change_of(flight, i);
	const struct message_change *change = &changed;
	struct waiting *waiting = flight->parts[i].waiting;
	bool same = change->from == change->to;

	waiting->tries = same && flight->sight != NAIRI_ABSENT ? waiting->tries + 1 : 0;
	waiting->looks = same && flight->looking && flight->sight == NAIRI_ABSENT ? waiting->looks + 1
			 : same							  ? waiting->looks
										  : 0;
	waiting->state = change->to;
	if (change->attempts >= 0)
		waiting->attempts = change->attempts;
	waiting->due_ms = change->due_ms > change->now_ms ? clock_mono_ms() + (change->due_ms - change->now_ms) : 0;
}

static void count_outcome(struct deliver *deliver, const struct message_change *change)
{
	if (change->to == MESSAGE_FORWARDED)
		deliver_count(deliver, &deliver->stats.forwarded);
	else if (change->to == MESSAGE_FAILED)
		deliver_count(deliver, &deliver->stats.failed);
	else if (change->to == MESSAGE_IN_DOUBT && change->from != MESSAGE_IN_DOUBT)
		deliver_count(deliver, &deliver->stats.doubted);
	else if (change->to == MESSAGE_QUEUED && change->from != MESSAGE_VETTING)
		deliver_count(deliver, &deliver->stats.retried);
}

/* What waited behind goes with the new job. */
static void move_on(struct flight *flight, struct command_effects *effects)
{
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;
	size_t count = flight->count;
	char from[JOB_ID_MAX + 2], to[JOB_ID_MAX + 2];
	int64_t now = clock_mono_ms();

	(void)snprintf(from, sizeof(from), "%s", lane->job_id);
	(void)snprintf(to, sizeof(to), "%s", flight->after.renamed);
	lane_unclaim(lane, 0);
	lanes_pop_run(&deliver->lanes, lane, count, now);
	lanes_rename(&deliver->lanes, from, to, now);
	command_effects_apply(deliver, effects); /* its rows borrow from the flight's arena */
	command_effects_drop(deliver, effects);
	flight_free(flight);
}

static void settle(struct flight *flight)
{
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;
	int64_t now = clock_mono_ms();
	bool final = message_is_final(flight->change.to);
	size_t count = flight->count;
	char job_id[JOB_ID_MAX + 2] = "";

	for (size_t i = 0; i < count; i++) {
		log_outcome(flight, &flight->parts[i].row);
		count_outcome(deliver, &flight->change);
		if (final)
			tell_waiter(flight, &flight->parts[i]);
		else
			update_waiting(flight, i);
	}
	if (flight->accepted && config_of(flight)->nairi.follow.enabled)
		follow_add(deliver->follow, flight->change.seq, job_of(flight), flight->verdict.message_id,
			   flight->change.now_ms);
	if (is_start(flight) && flight->change.to == MESSAGE_FORWARDED && flight->row.thread != NULL)
		log_event(LOG_INFO, "job.linked", "it was started for this thread", LOG_STR("thread", flight->row.thread),
			  LOG_STR("job_id", flight->verdict.job_id));
	if (is_start(flight) && flight->change.to == MESSAGE_FORWARDED)
		(void)snprintf(job_id, sizeof(job_id), "%s", flight->after.learned_job);
	struct command_effects *effects = flight->after.renamed != NULL ? flight->after.effects : NULL;
	if (effects != NULL) {
		flight->after.effects = NULL;
		log_event(LOG_WARN, "job.ended", "a new job carries on", LOG_STR("job_id", lane->job_id),
			  LOG_STR("reason", flight->words));
		move_on(flight, effects);
		return;
	}
	flight->after.announced = false; /* from here on it is taken back when all stand there */
	flight_free(flight);
	lane_unclaim(lane, 0);
	if (!final) {
		lanes_settle(&deliver->lanes, lane, now);
		return;
	}
	if (job_id[0] != '\0') {
		lanes_pop_start(&deliver->lanes, lane, job_id, now);
		deliver_retract(deliver, job_id);
		return;
	}
	lanes_pop_run(&deliver->lanes, lane, count, now);
}

static void record_done(struct commit_item *item, const struct error *err)
{
	struct flight *flight = (struct flight *)item;
	struct deliver *deliver = flight->deliver;
	struct lane *lane = flight->lane;

	if (err != NULL) {
		/* The row is not as we left it (withdrawn meanwhile), or the process is ending: the store knows better. */
		if (err->code != ERR_CONFLICT)
			log_event(LOG_ERROR, "store.failed", "an outcome was not recorded; the next start settles it",
				  LOG_STR("delivery_id", flight->row.delivery_id), LOG_STR("error", err->text));
		size_t count = flight->count;
		struct waiting *vetted = flight->waiting->state == MESSAGE_VETTING ? flight->waiting : NULL;
		flight_free(flight);
		if (vetted != NULL)
			lanes_drop(&deliver->lanes, vetted);
		lanes_pop_run(&deliver->lanes, lane, vetted != NULL ? 0 : count, clock_mono_ms());
		return;
	}
	FAULT_POINT("after-record");
	feed_circuit(flight);
	if (flight->after.say != NULL)
		deliver_say(deliver, flight->after.say);
	if (flight->change.from == MESSAGE_VETTING)
		vet_settle(flight);
	else
		settle(flight);
}

void forward_record(struct flight *flight)
{
	flight->item.apply = record_apply;
	flight->item.done = record_done;
	committer_keep(flight->deliver->committer, &flight->item);
}
