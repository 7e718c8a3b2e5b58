/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/stamp.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t stamp_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t stamp_deadline(int64_t ms)
{
	return stamp_monotonic() + ms + 1;
}

int64_t stamp_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

static void format(int64_t wall_ms, const char *fraction, char out[STAMP_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts;
	char head[24];

	gmtime_r(&seconds, &parts);
	strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(out, STAMP_SIZE, "%s%sZ", head, fraction);
}

void stamp_format(int64_t wall_ms, char out[STAMP_SIZE])
{
	char fraction[8];

	snprintf(fraction, sizeof(fraction), ".%03u", (unsigned)(wall_ms % 1000) % 1000U);
	format(wall_ms, fraction, out);
}

void stamp_format_seconds(int64_t wall_ms, char out[STAMP_SIZE])
{
	format(wall_ms, "", out);
}

/* `count` digits at *at, moving it on; -1 if there are fewer. */
static int take_digits(const char **at, int count)
{
	int value = 0;

	for (; count > 0; count--, (*at)++) {
		if (**at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool take(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

/* "Z" or "+hh:mm" at the end of the string: minutes east of UTC. */
static int take_offset(const char *at, int *ret_minutes)
{
	int sign = *at == '-' ? -1 : 1;
	int hours;
	int minutes;

	if (strcmp(at, "Z") == 0) {
		*ret_minutes = 0;
		return 0;
	}
	if (*at != '+' && *at != '-')
		return -1;
	at++;
	hours = take_digits(&at, 2);
	if (hours < 0 || hours > 23 || !take(&at, ':'))
		return -1;
	minutes = take_digits(&at, 2);
	if (minutes < 0 || minutes > 59 || *at != '\0')
		return -1;
	*ret_minutes = sign * (hours * 60 + minutes);
	return 0;
}

int stamp_parse(const char *string, int64_t *ret_ms)
{
	const char *at = string;
	struct tm parts = {0};
	int64_t fraction = 0;
	int64_t unit = 100;
	int offset;

	parts.tm_year = take_digits(&at, 4) - 1900;
	if (parts.tm_year < -1900 || !take(&at, '-'))
		return -1;
	parts.tm_mon = take_digits(&at, 2) - 1;
	if (parts.tm_mon < 0 || parts.tm_mon > 11 || !take(&at, '-'))
		return -1;
	parts.tm_mday = take_digits(&at, 2);
	if (parts.tm_mday < 1 || parts.tm_mday > 31 || !take(&at, 'T'))
		return -1;
	parts.tm_hour = take_digits(&at, 2);
	if (parts.tm_hour < 0 || parts.tm_hour > 23 || !take(&at, ':'))
		return -1;
	parts.tm_min = take_digits(&at, 2);
	if (parts.tm_min < 0 || parts.tm_min > 59 || !take(&at, ':'))
		return -1;
	parts.tm_sec = take_digits(&at, 2);
	if (parts.tm_sec < 0 || parts.tm_sec > 60)
		return -1;
	if (take(&at, '.')) {
		if (*at < '0' || *at > '9')
			return -1;
		for (; *at >= '0' && *at <= '9'; at++, unit /= 10)
			fraction += unit * (*at - '0');
	}
	if (take_offset(at, &offset) != 0)
		return -1;
	*ret_ms = ((int64_t)timegm(&parts) - (int64_t)offset * 60) * 1000 + fraction;
	return 0;
}
