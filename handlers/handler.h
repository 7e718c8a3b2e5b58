/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam for sources. A handler is the code for one type of source: one const struct, one row in
 * handlers/registry.c. Its functions are pure: bytes and settings in, values out. No socket, clock, store or lock
 * is within reach (the time of receipt is in the request), so a unit test, a golden file and a fuzzer call the
 * same entry. Any thread; state is immutable after open.
 */
#ifndef HANDLERS_HANDLER_H
#define HANDLERS_HANDLER_H

#include "bridge/base/arena.h"
#include "bridge/base/error.h"
#include "bridge/model/event.h"
#include "bridge/model/http.h"
#include "config/config.h"

#define HANDLER_MAX_EVENTS 100

/* What parse makes of an authentic request. All borrowed from the arena. */
struct parsed {
	const char *sender_id;     /* the sender's delivery id; NULL: it has none */
	const struct event *events;
	size_t event_count;        /* 0: nothing for us, and why: */
	const char *ignore_reason; /* "ping", "event push is not forwarded" … one clause */
	const char *warning;       /* for the operator's log (a hook that lacks an event …); mostly NULL */
};

enum reply_kind {
	REPLY_COMMENT,  /* text in the thread, inline where the event was inline */
	REPLY_REACTION, /* the eyes under the author's comment: accepted */
};

/* A reply to make. marker is unique to it and stands, hidden, in its text. */
struct reply_order {
	enum reply_kind kind;
	const char *place;  /* the event's place */
	const char *text;   /* Markdown, already safe to post and within max_reply; contains the marker */
	const char *marker;
	int64_t since_ms;   /* when it was first tried: look-ups need not go further back */
};

enum reply_verdict {
	REPLY_POSTED,     /* remote_id names it */
	REPLY_LATER,      /* not taken; safe to send again, not before wait_ms */
	REPLY_REFUSED,    /* final; text says why */
	REPLY_UNKNOWN,    /* it may have been posted: look */
	REPLY_GONE,       /* of an edit: there is no such comment any more; text says so */
};

struct reply_result {
	enum reply_verdict verdict;
	const char *remote_id; /* arena; "issue_comment/123", spelt as event.object is */
	int64_t wait_ms;       /* REPLY_LATER; -1: the service did not say */
	bool all;              /* REPLY_LATER: holds for every call with this credential (a rate limit) */
	const char *text;      /* arena */
};

enum permission { PERMISSION_GRANTED, PERMISSION_DENIED, PERMISSION_UNKNOWN /* ask again later */ };

/* Talking back: what only sources with an API have. Each *_request describes a call, each *_read reads its answer. */
struct forge {
	size_t max_reply; /* bytes of text that the platform takes */

	/* Fails with ERR_NOT_FOUND when this place takes no such reply (a review has no reactions). */
	int (*reply_request)(const void *state, const struct reply_order *order, struct arena *arena,
			     struct http_call_spec *ret, struct error *err);
	void (*reply_read)(const void *state, const struct reply_order *order, const struct http_answer *answer,
			   int64_t now_ms, struct arena *arena, struct reply_result *ret);

	/*
	 * A new text for a comment of ours (remote_id as reply_read gave it). Repeating it does no harm. The answer is
	 * REPLY_POSTED (without a remote_id: the caller has it), REPLY_LATER (also when it is unknown whether it
	 * arrived), REPLY_GONE (deleted, or out of sight: the caller posts it anew), or REPLY_REFUSED (locked).
	 */
	int (*edit_request)(const void *state, const struct reply_order *order, const char *remote_id,
			    struct arena *arena, struct http_call_spec *ret, struct error *err);
	void (*edit_read)(const void *state, const struct http_answer *answer, int64_t now_ms, struct arena *arena,
			  struct reply_result *ret);

