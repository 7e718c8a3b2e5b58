/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

void clock_format(int64_t now_ms, char out[CLOCK_TEXT_SIZE])
{
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;
	char date[24];

	if (gmtime_r(&seconds, &tm) == NULL || strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		(void)snprintf(out, CLOCK_TEXT_SIZE, "1970-01-01T00:00:00.000Z");
		return;
	}
	(void)snprintf(out, CLOCK_TEXT_SIZE, "%s.%03dZ", date, (int)(now_ms % 1000));
}
