/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_FAULTS_H
#define SANDBOX_FAULTS_H

#include <cjson/cJSON.h>
#include <stdatomic.h>

#include "tests/sandbox/http.h"

/*
 * Faults to inject into the answers of the stand-ins. A fault says which requests it is for,
 * what goes wrong, and how often. All calls: sandbox lock held, unless said.
 */

enum fault_kind {
	FAULT_STATUS,	    /* a JSON error with this status */
	FAULT_HTML,	    /* a page as an edge proxy shows it */
	FAULT_EMPTY,	    /* no body */
	FAULT_TRUNCATED,    /* the JSON ends half way, HTTP is in order */
	FAULT_CUT,	    /* the connection ends half way through the body */
	FAULT_WRONG_TYPES,  /* every member has another type */
	FAULT_OK200,	    /* 200 whatever it was */
	FAULT_DELAY_AFTER,  /* the answer comes late */
	FAULT_DELAY_BEFORE, /* nothing happens for a while, then 504 (or, with create, all) */
	FAULT_RESET_BEFORE, /* a TCP reset, nothing happened */
	FAULT_RESET_AFTER,  /* it happened, then a TCP reset */
	FAULT_TRICKLE,	    /* the body comes byte by byte */
};

struct fault {
	int64_t id;
	char *path;   /* text_matches() on the raw path */
	char *method; /* NULL: any */
	char *in_body; /* part of the raw body; NULL: any */
	enum fault_kind kind;
	bool create; /* whether the real handler runs */
	unsigned status;
	char *body; /* NULL: a suitable one */
	cJSON *headers; /* an object of strings, or NULL */
	int64_t delay_ms;
	int64_t skip;  /* requests still let through */
	int64_t times; /* requests still hit; 0: until cleared */
	int64_t hits;
	struct fault *next;
};

struct faults;

/* `special` counts the faults and WAF words in force; it lives longer than the faults. */
struct faults *faults_new(atomic_uint *special);
void faults_free(struct faults *faults);
void faults_reset(struct faults *faults);

/* Adds one from its JSON. 0 and *ret_id, or -1 and a static text in *ret_problem. */
int faults_add(struct faults *faults, const cJSON *object, int64_t *ret_id,
	       const char **ret_problem);

/* Removes one (id 0: all of them); false if it was not there. */
bool faults_remove(struct faults *faults, int64_t id);
cJSON *faults_json(const struct faults *faults);

/* Replaces the WAF's words by a string, an array of strings, or nothing (null). */
int faults_set_waf(struct faults *faults, const cJSON *words);

/* Whether a prompt holds a word that the WAF does not like. */
bool faults_waf_hits(const struct faults *faults, const char *prompt);

/*
 * The fault for a request, taken: its counters move. Returns a copy to fault_free(), or NULL.
 */
struct fault *faults_take(struct faults *faults, const struct request *request);
void fault_free(struct fault *fault);

/* Lock NOT held for these. */

/* Makes the reply a WAF's or a broken proxy's page. */
void fault_reply_html(struct reply *reply, unsigned status);

/* Makes the reply of a fault whose handler does not run. */
void fault_reply_instead(const struct fault *fault, const struct request *request,
			 struct reply *reply);

/* Spoils the reply that the handler has made. */
void fault_spoil(const struct fault *fault, const struct request *request, struct reply *reply);

#endif
