/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises about turns, the messages in one, and replies that are edited; for every kind of store. */
#include "tests/contract/store_kit.h"

#include "bridge/base/arena.h"

/* ---- turns ---- */

struct said {
	char text[300];
};

static void take_turn(void *ctx, const struct turn_row *row)
{
	struct said *said = ctx;
	size_t used = strlen(said->text);

	(void)snprintf(said->text + used, sizeof(said->text) - used, "%lld:%s:%s:%lld:%lld ", (long long)row->seq,
		       row->job_id, row->message_id, (long long)row->started_ms, (long long)row->ended_ms);
}

static void expect_turns(struct kit *kit, const char *want)
{
	struct error err = { 0 };
	struct said said = { "" };

	OK(store_turns_each(kit->store, take_turn, &said, &err));
	assert_string_equal(said.text, want);
}

static void put_turn(struct kit *kit, int64_t seq)
{
	struct error err = { 0 };
	const struct turn_row row = { .seq = seq, .job_id = "j_1", .message_id = "cmsg_1", .started_ms = 10 };

	OK(store_turn_put(kit->store, &row, &err));
}

static void test_turns(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };

	kit_begin(kit);
	put_turn(kit, 7);
	put_turn(kit, 3);
	put_turn(kit, 5);
	OK(store_turn_end(kit->store, 5, 20, &err));
	REFUSED(ERR_NOT_FOUND, store_turn_end(kit->store, 4, 20, &err));
	kit_commit(kit);
	kit_reopen(kit);
	expect_turns(kit, "3:j_1:cmsg_1:10:0 5:j_1:cmsg_1:10:20 7:j_1:cmsg_1:10:0 ");
	assert_int_equal(kit_counts(kit).turns, 3);
	kit_begin(kit);
	OK(store_turn_delete(kit->store, 5, &err));
	OK(store_turn_delete(kit->store, 5, &err));
	kit_commit(kit);
	expect_turns(kit, "3:j_1:cmsg_1:10:0 7:j_1:cmsg_1:10:0 ");
	assert_int_equal(kit_counts(kit).turns, 2);
	kit_begin(kit);
	OK(store_turn_delete(kit->store, 3, &err));
	store_rollback(kit->store);
	assert_int_equal(kit_counts(kit).turns, 2);
	REFUSED(ERR_INTERNAL, store_turn_delete(kit->store, 3, &err)); /* outside a transaction */
}

struct members {
	int count;
	struct message_row rows[4];
};

static void take_member(void *ctx, const struct message_row *row)
{
	struct members *members = ctx;

	assert_true(members->count < 4);
	members->rows[members->count++] = *row; /* its texts stand in the arena */
}

static struct members members_of(struct kit *kit, int64_t lead, struct arena *arena)
{
	struct error err = { 0 };
	struct members members = { 0 };

	OK(store_messages_of_turn(kit->store, lead, 100, arena, take_member, &members, &err));
	return members;
}

static void set_lead(struct kit *kit, int64_t seq, int64_t lead)
{
	struct error err = { 0 };
	struct message_change change = kit_change(seq, MESSAGE_QUEUED, MESSAGE_QUEUED);

	change.lead = lead;
	OK(store_message_move(kit->store, &change, &err));
}

