/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the authors of messages are told, by their source's `reply:` (none, errors, answers, status). Decided and written inside
 * the transaction that records what happened, so that no crash can come between the two; posted afterwards (replies.c).
 * Those who were sent together are told once a thread. Committer's thread.
 */
#ifndef BRIDGE_DELIVER_SAY_H
#define BRIDGE_DELIVER_SAY_H

#include "bridge/deliver/answer_text.h"
#include "bridge/deliver/command_text.h"
#include "bridge/settings/settings.h"
#include "bridge/store/store.h"

#define SAY_MAX 96

/* One recording: the replies that it made, or brought back for another edit. A recording that is tried again says it anew. */
struct say {
	const struct settings *settings;
	struct store *store;
	struct arena *arena; /* its own */
	int64_t now_ms;
	struct reply_row *rows; /* in the arena; NULL as long as nobody is told anything */
	size_t count, room;
};

/* NULL: no memory. Settings and store must outlive its use. */
struct say *say_new(const struct settings *settings, struct store *store, int64_t now_ms);
void say_free(struct say *say); /* takes NULL */

/* The eyes under each comment: the API accepted it. */
int say_seen(struct say *say, const struct message_row *const *rows, size_t count, struct error *err) MUST_CHECK;
/* What became of the turn that these messages asked for (author and marker of *what are filled in here). */
int say_turn(struct say *say, const struct message_row *const *rows, size_t count, const struct answer_text *what,
	     struct error *err) MUST_CHECK;
/* They could not be delivered: in the API's words (error), or in ours (reason). */
int say_refused(struct say *say, const struct message_row *const *rows, size_t count, const char *error,
		const char *reason, int upstream_status, struct error *err) MUST_CHECK;
/* An answer to a command, or to a mention where no job is linked; author, prefix and marker are filled in here. Not with `reply: none`. */
int say_command(struct say *say, const struct message_row *row, const struct command_reply *what,
		struct error *err) MUST_CHECK;

#endif
