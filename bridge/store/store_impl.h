/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For those who write a store; users include store.h. A store is a complete `struct store_ops` and one row in
 * the table of store.c. store.h says what each function promises; an implementation may rely on this: a
 * handle is used by one thread at a time, required pointers are not NULL, limits are in range, and
 * whoever writes has called begin. tests/contract/test_store.c is the other half of the promise: a new store
 * is done when it passes.
 */
#ifndef BRIDGE_STORE_STORE_IMPL_H
#define BRIDGE_STORE_STORE_IMPL_H

#include "bridge/store/store.h"

struct store_ops {
	/* url without its scheme. Sets (*ret)->ops; everything that store_open promises. */
	int (*open)(const char *rest, enum store_mode mode, struct store **ret, struct error *err);
	void (*close)(struct store *store); /* frees the handle; an open transaction is rolled back */
	int (*begin)(struct store *store, struct error *err);
	int (*commit)(struct store *store, struct error *err);
	void (*rollback)(struct store *store); /* also when none is open, or the store has rolled back itself */
	int (*ping)(struct store *store, struct error *err);

	int (*delivery_put)(struct store *store, const struct delivery_row *row, struct error *err);
	int (*seen_find)(struct store *store, const char *source, const char *key, bool *ret_found,
			 char ret_delivery_id[ID_SIZE], struct error *err);
	int (*seen_put)(struct store *store, const char *source, const char *key, const char *delivery_id,
			int64_t now_ms, struct error *err);

	int (*link_find)(struct store *store, const char *thread, bool *ret_found,
			 char ret_job_id[JOB_ID_MAX + 2], enum link_origin *ret_origin, struct error *err);
	int (*link_put)(struct store *store, const struct link_row *row, struct error *err);
	int (*link_offer)(struct store *store, const struct link_row *row, bool *ret_taken, struct error *err);
	int (*link_delete)(struct store *store, const char *thread, int64_t now_ms, bool *ret_found,
			   struct error *err);
	int (*links_forget_config)(struct store *store, struct error *err);
	int (*links_each)(struct store *store, const char *after, int limit,
			  void (*each)(void *ctx, const struct link_row *row), void *ctx, struct error *err);
	int (*job_rename)(struct store *store, const char *from, const char *to, int64_t now_ms,
			  struct error *err);
	int (*job_forget)(struct store *store, const char *job_id, int64_t start_seq, struct error *err);
	int (*job_carry_on)(struct store *store, const char *job_id, const char *to, bool named, struct error *err);

	int (*message_put)(struct store *store, const struct message_row *row, int64_t *ret_seq,
			   struct error *err);
	int (*message_move)(struct store *store, const struct message_change *change, struct error *err);
	int (*message_set_prompt)(struct store *store, int64_t seq, const char *prompt, int64_t now_ms,
				  struct error *err);
	int (*message_learn)(struct store *store, const struct message_finding *finding, struct error *err);
	int (*messages_of_turn)(struct store *store, int64_t lead_seq, int limit, struct arena *arena,
				void (*each)(void *ctx, const struct message_row *row), void *ctx,
				struct error *err);
	int (*messages_of_thread)(struct store *store, const char *thread,
				  void (*each)(void *ctx, const struct message_row *row), void *ctx,
				  struct error *err);
	int (*message_newest)(struct store *store, const char *thread, bool *ret_found, int64_t *ret_seq,
			      struct error *err);
	int (*message_load)(struct store *store, int64_t seq, struct arena *arena, struct message_row *ret,
			    struct error *err);
	int (*message_of_object)(struct store *store, const char *source, const char *object, bool *ret_found,
				 int64_t *ret_seq, enum message_state *ret_state, struct error *err);
	int (*thread_count)(struct store *store, const char *thread, int64_t since_ms, int64_t *ret_count,
			    struct error *err);
	int (*messages_pending)(struct store *store, void (*each)(void *ctx, const struct pending_row *row),
				void *ctx, struct error *err);

	int (*turn_put)(struct store *store, const struct turn_row *row, struct error *err);
	int (*turn_end)(struct store *store, int64_t seq, int64_t now_ms, struct error *err);
	int (*turn_delete)(struct store *store, int64_t seq, struct error *err);
	int (*turns_each)(struct store *store, void (*each)(void *ctx, const struct turn_row *row), void *ctx,
			  struct error *err);

	int (*attempt_put)(struct store *store, const struct attempt_row *row, struct error *err);

	int (*reply_put)(struct store *store, const struct reply_row *row, int64_t *ret_seq, struct error *err);
	int (*reply_move)(struct store *store, const struct reply_change *change, struct error *err);
	int (*reply_load)(struct store *store, int64_t seq, struct arena *arena, struct reply_row *ret,
			  struct error *err);
	int (*reply_revise)(struct store *store, int64_t seq, const char *text, int64_t now_ms,
			    enum reply_state *ret, struct error *err);
	int (*reply_status_of)(struct store *store, int64_t message_seq, bool *ret_found, int64_t *ret_seq,
			       struct error *err);
	int (*replies_pending)(struct store *store, void (*each)(void *ctx, const struct reply_row *row),
			       void *ctx, struct error *err);
	int (*reply_is_ours)(struct store *store, const char *source, const char *remote_id, bool *ret,
			     struct error *err);

	int (*ledger_each)(struct store *store, const struct delivery_filter *filter,
			   void (*each)(void *ctx, const struct ledger_row *row), void *ctx, struct error *err);
	int (*delivery_visit)(struct store *store, const char *id, const struct delivery_visitor *visitor,
			      struct error *err);
	int (*counts)(struct store *store, struct store_counts *ret, struct error *err);
	int (*prune)(struct store *store, int64_t before_ms, int limit, int *ret_removed, struct error *err);

	int (*note_put)(struct store *store, const char *name, const char *value, struct error *err);
	int (*note_get)(struct store *store, const char *name, struct arena *arena, const char **ret,
			struct error *err);
};

/* The first member of every implementation's handle. */
struct store {
	const struct store_ops *ops;
};

/* The implementations: each file exports its table and nothing else. */
extern const struct store_ops sqlite_store_ops;

#endif
