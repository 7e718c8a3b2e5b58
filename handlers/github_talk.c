/* SPDX-License-Identifier: Apache-2.0 */
/* What people write (webhook-sources 1.2 and 1.3; paths as in octokit's schemas). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/base/hmac.h"
#include "bridge/base/json.h"
#include "handlers/github_read.h"
#include "handlers/shape.h"

#define FILE_MAX 1024

struct action {
	const char *name;
	enum event_kind kind;
	const char *did; /* a review says by its state what was done */
};

/* Where its parts stand. */
struct shape {
	const char *name; /* X-GitHub-Event */
	enum github_kind kind;
	const char *subject; /* the member that is the pull request or issue (NULL: a commit) … */
	const char *object;  /* … and the one that holds the text */
	const struct action *actions;
	enum event_pace pace;
};

static const struct action comment_actions[] = {
	{ "created", EVENT_MESSAGE, "commented on" },
	{ "edited", EVENT_EDIT, "edited a comment on" },
	{ "deleted", EVENT_DELETE, "deleted a comment on" },
	{ NULL, EVENT_MESSAGE, NULL },
};

static const struct action commit_actions[] = {
	{ "created", EVENT_MESSAGE, "commented on" },
	{ NULL, EVENT_MESSAGE, NULL },
};

static const struct action review_actions[] = {
	{ "submitted", EVENT_MESSAGE, "reviewed" },
	{ "edited", EVENT_EDIT, "edited a review of" },
	{ NULL, EVENT_MESSAGE, NULL },
};

#define OBJECT_PATHS(object)                                                           \
	object ".id", object ".body", object ".html_url", object ".updated_at",        \
		object ".author_association", object ".user.login", object ".user.id", \
		object ".user.type"

#define PULL_PATHS \
	"pull_request.number", "pull_request.title", "pull_request.body", "pull_request.head.ref"

static const char *const issue_comment_paths[] = {
	GITHUB_COMMON_PATHS,
	OBJECT_PATHS("comment"),
	"issue.number",
	"issue.title",
	"issue.pull_request",
	"issue.body",
	NULL,
};
static const char *const review_comment_paths[] = {
	GITHUB_COMMON_PATHS,
	OBJECT_PATHS("comment"),
	"comment.in_reply_to_id",
	"comment.path",
	"comment.diff_hunk",
	"comment.line",
	"comment.original_line",
	"comment.start_line",
	"comment.original_start_line",
	"comment.side",
	"comment.start_side",
	"comment.commit_id",
	"comment.original_commit_id",
	PULL_PATHS,
	NULL,
};
static const char *const review_paths[] = {
	GITHUB_COMMON_PATHS, OBJECT_PATHS("review"), "review.state", PULL_PATHS, NULL,
};
static const char *const commit_comment_paths[] = {
	GITHUB_COMMON_PATHS, OBJECT_PATHS("comment"), "comment.commit_id",
	"comment.path",      "comment.line",          NULL,
};

/*
 * Inline comments of one review come one by one, in any order; the review's own text goes with them.
 * What stands alone waits for nobody.
 */
static const struct shape shapes[] = {
	{ "issue_comment", GITHUB_ISSUE_COMMENT, "issue", "comment", comment_actions, EVENT_AT_ONCE },
	{ "pull_request_review_comment", GITHUB_REVIEW_COMMENT, "pull_request", "comment",
	  comment_actions, EVENT_BURST },
	{ "pull_request_review", GITHUB_REVIEW, "pull_request", "review", review_actions, EVENT_JOINS },
	{ "commit_comment", GITHUB_COMMIT_COMMENT, NULL, "comment", commit_actions, EVENT_AT_ONCE },
};

/* One delivery on its way to being an event. */
struct reading {
	struct github_delivery *d;
	const struct shape *shape;
	const struct action *action;
	const cJSON *subject; /* NULL: a commit */
	const cJSON *object;
	struct event *event;
	struct github_place place;
};

