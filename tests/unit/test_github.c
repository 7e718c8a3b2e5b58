/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fixtures do not reach: pasted URLs, places, and the settings of both handlers read from
 * YAML.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/rows.h"
#include "tests/support/handler_kit.h"

/* ---- URLs ---- */

static void expect_thread(const char *api, const char *url, const char *want)
{
	char json[300];
	struct error err = { 0 };
	struct arena *arena = arena_new(4096);
	const char *got = "untouched";

	(void)snprintf(json, sizeof(json), "{\"secret\":[\"x\"],\"api\":\"%s\"}", api);
	struct kit_source *source = kit_open("github", json, &err);
	assert_non_null(source);
	int rc = source->handler->thread_of_url(source->state, url, arena, &got, &err);
	if (want != NULL) {
		if (rc != 0 || strcmp(got, want) != 0)
			fail_msg("%s: %s", url, rc != 0 ? err.text : got);
	} else {
		if (rc == 0)
			fail_msg("%s: taken as %s", url, got);
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_string_equal(got, "untouched");
	}
	arena_free(arena);
	kit_close(source);
}

static void pasted_urls(void **state)
{
	static const char api[] = "https://api.github.com";
	static const char *const bad[] = {
		"",
		"octo/hello#42",
		"github.com/octo/hello/pull/42",
		"https://github.com/octo/hello",
		"https://github.com/octo/hello/pull",
		"https://github.com/octo/hello/pull/",
		"https://github.com/octo/hello/pull/x",
		"https://github.com/octo/hello/pull/0",
		"https://github.com/octo/hello/pull/042",
		"https://github.com/octo/hello/pull/42x",
		"https://github.com/octo/hello/pull/9999999999999999999999",
		"https://github.com/octo/hello/commit/42",
		"https://github.com/octo/../pull/42",
		"https://github.com/octo/%2e%2e/pull/42",
		"https://github.com/oc%20to/hello/pull/42",
		"https://github.com.evil.example/octo/hello/pull/42",
		"https://evil.example/github.com/octo/hello/pull/42",
		"https://github.com@evil.example/octo/hello/pull/42",
		"https://mona@github.com/octo/hello/pull/42",
		"https://github.com:8443/octo/hello/pull/42",
		"ftp://github.com/octo/hello/pull/42",
		"javascript:alert(1)",
		"https://gitlab.com/octo/hello/-/merge_requests/42",
	};

	(void)state;
	expect_thread(api, "https://github.com/octo/hello/pull/42", "octo/hello#42");
	expect_thread(api, "https://github.com/octo/hello/pull/42/files#diff-1", "octo/hello#42");
	expect_thread(api, "https://github.com/octo/hello/issues/7?x=1#issuecomment-99",
		      "octo/hello#7");
	expect_thread(api, "https://www.GitHub.com:443/Octo/hello.c/pull/42/", "octo/hello.c#42");
	expect_thread(api, "http://github.com/octo/hello/pull/42", "octo/hello#42");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_thread(api, bad[i], NULL);
	expect_thread("https://ghes.example/api/v3", "https://ghes.example/a/b/pull/1", "a/b#1");
	expect_thread("https://ghes.example/api/v3", "https://github.com/a/b/pull/1", NULL);
	expect_thread("http://127.0.0.1:9000", "https://github.com/a/b/pull/1", "a/b#1");
	/* A stand-in's own pages, on this machine only. */
	expect_thread("http://127.0.0.1:9000", "http://127.0.0.1:9000/A/b/pull/1", "a/b#1");
	expect_thread("http://127.0.0.1:9000", "http://127.0.0.1:9001/a/b/pull/1", NULL);
	expect_thread("http://localhost:9000", "https://localhost:9000/a/b/pull/1", "a/b#1");
	expect_thread("http://[::1]:9000", "http://[::1]:9000/a/b/pull/1", "a/b#1");
	expect_thread("http://127.evil.example:9000", "http://127.evil.example:9000/a/b/pull/1", NULL);
	expect_thread("http://192.0.2.1:9000", "http://192.0.2.1:9000/a/b/pull/1", NULL);
	expect_thread("https://api.github.com", "https://api.github.com/a/b/pull/1", NULL);
	expect_thread("https://api.acme.ghe.com", "https://acme.ghe.com/a/b/pull/1", "a/b#1");
}

