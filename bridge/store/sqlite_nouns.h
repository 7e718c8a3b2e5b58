/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that sqlite.c puts into the table: a file for each noun. What they promise stands in store.h. */
#ifndef BRIDGE_STORE_SQLITE_NOUNS_H
#define BRIDGE_STORE_SQLITE_NOUNS_H

#include "bridge/store/sqlite_call.h"
#include "bridge/store/store.h"

/* ---- sqlite_deliveries.c ---- */

int sqlite_deliveries_put(struct store *base, const struct delivery_row *row, struct error *err);
int sqlite_deliveries_seen_find(struct store *base, const char *source, const char *key, bool *ret_found,
				char ret_delivery_id[ID_SIZE], struct error *err);
int sqlite_deliveries_seen_put(struct store *base, const char *source, const char *key, const char *delivery_id,
			       int64_t now_ms, struct error *err);
/* From the nine columns that begin at `column`; texts are borrowed from the row. */
void sqlite_deliveries_read(const struct sqlite_call *call, int column, struct delivery_row *ret);
#define SQLITE_DELIVERY_COLUMNS 9

/* ---- sqlite_links.c ---- */

int sqlite_links_find(struct store *base, const char *thread, bool *ret_found, char ret_job_id[JOB_ID_MAX + 2],
		      enum link_origin *ret_origin, struct error *err);
int sqlite_links_put(struct store *base, const struct link_row *row, struct error *err);
int sqlite_links_offer(struct store *base, const struct link_row *row, bool *ret_taken, struct error *err);
int sqlite_links_delete(struct store *base, const char *thread, int64_t now_ms, bool *ret_found, struct error *err);
int sqlite_links_forget_config(struct store *base, struct error *err);
int sqlite_links_each(struct store *base, const char *after, int limit,
		      void (*each)(void *ctx, const struct link_row *row), void *ctx, struct error *err);
int sqlite_links_job_rename(struct store *base, const char *from, const char *to, int64_t now_ms, struct error *err);
int sqlite_links_job_forget(struct store *base, const char *job_id, int64_t start_seq, struct error *err);
int sqlite_links_count(struct sqlite_store *store, int64_t *ret, struct error *err) MUST_CHECK;

/* ---- sqlite_carried.c ---- */

int sqlite_carried_put(struct store *base, const char *job_id, const char *to, bool named, struct error *err);
/* The new one has its name. */
int sqlite_carried_rename(struct sqlite_store *store, const char *from, const char *to, struct error *err) MUST_CHECK;
/* There will be no new one: configured links go back to the last one. */
int sqlite_carried_back(struct sqlite_store *store, const char *job_id, int64_t config_origin,
			struct error *err) MUST_CHECK;
/* Where a configured link leads that names this job, which counts as named from now on. */
int sqlite_carried_find(struct sqlite_store *store, const char *job_id, char ret[JOB_ID_MAX + 2],
			struct error *err) MUST_CHECK;
/* Links that name this job lead to itself again. */
int sqlite_carried_forget(struct sqlite_store *store, const char *job_id, struct error *err) MUST_CHECK;
/* A new configuration is being put in place: what the last one did not name goes, the rest is not named yet. */
int sqlite_carried_unname(struct sqlite_store *store, struct error *err) MUST_CHECK;

/* ---- sqlite_messages.c ---- */

int sqlite_messages_put(struct store *base, const struct message_row *row, int64_t *ret_seq, struct error *err);
int sqlite_messages_move(struct store *base, const struct message_change *change, struct error *err);
int sqlite_messages_set_prompt(struct store *base, int64_t seq, const char *prompt, int64_t now_ms,
			       struct error *err);
int sqlite_messages_load(struct store *base, int64_t seq, struct arena *arena, struct message_row *ret,
			 struct error *err);
int sqlite_messages_of_object(struct store *base, const char *source, const char *object, bool *ret_found,
			      int64_t *ret_seq, enum message_state *ret_state, struct error *err);
int sqlite_messages_pending(struct store *base, void (*each)(void *ctx, const struct pending_row *row), void *ctx,
			    struct error *err);
int sqlite_messages_attempt_put(struct store *base, const struct attempt_row *row, struct error *err);
/* From the columns that begin at `column`; without place and prompt, which follow where they were asked for. */
int sqlite_messages_read(const struct sqlite_call *call, int column, struct message_row *ret,
			 struct error *err) MUST_CHECK;
