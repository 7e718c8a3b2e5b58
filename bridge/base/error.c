/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const int http_status[] = {
	[ERR_NONE] = 200,      [ERR_INVALID] = 400,      [ERR_UNAUTHENTIC] = 401, [ERR_NOT_FOUND] = 404,
	[ERR_METHOD] = 405,    [ERR_CONFLICT] = 409,     [ERR_TOO_LARGE] = 413,   [ERR_CONTENT_TYPE] = 415,
	[ERR_BUSY] = 503,      [ERR_STORE] = 503,        [ERR_CONFIG] = 500,      [ERR_IO] = 500,
	[ERR_UPSTREAM] = 502,  [ERR_NO_MEMORY] = 503,    [ERR_INTERNAL] = 500,
};
_Static_assert(sizeof(http_status) / sizeof(http_status[0]) == ERR_CODES_, "a status for every code");

/* A cut text must stay valid UTF-8, because it ends up in JSON: drop a sequence that the cut broke. */
static void trim_broken_tail(char *text, size_t size)
{
	size_t len = strlen(text);

	if (len + 1 < size)
		return;
	size_t start = len;
	while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0U) == 0x80U)
		start--;
	if (start > 0 && ((unsigned char)text[start - 1] & 0xC0U) == 0xC0U)
		text[start - 1] = '\0';
}

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	if (err == NULL)
		return -1;
	va_list args;
	va_start(args, fmt);
	err->code = code;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	trim_broken_tail(err->text, sizeof(err->text));
	return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
	if (err == NULL)
		return -1;
	char front[sizeof(err->text)];
	char old[sizeof(err->text)];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(front, sizeof(front), fmt, args);
	va_end(args);
	memcpy(old, err->text, sizeof(old));
	size_t used = strlen(front);
	size_t room = sizeof(err->text) - 1 - used;
	size_t keep = strnlen(old, sizeof(old));
	if (keep > room)
		keep = room;
	memcpy(err->text, front, used);
	memcpy(err->text + used, old, keep);
	err->text[used + keep] = '\0';
	trim_broken_tail(err->text, sizeof(err->text));
	return -1;
}

int error_http_status(enum error_code code)
{
	return (unsigned)code < ERR_CODES_ ? http_status[code] : 500;
}
