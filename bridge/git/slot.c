/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/slot.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bridge/base/clock.h"
#include "bridge/git/url.h"

#define HELPER_MEMORY      ((int64_t)512 << 20) /* two of them fit into what a small service may use */
#define HELPER_DESCRIPTORS 256
#define SEND_MS            5000 /* it reads at once, unless the machine is in trouble */
#define GRACE_MS           1000 /* to end by itself after it said that it is done */

/* ---- answers ---- */

/* No text of another program reaches a reader with the token in it, whatever it did with it. */
static void redact(const struct secret *token, struct error *err)
{
	if (token != NULL && secret_len(token) > 0 && strstr(err->text, secret_bytes(token)) != NULL)
		(void)error_set(err, err->code, "withheld, since it named the token");
}

static void give(struct git_slot *slot, size_t index)
{
	struct git_question *question = slot->questions[index];

	slot->questions[index] = NULL;
	slot->options->answered(slot->options->ctx, question);
}

static void give_error(struct git_slot *slot, size_t index, const struct error *err)
{
	struct git_question *question = slot->questions[index];
	char shown[GIT_URL_SHOWN_SIZE];

	question->err = *err;
	redact(question->token, &question->err);
	git_url_show(question->url, shown);
	(void)error_prefix(&question->err, "git %s: ", shown);
	give(slot, index);
}

static void give_errors(struct git_slot *slot, const struct error *err)
{
	for (size_t i = 0; i < slot->count; i++) {
		if (slot->questions[i] != NULL)
			give_error(slot, i, err);
	}
}

static void give_answer(struct git_slot *slot, const struct git_report *report)
{
	struct git_question *question = slot->questions[report->index];

	if (report->err.code != ERR_NONE) {
		give_error(slot, report->index, &report->err);
		return;
	}
	if (report->text != NULL) {
		question->text = arena_strndup(question->arena, report->text, report->text_len);
		if (question->text == NULL) {
			struct error err;
			(void)error_set(&err, ERR_NO_MEMORY, "out of memory");
			give_error(slot, report->index, &err);
			return;
		}
	}
	question->found = report->found < (ssize_t)question->ref_count ? report->found : -1;
	memcpy(question->job_id, report->job_id, sizeof(question->job_id));
	give(slot, report->index);
}

/* ---- the beginning ---- */

static int start_helper(struct git_slot *slot, struct error *err)
{
	const struct git_slot_options *options = slot->options;
	struct process_options process = {
		.program = options->program,
		.verb = "git",
		.frame_max = GIT_REPORT_MAX,
		.limits = { .cpu_s = (int64_t)(slot->count + 1) * (options->timeout_ms / 1000 + 1) + 5,
			    .memory = HELPER_MEMORY,
			    .file_size = options->max_size,
			    .descriptors = HELPER_DESCRIPTORS },
	};

	return process_start(&process, &slot->process, err);
}

static int send_batch(struct git_slot *slot, const char *path, const char *blocked, int64_t now, struct error *err)
{
	struct strbuf CLEANUP(strbuf_release) json = STRBUF(GIT_BATCH_SIZE);
	const struct secret *token = slot->questions[0]->token;
	struct git_batch batch = { .path = path,
				   .url = slot->repo->url,
				   .ca = slot->options->ca,
				   .blocked = blocked,
				   .max_size = slot->options->max_size,
				   .token = token != NULL && secret_len(token) > 0,
				   .count = slot->count };

	memcpy(batch.questions, slot->questions, sizeof(batch.questions));
	git_wire_write_batch(&batch, &json);
	if (strbuf_failed(&json))
		return error_set(err, ERR_TOO_LARGE, "too much is asked at once");
	if (process_send(slot->process, strbuf_str(&json), json.len, now + SEND_MS, err) != 0)
		return -1;
	return batch.token ? process_send(slot->process, secret_bytes(token), secret_len(token), now + SEND_MS, err)
			   : 0;
}

/* What keeps it from the network, if something does, and whether that leaves anything to try. */
static int look(struct git_slot *slot, int64_t now, char *blocked, size_t size, struct error *err)
{
	struct git_repo *repo = slot->repo;
	bool there = false;

	blocked[0] = '\0';
	if (git_cache_check(slot->options->cache, repo->name, &there, err) != 0)
		return -1;
	if (now >= repo->until)
		return 0;
	(void)snprintf(blocked, size, "not tried again for %lld s, after: %s",
		       (long long)((repo->until - now + 999) / 1000), repo->why);
	return there && !repo->shut ? 0 : error_set(err, ERR_UPSTREAM, "%s", blocked);
}

static int begin(struct git_slot *slot, int64_t now, struct error *err)
{
	char blocked[280], path[4096];

	if (look(slot, now, blocked, sizeof(blocked), err) != 0 ||
	    git_cache_path(slot->options->cache, slot->repo->name, path, sizeof(path), err) != 0 ||
	    start_helper(slot, err) != 0)
		return -1;
	if (send_batch(slot, path, blocked[0] != '\0' ? blocked : NULL, now, err) == 0)
		return 0;
	(void)process_stop(TAKE(slot->process), 0);
	return -1;
}

