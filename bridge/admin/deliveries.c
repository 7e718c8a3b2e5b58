/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger, a page at a time: each delivery with what became of it. */
#include <stdio.h>
#include <string.h>

#include "bridge/admin/admin_private.h"

#define SOURCE_MAX 64

/* What state a delivery is in is what state its newest message is in; without one it was ignored. */
static void put_entry(struct json_writer *w, const struct ledger_row *row)
{
	const struct delivery_row *delivery = &row->delivery;
	const struct message_row *message = &row->message;

	json_begin_object(w, NULL);
	json_put_str(w, "delivery_id", delivery->id);
	json_put_time(w, "received_at", delivery->received_ms);
	json_put_str(w, "source", delivery->source);
	json_put_str(w, "sender_delivery_id", delivery->sender_id);
	json_put_str(w, "event", delivery->event);
	json_put_str(w, "thread", delivery->thread);
	json_put_str(w, "author", delivery->author);
	json_put_str(w, "url", delivery->url);
	json_put_str(w, "state", message_state_name(row->has_message ? message->state : MESSAGE_IGNORED));
	if (row->has_message) {
		json_put_str(w, "message", message->id);
		json_put_str(w, "job_id", message->job_id);
		json_put_str(w, "message_id", message->message_id);
		json_put_int(w, "attempts", message->attempts);
		json_put_time(w, "due_at", message->due_ms);
		json_put_time(w, "updated_at", message->updated_ms);
		if (message->upstream_status != 0)
			json_put_int(w, "upstream_status", message->upstream_status);
		if (message->error != NULL && message->error[0] != '\0')
			json_put_str(w, "error", message->error);
	}
	const char *reason = row->has_message ? message->reason : delivery->reason;
	if (reason != NULL && reason[0] != '\0')
		json_put_str(w, "reason", reason);
	json_end_object(w);
}

/* One entry more than asked for is read, to know whether there is a next page. */
struct page {
	struct json_writer *w;
	int left;
	char last[ID_SIZE];
	bool more;
};

static void add_to_page(void *ctx, const struct ledger_row *row)
{
	struct page *page = ctx;

	if (page->left == 0) {
		page->more = true;
		return;
	}
	page->left--;
	(void)snprintf(page->last, sizeof(page->last), "%s", row->delivery.id);
	put_entry(page->w, row);
}

static int check_id(const struct params *query, const char *name, struct error *err)
{
	const char *id = params_get(query, name);

	return id == NULL || id_is_valid(id) ? 0 : error_set(err, ERR_INVALID, "%s: expected a delivery's id", name);
}

static int check_state(const char *state, struct error *err)
{
	enum message_state parsed;

	if (state == NULL || message_state_parse(state, &parsed))
		return 0;
	return error_set(err, ERR_INVALID,
			 "state: expected vetting, queued, sending, in_doubt, forwarded, answered, stalled, failed or ignored");
}

static int read_filter(struct admin_call *call, struct delivery_filter *ret, struct error *err)
{
	const struct params *query = &call->query;
	int64_t limit = 0;

	*ret = (struct delivery_filter){
		.state = params_get(query, "state"),
		.source = params_get(query, "source"),
		.job_id = params_get(query, "job"),
		.before = params_get(query, "before"),
		.after = params_get(query, "after"),
	};
	if (params_int(query, "limit", 1, ADMIN_PAGE_MAX, ADMIN_PAGE, &limit, err) != 0 ||
	    check_state(ret->state, err) != 0 || check_id(query, "before", err) != 0 ||
	    check_id(query, "after", err) != 0)
		return -1;
	ret->limit = (int)limit;
	if (ret->before != NULL && ret->after != NULL)
		return error_set(err, ERR_INVALID, "before and after exclude each other");
	if (ret->source != NULL && (ret->source[0] == '\0' || strlen(ret->source) > SOURCE_MAX))
		return error_set(err, ERR_INVALID, "source: expected a name of at most %d characters", SOURCE_MAX);
	if (ret->job_id != NULL && !job_id_is_valid(ret->job_id))
		return error_set(err, ERR_INVALID, "job: expected job_ and 26 characters");
	const char *thread = params_get(query, "thread");
	return thread != NULL ? admin_thread(call, thread, &ret->thread, err) : 0;
}

int deliveries_list(struct admin_call *call, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(ADMIN_ANSWER_MAX);
	struct json_writer w = JSON_WRITER(&body);
	struct page page = { .w = &w };
	struct delivery_filter filter;

	if (read_filter(call, &filter, err) != 0)
		return -1;
	page.left = filter.limit;
	/* A store takes up to 1000, so the largest page cannot look ahead: it says there may be more. */
	bool full = filter.limit == ADMIN_PAGE_MAX;
	filter.limit += full ? 0 : 1;
	json_begin_object(&w, NULL);
	json_begin_array(&w, "deliveries");
	if (store_ledger_each(call->admin->store, &filter, add_to_page, &page, err) != 0)
		return -1;
	json_end_array(&w);
	json_put_str(&w, "next", page.more || (full && page.left == 0) ? page.last : NULL);
	json_end_object(&w);
	return admin_answer(call, 200, &body, err);
}
