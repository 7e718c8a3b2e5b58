/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that the bridge starts: for a thread that has none, and where the thread's own has ended. */
#include <string.h>

#include "bridge/deliver/command.h"
#include "bridge/deliver/deliver_private.h"

/* Does a link of the configuration that is in force now name this job? */
static bool is_configured(struct deliver *deliver, const char *job_id)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(deliver->options.settings);
	const struct config *config = settings->config;

	for (size_t i = 0; i < config->link_count; i++) {
		if (strcmp(config->links[i].job, job_id) == 0)
			return true;
	}
	return false;
}

/* The thread goes to the new job. What the configuration fixed stays fixed, only to whoever carries on. */
static int link_to(struct store *store, const struct message_row *made, const struct message_row *carries_on,
		   struct error *err)
{
	struct link_row link = {
		.thread = made->thread, .job_id = made->job_id, .origin = LINK_STARTED, .created_ms = made->created_ms,
	};
	char job_id[JOB_ID_MAX + 2];
	enum link_origin origin;
	bool linked = false;

	if (made->thread == NULL)
		return 0;
	if (carries_on != NULL && store_link_find(store, made->thread, &linked, job_id, &origin, err) != 0)
		return -1;
	if (linked && origin == LINK_CONFIG)
		link.origin = LINK_CONFIG;
	return store_link_put(store, &link, err);
}

int command_start(struct deliver *deliver, struct store *store, const struct message_row *row,
		  const struct start_config *start, const char *prompt, const struct message_row *carries_on,
		  int64_t now_ms, struct command_effects *effects, struct error *err)
{
	const struct errand errand = { .find_branch = true, .carries_on = carries_on != NULL ? carries_on->seq : 0 };
	struct arena *arena = effects->arena;
	char id[ID_SIZE], name[JOB_ID_MAX + 2], tag[MESSAGE_TAG_SIZE];

	id_new(now_ms, id);
	job_id_provisional(id, name);
	message_tag(id, tag);
	struct message_row made = *row;
	made.id = arena_strdup(arena, id);
	made.job_id = arena_strdup(arena, name);
	made.prompt = arena_printf(arena, "%s\n\n%s", prompt, tag);
	made.agent = arena_strdup(arena, start->agent);
	made.ask = start->ask;
	made.kind = MESSAGE_START;
	made.object = NULL; /* the object's message is the one that it was made from */
	made.pace = 0;
	message_renew(&made, carries_on != NULL ? MESSAGE_VETTING : MESSAGE_QUEUED, NULL, now_ms);
	made.lookup = carries_on != NULL ? errand_write(&errand, arena) : NULL;
	if (arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (link_to(store, &made, carries_on, err) != 0)
		return -1;
	if (carries_on != NULL && store_job_carry_on(store, carries_on->job_id, made.job_id,
						     is_configured(deliver, carries_on->job_id), err) != 0)
		return -1;
	return command_add(deliver, store, &made, effects, err);
}

/* ---- carrying on where a job ended ---- */

#define UNNAMED "check out the branch that this pull request already has"
#define NAMED   "check out the branch `%s`, which this pull request already has"

static const struct source *wanting_source(const struct restart *restart)
{
	const struct message_row *row = restart->count > 0 ? restart->rows[0] : NULL;
	const struct source *source = row != NULL ? settings_source_by_name(restart->settings, row->source) : NULL;

	return source != NULL && source->config->ended == ENDED_RESTART && source->config->start.agent != NULL &&
			       row->thread != NULL
		       ? source
		       : NULL;
}

int restart_is_wanted(const struct restart *restart, bool *ret_wanted, struct error *err)
{
	char job_id[JOB_ID_MAX + 2] = "";
	enum link_origin origin;
	bool linked = false;

	*ret_wanted = false;
	if (wanting_source(restart) == NULL)
		return 0;
	if (store_link_find(restart->store, restart->rows[0]->thread, &linked, job_id, &origin, err) != 0)
		return -1;
	*ret_wanted = linked && strcmp(job_id, restart->job_id) == 0;
	return 0;
}

const char *branch_into(const char *prompt, const char *branch, struct arena *arena)
{
	const char *at = strstr(prompt, UNNAMED);

	if (at == NULL)
		return NULL;
	return arena_printf(arena, "%.*s" NAMED "%s", (int)(at - prompt), prompt, branch, at + sizeof(UNNAMED) - 1);
}

static const char *thread_url(const struct source *source, const struct message_row *row, struct arena *arena)
{
	const struct forge *forge = source->handler->forge;
	const char *native = thread_native(row->thread), *url = NULL;
	struct error ignored;

	if (forge == NULL || forge->url_of_thread == NULL || native == NULL ||
	    forge->url_of_thread(source->state, native, arena, &url, &ignored) != 0)
		return row->thread;
	return url;
}

static const char *compose(const struct source *source, const struct message_row *const *rows, size_t count,
		       const char *old_job_id, const char *end_words, struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(16 * 1024 * 1024);
	const char *where = thread_url(source, rows[0], arena);

	strbuf_addf(&out,
		    "You carry on the work of an earlier job (%s), which has ended%s%.200s%s. Its conversation is %s. Work on "
		    "what is there: " UNNAMED " (`gh pr checkout` with its URL does it), commit and push to that branch, and do not open a second pull request. What was said "
		    "since:",
		    old_job_id, end_words != NULL ? " (" : "", end_words != NULL ? end_words : "",
		    end_words != NULL ? ")" : "", where);
	for (size_t i = 0; i < count; i++) {
		const char *prompt = prompt_untag(arena, rows[i]);
		strbuf_adds(&out, "\n\n");
		strbuf_adds(&out, prompt != NULL ? prompt : "");
	}
	return strbuf_failed(&out) ? NULL : arena_strndup(arena, strbuf_str(&out), out.len);
}

int restart_job(struct restart *restart, struct error *err)
{
	const struct source *source = wanting_source(restart);
	struct command_effects *effects = restart->effects;
	const char *prompt = source != NULL ? compose(source, restart->rows, restart->count, restart->job_id,
						      restart->end_words, effects->arena)
					    : NULL;

	if (prompt == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	struct message_row untaken = *restart->rows[0];
	untaken.job_id = restart->job_id;
	if (command_start(restart->deliver, restart->store, &untaken, &source->config->start, prompt, &untaken,
			  restart->now_ms, effects, err) != 0)
		return -1;
	restart->renamed = effects->added[effects->added_count - 1].job_id;
	return store_job_rename(restart->store, restart->job_id, restart->renamed, restart->now_ms, err);
}

int restart_follow(struct restart *restart, struct error *err)
{
	restart->renamed = restart->job_id;
	for (size_t i = 0; i < restart->count; i++) {
		if (command_again(restart->deliver, restart->store, restart->rows[i], restart->job_id,
				  "goes to the job that carries on", restart->now_ms, restart->effects, err) != 0)
			return -1;
	}
	return 0;
}
