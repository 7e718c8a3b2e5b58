/* SPDX-License-Identifier: Apache-2.0 */
/* What the lists of a job say of one turn of ours, look after look, until it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/json.h"
#include "bridge/deliver/follow.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define T0          1776019512000LL
#define MESSAGES    4
#define LOOKS       5
#define S3          "nairid encountered error: "
#define GONE        "Job abandoned: Remote branch 'b' was deleted (likely merged). Please start a new conversation."
#define GONE_UNTIDY "Job failed: Remote branch 'b' was deleted (likely merged), but cleanup failed"
#define GONE_TOO    S3 "job abandoned: remote branch deleted"
#define MERGED      "Job complete - Pull request was merged"

struct look {
	const char *status;          /* of our message */
	const char *says[MESSAGES];  /* behind it: system notices; an answer begins with "=" */
};

struct row {
	const char *what;
	struct look looks[LOOKS];    /* what is there at each look; the last one given stays */
	size_t over_at;              /* the look at which it is over, from 1; 0: never */
	enum message_state to;
	enum answer_kind kind;
	const char *words;           /* that are told; NULL: none */
};

static void add_message(struct json_writer *w, size_t place, const char *role, const char *status, const char *content)
{
	char id[32];

	(void)snprintf(id, sizeof(id), "cmsg_%zu", place);
	json_begin_object(w, NULL);
	json_put_str(w, "id", id);
	json_put_str(w, "job_id", "job_01KRK1V46BXS73CSNK2VR35NPJ");
	json_put_str(w, "role", role);
	json_put_str(w, "content", content);
	json_put_str(w, "status", status);
	json_put_time(w, "created_at", T0 + (int64_t)place);
	json_put_time(w, "updated_at", T0 + (int64_t)place);
	json_end_object(w);
}

static void write_list(const struct look *look, struct strbuf *out)
{
	struct json_writer w = JSON_WRITER(out);

	json_begin_object(&w, NULL);
	json_begin_array(&w, "messages");
	add_message(&w, 0, "user", look->status, "please");
	for (size_t i = 0; i < MESSAGES && look->says[i] != NULL; i++) {
		bool answer = look->says[i][0] == '=';
		add_message(&w, i + 1, answer ? "assistant" : "system", "completed", look->says[i] + (answer ? 1 : 0));
	}
	json_end_array(&w);
	json_end_object(&w);
}

/* One look; *ret_words is in the arena. */
static void look_at(const struct look *look, struct turn_view *view, struct arena *arena, struct turn_news *ret)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(1 << 20);
	struct config config = { 0 };
	struct turns_result *result = arena_alloc(arena, sizeof(*result));

	write_list(look, &text);
	assert_non_null(result);
	config.nairi.follow.stalled_after_ms = 900000;
	config.nairi.follow.give_up_after_ms = 3600000;
	const struct call call = {
		.result = CALL_ANSWERED, .answer = { .status = 200, .body = strbuf_str(&text), .body_len = text.len },
	};
	turns_read(result, &call, &config, arena, view, 1, 0, T0 + 60000);
	*ret = result->news[0];
}

static void run(const struct row *row)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(8 << 20);
	struct turn_view view = { .seq = 1, .message_id = "cmsg_0", .started_ms = T0 };
	struct turn_news news = { 0 };
	const struct look *look = &row->looks[0];
	size_t at = 0;

	while (at++ < LOOKS && news.what != TURN_OVER) {
		look = row->looks[at - 1].status != NULL ? &row->looks[at - 1] : look;
		look_at(look, &view, arena, &news);
		if (news.what == TURN_OVER && at != row->over_at)
			fail_msg("%s: over at look %zu (%s)", row->what, at, news.reason);
	}
	if (row->over_at == 0)
		return;
	if (news.what != TURN_OVER)
		fail_msg("%s: not over after %d looks", row->what, LOOKS);
	const char *words = news.to == MESSAGE_STALLED ? news.said.end_words : news.said.words;
	if (news.to != row->to || news.said.kind != row->kind)
		fail_msg("%s: state %d, told as %d", row->what, (int)news.to, (int)news.said.kind);
	if ((words == NULL) != (row->words == NULL) || (words != NULL && strcmp(words, row->words) != 0))
		fail_msg("%s: {%s}", row->what, words != NULL ? words : "nothing");
}

