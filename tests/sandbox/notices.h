/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_NOTICES_H
#define SANDBOX_NOTICES_H

#include "tests/sandbox/jobs.h"
#include "tests/sandbox/turns.h"

/* The messages that agent and platform write into a job, in the daemon's own words (S1 to S5
 * below). All calls: sandbox lock held; each appends to the job and nothing else. */

/* The answer to the turn under way. */
void notices_answer(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);

/* One row of progress, the kinds in rotation. */
void notices_progress(struct sandbox *sandbox, struct job *job, int64_t index);

/* S1 for the first commit of a job, S2 for the ones after it. */
void notices_git(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);

/* S1 and S2 whatever came before; Markdown unless the plan says plain. */
void notices_opened(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);
void notices_added(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);

/* S3: the pair of a failed turn; the one of a turn whose result could not be published; the
 * harmless one after a good answer. */
void notices_failed(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);
void notices_lost(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);
void notices_late_error(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan);

/* S4 and S5: how a job ends. `name` (who merged) and `branch` may be NULL. */
enum ending { ENDING_MERGED, ENDING_CLOSED, ENDING_INACTIVE, ENDING_ABANDONED, ENDING_UNTIDY };

int notices_ending_parse(const char *name, enum ending *ret_ending);

/* Writes the notice(s), sets the status, unassigns the agent: what is queued stays so. */
void notices_end(struct sandbox *sandbox, struct job *job, enum ending ending, const char *name,
		 const char *branch);

#endif
