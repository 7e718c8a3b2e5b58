/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/deliver.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"

/*
 * So many times nairi.max_concurrency messages may be `sending` at once: those beyond it wait in the dispatcher. Committing them so
 * spares each a claim, and its commit, under load; a crash leaves some more to look for.
 */
#define RESERVE_AHEAD 4
#define HOUR_MS       3600000

int deliver_new(const struct deliver_options *options, struct deliver **ret, struct error *err)
{
	struct deliver *deliver = calloc(1, sizeof(*deliver));

	if (deliver == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	deliver->options = *options;
	pthread_mutex_init(&deliver->lock, NULL);
	deliver->replies = replies_new(deliver);
	deliver->vetting = vetting_new();
	deliver->follow = follow_new(deliver);
	deliver->discover = discover_new(deliver);
	if (!lanes_init(&deliver->lanes) || deliver->replies == NULL || deliver->vetting == NULL ||
	    deliver->follow == NULL || deliver->discover == NULL) {
		deliver_free(deliver);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	*ret = deliver;
	return 0;
}

void deliver_connect(struct deliver *deliver, struct committer *committer, struct dispatcher *dispatcher,
		     struct git_service *git)
{
	deliver->committer = committer;
	deliver->dispatcher = dispatcher;
	deliver->git = git;
}

void deliver_free(struct deliver *deliver)
{
	if (deliver == NULL)
		return;
	lanes_release(&deliver->lanes);
	follow_free(deliver->follow);
	discover_free(deliver->discover);
	replies_free(deliver->replies);
	vetting_free(deliver->vetting);
	pthread_mutex_destroy(&deliver->lock);
	free(deliver);
}

/* ---- start ---- */

struct recovery {
	struct deliver *deliver;
	int64_t mono_ms, wall_ms;
	size_t doubted;
	bool failed;
};

/* A message whose job is not known yet has a lane of its own. */
static const char *lane_key(const char *job_id, int64_t seq, char room[JOB_ID_MAX + 2])
{
	if (job_id != NULL)
		return job_id;
	(void)snprintf(room, JOB_ID_MAX + 2, "vetting %lld", (long long)seq);
	return room;
}

static void recover_message(void *ctx, const struct pending_row *row)
{
	struct recovery *recovery = ctx;
	struct waiting waiting = {
		.seq = row->seq,
		.state = row->state,
		.kind = row->kind,
		.pace = row->pace,
		.attempts = row->attempts,
		.created_ms = row->created_ms,
	};
	char room[JOB_ID_MAX + 2];

	(void)snprintf(waiting.id, sizeof(waiting.id), "%s", row->id);
	if (row->due_ms > recovery->wall_ms)
		waiting.due_ms = recovery->mono_ms + (row->due_ms - recovery->wall_ms);
	recovery->doubted += row->state == MESSAGE_IN_DOUBT ? 1 : 0;
	if (lanes_add(&recovery->deliver->lanes, lane_key(row->job_id, row->seq, room), &waiting, recovery->mono_ms) == NULL)
		recovery->failed = true;
}

int deliver_recover(struct deliver *deliver, struct store *store, struct error *err)
{
	struct recovery recovery = {
		.deliver = deliver,
		.mono_ms = clock_mono_ms(),
		.wall_ms = clock_now_ms(),
	};

	/* Turns first: they hold back what waits. */
	if (follow_recover(deliver->follow, store, err) != 0 ||
	    store_messages_pending(store, recover_message, &recovery, err) != 0 ||
	    replies_recover(deliver->replies, store, err) != 0)
		return -1;
	if (recovery.failed)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (deliver->lanes.waiting > 0)
		log_event(LOG_INFO, "bridge.recovered", "unfinished messages of the last run",
			  LOG_INT("waiting", deliver->lanes.waiting), LOG_INT("in_doubt", recovery.doubted),
			  LOG_INT("followed", follow_count(deliver->follow)));
	return 0;
}

/* ---- the tick ---- */

static void publish(struct deliver *deliver)
{
	pthread_mutex_lock(&deliver->lock);
	deliver->stats.waiting = deliver->lanes.waiting;
	deliver->stats.in_flight = deliver->calls;
	deliver->stats.circuit = deliver->circuit.state;
	deliver->stats.followed = follow_count(deliver->follow);
	pthread_mutex_unlock(&deliver->lock);
}

static bool take_orders(struct deliver *deliver)
{
	pthread_mutex_lock(&deliver->lock);
	bool reloaded = deliver->reloaded;
	bool closed = deliver->closed;
	deliver->reloaded = false;
	pthread_mutex_unlock(&deliver->lock);
	if (reloaded) {
		identity_restart(deliver);
		follow_reloaded(deliver->follow);
		if (deliver->circuit.state == CIRCUIT_KEY)
			deliver->circuit.retry_at_ms = 0; /* ask again at once, with what may be a new key */
	}
	return !closed;
}

/* The key was refused: a call of its own finds out when it works again. */
struct probe {
	struct commit_item item;
	struct call call;
	struct deliver *deliver;
	struct settings *settings;
	bool works;
};

static void probe_free(struct probe *probe)
{
	settings_drop(probe->settings);
	arena_free(probe->call.arena);
	free(probe);
}

static void probe_done(struct commit_item *item, const struct error *err)
{
	struct probe *probe = (struct probe *)item;
	struct deliver *deliver = probe->deliver;

	(void)err;
	deliver->circuit.probing = false;
	if (deliver->circuit.state != CIRCUIT_KEY) {
		probe_free(probe); /* a message that was under way has found out first */
		return;
	}
	if (!probe->works) {
		(void)circuit_key_refused(&deliver->circuit, true, clock_mono_ms());
	} else if (circuit_success(&deliver->circuit)) {
		log_event(LOG_INFO, "circuit.closed", "the API takes our key again", LOG_STR("reason", NULL));
	}
	probe_free(probe);
}

static void probe_answered(struct call *call)
{
	struct probe *probe = call->user;

	probe->works = nairi_read_probe(call);
	committer_keep(probe->deliver->committer, &probe->item);
}

static void probe_key(struct deliver *deliver)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	struct error err;

	deliver->circuit.retry_at_ms = clock_mono_ms() + CIRCUIT_FIRST_MS; /* should this one not even get off */
	if (probe == NULL)
		return;
	probe->deliver = deliver;
	probe->settings = settings_get(deliver->options.settings);
	probe->item.done = probe_done;
	probe->call.arena = arena_new(16384);
	probe->call.user = probe;
	probe->call.done = probe_answered;
	probe->call.token = probe->settings->config->nairi.api_key;
	probe->call.timeout_ms = probe->settings->config->nairi.timeout_ms;
	probe->call.answer_max = ANSWER_MAX;
	if (probe->call.arena == NULL || nairi_probe_request(probe->settings->config->nairi.url, probe->call.arena,
							     &probe->call.spec, &err) != 0) {
		probe_free(probe);
		return;
	}
	deliver->circuit.probing = true;
	dispatcher_submit(deliver->dispatcher, &probe->call);
}

static void start_lanes(struct deliver *deliver, struct store *store, int64_t max_calls, int64_t now_ms)
{
	while (deliver->calls < (size_t)max_calls && circuit_allows(&deliver->circuit, now_ms)) {
		struct lane *lane = lanes_next(&deliver->lanes, now_ms);
		if (lane == NULL)
			return;
		forward_start(deliver, store, lane, now_ms);
	}
}

int64_t deliver_tick(void *ctx, struct store *store, int64_t now_ms)
{
	struct deliver *deliver = ctx;

	if (!take_orders(deliver)) {
		publish(deliver);
		return INT64_MAX;
	}
	struct settings *settings = settings_get(deliver->options.settings);
	int64_t max_calls = settings->config->nairi.max_concurrency;
	settings_drop(settings);

	if (deliver->circuit.state == CIRCUIT_KEY && !deliver->circuit.probing && now_ms >= deliver->circuit.retry_at_ms)
		probe_key(deliver);
	start_lanes(deliver, store, max_calls, now_ms);
	int64_t next = replies_tick(deliver->replies, store, now_ms);
	int64_t identity = identity_tick(deliver, now_ms);
	int64_t follow = follow_tick(deliver->follow, now_ms);
	int64_t discover = discover_tick(deliver->discover, store, now_ms);
	publish(deliver);

	next = identity < next ? identity : next;
	next = follow < next ? follow : next;
	next = discover < next ? discover : next;
	/* In the past it has been taken account of: a probe is on its way, or nothing is there to be one. */
	int64_t circuit = circuit_next(&deliver->circuit);
	next = circuit > now_ms && circuit < next ? circuit : next;
	/* With no free call or an open circuit, an outcome or the circuit's moment will bring the next tick. */
	if (deliver->calls < (size_t)max_calls && circuit_allows(&deliver->circuit, now_ms)) {
		int64_t due = lanes_due(&deliver->lanes);
		next = due < next ? due : next;
	}
	return next;
}

/* ---- acceptance ---- */

bool deliver_reserve(struct deliver *deliver, const char *job_id, unsigned pace)
{
	struct settings *settings = settings_get(deliver->options.settings);
	bool room = deliver->calls < RESERVE_AHEAD * (size_t)settings->config->nairi.max_concurrency;

	settings_drop(settings);
	pthread_mutex_lock(&deliver->lock);
	room = room && !deliver->closed;
	pthread_mutex_unlock(&deliver->lock);
	/* Whoever waits already goes first: newcomers beyond max_concurrency must not keep them from their turn. */
	room = room && lanes_due(&deliver->lanes) > clock_mono_ms();
	if (!room || deliver->circuit.state != CIRCUIT_CLOSED || !lanes_reserve(&deliver->lanes, job_id, pace))
		return false;
	deliver->calls++;
	return true;
}

void deliver_unreserve(struct deliver *deliver, const char *job_id)
{
	deliver->calls--;
	lanes_unreserve(&deliver->lanes, job_id);
}

void deliver_announce(struct deliver *deliver, const char *job_id)
{
	lanes_announce(&deliver->lanes, job_id);
}

void deliver_retract(struct deliver *deliver, const char *job_id)
{
	lanes_retract(&deliver->lanes, job_id);
}

static int copy_row(struct flight *flight, const struct message_row *row)
{
	struct arena *arena = flight->arena;

	flight->row = *row;
	flight->row.id = arena_strdup(arena, row->id);
	flight->row.delivery_id = arena_strdup(arena, row->delivery_id);
	flight->row.source = arena_strdup(arena, row->source);
	flight->row.thread = arena_strdup(arena, row->thread);
	flight->row.job_id = arena_strdup(arena, row->job_id);
	flight->row.object = arena_strdup(arena, row->object);
	flight->row.event = arena_strdup(arena, row->event);
	flight->row.author = arena_strdup(arena, row->author);
	flight->row.author_id = arena_strdup(arena, row->author_id);
	flight->row.url = arena_strdup(arena, row->url);
	flight->row.place = arena_strdup(arena, row->place);
	flight->row.prompt = arena_strdup(arena, row->prompt);
	flight->row.agent = arena_strdup(arena, row->agent);
	flight->row.spot = NULL;
	flight->row.lookup = NULL;
	flight->one.row = flight->row;
	return arena_failed(arena) ? -1 : 0;
}

void deliver_add(struct deliver *deliver, const struct message_row *row)
{
	int64_t now = clock_mono_ms(), wall = clock_now_ms();
	bool reserved = row->state == MESSAGE_SENDING;
	char room[JOB_ID_MAX + 2];
	const char *key = lane_key(row->job_id, row->seq, room);
	struct waiting waiting = {
		.seq = row->seq,
		.state = row->state,
		.kind = row->kind,
		.pace = row->pace,
		.due_ms = row->due_ms > wall ? now + (row->due_ms - wall) : 0,
		.attempts = row->attempts,
		.created_ms = row->created_ms,
	};

	(void)snprintf(waiting.id, sizeof(waiting.id), "%s", row->id);
	struct waiting *added = lanes_add(&deliver->lanes, key, &waiting, now);
	if (!reserved && row->job_id != NULL)
		lanes_retract(&deliver->lanes, row->job_id);
	struct flight *flight = reserved && added != NULL ? flight_new(deliver, added->lane, added) : NULL;
	if (added == NULL || (reserved && (flight == NULL || copy_row(flight, row) != 0))) {
		/* It is committed: the next start finds it. Until then memory has to come back by itself. */
		log_event(LOG_ERROR, "message.retry", "out of memory; it waits for the next start",
			  LOG_STR("delivery_id", row->delivery_id), LOG_STR("job_id", row->job_id));
		if (flight != NULL)
			flight_free(flight);
		if (reserved)
			deliver->calls--;
		return;
	}
	if (reserved)
		forward_send(flight);
}

void deliver_say(struct deliver *deliver, const struct say *say)
{
	for (size_t i = 0; i < say->count; i++)
		replies_add(deliver->replies, &say->rows[i]);
}

void deliver_withdraw(struct deliver *deliver, const struct withdrawn *gone)
{
	/* When it is being worked on, its claim finds the row moved, and lets go of it. */
	char room[JOB_ID_MAX + 2];
	struct outcome outcome = {
		.message_id = gone->message_id, .delivery_id = gone->delivery_id, .state = MESSAGE_IGNORED,
		.reason = gone->reason,
	};

	(void)lanes_remove(&deliver->lanes, lane_key(gone->job_id, gone->seq, room), gone->seq, clock_mono_ms());
	deliver_final(deliver, &outcome);
}

void deliver_final(struct deliver *deliver, const struct outcome *outcome)
{
	deliver->options.on_final(deliver->options.ctx, outcome);
}

int deliver_breaks_loop(const struct config *config, struct store *store, const char *thread, int64_t now_ms,
			const char **ret_reason, struct error *err)
{
	int64_t rate = config->limits.thread_rate, count = 0;

	*ret_reason = NULL;
	if (rate == 0)
		return 0;
	if (store_thread_count(store, thread, now_ms - HOUR_MS, &count, err) != 0)
		return -1;
	if (count >= rate)
		*ret_reason = "loop breaker: this thread reached limits.thread_rate prompts within an hour";
	return 0;
}

/* ---- other threads ---- */

size_t deliver_waiting(struct deliver *deliver)
{
	pthread_mutex_lock(&deliver->lock);
	size_t waiting = deliver->stats.waiting;
	pthread_mutex_unlock(&deliver->lock);
	return waiting;
}

void deliver_reloaded(struct deliver *deliver)
{
	pthread_mutex_lock(&deliver->lock);
	deliver->reloaded = true;
	pthread_mutex_unlock(&deliver->lock);
	committer_wake(deliver->committer);
}

void deliver_close(struct deliver *deliver)
{
	pthread_mutex_lock(&deliver->lock);
	deliver->closed = true;
	pthread_mutex_unlock(&deliver->lock);
}

void deliver_stats(struct deliver *deliver, struct deliver_stats *ret)
{
	pthread_mutex_lock(&deliver->lock);
	*ret = deliver->stats;
	pthread_mutex_unlock(&deliver->lock);
}

void deliver_count(struct deliver *deliver, uint64_t *counter)
{
	pthread_mutex_lock(&deliver->lock);
	(*counter)++;
	pthread_mutex_unlock(&deliver->lock);
}
