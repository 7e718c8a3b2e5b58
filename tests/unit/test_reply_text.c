/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bridge/base/utf8.h"
#include "bridge/deliver/reply_text.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"
#define MARKER "<!-- nairi-bridge:reply:" ID " -->"
#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define Z "\u200B"

static void marker_is_recognised(void **state)
{
	static const struct {
		const char *text;
		bool has;
	} rows[] = {
		{ MARKER, true },
		{ "words\n\n" MARKER "\n", true },
		{ "<!-- nairi-bridge:reply:<!-- nairi-bridge:reply:x -->", true },
		{ "", false },
		{ "<!-- nairi-bridge:reply: -->", false },
		{ "<!-- nairi-bridge:reply:a b -->", false },
		{ "<!-- nairi-bridge:reply:" ID, false },
		{ "<!-- nairi-bridge:" ID " -->", false },
		{ "<!-- nairi-bridge:reply:0123456789012345678901234567890123456789012345678 -->", false },
	};
	char marker[REPLY_MARKER_SIZE];

	(void)state;
	reply_marker(ID, marker);
	assert_string_equal(marker, MARKER);
	reply_marker("0123456789012345678901234567890123456789012345678901234567890123456789", marker);
	assert_true(reply_has_marker(marker));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (reply_has_marker(rows[i].text) != rows[i].has)
			fail_msg("row %zu: %s", i, rows[i].text);
	}
	assert_false(reply_has_marker(NULL));
}

static char *render(struct failure_text failure, size_t max)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1 << 20);

	failure.marker = MARKER;
	reply_failure_text(&failure, max, &out);
	assert_false(strbuf_failed(&out));
	assert_true(out.len <= max);
	assert_true(out.len >= strlen(MARKER) && strcmp(out.ptr + out.len - strlen(MARKER), MARKER) == 0);
	assert_true(utf8_valid(out.ptr, out.len));
	return strbuf_detach(&out);
}

static void check(struct failure_text failure, const char *const *has)
{
	char *text = render(failure, 2000);

	for (; *has != NULL; has++) {
		if (strstr(text, *has) == NULL)
			fail_msg("no {%s} in {%s}", *has, text);
	}
	free(text);
}
#define CHECK(failure, ...) check(failure, (const char *const[]){ __VA_ARGS__, NULL })

static void says_what_happened_and_what_to_do(void **state)
{
	(void)state;
	char *text = render((struct failure_text){ .author = "octocat", .job_id = JOB, .error = "job not found",
						   .upstream_status = 404 }, 2000);
	assert_string_equal(text,
			    "octocat: **This comment did not reach the agent.** Nairi answered: `job not found` (404)\n\n"
			    "Job `" JOB "` does not exist in the organisation of this bridge's API key: it was deleted, "
			    "or this conversation is linked to the wrong one.\n\n"
			    "What to do: link this conversation to another job (`nairi-bridge link`), or start a new one."
			    "\n\n" MARKER);
	free(text);
	CHECK(((struct failure_text){ .job_id = JOB, .error = "job is not an API job", .upstream_status = 400 }),
	      "Nairi answered: `job is not an API job` (400)\n", "Job `" JOB "` was started from chat or the web app",
	      "start a new API job");
	CHECK(((struct failure_text){ .job_id = JOB, .error = "prompt is required", .upstream_status = 400 }),
	      "`prompt is required` (400)", "write a comment", JOB);
	CHECK(((struct failure_text){ .job_id = JOB, .error = "job has completed", .upstream_status = 409 }),
	      "`job has completed` (409)", "Job `" JOB "` cannot be continued", "start a new job");
	CHECK(((struct failure_text){ .error = "job has completed" }), "`job has completed`\n",
	      "The job cannot be continued");
	CHECK(((struct failure_text){ .job_id = JOB, .reason = "gave up after 10 attempts: connection refused" }),
	      "The bridge says: `gave up after 10 attempts: connection refused`\n", "(Job `" JOB "`)");
	CHECK(((struct failure_text){ .error = "", .upstream_status = 418 }), "without a reason (418).");
	CHECK(((struct failure_text){ .author = NULL }), "**This comment did not reach the agent.**\n\n");
}

