/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "bridge/deliver/nairi.h"
#include "bridge/model/message.h"

#define NOW      INT64_C(1776019512000)
#define MAX_WAIT INT64_C(600000)
#define OURS     "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER    "01890a5d-ac96-774b-bcce-b302099a8058"
#define TAG      "[nairi-bridge " OURS "]"

/* ---- what an answer of `continue` means: design 3.2, line by line ---- */

struct row {
	enum call_result result;
	int status;
	const char *body;
	enum nairi_meaning meaning;
	bool unreachable;
	const char *text; /* the message id, or the API's words */
};

static struct call answer_of(int status, const char *body, size_t len)
{
	return (struct call){
		.result = CALL_ANSWERED,
		.answer = { .status = status, .body = body, .body_len = len },
	};
}

static struct call call_of(const struct row *row)
{
	struct call call = answer_of(row->status, row->body != NULL ? row->body : "",
				     row->body != NULL ? strlen(row->body) : 0);

	call.result = row->result;
	(void)snprintf(call.reason, sizeof(call.reason), "%s", "the cause");
	return call;
}

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct call call = call_of(row);
		struct nairi_verdict got;

		memset(&got, 0xA5, sizeof(got));
		nairi_read_continue(&call, NOW, MAX_WAIT, &got);
		const char *text = got.meaning == NAIRI_FORWARDED ? got.message_id : got.error;
		if (got.meaning != row->meaning)
			fail_msg("row %zu (%d %s): meaning %d", i, row->status, row->body, (int)got.meaning);
		if (got.unreachable != row->unreachable)
			fail_msg("row %zu (%d %s): unreachable %d", i, row->status, row->body, got.unreachable);
		if (strcmp(text, row->text) != 0)
			fail_msg("row %zu (%d %s): \"%s\"", i, row->status, row->body, text);
		assert_int_equal(got.status, row->result == CALL_ANSWERED ? row->status : 0);
		assert_int_equal(got.wait_ms, -1);
		if (got.meaning == NAIRI_FORWARDED)
			assert_string_equal(got.error, "");
		else if (got.reason[0] == '\0' || strchr(got.reason, '%') != NULL)
			fail_msg("row %zu: reason \"%s\"", i, got.reason);
	}
}

#define CHECK(rows) check((rows), sizeof(rows) / sizeof((rows)[0]))
#define GOT	    CALL_ANSWERED

static void forwarded(void **state)
{
	static const struct row rows[] = {
		{ GOT, 201, "{\"job_id\":\"job_1\",\"message_id\":\"cmsg_1\"}", NAIRI_FORWARDED, false, "cmsg_1" },
		{ GOT, 200, "{\"message_id\":\"cmsg_1\"}", NAIRI_FORWARDED, false, "cmsg_1" },
		{ GOT, 202, "{\"message_id\":\"cmsg_1\",\"more\":[1,{}]}", NAIRI_FORWARDED, false, "cmsg_1" },
		{ GOT, 201, "{\"job_id\":7,\"message_id\":\"cmsg_1\",\"error\":null}", NAIRI_FORWARDED, false,
		  "cmsg_1" },
		{ GOT, 201, "{\"error\":\"a warning\",\"message_id\":\"cmsg_1\"}", NAIRI_FORWARDED, false, "cmsg_1" },
		{ GOT, 201, " \r\n{ \"message_id\" : \"cmsg_\\u0031\" } \n", NAIRI_FORWARDED, false, "cmsg_1" },
		{ GOT, 201, "{\"message_id\":\"x\"}", NAIRI_FORWARDED, false, "x" },
	};

	(void)state;
	CHECK(rows);
}