static void an_outcome_ends_it(void **state)
{
	static const struct row rows[] = {
		{ "answered", { { "completed", { "=Done." } } }, 1, MESSAGE_ANSWERED, ANSWER_DONE, "Done." },
		{ "without words", { { "completed", { "=" } } }, 1, MESSAGE_ANSWERED, ANSWER_DONE, NULL },
		{ "failed", { { "failed", { S3 "no space" } } }, 1, MESSAGE_FAILED, ANSWER_TROUBLE, "no space" },
		{ "lost", { { "completed", { S3 "auto-commit failed" } } }, 1, MESSAGE_FAILED, ANSWER_TROUBLE, "auto-commit failed" },
		{ "waits", { { "queued", { NULL } }, { "pending", { NULL } } }, 0, MESSAGE_FORWARDED, ANSWER_WORKING, NULL },
		{ "answered, status lags", { { "pending", { "=Done." } } }, 3, MESSAGE_ANSWERED, ANSWER_DONE, "Done." },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		run(&rows[i]);
}

/* The status may be seen before what belongs to it. */
static void an_end_without_an_outcome_is_not_believed_at_once(void **state)
{
	static const struct row rows[] = {
		{ "no answer at all", { { "completed", { NULL } } }, 4, MESSAGE_ANSWERED, ANSWER_DONE, NULL },
		{ "a late answer", { { "completed", { NULL } }, { "completed", { NULL } }, { "completed", { NULL } },
				     { "completed", { "=Late." } } }, 4, MESSAGE_ANSWERED, ANSWER_DONE, "Late." },
		{ "no notice at all", { { "failed", { NULL } } }, 4, MESSAGE_FAILED, ANSWER_TROUBLE, NULL },
		{ "a late notice", { { "failed", { NULL } }, { "failed", { NULL } }, { "failed", { S3 "late" } } }, 3,
		  MESSAGE_FAILED, ANSWER_TROUBLE, "late" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		run(&rows[i]);
}

static void a_job_that_ends_under_it_has_stalled_it(void **state)
{
	static const struct row rows[] = {
		{ "never picked up", { { "queued", { MERGED } } }, 1, MESSAGE_STALLED, ANSWER_STALLED, MERGED },
		{ "its branch is gone", { { "failed", { GONE, GONE_TOO } } }, 1, MESSAGE_STALLED, ANSWER_STALLED, GONE },
		{ "gone, untidily", { { "failed", { GONE_UNTIDY, S3 "cannot clean up" } } }, 1, MESSAGE_STALLED, ANSWER_STALLED,
		  GONE_UNTIDY },
		{ "gone, and yet completed", { { "completed", { GONE, GONE_TOO } } }, 1, MESSAGE_STALLED, ANSWER_STALLED, GONE },
		{ "failed by a merge", { { "failed", { MERGED } } }, 1, MESSAGE_STALLED, ANSWER_STALLED, MERGED },
		{ "failed, then merged", { { "failed", { S3 "no space", MERGED } } }, 1, MESSAGE_FAILED, ANSWER_TROUBLE, "no space" },
		{ "answered, then gone", { { "completed", { "=Done.", GONE } } }, 1, MESSAGE_ANSWERED, ANSWER_DONE, "Done." },
		{ "merged while it works", { { "pending", { MERGED } } }, 0, MESSAGE_FORWARDED, ANSWER_WORKING, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		run(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outcome_ends_it),
		cmocka_unit_test(an_end_without_an_outcome_is_not_believed_at_once),
		cmocka_unit_test(a_job_that_ends_under_it_has_stalled_it),
	};

	return cmocka_run_group_tests_name("turns", tests, NULL, NULL);
}