/* ---- inline comments ---- */

static const char *quote_of(const char *hunk, struct arena *arena)
{
	CLEANUP(json_delete_at) cJSON *comment = cJSON_CreateObject();

	assert_non_null(cJSON_AddStringToObject(comment, "diff_hunk", hunk));
	return github_inline_quote(comment, arena);
}

static void quotes_end_where_the_comment_stands(void **state)
{
	CLEANUP(strbuf_release) struct strbuf hunk = STRBUF(100000);
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	assert_null(quote_of("", arena));
	assert_string_equal(quote_of("@@ x\n", arena), "@@ x\n");
	for (int i = 1; i <= 31; i++)
		strbuf_addf(&hunk, "%d\n", i);
	assert_string_equal(quote_of(strbuf_str(&hunk), arena), strbuf_str(&hunk) + 2);
	strbuf_truncate(&hunk, hunk.len - 1);
	assert_string_equal(quote_of(strbuf_str(&hunk), arena), strbuf_str(&hunk) + 2);
	/* Whole lines while they fit … */
	strbuf_reset(&hunk);
	for (int i = 0; i < 3; i++)
		strbuf_addf(&hunk, "%04000d\n", i);
	assert_int_equal(strlen(quote_of(strbuf_str(&hunk), arena)), 8002);
	/* … and the beginning of one that does not, up to a whole character. */
	strbuf_reset(&hunk);
	for (int i = 0; i < 9000; i++)
		strbuf_addc(&hunk, 'x');
	assert_int_equal(strlen(quote_of(strbuf_str(&hunk), arena)), 8192);
	strbuf_reset(&hunk);
	strbuf_addc(&hunk, 'x');
	for (int i = 0; i < 9000; i++)
		strbuf_adds(&hunk, "ż");
	assert_int_equal(strlen(quote_of(strbuf_str(&hunk), arena)), 8191);
	arena_free(arena);
}

/* A comment on line 40 with a hunk of so many lines, each so long. */
static const struct lookup *lookup_of(int lines, int length, int64_t start_line, struct arena *arena)
{
	CLEANUP(json_delete_at) cJSON *comment = cJSON_CreateObject();
	CLEANUP(strbuf_release) struct strbuf hunk = STRBUF(200000);

	for (int i = 0; i < lines; i++)
		strbuf_addf(&hunk, "%s+%0*d", i > 0 ? "\n" : "", length, i);
	assert_non_null(cJSON_AddStringToObject(comment, "diff_hunk", strbuf_str(&hunk)));
	assert_non_null(cJSON_AddStringToObject(comment, "path", "a b/ż.c"));
	assert_non_null(cJSON_AddStringToObject(comment, "commit_id", "ec26c3e57ca3a959ca5aad62de7213c562f8c821"));
	assert_non_null(cJSON_AddNumberToObject(comment, "line", 40));
	if (start_line > 0)
		assert_non_null(cJSON_AddNumberToObject(comment, "start_line", (double)start_line));
	return github_inline_lookup(comment, "Octo/Hello", arena);
}

static void git_is_asked_for_what_is_not_shown(void **state)
{
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	/* As GitHub sends it: all is there, however little it is. */
	assert_null(lookup_of(1, 5, 0, arena));
	assert_null(lookup_of(30, 5, 0, arena));
	assert_null(lookup_of(30, 5, 2, arena));
	/* Cut, but the line and what is before it are shown. */
	assert_null(lookup_of(31, 5, 0, arena));
	assert_null(lookup_of(31, 5, 11, arena));
	assert_null(lookup_of(8, 2000, 0, arena));
	/* No hunk; the beginning of the range, the line's surroundings, or a part of the line itself are cut. */
	assert_non_null(lookup_of(0, 0, 0, arena));
	assert_non_null(lookup_of(31, 5, 10, arena));
	assert_non_null(lookup_of(8, 2700, 0, arena));
	assert_non_null(lookup_of(1, 9000, 0, arena));
	const struct lookup *lookup = lookup_of(31, 5, 10, arena);
	assert_int_equal(lookup->wants, LOOKUP_CODE);
	assert_string_equal(lookup->repo, "octo/hello");
	assert_string_equal(lookup->path, "a b/ż.c");
	assert_int_equal(lookup->line, 10);
	assert_int_equal(lookup->last_line, 40);
	assert_false(lookup->old_side);
	arena_free(arena);
}