/* Not an answer of the API's: nothing was promised, and nothing proves that the API as a whole is well. */
static void success_without_a_usable_id_is_doubt(void **state)
{
	static const struct row rows[] = {
		{ GOT, 201, "{}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"error\":\"odd\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":\"\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":null}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":7}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":[\"cmsg_1\"]}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":{\"message_id\":\"cmsg_1\"}}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"Message_Id\":\"cmsg_1\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":\"cmsg 1\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":\"cmsg\\n1\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":\"cm\\u0000sg\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":\"cmsg_\xC3\xA9\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 201,
		  "{\"message_id\":\"0123456789012345678901234567890123456789012345678901234567890123\"}", NAIRI_DOUBT,
		  true, "" },
	};

	(void)state;
	CHECK(rows);
}

static void success_that_is_no_json_is_doubt(void **state)
{
	static const struct row rows[] = {
		{ GOT, 200, "", NAIRI_DOUBT, true, "" },
		{ GOT, 200, "<html>Please log in</html>", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":\"cmsg_1\"", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "{\"message_id\":\"cmsg_1\"}}", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "[\"cmsg_1\"]", NAIRI_DOUBT, true, "" },
		{ GOT, 201, "\"cmsg_1\"", NAIRI_DOUBT, true, "" },
		{ GOT, 204, NULL, NAIRI_DOUBT, true, "" },
	};

	(void)state;
	CHECK(rows);
}

static void refused(void **state)
{
	static const struct row rows[] = {
		{ GOT, 404, "{\"error\":\"job not found\"}", NAIRI_REFUSED, false, "job not found" },
		{ GOT, 400, "{\"error\":\"job is not an API job\"}", NAIRI_REFUSED, false, "job is not an API job" },
		{ GOT, 400, "{\"error\":\"\"}", NAIRI_REFUSED, false, "" },
		{ GOT, 409, "{\"error\":\"j\xC3\xB6" "b\",\"code\":9}", NAIRI_REFUSED, false, "j\xC3\xB6" "b" },
		{ GOT, 402, "{\"error\":\"pay\"}", NAIRI_REFUSED, false, "pay" },
		{ GOT, 410, "{\"error\":\"gone\"}", NAIRI_REFUSED, false, "gone" },
		{ GOT, 413, "{\"error\":\"too large\"}", NAIRI_REFUSED, false, "too large" },
		{ GOT, 422, "{\"error\":\"100%d %s %n\"}", NAIRI_REFUSED, false, "100%d %s %n" },
		{ GOT, 499, "{\"error\":\"x\",\"message_id\":\"cmsg_1\"}", NAIRI_REFUSED, false, "x" },
	};

	(void)state;
	CHECK(rows);
}

static void our_key(void **state)
{
	static const struct row rows[] = {
		{ GOT, 401, "{\"error\":\"invalid API key\"}", NAIRI_KEY, false, "invalid API key" },
		{ GOT, 403, "{\"error\":\"forbidden\"}", NAIRI_KEY, false, "forbidden" },
	};

	(void)state;
	CHECK(rows);
}

static void later(void **state)
{
	static const struct row rows[] = {
		{ GOT, 408, "{\"error\":\"slow\"}", NAIRI_LATER, false, "slow" },
		{ GOT, 429, "{\"error\":\"too many\"}", NAIRI_LATER, false, "too many" },
		{ GOT, 503, "{\"error\":\"down\"}", NAIRI_LATER, true, "down" },
		{ CALL_NOT_SENT, 0, NULL, NAIRI_LATER, true, "" },
		/* What an earlier transfer left in the answer does not count. */
		{ CALL_NOT_SENT, 201, "{\"message_id\":\"cmsg_1\"}", NAIRI_LATER, true, "" },
	};

	(void)state;
	CHECK(rows);
}

static void later_but_look_first(void **state)
{
	static const struct row rows[] = {
		{ GOT, 500, "{\"error\":\"oops\"}", NAIRI_DOUBT, true, "oops" },
		{ GOT, 502, "{\"error\":\"bad gateway\"}", NAIRI_DOUBT, true, "bad gateway" },
		{ GOT, 504, "{\"error\":\"time-out\"}", NAIRI_DOUBT, true, "time-out" },
		{ GOT, 501, "{\"error\":\"x\"}", NAIRI_DOUBT, true, "x" },
		{ GOT, 599, "{\"error\":\"x\"}", NAIRI_DOUBT, true, "x" },
		{ GOT, 500, "", NAIRI_DOUBT, true, "" },
		{ GOT, 502, "<html>", NAIRI_DOUBT, true, "" },
		/* Any answer that is not JSON: something in between. */
		{ GOT, 400, "Bad Request", NAIRI_DOUBT, true, "" },
		{ GOT, 401, "<html>", NAIRI_DOUBT, true, "" },
		{ GOT, 403, "<html>blocked</html>", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "<html>no such page</html>", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "{\"error\":\"job not found\"", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "{\"error\":\"\xFF\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "{\"error\":{\"message\":\"x\"}}", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "{\"error\":404}", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "{\"Error\":\"job not found\"}", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "[\"error\"]", NAIRI_DOUBT, true, "" },
		{ GOT, 404, "\"error\"", NAIRI_DOUBT, true, "" },
		{ GOT, 429, "slow down", NAIRI_DOUBT, true, "" },
		{ GOT, 503, "<html>maintenance</html>", NAIRI_DOUBT, true, "" },
		{ CALL_LOST, 0, NULL, NAIRI_DOUBT, true, "" },
		{ CALL_LOST, 201, "{\"message_id\":\"cmsg_1\"}", NAIRI_DOUBT, true, "" },
	};

	(void)state;
	CHECK(rows);
}

/*
 * A redirect is no answer of the API's either. 303 (RFC 9110 section 15.4.4) even says that the request was carried
 * out; the others come from something that was put in front.
 */
static void a_redirect_is_not_surely_unaccepted(void **state)
{
	static const int statuses[] = { 300, 301, 302, 303, 307, 308 };
	struct nairi_verdict verdict;

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		struct call call = answer_of(statuses[i], "", 0);
		nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
		assert_true(verdict.unreachable);
		assert_int_equal(verdict.status, statuses[i]);
		assert_int_equal(verdict.meaning, NAIRI_DOUBT);
	}
}

static void reasons_name_the_cause(void **state)
{
	struct nairi_verdict verdict;
	struct call call = { .result = CALL_LOST };

	(void)state;
	memset(call.reason, 'r', sizeof(call.reason) - 1); /* as long as it gets */
	nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
	assert_non_null(strstr(verdict.reason, "no answer: rrr"));
	call.result = CALL_NOT_SENT;
	nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
	assert_non_null(strstr(verdict.reason, "not sent: rrr"));
	call = answer_of(503, "{\"error\":\"x\"}", 13);
	nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
	assert_non_null(strstr(verdict.reason, "503"));
}

static void honours_and_clamps_retry_after(void **state)
{
	static const struct {
		int status;
		const char *value, *body;
		int64_t wait;
	} rows[] = {
		{ 429, "7", "{\"error\":\"x\"}", 7000 },
		{ 503, "7", "{\"error\":\"x\"}", 7000 },
		{ 408, "0", "{\"error\":\"x\"}", 0 },
		{ 429, "Sun, 12 Apr 2026 18:45:22 GMT", "{\"error\":\"x\"}", 10000 },
		{ 429, "Sun, 12 Apr 2020 18:45:22 GMT", "{\"error\":\"x\"}", 0 },
		{ 429, "999999999999", "{\"error\":\"x\"}", MAX_WAIT },
		{ 429, "-1", "{\"error\":\"x\"}", -1 },
		{ 429, "soon", "{\"error\":\"x\"}", -1 },
		{ 429, "", "{\"error\":\"x\"}", -1 },
		{ 503, "7", "<html>", 7000 },
		{ 502, "3", "<html>", 3000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_header headers[] = { { "X", "1" }, { "retry-AFTER", rows[i].value } };
		struct call call = answer_of(rows[i].status, rows[i].body, strlen(rows[i].body));
		struct nairi_verdict verdict;

		call.answer.headers = headers;
		call.answer.header_count = 2;
		nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
		if (verdict.wait_ms != rows[i].wait)
			fail_msg("row %zu: %jd", i, (intmax_t)verdict.wait_ms);
	}
}

static void a_truncated_answer_proves_nothing(void **state)
{
	struct call call = answer_of(201, "{\"message_id\":\"cmsg_1\"}", 23);
	struct nairi_verdict verdict;

	(void)state;
	call.answer.truncated = true;
	nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
	assert_int_equal(verdict.meaning, NAIRI_DOUBT);
	call = answer_of(404, "{\"error\":\"job not found\"}", 25);
	call.answer.truncated = true;
	nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
	assert_int_equal(verdict.meaning, NAIRI_DOUBT);
}

static void cuts_long_words_between_characters(void **state)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(1 << 20);
	struct nairi_verdict verdict;

	(void)state;
	for (size_t pad = 0; pad < 4; pad++) {
		strbuf_reset(&body);
		strbuf_adds(&body, "{\"error\":\"");
		for (size_t i = 0; i < pad; i++)
			strbuf_addc(&body, 'x');
		for (int i = 0; i < 2000; i++)
			strbuf_adds(&body, "\xF0\x9F\x98\x80");
		strbuf_adds(&body, "\"}");
		struct call call = answer_of(404, strbuf_str(&body), body.len);
		nairi_read_continue(&call, NOW, MAX_WAIT, &verdict);
		assert_int_equal(verdict.meaning, NAIRI_REFUSED);
		size_t len = strlen(verdict.error);
		assert_true(len < NAIRI_ERROR_MAX && len > NAIRI_ERROR_MAX - 8);
		assert_true(utf8_valid(verdict.error, len));
	}
}

/* ---- looking ---- */

static enum nairi_sight look(int status, const char *body, size_t len, struct nairi_verdict *verdict)
{
	struct call call = answer_of(status, body, len);

	memset(verdict, 0xA5, sizeof(*verdict));
	return nairi_read_messages(&call, TAG, NOW, MAX_WAIT, verdict);
}

struct sight_row {
	const char *what;
	int status;
	const char *body;
	enum nairi_sight sight;
	const char *id;
};

static void check_sights(const struct sight_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct nairi_verdict verdict;
		enum nairi_sight sight = look(rows[i].status, rows[i].body, strlen(rows[i].body), &verdict);
		if (sight != rows[i].sight)
			fail_msg("%s: %d (%s)", rows[i].what, (int)sight, verdict.reason);
		if (sight == NAIRI_FOUND) {
			assert_int_equal(verdict.meaning, NAIRI_FORWARDED);
			assert_string_equal(verdict.message_id, rows[i].id);
			assert_string_equal(verdict.error, "");
		}
		if (sight == NAIRI_UNSEEN && (verdict.meaning == NAIRI_FORWARDED || verdict.reason[0] == '\0'))
			fail_msg("%s: %d without a reason", rows[i].what, (int)verdict.meaning);
	}
}

