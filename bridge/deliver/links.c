/* SPDX-License-Identifier: Apache-2.0 */
/* Links that jobs make by themselves: what they announce names its pull request (nairi-api.md section 11). */
#include "bridge/base/log.h"
#include "bridge/deliver/deliver_private.h"

static int offer(const struct source *source, struct store *store, const char *job_id,
		 const struct announcement *announcement, struct arena *arena, struct announced *ret, bool *ret_taken,
		 struct error *err)
{
	const char *native = NULL;
	struct error ignored;

	*ret_taken = false;
	if (source->handler->thread_of_url == NULL ||
	    source->handler->thread_of_url(source->state, announcement->url, arena, &native, &ignored) != 0)
		return 0;
	struct link_row row = {
		.thread = arena_printf(arena, "%s:%s", source->config->name, native),
		.job_id = arena_strdup(arena, job_id),
		.origin = LINK_FOUND,
		.created_ms = announcement->created_ms,
	};
	if (arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	*ret = (struct announced){ .thread = row.thread, .job_id = row.job_id };
	return store_link_offer(store, &row, ret_taken, err);
}

int links_offer(const struct settings *settings, struct store *store, const char *job_id,
		const struct announcement *announcements, size_t count, struct arena *arena, struct announced *ret,
		size_t max, size_t *ret_count, struct error *err)
{
	size_t taken = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t s = 0; s < settings->source_count && taken < max; s++) {
			bool news = false;
			if (offer(&settings->sources[s], store, job_id, &announcements[i], arena, &ret[taken], &news,
				  err) != 0)
				return -1;
			taken += news ? 1 : 0;
		}
	}
	*ret_count = taken;
	return 0;
}

void links_log(const struct announced *announced, size_t count)
{
	for (size_t i = 0; i < count; i++)
		log_event(LOG_INFO, "job.linked", "the job announced it", LOG_STR("thread", announced[i].thread),
			  LOG_STR("job_id", announced[i].job_id));
}
