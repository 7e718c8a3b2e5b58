/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that were started elsewhere: each agent's list is walked by updated_after, and a job that changed is asked for the pull requests
 * that it announced (nairi-api.md section 3.5 and 11). One call at a time. How far the walk came is kept in the store, so that a
 * walk goes on there; "after" is strict, so it steps back a millisecond and skips what it has seen: the note has the ids, too. Where
 * more jobs changed in that millisecond than a page holds, it asks for the next page.
 *
 * A job whose list cannot be read, for whatever reason, delays no other: the walk goes past it at once, and notes it as
 * postponed. When the walk has come to its end, those that are postponed are looked at again, in turn, until one cannot be
 * read: one such call a walk, and after an outage all of them at once. More than PASSED_MAX in a row are an outage: then the
 * walk stays where it is and is tried again, as with a page that fails; so it does while POSTPONED_MAX are waited for. Nothing
 * is skipped for good, but what cannot be read for as long as the ledger goes back: that is given up until it changes, with a
 * word in the log.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"
#include "bridge/deliver/postponed.h"
#include "bridge/deliver/transcript.h"

#define PAGE_MAX        ((size_t)4 * 1024 * 1024)
#define WALK_ARENA      (LIST_MAX + ((size_t)8 << 20))
#define ANNOUNCED_MAX   64
#define SEEN_MAX        1000 /* jobs of one millisecond */
#define NOTE_MAX        (32 + SEEN_MAX * (JOB_ID_MAX + 2)) /* a time, and ids */
#define NOTE_NAME_SIZE  280
#define PASSED_MAX      3 /* lists in a row that cannot be read, and are gone past */
#define FAILED_AGAIN_MS 30000

/* A job at the moment up to which the walk came. */
struct seen_job {
	char id[JOB_ID_MAX + 2];
};

struct discover {
	struct deliver *deliver;
	bool busy;
	int64_t at_ms;       /* mono: when to walk next */
	size_t agent;        /* the one that is walked, by its place in the config */
	bool loaded;         /* after_ms is that of the agent */
	int64_t after_ms;    /* wall: all that changed before is known */
	struct seen_job seen[SEEN_MAX]; /* those that changed in that very millisecond */
	size_t seen_count;
	int64_t offset;      /* of the page: not 0 where more jobs than a page holds changed in one millisecond */
	struct postponed postponed;     /* of the agent */
};

/* One step: a page of jobs, the lists of those that are news, and after the last page those that were postponed. */
struct step {
	struct commit_item item; /* first */
	struct call call;
	struct discover *discover;
	struct settings *settings;
	struct arena *arena;
	const char *agent;
	const struct conversation *jobs;
	size_t count, at, rows;
	bool failed, news;
	bool again;                 /* the page is through: those that were postponed are looked at */
	int passed;                 /* in a row */
	struct postponed_job job;   /* that is looked at */
	struct nairi_verdict verdict;
	bool read;                  /* its list; or there is none */
	bool too_long;              /* …for us: counts as read, since it will be so the next time, too */
	bool too_old;               /* it is given up */
	bool stays;                 /* by record_apply: the walk does not go past this job */
	struct postponed postponed; /* by record_apply: as they are once that is committed */
	struct announcement announcements[ANNOUNCED_MAX];
	size_t announcement_count;
	struct arena *list; /* of the job that is read */
	struct arena *links_arena;
	struct announced links[ANNOUNCED_MAX];
	size_t link_count;
};

struct discover *discover_new(struct deliver *deliver)
{
	struct discover *discover = calloc(1, sizeof(*discover));

	if (discover != NULL)
		discover->deliver = deliver;
	return discover;
}

void discover_free(struct discover *discover)
{
	free(discover);
}

static void step_free(struct step *step)
{
	settings_drop(step->settings);
	arena_free(step->links_arena);
	arena_free(step->list);
	arena_free(step->arena);
	free(step);
}

/* ---- how far ---- */

static void note_name(const char *kind, const char *agent, char out[NOTE_NAME_SIZE])
{
	(void)snprintf(out, NOTE_NAME_SIZE, "%s:%.250s", kind, agent);
}

/* "TIME ID ID …": what was seen at that time. */
static void read_note(struct discover *discover, const char *text)
{
	char *at = NULL;

	discover->after_ms = strtoll(text, &at, 10);
	while (*at == ' ' && discover->seen_count < SEEN_MAX) {
		size_t len = strcspn(++at, " ");
		if (len > 0 && len <= JOB_ID_MAX)
			(void)snprintf(discover->seen[discover->seen_count++].id, sizeof(discover->seen[0].id), "%.*s",
				       (int)len, at);
		at += len;
	}
}

