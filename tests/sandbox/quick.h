/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_QUICK_H
#define SANDBOX_QUICK_H

#include <cjson/cJSON.h>

#include "tests/sandbox/jobs.h"
#include "tests/sandbox/text.h"

/*
 * What is kept of messages in --quick mode, in bounded memory: counters per job, a set of
 * hashes that proves duplicates, and a ring of the latest messages for look-ups, each with the
 * end of its prompt only. All calls: sandbox lock held.
 */

struct quick;

struct quick *quick_new(void);
void quick_free(struct quick *quick);
void quick_reset(struct quick *quick);

/* Notes a user message and writes its new id. */
void quick_append(struct sandbox *sandbox, struct job *job, const char *prompt,
		  char ret_id[ULID_SIZE]);

/* From now on messages are pending until quick_complete(), or for so long (0, as it is after a
 * reset: completed at once). */
void quick_hold(struct sandbox *sandbox);
void quick_set_work(struct sandbox *sandbox, int64_t work_ms);

/* The answer that stands after each completed message, "" for none; -1 if it is too long. */
int quick_set_answer(struct sandbox *sandbox, const char *answer);

/* All messages that the job has so far are completed. */
void quick_complete(struct sandbox *sandbox, struct job *job);

/* Adds to `out` a message still in the ring as the API shows it, or its answer; -1 and nothing if
 * it is not there. */
int quick_write_message(const struct sandbox *sandbox, const char *id, unsigned org,
			struct text *out);

/* Adds the API's list of the job's messages that are still in the ring (the latest 256 at most)
 * with their answers, oldest first. */
void quick_write_messages(const struct sandbox *sandbox, const struct job *job, struct text *out);

/* Adds the counters of one job, or of all for job NULL, to an object. */
void quick_add_counts(const struct sandbox *sandbox, const struct job *job, cJSON *object);

#endif
