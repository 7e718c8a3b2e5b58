/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/model/http.h"

#define NOW  INT64_C(1776019512000) /* 2026-04-12T18:45:12Z */
#define HOUR INT64_C(3600000)

static const struct http_header headers[] = {
	{ "Content-Type", "application/json" },
	{ "X-Hub-Signature-256", "sha256=one" },
	{ "x-hub-signature-256", "sha256=two" },
	{ "X-GitHub-Event", "" },
};
#define HEADERS (sizeof(headers) / sizeof(headers[0]))

static void finds_headers_without_case(void **state)
{
	(void)state;
	assert_string_equal(http_header_get(headers, HEADERS, "content-type"), "application/json");
	assert_string_equal(http_header_get(headers, HEADERS, "X-HUB-SIGNATURE-256"), "sha256=one");
	assert_string_equal(http_header_get(headers, HEADERS, "x-github-event"), "");
	assert_null(http_header_get(headers, HEADERS, "content-typ"));
	assert_null(http_header_get(headers, HEADERS, "content-types"));
	assert_null(http_header_get(NULL, 0, "content-type"));
	assert_int_equal(http_header_count(headers, HEADERS, "X-Hub-Signature-256"), 2);
	assert_int_equal(http_header_count(headers, HEADERS, "X-GitHub-Event"), 1);
	assert_int_equal(http_header_count(headers, HEADERS, "X-GitHub-Delivery"), 0);
}

static void refuses_a_repeated_header(void **state)
{
	const struct http_request request = { .headers = headers, .header_count = HEADERS };
	struct error err = { .code = ERR_NONE };
	const char *value = "untouched";

	(void)state;
	assert_int_equal(http_header_once(&request, "X-Hub-Signature-256", &value, &err), -1);
	assert_int_equal(err.code, ERR_UNAUTHENTIC);
	assert_non_null(strstr(err.text, "X-Hub-Signature-256"));
	assert_null(strstr(err.text, "one"));
	assert_string_equal(value, "untouched");
	assert_int_equal(http_header_once(&request, "CONTENT-TYPE", &value, &err), 0);
	assert_string_equal(value, "application/json");
	assert_int_equal(http_header_once(&request, "X-GitHub-Delivery", &value, &err), 0);
	assert_null(value);
}

static void compares_media_types(void **state)
{
	static const struct {
		const char *value;
		bool is_json;
	} rows[] = {
		{ "application/json", true },
		{ "Application/JSON", true },
		{ "application/json; charset=utf-8", true },
		{ "application/json;charset=utf-8", true },
		{ "application/json ;charset=utf-8", true },
		{ " application/json ", true },
		{ "application/json;", true },
		{ "application/jsonp", false },
		{ "application/jso", false },
		{ "application/json, text/html", false },
		{ "application/json text/html", false },
		{ "application/cloudevents+json", false },
		{ "text/plain; x=application/json", false },
		{ "", false },
		{ ";", false },
		{ NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (http_is_type(rows[i].value, "application/json") != rows[i].is_json)
			fail_msg("%s", rows[i].value != NULL ? rows[i].value : "NULL");
	}
}

struct retry_row {
	const char *value;
	int64_t now_ms;
	int64_t expected;
};

static void check_retry(const struct retry_row *rows, size_t count, int64_t max_ms)
{
	for (size_t i = 0; i < count; i++) {
		int64_t got = http_retry_after_ms(rows[i].value, rows[i].now_ms, max_ms);
		if (got != rows[i].expected)
			fail_msg("'%s': %jd, expected %jd",
				 rows[i].value != NULL ? rows[i].value : "NULL", (intmax_t)got,
				 (intmax_t)rows[i].expected);
	}
}

static void reads_seconds(void **state)
{
	static const struct retry_row rows[] = {
		{ "0", NOW, 0 },
		{ "120", NOW, 120000 },
		{ " 7\t", NOW, 7000 },
		{ "0000000000000000000000000000005", NOW, 5000 },
		{ "3600", NOW, HOUR },
		{ "3601", NOW, HOUR },
		{ "9223372036854775807", NOW, HOUR },
		{ "9223372036854775808", NOW, HOUR },
		{ "99999999999999999999999999999999999999", NOW, HOUR },
		{ NULL, NOW, -1 },
		{ "", NOW, -1 },
		{ " ", NOW, -1 },
		{ "-1", NOW, -1 },
		{ "+1", NOW, -1 },
		{ "1.5", NOW, -1 },
		{ "1 2", NOW, -1 },
		{ "0x10", NOW, -1 },
		{ "1e3", NOW, -1 },
		{ "soon", NOW, -1 },
		{ "99999999999999999999x", NOW, -1 },
	};

	(void)state;
	check_retry(rows, sizeof(rows) / sizeof(rows[0]), HOUR);
}

static void reads_the_three_forms_of_a_date(void **state)
{
	const int64_t then =
		INT64_C(784111777000) - 5000; /* five seconds before the RFC's example */
	const struct retry_row rows[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", then, 5000 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", then, 5000 },
		{ "Sun Nov  6 08:49:37 1994", then, 5000 },
		{ " Sun, 06 Nov 1994 08:49:37 GMT ", then, 5000 },
		{ "Sun, 12 Apr 2026 18:45:13 GMT", NOW, 1000 },
		{ "Sunday, 12-Apr-26 18:45:13 GMT", NOW, 1000 },
		{ "Sun Apr 12 18:45:13 2026", NOW, 1000 },
		{ "Sun, 12 Apr 2026 18:45:13 GMT", NOW + 400, 600 },
		{ "Sun, 12 Apr 2026 18:45:11 GMT", NOW, 0 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", NOW, 0 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", NOW, HOUR },
		{ "Thu, 01 Jan 0001 00:00:00 GMT", NOW, 0 },
		{ "Thu, 29 Feb 2024 00:00:01 GMT", INT64_C(1709164800000), 1000 },
		{ "Tue, 30 Jun 2026 23:59:60 GMT", INT64_C(1782863999000), 1000 },
		{ "Tue, 30 Jun 2026 23:59:60 GMT", INT64_C(1782864000000), 0 },
	};

	(void)state;
	check_retry(rows, sizeof(rows) / sizeof(rows[0]), HOUR);
}

