/* SPDX-License-Identifier: Apache-2.0 */
/* The calls around jobs: starting one, listing an agent's, asking whether our key works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/json.h"
#include "bridge/deliver/nairi.h"

#define NOW      INT64_C(1776019512000)
#define MAX_WAIT INT64_C(600000)
#define TAG      "[nairi-bridge 01890a5d-ac96-774b-bcce-b302099a8057]"
#define GOT      CALL_ANSWERED
#define JOB      "job_01KRK1V46BXS73CSNK2VR35NPJ"

static struct call answer_of(int status, const char *body, size_t len)
{
	return (struct call){
		.result = CALL_ANSWERED,
		.answer = { .status = status, .body = body, .body_len = len },
	};
}

static void reads_a_start(void **state)
{
	static const struct {
		const char *what;
		enum call_result result;
		int status;
		const char *body;
		enum nairi_meaning meaning;
		bool unreachable;
	} rows[] = {
		{ "started", GOT, 201, "{\"job_id\":\"" JOB "\",\"message_id\":\"cmsg_1\"}", NAIRI_FORWARDED, false },
		{ "200", GOT, 200, "{\"message_id\":\"cmsg_1\",\"job_id\":\"" JOB "\"}", NAIRI_FORWARDED, false },
		{ "no job", GOT, 201, "{\"message_id\":\"cmsg_1\"}", NAIRI_DOUBT, true },
		{ "no message", GOT, 201, "{\"job_id\":\"" JOB "\"}", NAIRI_DOUBT, true },
		{ "a job that is none", GOT, 201, "{\"job_id\":\"../x\",\"message_id\":\"cmsg_1\"}", NAIRI_DOUBT, true },
		{ "a job of our own naming", GOT, 201,
		  "{\"job_id\":\"new_01890a5dac96774bbcceb30209\",\"message_id\":\"cmsg_1\"}", NAIRI_DOUBT, true },
		{ "a job of another type", GOT, 201, "{\"job_id\":7,\"message_id\":\"cmsg_1\"}", NAIRI_DOUBT, true },
		{ "nothing", GOT, 201, "", NAIRI_DOUBT, true },
		{ "no such agent", GOT, 404, "{\"error\":\"agent not found\"}", NAIRI_REFUSED, false },
		{ "our key", GOT, 401, "{\"error\":\"unauthorized\"}", NAIRI_KEY, false },
		{ "slow down", GOT, 429, "{\"error\":\"x\"}", NAIRI_LATER, false },
		{ "a page in between", GOT, 404, "<html>", NAIRI_DOUBT, true },
		{ "not sent", CALL_NOT_SENT, 0, "", NAIRI_LATER, true },
		{ "lost", CALL_LOST, 0, "", NAIRI_DOUBT, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct call call = answer_of(rows[i].status, rows[i].body, strlen(rows[i].body));
		struct nairi_verdict got;
		call.result = rows[i].result;
		memset(&got, 0xA5, sizeof(got));
		nairi_read_start(&call, NOW, MAX_WAIT, &got);
		if (got.meaning != rows[i].meaning || got.unreachable != rows[i].unreachable)
			fail_msg("%s: %d, %d (%s)", rows[i].what, (int)got.meaning, got.unreachable, got.reason);
		if (got.meaning == NAIRI_FORWARDED) {
			assert_string_equal(got.job_id, JOB);
			assert_string_equal(got.message_id, "cmsg_1");
		}
	}
	struct call cut = answer_of(201, rows[0].body, strlen(rows[0].body));
	struct nairi_verdict got;
	cut.answer.truncated = true;
	nairi_read_start(&cut, NOW, MAX_WAIT, &got);
	assert_int_equal(got.meaning, NAIRI_DOUBT);
}

static void describes_a_start(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	struct http_call_spec spec;
	struct error err;
	CLEANUP(json_delete_at) cJSON *tree = NULL;

	(void)state;
	assert_int_equal(nairi_start_request("http://x/api", "octo/hello", "do \"it\" " TAG, false, arena, &spec, &err), 0);
	assert_string_equal(spec.method, "POST");
	assert_string_equal(spec.url, "http://x/api/conversations/start");
	assert_int_equal(json_read(spec.body, strlen(spec.body), NULL, &tree, &err), 0);
	assert_string_equal(json_str(tree, "agent_id"), "octo/hello");
	assert_string_equal(json_str(tree, "prompt"), "do \"it\" " TAG);
	assert_null(json_at(tree, "ask_mode"));
	json_delete_at(&tree);
	tree = NULL;
	assert_int_equal(nairi_start_request("http://x/api", "a", "b", true, arena, &spec, &err), 0);
	assert_int_equal(json_read(spec.body, strlen(spec.body), NULL, &tree, &err), 0);
	assert_true(cJSON_IsTrue(json_at(tree, "ask_mode")));
}

static void describes_a_list_of_jobs(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	struct http_call_spec spec;
	struct error err;

	(void)state;
	assert_int_equal(nairi_conversations_request("http://x/api", "octo/hello?", NOW, 0, arena, &spec, &err), 0);
	assert_string_equal(spec.method, "GET");
	/* The slug is one segment of the path. */
	assert_non_null(strstr(spec.url, "http://x/api/agents/octo%2Fhello%3F/conversations?"));
	assert_non_null(strstr(spec.url, "2026-04-12T18"));
	assert_int_equal(nairi_conversations_request("http://x/api", "a", 0, 100, arena, &spec, &err), 0);
	assert_non_null(strstr(spec.url, "/agents/a/conversations?"));
	assert_non_null(strstr(spec.url, "100"));
}

static void reads_any_list(void **state)
{
	static const struct {
		int status;
		bool truncated;
		enum nairi_meaning meaning;
	} rows[] = {
		{ 200, false, NAIRI_FORWARDED }, { 200, true, NAIRI_LATER }, { 404, false, NAIRI_REFUSED },
		{ 401, false, NAIRI_KEY },	 { 429, false, NAIRI_LATER }, { 500, false, NAIRI_DOUBT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct call call = answer_of(rows[i].status, "{\"error\":\"x\"}", 13);
		struct nairi_verdict got;
		call.answer.truncated = rows[i].truncated;
		memset(&got, 0xA5, sizeof(got));
		nairi_read_list(&call, MAX_WAIT, &got);
		if (got.meaning != rows[i].meaning)
			fail_msg("%d: %d", rows[i].status, (int)got.meaning);
		if (got.meaning != NAIRI_FORWARDED)
			assert_string_not_equal(got.reason, "");
	}
}

static void reads_the_probe(void **state)
{
	static const struct {
		enum call_result result;
		int status;
		bool works;
	} rows[] = {
		{ GOT, 200, true },  { GOT, 204, true },  { GOT, 401, false },	      { GOT, 403, false },
		{ GOT, 302, false }, { GOT, 500, false }, { CALL_NOT_SENT, 200, false }, { CALL_LOST, 200, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct call call = answer_of(rows[i].status, "[]", 2);
		call.result = rows[i].result;
		assert_int_equal(nairi_read_probe(&call), rows[i].works);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_start),
		cmocka_unit_test(describes_a_start),
		cmocka_unit_test(describes_a_list_of_jobs),
		cmocka_unit_test(reads_any_list),
		cmocka_unit_test(reads_the_probe),
	};

	return cmocka_run_group_tests_name("nairi_jobs", tests, NULL, NULL);
}