/* OWNER, MEMBER …: a hint that policy weighs; what is no such word is no hint. */
static const char *association(const struct reading *r)
{
	const char *word = json_str(r->object, "author_association");

	if (word == NULL || word[0] == '\0' || strlen(word) > 32 ||
	    word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")] != '\0')
		return NULL;
	return arena_strdup(r->d->arena, word);
}

static int read_people(struct reading *r, struct error *err)
{
	struct event *event = r->event;
	bool has_author = json_at(r->object, "user") != NULL;

	/*
	 * Whoever writes exists; later the account may be gone (null): nobody we could trust, but
	 * no error either.
	 */
	if (has_author || event->kind == EVENT_MESSAGE) {
		if (github_read_person(r->d, r->object, "user", &event->author, err) < 0)
			return error_prefix(err, "%s.", r->shape->object);
		event->author.association = association(r);
	}
	event->actor = event->author;
	/*
	 * Some deliveries have no sender. Who wrote is who acted then, but never with an edit:
	 * anyone may be the editor.
	 */
	if (json_at(r->d->tree, "sender") == NULL && event->kind != EVENT_EDIT)
		return 0;
	if (github_read_person(r->d, r->d->tree, "sender", &event->actor, err) < 0)
		return -1;
	bool same = event->actor.id != NULL && event->author.id != NULL &&
		strcmp(event->actor.id, event->author.id) == 0;
	event->actor.association = same ? event->author.association : NULL;
	return 0;
}

/* What its branch and its description say: of an issue, only the latter. */
static const char *hint(const struct reading *r)
{
	return github_hint(json_str(r->subject, "head.ref"), json_str(r->subject, "body"), r->d->arena);
}

static int read_subject(struct reading *r, struct error *err)
{
	struct event *event = r->event;
	struct arena *arena = r->d->arena;

	if (shape_id(r->subject, "number", &r->place.number, err) < 0)
		return error_prefix(err, "%s.", r->shape->subject);
	bool issue = r->shape->kind == GITHUB_ISSUE_COMMENT &&
		!cJSON_IsObject(json_at(r->subject, "pull_request"));
	event->thread = github_thread_name(r->d->repo, r->place.number, arena);
	event->where = arena_printf(arena, "%s %s#%" PRId64, issue ? "issue" : "pull request",
				    r->d->repo, r->place.number);
	event->title = github_read_display(r->d, r->subject, "title", GITHUB_TITLE_MAX);
	event->hint = event->kind != EVENT_DELETE ? hint(r) : NULL;
	return 0;
}

/* A comment on a commit, or on a line of it: which pull request that belongs to, Git knows. */
static int read_commit(struct reading *r, struct error *err)
{
	struct event *event = r->event;
	struct arena *arena = r->d->arena;
	const char *commit = NULL;

	if (github_read_commit(r->object, "commit_id", &commit, err) < 0)
		return error_prefix(err, "%s.", r->shape->object);
	(void)snprintf(r->place.commit, sizeof(r->place.commit), "%s", commit);
	event->where = arena_printf(arena, "commit %.12s of %s", commit, r->d->repo);
	event->file = github_read_display(r->d, r->object, "path", FILE_MAX);
	struct lookup *lookup = github_read_lookup(r->d, LOOKUP_THREAD, commit, NULL);
	int64_t line = 0;
	if (lookup != NULL && event->file != NULL && json_int(r->object, "line", &line) && line > 0) {
		event->line = line;
		event->lines = arena_printf(arena, "%" PRId64, line);
		lookup->wants |= LOOKUP_CODE;
		lookup->path = arena_strdup(arena, json_str(r->object, "path"));
		lookup->line = line;
	}
	event->lookup = lookup;
	return 0;
}

/*
 * What tells this content from any other, also under another delivery id, which the signature does
 * not cover. The time of an edit has whole seconds, and a review has none: so the text counts too.
 */
static int read_dedupe(struct reading *r, const char *body, struct error *err)
{
	const char *kind = github_place_kind(r->shape->kind);
	const char *updated = NULL;
	char hash[SHA256_HEX_SIZE];

	if (shape_opt_str(r->object, "updated_at", &updated, err) < 0)
		return error_prefix(err, "%s.", r->shape->object);
	if (updated != NULL && !shape_is_visible(updated, 64))
		return error_set(err, ERR_INVALID, "%s.updated_at is not a time", r->shape->object);
	r->event->object = arena_printf(r->d->arena, "%s/%" PRId64, kind, r->place.id);
	if (r->event->kind != EVENT_EDIT) {
		r->event->dedupe = arena_printf(r->d->arena, "%" PRId64 "/%s/%" PRId64 "/%s",
						r->d->repo_id, kind, r->place.id, r->action->name);
		return 0;
	}
	sha256_hex(body, strlen(body), hash);
	r->event->dedupe = arena_printf(r->d->arena, "%" PRId64 "/%s/%" PRId64 "/edited/%s/%.16s",
					r->d->repo_id, kind, r->place.id,
					updated != NULL ? updated : "-", hash);
	return 0;
}

static int read_object(struct reading *r, struct error *err)
{
	const char *body = NULL;

	r->place.kind = r->shape->kind;
	if (shape_id(r->object, "id", &r->place.id, err) < 0 ||
	    shape_opt_str(r->object, "body", &body, err) < 0)
		return error_prefix(err, "%s.", r->shape->object);
	body = body != NULL ? body : "";
	r->place.top = r->place.id;
	r->event->text = arena_strdup(r->d->arena, body);
	r->event->url = github_read_url(r->d, r->object, "html_url");
	return read_dedupe(r, body, err);
}

static int read_inline(struct reading *r, struct error *err)
{
	const cJSON *top = json_at(r->object, "in_reply_to_id");

	if (top != NULL && !cJSON_IsNull(top) &&
	    shape_id(r->object, "in_reply_to_id", &r->place.top, err) < 0)
		return error_prefix(err, "%s.", r->shape->object);
	r->event->file = github_read_display(r->d, r->object, "path", FILE_MAX);
	r->event->quote = github_inline_quote(r->object, r->d->arena);
	if (r->event->file == NULL)
		return 0;
	r->event->line = github_inline_line(r->object);
	r->event->lines = github_inline_lines(r->object, r->d->arena);
	if (r->event->kind != EVENT_DELETE)
		r->event->lookup = github_inline_lookup(r->object, r->d->repo, r->d->arena);
	return 0;
}

/*
 * A submitted review. *ret_bare: without a word or a verdict of its own; GitHub makes such a one
 * around every single inline comment, which comes as an event itself.
 */
static int read_review(struct reading *r, bool *ret_bare, struct error *err)
{
	const char *state = NULL;

	if (shape_str(r->object, "state", &state, err) < 0)
		return error_prefix(err, "%s.", r->shape->object);
	bool approved = strcasecmp(state, "approved") == 0;
	bool refused = strcasecmp(state, "changes_requested") == 0;
	if (r->event->kind == EVENT_MESSAGE && (approved || refused))
		r->event->did = approved ? "approved" : "requested changes on";
	*ret_bare = r->event->kind != EVENT_MESSAGE || (!approved && !refused);
	return 0;
}

/* What differs from kind to kind. *ret_bare: as read_review has it. */
static int read_kind(struct reading *r, bool *ret_bare, struct error *err)
{
	switch (r->shape->kind) {
	case GITHUB_REVIEW_COMMENT:
		return read_inline(r, err);
	case GITHUB_REVIEW:
		return read_review(r, ret_bare, err);
	case GITHUB_ISSUE_COMMENT:
	case GITHUB_COMMIT_COMMENT:
		return 0;
	}
	return 0;
}

static int read_event(struct reading *r, struct parsed *ret, struct error *err)
{
	struct event *event = r->event;
	bool bare = true;

	event->kind = r->action->kind;
	event->pace = r->shape->pace;
	event->did = r->action->did;
	event->name = arena_printf(r->d->arena, "%s.%s", r->shape->name, r->action->name);
	if (github_read_repo(r->d, err) < 0)
		return -1;
	(void)snprintf(r->place.repo, sizeof(r->place.repo), "%s", r->d->repo);
	if ((r->subject != NULL ? read_subject(r, err) : read_commit(r, err)) < 0 ||
	    read_object(r, err) < 0 || read_people(r, err) < 0 || read_kind(r, &bare, err) < 0)
		return -1;
	event->place = github_place_write(&r->place, r->d->arena);
	if (event->text == NULL || event->place == NULL)
		return error_set(err, ERR_TOO_LARGE,
				 "the delivery holds more text than can be kept");
	if (event->kind != EVENT_DELETE && bare && shape_is_blank(event->text)) {
		ret->ignore_reason = r->shape->kind == GITHUB_REVIEW ? "an empty review"
								     : "an empty comment";
		return 0;
	}
	ret->events = event;
	ret->event_count = 1;
	return 0;
}

/* NULL: it is not forwarded. */
static const struct action *find_action(const struct shape *shape, const char *name)
{
	for (const struct action *action = shape->actions; action->name != NULL; action++) {
		if (strcmp(action->name, name) == 0)
			return action;
	}
	return NULL;
}

static int talk_parse(struct github_delivery *d, struct parsed *ret, struct error *err)
{
	const struct shape *shape = shapes;
	const char *action = NULL;

	while (strcmp(shape->name, d->name) != 0)
		shape++;
	struct reading r = { .d = d,
			     .shape = shape,
			     .subject = shape->subject != NULL ? json_at(d->tree, shape->subject) : NULL,
			     .object = json_at(d->tree, shape->object) };
	if (github_read_action(d, &action, err) < 0)
		return -1;
	r.action = find_action(shape, action);
	if (r.action == NULL) {
		ret->ignore_reason = arena_printf(d->arena, "action %s of event %s is not forwarded",
						  action, d->name);
		return 0;
	}
	/*
	 * The event's name is not under the MAC: a body that was signed for another event must not
	 * pass as this one.
	 */
	if (shape->subject != NULL && !cJSON_IsObject(r.subject))
		return error_set(err, ERR_INVALID, "%s is missing", shape->subject);
	if (!cJSON_IsObject(r.object))
		return error_set(err, ERR_INVALID, "%s is missing", shape->object);
	r.event = github_read_events(d, 1, err);
	return r.event != NULL ? read_event(&r, ret, err) : -1;
}

const struct github_row github_talk_rows[] = {
	{ "issue_comment", GITHUB_COMMENTS, issue_comment_paths, talk_parse },
	{ "pull_request_review_comment", GITHUB_COMMENTS, review_comment_paths, talk_parse },
	{ "pull_request_review", GITHUB_REVIEWS, review_paths, talk_parse },
	{ "commit_comment", GITHUB_COMMENTS, commit_comment_paths, talk_parse },
	{ NULL, 0, NULL, NULL },
};
