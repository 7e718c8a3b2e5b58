/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/json.h"
#include "bridge/intake/intake_private.h"

#define ANSWER_BYTES 16384

static void send_json(struct exchange *x, int status, struct json_writer *w, const char *preference)
{
	struct http_reply reply = { .status = status, .body = *w->out, .preference_applied = preference };

	exchange_answer(x, &reply);
	*w->out = STRBUF(ANSWER_BYTES);
}

void answer_queued(struct exchange *x, const char *delivery_id, const char *preference)
{
	struct strbuf body = STRBUF(ANSWER_BYTES);
	struct json_writer w = JSON_WRITER(&body);

	json_begin_object(&w, NULL);
	json_put_str(&w, "status", "queued");
	json_put_str(&w, "delivery_id", delivery_id);
	json_end_object(&w);
	send_json(x, 202, &w, preference);
}

void answer_ignored(struct exchange *x, const char *delivery_id, const char *reason)
{
	struct strbuf body = STRBUF(ANSWER_BYTES);
	struct json_writer w = JSON_WRITER(&body);

	json_begin_object(&w, NULL);
	json_put_str(&w, "status", "ignored");
	json_put_str(&w, "reason", reason);
	json_put_str(&w, "delivery_id", delivery_id);
	json_end_object(&w);
	send_json(x, 200, &w, NULL);
}

void answer_duplicate(struct exchange *x, const char *first_id)
{
	struct strbuf body = STRBUF(ANSWER_BYTES);
	struct json_writer w = JSON_WRITER(&body);

	json_begin_object(&w, NULL);
	json_put_str(&w, "status", "duplicate");
	json_put_str(&w, "delivery_id", first_id);
	json_end_object(&w);
	send_json(x, 200, &w, NULL);
}

void answer_outcome(struct exchange *x, const struct outcome *outcome, const char *preference)
{
	struct strbuf body = STRBUF(ANSWER_BYTES);
	struct json_writer w = JSON_WRITER(&body);

	if (outcome->state == MESSAGE_IGNORED) {
		answer_ignored(x, outcome->delivery_id, outcome->reason);
		return;
	}
	bool forwarded = outcome->state == MESSAGE_FORWARDED;
	json_begin_object(&w, NULL);
	json_put_str(&w, "status", forwarded ? "forwarded" : "failed");
	json_put_str(&w, "delivery_id", outcome->delivery_id);
	json_put_str(&w, "job_id", outcome->job_id);
	if (forwarded) {
		json_put_str(&w, "message_id", outcome->nairi_message_id);
	} else {
		json_put_str(&w, "error", outcome->error);
		json_put_int(&w, "upstream_status", outcome->upstream_status);
	}
	json_end_object(&w);
	send_json(x, forwarded ? 201 : 422, &w, preference);
}
