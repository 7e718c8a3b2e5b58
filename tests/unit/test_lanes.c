/* SPDX-License-Identifier: Apache-2.0 */
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
#define C "job_01KRK1V46BXS73CSNK2VR35NPC"

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

static struct waiting *add(struct lanes *lanes, const char *job, int64_t seq, int64_t due, int64_t now)
{
	struct waiting message = { .seq = seq, .state = MESSAGE_QUEUED, .due_ms = due, .created_ms = 1 };

	struct waiting *added = lanes_add(lanes, job, &message, now);
	assert_non_null(added);
	assert_ptr_not_equal(added, &message);
	assert_int_equal(added->seq, seq);
	assert_string_equal(added->lane->job_id, job);
	return added;
}

static struct lane *expect_next(struct lanes *lanes, const char *job, int64_t seq, int64_t now)
{
	struct lane *lane = lanes_next(lanes, now);

	assert_non_null(lane);
	assert_string_equal(lane->job_id, job);
	assert_true(lane->busy);
	assert_int_equal(lane->head->seq, seq);
	return lane;
}

static void empty(void **state)
{
	struct lanes *lanes = *state;

	assert_null(lanes_next(lanes, INT64_MAX));
	assert_int_equal(lanes_due(lanes), INT64_MAX);
	assert_false(lanes_remove(lanes, A, 1, 0));
	lanes_unreserve(lanes, A); /* of what is not there: nothing */
	assert_int_equal(lanes->waiting + lanes->busy, 0);
}

static void one_in_flight_in_order(void **state)
{
	struct lanes *lanes = *state;

	(void)add(lanes, A, 1, 0, 0);
	(void)add(lanes, A, 2, 0, 0);
	(void)add(lanes, A, 3, 0, 0);
	assert_int_equal(lanes->waiting, 3);
	assert_int_equal(lanes_due(lanes), 0);
	struct lane *lane = expect_next(lanes, A, 1, 0);
	assert_int_equal(lanes->busy, 1);
	assert_null(lanes_next(lanes, 0));
	assert_int_equal(lanes_due(lanes), INT64_MAX);
	lanes_pop(lanes, lane, 0);
	lane = expect_next(lanes, A, 2, 0);
	lanes_settle(lanes, lane, 0); /* it stays the head */
	lane = expect_next(lanes, A, 2, 0);
	lanes_pop(lanes, lane, 0);
	lane = expect_next(lanes, A, 3, 0);
	lanes_pop(lanes, lane, 0);
	assert_null(lanes_next(lanes, 0));
	assert_int_equal(lanes->waiting + lanes->busy, 0);
	assert_int_equal(map_count(lanes->by_job), 0);
}

static void a_waiting_head_holds_its_lane_only(void **state)
{
	struct lanes *lanes = *state;

	(void)add(lanes, A, 1, 500, 0);
	(void)add(lanes, A, 2, 0, 0); /* due at once, and still behind */
	(void)add(lanes, B, 3, 0, 0);
	struct lane *lane = expect_next(lanes, B, 3, 0);
	assert_null(lanes_next(lanes, 499));
	assert_int_equal(lanes_due(lanes), 500);
	lanes_pop(lanes, lane, 499);
	lane = expect_next(lanes, A, 1, 500);
	lanes_pop(lanes, lane, 500);
	lane = expect_next(lanes, A, 2, 500);
	lanes_pop(lanes, lane, 500);
	assert_int_equal(lanes_due(lanes), INT64_MAX);
}

static void settles_until_due(void **state)
{
	struct lanes *lanes = *state;

	(void)add(lanes, A, 1, 0, 0);
	struct lane *lane = expect_next(lanes, A, 1, 0);
	lane->head->due_ms = 1000;
	lanes_settle(lanes, lane, 10);
	assert_int_equal(lanes_due(lanes), 1000);
	assert_null(lanes_next(lanes, 999));
	lane = expect_next(lanes, A, 1, 1000);
	lane->head->due_ms = 900; /* in the past: at once */
	lanes_settle(lanes, lane, 1000);
	assert_int_equal(lanes_due(lanes), 0);
	lane = expect_next(lanes, A, 1, 1000);
	lanes_pop(lanes, lane, 1000);
}

