/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bridge/base/clock.h"
#include "bridge/base/json.h"
#include "bridge/deliver/transcript.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define T0 1776019512000LL
#define URL "https://github.com/octo/hello/pull/42"
#define S3 "nairid encountered error: "

/* A row of a list: times in ms after T0; id NULL: made of its place. */
struct line {
	const char *role, *id, *status, *content;
	int64_t created, updated;
};

static void add_line(struct json_writer *w, const struct line *line, size_t place)
{
	char id[32];

	(void)snprintf(id, sizeof(id), "cmsg_%zu", place);
	json_begin_object(w, NULL);
	json_put_str(w, "id", line->id != NULL ? line->id : id);
	json_put_str(w, "job_id", "job_01KRK1V46BXS73CSNK2VR35NPJ");
	json_put_str(w, "role", line->role);
	json_put_str(w, "content", line->content);
	json_put_str(w, "status", line->status != NULL ? line->status : "completed");
	json_put_time(w, "created_at", T0 + line->created);
	json_put_time(w, "updated_at", T0 + (line->updated > 0 ? line->updated : line->created));
	json_end_object(w);
}

static struct transcript *read_lines(const struct line *lines, size_t count, struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(64 << 20);
	struct json_writer w = JSON_WRITER(&text);
	struct transcript *transcript;
	struct error err;

	json_begin_object(&w, NULL);
	json_begin_array(&w, "messages");
	for (size_t i = 0; i < count; i++)
		add_line(&w, &lines[i], i);
	json_end_array(&w);
	json_end_object(&w);
	assert_false(strbuf_failed(&text));
	if (transcript_read(text.ptr, text.len, arena, &transcript, &err) != 0)
		fail_msg("%s", err.text);
	return transcript;
}

/* "status|answered|answer|failure|end" of the turn. */
static void expect_turn(const struct transcript *transcript, const char *id, const char *expected)
{
	static const char *const statuses[] = { "absent", "queued", "pending", "completed", "failed" };
	static const char *const ends[] = { "", "merged", "closed", "inactive", "abandoned" };
	CLEANUP(strbuf_release) struct strbuf seen = STRBUF(100000);
	struct turn_sight sight;

	transcript_turn(transcript, id, &sight);
	strbuf_addf(&seen, "%s|%s|%s|%s|%s", statuses[sight.status], sight.answered ? "answered" : "",
		    sight.answer != NULL ? sight.answer : "", sight.failure != NULL ? sight.failure : "", ends[sight.end]);
	if (strcmp(strbuf_str(&seen), expected) != 0)
		fail_msg("%s: {%s}, not {%s}", id, strbuf_str(&seen), expected);
}

#define EXPECT(lines, ...) expect_turns(lines, COUNT(lines), (const char *const[]){ __VA_ARGS__, NULL })
static void expect_turns(const struct line *lines, size_t count, const char *const *pairs)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	struct transcript *transcript = read_lines(lines, count, arena);

	for (; pairs[0] != NULL; pairs += 2)
		expect_turn(transcript, pairs[0], pairs[1]);
}