static void words_do_not_leave_their_code(void **state)
{
	(void)state;
	CHECK(((struct failure_text){ .error = "a `b` ``c`` d" }), "answered: ```a `b` ``c`` d```\n");
	CHECK(((struct failure_text){ .error = "`x`" }), "answered: `` `x` ``\n");
	CHECK(((struct failure_text){ .error = " \n trim me\n\n " }), "answered: `trim me`\n");
	CHECK(((struct failure_text){ .error = "one\ntwo", .upstream_status = 400 }),
	      "answered (400):\n\n```\none\ntwo\n```\n\n");
	CHECK(((struct failure_text){ .error = "one\n```\ntwo\n````" }), "\n`````\none\n```\ntwo\n````\n`````\n");
	CHECK(((struct failure_text){ .error = "a\r\nb\u202E\x1B" }), "\n```\na\nb\n```\n");
}

static void pings_nobody_and_closes_nothing(void **state)
{
	(void)state;
	CHECK(((struct failure_text){ .error = "ask @admin, fixes #12, @ #" }),
	      "`ask @" Z "admin, fixes #" Z "12, @ #`");
	CHECK(((struct failure_text){ .error = "@everyone" }), "`@" Z "everyone`");
	CHECK(((struct failure_text){ .error = "x\n/close\n/merge" }), "\n /close\n /merge\n");
	CHECK(((struct failure_text){ .author = "@everyone", .error = "x" }),
	      "**This comment did not reach the agent.**");
	static const char *const authors[] = { "@everyone", "a b", "a\nb", "<!here>", "", "-", "#1", "/close", "`" };
	for (size_t i = 0; i < sizeof(authors) / sizeof(authors[0]); i++) {
		char *text = render((struct failure_text){ .author = authors[i], .error = "x" }, 2000);
		assert_int_equal(strncmp(text, "**This", 6), 0);
		free(text);
	}
	CHECK(((struct failure_text){ .author = "renovate[bot]", .error = "x" }), "renovate[bot]: **This");
	CHECK(((struct failure_text){ .author = "anna, @all, berta", .others = 2, .error = "x" }), "anna, berta: **These 3 comments did");
	/* A job id that is none is not shown. */
	char *text = render((struct failure_text){ .job_id = "x` @everyone", .error = "x" }, 2000);
	assert_null(strstr(text, "everyone"));
	free(text);
}

static void credentials_do_not_get_out(void **state)
{
	char *text = render((struct failure_text){
		.error = "fetch https://x-access-token:ghs_0123456789abcdefghijklmnopqrstuvwxyz01@github.com failed" },
		2000);

	(void)state;
	assert_null(strstr(text, "ghs_"));
	assert_non_null(strstr(text, "x-access-token:[redacted]@" Z "github.com"));
	free(text);
}

static void is_cut_inside_the_words(void **state)
{
	char words[9000];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(words); i++)
		words[i] = "ab\xC3\xA9"[i % 4];
	words[sizeof(words) - 4] = '\0';
	for (size_t max = 600; max < 620; max++) {
		char *text = render((struct failure_text){ .job_id = JOB, .error = words, .upstream_status = 400 }, max);
		assert_non_null(strstr(text, "…` (400)\n\nJob `"));
		assert_non_null(strstr(text, "link this conversation to it.\n\n" MARKER));
		assert_true(strlen(text) > max - 20);
		free(text);
	}
	words[100] = '\n';
	char *text = render((struct failure_text){ .error = words }, 2000);
	assert_non_null(strstr(text, "…\n```\n\n"));
	free(text);
}

static void endless_back_ticks_fit_too(void **state)
{
	char words[5000];

	(void)state;
	memset(words, '`', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	for (int line = 0; line < 2; line++) {
		for (size_t max = 600; max < 2000; max += 100) {
			char *text = render((struct failure_text){ .error = words }, max);
			assert_non_null(strstr(text, "link this conversation to it.\n\n" MARKER));
			assert_non_null(strstr(text, "`…"));
			free(text);
		}
		words[2] = '\n';
	}
}

static void marker_survives_any_limit(void **state)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1000);
	struct failure_text failure = { .job_id = JOB, .error = "łącze\nłącze", .marker = MARKER };

	(void)state;
	for (size_t max = strlen(MARKER); max < 700; max++)
		free(render(failure, max));
	reply_failure_text(&failure, strlen(MARKER) - 1, &out);
	assert_int_equal(out.len, 0);
}

