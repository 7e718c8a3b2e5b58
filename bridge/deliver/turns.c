/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job's list says of our turns, and what follows from it: the message's last state, the reply, the link, the new job where an
 * ended one is to be carried on. All of one list in one transaction, so that a crash leaves either nothing or everything.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/deliver/follow.h"
#include "bridge/deliver/reply_text.h"

#define LINGER_MS    10000 /* notices come 200 ms and more after the answer; this long they are waited for */
#define ENDS_ANSWER  4     /* lists with an end and no outcome, poll_min apart: then there is none */
#define ENDS_PENDING 3     /* lists with an answer that are not `completed`: then it counts as the end */
#define APPLY_ARENA  ((size_t)24 * 1024 * 1024)

/* ---- reading ---- */

static void conclude(struct turn_news *news, enum message_state to, enum answer_kind kind, bool lingers)
{
	news->what = TURN_OVER;
	news->to = to;
	news->said.kind = kind;
	news->lingers = lingers;
}

static void conclude_stalled(struct turn_news *news, const struct turn_sight *sight, int64_t age_ms)
{
	conclude(news, MESSAGE_STALLED, ANSWER_STALLED, false);
	news->said.end = sight->end;
	news->said.end_words = sight->end_words;
	news->said.after_ms = age_ms;
	if (sight->end_words != NULL)
		(void)snprintf(news->reason, sizeof(news->reason), "the job had ended: %.150s", sight->end_words);
	else
		(void)snprintf(news->reason, sizeof(news->reason), "accepted, but nobody picked it up within %lld s",
			       (long long)(age_ms / 1000));
}

/*
 * The job ended under the prompt: the daemon picked it up, found the branch gone and dropped the job (S5, with `failed`, or whatever
 * the platform makes of it), or an ended job failed it without any word of its own.
 */
static bool ended_instead(const struct turn_sight *sight)
{
	if (sight->answered || sight->end == JOB_GOES_ON)
		return false;
	if (sight->status == TURN_FAILED)
		return sight->failure == NULL || sight->end == JOB_ABANDONED;
	return sight->status == TURN_COMPLETED && sight->failure == NULL && sight->end == JOB_ABANDONED;
}

static void decide_running(struct turn_news *news, struct turn_view *view, const struct turn_sight *sight,
			   const struct config *config, int64_t now_ms)
{
	if (sight->behind)
		view->behind_ms = now_ms;
	int64_t age = now_ms - view->started_ms;
	/* While the job works on something else, this one waits as it should. */
	int64_t ignored = now_ms - (view->behind_ms > view->started_ms ? view->behind_ms : view->started_ms);
	bool late = ignored > config->nairi.follow.stalled_after_ms;

	news->said.words = sight->answer;
	bool lost = sight->status == TURN_COMPLETED && !sight->answered && sight->failure != NULL;
	if (ended_instead(sight)) {
		conclude_stalled(news, sight, ignored);
	} else if (lost || (sight->status == TURN_FAILED && (sight->failure != NULL || ++view->ends >= ENDS_ANSWER))) {
		conclude(news, MESSAGE_FAILED, ANSWER_TROUBLE, true);
		news->said.words = sight->failure;
		(void)snprintf(news->reason, sizeof(news->reason), "the agent's turn failed");
	} else if (sight->status == TURN_COMPLETED && (sight->answered || ++view->ends >= ENDS_ANSWER)) {
		conclude(news, MESSAGE_ANSWERED, ANSWER_DONE, true);
	} else if (sight->answered && ++view->ends >= ENDS_PENDING) {
		conclude(news, MESSAGE_ANSWERED, ANSWER_DONE, true);
	} else if (sight->status == TURN_QUEUED && !sight->answered && (sight->end != JOB_GOES_ON || late)) {
		conclude_stalled(news, sight, ignored);
	} else if (sight->status == TURN_PENDING && sight->end != JOB_GOES_ON && late) {
		conclude_stalled(news, sight, age);
	} else if (age > config->nairi.follow.give_up_after_ms) {
		conclude(news, MESSAGE_FORWARDED, ANSWER_SILENT, false);
		news->said.after_ms = age;
		(void)snprintf(news->reason, sizeof(news->reason), "no end of the turn was seen within %lld s",
			       (long long)(age / 1000));
	}
}

static void decide(struct turn_news *news, struct turn_view *view, const struct turn_sight *sight,
		   const struct config *config, int64_t now_ms)
{
	*news = (struct turn_news){ .now_ms = now_ms };
	if (view->ended_ms == 0)
		decide_running(news, view, sight, config, now_ms);
	else if (now_ms - view->ended_ms > LINGER_MS)
		news->what = TURN_LINGERED;
}