#define CHECK_SIGHTS(rows) check_sights((rows), sizeof(rows) / sizeof((rows)[0]))
#define MESSAGE(id, role, content) "{\"id\":\"" id "\",\"role\":\"" role "\",\"content\":\"" content "\"}"
#define LIST(messages)		   "{\"messages\":[" messages "]}"

static void finds(void **state)
{
	static const struct sight_row rows[] = {
		{ "alone", 200, LIST(MESSAGE("cmsg_1", "user", "hi\\n\\n" TAG)), NAIRI_FOUND, "cmsg_1" },
		{ "only the tag", 200, LIST(MESSAGE("cmsg_1", "user", TAG)), NAIRI_FOUND, "cmsg_1" },
		{ "padded", 200, LIST(MESSAGE("cmsg_1", "user", "hi\\n" TAG " \\r\\n\\n")), NAIRI_FOUND, "cmsg_1" },
		{ "first of two that were joined", 200,
		  LIST(MESSAGE("cmsg_1", "user", "2 messages\\n\\na\\n" TAG "\\n\\n---\\n\\nb\\n[nairi-bridge " OTHER "]")),
		  NAIRI_FOUND, "cmsg_1" },
		{ "second of two that were joined", 200,
		  LIST(MESSAGE("cmsg_1", "user", "a\\n[nairi-bridge " OTHER "]\\n\\n---\\n\\nb\\n" TAG)),
		  NAIRI_FOUND, "cmsg_1" },
		{ "on its own line behind a quote of it", 200,
		  LIST(MESSAGE("cmsg_1", "user", "why " TAG "?\\n" TAG "\\n")), NAIRI_FOUND, "cmsg_1" },
		{ "the last of many", 200,
		  LIST(MESSAGE("cmsg_1", "user", "hi") "," MESSAGE("cmsg_2", "assistant", "ho") "," MESSAGE(
			  "cmsg_3", "user", "again\\n" TAG)),
		  NAIRI_FOUND, "cmsg_3" },
		{ "after a quote of it", 200,
		  LIST(MESSAGE("cmsg_1", "assistant", TAG) "," MESSAGE("cmsg_2", "user", "why " TAG "?") "," MESSAGE(
			  "cmsg_3", "user", "x\\n\\n" TAG)),
		  NAIRI_FOUND, "cmsg_3" },
		{ "among broken ones", 200,
		  "{\"messages\":[null,7,\"x\",[],{},{\"id\":1,\"role\":2,\"content\":3}," MESSAGE(
			  "cmsg_9", "user", TAG) "]}",
		  NAIRI_FOUND, "cmsg_9" },
		{ "with other members", 200,
		  "{\"next\":{\"messages\":[]},\"messages\":[{\"cost\":1.5,\"content\":\"" TAG
		  "\",\"x\":{\"id\":\"no\"},\"role\":\"user\",\"id\":\"cmsg_4\"}],\"total\":1}",
		  NAIRI_FOUND, "cmsg_4" },
		{ "written with escapes", 200,
		  LIST(MESSAGE("cmsg_5", "user", "\\u005bnairi-bridge " OURS "\\u005d")), NAIRI_FOUND, "cmsg_5" },
		{ "hyphens written with escapes", 200,
		  LIST(MESSAGE("cmsg_5", "user", "[nairi\\u002dbridge " OURS "]")), NAIRI_FOUND, "cmsg_5" },
	};

	(void)state;
	CHECK_SIGHTS(rows);
}

