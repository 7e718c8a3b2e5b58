/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/base/invisible.h"
#include "bridge/base/utf8.h"
#include "bridge/git/answers.h"

#define LINE_MAX_BYTES 300
#define CONTEXT_MAX    50
#define RANGE_MAX      400

/* The file in the commit's tree, if it is one that people read. */
static git_blob *find_blob(git_repository *repo, const git_commit *commit, const char *path)
{
	git_tree *tree = NULL;
	git_tree_entry *entry = NULL;
	git_odb *odb = NULL;
	git_blob *blob = NULL;
	git_object_t type;
	size_t size;

	if (git_commit_tree(&tree, commit) == 0 && git_tree_entry_bypath(&entry, tree, path) == 0 &&
	    (git_tree_entry_filemode(entry) == GIT_FILEMODE_BLOB ||
	     git_tree_entry_filemode(entry) == GIT_FILEMODE_BLOB_EXECUTABLE) &&
	    git_repository_odb(&odb, repo) == 0 &&
	    /* Its size first: a small pack can hold a blob of gigabytes. */
	    git_odb_read_header(&size, &type, odb, git_tree_entry_id(entry)) == 0 && type == GIT_OBJECT_BLOB &&
	    size <= GIT_BLOB_MAX && git_blob_lookup(&blob, repo, git_tree_entry_id(entry)) == 0 &&
	    (git_blob_rawsize(blob) > GIT_BLOB_MAX || git_blob_is_binary(blob))) {
		git_blob_free(blob);
		blob = NULL;
	}
	git_odb_free(odb);
	git_tree_entry_free(entry);
	git_tree_free(tree);
	return blob;
}

/* The side that was commented; if the file is not there, the other. */
static git_blob *find_side(git_repository *repo, git_commit *commit, const struct git_question *question)
{
	git_commit *parent = NULL;

	if (git_commit_parentcount(commit) > 0)
		(void)git_commit_parent(&parent, commit, 0);
	const git_commit *first = question->old_side ? parent : commit;
	const git_commit *second = question->old_side ? commit : parent;
	git_blob *blob = first != NULL ? find_blob(repo, first, question->path) : NULL;
	if (blob == NULL && second != NULL)
		blob = find_blob(repo, second, question->path);
	git_commit_free(parent);
	return blob;
}

struct range {
	int64_t first, last;   /* what is shown */
	int64_t from, to;      /* what was commented */
	int width;             /* of the numbers */
};

static int digits(int64_t number)
{
	int count = 1;

	for (; number >= 10; number /= 10)
		count++;
	return count;
}

static struct range range_of(const struct git_question *question)
{
	int64_t context = question->context < 0 ? 0 : question->context;
	struct range range = { .from = question->line, .to = question->last_line };

	if (context > CONTEXT_MAX)
		context = CONTEXT_MAX;
	if (range.to < range.from)
		range.to = range.from;
	range.first = range.from > context ? range.from - context : 1;
	/* The end of a long range is what the comment stands at, but its beginning is what it speaks of: cut behind. */
	range.last = range.to - range.from > RANGE_MAX ? range.from + RANGE_MAX : range.to + context;
	range.width = digits(range.last);
	return range;
}

static void add_line(const struct range *range, int64_t number, const char *line, size_t len, struct strbuf *out)
{
	struct strbuf CLEANUP(strbuf_release) text = STRBUF(3 * LINE_MAX_BYTES + 16);
	size_t taken = len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES;

	/* Not in the middle of a character: up to three bytes of it go, if that makes the rest valid. */
	for (size_t less = 0; taken < len && less < 4 && less < taken; less++) {
		if (utf8_valid(line, taken - less)) {
			taken -= less;
			break;
		}
	}
	(void)invisible_strip(line, taken, &text);
	/* A lone CR became a line end there. */
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\n')
			text.ptr[i] = ' ';
	}
	strbuf_addf(out, "%c %*lld |%s%s%s\n", number >= range->from && number <= range->to ? '>' : ' ', range->width,
		    (long long)number, text.len > 0 ? " " : "", strbuf_str(&text), taken < len ? "…" : "");
}

/* Line by line; what does not fit any more is left out whole. */
static void add_lines(const char *text, size_t len, const struct range *range, struct strbuf *out)
{
	int64_t number = 1;
	size_t begun = out->len;
	bool seen = false;

	for (size_t at = 0; at < len && number <= range->last; number++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t stop = end != NULL ? (size_t)(end - text) : len;
		size_t line_len = stop - at;

		if (number >= range->first) {
			struct strbuf CLEANUP(strbuf_release) line = STRBUF(4 * LINE_MAX_BYTES + 64);
			if (line_len > 0 && text[stop - 1] == '\r')
				line_len--;
			add_line(range, number, text + at, line_len, &line);
			if (out->len + line.len > out->max)
				break;
			strbuf_add(out, strbuf_str(&line), line.len);
			seen = seen || number >= range->from;
		}
		at = stop + 1;
	}
	/* The context of a line that is not there says nothing. */
	if (!seen)
		strbuf_truncate(out, begun);
}

int git_code_read(git_repository *repo, git_commit *commit, const struct git_question *question, struct strbuf *out,
		  struct error *err)
{
	if (question->path == NULL || question->path[0] == '\0' || question->line < 1 || question->line > INT32_MAX)
		return error_set(err, ERR_INVALID, "no path, or no line");
	struct range range = range_of(question);
	git_blob *blob = find_side(repo, commit, question);
	if (blob != NULL)
		add_lines(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob), &range, out);
	git_blob_free(blob);
	return strbuf_failed(out) ? error_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}
