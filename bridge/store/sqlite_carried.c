/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of the configuration that others carry on. A row says where links lead that name the job: to the last one that
 * has a name, or to the one that is being started; when that start fails, it is the last one again. However often a job
 * is carried on, its row is one.
 */
#include <stdio.h>

#include "bridge/store/sqlite_nouns.h"

static int run_texts(struct sqlite_store *store, enum sqlite_sql sql, const char *first, const char *second,
		     struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, sql, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, first);
	if (second != NULL)
		sqlite_call_text(&call, 2, second);
	return sqlite_call_run(&call, err);
}

int sqlite_carried_put(struct store *base, const char *job_id, const char *to, bool named, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (named && run_texts(store, SQL_CARRIED_PUT, job_id, NULL, err) != 0)
		return -1;
	return run_texts(store, SQL_CARRIED_PENDING, to, job_id, err);
}

int sqlite_carried_rename(struct sqlite_store *store, const char *from, const char *to, struct error *err)
{
	return run_texts(store, SQL_CARRIED_RENAME, to, from, err);
}

int sqlite_carried_back(struct sqlite_store *store, const char *job_id, int64_t config_origin, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_CARRIED_LINKS_BACK, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, job_id);
	sqlite_call_int(&call, 2, config_origin);
	if (sqlite_call_run(&call, err) != 0)
		return -1;
	return run_texts(store, SQL_CARRIED_BACK, job_id, NULL, err);
}

int sqlite_carried_find(struct sqlite_store *store, const char *job_id, char ret[JOB_ID_MAX + 2], struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_CARRIED_FIND, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, job_id);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	const char *to = row ? sqlite_call_column(&call, 0) : job_id;
	if (to == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory to read a link");
	(void)snprintf(ret, JOB_ID_MAX + 2, "%s", to);
	return 0;
}

int sqlite_carried_forget(struct sqlite_store *store, const char *job_id, struct error *err)
{
	return run_texts(store, SQL_CARRIED_FORGET, job_id, NULL, err);
}

int sqlite_carried_unname(struct sqlite_store *store, struct error *err)
{
	if (sqlite_call_simple(store, SQL_CARRIED_SWEEP, err) != 0)
		return -1;
	return sqlite_call_simple(store, SQL_CARRIED_UNNAME, err);
}
