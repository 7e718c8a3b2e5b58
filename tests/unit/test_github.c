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
	expect_thread(api, "https://www.GitHub.com:443/Octo/hello.c/pull/42/", "Octo/hello.c#42");
	expect_thread(api, "http://github.com/octo/hello/pull/42", "octo/hello#42");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_thread(api, bad[i], NULL);
	expect_thread("https://ghes.example/api/v3", "https://ghes.example/a/b/pull/1", "a/b#1");
	expect_thread("https://ghes.example/api/v3", "https://github.com/a/b/pull/1", NULL);
	expect_thread("http://127.0.0.1:9000", "https://github.com/a/b/pull/1", "a/b#1");
	expect_thread("http://127.0.0.1:9000", "http://127.0.0.1:9000/a/b/pull/1", NULL);
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
				    "    forward: [reviews]\n",
		&config);
	settings = config->sources[0].settings;
	assert_int_equal(settings->forward, GITHUB_REVIEWS);
	assert_int_equal(settings->secrets.count, 2);
	handler_github.close(opened);
	config_free(config);
	expect_problem(HEAD("127.0.0.1:0") "    type: github\n", "secret");
	expect_problem(
		HEAD("127.0.0.1:0") "    type: github\n    secret: s3cr3t-s3cr3t\n    forward: [review]\n",
		"reviews");
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
		cmocka_unit_test(places_survive_a_round_trip),
		cmocka_unit_test(broken_places_are_refused),
		cmocka_unit_test(repository_names),
		cmocka_unit_test(github_settings),
		cmocka_unit_test(generic_settings),
		cmocka_unit_test(open_to_all_only_on_loopback),
	};

	return cmocka_run_group_tests_name("github", tests, NULL, NULL);
}
