/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a delivery says, normalised: a handler makes events of a request; the rest of the bridge knows only
 * these. All pointers are borrowed from the delivery's arena. Text is UTF-8 without NUL.
 */
#ifndef BRIDGE_MODEL_EVENT_H
#define BRIDGE_MODEL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_MESSAGE, /* somebody said something new */
	EVENT_EDIT,    /* the text of an earlier object changed */
	EVENT_DELETE,  /* an earlier object is gone */
};

struct person {
	const char *login;       /* NULL: the source does not say */
	const char *id;          /* the sender's own id, as text; NULL: unknown */
	const char *association; /* GitHub's author_association, upper case; NULL elsewhere */
	bool bot;
};

/* How an event goes with others on their way to the same job. */
enum event_pace {
	EVENT_AT_ONCE, /* a plain comment: waits for nobody */
	EVENT_BURST,   /* one of several that belong together (inline comments of a review): waits for its kind */
	EVENT_JOINS,   /* goes with a burst that is waiting, else at once (the summary of a review) */
};

/* What Git is to be asked before the prompt is sent; after the ack (design section 3, state vetting). */
enum {
	LOOKUP_CODE = 1U << 0,   /* the code around path and line at commit: the payload has none, or only a part */
	LOOKUP_THREAD = 1U << 1, /* the event knows a commit only: which linked thread's head contains it? */
	LOOKUP_PUSH = 1U << 2,   /* what was pushed from before to commit; implies LOOKUP_THREAD */
};

struct lookup {
	unsigned wants;
	const char *repo;    /* "octo/hello": {repo} of the source's git.url */
	const char *commit;  /* 40 (or 64) hex digits */
	const char *before;  /* LOOKUP_PUSH: the old tip; all zeros: a new branch */
	const char *branch;  /* without refs/heads/; NULL: unknown */
	const char *path;    /* LOOKUP_CODE */
	int64_t line, last_line;
	bool old_side;       /* the line counts in the version before the change */
};

struct event {
	enum event_kind kind;
	enum event_pace pace;
	bool machine;         /* a result or a push, not somebody's words: trust and trigger do not apply, the operator's `forward` does */
	const char *name;   /* what the sender calls it: "issue_comment.created" */
	const char *thread; /* native id, without the source's name: "octo/hello#42"; NULL with job_id */
	const char *job_id; /* named by the sender (plain generic shape); NULL: look the thread up */
	const char *object; /* the object at the origin: "issue_comment/123"; edits and deletions name the same */
	const char *dedupe; /* names the content ("issue_comment/123/created"); NULL: by delivery id only */
	const char *covers; /* another such name that counts as told with this event; NULL */
	struct person author; /* who wrote the text */
	struct person actor;  /* who did this (an editor may not be the author) */
	const char *text;     /* the author's words, verbatim; "" when there are none */
	const char *did;      /* "commented on", "requested changes on" … for the line of provenance */
	const char *where;    /* "pull request octo/hello#42"; NULL: nothing to name */
	const char *title;    /* of the pull request or issue; NULL */
	const char *url;      /* permalink; NULL */
	const char *file;     /* inline comments: path, and line or range as text ("12", "10-12"); NULL */
	const char *lines;
	const char *quote;    /* the code around it (a diff hunk); NULL */
	int64_t line;         /* of an inline comment, to bring several into reading order; 0: unknown */
	const struct lookup *lookup; /* NULL: nothing */
	const char *hint;     /* what else the sender says of a job ("its branch was made by a Nairi agent"); never a link. NULL */
	const char *place;    /* where a reply goes: JSON, private to the handler; NULL: no way to reply */
};

#endif
