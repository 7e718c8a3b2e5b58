/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results: check_run, check_suite, workflow_run and status (webhook-sources 1.4).
 *
 * What one message stands for, and how it stays one. A run is a workflow run of GitHub Actions, or a
 * check run of any other app, or a status. But a failing workflow run also comes as the check run of
 * each job that failed and as a check suite, and which of them a webhook sends is its owner's
 * choice. So no kind is dropped, or who sends only that one would hear nothing; instead, what tells
 * of the same failure has the same dedupe key, and the first to come tells:
 *   - GitHub Actions: all failures of a suite and attempt share ".../ci/<suite>/<attempt>/failed": a job that
 *     failed means a run that failed, and twenty failed jobs of a matrix are one message. Only
 *     workflow_run knows its attempt, the others count as the first: whoever sends them alone hears
 *     of each commit's failure once, and not again of a re-run of the same commit.
 *   - other apps: each check run has a key of its own, and covers its suite, which then is
 *     no news; a suite whose check runs are not sent tells by itself.
 *   - what did not fail shares nothing between job and run: a green job is not a green run.
 * "failed" is one word for all failures, since a job that timed out makes a run that failed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/invisible.h"
#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "handlers/github_read.h"
#include "handlers/shape.h"

/* Of title and summary together: the rest is behind the link. */
#define DETAIL_MAX 4000
#define FIELD_MAX  300
#define URL_ROOM   2100
#define TEXT_MAX   ((size_t)DETAIL_MAX * 3 + 4 * FIELD_MAX + 2 * URL_ROOM + 512)
#define WORD_MAX   32
#define SLUG_MAX   90
#define PULLS_MAX  5

static const char actions_app[] = "github-actions";

/* Where the parts of a result stand, below its object ("" is the top). */
struct result_shape {
	const char *name;   /* X-GitHub-Event */
	const char *object; /* NULL: the payload itself */
	const char *word;   /* what people call it */
	const char *verdict, *commit, *branch, *title, *url;
	const char *subject, *detail; /* NULL: none */
	const char *suite;            /* its check suite's id; NULL: none */
	const char *app;              /* NULL: GitHub Actions */
};

static const struct result_shape shapes[] = {
	{ "check_run", "check_run", "check run", "conclusion", "head_sha", "check_suite.head_branch", "name",
	  "html_url", "output.title", "output.summary", "check_suite.id", "app.slug" },
	{ "check_suite", "check_suite", "check suite", "conclusion", "head_sha", "head_branch", "app.name", NULL, NULL,
	  NULL, "id", "app.slug" },
	{ "workflow_run", "workflow_run", "workflow run", "conclusion", "head_sha", "head_branch", "name", "html_url",
	  "display_title", NULL, "check_suite_id", NULL },
	{ "status", NULL, "status", "state", "sha", NULL, "context", "target_url", NULL, "description", NULL, NULL },
};

#define PULL_PATHS(object)                                                   \
	object ".pull_requests.number", object ".pull_requests.base.repo.id"
#define RESULT_PATHS(object)                                                 \
	object ".id", object ".conclusion", object ".head_sha", PULL_PATHS(object)

static const char *const check_run_paths[] = {
	GITHUB_COMMON_PATHS,
	RESULT_PATHS("check_run"),
	"check_run.name",
	"check_run.html_url",
	"check_run.details_url",
	"check_run.output.title",
	"check_run.output.summary",
	"check_run.app.slug",
	"check_run.check_suite.id",
	"check_run.check_suite.head_branch",
	NULL,
};
static const char *const check_suite_paths[] = {
	GITHUB_COMMON_PATHS,
	RESULT_PATHS("check_suite"),
	"check_suite.head_branch",
	"check_suite.app.slug",
	"check_suite.app.name",
	"repository.html_url",
	NULL,
};
static const char *const workflow_run_paths[] = {
	GITHUB_COMMON_PATHS,
	RESULT_PATHS("workflow_run"),
	"workflow_run.name",
	"workflow_run.path",
	"workflow_run.html_url",
	"workflow_run.head_branch",
	"workflow_run.display_title",
	"workflow_run.run_attempt",
	"workflow_run.check_suite_id",
	NULL,
};
static const char *const status_paths[] = {
	GITHUB_COMMON_PATHS, "id",	   "sha",	    "state",		   "context", "description",
	"target_url",	     "branches.name", "branches.commit.sha", NULL,
};