static void foreign_then_ours(void **state)
{
	static const struct line lines[] = {
		{ "user", "A", "completed", "foreign", 0, 5000 },
		{ "user", "B", "completed", "ours", 1000, 9000 },
		{ "assistant", NULL, NULL, "answer A", 4990, 0 },
		{ "system", NULL, NULL, "Agent opened a [pull request](" URL ")", 5200, 0 },
		{ "assistant", NULL, NULL, "answer B", 8990, 0 },
	};
	struct line early[5];

	(void)state;
	EXPECT(lines, "A", "completed|answered|answer A||", "B", "completed|answered|answer B||", "C", "absent||||");
	/* Before A is done; then A's answer while A's status says pending still. */
	memcpy(early, lines, sizeof(early));
	early[0].status = "pending", early[1].status = "queued";
	early[0].updated = 100, early[1].updated = 1000;
	expect_turns(early, 2, (const char *const[]){ "A", "pending||||", "B", "queued||||", NULL });
	expect_turns(early, 3, (const char *const[]){ "A", "pending|answered|answer A||", "B", "queued||||", NULL });
	/* A has ended, its answer is not seen yet; then it is; then B works. */
	early[0].status = "completed", early[0].updated = 4800;
	expect_turns(early, 2, (const char *const[]){ "A", "completed||||", "B", "queued||||", NULL });
	early[1].status = "pending", early[1].updated = 4995;
	expect_turns(early, 3, (const char *const[]){ "A", "completed|answered|answer A||", "B", "pending||||", NULL });
	early[1].status = "completed", early[1].updated = 9000;
	expect_turns(early, 4, (const char *const[]){ "A", "completed|answered|answer A||", "B", "completed||||", NULL });
}

static void ours_then_foreign(void **state)
{
	static const struct line lines[] = {
		{ "user", "A", "completed", "ours", 0, 5000 },
		{ "user", "B", "pending", "foreign", 1000, 5100 },
		{ "assistant", NULL, NULL, "answer A", 5010, 0 },
		{ "assistant", NULL, NULL, "answer B", 9000, 0 },
	};

	(void)state;
	EXPECT(lines, "A", "completed|answered|answer A||", "B", "pending|answered|answer B||");
}

static void after_a_failed_turn(void **state)
{
	static const struct line lines[] = {
		{ "user", "A", "failed", "foreign", 0, 3000 },
		{ "user", "B", "completed", "ours", 1000, 9000 },
		{ "system", NULL, NULL, S3 "boom", 2990, 0 },
		{ "system", NULL, NULL, S3 "error continuing Claude session: boom", 3010, 0 },
		{ "assistant", NULL, NULL, "answer B", 3500, 0 },
	};
	static const struct line twice[] = {
		{ "user", "A", "failed", "one", 0, 3000 },
		{ "user", "B", "failed", "two", 1000, 3200 },
		{ "system", NULL, NULL, "eksecd encountered error: boom", 3001, 0 },
		{ "system", NULL, NULL, "ccagent encountered error: error starting Claude session: boom", 3002, 0 },
		{ "system", NULL, NULL, "eksecd encountered error: error starting Claude session: old", 2990, 0 },
		{ "system", NULL, NULL, S3 "boom", 3190, 0 },
		{ "system", NULL, NULL, S3 "error continuing Claude session: boom", 3191, 0 },
		{ "system", NULL, NULL, S3 "and\nmore", 3192, 0 },
	};

	(void)state;
	EXPECT(lines, "A", "failed|||boom|", "B", "completed|answered|answer B||");
	EXPECT(twice, "A", "failed|||boom\nold|", "B", "failed|||boom\nand\nmore|");
}

static void lost_answers(void **state)
{
	static const struct line completed[] = {
		{ "user", "A", "completed", "foreign", 0, 3000 },
		{ "user", "B", "completed", "ours", 1000, 9000 },
		{ "system", NULL, NULL, S3 "auto-commit failed: x", 2990, 0 },
		{ "assistant", NULL, NULL, "answer B", 4000, 0 },
	};
	/* Nothing at all came of A. */
	static const struct line silent[] = {
		{ "user", "A", "completed", "foreign", 0, 3000 },
		{ "user", "B", "completed", "ours", 1000, 19000 },
		{ "assistant", NULL, NULL, "answer B", 18990, 0 },
	};
	/* An agent died over A. */
	static const struct line dead[] = {
		{ "user", "A", "pending", "foreign", 0, 100 },
		{ "user", "B", "completed", "ours", 1000, 119000 },
		{ "assistant", NULL, NULL, "answer B", 118990, 0 },
	};
	static const struct line doubtful[] = {
		{ "user", "A", "pending", "ours", 0, 100 },
		{ "user", "B", "pending", "foreign", 1000, 2000 },
		{ "assistant", NULL, NULL, "answer B", 8000, 0 },
	};

	(void)state;
	EXPECT(completed, "A", "completed|||auto-commit failed: x|", "B", "completed|answered|answer B||");
	EXPECT(silent, "A", "completed||||", "B", "completed|answered|answer B||");
	EXPECT(dead, "A", "pending||||", "B", "completed|answered|answer B||");
	EXPECT(doubtful, "A", "pending||||", "B", "pending||||");
}

