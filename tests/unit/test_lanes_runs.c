/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes: bursts, several messages as one prompt, turns, vetting within a burst, starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/deliver/lanes.h"

#define A "job_01KRK1V46BXS73CSNK2VR35NPA"
#define B "job_01KRK1V46BXS73CSNK2VR35NPB"
#define NEW "new_01890a5dac96774bbcceb302099"

#define PLAIN  0U
#define BURST  (MESSAGE_JOINS | MESSAGE_PATIENT)
#define HELD   (MESSAGE_JOINS | MESSAGE_HOLDS)
#define WINDOW 5000

static int setup(void **state)
{
	struct lanes *lanes = malloc(sizeof(*lanes));

	*state = lanes;
	return lanes != NULL && lanes_init(lanes) ? 0 : -1;
}

static int teardown(void **state)
{
	lanes_release(*state);
	free(*state);
	return 0;
}

static struct waiting *put(struct lanes *lanes, const char *job, int64_t seq, enum message_state state, unsigned pace,
			   int64_t due_ms, int64_t now_ms)
{
	struct waiting message = { .seq = seq, .state = state, .pace = pace, .due_ms = due_ms };
	struct waiting *added = lanes_add(lanes, job, &message, now_ms);

	assert_non_null(added);
	return added;
}

static struct waiting *burst(struct lanes *lanes, int64_t seq, int64_t now_ms)
{
	return put(lanes, A, seq, MESSAGE_QUEUED, BURST, now_ms + WINDOW, now_ms);
}

static struct waiting *plain(struct lanes *lanes, int64_t seq, int64_t now_ms)
{
	return put(lanes, A, seq, MESSAGE_QUEUED, PLAIN, 0, now_ms);
}

/* The next prompt at this time, of these messages; they are gone then. */
static void expect_run(struct lanes *lanes, int64_t now_ms, size_t count, ...)
{
	struct lane *lane = lanes_next(lanes, now_ms);
	va_list seqs;

	assert_non_null(lane);
	assert_ptr_equal(lane_work(lane, now_ms), lane->head);
	assert_int_equal(lane_claim(lane, 32), count);
	va_start(seqs, count);
	for (const struct waiting *at = lane->head; at != NULL && at->claimed; at = at->next)
		assert_int_equal(at->seq, va_arg(seqs, int));
	va_end(seqs);
	lane_unclaim(lane, 0);
	lanes_pop_run(lanes, lane, count, now_ms);
}

/* Nothing before this time. */
static void expect_wait(struct lanes *lanes, int64_t until_ms)
{
	assert_null(lanes_next(lanes, until_ms - 1));
	assert_true(lanes_due(lanes) <= until_ms);
}

static void expect_empty(struct lanes *lanes)
{
	assert_null(lanes_next(lanes, INT64_MAX - 1));
	assert_int_equal(lanes->waiting, 0);
	assert_int_equal(lanes->busy, 0);
	assert_int_equal(map_count(lanes->by_job), 0);
}

/* ---- bursts ---- */

static void a_burst_goes_together(void **state)
{
	struct lanes *lanes = *state;

	burst(lanes, 1, 1000);
	burst(lanes, 2, 2000);
	burst(lanes, 3, 3000);
	expect_wait(lanes, 3000 + WINDOW); /* it slides */
	expect_run(lanes, 3000 + WINDOW, 3, 1, 2, 3);
	expect_empty(lanes);
}

static void a_burst_ends_after_six_windows(void **state)
{
	struct lanes *lanes = *state;
	int64_t now = 0;

	for (int64_t seq = 1; now <= 7 * WINDOW; seq++, now += WINDOW - 1)
		burst(lanes, seq, now);
	expect_wait(lanes, 6 * WINDOW);
	struct lane *lane = lanes_next(lanes, 6 * WINDOW);
	assert_non_null(lane);
	lanes_settle(lanes, lane, now);
}

static void a_plain_one_ends_the_waiting(void **state)
{
	struct lanes *lanes = *state;

	burst(lanes, 1, 1000);
	burst(lanes, 2, 1000);
	plain(lanes, 3, 2000);
	burst(lanes, 4, 2000);
	burst(lanes, 5, 3000);
	assert_int_equal(lanes_due(lanes), 0);
	expect_run(lanes, 2000, 2, 1, 2);
	expect_run(lanes, 2000, 1, 3);
	expect_wait(lanes, 3000 + WINDOW); /* a burst of its own */
	expect_run(lanes, 3000 + WINDOW, 2, 4, 5);
	expect_empty(lanes);
}

