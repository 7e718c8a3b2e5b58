/* SPDX-License-Identifier: Apache-2.0 */
/* What store.h promises, for every kind of store: a new one adds its factory to main's list. */
#include "tests/contract/store_kit.h"

#include "bridge/base/arena.h"

/* ---- deliveries and dedupe keys ---- */

static bool seen(struct kit *kit, const char *source, const char *key, const char *want_id)
{
	struct error err = { 0 };
	char id[ID_SIZE] = "";
	bool found = false;

	OK(store_seen_find(kit->store, source, key, &found, id, &err));
	if (found)
		assert_string_equal(id, want_id);
	return found;
}

static void test_seen_is_kept_per_source(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char first[ID_SIZE], second[ID_SIZE];

	kit_begin(kit);
	(void)kit_put(kit, MESSAGE_QUEUED, first);
	assert_false(seen(kit, "github", "d:1", first));
	OK(store_seen_put(kit->store, "github", "d:1", first, kit->now_ms, &err));
	assert_true(seen(kit, "github", "d:1", first));
	(void)kit_put(kit, MESSAGE_QUEUED, second);
	OK(store_seen_put(kit->store, "github", "d:1", second, kit->now_ms, &err)); /* ignored */
	OK(store_seen_put(kit->store, "gitlab", "d:1", second, kit->now_ms, &err));
	kit_commit(kit);

	kit_reopen(kit);
	assert_true(seen(kit, "github", "d:1", first));
	assert_true(seen(kit, "gitlab", "d:1", second));
	assert_false(seen(kit, "github", "c:1", first));
	assert_false(seen(kit, "github", "d:", first));
}

static void test_delivery_id_is_unique(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE];

	kit_begin(kit);
	struct delivery_row row = kit_delivery(kit, id);
	OK(store_delivery_put(kit->store, &row, &err));
	REFUSED(ERR_CONFLICT, store_delivery_put(kit->store, &row, &err));
	kit_commit(kit);
	assert_int_equal(kit_counts(kit).deliveries, 1);
}

/* More keys than any cache or filter of a store holds at once; every one must be found again. */
static void test_many_keys(void **state)
{
	enum { KEYS = 12000 };
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE], key[40];

	id_new(kit->now_ms, id);
	for (int i = 0; i < KEYS; i++) {
		if (i % 1000 == 0)
			kit_begin(kit);
		(void)snprintf(key, sizeof(key), "d:%d", i);
		OK(store_seen_put(kit->store, "github", key, id, kit->now_ms + i, &err));
		if (i % 1000 == 999)
			kit_commit(kit);
	}
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < KEYS; i += 7) {
			(void)snprintf(key, sizeof(key), "d:%d", i);
			assert_true(seen(kit, "github", key, id));
			(void)snprintf(key, sizeof(key), "d:%d", i + KEYS);
			assert_false(seen(kit, "github", key, id));
		}
		kit_reopen(kit);
	}
}

/* ---- transactions ---- */

static void test_rollback_leaves_nothing(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char kept[ID_SIZE], dropped[ID_SIZE];
	bool found = true;
	int64_t count = -1, first_seq = 0, second_seq = 0;

	kit_begin(kit);
	first_seq = kit_put(kit, MESSAGE_QUEUED, kept);
	kit_commit(kit);
	kit_begin(kit);
	(void)kit_put(kit, MESSAGE_FAILED, dropped);
	OK(store_seen_put(kit->store, "github", "d:9", dropped, kit->now_ms, &err));
	OK(store_note_put(kit->store, "name", "value", &err));
	struct message_change change = kit_change(first_seq, MESSAGE_QUEUED, MESSAGE_SENDING);
	OK(store_message_move(kit->store, &change, &err));
	store_rollback(kit->store);
	store_rollback(kit->store); /* none is open: nothing happens */

	assert_false(seen(kit, "github", "d:9", dropped));
	struct store_counts counts = kit_counts(kit);
	assert_int_equal(counts.deliveries, 1);
	assert_int_equal(counts.messages[MESSAGE_QUEUED], 1);
	assert_int_equal(counts.messages[MESSAGE_FAILED], 0);
	OK(store_thread_count(kit->store, "github:octo/hello#42", 0, &count, &err));
	assert_int_equal(count, 1);
	kit_begin(kit);
	second_seq = kit_put(kit, MESSAGE_QUEUED, dropped);
	kit_commit(kit);
	assert_int_equal(second_seq, first_seq + 1);
	REFUSED(ERR_INTERNAL, store_link_delete(kit->store, "x", 1, &found, &err)); /* outside a transaction */
}

