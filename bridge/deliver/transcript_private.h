/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by transcript*.c only: the rows that are kept of a list, and who owns them. */
#ifndef BRIDGE_DELIVER_TRANSCRIPT_PRIVATE_H
#define BRIDGE_DELIVER_TRANSCRIPT_PRIVATE_H

#include <stdint.h>

#include "bridge/deliver/transcript.h"

enum row_kind {
	ROW_USER,
	ROW_ASSISTANT,
	ROW_ERROR,    /* S3 */
	ROW_LATE,     /* S3 of the footer check, which comes after a good answer */
	ROW_PULL,     /* S1 */
	ROW_COMMIT,   /* S2 */
	ROW_END,      /* S4, S5 */
	ROW_OTHER,    /* not kept */
};

struct turn;

struct row {
	enum row_kind kind;
	enum turn_status status; /* ROW_USER */
	enum job_end end;        /* ROW_END */
	size_t position;         /* in the list, among all rows */
	const char *id;
	const char *text;        /* ROW_USER: only its lines that are tags; ROW_ERROR: without what wraps it, NULL: says nothing */
	const char *commit;      /* ROW_COMMIT: how its notice goes on: "SHA7 …" or "[SHA7](…"; NULL: not told */
	bool wrapped;            /* ROW_ERROR: "error continuing Claude session: …" was around it */
	int64_t created_ms, updated_ms; /* -1: unreadable */
	struct turn *turn;       /* ROW_USER: its own; else whose it is; NULL: nobody's, or not known */
	struct row *next;        /* of the same turn */
};

/* A user message that was picked up. */
struct turn {
	const struct row *user;
	struct row *first, **last; /* what came of it, in order */
	size_t answers, errors;
	bool met;                /* something came that is its own, or may be */
	struct turn *next_good;  /* the next one that did not fail; NULL */
	size_t good_left;        /* completed ones from this one on */
	const char *answer, *failure;
};

struct transcript {
	struct row **rows;
	size_t count;
	struct turn *turns;
	size_t turn_count;
	size_t last_progress; /* position of the last progress row + 1; 0: none */
};

/* transcript_turns.c: decides whose the answers and notices are. */
void transcript_attribute(struct transcript *transcript);

/* transcript_announcements.c: of S1 and S2 rows only the URL stays as their text; NULL: it names none. */
void transcript_find_pulls(struct transcript *transcript, struct arena *arena);

/* transcript_notices.c: what a system message is. *ret_text may be moved forward and NULL; text is the message. */
enum row_kind transcript_notice(char *text, const char **ret_text, bool *ret_wrapped, enum job_end *ret_end);

#endif
