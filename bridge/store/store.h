/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bridge keeps: the seam behind which stores stand (a file each, one contract suite for all). For users
 * of a store; store_impl.h is for those who write one.
 *
 * A handle belongs to one thread. Exactly one handle is opened for writing, by the committer; readers open
 * their own. Times are wall-clock milliseconds; ids are text; state is stored by name. Pointers in rows that a
 * store hands out live in the given arena, or for the time of the callback. Every function that can fail
 * returns 0 or -1 with *err: ERR_BUSY (locked; try again), ERR_STORE (full disk, I/O error, corrupt, …).
 */
#ifndef BRIDGE_STORE_STORE_H
#define BRIDGE_STORE_STORE_H

#include "bridge/base/arena.h"
#include "bridge/base/error.h"
#include "bridge/base/id.h"
#include "bridge/model/message.h"

struct store;

enum store_mode {
	STORE_WRITE, /* creates the file and migrates it; refuses a second writer on the same store */
	STORE_READ,  /* must exist and have our version */
};

/*
 * url: "sqlite:/path/to/file". Refuses: an unknown scheme, a newer schema, another program's database, a
 * writer where one already is (ERR_CONFLICT with the reason). STORE_WRITE also turns what was `sending` when the last writer died into
 * `in_doubt` (messages and replies).
 */
int store_open(const char *url, enum store_mode mode, struct store **ret, struct error *err) MUST_CHECK;
void store_close(struct store *store);

/* Transactions: writes happen only inside one. A failed commit has rolled back. */
int store_begin(struct store *store, struct error *err) MUST_CHECK;
int store_commit(struct store *store, struct error *err) MUST_CHECK;
void store_rollback(struct store *store);

/* A cheap proof that the store answers. Not inside a transaction. */
int store_ping(struct store *store, struct error *err) MUST_CHECK;

/* ---- deliveries ---- */

struct delivery_row {
	const char *id;        /* UUIDv7 */
	const char *source;
	const char *sender_id; /* NULL: none */
	const char *event;     /* "issue_comment.created"; NULL */
	const char *thread;    /* the full key, "<source>:<native id>"; NULL */
	const char *author;    /* login; NULL */
	const char *url;       /* NULL */
	const char *reason;    /* why nothing was forwarded; NULL when there is a message */
	int64_t received_ms;
};

int store_delivery_put(struct store *store, const struct delivery_row *row, struct error *err) MUST_CHECK;

/*
 * Dedupe keys of accepted deliveries, per source: "d:<sender id>" and "c:<content>". find: *ret_found, and the
 * first delivery's id. put ignores a key that is there.
 */
int store_seen_find(struct store *store, const char *source, const char *key, bool *ret_found,
		    char ret_delivery_id[ID_SIZE], struct error *err) MUST_CHECK;
int store_seen_put(struct store *store, const char *source, const char *key, const char *delivery_id,
		   int64_t now_ms, struct error *err) MUST_CHECK;

/* ---- links ---- */

enum link_origin {
	LINK_MANUAL,   /* by hand: command line, admin API, a command in a comment */
	LINK_CONFIG,   /* `links:` */
	LINK_STARTED,  /* the bridge started the job for this thread */
	LINK_FOUND,    /* the job announced it (a pull request, a commit in one), or Git holds it */
	LINK_UNLINKED, /* taken away by hand: no job, and nothing that is found may come back here by itself */
	LINK_ORIGINS_
};
const char *link_origin_name(enum link_origin origin); /* "manual" … as shown */

struct link_row {
	const char *thread;
	const char *job_id;
	enum link_origin origin;
	int64_t created_ms;
};

/* *ret_found false: not linked. job_id is copied out. */
int store_link_find(struct store *store, const char *thread, bool *ret_found, char ret_job_id[JOB_ID_MAX + 2],
		    enum link_origin *ret_origin, struct error *err) MUST_CHECK;
/*
 * Replaces. A LINK_CONFIG link goes to the job that carries on where its own ended (store_job_carry_on); whoever links
 * to a job by hand (LINK_MANUAL) says that it goes on itself.
 */
int store_link_put(struct store *store, const struct link_row *row, struct error *err) MUST_CHECK;
/* Puts a LINK_FOUND row where none stands, or one that is older (created_ms): what was made by hand always wins. *ret_taken: the
 * thread has a new job now (the same one again is not news). */