static void a_summary_joins_without_hurry(void **state)
{
	struct lanes *lanes = *state;

	put(lanes, A, 1, MESSAGE_QUEUED, BURST, 0, 500); /* alone it goes at once */
	expect_run(lanes, 500, 1, 1);
	burst(lanes, 2, 1000);
	put(lanes, A, 3, MESSAGE_QUEUED, BURST, 0, 2000);
	burst(lanes, 4, 3000);
	expect_wait(lanes, 3000 + WINDOW);
	expect_run(lanes, 3000 + WINDOW, 3, 2, 3, 4);
	expect_empty(lanes);
}

static void a_withdrawn_one_does_not_hurry_the_others(void **state)
{
	struct lanes *lanes = *state;

	burst(lanes, 1, 1000);
	burst(lanes, 2, 2000);
	burst(lanes, 3, 3000);
	assert_true(lanes_remove(lanes, A, 1, 3000)); /* the first: its window is the next one's */
	expect_wait(lanes, 3000 + WINDOW);
	assert_true(lanes_remove(lanes, A, 3, 4000));
	burst(lanes, 4, 5000);
	expect_wait(lanes, 5000 + WINDOW);
	expect_run(lanes, 5000 + WINDOW, 2, 2, 4);
	burst(lanes, 5, 20000);
	assert_true(lanes_remove(lanes, A, 5, 20000));
	expect_empty(lanes);
}

static void what_does_not_fit_goes_next(void **state)
{
	struct lanes *lanes = *state;

	for (int64_t seq = 1; seq <= 5; seq++)
		burst(lanes, seq, 1000);
	plain(lanes, 6, 1500);
	struct lane *lane = lanes_next(lanes, 1500);
	assert_int_equal(lane_claim(lane, 4), 4); /* by number … */
	lane_unclaim(lane, 2);			   /* … and by size */
	assert_false(lanes_remove(lanes, A, 2, 1500));
	assert_true(lanes_remove(lanes, A, 4, 1500)); /* it is free again */
	lane_unclaim(lane, 0);
	lanes_pop_run(lanes, lane, 2, 1500);
	expect_run(lanes, 1500, 2, 3, 5); /* at once: their waiting is over */
	expect_run(lanes, 1500, 1, 6);
	expect_empty(lanes);
}

static void what_is_sent_again_keeps_its_time(void **state)
{
	struct lanes *lanes = *state;

	burst(lanes, 1, 1000);
	burst(lanes, 2, 1000);
	struct lane *lane = lanes_next(lanes, 1000 + WINDOW);
	assert_int_equal(lane_claim(lane, 32), 2);
	for (struct waiting *at = lane->head; at != NULL; at = at->next) {
		at->attempts = 1;
		at->due_ms = 20000;
	}
	lane_unclaim(lane, 0);
	lanes_settle(lanes, lane, 7000);
	burst(lanes, 3, 8000);
	expect_wait(lanes, 20000);
	expect_run(lanes, 20000, 3, 1, 2, 3);
	expect_empty(lanes);
}

static void only_what_may_goes_together(void **state)
{
	static const struct {
		const char *what;
		struct waiting second;
		size_t count;
	} rows[] = {
		{ "its like", { .state = MESSAGE_QUEUED, .pace = MESSAGE_JOINS }, 2 },
		{ "plain", { .state = MESSAGE_QUEUED }, 1 },
		{ "being vetted", { .state = MESSAGE_VETTING, .pace = MESSAGE_JOINS }, 1 },
		{ "in doubt", { .state = MESSAGE_IN_DOUBT, .pace = MESSAGE_JOINS }, 1 },
		{ "a start", { .state = MESSAGE_QUEUED, .kind = MESSAGE_START, .pace = MESSAGE_JOINS }, 1 },
		{ "a command", { .state = MESSAGE_QUEUED, .kind = MESSAGE_COMMAND, .pace = MESSAGE_JOINS }, 1 },
	};
	struct lanes *lanes = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct waiting second = rows[i].second;
		put(lanes, A, 1, MESSAGE_QUEUED, MESSAGE_JOINS, 0, 0);
		struct lane *lane = lanes_next(lanes, 0);
		second.seq = 2;
		assert_non_null(lanes_add(lanes, A, &second, 0));
		if (lane_claim(lane, 32) != rows[i].count)
			fail_msg("%s", rows[i].what);
		lane_unclaim(lane, 0);
		lanes_pop_run(lanes, lane, 2, 0);
	}
	expect_empty(lanes);
}