/* ---- hints ---- */

#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define FOOTER "---\nGenerated by [Nairi](https://nairi.ai) from this [Slack thread](https://x/" JOB ")"
#define BRANCH_SAYS "its branch looks like one of a Nairi agent"
#define FOOTER_SAYS "its description says that a Nairi agent made it"

static void hints(void **state)
{
	static const struct {
		const char *branch, *description, *want;
	} rows[] = {
		{ NULL, NULL, NULL },
		{ "changes", "", NULL },
		{ "nairid/quiet-otter-20260412-152101", NULL, BRANCH_SAYS },
		{ "eksecd/a", NULL, BRANCH_SAYS },
		{ "ccagent/a", NULL, BRANCH_SAYS },
		{ "nairid/", NULL, NULL },
		{ "nairid", NULL, NULL },
		{ "my/nairid/a", NULL, NULL },
		{ NULL, "## Why\n\n" FOOTER, FOOTER_SAYS " and names " JOB },
		{ "nairid/a", FOOTER, BRANCH_SAYS ", and " FOOTER_SAYS " and names " JOB },
		{ NULL, "-----  \r\n\r\nGenerated by [nairid](x) from this [Discord thread](y)\r\n", FOOTER_SAYS },
		/* Another line's job is not the footer's. */
		{ NULL, JOB "\n---\nGenerated by [Nairi](x)\n" JOB, FOOTER_SAYS },
		{ NULL, "---\nGenerated by [Nairi](x/job_01KRK1V46BXS73CSNK2VR35NPJX)", FOOTER_SAYS },
		{ NULL, "---\nGenerated by [Nairi](x/job_01krk1v46bxs73csnk2vr35npj)", FOOTER_SAYS },
		/* Without the rule, or quoted, or further down. */
		{ NULL, "Generated by [Nairi](x)", NULL },
		{ NULL, "--\nGenerated by [Nairi](x)", NULL },
		{ NULL, "--- x\nGenerated by [Nairi](x)", NULL },
		{ NULL, "---\n> Generated by [Nairi](x)", NULL },
		{ NULL, "---\nOr not:\nGenerated by [Nairi](x)", NULL },
		{ NULL, "---", NULL },
	};
	struct arena *arena = arena_new(1 << 16);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = github_hint(rows[i].branch, rows[i].description, arena);
		if ((got == NULL) != (rows[i].want == NULL) || (got != NULL && strcmp(got, rows[i].want) != 0))
			fail_msg("%zu: %s", i, got != NULL ? got : "nothing");
	}
	arena_free(arena);
}

/* ---- results ---- */

/* The first event of a result; its parts as JSON. */
static const struct event *result_of(const char *name, const char *object, enum github_ci ci, struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf json = STRBUF(4096);
	struct github_events *events = github_events_new(GITHUB_CI, ci);
	struct parsed parsed = { 0 };
	struct error err = { 0 };

	strbuf_addf(&json,
		    "{\"action\":\"completed\",\"repository\":{\"id\":1,\"full_name\":\"Octo/hello\"},"
		    "\"sender\":{\"login\":\"mona\",\"id\":5},\"%s\":{"
		    "\"head_sha\":\"ec26c3e57ca3a959ca5aad62de7213c562f8c821\","
		    "\"pull_requests\":[{\"number\":42}],%s}}",
		    name, object);
	assert_non_null(events);
	if (github_events_parse(events, name, strbuf_str(&json), json.len, arena, &parsed, &err) < 0)
		fail_msg("%s: %s", object, err.text);
	github_events_free(events);
	return parsed.event_count > 0 ? parsed.events : NULL;
}

