/* SPDX-License-Identifier: Apache-2.0 */
/* Reading GitHub's deliveries: what its kinds of events share. Nobody else includes this. */
#ifndef HANDLERS_GITHUB_READ_H
#define HANDLERS_GITHUB_READ_H

#include "handlers/github.h"

#define GITHUB_TITLE_MAX 1024

/* One delivery on its way to being events. */
struct github_delivery {
	const char *name; /* X-GitHub-Event */
	const cJSON *tree; /* the members that its row names */
	struct arena *arena;
	enum github_ci ci;
	char repo[GITHUB_REPO_SIZE]; /* repository.full_name, as it is spelled */
	int64_t repo_id;
};

/* A kind of event. */
struct github_row {
	const char *name;         /* X-GitHub-Event; NULL ends a table */
	unsigned forward;         /* the flag that it belongs to */
	const char *const *paths; /* the members that are kept of it; ends in NULL */
	int (*parse)(struct github_delivery *d, struct parsed *ret, struct error *err);
};

/* In every event. "action" is absent in some. */
#define GITHUB_COMMON_PATHS                                                             \
	"action", "repository.id", "repository.full_name", "sender.login", "sender.id", \
		"sender.type"

extern const struct github_row github_talk_rows[]; /* github_talk.c: what people write */
extern const struct github_row github_ci_rows[];   /* github_ci.c: results */
extern const struct github_row github_push_rows[]; /* github_push.c */

/* Fills repo and repo_id. ERR_INVALID, as all of these. */
int github_read_repo(struct github_delivery *d, struct error *err) MUST_CHECK;

/* "action": goes into reasons that are shown, so it is only what a name can hold. */
int github_read_action(const struct github_delivery *d, const char **ret,
		       struct error *err) MUST_CHECK;

/* The account at the path. */
int github_read_person(const struct github_delivery *d, const cJSON *tree, const char *name,
		       struct person *ret, struct error *err) MUST_CHECK;

/* 40 or 64 hex digits, borrowed from the tree. */
int github_read_commit(const cJSON *tree, const char *path, const char **ret,
		       struct error *err) MUST_CHECK;

/* A copy for display: cut to max bytes; NULL when the member is not a string or is empty. */
const char *github_read_display(const struct github_delivery *d, const cJSON *tree,
				const char *path, size_t max);

/* A copy of an http or https URL; NULL when the member is none. */
const char *github_read_url(const struct github_delivery *d, const cJSON *tree, const char *path);

/* Zeroed; ERR_TOO_LARGE when the arena is full. */
struct event *github_read_events(const struct github_delivery *d, size_t count, struct error *err);

/* A new lookup for Git at this commit, or NULL when the arena is full. branch may be NULL. */
struct lookup *github_read_lookup(const struct github_delivery *d, unsigned wants,
				  const char *commit, const char *branch);

#endif
