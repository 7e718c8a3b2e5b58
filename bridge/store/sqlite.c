/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/store/sqlite.h"

#include <stdlib.h>

#include "bridge/store/sqlite_call.h"
#include "bridge/store/sqlite_db.h"
#include "bridge/store/sqlite_lock.h"
#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_runs.h"
#include "bridge/store/sqlite_states.h"

static void close_store(struct store *base)
{
	struct sqlite_store *store = sqlite_of(base);

	for (int i = 0; i < SQL_STATEMENTS_; i++)
		(void)sqlite3_finalize(store->statements[i]);
	/* Rolls back what is open. Before the lock goes: the next writer must not meet our last checkpoint. */
	(void)sqlite3_close(store->db);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	sqlite_runs_free(store->runs);
	free(store);
}

static int begin(struct store *base, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (store->mode != STORE_WRITE)
		return error_set(err, ERR_INTERNAL, "a transaction on a store that is open for reading");
	if (store->in_transaction)
		return error_set(err, ERR_INTERNAL, "a transaction within a transaction");
	/* At once, not with the first write: an upgrade fails with BUSY_SNAPSHOT without any waiting. */
	if (sqlite_call_simple(store, SQL_BEGIN, err) != 0)
		return -1;
	sqlite_runs_mark(store->runs);
	store->ranked_last = -1;
	store->in_transaction = true;
	return 0;
}

static void rollback(struct store *base)
{
	struct sqlite_store *store = sqlite_of(base);

	if (!store->in_transaction)
		return;
	/* After a full disk or an I/O error SQLite may have done it already. It cannot fail in another way. */
	if (sqlite3_get_autocommit(store->db) == 0)
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	store->in_transaction = false;
	sqlite_totals_restore(store);
	sqlite_runs_restore(store->runs);
}

static int commit(struct store *base, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);

	if (!store->in_transaction)
		return error_set(err, ERR_INTERNAL, "a commit without a transaction");
	if (sqlite_totals_save(store, err) != 0 ||
	    (sqlite3_get_autocommit(store->db) != 0 &&
	     error_set(err, ERR_STORE, "the transaction was rolled back after an earlier failure") != 0) ||
	    sqlite_call_simple(store, SQL_COMMIT, err) != 0) {
		rollback(base);
		return -1;
	}
	store->in_transaction = false;
	sqlite_totals_keep(store);
	return 0;
}

static int ping(struct store *base, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_PING, &call, err) != 0)
		return -1;
	return sqlite_call_run(&call, err);
}

static int recover(struct sqlite_store *store, enum sqlite_sql sql, int from, int to, int total_from, int total_to,
		   struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, sql, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, to);
	sqlite_call_int(&call, 2, from);
	if (sqlite_call_run(&call, err) != 0)
		return -1;
	int64_t moved = sqlite3_changes64(store->db);
	store->totals.now[total_from] -= moved;
	store->totals.now[total_to] += moved;
	return 0;
}

/* What was on its way when the last writer died may have arrived: nobody knows, so somebody must look. */
static int recover_all(struct sqlite_store *store, struct error *err)
{
	if (begin(&store->base, err) != 0)
		return -1;
	if (recover(store, SQL_RECOVER_MESSAGES, sqlite_states_of_message(MESSAGE_SENDING),
		    sqlite_states_of_message(MESSAGE_IN_DOUBT), TOTAL_MESSAGES + MESSAGE_SENDING,
		    TOTAL_MESSAGES + MESSAGE_IN_DOUBT, err) != 0 ||
	    recover(store, SQL_RECOVER_REPLIES, sqlite_states_of_reply(REPLY_STATE_SENDING),
		    sqlite_states_of_reply(REPLY_STATE_IN_DOUBT), TOTAL_REPLIES + REPLY_STATE_SENDING,
		    TOTAL_REPLIES + REPLY_STATE_IN_DOUBT, err) != 0) {
		rollback(&store->base);
		return -1;
	}
	return commit(&store->base, err);
}

static int open_parts(struct sqlite_store *store, const char *path, struct error *err)
{
	if (sqlite_lock_check_place(path, err) != 0)
		return -1;
	if (store->mode == STORE_READ)
		return sqlite_db_open(path, store->mode, &store->db, err);
	if (sqlite_lock_take(path, &store->lock_fd, err) != 0 ||
	    sqlite_db_open(path, store->mode, &store->db, err) != 0 || sqlite_totals_load(store, err) != 0 ||
	    sqlite_runs_load(store, err) != 0)
		return -1;
	return recover_all(store, err);
}

static int open_store(const char *path, enum store_mode mode, struct store **ret, struct error *err)
{
	struct sqlite_store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory");
	store->base.ops = &sqlite_store_ops;
	store->mode = mode;
	store->lock_fd = -1;
	store->ranked_last = -1;
	if (open_parts(store, path, err) != 0) {
		close_store(&store->base);
		return -1;
	}
	*ret = &store->base;
	return 0;
}

static int note_put(struct store *base, const char *name, const char *value, struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_NOTE_PUT, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, name);
	sqlite_call_text(&call, 2, value);
	return sqlite_call_run(&call, err);
}

static int note_get(struct store *base, const char *name, struct arena *arena, const char **ret, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(sqlite_of(base), SQL_NOTE_GET, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, name);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	const char *value = row ? arena_strdup(arena, sqlite_call_column(&call, 0)) : NULL;
	if (row && value == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory for the note %s", name);
	*ret = value;
	return 0;
}

const struct store_ops sqlite_store_ops = {
	.open = open_store,
	.close = close_store,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.ping = ping,
	.delivery_put = sqlite_deliveries_put,
	.seen_find = sqlite_deliveries_seen_find,
	.seen_put = sqlite_deliveries_seen_put,
	.link_find = sqlite_links_find,
	.link_put = sqlite_links_put,
	.link_offer = sqlite_links_offer,
	.link_delete = sqlite_links_delete,
	.links_forget_config = sqlite_links_forget_config,
	.links_each = sqlite_links_each,
	.job_rename = sqlite_links_job_rename,
	.job_forget = sqlite_links_job_forget,
	.job_carry_on = sqlite_carried_put,
	.message_put = sqlite_messages_put,
	.message_move = sqlite_messages_move,
	.message_set_prompt = sqlite_messages_set_prompt,
	.message_learn = sqlite_learn,
	.messages_of_turn = sqlite_turns_messages,
	.messages_of_thread = sqlite_messages_of_thread,
	.message_newest = sqlite_threads_newest,
	.message_load = sqlite_messages_load,
	.message_of_object = sqlite_messages_of_object,
	.thread_count = sqlite_threads_count,
	.messages_pending = sqlite_messages_pending,
	.turn_put = sqlite_turns_put,
	.turn_end = sqlite_turns_end,
	.turn_delete = sqlite_turns_delete,
	.turns_each = sqlite_turns_each,
	.attempt_put = sqlite_messages_attempt_put,
	.reply_put = sqlite_replies_put,
	.reply_move = sqlite_replies_move,
	.reply_load = sqlite_replies_load,
	.reply_revise = sqlite_replies_revise,
	.reply_status_of = sqlite_replies_status_of,
	.replies_pending = sqlite_replies_pending,
	.reply_is_ours = sqlite_replies_is_ours,
	.ledger_each = sqlite_ledger_each,
	.delivery_visit = sqlite_ledger_visit,
	.counts = sqlite_ledger_counts,
	.prune = sqlite_prune,
	.note_put = note_put,
	.note_get = note_get,
};