#define RUN(id, suite, app, conclusion)                                                                      \
	"\"id\":" id ",\"name\":\"n\",\"check_suite\":{\"id\":" suite "},\"app\":{\"slug\":\"" app \
	"\"},\"conclusion\":\"" conclusion "\""
#define SUITE(id, app, conclusion) \
	"\"id\":" id ",\"app\":{\"slug\":\"" app "\"},\"conclusion\":\"" conclusion "\""
#define WORKFLOW(suite, attempt, conclusion)                                                             \
	"\"id\":9,\"name\":\"CI\",\"check_suite_id\":" suite ",\"run_attempt\":" attempt       \
	",\"conclusion\":\"" conclusion "\""

static void one_failure_is_told_once(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	const enum github_ci ci = GITHUB_CI_FAILURES;

	(void)state;
	/* Actions: whichever of them a hook sends tells, and the rest is a repetition. */
	const char *key = result_of("workflow_run", WORKFLOW("7", "1", "failure"), ci, arena)->dedupe;
	assert_string_equal(key, "1/ci/7/1/failed/octo/hello#42");
	assert_string_equal(
		result_of("check_run", RUN("1", "7", "github-actions", "timed_out"), ci, arena)->dedupe, key);
	assert_string_equal(result_of("check_run", RUN("2", "7", "github-actions", "failure"), ci, arena)->dedupe,
			    key);
	assert_string_equal(result_of("check_suite", SUITE("7", "github-actions", "failure"), ci, arena)->dedupe,
			    key);
	/* Another run, and the same one again, are news. */
	assert_string_not_equal(result_of("workflow_run", WORKFLOW("8", "1", "failure"), ci, arena)->dedupe, key);
	assert_string_not_equal(result_of("workflow_run", WORKFLOW("7", "2", "failure"), ci, arena)->dedupe, key);
	/* Other apps: each check run by itself, and none of them again as a suite. */
	const struct event *one = result_of("check_run", RUN("1", "7", "lint", "failure"), ci, arena);
	const struct event *two = result_of("check_run", RUN("2", "7", "lint", "failure"), ci, arena);
	assert_string_not_equal(one->dedupe, two->dedupe);
	key = result_of("check_suite", SUITE("7", "lint", "failure"), ci, arena)->dedupe;
	assert_string_equal(one->covers, key);
	assert_string_equal(two->covers, key);
	assert_string_not_equal(one->dedupe, key);
	arena_free(arena);
}

static void a_green_job_is_no_green_run(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	const enum github_ci ci = GITHUB_CI_ALL;

	(void)state;
	const struct event *job = result_of("check_run", RUN("1", "7", "github-actions", "success"), ci, arena);
	const char *run = result_of("workflow_run", WORKFLOW("7", "1", "success"), ci, arena)->dedupe;
	assert_string_not_equal(job->dedupe, run);
	assert_null(job->covers);
	assert_string_equal(result_of("check_suite", SUITE("7", "github-actions", "success"), ci, arena)->dedupe, run);
	assert_string_not_equal(result_of("workflow_run", WORKFLOW("7", "1", "failure"), ci, arena)->dedupe, run);
	arena_free(arena);
}

static void what_counts_as_a_failure(void **state)
{
	static const char *const failed[] = { RUN("1", "7", "x", "failure"), RUN("1", "7", "x", "timed_out"),
					      RUN("1", "7", "x", "action_required"),
					      RUN("1", "7", "x", "startup_failure") };
	static const char *const others[] = { RUN("1", "7", "x", "success"), RUN("1", "7", "x", "neutral"),
					      RUN("1", "7", "x", "skipped"), RUN("1", "7", "x", "cancelled"),
					      RUN("1", "7", "x", "stale"),   RUN("1", "7", "x", "some_new_word") };
	struct arena *arena = arena_new(1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++) {
		const struct event *event = result_of("check_run", failed[i], GITHUB_CI_FAILURES, arena);
		assert_non_null(event);
		assert_true(event->machine);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_null(result_of("check_run", others[i], GITHUB_CI_FAILURES, arena));
		assert_non_null(result_of("check_run", others[i], GITHUB_CI_ALL, arena));
	}
	arena_free(arena);
}

