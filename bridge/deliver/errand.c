/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/deliver/errand.h"

#define ERRAND_MAX ((size_t)16 * 1024)

static void write_lookup(struct json_writer *w, const struct lookup *lookup)
{
	json_begin_object(w, "git");
	json_put_int(w, "wants", lookup->wants);
	json_put_str(w, "repo", lookup->repo);
	json_put_str(w, "commit", lookup->commit);
	json_put_str(w, "before", lookup->before);
	json_put_str(w, "branch", lookup->branch);
	json_put_str(w, "path", lookup->path);
	json_put_int(w, "line", lookup->line);
	json_put_int(w, "last_line", lookup->last_line);
	json_put_bool(w, "old_side", lookup->old_side);
	json_end_object(w);
}

static void write_command(struct json_writer *w, const struct command *command)
{
	json_begin_object(w, "command");
	json_put_int(w, "kind", command->kind);
	json_put_str(w, "job_id", command->job_id);
	json_put_str(w, "problem", command->problem);
	json_end_object(w);
}

const char *errand_write(const struct errand *errand, struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(ERRAND_MAX);
	struct json_writer w = JSON_WRITER(&text);

	json_begin_object(&w, NULL);
	json_put_bool(&w, "permission", errand->permission);
	json_put_bool(&w, "find_link", errand->find_link);
	json_put_bool(&w, "may_start", errand->may_start);
	json_put_int(&w, "carries_on", errand->carries_on);
	json_put_bool(&w, "find_branch", errand->find_branch);
	json_put_str(&w, "hint", errand->hint);
	if (errand->lookup != NULL)
		write_lookup(&w, errand->lookup);
	if (errand->command != NULL)
		write_command(&w, errand->command);
	json_end_object(&w);
	return strbuf_failed(&text) ? NULL : arena_strndup(arena, strbuf_str(&text), text.len);
}

static bool is_true(const cJSON *tree, const char *path)
{
	return cJSON_IsTrue(json_at(tree, path));
}

static const char *copy(const cJSON *tree, const char *path, struct arena *arena)
{
	const char *text = json_str(tree, path);

	return text != NULL ? arena_strdup(arena, text) : NULL;
}

static int64_t number(const cJSON *tree, const char *path)
{
	int64_t value = 0;

	return json_int(tree, path, &value) ? value : 0;
}

static const struct lookup *read_lookup(const cJSON *tree, struct arena *arena)
{
	struct lookup *lookup = arena_alloc(arena, sizeof(*lookup));

	if (lookup == NULL)
		return NULL;
	*lookup = (struct lookup){
		.wants = (unsigned)number(tree, "wants"),
		.repo = copy(tree, "repo", arena),
		.commit = copy(tree, "commit", arena),
		.before = copy(tree, "before", arena),
		.branch = copy(tree, "branch", arena),
		.path = copy(tree, "path", arena),
		.line = number(tree, "line"),
		.last_line = number(tree, "last_line"),
		.old_side = is_true(tree, "old_side"),
	};
	return lookup;
}

static const struct command *read_command(const cJSON *tree, struct arena *arena)
{
	struct command *command = arena_alloc(arena, sizeof(*command));
	const char *job_id = json_str(tree, "job_id"), *problem = json_str(tree, "problem");
	int64_t kind = number(tree, "kind");

	if (command == NULL)
		return NULL;
	*command = (struct command){ .kind = kind > COMMAND_NONE && kind <= COMMAND_PROMPT ? (enum command_kind)kind
											  : COMMAND_UNKNOWN };
	(void)snprintf(command->job_id, sizeof(command->job_id), "%s", job_id != NULL ? job_id : "");
	(void)snprintf(command->problem, sizeof(command->problem), "%s", problem != NULL ? problem : "");
	return command;
}

void errand_read(const char *text, struct arena *arena, struct errand *ret)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct error ignored;

	*ret = (struct errand){ .permission = true };
	if (text == NULL || json_read(text, strlen(text), NULL, &tree, &ignored) != 0)
		return;
	ret->permission = !cJSON_IsFalse(json_at(tree, "permission"));
	ret->find_link = is_true(tree, "find_link");
	ret->may_start = is_true(tree, "may_start");
	ret->carries_on = number(tree, "carries_on");
	ret->find_branch = is_true(tree, "find_branch");
	ret->hint = copy(tree, "hint", arena);
	if (cJSON_IsObject(json_at(tree, "git")))
		ret->lookup = read_lookup(json_at(tree, "git"), arena);
	if (cJSON_IsObject(json_at(tree, "command")))
		ret->command = read_command(json_at(tree, "command"), arena);
}