static void puts_two_digit_years_into_the_right_century(void **state)
{
	/* 76 is 50 years ahead of 2026 and stays there; 77 would be 51, so it is the past. */
	static const struct retry_row rows[] = {
		{ "Sunday, 12-Apr-76 18:45:13 GMT", NOW, HOUR },
		{ "Sunday, 12-Apr-77 18:45:13 GMT", NOW, 0 },
		{ "Sunday, 12-Apr-00 18:45:13 GMT", NOW, 0 },
		{ "Sunday, 12-Apr-99 18:45:13 GMT", NOW, 0 },
	};

	(void)state;
	check_retry(rows, sizeof(rows) / sizeof(rows[0]), HOUR);
}

static void refuses_what_is_no_date(void **state)
{
	static const char *const wrong[] = {
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 31 Feb 1994 08:49:37 GMT",
		"Sun, 29 Feb 2023 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 32 Jan 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMTx",
		"Sun,06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994  08:49:37 GMT",
		"Xxx, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Xxx 1994 08:49:37 GMT",
		"Sun Nov 6 08:49:37 1994",
		"Sun Nov  6 08:49:37 1994 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sun, 06 Nov -994 08:49:37 GMT",
		"Sun, 06 Nov 1994 8:49:37 GMT",
		"1994-11-06T08:49:37Z",
		"Sun, 06 Nov 1994 08:49:37 +0000",
		"Sun, ",
		"S",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (http_retry_after_ms(wrong[i], 0, HOUR) != -1)
			fail_msg("%s", wrong[i]);
	}
}

static void survives_any_now_and_maximum(void **state)
{
	static const int64_t ends[] = {
		INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX
	};
	static const char *const values[] = { "5", "99999999999999999999",
					      "Fri, 31 Dec 9999 23:59:59 GMT",
					      "Thu, 01 Jan 0000 00:00:00 GMT",
					      "Sunday, 06-Nov-94 08:49:37 GMT" };

	(void)state;
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
				int64_t got = http_retry_after_ms(values[v], ends[i], ends[k]);
				assert_true(got >= 0 && got <= (ends[k] > 0 ? ends[k] : 0));
			}
		}
	}
	assert_int_equal(http_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MIN, HOUR),
			 HOUR);
	assert_int_equal(http_retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MAX, HOUR), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_headers_without_case),
		cmocka_unit_test(refuses_a_repeated_header),
		cmocka_unit_test(compares_media_types),
		cmocka_unit_test(reads_seconds),
		cmocka_unit_test(reads_the_three_forms_of_a_date),
		cmocka_unit_test(puts_two_digit_years_into_the_right_century),
		cmocka_unit_test(refuses_what_is_no_date),
		cmocka_unit_test(survives_any_now_and_maximum),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