#define SQLITE_MESSAGE_COLUMNS 27
/* The same with place and prompt, from column 0, copied into the arena. */
int sqlite_messages_copy(const struct sqlite_call *call, struct arena *arena, struct message_row *ret,
			 struct error *err) MUST_CHECK;
int sqlite_messages_replace_prompt(struct sqlite_store *store, int64_t seq, const char *prompt,
				   struct error *err) MUST_CHECK;
int sqlite_messages_of_thread(struct store *base, const char *thread,
			      void (*each)(void *ctx, const struct message_row *row), void *ctx, struct error *err);

/* ---- sqlite_learn.c ---- */

int sqlite_learn(struct store *base, const struct message_finding *finding, struct error *err);

/* ---- sqlite_turns.c ---- */

int sqlite_turns_put(struct store *base, const struct turn_row *row, struct error *err);
int sqlite_turns_end(struct store *base, int64_t seq, int64_t now_ms, struct error *err);
int sqlite_turns_delete(struct store *base, int64_t seq, struct error *err);
int sqlite_turns_each(struct store *base, void (*each)(void *ctx, const struct turn_row *row), void *ctx,
		      struct error *err);
int sqlite_turns_messages(struct store *base, int64_t lead_seq, int limit, struct arena *arena,
			  void (*each)(void *ctx, const struct message_row *row), void *ctx, struct error *err);

/* ---- sqlite_threads.c ---- */

int sqlite_threads_count(struct store *base, const char *thread, int64_t since_ms, int64_t *ret_count,
			 struct error *err);
/* The rank that the thread's next message will have. For the writer. */
int sqlite_threads_next_rank(struct sqlite_store *store, const char *thread, int64_t *ret_rank,
			     struct error *err) MUST_CHECK;
/* It has been put. */
void sqlite_threads_note_rank(struct sqlite_store *store, const char *thread, int64_t rank);
/*
 * Makes room in the thread for a message that was put in this run with this seq, before it has a rank there: those
 * that came after it move up. *ret_rank 0: its run is forgotten, it is not counted.
 */
int sqlite_threads_insert(struct sqlite_store *store, const char *thread, int64_t run, int64_t seq,
			  int64_t *ret_rank, struct error *err) MUST_CHECK;
/* Closes the gap that a message of this run and rank leaves in its thread. */
int sqlite_threads_remove(struct sqlite_store *store, const char *thread, int64_t run, int64_t rank,
			  struct error *err) MUST_CHECK;
int sqlite_threads_newest(struct store *base, const char *thread, bool *ret_found, int64_t *ret_seq,
			  struct error *err);

/* ---- sqlite_replies.c ---- */

int sqlite_replies_put(struct store *base, const struct reply_row *row, int64_t *ret_seq, struct error *err);
int sqlite_replies_move(struct store *base, const struct reply_change *change, struct error *err);
int sqlite_replies_load(struct store *base, int64_t seq, struct arena *arena, struct reply_row *ret,
			struct error *err);
int sqlite_replies_revise(struct store *base, int64_t seq, const char *text, int64_t now_ms, enum reply_state *ret,
			  struct error *err);
int sqlite_replies_status_of(struct store *base, int64_t message_seq, bool *ret_found, int64_t *ret_seq,
			     struct error *err);
int sqlite_replies_pending(struct store *base, void (*each)(void *ctx, const struct reply_row *row), void *ctx,
			   struct error *err);
int sqlite_replies_is_ours(struct store *base, const char *source, const char *remote_id, bool *ret,
			   struct error *err);
int sqlite_replies_read(const struct sqlite_call *call, struct reply_row *ret, struct error *err) MUST_CHECK;

/* ---- sqlite_ledger.c ---- */

int sqlite_ledger_each(struct store *base, const struct delivery_filter *filter,
		       void (*each)(void *ctx, const struct ledger_row *row), void *ctx, struct error *err);
int sqlite_ledger_visit(struct store *base, const char *id, const struct delivery_visitor *visitor,
			struct error *err);
int sqlite_ledger_counts(struct store *base, struct store_counts *ret, struct error *err);

/* ---- sqlite_prune.c ---- */

int sqlite_prune(struct store *base, int64_t before_ms, int limit, int *ret_removed, struct error *err);

#endif
