/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/circuit.h"

#include "bridge/deliver/backoff.h"

static const char *const names[] = {
	[CIRCUIT_CLOSED] = "closed", [CIRCUIT_UNREACHABLE] = "unreachable", [CIRCUIT_KEY] = "key refused",
};

const char *circuit_state_name(enum circuit_state state)
{
	return names[state];
}

bool circuit_allows(const struct circuit *circuit, int64_t now_ms)
{
	switch (circuit->state) {
	case CIRCUIT_CLOSED:
		return true;
	case CIRCUIT_UNREACHABLE:
		return !circuit->probing && now_ms >= circuit->retry_at_ms;
	case CIRCUIT_KEY:
	default:
		return false; /* a probe of its own finds out, not somebody's message */
	}
}

bool circuit_success(struct circuit *circuit)
{
	bool changed = circuit->state != CIRCUIT_CLOSED;

	*circuit = (struct circuit){ .state = CIRCUIT_CLOSED };
	return changed;
}

static void schedule_probe(struct circuit *circuit, int64_t now_ms)
{
	circuit->opened++;
	circuit->probing = false;
	/* No jitter: there is one probe, and an operator wants to know when it comes. */
	circuit->retry_at_ms = now_ms + backoff_ceiling_ms(circuit->opened, CIRCUIT_FIRST_MS, CIRCUIT_MAX_MS);
}

static void note_job(struct circuit *circuit, const char *job_id)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: only to tell a few jobs apart */

	for (const char *at = job_id; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
	for (int i = 0; i < circuit->job_count; i++) {
		if (circuit->jobs[i] == hash)
			return;
	}
	if (circuit->job_count < CIRCUIT_JOBS)
		circuit->jobs[circuit->job_count++] = hash;
}

bool circuit_failure(struct circuit *circuit, const char *job_id, bool probe, int64_t now_ms)
{
	if (circuit->state == CIRCUIT_KEY)
		return false;
	if (circuit->state == CIRCUIT_UNREACHABLE) {
		if (probe)
			schedule_probe(circuit, now_ms);
		return false;
	}
	circuit->failures++;
	note_job(circuit, job_id);
	if (circuit->failures < CIRCUIT_FAILURES || circuit->job_count < CIRCUIT_JOBS)
		return false;
	circuit->state = CIRCUIT_UNREACHABLE;
	schedule_probe(circuit, now_ms);
	return true;
}

bool circuit_key_refused(struct circuit *circuit, bool probe, int64_t now_ms)
{
	bool changed = circuit->state != CIRCUIT_KEY;

	if (!changed && !probe)
		return false;
	if (changed)
		circuit->opened = 0;
	circuit->state = CIRCUIT_KEY;
	schedule_probe(circuit, now_ms);
	return changed;
}

int64_t circuit_next(const struct circuit *circuit)
{
	return circuit->state == CIRCUIT_CLOSED || circuit->probing ? INT64_MAX : circuit->retry_at_ms;
}