static void does_not_find(void **state)
{
	static const struct sight_row rows[] = {
		{ "nothing there", 200, "{\"messages\":[]}", NAIRI_ABSENT, NULL },
		{ "others", 200, LIST(MESSAGE("cmsg_1", "user", "hi")), NAIRI_ABSENT, NULL },
		{ "another tag", 200, LIST(MESSAGE("cmsg_1", "user", "[nairi-bridge " OTHER "]")), NAIRI_ABSENT, NULL },
		{ "said by the assistant", 200, LIST(MESSAGE("cmsg_1", "assistant", "You wrote " TAG)), NAIRI_ABSENT,
		  NULL },
		{ "in a trace", 200, LIST(MESSAGE("cmsg_1", "progress", TAG)), NAIRI_ABSENT, NULL },
		{ "in a notice", 200, LIST(MESSAGE("cmsg_1", "system", TAG)), NAIRI_ABSENT, NULL },
		{ "quoted in the middle", 200, LIST(MESSAGE("cmsg_1", "user", "> " TAG "\\n\\nwhat is that?")),
		  NAIRI_ABSENT, NULL },
		{ "behind other words of its line", 200, LIST(MESSAGE("cmsg_1", "user", "hi " TAG)), NAIRI_ABSENT, NULL },
		{ "before other words of its line", 200, LIST(MESSAGE("cmsg_1", "user", "hi\\n" TAG " hi\\n")), NAIRI_ABSENT,
		  NULL },
		{ "quoted as the last line", 200, LIST(MESSAGE("cmsg_1", "user", "hi\\n> " TAG)), NAIRI_ABSENT, NULL },
		{ "half of it", 200, LIST(MESSAGE("cmsg_1", "user", "airi-bridge " OURS "]")), NAIRI_ABSENT, NULL },
		{ "outside the messages", 200, "{\"note\":\"" TAG "\",\"messages\":[]}", NAIRI_ABSENT, NULL },
		{ "in another member", 200,
		  "{\"messages\":[{\"id\":\"cmsg_1\",\"role\":\"user\",\"content\":\"x\",\"model\":\"" TAG "\"}]}",
		  NAIRI_ABSENT, NULL },
		{ "no such job", 404, "{\"error\":\"job not found\"}", NAIRI_ABSENT, NULL },
		{ "not an API job", 400, "{\"error\":\"job is not an API job\"}", NAIRI_ABSENT, NULL },
	};

	(void)state;
	CHECK_SIGHTS(rows);
}

