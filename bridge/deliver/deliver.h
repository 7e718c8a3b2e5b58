/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The delivering half: from a committed message to its final state, and back to the author. The queue's rules live on
 * the committer's thread (everything here but the calls themselves runs there), the calls on the dispatcher's. See
 * forward.c for messages, vet.c for permissions, replies.c for what is said back, identity.c for who we are.
 */
#ifndef BRIDGE_DELIVER_DELIVER_H
#define BRIDGE_DELIVER_DELIVER_H

#include "bridge/deliver/circuit.h"
#include "bridge/deliver/dispatcher.h"
#include "bridge/settings/settings.h"
#include "bridge/store/committer.h"

struct deliver;
struct git_service;

/* What became of a message, for whoever waits for it. Borrowed for the time of the call. */
struct outcome {
	const char *message_id;       /* ours */
	const char *delivery_id;
	const char *job_id;
	enum message_state state;     /* forwarded, failed or ignored */
	const char *nairi_message_id; /* forwarded */
	const char *error;            /* failed: the API's words, else our reason */
	const char *reason;
	int upstream_status;          /* 0: none */
	const char *becomes;          /* the start that was made of it: that message's outcome counts; NULL */
};

struct deliver_options {
	struct settings_slot *settings;
	struct identities *identities;
	void *ctx;
	void (*on_final)(void *ctx, const struct outcome *outcome); /* committer's thread */
};

int deliver_new(const struct deliver_options *options, struct deliver **ret, struct error *err) MUST_CHECK;
/* Wires the threads it works with; before any of them starts. */
void deliver_connect(struct deliver *deliver, struct committer *committer, struct dispatcher *dispatcher,
		     struct git_service *git); /* git: NULL without one */
void deliver_free(struct deliver *deliver);

/* Loads what the last run left unfinished. Before the committer starts. */
int deliver_recover(struct deliver *deliver, struct store *store, struct error *err) MUST_CHECK;

/* The committer's tick. */
int64_t deliver_tick(void *deliver, struct store *store, int64_t now_mono_ms);

/* ---- for what is being accepted; committer's thread ---- */

/* True: the message may be committed as `sending`, attempts 1, and goes out right after the commit. */
bool deliver_reserve(struct deliver *deliver, const char *job_id, unsigned pace);
void deliver_unreserve(struct deliver *deliver, const char *job_id);

/*
 * Any other message that is being committed for a job, in state queued or vetting: announced inside the transaction, so that
 * nothing behind it in the same batch overtakes it; deliver_add takes it from there, deliver_retract when it was not committed.
 */
void deliver_announce(struct deliver *deliver, const char *job_id);
void deliver_retract(struct deliver *deliver, const char *job_id);

/* A message that was just committed, in state queued, vetting, or sending (then reserved). row is copied; without a job
 * (vetting) it was not announced. */
void deliver_add(struct deliver *deliver, const struct message_row *row);
/* What was just committed to be said. */
struct say;
void deliver_say(struct deliver *deliver, const struct say *say);
/* A queued or vetting message that was just withdrawn: the queue lets go of it, and who waits for it is told. */
struct withdrawn {
	int64_t seq;
	const char *message_id, *delivery_id; /* ours */
	const char *job_id; /* NULL: it had none */
	const char *reason;
};
void deliver_withdraw(struct deliver *deliver, const struct withdrawn *gone);

/*
 * The loop breaker: has the thread had limits.thread_rate prompts within the hour before now_ms (wall)? Then *ret_reason says so
 * (static text), else it is NULL.
 */
int deliver_breaks_loop(const struct config *config, struct store *store, const char *thread, int64_t now_ms,
			const char **ret_reason, struct error *err) MUST_CHECK;

/* ---- any thread ---- */

/* Messages that are not final; for the limit. */
size_t deliver_waiting(struct deliver *deliver);
/* A new configuration is in place: the key may work now. */
void deliver_reloaded(struct deliver *deliver);
/* Starts nothing new from here on. */
void deliver_close(struct deliver *deliver);

struct deliver_stats {
	size_t waiting, in_flight, replies_waiting;
	size_t followed; /* turns that are waited for, or linger */
	enum circuit_state circuit;
	char circuit_reason[240];
	uint64_t forwarded, failed, retried, doubted;
};
void deliver_stats(struct deliver *deliver, struct deliver_stats *ret);

#endif
