/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/model/message.h"

static const char *const names[MESSAGE_STATES_] = {
	[MESSAGE_VETTING] = "vetting",	   [MESSAGE_QUEUED] = "queued",
	[MESSAGE_SENDING] = "sending",	   [MESSAGE_IN_DOUBT] = "in_doubt",
	[MESSAGE_FORWARDED] = "forwarded", [MESSAGE_ANSWERED] = "answered",
	[MESSAGE_STALLED] = "stalled",	   [MESSAGE_FAILED] = "failed",
	[MESSAGE_IGNORED] = "ignored",
};

/* Rows: from; columns: vetting queued sending in_doubt forwarded answered stalled failed ignored. x: allowed. */
static const char *const allowed[MESSAGE_STATES_] = {
	[MESSAGE_VETTING] = ".x......x",   [MESSAGE_QUEUED] = "..x....xx",  [MESSAGE_SENDING] = ".x.xx..x.",
	[MESSAGE_IN_DOUBT] = ".x..x..x.",  [MESSAGE_FORWARDED] = ".....xxx.", [MESSAGE_ANSWERED] = ".........",
	[MESSAGE_STALLED] = ".........",   [MESSAGE_FAILED] = ".........",  [MESSAGE_IGNORED] = ".........",
};

static void names_go_both_ways(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MESSAGE_STATES_; i++) {
		enum message_state parsed = MESSAGE_STATES_;
		assert_string_equal(message_state_name((enum message_state)i), names[i]);
		assert_true(message_state_parse(names[i], &parsed));
		assert_int_equal(parsed, i);
	}
	assert_string_equal(message_state_name(MESSAGE_STATES_), "unknown");
}

static void refuses_other_names(void **state)
{
	static const char *const wrong[] = { "",	"Queued",   "queued ", "que",
					     "unknown", "posted", NULL };
	enum message_state parsed = MESSAGE_IN_DOUBT;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(message_state_parse(wrong[i], &parsed));
	assert_int_equal(parsed, MESSAGE_IN_DOUBT);
}

static void kinds_go_both_ways(void **state)
{
	static const char *const kinds[] = { "continue", "start", "command" };
	enum message_kind parsed = MESSAGE_COMMAND;

	(void)state;
	for (unsigned i = 0; i < MESSAGE_KINDS_; i++) {
		assert_string_equal(message_kind_name((enum message_kind)i), kinds[i]);
		assert_true(message_kind_parse(kinds[i], &parsed));
		assert_int_equal(parsed, i);
	}
	assert_string_equal(message_kind_name(MESSAGE_KINDS_), "unknown");
	assert_false(message_kind_parse("Start", &parsed));
	assert_false(message_kind_parse("", &parsed));
	assert_false(message_kind_parse(NULL, &parsed));
	assert_int_equal(parsed, MESSAGE_COMMAND);
}

static void allows_exactly_these_moves(void **state)
{
	(void)state;
	for (unsigned from = 0; from < MESSAGE_STATES_; from++) {
		for (unsigned to = 0; to < MESSAGE_STATES_; to++) {
			bool may =
				message_may_move((enum message_state)from, (enum message_state)to);
			if (may != (allowed[from][to] == 'x'))
				fail_msg("%s to %s: %s", names[from], names[to],
					 may ? "allowed" : "refused");
		}
		assert_int_equal(message_is_final((enum message_state)from),
				 strchr(allowed[from], 'x') == NULL || from == MESSAGE_FORWARDED);
	}
	assert_false(message_may_move(MESSAGE_STATES_, MESSAGE_QUEUED));
	assert_false(message_may_move(MESSAGE_QUEUED, MESSAGE_STATES_));
	assert_false(message_is_final(MESSAGE_STATES_));
}

static void tag_names_the_message(void **state)
{
	char tag[MESSAGE_TAG_SIZE];

	(void)state;
	message_tag("01963f3c-1f2a-7d11-8a44-0d8e5a3f9c01", tag);
	assert_string_equal(tag, "[nairi-bridge 01963f3c-1f2a-7d11-8a44-0d8e5a3f9c01]");
	/* Never more than its buffer, and always closed, whatever it is given. */
	message_tag("01963f3c-1f2a-7d11-8a44-0d8e5a3f9c01-and-much-more-than-an-id-has", tag);
	assert_string_equal(tag, "[nairi-bridge 01963f3c-1f2a-7d11-8a44-0d8e5a3f9c01]");
}

static void knows_job_ids(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "job_01KRK1V46BXS73CSNK2VR35NPJ", true },
		{ "j_01KRK1V46BXS73CSNK2VR35NPJ", true },
		{ "job_01KRK1V46BXS73CSNK2VR35NP", false },
		{ "job_01KRK1V46BXS73CSNK2VR35NPJ0", false },
		{ "job_01KRK1V46BXS73CSNK2VR35NPJ ", false },
		{ " job_01KRK1V46BXS73CSNK2VR35NPJ", false },
		{ "job_01krk1v46bxs73csnk2vr35npj", false },
		{ "job_01KRK1V46BXS73CSNK2VR35NPI", false },
		{ "job_01KRK1V46BXS73CSNK2VR35NPL", false },
		{ "job_01KRK1V46BXS73CSNK2VR35NPO", false },
		{ "job_01KRK1V46BXS73CSNK2VR35NPU", false },
		{ "JOB_01KRK1V46BXS73CSNK2VR35NPJ", false },
		{ "jobs_01KRK1V46BXS73CSNK2VR35NPJ", false },
		{ "cmsg_01KRK1V46BXS73CSNK2VR35NPJ", false },
		{ "job_", false },
		{ "j_", false },
		{ "", false },
		{ NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (job_id_is_valid(rows[i].text) != rows[i].valid)
			fail_msg("%s", rows[i].text != NULL ? rows[i].text : "NULL");
	}
	assert_int_equal(strlen(rows[0].text), JOB_ID_MAX);
}

static void provisional_jobs_are_told_apart(void **state)
{
	char first[JOB_ID_MAX + 2], second[JOB_ID_MAX + 2];

	(void)state;
	job_id_provisional("01963f3c-1f2a-7d11-8a44-0d8e5a3f9c01", first);
	assert_string_equal(first, "new_3C1F2A7D118A440D8E5A3F9C01");
	assert_int_equal(strlen(first), JOB_ID_MAX);
	assert_true(job_id_is_provisional(first));
	assert_false(job_id_is_valid(first)); /* it never gets into a request */
	job_id_provisional("01963f3c-1f2a-7d11-8a44-0d8e5a3f9c02", second);
	assert_string_not_equal(first, second);
	job_id_provisional("1-a", second); /* shorter, or longer, than an id: still within its buffer */
	assert_string_equal(second, "new_1A");
	job_id_provisional("01963f3c-1f2a-7d11-8a44-0d8e5a3f9c01-and-much-more-than-an-id-has", second);
	assert_true(strlen(second) <= JOB_ID_MAX);
	assert_false(job_id_is_provisional("job_01KRK1V46BXS73CSNK2VR35NPJ"));
	assert_false(job_id_is_provisional("new"));
	assert_false(job_id_is_provisional(""));
	assert_false(job_id_is_provisional(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(refuses_other_names),
		cmocka_unit_test(kinds_go_both_ways),
		cmocka_unit_test(allows_exactly_these_moves),
		cmocka_unit_test(tag_names_the_message),
		cmocka_unit_test(knows_job_ids),
		cmocka_unit_test(provisional_jobs_are_told_apart),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
