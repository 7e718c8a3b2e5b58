/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/scout.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/utf8.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/transcript.h"
#include "bridge/git/git.h"

#define CONTEXT_LINES 6
#define TRIES_MAX     6
#define BUSY_AGAIN_MS 3000 /* a push while a turn runs is mostly the job's own: asked again when the turn is over */
#define QUIET_LOOKS   2    /* so many looks without a turn: by then the job has told of its commits */

/* A linked thread whose head may be meant. */
struct candidate {
	const char *thread, *job_id, *ref;
};

struct scouting {
	struct git_question question;
	struct flight *flight;
	const struct source *source;
	const char *prefix;     /* "github:octo/hello#": of the threads that may be meant */
	struct candidate candidates[GIT_REFS_MAX];
	const char *refs[GIT_REFS_MAX];
	size_t count;
	bool asked;
	bool own;               /* the job itself told of this commit */
	bool unread;            /* whether it did could not be read */
	char job_id[40];        /* that Git links the thread to; "": none */
	const struct candidate *found;
};

/* ---- before ---- */

static bool wants(const struct flight *flight, unsigned what)
{
	return flight->errand.lookup != NULL && (flight->errand.lookup->wants & what) != 0;
}

/* The thread, or the job, that was to be found. */
static bool is_known(const struct scouting *scouting)
{
	return scouting->found != NULL || scouting->job_id[0] != '\0';
}

static void add_candidate(void *ctx, const struct link_row *row)
{
	struct scouting *scouting = ctx;
	struct arena *arena = scouting->flight->arena;
	const char *repo = NULL, *ref = NULL;
	struct error ignored;

	if (strncmp(row->thread, scouting->prefix, strlen(scouting->prefix)) != 0 || scouting->count == GIT_REFS_MAX ||
	    job_id_is_provisional(row->job_id))
		return;
	const char *native = thread_native(row->thread);
	if (native == NULL || scouting->source->handler->forge->ref_of_thread(scouting->source->state, native, arena,
									      &repo, &ref, &ignored) != 0)
		return;
	scouting->candidates[scouting->count] = (struct candidate){
		.thread = arena_strdup(arena, row->thread), .job_id = arena_strdup(arena, row->job_id), .ref = ref,
	};
	scouting->refs[scouting->count] = ref;
	scouting->count++;
}