/* One result on its way to being events. */
struct result {
	struct github_delivery *d;
	const struct result_shape *shape;
	const cJSON *object;
	const char *verdict; /* "failure" … */
	bool failed;
	const char *commit;
	const char *branch; /* NULL */
	const char *app;    /* slug; NULL */
	const char *title;  /* "lint" */
	const char *url;    /* NULL */
	int64_t id;
	int64_t attempt;
	int64_t suite; /* 0: none */
	const char *text;
	struct person author, actor;
};

/*
 * Somebody must do something about these. cancelled is no failure, since somebody meant it; nor is
 * stale, which is GitHub's word for a check that was given up for lack of an answer.
 */
static bool is_failure(const char *verdict)
{
	static const char *const words[] = { "failure", "timed_out", "action_required", "startup_failure", "error" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(verdict, words[i]) == 0)
			return true;
	}
	return false;
}

/* The word goes into reasons and keys: only what a word can hold. NULL: not known yet. */
static int read_verdict(struct result *r, struct error *err)
{
	const char *word = NULL;

	if (shape_opt_str(r->object, r->shape->verdict, &word, err) < 0)
		return -1;
	if (word != NULL && (word[0] == '\0' || strlen(word) > WORD_MAX ||
			     word[strspn(word, "abcdefghijklmnopqrstuvwxyz_")] != '\0'))
		return error_set(err, ERR_INVALID, "%s is not the name of a result", r->shape->verdict);
	r->verdict = word;
	r->failed = word != NULL && is_failure(word);
	return 0;
}

/* A status names the branches that hold the commit: the one whose tip it is. */
static const char *branch_of_status(const cJSON *tree, const char *commit)
{
	const cJSON *branches = json_at(tree, "branches"), *branch = NULL;

	cJSON_ArrayForEach(branch, branches) {
		const char *tip = json_str(branch, "commit.sha");
		if (tip != NULL && strcmp(tip, commit) == 0)
			return json_str(branch, "name");
	}
	return NULL;
}

static const char *title_of(const struct result *r)
{
	const char *title = json_str(r->object, r->shape->title);

	if (title == NULL || title[0] == '\0')
		title = json_str(r->object, "path"); /* of a workflow without a name */
	return title != NULL && title[0] != '\0' ? title : r->shape->word;
}

static const char *url_of(const struct result *r)
{
	if (r->shape->url != NULL)
		return github_read_url(r->d, r->object, r->shape->url);
	/* A suite has no page of its own: the list of its commit's checks. */
	const char *repo = github_read_url(r->d, r->d->tree, "repository.html_url");
	return repo != NULL ? arena_printf(r->d->arena, "%s/commit/%s/checks", repo, r->commit) : NULL;
}

static int read_parts(struct result *r, struct error *err)
{
	const struct result_shape *shape = r->shape;

	if (shape_id(r->object, "id", &r->id, err) < 0 ||
	    github_read_commit(r->object, shape->commit, &r->commit, err) < 0)
		return -1;
	r->branch = shape->branch != NULL ? json_str(r->object, shape->branch)
					  : branch_of_status(r->d->tree, r->commit);
	if (r->branch != NULL && !shape_is_printable(r->branch, FIELD_MAX))
		r->branch = NULL;
	r->app = shape->app != NULL ? json_str(r->object, shape->app) : shape->suite != NULL ? actions_app : NULL;
	if (r->app != NULL && !shape_is_visible(r->app, SLUG_MAX))
		r->app = NULL;
	if (!json_int(r->object, "run_attempt", &r->attempt) || r->attempt <= 0)
		r->attempt = 1;
	if (shape->suite == NULL || !json_int(r->object, shape->suite, &r->suite) || r->suite < 0)
		r->suite = 0;
	r->title = title_of(r);
	r->url = url_of(r);
	return 0;
}

/*
 * Who says so is the app. GitHub's sender is whoever caused it (by a push, mostly); where no app is
 * named, who posted the status.
 */
static int read_people(struct result *r, struct error *err)
{
	if (r->app != NULL)
		r->author = (struct person){ .login = arena_strdup(r->d->arena, r->app), .bot = true };
	r->actor = r->author;
	if (json_at(r->d->tree, "sender") != NULL &&
	    github_read_person(r->d, r->d->tree, "sender", &r->actor, err) < 0)
		return -1;
	if (r->author.login == NULL)
		r->author = r->actor;
	if (r->author.login == NULL)
		return error_set(err, ERR_INVALID, "sender is missing");
	return 0;
}

