/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <git2.h>
#include <spawn.h>
#include <sys/wait.h>

#include "bridge/git/answers.h"
#include "bridge/git/repos.h"
#include "bridge/git/url.h"
#include "bridge/git/wire.h"

#define JOB   "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define OTHER "job_01KRK1V46BXS73CSNK2VR35NPK"

/* ---- URLs ---- */

static void urls(void **state)
{
	(void)state;
	static const char *const good[] = { "https://github.com/octo/hello.git",
					    "http://127.0.0.1:1/x",
					    "file:///srv/x.git",
					    "/srv/x.git",
					    "HTTPS://h/x",
					    "https://[::1]:8/x",
					    "https://h/a@b" };
	static const char *const bad[] = { "",
					   "x",
					   "ssh://h/x",
					   "git@h:x",
					   "h:x",
					   "git://h/x",
					   "ext::sh -c x",
					   "https://u@h/x",
					   "https://u:p@h/x",
					   "https://u@h",
					   "https://",
					   "https://:1/x",
					   "file://h/x",
					   "file:x",
					   "https://h/x y",
					   "https://h/\n",
					   "https://h/\x01",
					   "https://h/\xff",
					   "-x",
					   "ftp://h/x" };
	struct error err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(git_url_check(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (git_url_check(bad[i], &err) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.code, ERR_INVALID);
	}
	assert_int_equal(git_url_check(NULL, &err), -1);
	char long_url[GIT_URL_MAX + 2];
	memset(long_url, 'a', sizeof(long_url));
	memcpy(long_url, "https://", 8);
	long_url[GIT_URL_MAX] = '\0';
	assert_int_equal(git_url_check(long_url, &err), 0);
	long_url[GIT_URL_MAX] = 'a';
	long_url[GIT_URL_MAX + 1] = '\0';
	assert_int_equal(git_url_check(long_url, &err), -1);
}

static void what_is_shown_of_a_url(void **state)
{
	(void)state;
	char out[GIT_URL_SHOWN_SIZE], long_url[1000];

	git_url_show("https://h/x?private_token=abc#d", out);
	assert_string_equal(out, "https://h/x");
	memset(long_url, 'a', sizeof(long_url));
	long_url[sizeof(long_url) - 1] = '\0';
	git_url_show(long_url, out);
	assert_int_equal(strlen(out), GIT_URL_SHOWN_SIZE - 1);
}

static void who_gets_the_token(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "https://h/x", "https://H/y", true },      { "https://h/x", "https://h:443/x", true },
		{ "http://h:80/x", "http://h/x?y", true },   { "https://h/x", "https://h:444/x", false },
		{ "https://h/x", "http://h/x", false },      { "http://h/x", "https://h/x", false },
		{ "https://h/x", "https://h2/x", false },    { "https://h/x", "https://h.evil/x", false },
		{ "https://h/x", "https://evil/h/x", false }, { "/x", "/x", false },
		{ "file:///x", "file:///x", false },         { "https://h:4443/x", "https://h:4/x", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (git_url_same_host(rows[i].a, rows[i].b) != rows[i].same)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

/* ---- who waits ---- */

static void back_off(void **state)
{
	(void)state;
	assert_int_equal(git_repos_backoff_ms(1), 5000);
	assert_int_equal(git_repos_backoff_ms(2), 10000);
	assert_int_equal(git_repos_backoff_ms(7), 320000);
	assert_int_equal(git_repos_backoff_ms(8), 600000);
	assert_int_equal(git_repos_backoff_ms(100), 600000);
}

static void turns(void **state)
{
	(void)state;
	struct git_repos repos;
	struct secret *one = secret_new("a", 1), *same = secret_new("a", 1), *other = secret_new("b", 1);
	struct git_question a1 = { .url = "/a", .token = one }, b = { .url = "/b" },
			    a2 = { .url = "/a", .token = same };
	struct git_question a3 = { .url = "/a", .token = other }, a4 = { .url = "/a" };

	assert_int_equal(git_repos_init(&repos, NULL), 0);
	assert_true(git_repos_add(&repos, &a1));
	assert_true(git_repos_add(&repos, &b));
	assert_true(git_repos_add(&repos, &a2));
	assert_true(git_repos_add(&repos, &a3));
	assert_true(git_repos_add(&repos, &a4));
	struct git_repo *first = git_repos_next(&repos);
	assert_string_equal(first->url, "/a");
	assert_ptr_equal(git_repos_take(first, NULL), &a1);
	assert_ptr_equal(git_repos_take(first, &a1), &a2);
	/* Another token is another fetch. */
	assert_null(git_repos_take(first, &a1));
	struct git_repo *second = git_repos_next(&repos);
	assert_string_equal(second->url, "/b");
	assert_null(git_repos_next(&repos));
	assert_ptr_equal(git_repos_take(second, NULL), &b);
	git_repos_done(&repos, second);
	assert_int_equal(map_count(repos.map), 1);
	git_repos_failed(first, false, "why", 1000);
	assert_int_equal(first->until, 6000);
	git_repos_failed(first, true, "why", 6000);
	assert_int_equal(first->until, 16000);
	git_repos_done(&repos, first);
	assert_ptr_equal(git_repos_next(&repos), first);
	assert_ptr_equal(git_repos_take(first, NULL), &a3);
	assert_null(git_repos_take(first, &a3));
	assert_ptr_equal(git_repos_take(first, NULL), &a4);
	git_repos_done(&repos, first);
	/* It is remembered for its failures, until one goes well. */
	assert_int_equal(map_count(repos.map), 1);
	assert_true(git_repos_add(&repos, &a1));
	assert_ptr_equal(git_repos_next(&repos), first);
	git_repos_succeeded(first);
	assert_int_equal(first->until, 0);
	(void)git_repos_take(first, NULL);
	git_repos_done(&repos, first);
	assert_int_equal(map_count(repos.map), 0);
	git_repos_release(&repos);
	secret_free(one);
	secret_free(same);
	secret_free(other);
}

static void what_failed_is_forgotten_at_last(void **state)
{
	(void)state;
	struct git_repos repos;

	assert_int_equal(git_repos_init(&repos, NULL), 0);
	for (int i = 0; i < GIT_REPOS_MAX + 10; i++) {
		char url[32];
		(void)snprintf(url, sizeof(url), "/%d", i);
		struct git_question question = { .url = url };
		assert_true(git_repos_add(&repos, &question));
		struct git_repo *repo = git_repos_next(&repos);
		(void)git_repos_take(repo, NULL);
		git_repos_failed(repo, false, "why", i);
		git_repos_done(&repos, repo);
	}
	assert_int_equal(map_count(repos.map), GIT_REPOS_MAX);
	assert_null(map_get(repos.map, "/9"));
	assert_non_null(map_get(repos.map, "/10"));
	git_repos_release(&repos);
}

/* ---- what the helper says ---- */

static int read_report(const char *json, struct git_report *report)
{
	cJSON CLEANUP(json_delete_at) *tree = NULL;
	struct error err = { 0 };
	int bad = git_wire_read_report(json, strlen(json), 2, report, &tree, &err);

	if (bad != 0)
		assert_int_equal(err.code, ERR_UPSTREAM);
	return bad;
}

static void reports_are_not_believed(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"x",
		"[]",
		"{}",
		"{\"kind\":1}",
		"{\"kind\":\"other\"}",
		"{\"kind\":\"answer\"}",
		"{\"kind\":\"answer\",\"index\":2,\"found\":0}",
		"{\"kind\":\"answer\",\"index\":-1,\"found\":0}",
		"{\"kind\":\"answer\",\"index\":\"0\",\"found\":0}",
		"{\"kind\":\"answer\",\"index\":0}",
		"{\"kind\":\"answer\",\"index\":0,\"found\":-2}",
		"{\"kind\":\"answer\",\"index\":0,\"found\":200}",
		"{\"kind\":\"answer\",\"index\":0,\"found\":0.5}",
		"{\"kind\":\"answer\",\"index\":0,\"found\":0,\"job_id\":\"x\"}",
		"{\"kind\":\"answer\",\"index\":0,\"found\":0,\"text\":\"\xff\"}",
	};
	struct git_report report;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (read_report(bad[i], &report) == 0)
			fail_msg("believed: %s", bad[i]);
	}
	assert_int_equal(read_report("{\"kind\":\"answer\",\"index\":1,\"found\":199,\"job_id\":\"" JOB "\"}", &report),
			 0);
	assert_int_equal(report.index, 1);
	assert_int_equal(report.found, 199);
	assert_string_equal(report.job_id, JOB);
	assert_int_equal(read_report("{\"kind\":\"fetched\",\"code\":99,\"error\":\"e\",\"broken\":true}", &report), 0);
	assert_int_equal(report.err.code, ERR_INTERNAL);
	assert_true(report.broken);
	struct strbuf CLEANUP(strbuf_release) long_text = STRBUF(GIT_TEXT_MAX * 2);
	strbuf_adds(&long_text, "{\"kind\":\"answer\",\"index\":0,\"found\":0,\"text\":\"");
	for (size_t i = 0; i <= GIT_TEXT_MAX; i++)
		strbuf_addc(&long_text, 'a');
	strbuf_adds(&long_text, "\"}");
	assert_int_equal(read_report(strbuf_str(&long_text), &report), -1);
}

