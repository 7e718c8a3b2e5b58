/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef BRIDGE_INTAKE_INTAKE_PRIVATE_H
#define BRIDGE_INTAKE_INTAKE_PRIVATE_H

#include <stdatomic.h>

#include "bridge/deliver/command.h"
#include "bridge/intake/intake.h"
#include "bridge/intake/policy.h"

struct waiters;

struct intake {
	struct intake_options options;
	struct waiters *waiters;
	_Atomic bool draining;
	_Atomic uint64_t queued, ignored, duplicates, rejected, refused;
};

/* What one try of the transaction made of an event; what it told the delivering half is taken back before another. */
struct made {
	enum policy_verdict verdict;
	const char *reason;      /* with POLICY_IGNORE */
	bool queued, reserved, announced;
	bool settled;            /* kept as ignored, with an answer */
	bool commands, starts, finds_link, may_start;
	struct command command;
	struct start_config start; /* with starts */
	struct command_effects *effects;
	struct say *say;
	struct message_row row;
	struct withdrawn gone;   /* the message that a deletion took back, in the accept's arena; seq 0: none */
	char job_id[JOB_ID_MAX + 2];
};

/* An event on its way in: what policy said of it, and the message it may become. */
struct candidate {
	const struct event *event;
	enum policy_verdict decided; /* by policy, before the store was asked */
	const char *decided_reason;
	const char *prompt;      /* composed; NULL when ignored, or a deletion */
	char message_id[ID_SIZE];
	const char *thread;      /* full key; NULL with a job id, or when Git has to find it */
	const char *source;      /* of the message, when it is not the delivery's: by hand, for a thread. NULL */
	struct command parsed;   /* what the text says to the bridge itself */
	bool triggered;          /* the agent is addressed as `trigger` wants it */
	bool mentioned;          /* … by name: by a mention or a command */
	const struct start_config *by_hand; /* a start by hand, for thread if that is set; NULL */
	struct made made;
};

enum accept_result { ACCEPT_QUEUED, ACCEPT_IGNORED, ACCEPT_DUPLICATE };

/* One delivery, from the loop's thread to the committer's. Owns what it holds. */
struct accept {
	struct commit_item item; /* first */
	struct intake *intake;
	struct exchange *exchange; /* suspended; NULL: nobody waits for the answer */
	struct settings *settings;
	const struct source_config *source; /* in settings; NULL: by hand */
	struct arena *arena;
	struct delivery_row row;
	char id[ID_SIZE];
	struct candidate *candidates;
	size_t count;
	int64_t wait_ms;       /* hold the answer for the outcome; 0: answer when it is kept */
	const char *preference; /* Preference-Applied; NULL */

	enum accept_result result;
	const char *reason;
	char first_id[ID_SIZE]; /* of the delivery that this one repeats */
};

/* NULL: no memory. Fills id and row.id. */
struct accept *accept_new(struct intake *intake, struct settings *settings, struct exchange *x, int64_t now_ms);
void accept_free(struct accept *accept);
/* Suspends the exchange, if there is one, and hands everything to the committer; refuses when its queue is full. Takes accept. */
void accept_submit(struct accept *accept);

/* Dedupe keys, inside the transaction; a NULL key is never found, and not kept. */
const char *accept_seen_key(struct arena *arena, char kind, const char *text);
int accept_find_seen(struct accept *accept, struct store *store, const char *key, bool *ret_found, struct error *err);
int accept_put_seen(struct accept *accept, struct store *store, const char *key, struct error *err);

/* candidate.c: one event inside the transaction; *ret_kept: a message row hangs on the delivery. */
int candidate_accept(struct accept *accept, struct candidate *candidate, struct store *store, bool *ret_kept,
		     struct error *err) MUST_CHECK;
/* As before the first try; what was told to the delivering half is taken back. */
void candidate_reset(struct accept *accept, struct candidate *candidate);
/* After the commit. */
void candidate_hand_over(struct accept *accept, struct candidate *candidate);

/* waiters.c: committer's thread */
struct waiters *waiters_new(void);
void waiters_free(struct waiters *waiters);
/*
 * Holds x until the message's outcome (or that of the message it becomes) or the deadline (mono). False: no memory,
 * answer it now.
 */
bool waiters_add(struct waiters *waiters, const char *message_id, const char *delivery_id, const char *preference,
		 struct exchange *x, int64_t until_ms) MUST_CHECK;
void waiters_finish(struct waiters *waiters, const struct outcome *outcome);
int64_t waiters_tick(struct waiters *waiters, int64_t now_ms);
/* Nobody waits any longer: each is told what is true, that it is kept. */
void waiters_end(struct waiters *waiters);

/* answers.c: the bodies of design 2.4 */
void answer_queued(struct exchange *x, const char *delivery_id, const char *preference);
void answer_ignored(struct exchange *x, const char *delivery_id, const char *reason);
void answer_duplicate(struct exchange *x, const char *first_id);
void answer_outcome(struct exchange *x, const struct outcome *outcome, const char *preference);

#endif