static void test_what_is_written_survives(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char delivery_id[ID_SIZE], id[ID_SIZE];
	int64_t seq = 0;
	struct message_row got;
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	kit_begin(kit);
	struct delivery_row delivery = kit_delivery(kit, delivery_id);
	OK(store_delivery_put(kit->store, &delivery, &err));
	struct message_row row = kit_message(kit, delivery_id, id);
	row.object = "issue_comment/123";
	row.author = "octocat";
	row.author_id = "583231";
	row.url = "https://example.org/1";
	row.place = "octo/hello#42";
	row.attempts = 3;
	row.due_ms = 77;
	row.message_id = "cmsg_1";
	row.upstream_status = 429;
	row.error = "slow down";
	row.reason = "later";
	row.kind = MESSAGE_START;
	row.pace = MESSAGE_JOINS | MESSAGE_HOLDS;
	row.agent = "main-agent";
	row.ask = true;
	row.spot = "src/a.c\t00000012";
	row.lookup = "{\"want\":\"code\"}";
	row.lead = 4711;
	OK(store_message_put(kit->store, &row, &seq, &err));
	kit_commit(kit);
	kit_reopen(kit);

	OK(store_message_load(kit->store, seq, arena, &got, &err));
	kit_reopen(kit); /* the row stands in the arena */
	assert_int_equal(got.seq, seq);
	assert_string_equal(got.id, id);
	assert_string_equal(got.delivery_id, delivery_id);
	assert_string_equal(got.source, row.source);
	assert_string_equal(got.thread, row.thread);
	assert_string_equal(got.job_id, row.job_id);
	assert_string_equal(got.object, row.object);
	assert_string_equal(got.event, row.event);
	assert_string_equal(got.author, row.author);
	assert_string_equal(got.author_id, row.author_id);
	assert_string_equal(got.url, row.url);
	assert_string_equal(got.place, row.place);
	assert_string_equal(got.prompt, row.prompt);
	assert_int_equal(got.state, MESSAGE_QUEUED);
	assert_int_equal(got.attempts, 3);
	assert_int_equal(got.due_ms, 77);
	assert_int_equal(got.created_ms, row.created_ms);
	assert_int_equal(got.updated_ms, row.updated_ms);
	assert_string_equal(got.message_id, "cmsg_1");
	assert_int_equal(got.upstream_status, 429);
	assert_string_equal(got.error, "slow down");
	assert_string_equal(got.reason, "later");
	assert_int_equal(got.kind, MESSAGE_START);
	assert_int_equal(got.pace, MESSAGE_JOINS | MESSAGE_HOLDS);
	assert_string_equal(got.agent, "main-agent");
	assert_true(got.ask);
	assert_string_equal(got.spot, row.spot);
	assert_string_equal(got.lookup, row.lookup);
	assert_int_equal(got.lead, 4711);
	REFUSED(ERR_NOT_FOUND, store_message_load(kit->store, seq + 1, arena, &got, &err));
}

static void test_large_and_foreign_texts(void **state)
{
	static const char mixed[] = "z\xC3\xBCrich \xE2\x80\xA8 \xF0\x9F\x91\x80 'quoted' \"too\" $1 %s \\ \r\n\t\x01 end";
	struct kit *kit = *state;
	struct error err = { 0 };
	char delivery_id[ID_SIZE], id[ID_SIZE];
	size_t size = 1 << 20;
	int64_t seq = 0;
	struct message_row got;
	CLEANUP(arena_free_at) struct arena *arena = arena_new(4 << 20);
	CLEANUP(cleanup_free) char *large = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		large[i] = mixed[i % (sizeof(mixed) - 1)];
	large[size] = '\0';
	kit_begin(kit);
	struct delivery_row delivery = kit_delivery(kit, delivery_id);
	OK(store_delivery_put(kit->store, &delivery, &err));
	struct message_row row = kit_message(kit, delivery_id, id);
	row.prompt = large;
	row.author = mixed;
	OK(store_message_put(kit->store, &row, &seq, &err));
	kit_commit(kit);
	OK(store_message_load(kit->store, seq, arena, &got, &err));
	assert_string_equal(got.prompt, large);
	assert_string_equal(got.author, mixed);
	kit_begin(kit);
	OK(store_message_set_prompt(kit->store, seq, mixed, 99, &err));
	REFUSED(ERR_NOT_FOUND, store_message_set_prompt(kit->store, seq + 1, mixed, 99, &err));
	kit_commit(kit);
	OK(store_message_load(kit->store, seq, arena, &got, &err));
	assert_string_equal(got.prompt, mixed);
	assert_int_equal(got.updated_ms, 99);
	/* An arena that is too small is an error, not half a row. */
	CLEANUP(arena_free_at) struct arena *small = arena_new(16);
	REFUSED(ERR_NO_MEMORY, store_message_load(kit->store, seq, small, &got, &err));
}