static void doubt_is_shared(void **state)
{
	struct lanes *lanes = *state;

	put(lanes, A, 1, MESSAGE_IN_DOUBT, BURST, 0, 0);
	put(lanes, A, 2, MESSAGE_IN_DOUBT, PLAIN, 0, 0);
	put(lanes, A, 3, MESSAGE_QUEUED, BURST, 0, 0);
	struct lane *lane = lanes_next(lanes, 0);
	assert_int_equal(lane_claim(lane, 32), 2);
	lanes_drop(lanes, lane->head->next); /* gone from the store */
	assert_int_equal(lanes->waiting, 2);
	lane_unclaim(lane, 0);
	lanes_pop_run(lanes, lane, 1, 0);
	expect_run(lanes, 0, 1, 3);
	expect_empty(lanes);
}

/* ---- turns ---- */

static void holds_while_a_turn_runs(void **state)
{
	struct lanes *lanes = *state;

	assert_true(lanes_turn_began(lanes, A));
	assert_true(lanes_turn_began(lanes, A));
	assert_int_equal(lanes_turns(lanes, A), 2);
	assert_false(lanes_reserve(lanes, A, HELD));
	put(lanes, A, 1, MESSAGE_QUEUED, HELD, 0, 0);
	put(lanes, A, 2, MESSAGE_QUEUED, HELD, 0, 0);
	put(lanes, B, 3, MESSAGE_QUEUED, HELD, 0, 0);
	struct lane *lane = lanes_next(lanes, 0); /* another job has no turn */
	assert_string_equal(lane->job_id, B);
	lanes_pop(lanes, lane, 0);
	assert_null(lanes_next(lanes, INT64_MAX - 1));
	assert_int_equal(lanes_due(lanes), INT64_MAX);
	lanes_turn_ended(lanes, A, 100);
	assert_null(lanes_next(lanes, INT64_MAX - 1));
	lanes_turn_ended(lanes, A, 200);
	expect_run(lanes, 200, 2, 1, 2);
	lanes_turn_ended(lanes, A, 300); /* one too many harms nothing */
	assert_true(lanes_reserve(lanes, A, HELD));
	lanes_unreserve(lanes, A);
	expect_empty(lanes);
}

static void only_holders_are_held(void **state)
{
	struct lanes *lanes = *state;

	assert_true(lanes_turn_began(lanes, A));
	assert_true(lanes_reserve(lanes, A, PLAIN));
	lanes_unreserve(lanes, A);
	plain(lanes, 1, 0);
	expect_run(lanes, 0, 1, 1);
	put(lanes, A, 2, MESSAGE_IN_DOUBT, HELD, 0, 0); /* it is there already, perhaps */
	expect_run(lanes, 0, 1, 2);
	put(lanes, A, 3, MESSAGE_VETTING, HELD, 0, 0);
	struct lane *lane = lanes_next(lanes, 0);
	assert_int_equal(lane->head->seq, 3);
	lane->head->state = MESSAGE_QUEUED;
	lanes_settle(lanes, lane, 0);
	assert_null(lanes_next(lanes, INT64_MAX - 1));
	lanes_turn_ended(lanes, A, 0);
	expect_run(lanes, 0, 1, 3);
	expect_empty(lanes);
}

/* As at a start: messages are recovered first, turns after them. */
static void a_turn_that_begins_holds_what_was_ready(void **state)
{
	struct lanes *lanes = *state;

	put(lanes, A, 1, MESSAGE_QUEUED, HELD, 0, 0);
	assert_true(lanes_turn_began(lanes, A));
	assert_null(lanes_next(lanes, INT64_MAX - 1));
	lanes_turn_ended(lanes, A, 0);
	expect_run(lanes, 0, 1, 1);
	expect_empty(lanes);
}

static void another_head_has_a_time_of_its_own(void **state)
{
	struct lanes *lanes = *state;

	plain(lanes, 1, 0); /* ready */
	put(lanes, A, 2, MESSAGE_QUEUED, PLAIN, 9000, 0);
	assert_true(lanes_remove(lanes, A, 1, 0));
	expect_wait(lanes, 9000);
	expect_run(lanes, 9000, 1, 2);
	expect_empty(lanes);
}

