/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A start whose answer was lost: no list of messages can be asked for, since nobody knows the job. So the agent's jobs that changed since
 * are listed, and each is searched for our tag, newest first.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/deliver/deliver_private.h"

#define CLOCKS_APART_MS 300000 /* ours and Nairi's may differ */
#define PAGE_SIZE       ((size_t)4 * 1024 * 1024)
#define PAGES_MAX       20
#define OVERLAP         20 /* jobs move to the end of the list while it is read: so many may have done so since the last page */
#define LIST_ARENA      (LIST_MAX + ((size_t)1 << 20))

struct search {
	const struct conversation *jobs;
	size_t left;    /* still to be searched: jobs[left - 1] is the next */
	bool whole;     /* the page showed the last there are */
	int64_t offset; /* of this page */
	struct arena *list; /* of the call that is under way */
};

static void listed(struct call *call);
static void ask_page(struct flight *flight, int64_t offset);

/* The same call again, with nothing left of the last answer. */
static void renew_call(struct flight *flight)
{
	struct call *call = &flight->call;

	call->reason[0] = '\0';
	call->cancelled = false;
	call->result = CALL_NOT_SENT;
	call->answer = (struct http_answer){ 0 };
}

static void conclude(struct flight *flight, enum nairi_sight sight, const char *why)
{
	if (flight->search != NULL)
		arena_free(flight->search->list);
	flight->call.arena = flight->arena;
	flight->sight = sight;
	if (sight == NAIRI_UNSEEN && flight->verdict.reason[0] == '\0') {
		flight->verdict.meaning = NAIRI_LATER;
		flight->verdict.wait_ms = -1;
		(void)snprintf(flight->verdict.reason, sizeof(flight->verdict.reason), "%.200s", why);
	}
	forward_record(flight);
}

/* The next job, or the verdict. */
static void search_on(struct flight *flight)
{
	struct search *search = flight->search;
	const char *url = flight->settings->config->nairi.url;
	struct error err;

	arena_free(search->list);
	search->list = NULL;
	if (search->left == 0 && !search->whole && search->offset < PAGES_MAX * (NAIRI_PAGE - OVERLAP)) {
		ask_page(flight, search->offset + NAIRI_PAGE - OVERLAP);
		return;
	}
	if (search->left == 0) {
		conclude(flight, search->whole ? NAIRI_ABSENT : NAIRI_UNSEEN,
			 "the agent has more jobs than are searched; ours may be among them");
		return;
	}
	search->list = arena_new(LIST_ARENA);
	if (search->list == NULL ||
	    nairi_messages_request(url, search->jobs[search->left - 1].id, search->list, &flight->call.spec, &err) != 0) {
		conclude(flight, NAIRI_UNSEEN, "out of memory");
		return;
	}
	renew_call(flight);
	flight->call.arena = search->list;
	forward_call(flight, "look", LIST_MAX, listed);
}

static void listed(struct call *call)
{
	struct flight *flight = call->user;
	struct search *search = flight->search;
	char tag[MESSAGE_TAG_SIZE];

	message_tag(flight->row.id, tag);
	flight->sight = nairi_read_messages(call, tag, 0, flight->settings->config->retry.max_ms, &flight->verdict);
	if (flight->sight == NAIRI_ABSENT) {
		search->left--;
		search_on(flight);
		return;
	}
	if (flight->sight == NAIRI_FOUND)
		(void)snprintf(flight->verdict.job_id, sizeof(flight->verdict.job_id), "%s",
			       search->jobs[search->left - 1].id);
	conclude(flight, flight->sight, "");
}

static void paged(struct call *call)
{
	struct flight *flight = call->user;
	struct search *search = flight->search;
	size_t rows = 0;
	struct error err;

	/* What a page without rows means, and what a refusal, is the same for any of the API's lists. */
	nairi_read_list(call, flight->settings->config->retry.max_ms, &flight->verdict);
	if (flight->verdict.meaning != NAIRI_FORWARDED) {
		conclude(flight, flight->verdict.meaning == NAIRI_REFUSED ? NAIRI_ABSENT : NAIRI_UNSEEN, "");
		return;
	}
	if (conversations_read(call->answer.body, call->answer.body_len, flight->arena, &search->jobs, &search->left, &rows,
			       &err) != 0) {
		conclude(flight, NAIRI_UNSEEN, "the agent's list of jobs is not what the API documents");
		return;
	}
	search->whole = rows < NAIRI_PAGE && !call->answer.truncated;
	search_on(flight);
}

static int page_request(struct flight *flight, int64_t offset, struct error *err)
{
	/* Since the message was made: its row's last change may be one of our looks, long after the job was started. */
	return nairi_conversations_request(flight->settings->config->nairi.url, flight->row.agent,
					   flight->row.created_ms - CLOCKS_APART_MS, offset, flight->arena,
					   &flight->call.spec, err);
}

static void ask_page(struct flight *flight, int64_t offset)
{
	struct error err;

	if (page_request(flight, offset, &err) != 0) {
		conclude(flight, NAIRI_UNSEEN, err.text);
		return;
	}
	flight->search->offset = offset;
	renew_call(flight);
	flight->call.arena = flight->arena;
	forward_call(flight, "look", PAGE_SIZE, paged);
}

void start_look(struct flight *flight)
{
	struct error err;

	flight->search = arena_alloc(flight->arena, sizeof(*flight->search));
	if (flight->search == NULL || page_request(flight, 0, &err) != 0) {
		flight_again_soon(flight, flight->search == NULL ? "out of memory" : err.text);
		return;
	}
	*flight->search = (struct search){ 0 };
	forward_call(flight, "look", PAGE_SIZE, paged);
}
