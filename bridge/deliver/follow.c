/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepted prompts, until their turns end: one list call a job, at a pace that slows down, and a few at a time over all. What a list
 * says becomes state, reply and link in one transaction (turns.c); here is only when to ask, and whom.
 */
#include "bridge/deliver/follow.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/log.h"
#include "bridge/deliver/backoff.h"

#define POLLS_MAX  16 /* under way at once */
#define TURNS_MAX  64 /* of one job, looked at in one poll: the oldest */
#define PARSE_MAX  ((size_t)32 * 1024 * 1024)
#define SPREAD_MS  2  /* so far apart the first polls of a start are, on average */
#define GROUP_MS   50 /* polls that are due within it begin together: waking two threads costs more than a poll */

/* A turn that is running or lingers. */
struct turn {
	struct turn *next;
	struct turn_view view;
};

struct followed {
	struct turn *turns; /* in order of seq */
	int64_t interval_ms;
	int64_t due_ms;     /* mono: the next poll */
	int timers;         /* of it in the heap; those before due_ms mean nothing */
	bool busy;          /* being polled */
	bool fresh;         /* a turn began since the last poll: the pace starts anew */
	size_t announced;   /* announcements of the last list: more of them are news */
	char job_id[JOB_ID_MAX + 2];
};

struct follow {
	struct deliver *deliver;
	struct map *by_job;
	struct heap due;
	size_t polls, turns;
	bool off; /* by the configuration: nothing is asked, and nobody is held */
};

struct follow *follow_new(struct deliver *deliver)
{
	struct follow *follow = calloc(1, sizeof(*follow));

	if (follow == NULL)
		return NULL;
	follow->deliver = deliver;
	follow->by_job = map_new();
	if (follow->by_job == NULL) {
		free(follow);
		return NULL;
	}
	return follow;
}

static void followed_free(struct followed *followed)
{
	while (followed->turns != NULL) {
		struct turn *next = followed->turns->next;
		free(followed->turns);
		followed->turns = next;
	}
	free(followed);
}

void follow_free(struct follow *follow)
{
	if (follow == NULL)
		return;
	size_t at = 0;
	for (struct followed *followed; (followed = map_next(follow->by_job, &at)) != NULL;)
		followed_free(followed);
	map_free(follow->by_job);
	heap_release(&follow->due);
	free(follow);
}

size_t follow_count(const struct follow *follow)
{
	return follow->off ? 0 : follow->turns;
}

/* ---- on and off ---- */

static bool is_off(const struct follow *follow)
{
	struct settings *settings = settings_get(follow->deliver->options.settings);
	bool off = !settings->config->nairi.follow.enabled;

	settings_drop(settings);
	return off;
}

static bool switch_job(struct follow *follow, const struct followed *followed, int64_t now_ms)
{
	bool done = true;

	for (const struct turn *turn = followed->turns; turn != NULL; turn = turn->next) {
		if (turn->view.ended_ms != 0)
			continue;
		if (follow->off)
			lanes_turn_ended(&follow->deliver->lanes, followed->job_id, now_ms);
		else
			done = lanes_turn_began(&follow->deliver->lanes, followed->job_id) && done;
	}
	return done;
}

void follow_reloaded(struct follow *follow)
{
	bool off = is_off(follow), done = true;
	size_t at = 0;

	if (off == follow->off)
		return;
	follow->off = off;
	for (const struct followed *followed; (followed = map_next(follow->by_job, &at)) != NULL;)
		done = switch_job(follow, followed, clock_mono_ms()) && done;
	if (!done)
		log_event(LOG_ERROR, "turn.unfollowed", "out of memory; nothing is held back for some of the jobs",
			  LOG_STR("reason", NULL));
}

/* ---- the pace ---- */

/* Not all at the same moment: an eighth more or less. */
static int64_t spread(int64_t interval_ms)
{
	return interval_ms - interval_ms / 8 + backoff_ms(1, interval_ms / 4 + 1, interval_ms / 4 + 1);
}

/* Up to the next moment at which polls begin. Where pauses are short, so is the rounding. */
static int64_t in_group(int64_t interval_ms, int64_t at_ms)
{
	int64_t group = interval_ms / 16 < GROUP_MS ? interval_ms / 16 : GROUP_MS;

	return group > 1 ? (at_ms + group - 1) / group * group : at_ms;
}

static bool schedule(struct follow *follow, struct followed *followed, int64_t at_ms)
{
	if (!heap_push(&follow->due, at_ms, followed))
		return false;
	followed->due_ms = at_ms;
	followed->timers++;
	return true;
}

static void pace(const struct follow *follow, int64_t *ret_min, int64_t *ret_max)
{
	struct settings *settings = settings_get(follow->deliver->options.settings);

	*ret_min = settings->config->nairi.follow.poll_min_ms;
	*ret_max = settings->config->nairi.follow.poll_max_ms;
	settings_drop(settings);
}

