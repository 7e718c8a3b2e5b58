/* SPDX-License-Identifier: Apache-2.0 */
/* How the bridge is: one document that fits on one screen. */
#include "bridge/admin/admin_private.h"
#include "bridge/base/clock.h"

#define COUNTS_FRESH_MS 1000

static void put_listening(struct json_writer *w, const struct admin *admin)
{
	json_begin_array(w, "listening");
	for (size_t i = 0; admin->options.listening != NULL && admin->options.listening[i] != NULL; i++)
		json_put_str(w, NULL, admin->options.listening[i]);
	json_end_array(w);
}

/* Counting costs the store something: whoever polls does not pay for it each time. */
static void refresh_counts(struct admin *admin, int64_t now_mono_ms)
{
	if (admin->counted_ms != 0 && now_mono_ms - admin->counted_ms < COUNTS_FRESH_MS)
		return;
	admin->counted_ms = now_mono_ms;
	admin->counts_error.code = ERR_NONE;
	if (store_counts(admin->store, &admin->counts, &admin->counts_error) != 0)
		admin->counted_ms = 0; /* what was counted last stays; the next one asks again */
}

static void put_store(struct json_writer *w, struct admin *admin)
{
	struct committer_stats stats;

	committer_stats(admin->options.committer, &stats);
	json_begin_object(w, "store");
	json_put_bool(w, "healthy", stats.healthy);
	json_put_str(w, "last_error", stats.healthy ? NULL : stats.last.text);
	json_put_str(w, "read_error", admin->counts_error.code != ERR_NONE ? admin->counts_error.text : NULL);
	json_put_int(w, "waiting", (int64_t)stats.waiting);
	json_put_int(w, "batches", (int64_t)stats.batches);
	json_put_int(w, "items", (int64_t)stats.items);
	json_put_int(w, "largest_batch", (int64_t)stats.largest);
	json_end_object(w);
}

static void put_counts(struct json_writer *w, const struct store_counts *counts)
{
	json_put_int(w, "deliveries", counts->deliveries);
	json_begin_object(w, "messages");
	for (unsigned i = 0; i < MESSAGE_STATES_; i++)
		json_put_int(w, message_state_name((enum message_state)i), counts->messages[i]);
	json_end_object(w);
	json_begin_object(w, "replies");
	for (unsigned i = 0; i < REPLY_STATES_; i++)
		json_put_int(w, reply_state_name((enum reply_state)i), counts->replies[i]);
	json_end_object(w);
	json_put_int(w, "links", counts->links);
	json_put_time(w, "oldest_waiting_at", counts->oldest_waiting_ms);
}

static void put_deliver(struct json_writer *w, struct deliver *deliver)
{
	struct deliver_stats stats;

	deliver_stats(deliver, &stats);
	json_begin_object(w, "circuit");
	json_put_str(w, "state", circuit_state_name(stats.circuit));
	json_put_str(w, "reason", stats.circuit_reason[0] != '\0' ? stats.circuit_reason : NULL);
	json_end_object(w);
	json_begin_object(w, "deliver");
	json_put_int(w, "waiting", (int64_t)stats.waiting);
	json_put_int(w, "in_flight", (int64_t)stats.in_flight);
	json_put_int(w, "replies_waiting", (int64_t)stats.replies_waiting);
	json_put_int(w, "followed", (int64_t)stats.followed);
	json_put_int(w, "forwarded", (int64_t)stats.forwarded);
	json_put_int(w, "failed", (int64_t)stats.failed);
	json_put_int(w, "retried", (int64_t)stats.retried);
	json_put_int(w, "doubted", (int64_t)stats.doubted);
	json_end_object(w);
}

static void put_intake(struct json_writer *w, struct intake *intake)
{
	struct intake_stats stats;

	intake_stats(intake, &stats);
	json_begin_object(w, "intake");
	json_put_int(w, "queued", (int64_t)stats.queued);
	json_put_int(w, "ignored", (int64_t)stats.ignored);
	json_put_int(w, "duplicates", (int64_t)stats.duplicates);
	json_put_int(w, "rejected", (int64_t)stats.rejected);
	json_put_int(w, "refused", (int64_t)stats.refused);
	json_end_object(w);
}

int status_get(struct admin_call *call, struct error *err)
{
	struct admin *admin = call->admin;
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(ADMIN_ANSWER_MAX);
	struct json_writer w = JSON_WRITER(&body);
	int64_t up_ms = clock_now_ms() - admin->options.started_ms;

	refresh_counts(admin, clock_mono_ms());
	json_begin_object(&w, NULL);
	json_put_str(&w, "version", BRIDGE_VERSION);
	json_put_time(&w, "started_at", admin->options.started_ms);
	json_put_int(&w, "uptime_s", up_ms > 0 ? up_ms / 1000 : 0);
	put_listening(&w, admin);
	put_store(&w, admin);
	put_counts(&w, &admin->counts);
	put_deliver(&w, admin->options.deliver);
	put_intake(&w, admin->options.intake);
	json_end_object(&w);
	return admin_answer(call, 200, &body, err);
}
