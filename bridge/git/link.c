/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/git/answers.h"
#include "bridge/model/message.h"

#define COMMITS_MAX      50
#define NOTE_HISTORY_MAX 200
#define NOTE_MAX         4096
#define TRAILER_TOKEN    "Nairi-Job"
#define NOTES_REF        "refs/notes/nairi"

static bool take_id(const char *text, char job_id[40])
{
	char id[40];
	size_t skip = strspn(text, " \t\r\n");
	size_t len = strcspn(text + skip, " \t\r\n");

	if (len >= sizeof(id) || text[skip + len + strspn(text + skip + len, " \t\r\n")] != '\0')
		return false;
	memcpy(id, text + skip, len);
	id[len] = '\0';
	if (!job_id_is_valid(id))
		return false;
	memcpy(job_id, id, len + 1);
	return true;
}

bool git_link_trailer(const char *message, char job_id[40])
{
	git_message_trailer_array trailers;
	bool found = false;

	if (git_message_trailers(&trailers, message) != 0)
		return false;
	/* As in git itself, the last one of a kind is the one that counts. */
	for (size_t i = 0; i < trailers.count; i++)
		found = (strcasecmp(trailers.trailers[i].key, TRAILER_TOKEN) == 0 &&
			 take_id(trailers.trailers[i].value, job_id)) || found;
	git_message_trailer_array_free(&trailers);
	return found;
}

static bool is_author(const struct git_question *question, const git_signature *who)
{
	for (size_t i = 0; who != NULL && who->email != NULL && i < question->author_count; i++) {
		if (strcasecmp(question->authors[i], who->email) == 0)
			return true;
	}
	return false;
}

/*
 * Anybody can write any author; only both together say whose commit it is, as far as a commit without a signature
 * can.
 */
static bool is_trusted(const struct git_question *question, const git_commit *commit)
{
	return is_author(question, git_commit_author(commit)) && is_author(question, git_commit_committer(commit));
}

/* ---- notes ---- */

static bool has_same_note(git_repository *repo, git_commit *notes, const git_oid *about, const git_oid *blob)
{
	git_note *note = NULL;

	if (git_note_commit_read(&note, repo, notes, about) != 0)
		return false;
	bool same = git_oid_equal(git_note_id(note), blob);
	git_note_free(note);
	return same;
}

/* A parent of notes that has this note already, as it is; NULL: none, so notes wrote it. */
static git_commit *earlier(git_repository *repo, const git_commit *notes, const git_oid *about, const git_oid *blob)
{
	unsigned count = git_commit_parentcount(notes);

	for (unsigned i = 0; i < count && i < 8; i++) {
		git_commit *parent = NULL;
		if (git_commit_parent(&parent, notes, i) != 0)
			continue;
		if (has_same_note(repo, parent, about, blob))
			return parent;
		git_commit_free(parent);
	}
	return NULL;
}

/*
 * Whoever wrote the note, not whoever wrote the last one of another commit: the tip of the notes says nothing about
 * it.
 */
static bool note_is_trusted(git_repository *repo, git_commit *tip, const git_oid *about, const git_oid *blob,
			    const struct git_question *question)
{
	git_commit *notes = NULL;

	if (git_commit_dup(&notes, tip) != 0)
		return false;
	for (int i = 0; i < NOTE_HISTORY_MAX; i++) {
		git_commit *before = earlier(repo, notes, about, blob);
		if (before == NULL) {
			bool trusted = is_trusted(question, notes);
			git_commit_free(notes);
			return trusted;
		}
		git_commit_free(notes);
		notes = before;
	}
	git_commit_free(notes);
	return false;
}

/* A note has no title, and trailers never stand in the first paragraph. */
static bool note_id(const char *text, char job_id[40])
{
	struct strbuf CLEANUP(strbuf_release) message = STRBUF(NOTE_MAX + 16);

	if (take_id(text, job_id))
		return true;
	strbuf_addf(&message, "note\n\n%s", text);
	return !strbuf_failed(&message) && git_link_trailer(strbuf_str(&message), job_id);
}

static bool from_note(git_repository *repo, git_commit *tip, const git_oid *about, const struct git_question *question,
		      char job_id[40])
{
	git_note *note = NULL;
	char id[40];

	if (git_note_commit_read(&note, repo, tip, about) != 0)
		return false;
	bool found = git_note_message(note) != NULL && strnlen(git_note_message(note), NOTE_MAX) < NOTE_MAX &&
		     note_id(git_note_message(note), id) &&
		     note_is_trusted(repo, tip, about, git_note_id(note), question);
	if (found)
		memcpy(job_id, id, sizeof(id));
	git_note_free(note);
	return found;
}

/* ---- the commits ---- */

static bool from_commit(git_repository *repo, git_commit *notes, git_commit *commit,
			const struct git_question *question, char job_id[40])
{
	char id[40];
	const char *message = git_commit_message(commit);

	if (message != NULL && is_trusted(question, commit) && git_link_trailer(message, id)) {
		memcpy(job_id, id, sizeof(id));
		return true;
	}
	return notes != NULL && from_note(repo, notes, git_commit_id(commit), question, job_id);
}

/* What is in the default branch belongs to jobs that are done. */
static void hide_default(git_repository *repo, git_revwalk *walk, const char *ref)
{
	git_reference *head = NULL;

	if (git_repository_head(&head, repo) != 0)
		return;
	if (strcmp(git_reference_name(head), ref) != 0)
		(void)git_revwalk_hide_ref(walk, git_reference_name(head));
	git_reference_free(head);
}

void git_link_find(git_repository *repo, const struct git_question *question, char job_id[40])
{
	git_commit *head = NULL, *notes = NULL;
	git_revwalk *walk = NULL;
	git_oid at;

	job_id[0] = '\0';
	if (question->ref_count == 0 || git_find_head(repo, question->refs[0], &head) != 0)
		return;
	(void)git_find_head(repo, NOTES_REF, &notes);
	if (git_revwalk_new(&walk, repo) == 0 && git_revwalk_simplify_first_parent(walk) == 0 &&
	    git_revwalk_push(walk, git_commit_id(head)) == 0) {
		bool found = false;
		hide_default(repo, walk, question->refs[0]);
		for (int i = 0; i < COMMITS_MAX && !found && git_revwalk_next(&at, walk) == 0; i++) {
			git_commit *commit = NULL;
			if (git_commit_lookup(&commit, repo, &at) != 0)
				break;
			found = from_commit(repo, notes, commit, question, job_id);
			git_commit_free(commit);
		}
	}
	git_revwalk_free(walk);
	git_commit_free(notes);
	git_commit_free(head);
}