static void serves_lanes_in_turn(void **state)
{
	struct lanes *lanes = *state;

	for (int64_t seq = 1; seq <= 6; seq++)
		(void)add(lanes, seq <= 4 ? A : seq == 5 ? B : C, seq, 0, 0);
	/* A is long; B and C are not behind all of it. */
	struct lane *lane = expect_next(lanes, A, 1, 0);
	lanes_pop(lanes, lane, 0);
	lane = expect_next(lanes, B, 5, 0);
	lanes_pop(lanes, lane, 0);
	lane = expect_next(lanes, C, 6, 0);
	lanes_pop(lanes, lane, 0);
	for (int64_t seq = 2; seq <= 4; seq++)
		lanes_pop(lanes, expect_next(lanes, A, seq, 0), 0);
}

static void reserves(void **state)
{
	struct lanes *lanes = *state;

	assert_true(lanes_reserve(lanes, A, 0));
	assert_int_equal(lanes->busy, 1);
	assert_int_equal(lanes->waiting, 0);
	assert_false(lanes_reserve(lanes, A, 0));
	assert_true(lanes_reserve(lanes, B, 0));
	assert_null(lanes_next(lanes, 0));
	struct waiting *added = add(lanes, A, 7, 0, 0);
	assert_null(lanes_next(lanes, 0)); /* its place was taken: it is in flight already */
	assert_false(lanes_remove(lanes, A, 7, 0));
	(void)add(lanes, A, 8, 0, 0);
	lanes_pop(lanes, added->lane, 0);
	assert_false(lanes_reserve(lanes, A, 0)); /* one waits: a new one would overtake it */
	lanes_pop(lanes, expect_next(lanes, A, 8, 0), 0);
	lanes_unreserve(lanes, B);
	assert_int_equal(lanes->busy, 0);
	assert_int_equal(map_count(lanes->by_job), 0);
	assert_true(lanes_reserve(lanes, A, 0));
	lanes_unreserve(lanes, A);
}

/* Two messages of one job in one batch, the first to be vetted: the second must not be sent before it is even added. */
static void nothing_overtakes_what_is_announced(void **state)
{
	struct lanes *lanes = *state;

	lanes_announce(lanes, A);
	assert_false(lanes_reserve(lanes, A, 0));
	assert_true(lanes_reserve(lanes, B, 0));
	lanes_unreserve(lanes, B);
	(void)add(lanes, A, 1, 0, 0);
	lanes_retract(lanes, A);
	assert_false(lanes_reserve(lanes, A, 0)); /* it stands there now */
	lanes_pop(lanes, expect_next(lanes, A, 1, 0), 0);
	lanes_announce(lanes, A);
	lanes_announce(lanes, A);
	lanes_retract(lanes, A); /* one was not committed, the other still may be */
	assert_false(lanes_reserve(lanes, A, 0));
	lanes_retract(lanes, A);
	assert_int_equal(map_count(lanes->by_job), 0);
	assert_true(lanes_reserve(lanes, A, 0));
	lanes_unreserve(lanes, A);
	lanes_retract(lanes, A); /* nobody announced anything */
}

/* One delivery may bring two messages for one job: the first is reserved, the second waits behind it. */
static void unreserve_with_something_behind(void **state)
{
	struct lanes *lanes = *state;

	assert_true(lanes_reserve(lanes, A, 0));
	(void)add(lanes, A, 2, 0, 100);
	lanes_unreserve(lanes, A);
	assert_int_equal(lanes->busy, 0);
	lanes_pop(lanes, expect_next(lanes, A, 2, 100), 100);
	assert_true(lanes_reserve(lanes, A, 0));
	(void)add(lanes, A, 3, 50, 100);
	lanes_unreserve(lanes, A);
	assert_true(lanes_due(lanes) <= 100);
	lanes_pop(lanes, expect_next(lanes, A, 3, 100), 100);
}

static void removes(void **state)
{
	struct lanes *lanes = *state;

	for (int64_t seq = 1; seq <= 4; seq++)
		(void)add(lanes, A, seq, 0, 0);
	assert_false(lanes_remove(lanes, B, 1, 0));
	assert_false(lanes_remove(lanes, A, 9, 0));
	assert_true(lanes_remove(lanes, A, 4, 0)); /* the tail */
	(void)add(lanes, A, 5, 0, 0);
	assert_true(lanes_remove(lanes, A, 2, 0)); /* in the middle */
	assert_false(lanes_remove(lanes, A, 2, 0));
	struct lane *lane = expect_next(lanes, A, 1, 0);
	assert_false(lanes_remove(lanes, A, 1, 0)); /* being worked on */
	assert_true(lanes_remove(lanes, A, 3, 0)); /* behind it: not being worked on */
	lanes_settle(lanes, lane, 0);
	assert_true(lanes_remove(lanes, A, 1, 0)); /* an idle head, standing in the ready list */
	assert_int_equal(lanes->waiting, 1);
	lanes_pop(lanes, expect_next(lanes, A, 5, 0), 0);
	assert_int_equal(lanes->waiting, 0);
	assert_null(lanes_next(lanes, 0));
	assert_int_equal(map_count(lanes->by_job), 0);
}

