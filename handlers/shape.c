/* SPDX-License-Identifier: Apache-2.0 */
#include "handlers/shape.h"

#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"

int shape_opt_str(const cJSON *tree, const char *path, const char **ret, struct error *err)
{
	const cJSON *item = json_at(tree, path);

	if (item == NULL || cJSON_IsNull(item)) {
		*ret = NULL;
		return 0;
	}
	if (!cJSON_IsString(item) || item->valuestring == NULL)
		return error_set(err, ERR_INVALID, "%s is not a string", path);
	*ret = item->valuestring;
	return 0;
}

int shape_str(const cJSON *tree, const char *path, const char **ret, struct error *err)
{
	const char *text = NULL;

	if (shape_opt_str(tree, path, &text, err) < 0)
		return -1;
	if (text == NULL)
		return error_set(err, ERR_INVALID, "%s is missing", path);
	*ret = text;
	return 0;
}

int shape_id(const cJSON *tree, const char *path, int64_t *ret, struct error *err)
{
	const cJSON *item = json_at(tree, path);
	int64_t value = 0;

	if (item == NULL || cJSON_IsNull(item))
		return error_set(err, ERR_INVALID, "%s is missing", path);
	if (!json_int(tree, path, &value) || value <= 0)
		return error_set(err, ERR_INVALID, "%s is not a positive whole number", path);
	*ret = value;
	return 0;
}

bool shape_is_visible(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '!' || text[i] > '~')
			return false;
	}
	return len > 0 && len <= max;
}

/* What a reader cannot see, or what changes how the rest is read. */
static bool is_hidden(uint32_t point)
{
	return point < 0x20U || (point >= 0x7FU && point < 0xA0U) ||
		(point >= 0x200BU && point <= 0x200FU) || (point >= 0x2028U && point <= 0x202EU) ||
		(point >= 0x2060U && point <= 0x206FU) || point == 0xFEFFU ||
		(point >= 0xE0000U && point <= 0xE007FU);
}

bool shape_is_printable(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	if (len == 0 || len > max)
		return false;
	for (size_t at = 0; at < len;) {
		uint32_t point = 0;
		size_t step = utf8_next(text + at, len - at, &point);
		if (step == 0 || is_hidden(point))
			return false;
		at += step;
	}
	return true;
}

bool shape_is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n\v\f")] == '\0';
}
