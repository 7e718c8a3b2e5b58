/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk under the SQLite store fails, is full, or loses power. A VFS in front of the usual one
 * (https://sqlite.org/vfs.html) does that on command: it fails the n-th write, truncation or sync, or takes back
 * at the end all that was not synced. For every n: a delivery is kept whole or not at all, what a commit
 * has promised is there, and the handle works again when the disk does.
 */
#include "tests/contract/store_kit.h"

#include <sqlite3.h>

/* ---- a disk that fails ---- */

enum disk_calls { DISK_WRITES = 1, DISK_SYNCS = 2 };

/* What has to be undone when power fails: the bytes that a write covered, or the size before it grew. */
struct undo {
	struct undo *next; /* the one before */
	sqlite3_int64 offset, size_before;
	int len;
	unsigned char bytes[];
};

/* The content of a file outlives its sqlite3_file, so this does too: one for each path. */
struct disk_file {
	char path[512];
	struct undo *undo;
};

static struct disk {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	int counts;    /* enum disk_calls: which calls are counted */
	int fail_at;   /* the n-th of them fails; 0: none */
	int seen;
	int code;      /* with this */
	bool forever;  /* and so do all that follow: a disk that stays full */
	bool off;      /* the power is off: nothing reaches the disk any more */
	bool remember; /* unsynced writes, for disk_lose */
	struct disk_file files[8];
} disk;

struct shim {
	sqlite3_file base;
	struct disk_file *known;
	sqlite3_file *real;
};

static struct shim *shim_of(sqlite3_file *file)
{
	return (struct shim *)(void *)file;
}

static int strike(int kind)
{
	if (disk.off)
		return SQLITE_IOERR;
	if (disk.fail_at == 0 || (disk.counts & kind) == 0)
		return SQLITE_OK;
	disk.seen++;
	return disk.seen == disk.fail_at || (disk.forever && disk.seen > disk.fail_at) ? disk.code : SQLITE_OK;
}

static void remember(struct shim *shim, sqlite3_int64 offset, int len)
{
	sqlite3_int64 size = 0;

	if (!disk.remember || shim->known == NULL)
		return;
	assert_int_equal(shim->real->pMethods->xFileSize(shim->real, &size), SQLITE_OK);
	int old = offset >= size ? 0 : size - offset < len ? (int)(size - offset) : len;
	struct undo *undo = malloc(sizeof(*undo) + (size_t)old);
	assert_non_null(undo);
	*undo = (struct undo){ .next = shim->known->undo, .offset = offset, .size_before = size, .len = old };
	if (old > 0)
		assert_int_equal(shim->real->pMethods->xRead(shim->real, undo->bytes, old, offset), SQLITE_OK);
	shim->known->undo = undo;
}

static void forget(struct disk_file *file)
{
	while (file->undo != NULL) {
		struct undo *undo = file->undo;

		file->undo = undo->next;
		free(undo);
	}
}

static int shim_close(sqlite3_file *file)
{
	struct shim *shim = shim_of(file);
	int rc = shim->real->pMethods->xClose(shim->real);

	sqlite3_free(shim->real);
	return rc;
}

static int shim_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
	return shim_of(file)->real->pMethods->xRead(shim_of(file)->real, bytes, len, offset);
}

