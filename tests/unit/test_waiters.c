/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that wait for an outcome; an exchange that is not suspended just keeps what it is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "bridge/base/json.h"
#include "bridge/http/server_private.h"
#include "bridge/intake/intake_private.h"

#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"

#define EXCHANGES 64
struct bench {
	struct waiters *waiters;
	struct exchange x[EXCHANGES];
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	if (bench == NULL)
		return -1;
	bench->waiters = waiters_new();
	*state = bench;
	return bench->waiters != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	waiters_free(bench->waiters);
	for (size_t i = 0; i < EXCHANGES; i++)
		strbuf_release(&bench->x[i].reply.body);
	free(bench);
	return 0;
}

static const char *id_of(char kind, size_t i)
{
	static char ids[4][ID_SIZE];
	static size_t at;
	char *id = ids[at++ % 4];

	(void)snprintf(id, ID_SIZE, "01890a5d-ac96-774b-bcce-%c%011zu", kind, i);
	return id;
}

static void add(struct bench *bench, size_t i, int64_t until)
{
	assert_true(waiters_add(bench->waiters, id_of('a', i), id_of('d', i), i % 2 == 0 ? "wait=5" : NULL,
				&bench->x[i], until));
}

static bool is_answered(const struct bench *bench, size_t i)
{
	return bench->x[i].reply.status != 0;
}

/* Checks the answer, and takes it away: a second one would show. */
static void check(struct bench *bench, size_t i, int status, const char *json)
{
	struct http_reply *reply = &bench->x[i].reply;

	assert_int_equal(reply->status, status);
	assert_string_equal(strbuf_str(&reply->body), json);
	if (i % 2 == 0)
		assert_string_equal(reply->preference_applied, "wait=5");
	else
		assert_null(reply->preference_applied);
	strbuf_release(&reply->body);
	*reply = (struct http_reply){ 0 };
}

static char *queued(size_t i)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "{\"status\":\"queued\",\"delivery_id\":\"%s\"}", id_of('d', i));
	return text;
}

static void finish(struct bench *bench, size_t i, enum message_state state)
{
	struct outcome outcome = {
		.message_id = id_of('a', i),
		.delivery_id = id_of('d', i),
		.job_id = JOB,
		.state = state,
		.nairi_message_id = "cmsg_1",
		.error = "job \"x\" not found\n",
		.reason = "withdrawn",
		.upstream_status = 404,
	};

	waiters_finish(bench->waiters, &outcome);
}

static void tells_the_outcome(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < 3; i++)
		add(bench, i, 1000);
	finish(bench, 0, MESSAGE_FORWARDED);
	check(bench, 0, 201,
	      "{\"status\":\"forwarded\",\"delivery_id\":\"01890a5d-ac96-774b-bcce-d00000000000\",\"job_id\":\"" JOB
	      "\",\"message_id\":\"cmsg_1\"}");
	assert_false(is_answered(bench, 1) || is_answered(bench, 2));
	finish(bench, 1, MESSAGE_FAILED);
	check(bench, 1, 422,
	      "{\"status\":\"failed\",\"delivery_id\":\"01890a5d-ac96-774b-bcce-d00000000001\",\"job_id\":\"" JOB
	      "\",\"error\":\"job \\\"x\\\" not found\\n\",\"upstream_status\":404}");
	finish(bench, 2, MESSAGE_IGNORED);
	assert_int_equal(bench->x[2].reply.status, 200);
	assert_string_equal(
		strbuf_str(&bench->x[2].reply.body),
		"{\"status\":\"ignored\",\"reason\":\"withdrawn\","
		"\"delivery_id\":\"01890a5d-ac96-774b-bcce-d00000000002\"}");
}

static void tells_it_once(void **state)
{
	struct bench *bench = *state;

	add(bench, 1, 1000);
	finish(bench, 7, MESSAGE_FORWARDED); /* nobody waits for that one */
	assert_false(is_answered(bench, 1));
	finish(bench, 1, MESSAGE_FAILED);
	assert_true(is_answered(bench, 1));
	strbuf_release(&bench->x[1].reply.body);
	bench->x[1].reply = (struct http_reply){ 0 };
	finish(bench, 1, MESSAGE_FORWARDED);
	(void)waiters_tick(bench->waiters, 5000);
	waiters_end(bench->waiters);
	assert_false(is_answered(bench, 1));
}

static void answers_at_the_deadline(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(waiters_tick(bench->waiters, 0), INT64_MAX);
	add(bench, 2, 300);
	add(bench, 1, 100);
	add(bench, 3, 200);
	assert_int_equal(waiters_tick(bench->waiters, 99), 100);
	assert_false(is_answered(bench, 1));
	assert_int_equal(waiters_tick(bench->waiters, 100), 200);
	check(bench, 1, 202, queued(1));
	assert_int_equal(waiters_tick(bench->waiters, 1000), INT64_MAX);
	check(bench, 3, 202, queued(3));
	check(bench, 2, 202, queued(2));
	finish(bench, 2, MESSAGE_FORWARDED); /* too late: it was answered */
	assert_false(is_answered(bench, 2));
}