/* ---- turns come ---- */

static struct followed *followed_get(struct follow *follow, const char *job_id, int64_t first_ms)
{
	struct followed *followed = map_get(follow->by_job, job_id);

	if (followed != NULL) {
		if (!followed->busy && followed->due_ms > first_ms)
			(void)schedule(follow, followed, first_ms); /* without memory it is asked later */
		return followed;
	}
	followed = calloc(1, sizeof(*followed));
	if (followed == NULL)
		return NULL;
	(void)snprintf(followed->job_id, sizeof(followed->job_id), "%s", job_id);
	if (!map_put(follow->by_job, followed->job_id, followed)) {
		free(followed);
		return NULL;
	}
	if (!schedule(follow, followed, first_ms)) {
		(void)map_remove(follow->by_job, followed->job_id);
		free(followed);
		return NULL;
	}
	return followed;
}

static bool add_turn(struct follow *follow, const struct turn_row *row, int64_t first_ms)
{
	struct followed *followed = followed_get(follow, row->job_id, first_ms);
	struct turn *turn = followed != NULL ? calloc(1, sizeof(*turn)) : NULL;

	if (turn == NULL)
		return false; /* without turns a followed job goes at its next poll */
	turn->view = (struct turn_view){ .seq = row->seq, .started_ms = row->started_ms, .ended_ms = row->ended_ms };
	(void)snprintf(turn->view.message_id, sizeof(turn->view.message_id), "%s", row->message_id);
	struct turn **at = &followed->turns;
	while (*at != NULL)
		at = &(*at)->next;
	*at = turn;
	followed->fresh = true;
	follow->turns++;
	return row->ended_ms != 0 || follow->off || lanes_turn_began(&follow->deliver->lanes, row->job_id);
}

void follow_add(struct follow *follow, int64_t seq, const char *job_id, const char *message_id, int64_t started_ms)
{
	int64_t min = 0, max = 0;
	struct turn_row row = { .seq = seq, .job_id = job_id, .message_id = message_id, .started_ms = started_ms };

	pace(follow, &min, &max);
	if (!add_turn(follow, &row, clock_mono_ms() + spread(min)))
		log_event(LOG_ERROR, "turn.unfollowed", "out of memory; it is followed from the next start on",
			  LOG_STR("job_id", job_id), LOG_STR("message_id", message_id));
}

struct recovery {
	struct follow *follow;
	int64_t now_ms, min_ms;
	size_t count;
	bool failed;
};

static void recover_turn(void *ctx, const struct turn_row *row)
{
	struct recovery *recovery = ctx;
	int64_t within = recovery->min_ms + (int64_t)recovery->count * SPREAD_MS;

	recovery->count++;
	if (!add_turn(recovery->follow, row, recovery->now_ms + spread(within)))
		recovery->failed = true;
}