static void empty_and_several_answers(void **state)
{
	static const struct line lines[] = {
		{ "user", "A", "completed", "one", 0, 3000 },
		{ "user", "B", "completed", "two", 10, 6000 },
		{ "user", "C", "completed", "three", 20, 9000 },
		{ "assistant", NULL, NULL, "", 2990, 0 },
		{ "assistant", NULL, NULL, "b1", 4000, 0 },
		{ "assistant", NULL, NULL, "", 4500, 0 },
		{ "assistant", NULL, NULL, "b2", 5990, 0 },
		{ "assistant", NULL, NULL, "c", 8990, 0 },
		{ "system", NULL, NULL, S3 "failed to validate PR description footer: x", 9300, 0 },
	};

	(void)state;
	EXPECT(lines, "A", "completed|answered|||", "B", "completed|answered|b1\n\nb2||", "C",
	       "completed|answered|c|failed to validate PR description footer: x|");
}

static void late_notice_of_the_turn_before(void **state)
{
	static const struct line lines[] = {
		{ "user", "A", "completed", "one", 0, 3000 },
		{ "user", "B", "completed", "two", 10, 6000 },
		{ "assistant", NULL, NULL, "a", 2990, 0 },
		{ "system", NULL, NULL, S3 "failed to validate PR description footer: x", 3300, 0 },
		{ "assistant", NULL, NULL, "b", 6100, 0 },
	};

	(void)state;
	EXPECT(lines, "A", "completed|answered|a|failed to validate PR description footer: x|", "B",
	       "completed|answered|b||");
}

static void without_times_order_decides(void **state)
{
	static const char text[] =
		"{\"messages\":[1,{\"id\":\"A\",\"job_id\":\"j\",\"role\":\"user\",\"content\":\"\",\"status\":\"completed\"},"
		"{\"id\":\"B\",\"job_id\":\"j\",\"role\":\"user\",\"content\":\"\",\"status\":\"completed\",\"created_at\":\"?\"},"
		"{\"id\":\"x\",\"job_id\":\"j\",\"role\":\"assistant\",\"content\":\"a\",\"status\":\"completed\"},"
		"{\"id\":\"x\",\"job_id\":7,\"role\":\"assistant\",\"content\":\"dropped\",\"status\":\"completed\"},"
		"{\"id\":\"y\",\"job_id\":\"j\",\"role\":\"\\u0061ssistant\",\"content\":\"b\\u0000\",\"status\":\"completed\"}]}";
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	struct transcript *transcript;

	(void)state;
	assert_int_equal(transcript_read(text, strlen(text), arena, &transcript, NULL), 0);
	expect_turn(transcript, "A", "completed|answered|a||");
	expect_turn(transcript, "B", "completed|answered|b\uFFFD||");
}

#define MERGED "Job complete - Pull request was merged by octocat"
#define GONE "Remote branch 'nairid/x-1' was deleted (likely merged)"

