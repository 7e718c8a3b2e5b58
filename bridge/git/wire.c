/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/git/wire.h"

#include <stdio.h>
#include <string.h>

#include "bridge/model/message.h"

static const char *const kinds[] = { "fetch", "fetched", "answer", "end" };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- the batch ---- */

static void put_strings(struct json_writer *w, const char *name, const char *const *texts, size_t count)
{
	json_begin_array(w, name);
	for (size_t i = 0; i < count; i++)
		json_put_str(w, NULL, texts[i]);
	json_end_array(w);
}

static void put_question(struct json_writer *w, const struct git_question *question)
{
	json_begin_object(w, NULL);
	json_put_int(w, "want", question->want);
	json_put_str(w, "commit", question->commit);
	json_put_str(w, "before", question->before);
	json_put_str(w, "branch", question->branch);
	json_put_str(w, "path", question->path);
	json_put_int(w, "line", question->line);
	json_put_int(w, "last_line", question->last_line);
	json_put_int(w, "context", question->context);
	json_put_bool(w, "old_side", question->old_side);
	put_strings(w, "refs", question->refs, question->ref_count);
	put_strings(w, "authors", question->authors, question->author_count);
	json_end_object(w);
}

void git_wire_write_batch(const struct git_batch *batch, struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w, NULL);
	json_put_str(&w, "path", batch->path);
	json_put_str(&w, "url", batch->url);
	json_put_str(&w, "ca", batch->ca);
	json_put_str(&w, "blocked", batch->blocked);
	json_put_int(&w, "max_size", batch->max_size);
	json_put_bool(&w, "token", batch->token);
	json_begin_array(&w, "questions");
	for (size_t i = 0; i < batch->count; i++)
		put_question(&w, batch->questions[i]);
	json_end_array(&w);
	json_end_object(&w);
}

static const char *const *read_strings(const cJSON *tree, const char *name, struct arena *arena, size_t *ret_count)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, name);
	size_t count = (size_t)cJSON_GetArraySize(list);
	const char **texts = arena_alloc(arena, (count + 1) * sizeof(*texts));
	const cJSON *item;
	size_t at = 0;

	*ret_count = 0;
	if (texts == NULL)
		return NULL;
	cJSON_ArrayForEach(item, list) {
		if (cJSON_IsString(item) && at < count)
			texts[at++] = arena_strdup(arena, item->valuestring);
	}
	*ret_count = at;
	return texts;
}

static int64_t read_int(const cJSON *tree, const char *name)
{
	int64_t value = 0;

	(void)json_int(tree, name, &value);
	return value;
}

static struct git_question *read_question(const cJSON *tree, struct arena *arena)
{
	struct git_question *question = arena_alloc(arena, sizeof(*question));

	if (question == NULL)
		return NULL;
	question->want = (enum git_want)read_int(tree, "want");
	question->commit = arena_strdup(arena, json_str(tree, "commit"));
	question->before = arena_strdup(arena, json_str(tree, "before"));
	question->branch = arena_strdup(arena, json_str(tree, "branch"));
	question->path = arena_strdup(arena, json_str(tree, "path"));
	question->line = read_int(tree, "line");
	question->last_line = read_int(tree, "last_line");
	question->context = (int)read_int(tree, "context");
	question->old_side = json_bool(tree, "old_side", false);
	question->refs = read_strings(tree, "refs", arena, &question->ref_count);
	question->authors = read_strings(tree, "authors", arena, &question->author_count);
	return question;
}

int git_wire_read_batch(const char *json, size_t len, struct arena *arena, struct git_batch *ret, struct error *err)
{
	cJSON CLEANUP(json_delete_at) *tree = NULL;
	struct git_batch batch = { 0 };
	const cJSON *item;

	if (json_read(json, len, NULL, &tree, err) != 0)
		return -1;
	batch.path = arena_strdup(arena, json_str(tree, "path"));
	batch.url = arena_strdup(arena, json_str(tree, "url"));
	batch.ca = arena_strdup(arena, json_str(tree, "ca"));
	batch.blocked = arena_strdup(arena, json_str(tree, "blocked"));
	batch.max_size = read_int(tree, "max_size");
	batch.token = json_bool(tree, "token", false);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(tree, "questions")) {
		if (batch.count < GIT_BATCH_MAX)
			batch.questions[batch.count++] = read_question(item, arena);
	}
	if (arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (batch.path == NULL || batch.url == NULL)
		return error_set(err, ERR_INVALID, "no path, or no url");
	*ret = batch;
	return 0;
}

/* ---- reports ---- */

void git_wire_write_report(const struct git_report *report, struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w, NULL);
	json_put_str(&w, "kind", kinds[report->kind]);
	if (report->kind == GIT_REPORT_ANSWER) {
		json_put_int(&w, "index", (int64_t)report->index);
		json_put_int(&w, "found", report->found);
		if (report->text != NULL)
			json_put_strn(&w, "text", report->text, report->text_len);
		if (report->job_id[0] != '\0')
			json_put_str(&w, "job_id", report->job_id);
	}
	if (report->err.code != ERR_NONE) {
		json_put_int(&w, "code", report->err.code);
		json_put_str(&w, "error", report->err.text);
		json_put_bool(&w, "broken", report->broken);
	}
	json_end_object(&w);
}

static int read_kind(const cJSON *tree, enum git_report_kind *ret)
{
	const char *kind = json_str(tree, "kind");

	for (size_t i = 0; kind != NULL && i < KINDS; i++) {
		if (strcmp(kind, kinds[i]) == 0) {
			*ret = (enum git_report_kind)i;
			return 0;
		}
	}
	return -1;
}

static int read_answer(const cJSON *tree, size_t question_count, struct git_report *report)
{
	const char *job_id = json_str(tree, "job_id");
	int64_t index = -1, found = -1;

	if (!json_int(tree, "index", &index) || index < 0 || (uint64_t)index >= question_count)
		return -1;
	if (!json_int(tree, "found", &found) || found < -1 || found >= GIT_REFS_MAX)
		return -1;
	report->index = (size_t)index;
	report->found = (ssize_t)found;
	report->text = json_str(tree, "text");
	report->text_len = report->text != NULL ? strlen(report->text) : 0;
	if (report->text_len > GIT_TEXT_MAX || (job_id != NULL && !job_id_is_valid(job_id)))
		return -1;
	(void)snprintf(report->job_id, sizeof(report->job_id), "%s", job_id != NULL ? job_id : "");
	return 0;
}

static void read_error(const cJSON *tree, struct error *err)
{
	const char *text = json_str(tree, "error");
	int64_t code = 0;

	*err = (struct error){ 0 };
	if (text == NULL)
		return;
	if (!json_int(tree, "code", &code) || code <= ERR_NONE || code >= ERR_CODES_)
		code = ERR_INTERNAL;
	(void)error_set(err, (enum error_code)code, "%s", text);
}

int git_wire_read_report(const char *json, size_t len, size_t question_count, struct git_report *ret, cJSON **ret_tree,
			 struct error *err)
{
	cJSON CLEANUP(json_delete_at) *tree = NULL;
	struct git_report report = { 0 };

	if (json_read(json, len, NULL, &tree, NULL) != 0 || read_kind(tree, &report.kind) != 0 ||
	    (report.kind == GIT_REPORT_ANSWER && read_answer(tree, question_count, &report) != 0))
		return error_set(err, ERR_UPSTREAM, "the git helper says what makes no sense");
	read_error(tree, &report.err);
	report.broken = json_bool(tree, "broken", false);
	*ret = report;
	*ret_tree = TAKE(tree);
	return 0;
}
