/* SPDX-License-Identifier: Apache-2.0 */
/* Retry-After and the three forms of an HTTP-date (RFC 9110 sections 10.2.3 and 5.6.7). */
#include <string.h>
#include <time.h>

#include "bridge/model/http.h"

#define SECONDS_MAX (INT64_MAX / 1000)

/*
 * %a %A short and long day, %b month, %d two digits, %e two digits or space and digit, %y %Y year
 * of two and four digits, %T time. Our own small reader, since strptime follows the locale and
 * takes what the RFC does not.
 */
static const char *const date_forms[] = {
	"%a, %d %b %Y %T GMT", /* IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT */
	"%A, %d-%b-%y %T GMT", /* RFC 850: Sunday, 06-Nov-94 08:49:37 GMT */
	"%a %b %e %T %Y",      /* asctime: Sun Nov  6 08:49:37 1994 */
};

static const char *const day_names[] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
					 "Thursday", "Friday", "Saturday" };
static const char *const month_names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* What is being read: the rest of the value. */
struct reader {
	const char *at;
	const char *end;
};

static bool take_number(struct reader *r, int digits, int *ret)
{
	int value = 0;

	if (r->end - r->at < digits)
		return false;
	for (int i = 0; i < digits; i++) {
		if (r->at[i] < '0' || r->at[i] > '9')
			return false;
		value = value * 10 + (r->at[i] - '0');
	}
	r->at += digits;
	*ret = value;
	return true;
}

static bool take_text(struct reader *r, const char *text, size_t len)
{
	if ((size_t)(r->end - r->at) < len || memcmp(r->at, text, len) != 0)
		return false;
	r->at += len;
	return true;
}

static bool take_day_name(struct reader *r, bool whole)
{
	for (size_t i = 0; i < sizeof(day_names) / sizeof(day_names[0]); i++) {
		if (take_text(r, day_names[i], whole ? strlen(day_names[i]) : 3))
			return true;
	}
	return false;
}

static bool take_month(struct reader *r, int *ret)
{
	for (int i = 0; i < 12; i++) {
		if (take_text(r, month_names[i], 3)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool take_time(struct reader *r, struct tm *tm)
{
	return take_number(r, 2, &tm->tm_hour) && take_text(r, ":", 1) &&
	       take_number(r, 2, &tm->tm_min) && take_text(r, ":", 1) &&
	       take_number(r, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec <= 60;
}

static bool take_year(struct reader *r, int digits, struct tm *tm)
{
	if (!take_number(r, digits, &tm->tm_year))
		return false;
	tm->tm_year -= 1900;
	return true;
}

/* One conversion of a form; year_digits tells the caller that a century is missing. */
static bool take_part(struct reader *r, char part, struct tm *tm, int *year_digits)
{
	switch (part) {
	case 'a':
	case 'A':
		return take_day_name(r, part == 'A');
	case 'b':
		return take_month(r, &tm->tm_mon);
	case 'd':
		return take_number(r, 2, &tm->tm_mday);
	case 'e':
		return take_text(r, " ", 1) ? take_number(r, 1, &tm->tm_mday)
					    : take_number(r, 2, &tm->tm_mday);
	case 'y':
	case 'Y':
		*year_digits = part == 'y' ? 2 : 4;
		return take_year(r, *year_digits, tm);
	default:
		return take_time(r, tm);
	}
}

static bool take_form(struct reader r, const char *form, struct tm *tm, int *year_digits)
{
	for (; *form != '\0'; form++) {
		bool ok = *form == '%' ? take_part(&r, *++form, tm, year_digits)
				       : take_text(&r, form, 1);
		if (!ok)
			return false;
	}
	return r.at == r.end;
}

/*
 * A two-digit year that seems more than 50 years ahead is the past one with these digits (5.6.7).
 */
static int add_century(int two_digits, int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	/* A clock outside of four-digit years says nothing about a century. */
	if (gmtime_r(&now, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return two_digits + 1900;
	int this_year = tm.tm_year + 1900;
	int year = this_year / 100 * 100 + two_digits;
	return year > this_year + 50 ? year - 100 : year;
}

/* Whether the date exists: timegm makes of 31 February 3 March, and of day 0 the month before. */
static bool to_seconds(struct tm tm, int64_t *ret)
{
	int month = tm.tm_mon;
	int64_t leap = tm.tm_sec == 60;

	tm.tm_sec -= (int)leap;
	int64_t seconds = (int64_t)timegm(&tm);
	if (tm.tm_mon != month)
		return false;
	*ret = seconds + leap;
	return true;
}

static bool read_date(const char *text, size_t len, int64_t now_ms, int64_t *ret_seconds)
{
	for (size_t i = 0; i < sizeof(date_forms) / sizeof(date_forms[0]); i++) {
		struct tm tm = { .tm_isdst = 0 };
		int year_digits = 4;
		struct reader r = { .at = text, .end = text + len };
		if (!take_form(r, date_forms[i], &tm, &year_digits))
			continue;
		if (year_digits == 2)
			tm.tm_year = add_century(tm.tm_year + 1900, now_ms) - 1900;
		return to_seconds(tm, ret_seconds);
	}
	return false;
}

/*
 * 1*DIGIT of any length; beyond what fits it stays at the largest, which the caller clamps anyway.
 */
static bool read_seconds(const char *text, size_t len, int64_t *ret)
{
	int64_t value = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		int digit = text[i] - '0';
		value = value > (SECONDS_MAX - digit) / 10 ? SECONDS_MAX : value * 10 + digit;
	}
	*ret = value;
	return len > 0;
}

static int64_t clamp(int64_t ms, int64_t max_ms)
{
	if (ms > max_ms)
		ms = max_ms;
	return ms < 0 ? 0 : ms;
}

int64_t http_retry_after_ms(const char *value, int64_t now_ms, int64_t max_ms)
{
	int64_t seconds, wait;

	if (value == NULL)
		return -1;
	value += strspn(value, " \t");
	size_t len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	if (read_seconds(value, len, &seconds))
		return clamp(seconds * 1000, max_ms);
	if (!read_date(value, len, now_ms, &seconds))
		return -1;
	/*
	 * A year of four digits times 1000 fits; the difference need not, whatever the caller calls
	 * now.
	 */
	if (__builtin_sub_overflow(seconds * 1000, now_ms, &wait))
		return now_ms < 0 ? clamp(INT64_MAX, max_ms) : 0;
	return clamp(wait, max_ms);
}
