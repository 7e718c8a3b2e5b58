/* SPDX-License-Identifier: Apache-2.0 */
/* What following turns consists of: follow.c asks, turns.c knows what the answers mean. Within this room. */
#ifndef BRIDGE_DELIVER_FOLLOW_H
#define BRIDGE_DELIVER_FOLLOW_H

#include "bridge/deliver/deliver_private.h"
#include "bridge/deliver/transcript.h"

/* A turn, as a poll sees it. */
struct turn_view {
	int64_t seq;          /* of the leading message */
	char message_id[NAIRI_MESSAGE_ID_MAX];
	int64_t started_ms;   /* wall */
	int64_t ended_ms;     /* 0: running */
	int64_t behind_ms;    /* wall: when the job was last seen to work on an earlier message; 0: never */
	int ends;             /* lists that showed an end which was not whole yet (no answer beside `completed`) */
};

enum turn_what {
	TURN_GOES_ON,
	TURN_OVER,     /* to: answered, failed, stalled; or forwarded: no end was seen, and nobody waits any longer */
	TURN_LINGERED, /* it ended before, and enough time has passed */
};

struct turn_news {
	enum turn_what what;
	enum message_state to;
	bool lingers;            /* what the job says afterwards is still wanted */
	bool restarts;           /* set by turns_apply, as are: */
	const struct message_row *rows; /* whose turn it was, in the result's arena */
	size_t row_count;
	int64_t now_ms;
	struct answer_text said; /* texts in the poll's arena */
	char reason[200];
};

#define TURN_LINKS_MAX 32

/* One poll's result: read on the dispatcher's thread, applied and settled on the committer's. */
struct turns_result {
	bool read;               /* there was a list */
	bool writes;             /* something is to be recorded */
	struct turn_news news[64];
	struct announcement announcements[256];
	size_t announcement_count, announcement_new; /* the first of those that are news */

	/* by turns_apply: */
	size_t told;             /* messages whose turn is over; more than one run's wait for the next poll */
	struct arena *arena;
	struct say *say;
	struct command_effects *effects;
	struct announced links[TURN_LINKS_MAX];
	size_t link_count;
	const char *renamed;     /* the provisional name of the job that carries on; NULL */
};

/* What an answer (or none) says of the turns; views[].ends goes up, and behind_ms. known: announcements that were seen before. Any thread. */
void turns_read(struct turns_result *result, const struct call *call, const struct config *config, struct arena *arena,
		struct turn_view *views, size_t count, size_t known, int64_t now_ms);
/* Inside the transaction. May run twice. */
int turns_apply(struct turns_result *result, struct deliver *deliver, struct settings *settings, struct store *store,
		const char *job_id, const struct turn_view *views, size_t count, struct error *err) MUST_CHECK;
/* After the commit. */
void turns_settle(struct turns_result *result, struct deliver *deliver, const struct turn_view *views, size_t count,
		  const char *job_id);
void turns_result_release(struct turns_result *result, struct deliver *deliver);

#endif
