/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_QUICK_H
#define SANDBOX_QUICK_H

#include <cjson/cJSON.h>

#include "tests/sandbox/jobs.h"

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

/* A message still in the ring as the API shows it, NULL if it is not there. */
cJSON *quick_message_json(const struct sandbox *sandbox, const char *id, unsigned org);

/* The job's messages that are still in the ring (the latest 256 at most), oldest first. */
cJSON *quick_messages_json(const struct sandbox *sandbox, const struct job *job);

/* Adds the counters of one job, or of all for job NULL, to an object. */
void quick_add_counts(const struct sandbox *sandbox, const struct job *job, cJSON *object);

#endif