/* Absence is a proof that lets the prompt go again: whatever is not a whole list proves nothing. */
static void sees_nothing(void **state)
{
	static const struct sight_row rows[] = {
		{ "empty", 200, "", NAIRI_UNSEEN, NULL },
		{ "no JSON", 200, "<html>log in</html>", NAIRI_UNSEEN, NULL },
		{ "no list", 200, "{}", NAIRI_UNSEEN, NULL },
		{ "a bare list", 200, "[]", NAIRI_UNSEEN, NULL },
		{ "null", 200, "{\"messages\":null}", NAIRI_UNSEEN, NULL },
		{ "an object", 200, "{\"messages\":{}}", NAIRI_UNSEEN, NULL },
		{ "a text", 200, "{\"messages\":\"" TAG "\"}", NAIRI_UNSEEN, NULL },
		{ "an error", 200, "{\"error\":\"try again\"}", NAIRI_UNSEEN, NULL },
		{ "broken off", 200, "{\"messages\":[" MESSAGE("cmsg_1", "user", "hi"), NAIRI_UNSEEN, NULL },
		{ "broken off behind it", 200, "{\"messages\":[" MESSAGE("cmsg_1", "user", TAG), NAIRI_UNSEEN, NULL },
		{ "two documents", 200, "{\"messages\":[]}{\"messages\":[]}", NAIRI_UNSEEN, NULL },
		{ "no UTF-8", 200, LIST(MESSAGE("cmsg_1", "user", "\xFF")), NAIRI_UNSEEN, NULL },
		{ "no UTF-8 beside", 200, "{\"x\":\"\xC0\x80\",\"messages\":[]}", NAIRI_UNSEEN, NULL },
		{ "a proxy's 404", 404, "<html>", NAIRI_UNSEEN, NULL },
		{ "later", 503, "{\"error\":\"x\"}", NAIRI_UNSEEN, NULL },
		{ "slow down", 429, "{\"error\":\"x\"}", NAIRI_UNSEEN, NULL },
		{ "a fault", 500, "{\"error\":\"x\"}", NAIRI_UNSEEN, NULL },
		{ "our key", 401, "{\"error\":\"x\"}", NAIRI_UNSEEN, NULL },
		{ "a redirect", 302, "", NAIRI_UNSEEN, NULL },
		/* It is there, so it must not go again, though nobody can name it. */
		{ "an id that is none", 200, "{\"messages\":[{\"id\":7,\"role\":\"user\",\"content\":\"" TAG "\"}]}",
		  NAIRI_UNSEEN, NULL },
		{ "no id", 200, "{\"messages\":[{\"role\":\"user\",\"content\":\"" TAG "\"}]}", NAIRI_UNSEEN, NULL },
		{ "an id with spaces", 200, LIST(MESSAGE("c m", "user", TAG)), NAIRI_UNSEEN, NULL },
	};

	(void)state;
	CHECK_SIGHTS(rows);
}

