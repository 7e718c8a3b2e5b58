/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nairi's API: the calls we make and what its answers mean (design 3.2; nairi-api.md sections 3, 7.4, 10). Pure; any
 * thread.
 */
#ifndef BRIDGE_DELIVER_NAIRI_H
#define BRIDGE_DELIVER_NAIRI_H

#include "bridge/base/arena.h"
#include "bridge/model/http.h"
#include "bridge/model/message.h"
#include "bridge/deliver/dispatcher.h"

#define NAIRI_MESSAGE_ID_MAX 64
#define NAIRI_ERROR_MAX      2000

/* POST {base}/conversations/{job}/continue with {"prompt": …}. base ends in /api/public/v1. */
int nairi_continue_request(const char *base, const char *job_id, const char *prompt, struct arena *arena,
			   struct http_call_spec *ret, struct error *err) MUST_CHECK;
/* POST {base}/conversations/start with {"agent_id": …, "prompt": …, "ask_mode": true if so}. */
int nairi_start_request(const char *base, const char *agent, const char *prompt, bool ask, struct arena *arena,
			struct http_call_spec *ret, struct error *err) MUST_CHECK;
/* GET {base}/agents/{agent}/conversations, changed after after_ms (wall; 0: all), newest last, a page from offset. */
#define NAIRI_PAGE 100
int nairi_conversations_request(const char *base, const char *agent, int64_t after_ms, int64_t offset,
				struct arena *arena, struct http_call_spec *ret, struct error *err) MUST_CHECK;
/* GET {base}/conversations/{job}/messages */
int nairi_messages_request(const char *base, const char *job_id, struct arena *arena, struct http_call_spec *ret,
			   struct error *err) MUST_CHECK;
/* GET {base}/agents: the cheapest proof that the key works. */
int nairi_probe_request(const char *base, struct arena *arena, struct http_call_spec *ret, struct error *err) MUST_CHECK;

enum nairi_meaning {
	NAIRI_FORWARDED, /* message_id */
	NAIRI_REFUSED,   /* cannot be continued: error has the API's words */
	NAIRI_KEY,       /* our key is refused: nothing to do with the job */
	NAIRI_LATER,     /* surely not accepted; again after wait_ms (-1: as we like) */
	NAIRI_DOUBT,     /* may have been accepted: look first; then as LATER */
};

struct nairi_verdict {
	enum nairi_meaning meaning;
	char message_id[NAIRI_MESSAGE_ID_MAX];
	char job_id[JOB_ID_MAX + 2]; /* of a start */
	char error[NAIRI_ERROR_MAX]; /* the API's words, verbatim UTF-8 (cut at the end); "" when it said none */
	char reason[240];            /* ours, one clause: "503 from the API", "connection refused" */
	int status;                  /* 0: no answer */
	int64_t wait_ms;
	bool unreachable;            /* counts against the upstream as a whole: no answer, or not one of the API's */
};

/* What a call of `continue` came to. max_wait_ms clamps Retry-After. */
void nairi_read_continue(const struct call *call, int64_t now_ms, int64_t max_wait_ms, struct nairi_verdict *ret);

/* What a call of `start` came to: as with continue, and the job's id. */
void nairi_read_start(const struct call *call, int64_t now_ms, int64_t max_wait_ms, struct nairi_verdict *ret);

enum nairi_sight {
	NAIRI_FOUND,  /* verdict: FORWARDED with the message id */
	NAIRI_ABSENT, /* the list is whole and our tag is not in it */
	NAIRI_UNSEEN, /* no usable list: verdict says why (KEY, LATER) */
};

/* What a list of the job's messages says of the prompt that has the tag on a line of its own. */
enum nairi_sight nairi_read_messages(const struct call *call, const char *tag, int64_t now_ms, int64_t max_wait_ms,
				     struct nairi_verdict *ret);

/* Any of the lists: NAIRI_FORWARDED when there is a whole 2xx body to read, else what it means instead. */
void nairi_read_list(const struct call *call, int64_t max_wait_ms, struct nairi_verdict *ret);

/* Whether the probe's answer shows a key that works. */
bool nairi_read_probe(const struct call *call);

#endif
