/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The git service against real repositories and a real HTTP server. This program is three: with --worker it is the
 * service's own helper, with --drive it asks what it reads as JSON lines and prints the answers, and else it runs the
 * scenarios in tests/support/git_scenarios.py, which drive it.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/process.h"
#include "bridge/git/git.h"

/*
 * The library's own leaks, in a process that lives for one batch: regular expressions over a config, names that are
 * no commit. Whole stacks, for a leak of ours has the library's allocator on top as well.
 */
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0:print_suppressions=0";
}

const char *__lsan_default_suppressions(void)
{
	return "leak:pcre2_match\nleak:git_revparse_ext";
}

struct drive {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int open;
};

struct asked {
	struct git_question question;
	struct drive *drive;
	struct arena *arena;
	struct secret *token;
	int64_t id;
};

static void print_answer(const struct asked *asked)
{
	const struct git_question *question = &asked->question;
	struct strbuf CLEANUP(strbuf_release) out = STRBUF(1 << 20);
	struct json_writer w = JSON_WRITER(&out);

	json_begin_object(&w, NULL);
	json_put_int(&w, "id", asked->id);
	json_put_int(&w, "code", question->err.code);
	if (question->err.code != ERR_NONE)
		json_put_str(&w, "error", question->err.text);
	json_put_bool(&w, "cancelled", question->cancelled);
	json_put_int(&w, "duration_ms", question->duration_ms);
	json_put_str(&w, "text", question->text);
	json_put_int(&w, "found", question->found);
	json_put_str(&w, "job_id", question->job_id);
	json_end_object(&w);
	(void)printf("%s\n", strbuf_str(&out));
	(void)fflush(stdout);
}

static void on_done(struct git_question *question)
{
	struct asked *asked = question->user;
	struct drive *drive = asked->drive;

	pthread_mutex_lock(&drive->lock);
	print_answer(asked);
	drive->open--;
	pthread_cond_signal(&drive->changed);
	pthread_mutex_unlock(&drive->lock);
	secret_free(asked->token);
	arena_free(asked->arena);
	free(asked);
}

static const char *const *strings(struct arena *arena, const cJSON *list, size_t *ret_count)
{
	const char **texts = arena_alloc(arena, sizeof(*texts) * ((size_t)cJSON_GetArraySize(list) + 1));
	const cJSON *item;

	*ret_count = 0;
	cJSON_ArrayForEach(item, list) {
		texts[*ret_count] = arena_strdup(arena, item->valuestring);
		(*ret_count)++;
	}
	return texts;
}

static int64_t number(const cJSON *tree, const char *name)
{
	int64_t value = 0;

	(void)json_int(tree, name, &value);
	return value;
}

static void ask(struct git_service *service, struct drive *drive, const cJSON *tree)
{
	static const char *const wants[] = { "code", "thread", "link", "push" };
	struct asked *asked = calloc(1, sizeof(*asked));
	struct arena *arena = arena_new(1 << 20);
	const char *token = json_str(tree, "token");

	if (asked == NULL || arena == NULL)
		abort();
	asked->drive = drive;
	asked->arena = arena;
	asked->id = number(tree, "id");
	asked->token = token != NULL ? secret_new(token, strlen(token)) : NULL;
	struct git_question *question = &asked->question;
	for (size_t i = 0; i < 4; i++) {
		if (strcmp(wants[i], json_str(tree, "want")) == 0)
			question->want = (enum git_want)i;
	}
	question->arena = arena;
	question->token = asked->token;
	question->url = arena_strdup(arena, json_str(tree, "url"));
	question->commit = arena_strdup(arena, json_str(tree, "commit"));
	question->before = arena_strdup(arena, json_str(tree, "before"));
	question->path = arena_strdup(arena, json_str(tree, "path"));
	question->line = number(tree, "line");
	question->last_line = number(tree, "last_line");
	question->context = (int)number(tree, "context");
	question->old_side = json_bool(tree, "old_side", false);
	question->refs = strings(arena, cJSON_GetObjectItemCaseSensitive(tree, "refs"), &question->ref_count);
	question->authors = strings(arena, cJSON_GetObjectItemCaseSensitive(tree, "authors"), &question->author_count);
	question->done = on_done;
	question->user = asked;
	pthread_mutex_lock(&drive->lock);
	drive->open++;
	pthread_mutex_unlock(&drive->lock);
	git_service_ask(service, question);
}

/* Until the end of input, or "stop", which does not wait for what is open. */
static void read_questions(struct git_service *service, struct drive *drive)
{
	char *line = NULL;
	size_t size = 0;

	for (ssize_t len; (len = getline(&line, &size, stdin)) > 0;) {
		cJSON CLEANUP(json_delete_at) *tree = NULL;
		struct error err;
		if (strcmp(line, "stop\n") == 0) {
			free(line);
			return;
		}
		if (json_read(line, (size_t)len, NULL, &tree, &err) != 0)
			abort();
		ask(service, drive, tree);
	}
	free(line);
	pthread_mutex_lock(&drive->lock);
	while (drive->open > 0)
		pthread_cond_wait(&drive->changed, &drive->lock);
	pthread_mutex_unlock(&drive->lock);
}

static int drive_service(char **argv)
{
	struct git_options options = { .cache = argv[0],
				       .max_size = strtoll(argv[1], NULL, 10),
				       .fetch_timeout_ms = strtoll(argv[2], NULL, 10) };
	struct drive drive = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	struct git_service *service;
	struct error err = { 0 };

	if (git_service_new(&options, &service, &err) != 0) {
		(void)printf("{\"refused\":\"%s\"}\n", err.text);
		return 3;
	}
	if (git_service_start(service, &err) != 0) {
		(void)printf("{\"refused\":\"%s\"}\n", err.text);
		git_service_free(service);
		return 3;
	}
	(void)printf("{\"ready\":true}\n");
	(void)fflush(stdout);
	read_questions(service, &drive);
	git_service_stop(service);
	git_service_free(service);
	return drive.open == 0 ? 0 : 4;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], PROCESS_FLAG) == 0)
		return git_worker_main(PROCESS_WORKER_FD);
	if (argc == 5 && strcmp(argv[1], "--drive") == 0)
		return drive_service(argv + 2);
	(void)execlp("python3", "python3", "tests/support/git_scenarios.py", argv[0], argc > 1 ? argv[1] : NULL, NULL);
	return 1;
}
