/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving half: from an HTTP request to a committed delivery and its answer. pipeline.c verifies, parses and
 * decides on the loop's thread; accept.c keeps it on the committer's; waiters.c holds answers back until the outcome.
 */
#ifndef BRIDGE_INTAKE_INTAKE_H
#define BRIDGE_INTAKE_INTAKE_H

#include "bridge/deliver/deliver.h"
#include "bridge/http/server.h"
#include "bridge/settings/settings.h"
#include "bridge/store/committer.h"

struct intake;

struct intake_options {
	struct settings_slot *settings;
	struct identities *identities;
	struct committer *committer;
	struct deliver *deliver;
};

int intake_new(const struct intake_options *options, struct intake **ret, struct error *err) MUST_CHECK;
void intake_free(struct intake *intake);

/* The callbacks of the public listener (bridge/http/server.h). */
int intake_begin(void *intake, struct exchange *x, const struct http_request *head, struct error *err);
void intake_request(void *intake, struct exchange *x, const struct http_request *request);

/* /healthz and /readyz, which stand on both listeners. True: it was one of them, and is answered. */
bool intake_health(struct intake *intake, struct exchange *x, const struct http_request *request);

/* From here on deliveries are refused with 503, and nobody waits for an outcome any longer. Any thread. */
void intake_drain(struct intake *intake);

/* An outcome, from the delivering half; and the moment for those who waited too long. Committer's thread. */
void intake_on_final(void *intake, const struct outcome *outcome);
int64_t intake_tick(struct intake *intake, int64_t now_mono_ms);

/*
 * A prompt by hand (POST /api/v1/continue): kept and forwarded like a delivery of the source "admin", answered like one with
 * `respond: outcome`. job_id or thread (a full key), not both. Suspends and answers x. Any loop thread.
 */
void intake_continue(struct intake *intake, struct exchange *x, const char *job_id, const char *thread,
		     const char *prompt, int64_t wait_ms);

/*
 * A job by hand (POST /api/v1/start): started like one from a comment, answered with its ids. thread: a full key that is linked to it,
 * and where its answers go if the source says so; NULL: none.
 */
void intake_start(struct intake *intake, struct exchange *x, const struct start_config *start, const char *thread,
		  const char *prompt, int64_t wait_ms);

struct intake_stats {
	uint64_t queued, ignored, duplicates, rejected, refused;
};
void intake_stats(struct intake *intake, struct intake_stats *ret); /* any thread */

#endif
