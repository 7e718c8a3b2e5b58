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
	GITHUB_COMMENTS = 1U << 0, /* issue_comment, pull_request_review_comment, commit_comment */
	GITHUB_REVIEWS = 1U << 1,  /* pull_request_review */
	GITHUB_CI = 1U << 2,       /* check_run, check_suite, workflow_run, status */
	GITHUB_PUSHES = 1U << 3,   /* push */
};

/* `ci:` which results GITHUB_CI means. */
enum github_ci { GITHUB_CI_FAILURES, GITHUB_CI_ALL };

struct github_settings {
	struct config_secrets secrets;
	unsigned forward;
	int ci; /* enum github_ci */
};

/* Self-contained: nothing in it points into the configuration. */
struct github_state {
	struct verifier *verifier;
	struct github_events *events;
	char *api;     /* base URL, without a trailing slash */
	char *web;     /* host[:port] of the pages that belong to it, lower case */
	char *standin; /* host[:port] of an API on loopback, whose pages may be there, too; NULL */
};

/* github_events.c: the members that each event needs, compiled. NULL: no memory. */
struct github_events;
struct github_events *github_events_new(unsigned forward, enum github_ci ci);
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
 * comment has only its original ones; NULL: it is about a whole file. The line is the (last)
 * commented one; 0: none.
 */
const char *github_inline_quote(const cJSON *comment, struct arena *arena);
const char *github_inline_lines(const cJSON *comment, struct arena *arena);
int64_t github_inline_line(const cJSON *comment);

/*
 * What Git is to be asked for an inline comment, in the arena; NULL: nothing, which is the rule. A
 * hunk as GitHub sends it ends with the commented line and mostly has lines before it: that is
 * enough. Git is asked when there is no hunk, or when the quote had to be cut and now lacks a part
 * of the commented lines, or has fewer than four whole lines.
 */
const struct lookup *github_inline_lookup(const cJSON *comment, const char *repo,
					  struct arena *arena);

/*
 * github_hint.c: what the name of a branch and the description of a pull request or issue say of a
 * Nairi agent (both may be NULL); text in the arena, NULL: nothing. Anyone can write both: it is
 * never a link.
 */
const char *github_hint(const char *branch, const char *description, struct arena *arena);

/* github_place.c: where a reply goes. Text is borrowed. */
enum github_kind {
	GITHUB_ISSUE_COMMENT,
	GITHUB_REVIEW_COMMENT,
	GITHUB_REVIEW,
	GITHUB_COMMIT_COMMENT,
};

#define GITHUB_REPO_SIZE   208
#define GITHUB_COMMIT_SIZE 65

struct github_place {
	char repo[GITHUB_REPO_SIZE]; /* "owner/name", checked: safe in a path as it is */
	int64_t number;              /* 0 with GITHUB_COMMIT_COMMENT */
	enum github_kind kind;
	int64_t id;  /* 0: the thread as a whole (only GITHUB_ISSUE_COMMENT) */
	int64_t top; /* the first comment of an inline thread: GitHub takes replies only there */
	char commit[GITHUB_COMMIT_SIZE]; /* GITHUB_COMMIT_COMMENT; "" otherwise */
};

/* "issue_comment", "review_comment" …: the word before the id in event.object. */
const char *github_place_kind(enum github_kind kind);
bool github_place_kind_parse(const char *word, size_t len, enum github_kind *ret);

/*
 * GitHub's characters for owner and name (letters, digits, "-", "_", in names also "."), never "."
 * or "..".
 */
bool github_place_repo_is_valid(const char *full_name);

/* 40 or 64 hex digits. NULL is none. */
bool github_place_commit_is_valid(const char *commit);

/* The place as JSON in the arena; NULL when that is full. */
const char *github_place_write(const struct github_place *place, struct arena *arena);

/*
 * Reads what github_place_write wrote, and checks all of it again, since it ends in a URL.
 * ERR_INVALID.
 */
int github_place_read(const char *json, struct github_place *ret, struct error *err) MUST_CHECK;

/*
 * github_thread.c: the native id of a pull request or issue, "owner/name#42". GitHub ignores the
 * case of owner and name, so the id has them in lower case, whatever the spelling of the payload,
 * the URL or the operator: one conversation, one key.
 */
const char *github_thread_name(const char *repo, int64_t number, struct arena *arena);
/* Text in lower case (ASCII), in the arena. */
const char *github_thread_lower(const char *text, struct arena *arena);
/* Fills repo (in lower case) and number; the rest is that of the thread as a whole. ERR_NOT_FOUND. */
int github_thread_read(const char *thread, struct github_place *ret, struct error *err) MUST_CHECK;

/* Sets web and standin from api. ERR_CONFIG. */
int github_thread_hosts(struct github_state *github, struct error *err) MUST_CHECK;

/* What the row of GitHub and its forge have of the same name (handlers/handler.h). */
int github_thread_of_url(const void *state, const char *url, struct arena *arena, const char **ret,
			 struct error *err) MUST_CHECK;
int github_thread_normalise(const void *state, const char *thread, struct arena *arena,
			    const char **ret, struct error *err) MUST_CHECK;
int github_thread_place(const void *state, const char *thread, struct arena *arena,
			const char **ret, struct error *err) MUST_CHECK;
int github_thread_ref(const void *state, const char *thread, struct arena *arena,
		      const char **ret_repo, const char **ret_ref, struct error *err) MUST_CHECK;
int github_thread_url(const void *state, const char *thread, struct arena *arena, const char **ret,
		      struct error *err) MUST_CHECK;

/* github_answer.c: what an answer of the API that did not do what was asked means. */
#define GITHUB_ANSWER_MAX ((size_t)8 << 20)

/* The answer as an object, new; NULL: it is none (a proxy's page, or cut short). */
cJSON *github_answer_object(const struct http_answer *answer);
/* tree is the answer's object, or NULL. */
bool github_answer_is_limit(const struct http_answer *answer, const cJSON *tree);
/* Anything but the success that was hoped for: REPLY_LATER, REPLY_REFUSED or REPLY_UNKNOWN. */
void github_answer_failure(const struct http_answer *answer, const cJSON *tree, int64_t now_ms,
			   struct arena *arena, struct reply_result *ret);

/* github_api.c: talking back. */
extern const struct forge github_api_forge;

#endif