/* ---- moves ---- */

static void test_moves(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE];
	struct message_row got;
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	kit_begin(kit);
	int64_t seq = kit_put(kit, MESSAGE_QUEUED, id);
	struct message_change change = kit_change(seq, MESSAGE_QUEUED, MESSAGE_SENDING);
	change.attempts = 1;
	change.reason = "sending";
	OK(store_message_move(kit->store, &change, &err));
	REFUSED(ERR_CONFLICT, store_message_move(kit->store, &change, &err)); /* it is not queued any more */
	assert_non_null(strstr(err.text, "sending"));
	change = kit_change(seq, MESSAGE_SENDING, MESSAGE_FORWARDED);
	change.message_id = "cmsg_1";
	change.upstream_status = 201;
	change.due_ms = 12;
	OK(store_message_move(kit->store, &change, &err));
	change = kit_change(seq, MESSAGE_FORWARDED, MESSAGE_FORWARDED); /* to itself: updates the rest */
	change.error = "late";
	change.now_ms = 6;
	OK(store_message_move(kit->store, &change, &err));
	struct message_change back = kit_change(seq, MESSAGE_FORWARDED, MESSAGE_QUEUED);
	REFUSED(ERR_INTERNAL, store_message_move(kit->store, &back, &err)); /* not in the table of moves */
	change.seq = seq + 1;
	REFUSED(ERR_NOT_FOUND, store_message_move(kit->store, &change, &err));
	kit_commit(kit);

	OK(store_message_load(kit->store, seq, arena, &got, &err));
	assert_int_equal(got.state, MESSAGE_FORWARDED);
	assert_int_equal(got.attempts, 1); /* kept */
	assert_string_equal(got.reason, "sending");
	assert_string_equal(got.message_id, "cmsg_1");
	assert_int_equal(got.upstream_status, 201);
	assert_int_equal(got.due_ms, 12);
	assert_string_equal(got.error, "late");
	assert_int_equal(got.updated_ms, kit_change(seq, MESSAGE_SENDING, MESSAGE_FORWARDED).now_ms); /* since then it is in this state */
	assert_int_equal(kit_counts(kit).messages[MESSAGE_FORWARDED], 1);
	assert_int_equal(kit_counts(kit).messages[MESSAGE_QUEUED], 0);
	assert_int_equal(kit_counts(kit).messages[MESSAGE_SENDING], 0);
}

/* ---- what is not final ---- */

struct seqs {
	int count;
	int64_t seq[16];
	int state[16];
};

static void take_pending(void *ctx, const struct pending_row *row)
{
	struct seqs *seqs = ctx;

	assert_true(seqs->count < 16);
	assert_string_equal(row->job_id, JOB);
	assert_true(id_is_valid(row->id));
	seqs->state[seqs->count] = (int)row->state;
	seqs->seq[seqs->count++] = row->seq;
}

static void take_reply(void *ctx, const struct reply_row *row)
{
	struct seqs *seqs = ctx;

	assert_true(seqs->count < 16);
	seqs->state[seqs->count] = (int)row->state;
	seqs->seq[seqs->count++] = row->seq;
}