/* What is to be noted once this job is known. */
static void write_note(const struct discover *discover, const struct postponed_job *job, struct strbuf *out)
{
	strbuf_addf(out, "%lld", (long long)job->updated_ms);
	for (size_t i = 0; job->updated_ms == discover->after_ms && i < discover->seen_count; i++)
		strbuf_addf(out, " %s", discover->seen[i].id);
	strbuf_addf(out, " %s", job->id);
}

/* At the first walk of an agent: back as far as the ledger goes. */
static int load(struct discover *discover, const struct config *config, const char *agent, struct store *store)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new((size_t)2 * (NOTE_MAX + POSTPONED_TEXT_MAX));
	const char *text = NULL, *postponed = NULL;
	char name[NOTE_NAME_SIZE];
	struct error ignored;

	note_name("discover", agent, name);
	if (arena == NULL || store_note_get(store, name, arena, &text, &ignored) != 0)
		return -1;
	note_name("postponed", agent, name);
	if (store_note_get(store, name, arena, &postponed, &ignored) != 0)
		return -1;
	postponed_read(&discover->postponed, postponed != NULL ? postponed : "");
	discover->seen_count = 0;
	discover->after_ms = clock_now_ms() - config->limits.keep_ms;
	if (text != NULL)
		read_note(discover, text);
	discover->loaded = true;
	return 0;
}

static bool was_seen(const struct discover *discover, const struct conversation *job)
{
	if (job->updated_ms < discover->after_ms)
		return true;
	for (size_t i = 0; job->updated_ms == discover->after_ms && i < discover->seen_count; i++) {
		if (strcmp(discover->seen[i].id, job->id) == 0)
			return true;
	}
	return false;
}

static void remember(struct discover *discover, const struct postponed_job *job)
{
	if (job->updated_ms > discover->after_ms) {
		discover->after_ms = job->updated_ms;
		discover->seen_count = 0;
		discover->offset = 0;
	}
	if (discover->seen_count < SEEN_MAX)
		(void)snprintf(discover->seen[discover->seen_count++].id, sizeof(discover->seen[0].id), "%s", job->id);
}

static bool has_more(const struct step *step)
{
	return !step->failed && step->rows >= NAIRI_PAGE;
}

/* ---- the end of a step ---- */

/* A full page without news: what is news stands behind it. */
static void turn_page(struct step *step)
{
	struct discover *discover = step->discover;

	discover->offset += NAIRI_PAGE;
	if (discover->offset < SEEN_MAX)
		return;
	log_event(LOG_WARN, "discover.failed", "too many jobs changed at one time; the rest of them is left out",
		  LOG_STR("agent", step->agent));
	discover->after_ms++;
	discover->seen_count = 0;
	discover->offset = 0;
}

/* The page is through: the next agent, or the same one again while there is more. */
static void end_page(struct step *step)
{
	struct discover *discover = step->discover;
	const struct config *config = step->settings->config;
	bool more = has_more(step);

	discover->busy = false;
	discover->at_ms = clock_mono_ms();
	if (more && !step->news)
		turn_page(step);
	if (!more) {
		discover->agent++;
		discover->loaded = false;
		discover->offset = 0;
	}
	if (step->failed)
		discover->at_ms += FAILED_AGAIN_MS < config->nairi.discover.every_ms ? FAILED_AGAIN_MS
										      : config->nairi.discover.every_ms;
	if (discover->agent >= config->nairi.discover.agents.count) {
		discover->agent = 0;
		discover->at_ms += step->failed ? 0 : config->nairi.discover.every_ms;
	}
	step_free(step);
}

static void log_failed(const struct step *step, const char *words, const char *job_id)
{
	const struct nairi_verdict *verdict = &step->verdict;

	log_event(LOG_WARN, "discover.failed", words, LOG_STR("agent", step->agent), LOG_STR("job_id", job_id),
		  LOG_INT("upstream_status", verdict->status),
		  LOG_STR("error", verdict->error[0] != '\0' ? verdict->error : verdict->reason));
}

/* ---- recording ---- */

/* This list cannot be read: whether the walk goes past the job, which is then postponed, or stays where it is. */
static bool may_pass(const struct step *step)
{
	const struct postponed *postponed = &step->discover->postponed;

	return step->passed < PASSED_MAX &&
	       (postponed->count < POSTPONED_MAX || postponed_has(postponed, step->job.id));
}