static void the_end_of_a_job(void **state)
{
	static const struct {
		const char *notice, *end;
	} rows[] = {
		{ MERGED, "merged" },
		{ "Job complete - Pull request was merged", "merged" },
		{ "Job complete - Pull request was closed", "closed" },
		{ "Job complete - Thread is inactive", "inactive" },
		{ "Job abandoned: " GONE ". Please start a new conversation.", "abandoned" },
		{ "Job failed: " GONE ", but cleanup failed. Please", "abandoned" },
		{ "job complete - Thread is inactive", "" },
		{ "About: Job complete - Thread is inactive", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct line lines[] = {
			{ "user", "A", "completed", "one", 0, 3000 },
			{ "assistant", NULL, NULL, "a", 2990, 0 },
			{ "user", "B", "queued", "early", 3500, 0 },
			{ "system", NULL, NULL, rows[i].notice, 4000, 0 },
			{ "user", "C", "queued", "late", 5000, 0 },
		};
		char expected[60], first[60];
		(void)snprintf(expected, sizeof(expected), "queued||||%s", rows[i].end);
		(void)snprintf(first, sizeof(first), "completed|answered|a||%s", rows[i].end);
		EXPECT(lines, "A", first, "B", expected, "C", expected);
	}
}

static void a_later_turn_goes_on(void **state)
{
	struct line lines[] = {
		{ "system", NULL, NULL, MERGED, 1000, 0 },
		{ "user", "A", "queued", "one", 2000, 3000 },
		{ "assistant", NULL, NULL, "a", 2990, 0 },
	};
	static const struct line abandoned[] = {
		{ "user", "A", "failed", "one", 2000, 3000 },
		{ "system", NULL, NULL, "Job abandoned: " GONE ". Please start a new conversation.", 2980, 0 },
		{ "system", NULL, NULL, S3 "job abandoned: remote branch deleted", 2990, 0 },
	};
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	struct turn_sight sight;

	(void)state;
	expect_turns(lines, 2, (const char *const[]){ "A", "queued||||merged", NULL });
	lines[1].status = "failed";
	expect_turns(lines, 2, (const char *const[]){ "A", "failed||||merged", NULL });
	lines[1].status = "pending";
	expect_turns(lines, 2, (const char *const[]){ "A", "pending||||", NULL });
	lines[1].status = "completed";
	expect_turns(lines, 3, (const char *const[]){ "A", "completed|answered|a||", NULL });
	EXPECT(abandoned, "A", "failed||||abandoned");
	transcript_turn(read_lines(lines, 1, arena), "A", &sight);
	assert_string_equal(sight.end_words, MERGED);
}

static void announces(void **state)
{
	static const struct {
		const char *text, *url;
	} rows[] = {
		{ "New commit added: a1b2c3d in #42", NULL },
		{ "Agent opened a [pull request](" URL ")", URL },
		{ "Agent opened a pull request: " URL, URL },
		{ "Agent opened a [pull request](Warning: 1 uncommitted change https://x.y/z\n" URL "\n)", URL },
		{ "Agent opened a pull request: http://127.0.0.1:8080/o/r.x/pull/7.", "http://127.0.0.1:8080/o/r.x/pull/7" },
		{ "Agent opened a pull request: https://u:p@github.com/octo/hello/pull/42", NULL },
		{ "Agent opened a pull request: https://github.com/octo/hello/pull/new/x", NULL },
		{ "Agent opened a pull request: https://github.com/octo/hello/pull/42x", NULL },
		{ "agent opened a pull request: " URL, NULL },
		{ "New commit added: [a1b2c3d](https://github.com/octo/hello/commit/a1b2c3d) in [#42](" URL ")", URL },
		{ "New commit added: [a1b2c3d](https://github.com/octo/hello/commit/a1b2c3d)", NULL },
		{ "New commit added: a1b2c3d", NULL },
		{ "New commit added: a1b2c3d in #43", "https://github.com/octo/hello/pull/43" },
	};
	struct line lines[COUNT(rows)];
	struct announcement seen[COUNT(rows)];
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	size_t expected = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		lines[i] = (struct line){ "system", NULL, NULL, rows[i].text, (int64_t)i, 0 };
	struct transcript *transcript = read_lines(lines, COUNT(lines), arena);
	size_t count = transcript_announcements(transcript, seen, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].url == NULL)
			continue;
		assert_true(expected < count);
		assert_string_equal(seen[expected].url, rows[i].url);
		assert_int_equal(seen[expected].created_ms, T0 + (int64_t)i);
		assert_int_equal(atol(seen[expected].notice_id + 5), (long)i);
		expected++;
	}
	assert_int_equal(count, expected);
	assert_int_equal(transcript_announcements(transcript, seen, 2), 2);
}