/* ---- places ---- */

static void places_survive_a_round_trip(void **state)
{
	const struct github_place place = { .repo = "octo/hello",
					    .number = INT64_MAX,
					    .kind = GITHUB_REVIEW_COMMENT,
					    .id = INT64_C(9007199254740993),
					    .top = 1 };
	struct github_place got = { 0 };
	struct arena *arena = arena_new(4096);

	(void)state;
	const char *json = github_place_write(&place, arena);
	assert_non_null(json);
	assert_int_equal(github_place_read(json, &got, NULL), 0);
	assert_string_equal(got.repo, place.repo);
	assert_int_equal(got.number, place.number);
	assert_int_equal(got.kind, place.kind);
	assert_int_equal(got.id, place.id);
	assert_int_equal(got.top, place.top);
	arena_free(arena);
	arena = arena_new(8);
	assert_null(github_place_write(&place, arena));
	arena_free(arena);
}

#define ON_COMMIT "\"kind\":\"commit_comment\",\"id\":1,\"top\":1}"

static void broken_places_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"{\"repo\":\"a/..\",\"number\":1,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"{\"repo\":\"a/b?x\",\"number\":1,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"{\"repo\":\"a/b/c\",\"number\":1,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"{\"repo\":\"a/b\",\"number\":0,\"kind\":\"review\",\"id\":1,\"top\":1}",
		"{\"repo\":\"a/b\",\"number\":1,\"kind\":\"other\",\"id\":1,\"top\":1}",
		"{\"repo\":\"a/b\",\"number\":1,\"kind\":\"review\",\"id\":\"1\",\"top\":1}",
		"{\"repo\":\"a/b\",\"number\":1,\"kind\":\"review\",\"id\":1}",
		/* Only the main conversation is a place without a comment. */
		"{\"repo\":\"a/b\",\"number\":1,\"kind\":\"review_comment\"}",
		"{\"repo\":\"a/b\",\"number\":1,\"kind\":\"issue_comment\",\"id\":0,\"top\":1}",
		"{\"repo\":\"a/b\",\"kind\":\"issue_comment\"}",
		"{\"repo\":\"a/b\",\"number\":1,\"kind\":\"commit_comment\",\"id\":1,\"top\":1}",
		"{\"repo\":\"a/b\",\"commit\":\"main\"," ON_COMMIT,
		"{\"repo\":\"a/b\",\"commit\":\"ec26c3e57ca3a959ca5aad62de7213c562f8c82/\"," ON_COMMIT,
		"{\"repo\":\"a/b\",\"kind\":\"commit_comment\","
		"\"commit\":\"ec26c3e57ca3a959ca5aad62de7213c562f8c821\"}",
	};
	struct github_place place;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = { 0 };
		assert_int_equal(github_place_read(bad[i], &place, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void repository_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = {
		{ "octo/hello", true },  { "Octo-Org/.github", true },
		{ "o_x/a.b-c_d", true }, { "a/b.", true },
		{ "", false },           { "a", false },
		{ "/", false },          { "a/", false },
		{ "/a", false },         { "a/b/c", false },
		{ "a/.", false },        { "a/..", false },
		{ "../a", false },       { "a.b/c", false },
		{ "a/b c", false },      { "a/b%2e", false },
		{ "a/b\n", false },      { "ą/b", false },
		{ "a/b#1", false },      { "a\\b", false },
	};
	char longest[220] = "", *at = longest;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (github_place_repo_is_valid(rows[i].name) != rows[i].good)
			fail_msg("%s", rows[i].name);
	}
	memset(at, 'a', 201);
	at[100] = '/';
	assert_true(github_place_repo_is_valid(longest));
	at[201] = 'a';
	assert_false(github_place_repo_is_valid(longest));
}

/* ---- settings ---- */

#define HEAD(listen)                                                         \
	"listen: " listen "\n"                                               \
	"store: sqlite:/tmp/x.db\n"                                          \
	"nairi: { url: \"https://api.nairi.ai\", api_key: nr_0123456789 }\n" \
	"sources:\n  s:\n"

/* The texts of all problems; "" when there are none. */
static struct config *load(const char *yaml, struct strbuf *problems_text)
{
	const struct source_type *types[] = { &handler_github.kind, &handler_generic.kind };
	struct config_problems problems;
	struct config *config = NULL;

	int rc = config_parse("test.yaml", yaml, strlen(yaml), types, 2, &config, &problems);
	if (rc != 0)
		config_problems_print(&problems, problems_text);
	config_problems_release(&problems);
	return rc == 0 ? config : NULL;
}

static void expect_problem(const char *yaml, const char *want)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(20000);
	struct config *config = load(yaml, &text);

	if (config != NULL)
		fail_msg("taken: %s", yaml);
	if (strstr(strbuf_str(&text), want) == NULL || strstr(strbuf_str(&text), "s3cr3t") != NULL)
		fail_msg("%s\n%s", yaml, strbuf_str(&text));
}

/* Loads, opens its one source, and hands both out. */
static void *open_yaml(const char *yaml, struct config **ret_config)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(20000);
	struct config *config = load(yaml, &text);
	struct error err = { 0 };
	void *state = NULL;

	if (config == NULL)
		fail_msg("%s\n%s", yaml, strbuf_str(&text));
	const struct handler *handler = handler_find(config->sources[0].type->type);
	if (handler->open(&config->sources[0], &state, &err) < 0)
		fail_msg("%s\n%s", yaml, err.text);
	*ret_config = config;
	return state;
}

