/* SPDX-License-Identifier: Apache-2.0 */
/* What GitHub's deliveries say (webhook-sources 1.1 to 1.3; paths as in octokit's schemas). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/base/hmac.h"
#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "handlers/github.h"
#include "handlers/shape.h"

/* Of a payload: a comment has at most 65,536 characters, the hunk beside it may have more. */
#define KEPT_MAX   ((size_t)4 << 20)
#define ACTION_MAX 64
#define LOGIN_MAX  100
#define TITLE_MAX  1024
#define FILE_MAX   1024
#define URL_MAX    2048

struct action {
	const char *name;
	enum event_kind kind;
	const char *did; /* a review says by its state what was done */
};

/* An event with human text: where its parts stand. */
struct shape {
	const char *name; /* X-GitHub-Event */
	unsigned forward; /* the flag that it belongs to */
	enum github_kind kind;
	const char *subject; /* the member that is the pull request or issue … */
	const char *object;  /* … and the one that holds the text */
	const struct action *actions;
	const char *const *paths;
};

static const struct action comment_actions[] = {
	{ "created", EVENT_MESSAGE, "commented on" },
	{ "edited", EVENT_EDIT, "edited a comment on" },
	{ "deleted", EVENT_DELETE, "deleted a comment on" },
	{ NULL, EVENT_MESSAGE, NULL },
};

static const struct action review_actions[] = {
	{ "submitted", EVENT_MESSAGE, "reviewed" },
	{ "edited", EVENT_EDIT, "edited a review of" },
	{ NULL, EVENT_MESSAGE, NULL },
};

#define COMMON_PATHS                                                                    \
	"action", "repository.id", "repository.full_name", "sender.login", "sender.id", \
		"sender.type"
#define OBJECT_PATHS(object)                                                           \
	object ".id", object ".body", object ".html_url", object ".updated_at",        \
		object ".author_association", object ".user.login", object ".user.id", \
		object ".user.type"

static const char *const issue_comment_paths[] = {
	COMMON_PATHS,  OBJECT_PATHS("comment"), "issue.number",
	"issue.title", "issue.pull_request",    NULL,
};
static const char *const review_comment_paths[] = {
	COMMON_PATHS,
	OBJECT_PATHS("comment"),
	"comment.in_reply_to_id",
	"comment.path",
	"comment.diff_hunk",
	"comment.line",
	"comment.original_line",
	"comment.start_line",
	"comment.original_start_line",
	"comment.side",
	"pull_request.number",
	"pull_request.title",
	NULL,
};
static const char *const review_paths[] = {
	COMMON_PATHS,          OBJECT_PATHS("review"), "review.state",
	"pull_request.number", "pull_request.title",   NULL,
};
static const char *const ping_paths[] = { "hook.events", "hook.config.insecure_ssl", NULL };
static const char *const no_paths[] = { NULL };