/* ---- vetting within a burst ---- */

static struct waiting *vetting(struct lanes *lanes, int64_t seq, int64_t now_ms)
{
	return put(lanes, A, seq, MESSAGE_VETTING, BURST, 0, now_ms);
}

/* What is vetted next at this time, and whether it may speak. */
static void vet(struct lanes *lanes, int64_t seq, int64_t now_ms, int64_t came_ms, bool may)
{
	struct lane *lane = lanes_next(lanes, now_ms);

	assert_non_null(lane);
	struct waiting *work = lane_work(lane, now_ms);
	assert_int_equal(work->seq, seq);
	assert_int_equal(work->state, MESSAGE_VETTING);
	work->claimed = true;
	assert_false(lanes_remove(lanes, A, seq, now_ms));
	work->claimed = false;
	if (may) {
		work->state = MESSAGE_QUEUED;
		work->due_ms = came_ms + WINDOW > now_ms ? came_ms + WINDOW : 0;
		lane_vetted(work, now_ms);
	} else {
		lanes_drop(lanes, work);
	}
	lanes_settle(lanes, lane, now_ms);
}

static void a_burst_is_vetted_while_it_waits(void **state)
{
	struct lanes *lanes = *state;

	vetting(lanes, 1, 1000);
	burst(lanes, 2, 1100);
	vetting(lanes, 3, 1200);
	vetting(lanes, 4, 1300);
	vet(lanes, 1, 1400, 1000, true);
	vet(lanes, 3, 1500, 1200, true);
	vet(lanes, 4, 1600, 1300, false);
	expect_wait(lanes, 1200 + WINDOW);
	expect_run(lanes, 1200 + WINDOW, 3, 1, 2, 3);
	expect_empty(lanes);
}

static void a_slow_vetting_delays_only_what_is_behind(void **state)
{
	struct lanes *lanes = *state;

	burst(lanes, 1, 1000);
	struct waiting *slow = vetting(lanes, 2, 1000);
	struct lane *lane = lanes_next(lanes, 1000);
	assert_ptr_equal(lane_work(lane, 1000), slow);
	slow->due_ms = 30000; /* the forge did not answer */
	lanes_settle(lanes, lane, 1000);
	expect_wait(lanes, 1000 + WINDOW);
	expect_run(lanes, 1000 + WINDOW, 1, 1);
	expect_wait(lanes, 30000);
	vet(lanes, 2, 30000, 1000, true); /* its window is long over */
	expect_run(lanes, 30000, 1, 2);
	expect_empty(lanes);
}

static void a_plain_one_behind_ends_what_is_vetted(void **state)
{
	struct lanes *lanes = *state;

	vetting(lanes, 1, 1000);
	vetting(lanes, 2, 1000);
	plain(lanes, 3, 1100);
	vet(lanes, 1, 1200, 1000, true);
	vet(lanes, 2, 1200, 1000, true);
	expect_run(lanes, 1200, 2, 1, 2);
	expect_run(lanes, 1200, 1, 3);
	expect_empty(lanes);
}

static void nothing_overtakes_a_plain_one_that_is_vetted(void **state)
{
	struct lanes *lanes = *state;

	burst(lanes, 1, 1000);
	put(lanes, A, 2, MESSAGE_VETTING, PLAIN, 0, 1100);
	burst(lanes, 3, 1200);
	expect_run(lanes, 1100, 1, 1);
	struct lane *lane = lanes_next(lanes, 1200);
	assert_int_equal(lane_work(lane, 1200)->seq, 2);
	lanes_settle(lanes, lane, 1200);
}

/* ---- starts ---- */

static void a_start_goes_first_and_hands_over(void **state)
{
	struct lanes *lanes = *state;
	struct waiting start = { .seq = 9, .state = MESSAGE_QUEUED, .kind = MESSAGE_START };

	/* After a crash what waits may come before the start that was made for it. */
	put(lanes, NEW, 3, MESSAGE_QUEUED, BURST, 0, 0);
	put(lanes, NEW, 4, MESSAGE_QUEUED, PLAIN, 0, 0);
	assert_non_null(lanes_add(lanes, NEW, &start, 0));
	struct lane *lane = lanes_next(lanes, 0);
	assert_int_equal(lane->head->seq, 9);
	assert_int_equal(lane_claim(lane, 32), 1);
	put(lanes, NEW, 10, MESSAGE_QUEUED, PLAIN, 0, 0);
	assert_false(lanes_reserve(lanes, NEW, PLAIN));
	lane_unclaim(lane, 0);
	lanes_pop_start(lanes, lane, A, 0);
	assert_int_equal(lanes->waiting, 3);
	expect_run(lanes, 0, 1, 3);
	expect_run(lanes, 0, 1, 4);
	expect_run(lanes, 0, 1, 10);
	expect_empty(lanes);
}