#define TAG "[nairi-bridge 01890a5d-ac96-774b-bcce-b302099a8057]"

static void finds_tags(void **state)
{
	static const struct line lines[] = {
		{ "user", "A", "completed", "words\n\n" TAG, 0, 1 },
		{ "user", "B", "queued", "x\n[nairi-bridge other]\n" TAG " \r\nmore", 2, 0 },
		{ "user", "C", "queued", "inline " TAG, 3, 0 },
		{ "assistant", "D", NULL, TAG, 4, 0 },
	};
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	struct transcript *transcript = read_lines(lines, COUNT(lines), arena);

	(void)state;
	assert_string_equal(transcript_find_tag(transcript, TAG), "B");
	assert_string_equal(transcript_find_tag(transcript, "[nairi-bridge other]"), "B");
	assert_null(transcript_find_tag(transcript, "[nairi-bridge oth"));
	assert_string_equal(transcript_find_tag(read_lines(lines, 1, arena), TAG), "A");
}

static void reads_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "2026-04-12T18:45:12.000Z", 1776019512000 },
		{ "2026-04-12T18:45:12Z", 1776019512000 },
		{ "2026-04-12T18:45:12.1239999Z", 1776019512123 },
		{ "2026-04-12t20:15:12.5+01:30", 1776019512500 },
		{ "2026-04-12T17:45:12-01:00", 1776019512000 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "2000-03-01T00:00:00Z", 951868800000 },
		{ "2000-02-29T00:00:00Z", 951782400000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 },
		{ "9999-12-31T23:59:59.999Z", 253402300799999 },
		{ "2023-02-29T00:00:00Z", -1 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "2026-04-12 18:45:12Z", -1 },
		{ "2026-04-12T18:45:12", -1 },
		{ "2026-04-12T18:45:12.Z", -1 },
		{ "2026-04-12T18:45:12ZZ", -1 },
		{ "2026-04-12T24:00:00Z", -1 },
		{ "2026-13-12T18:45:12Z", -1 },
		{ "2026-00-12T18:45:12Z", -1 },
		{ "2026-04-12T18:45:12+0100", -1 },
		{ "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (transcript_time_ms(rows[i].text) != rows[i].ms)
			fail_msg("%s: %lld", rows[i].text, (long long)transcript_time_ms(rows[i].text));
	}
	assert_int_equal(transcript_time_ms(NULL), -1);
}

static void refuses_what_is_no_list(void **state)
{
	static const char *const texts[] = { "", "[]", "{}", "{\"messages\":{}}", "{\"messages\":null}", "{\"messages\":[]", "<html>",
					     "{\"messages\":[]} x", "{\"messages\":[{\"id\":}]}", "{\"messages\":[\"\xFF\"]}",
					     "{\"x\":{\"messages\":[]}}" };
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	CLEANUP(arena_free_at) struct arena *tiny = arena_new(600);
	CLEANUP(strbuf_release) struct strbuf many = STRBUF(1 << 20);
	struct transcript *transcript;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (transcript_read(texts[i], strlen(texts[i]), arena, &transcript, &err) == 0 || err.code != ERR_INVALID)
			fail_msg("%s: read", texts[i]);
	}
	assert_int_equal(transcript_read("{\"messages\":[]}", 15, arena, &transcript, &err), 0);
	expect_turn(transcript, "A", "absent||||");
	assert_null(transcript_find_tag(transcript, TAG));
	strbuf_adds(&many, "{\"messages\":[");
	for (int i = 0; i < 50; i++)
		strbuf_addf(&many, "%s{\"id\":\"a\",\"job_id\":\"j\",\"role\":\"user\",\"content\":\"\",\"status\":\"queued\"}",
			    i > 0 ? "," : "");
	strbuf_adds(&many, "]}");
	assert_int_equal(transcript_read(many.ptr, many.len, tiny, &transcript, &err), -1);
	assert_int_equal(err.code, ERR_NO_MEMORY);
}