static int apply_links(struct step *step, struct store *store, struct error *err)
{
	arena_free(step->links_arena);
	step->links_arena = arena_new(1 << 20);
	step->link_count = 0;
	if (step->links_arena == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return links_offer(step->settings, store, step->job.id, step->announcements, step->announcement_count,
			   step->links_arena, step->links, ANNOUNCED_MAX, &step->link_count, err);
}

static int put_note(struct store *store, const char *kind, const char *agent, const struct strbuf *value,
		    struct error *err)
{
	char name[NOTE_NAME_SIZE];

	if (strbuf_failed(value))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	note_name(kind, agent, name);
	return store_note_put(store, name, strbuf_str(value), err);
}

static int apply_postponed(struct step *step, struct store *store, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf value = STRBUF(POSTPONED_TEXT_MAX);

	step->postponed = step->discover->postponed;
	bool changes = postponed_remove(&step->postponed, step->job.id);
	if (!step->read && !step->too_old)
		changes = postponed_add(&step->postponed, step->job.id, step->job.updated_ms) || changes;
	if (!changes)
		return 0;
	postponed_write(&step->postponed, &value);
	return put_note(store, "postponed", step->agent, &value, err);
}

static int record_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct step *step = (struct step *)item;
	CLEANUP(strbuf_release) struct strbuf value = STRBUF(NOTE_MAX);

	step->stays = step->call.cancelled || (!step->read && !step->again && !may_pass(step));
	if (step->stays)
		return 0;
	if (step->read && apply_links(step, store, err) != 0)
		return -1;
	if (apply_postponed(step, store, err) != 0)
		return -1;
	if (step->again)
		return 0;
	/* The list is in order of change, so what stands before this job is known. */
	write_note(step->discover, &step->job, &value);
	return put_note(store, "discover", step->agent, &value, err);
}

static void log_seen(const struct step *step)
{
	links_log(step->links, step->link_count);
	if (step->too_long)
		log_failed(step, "what a job announced is not known: its list of messages is too long", step->job.id);
	if (step->read)
		return;
	if (step->too_old)
		log_failed(step, "a job could not be read for so long that it is given up until it changes",
			   step->job.id);
	else if (!postponed_has(&step->discover->postponed, step->job.id))
		log_failed(step, "a job's messages could not be read; it is looked at again later", step->job.id);
}

static void walk_on(struct step *step);
static void look_again(struct step *step);

static void record_done(struct commit_item *item, const struct error *err)
{
	struct step *step = (struct step *)item;
	struct discover *discover = step->discover;

	if (err != NULL || step->call.cancelled) {
		step->failed = true;
		end_page(step);
		return;
	}
	if (step->stays) {
		log_failed(step, "several of this agent's jobs cannot be read; the walk waits for them", NULL);
		step->failed = true;
		look_again(step);
		return;
	}
	log_seen(step);
	discover->postponed = step->postponed;
	if (step->again && !step->read) {
		end_page(step);
	} else if (step->again) {
		look_again(step);
	} else {
		remember(discover, &step->job);
		step->passed = step->read ? 0 : step->passed + 1;
		step->news = true;
		step->at++;
		walk_on(step);
	}
}

/* ---- calls ---- */

static void submit(struct step *step, struct arena *arena, size_t max, void (*done)(struct call *call))
{
	struct call *call = &step->call;
	const struct config *config = step->settings->config;
	struct http_call_spec spec = call->spec;

	*call = (struct call){
		.arena = arena, .spec = spec, .token = config->nairi.api_key, .timeout_ms = config->nairi.timeout_ms,
		.answer_max = max, .done = done, .user = step,
	};
	dispatcher_submit(step->discover->deliver->dispatcher, call);
}

/* False: nobody knows what it would have said. */
static bool read_list(struct step *step)
{
	const struct call *call = &step->call;
	struct nairi_verdict *verdict = &step->verdict;
	struct transcript *transcript = NULL;
	struct error err = { 0 };

	nairi_read_list(call, 0, verdict);
	step->announcement_count = 0;
	step->too_long = call->answer.truncated;
	if (step->too_long || verdict->meaning == NAIRI_REFUSED) /* which says that there is no list */
		return true;
	if (verdict->meaning != NAIRI_FORWARDED)
		return false;
	if (transcript_read(call->answer.body, call->answer.body_len, step->list, &transcript, &err) == 0)
		step->announcement_count = transcript_announcements(transcript, step->announcements, ANNOUNCED_MAX);
	else
		(void)snprintf(verdict->reason, sizeof(verdict->reason), "%.200s", err.text);
	step->too_long = err.code == ERR_NO_MEMORY;
	return err.code != ERR_INVALID;
}