static void a_burst_behind_a_start_has_waited_enough(void **state)
{
	struct lanes *lanes = *state;
	struct waiting start = { .seq = 1, .state = MESSAGE_QUEUED, .kind = MESSAGE_START };

	assert_non_null(lanes_add(lanes, NEW, &start, 0));
	struct lane *lane = lanes_next(lanes, 0);
	put(lanes, NEW, 2, MESSAGE_QUEUED, BURST, WINDOW, 0);
	put(lanes, NEW, 3, MESSAGE_QUEUED, BURST, WINDOW, 0);
	lanes_pop_start(lanes, lane, A, 1000);
	plain(lanes, 4, 1000);
	expect_run(lanes, 1000, 2, 2, 3);
	expect_run(lanes, 1000, 1, 4);
	expect_empty(lanes);
}

static void a_start_with_nothing_behind_leaves_nothing(void **state)
{
	struct lanes *lanes = *state;
	struct waiting start = { .seq = 1, .state = MESSAGE_QUEUED, .kind = MESSAGE_START };

	assert_non_null(lanes_add(lanes, NEW, &start, 0));
	lanes_pop_start(lanes, lanes_next(lanes, 0), A, 0);
	expect_empty(lanes);
}

static void renames(void **state)
{
	struct lanes *lanes = *state;

	plain(lanes, 1, 0);
	put(lanes, B, 2, MESSAGE_QUEUED, HELD, 0, 0);
	put(lanes, B, 3, MESSAGE_QUEUED, HELD, 0, 0);
	assert_true(lanes_idle(lanes, B));
	lanes_rename(lanes, B, A, 0);
	expect_run(lanes, 0, 1, 1);
	expect_run(lanes, 0, 2, 2, 3);
	lanes_rename(lanes, B, A, 0);
	expect_empty(lanes);
}

static void knows_when_a_job_is_idle(void **state)
{
	struct lanes *lanes = *state;

	assert_true(lanes_idle(lanes, A));
	lanes_announce(lanes, A);
	assert_false(lanes_idle(lanes, A));
	lanes_retract(lanes, A);
	plain(lanes, 1, 0);
	assert_true(lanes_idle(lanes, A));
	struct lane *lane = lanes_next(lanes, 0);
	assert_false(lanes_idle(lanes, A));
	lane->head->state = MESSAGE_IN_DOUBT;
	lane->head->due_ms = 1000;
	lanes_settle(lanes, lane, 0);
	assert_false(lanes_idle(lanes, A));
}

#define LANES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_TEST(a_burst_goes_together),
		LANES_TEST(a_burst_ends_after_six_windows),
		LANES_TEST(a_plain_one_ends_the_waiting),
		LANES_TEST(a_summary_joins_without_hurry),
		LANES_TEST(a_withdrawn_one_does_not_hurry_the_others),
		LANES_TEST(what_does_not_fit_goes_next),
		LANES_TEST(what_is_sent_again_keeps_its_time),
		LANES_TEST(only_what_may_goes_together),
		LANES_TEST(doubt_is_shared),
		LANES_TEST(holds_while_a_turn_runs),
		LANES_TEST(only_holders_are_held),
		LANES_TEST(a_turn_that_begins_holds_what_was_ready),
		LANES_TEST(another_head_has_a_time_of_its_own),
		LANES_TEST(a_burst_is_vetted_while_it_waits),
		LANES_TEST(a_slow_vetting_delays_only_what_is_behind),
		LANES_TEST(a_plain_one_behind_ends_what_is_vetted),
		LANES_TEST(nothing_overtakes_a_plain_one_that_is_vetted),
		LANES_TEST(a_start_goes_first_and_hands_over),
		LANES_TEST(a_burst_behind_a_start_has_waited_enough),
		LANES_TEST(a_start_with_nothing_behind_leaves_nothing),
		LANES_TEST(renames),
		LANES_TEST(knows_when_a_job_is_idle),
	};

	return cmocka_run_group_tests_name("lanes_runs", tests, NULL, NULL);
}
