/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper process: one batch about one repository, then it ends; whoever took it over has nothing of the next
 * repository.
 */
#include <git2.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/frame.h"
#include "bridge/base/process.h"
#include "bridge/git/answers.h"
#include "bridge/git/mirror.h"
#include "bridge/git/summary.h"
#include "bridge/git/wire.h"

#define BATCH_ARENA ((size_t)16 << 20)
#define TOKEN_MAX   8192

struct worker {
	int socket;
	struct arena *arena;
	struct git_batch batch;
	struct secret *token;
	git_repository *repo; /* NULL: there is no mirror yet */
	bool answered[GIT_BATCH_MAX];
};

static int send_report(struct worker *worker, const struct git_report *report, struct error *err)
{
	struct strbuf CLEANUP(strbuf_release) json = STRBUF(GIT_REPORT_MAX);

	git_wire_write_report(report, &json);
	if (strbuf_failed(&json))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return frame_send(worker->socket, strbuf_str(&json), json.len, FRAME_FOREVER, err);
}

/* ---- what is answered ---- */

/* How far an answer can be relied on. */
enum surety {
	UNKNOWN, /* the mirror does not say */
	STALE,   /* it says this, but a fetch could change it */
	SURE,
};

static bool is_zero(const char *hex)
{
	return hex[0] != '\0' && hex[strspn(hex, "0")] == '\0';
}

static enum surety answer_code(struct worker *worker, const struct git_question *question, struct git_answer *answer,
			       struct error *err)
{
	git_commit *commit = NULL;

	if (git_find_commit(worker->repo, question->commit, &commit) != 0)
		return UNKNOWN;
	if (git_code_read(worker->repo, commit, question, &answer->text, err) != 0)
		strbuf_reset(&answer->text);
	git_commit_free(commit);
	return SURE;
}

static bool has_commit(struct worker *worker, const char *hex)
{
	git_commit *commit = NULL;

	if (git_find_commit(worker->repo, hex, &commit) != 0)
		return false;
	git_commit_free(commit);
	return true;
}

static enum surety answer_thread(struct worker *worker, const struct git_question *question, struct git_answer *answer)
{
	git_oid oid;
	bool head = false;

	if (question->commit == NULL || !has_commit(worker, question->commit) ||
	    git_oid_fromstr(&oid, question->commit) != 0)
		return UNKNOWN;
	answer->found = git_thread_find(worker->repo, &oid, question, &head);
	/* Being the head of one of them is final; that another ref is nearer, or has it at all, may be news. */
	if (head)
		return SURE;
	return answer->found >= 0 ? STALE : UNKNOWN;
}

static enum surety answer_push(struct worker *worker, const struct git_question *question, struct git_answer *answer,
			       struct error *err)
{
	const char *ref = question->ref_count > 0 ? question->refs[0] : "";
	enum surety surety = answer_thread(worker, question, answer);
	bool deleted = question->commit != NULL && is_zero(question->commit);
	struct error ignored = { 0 };

	if (surety == UNKNOWN && !deleted && !has_commit(worker, question->commit))
		return UNKNOWN;
	if (question->branch != NULL)
		ref = question->branch;
	else if (answer->found >= 0)
		ref = question->refs[answer->found];
	/* What a forge keeps for a pull request is no name that people know. */
	if (git_summary_push(worker->repo, question->before, question->commit, ref, &answer->text, &ignored) != 0)
		*err = ignored;
	if (deleted)
		return SURE;
	if (surety == UNKNOWN)
		return UNKNOWN;
	/* What it was before may be needed to say what was pushed. */
	if (surety == SURE && question->before != NULL && !is_zero(question->before) &&
	    !has_commit(worker, question->before))
		return STALE;
	return surety;
}

