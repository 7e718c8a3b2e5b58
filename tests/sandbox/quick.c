/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/quick.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/text.h"

#define RING_SIZE 65536U
#define TAIL_SIZE 96U
#define LIST_MAX 256U
#define ANSWER_SIZE 1024U
#define HOLD INT64_MAX
#define HASHES_MAX ((size_t)8 * 1024 * 1024)

struct slot {
	uint64_t counter; /* of the id; 0: never used */
	uint64_t before;  /* counter of the job's message before this one, 0: none */
	struct job *job;
	int64_t created_ms;
	int64_t due_ms; /* when it completes by itself; HOLD: not at all */
	char id[ULID_SIZE];
	char tail[TAIL_SIZE];
};

/* A set of hashes that only grows. */
struct seen {
	unsigned long long *hashes;
	size_t capacity;
	size_t count;
};

struct quick {
	struct slot *ring; /* RING_SIZE slots, made at the first message */
	struct seen in_job; /* the job is part of each hash */
	struct seen anywhere;
	uint64_t total;
	uint64_t duplicates;
	uint64_t repeats; /* keys that any job had before */
	bool saturated; /* a set is full: later duplicates go unseen */
	int64_t work_ms; /* how long a message is pending; HOLD: until it is told */
	char answer[ANSWER_SIZE]; /* to all that is completed; "": there is none */
};

struct quick *quick_new(void)
{
	return memory_new(1, sizeof(struct quick));
}

void quick_reset(struct quick *quick)
{
	free(quick->ring);
	free(quick->in_job.hashes);
	free(quick->anywhere.hashes);
	*quick = (struct quick){0};
}

void quick_free(struct quick *quick)
{
	quick_reset(quick);
	free(quick);
}

/* Puts a hash into a table that has room; false if it was there. */
static bool put_hash(unsigned long long *hashes, size_t capacity, unsigned long long hash)
{
	size_t at = (size_t)hash & (capacity - 1);

	while (hashes[at] != 0) {
		if (hashes[at] == hash)
			return false;
		at = (at + 1) & (capacity - 1);
	}
	hashes[at] = hash;
	return true;
}

static void grow(struct seen *seen)
{
	size_t capacity = seen->capacity > 0 ? seen->capacity * 2 : 4096;
	unsigned long long *hashes = memory_new(capacity, sizeof(*hashes));

	for (size_t i = 0; i < seen->capacity; i++)
		if (seen->hashes[i] != 0)
			put_hash(hashes, capacity, seen->hashes[i]);
	free(seen->hashes);
	seen->hashes = hashes;
	seen->capacity = capacity;
}

/* Whether the hash was there; it is now. */
static bool was_seen(struct quick *quick, struct seen *seen, unsigned long long hash)
{
	if (seen->count * 2 >= seen->capacity) {
		if (seen->capacity >= HASHES_MAX)
			quick->saturated = true;
		else
			grow(seen);
	}
	if (quick->saturated)
		return false;
	if (!put_hash(seen->hashes, seen->capacity, hash | 1))
		return true;
	seen->count++;
	return false;
}

/* The end of a string that fits the slot, beginning at a character. */
static const char *tail_of(const char *prompt, size_t length)
{
	const char *tail = prompt + (length >= TAIL_SIZE ? length - TAIL_SIZE + 1 : 0);

	while (((unsigned char)*tail & 0xc0) == 0x80)
		tail++;
	return tail;
}

/* Counts a message under the key that makes it one and the same. */
static void count(struct quick *quick, struct job *job, const char *key)
{
	size_t length = strlen(key);
	unsigned long long of_job = text_hash(TEXT_HASH_START, job->id, strlen(job->id));

	quick->total++;
	job->quick_count++;
	if (was_seen(quick, &quick->in_job, text_hash(of_job, key, length))) {
		quick->duplicates++;
		job->quick_duplicates++;
	}
	quick->repeats += was_seen(quick, &quick->anywhere,
				   text_hash(TEXT_HASH_START, key, length));
	if (job->quick_chain == 0)
		job->quick_chain = TEXT_HASH_START;
	job->quick_chain = text_hash(text_hash(job->quick_chain, key, length), "\n", 1);
}

void quick_append(struct sandbox *sandbox, struct job *job, const char *prompt,
		  char ret_id[ULID_SIZE])
{
	struct quick *quick = sandbox->quick;
	const char *tail = tail_of(prompt, strlen(prompt));
	char tag[TAIL_SIZE];
	struct slot *slot;
	uint64_t counter;

	if (quick->ring == NULL)
		quick->ring = memory_new(RING_SIZE, sizeof(*quick->ring));
	text_find_tag(tail, tag, sizeof(tag));
	count(quick, job, *tag != '\0' ? tag : prompt);
	job->updated_ms = stamp_wall();
	counter = ulid_make(&sandbox->ids, "cmsg", job->updated_ms, ret_id);
	slot = &quick->ring[counter % RING_SIZE];
	slot->counter = counter;
	slot->before = job->quick_last;
	slot->job = job;
	slot->created_ms = job->updated_ms;
	slot->due_ms = quick->work_ms == HOLD ? HOLD : slot->created_ms + quick->work_ms;
	memcpy(slot->id, ret_id, ULID_SIZE);
	memcpy(slot->tail, tail, strlen(tail) + 1);
	job->quick_last = counter;
	sandbox_changed(sandbox);
}

