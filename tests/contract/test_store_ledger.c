/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises to readers of the ledger, and what prune removes; for every kind of store. */
#include "tests/contract/store_kit.h"

/* ---- pages ---- */

struct page {
	int count;
	char ids[32][ID_SIZE];
	int states[32]; /* -1: no message */
	char last_error[64];
};

static void take_row(void *ctx, const struct ledger_row *row)
{
	struct page *page = ctx;

	assert_true(page->count < 32);
	(void)snprintf(page->ids[page->count], ID_SIZE, "%s", row->delivery.id);
	page->states[page->count++] = row->has_message ? (int)row->message.state : -1;
	if (row->has_message) {
		assert_string_equal(row->message.delivery_id, row->delivery.id);
		assert_null(row->message.prompt);
		(void)snprintf(page->last_error, sizeof(page->last_error), "%s",
			       row->message.error != NULL ? row->message.error : "");
	}
}

static struct page read_page(struct kit *kit, struct delivery_filter filter)
{
	struct error err = { 0 };
	struct page page = { 0 };

	if (filter.limit == 0)
		filter.limit = 30;
	OK(store_ledger_each(kit->store, &filter, take_row, &page, &err));
	return page;
}

static void put_ignored(struct kit *kit, char id[ID_SIZE])
{
	struct error err = { 0 };
	struct delivery_row row = kit_delivery(kit, id);

	row.source = "gitlab";
	row.thread = NULL;
	row.reason = "not linked";
	OK(store_delivery_put(kit->store, &row, &err));
}

static int64_t put_again(struct kit *kit, const char *delivery_id, enum message_state message_state)
{
	struct error err = { 0 };
	char id[ID_SIZE];
	int64_t seq = 0;
	struct message_row row = kit_message(kit, delivery_id, id);

	row.state = message_state;
	row.error = "no such job";
	row.job_id = "job_other";
	OK(store_message_put(kit->store, &row, &seq, &err));
	return seq;
}

/* 0 forwarded, 1 failed, 2 without message, 3 ignored, 4 forwarded then failed, 5 failed then forwarded */
static void fill(struct kit *kit, char ids[6][ID_SIZE])
{
	kit_begin(kit);
	(void)kit_put(kit, MESSAGE_FORWARDED, ids[0]);
	(void)kit_put(kit, MESSAGE_FAILED, ids[1]);
	put_ignored(kit, ids[2]);
	(void)kit_put(kit, MESSAGE_IGNORED, ids[3]);
	(void)kit_put(kit, MESSAGE_FORWARDED, ids[4]);
	(void)kit_put(kit, MESSAGE_FAILED, ids[5]);
	(void)put_again(kit, ids[4], MESSAGE_FAILED);
	(void)put_again(kit, ids[5], MESSAGE_FORWARDED);
	kit_commit(kit);
}

static void expect(const struct page *page, char ids[6][ID_SIZE], int count, const int *want)
{
	assert_int_equal(page->count, count);
	for (int i = 0; i < count; i++)
		assert_string_equal(page->ids[i], ids[want[i]]);
}

static void test_filters(void **state)
{
	struct kit *kit = *state;
	char ids[6][ID_SIZE];
	struct page page;

	fill(kit, ids);
	page = read_page(kit, (struct delivery_filter){ .state = NULL });
	expect(&page, ids, 6, (int[]){ 5, 4, 3, 2, 1, 0 });
	assert_int_equal(page.states[0], MESSAGE_FORWARDED); /* of the newest message */
	assert_int_equal(page.states[1], MESSAGE_FAILED);
	assert_int_equal(page.states[3], -1);
	page = read_page(kit, (struct delivery_filter){ .state = "failed" });
	expect(&page, ids, 2, (int[]){ 4, 1 });
	page = read_page(kit, (struct delivery_filter){ .state = "forwarded" });
	expect(&page, ids, 2, (int[]){ 5, 0 });
	page = read_page(kit, (struct delivery_filter){ .state = "ignored" });
	expect(&page, ids, 2, (int[]){ 3, 2 });
	page = read_page(kit, (struct delivery_filter){ .state = "queued" });
	expect(&page, ids, 0, NULL);
	page = read_page(kit, (struct delivery_filter){ .source = "gitlab" });
	expect(&page, ids, 1, (int[]){ 2 });
	page = read_page(kit, (struct delivery_filter){ .thread = "github:octo/hello#42" });
	expect(&page, ids, 5, (int[]){ 5, 4, 3, 1, 0 });
	page = read_page(kit, (struct delivery_filter){ .job_id = "job_other" });
	expect(&page, ids, 2, (int[]){ 5, 4 });
	page = read_page(kit, (struct delivery_filter){ .job_id = "job_other", .state = "failed" });
	expect(&page, ids, 1, (int[]){ 4 });
	assert_string_equal(page.last_error, "no such job");
	page = read_page(kit, (struct delivery_filter){ .source = "nobody" });
	expect(&page, ids, 0, NULL);
}