static struct transcript *read_list(const struct call *call, struct arena *arena)
{
	struct transcript *transcript = NULL;
	struct error ignored;

	if (call->result != CALL_ANSWERED || call->answer.status < 200 || call->answer.status > 299 ||
	    call->answer.truncated)
		return NULL;
	return transcript_read(call->answer.body, call->answer.body_len, arena, &transcript, &ignored) == 0 ? transcript
													      : NULL;
}

static void read_announcements(struct turns_result *result, const struct transcript *transcript, size_t known)
{
	size_t max = sizeof(result->announcements) / sizeof(result->announcements[0]);
	size_t count = transcript_announcements(transcript, result->announcements, max);

	result->announcement_count = count;
	result->announcement_new = known < count ? known : count;
	result->writes = result->writes || result->announcement_new < count;
}

void turns_read(struct turns_result *result, const struct call *call, const struct config *config, struct arena *arena,
		struct turn_view *views, size_t count, size_t known, int64_t now_ms)
{
	const struct transcript *transcript = read_list(call, arena);

	result->read = transcript != NULL;
	for (size_t i = 0; i < count; i++) {
		/* Without a list only time passes. */
		struct turn_sight sight = { .status = TURN_ABSENT };
		if (transcript != NULL)
			transcript_turn(transcript, views[i].message_id, &sight);
		decide(&result->news[i], &views[i], &sight, config, now_ms);
		result->writes = result->writes || result->news[i].what != TURN_GOES_ON;
	}
	if (transcript != NULL)
		read_announcements(result, transcript, known);
}

/* ---- recording ---- */

struct turn_rows {
	struct message_row rows[RUN_MAX];
	const struct message_row *pointers[RUN_MAX];
	size_t count;
};

static void collect(void *ctx, const struct message_row *row)
{
	struct turn_rows *rows = ctx;

	if (rows->count == RUN_MAX)
		return;
	rows->rows[rows->count] = *row;
	rows->pointers[rows->count] = &rows->rows[rows->count];
	rows->count++;
}

static int move_rows(const struct turn_rows *rows, const struct turn_news *news, const char *error, struct store *store,
		     struct error *err)
{
	for (size_t i = 0; i < rows->count; i++) {
		struct message_change change = {
			.seq = rows->rows[i].seq, .from = MESSAGE_FORWARDED, .to = news->to, .attempts = -1, .due_ms = -1,
			.now_ms = news->now_ms, .upstream_status = -1, .error = error,
			.reason = news->reason[0] != '\0' ? news->reason : NULL,
		};
		if (rows->rows[i].state == MESSAGE_FORWARDED && store_message_move(store, &change, err) != 0)
			return -1;
	}
	return 0;
}

