/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/summary.h"

#include <git2.h>
#include <string.h>

#include "bridge/base/invisible.h"
#include "bridge/base/utf8.h"
#include "bridge/git/push_changes.h"
#include "bridge/git/push_history.h"
#include "bridge/git/repository.h"

/* With these, and 20 lines of each kind, the text stays below GIT_SUMMARY_MAX. */
#define BRANCH_BYTES  200
#define SUBJECT_BYTES 200
#define AUTHOR_BYTES  80
#define PATH_BYTES    160
#define FILES_SHOWN   20
#define SHORT_ID      10
#define TICKS_MAX     2 /* backticks in a row that a code span is widened for */

struct push {
	git_repository *repository;
	git_oid before, after;
	git_commit *old, *new; /* NULL: zeros, or (old) not here any more */
	const char *branch;
};

static void push_release(struct push *push)
{
	git_commit_free(push->old);
	git_commit_free(push->new);
}

static void reference_release(git_reference **reference)
{
	git_reference_free(*reference);
}

static void commit_release(git_commit **commit)
{
	git_commit_free(*commit);
}

/* ---- words ---- */

/*
 * Text from outside as a code span (CommonMark 6.1: it ends at as many backticks as it began with). More backticks in a
 * row than anybody means become apostrophes, so that the span's own stay few.
 */
static void add_code(struct strbuf *out, const char *text, size_t max)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(max);
	static const char ticks[] = "```";

	invisible_line(text != NULL ? text : "", max, &line);
	if (line.len == 0) {
		strbuf_adds(out, "(none)");
		return;
	}
	size_t longest = utf8_longest_run(strbuf_str(&line), line.len, '`');
	for (size_t i = 0; longest > TICKS_MAX && i < line.len; i++) {
		if (line.ptr[i] == '`')
			line.ptr[i] = '\'';
	}
	size_t width = longest > TICKS_MAX ? 1 : longest + 1;
	bool apart = line.ptr[0] == '`' || line.ptr[line.len - 1] == '`';
	strbuf_add(out, ticks, width);
	strbuf_adds(out, apart ? " " : "");
	strbuf_add(out, line.ptr, line.len);
	strbuf_adds(out, apart ? " " : "");
	strbuf_add(out, ticks, width);
}

static void add_id(struct strbuf *out, const git_oid *id)
{
	char hex[GIT_OID_HEXSZ + 1];

	(void)git_oid_tostr(hex, sizeof(hex), id);
	strbuf_addf(out, "`%.*s`", SHORT_ID, hex);
}

static void add_number(struct strbuf *out, size_t count, const char *one, const char *many)
{
	strbuf_addf(out, "%zu %s", count, count == 1 ? one : many);
}

static void add_more(struct strbuf *out, size_t shown, size_t count, bool exact)
{
	if (count > shown)
		strbuf_addf(out, "- and %s%zu more\n", exact ? "" : "at least ", count - shown);
	else if (!exact)
		strbuf_adds(out, "- and more\n");
}

/* ---- commits ---- */

static void add_commit(struct strbuf *out, const struct push *push, const git_oid *id)
{
	CLEANUP(commit_release) git_commit *commit = NULL;

	strbuf_adds(out, "- ");
	add_id(out, id);
	if (push_history_commit(&commit, push->repository, id) == 0) {
		const git_signature *author = git_commit_author(commit);
		strbuf_addc(out, ' ');
		add_code(out, git_commit_summary(commit), SUBJECT_BYTES);
		strbuf_adds(out, " by ");
		add_code(out, author != NULL ? author->name : NULL, AUTHOR_BYTES);
	}
	strbuf_addc(out, '\n');
}

static void add_commits(struct strbuf *out, const struct push *push, const struct push_history *history, bool exact)
{
	if (history->listed == 0)
		return;
	strbuf_addc(out, '\n');
	for (size_t i = 0; i < history->listed; i++)
		add_commit(out, push, &history->list[i]);
	add_more(out, history->listed, history->count, exact);
}

/* ---- files ---- */

