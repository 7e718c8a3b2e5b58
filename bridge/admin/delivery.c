/* SPDX-License-Identifier: Apache-2.0 */
/* One delivery with all that hangs on it. */
#include <string.h>

#include "bridge/admin/admin_private.h"

#define LEAD_ARENA ((size_t)4 * 1024 * 1024) /* a row with its prompt */

enum section { SECTION_NONE, SECTION_ATTEMPTS, SECTION_REPLIES };

/* The store tells of each message, then of its attempts, then of its replies; the document nests them. */
struct view {
	struct store *store;
	struct json_writer w;
	struct json_writer events;
	struct arena *arena;
	enum section section;
	const char *event, *object; /* the last one told of: a replay has the same */
	const char *delivery_event;
	bool any_event;
};

static const char *or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static void put_delivery(void *ctx, const struct delivery_row *row)
{
	struct view *view = ctx;
	struct json_writer *w = &view->w;

	json_begin_object(w, NULL);
	json_put_str(w, "delivery_id", row->id);
	json_put_time(w, "received_at", row->received_ms);
	json_put_str(w, "source", row->source);
	json_put_str(w, "sender_delivery_id", row->sender_id);
	json_put_str(w, "event", row->event);
	json_put_str(w, "thread", row->thread);
	json_put_str(w, "author", row->author);
	json_put_str(w, "url", row->url);
	json_put_str(w, "reason", or_null(row->reason));
	json_begin_array(w, "messages");
	json_begin_array(&view->events, NULL);
	view->delivery_event = arena_strdup(view->arena, row->event);
}

static void leave_message(struct view *view)
{
	if (view->section == SECTION_NONE)
		return;
	json_end_array(&view->w);
	if (view->section == SECTION_ATTEMPTS) {
		json_begin_array(&view->w, "replies");
		json_end_array(&view->w);
	}
	json_end_object(&view->w);
	view->section = SECTION_NONE;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void put_event(struct view *view, const struct message_row *row)
{
	struct json_writer *w = &view->events;

	if (view->any_event && same(view->event, row->event) && same(view->object, row->object))
		return;
	view->any_event = true;
	view->event = arena_strdup(view->arena, row->event);
	view->object = arena_strdup(view->arena, row->object);
	json_begin_object(w, NULL);
	json_put_str(w, "event", row->event);
	json_put_str(w, "object", row->object);
	json_put_str(w, "thread", row->thread);
	json_put_str(w, "author", row->author);
	json_put_str(w, "author_id", row->author_id);
	json_put_str(w, "url", row->url);
	json_end_object(w);
}

/* The message that this one went along with, in one prompt: it may be another delivery's. */
static void put_lead(struct view *view, int64_t seq)
{
	CLEANUP(arena_free_at) struct arena *arena = seq != 0 ? arena_new(LEAD_ARENA) : NULL;
	struct message_row lead;
	struct error ignored;

	if (arena == NULL || store_message_load(view->store, seq, arena, &lead, &ignored) != 0)
		return;
	json_put_str(&view->w, "lead", lead.id);
	json_put_str(&view->w, "lead_delivery_id", lead.delivery_id);
}

static void put_message(void *ctx, const struct message_row *row)
{
	struct view *view = ctx;
	struct json_writer *w = &view->w;

	leave_message(view);
	put_event(view, row);
	json_begin_object(w, NULL);
	json_put_str(w, "message", row->id);
	json_put_str(w, "kind", message_kind_name(row->kind));
	json_put_str(w, "state", message_state_name(row->state));
	json_put_str(w, "event", row->event);
	json_put_str(w, "object", row->object);
	json_put_str(w, "thread", row->thread);
	json_put_str(w, "job_id", row->job_id);
	json_put_str(w, "message_id", row->message_id);
	put_lead(view, row->lead);
	json_put_int(w, "attempt_count", row->attempts);
	json_put_time(w, "created_at", row->created_ms);
	json_put_time(w, "due_at", row->due_ms);
	json_put_time(w, "updated_at", row->updated_ms);
	if (row->upstream_status != 0)
		json_put_int(w, "upstream_status", row->upstream_status);
	json_put_str(w, "error", or_null(row->error));
	json_put_str(w, "reason", or_null(row->reason));
	json_put_str(w, "prompt", row->prompt);
	json_begin_array(w, "attempts");
	view->section = SECTION_ATTEMPTS;
}

static void put_attempt(void *ctx, const struct attempt_row *row)
{
	struct view *view = ctx;
	struct json_writer *w = &view->w;

	json_begin_object(w, NULL);
	json_put_int(w, "number", row->number);
	json_put_str(w, "call", row->call);
	json_put_time(w, "started_at", row->started_ms);
	json_put_int(w, "duration_ms", row->duration_ms);
	if (row->upstream_status != 0)
		json_put_int(w, "upstream_status", row->upstream_status);
	json_put_str(w, "outcome", or_null(row->outcome));
	json_end_object(w);
}

static void put_reply(void *ctx, const struct reply_row *row)
{
	struct view *view = ctx;
	struct json_writer *w = &view->w;

	if (view->section == SECTION_ATTEMPTS) {
		json_end_array(w);
		json_begin_array(w, "replies");
		view->section = SECTION_REPLIES;
	}
	json_begin_object(w, NULL);
	json_put_str(w, "reply", row->id);
	json_put_str(w, "kind", row->kind);
	json_put_str(w, "state", reply_state_name(row->state));
	json_put_int(w, "attempt_count", row->attempts);
	json_put_time(w, "created_at", row->created_ms);
	json_put_time(w, "due_at", row->due_ms);
	json_put_time(w, "updated_at", row->updated_ms);
	json_put_str(w, "remote_id", row->remote_id);
	json_put_str(w, "error", or_null(row->error));
	json_put_str(w, "text", row->text);
	json_end_object(w);
}

/* A delivery that became no message still had an event, by its name. */
static void put_lone_event(struct view *view)
{
	if (view->any_event || view->delivery_event == NULL)
		return;
	json_begin_object(&view->events, NULL);
	json_put_str(&view->events, "event", view->delivery_event);
	json_end_object(&view->events);
}

int delivery_get(struct admin_call *call, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(ADMIN_ANSWER_MAX);
	CLEANUP(strbuf_release) struct strbuf events = STRBUF(ADMIN_ANSWER_MAX);
	struct view view = {
		.store = call->admin->store, .w = JSON_WRITER(&body), .events = JSON_WRITER(&events), .arena = call->arena,
	};
	const struct delivery_visitor visitor = {
		.ctx = &view, .delivery = put_delivery, .message = put_message, .attempt = put_attempt, .reply = put_reply,
	};

	if (!id_is_valid(call->name))
		return error_set(err, ERR_INVALID, "\"%.60s\" is no delivery's id", call->name);
	if (store_delivery_visit(call->admin->store, call->name, &visitor, err) != 0)
		return -1;
	leave_message(&view);
	json_end_array(&view.w);
	put_lone_event(&view);
	json_end_array(&view.events);
	json_put_raw(&view.w, "events", strbuf_str(&events));
	json_end_object(&view.w);
	if (strbuf_failed(&events) || arena_failed(call->arena))
		return error_set(err, ERR_NO_MEMORY, "the answer is too large");
	return admin_answer(call, 200, &body, err);
}