/* Thousands of progress rows cost nothing that lasts. */
static void long_lists_are_cheap(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(16384);
	CLEANUP(cleanup_free) char *content = malloc(2001);
	CLEANUP(cleanup_free) struct line *lines = calloc(5002, sizeof(*lines));

	(void)state;
	memset(content, 'x', 2000);
	content[2000] = '\0';
	lines[0] = (struct line){ "user", "A", "completed", content, 0, 9000 };
	for (size_t i = 1; i <= 5000; i++)
		lines[i] = (struct line){ "progress", NULL, NULL, content, (int64_t)i, 0 };
	lines[5001] = (struct line){ "assistant", NULL, NULL, "a", 8999, 0 };
	expect_turn(read_lines(lines, 5002, arena), "A", "completed|answered|a||");
}

static void reads_conversations(void **state)
{
	static const char text[] =
		"{\"conversations\":[{\"id\":\"job_01KRK1V46BXS73CSNK2VR35NPJ\",\"status\":\"active\",\"updated_at\":"
		"\"2026-04-12T18:45:12.000Z\",\"more\":[{}]},{\"id\":\"job_x\",\"status\":\"active\",\"updated_at\":"
		"\"2026-04-12T18:45:12.000Z\"},{\"id\":\"j_01KRK1V46BXS73CSNK2VR35NPJ\",\"status\":\"error\"},7,"
		"{\"id\":\"j_01KRK1V46BXS73CSNK2VR35NPJ\",\"status\":\"error\",\"updated_at\":\"1970-01-01T00:00:01Z\"},"
		"{\"id\":\"j_01KRK1V46BXS73CSNK2VR35NPJ\",\"status\":\"error\",\"updated_at\":\"soon\"}]}";
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	const struct conversation *list;
	size_t count, rows;

	(void)state;
	assert_int_equal(conversations_read(text, strlen(text), arena, &list, &count, &rows, NULL), 0);
	assert_int_equal(rows, 6);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].id, "job_01KRK1V46BXS73CSNK2VR35NPJ");
	assert_string_equal(list[0].status, "active");
	assert_string_equal(list[0].updated_at, "2026-04-12T18:45:12.000Z");
	assert_int_equal(list[0].updated_ms, T0);
	assert_int_equal(list[1].updated_ms, 1000);
	assert_int_equal(conversations_read("{\"messages\":[]}", 15, arena, &list, &count, &rows, NULL), -1);
}

/* ---- attribution holds for whatever a job may do ---- */

#define TURNS_MAX 8
#define EVENTS_MAX 80

struct fact {
	struct line line;
	char content[120], id[32];
	size_t turn;      /* whose it is */
	int64_t picked, ended; /* users: when; INT64_MAX: never */
	bool failed;
	bool outcome;     /* an answer or an error */
};

struct history {
	struct fact facts[EVENTS_MAX];
	size_t count, turns;
	uint64_t seed;
};

static int64_t pick(struct history *h, int64_t below)
{
	h->seed = h->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (int64_t)((h->seed >> 33) % (uint64_t)below);
}

static struct fact *add_fact(struct history *h, const char *role, size_t turn, int64_t at)
{
	struct fact *fact = &h->facts[h->count++];

	assert_true(h->count < EVENTS_MAX);
	*fact = (struct fact){ .line = { .role = role, .created = at, .content = "" }, .turn = turn };
	return fact;
}