static void test_paging(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char ids[6][ID_SIZE];
	struct page page;

	fill(kit, ids);
	page = read_page(kit, (struct delivery_filter){ .limit = 2 });
	expect(&page, ids, 2, (int[]){ 5, 4 });
	page = read_page(kit, (struct delivery_filter){ .limit = 2, .before = ids[4] });
	expect(&page, ids, 2, (int[]){ 3, 2 });
	page = read_page(kit, (struct delivery_filter){ .limit = 2, .after = ids[1] });
	expect(&page, ids, 2, (int[]){ 2, 3 });
	page = read_page(kit, (struct delivery_filter){ .after = ids[1], .before = ids[5], .state = "failed" });
	expect(&page, ids, 1, (int[]){ 4 });
	page = read_page(kit, (struct delivery_filter){ .after = ids[5] });
	expect(&page, ids, 0, NULL);

	struct delivery_filter filter = { .limit = 0 };
	REFUSED(ERR_INVALID, store_ledger_each(kit->store, &filter, take_row, &page, &err));
	filter.limit = 1001;
	REFUSED(ERR_INVALID, store_ledger_each(kit->store, &filter, take_row, &page, &err));
	filter = (struct delivery_filter){ .limit = 1, .state = "lost" };
	REFUSED(ERR_INVALID, store_ledger_each(kit->store, &filter, take_row, &page, &err));
}

/* ---- one delivery ---- */

struct visit {
	char text[400];
};

static void note(struct visit *visit, const char *what, int64_t number, const char *detail)
{
	size_t used = strlen(visit->text);

	(void)snprintf(visit->text + used, sizeof(visit->text) - used, "%s%lld:%s ", what, (long long)number,
		       detail != NULL ? detail : "-");
}

static void visit_delivery(void *ctx, const struct delivery_row *row)
{
	note(ctx, "d", 0, row->source);
}

static void visit_message(void *ctx, const struct message_row *row)
{
	note(ctx, message_state_name(row->state), row->attempts, row->prompt);
}

static void visit_attempt(void *ctx, const struct attempt_row *row)
{
	note(ctx, "a", row->number, row->call);
	assert_int_equal(row->duration_ms, 7);
	assert_int_equal(row->upstream_status, 500);
	assert_string_equal(row->outcome, "no answer");
}

static void visit_reply(void *ctx, const struct reply_row *row)
{
	note(ctx, "r", (int)row->state, row->kind);
}

static void put_attempt(struct kit *kit, int64_t seq, int number, const char *call, int64_t started_ms)
{
	struct error err = { 0 };
	const struct attempt_row row = { .message_seq = seq, .number = number, .call = call,
					 .started_ms = started_ms, .duration_ms = 7, .upstream_status = 500,
					 .outcome = "no answer" };

	OK(store_attempt_put(kit->store, &row, &err));
}

static void test_visit(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE], other[ID_SIZE], reply_id[ID_SIZE];
	int64_t reply_seq = 0;
	struct visit visit = { "" };
	const struct delivery_visitor visitor = { .ctx = &visit, .delivery = visit_delivery,
						  .message = visit_message, .attempt = visit_attempt,
						  .reply = visit_reply };

	kit_begin(kit);
	int64_t first = kit_put(kit, MESSAGE_FAILED, id);
	int64_t foreign = kit_put(kit, MESSAGE_QUEUED, other);
	put_attempt(kit, foreign, 1, "continue", 10);
	put_attempt(kit, first, 2, "look", 30);
	put_attempt(kit, first, 1, "continue", 10);
	put_attempt(kit, first, 1, "look", 20);
	struct reply_row reply = kit_reply(kit, first, reply_id);
	OK(store_reply_put(kit->store, &reply, &reply_seq, &err));
	(void)put_again(kit, id, MESSAGE_QUEUED);
	kit_commit(kit);
	OK(store_delivery_visit(kit->store, id, &visitor, &err));
	assert_string_equal(visit.text, "d0:github failed0:please fix the test a1:continue a1:look a2:look "
					"r0:comment queued0:please fix the test ");
	REFUSED(ERR_NOT_FOUND, store_delivery_visit(kit->store, "nothing", &visitor, &err));
}

/* ---- prune ---- */

static int prune(struct kit *kit, int64_t before_ms, int limit)
{
	struct error err = { 0 };
	int removed = -1;

	kit_begin(kit);
	OK(store_prune(kit->store, before_ms, limit, &removed, &err));
	kit_commit(kit);
	return removed;
}