static void test_pending_in_order_and_recovered(void **state)
{
	static const enum message_state put[] = { MESSAGE_SENDING,   MESSAGE_QUEUED,  MESSAGE_FORWARDED,
						  MESSAGE_VETTING,   MESSAGE_FAILED,  MESSAGE_IN_DOUBT,
						  MESSAGE_IGNORED,   MESSAGE_QUEUED };
	static const int want[] = { MESSAGE_IN_DOUBT, MESSAGE_QUEUED, MESSAGE_VETTING, MESSAGE_IN_DOUBT,
				    MESSAGE_QUEUED };
	struct kit *kit = *state;
	struct error err = { 0 };
	struct seqs seqs = { 0 };
	char id[ID_SIZE];
	int64_t first_ms = 0;

	kit_begin(kit);
	for (size_t i = 0; i < sizeof(put) / sizeof(put[0]); i++) {
		(void)kit_put(kit, put[i], id);
		if (i == 0)
			first_ms = kit->now_ms;
	}
	kit_commit(kit);
	kit_reopen(kit); /* what was sending may have arrived */
	OK(store_messages_pending(kit->store, take_pending, &seqs, &err));
	assert_int_equal(seqs.count, 5);
	for (int i = 0; i < seqs.count; i++) {
		assert_int_equal(seqs.state[i], want[i]);
		assert_true(i == 0 || seqs.seq[i] > seqs.seq[i - 1]);
	}
	struct store_counts counts = kit_counts(kit);
	assert_int_equal(counts.messages[MESSAGE_SENDING], 0);
	assert_int_equal(counts.messages[MESSAGE_IN_DOUBT], 2);
	assert_int_equal(counts.oldest_waiting_ms, first_ms);
}

static void test_sequence_is_never_given_twice(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char id[ID_SIZE];
	int removed = 0;

	kit_begin(kit);
	int64_t first = kit_put(kit, MESSAGE_FORWARDED, id);
	kit_commit(kit);
	kit_begin(kit);
	OK(store_prune(kit->store, kit->now_ms + 1, 10, &removed, &err));
	kit_commit(kit);
	assert_int_equal(removed, 1);
	kit_reopen(kit);
	kit_begin(kit);
	assert_true(kit_put(kit, MESSAGE_FORWARDED, id) > first);
	kit_commit(kit);
}

/* ---- objects and threads ---- */

static void put_object(struct kit *kit, const char *source, const char *object, int64_t *ret_seq)
{
	struct error err = { 0 };
	char delivery_id[ID_SIZE], id[ID_SIZE];

	struct delivery_row delivery = kit_delivery(kit, delivery_id);
	OK(store_delivery_put(kit->store, &delivery, &err));
	struct message_row row = kit_message(kit, delivery_id, id);
	row.source = source;
	row.object = object;
	OK(store_message_put(kit->store, &row, ret_seq, &err));
}

static void test_newest_message_of_object(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	int64_t first = 0, second = 0, other = 0, got = 0;
	enum message_state message_state = MESSAGE_VETTING;
	bool found = true;

	kit_begin(kit);
	put_object(kit, "github", "issue_comment/1", &first);
	put_object(kit, "github", "issue_comment/1", &second);
	put_object(kit, "gitlab", "issue_comment/1", &other);
	kit_commit(kit);
	for (int pass = 0; pass < 2; pass++) {
		OK(store_message_of_object(kit->store, "github", "issue_comment/1", &found, &got, &message_state,
					   &err));
		assert_true(found);
		assert_int_equal(got, second);
		assert_int_equal(message_state, MESSAGE_QUEUED);
		OK(store_message_of_object(kit->store, "github", "issue_comment/2", &found, &got, &message_state,
					   &err));
		assert_false(found);
		kit_reopen(kit);
	}
}

static int64_t thread_count(struct kit *kit, const char *thread, int64_t since_ms)
{
	struct error err = { 0 };
	int64_t count = -1;

	OK(store_thread_count(kit->store, thread, since_ms, &count, &err));
	return count;
}

