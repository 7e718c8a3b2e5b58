/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/quick.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/text.h"

#define RING_SIZE 65536U
#define TAIL_SIZE 96U
#define LIST_MAX 256U
#define HASHES_MAX ((size_t)8 * 1024 * 1024)

struct slot {
	uint64_t counter; /* of the id; 0: never used */
	uint64_t before;  /* counter of the job's message before this one, 0: none */
	struct job *job;
	int64_t created_ms;
	char id[ULID_SIZE];
	char tail[TAIL_SIZE];
};

struct quick {
	struct slot *ring; /* RING_SIZE slots, made at the first message */
	unsigned long long *hashes;
	size_t hash_capacity;
	size_t hash_count;
	uint64_t total;
	uint64_t duplicates;
	bool saturated; /* the set is full: later duplicates go unseen */
};

struct quick *quick_new(void)
{
	return memory_new(1, sizeof(struct quick));
}

void quick_reset(struct quick *quick)
{
	free(quick->ring);
	free(quick->hashes);
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

static void grow_hashes(struct quick *quick)
{
	size_t capacity = quick->hash_capacity > 0 ? quick->hash_capacity * 2 : 4096;
	unsigned long long *hashes = memory_new(capacity, sizeof(*hashes));

	for (size_t i = 0; i < quick->hash_capacity; i++)
		if (quick->hashes[i] != 0)
			put_hash(hashes, capacity, quick->hashes[i]);
	free(quick->hashes);
	quick->hashes = hashes;
	quick->hash_capacity = capacity;
}

static bool is_duplicate(struct quick *quick, unsigned long long hash)
{
	if (quick->hash_count * 2 >= quick->hash_capacity) {
		if (quick->hash_capacity >= HASHES_MAX)
			quick->saturated = true;
		else
			grow_hashes(quick);
	}
	if (quick->saturated)
		return false;
	if (!put_hash(quick->hashes, quick->hash_capacity, hash | 1))
		return true;
	quick->hash_count++;
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

void quick_append(struct sandbox *sandbox, struct job *job, const char *prompt,
		  char ret_id[ULID_SIZE])
{
	struct quick *quick = sandbox->quick;
	size_t length = strlen(prompt);
	const char *tail = tail_of(prompt, length);
	char tag[TAIL_SIZE];
	const char *key = tag;
	size_t key_length;
	struct slot *slot;

	if (quick->ring == NULL)
		quick->ring = memory_new(RING_SIZE, sizeof(*quick->ring));
	text_find_tag(tail, tag, sizeof(tag));
	if (*tag == '\0')
		key = prompt;
	key_length = strlen(key);
	job->updated_ms = stamp_wall();
	quick->total++;
	job->quick_count++;
	/* The set is one for all jobs, so the job goes into the hash. */
	if (is_duplicate(quick, text_hash(text_hash(TEXT_HASH_START, job->id, strlen(job->id)),
					  key, key_length))) {
		quick->duplicates++;
		job->quick_duplicates++;
	}
	if (job->quick_chain == 0)
		job->quick_chain = TEXT_HASH_START;
	job->quick_chain = text_hash(text_hash(job->quick_chain, key, key_length), "\n", 1);

	uint64_t counter = ulid_make(&sandbox->ids, "cmsg", job->updated_ms, ret_id);

	slot = &quick->ring[counter % RING_SIZE];
	slot->counter = counter;
	slot->before = job->quick_last;
	slot->job = job;
	slot->created_ms = job->updated_ms;
	memcpy(slot->id, ret_id, ULID_SIZE);
	memcpy(slot->tail, tail, strlen(tail) + 1);
	job->quick_last = counter;
	sandbox_changed(sandbox);
}

static cJSON *slot_json(const struct slot *slot)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "id", slot->id);
	cJSON_AddStringToObject(object, "job_id", slot->job->id);
	cJSON_AddStringToObject(object, "content", slot->tail);
	cJSON_AddStringToObject(object, "role", "user");
	cJSON_AddStringToObject(object, "status", "completed");
	doc_add_time(object, "created_at", slot->created_ms);
	doc_add_time(object, "updated_at", slot->created_ms);
	return object;
}

static const struct slot *slot_at(const struct quick *quick, uint64_t counter)
{
	const struct slot *slot;

	if (quick->ring == NULL || counter == 0)
		return NULL;
	slot = &quick->ring[counter % RING_SIZE];
	return slot->counter == counter ? slot : NULL;
}

cJSON *quick_message_json(const struct sandbox *sandbox, const char *id, unsigned org)
{
	const struct slot *slot = slot_at(sandbox->quick, ulid_counter(id));

	if (slot == NULL || strcmp(slot->id, id) != 0 || slot->job->org != org)
		return NULL;
	return slot_json(slot);
}

cJSON *quick_messages_json(const struct sandbox *sandbox, const struct job *job)
{
	const struct slot *slot = slot_at(sandbox->quick, job->quick_last);
	cJSON *array = cJSON_CreateArray();

	for (unsigned i = 0; slot != NULL && i < LIST_MAX; i++) {
		cJSON_InsertItemInArray(array, 0, slot_json(slot));
		slot = slot_at(sandbox->quick, slot->before);
	}
	return array;
}

void quick_add_counts(const struct sandbox *sandbox, const struct job *job, cJSON *object)
{
	const struct quick *quick = sandbox->quick;
	char chain[24];

	if (job == NULL) {
		cJSON_AddNumberToObject(object, "messages", (double)quick->total);
		cJSON_AddNumberToObject(object, "duplicates", (double)quick->duplicates);
		cJSON_AddBoolToObject(object, "saturated", quick->saturated);
		return;
	}
	snprintf(chain, sizeof(chain), "%016llx", job->quick_chain);
	cJSON_AddNumberToObject(object, "messages", (double)job->quick_count);
	cJSON_AddNumberToObject(object, "duplicates", (double)job->quick_duplicates);
	cJSON_AddStringToObject(object, "chain", chain);
}