static void those_left_are_told_that_it_is_kept(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < EXCHANGES; i++)
		add(bench, i, INT64_MAX - (int64_t)i);
	finish(bench, 5, MESSAGE_FAILED);
	waiters_end(bench->waiters);
	for (size_t i = 0; i < EXCHANGES; i++) {
		assert_int_equal(bench->x[i].reply.status, i == 5 ? 422 : 202);
		if (i != 5)
			check(bench, i, 202, queued(i));
	}
	assert_int_equal(waiters_tick(bench->waiters, 0), INT64_MAX);
	add(bench, 1, 10); /* and it works on */
	assert_int_equal(waiters_tick(bench->waiters, 0), 10);
}

/* The last who wait are answered when all ends, since an exchange must be answered exactly once. */
static void frees_and_answers(void **state)
{
	struct bench *bench = *state;

	add(bench, 1, 1000);
	add(bench, 3, 1000);
	finish(bench, 3, MESSAGE_FORWARDED);
	strbuf_release(&bench->x[3].reply.body);
	bench->x[3].reply = (struct http_reply){ 0 };
	waiters_free(bench->waiters);
	bench->waiters = NULL; /* which takes NULL */
	assert_int_equal(bench->x[1].reply.status, 202);
	assert_false(is_answered(bench, 3));
}

/* A failure always has words, even when the API had none. */
static void a_failure_without_words(void **state)
{
	struct bench *bench = *state;
	struct outcome outcome = {
		.message_id = id_of('a', 1), .delivery_id = id_of('d', 1), .job_id = JOB, .state = MESSAGE_FAILED,
		.error = "gave up after 3 attempts", .reason = "gave up after 3 attempts",
	};

	add(bench, 1, 1000);
	waiters_finish(bench->waiters, &outcome);
	assert_int_equal(bench->x[1].reply.status, 422);
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct error err;
	assert_int_equal(json_read(strbuf_str(&bench->x[1].reply.body), bench->x[1].reply.body.len, NULL, &tree, &err),
			 0);
	assert_string_equal(json_str(tree, "error"), "gave up after 3 attempts");
	assert_null(json_at(tree, "message_id"));
}

static void becomes(struct bench *bench, size_t i, size_t other)
{
	struct outcome outcome = { .message_id = id_of('a', i), .state = MESSAGE_IGNORED, .reason = "x",
				   .becomes = id_of('a', other) };

	waiters_finish(bench->waiters, &outcome);
}

/* Several messages that one other goes on with: each caller has its own time, and its own delivery. */
static void waits_for_what_it_becomes(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < 6; i++)
		add(bench, i, 1000 + 100 * (int64_t)(i == 2 ? 0 : i == 0 ? 1 : i == 5 ? 2 : 10 + i));
	for (size_t i = 0; i < 6; i++)
		becomes(bench, i, 50);
	becomes(bench, 20, 50); /* nobody waits for that one */
	for (size_t i = 0; i < 6; i++) {
		assert_false(is_answered(bench, i));
		finish(bench, i, MESSAGE_FAILED); /* that is not theirs any more */
		assert_false(is_answered(bench, i));
	}
	(void)waiters_tick(bench->waiters, 1000); /* one in the middle, then the first, then the last */
	check(bench, 2, 202, queued(2));
	(void)waiters_tick(bench->waiters, 1100);
	check(bench, 0, 202, queued(0));
	(void)waiters_tick(bench->waiters, 1200);
	check(bench, 5, 202, queued(5));
	finish(bench, 50, MESSAGE_FORWARDED);
	for (size_t i = 0; i < 6; i++) {
		if (i == 0 || i == 2 || i == 5) {
			assert_false(is_answered(bench, i));
			continue;
		}
		assert_int_equal(bench->x[i].reply.status, 201);
		assert_non_null(strstr(strbuf_str(&bench->x[i].reply.body), id_of('d', i)));
	}
	becomes(bench, 50, 51);
	assert_int_equal(waiters_tick(bench->waiters, INT64_MAX - 1), INT64_MAX);
}

#define WAITERS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAITERS_TEST(tells_the_outcome),
		WAITERS_TEST(tells_it_once),
		WAITERS_TEST(answers_at_the_deadline),
		WAITERS_TEST(those_left_are_told_that_it_is_kept),
		WAITERS_TEST(frees_and_answers),
		WAITERS_TEST(a_failure_without_words),
		WAITERS_TEST(waits_for_what_it_becomes),
	};

	return cmocka_run_group_tests_name("waiters", tests, NULL, NULL);
}