static void test_prune_takes_what_is_old_and_final(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char final[ID_SIZE], waiting[ID_SIZE], replying[ID_SIZE], empty[ID_SIZE], young[ID_SIZE], id[ID_SIZE];
	int64_t reply_seq = 0;
	struct page page;

	kit_begin(kit);
	int64_t done = kit_put(kit, MESSAGE_FORWARDED, final);
	put_attempt(kit, done, 1, "continue", 10);
	struct reply_row reply = kit_reply(kit, done, id);
	reply.state = REPLY_STATE_POSTED;
	OK(store_reply_put(kit->store, &reply, &reply_seq, &err));
	(void)kit_put(kit, MESSAGE_QUEUED, waiting);
	int64_t failed = kit_put(kit, MESSAGE_FAILED, replying);
	reply = kit_reply(kit, failed, id);
	OK(store_reply_put(kit->store, &reply, &reply_seq, &err));
	put_ignored(kit, empty);
	OK(store_seen_put(kit->store, "github", "d:old", final, kit->now_ms, &err));
	int64_t limit_ms = ++kit->now_ms;
	(void)kit_put(kit, MESSAGE_FORWARDED, young);
	OK(store_seen_put(kit->store, "github", "d:young", young, kit->now_ms, &err));
	kit_commit(kit);

	assert_int_equal(prune(kit, limit_ms, 1), 1);
	assert_int_equal(prune(kit, limit_ms, 10), 1);
	assert_int_equal(prune(kit, limit_ms, 10), 0);
	page = read_page(kit, (struct delivery_filter){ .limit = 10 });
	assert_int_equal(page.count, 3);
	assert_string_equal(page.ids[0], young);
	assert_string_equal(page.ids[1], replying);
	assert_string_equal(page.ids[2], waiting);
	struct store_counts counts = kit_counts(kit);
	assert_int_equal(counts.deliveries, 3);
	assert_int_equal(counts.messages[MESSAGE_FORWARDED], 1);
	assert_int_equal(counts.replies[REPLY_STATE_POSTED], 0);
	assert_int_equal(counts.replies[REPLY_STATE_QUEUED], 1);
	bool found = true;
	OK(store_seen_find(kit->store, "github", "d:old", &found, id, &err));
	assert_false(found);
	OK(store_seen_find(kit->store, "github", "d:young", &found, id, &err));
	assert_true(found);
}

/* Enough for several runs of keys (and prunes that end within one), and everything works on afterwards. */
static void test_prune_of_many(void **state)
{
	enum { MANY = 6000, HALF = 3000 };
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE], key[40];
	int64_t start = kit->now_ms;
	bool found = false;

	for (int i = 0; i < MANY; i++) {
		if (i % 500 == 0)
			kit_begin(kit);
		kit->now_ms = start + 10 * i;
		(void)kit_put(kit, MESSAGE_FORWARDED, id);
		(void)snprintf(key, sizeof(key), "d:%d", i);
		OK(store_seen_put(kit->store, "github", key, id, kit->now_ms, &err));
		(void)snprintf(key, sizeof(key), "c:%d", i);
		OK(store_seen_put(kit->store, "github", key, id, kit->now_ms, &err));
		if (i % 500 == 499)
			kit_commit(kit);
	}
	int rounds = 0;
	while (prune(kit, start + 10 * HALF, 1000) > 0)
		rounds++;
	assert_int_equal(rounds, 3);
	(void)prune(kit, start + 10 * HALF, 1000);
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < MANY; i += 13) {
			(void)snprintf(key, sizeof(key), "%c:%d", i % 2 == 0 ? 'd' : 'c', i);
			OK(store_seen_find(kit->store, "github", key, &found, id, &err));
			assert_int_equal(found, i >= HALF);
		}
		assert_int_equal(kit_counts(kit).deliveries, MANY - HALF);
		int64_t count = 0;
		OK(store_thread_count(kit->store, "github:octo/hello#42", 0, &count, &err));
		assert_int_equal(count, MANY - HALF);
		OK(store_thread_count(kit->store, "github:octo/hello#42", start + 10 * (MANY - 100), &count, &err));
		assert_int_equal(count, 100);
		kit_reopen(kit);
	}
	kit->now_ms = start + 10 * MANY;
	kit_begin(kit);
	(void)kit_put(kit, MESSAGE_QUEUED, id);
	OK(store_seen_put(kit->store, "github", "d:last", id, kit->now_ms, &err));
	kit_commit(kit);
	while (prune(kit, start + 10 * MANY, 1000) > 0)
		;
	for (int pass = 0; pass < 2; pass++) {
		kit_reopen(kit);
		OK(store_seen_find(kit->store, "github", "d:last", &found, id, &err));
		assert_true(found);
		assert_int_equal(kit_counts(kit).deliveries, 1);
	}
}

/* ---- main ---- */

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, kit_setup, kit_teardown, factory)

static int run_suite(struct kit_factory *factory)
{
	const struct CMUnitTest tests[] = {
		TEST(test_filters), TEST(test_paging), TEST(test_visit),
		TEST(test_prune_takes_what_is_old_and_final), TEST(test_prune_of_many),
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