void quick_hold(struct sandbox *sandbox)
{
	sandbox->quick->work_ms = HOLD;
}

void quick_set_work(struct sandbox *sandbox, int64_t work_ms)
{
	sandbox->quick->work_ms = work_ms;
}

int quick_set_answer(struct sandbox *sandbox, const char *answer)
{
	if (strlen(answer) >= ANSWER_SIZE)
		return -1;
	memcpy(sandbox->quick->answer, answer, strlen(answer) + 1);
	return 0;
}

void quick_complete(struct sandbox *sandbox, struct job *job)
{
	job->quick_done = job->quick_last;
	job->quick_done_ms = job->updated_ms = stamp_wall();
	sandbox_changed(sandbox);
}

/* When a message was completed; -1 while it is pending. */
static int64_t done_at(const struct slot *slot, int64_t now)
{
	if (slot->due_ms <= now)
		return slot->due_ms;
	return slot->counter <= slot->job->quick_done ? slot->job->quick_done_ms : -1;
}

/* Written by hand and not by cJSON: a benchmark lists ten thousand threads again and again. */
static void write_row(struct text *out, const struct job *job, const char *id, const char *role,
		      const char *status, const char *content, const int64_t times[2])
{
	char created[STAMP_SIZE];
	char updated[STAMP_SIZE];

	stamp_format(times[0], created);
	stamp_format(times[1], updated);
	text_addf(out, "{\"id\":\"%s\",\"job_id\":\"%s\",\"role\":\"%s\",\"status\":\"%s\",", id,
		  job->id, role, status);
	text_addf(out, "\"created_at\":\"%s\",\"updated_at\":\"%s\",\"content\":", created,
		  updated);
	text_add_json(out, content);
	text_add(out, "}");
}

static void write_message(struct text *out, const struct slot *slot, int64_t now)
{
	int64_t done = done_at(slot, now);
	int64_t times[2] = {slot->created_ms, done < 0 ? slot->created_ms : done};

	write_row(out, slot->job, slot->id, "user", done < 0 ? "pending" : "completed", slot->tail,
		  times);
}

/* The id of the answer to a message: as its own, but for the last character, which is noise. */
static void answer_id(const char *id, char out[ULID_SIZE])
{
	size_t last = strlen(id) - 1;

	memcpy(out, id, last + 2);
	out[last] = id[last] == '0' ? '1' : '0';
}

static void write_answer(struct text *out, const struct slot *slot, const char *answer,
			 int64_t now)
{
	int64_t done = done_at(slot, now);
	int64_t times[2] = {done, done};
	char id[ULID_SIZE];

	answer_id(slot->id, id);
	write_row(out, slot->job, id, "assistant", "completed", answer, times);
}

static const struct slot *slot_at(const struct quick *quick, uint64_t counter)
{
	const struct slot *slot;

	if (quick->ring == NULL || counter == 0)
		return NULL;
	slot = &quick->ring[counter % RING_SIZE];
	return slot->counter == counter ? slot : NULL;
}

int quick_write_message(const struct sandbox *sandbox, const char *id, unsigned org,
			struct text *out)
{
	const struct quick *quick = sandbox->quick;
	const struct slot *slot = slot_at(quick, ulid_counter(id));
	int64_t now = stamp_wall();
	char of_answer[ULID_SIZE];

	if (slot == NULL || slot->job->org != org)
		return -1;
	answer_id(slot->id, of_answer);
	if (strcmp(slot->id, id) == 0)
		write_message(out, slot, now);
	else if (strcmp(of_answer, id) == 0 && *quick->answer != '\0' && done_at(slot, now) >= 0)
		write_answer(out, slot, quick->answer, now);
	else
		return -1;
	slot->job->gets++;
	return 0;
}

void quick_write_messages(const struct sandbox *sandbox, const struct job *job, struct text *out)
{
	const struct quick *quick = sandbox->quick;
	const struct slot *latest[LIST_MAX];
	const struct slot *slot = slot_at(quick, job->quick_last);
	int64_t now = stamp_wall();
	size_t held = 0;

	for (; slot != NULL && held < LIST_MAX; slot = slot_at(quick, slot->before))
		latest[held++] = slot;
	text_add(out, "{\"messages\":[");
	for (size_t i = held; i > 0; i--) {
		text_add(out, i < held ? "," : "");
		write_message(out, latest[i - 1], now);
		if (*quick->answer == '\0' || done_at(latest[i - 1], now) < 0)
			continue;
		text_add(out, ",");
		write_answer(out, latest[i - 1], quick->answer, now);
	}
	text_add(out, "]}");
}

void quick_add_counts(const struct sandbox *sandbox, const struct job *job, cJSON *object)
{
	const struct quick *quick = sandbox->quick;
	char chain[24];

	if (job == NULL) {
		cJSON_AddNumberToObject(object, "messages", (double)quick->total);
		cJSON_AddNumberToObject(object, "duplicates", (double)quick->duplicates);
		cJSON_AddNumberToObject(object, "repeats", (double)quick->repeats);
		cJSON_AddBoolToObject(object, "saturated", quick->saturated);
		return;
	}
	snprintf(chain, sizeof(chain), "%016llx", job->quick_chain);
	cJSON_AddNumberToObject(object, "messages", (double)job->quick_count);
	cJSON_AddNumberToObject(object, "duplicates", (double)job->quick_duplicates);
	cJSON_AddStringToObject(object, "chain", chain);
}
