/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 section 5.6, read by hand: strptime knows neither fractions nor offsets. */
#include "bridge/deliver/transcript.h"

struct cursor {
	const char *at;
	bool ok;
};

static int64_t digits(struct cursor *c, int count, int64_t least, int64_t most)
{
	int64_t value = 0;

	for (int i = 0; i < count && c->ok; i++) {
		c->ok = *c->at >= '0' && *c->at <= '9';
		if (c->ok)
			value = value * 10 + (*c->at++ - '0');
	}
	c->ok = c->ok && value >= least && value <= most;
	return value;
}

static void expect(struct cursor *c, char one, char other)
{
	c->ok = c->ok && (*c->at == one || *c->at == other);
	c->at += c->ok;
}

static int64_t month_days(int64_t year, int64_t month)
{
	static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01; years are counted from March, so that the leap day is a year's last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t fraction_ms(struct cursor *c)
{
	int64_t value = 0, weight = 100;

	if (!c->ok || *c->at != '.')
		return 0;
	c->at++;
	c->ok = *c->at >= '0' && *c->at <= '9';
	for (; *c->at >= '0' && *c->at <= '9'; c->at++, weight /= 10)
		value += (*c->at - '0') * weight;
	return value;
}

static int64_t offset_ms(struct cursor *c)
{
	if (!c->ok)
		return 0;
	if (*c->at == 'Z' || *c->at == 'z') {
		c->at++;
		return 0;
	}
	bool west = *c->at == '-';
	expect(c, '+', '-');
	int64_t hours = digits(c, 2, 0, 23);
	expect(c, ':', ':');
	int64_t minutes = digits(c, 2, 0, 59), ms = (hours * 60 + minutes) * 60000;
	return west ? -ms : ms;
}

int64_t transcript_time_ms(const char *text)
{
	struct cursor c = { .at = text, .ok = text != NULL };

	int64_t year = digits(&c, 4, 1, 9999);
	expect(&c, '-', '-');
	int64_t month = digits(&c, 2, 1, 12);
	expect(&c, '-', '-');
	int64_t day = digits(&c, 2, 1, c.ok ? month_days(year, month) : 31);
	expect(&c, 'T', 't');
	int64_t hour = digits(&c, 2, 0, 23);
	expect(&c, ':', ':');
	int64_t minute = digits(&c, 2, 0, 59);
	expect(&c, ':', ':');
	int64_t second = digits(&c, 2, 0, 60); /* a leap second is one */
	int64_t ms = fraction_ms(&c), offset = offset_ms(&c);
	if (!c.ok || *c.at != '\0')
		return -1;
	int64_t time = (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms - offset;
	return time >= 0 ? time : -1;
}