/* ---- text ---- */

static void add_field(struct strbuf *out, const char *label, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	strbuf_addf(out, "%s: ", label);
	invisible_line(value, FIELD_MAX, out);
	strbuf_addc(out, '\n');
}

static void add_link(struct strbuf *out, const char *label, const char *url)
{
	if (url != NULL)
		strbuf_addf(out, "%s: %s\n", label, url);
}

/* At most what is left of the room; says when something was cut. */
static void add_detail(struct strbuf *out, const char *text, size_t *room)
{
	size_t len = text != NULL ? strlen(text) : 0;
	size_t kept = len > 0 ? utf8_cut(text, len, *room) : 0;

	if (len == 0 || shape_is_blank(text))
		return;
	strbuf_addc(out, '\n');
	strbuf_add(out, text, kept);
	strbuf_adds(out, "\n");
	if (kept < len)
		strbuf_addf(out, "[… cut: %zu of %zu bytes]\n", kept, len);
	*room -= kept;
}

static const char *compose(const struct result *r)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(TEXT_MAX);
	const char *details = github_read_url(r->d, r->object, "details_url");
	size_t room = DETAIL_MAX;

	/* One line each: what an outsider named cannot pass for another field. */
	add_field(&out, r->shape->word, r->title);
	add_field(&out, "result", r->verdict);
	add_field(&out, "commit", r->commit);
	add_field(&out, "branch", r->branch);
	if (r->attempt > 1)
		strbuf_addf(&out, "attempt: %" PRId64 "\n", r->attempt);
	add_link(&out, "link", r->url);
	if (details != NULL && (r->url == NULL || strcmp(details, r->url) != 0))
		add_link(&out, "details", details);
	add_detail(&out, r->shape->subject != NULL ? json_str(r->object, r->shape->subject) : NULL, &room);
	add_detail(&out, r->shape->detail != NULL ? json_str(r->object, r->shape->detail) : NULL, &room);
	return strbuf_failed(&out) ? NULL : arena_strdup(r->d->arena, strbuf_str(&out));
}

/* ---- keys ---- */

/* "…/ci/118578147/1/failed": a suite's result, whoever tells it. */
static const char *suite_key(const struct result *r, const char *thread)
{
	return arena_printf(r->d->arena, "%" PRId64 "/ci/%" PRId64 "/%" PRId64 "/%s/%s", r->d->repo_id, r->suite,
			    r->attempt, r->failed ? "failed" : r->verdict, thread);
}

static const char *own_key(const struct result *r, const char *thread)
{
	return arena_printf(r->d->arena, "%" PRId64 "/%s/%" PRId64 "/%" PRId64 "/%s/%s", r->d->repo_id, r->d->name,
			    r->id, r->attempt, r->failed ? "failed" : r->verdict, thread);
}

/* See the head of this file. One result may go to several threads: each has keys of its own. */
static void set_keys(const struct result *r, struct event *event)
{
	const char *thread = event->thread != NULL ? event->thread : "-";
	bool is_job = strcmp(r->d->name, "check_run") == 0;
	bool of_actions = r->app != NULL && strcmp(r->app, actions_app) == 0;

	if (r->suite == 0)
		event->dedupe = own_key(r, thread);
	else if (!is_job || (of_actions && r->failed))
		event->dedupe = suite_key(r, thread);
	else
		event->dedupe = own_key(r, thread);
	if (r->suite != 0 && is_job && !of_actions)
		event->covers = suite_key(r, thread);
}

/* ---- events ---- */

/*
 * The pull requests of this repository that the result is about, each once, at most PULLS_MAX. A
 * fork's own workflow names the pull request at its upstream, which is another repository's number.
 */
static size_t find_pulls(const struct result *r, int64_t ret[PULLS_MAX])
{
	const cJSON *pulls = json_at(r->object, "pull_requests"), *pull = NULL;
	size_t count = 0;

	cJSON_ArrayForEach(pull, pulls) {
		int64_t number = 0, repo_id = r->d->repo_id;
		bool known = false;
		if (count == PULLS_MAX)
			break;
		(void)json_int(pull, "base.repo.id", &repo_id);
		if (!json_int(pull, "number", &number) || number <= 0 || repo_id != r->d->repo_id)
			continue;
		for (size_t i = 0; i < count; i++)
			known = known || ret[i] == number;
		if (!known)
			ret[count++] = number;
	}
	return count;
}