int follow_recover(struct follow *follow, struct store *store, struct error *err)
{
	int64_t max = 0;
	struct recovery recovery = { .follow = follow, .now_ms = clock_mono_ms() };

	follow->off = is_off(follow);
	pace(follow, &recovery.min_ms, &max);
	if (store_turns_each(store, recover_turn, &recovery, err) != 0)
		return -1;
	return recovery.failed ? error_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

/* ---- turns go ---- */

static void remove_turn(struct follow *follow, struct followed *followed, int64_t seq)
{
	for (struct turn **at = &followed->turns; *at != NULL; at = &(*at)->next) {
		struct turn *turn = *at;
		if (turn->view.seq != seq)
			continue;
		*at = turn->next;
		free(turn);
		follow->turns--;
		return;
	}
}

static struct turn *find_turn(struct followed *followed, int64_t seq)
{
	struct turn *turn = followed->turns;

	while (turn != NULL && turn->view.seq != seq)
		turn = turn->next;
	return turn;
}

/* When nothing points to it any more. */
static void forget(struct follow *follow, struct followed *followed)
{
	if (followed->turns == NULL)
		followed->due_ms = INT64_MAX; /* the timers that are left are not what a new turn can wait for */
	if (followed->timers > 0 || followed->busy)
		return;
	(void)map_remove(follow->by_job, followed->job_id);
	followed_free(followed);
}

/* ---- a poll ---- */

struct poll {
	struct commit_item item; /* first */
	struct call call;
	struct follow *follow;
	struct followed *followed;
	struct settings *settings;
	struct arena *arena;  /* of the call, and what is read of it */
	size_t known;         /* announcements that are no news */
	size_t count;
	struct turn_view views[TURNS_MAX];
	struct turns_result result;
};

static void poll_free(struct poll *poll)
{
	turns_result_release(&poll->result, poll->follow->deliver);
	settings_drop(poll->settings);
	arena_free(poll->arena);
	free(poll);
}

static void after_turn(struct poll *poll, const struct turn_view *view, const struct turn_news *news, int64_t now_ms)
{
	struct follow *follow = poll->follow;
	struct turn *turn = find_turn(poll->followed, view->seq);

	if (turn == NULL)
		return;
	turn->view.ends = view->ends;
	turn->view.behind_ms = view->behind_ms;
	if (news->what == TURN_GOES_ON)
		return;
	if (news->what == TURN_OVER && !follow->off)
		lanes_turn_ended(&follow->deliver->lanes, poll->followed->job_id, now_ms);
	if (news->what == TURN_OVER && news->lingers)
		turn->view.ended_ms = news->now_ms;
	else
		remove_turn(follow, poll->followed, view->seq);
}

static void poll_done(struct commit_item *item, const struct error *err)
{
	struct poll *poll = (struct poll *)item;
	struct follow *follow = poll->follow;
	struct followed *followed = poll->followed;
	int64_t now = clock_mono_ms(), min = 0, max = 0;
	bool soon = false; /* something is about to be known */

	follow->polls--;
	followed->busy = false;
	if (err == NULL) {
		FAULT_POINT("after-turn");
		turns_settle(&poll->result, follow->deliver, poll->views, poll->count, followed->job_id);
		for (size_t i = 0; i < poll->count; i++) {
			soon = soon || poll->result.news[i].what == TURN_OVER || (poll->views[i].ended_ms == 0 && poll->views[i].ends > 0);
			after_turn(poll, &poll->views[i], &poll->result.news[i], now);
		}
		if (poll->result.read)
			followed->announced = poll->result.announcement_count;
	}
	if (followed->turns == NULL) {
		forget(follow, followed);
		poll_free(poll);
		return;
	}
	pace(follow, &min, &max);
	int64_t next = followed->interval_ms + followed->interval_ms / 2;
	followed->interval_ms = followed->fresh || soon || next < min ? min : next > max ? max : next;
	followed->fresh = false;
	if (!schedule(follow, followed, in_group(followed->interval_ms, now + spread(followed->interval_ms))))
		forget(follow, followed);
	poll_free(poll);
}

static int poll_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct poll *poll = (struct poll *)item;

	FAULT_POINT("before-turn");
	return turns_apply(&poll->result, poll->follow->deliver, poll->settings, store, poll->followed->job_id,
			   poll->views, poll->count, err);
}

static void poll_answered(struct call *call)
{
	struct poll *poll = call->user;
	struct turns_result *result = &poll->result;

	turns_read(result, call, poll->settings->config, poll->arena, poll->views, poll->count, poll->known,
		   clock_now_ms());
	poll->item.apply = result->writes ? poll_apply : NULL;
	poll->item.done = poll_done;
	committer_keep(poll->follow->deliver->committer, &poll->item);
}

static bool poll_start(struct follow *follow, struct followed *followed)
{
	struct poll *poll = calloc(1, sizeof(*poll));
	struct error err;

	if (poll == NULL)
		return false;
	poll->follow = follow;
	poll->followed = followed;
	poll->known = followed->announced;
	poll->settings = settings_get(follow->deliver->options.settings);
	poll->arena = arena_new(PARSE_MAX + (PARSE_MAX / 2));
	for (const struct turn *turn = followed->turns; turn != NULL && poll->count < TURNS_MAX; turn = turn->next)
		poll->views[poll->count++] = turn->view;
	poll->call.arena = poll->arena;
	poll->call.user = poll;
	poll->call.done = poll_answered;
	poll->call.token = poll->settings->config->nairi.api_key;
	poll->call.timeout_ms = poll->settings->config->nairi.timeout_ms;
	poll->call.answer_max = PARSE_MAX;
	if (poll->arena == NULL || nairi_messages_request(poll->settings->config->nairi.url, followed->job_id, poll->arena,
							  &poll->call.spec, &err) != 0) {
		poll_free(poll);
		return false;
	}
	followed->busy = true;
	follow->polls++;
	dispatcher_submit(follow->deliver->dispatcher, &poll->call);
	return true;
}

static void poll_due(struct follow *follow, struct followed *followed, int64_t now_ms)
{
	followed->timers--;
	if (followed->busy || (followed->turns != NULL && followed->due_ms > now_ms))
		return; /* another timer stands for it */
	if (followed->turns == NULL)
		forget(follow, followed);
	else if (!poll_start(follow, followed) && !schedule(follow, followed, now_ms + 1000))
		forget(follow, followed);
}

int64_t follow_tick(struct follow *follow, int64_t now_ms)
{
	/* With our key refused nothing can be read; what is followed waits with everything else. */
	if (follow->off || follow->deliver->circuit.state == CIRCUIT_KEY)
		return INT64_MAX;
	while (follow->polls < POLLS_MAX) {
		struct followed *followed = heap_pop(&follow->due, now_ms);
		if (followed == NULL)
			return heap_next(&follow->due);
		poll_due(follow, followed, now_ms);
	}
	return INT64_MAX; /* the next answer brings the next tick */
}