static void says_why_it_sees_nothing(void **state)
{
	struct nairi_verdict verdict;

	(void)state;
	assert_int_equal(look(401, "{\"error\":\"bad key\"}", 19, &verdict), NAIRI_UNSEEN);
	assert_int_equal(verdict.meaning, NAIRI_KEY);
	assert_string_equal(verdict.error, "bad key");
	assert_int_equal(look(503, "{\"error\":\"x\"}", 13, &verdict), NAIRI_UNSEEN);
	assert_int_equal(verdict.meaning, NAIRI_LATER);
	assert_true(verdict.unreachable);

	struct call call = { .result = CALL_NOT_SENT, .reason = "refused" };
	assert_int_equal(nairi_read_messages(&call, TAG, NOW, MAX_WAIT, &verdict), NAIRI_UNSEEN);
	assert_non_null(strstr(verdict.reason, "refused"));
	call.result = CALL_LOST;
	assert_int_equal(nairi_read_messages(&call, TAG, NOW, MAX_WAIT, &verdict), NAIRI_UNSEEN);
	assert_true(verdict.meaning != NAIRI_FORWARDED && verdict.meaning != NAIRI_REFUSED);

	struct http_header after = { "Retry-After", "9" };
	call = answer_of(429, "{\"error\":\"x\"}", 13);
	call.answer.headers = &after;
	call.answer.header_count = 1;
	assert_int_equal(nairi_read_messages(&call, TAG, NOW, MAX_WAIT, &verdict), NAIRI_UNSEEN);
	assert_int_equal(verdict.wait_ms, 9000);
}