static enum surety answer_one(struct worker *worker, const struct git_question *question, struct git_answer *answer,
			      struct error *err)
{
	if (worker->repo == NULL)
		return UNKNOWN;
	switch (question->want) {
	case GIT_CODE:
		return answer_code(worker, question, answer, err);
	case GIT_THREAD:
		return answer_thread(worker, question, answer);
	case GIT_PUSH:
		return answer_push(worker, question, answer, err);
	case GIT_LINK:
		git_link_find(worker->repo, question, answer->job_id);
		return answer->job_id[0] != '\0' ? STALE : UNKNOWN;
	}
	return UNKNOWN;
}

/* After all that can be done: nothing found, or that there is no such commit. */
static void set_unknown(const struct git_question *question, const struct git_answer *answer, struct error *err)
{
	if (question->want == GIT_CODE || (question->want == GIT_PUSH && answer->text.len == 0))
		(void)error_set(err, ERR_NOT_FOUND, "the commit is not in the repository, or not in what it shows");
}

/*
 * Answers what can be: least is how sure it must be. why: the error of what is not known; NULL: it is as it is.
 */
static int answer_all(struct worker *worker, enum surety least, bool last, const struct error *why, struct error *err)
{
	for (size_t i = 0; i < worker->batch.count; i++) {
		struct git_answer answer = { .text = STRBUF(GIT_TEXT_MAX), .found = -1 };
		struct git_report report = { .kind = GIT_REPORT_ANSWER, .index = i };
		const struct git_question *question = worker->batch.questions[i];
		int bad = 0;

		if (worker->answered[i])
			continue;
		enum surety surety = answer_one(worker, question, &answer, &report.err);
		if (surety == UNKNOWN && last && why != NULL)
			report.err = *why;
		else if (surety == UNKNOWN && last)
			set_unknown(question, &answer, &report.err);
		if (surety >= least || last) {
			report.text = answer.text.len > 0 ? strbuf_str(&answer.text) : NULL;
			report.text_len = answer.text.len;
			report.found = answer.found;
			memcpy(report.job_id, answer.job_id, sizeof(report.job_id));
			worker->answered[i] = true;
			bad = send_report(worker, &report, err);
		}
		strbuf_release(&answer.text);
		if (bad != 0)
			return -1;
	}
	return 0;
}

/* ---- the course of a batch ---- */

static bool all_answered(const struct worker *worker)
{
	for (size_t i = 0; i < worker->batch.count; i++) {
		if (!worker->answered[i])
			return false;
	}
	return true;
}

/* Every ref that one of the open questions names. */
static const char *const *wanted_refs(struct worker *worker, size_t *ret_count)
{
	const char **refs = arena_alloc(worker->arena, GIT_BATCH_MAX * GIT_REFS_MAX * sizeof(*refs));
	size_t count = 0;

	for (size_t i = 0; refs != NULL && i < worker->batch.count; i++) {
		const struct git_question *question = worker->batch.questions[i];
		for (size_t j = 0; j < question->ref_count && !worker->answered[i]; j++) {
			bool known = false;
			for (size_t k = 0; k < count && !known; k++)
				known = strcmp(refs[k], question->refs[j]) == 0;
			if (!known && count < (size_t)GIT_BATCH_MAX * GIT_REFS_MAX)
				refs[count++] = question->refs[j];
		}
	}
	*ret_count = count;
	return refs;
}

static int fetch(struct worker *worker, struct git_report *report)
{
	struct git_mirror_fetch job = { .url = worker->batch.url,
					.token = worker->token,
					.max_bytes = worker->batch.max_size };

	job.refs = wanted_refs(worker, &job.ref_count);
	if (job.refs == NULL)
		return error_set(&report->err, ERR_NO_MEMORY, "out of memory");
	if (worker->repo == NULL && git_mirror_make(worker->batch.path, &worker->repo, &report->err) != 0)
		return -1;
	if (git_mirror_fetch(worker->repo, &job, &report->broken, &report->err) != 0)
		return -1;
	if (git_mirror_is_whole(worker->repo))
		return 0;
	/* It lost objects (a full disk, a power failure): once more from nothing. */
	git_repository_free(TAKE(worker->repo));
	if (git_mirror_make(worker->batch.path, &worker->repo, &report->err) != 0)
		return -1;
	return git_mirror_fetch(worker->repo, &job, &report->broken, &report->err);
}

