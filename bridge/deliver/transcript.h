/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job's list of messages (GET /conversations/{job}/messages) tells: what became of a turn of ours, and what the job says of
 * itself in its notices (nairi-api.md sections 4 to 6). The list names no message that another answers, so attribution follows the
 * order in which turns run: one at a time, first come first served. Pure; any thread.
 */
#ifndef BRIDGE_DELIVER_TRANSCRIPT_H
#define BRIDGE_DELIVER_TRANSCRIPT_H

#include "bridge/base/arena.h"
#include "bridge/base/error.h"

struct transcript;

/*
 * Reads the list. Messages whose members are not what they should be are left out, as the vendor's own client does. Everything kept is
 * copied into the arena. Content of progress messages is not kept. ERR_INVALID: not such a list (not JSON, too deep, no "messages").
 */
int transcript_read(const char *json, size_t len, struct arena *arena, struct transcript **ret,
		    struct error *err) MUST_CHECK;

enum turn_status {
	TURN_ABSENT,    /* our message is not in the list */
	TURN_QUEUED,    /* nobody has picked it up */
	TURN_PENDING,   /* the agent works on it */
	TURN_COMPLETED,
	TURN_FAILED,
};

enum job_end { JOB_GOES_ON, JOB_MERGED, JOB_CLOSED, JOB_INACTIVE, JOB_ABANDONED };

struct turn_sight {
	enum turn_status status;
	bool behind;            /* TURN_QUEUED: the job works on an earlier message, anybody's */
	bool answered;          /* an assistant message of this turn is there, perhaps an empty one */
	const char *answer;     /* the texts of its non-empty assistant messages, a blank line between them; NULL: none */
	const char *failure;    /* the de-duplicated error notices (S3) of this turn, a line each; NULL: none. Not redacted */
	enum job_end end;       /* what the newest notice about the job as a whole (S4, S5) says, if no turn began after it */
	const char *end_words;  /* its words; NULL */
};

/* What became of the user message with this id. Texts are in the transcript's arena. */
void transcript_turn(const struct transcript *transcript, const char *message_id, struct turn_sight *ret);

/* A pull request that the job announced (S1), or in which it announced a commit (S2). */
struct announcement {
	const char *url;        /* "https://HOST/OWNER/REPO/pull/N" */
	const char *notice_id;  /* of the system message */
	int64_t created_ms;     /* its created_at; 0: unreadable */
};

/* In order of the list, at most max; each URL as often as it was announced. Returns how many. */
size_t transcript_announcements(const struct transcript *transcript, struct announcement *ret, size_t max);

/* Whether the job announced this commit (hexadecimal, whole) as its own (S2). Nobody else's words count. */
bool transcript_has_commit(const struct transcript *transcript, const char *commit);

/* The id of the newest user message whose content has the tag ("[nairi-bridge <id>]") on a line of its own, or NULL. */
const char *transcript_find_tag(const struct transcript *transcript, const char *tag);

/* RFC 3339 with "Z" or an offset, to wall-clock ms; -1: not such a time. */
int64_t transcript_time_ms(const char *text);

/* A page of GET /agents/{agent}/conversations: the rows that have what they must. ERR_INVALID: not such a list. */
struct conversation {
	const char *id, *status, *updated_at;
	int64_t updated_ms;
};
int conversations_read(const char *json, size_t len, struct arena *arena, const struct conversation **ret,
		       size_t *ret_count, size_t *ret_rows, struct error *err) MUST_CHECK; /* ret_rows: also those left out */

#endif