static const struct shape shapes[] = {
	{ "issue_comment", GITHUB_COMMENTS, GITHUB_ISSUE_COMMENT, "issue", "comment",
	  comment_actions, issue_comment_paths },
	{ "pull_request_review_comment", GITHUB_COMMENTS, GITHUB_REVIEW_COMMENT, "pull_request",
	  "comment", comment_actions, review_comment_paths },
	{ "pull_request_review", GITHUB_REVIEWS, GITHUB_REVIEW, "pull_request", "review",
	  review_actions, review_paths },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

struct github_events {
	unsigned forward;
	struct json_paths *paths[SHAPES];
	struct json_paths *ping;
	struct json_paths *none;
};

struct github_events *github_events_new(unsigned forward)
{
	struct github_events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return NULL;
	events->forward = forward;
	events->ping = json_paths_new(ping_paths);
	events->none = json_paths_new(no_paths);
	bool ok = events->ping != NULL && events->none != NULL;
	for (size_t i = 0; i < SHAPES; i++) {
		events->paths[i] = json_paths_new(shapes[i].paths);
		ok = ok && events->paths[i] != NULL;
	}
	if (ok)
		return events;
	github_events_free(events);
	return NULL;
}

void github_events_free(struct github_events *events)
{
	if (events == NULL)
		return;
	for (size_t i = 0; i < SHAPES; i++)
		json_paths_free(events->paths[i]);
	json_paths_free(events->ping);
	json_paths_free(events->none);
	free(events);
}

/* One delivery on its way to being an event. */
struct reading {
	const struct shape *shape;
	const struct action *action;
	const cJSON *tree;
	const cJSON *subject;
	const cJSON *object;
	struct arena *arena;
	struct event *event;
	struct github_place place;
	int64_t repo_id;
};

/* A copy for display: cut to max bytes; NULL when the member is not a string or is empty. */
static const char *display(const struct reading *r, const cJSON *tree, const char *path, size_t max)
{
	const char *text = json_str(tree, path);

	if (text == NULL || text[0] == '\0')
		return NULL;
	size_t len = strlen(text);
	return arena_strndup(r->arena, text, utf8_cut(text, len, max));
}

static const char *permalink(const struct reading *r)
{
	const char *url = json_str(r->object, "html_url");

	if (url == NULL || !shape_is_visible(url, URL_MAX) ||
	    (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return NULL;
	return arena_strdup(r->arena, url);
}

static bool ends_in_bot(const char *login)
{
	size_t len = strlen(login);

	/* A user's name cannot hold brackets: only an App's can end so. */
	return len >= 5 && strcmp(login + len - 5, "[bot]") == 0;
}

static int read_person(const struct reading *r, const cJSON *tree, const char *name,
		       struct person *ret, struct error *err)
{
	const cJSON *user = json_at(tree, name);
	const char *login = NULL, *type = NULL;
	int64_t id = 0;

	if (!cJSON_IsObject(user))
		return error_set(err, ERR_INVALID, "%s is missing", name);
	if (shape_str(user, "login", &login, err) < 0 || shape_id(user, "id", &id, err) < 0 ||
	    shape_opt_str(user, "type", &type, err) < 0)
		return error_prefix(err, "%s.", name);
	if (!shape_is_visible(login, LOGIN_MAX))
		return error_set(err, ERR_INVALID, "%s.login is not a login", name);
	*ret = (struct person){ .login = arena_strdup(r->arena, login),
				.id = arena_printf(r->arena, "%" PRId64, id),
				.bot = (type != NULL && strcmp(type, "Bot") == 0) ||
					ends_in_bot(login) };
	return 0;
}

/* OWNER, MEMBER …: a hint that policy weighs; what is no such word is no hint. */
static const char *association(const struct reading *r)
{
	const char *word = json_str(r->object, "author_association");

	if (word == NULL || word[0] == '\0' || strlen(word) > 32 ||
	    word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")] != '\0')
		return NULL;
	return arena_strdup(r->arena, word);
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
		if (read_person(r, r->object, "user", &event->author, err) < 0)
			return error_prefix(err, "%s.", r->shape->object);
		event->author.association = association(r);
	}
	event->actor = event->author;
	/*
	 * Some deliveries have no sender. Who wrote is who acted then, but never with an edit:
	 * anyone may be the editor.
	 */
	if (json_at(r->tree, "sender") == NULL && event->kind != EVENT_EDIT)
		return 0;
	if (read_person(r, r->tree, "sender", &event->actor, err) < 0)
		return -1;
	bool same = event->actor.id != NULL && event->author.id != NULL &&
		strcmp(event->actor.id, event->author.id) == 0;
	event->actor.association = same ? event->author.association : NULL;
	return 0;
}

static int read_repo(struct reading *r, struct error *err)
{
	const char *name = NULL;

	if (shape_id(r->tree, "repository.id", &r->repo_id, err) < 0 ||
	    shape_str(r->tree, "repository.full_name", &name, err) < 0)
		return -1;
	if (!github_place_repo_is_valid(name))
		return error_set(err, ERR_INVALID, "repository.full_name is not owner/name");
	(void)snprintf(r->place.repo, sizeof(r->place.repo), "%s", name);
	return 0;
}

static int read_subject(struct reading *r, struct error *err)
{
	struct event *event = r->event;

	if (shape_id(r->subject, "number", &r->place.number, err) < 0)
		return error_prefix(err, "%s.", r->shape->subject);
	bool issue = r->shape->kind == GITHUB_ISSUE_COMMENT &&
		!cJSON_IsObject(json_at(r->subject, "pull_request"));
	event->thread = arena_printf(r->arena, "%s#%" PRId64, r->place.repo, r->place.number);
	event->where = arena_printf(r->arena, "%s %s#%" PRId64, issue ? "issue" : "pull request",
				    r->place.repo, r->place.number);
	event->title = display(r, r->subject, "title", TITLE_MAX);
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
	r->event->object = arena_printf(r->arena, "%s/%" PRId64, kind, r->place.id);
	if (r->event->kind != EVENT_EDIT) {
		r->event->dedupe = arena_printf(r->arena, "%" PRId64 "/%s/%" PRId64 "/%s",
						r->repo_id, kind, r->place.id, r->action->name);
		return 0;
	}
	sha256_hex(body, strlen(body), hash);
	r->event->dedupe = arena_printf(r->arena, "%" PRId64 "/%s/%" PRId64 "/edited/%s/%.16s",
					r->repo_id, kind, r->place.id,
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
	r->event->text = arena_strdup(r->arena, body);
	r->event->url = permalink(r);
	return read_dedupe(r, body, err);
}

static int read_inline(struct reading *r, struct error *err)
{
	const cJSON *top = json_at(r->object, "in_reply_to_id");

	if (top != NULL && !cJSON_IsNull(top) &&
	    shape_id(r->object, "in_reply_to_id", &r->place.top, err) < 0)
		return error_prefix(err, "%s.", r->shape->object);
	r->event->file = display(r, r->object, "path", FILE_MAX);
	if (r->event->file != NULL)
		r->event->lines = github_inline_lines(r->object, r->arena);
	r->event->quote = github_inline_quote(r->object, r->arena);
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

static int read_event(struct reading *r, struct parsed *ret, struct error *err)
{
	struct event *event = r->event;
	bool bare = true;

	event->kind = r->action->kind;
	event->did = r->action->did;
	event->name = arena_printf(r->arena, "%s.%s", r->shape->name, r->action->name);
	if (read_repo(r, err) < 0 || read_subject(r, err) < 0 || read_object(r, err) < 0 ||
	    read_people(r, err) < 0)
		return -1;
	if (r->shape->kind == GITHUB_REVIEW_COMMENT && read_inline(r, err) < 0)
		return -1;
	if (r->shape->kind == GITHUB_REVIEW && read_review(r, &bare, err) < 0)
		return -1;
	event->place = github_place_write(&r->place, r->arena);
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

/* "action" goes into the reason that is shown: only what a name can hold. */
static int read_action(const cJSON *tree, const char **ret, struct error *err)
{
	const char *action = NULL;

	if (shape_str(tree, "action", &action, err) < 0)
		return -1;
	size_t len = strspn(action, "abcdefghijklmnopqrstuvwxyz_");
	if (len == 0 || len > ACTION_MAX || action[len] != '\0')
		return error_set(err, ERR_INVALID, "action is not the name of an action");
	*ret = action;
	return 0;
}

static int parse_shape(const struct shape *shape, const cJSON *tree, struct arena *arena,
		       struct parsed *ret, struct error *err)
{
	struct reading r = { .shape = shape,
			     .action = shape->actions,
			     .tree = tree,
			     .subject = json_at(tree, shape->subject),
			     .object = json_at(tree, shape->object),
			     .arena = arena };
	const char *action = NULL;

	if (read_action(tree, &action, err) < 0)
		return -1;
	while (r.action->name != NULL && strcmp(r.action->name, action) != 0)
		r.action++;
	if (r.action->name == NULL) {
		ret->ignore_reason = arena_printf(arena, "action %s of event %s is not forwarded",
						  action, shape->name);
		return 0;
	}
	/*
	 * The event's name is not under the MAC: a body that was signed for another event must not
	 * pass as this one.
	 */
	if (!cJSON_IsObject(r.subject))
		return error_set(err, ERR_INVALID, "%s is missing", shape->subject);
	if (!cJSON_IsObject(r.object))
		return error_set(err, ERR_INVALID, "%s is missing", shape->object);
	r.event = arena_alloc(arena, sizeof(*r.event));
	if (r.event == NULL)
		return error_set(err, ERR_TOO_LARGE,
				 "the delivery holds more text than can be kept");
	return read_event(&r, ret, err);
}

/* ---- ping ---- */

static bool hook_sends(const cJSON *events, const char *name)
{
	const cJSON *item = NULL;

	cJSON_ArrayForEach(item, events) {
		const char *text = cJSON_GetStringValue(item);
		if (text != NULL && (strcmp(text, name) == 0 || strcmp(text, "*") == 0))
			return true;
	}
	return false;
}

/* What is wrong with the hook as GitHub describes it; NULL: nothing. */
static const char *hook_warning(const struct github_events *events, const cJSON *tree,
				struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(512);
	const cJSON *sent = json_at(tree, "hook.events");
	const cJSON *insecure = json_at(tree, "hook.config.insecure_ssl");

	for (size_t i = 0; cJSON_IsArray(sent) && i < SHAPES; i++) {
		if ((events->forward & shapes[i].forward) != 0 && !hook_sends(sent, shapes[i].name))
			strbuf_addf(&text, "%s%s",
				    text.len > 0 ? ", " : "the webhook does not send ",
				    shapes[i].name);
	}
	if ((cJSON_IsString(insecure) && strcmp(insecure->valuestring, "1") == 0) ||
	    (cJSON_IsNumber(insecure) && insecure->valuedouble > 0))
		strbuf_addf(&text, "%sthe webhook does not verify our certificate (insecure_ssl)",
			    text.len > 0 ? "; " : "");
	return text.len > 0 ? arena_strdup(arena, strbuf_str(&text)) : NULL;
}

static int parse_ping(const struct github_events *events, const char *json, size_t len,
		      struct arena *arena, struct parsed *ret, struct error *err)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;

	if (json_read(json, len, events->ping, &tree, err) < 0)
		return -1;
	ret->ignore_reason = "ping";
	ret->warning = hook_warning(events, tree, arena);
	return 0;
}

/* ---- all ---- */

static int validate_only(const struct github_events *events, const char *json, size_t len,
			 struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf nothing = STRBUF(64);

	return json_extract(json, len, events->none, &nothing, err);
}

/* Reads what is kept of the payload; its size is bounded, whatever else the payload holds. */
static int read_tree(const struct json_paths *paths, const char *json, size_t len, cJSON **ret,
		     struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf kept = STRBUF(KEPT_MAX);

	if (json_extract(json, len, paths, &kept, err) < 0)
		return -1;
	*ret = cJSON_ParseWithLength(strbuf_str(&kept), kept.len);
	return *ret != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "no memory");
}

int github_events_parse(const struct github_events *events, const char *name, const char *json,
			size_t len, struct arena *arena, struct parsed *ret, struct error *err)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct parsed made = { 0 };
	size_t i = 0;

	if (strcmp(name, "ping") == 0)
		return parse_ping(events, json, len, arena, ret, err);
	while (i < SHAPES && strcmp(shapes[i].name, name) != 0)
		i++;
	if (i == SHAPES || (events->forward & shapes[i].forward) == 0) {
		if (validate_only(events, json, len, err) < 0)
			return -1;
		ret->ignore_reason = arena_printf(arena, "event %s is not forwarded", name);
		return 0;
	}
	if (read_tree(events->paths[i], json, len, &tree, err) < 0 ||
	    parse_shape(&shapes[i], tree, arena, &made, err) < 0)
		return -1;
	*ret = made;
	return 0;
}