static void add_said(struct history *h, const char *role, size_t turn, int64_t at, const char *before, int number)
{
	struct fact *fact = add_fact(h, role, turn, at);

	(void)snprintf(fact->content, sizeof(fact->content), "%sturn %zu word %d.", before, turn, number);
	fact->outcome = true;
}

/* What the turn leaves behind, from when it was picked up; returns when the daemon is free again. */
static int64_t play_turn(struct history *h, struct fact *user, size_t turn, int64_t picked)
{
	int64_t work = pick(h, 2) == 0 ? 60 + pick(h, 200) : 3000 + pick(h, 90000), done = picked + work;
	int64_t gap = pick(h, 50);

	user->picked = picked;
	user->failed = pick(h, 4) == 0;
	if (user->failed) {
		bool late = pick(h, 2) == 0;
		user->ended = done + (late ? 0 : gap);
		int64_t said = done + (late ? gap : 0);
		add_said(h, "system", turn, said, S3, 0);
		if (pick(h, 2) == 0)
			add_said(h, "system", turn, said + 1, S3 "error continuing Claude session: ", 0);
		return done + gap + 2;
	}
	int64_t several = pick(h, 5) == 0 ? pick(h, 3) : 0;
	for (int64_t i = 0; i < several; i++)
		add_said(h, "assistant", turn, done - 10 + i, "", (int)i);
	/* Nobody can tell the late last one of several answers from the next turn's (transcript_turns.c). */
	user->ended = several > 0 ? done + gap + 1 : pick(h, 2) == 0 ? done + gap : done;
	add_said(h, "assistant", turn, user->ended > done ? done : done + gap, "", (int)several);
	if (pick(h, 4) == 0)
		h->facts[h->count - 1].content[0] = '\0';
	if (pick(h, 2) == 0)
		(void)snprintf(add_fact(h, "system", turn, done + 200 + gap)->content, 120, "New commit added: a1b2c3d");
	if (pick(h, 4) == 0)
		(void)snprintf(add_fact(h, "system", turn, done + 150 + gap)->content, 120,
			       S3 "failed to validate PR description footer: turn %zu", turn);
	return done + gap + 2 + pick(h, 500);
}

static int by_time(const void *one, const void *other)
{
	const struct fact *a = one, *b = other;

	return a->line.created < b->line.created ? -1 : a->line.created > b->line.created;
}

static void invent(struct history *h)
{
	int64_t free_at = 0, said = 0;

	h->turns = 1 + (size_t)pick(h, TURNS_MAX);
	for (size_t i = 0; i < h->turns; i++) {
		said += 1 + pick(h, 3) * pick(h, 40000);
		size_t place = h->count;
		struct fact *user = add_fact(h, "user", i, said);
		(void)snprintf(user->id, sizeof(user->id), "u%zu", i);
		free_at = play_turn(h, user, i, (free_at > said ? free_at : said) + 1 + pick(h, 20));
		assert_int_equal(h->facts[place].turn, i);
	}
	qsort(h->facts, h->count, sizeof(h->facts[0]), by_time);
}

/* The list as it is at a moment. */
static size_t look(const struct history *h, int64_t now, struct line *lines)
{
	size_t count = 0;

	for (size_t i = 0; i < h->count && h->facts[i].line.created <= now; i++) {
		const struct fact *fact = &h->facts[i];
		struct line *line = &lines[count++];
		*line = fact->line;
		line->content = fact->content;
		if (strcmp(line->role, "user") != 0)
			continue;
		line->id = fact->id;
		line->updated = fact->ended <= now ? fact->ended : fact->picked <= now ? fact->picked : line->created;
		line->status = fact->ended <= now && fact->failed ? "failed" : fact->ended <= now ? "completed" :
			       fact->picked <= now		  ? "pending" : "queued";
	}
	return count;
}