/* Answers by a fetch what could not be answered without. */
static int fetch_and_answer(struct worker *worker, struct error *err)
{
	struct git_report report = { .kind = GIT_REPORT_FETCH };

	if (send_report(worker, &report, err) != 0)
		return -1;
	report.kind = GIT_REPORT_FETCHED;
	int bad = fetch(worker, &report);
	if (send_report(worker, &report, err) != 0)
		return -1;
	return answer_all(worker, UNKNOWN, true, bad != 0 ? &report.err : NULL, err);
}

static int work(struct worker *worker, struct error *err)
{
	struct git_report end = { .kind = GIT_REPORT_END };
	struct error blocked = { 0 };

	if (git_mirror_setup(worker->batch.ca, err) != 0 ||
	    git_mirror_open(worker->batch.path, &worker->repo, err) != 0)
		return -1;
	if (worker->batch.blocked != NULL) {
		(void)error_set(&blocked, ERR_UPSTREAM, "%s", worker->batch.blocked);
		if (answer_all(worker, STALE, true, &blocked, err) != 0)
			return -1;
	} else if (answer_all(worker, SURE, false, NULL, err) != 0 ||
		   (!all_answered(worker) && fetch_and_answer(worker, err) != 0)) {
		return -1;
	}
	return send_report(worker, &end, err);
}

/* ---- what it hears ---- */

static int take_token(struct worker *worker, struct error *err)
{
	struct frame_reader CLEANUP(frame_reader_release) reader = FRAME_READER(TOKEN_MAX);
	const char *token;
	size_t len;

	if (!worker->batch.token)
		return 0;
	if (frame_receive(&reader, worker->socket, FRAME_FOREVER, &token, &len, err) != 0)
		return -1;
	worker->token = secret_new(token, len);
	explicit_bzero(reader.body.ptr, reader.body.cap);
	return worker->token != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

static int take_batch(struct worker *worker, struct error *err)
{
	struct frame_reader CLEANUP(frame_reader_release) reader = FRAME_READER(GIT_BATCH_SIZE);
	const char *json;
	size_t len;

	worker->arena = arena_new(BATCH_ARENA);
	if (worker->arena == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (frame_receive(&reader, worker->socket, FRAME_FOREVER, &json, &len, err) != 0 ||
	    git_wire_read_batch(json, len, worker->arena, &worker->batch, err) != 0)
		return -1;
	return take_token(worker, err);
}

/* What stands in its way is said once more to all that are still open. */
static void report_failure(struct worker *worker, const struct error *why)
{
	struct git_report report = { .kind = GIT_REPORT_ANSWER, .found = -1, .err = *why };

	for (size_t i = 0; i < worker->batch.count; i++) {
		report.index = i;
		if (!worker->answered[i] && send_report(worker, &report, NULL) != 0)
			return;
	}
	(void)send_report(worker, &(struct git_report){ .kind = GIT_REPORT_END }, NULL);
}

int git_worker_main(int socket)
{
	struct worker worker = { .socket = socket };
	struct error err = { 0 };
	int status = 0;

	if (process_worker_begin(socket, &err) != 0 || take_batch(&worker, &err) != 0) {
		(void)fprintf(stderr, "nairi-bridge: git helper: %s\n", err.text);
		status = 1;
	} else if (work(&worker, &err) != 0) {
		report_failure(&worker, &err);
		status = 1;
	}
	git_repository_free(worker.repo);
	secret_free(worker.token);
	arena_free(worker.arena);
	(void)git_libgit2_shutdown();
	return status;
}
