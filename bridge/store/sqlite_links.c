/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "bridge/store/sqlite_nouns.h"

/* As stored; the enum may be reordered, these not. */
static const int origin_numbers[] = {
	[LINK_MANUAL] = 0, [LINK_CONFIG] = 1, [LINK_STARTED] = 2, [LINK_FOUND] = 3, [LINK_UNLINKED] = 4,
};
_Static_assert(sizeof(origin_numbers) / sizeof(origin_numbers[0]) == LINK_ORIGINS_, "a number for every origin");

static enum link_origin origin_of(int64_t number)
{
	for (int i = 0; i < LINK_ORIGINS_; i++)
		if (origin_numbers[i] == number)
			return (enum link_origin)i;
	return LINK_MANUAL;
}

int sqlite_links_find(struct store *base, const char *thread, bool *ret_found, char ret_job_id[JOB_ID_MAX + 2],
		      enum link_origin *ret_origin, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_LINK_FIND, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, thread);
	sqlite_call_int(&call, 2, origin_numbers[LINK_UNLINKED]);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (row) {
		const char *job_id = sqlite_call_column(&call, 0);

		if (job_id == NULL)
			return error_set(err, ERR_NO_MEMORY, "no memory to read a link");
		(void)snprintf(ret_job_id, JOB_ID_MAX + 2, "%s", job_id);
		*ret_origin = origin_of(sqlite_call_number(&call, 1));
	}
	*ret_found = row;
	return 0;
}

static int put_as(struct sqlite_store *store, enum sqlite_sql sql, const struct link_row *row,
		  enum link_origin origin, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, sql, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, row->thread);
	sqlite_call_text(&call, 2, row->job_id);
	sqlite_call_int(&call, 3, origin_numbers[origin]);
	sqlite_call_int(&call, 4, row->created_ms);
	return sqlite_call_run(&call, err);
}

int sqlite_links_put(struct store *base, const struct link_row *row, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	struct link_row made = *row;
	char job_id[JOB_ID_MAX + 2];

	if (row->origin == LINK_MANUAL && sqlite_carried_forget(store, row->job_id, err) != 0)
		return -1;
	if (row->origin == LINK_CONFIG) {
		if (sqlite_carried_find(store, row->job_id, job_id, err) != 0)
			return -1;
		made.job_id = job_id;
	}
	return put_as(store, SQL_LINK_PUT, &made, made.origin, err);
}

int sqlite_links_offer(struct store *base, const struct link_row *row, bool *ret_taken, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (put_as(store, SQL_LINK_OFFER, row, LINK_FOUND, err) != 0)
		return -1;
	*ret_taken = sqlite3_changes(store->db) > 0;
	return 0;
}

int sqlite_links_delete(struct store *base, const char *thread, int64_t now_ms, bool *ret_found, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_LINK_DELETE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, origin_numbers[LINK_UNLINKED]);
	sqlite_call_int(&call, 2, now_ms);
	sqlite_call_text(&call, 3, thread);
	if (sqlite_call_run(&call, err) != 0)
		return -1;
	*ret_found = sqlite3_changes(store->db) > 0;
	return 0;
}

int sqlite_links_forget_config(struct store *base, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_carried_unname(sqlite_of(base), err) != 0 ||
	    sqlite_call_begin(sqlite_of(base), SQL_LINKS_FORGET, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, origin_numbers[LINK_CONFIG]);
	return sqlite_call_run(&call, err);
}

int sqlite_links_each(struct store *base, const char *after, int limit,
		      void (*each)(void *ctx, const struct link_row *row), void *ctx, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_LINKS_EACH, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, after != NULL ? after : "");
	sqlite_call_int(&call, 2, origin_numbers[LINK_UNLINKED]);
	sqlite_call_int(&call, 3, limit);
	while (sqlite_call_step(&call, &row, err) == 0) {
		if (!row)
			return 0;
		const struct link_row link = {
			.thread = sqlite_call_column(&call, 0),
			.job_id = sqlite_call_column(&call, 1),
			.origin = origin_of(sqlite_call_number(&call, 2)),
			.created_ms = sqlite_call_number(&call, 3),
		};
		each(ctx, &link);
	}
	return -1;
}

int sqlite_links_count(struct sqlite_store *store, int64_t *ret, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_LINKS_COUNT, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, origin_numbers[LINK_UNLINKED]);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	*ret = row ? sqlite_call_number(&call, 0) : 0;
	return 0;
}

static int rename_links(struct sqlite_store *store, const char *from, const char *to, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_LINKS_RENAME, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, to);
	sqlite_call_text(&call, 2, from);
	return sqlite_call_run(&call, err);
}

int sqlite_links_job_rename(struct store *base, const char *from, const char *to, int64_t now_ms, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (rename_links(sqlite_of(base), from, to, err) != 0 ||
	    sqlite_carried_rename(sqlite_of(base), from, to, err) != 0 ||
	    sqlite_call_begin(sqlite_of(base), SQL_MESSAGES_RENAME, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, to);
	sqlite_call_int(&call, 2, now_ms);
	sqlite_call_text(&call, 3, from);
	return sqlite_call_run(&call, err);
}

static int lead_by(struct sqlite_store *store, const char *job_id, int64_t start_seq, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGES_LEAD_BY, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, start_seq);
	sqlite_call_text(&call, 2, job_id);
	return sqlite_call_run(&call, err);
}

int sqlite_links_job_forget(struct store *base, const char *job_id, int64_t start_seq, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (lead_by(sqlite_of(base), job_id, start_seq, err) != 0 ||
	    sqlite_carried_back(sqlite_of(base), job_id, origin_numbers[LINK_CONFIG], err) != 0 ||
	    sqlite_call_begin(sqlite_of(base), SQL_LINKS_FORGET_JOB, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, job_id);
	return sqlite_call_run(&call, err);
}
