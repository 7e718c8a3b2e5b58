/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises about links that come and go by themselves, and about what is learned later; for every kind. */
#include "tests/contract/store_kit.h"

#include "bridge/base/arena.h"

#define NEW_JOB "new_3C1F2A7D118A440D8E5A3F9C01"

/* ---- links ---- */

static void put_link(struct kit *kit, const char *thread, const char *job_id, enum link_origin origin)
{
	struct error err = { 0 };
	const struct link_row row = { .thread = thread, .job_id = job_id, .origin = origin, .created_ms = 1 };

	OK(store_link_put(kit->store, &row, &err));
}

static bool offer(struct kit *kit, const char *thread, const char *job_id)
{
	struct error err = { 0 };
	const struct link_row row = { .thread = thread, .job_id = job_id, .origin = LINK_FOUND, .created_ms = 2 };
	bool taken = false;

	OK(store_link_offer(kit->store, &row, &taken, &err));
	return taken;
}

static bool unlink_thread(struct kit *kit, const char *thread)
{
	struct error err = { 0 };
	bool found = false;

	OK(store_link_delete(kit->store, thread, 3, &found, &err));
	return found;
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

static void test_origins_have_names(void **state)
{
	static const char *const want[] = { "manual", "config", "started", "found", "unlinked" };

	(void)state;
	for (int i = 0; i < LINK_ORIGINS_; i++)
		assert_string_equal(link_origin_name((enum link_origin)i), want[i]);
	assert_string_equal(link_origin_name(LINK_ORIGINS_), "unknown");
}

static void test_offer_takes_only_what_is_free(void **state)
{
	struct kit *kit = *state;

	kit_begin(kit);
	put_link(kit, "manual", "j_1", LINK_MANUAL);
	put_link(kit, "config", "j_2", LINK_CONFIG);
	put_link(kit, "started", "j_3", LINK_STARTED);
	assert_false(offer(kit, "manual", "j_9"));
	assert_false(offer(kit, "config", "j_9"));
	assert_false(offer(kit, "started", "j_9"));
	assert_true(offer(kit, "free", "j_4"));
	assert_false(offer(kit, "free", "j_4")); /* no news */
	assert_true(offer(kit, "free", "j_5"));
	assert_true(offer(kit, "gone", "j_6"));
	assert_true(unlink_thread(kit, "gone"));
	assert_false(offer(kit, "gone", "j_6"));
	kit_commit(kit);
	kit_reopen(kit);
	expect_link(kit, "manual", "j_1", LINK_MANUAL);
	expect_link(kit, "config", "j_2", LINK_CONFIG);
	expect_link(kit, "started", "j_3", LINK_STARTED);
	expect_link(kit, "free", "j_5", LINK_FOUND);
	expect_link(kit, "gone", NULL, LINK_ORIGINS_);
	kit_begin(kit);
	put_link(kit, "free", "j_7", LINK_MANUAL);
	assert_false(offer(kit, "free", "j_8"));
	kit_commit(kit);
}

static void take_thread(void *ctx, const struct link_row *row)
{
	char *all = ctx;
	size_t used = strlen(all);

	(void)snprintf(all + used, 100 - used, "%s ", row->thread);
}

static void test_unlinked_is_out_of_sight(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char all[100] = "";

	kit_begin(kit);
	put_link(kit, "a", "j_1", LINK_CONFIG);
	put_link(kit, "b", "j_1", LINK_CONFIG);
	put_link(kit, "c", "j_1", LINK_MANUAL);
	assert_true(unlink_thread(kit, "a"));
	assert_true(unlink_thread(kit, "c"));
	assert_false(unlink_thread(kit, "a"));
	assert_false(unlink_thread(kit, "never"));
	kit_commit(kit);
	OK(store_links_each(kit->store, NULL, 1, take_thread, all, &err));
	assert_string_equal(all, "b ");
	assert_int_equal(kit_counts(kit).links, 1);
	assert_int_equal(kit_counts(kit).links, 1);

	/* Configured ones go without a trace, unlinked ones stay until somebody links again by hand. */
	kit_begin(kit);
	OK(store_links_forget_config(kit->store, &err));
	assert_true(offer(kit, "b", "j_2"));
	assert_false(offer(kit, "a", "j_2"));
	put_link(kit, "a", "j_3", LINK_MANUAL);
	kit_commit(kit);
	expect_link(kit, "a", "j_3", LINK_MANUAL);
	expect_link(kit, "b", "j_2", LINK_FOUND);
}

/* ---- jobs ---- */

static int64_t put_with(struct kit *kit, enum message_state state, const char *thread, const char *job_id)
{
	struct error err = { 0 };
	char delivery_id[ID_SIZE], id[ID_SIZE];
	int64_t seq = 0;

	struct delivery_row delivery = kit_delivery(kit, delivery_id);
	OK(store_delivery_put(kit->store, &delivery, &err));
	struct message_row row = kit_message(kit, delivery_id, id);
	row.state = state;
	row.thread = thread;
	row.job_id = job_id;
	OK(store_message_put(kit->store, &row, &seq, &err));
	return seq;
}

static struct message_row load(struct kit *kit, int64_t seq, struct arena *arena)
{
	struct error err = { 0 };
	struct message_row row = { 0 };

	OK(store_message_load(kit->store, seq, arena, &row, &err));
	return row;
}

static void test_job_is_renamed(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	kit_begin(kit);
	put_link(kit, "t1", NEW_JOB, LINK_STARTED);
	put_link(kit, "t2", NEW_JOB, LINK_MANUAL);
	put_link(kit, "t3", "j_1", LINK_STARTED);
	int64_t sending = put_with(kit, MESSAGE_SENDING, "t1", NEW_JOB);
	int64_t queued = put_with(kit, MESSAGE_QUEUED, "t1", NEW_JOB);
	int64_t vetting = put_with(kit, MESSAGE_VETTING, "t1", NEW_JOB);
	int64_t failed = put_with(kit, MESSAGE_FAILED, "t1", NEW_JOB);
	int64_t other = put_with(kit, MESSAGE_QUEUED, "t3", "j_1");
	OK(store_job_rename(kit->store, NEW_JOB, JOB, 4242, &err));
	kit_commit(kit);
	expect_link(kit, "t1", JOB, LINK_STARTED);
	expect_link(kit, "t2", JOB, LINK_MANUAL);
	expect_link(kit, "t3", "j_1", LINK_STARTED);
	assert_string_equal(load(kit, sending, arena).job_id, JOB);
	assert_string_equal(load(kit, queued, arena).job_id, JOB);
	assert_string_equal(load(kit, vetting, arena).job_id, JOB);
	assert_int_equal(load(kit, queued, arena).updated_ms, 4242);
	assert_string_equal(load(kit, failed, arena).job_id, NEW_JOB); /* history */
	assert_string_equal(load(kit, other, arena).job_id, "j_1");
	assert_int_not_equal(load(kit, other, arena).updated_ms, 4242);
}

static void test_job_is_forgotten(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	kit_begin(kit);
	put_link(kit, "t1", NEW_JOB, LINK_STARTED);
	put_link(kit, "t2", JOB, LINK_STARTED);
	int64_t held = put_with(kit, MESSAGE_QUEUED, "t1", NEW_JOB); /* before a start that carries on */
	int64_t start = put_with(kit, MESSAGE_SENDING, "t1", NEW_JOB);
	int64_t queued = put_with(kit, MESSAGE_QUEUED, "t1", NEW_JOB);
	int64_t vetting = put_with(kit, MESSAGE_VETTING, "t2", NEW_JOB);
	int64_t gone = put_with(kit, MESSAGE_IGNORED, "t1", NEW_JOB);
	int64_t other = put_with(kit, MESSAGE_QUEUED, "t2", JOB);
	OK(store_job_forget(kit->store, NEW_JOB, start, &err));
	kit_commit(kit);
	assert_int_equal(load(kit, held, arena).lead, start);
	assert_int_equal(load(kit, start, arena).lead, 0);
	assert_int_equal(load(kit, queued, arena).lead, start);
	assert_int_equal(load(kit, vetting, arena).lead, start);
	assert_int_equal(load(kit, gone, arena).lead, 0); /* history */
	assert_int_equal(load(kit, other, arena).lead, 0);
	struct message_change change = kit_change(queued, MESSAGE_QUEUED, MESSAGE_FAILED);
	kit_begin(kit);
	OK(store_message_move(kit->store, &change, &err));
	kit_commit(kit);
	assert_int_equal(load(kit, queued, arena).lead, start);
	expect_link(kit, "t1", NULL, LINK_ORIGINS_);
	expect_link(kit, "t2", JOB, LINK_STARTED);
	kit_begin(kit);
	assert_true(offer(kit, "t1", "j_9")); /* no trace */
	kit_commit(kit);
}

/* ---- what is learned ---- */

static int64_t count_since(struct kit *kit, const char *thread, int64_t since_ms)
{
	struct error err = { 0 };
	int64_t count = -1, seen = -1;
	struct store *reader = NULL;

	OK(store_thread_count(kit->store, thread, since_ms, &count, &err));
	OK(store_open(kit->url, STORE_READ, &reader, &err));
	OK(store_thread_count(reader, thread, since_ms, &seen, &err));
	store_close(reader);
	assert_int_equal(count, seen); /* who counts in another way comes to the same */
	return count;
}

/* The writer's and a reader's answer. 0: none. */
static int64_t newest(struct kit *kit, const char *thread)
{
	struct error err = { 0 };
	int64_t seq = 0, seen = 0;
	bool found = false, seen_found = false;
	struct store *reader = NULL;

	OK(store_message_newest(kit->store, thread, &found, &seq, &err));
	OK(store_open(kit->url, STORE_READ, &reader, &err));
	OK(store_message_newest(reader, thread, &seen_found, &seen, &err));
	store_close(reader);
	assert_int_equal(found, seen_found);
	assert_int_equal(seq, seen);
	return found ? seq : 0;
}

static void learn(struct kit *kit, struct message_finding finding)
{
	struct error err = { 0 };

	OK(store_message_learn(kit->store, &finding, &err));
}

static void test_learn(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	kit_begin(kit);
	int64_t seq = put_with(kit, MESSAGE_VETTING, NULL, NULL);
	learn(kit, (struct message_finding){ .seq = seq, .prompt = "with the code", .now_ms = 7 });
	struct message_row got = load(kit, seq, arena);
	assert_null(got.thread);
	assert_string_equal(got.prompt, "with the code");
	learn(kit, (struct message_finding){ .seq = seq, .thread = "t1", .job_id = JOB, .place = "octo/hello#1",
					     .now_ms = 8 });
	got = load(kit, seq, arena);
	assert_string_equal(got.thread, "t1");
	assert_string_equal(got.job_id, JOB);
	assert_string_equal(got.place, "octo/hello#1");
	assert_string_equal(got.prompt, "with the code");
	assert_int_equal(got.updated_ms, 8);
	assert_int_equal(got.state, MESSAGE_VETTING);
	struct message_change change = kit_change(seq, MESSAGE_VETTING, MESSAGE_QUEUED);
	OK(store_message_move(kit->store, &change, &err));
	const struct message_finding late = { .seq = seq, .thread = "t2", .now_ms = 9 };
	REFUSED(ERR_CONFLICT, store_message_learn(kit->store, &late, &err));
	const struct message_finding lost = { .seq = seq + 1, .thread = "t2", .now_ms = 9 };
	REFUSED(ERR_NOT_FOUND, store_message_learn(kit->store, &lost, &err));
	kit_commit(kit);
	assert_string_equal(load(kit, seq, arena).thread, "t1");
	assert_int_equal(kit_counts(kit).messages[MESSAGE_QUEUED], 1);
	assert_int_equal(newest(kit, "t1"), seq);
}

/* A learned message counts as what it is: as old as it is, between those that came before and after it. */
static void test_learned_messages_count(void **state)
{
	struct kit *kit = *state;
	int64_t first[4], later[3], when[3];

	kit_begin(kit);
	first[0] = put_with(kit, MESSAGE_VETTING, NULL, NULL);
	first[1] = put_with(kit, MESSAGE_QUEUED, "t1", JOB);
	when[0] = kit->now_ms;
	first[2] = put_with(kit, MESSAGE_VETTING, "t1", NULL);
	when[1] = kit->now_ms;
	first[3] = put_with(kit, MESSAGE_VETTING, "t2", JOB);
	kit_commit(kit);
	/* Enough keys for a store to cut between them, three times. */
	for (int cut = 0; cut < 3; cut++) {
		struct error err = { 0 };
		char key[40], id[ID_SIZE];

		kit_begin(kit);
		id_new(kit->now_ms, id);
		for (int i = 0; i < 4000; i++) {
			(void)snprintf(key, sizeof(key), "d:%d-%d", cut, i);
			OK(store_seen_put(kit->store, "github", key, id, kit->now_ms, &err));
		}
		later[cut] = put_with(kit, MESSAGE_QUEUED, "t1", JOB);
		when[2] = kit->now_ms;
		kit_commit(kit);
	}
	assert_int_equal(count_since(kit, "t1", 0), 4);
	assert_int_equal(newest(kit, "t1"), later[2]);

	kit_begin(kit);
	learn(kit, (struct message_finding){ .seq = first[2], .job_id = JOB, .now_ms = 9 });
	kit_commit(kit);
	assert_int_equal(count_since(kit, "t1", 0), 5);
	assert_int_equal(count_since(kit, "t1", when[0]), 5);
	assert_int_equal(count_since(kit, "t1", when[1]), 4);
	assert_int_equal(count_since(kit, "t1", when[1] + 1), 3);
	kit_begin(kit);
	learn(kit, (struct message_finding){ .seq = first[0], .thread = "t1", .job_id = JOB, .now_ms = 9 });
	kit_commit(kit);
	kit_begin(kit);
	learn(kit, (struct message_finding){ .seq = first[3], .thread = "t3", .now_ms = 9 });
	store_rollback(kit->store);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(count_since(kit, "t1", 0), 6);
		assert_int_equal(count_since(kit, "t1", when[0]), 5);
		assert_int_equal(count_since(kit, "t1", when[2]), 1);
		assert_int_equal(count_since(kit, "t2", 0), 1);
		assert_int_equal(count_since(kit, "t3", 0), 0);
		assert_int_equal(newest(kit, "t1"), later[2]);
		assert_int_equal(newest(kit, "t3"), 0);
		kit_reopen(kit);
	}

	/* All others of its thread are cut off from it. */
	kit_begin(kit);
	int64_t alone = put_with(kit, MESSAGE_VETTING, NULL, NULL);
	learn(kit, (struct message_finding){ .seq = alone, .thread = "t2", .job_id = JOB, .now_ms = 9 });
	kit_commit(kit);
	assert_int_equal(count_since(kit, "t2", 0), 2);
	kit_begin(kit);
	learn(kit, (struct message_finding){ .seq = alone, .thread = "t0", .now_ms = 9 });
	kit_commit(kit);
	assert_int_equal(count_since(kit, "t2", 0), 1);
	assert_int_equal(newest(kit, "t2"), first[3]);

	/* From one thread to another, and the next one counts on in both. */
	kit_begin(kit);
	assert_int_equal(count_since(kit, "t1", 0), 6);
	learn(kit, (struct message_finding){ .seq = first[2], .thread = "t2", .now_ms = 9 });
	kit_commit(kit);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(count_since(kit, "t1", 0), 5);
		assert_int_equal(count_since(kit, "t1", when[1]), 3);
		assert_int_equal(count_since(kit, "t2", 0), 2);
		assert_int_equal(newest(kit, "t2"), first[3]);
		kit_reopen(kit);
	}
	kit_begin(kit);
	learn(kit, (struct message_finding){ .seq = first[3], .job_id = "j_2", .now_ms = 9 }); /* counted already */
	(void)put_with(kit, MESSAGE_QUEUED, "t1", JOB);
	int64_t last = put_with(kit, MESSAGE_QUEUED, "t2", JOB);
	kit_commit(kit);
	assert_int_equal(count_since(kit, "t1", 0), 6);
	assert_int_equal(count_since(kit, "t2", 0), 3);
	assert_int_equal(newest(kit, "t2"), last);

	/* One that is far younger than all of its thread; and what was asked before it is not what is put after it. */
	kit_begin(kit);
	int64_t young = put_with(kit, MESSAGE_VETTING, "t2", NULL);
	int64_t count = 0;
	struct error err = { 0 };
	OK(store_thread_count(kit->store, "t2", 0, &count, &err));
	assert_int_equal(count, 3);
	learn(kit, (struct message_finding){ .seq = young, .job_id = JOB, .now_ms = 9 });
	(void)put_with(kit, MESSAGE_QUEUED, "t2", JOB);
	int64_t fresh = put_with(kit, MESSAGE_VETTING, NULL, NULL);
	kit_commit(kit);
	assert_int_equal(count_since(kit, "t2", 0), 5);
	kit_begin(kit);
	int64_t lone = put_with(kit, MESSAGE_VETTING, NULL, NULL);
	learn(kit, (struct message_finding){ .seq = fresh, .thread = "t4", .job_id = JOB, .now_ms = 9 });
	learn(kit, (struct message_finding){ .seq = lone, .thread = "t5", .job_id = JOB, .now_ms = 9 });
	kit_commit(kit);
	assert_int_equal(count_since(kit, "t4", 0), 1);
	assert_int_equal(newest(kit, "t5"), lone);
}