static void github_settings(void **state)
{
	struct config *config = NULL;

	(void)state;
	void *opened = open_yaml(
		HEAD("127.0.0.1:0") "    type: github\n    secret: s3cr3t-s3cr3t-s3cr3t\n",
		&config);
	const struct github_settings *settings = config->sources[0].settings;
	assert_int_equal(settings->forward, GITHUB_COMMENTS | GITHUB_REVIEWS);
	assert_int_equal(settings->ci, GITHUB_CI_FAILURES);
	assert_int_equal(settings->secrets.count, 1);
	assert_int_equal(config->sources[0].respond, RESPOND_QUEUED);
	assert_string_equal(config->sources[0].api.url, "https://api.github.com");
	/* Nothing of it may point into the configuration: a reload frees that first. */
	config_free(config);
	const struct http_request request = {
		.method = "POST", .path = "", .query = "", .body = ""
	};
	assert_int_equal(handler_github.verify(opened, &request, NULL), -1);
	handler_github.close(opened);

	opened = open_yaml(
		HEAD("127.0.0.1:0") "    type: github\n    secret: [s3cr3t-s3cr3t-s3cr3t, s3cr3t-s3cr3t-s3cr3u]\n"
				    "    forward: [reviews, ci, pushes]\n    ci: all\n",
		&config);
	settings = config->sources[0].settings;
	assert_int_equal(settings->forward, GITHUB_REVIEWS | GITHUB_CI | GITHUB_PUSHES);
	assert_int_equal(settings->ci, GITHUB_CI_ALL);
	assert_int_equal(settings->secrets.count, 2);
	handler_github.close(opened);
	config_free(config);
	expect_problem(HEAD("127.0.0.1:0") "    type: github\n", "secret");
	expect_problem(
		HEAD("127.0.0.1:0") "    type: github\n    secret: s3cr3t-s3cr3t\n    forward: [review]\n",
		"reviews");
	expect_problem(HEAD("127.0.0.1:0") "    type: github\n    secret: s3cr3t-s3cr3t\n    ci: failure\n",
		       "failures");
}

