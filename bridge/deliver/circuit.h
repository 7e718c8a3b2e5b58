/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstream as a whole: is it worth calling at all? Opens when the key is refused, until a probe shows that it
 * works again (or the configuration is reloaded); opens when calls fail without an answer of the API's for several jobs in a row,
 * then lets one message through at a time until one succeeds. One stuck job alone never opens it. Committer's thread.
 */
#ifndef BRIDGE_DELIVER_CIRCUIT_H
#define BRIDGE_DELIVER_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#define CIRCUIT_FAILURES  5 /* in a row, */
#define CIRCUIT_JOBS      3 /* of at least so many different jobs, open it */
#define CIRCUIT_FIRST_MS  1000
#define CIRCUIT_MAX_MS    30000

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_UNREACHABLE, CIRCUIT_KEY };

struct circuit {
	enum circuit_state state;
	int failures;
	uint64_t jobs[CIRCUIT_JOBS]; /* hashes of the jobs that failed */
	int job_count;
	int opened;          /* how often without a success since: the wait grows with it */
	int64_t retry_at_ms; /* mono: when the next probe may go */
	bool probing;
};

const char *circuit_state_name(enum circuit_state state);

/* May a message go now? While unreachable, one at a time when the moment has come (it is the probe: circuit.probing). */
bool circuit_allows(const struct circuit *circuit, int64_t now_ms);

/* Each returns whether the state changed. */
bool circuit_success(struct circuit *circuit);
/* probe: it was the one that was let through. Calls that were under way when the circuit opened tell nothing new. */
bool circuit_failure(struct circuit *circuit, const char *job_id, bool probe, int64_t now_ms);
bool circuit_key_refused(struct circuit *circuit, bool probe, int64_t now_ms);

/* The moment at which the circuit wants attention; INT64_MAX: none. */
int64_t circuit_next(const struct circuit *circuit);

#endif
