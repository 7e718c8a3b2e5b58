/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/deliver/postponed.h"

#define ID_A "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define ID_B "j_01ARZ3NDEKTSV4RRFFQ69G5FAV"

static const char *id_of(size_t number, char out[JOB_ID_MAX + 2])
{
	(void)snprintf(out, JOB_ID_MAX + 2, "job_01KRK1V46BXS73CSNK2VR%05zu", number);
	return out;
}

static void in_turn(void **state)
{
	struct postponed postponed = { .count = 0 };

	(void)state;
	assert_true(postponed_add(&postponed, ID_A, 5));
	assert_true(postponed_add(&postponed, ID_B, 6));
	assert_true(postponed_add(&postponed, ID_A, 7)); /* again: behind the other, with the newer time */
	assert_int_equal(postponed.count, 2);
	assert_string_equal(postponed.jobs[0].id, ID_B);
	assert_string_equal(postponed.jobs[1].id, ID_A);
	assert_int_equal(postponed.jobs[1].updated_ms, 7);
	assert_true(postponed_has(&postponed, ID_B));
	assert_true(postponed_remove(&postponed, ID_B));
	assert_false(postponed_remove(&postponed, ID_B));
	assert_false(postponed_has(&postponed, ID_B));
	assert_string_equal(postponed.jobs[0].id, ID_A);
	assert_false(postponed_add(&postponed, "job_ 7", 1));
	assert_int_equal(postponed.count, 1);
}

static void room(void **state)
{
	struct postponed postponed = { .count = 0 }, again = { .count = 9 };
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(POSTPONED_TEXT_MAX);
	char id[JOB_ID_MAX + 2];

	(void)state;
	for (size_t i = 0; i < POSTPONED_MAX; i++)
		assert_true(postponed_add(&postponed, id_of(i, id), INT64_MAX));
	assert_false(postponed_add(&postponed, ID_A, 1));
	assert_true(postponed_add(&postponed, id_of(0, id), INT64_MIN)); /* it is there already */
	for (size_t i = 1; i < POSTPONED_MAX; i++)
		assert_true(postponed_add(&postponed, id_of(i, id), INT64_MIN));
	postponed_write(&postponed, &text);
	assert_false(strbuf_failed(&text));
	postponed_read(&again, strbuf_str(&text));
	assert_int_equal(again.count, POSTPONED_MAX);
	for (size_t i = 0; i < POSTPONED_MAX; i++) {
		assert_string_equal(again.jobs[i].id, id_of(i, id));
		assert_int_equal(again.jobs[i].updated_ms, INT64_MIN);
	}
	strbuf_adds(&text, " " ID_A " 5"); /* of a later version, with more room */
	postponed_read(&again, strbuf_str(&text));
	assert_int_equal(again.count, POSTPONED_MAX);
}

static void odd_notes(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} rows[] = {
		{ "", 0 },
		{ "   ", 0 },
		{ ID_A, 0 },
		{ ID_A " x", 0 },
		{ ID_A " 5x", 0 },
		{ "5 5 5", 0 },
		{ "job_toolong_toolong_toolong_toolong_toolong 5", 0 },
		{ ID_A " 5", 1 },
		{ "  " ID_A "  5  ", 1 },
		{ ID_A " " ID_B " 6", 1 },
		{ ID_A " 5 " ID_A " 6", 1 },
		{ "what " ID_A " 5 else 7 " ID_B " 6", 2 },
	};
	struct postponed postponed;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		postponed_read(&postponed, rows[i].text);
		if (postponed.count != rows[i].count)
			fail_msg("\"%s\": %zu", rows[i].text, postponed.count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_turn),
		cmocka_unit_test(room),
		cmocka_unit_test(odd_notes),
	};

	return cmocka_run_group_tests_name("postponed", tests, NULL, NULL);
}