int store_link_offer(struct store *store, const struct link_row *row, bool *ret_taken, struct error *err) MUST_CHECK;
/* Leaves LINK_UNLINKED, which find and each do not show. *ret_found: there was a link. */
int store_link_delete(struct store *store, const char *thread, int64_t now_ms, bool *ret_found,
		      struct error *err) MUST_CHECK;
/* Removes all LINK_CONFIG links: before the configured ones are put again. */
int store_links_forget_config(struct store *store, struct error *err) MUST_CHECK;
/* In order of thread, those after `after` (NULL: from the start), at most limit. */
int store_links_each(struct store *store, const char *after, int limit,
		     void (*each)(void *ctx, const struct link_row *row), void *ctx, struct error *err) MUST_CHECK;

/* A job that was started has its real id now: all links, and all messages that are not final, follow. */
int store_job_rename(struct store *store, const char *from, const char *to, int64_t now_ms,
		     struct error *err) MUST_CHECK;
/*
 * The job could not be started: links to it go (without a trace), those of the configuration back to the job that it
 * was to carry on. What waits for it fails with its start, whose seq it gets as lead.
 */
int store_job_forget(struct store *store, const char *job_id, int64_t start_seq, struct error *err) MUST_CHECK;
/*
 * A new job, with its provisional name, carries on where job_id ended. named: the configuration's links name job_id;
 * what they say is put again at each start, so that is remembered: from now on they lead to the new job, and to the one
 * after it, if it is carried on in turn. Forgotten when a configuration does not name job_id
 * (store_links_forget_config), so it needs no other bound.
 */
int store_job_carry_on(struct store *store, const char *job_id, const char *to, bool named,
		       struct error *err) MUST_CHECK;

/* ---- messages ---- */

struct message_row {
	int64_t seq;             /* given by the store: ascends in commit order */
	const char *id;          /* UUIDv7: the one in the tag */
	const char *delivery_id;
	const char *source;
	const char *thread;      /* full key; NULL */
	const char *job_id;      /* NULL in state ignored, when no job is known */
	const char *object;      /* at the origin, "issue_comment/123"; NULL */
	const char *event;       /* "issue_comment.created" */
	const char *author;      /* login; NULL */
	const char *author_id;   /* NULL */
	const char *url;         /* NULL */
	const char *place;       /* where a reply goes; NULL */
	const char *prompt;
	enum message_kind kind;
	unsigned pace;           /* MESSAGE_JOINS, MESSAGE_HOLDS */
	const char *agent;       /* kind start: the agent's slug; NULL */
	bool ask;                /* kind start: ask_mode */
	const char *spot;        /* inline comments: file and line as one key that sorts in reading order; NULL */
	const char *lookup;      /* what Git is asked first: JSON, see bridge/deliver/errand.h; NULL: nothing */
	int64_t lead;            /* seq of the message whose turn it is part of, or start it failed with; 0: none, or itself */
	enum message_state state;
	int attempts;            /* sends begun */
	int64_t due_ms;          /* not before; 0: at once */
	int64_t created_ms;
	int64_t updated_ms;      /* when it came into its state, or its words or its job changed: a move to the same state leaves it */
	const char *message_id;  /* Nairi's, cmsg_…; NULL until forwarded */
	int upstream_status;     /* HTTP status of the last answer; 0: none */
	const char *error;       /* the API's words, verbatim; NULL */
	const char *reason;      /* ours: why it is where it is; NULL */
};

/* seq in row is not read; *ret_seq is the new one. */
int store_message_put(struct store *store, const struct message_row *row, int64_t *ret_seq,
		      struct error *err) MUST_CHECK;

/* A move. NULL texts keep what is there; to == from updates the rest. A move that message_may_move does not allow is ERR_INTERNAL. */
struct message_change {
	int64_t seq;
	enum message_state from, to; /* from must be the stored state, else ERR_CONFLICT and nothing changes */
	int attempts;                /* -1: keep */
	int64_t due_ms;              /* -1: keep */
	int64_t now_ms;
	const char *message_id;
	int upstream_status;         /* -1: keep */
	const char *error;
	const char *reason;
	int64_t lead;                /* 0: keep; -1: none */
};

int store_message_move(struct store *store, const struct message_change *change, struct error *err) MUST_CHECK;
int store_message_set_prompt(struct store *store, int64_t seq, const char *prompt, int64_t now_ms,
			     struct error *err) MUST_CHECK;