/* Learned so late that much has come meanwhile: it is found again, also by a store that is opened anew. */
static void test_learned_after_many(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char key[40], id[ID_SIZE];

	kit_begin(kit);
	int64_t seq = put_with(kit, MESSAGE_VETTING, NULL, NULL);
	id_new(kit->now_ms, id);
	for (int i = 0; i < 66 * 3072; i++) {
		(void)snprintf(key, sizeof(key), "d:%d", i);
		OK(store_seen_put(kit->store, "github", key, id, kit->now_ms, &err));
	}
	kit_commit(kit);
	kit_begin(kit);
	learn(kit, (struct message_finding){ .seq = seq, .thread = "t1", .job_id = JOB, .now_ms = 9 });
	kit_commit(kit);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(count_since(kit, "t1", 0), 1);
		assert_int_equal(newest(kit, "t1"), seq);
		kit_reopen(kit);
	}
}

/* ---- of a thread ---- */

struct seqs {
	int count;
	int64_t seq[8];
};

static void take_message(void *ctx, const struct message_row *row)
{
	struct seqs *seqs = ctx;

	assert_true(seqs->count < 8);
	assert_null(row->prompt);
	assert_string_equal(row->thread, "t1");
	seqs->seq[seqs->count++] = row->seq;
}

static void test_messages_of_thread(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct seqs seqs = { 0 };

	kit_begin(kit);
	int64_t queued = put_with(kit, MESSAGE_QUEUED, "t1", JOB);
	(void)put_with(kit, MESSAGE_QUEUED, "t2", JOB);
	(void)put_with(kit, MESSAGE_FAILED, "t1", JOB);
	(void)put_with(kit, MESSAGE_STALLED, "t1", JOB);
	(void)put_with(kit, MESSAGE_FORWARDED, "t1", JOB);
	int64_t vetting = put_with(kit, MESSAGE_VETTING, "t1", NULL);
	int64_t sending = put_with(kit, MESSAGE_SENDING, "t1", JOB);
	kit_commit(kit);
	OK(store_messages_of_thread(kit->store, "t1", take_message, &seqs, &err));
	assert_int_equal(seqs.count, 3);
	assert_int_equal(seqs.seq[0], queued);
	assert_int_equal(seqs.seq[1], vetting);
	assert_int_equal(seqs.seq[2], sending);
	assert_int_equal(newest(kit, "t1"), sending);
	assert_int_equal(newest(kit, "t3"), 0);
}

/* ---- main ---- */

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, kit_setup, kit_teardown, factory)

static int run_suite(struct kit_factory *factory)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origins_have_names),
		TEST(test_offer_takes_only_what_is_free),
		TEST(test_unlinked_is_out_of_sight),
		TEST(test_job_is_renamed),
		TEST(test_job_is_forgotten),
		TEST(test_learn),
		TEST(test_learned_messages_count),
		TEST(test_learned_after_many),
		TEST(test_messages_of_thread),
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
