/* SPDX-License-Identifier: Apache-2.0 */
/* Links: which job a thread belongs to. Read here, changed by the committer. */
#include <stdio.h>
#include <string.h>

#include "bridge/admin/admin_private.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"

static void put_link(struct json_writer *w, const struct link_row *row)
{
	json_begin_object(w, NULL);
	json_put_str(w, "thread", row->thread);
	json_put_str(w, "job_id", row->job_id);
	json_put_time(w, "created_at", row->created_ms);
	json_put_str(w, "origin", link_origin_name(row->origin));
	json_end_object(w);
}

/* ---- reading ---- */

/* One entry more than asked for is read, to know whether there is a next page. */
struct page {
	struct json_writer *w;
	struct arena *arena;
	int64_t left;
	const char *last; /* the last one of this page */
	bool more;
};

static void add_to_page(void *ctx, const struct link_row *row)
{
	struct page *page = ctx;

	if (page->left == 0) {
		page->more = true;
		return;
	}
	page->left--;
	page->last = arena_strdup(page->arena, row->thread);
	put_link(page->w, row);
}

int links_list(struct admin_call *call, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(ADMIN_ANSWER_MAX);
	struct json_writer w = JSON_WRITER(&body);
	int64_t limit = 0;

	if (params_int(&call->query, "limit", 1, ADMIN_PAGE_MAX, ADMIN_PAGE, &limit, err) != 0)
		return -1;
	struct page page = { .w = &w, .arena = call->arena, .left = limit };
	json_begin_object(&w, NULL);
	json_begin_array(&w, "links");
	if (store_links_each(call->admin->store, params_get(&call->query, "after"), (int)limit + 1, add_to_page, &page,
			     err) != 0)
		return -1;
	json_end_array(&w);
	json_put_str(&w, "next", page.more ? page.last : NULL);
	json_end_object(&w);
	return admin_answer(call, 200, &body, err);
}

struct wanted {
	struct json_writer *w;
	const char *thread;
	bool found;
};

static void put_if_wanted(void *ctx, const struct link_row *row)
{
	struct wanted *wanted = ctx;

	if (strcmp(row->thread, wanted->thread) != 0)
		return;
	wanted->found = true;
	put_link(wanted->w, row);
}

/*
 * The store's look-up gives the job only, its listing the whole row, in order of bytes, after a given key. No
 * key can stand between a thread and the same thread with its last byte one less and a byte 0xFF, since keys
 * are UTF-8.
 */
static const char *just_before(struct arena *arena, const char *thread)
{
	char *key = arena_printf(arena, "%s\xFF", thread);

	if (key != NULL)
		key[strlen(thread) - 1]--;
	return key;
}

int links_get(struct admin_call *call, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(ADMIN_ANSWER_MAX);
	struct json_writer w = JSON_WRITER(&body);
	struct wanted wanted = { .w = &w };

	if (admin_thread(call, call->name, &wanted.thread, err) != 0)
		return -1;
	const char *after = just_before(call->arena, wanted.thread);
	if (after == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (store_links_each(call->admin->store, after, 1, put_if_wanted, &wanted, err) != 0)
		return -1;
	if (!wanted.found)
		return error_set(err, ERR_NOT_FOUND, "no job is linked to this thread");
	return admin_answer(call, 200, &body, err);
}

/* ---- changing ---- */

enum change_result { CHANGE_CREATED, CHANGE_REPLACED, CHANGE_REMOVED, CHANGE_ABSENT, CHANGE_FIXED };

/* A link to put, or with an empty job to take away; on its way to the committer and back. */
struct link_change {
	struct commit_item item; /* first */
	struct exchange *x;
	char *thread;
	char job_id[JOB_ID_MAX + 2];
	char old_job_id[JOB_ID_MAX + 2];
	int64_t now_ms;
	enum change_result result;
};

static void change_free(struct link_change *change)
{
	free(change->thread);
	free(change);
}

static struct link_row row_of(const struct link_change *change)
{
	return (struct link_row){ .thread = change->thread, .job_id = change->job_id, .origin = LINK_MANUAL,
				  .created_ms = change->now_ms };
}

static int change_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct link_change *change = (struct link_change *)item;
	enum link_origin origin = LINK_MANUAL;
	bool found = false;

	if (store_link_find(store, change->thread, &found, change->old_job_id, &origin, err) != 0)
		return -1;
	if (found && origin == LINK_CONFIG) {
		change->result = CHANGE_FIXED;
		return 0;
	}
	if (change->job_id[0] == '\0') {
		change->result = found ? CHANGE_REMOVED : CHANGE_ABSENT;
		return found ? store_link_delete(store, change->thread, change->now_ms, &found, err) : 0;
	}
	change->result = found ? CHANGE_REPLACED : CHANGE_CREATED;
	struct link_row row = row_of(change);
	return store_link_put(store, &row, err);
}

