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

struct event {
	enum event_kind kind;
	const char *name;   /* what the sender calls it: "issue_comment.created" */
	const char *thread; /* native id, without the source's name: "octo/hello#42"; NULL with job_id */
	const char *job_id; /* named by the sender (plain generic shape); NULL: look the thread up */
	const char *object; /* the object at the origin: "issue_comment/123"; edits and deletions name the same */
	const char *dedupe; /* names the content ("issue_comment/123/created"); NULL: by delivery id only */
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
	const char *place;    /* where a reply goes: JSON, private to the handler; NULL: no way to reply */
};

#endif