static void generic_settings(void **state)
{
	static const char *const good[] = {
		"verify: none",
		"verify: { type: none }",
		"verify: { type: hmac-sha256, header: X-Sig, secret: s3cr3t-s3cr3t-s3cr3t }",
		"verify: { type: hmac-sha256, header: X-Sig, prefix: \"sha256=\", encoding: base64, secret: [s3cr3t-s3cr3t, s3cr3t-two] }",
		"verify: { type: bearer, token: [s3cr3t-s3cr3t, s3cr3t-two] }",
		"verify: { type: basic, username: a, password: s3cr3t-s3cr3t }",
		"verify: { type: standard-webhooks, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw }",
	};
	static const struct {
		const char *yaml, *problem;
	} bad[] = {
		{ "respond: queued", "write verify: none" },
		{ "verify: hmac-sha256", "mapping with type" },
		{ "verify: false", "mapping with type" },
		{ "verify: [none]", "type" },
		{ "verify: {}", "type is missing" },
		{ "verify: { type: hmac }", "hmac-sha256" },
		{ "verify: { type: hmac-sha256, secret: s3cr3t-s3cr3t }", "header" },
		{ "verify: { type: hmac-sha256, header: X-Sig }", "secret" },
		{ "verify: { type: hmac-sha256, header: \"X Sig\", secret: s3cr3t-s3cr3t }",
		  "header" },
		{ "verify: { type: hmac-sha256, header: X-Sig, secret: s3cr3t-s3cr3t, token: s3cr3t }",
		  "token" },
		{ "verify: { type: hmac-sha256, header: X-Sig, secret: s3cr3t-s3cr3t, encoding: hexx }",
		  "hex" },
		{ "verify: { type: bearer }", "token" },
		{ "verify: { type: basic, username: \"a:b\", password: s3cr3t-s3cr3t }", "colon" },
		{ "verify: { type: standard-webhooks, secret: s3cr3t-s3cr3t }", "whsec_" },
		{ "verify: { type: none, secret: s3cr3t }", "secret" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char yaml[700];
		struct config *config = NULL;
		(void)snprintf(yaml, sizeof(yaml),
			       HEAD("127.0.0.1:0") "    type: generic\n    %s\n", good[i]);
		void *opened = open_yaml(yaml, &config);
		assert_int_equal(config->sources[0].respond, RESPOND_OUTCOME);
		handler_generic.close(opened);
		config_free(config);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char yaml[700];
		(void)snprintf(yaml, sizeof(yaml),
			       HEAD("127.0.0.1:0") "    type: generic\n    %s\n", bad[i].yaml);
		expect_problem(yaml, bad[i].problem);
	}
}

static void open_to_all_only_on_loopback(void **state)
{
	static const char source[] = "    type: generic\n    verify: none\n";
	char yaml[600];
	struct config *config = NULL;

	(void)state;
	(void)snprintf(yaml, sizeof(yaml), "%s%s", HEAD("[\"127.0.0.1:0\", \"unix:/tmp/x.sock\"]"),
		       source);
	handler_generic.close(open_yaml(yaml, &config));
	config_free(config);
	(void)snprintf(yaml, sizeof(yaml), "%s%s", HEAD("0.0.0.0:8080"), source);
	expect_problem(yaml, "loopback");
	(void)snprintf(yaml, sizeof(yaml), "%s%s", HEAD("[\"127.0.0.1:0\", \"192.0.2.1:80\"]"),
		       source);
	expect_problem(yaml, "loopback");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pasted_urls),
		cmocka_unit_test(quotes_end_where_the_comment_stands),
		cmocka_unit_test(git_is_asked_for_what_is_not_shown),
		cmocka_unit_test(hints),
		cmocka_unit_test(one_failure_is_told_once),
		cmocka_unit_test(a_green_job_is_no_green_run),
		cmocka_unit_test(what_counts_as_a_failure),
		cmocka_unit_test(places_survive_a_round_trip),
		cmocka_unit_test(broken_places_are_refused),
		cmocka_unit_test(repository_names),
		cmocka_unit_test(github_settings),
		cmocka_unit_test(generic_settings),
		cmocka_unit_test(open_to_all_only_on_loopback),
	};

	return cmocka_run_group_tests_name("github", tests, NULL, NULL);
}
