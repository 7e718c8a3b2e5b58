/* SPDX-License-Identifier: Apache-2.0 */
/* A file that an older version has written opens, with all that is in it. The rows stand here as that version wrote them. */
#include "tests/contract/store_kit.h"

#include <sqlite3.h>

#include "bridge/base/arena.h"
#include "migrations.h"

#define THREAD "github:octo/hello#42"

static const char first_rows[] =
	"INSERT INTO deliveries VALUES ('01-a', 'github', 'd1', 'issue_comment.created', '" THREAD "', 'octocat', "
	"'https://example.org/1', NULL, 1000), ('01-b', 'github', NULL, 'push', NULL, NULL, NULL, 'not linked', 1001), "
	"('01-c', 'github', 'd3', 'issue_comment.created', '" THREAD "', NULL, NULL, NULL, 1002);"
	"INSERT INTO seen VALUES (0, 'github', 'd:d1', '01-a', 1000);"
	"INSERT INTO links VALUES ('" THREAD "', '" JOB "', 0, 5), ('github:octo/hello#43', '" JOB "', 1, 6);"
	"INSERT INTO messages VALUES (1, 'm1', '01-a', 0, 1, 'github', '" THREAD "', '" JOB "', 'issue_comment/1', "
	"'issue_comment.created', 'octocat', '1', NULL, 'octo/hello#42', 20, 1, 0, 1000, 1003, 'cmsg_1', 201, NULL, NULL), "
	"(2, 'm2', '01-c', 0, 2, 'github', '" THREAD "', '" JOB "', NULL, 'issue_comment.created', NULL, NULL, NULL, "
	"'octo/hello#42', 3, 2, 7, 1002, 1004, NULL, 500, 'oops', 'again');"
	"INSERT INTO prompts VALUES (1, 'first'), (2, 'second');"
	"INSERT INTO attempts VALUES (2, 1003, 1, 'continue', 9, 500, 'oops');"
	"INSERT INTO replies VALUES (1, 'r1', 1, 'github', 'comment', 'octo/hello#42', 'hello', 20, 1, 0, 1003, 1004, "
	"'issue_comment/9', NULL);"
	"INSERT INTO notes VALUES ('me', '77');"
	"INSERT INTO totals VALUES ('deliveries', 3), ('last message', 2), ('last reply', 1), ('messages.forwarded', 1), "
	"('messages.sending', 1), ('replies.posted', 1);"
	"PRAGMA application_id = 0x6e616972; PRAGMA user_version = 1;";

static void write_first(struct kit *kit)
{
	char path[300];
	sqlite3 *db = NULL;

	kit_close(kit);
	kit_sqlite_drop(kit->place);
	kit_sqlite_make(kit->place, sizeof(kit->place), kit->url, sizeof(kit->url));
	(void)snprintf(path, sizeof(path), "%s/bridge.db", kit->place);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, migrations[0].sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, first_rows, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void expect_messages(struct kit *kit)
{
	struct error err = { 0 };
	struct message_row got;
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	OK(store_message_load(kit->store, 1, arena, &got, &err));
	assert_int_equal(got.state, MESSAGE_FORWARDED);
	assert_string_equal(got.prompt, "first");
	assert_string_equal(got.message_id, "cmsg_1");
	assert_int_equal(got.kind, MESSAGE_CONTINUE);
	assert_int_equal(got.pace, 0);
	assert_null(got.agent);
	assert_false(got.ask);
	assert_null(got.spot);
	assert_null(got.lookup);
	assert_int_equal(got.lead, 0);
	OK(store_message_load(kit->store, 2, arena, &got, &err));
	assert_int_equal(got.state, MESSAGE_IN_DOUBT); /* it was sending */
	assert_string_equal(got.prompt, "second");
	assert_string_equal(got.error, "oops");
	assert_string_equal(got.reason, "again");
	assert_int_equal(got.upstream_status, 500);
}

static void expect_rest(struct kit *kit)
{
	struct error err = { 0 };
	struct reply_row reply;
	char job_id[JOB_ID_MAX + 2] = "", id[ID_SIZE] = "";
	enum link_origin origin = LINK_ORIGINS_;
	bool found = false;
	const char *note = NULL;
	int64_t count = 0;
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);

	OK(store_reply_load(kit->store, 1, arena, &reply, &err));
	assert_string_equal(reply.text, "hello");
	assert_int_equal(reply.revision, 1);
	OK(store_link_find(kit->store, "github:octo/hello#43", &found, job_id, &origin, &err));
	assert_true(found);
	assert_string_equal(job_id, JOB);
	assert_int_equal(origin, LINK_CONFIG);
	OK(store_seen_find(kit->store, "github", "d:d1", &found, id, &err));
	assert_true(found);
	assert_string_equal(id, "01-a");
	OK(store_note_get(kit->store, "me", arena, &note, &err));
	assert_string_equal(note, "77");
	OK(store_thread_count(kit->store, THREAD, 0, &count, &err));
	assert_int_equal(count, 2);
	struct store_counts counts = kit_counts(kit);
	assert_int_equal(counts.deliveries, 3);
	assert_int_equal(counts.messages[MESSAGE_FORWARDED], 1);
	assert_int_equal(counts.messages[MESSAGE_IN_DOUBT], 1);
	assert_int_equal(counts.messages[MESSAGE_SENDING], 0);
	assert_int_equal(counts.replies[REPLY_STATE_POSTED], 1);
	assert_int_equal(counts.links, 2);
	assert_int_equal(counts.turns, 0);
}

static void test_file_of_the_first_version(void **state)
{
	struct kit *kit = *state;
	struct error err = { 0 };
	struct store *reader = NULL;
	char id[ID_SIZE];

	write_first(kit);
	REFUSED(ERR_CONFLICT, store_open(kit->url, STORE_READ, &reader, &err)); /* a reader changes nothing */
	kit_open(kit);
	for (int pass = 0; pass < 2; pass++) {
		expect_messages(kit);
		expect_rest(kit);
		kit_reopen(kit);
	}
	kit_begin(kit);
	const struct turn_row turn = { .seq = 1, .job_id = JOB, .message_id = "cmsg_1", .started_ms = 1 };
	OK(store_turn_put(kit->store, &turn, &err));
	struct message_change change = kit_change(1, MESSAGE_FORWARDED, MESSAGE_ANSWERED);
	OK(store_message_move(kit->store, &change, &err));
	assert_int_equal(kit_put(kit, MESSAGE_QUEUED, id), 3); /* sequence numbers go on */
	kit_commit(kit);
	OK(store_open(kit->url, STORE_READ, &reader, &err));
	store_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file_of_the_first_version, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
