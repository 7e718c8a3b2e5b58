/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP out: one thread, one curl multi handle, connections kept. It makes the calls it is given and says what became of
 * each; it knows nothing of jobs or retries. It never follows a redirect (credentials would travel), never
 * sends a request twice by itself, and reads no more of an answer than the caller allows.
 */
#ifndef BRIDGE_DELIVER_DISPATCHER_H
#define BRIDGE_DELIVER_DISPATCHER_H

#include "bridge/base/arena.h"
#include "bridge/base/secret.h"
#include "bridge/model/http.h"

struct dispatcher;

enum call_result {
	CALL_ANSWERED, /* answer is filled */
	CALL_NOT_SENT, /* DNS, connect, TLS, or not one byte of a body left: it cannot have been accepted */
	CALL_LOST,     /* time-out or reset after the request went out: it may have been accepted */
};

struct call {
	/* By the caller; all of it lives in the arena, or longer. */
	struct arena *arena;
	struct http_call_spec spec;
	const struct secret *token;   /* bearer; NULL: none. Must outlive the call: hold its settings */
	int64_t timeout_ms;
	size_t answer_max;            /* bytes */
	void (*done)(struct call *call); /* on the dispatcher's thread; owns the call from then on */
	void *user;
	bool limited;                 /* one of those of which only options.limited_max run at once, in order */

	/* By the dispatcher. */
	enum call_result result;
	struct http_answer answer;    /* valid inside done() */
	char reason[200];             /* CALL_NOT_SENT, CALL_LOST: one clause, no secret */
	bool cancelled;               /* with CALL_NOT_SENT: the dispatcher is stopping */
	int64_t started_ms;           /* wall */
	int64_t duration_ms;

	struct call *next;            /* the dispatcher's */
};

struct dispatcher_options {
	const char *proxy;     /* "none", "env" or a URL */
	long max_connections;  /* kept for reuse; calls are never held back by it, for a held call has no time-out */
	size_t limited_max;    /* calls marked `limited` under way at once; the others wait here */
};

int dispatcher_new(const struct dispatcher_options *options, struct dispatcher **ret, struct error *err) MUST_CHECK;
int dispatcher_start(struct dispatcher *dispatcher, struct error *err) MUST_CHECK;

/* Any thread. Takes the call; done() is called exactly once for it, also at stop. */
void dispatcher_submit(struct dispatcher *dispatcher, struct call *call);

/*
 * Starts nothing new (what waits is done with CALL_NOT_SENT); gives calls under way until deadline_ms, then cuts them (CALL_LOST).
 * Joins the thread; all done() have been called.
 */
void dispatcher_stop(struct dispatcher *dispatcher, int64_t deadline_ms);
void dispatcher_free(struct dispatcher *dispatcher);

#endif