static const char *status_word(git_delta_t status)
{
	switch (status) {
	case GIT_DELTA_ADDED:
		return ", new";
	case GIT_DELTA_DELETED:
		return ", deleted";
	case GIT_DELTA_TYPECHANGE:
		return ", of another type";
	default:
		return "";
	}
}

static void add_file(struct strbuf *out, const struct push_change *change)
{
	strbuf_adds(out, "- ");
	if (change->status == GIT_DELTA_RENAMED) {
		add_code(out, change->old_path, PATH_BYTES);
		strbuf_adds(out, " is now ");
	}
	add_code(out, change->path, PATH_BYTES);
	if (change->counted)
		strbuf_addf(out, " +%zu -%zu%s\n", change->insertions, change->deletions, status_word(change->status));
	else
		strbuf_addf(out, " (lines not counted)%s\n", status_word(change->status));
}

static int add_files(struct strbuf *out, const struct push *push, const git_commit *from, struct error *err)
{
	CLEANUP(push_changes_release) struct push_changes changes = { 0 };

	if (push_changes_read(push->repository, from, push->new, &changes, err) != 0)
		return -1;
	if (changes.diff == NULL) {
		strbuf_addf(out, "\nMore than %d files changed.\n", PUSH_CHANGES_FILES);
		return 0;
	}
	strbuf_addc(out, '\n');
	add_number(out, changes.count, "file", "files");
	strbuf_adds(out, " changed, ");
	add_number(out, changes.insertions, "insertion", "insertions");
	strbuf_adds(out, ", ");
	add_number(out, changes.deletions, "deletion", "deletions");
	if (changes.uncounted > 0)
		strbuf_addf(out, " (without %zu that %s binary, large or too many)", changes.uncounted,
			    changes.uncounted == 1 ? "is" : "are");
	strbuf_adds(out, changes.count > 0 ? ":\n\n" : ".\n");
	for (size_t i = 0; i < changes.count && i < FILES_SHOWN; i++)
		add_file(out, &changes.files[i]);
	add_more(out, FILES_SHOWN, changes.count, true);
	return 0;
}

/* ---- what became of the branch ---- */

static void add_deleted(struct strbuf *out, const struct push *push)
{
	strbuf_adds(out, "Branch ");
	add_code(out, push->branch, BRANCH_BYTES);
	strbuf_adds(out, " was deleted; it was at ");
	add_id(out, &push->before);
	if (push->old != NULL) {
		strbuf_addc(out, ' ');
		add_code(out, git_commit_summary(push->old), SUBJECT_BYTES);
	}
	strbuf_adds(out, ".\n");
}

/* Where the default branch is, if there is one and it is another than the one that was pushed. */
static bool default_tip(const struct push *push, git_oid *ret, struct strbuf *name)
{
	CLEANUP(reference_release) git_reference *head = NULL;

	if (git_repository_head(&head, push->repository) != 0 || !git_reference_is_branch(head))
		return false;
	const git_oid *tip = git_reference_target(head);
	if (tip == NULL || strcmp(git_reference_shorthand(head), push->branch) == 0)
		return false;
	*ret = *tip;
	strbuf_adds(name, git_reference_shorthand(head));
	return !strbuf_failed(name);
}

/* A branch with nothing to compare with: its last commits, and no files, for all of them would be new. */
static int add_last(struct strbuf *out, const struct push *push, struct error *err)
{
	struct push_history history;

	if (push_history_walk(push->repository, &push->after, NULL, &history, err) != 0)
		return -1;
	strbuf_adds(out, ". Its last commits:\n");
	add_commits(out, push, &history, history.whole);
	return 0;
}