/* The texts of a turn so far; *ret_seen: how many there are, empty ones included. */
static void true_words(const struct history *h, int64_t now, size_t turn, const char *role, struct strbuf *out, size_t *ret_seen)
{
	*ret_seen = 0;
	for (size_t i = 0; i < h->count; i++) {
		const struct fact *fact = &h->facts[i];
		if (!fact->outcome || fact->turn != turn || fact->line.created > now || strcmp(fact->line.role, role) != 0)
			continue;
		(*ret_seen)++;
		if (fact->content[0] != '\0')
			strbuf_addf(out, "%s%s", out->len > 0 ? "\n\n" : "", fact->content);
	}
}

static void check_turn(const struct history *h, const struct transcript *transcript, int64_t now, size_t turn, bool last)
{
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(10000);
	struct turn_sight sight;
	char id[32], own[40];
	size_t seen;

	(void)snprintf(id, sizeof(id), "u%zu", turn);
	(void)snprintf(own, sizeof(own), "turn %zu", turn);
	transcript_turn(transcript, id, &sight);
	true_words(h, now, turn, "assistant", &words, &seen);
	const char *answer = sight.answer != NULL ? sight.answer : "", *failure = sight.failure != NULL ? sight.failure : "";
	if (sight.answered && (seen == 0 || strncmp(answer, strbuf_str(&words), strlen(answer)) != 0))
		fail_msg("seed: turn %zu at %lld has {%s}, not {%s}", turn, (long long)now, answer, strbuf_str(&words));
	if (!sight.answered && answer[0] != '\0')
		fail_msg("an answer that is none");
	for (const char *at = strstr(failure, "turn "); at != NULL; at = strstr(at + 1, "turn ")) {
		if (strncmp(at, own, strlen(own)) != 0)
			fail_msg("turn %zu at %lld has failed with {%s}", turn, (long long)now, failure);
	}
	if (last && sight.answered != (seen > 0))
		fail_msg("turn %zu is not answered in the end", turn);
	if (last && strcmp(answer, strbuf_str(&words)) != 0)
		fail_msg("turn %zu has {%s} in the end, not {%s}", turn, answer, strbuf_str(&words));
	if (last && sight.status == TURN_FAILED && failure[0] == '\0')
		fail_msg("turn %zu failed without words", turn);
}

static void check_moment(const struct history *h, int64_t now, bool last)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(1 << 20);
	struct line lines[EVENTS_MAX];
	struct transcript *transcript = read_lines(lines, look(h, now, lines), arena);

	for (size_t i = 0; i < h->turns; i++)
		check_turn(h, transcript, now, i, last);
}

static void attribution_is_right_or_waits(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 1500; seed++) {
		struct history h = { .seed = seed * 7919 };
		invent(&h);
		for (size_t i = 0; i < h.count; i++) {
			check_moment(&h, h.facts[i].line.created, false);
			if (strcmp(h.facts[i].line.role, "user") != 0)
				continue;
			check_moment(&h, h.facts[i].picked, false);
			check_moment(&h, h.facts[i].ended, false);
		}
		check_moment(&h, INT64_MAX / 4, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_then_ours),
		cmocka_unit_test(ours_then_foreign),
		cmocka_unit_test(after_a_failed_turn),
		cmocka_unit_test(lost_answers),
		cmocka_unit_test(empty_and_several_answers),
		cmocka_unit_test(late_notice_of_the_turn_before),
		cmocka_unit_test(without_times_order_decides),
		cmocka_unit_test(the_end_of_a_job),
		cmocka_unit_test(a_later_turn_goes_on),
		cmocka_unit_test(announces),
		cmocka_unit_test(finds_tags),
		cmocka_unit_test(reads_times),
		cmocka_unit_test(refuses_what_is_no_list),
		cmocka_unit_test(long_lists_are_cheap),
		cmocka_unit_test(reads_conversations),
		cmocka_unit_test(attribution_is_right_or_waits),
	};

	return cmocka_run_group_tests_name("transcript", tests, NULL, NULL);
}