static void a_truncated_list_proves_nothing(void **state)
{
	static const char *const bodies[] = { LIST(MESSAGE("cmsg_1", "user", "hi")), "{\"messages\":[", "" };
	struct nairi_verdict verdict;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct call call = answer_of(200, bodies[i], strlen(bodies[i]));
		call.answer.truncated = true;
		assert_int_equal(nairi_read_messages(&call, TAG, NOW, MAX_WAIT, &verdict), NAIRI_UNSEEN);
		assert_int_equal(verdict.meaning, NAIRI_LATER);
	}
}

/* A list as a long job has it: few words, many rows of progress whose content is itself JSON. */
static void fill_list(struct strbuf *out, size_t rows, const char *last)
{
	strbuf_adds(out, "{\"messages\":[");
	for (size_t i = 0; i < rows; i++)
		strbuf_addf(out,
			    "{\"id\":\"cmsg_%zu\",\"job_id\":\"job_01KRK1V46BXS73CSNK2VR35NPJ\",\"role\":\"progress\","
			    "\"status\":\"completed\",\"content\":\"{\\\"progress_type\\\":\\\"tool_use\\\","
			    "\\\"tool\\\":\\\"bash\\\",\\\"tool_output\\\":\\\"line %zu\\\"}\","
			    "\"created_at\":\"2026-04-12T18:45:12Z\","
			    "\"updated_at\":\"2026-04-12T18:45:12Z\","
			    "\"progress_type\":\"tool_use\",\"tool_name\":\"bash\"},",
			    i, i);
	strbuf_addf(out, "{\"id\":\"cmsg_last\",\"role\":\"user\",\"content\":\"%s\"}]}", last);
	assert_false(strbuf_failed(out));
}

