/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking up random keys at a cost that does not grow.
 *
 * A b-tree of a million random keys dirties a page with each insert: with pages of 16 KiB 30 µs and 16 KiB of WAL for a
 * key of 50 bytes (measured; 16 µs with pages of 4 KiB), and three or four such keys belong to a delivery. So
 * deliveries are cut into runs of about a thousand, and what is looked up by a random key is stored under
 * (run, key): inserts fall into the few pages of the run that is being filled, 2.6 µs each at any size.
 *
 * To find a key again one must know its run: a filter in memory (sqlite_filter.h) names the few that may hold it,
 * mostly none or the right one. The filters take 8 MiB for a million deliveries; those of complete runs are kept in
 * the store, 64 to a blob, so that opening reads these instead of all keys.
 *
 * Only the writer has this; a reader scans. The number of sheets is bounded: beyond about seven million stored
 * deliveries the oldest keys are no longer found (a repetition of something so old would pass as new).
 */
#ifndef BRIDGE_STORE_SQLITE_RUNS_H
#define BRIDGE_STORE_SQLITE_RUNS_H

#include "bridge/store/sqlite.h"
#include "bridge/store/sqlite_filter.h"

/* Makes store->runs from what is stored. sqlite_runs_free takes NULL. */
int sqlite_runs_load(struct sqlite_store *store, struct error *err) MUST_CHECK;
void sqlite_runs_free(struct sqlite_runs *runs);

/* Remembers where it stands, at begin (what a prune has forgotten before is freed); goes back after a rollback. */
void sqlite_runs_mark(struct sqlite_runs *runs);
void sqlite_runs_restore(struct sqlite_runs *runs);

/*
 * The run into which a row of this time goes. Begins a new one when it is full, so a row with several keys
 * asks once and then adds them all.
 */
int sqlite_runs_current(struct sqlite_store *store, int64_t at_ms, int64_t *ret_run, struct error *err) MUST_CHECK;
void sqlite_runs_add(struct sqlite_runs *runs, const struct sqlite_filter_key *key);
/* For a row of a run that may be complete, but is not forgotten: the stored filter follows, which is not cheap. */
int sqlite_runs_add_late(struct sqlite_store *store, int64_t run, const struct sqlite_filter_key *key,
			 struct error *err) MUST_CHECK;

/*
 * The newest run before `before` (INT64_MAX: any) that may hold the key, or the oldest one from `from` on;
 * -1: none.
 */
int64_t sqlite_runs_newest(const struct sqlite_runs *runs, const struct sqlite_filter_key *key, int64_t before);
int64_t sqlite_runs_oldest(const struct sqlite_runs *runs, const struct sqlite_filter_key *key, int64_t from);

/*
 * A look-up that found nothing is mostly followed by a put of the same key: the last few such keys, so that it
 * need not be looked up again. (By their filter positions; two keys that have all in common are as rare as two
 * equal hashes of 64 bits.)
 */
void sqlite_runs_note_absent(struct sqlite_runs *runs, const struct sqlite_filter_key *key);
bool sqlite_runs_is_absent(const struct sqlite_runs *runs, const struct sqlite_filter_key *key);

/* The first run with rows of since_ms or later (or an earlier one, never a later one). */
int64_t sqlite_runs_since(const struct sqlite_runs *runs, int64_t since_ms);

/* The oldest run that is kept; the one that is being filled; forgets all before `run`. */
int64_t sqlite_runs_first(const struct sqlite_runs *runs);
int64_t sqlite_runs_last(const struct sqlite_runs *runs);
void sqlite_runs_forget(struct sqlite_runs *runs, int64_t run);

#endif