/* What was found out about a message before it is sent (by Git). NULL: keep. Only while it is vetting. */
struct message_finding {
	int64_t seq;
	const char *thread, *job_id, *place, *prompt;
	int64_t now_ms;
};
int store_message_learn(struct store *store, const struct message_finding *finding, struct error *err) MUST_CHECK;
/*
 * The messages that were sent together as one prompt, or that failed with a start: the leading one and those that have
 * it as lead, in order of seq, the first `limit` of them.
 */
int store_messages_of_turn(struct store *store, int64_t lead_seq, int limit, struct arena *arena,
			   void (*each)(void *ctx, const struct message_row *row), void *ctx,
			   struct error *err) MUST_CHECK;
/* The messages of a thread that are not final, in order of seq; rows without prompt. */
int store_messages_of_thread(struct store *store, const char *thread,
			     void (*each)(void *ctx, const struct message_row *row), void *ctx,
			     struct error *err) MUST_CHECK;
/* The newest message of a thread that names a job, whatever its kind and state; may look no further back than some thousand deliveries. */
int store_message_newest(struct store *store, const char *thread, bool *ret_found, int64_t *ret_seq,
			 struct error *err) MUST_CHECK;

/* The whole row, into the arena. ERR_NOT_FOUND. */
int store_message_load(struct store *store, int64_t seq, struct arena *arena, struct message_row *ret,
		       struct error *err) MUST_CHECK;

/* The newest message of an object of a source. *ret_found. */
int store_message_of_object(struct store *store, const char *source, const char *object, bool *ret_found,
			    int64_t *ret_seq, enum message_state *ret_state, struct error *err) MUST_CHECK;

/* How many messages of a thread that name a job were created at or after since_ms. */
int store_thread_count(struct store *store, const char *thread, int64_t since_ms, int64_t *ret_count,
		       struct error *err) MUST_CHECK;

/* What is not final yet, in order of seq: for the start. Only the fields named here are filled. */
struct pending_row {
	int64_t seq;
	const char *id, *job_id; /* job_id NULL: not known yet (vetting) */
	enum message_state state;
	enum message_kind kind;
	unsigned pace;
	int attempts;
	int64_t due_ms, created_ms;
};
int store_messages_pending(struct store *store, void (*each)(void *ctx, const struct pending_row *row), void *ctx,
			   struct error *err) MUST_CHECK;

/* ---- turns: accepted prompts that are being followed ---- */

struct turn_row {
	int64_t seq;            /* of the (leading) message */
	const char *job_id;
	const char *message_id; /* Nairi's */
	int64_t started_ms;     /* forwarded at */
	int64_t ended_ms;       /* 0: running; else it lingers: what the job still says about itself is waited for */
};
int store_turn_put(struct store *store, const struct turn_row *row, struct error *err) MUST_CHECK;
/* It ended, and lingers. ERR_NOT_FOUND. */
int store_turn_end(struct store *store, int64_t seq, int64_t now_ms, struct error *err) MUST_CHECK;
int store_turn_delete(struct store *store, int64_t seq, struct error *err) MUST_CHECK; /* also when it is not there */
/* In order of seq: for the start. */
int store_turns_each(struct store *store, void (*each)(void *ctx, const struct turn_row *row), void *ctx,
		     struct error *err) MUST_CHECK;

/* ---- attempts: one call about a message ---- */

struct attempt_row {
	int64_t message_seq;
	int number;
	const char *call;     /* "continue", "start", "look", "permission", "branch", "git" */
	int64_t started_ms, duration_ms;
	int upstream_status;  /* 0: no answer */
	const char *outcome;  /* one clause */
};
int store_attempt_put(struct store *store, const struct attempt_row *row, struct error *err) MUST_CHECK;

/* ---- replies ---- */

enum reply_state { REPLY_STATE_QUEUED, REPLY_STATE_SENDING, REPLY_STATE_IN_DOUBT, REPLY_STATE_POSTED,
		   REPLY_STATE_FAILED, REPLY_STATES_ };
const char *reply_state_name(enum reply_state state);