static void answer_change(struct link_change *change)
{
	struct http_reply reply = { .status = change->result == CHANGE_CREATED ? 201 : 200, .body = STRBUF(16384) };
	struct json_writer w = JSON_WRITER(&reply.body);

	if (change->result == CHANGE_REMOVED) {
		json_begin_object(&w, NULL);
		json_put_str(&w, "thread", change->thread);
		json_put_str(&w, "job_id", change->old_job_id);
		json_end_object(&w);
	} else {
		struct link_row row = row_of(change);
		put_link(&w, &row);
	}
	exchange_answer(change->x, &reply);
}

static void change_done(struct commit_item *item, const struct error *err)
{
	struct link_change *change = (struct link_change *)item;
	struct error refusal = { 0 };

	if (err != NULL) {
		admin_refuse_commit(change->x, "a link was not changed", err);
	} else if (change->result == CHANGE_FIXED || change->result == CHANGE_ABSENT) {
		if (change->result == CHANGE_FIXED)
			(void)error_set(&refusal, ERR_CONFLICT, "fixed in the configuration");
		else
			(void)error_set(&refusal, ERR_NOT_FOUND, "no job is linked to this thread");
		exchange_refuse(change->x, &refusal);
	} else {
		bool removed = change->result == CHANGE_REMOVED;
		log_event(LOG_INFO, removed ? "job.unlinked" : "job.linked", NULL, LOG_STR("thread", change->thread),
			  LOG_STR("job_id", removed ? change->old_job_id : change->job_id));
		answer_change(change);
	}
	change_free(change);
}

static int submit(struct admin_call *call, const char *thread, const char *job_id, struct error *err)
{
	struct link_change *change = calloc(1, sizeof(*change));

	if (change != NULL)
		change->thread = strdup(thread);
	if (change == NULL || change->thread == NULL) {
		free(change);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	(void)snprintf(change->job_id, sizeof(change->job_id), "%s", job_id);
	change->item.apply = change_apply;
	change->item.done = change_done;
	change->x = call->x;
	change->now_ms = clock_now_ms();
	exchange_suspend(call->x);
	if (committer_push(call->admin->options.committer, &change->item))
		return 0;
	change_free(change);
	return error_set(err, ERR_BUSY, "too much is waiting to be kept, or the service is shutting down");
}

int links_put(struct admin_call *call, struct error *err)
{
	const char *job_id = json_str(call->body, "job_id");
	const char *thread = NULL;

	if (job_id == NULL)
		return error_set(err, ERR_INVALID, "job_id is missing, or not a string");
	if (!job_id_is_valid(job_id))
		return error_set(err, ERR_INVALID, "\"%.60s\" is no job id: expected job_ and 26 characters", job_id);
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(call->admin->options.settings);
	if (settings_resolve_thread(settings, call->name, call->arena, &thread, err) != 0)
		return -1;
	return submit(call, thread, job_id, err);
}

int links_delete(struct admin_call *call, struct error *err)
{
	const char *thread = NULL;

	if (admin_thread(call, call->name, &thread, err) != 0)
		return -1;
	return submit(call, thread, "", err);
}