	/* The place of a thread as a whole, its main conversation. ERR_NOT_FOUND: this thread takes no replies. */
	int (*place_of_thread)(const void *state, const char *thread, struct arena *arena, const char **ret,
			       struct error *err);
	/* "refs/pull/42/head": where Git keeps the head of a thread, and the repository as {repo} names it. ERR_NOT_FOUND. */
	int (*ref_of_thread)(const void *state, const char *thread, struct arena *arena, const char **ret_repo,
			     const char **ret_ref, struct error *err);
	/* The branch of a thread's pull request: head_read returns its name (arena), or NULL when the answer has none. NULL functions:
	 * nobody can be asked. */
	int (*head_request)(const void *state, const char *thread, struct arena *arena, struct http_call_spec *ret,
			    struct error *err);
	const char *(*head_read)(const void *state, const struct http_answer *answer, struct arena *arena);
	/* The page that people see: "https://github.com/octo/hello/pull/42". ERR_NOT_FOUND. */
	int (*url_of_thread)(const void *state, const char *thread, struct arena *arena, const char **ret,
			     struct error *err);

	/* After a doubtful post: a listing in which the marker would stand. */
	int (*lookup_request)(const void *state, const struct reply_order *order, struct arena *arena,
			      struct http_call_spec *ret, struct error *err);
	/* REPLY_POSTED: found. REPLY_LATER with wait_ms 0: surely absent, post again. REPLY_UNKNOWN: look later. */
	void (*lookup_read)(const void *state, const struct reply_order *order, const struct http_answer *answer,
			    int64_t now_ms, struct arena *arena, struct reply_result *ret);

	/* May this person write to the place? NULL functions: the source cannot be asked. */
	int (*permission_request)(const void *state, const char *place, const char *login, struct arena *arena,
				  struct http_call_spec *ret, struct error *err);
	enum permission (*permission_read)(const void *state, const struct http_answer *answer);

	/* Who are we? identity_read returns our own user id as text (arena), or NULL: not known yet. */
	int (*identity_request)(const void *state, struct arena *arena, struct http_call_spec *ret,
				struct error *err);
	const char *(*identity_read)(const void *state, const struct http_answer *answer, struct arena *arena);
};

struct handler {
	struct source_type kind; /* its name in `type:`, the settings it takes; what config/ needs to know */
	bool answers_caller;     /* whoever posts reads our answer (a script): errors go there, not to a thread */

	/* Prepares keys and paths from the settings; *ret_state is new. Fails with ERR_CONFIG. */
	int (*open)(const struct source_config *source, void **ret_state, struct error *err);
	void (*close)(void *state); /* takes NULL */

	/* Checks method-independent form that comes before authentication: content type (ERR_CONTENT_TYPE). */
	int (*accepts)(const void *state, const struct http_request *request, struct error *err);

	/* Is it authentic? Over the raw bytes, before anything is parsed. ERR_UNAUTHENTIC says which check failed, never
	 * what was expected. */
	int (*verify)(const void *state, const struct http_request *request, struct error *err);

	/* What does it say? ERR_INVALID: not JSON, or not the shape its event promises. */
	int (*parse)(const void *state, const struct http_request *request, struct arena *arena,
		     struct parsed *ret, struct error *err);

	/* A pasted URL to the native thread id (arena). ERR_NOT_FOUND: not a URL of this source. May be NULL. */
	int (*thread_of_url)(const void *state, const char *url, struct arena *arena, const char **ret,
			     struct error *err);

	/*
	 * A native thread id as somebody typed it, to the one spelling that events and URLs have (arena), where the
	 * service takes several for the same. ERR_INVALID: no thread of this source. NULL: ids are taken as they are.
	 */
	int (*thread_normalise)(const void *state, const char *thread, struct arena *arena, const char **ret,
				struct error *err);

	const struct forge *forge; /* NULL: no way to talk back */
};

/* The table. handler_find returns NULL for an unknown type. */
extern const struct handler *const handlers[];
extern const size_t handler_count;
const struct handler *handler_find(const char *type);

#endif
