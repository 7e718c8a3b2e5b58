/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that were started elsewhere: each agent's list is walked by updated_after, and a job that changed is asked for the pull requests
 * that it announced (nairi-api.md section 3.5 and 11). One call at a time. How far the walk came is kept in the store, so that a
 * walk goes on there; "after" is strict, so it steps back a millisecond and skips what it has seen: the note has the ids, too.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"
#include "bridge/deliver/transcript.h"

#define PAGE_MAX        ((size_t)4 * 1024 * 1024)
#define WALK_ARENA      (LIST_MAX + ((size_t)8 << 20))
#define ANNOUNCED_MAX   64
#define SEEN_MAX        NAIRI_PAGE
#define NOTE_MAX        (32 + SEEN_MAX * (JOB_ID_MAX + 2)) /* a time, and ids */
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
};

/* One step: a page of jobs, or the list of one of them. */
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

static void note_name(const char *agent, char out[280])
{
	(void)snprintf(out, 280, "discover:%.250s", agent);
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
static void write_note(const struct discover *discover, const struct conversation *job, struct strbuf *out)
{
	strbuf_addf(out, "%lld", (long long)job->updated_ms);
	for (size_t i = 0; job->updated_ms == discover->after_ms && i < discover->seen_count; i++)
		strbuf_addf(out, " %s", discover->seen[i].id);
	strbuf_addf(out, " %s", job->id);
}

/* At the first walk of an agent: back as far as the ledger goes. */
static int load(struct discover *discover, const struct config *config, const char *agent, struct store *store)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new((size_t)2 * NOTE_MAX);
	const char *text = NULL;
	char name[280];
	struct error ignored;

	note_name(agent, name);
	if (arena == NULL || store_note_get(store, name, arena, &text, &ignored) != 0)
		return -1;
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

static void remember(struct discover *discover, const struct conversation *job)
{
	if (job->updated_ms > discover->after_ms) {
		discover->after_ms = job->updated_ms;
		discover->seen_count = 0;
	}
	if (discover->seen_count < SEEN_MAX)
		(void)snprintf(discover->seen[discover->seen_count++].id, sizeof(discover->seen[0].id), "%s", job->id);
}

static void remember_none(struct discover *discover)
{
	discover->after_ms++;
	discover->seen_count = 0;
}

/* ---- recording ---- */

static void walk_on(struct step *step);

/* The page is through: the next agent, or the same one again while there is more. */
static void end_page(struct step *step)
{
	struct discover *discover = step->discover;
	const struct config *config = step->settings->config;
	bool more = !step->failed && step->rows >= NAIRI_PAGE;

	discover->busy = false;
	discover->at_ms = clock_mono_ms();
	if (more && !step->news)
		remember_none(discover); /* more jobs than a page holds changed in one millisecond */
	if (!more) {
		discover->agent++;
		discover->loaded = false;
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

static int record_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct step *step = (struct step *)item;
	const struct conversation *job = &step->jobs[step->at];
	CLEANUP(strbuf_release) struct strbuf value = STRBUF(NOTE_MAX);
	char name[280];

	arena_free(step->links_arena);
	step->links_arena = arena_new(1 << 20);
	step->link_count = 0;
	if (step->links_arena == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (links_offer(step->settings, store, job->id, step->announcements, step->announcement_count, step->links_arena,
			step->links, ANNOUNCED_MAX, &step->link_count, err) != 0)
		return -1;
	/* The list is in order of change, so what stands before this job is known. */
	note_name(step->agent, name);
	write_note(step->discover, job, &value);
	if (strbuf_failed(&value))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return store_note_put(store, name, strbuf_str(&value), err);
}

static void record_done(struct commit_item *item, const struct error *err)
{
	struct step *step = (struct step *)item;

	if (err != NULL) {
		step->failed = true;
		end_page(step);
		return;
	}
	links_log(step->links, step->link_count);
	remember(step->discover, &step->jobs[step->at]);
	step->news = true;
	step->at++;
	walk_on(step);
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

static void come_back(struct step *step, void (*done)(struct commit_item *item, const struct error *err))
{
	step->item.apply = NULL;
	step->item.done = done;
	committer_keep(step->discover->deliver->committer, &step->item);
}

static void listed_failed(struct commit_item *item, const struct error *err)
{
	struct step *step = (struct step *)item;

	(void)err;
	step->failed = true;
	end_page(step);
}

static void listed(struct call *call)
{
	struct step *step = call->user;
	struct nairi_verdict verdict;
	struct transcript *transcript = NULL;
	struct error ignored;

	nairi_read_list(call, 0, &verdict);
	step->announcement_count = 0;
	/* A list that is too long to read will be so the next time, too, and must not keep those behind it for ever. */
	bool whole = !call->answer.truncated;
	if (whole && verdict.meaning != NAIRI_FORWARDED && verdict.meaning != NAIRI_REFUSED) {
		come_back(step, listed_failed);
		return;
	}
	if (verdict.meaning == NAIRI_FORWARDED &&
	    transcript_read(call->answer.body, call->answer.body_len, step->list, &transcript, &ignored) == 0)
		step->announcement_count = transcript_announcements(transcript, step->announcements, ANNOUNCED_MAX);
	step->item.apply = record_apply;
	step->item.done = record_done;
	committer_keep(step->discover->deliver->committer, &step->item);
}

/* Committer's thread: the next job of the page that is news. */
static void walk_on(struct step *step)
{
	struct error err;

	while (step->at < step->count && (was_seen(step->discover, &step->jobs[step->at]) ||
					  !job_id_is_valid(step->jobs[step->at].id)))
		step->at++;
	arena_free(step->list);
	step->list = NULL;
	if (step->at == step->count) {
		end_page(step);
		return;
	}
	step->list = arena_new(WALK_ARENA);
	if (step->list == NULL || nairi_messages_request(step->settings->config->nairi.url, step->jobs[step->at].id,
							 step->list, &step->call.spec, &err) != 0) {
		step->failed = true;
		end_page(step);
		return;
	}
	submit(step, step->list, LIST_MAX, listed);
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
	struct nairi_verdict verdict;
	struct error err = { 0 };

	nairi_read_list(call, 0, &verdict);
	step->failed = verdict.meaning != NAIRI_FORWARDED ||
		       conversations_read(call->answer.body, call->answer.body_len, step->arena, &step->jobs, &step->count,
					  &step->rows, &err) != 0;
	if (step->failed)
		log_event(LOG_WARN, "discover.failed", "an agent's jobs could not be listed; it is tried again",
			  LOG_STR("agent", step->agent),
			  LOG_STR("error", verdict.error[0] != '\0' ? verdict.error : verdict.reason));
	come_back(step, paged_done);
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
							       discover->after_ms - 1, 0, step->arena, &step->call.spec,
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
