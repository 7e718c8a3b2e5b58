/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises about jobs of the configuration that others carry on; for every kind. */
#include "tests/contract/store_kit.h"

static void put_link(struct kit *kit, const char *thread, const char *job_id, enum link_origin origin)
{
	struct error err = { 0 };
	const struct link_row row = { .thread = thread, .job_id = job_id, .origin = origin, .created_ms = 1 };

	OK(store_link_put(kit->store, &row, &err));
}

/* NULL: not linked. */
static void expect_link(struct kit *kit, const char *thread, const char *job_id, enum link_origin origin)
{
	struct error err = { 0 };
	char got[JOB_ID_MAX + 2] = "";
	enum link_origin got_origin = LINK_ORIGINS_;
	bool found = false;

	OK(store_link_find(kit->store, thread, &found, got, &got_origin, &err));
	assert_int_equal(found, job_id != NULL);
	if (job_id != NULL) {
		assert_string_equal(got, job_id);
		assert_int_equal(got_origin, origin);
	}
}

/* What a start of the bridge, or a reload, does with the links of the configuration. */
static void configure(struct kit *kit, const char *thread, const char *job_id)
{
	struct error err = { 0 };

	kit_begin(kit);
	OK(store_links_forget_config(kit->store, &err));
	if (thread != NULL)
		put_link(kit, thread, job_id, LINK_CONFIG);
	kit_commit(kit);
}

static void carry_on(struct kit *kit, const char *job_id, const char *name, bool named)
{
	struct error err = { 0 };

	kit_begin(kit);
	OK(store_job_carry_on(kit->store, job_id, name, named, &err));
	OK(store_job_rename(kit->store, job_id, name, 1, &err));
	kit_commit(kit);
}

static void name_it(struct kit *kit, const char *name, const char *job_id)
{
	struct error err = { 0 };

	kit_begin(kit);
	OK(job_id != NULL ? store_job_rename(kit->store, name, job_id, 2, &err)
			  : store_job_forget(kit->store, name, 1, &err));
	kit_commit(kit);
}

static void test_configured_links_follow_who_carries_on(void **state)
{
	struct kit *kit = *state;

	configure(kit, "t", "j_a");
	carry_on(kit, "j_a", "new_1", true);
	expect_link(kit, "t", "new_1", LINK_CONFIG);
	configure(kit, "t", "j_a"); /* while it is being started */
	expect_link(kit, "t", "new_1", LINK_CONFIG);
	name_it(kit, "new_1", "j_b");
	expect_link(kit, "t", "j_b", LINK_CONFIG);
	carry_on(kit, "j_b", "new_2", false); /* a second hop: the configuration names the first job only */
	name_it(kit, "new_2", "j_c");
	for (int pass = 0; pass < 3; pass++) {
		kit_reopen(kit);
		configure(kit, "t", "j_a");
		expect_link(kit, "t", "j_c", LINK_CONFIG);
	}
	/* A third one that cannot be started: as it was before, now and after the next start. */
	carry_on(kit, "j_c", "new_3", false);
	name_it(kit, "new_3", NULL);
	expect_link(kit, "t", "j_c", LINK_CONFIG);
	configure(kit, "t", "j_a");
	expect_link(kit, "t", "j_c", LINK_CONFIG);
	/* Who named it for the first time after that? Nobody: it leads to itself. */
	configure(kit, "t", "j_b");
	expect_link(kit, "t", "j_b", LINK_CONFIG);
}

static void test_first_start_that_failed(void **state)
{
	struct kit *kit = *state;

	configure(kit, "t", "j_a");
	carry_on(kit, "j_a", "new_1", true);
	name_it(kit, "new_1", NULL);
	expect_link(kit, "t", "j_a", LINK_CONFIG);
	configure(kit, "t", "j_a");
	expect_link(kit, "t", "j_a", LINK_CONFIG);
	carry_on(kit, "j_a", "new_2", true); /* tried again */
	name_it(kit, "new_2", "j_b");
	configure(kit, "t", "j_a");
	expect_link(kit, "t", "j_b", LINK_CONFIG);
}

static void test_carried_on_is_forgotten(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };

	configure(kit, "t", "j_a");
	carry_on(kit, "j_a", "new_1", true);
	name_it(kit, "new_1", "j_b");
	configure(kit, "t", "j_x"); /* another job */
	expect_link(kit, "t", "j_x", LINK_CONFIG);
	configure(kit, "t", "j_a"); /* said anew */
	expect_link(kit, "t", "j_a", LINK_CONFIG);

	carry_on(kit, "j_a", "new_2", true);
	name_it(kit, "new_2", "j_b");
	kit_begin(kit);
	put_link(kit, "other", "j_a", LINK_STARTED); /* says nothing about the configuration */
	kit_commit(kit);
	configure(kit, "t", "j_a");
	expect_link(kit, "t", "j_b", LINK_CONFIG);
	kit_begin(kit);
	put_link(kit, "other", "j_a", LINK_MANUAL);
	kit_commit(kit);
	configure(kit, "t", "j_a");
	expect_link(kit, "t", "j_a", LINK_CONFIG);

	carry_on(kit, "j_z", "new_3", false); /* not the configuration's: nothing is kept */
	name_it(kit, "new_3", "j_y");
	configure(kit, "t", "j_z");
	expect_link(kit, "t", "j_z", LINK_CONFIG);
	kit_begin(kit);
	OK(store_job_carry_on(kit->store, "j_z", "new_4", true, &err));
	store_rollback(kit->store);
	configure(kit, "t", "j_z");
	expect_link(kit, "t", "j_z", LINK_CONFIG);
}

/* ---- main ---- */

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, kit_setup, kit_teardown, factory)

static int run_suite(struct kit_factory *factory)
{
	const struct CMUnitTest tests[] = {
		TEST(test_configured_links_follow_who_carries_on),
		TEST(test_first_start_that_failed),
		TEST(test_carried_on_is_forgotten),
	};

	return cmocka_run_group_tests_name(factory->name, tests, NULL, NULL);
}

int main(void)
{
	struct kit_factory factories[] = { kit_sqlite };
	int failed = 0;

	for (size_t i = 0; i < sizeof(factories) / sizeof(factories[0]); i++)
		failed += run_suite(&factories[i]);
	return failed;
}