static void reads_long_lists(void **state)
{
	static const size_t sizes[] = { 1000, 15000, 60000 };
	struct nairi_verdict verdict;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CLEANUP(strbuf_release) struct strbuf body = STRBUF(64 << 20);
		fill_list(&body, sizes[i], "go\\n" TAG);
		if (look(200, strbuf_str(&body), body.len, &verdict) != NAIRI_FOUND)
			fail_msg("%zu rows, %zu bytes: %s", sizes[i], body.len, verdict.reason);
		assert_string_equal(verdict.message_id, "cmsg_last");
		strbuf_reset(&body);
		fill_list(&body, sizes[i], "go");
		if (look(200, strbuf_str(&body), body.len, &verdict) != NAIRI_ABSENT)
			fail_msg("%zu rows, %zu bytes: %s", sizes[i], body.len, verdict.reason);
	}
}

/* ---- calls ---- */

static void describes_the_calls(void **state)
{
	static const char *const base = "https://api.example/api/public/v1";
	CLEANUP(arena_free_at) struct arena *arena = arena_new(65536);
	struct http_call_spec spec;
	struct error err;

	(void)state;
	assert_int_equal(nairi_continue_request(base, "job_1", "say \"hi\"\n\xC3\xA9 " TAG, arena, &spec, &err), 0);
	assert_string_equal(spec.method, "POST");
	assert_string_equal(spec.url, "https://api.example/api/public/v1/conversations/job_1/continue");
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	assert_int_equal(json_read(spec.body, strlen(spec.body), NULL, &tree, &err), 0);
	assert_string_equal(json_str(tree, "prompt"), "say \"hi\"\n\xC3\xA9 " TAG);
	assert_int_equal(cJSON_GetArraySize(tree), 1);

	assert_int_equal(nairi_messages_request(base, "job_1", arena, &spec, &err), 0);
	assert_string_equal(spec.method, "GET");
	assert_string_equal(spec.url, "https://api.example/api/public/v1/conversations/job_1/messages");
	assert_null(spec.body);
	assert_int_equal(nairi_probe_request(base, arena, &spec, &err), 0);
	assert_string_equal(spec.method, "GET");
	assert_string_equal(spec.url, "https://api.example/api/public/v1/agents");
}

static void says_when_memory_is_not_enough(void **state)
{
	CLEANUP(arena_free_at) struct arena *arena = arena_new(64);
	struct http_call_spec spec;
	struct error err = { 0 };
	char prompt[200];

	(void)state;
	memset(prompt, 'x', sizeof(prompt));
	prompt[sizeof(prompt) - 1] = '\0';
	assert_int_equal(nairi_continue_request("http://x", "job_1", prompt, arena, &spec, &err), -1);
	assert_int_equal(err.code, ERR_NO_MEMORY);
	assert_int_equal(nairi_messages_request("http://x", "job_1", arena, &spec, &err), -1);
	assert_int_equal(nairi_probe_request("http://x", arena, &spec, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwarded),
		cmocka_unit_test(success_without_a_usable_id_is_doubt),
		cmocka_unit_test(success_that_is_no_json_is_doubt),
		cmocka_unit_test(refused),
		cmocka_unit_test(our_key),
		cmocka_unit_test(later),
		cmocka_unit_test(later_but_look_first),
		cmocka_unit_test(a_redirect_is_not_surely_unaccepted),
		cmocka_unit_test(reasons_name_the_cause),
		cmocka_unit_test(honours_and_clamps_retry_after),
		cmocka_unit_test(a_truncated_answer_proves_nothing),
		cmocka_unit_test(cuts_long_words_between_characters),
		cmocka_unit_test(finds),
		cmocka_unit_test(does_not_find),
		cmocka_unit_test(sees_nothing),
		cmocka_unit_test(says_why_it_sees_nothing),
		cmocka_unit_test(a_truncated_list_proves_nothing),
		cmocka_unit_test(reads_long_lists),
		cmocka_unit_test(describes_the_calls),
		cmocka_unit_test(says_when_memory_is_not_enough),
	};

	return cmocka_run_group_tests_name("nairi", tests, NULL, NULL);
}