static void test_thread_count(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char delivery_id[ID_SIZE], id[ID_SIZE];
	int64_t seq = 0, start = 1700000000000;

	for (int i = 0; i < 3000; i++) { /* every second one of another thread, every tenth without a job */
		if (i % 500 == 0)
			kit_begin(kit);
		struct delivery_row delivery = kit_delivery(kit, delivery_id);
		OK(store_delivery_put(kit->store, &delivery, &err));
		struct message_row row = kit_message(kit, delivery_id, id);
		row.thread = i % 2 == 0 ? "github:a" : "github:b";
		row.job_id = i % 10 == 0 ? NULL : JOB;
		row.state = i % 10 == 0 ? MESSAGE_IGNORED : MESSAGE_FORWARDED;
		row.object = id;
		row.created_ms = start + i;
		OK(store_message_put(kit->store, &row, &seq, &err));
		/* Keys fill what a store may cut its messages into. */
		OK(store_seen_put(kit->store, "github", id, delivery_id, row.created_ms, &err));
		OK(store_seen_put(kit->store, "github", delivery_id, delivery_id, row.created_ms, &err));
		if (i % 500 == 499)
			kit_commit(kit);
	}
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(thread_count(kit, "github:a", 0), 1200);
		assert_int_equal(thread_count(kit, "github:b", 0), 1500);
		assert_int_equal(thread_count(kit, "github:b", start + 2999), 1);
		assert_int_equal(thread_count(kit, "github:b", start + 2998), 1);
		assert_int_equal(thread_count(kit, "github:b", start + 2997), 2);
		assert_int_equal(thread_count(kit, "github:b", start + 1000), 1000);
		assert_int_equal(thread_count(kit, "github:a", start + 1000), 800);
		assert_int_equal(thread_count(kit, "github:b", start + 3000), 0);
		assert_int_equal(thread_count(kit, "github:c", 0), 0);
		kit_reopen(kit);
	}
	/* A reader counts in another way, to the same end. */
	struct store *reader = NULL;
	OK(store_open(kit->url, STORE_READ, &reader, &err));
	OK(store_thread_count(reader, "github:b", start + 1000, &seq, &err));
	assert_int_equal(seq, 1000);
	store_close(reader);
}

/* ---- links and notes ---- */

static void take_link(void *ctx, const struct link_row *row)
{
	char *all = ctx;
	size_t used = strlen(all);

	(void)snprintf(all + used, 200 - used, "%s=%s/%d ", row->thread, row->job_id, (int)row->origin);
}

static void put_link(struct kit *kit, const char *thread, const char *job_id, enum link_origin origin)
{
	struct error err = { 0 };
	const struct link_row row = { .thread = thread, .job_id = job_id, .origin = origin, .created_ms = 1 };

	OK(store_link_put(kit->store, &row, &err));
}

static void test_links(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char job_id[JOB_ID_MAX + 2] = "", all[200] = "";
	enum link_origin origin = LINK_CONFIG;
	bool found = false;

	kit_begin(kit);
	put_link(kit, "b", JOB, LINK_MANUAL);
	put_link(kit, "a", "j_1", LINK_CONFIG);
	put_link(kit, "c", "j_2", LINK_CONFIG);
	put_link(kit, "b", "j_3", LINK_MANUAL); /* replaces */
	kit_commit(kit);
	kit_reopen(kit);
	OK(store_link_find(kit->store, "b", &found, job_id, &origin, &err));
	assert_true(found);
	assert_string_equal(job_id, "j_3");
	assert_int_equal(origin, LINK_MANUAL);
	OK(store_links_each(kit->store, NULL, 2, take_link, all, &err));
	assert_string_equal(all, "a=j_1/1 b=j_3/0 ");
	all[0] = '\0';
	OK(store_links_each(kit->store, "b", 10, take_link, all, &err));
	assert_string_equal(all, "c=j_2/1 ");
	assert_int_equal(kit_counts(kit).links, 3);

	kit_begin(kit);
	OK(store_links_forget_config(kit->store, &err));
	OK(store_link_delete(kit->store, "b", 1, &found, &err));
	assert_true(found);
	OK(store_link_delete(kit->store, "b", 1, &found, &err));
	assert_false(found);
	kit_commit(kit);
	OK(store_link_find(kit->store, "a", &found, job_id, &origin, &err));
	assert_false(found);
	assert_int_equal(kit_counts(kit).links, 0);
}

static void test_notes(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	const char *value = "x";
	CLEANUP(arena_free_at) struct arena *arena = arena_new(4096);

	OK(store_note_get(kit->store, "me", arena, &value, &err));
	assert_null(value);
	kit_begin(kit);
	OK(store_note_put(kit->store, "me", "1", &err));
	OK(store_note_put(kit->store, "me", "2", &err));
	kit_commit(kit);
	kit_reopen(kit);
	OK(store_note_get(kit->store, "me", arena, &value, &err));
	assert_string_equal(value, "2");
	OK(store_ping(kit->store, &err));
}

/* ---- replies ---- */