static void test_messages_of_turn(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[4][ID_SIZE];
	int64_t seq[4];
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	CLEANUP(arena_free_at) struct arena *small = arena_new(16);

	kit_begin(kit);
	for (int i = 0; i < 4; i++)
		seq[i] = kit_put(kit, MESSAGE_QUEUED, id[i]);
	set_lead(kit, seq[3], seq[1]); /* the leading one need not be the oldest */
	set_lead(kit, seq[0], seq[1]);
	set_lead(kit, seq[1], seq[1]);
	set_lead(kit, seq[2], seq[3]);
	set_lead(kit, seq[0], 0); /* kept */
	kit_commit(kit);
	struct members members = members_of(kit, seq[1], arena);
	assert_int_equal(members.count, 3);
	assert_int_equal(members.rows[0].seq, seq[0]);
	assert_int_equal(members.rows[0].lead, seq[1]);
	assert_int_equal(members.rows[1].seq, seq[1]);
	assert_int_equal(members.rows[1].lead, 0); /* itself */
	assert_int_equal(members.rows[2].seq, seq[3]);
	assert_string_equal(members.rows[0].delivery_id, id[0]);
	assert_string_equal(members.rows[2].prompt, "please fix the test");
	assert_int_equal(members_of(kit, seq[0], arena).count, 1);
	struct members first = { 0 };
	OK(store_messages_of_turn(kit->store, seq[1], 2, arena, take_member, &first, &err));
	assert_int_equal(first.count, 2);
	assert_int_equal(first.rows[1].seq, seq[1]);
	struct members none = { 0 };
	REFUSED(ERR_NO_MEMORY, store_messages_of_turn(kit->store, seq[1], 100, small, take_member, &none, &err));
	kit_begin(kit);
	set_lead(kit, seq[0], -1);
	kit_commit(kit);
	assert_int_equal(members_of(kit, seq[1], arena).count, 2);
}

static void take_pending(void *ctx, const struct pending_row *row)
{
	struct said *said = ctx;
	size_t used = strlen(said->text);

	(void)snprintf(said->text + used, sizeof(said->text) - used, "%s:%u:%s ", message_kind_name(row->kind),
		       row->pace, row->job_id != NULL ? "job" : "-");
}

static void test_pending_says_kind_and_pace(void **state)
{
	static const struct {
		enum message_kind kind;
		unsigned pace;
	} put[] = { { MESSAGE_CONTINUE, 0 }, { MESSAGE_START, MESSAGE_HOLDS }, { MESSAGE_COMMAND, MESSAGE_JOINS } };
	struct kit *kit = *state;
	struct error err = { 0 };
	struct said said = { "" };
	char delivery_id[ID_SIZE], id[ID_SIZE];
	int64_t seq = 0;

	kit_begin(kit);
	for (size_t i = 0; i < sizeof(put) / sizeof(put[0]); i++) {
		struct delivery_row delivery = kit_delivery(kit, delivery_id);
		OK(store_delivery_put(kit->store, &delivery, &err));
		struct message_row row = kit_message(kit, delivery_id, id);
		row.kind = put[i].kind;
		row.pace = put[i].pace;
		row.job_id = row.kind == MESSAGE_COMMAND ? NULL : JOB;
		OK(store_message_put(kit->store, &row, &seq, &err));
	}
	kit_commit(kit);
	OK(store_messages_pending(kit->store, take_pending, &said, &err));
	assert_string_equal(said.text, "continue:0:job start:2:job command:1:- ");
}

/* ---- what becomes of a forwarded message ---- */

static void take_ledger(void *ctx, const struct ledger_row *row)
{
	struct said *said = ctx;
	size_t used = strlen(said->text);

	assert_true(row->has_message);
	(void)snprintf(said->text + used, sizeof(said->text) - used, "%lld ", (long long)row->message.seq);
}

static int count_state(struct kit *kit, const char *name, struct said *said)
{
	struct error err = { 0 };
	const struct delivery_filter filter = { .state = name, .limit = 10 };
	int rows = 0;

	said->text[0] = '\0';
	OK(store_ledger_each(kit->store, &filter, take_ledger, said, &err));
	for (const char *at = said->text; (at = strchr(at, ' ')) != NULL; at++)
		rows++;
	return rows;
}