#define A10 "aB3dE6gH9j"
#define A40 A10 A10 A10 A10
#define R "[redacted]"

static void redacts(void **state)
{
	static const struct {
		const char *text, *safe; /* safe NULL: unchanged */
	} rows[] = {
		{ "", NULL },
		{ "job not found", NULL },
		{ "a ghp_" A40 " b", "a " R " b" },
		{ "gho_" A40, R },
		{ "ghu_" A40, R },
		{ "ghr_" A40, R },
		{ "ghs_" A40 ".", R "." },
		{ "ghs_12345_eyJ" A40 "." A40 "." A40 "-_ x", R " x" },
		{ "xghp_" A40, "x" R },
		{ "github_pat_11ABC_" A40, R },
		{ "(glpat-" A10 A10 ")", "(" R ")" },
		{ "xoxb-1234-5678-" A10, R },
		{ "xoxp-" A10, R },
		{ "key=nr_" A10 A10, "key=" R },
		{ "nr_of_jobs", NULL },
		{ "inr_" A10 A10, NULL },
		{ "ghp_", NULL },
		{ "the ghp_ prefix", NULL },
		{ "Bearer " A40, "Bearer " R },
		{ "bearer: abc123", "bearer: " R },
		{ "BEARER\tx.y.z", "BEARER\t" R },
		{ "missing bearer token", NULL },
		{ "Bearer authentication required", NULL },
		{ "forbearer abc1", NULL },
		{ "Authorization: Basic dXNlcjpwYXNz\nnext", "Authorization: " R "\nnext" },
		{ "{\"authorization\": \"token secret\", \"a\": 1}", "{\"authorization\": \"" R "\", \"a\": 1}" },
		{ "Proxy-Authorization: x", "Proxy-Authorization: " R },
		{ "authorization failed", NULL },
		{ "PRIVATE-TOKEN: abc", "PRIVATE-TOKEN: " R },
		{ "https://x-access-token:abc@github.com/a", "https://x-access-token:" R "@github.com/a" },
		{ "x-access-token:abc def", "x-access-token:" R " def" },
		{ "git clone https://user:pa55@host/x", "git clone https://user:" R "@host/x" },
		{ "https://host:8080/x", NULL },
		{ "https://host/x@y", NULL },
		{ "a -----BEGIN RSA PRIVATE KEY-----\nMII\nx\n-----END RSA PRIVATE KEY----- b", "a " R " b" },
		{ "-----BEGIN PRIVATE KEY-----\nMII never ends", R },
		{ "ghp_" A40 " ghp_" A40, R " " R },
		{ "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln", R },
		{ "[redacted]", NULL },
		{ "zażółć ghp_" A40 " gęślą", "zażółć " R " gęślą" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(strbuf_release) struct strbuf out = STRBUF(10000);
		const char *expected = rows[i].safe != NULL ? rows[i].safe : rows[i].text;
		text_redact(rows[i].text, strlen(rows[i].text), &out);
		if (strcmp(strbuf_str(&out), expected) != 0)
			fail_msg("row %zu: {%s} became {%s}, not {%s}", i, rows[i].text, strbuf_str(&out), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marker_is_recognised),
		cmocka_unit_test(says_what_happened_and_what_to_do),
		cmocka_unit_test(words_do_not_leave_their_code),
		cmocka_unit_test(pings_nobody_and_closes_nothing),
		cmocka_unit_test(credentials_do_not_get_out),
		cmocka_unit_test(is_cut_inside_the_words),
		cmocka_unit_test(endless_back_ticks_fit_too),
		cmocka_unit_test(marker_survives_any_limit),
		cmocka_unit_test(redacts),
	};

	return cmocka_run_group_tests_name("reply_text", tests, NULL, NULL);
}
