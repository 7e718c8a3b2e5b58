/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts by state and the next sequence numbers. The writer keeps them in memory and a commit writes those
 * that changed: counting a million rows for a status page would take a second, and a trigger costs per row.
 */
#ifndef BRIDGE_STORE_SQLITE_TOTALS_H
#define BRIDGE_STORE_SQLITE_TOTALS_H

#include "bridge/base/error.h"
#include "bridge/store/store.h"

struct sqlite_store;

enum sqlite_total {
	TOTAL_NEXT_MESSAGE, /* the last seq given out */
	TOTAL_NEXT_REPLY,
	TOTAL_DELIVERIES,
	TOTAL_MESSAGES,                                /* + enum message_state */
	TOTAL_REPLIES = TOTAL_MESSAGES + MESSAGE_STATES_, /* + enum reply_state */
	TOTALS_ = TOTAL_REPLIES + REPLY_STATES_
};

struct sqlite_totals {
	int64_t now[TOTALS_];
	int64_t stored[TOTALS_];
};

/* Reads what is stored into store->totals. */
int sqlite_totals_load(struct sqlite_store *store, struct error *err) MUST_CHECK;
/* Within a transaction, before its commit: writes what changed; call _keep when the commit is done. */
int sqlite_totals_save(struct sqlite_store *store, struct error *err) MUST_CHECK;
void sqlite_totals_keep(struct sqlite_store *store);
/* After a rollback. */
void sqlite_totals_restore(struct sqlite_store *store);

#endif