static void a_removed_head_hands_on(void **state)
{
	struct lanes *lanes = *state;

	(void)add(lanes, A, 1, 900, 0);
	(void)add(lanes, A, 2, 0, 0);
	assert_true(lanes_remove(lanes, A, 1, 10));
	assert_int_equal(lanes_due(lanes), 0);
	struct lane *lane = expect_next(lanes, A, 2, 10);
	assert_null(lanes_next(lanes, 900)); /* the first one's timer goes off while the lane is busy */
	lanes_pop(lanes, lane, 900);
	assert_int_equal(map_count(lanes->by_job), 0);

	(void)add(lanes, A, 3, 2000, 1000);
	assert_true(lanes_remove(lanes, A, 3, 1000));
	assert_int_equal(lanes->waiting, 0);
	assert_null(lanes_next(lanes, 2000));
	assert_int_equal(lanes_due(lanes), INT64_MAX);
	assert_int_equal(map_count(lanes->by_job), 0); /* nothing points to it any more */
}

static void an_older_timer_does_not_wake_too_early(void **state)
{
	struct lanes *lanes = *state;

	(void)add(lanes, A, 1, 100, 0);
	assert_true(lanes_remove(lanes, A, 1, 0));
	(void)add(lanes, A, 2, 500, 0);
	assert_null(lanes_next(lanes, 100));
	assert_int_equal(lanes_due(lanes), 500);
	assert_null(lanes_next(lanes, 499));
	lanes_pop(lanes, expect_next(lanes, A, 2, 500), 500);
}

static void copies_what_it_is_given(void **state)
{
	struct lanes *lanes = *state;
	struct waiting message = { .seq = 4, .id = "01890a5d-ac96-774b-bcce-b302099a8057", .state = MESSAGE_IN_DOUBT,
				   .attempts = 3, .looks = 1, .tries = 2, .created_ms = 77 };

	assert_non_null(lanes_add(lanes, A, &message, 0));
	memset(&message, 0xFF, sizeof(message));
	struct lane *lane = expect_next(lanes, A, 4, 0);
	assert_string_equal(lane->head->id, "01890a5d-ac96-774b-bcce-b302099a8057");
	assert_int_equal(lane->head->state, MESSAGE_IN_DOUBT);
	assert_int_equal(lane->head->attempts + lane->head->looks + lane->head->tries, 6);
	assert_int_equal(lane->head->created_ms, 77);
	lanes_settle(lanes, lane, 0);
}

static void releases_whatever_it_holds(void **state)
{
	struct lanes lanes;

	(void)state;
	assert_true(lanes_init(&lanes));
	(void)add(&lanes, A, 1, 0, 0);
	(void)add(&lanes, A, 2, 0, 0);
	(void)add(&lanes, B, 3, 700, 0);
	assert_true(lanes_reserve(&lanes, C, 0));
	(void)expect_next(&lanes, A, 1, 0);
	lanes_release(&lanes);
	assert_int_equal(lanes.waiting + lanes.busy, 0);
}

/* ---- anything in any order, held against what must be true ---- */

#define JOBS  7
#define STEPS 60000

struct model {
	struct lanes *lanes;
	struct lane *busy[JOBS];
	bool reserved[JOBS];
	int64_t next_out[JOBS]; /* sequence numbers ascend within a job */
	size_t waiting;
	int64_t now, seq;
};

static int job_of(const char *job_id)
{
	return job_id[strlen(job_id) - 1] - 'A';
}

static const char *job_name(int job)
{
	static char names[JOBS][JOB_ID_MAX + 2];

	(void)snprintf(names[job], sizeof(names[job]), "job_01KRK1V46BXS73CSNK2VR35NP%c", 'A' + job);
	return names[job];
}

static void step_add(struct model *model, int job)
{
	int64_t due = random() % 3 == 0 ? model->now + random() % 50 : 0;
	struct waiting *added = add(model->lanes, job_name(job), ++model->seq, due, model->now);

	model->waiting++;
	if (model->reserved[job]) {
		model->reserved[job] = false;
		model->busy[job] = added->lane;
		assert_ptr_equal(added->lane->head, added);
	}
}