static void test_replies(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	char delivery_id[ID_SIZE], id[ID_SIZE];
	int64_t first = 0, second = 0;
	bool ours = true;
	struct reply_row got;
	struct seqs seqs = { 0 };
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	kit_begin(kit);
	int64_t message = kit_put(kit, MESSAGE_FAILED, delivery_id);
	struct reply_row row = kit_reply(kit, message, id);
	OK(store_reply_put(kit->store, &row, &first, &err));
	row.kind = "reaction";
	row.text = NULL;
	OK(store_reply_put(kit->store, &row, &second, &err));
	assert_true(second > first);
	struct reply_change change = { .seq = first, .from = REPLY_STATE_QUEUED, .to = REPLY_STATE_SENDING,
				       .attempts = 1, .due_ms = -1, .now_ms = 8 };
	OK(store_reply_move(kit->store, &change, &err));
	REFUSED(ERR_CONFLICT, store_reply_move(kit->store, &change, &err));
	kit_commit(kit);
	kit_reopen(kit);

	OK(store_replies_pending(kit->store, take_reply, &seqs, &err));
	assert_int_equal(seqs.count, 2);
	assert_int_equal(seqs.state[0], REPLY_STATE_IN_DOUBT); /* was sending */
	assert_int_equal(seqs.state[1], REPLY_STATE_QUEUED);
	assert_int_equal(kit_counts(kit).replies[REPLY_STATE_IN_DOUBT], 1);
	OK(store_reply_is_ours(kit->store, "github", "issue_comment/9", &ours, &err));
	assert_false(ours);

	kit_begin(kit);
	change.from = REPLY_STATE_IN_DOUBT;
	change.to = REPLY_STATE_POSTED;
	change.attempts = -1;
	change.remote_id = "issue_comment/9";
	OK(store_reply_move(kit->store, &change, &err));
	change.seq = 999;
	REFUSED(ERR_NOT_FOUND, store_reply_move(kit->store, &change, &err));
	kit_commit(kit);
	OK(store_reply_is_ours(kit->store, "github", "issue_comment/9", &ours, &err));
	assert_true(ours);
	OK(store_reply_is_ours(kit->store, "gitlab", "issue_comment/9", &ours, &err));
	assert_false(ours);
	OK(store_reply_load(kit->store, first, arena, &got, &err));
	assert_int_equal(got.state, REPLY_STATE_POSTED);
	assert_int_equal(got.attempts, 1);
	assert_int_equal(got.message_seq, message);
	assert_string_equal(got.kind, "comment");
	assert_string_equal(got.place, "octo/hello#42");
	assert_string_equal(got.text, "this job has ended");
	assert_string_equal(got.remote_id, "issue_comment/9");
	assert_string_equal(got.delivery_id, delivery_id); /* its message's */
	assert_string_equal(got.thread, "github:octo/hello#42");
	/* It was deleted at the origin: whoever posts it anew must not find the old id. */
	kit_begin(kit);
	change = (struct reply_change){
		.seq = first, .from = REPLY_STATE_POSTED, .to = REPLY_STATE_QUEUED, .attempts = -1, .due_ms = -1,
		.now_ms = 30, .remote_id = "",
	};
	OK(store_reply_move(kit->store, &change, &err));
	kit_commit(kit);
	OK(store_reply_load(kit->store, first, arena, &got, &err));
	assert_null(got.remote_id);
	OK(store_reply_is_ours(kit->store, "github", "issue_comment/9", &ours, &err));
	assert_false(ours);
	OK(store_reply_load(kit->store, second, arena, &got, &err));
	assert_null(got.text);
	REFUSED(ERR_NOT_FOUND, store_reply_load(kit->store, 999, arena, &got, &err));
}

/* ---- main ---- */

#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, kit_setup, kit_teardown, factory)

static int run_suite(struct kit_factory *factory)
{
	const struct CMUnitTest tests[] = {
		TEST(test_seen_is_kept_per_source),
		TEST(test_delivery_id_is_unique),
		TEST(test_many_keys),
		TEST(test_rollback_leaves_nothing),
		TEST(test_what_is_written_survives),
		TEST(test_large_and_foreign_texts),
		TEST(test_moves),
		TEST(test_pending_in_order_and_recovered),
		TEST(test_sequence_is_never_given_twice),
		TEST(test_newest_message_of_object),
		TEST(test_thread_count),
		TEST(test_links),
		TEST(test_notes),
		TEST(test_replies),
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
