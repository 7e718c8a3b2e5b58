/* SPDX-License-Identifier: Apache-2.0 */
/* What GitHub's own files share; nobody else includes this. */
#ifndef HANDLERS_GITHUB_H
#define HANDLERS_GITHUB_H

#include <cjson/cJSON.h>

#include "handlers/handler.h"
#include "handlers/verify.h"

/*
 * `forward:` which kinds of events become messages. Inline comments count as comments: that is what
 * people call them, and each of them arrives as an event of its own. A review is what is submitted
 * with its summary text.
 */
enum github_forward {
	GITHUB_COMMENTS = 1U << 0, /* issue_comment, pull_request_review_comment */
	GITHUB_REVIEWS = 1U << 1,  /* pull_request_review */
};

struct github_settings {
	struct config_secrets secrets;
	unsigned forward;
};

/* Self-contained: nothing in it points into the configuration. */
struct github_state {
	struct verifier *verifier;
	struct github_events *events;
	char *api; /* base URL, without a trailing slash */
	char *web; /* host[:port] of the pages that belong to it, lower case */
};

/* github_events.c: the members that each event needs, compiled. NULL: no memory. */
struct github_events;
struct github_events *github_events_new(unsigned forward);
void github_events_free(struct github_events *events); /* takes NULL */

/*
 * One delivery: name is X-GitHub-Event. Fills events, event_count, ignore_reason and warning of
 * *ret.
 */
int github_events_parse(const struct github_events *events, const char *name, const char *json,
			size_t len, struct arena *arena, struct parsed *ret,
			struct error *err) MUST_CHECK;

/*
 * github_inline.c: of an inline comment, in the arena. The quote is the end of its hunk, which is
 * where the comment stands: whole lines, unless one alone is too long; NULL: there is none. The
 * lines are "12" or "10-12" (with a word when they are those of the old version); an outdated
 * comment has only its original ones; NULL: it is about a whole file.
 */
const char *github_inline_quote(const cJSON *comment, struct arena *arena);
const char *github_inline_lines(const cJSON *comment, struct arena *arena);

/* github_place.c: where a reply goes. Text is borrowed. */
enum github_kind { GITHUB_ISSUE_COMMENT, GITHUB_REVIEW_COMMENT, GITHUB_REVIEW };

struct github_place {
	char repo[208]; /* "owner/name", checked: safe in a path as it is */
	int64_t number;
	enum github_kind kind;
	int64_t id;
	int64_t top; /* the first comment of an inline thread: GitHub takes replies only there */
};

/* "issue_comment", "review_comment", "review": the word before the id in event.object. */
const char *github_place_kind(enum github_kind kind);

/*
 * GitHub's characters for owner and name (letters, digits, "-", "_", in names also "."), never "."
 * or "..".
 */
bool github_place_repo_is_valid(const char *full_name);

/* The place as JSON in the arena; NULL when that is full. */
const char *github_place_write(const struct github_place *place, struct arena *arena);

/*
 * Reads what github_place_write wrote, and checks all of it again, since it ends in a URL.
 * ERR_INVALID.
 */
int github_place_read(const char *json, struct github_place *ret, struct error *err) MUST_CHECK;

/* github_api.c: talking back. */
extern const struct forge github_api_forge;

#endif