static void step_next(struct model *model)
{
	struct lane *lane = lanes_next(model->lanes, model->now);

	if (lane == NULL) {
		assert_true(lanes_due(model->lanes) > model->now);
		return;
	}
	int job = job_of(lane->job_id);
	assert_null(model->busy[job]);
	assert_false(model->reserved[job]);
	assert_true(lane->head->due_ms <= model->now);
	assert_true(lane->head->seq >= model->next_out[job]);
	model->next_out[job] = lane->head->seq;
	model->busy[job] = lane;
}

static void step_end(struct model *model, int job)
{
	struct lane *lane = model->busy[job];

	if (lane == NULL)
		return;
	model->busy[job] = NULL;
	if (random() % 2 == 0) {
		lane->head->due_ms = model->now + random() % 40 - 10;
		lanes_settle(model->lanes, lane, model->now);
		return;
	}
	model->next_out[job] = lane->head->seq + 1;
	model->waiting--;
	lanes_pop(model->lanes, lane, model->now);
}

static void step_remove(struct model *model, int job)
{
	bool in_flight = model->busy[job] != NULL;
	int64_t seq = in_flight ? model->busy[job]->head->seq : model->seq - random() % 20;

	if (!lanes_remove(model->lanes, job_name(job), seq, model->now))
		return;
	assert_false(in_flight);
	model->waiting--;
}

static void step(struct model *model)
{
	int job = (int)(random() % JOBS);

	model->now += random() % 3;
	switch (random() % 8) {
	case 0:
	case 1:
		step_add(model, job);
		break;
	case 2:
		if (!model->reserved[job] && lanes_reserve(model->lanes, job_name(job), 0)) {
			assert_null(model->busy[job]);
			model->reserved[job] = true;
		}
		break;
	case 3:
		if (model->reserved[job]) {
			model->reserved[job] = false;
			lanes_unreserve(model->lanes, job_name(job));
		}
		break;
	case 4:
		step_remove(model, job);
		break;
	case 5:
		step_next(model);
		break;
	default:
		step_end(model, job);
		break;
	}
	assert_int_equal(model->lanes->waiting, model->waiting);
}

static void holds_in_any_order(void **state)
{
	struct model model = { .lanes = *state };

	srandom(11);
	for (int i = 0; i < STEPS; i++)
		step(&model);
	for (int job = 0; job < JOBS; job++) {
		if (model.reserved[job])
			lanes_unreserve(model.lanes, job_name(job));
		model.reserved[job] = false;
		if (model.busy[job] != NULL)
			lanes_settle(model.lanes, model.busy[job], model.now);
		model.busy[job] = NULL;
	}
	assert_int_equal(model.lanes->busy, 0);
	/* Nothing gets stuck: everything comes out, in order, and nothing is left behind. */
	while (model.waiting > 0) {
		int64_t due = lanes_due(model.lanes);
		assert_true(due != INT64_MAX);
		model.now = due > model.now ? due : model.now;
		for (struct lane *lane; (lane = lanes_next(model.lanes, model.now)) != NULL;) {
			int job = job_of(lane->job_id);
			assert_true(lane->head->seq >= model.next_out[job]);
			model.next_out[job] = lane->head->seq + 1;
			model.waiting--;
			lanes_pop(model.lanes, lane, model.now);
		}
	}
	assert_int_equal(model.lanes->waiting, 0);
	assert_null(lanes_next(model.lanes, INT64_MAX));
	assert_int_equal(map_count(model.lanes->by_job), 0);
}

#define LANES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LANES_TEST(empty),
		LANES_TEST(one_in_flight_in_order),
		LANES_TEST(a_waiting_head_holds_its_lane_only),
		LANES_TEST(settles_until_due),
		LANES_TEST(serves_lanes_in_turn),
		LANES_TEST(reserves),
		LANES_TEST(nothing_overtakes_what_is_announced),
		LANES_TEST(unreserve_with_something_behind),
		LANES_TEST(removes),
		LANES_TEST(a_removed_head_hands_on),
		LANES_TEST(an_older_timer_does_not_wake_too_early),
		LANES_TEST(copies_what_it_is_given),
		cmocka_unit_test(releases_whatever_it_holds),
		LANES_TEST(holds_in_any_order),
	};

	return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