static int apply_over(struct turns_result *result, struct deliver *deliver, struct settings *settings, struct store *store,
		      const char *job_id, const struct turn_view *view, struct turn_news *news, struct error *err)
{
	struct turn_rows *rows = arena_alloc(result->arena, sizeof(*rows));
	const char *error = NULL;

	if (rows == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (result->told < RUN_MAX &&
	    store_messages_of_turn(store, view->seq, RUN_MAX, result->arena, collect, rows, err) != 0)
		return -1;
	/* What is said of them has to fit: one say, one arena. The first turn always does, the others wait for the next poll. */
	if (result->told == RUN_MAX || (result->told > 0 && result->told + rows->count > RUN_MAX)) {
		news->what = TURN_GOES_ON;
		return 0;
	}
	result->told += rows->count;
	news->rows = rows->rows;
	news->row_count = rows->count;
	news->said.job_id = job_id;
	if (news->to == MESSAGE_FAILED && news->said.words != NULL) {
		CLEANUP(strbuf_release) struct strbuf safe = STRBUF(NAIRI_ERROR_MAX);
		text_redact(news->said.words, strnlen(news->said.words, NAIRI_ERROR_MAX / 2), &safe);
		error = arena_strdup(result->arena, strbuf_str(&safe));
	}
	struct restart again = {
		.deliver = deliver, .settings = settings, .store = store, .rows = rows->pointers, .count = rows->count,
		.job_id = result->renamed != NULL ? result->renamed : job_id, .end_words = news->said.end_words,
		.now_ms = news->now_ms, .effects = result->effects,
	};
	bool restarts = false;
	/* Only where the job is known to have ended: an agent that is away may come back. */
	if (news->to == MESSAGE_STALLED && news->said.end != JOB_GOES_ON &&
	    restart_is_wanted(&again, &restarts, err) != 0)
		return -1;
	if (restarts && result->renamed == NULL && !lanes_idle(&deliver->lanes, job_id)) {
		news->what = TURN_GOES_ON; /* something is on its way to the old job at this moment: the next poll decides */
		return 0;
	}
	if (move_rows(rows, news, error, store, err) != 0)
		return -1;
	if (restarts) {
		/* The first one starts the new job, the others follow it there. */
		if ((result->renamed == NULL ? restart_job(&again, err) : restart_follow(&again, err)) != 0)
			return -1;
		result->renamed = again.renamed;
		news->restarts = true;
	}
	/* Of a job that carries on its start tells, when it has a name. */
	if (rows->count > 0 && !restarts && say_turn(result->say, rows->pointers, rows->count, &news->said, err) != 0)
		return -1;
	return news->lingers ? store_turn_end(store, view->seq, news->now_ms, err)
			     : store_turn_delete(store, view->seq, err);
}

static int renew(struct turns_result *result, struct deliver *deliver, struct settings *settings, struct store *store,
		 struct error *err)
{
	turns_result_release(result, deliver);
	result->link_count = 0;
	result->told = 0;
	result->renamed = NULL;
	result->arena = arena_new(APPLY_ARENA);
	result->effects = command_effects_new();
	result->say = say_new(settings, store, result->news[0].now_ms);
	return result->arena == NULL || result->effects == NULL || result->say == NULL
		       ? error_set(err, ERR_NO_MEMORY, "out of memory")
		       : 0;
}

int turns_apply(struct turns_result *result, struct deliver *deliver, struct settings *settings, struct store *store,
		const char *job_id, const struct turn_view *views, size_t count, struct error *err)
{
	if (renew(result, deliver, settings, store, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct turn_news *news = &result->news[i];
		if (news->what == TURN_LINGERED && store_turn_delete(store, views[i].seq, err) != 0)
			return -1;
		if (news->what == TURN_OVER &&
		    apply_over(result, deliver, settings, store, job_id, &views[i], news, err) != 0)
			return -1;
	}
	if (result->announcement_new == result->announcement_count)
		return 0;
	return links_offer(settings, store, job_id, result->announcements + result->announcement_new,
			   result->announcement_count - result->announcement_new, result->arena, result->links,
			   TURN_LINKS_MAX, &result->link_count, err);
}

/* ---- afterwards ---- */

/* A line for each that went along, as when they were forwarded: whoever looks for a delivery finds its end. */
static void log_end(const struct turn_news *news, const struct turn_view *view, const char *job_id,
		    const struct message_row *row)
{
	static const struct {
		enum log_level level;
		const char *event;
	} lines[MESSAGE_STATES_] = {
		[MESSAGE_ANSWERED] = { LOG_INFO, "message.answered" },
		[MESSAGE_FAILED] = { LOG_WARN, "message.failed" },
		[MESSAGE_STALLED] = { LOG_WARN, "message.stalled" },
		[MESSAGE_FORWARDED] = { LOG_WARN, "message.unfollowed" },
	};

	log_event(lines[news->to].level, lines[news->to].event, NULL, LOG_STR("source", row->source),
		  LOG_STR("delivery_id", row->delivery_id), LOG_STR("thread", row->thread), LOG_STR("job_id", job_id),
		  LOG_STR("message_id", view->message_id),
		  LOG_STR("reason", news->reason[0] != '\0' ? news->reason : NULL),
		  LOG_INT("duration_ms", news->now_ms - view->started_ms));
}

static void log_over(const struct turn_news *news, const struct turn_view *view, const char *job_id)
{
	for (size_t i = 0; i < news->row_count; i++)
		log_end(news, view, job_id, &news->rows[i]);
	if (news->to == MESSAGE_STALLED)
		log_event(LOG_WARN, "job.ended", news->restarts ? "a new job carries on" : NULL, LOG_STR("job_id", job_id),
			  LOG_STR("reason", news->reason));
}

void turns_settle(struct turns_result *result, struct deliver *deliver, const struct turn_view *views, size_t count,
		  const char *job_id)
{
	for (size_t i = 0; i < count; i++) {
		if (result->news[i].what == TURN_OVER)
			log_over(&result->news[i], &views[i], job_id);
	}
	links_log(result->links, result->link_count);
	if (result->say != NULL)
		deliver_say(deliver, result->say);
	/* What the old job took comes before what waited behind it. */
	if (result->effects != NULL)
		command_effects_apply(deliver, result->effects);
	if (result->renamed != NULL)
		lanes_rename(&deliver->lanes, job_id, result->renamed, clock_mono_ms());
}

void turns_result_release(struct turns_result *result, struct deliver *deliver)
{
	say_free(result->say);
	command_effects_drop(deliver, result->effects);
	arena_free(result->arena);
	result->say = NULL;
	result->effects = NULL;
	result->arena = NULL;
}