/* In order of thread: those of one repository stand together. */
static int gather(struct flight *flight, struct store *store, struct error *err)
{
	struct scouting *scouting = flight->scouting;

	if (!wants(flight, LOOKUP_THREAD | LOOKUP_PUSH))
		return 0;
	scouting->prefix = arena_printf(flight->arena, "%s:%s#", flight->row.source, flight->errand.lookup->repo);
	if (scouting->prefix == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (char *at = (char *)(uintptr_t)scouting->prefix; *at != '\0'; at++)
		*at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
	return store_links_each(store, scouting->prefix, GIT_REFS_MAX, add_candidate, scouting, err);
}

/* The head of the thread itself: for a link that Git may hold. */
static int gather_own(struct flight *flight, const char **ret_repo)
{
	struct scouting *scouting = flight->scouting;
	const char *native = thread_native(flight->row.thread);
	struct error ignored;

	if (native == NULL || scouting->source->handler->forge->ref_of_thread(scouting->source->state, native,
									      flight->arena, ret_repo,
									      &scouting->refs[0], &ignored) != 0)
		return -1;
	scouting->count = 1;
	return 0;
}

/* "https://host/{repo}.git" */
static const char *repo_url(const char *pattern, const char *repo, struct arena *arena)
{
	const char *at = strstr(pattern, "{repo}");

	if (at == NULL)
		return arena_strdup(arena, pattern);
	return arena_printf(arena, "%.*s%s%s", (int)(at - pattern), pattern, repo, at + strlen("{repo}"));
}

static void fill_question(struct flight *flight, const char *repo)
{
	struct scouting *scouting = flight->scouting;
	const struct lookup *lookup = flight->errand.lookup;
	const struct git_source_config *git = &scouting->source->config->git;
	struct git_question *question = &scouting->question;

	*question = (struct git_question){
		.arena = flight->arena, .url = repo_url(git->url, repo, flight->arena), .token = git->token,
		.context = CONTEXT_LINES, .refs = scouting->refs, .ref_count = scouting->count, .user = flight, .found = -1,
	};
	question->want = flight->errand.find_link     ? GIT_LINK
			 : wants(flight, LOOKUP_PUSH)	? GIT_PUSH
			 : wants(flight, LOOKUP_THREAD) ? GIT_THREAD
							: GIT_CODE;
	question->authors = git->link_authors.items;
	question->author_count = git->link_authors.count;
	if (lookup == NULL)
		return;
	question->commit = lookup->commit;
	question->before = lookup->before;
	question->branch = lookup->branch;
	question->path = lookup->path;
	question->line = lookup->line;
	question->last_line = lookup->last_line;
	question->old_side = lookup->old_side;
}

int scout_prepare(struct flight *flight, struct store *store, struct error *err)
{
	const struct source *source = settings_source_by_name(flight->settings, flight->row.source);
	const char *repo = flight->errand.lookup != NULL ? flight->errand.lookup->repo : NULL;

	if (flight->errand.lookup == NULL && !flight->errand.find_link)
		return 0;
	struct scouting *scouting = arena_alloc(flight->arena, sizeof(*scouting));
	if (scouting == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	*scouting = (struct scouting){ .flight = flight, .source = source };
	flight->scouting = scouting;
	/* Without Git (any more) nothing is asked, and nothing is found. */
	if (source == NULL || flight->deliver->git == NULL || source->config->git.url == NULL ||
	    source->handler->forge == NULL || source->handler->forge->ref_of_thread == NULL) {
		scouting->source = NULL;
		return 0;
	}
	if (flight->errand.find_link && gather_own(flight, &repo) != 0) {
		scouting->source = NULL;
		return 0;
	}
	if (gather(flight, store, err) != 0)
		return -1;
	fill_question(flight, repo);
	return arena_failed(flight->arena) ? error_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

/* ---- asking ---- */

/* Whether the job announced the commit; -1: its messages cannot be read. */
static int was_announced(const struct call *call, const char *commit)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(FLIGHT_ARENA);
	struct transcript *transcript = NULL;
	struct error ignored;

	if (call->result != CALL_ANSWERED || arena == NULL)
		return -1;
	/* A job that is not there (any more) announces nothing; what is sent to it will come to the right end. */
	if (call->answer.status == 400 || call->answer.status == 404 || call->answer.status == 410)
		return 0;
	if (call->answer.status != 200 ||
	    transcript_read(call->answer.body, call->answer.body_len, arena, &transcript, &ignored) != 0)
		return -1;
	return transcript_has_commit(transcript, commit) ? 1 : 0;
}

/* The job's list of messages: it names a commit of its own in a notice. Words of others do not make it the job's. */
static void listed(struct call *call)
{
	struct flight *flight = call->user;
	int own = was_announced(call, flight->errand.lookup->commit);

	flight->scouting->own = own > 0;
	flight->scouting->unread = own < 0;
	forward_record(flight);
}

static void look_whose_push(struct flight *flight)
{
	struct scouting *scouting = flight->scouting;
	struct error err;

	if (nairi_messages_request(flight->settings->config->nairi.url, scouting->found->job_id, flight->arena,
				   &flight->call.spec, &err) != 0) {
		scouting->unread = true;
		forward_record(flight);
		return;
	}
	flight->call.token = flight->settings->config->nairi.api_key;
	flight->call.timeout_ms = flight->settings->config->nairi.timeout_ms;
	flight->call.answer_max = LIST_MAX / 2;
	flight->call.done = listed;
	dispatcher_submit(flight->deliver->dispatcher, &flight->call);
}

static void told(struct git_question *question);

/* A comment on a line: now that its thread, or its job, is known, the code there. */
static void ask_code(struct flight *flight)
{
	struct git_question *question = &flight->scouting->question;

	question->want = GIT_CODE;
	question->text = NULL;
	question->found = -1;
	git_service_ask(flight->deliver->git, question);
}

static void told(struct git_question *question)
{
	struct flight *flight = question->user;
	struct scouting *scouting = flight->scouting;

	flight->attempt_call = "git";
	flight->call.started_ms = clock_now_ms() - question->duration_ms;
	flight->call.duration_ms = question->duration_ms;
	flight->call.cancelled = question->cancelled;
	flight->verdict.status = 0;
	(void)snprintf(flight->verdict.reason, sizeof(flight->verdict.reason), "%.230s",
		       question->err.code != 0 ? question->err.text : "answered");
	if (question->found >= 0 && (size_t)question->found < scouting->count)
		scouting->found = &scouting->candidates[question->found];
	if (question->want == GIT_LINK)
		(void)snprintf(scouting->job_id, sizeof(scouting->job_id), "%s", question->job_id);
	if (question->want == GIT_PUSH && scouting->found != NULL)
		look_whose_push(flight);
	else if (question->want != GIT_CODE && is_known(scouting) && wants(flight, LOOKUP_CODE))
		ask_code(flight);
	else
		forward_record(flight);
}

void scout_ask(struct flight *flight)
{
	struct scouting *scouting = flight->scouting;

	if (scouting->source == NULL || (scouting->count == 0 && scouting->question.want != GIT_CODE)) {
		forward_record(flight);
		return;
	}
	scouting->asked = true;
	scouting->question.done = told;
	git_service_ask(flight->deliver->git, &scouting->question);
}

/* ---- what it means ---- */

static void again_later(struct flight *flight, int64_t now_ms)
{
	flight->change.to = MESSAGE_VETTING;
	flight->change.due_ms = now_ms + backoff_ceiling_ms(flight->waiting->tries + 1, 1000, 60000);
	outcome_reason(flight, "%s", flight->verdict.reason);
}

static void decide_thread(struct flight *flight, int64_t now_ms)
{
	const struct scouting *scouting = flight->scouting;

	if (scouting->found == NULL) {
		flight->change.to = MESSAGE_IGNORED;
		outcome_reason(flight, scouting->asked || scouting->source != NULL
					       ? "not linked: no linked thread contains commit %.12s"
					       : "not linked: which thread commit %.12s belongs to could only be found in Git, which is "
						 "not configured (git)",
			       flight->errand.lookup->commit);
		return;
	}
	if (!wants(flight, LOOKUP_PUSH)) {
		flight->change.to = MESSAGE_QUEUED;
		flight->change.due_ms = 0;
		return;
	}
	if (scouting->own) {
		flight->change.to = MESSAGE_IGNORED;
		outcome_reason(flight, "pushed by the job itself");
		return;
	}
	/* Without them the job's own push would pass for somebody else's. */
	if (scouting->unread) {
		again_later(flight, now_ms);
		outcome_reason(flight, "the job's messages could not be read, so whose push it is is not known yet");
		return;
	}
	flight->answered = true;
	flight->quiet = lanes_turns(&flight->deliver->lanes, scouting->found->job_id) == 0 ? 1 : 0;
	if (flight->quiet == 1 && flight->waiting->looks + 1 >= QUIET_LOOKS) {
		flight->change.to = MESSAGE_QUEUED;
		flight->change.due_ms = 0;
		return;
	}
	flight->change.to = MESSAGE_VETTING;
	flight->change.due_ms = now_ms + BUSY_AGAIN_MS;
	outcome_reason(flight, "waits to see whether the job itself pushed it");
}

void scout_decide(struct flight *flight, int64_t now_ms)
{
	const struct scouting *scouting = flight->scouting;
	bool failed = scouting->asked && scouting->question.err.code != 0 && !is_known(scouting);
	bool spent = flight->waiting->tries + 1 >= TRIES_MAX;
	bool thread = wants(flight, LOOKUP_THREAD | LOOKUP_PUSH);

	if (failed && !spent && (thread || flight->errand.find_link)) {
		again_later(flight, now_ms);
	} else if (failed && thread) {
		flight->change.to = MESSAGE_IGNORED;
		outcome_reason(flight, "not linked: Git could not be asked: %.200s", flight->verdict.reason);
	} else if (thread) {
		decide_thread(flight, now_ms);
	} else if (flight->errand.find_link ? scouting->job_id[0] == '\0' : flight->errand.may_start) {
		flight->change.to = MESSAGE_IGNORED;
		flight->no_job = true;
	} else {
		flight->change.to = MESSAGE_QUEUED; /* the code around a comment is a help, nothing more */
		flight->change.due_ms = 0;
	}
}

/* ---- what was learned ---- */

/* Behind the line of provenance, in a fence that the code cannot leave. */
static const char *with_code(struct flight *flight, const char *prompt, const char *code)
{
	const char *end = strchr(prompt, '\n');
	size_t longest = utf8_longest_run(code, strlen(code), '`');
	char fence[64];

	if (end == NULL)
		return NULL;
	if (longest + 3 >= sizeof(fence) ||
	    strlen(prompt) + strlen(code) + 200 > (size_t)flight->settings->config->limits.prompt)
		return NULL;
	size_t ticks = longest + 1 < 3 ? 3 : longest + 1;
	memset(fence, '`', ticks);
	fence[ticks] = '\0';
	return arena_printf(flight->scratch, "%.*s\n\nThe code there, from Git (\">\" marks the lines):\n%s\n%s%s%s%s",
			    (int)(end - prompt), prompt, fence, code, code[strlen(code) - 1] == '\n' ? "" : "\n", fence,
			    end);
}

/* The words of the push as Git tells them, in place of what the payload said. */
static const char *with_summary(struct flight *flight, const char *prompt, const char *summary)
{
	const char *end = strchr(prompt, '\n');
	char tag[MESSAGE_TAG_SIZE];
	size_t first = end != NULL ? (size_t)(end - prompt) : strlen(prompt);

	message_tag(flight->row.id, tag);
	if (first + strlen(summary) + sizeof(tag) + 8 > (size_t)flight->settings->config->limits.prompt)
		return NULL;
	return arena_printf(flight->scratch, "%.*s\n\n%s\n\n%s", (int)first, prompt, summary, tag);
}

static int learn_thread(struct flight *flight, struct store *store, struct message_finding *finding, struct error *err)
{
	const struct candidate *found = flight->scouting->found;
	const struct source *source = flight->scouting->source;
	bool linked = false;
	enum link_origin origin;

	/* The link may be another one by now. */
	if (store_link_find(store, found->thread, &linked, flight->after.learned_job, &origin, err) != 0)
		return -1;
	if (!linked) {
		flight->after.learned_job[0] = '\0';
		flight->change.to = MESSAGE_IGNORED;
		outcome_reason(flight, "not linked: no job is linked to this thread");
		return 0;
	}
	/* The loop breaker: intake could not know the thread. */
	const char *broken = NULL;
	if (deliver_breaks_loop(flight->settings->config, store, found->thread, flight->change.now_ms, &broken, err) != 0)
		return -1;
	if (broken != NULL) {
		flight->after.learned_job[0] = '\0';
		flight->change.to = MESSAGE_IGNORED;
		flight->change.reason = broken;
		return 0;
	}
	finding->thread = found->thread;
	finding->job_id = flight->after.learned_job;
	const char *place = NULL;
	struct error ignored;
	if (flight->row.place == NULL && source->handler->forge->place_of_thread != NULL &&
	    source->handler->forge->place_of_thread(source->state, thread_native(found->thread), flight->scratch, &place,
						    &ignored) == 0)
		finding->place = place;
	return 0;
}

static int learn_link(struct flight *flight, struct store *store, struct message_finding *finding, struct error *err)
{
	bool taken = false, linked = false;
	enum link_origin origin;
	struct link_row link = {
		.thread = flight->row.thread, .job_id = flight->scouting->job_id, .origin = LINK_FOUND,
		.created_ms = flight->change.now_ms,
	};

	if (store_link_offer(store, &link, &taken, err) != 0 ||
	    store_link_find(store, flight->row.thread, &linked, flight->after.learned_job, &origin, err) != 0)
		return -1;
	if (!linked) {
		flight->after.learned_job[0] = '\0';
		flight->change.to = MESSAGE_IGNORED;
		outcome_reason(flight, "not linked: it was unlinked by hand");
		return 0;
	}
	finding->job_id = flight->after.learned_job;
	return 0;
}

const char *scout_prompt(struct flight *flight, const char *prompt)
{
	const struct scouting *scouting = flight->scouting;
	const char *text = scouting != NULL ? scouting->question.text : NULL;
	const char *made = NULL;

	if (text != NULL && text[0] != '\0')
		made = wants(flight, LOOKUP_PUSH) ? with_summary(flight, prompt, text) : with_code(flight, prompt, text);
	return made != NULL ? made : prompt;
}

int scout_apply(struct flight *flight, struct store *store, struct error *err)
{
	struct scouting *scouting = flight->scouting;
	struct message_finding finding = { .seq = flight->change.seq, .now_ms = flight->change.now_ms };

	if (flight->change.to != MESSAGE_QUEUED)
		return 0;
	if (scouting->found != NULL && learn_thread(flight, store, &finding, err) != 0)
		return -1;
	if (flight->errand.find_link && !flight->no_job && learn_link(flight, store, &finding, err) != 0)
		return -1;
	if (flight->change.to != MESSAGE_QUEUED)
		return 0;
	const char *prompt = scout_prompt(flight, flight->row.prompt);
	finding.prompt = prompt != flight->row.prompt ? prompt : NULL;
	return store_message_learn(store, &finding, err);
}