static int shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	struct shim *shim = shim_of(file);
	int rc = strike(DISK_WRITES);

	if (rc != SQLITE_OK) {
		/* The worst kind: half of it arrives. */
		if (!disk.off && len > 1)
			(void)shim->real->pMethods->xWrite(shim->real, bytes, len / 2, offset);
		return rc;
	}
	remember(shim, offset, len);
	return shim->real->pMethods->xWrite(shim->real, bytes, len, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct shim *shim = shim_of(file);
	sqlite3_int64 now = 0;
	int rc = strike(DISK_WRITES);

	if (rc != SQLITE_OK)
		return rc;
	if (shim->real->pMethods->xFileSize(shim->real, &now) == SQLITE_OK && now > size)
		remember(shim, size, (int)(now - size));
	return shim->real->pMethods->xTruncate(shim->real, size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
	struct shim *shim = shim_of(file);
	int rc = strike(DISK_SYNCS);

	if (rc != SQLITE_OK)
		return rc;
	if (shim->known != NULL)
		forget(shim->known);
	return shim->real->pMethods->xSync(shim->real, flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return shim_of(file)->real->pMethods->xFileSize(shim_of(file)->real, size);
}

static int shim_lock(sqlite3_file *file, int level)
{
	return shim_of(file)->real->pMethods->xLock(shim_of(file)->real, level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
	return shim_of(file)->real->pMethods->xUnlock(shim_of(file)->real, level);
}

static int shim_reserved(sqlite3_file *file, int *ret)
{
	return shim_of(file)->real->pMethods->xCheckReservedLock(shim_of(file)->real, ret);
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
	return shim_of(file)->real->pMethods->xFileControl(shim_of(file)->real, op, arg);
}

static int shim_sector(sqlite3_file *file)
{
	return shim_of(file)->real->pMethods->xSectorSize(shim_of(file)->real);
}

static int shim_device(sqlite3_file *file)
{
	return shim_of(file)->real->pMethods->xDeviceCharacteristics(shim_of(file)->real);
}

static int shim_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	return shim_of(file)->real->pMethods->xShmMap(shim_of(file)->real, page, size, extend, ret);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return shim_of(file)->real->pMethods->xShmLock(shim_of(file)->real, offset, n, flags);
}

static void shim_barrier(sqlite3_file *file)
{
	shim_of(file)->real->pMethods->xShmBarrier(shim_of(file)->real);
}

static int shim_unmap(sqlite3_file *file, int erase)
{
	return shim_of(file)->real->pMethods->xShmUnmap(shim_of(file)->real, erase);
}

static const sqlite3_io_methods shim_methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device,
	.xShmMap = shim_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_barrier,
	.xShmUnmap = shim_unmap,
};

static struct disk_file *disk_file(const char *path)
{
	size_t count = sizeof(disk.files) / sizeof(disk.files[0]);

	for (size_t i = 0; path != NULL && i < count; i++) {
		if (disk.files[i].path[0] == '\0')
			(void)snprintf(disk.files[i].path, sizeof(disk.files[i].path), "%s", path);
		if (strcmp(disk.files[i].path, path) == 0)
			return &disk.files[i];
	}
	return NULL;
}

static int disk_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct shim *shim = shim_of(file);

	(void)vfs;
	*shim = (struct shim){ .known = disk_file(path), .real = sqlite3_malloc(disk.real->szOsFile) };
	assert_non_null(shim->real);
	memset(shim->real, 0, (size_t)disk.real->szOsFile);
	int rc = disk.real->xOpen(disk.real, path, shim->real, flags, ret_flags);
	if (rc == SQLITE_OK)
		shim->base.pMethods = &shim_methods;
	else
		sqlite3_free(shim->real);
	return rc;
}

static int disk_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
	(void)vfs;
	return disk.off ? SQLITE_IOERR_DELETE : disk.real->xDelete(disk.real, path, sync_directory);
}