static void test_turns_end_in_states(void **state)
{
	static const enum message_state ends[] = { MESSAGE_ANSWERED, MESSAGE_STALLED, MESSAGE_FAILED };
	struct kit *kit = *state;
	struct error err = { 0 };
	struct said said;
	char id[ID_SIZE], want[30];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		kit_begin(kit);
		int64_t seq = kit_put(kit, MESSAGE_FORWARDED, id);
		struct message_change change = kit_change(seq, MESSAGE_FORWARDED, ends[i]);
		OK(store_message_move(kit->store, &change, &err));
		change = kit_change(seq, ends[i], MESSAGE_QUEUED);
		REFUSED(ERR_INTERNAL, store_message_move(kit->store, &change, &err));
		kit_commit(kit);
		assert_int_equal(count_state(kit, message_state_name(ends[i]), &said), 1);
		(void)snprintf(want, sizeof(want), "%lld ", (long long)seq);
		assert_string_equal(said.text, want);
	}
	kit_reopen(kit);
	struct store_counts counts = kit_counts(kit);
	assert_int_equal(counts.messages[MESSAGE_FORWARDED], 0);
	assert_int_equal(counts.messages[MESSAGE_ANSWERED], 1);
	assert_int_equal(counts.messages[MESSAGE_STALLED], 1);
	assert_int_equal(counts.messages[MESSAGE_FAILED], 1);
	assert_int_equal(counts.oldest_waiting_ms, 0);
	struct said pending = { "" };
	OK(store_messages_pending(kit->store, take_pending, &pending, &err));
	assert_string_equal(pending.text, "");
}

/* The first message has stalled, a second one of the same delivery goes to a new job: the newest one is shown. */
static void test_restart_in_the_ledger(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct said said;
	char delivery_id[ID_SIZE], id[ID_SIZE], want[30];
	int64_t seq[2];

	kit_begin(kit);
	(void)kit_put(kit, MESSAGE_STALLED, delivery_id);
	for (int i = 0; i < 2; i++) {
		struct message_row row = kit_message(kit, delivery_id, id);
		row.kind = MESSAGE_START;
		OK(store_message_put(kit->store, &row, &seq[i], &err));
	}
	kit_commit(kit);
	assert_int_equal(count_state(kit, "stalled", &said), 0);
	assert_int_equal(count_state(kit, "queued", &said), 1);
	(void)snprintf(want, sizeof(want), "%lld ", (long long)seq[1]);
	assert_string_equal(said.text, want);
	assert_int_equal(count_state(kit, NULL, &said), 1);
}

static int prune(struct kit *kit)
{
	struct error err = { 0 };
	int removed = -1;

	kit_begin(kit);
	OK(store_prune(kit->store, kit->now_ms + 1, 10, &removed, &err));
	kit_commit(kit);
	return removed;
}

static void test_prune_spares_turns(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE];
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	kit_begin(kit);
	int64_t lead = kit_put(kit, MESSAGE_QUEUED, id);
	int64_t joined = kit_put(kit, MESSAGE_QUEUED, id);
	set_lead(kit, joined, lead);
	for (int i = 0; i < 2; i++) {
		int64_t seq = i == 0 ? lead : joined;
		struct message_change change = kit_change(seq, MESSAGE_QUEUED, MESSAGE_SENDING);
		OK(store_message_move(kit->store, &change, &err));
		change = kit_change(seq, MESSAGE_SENDING, MESSAGE_FORWARDED);
		OK(store_message_move(kit->store, &change, &err));
	}
	put_turn(kit, lead);
	(void)kit_put(kit, MESSAGE_FORWARDED, id); /* of no turn */
	kit_commit(kit);
	assert_int_equal(prune(kit), 1);
	assert_int_equal(members_of(kit, lead, arena).count, 2);
	kit_begin(kit);
	OK(store_turn_end(kit->store, lead, 5, &err));
	kit_commit(kit);
	assert_int_equal(prune(kit), 0); /* it lingers */
	kit_begin(kit);
	OK(store_turn_delete(kit->store, lead, &err));
	kit_commit(kit);
	assert_int_equal(prune(kit), 2);
	assert_int_equal(kit_counts(kit).messages[MESSAGE_FORWARDED], 0);
}

/* ---- replies that are edited ---- */

