/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_JOBS_H
#define SANDBOX_JOBS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/sandbox.h"

/* Jobs (conversations) and their messages. All calls: sandbox lock held. */

enum platform { PLATFORM_API, PLATFORM_SLACK, PLATFORM_DISCORD, PLATFORM_WEB };
enum job_status { JOB_ACTIVE, JOB_COMPLETED, JOB_ERROR, JOB_ABANDONED };
enum role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM, ROLE_PROGRESS };
enum message_status { MESSAGE_QUEUED, MESSAGE_PENDING, MESSAGE_COMPLETED, MESSAGE_FAILED };
enum turn_phase { TURN_IDLE, TURN_QUEUED, TURN_WORKING, TURN_GAP, TURN_NOTICE };

/* What `continue` does on a job that is completed or abandoned. */
enum policy_kind { POLICY_STALL, POLICY_REJECT, POLICY_REVIVE };

struct policy {
	enum policy_kind kind;
	unsigned status;
	char text[256];
};

struct usage {
	double cost_usd;
	int input_tokens;
	int output_tokens;
	int cache_read_tokens;
	int cache_write_tokens;
	const char *model; /* static */
};

struct progress {
	const char *type;      /* static, as the next two; NULL members are left out */
	const char *tool_name;
	const char *tool_status;
	char tool_use_id[24];
};

struct job;
struct turn_plan;

struct message {
	char id[ULID_SIZE];
	struct job *job;
	enum role role;
	enum message_status status;
	char *content;
	int64_t created_ms;
	int64_t updated_ms;
	uint64_t arrival; /* over all jobs, from 1 */
	char **attachment_ids;
	size_t attachment_count;
	bool stalled; /* accepted, but nobody will ever pick it up */
	struct usage *usage;
	struct progress *progress;
};

struct job {
	char id[ULID_SIZE];
	unsigned org;
	unsigned number; /* from 1, in order of creation */
	enum platform platform;
	enum job_status status;
	char *agent_id; /* cci_..., NULL when it has none */
	bool ask_mode;
	int64_t created_ms;
	int64_t updated_ms;
	struct message **messages;
	size_t count;
	size_t capacity;
	size_t users; /* how many of them came from a caller of the API */
	int64_t lists; /* how often its messages were listed, */
	int64_t gets;  /* and how often one of them was got, by callers of the API */
	struct policy *policy; /* NULL: the global one */

	/* turns.c */
	struct turn_plan *plan; /* NULL: the global one */
	int64_t plan_turns;	/* turns it is good for, 0: for ever */
	enum turn_phase phase;
	int64_t due; /* monotonic ms, INT64_MAX: on command only */
	size_t cursor; /* messages before it need no turn */
	struct message *turn_message;
	unsigned turns;
	unsigned commits;
	unsigned answers;
	struct job *next_at_work;
	bool at_work;

	/* quick.c */
	uint64_t quick_count;
	uint64_t quick_duplicates;
	uint64_t quick_last;
	unsigned long long quick_chain;
	uint64_t quick_done; /* counter of the last message that was told to be completed */
	int64_t quick_done_ms;
};

struct jobs;

struct jobs *jobs_new(void);
void jobs_free(struct jobs *jobs);
void jobs_reset(struct jobs *jobs);

/* A new active job; `id` NULL makes a new one. `id` must be valid and not in use. */
struct job *jobs_create(struct sandbox *sandbox, const char *id, unsigned org,
			enum platform platform, const char *agent_id);

/* The job with this id in this organisation (0: in any), or NULL. */
struct job *jobs_find(const struct sandbox *sandbox, const char *id, unsigned org);
struct message *jobs_find_message(const struct sandbox *sandbox, const char *id, unsigned org);

/* All jobs in order of creation. */
size_t jobs_count(const struct sandbox *sandbox);
struct job *jobs_at(const struct sandbox *sandbox, size_t index);

/* Appends a message (the content is copied) and moves the job's updated_at. */
struct message *jobs_append(struct sandbox *sandbox, struct job *job, enum role role,
			    enum message_status status, const char *content);

void jobs_set_message_status(struct sandbox *sandbox, struct message *message,
			     enum message_status status);
void jobs_set_status(struct sandbox *sandbox, struct job *job, enum job_status status);

bool job_has_ended(const struct job *job);

/* The policy in force for a job; job NULL: the global one, for change too. */
struct policy *jobs_policy(const struct sandbox *sandbox, const struct job *job);

/* Names as they stand in JSON; the `_parse` ones give 0, or -1 and leave *ret alone. */
const char *job_status_name(enum job_status status);
const char *platform_name(enum platform platform);
const char *role_name(enum role role);
const char *message_status_name(enum message_status status);
int job_status_parse(const char *name, enum job_status *ret_status);
int platform_parse(const char *name, enum platform *ret_platform);
int role_parse(const char *name, enum role *ret_role);
int message_status_parse(const char *name, enum message_status *ret_status);

/* A message as the API shows it (nairi-api: optional members are left out, never null). */
cJSON *message_json(const struct message *message);

#endif