static void listed(struct call *call)
{
	struct step *step = call->user;

	step->read = read_list(step);
	step->too_old = step->again && !step->read &&
			step->job.updated_ms < clock_now_ms() - step->settings->config->limits.keep_ms;
	step->item.apply = record_apply;
	step->item.done = record_done;
	committer_keep(step->discover->deliver->committer, &step->item);
}

static void look(struct step *step, const char *job_id, int64_t updated_ms)
{
	struct error err;

	(void)snprintf(step->job.id, sizeof(step->job.id), "%s", job_id);
	step->job.updated_ms = updated_ms;
	step->link_count = 0;
	arena_free(step->list);
	step->list = arena_new(WALK_ARENA);
	if (step->list == NULL || nairi_messages_request(step->settings->config->nairi.url, step->job.id, step->list,
							 &step->call.spec, &err) != 0) {
		step->failed = true;
		end_page(step);
		return;
	}
	submit(step, step->list, LIST_MAX, listed);
}

/* Those that were postponed, in turn, until one cannot be read again. */
static void look_again(struct step *step)
{
	const struct postponed *postponed = &step->discover->postponed;

	step->again = true;
	if (postponed->count == 0)
		end_page(step);
	else
		look(step, postponed->jobs[0].id, postponed->jobs[0].updated_ms);
}

/* Committer's thread: the next job of the page that is news. */
static void walk_on(struct step *step)
{
	while (step->at < step->count && (was_seen(step->discover, &step->jobs[step->at]) ||
					  !job_id_is_valid(step->jobs[step->at].id)))
		step->at++;
	if (step->at < step->count)
		look(step, step->jobs[step->at].id, step->jobs[step->at].updated_ms);
	else if (has_more(step))
		end_page(step);
	else
		look_again(step);
}

static void paged_done(struct commit_item *item, const struct error *err)
{
	struct step *step = (struct step *)item;

	(void)err;
	if (step->failed)
		end_page(step);
	else
		walk_on(step);
}

static void paged(struct call *call)
{
	struct step *step = call->user;
	struct nairi_verdict *verdict = &step->verdict;
	struct error err = { 0 };

	nairi_read_list(call, 0, verdict);
	step->failed = verdict->meaning != NAIRI_FORWARDED ||
		       conversations_read(call->answer.body, call->answer.body_len, step->arena, &step->jobs, &step->count,
					  &step->rows, &err) != 0;
	if (verdict->meaning == NAIRI_FORWARDED && step->failed)
		(void)snprintf(verdict->reason, sizeof(verdict->reason), "not a list: %.200s", err.text);
	if (step->failed)
		log_failed(step, "an agent's jobs could not be listed; it is tried again", NULL);
	step->item.apply = NULL;
	step->item.done = paged_done;
	committer_keep(step->discover->deliver->committer, &step->item);
}

static bool page(struct discover *discover, struct settings *settings)
{
	struct step *step = calloc(1, sizeof(*step));
	struct error err;

	if (step == NULL)
		return false;
	step->discover = discover;
	step->settings = settings_share(settings);
	step->agent = settings->config->nairi.discover.agents.items[discover->agent];
	step->arena = arena_new(2 * PAGE_MAX);
	if (step->arena == NULL || nairi_conversations_request(settings->config->nairi.url, step->agent,
							       discover->after_ms - 1, discover->offset, step->arena, &step->call.spec,
							       &err) != 0) {
		step_free(step);
		return false;
	}
	discover->busy = true;
	submit(step, step->arena, PAGE_MAX, paged);
	return true;
}

int64_t discover_tick(struct discover *discover, struct store *store, int64_t now_ms)
{
	if (discover->busy || discover->deliver->circuit.state == CIRCUIT_KEY)
		return INT64_MAX;
	if (now_ms < discover->at_ms)
		return discover->at_ms;
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(discover->deliver->options.settings);
	const struct config_strings *agents = &settings->config->nairi.discover.agents;
	if (agents->count == 0)
		return INT64_MAX; /* a reload may bring some: the next batch brings the next tick */
	if (discover->agent >= agents->count) {
		discover->agent = 0;
		discover->loaded = false;
	}
	if ((!discover->loaded && load(discover, settings->config, agents->items[discover->agent], store) != 0) ||
	    !page(discover, settings)) {
		discover->at_ms = now_ms + FAILED_AGAIN_MS;
		return discover->at_ms;
	}
	return INT64_MAX;
}