bool git_slot_start(struct git_slot *slot, struct git_repo *repo, int64_t now)
{
	struct error err = { 0 };

	*slot = (struct git_slot){ .options = slot->options,
				   .repo = repo,
				   .deadline = now + slot->options->timeout_ms };
	for (; slot->count < GIT_BATCH_MAX; slot->count++) {
		slot->questions[slot->count] = git_repos_take(repo, slot->questions[0]);
		if (slot->questions[slot->count] == NULL)
			break;
	}
	if (slot->count == 0)
		return false;
	git_repos_asks(repo, slot->questions[0]->token);
	if (begin(slot, now, &err) == 0)
		return true;
	give_errors(slot, &err);
	return false;
}

/* ---- the end ---- */

static const struct secret *any_token(const struct git_slot *slot)
{
	for (size_t i = 0; i < slot->count; i++) {
		if (slot->questions[i] != NULL)
			return slot->questions[i]->token;
	}
	return NULL;
}

/* It is gone, or must go. broken: what it left behind may be what killed it. */
static void fail(struct git_slot *slot, bool shut, bool broken, const struct error *err, int64_t now)
{
	struct error told = *err;

	(void)process_stop(TAKE(slot->process), 0);
	redact(any_token(slot), &told);
	git_repos_failed(slot->repo, shut, told.text, now);
	if (broken)
		git_cache_drop(slot->options->cache, slot->repo->name);
	give_errors(slot, &told);
}

/* A crash is as likely its mirror's fault as anything's: it is made anew. */
static void fail_ended(struct git_slot *slot, int64_t now)
{
	char how[PROCESS_END_SIZE];
	struct error err;
	int status = process_stop(TAKE(slot->process), GRACE_MS);
	int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	process_describe(status, how);
	(void)error_set(&err, ERR_UPSTREAM, "the git helper %s", how);
	fail(slot, true,
	     signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGILL || signal == SIGFPE, &err,
	     now);
}

static void fail_late(struct git_slot *slot, int64_t now)
{
	struct error err;
	double seconds = (double)slot->options->timeout_ms / 1000;

	if (slot->fetching)
		(void)error_set(&err, ERR_UPSTREAM, "the fetch was not done within %g s", seconds);
	else
		(void)error_set(&err, ERR_UPSTREAM, "reading the repository took longer than %g s", seconds);
	fail(slot, !slot->fetching, false, &err, now);
}

static void note_fetched(struct git_slot *slot, const struct git_report *report, int64_t now)
{
	struct error err = report->err;

	slot->fetching = false;
	slot->fetched = true;
	if (err.code == ERR_NONE) {
		git_repos_succeeded(slot->repo);
		return;
	}
	redact(any_token(slot), &err);
	git_repos_failed(slot->repo, false, err.text, now);
}

/* One report; true: the batch is over. */
static bool take_report(struct git_slot *slot, const char *json, size_t len, int64_t now)
{
	cJSON CLEANUP(json_delete_at) *tree = NULL;
	struct git_report report;
	struct error err = { 0 };

	/* No more than there can be, or it would move its own deadline for ever. */
	if (++slot->reports > slot->count + 3 ||
	    git_wire_read_report(json, len, slot->count, &report, &tree, &err) != 0 ||
	    (report.kind == GIT_REPORT_ANSWER && slot->questions[report.index] == NULL)) {
		(void)error_set(&err, ERR_UPSTREAM, "the git helper says what makes no sense");
		fail(slot, true, true, &err, now);
		return true;
	}
	slot->deadline = now + slot->options->timeout_ms;
	switch (report.kind) {
	case GIT_REPORT_FETCH:
		slot->fetching = true;
		return false;
	case GIT_REPORT_FETCHED:
		note_fetched(slot, &report, now);
		slot->broken = report.err.code != ERR_NONE && report.broken;
		return false;
	case GIT_REPORT_ANSWER:
		give_answer(slot, &report);
		return false;
	case GIT_REPORT_END:
		break;
	}
	(void)process_stop(TAKE(slot->process), GRACE_MS);
	/* What could still be read out of it was. */
	if (slot->broken)
		git_cache_drop(slot->options->cache, slot->repo->name);
	(void)error_set(&err, ERR_UPSTREAM, "the git helper did not answer");
	give_errors(slot, &err);
	return true;
}

bool git_slot_turn(struct git_slot *slot, bool readable, int64_t now)
{
	const char *json;
	size_t len;

	if (readable) {
		if (process_receive(slot->process, 0, &json, &len, NULL) != 0) {
			fail_ended(slot, now);
			return true;
		}
		if (json != NULL && take_report(slot, json, len, now))
			return true;
	}
	if (now < slot->deadline)
		return false;
	fail_late(slot, now);
	return true;
}

void git_slot_cancel(struct git_slot *slot)
{
	struct error err;

	if (slot->process == NULL)
		return;
	(void)process_stop(TAKE(slot->process), 0);
	(void)error_set(&err, ERR_BUSY, "the bridge is stopping");
	for (size_t i = 0; i < slot->count; i++) {
		if (slot->questions[i] == NULL)
			continue;
		slot->questions[i]->cancelled = true;
		give_error(slot, i, &err);
	}
}
