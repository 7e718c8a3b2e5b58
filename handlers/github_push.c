/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushes to branches (webhook-sources 1.3). A push never names a pull request: Git has to say whose
 * commits they are.
 */
#include <inttypes.h>
#include <string.h>

#include "bridge/base/hmac.h"
#include "bridge/base/invisible.h"
#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "handlers/github_read.h"
#include "handlers/shape.h"

#define COMMITS_MAX 20
#define SUBJECT_MAX 200
#define NAME_MAX_LEN 100
#define BRANCH_MAX  1024
#define TEXT_MAX    ((size_t)COMMITS_MAX * (SUBJECT_MAX + NAME_MAX_LEN + 32) + 8192)

#define HEADS "refs/heads/"

static const char *const push_paths[] = {
	GITHUB_COMMON_PATHS, "ref",	     "before",		"after",
	"deleted",	     "forced",	     "compare",		"pusher.name",
	"commits.id",	     "commits.message", "commits.author.name", NULL,
};

/* One push on its way to being an event. */
struct push {
	struct github_delivery *d;
	const char *branch;
	const char *before, *after;
};

static bool is_zero(const char *commit)
{
	return commit[strspn(commit, "0")] == '\0';
}

/* Reasons are one clause each; NULL: commits came to a branch. */
static const char *unwanted(const cJSON *tree, const char *ref, const char *after)
{
	if (strncmp(ref, "refs/tags/", 10) == 0)
		return "a push of a tag is not forwarded";
	if (strncmp(ref, HEADS, sizeof(HEADS) - 1) != 0)
		return "a push to something that is no branch is not forwarded";
	if (is_zero(after) || json_bool(tree, "deleted", false))
		return "a deleted branch is not forwarded";
	return NULL;
}

/* ---- text ---- */

/* "- 0123456789ab Subject (Author)" */
static void add_commit(struct strbuf *out, const cJSON *commit, struct arena *arena)
{
	const char *id = json_str(commit, "id"), *message = json_str(commit, "message");
	const char *author = json_str(commit, "author.name");

	strbuf_addf(out, "- %.12s ", github_place_commit_is_valid(id) ? id : "?");
	if (message != NULL) {
		/* Its first line; four times as much as is shown, since what is invisible is dropped. */
		size_t len = strcspn(message, "\r\n");
		const char *subject = arena_strndup(arena, message, utf8_cut(message, len, (size_t)4 * SUBJECT_MAX));
		if (subject != NULL)
			invisible_line(subject, SUBJECT_MAX, out);
	}
	if (author != NULL && author[0] != '\0') {
		strbuf_adds(out, " (");
		invisible_line(author, NAME_MAX_LEN, out);
		strbuf_addc(out, ')');
	}
	strbuf_addc(out, '\n');
}

/* The newest ones, in the order in which they came: GitHub lists the oldest first. */
static void add_commits(struct strbuf *out, const cJSON *commits, struct arena *arena)
{
	int count = cJSON_IsArray(commits) ? cJSON_GetArraySize(commits) : 0;
	int skipped = count > COMMITS_MAX ? count - COMMITS_MAX : 0, at = 0;
	const cJSON *commit = NULL;

	if (count == 0) {
		strbuf_adds(out, "No new commits.\n");
		return;
	}
	if (skipped > 0)
		strbuf_addf(out, "[… %d older commits are not listed]\n", skipped);
	cJSON_ArrayForEach(commit, commits) {
		if (at++ >= skipped)
			add_commit(out, commit, arena);
	}
}

static const char *compose(const struct push *push, const char *compare)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(TEXT_MAX);
	const cJSON *tree = push->d->tree;

	strbuf_addf(&out, "branch: %s\n", push->branch);
	if (is_zero(push->before))
		strbuf_addf(&out, "new branch at %.12s\n", push->after);
	else
		strbuf_addf(&out, "%s: %.12s..%.12s\n",
			    json_bool(tree, "forced", false) ? "history rewritten (force-push)" : "commits",
			    push->before, push->after);
	if (compare != NULL)
		strbuf_addf(&out, "link: %s\n", compare);
	strbuf_addc(&out, '\n');
	add_commits(&out, json_at(tree, "commits"), push->d->arena);
	return strbuf_failed(&out) ? NULL : arena_strdup(push->d->arena, strbuf_str(&out));
}

/* ---- event ---- */

/* The account that pushed; a deploy key has none, only a name of a kind. */
static int read_pusher(const struct push *push, struct event *event, struct error *err)
{
	const char *name = json_str(push->d->tree, "pusher.name");

	if (json_at(push->d->tree, "sender") != NULL) {
		if (github_read_person(push->d, push->d->tree, "sender", &event->author, err) < 0)
			return -1;
	} else if (name != NULL && shape_is_printable(name, NAME_MAX_LEN)) {
		event->author = (struct person){ .login = arena_strdup(push->d->arena, name) };
	} else {
		return error_set(err, ERR_INVALID, "sender and pusher.name are missing");
	}
	event->actor = event->author;
	return 0;
}

static int fill_event(const struct push *push, struct event *event, struct error *err)
{
	struct github_delivery *d = push->d;
	struct lookup *lookup =
		github_read_lookup(d, LOOKUP_THREAD | LOOKUP_PUSH, push->after, push->branch);
	char hash[SHA256_HEX_SIZE];

	if (read_pusher(push, event, err) < 0)
		return -1;
	event->kind = EVENT_MESSAGE;
	event->machine = true;
	event->name = "push";
	/* In the line of provenance: what it was before is often nowhere to be read any more. */
	event->did = json_bool(d->tree, "forced", false) ? "force-pushed to" : "pushed to";
	event->where = arena_printf(d->arena, "branch %s of %s", push->branch, d->repo);
	event->url = github_read_url(d, d->tree, "compare");
	event->hint = github_hint(push->branch, NULL, d->arena);
	event->object = arena_printf(d->arena, "push/%s", push->after);
	sha256_hex(push->branch, strlen(push->branch), hash);
	event->dedupe = arena_printf(d->arena, "%" PRId64 "/push/%s/%s/%.16s", d->repo_id, push->before, push->after,
				     hash);
	event->text = compose(push, event->url);
	if (lookup == NULL || event->text == NULL)
		return error_set(err, ERR_TOO_LARGE, "the delivery holds more text than can be kept");
	lookup->before = arena_strdup(d->arena, push->before);
	event->lookup = lookup;
	return 0;
}

static int push_parse(struct github_delivery *d, struct parsed *ret, struct error *err)
{
	struct push push = { .d = d };
	const char *ref = NULL;

	if (shape_str(d->tree, "ref", &ref, err) < 0 || github_read_commit(d->tree, "before", &push.before, err) < 0 ||
	    github_read_commit(d->tree, "after", &push.after, err) < 0 || github_read_repo(d, err) < 0)
		return -1;
	ret->ignore_reason = unwanted(d->tree, ref, push.after);
	if (ret->ignore_reason != NULL)
		return 0;
	push.branch = ref + sizeof(HEADS) - 1;
	if (!shape_is_printable(push.branch, BRANCH_MAX))
		return error_set(err, ERR_INVALID, "ref is not the name of a branch");
	struct event *event = github_read_events(d, 1, err);
	if (event == NULL || fill_event(&push, event, err) < 0)
		return -1;
	ret->events = event;
	ret->event_count = 1;
	return 0;
}

const struct github_row github_push_rows[] = {
	{ "push", GITHUB_PUSHES, push_paths, push_parse },
	{ NULL, 0, NULL, NULL },
};
