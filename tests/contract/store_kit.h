/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of stores: a store of their own to fill, and rows that need saying only what matters. */
#ifndef TESTS_CONTRACT_STORE_KIT_H
#define TESTS_CONTRACT_STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/id.h"
#include "bridge/store/store.h"

/* Where a kind of store comes from: make gives the url of an empty one, drop removes it. */
struct kit_factory {
	const char *name;
	void (*make)(char *place, size_t place_size, char *url, size_t url_size);
	void (*drop)(const char *place);
};

struct kit {
	const struct kit_factory *factory;
	char place[200], url[260];
	struct store *store; /* open for writing; NULL while a test has closed it */
	int64_t now_ms;      /* what time the test says it is; each id takes a millisecond */
};

#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"

static inline void kit_check(int failed, const struct error *err, const char *what, const char *file, int line)
{
	if (failed != 0) {
		print_error("%s: %s\n", what, err->text);
		_fail(file, line);
	}
}

/* Must succeed; `err` must be in scope. */
#define OK(call) kit_check((call), &err, #call, __FILE__, __LINE__)
/* Must fail with this code. */
#define REFUSED(want, call)                              \
	do {                                             \
		err.code = ERR_NONE;                     \
		assert_int_equal((call), -1);            \
		assert_int_equal(err.code, (want));      \
	} while (0)

static inline void kit_open(struct kit *kit)
{
	struct error err = { 0 };

	OK(store_open(kit->url, STORE_WRITE, &kit->store, &err));
}

static inline void kit_close(struct kit *kit)
{
	store_close(TAKE(kit->store));
}

static inline void kit_reopen(struct kit *kit)
{
	kit_close(kit);
	kit_open(kit);
}

static inline void kit_begin(struct kit *kit)
{
	struct error err = { 0 };

	OK(store_begin(kit->store, &err));
}

static inline void kit_commit(struct kit *kit)
{
	struct error err = { 0 };

	OK(store_commit(kit->store, &err));
}

static inline struct delivery_row kit_delivery(struct kit *kit, char id[ID_SIZE])
{
	id_new(++kit->now_ms, id);
	return (struct delivery_row){
		.id = id, .source = "github", .thread = "github:octo/hello#42", .received_ms = kit->now_ms
	};
}

static inline struct message_row kit_message(struct kit *kit, const char *delivery_id, char id[ID_SIZE])
{
	id_new(++kit->now_ms, id);
	return (struct message_row){
		.id = id,
		.delivery_id = delivery_id,
		.source = "github",
		.thread = "github:octo/hello#42",
		.job_id = JOB,
		.event = "issue_comment.created",
		.prompt = "please fix the test",
		.state = MESSAGE_QUEUED,
		.created_ms = kit->now_ms,
		.updated_ms = kit->now_ms,
	};
}

/* Within a transaction: a delivery with one message in this state; returns the message's seq. */
static inline int64_t kit_put(struct kit *kit, enum message_state state, char delivery_id[ID_SIZE])
{
	struct error err = { 0 };
	char message_id[ID_SIZE];
	int64_t seq = 0;

	struct delivery_row delivery = kit_delivery(kit, delivery_id);
	OK(store_delivery_put(kit->store, &delivery, &err));
	struct message_row message = kit_message(kit, delivery_id, message_id);
	message.state = state;
	OK(store_message_put(kit->store, &message, &seq, &err));
	return seq;
}

static inline struct message_change kit_change(int64_t seq, enum message_state from, enum message_state to)
{
	return (struct message_change){
		.seq = seq, .from = from, .to = to, .attempts = -1, .due_ms = -1, .upstream_status = -1, .now_ms = 5,
	};
}

static inline struct reply_row kit_reply(struct kit *kit, int64_t message_seq, char id[ID_SIZE])
{
	id_new(++kit->now_ms, id);
	return (struct reply_row){
		.id = id,
		.message_seq = message_seq,
		.source = "github",
		.kind = "comment",
		.place = "octo/hello#42",
		.text = "this job has ended",
		.state = REPLY_STATE_QUEUED,
		.created_ms = kit->now_ms,
		.updated_ms = kit->now_ms,
	};
}

static inline struct store_counts kit_counts(struct kit *kit)
{
	struct error err = { 0 };
	struct store_counts counts = { 0 };

	OK(store_counts(kit->store, &counts, &err));
	return counts;
}

/* ---- SQLite: a directory of its own ---- */

static inline void kit_sqlite_make(char *place, size_t place_size, char *url, size_t url_size)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(place, place_size, "%s/store-test-XXXXXX", base != NULL ? base : "/tmp");
	assert_non_null(mkdtemp(place));
	(void)snprintf(url, url_size, "sqlite:%s/bridge.db", place);
}

static inline void kit_sqlite_drop(const char *place)
{
	DIR *directory = opendir(place);

	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		char path[512];

		(void)snprintf(path, sizeof(path), "%s/%s", place, entry->d_name);
		(void)unlink(path);
	}
	closedir(directory);
	(void)rmdir(place);
}

static const struct kit_factory kit_sqlite = { "sqlite", kit_sqlite_make, kit_sqlite_drop };

/* For cmocka: *state is the factory before, the kit after; and back. */
static inline int kit_setup(void **state)
{
	struct kit *kit = calloc(1, sizeof(*kit));

	assert_non_null(kit);
	kit->factory = *state != NULL ? *state : &kit_sqlite;
	kit->now_ms = 1700000000000;
	kit->factory->make(kit->place, sizeof(kit->place), kit->url, sizeof(kit->url));
	kit_open(kit);
	*state = kit;
	return 0;
}

static inline int kit_teardown(void **state)
{
	struct kit *kit = *state;

	kit_close(kit);
	kit->factory->drop(kit->place);
	free(kit);
	return 0;
}

#endif