/* number 0: the commit is all that is known, and Git has to say whose it is. */
static void fill_event(const struct result *r, int64_t number, struct event *event)
{
	struct github_place place = { .kind = GITHUB_ISSUE_COMMENT, .number = number };
	struct arena *arena = r->d->arena;

	event->kind = EVENT_MESSAGE;
	event->machine = true;
	event->name = arena_printf(arena, "%s.%s", r->d->name, r->shape->object != NULL ? "completed" : r->verdict);
	event->object = arena_printf(arena, "%s/%" PRId64, r->d->name, r->id);
	event->author = r->author;
	event->actor = r->actor;
	event->text = r->text;
	event->did = "reported on";
	event->title = arena_strndup(arena, r->title, utf8_cut(r->title, strlen(r->title), GITHUB_TITLE_MAX));
	event->url = r->url;
	event->hint = github_hint(r->branch, NULL, arena);
	if (number > 0) {
		event->thread = github_thread_name(r->d->repo, number, arena);
		event->where = arena_printf(arena, "pull request %s#%" PRId64 ": %s", r->d->repo, number,
					    r->shape->word);
		(void)snprintf(place.repo, sizeof(place.repo), "%s", r->d->repo);
		event->place = github_place_write(&place, arena);
	} else {
		event->where = arena_printf(arena, "commit %.12s of %s: %s", r->commit, r->d->repo, r->shape->word);
		event->lookup = github_read_lookup(r->d, LOOKUP_THREAD, r->commit, r->branch);
	}
	set_keys(r, event);
}

static int make_events(struct result *r, struct parsed *ret, struct error *err)
{
	int64_t pulls[PULLS_MAX] = { 0 };
	size_t count = find_pulls(r, pulls);

	count = count > 0 ? count : 1;
	r->text = compose(r);
	struct event *events = github_read_events(r->d, count, err);
	if (r->text == NULL || events == NULL)
		return error_set(err, ERR_TOO_LARGE, "the delivery holds more text than can be kept");
	for (size_t i = 0; i < count; i++)
		fill_event(r, pulls[i], &events[i]);
	ret->events = events;
	ret->event_count = count;
	return 0;
}

/* Whether it is a result, and one that is wanted; else *ret_reason says why not. */
static int is_wanted(struct result *r, const char **ret_reason, struct error *err)
{
	struct arena *arena = r->d->arena;
	const char *action = NULL;

	if (r->shape->object != NULL && github_read_action(r->d, &action, err) < 0)
		return -1;
	if (!cJSON_IsObject(r->object))
		return error_set(err, ERR_INVALID, "%s is missing", r->shape->object);
	if (read_verdict(r, err) < 0)
		return -1;
	if (action != NULL && strcmp(action, "completed") != 0)
		*ret_reason = arena_printf(arena, "action %s of event %s is not forwarded", action, r->d->name);
	else if (r->verdict == NULL || strcmp(r->verdict, "pending") == 0)
		*ret_reason = arena_printf(arena, "the %s has no result yet", r->shape->word);
	else if (!r->failed && r->d->ci != GITHUB_CI_ALL)
		*ret_reason = arena_printf(arena, "the %s did not fail: %s", r->shape->word, r->verdict);
	return 0;
}

static int ci_parse(struct github_delivery *d, struct parsed *ret, struct error *err)
{
	struct result r = { .d = d, .shape = shapes };
	const char *reason = NULL;

	while (strcmp(r.shape->name, d->name) != 0)
		r.shape++;
	r.object = r.shape->object != NULL ? json_at(d->tree, r.shape->object) : d->tree;
	if (is_wanted(&r, &reason, err) < 0)
		return -1;
	if (reason != NULL) {
		ret->ignore_reason = reason;
		return 0;
	}
	if (github_read_repo(d, err) < 0)
		return -1;
	if (read_parts(&r, err) < 0)
		return r.shape->object != NULL ? error_prefix(err, "%s.", r.shape->object) : -1;
	return read_people(&r, err) < 0 ? -1 : make_events(&r, ret, err);
}

const struct github_row github_ci_rows[] = {
	{ "check_run", GITHUB_CI, check_run_paths, ci_parse },
	{ "check_suite", GITHUB_CI, check_suite_paths, ci_parse },
	{ "workflow_run", GITHUB_CI, workflow_run_paths, ci_parse },
	{ "status", GITHUB_CI, status_paths, ci_parse },
	{ NULL, 0, NULL, NULL },
};
