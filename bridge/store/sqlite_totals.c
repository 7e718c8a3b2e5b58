/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite_totals.h"

#include <stdio.h>
#include <string.h>

#include "bridge/store/sqlite_call.h"

#define NAME_SIZE 40

/* By name, so that a state that is added needs no migration. */
static void name_of(int total, char out[NAME_SIZE])
{
	if (total >= TOTAL_REPLIES)
		(void)snprintf(out, NAME_SIZE, "replies.%s",
			       reply_state_name((enum reply_state)(total - TOTAL_REPLIES)));
	else if (total >= TOTAL_MESSAGES)
		(void)snprintf(out, NAME_SIZE, "messages.%s",
			       message_state_name((enum message_state)(total - TOTAL_MESSAGES)));
	else
		(void)snprintf(out, NAME_SIZE, "%s",
			       total == TOTAL_DELIVERIES     ? "deliveries" :
			       total == TOTAL_NEXT_MESSAGE ? "last message" :
							     "last reply");
}

static void set_named(struct sqlite_totals *totals, const char *name, int64_t value)
{
	char ours[NAME_SIZE];

	for (int i = 0; i < TOTALS_; i++) {
		name_of(i, ours);
		if (strcmp(ours, name) == 0)
			totals->stored[i] = value;
	}
}

int sqlite_totals_load(struct sqlite_store *store, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };
	bool row = false;

	store->totals = (struct sqlite_totals){ 0 };
	if (sqlite_call_begin(store, SQL_TOTALS_LOAD, &call, err) != 0 || sqlite_call_step(&call, &row, err) != 0)
		return -1;
	while (row) {
		set_named(&store->totals, sqlite_call_column(&call, 0), sqlite_call_number(&call, 1));
		if (sqlite_call_step(&call, &row, err) != 0)
			return -1;
	}
	sqlite_totals_restore(store);
	return 0;
}

static int save(struct sqlite_store *store, int total, struct error *err)
{
	char name[NAME_SIZE];
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_TOTALS_PUT, &call, err) != 0)
		return -1;
	name_of(total, name);
	sqlite_call_text(&call, 1, name);
	sqlite_call_int(&call, 2, store->totals.now[total]);
	return sqlite_call_run(&call, err);
}

int sqlite_totals_save(struct sqlite_store *store, struct error *err)
{
	for (int i = 0; i < TOTALS_; i++)
		if (store->totals.now[i] != store->totals.stored[i] && save(store, i, err) != 0)
			return -1;
	return 0;
}

void sqlite_totals_keep(struct sqlite_store *store)
{
	memcpy(store->totals.stored, store->totals.now, sizeof(store->totals.stored));
}

void sqlite_totals_restore(struct sqlite_store *store)
{
	memcpy(store->totals.now, store->totals.stored, sizeof(store->totals.now));
}