struct reply_row {
	int64_t seq;
	const char *id;          /* UUIDv7: the marker */
	int64_t message_seq;
	const char *source;
	const char *kind;        /* "comment" | "reaction" | "answer" | "status" (edited in place) */
	const char *place;
	const char *text;        /* NULL for a reaction */
	int revision;            /* of the text, from 1; goes up with store_reply_revise */
	enum reply_state state;
	int attempts;
	int64_t due_ms, created_ms, updated_ms;
	const char *remote_id;   /* "issue_comment/123"; NULL until posted */
	const char *error;       /* NULL */
	const char *delivery_id, *thread; /* of its message; only read. NULL: none */
};
int store_reply_put(struct store *store, const struct reply_row *row, int64_t *ret_seq, struct error *err) MUST_CHECK;

struct reply_change {
	int64_t seq;
	enum reply_state from, to; /* as in message_change */
	int attempts;              /* -1: keep */
	int64_t due_ms;            /* -1: keep */
	int64_t now_ms;
	const char *remote_id, *error; /* NULL: keep. A remote_id of "": it names nothing any more */
};
int store_reply_move(struct store *store, const struct reply_change *change, struct error *err) MUST_CHECK;
int store_reply_load(struct store *store, int64_t seq, struct arena *arena, struct reply_row *ret,
		     struct error *err) MUST_CHECK;
/*
 * A new text for a reply, which is posted over the old one: state posted goes back to queued (attempts 0, remote_id kept), any other
 * but failed stays as it is. *ret: the state it is in now.
 */
int store_reply_revise(struct store *store, int64_t seq, const char *text, int64_t now_ms, enum reply_state *ret,
		       struct error *err) MUST_CHECK;
/* The reply of kind "status" of a message. */
int store_reply_status_of(struct store *store, int64_t message_seq, bool *ret_found, int64_t *ret_seq,
			  struct error *err) MUST_CHECK;
/* All not final, in order of seq; only seq, source, state, attempts, due_ms, created_ms are filled. */
int store_replies_pending(struct store *store, void (*each)(void *ctx, const struct reply_row *row), void *ctx,
			  struct error *err) MUST_CHECK;
/* Did we post this object ("issue_comment/123") at this source? */
int store_reply_is_ours(struct store *store, const char *source, const char *remote_id, bool *ret,
			struct error *err) MUST_CHECK;

/* ---- the ledger, for readers ---- */

struct delivery_filter {
	const char *state;   /* a message state's name, or NULL: any. "ignored" also finds deliveries without message */
	const char *source, *thread, *job_id; /* NULL: any */
	const char *before;  /* a delivery id: only older ones; NULL */
	const char *after;   /* only newer ones, ascending order then; NULL */
	int limit;           /* 1 to 1000 */
};

/* A delivery with its newest message. */
struct ledger_row {
	struct delivery_row delivery;
	bool has_message;
	struct message_row message; /* without prompt and place */
};
/* Newest first (oldest first with `after`). */
int store_ledger_each(struct store *store, const struct delivery_filter *filter,
		      void (*each)(void *ctx, const struct ledger_row *row), void *ctx, struct error *err) MUST_CHECK;

/* One delivery with all that hangs on it; callbacks in order of time. ERR_NOT_FOUND. */
struct delivery_visitor {
	void *ctx;
	void (*delivery)(void *ctx, const struct delivery_row *row);
	void (*message)(void *ctx, const struct message_row *row);
	void (*attempt)(void *ctx, const struct attempt_row *row);
	void (*reply)(void *ctx, const struct reply_row *row);
};
int store_delivery_visit(struct store *store, const char *id, const struct delivery_visitor *visitor,
			 struct error *err) MUST_CHECK;

struct store_counts {
	int64_t deliveries;
	int64_t messages[MESSAGE_STATES_];
	int64_t replies[REPLY_STATES_];
	int64_t links;
	int64_t turns; /* followed: running or lingering */
	int64_t oldest_waiting_ms; /* created_ms of the oldest message that is not final; 0: none */
};
int store_counts(struct store *store, struct store_counts *ret, struct error *err) MUST_CHECK;

/* Removes at most limit deliveries older than before_ms whose messages and replies are all final and whose turns are over, with all that
 * hangs on them (and dedupe keys of that age). *ret_removed. */
int store_prune(struct store *store, int64_t before_ms, int limit, int *ret_removed, struct error *err) MUST_CHECK;

/* A value kept by name (our own user id at a forge, …). get: NULL when absent. */
int store_note_put(struct store *store, const char *name, const char *value, struct error *err) MUST_CHECK;
int store_note_get(struct store *store, const char *name, struct arena *arena, const char **ret,
		   struct error *err) MUST_CHECK;

#endif
