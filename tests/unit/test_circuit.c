/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bridge/deliver/circuit.h"

/* Fails n times over the given number of jobs, in turn; returns how often that changed the state. */
static int fail_jobs(struct circuit *circuit, int count, int jobs, int64_t now)
{
	char job[16];
	int changes = 0;

	for (int i = 0; i < count; i++) {
		(void)snprintf(job, sizeof(job), "job_%d", i % jobs);
		changes += circuit_failure(circuit, job, false, now) ? 1 : 0;
	}
	return changes;
}

static void starts_closed(void **state)
{
	struct circuit circuit = { 0 };

	(void)state;
	assert_int_equal(circuit.state, CIRCUIT_CLOSED);
	assert_true(circuit_allows(&circuit, 0));
	assert_int_equal(circuit_next(&circuit), INT64_MAX);
	assert_false(circuit_success(&circuit));
	assert_string_equal(circuit_state_name(CIRCUIT_CLOSED), "closed");
	assert_string_equal(circuit_state_name(CIRCUIT_UNREACHABLE), "unreachable");
	assert_string_equal(circuit_state_name(CIRCUIT_KEY), "key refused");
}

static void one_stuck_job_never_opens_it(void **state)
{
	struct circuit circuit = { 0 };

	(void)state;
	assert_int_equal(fail_jobs(&circuit, 1000, 1, 5), 0);
	assert_int_equal(fail_jobs(&circuit, 1000, CIRCUIT_JOBS - 1, 5), 0);
	assert_true(circuit_allows(&circuit, 5));
	assert_int_equal(circuit_next(&circuit), INT64_MAX);
}

static void few_failures_do_not_open_it(void **state)
{
	struct circuit circuit = { 0 };

	(void)state;
	assert_int_equal(fail_jobs(&circuit, CIRCUIT_FAILURES - 1, CIRCUIT_FAILURES - 1, 5), 0);
	assert_false(circuit_success(&circuit)); /* "in a row": this starts the count again */
	assert_int_equal(fail_jobs(&circuit, CIRCUIT_FAILURES - 1, CIRCUIT_FAILURES - 1, 5), 0);
	assert_true(circuit_allows(&circuit, 5));
	assert_true(circuit_failure(&circuit, "job_last", false, 5));
}

static void a_success_forgets_the_jobs_too(void **state)
{
	struct circuit circuit = { 0 };

	(void)state;
	assert_int_equal(fail_jobs(&circuit, 4, 4, 5), 0);
	assert_false(circuit_success(&circuit));
	assert_int_equal(fail_jobs(&circuit, 50, 2, 5), 0);
	assert_true(circuit_allows(&circuit, 5));
}

static void opens_and_lets_one_through(void **state)
{
	struct circuit circuit = { 0 };

	(void)state;
	assert_int_equal(fail_jobs(&circuit, CIRCUIT_FAILURES, CIRCUIT_JOBS, 10000), 1);
	assert_int_equal(circuit.state, CIRCUIT_UNREACHABLE);
	assert_false(circuit_allows(&circuit, 10000));
	assert_int_equal(circuit_next(&circuit), 10000 + CIRCUIT_FIRST_MS);
	assert_false(circuit_allows(&circuit, 10000 + CIRCUIT_FIRST_MS - 1));
	assert_true(circuit_allows(&circuit, 10000 + CIRCUIT_FIRST_MS));

	circuit.probing = true;
	assert_false(circuit_allows(&circuit, 999999));
	assert_int_equal(circuit_next(&circuit), INT64_MAX);
	assert_true(circuit_success(&circuit));
	assert_int_equal(circuit.state, CIRCUIT_CLOSED);
	assert_true(circuit_allows(&circuit, 0));
	assert_false(circuit.probing);
}

static void waits_longer_each_time_but_not_for_ever(void **state)
{
	struct circuit circuit = { 0 };
	int64_t now = 0, expected = CIRCUIT_FIRST_MS;

	(void)state;
	(void)fail_jobs(&circuit, CIRCUIT_FAILURES, CIRCUIT_JOBS, now);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(circuit_next(&circuit) - now, expected);
		now = circuit_next(&circuit);
		assert_true(circuit_allows(&circuit, now));
		circuit.probing = true;
		assert_false(circuit_failure(&circuit, "job_a", true, now)); /* open it was, open it stays */
		assert_false(circuit.probing);
		assert_false(circuit_allows(&circuit, now));
		expected = expected * 2 < CIRCUIT_MAX_MS ? expected * 2 : CIRCUIT_MAX_MS;
	}
	assert_true(circuit_success(&circuit));
	(void)fail_jobs(&circuit, CIRCUIT_FAILURES, CIRCUIT_JOBS, now);
	assert_int_equal(circuit_next(&circuit) - now, CIRCUIT_FIRST_MS);
}

static void a_refused_key_lets_nothing_through(void **state)
{
	struct circuit circuit = { 0 };

	(void)state;
	assert_true(circuit_key_refused(&circuit, false, 1000));
	assert_int_equal(circuit.state, CIRCUIT_KEY);
	assert_false(circuit_allows(&circuit, INT64_MAX));
	assert_int_equal(circuit_next(&circuit), 1000 + CIRCUIT_FIRST_MS);
	/* Calls that were under way say nothing new. */
	assert_false(circuit_key_refused(&circuit, false, 1500));
	assert_int_equal(circuit_next(&circuit), 1000 + CIRCUIT_FIRST_MS);
	assert_int_equal(fail_jobs(&circuit, 100, 10, 1600), 0);
	assert_int_equal(circuit.state, CIRCUIT_KEY);
	assert_true(circuit_success(&circuit));
	assert_true(circuit_allows(&circuit, 0));
}

static void a_refused_key_while_unreachable(void **state)
{
	struct circuit circuit = { 0 };

	(void)state;
	(void)fail_jobs(&circuit, CIRCUIT_FAILURES + 20, CIRCUIT_JOBS, 0);
	circuit.probing = true;
	assert_true(circuit_key_refused(&circuit, false, 100000));
	assert_false(circuit.probing);
	assert_int_equal(circuit_next(&circuit), 100000 + CIRCUIT_FIRST_MS);
	assert_false(circuit_allows(&circuit, 900000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_closed),
		cmocka_unit_test(one_stuck_job_never_opens_it),
		cmocka_unit_test(few_failures_do_not_open_it),
		cmocka_unit_test(a_success_forgets_the_jobs_too),
		cmocka_unit_test(opens_and_lets_one_through),
		cmocka_unit_test(waits_longer_each_time_but_not_for_ever),
		cmocka_unit_test(a_refused_key_lets_nothing_through),
		cmocka_unit_test(a_refused_key_while_unreachable),
	};

	return cmocka_run_group_tests_name("circuit", tests, NULL, NULL);
}