static void batches_come_through(void **state)
{
	(void)state;
	static const char *const refs[] = { "refs/pull/1/head", "\"quoted\"" };
	struct git_question question = { .want = GIT_PUSH, .commit = "c", .before = "b", .refs = refs, .ref_count = 2 };
	struct git_question code = { .want = GIT_CODE,
				     .commit = "c",
				     .path = "p\nq",
				     .line = 4,
				     .last_line = 9,
				     .context = 6,
				     .old_side = true };
	struct git_batch batch = { .path = "/p",
				   .url = "https://h/x",
				   .ca = "/ca",
				   .max_size = (int64_t)5 << 40,
				   .token = true,
				   .questions = { &question, &code },
				   .count = 2 };
	struct git_batch read;
	struct strbuf CLEANUP(strbuf_release) json = STRBUF(GIT_BATCH_SIZE);
	struct arena CLEANUP(arena_free_at) *arena = arena_new(1 << 20);

	git_wire_write_batch(&batch, &json);
	assert_int_equal(git_wire_read_batch(strbuf_str(&json), json.len, arena, &read, NULL), 0);
	assert_int_equal(read.count, 2);
	assert_int_equal(read.max_size, batch.max_size);
	assert_true(read.token);
	assert_null(read.blocked);
	assert_string_equal(read.questions[0]->refs[1], "\"quoted\"");
	assert_int_equal(read.questions[0]->want, GIT_PUSH);
	assert_string_equal(read.questions[1]->path, "p\nq");
	assert_int_equal(read.questions[1]->last_line, 9);
	assert_true(read.questions[1]->old_side);
	assert_int_equal(git_wire_read_batch("{}", 2, arena, &read, NULL), -1);
}

