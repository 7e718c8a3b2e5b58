/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/doc.h"

#include <string.h>

#include "tests/sandbox/stamp.h"
#include "tests/sandbox/text.h"

cJSON *doc_parse(const char *bytes, size_t length)
{
	const char *end = NULL;
	cJSON *document;

	if (length == 0 || !text_is_utf8(bytes, length))
		return NULL;
	document = cJSON_ParseWithLengthOpts(bytes, length, &end, 0);
	if (document == NULL)
		return NULL;
	/* cJSON stops after the first value; what follows may only be white space. */
	for (; end < bytes + length; end++) {
		if (memchr(" \t\r\n", *end, 4) == NULL) {
			cJSON_Delete(document);
			return NULL;
		}
	}
	return document;
}

cJSON *doc_parse_object(const char *bytes, size_t length, bool or_empty)
{
	cJSON *document;

	if (length == 0 && or_empty)
		return cJSON_CreateObject();
	document = doc_parse(bytes, length);
	if (document != NULL && !cJSON_IsObject(document)) {
		cJSON_Delete(document);
		return NULL;
	}
	return document;
}

void doc_drop(cJSON **document)
{
	cJSON_Delete(*document);
	*document = NULL;
}

const char *doc_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

int64_t doc_integer(const cJSON *object, const char *name, int64_t fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	int64_t whole;

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= -1e15 && item->valuedouble <= 1e15))
		return fallback;
	whole = (int64_t)item->valuedouble;
	return (double)whole < item->valuedouble || (double)whole > item->valuedouble ? fallback
											: whole;
}

bool doc_bool(const cJSON *object, const char *name, bool fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) != 0 : fallback;
}

static bool listed(const char *name, const char *known)
{
	size_t length = strlen(name);

	while (*known != '\0') {
		size_t word = strcspn(known, " ");

		if (word == length && memcmp(known, name, length) == 0)
			return true;
		known += word;
		known += strspn(known, " ");
	}
	return false;
}

const char *doc_unknown(const cJSON *object, const char *known)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, object)
		if (!listed(item->string, known))
			return item->string;
	return NULL;
}

void doc_add_time(cJSON *object, const char *name, int64_t wall_ms)
{
	char stamp[STAMP_SIZE];

	stamp_format(wall_ms, stamp);
	cJSON_AddStringToObject(object, name, stamp);
}
