/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands to the bridge, carried out inside the transaction that keeps (or clears) the comment that gave them, so that
 * each takes effect exactly once; and jobs that are started, or started again, for a thread. Committer's thread.
 */
#ifndef BRIDGE_DELIVER_COMMAND_H
#define BRIDGE_DELIVER_COMMAND_H

#include "bridge/deliver/deliver.h"
#include "bridge/deliver/say.h"

#define EFFECTS_MAX 64

/* What the queue in memory has to learn after the commit; and what was announced to it before (deliver_announce). */
struct command_effects {
	struct arena *arena; /* its own: the rows live in it */
	struct withdrawn *withdrawn; /* in the arena */
	size_t withdrawn_count;
	struct message_row added[EFFECTS_MAX]; /* announced, until the queue has them */
	size_t added_count;
	const char *thread, *linked, *unlinked; /* for the log: what goes to which job now, or no longer; NULL */
};

struct command_effects *command_effects_new(void); /* NULL: no memory */
/* Tells the queue, after the commit. */
void command_effects_apply(struct deliver *deliver, struct command_effects *effects);
/* Frees, and takes back what was announced and not applied (the commit failed, or is tried again). Takes NULL. */
void command_effects_drop(struct deliver *deliver, struct command_effects *effects);

/* Puts a message, in state queued or vetting, and announces it; effects keeps the row. */
int command_add(struct deliver *deliver, struct store *store, const struct message_row *row,
		struct command_effects *effects, struct error *err) MUST_CHECK;

/* Carries out what row's author wants (row->prompt is not read); says the answer. row is in the store already. */
int command_run(struct deliver *deliver, struct say *say, const struct message_row *row, const struct command *command,
		const char *hint, struct command_effects *effects, struct error *err) MUST_CHECK;

/* `ended: restart`: a new job carries on where one stopped. */
struct restart {
	struct deliver *deliver;
	const struct settings *settings;
	struct store *store;
	const struct message_row *const *rows; /* what it did not take any more; of one prompt */
	size_t count;
	const char *job_id;          /* the one that ended */
	const char *end_words;       /* why; NULL */
	int64_t now_ms;
	struct command_effects *effects;
	const char *renamed;         /* set: the provisional name of the new job, in the effects' arena */
};

/* Does their source want it, and is their thread still linked to the job that ended (not unlinked, nor carried on by another)? */
int restart_is_wanted(const struct restart *restart, bool *ret_wanted, struct error *err) MUST_CHECK;
/* Inside the transaction: puts the start, and all links and all that waits for the old job go over to it. After the commit: lanes_rename. */
int restart_job(struct restart *restart, struct error *err) MUST_CHECK;

/* For further prompts that the old job took: to the job that carries on already (job_id), in the same transaction. */
int restart_follow(struct restart *restart, struct error *err) MUST_CHECK;

/* The same words once more, as a new message to this job, at the end of its queue. reason: static. */
int command_again(struct deliver *deliver, struct store *store, const struct message_row *old, const char *job_id,
		  const char *reason, int64_t now_ms, struct command_effects *effects, struct error *err) MUST_CHECK;

/* The words of a restart with the branch named in them, in the arena; NULL: no memory, or not such a prompt. */
const char *branch_into(const char *prompt, const char *branch, struct arena *arena);

/* A prompt with another message's tag at its end, or without its own; in the arena. NULL: no memory. */
const char *prompt_retag(struct arena *arena, const char *prompt, const char *old_id, const char *new_id);
const char *prompt_untag(struct arena *arena, const struct message_row *row);

/* A message with the same words, on its way anew: nothing of what became of the old one. id, job and prompt are the caller's. */
void message_renew(struct message_row *row, enum message_state state, const char *reason, int64_t now_ms);

/*
 * A new message of kind start for the delivery of `row`, whose thread goes to the job that is being started from now on
 * (LINK_STARTED). prompt: without a tag. carries_on: NULL, or a message that a job did not take which ended, and where
 * the new one goes on: then the forge is asked for the branch first (branch_into), and a link of the configuration
 * stays one. Its row is added to effects.
 */
int command_start(struct deliver *deliver, struct store *store, const struct message_row *row,
		  const struct start_config *start, const char *prompt, const struct message_row *carries_on,
		  int64_t now_ms, struct command_effects *effects, struct error *err) MUST_CHECK;

#endif