static int add_new(struct strbuf *out, const struct push *push, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf name = STRBUF(1024);
	CLEANUP(commit_release) git_commit *base = NULL;
	struct push_history history = { 0 };
	git_oid tip;

	strbuf_adds(out, "New branch ");
	add_code(out, push->branch, BRANCH_BYTES);
	strbuf_adds(out, " at ");
	add_id(out, &push->after);
	if (!default_tip(push, &tip, &name))
		return add_last(out, push, err);
	if (push_history_walk(push->repository, &push->after, &tip, &history, err) != 0)
		return -1;
	if (!history.has_base || push_history_commit(&base, push->repository, &history.base) != 0)
		return add_last(out, push, err);
	strbuf_adds(out, ", ");
	add_number(out, history.count, "commit", "commits");
	strbuf_adds(out, history.whole ? " since " : " or more since ");
	add_code(out, strbuf_str(&name), BRANCH_BYTES);
	strbuf_adds(out, " (");
	add_id(out, &history.base);
	strbuf_adds(out, ").\n");
	add_commits(out, push, &history, history.whole);
	return add_files(out, push, base, err);
}

/* The branch was moved from a commit that is not here any more: no comparison. */
static int add_from_unknown(struct strbuf *out, const struct push *push, struct error *err)
{
	strbuf_adds(out, "Pushed to branch ");
	add_code(out, push->branch, BRANCH_BYTES);
	strbuf_adds(out, ", from ");
	add_id(out, &push->before);
	strbuf_adds(out, " (not in this repository) to ");
	add_id(out, &push->after);
	return add_last(out, push, err);
}

static int add_moved(struct strbuf *out, const struct push *push, struct error *err)
{
	struct push_history history = { 0 };

	if (push->old == NULL)
		return add_from_unknown(out, push, err);
	if (push_history_walk(push->repository, &push->after, &push->before, &history, err) != 0)
		return -1;
	bool forced = history.whole && history.dropped > 0;
	strbuf_adds(out, forced ? "**Forced** push to branch " : "Pushed to branch ");
	add_code(out, push->branch, BRANCH_BYTES);
	strbuf_adds(out, ": ");
	add_number(out, history.count, "commit", "commits");
	strbuf_adds(out, history.whole ? ", from " : " or more, from ");
	add_id(out, &push->before);
	strbuf_adds(out, " to ");
	add_id(out, &push->after);
	if (forced) {
		strbuf_adds(out, "; ");
		add_number(out, history.dropped, "commit that was", "commits that were");
		strbuf_adds(out, " in it before ");
		strbuf_adds(out, history.dropped == 1 ? "is no longer" : "are no longer");
	}
	strbuf_adds(out, ".\n");
	add_commits(out, push, &history, history.whole);
	return add_files(out, push, push->old, err);
}

/* ---- the arguments ---- */

static int read_id(const char *text, git_oid *ret, struct error *err)
{
	if (text == NULL || strlen(text) != GIT_OID_HEXSZ || git_oid_fromstr(ret, text) != 0)
		return error_set(err, ERR_INVALID, "expected an object id of 40 hex digits");
	return 0;
}

static int read_push(const char *before, const char *after, const char *ref, struct push *push, struct error *err)
{
	int code;

	if (read_id(before, &push->before, err) != 0 || read_id(after, &push->after, err) != 0)
		return -1;
	if (git_oid_is_zero(&push->before) && git_oid_is_zero(&push->after))
		return error_set(err, ERR_INVALID, "both object ids are zeros");
	if (ref == NULL)
		ref = "";
	push->branch = strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
	if (!git_oid_is_zero(&push->before) && push_history_commit(&push->old, push->repository, &push->before) != 0)
		push->old = NULL;
	if (git_oid_is_zero(&push->after))
		return 0;
	code = push_history_commit(&push->new, push->repository, &push->after);
	return code == 0 ? 0 : repository_fail(err, code, "the commit cannot be read");
}

int git_summary_push(struct git_repository *repository, const char *before, const char *after, const char *ref,
		     struct strbuf *out, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(GIT_SUMMARY_MAX);
	CLEANUP(push_release) struct push push = { .repository = repository };
	int status = 0;

	if (read_push(before, after, ref, &push, err) != 0)
		return -1;
	if (push.new == NULL)
		add_deleted(&text, &push);
	else if (git_oid_is_zero(&push.before))
		status = add_new(&text, &push, err);
	else
		status = add_moved(&text, &push, err);
	if (status != 0)
		return -1;
	if (strbuf_failed(&text))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	strbuf_add(out, strbuf_str(&text), text.len);
	return 0;
}