/* ---- trailers, as git itself finds them ---- */

static void ask_git(const char *message, char *out, size_t size)
{
	char git[] = "git", verb[] = "interpret-trailers", parse[] = "--parse", where[] = "--no-divider";
	char *argv[] = { git, verb, parse, where, NULL }, *env[] = { NULL };
	int in[2], back[2], status;
	posix_spawn_file_actions_t files;
	pid_t pid;
	size_t len = 0;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&files), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&files, in[0], 0), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&files, back[1], 1), 0);
	assert_int_equal(posix_spawnp(&pid, "git", &files, NULL, argv, env), 0);
	(void)posix_spawn_file_actions_destroy(&files);
	close(in[0]);
	close(back[1]);
	assert_int_equal(write(in[1], message, strlen(message)), (ssize_t)strlen(message));
	close(in[1]);
	for (ssize_t got; len < size - 1 && (got = read(back[0], out + len, size - 1 - len)) > 0;)
		len += (size_t)got;
	out[len] = '\0';
	close(back[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The last Nairi-Job of git's list; "" none. */
static void last_of(char *list, char out[40])
{
	char *rest = list;

	out[0] = '\0';
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (strncasecmp(line, "Nairi-Job: ", 11) == 0 && strlen(line + 11) < 40)
			(void)snprintf(out, 40, "%s", line + 11);
	}
}

static void trailers(void **state)
{
	(void)state;
	static const char *const messages[] = {
		"x\n\nNairi-Job: " JOB "\n",
		"x\n\nNairi-Job: " JOB,
		"x\n\nnairi-job: " JOB "\n",
		"x\n\nNAIRI-JOB:" JOB "\n",
		"x\n\nNairi-Job : " JOB "\n",
		"x\n\nNairi-Job: " JOB "\n\n\n",
		"x\n\nbody\n\nNairi-Job: " JOB "\nSigned-off-by: A <a@b>\n",
		"x\n\nSigned-off-by: A <a@b>\nNairi-Job: " OTHER "\nNairi-Job: " JOB "\n",
		"x\n\nNairi-Job: " JOB "\nno trailer\n",
		"x\n\nno trailer\nNairi-Job: " JOB "\n",
		"x\n\nNairi-Job: " JOB "\n\nmore\n",
		"Nairi-Job: " JOB "\n",
		"x\nNairi-Job: " JOB "\n",
		"x\n\n Nairi-Job: " JOB "\n",
		"x\n\nNairi-Job\n",
		"x\n\nSigned-off-by: A <a@b>\nprose one\nNairi-Job: " JOB "\n",
		"x\n\nSigned-off-by: A <a@b>\nprose one\nprose two\nprose three\nprose four\nNairi-Job: " JOB "\n",
		"x\n\nNairi-Job: " JOB "\n# a comment\n",
		"x\r\n\r\nNairi-Job: " JOB "\r\n",
		"x\n\nOther: a\n  continued\nNairi-Job: " JOB "\n",
		"",
		"\n\n\nNairi-Job: " JOB "\n",
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		char list[4096], want[40], got[40] = "";
		ask_git(messages[i], list, sizeof(list));
		last_of(list, want);
		want[strcspn(want, "\r")] = '\0';
		(void)git_link_trailer(messages[i], got);
		if (strcmp(got, want) != 0)
			fail_msg("message %zu: git says \"%s\", we say \"%s\"", i, want, got);
	}
}

static void values_that_are_no_job(void **state)
{
	(void)state;
	static const char *const values[] = { "",      "job_1",     JOB " " OTHER,     JOB "x",
					      "x" JOB, "<" JOB ">", JOB "\xe2\x80\x8b" };
	char got[40];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char message[200];
		(void)snprintf(message, sizeof(message), "x\n\nNairi-Job: %s\n", values[i]);
		if (git_link_trailer(message, got))
			fail_msg("taken: %s", values[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(what_is_shown_of_a_url),
		cmocka_unit_test(who_gets_the_token),
		cmocka_unit_test(back_off),
		cmocka_unit_test(turns),
		cmocka_unit_test(what_failed_is_forgotten_at_last),
		cmocka_unit_test(reports_are_not_believed),
		cmocka_unit_test(batches_come_through),
		cmocka_unit_test(trailers),
		cmocka_unit_test(values_that_are_no_job),
	};

	(void)git_libgit2_init();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)git_libgit2_shutdown();
	return failed;
}
