/* SPDX-License-Identifier: Apache-2.0 */
/* What a call came to, for the message it was about: the table of design 3.2. */
#include <stdarg.h>
#include <stdio.h>

#include "bridge/base/clock.h"
#include "bridge/deliver/backoff.h"
#include "bridge/deliver/deliver_private.h"

static const struct config *config_of(const struct flight *flight)
{
	return flight->settings->config;
}

void outcome_reason(struct flight *flight, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(flight->final_reason, sizeof(flight->final_reason), fmt, args);
	va_end(args);
	flight->change.reason = flight->final_reason;
}

static void end_failed(struct flight *flight, const char *words)
{
	flight->change.to = MESSAGE_FAILED;
	flight->change.error = words;
	flight->refused = true;
	flight->words = words;
}

bool outcome_is_old(const struct flight *flight, int64_t now_ms)
{
	return now_ms - flight->waiting->created_ms > config_of(flight)->retry.give_up_after_ms;
}

static void end_expired(struct flight *flight, const char *last)
{
	bool known = last != NULL && last[0] != '\0';

	outcome_reason(flight, "gave up after %lld s, retry.give_up_after%s%s",
		       (long long)(config_of(flight)->retry.give_up_after_ms / 1000), known ? ": " : "",
		       known ? last : "");
	end_failed(flight, NULL);
}

/* Back into the queue, or given up when it was tried often or long enough. */
static void end_later(struct flight *flight, int64_t now_ms, int64_t wait_ms)
{
	int attempts = flight->waiting->attempts;

	if (attempts >= config_of(flight)->retry.attempts) {
		outcome_reason(flight, "gave up after %d attempts: %s", attempts, flight->verdict.reason);
		end_failed(flight, NULL);
		return;
	}
	if (outcome_is_old(flight, now_ms)) {
		end_expired(flight, flight->verdict.reason);
		return;
	}
	flight->change.to = MESSAGE_QUEUED;
	flight->change.due_ms = now_ms + wait_ms;
	outcome_reason(flight, "%s", flight->verdict.reason);
}

static void end_forwarded(struct flight *flight)
{
	flight->change.to = MESSAGE_FORWARDED;
	flight->change.message_id = flight->verdict.message_id;
	flight->change.reason = "";
	flight->change.error = "";
	flight->accepted = true;
}

/* Not the message's fault (our key is refused): it is as it was before, and the attempt does not count. */
static void end_unchanged(struct flight *flight)
{
	flight->change.to = flight->looking ? MESSAGE_IN_DOUBT : MESSAGE_QUEUED;
	if (!flight->looking)
		flight->change.attempts = flight->waiting->attempts > 0 ? flight->waiting->attempts - 1 : 0;
	flight->change.due_ms = 0;
	outcome_reason(flight, "%s", flight->verdict.reason);
}

static int64_t retry_wait(const struct flight *flight, int attempt)
{
	const struct config *config = config_of(flight);

	return flight->verdict.wait_ms >= 0 ? flight->verdict.wait_ms
					    : backoff_ms(attempt, config->retry.first_ms, config->retry.max_ms);
}

static void decide_continue(struct flight *flight, int64_t now_ms)
{
	if (flight->call.cancelled) {
		end_unchanged(flight); /* we are shutting down and it never left: as if it had not been claimed */
		return;
	}
	switch (flight->verdict.meaning) {
	case NAIRI_FORWARDED:
		end_forwarded(flight);
		break;
	case NAIRI_REFUSED:
		outcome_reason(flight, "%s", flight->verdict.reason);
		end_failed(flight, flight->verdict.error);
		break;
	case NAIRI_KEY:
		end_unchanged(flight);
		break;
	case NAIRI_LATER:
		end_later(flight, now_ms, retry_wait(flight, flight->waiting->attempts));
		break;
	case NAIRI_DOUBT:
	default:
		flight->change.to = MESSAGE_IN_DOUBT;
		flight->change.due_ms = 0;
		outcome_reason(flight, "%s", flight->verdict.reason);
		break;
	}
}

/*
 * In doubt, and we looked. The first absence is not believed yet: whoever took the request may still be working on
 * it. The second one, after the grace and the back-off, is; then the message goes again at once.
 */
static void decide_look(struct flight *flight, int64_t now_ms)
{
	struct waiting *waiting = flight->waiting;
	int64_t wait = retry_wait(flight, waiting->attempts + waiting->tries);

	if (flight->sight == NAIRI_FOUND) {
		end_forwarded(flight);
	} else if (flight->sight == NAIRI_ABSENT && waiting->looks > 0) {
		(void)snprintf(flight->verdict.reason, sizeof(flight->verdict.reason), "%s",
			       flight->row.reason != NULL && flight->row.reason[0] != '\0' ? flight->row.reason
											   : "no answer");
		end_later(flight, now_ms, 0);
	} else if (flight->sight == NAIRI_ABSENT) {
		flight->change.to = MESSAGE_IN_DOUBT;
		flight->change.due_ms = now_ms + (wait > DOUBT_GRACE_MS ? wait : DOUBT_GRACE_MS);
	} else if (flight->verdict.meaning == NAIRI_KEY || flight->call.cancelled) {
		end_unchanged(flight);
	} else if (outcome_is_old(flight, now_ms)) {
		end_expired(flight, "it may have arrived, and the list that would tell could not be read");
	} else {
		flight->change.to = MESSAGE_IN_DOUBT;
		flight->change.due_ms = now_ms + (wait > 1000 ? wait : 1000);
	}
}

static void decide_expired(struct flight *flight, int64_t now_ms)
{
	if (flight->waiting->state == MESSAGE_VETTING) {
		flight->change.to = MESSAGE_IGNORED;
		outcome_reason(flight, "the author's permission could not be checked in time");
	} else if (!outcome_is_old(flight, now_ms)) {
		outcome_reason(flight, "the job that this was meant for could not be started");
		end_failed(flight, NULL);
	} else {
		end_expired(flight, flight->row.reason);
	}
}

void outcome_decide(struct flight *flight)
{
	int64_t now = clock_now_ms();
	struct waiting *waiting = flight->waiting;

	flight->change = (struct message_change){
		.seq = waiting->seq,
		.from = waiting->state,
		.attempts = -1,
		.due_ms = -1,
		.now_ms = now,
		.upstream_status = flight->verdict.status > 0 ? flight->verdict.status : -1,
	};
	if (flight->expired)
		decide_expired(flight, now);
	else if (waiting->state == MESSAGE_VETTING)
		vet_decide(flight, now);
	else if (flight->looking)
		decide_look(flight, now);
	else
		decide_continue(flight, now);
}
