/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What GitHub's deliveries say, from any bytes. The first byte picks the event (low three bits, and
 * bit 5 for the results and pushes), whether the rest is a form (bit 3), whether the arena is small
 * (bit 4), and whether all results count (bit 6). Whatever is taken must keep the promises of event.h.
 */
#include "bridge/base/utf8.h"
#include "handlers/form.h"
#include "tests/support/handler_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need_text(const char *text, bool required)
{
	KIT_NEED(text != NULL || !required);
	KIT_NEED(text == NULL || utf8_valid(text, strlen(text)));
}

static void need_event(const struct event *event)
{
	const struct lookup *lookup = event->lookup;
	struct github_place place;

	need_text(event->name, true);
	need_text(event->thread, lookup == NULL || (lookup->wants & LOOKUP_THREAD) == 0);
	KIT_NEED(event->thread == NULL || github_thread_read(event->thread, &place, NULL) == 0);
	need_text(event->covers, false);
	need_text(event->hint, false);
	if (lookup != NULL) {
		need_text(lookup->repo, true);
		need_text(lookup->branch, false);
		KIT_NEED(github_place_commit_is_valid(lookup->commit));
	}
	need_text(event->object, true);
	need_text(event->dedupe, true);
	need_text(event->text, true);
	need_text(event->did, true);
	need_text(event->where, true);
	need_text(event->author.login, event->kind == EVENT_MESSAGE);
	need_text(event->actor.login, event->kind == EVENT_EDIT);
	need_text(event->title, false);
	need_text(event->url, false);
	need_text(event->file, false);
	need_text(event->lines, false);
	need_text(event->quote, false);
	KIT_NEED(event->job_id == NULL);
	KIT_NEED(event->place != NULL || event->thread == NULL);
	if (event->place != NULL) {
		KIT_NEED(github_place_read(event->place, &place, NULL) == 0);
		KIT_NEED(github_place_repo_is_valid(place.repo));
	}
	KIT_NEED(!event->machine || strlen(event->text) <= 20000);
	KIT_NEED(event->quote == NULL || strlen(event->quote) <= 8192);
}

static void parse(unsigned pick, const char *json, size_t len)
{
	static const char *const names[] = { "issue_comment",
					     "pull_request_review_comment",
					     "pull_request_review",
					     "ping",
					     "push",
					     "issue_comment",
					     "pull_request_review",
					     "star",
					     "check_run",
					     "check_suite",
					     "workflow_run",
					     "status",
					     "push",
					     "commit_comment",
					     "check_run",
					     "workflow_run" };
	/* Without bit 5, what is not forwarded is tried, too. */
	unsigned more = (pick & 32U) != 0 ? GITHUB_CI | GITHUB_PUSHES : 0;
	struct github_events *events =
		github_events_new(GITHUB_COMMENTS | GITHUB_REVIEWS | more,
				  (pick & 64U) != 0 ? GITHUB_CI_ALL : GITHUB_CI_FAILURES);
	unsigned which = (pick & 7U) + ((pick & 32U) != 0 ? 8U : 0U);
	struct arena *arena = arena_new((pick & 16U) != 0 ? 600 : KIT_ARENA);
	struct parsed parsed = { 0 };
	struct error err = { 0 };

	KIT_NEED(events != NULL && arena != NULL);
	if (github_events_parse(events, names[which], json, len, arena, &parsed, &err) < 0) {
		KIT_NEED(err.code == ERR_INVALID || err.code == ERR_TOO_LARGE);
		need_text(err.text, true);
	} else if (!arena_failed(arena)) {
		KIT_NEED((parsed.event_count == 0) == (parsed.ignore_reason != NULL));
		KIT_NEED(parsed.event_count <= 5);
		for (size_t i = 0; i < parsed.event_count; i++)
			need_event(&parsed.events[i]);
	}
	arena_free(arena);
	github_events_free(events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strbuf_release) struct strbuf decoded = STRBUF(size);
	CLEANUP(cleanup_free) char *text = calloc(1, size + 1);

	if (size == 0)
		return 0;
	KIT_NEED(text != NULL);
	memcpy(text, data + 1, size - 1);
	if ((data[0] & 8U) == 0)
		parse(data[0], text, size - 1);
	else if (form_value(text, size - 1, "payload", &decoded, NULL) == 0)
		parse(data[0], strbuf_str(&decoded), decoded.len);
	return 0;
}