static void disk_register(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "failing";
	disk.vfs.szOsFile = (int)sizeof(struct shim);
	disk.vfs.xOpen = disk_open;
	disk.vfs.xDelete = disk_delete;
	assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

static void disk_heal(void)
{
	disk.fail_at = disk.seen = 0;
	disk.forever = disk.off = false;
}

static void disk_fail(int counts, int nth, int code, bool forever)
{
	disk_heal();
	disk.counts = counts;
	disk.fail_at = nth;
	disk.code = code;
	disk.forever = forever;
}

/* Puts the content of every file back to its last sync. */
static void disk_lose(void)
{
	for (size_t i = 0; i < sizeof(disk.files) / sizeof(disk.files[0]); i++) {
		struct disk_file *file = &disk.files[i];
		FILE *content = file->undo != NULL ? fopen(file->path, "r+") : NULL;

		for (struct undo *undo = file->undo; undo != NULL && content != NULL; undo = undo->next) {
			assert_int_equal(fseek(content, (long)undo->offset, SEEK_SET), 0);
			assert_int_equal(fwrite(undo->bytes, 1, (size_t)undo->len, content), undo->len);
			assert_int_equal(fflush(content), 0);
			assert_int_equal(ftruncate(fileno(content), undo->size_before), 0);
		}
		if (content != NULL)
			(void)fclose(content);
		forget(file);
		file->path[0] = '\0';
	}
	disk.remember = false;
}

/* ---- one delivery, whole or not at all ---- */

static int put_all(struct kit *kit, const char *key, const char *prompt, struct error *err)
{
	char delivery_id[ID_SIZE], message_id[ID_SIZE];
	int64_t seq = 0;
	struct delivery_row delivery = kit_delivery(kit, delivery_id);
	struct message_row message = kit_message(kit, delivery_id, message_id);

	message.prompt = prompt;
	message.object = key;
	if (store_delivery_put(kit->store, &delivery, err) != 0 ||
	    store_seen_put(kit->store, "github", key, delivery_id, kit->now_ms, err) != 0)
		return -1;
	return store_message_put(kit->store, &message, &seq, err);
}

/* As the committer does it: all in one transaction, and back if any of it fails. */
static int keep(struct kit *kit, const char *key, const char *prompt, struct error *err)
{
	if (store_begin(kit->store, err) != 0)
		return -1;
	if (put_all(kit, key, prompt, err) != 0) {
		store_rollback(kit->store);
		return -1;
	}
	return store_commit(kit->store, err);
}

struct tally {
	int deliveries, messages;
};

static void count_delivery(void *ctx, const struct ledger_row *row)
{
	struct tally *tally = ctx;

	tally->deliveries++;
	if (row->has_message)
		tally->messages++;
}

/* There are exactly so many deliveries, each with its message, and the counts agree. */
static void expect_whole(struct kit *kit, int want)
{
	struct error err = { 0 };
	struct tally tally = { 0 };
	const struct delivery_filter filter = { .limit = 1000 };
	int64_t count = -1;

	OK(store_ledger_each(kit->store, &filter, count_delivery, &tally, &err));
	assert_int_equal(tally.deliveries, want);
	assert_int_equal(tally.messages, want);
	assert_int_equal(kit_counts(kit).deliveries, want);
	assert_int_equal(kit_counts(kit).messages[MESSAGE_QUEUED], want);
	OK(store_thread_count(kit->store, "github:octo/hello#42", 0, &count, &err));
	assert_int_equal(count, want);
}

static bool has_key(struct kit *kit, const char *key)
{
	struct error err = { 0 };
	char id[ID_SIZE];
	bool found = false;

	OK(store_seen_find(kit->store, "github", key, &found, id, &err));
	return found;
}

static const char *long_prompt(void)
{
	static char prompt[300001];

	memset(prompt, 'x', sizeof(prompt) - 1);
	return prompt;
}

/* One round; false when the operation needs fewer than n calls, so that nothing failed. */
static bool fail_once(struct kit *kit, int counts, int nth, int code, bool forever)
{
	struct error err = { 0 };

	OK(keep(kit, "d:before", "short", &err));
	disk_fail(counts, nth, code, forever);
	int failed = keep(kit, "d:failing", long_prompt(), &err);
	bool struck = disk.seen >= nth;
	if (failed != 0) {
		assert_true(struck);
		assert_int_equal(err.code, ERR_STORE);
		assert_non_null(strstr(err.text, code == SQLITE_FULL ? "full" : "failed"));
		if (forever)
			assert_int_equal(keep(kit, "d:failing", long_prompt(), &err), -1);
	}
	disk_heal();
	expect_whole(kit, failed != 0 ? 1 : 2);
	assert_int_equal(has_key(kit, "d:failing"), failed == 0);
	if (failed != 0) /* the sender tries again, and there is room */
		OK(keep(kit, "d:failing", long_prompt(), &err));
	expect_whole(kit, 2);
	kit_reopen(kit);
	expect_whole(kit, 2);
	assert_true(has_key(kit, "d:before"));
	assert_true(has_key(kit, "d:failing"));
	return struck;
}

static void fail_everywhere(int counts, int code, bool forever)
{
	bool struck = true;
	int rounds = 0;

	for (int nth = 1; struck; nth++) {
		void *state = NULL;

		assert_int_equal(kit_setup(&state), 0);
		struck = fail_once(state, counts, nth, code, forever);
		rounds += struck;
		(void)kit_teardown(&state);
		assert_true(nth < 1000);
	}
	assert_true(rounds > (counts == DISK_SYNCS ? 0 : 10)); /* it did write */
}

static void test_full_disk(void **state)
{
	(void)state;
	fail_everywhere(DISK_WRITES, SQLITE_FULL, false);
	fail_everywhere(DISK_WRITES, SQLITE_FULL, true);
}

static void test_failing_disk(void **state)
{
	(void)state;
	fail_everywhere(DISK_WRITES, SQLITE_IOERR_WRITE, false);
	fail_everywhere(DISK_SYNCS, SQLITE_IOERR_FSYNC, false);
	fail_everywhere(DISK_WRITES | DISK_SYNCS, SQLITE_IOERR, true);
}

/* Opening fails at any point of it: an error, and a file that opens later. */
static void test_disk_that_fails_while_opening(void **state)
{
	(void)state;
	bool struck = true;

	for (int nth = 1; struck; nth++) {
		struct error err = { 0 };
		struct kit kit = { .factory = &kit_sqlite, .now_ms = 1700000000000 };

		kit.factory->make(kit.place, sizeof(kit.place), kit.url, sizeof(kit.url));
		disk_fail(DISK_WRITES | DISK_SYNCS, nth, SQLITE_FULL, true);
		int failed = store_open(kit.url, STORE_WRITE, &kit.store, &err);
		struck = disk.seen >= nth;
		assert_int_equal(failed != 0, struck);
		disk_heal();
		if (failed != 0)
			kit_open(&kit);
		OK(keep(&kit, "d:1", "short", &err));
		expect_whole(&kit, 1);
		kit_close(&kit);
		kit.factory->drop(kit.place);
		assert_true(nth < 1000);
	}
}

/* ---- power ---- */

/* After `kept` commits the power fails, in the middle of a transaction; returns with the store open again. */
static void lose_power(struct kit *kit, int kept, const char *prompt)
{
	struct error err = { 0 };
	char key[40];

	disk.remember = true;
	for (int i = 0; i < kept; i++) {
		(void)snprintf(key, sizeof(key), "d:%d", i);
		OK(keep(kit, key, prompt, &err));
	}
	kit_begin(kit);
	OK(put_all(kit, "d:lost", prompt, &err));
	disk.off = true;
	kit_close(kit);
	disk_heal();
	disk_lose();
	kit_open(kit);
}

static void power_fails_after(int kept, const char *prompt)
{
	void *state = NULL;
	char key[40];

	assert_int_equal(kit_setup(&state), 0);
	lose_power(state, kept, prompt);
	expect_whole(state, kept);
	for (int i = 0; i < kept; i++) {
		(void)snprintf(key, sizeof(key), "d:%d", i);
		assert_true(has_key(state, key));
	}
	assert_false(has_key(state, "d:lost"));
	(void)kit_teardown(&state);
}

static void test_commit_is_durable(void **state)
{
	(void)state;
	for (int kept = 0; kept < 12; kept++)
		power_fails_after(kept, "short");
	/* Enough for checkpoints to have moved pages from the log into the file, and the log to begin anew. */
	for (int kept = 120; kept < 130; kept += 3)
		power_fails_after(kept, long_prompt());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_failing_disk),
		cmocka_unit_test(test_disk_that_fails_while_opening),
		cmocka_unit_test(test_commit_is_durable),
	};

	disk_register();
	return cmocka_run_group_tests_name("store on a bad disk", tests, NULL, NULL);
}