static int64_t put_status(struct kit *kit, int64_t message_seq, enum reply_state reply_state)
{
	struct error err = { 0 };
	char id[ID_SIZE];
	int64_t seq = 0;
	struct reply_row row = kit_reply(kit, message_seq, id);

	row.kind = "status";
	row.state = reply_state;
	row.attempts = 2;
	row.due_ms = 99;
	row.remote_id = "issue_comment/9";
	OK(store_reply_put(kit->store, &row, &seq, &err));
	return seq;
}

static void test_revise(void **state)
{
	static const struct {
		enum reply_state from, to;
	} rows[] = {
		{ REPLY_STATE_QUEUED, REPLY_STATE_QUEUED },	{ REPLY_STATE_SENDING, REPLY_STATE_SENDING },
		{ REPLY_STATE_IN_DOUBT, REPLY_STATE_IN_DOUBT }, { REPLY_STATE_POSTED, REPLY_STATE_QUEUED },
		{ REPLY_STATE_FAILED, REPLY_STATE_QUEUED },
	};
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE];
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum reply_state got = REPLY_STATES_;
		struct reply_row row;

		kit_begin(kit);
		int64_t seq = put_status(kit, kit_put(kit, MESSAGE_FORWARDED, id), rows[i].from);
		OK(store_reply_load(kit->store, seq, arena, &row, &err));
		assert_int_equal(row.revision, 1);
		OK(store_reply_revise(kit->store, seq, "answered", 50, &got, &err));
		assert_int_equal(got, rows[i].to);
		kit_commit(kit);
		OK(store_reply_load(kit->store, seq, arena, &row, &err));
		assert_int_equal(row.state, rows[i].to);
		assert_int_equal(row.revision, 2);
		assert_string_equal(row.text, "answered");
		assert_string_equal(row.remote_id, "issue_comment/9");
		assert_int_equal(row.attempts, rows[i].from == rows[i].to ? 2 : 0);
		assert_int_equal(row.due_ms, rows[i].from == rows[i].to ? 99 : 0);
		assert_int_equal(row.updated_ms, 50);
		REFUSED(ERR_INTERNAL, store_reply_revise(kit->store, seq, "x", 50, &got, &err)); /* no transaction */
	}
	struct store_counts counts = kit_counts(kit);
	assert_int_equal(counts.replies[REPLY_STATE_QUEUED], 3);
	assert_int_equal(counts.replies[REPLY_STATE_POSTED], 0);
	assert_int_equal(counts.replies[REPLY_STATE_FAILED], 0);
	kit_begin(kit);
	enum reply_state none;
	REFUSED(ERR_NOT_FOUND, store_reply_revise(kit->store, 999, "x", 50, &none, &err));
	kit_commit(kit);
	kit_reopen(kit); /* what was sending is in doubt, with the new text */
	assert_int_equal(kit_counts(kit).replies[REPLY_STATE_IN_DOUBT], 2);
}

static void test_status_of_message(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE];
	int64_t seq = 0, comment = 0;
	bool found = true;

	kit_begin(kit);
	int64_t first = kit_put(kit, MESSAGE_FORWARDED, id), second = kit_put(kit, MESSAGE_FORWARDED, id);
	int64_t status = put_status(kit, second, REPLY_STATE_POSTED);
	for (int i = 0; i < 2; i++) {
		struct reply_row row = kit_reply(kit, i == 0 ? first : second, id);
		OK(store_reply_put(kit->store, &row, &comment, &err));
	}
	kit_commit(kit);
	OK(store_reply_status_of(kit->store, first, &found, &seq, &err));
	assert_false(found);
	OK(store_reply_status_of(kit->store, second, &found, &seq, &err));
	assert_true(found);
	assert_int_equal(seq, status);
}

/* ---- main ---- */

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, kit_setup, kit_teardown, factory)

static int run_suite(struct kit_factory *factory)
{
	const struct CMUnitTest tests[] = {
		TEST(test_turns),
		TEST(test_messages_of_turn),
		TEST(test_pending_says_kind_and_pace),
		TEST(test_turns_end_in_states),
		TEST(test_restart_in_the_ledger),
		TEST(test_prune_spares_turns),
		TEST(test_revise),
		TEST(test_status_of_message),
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
