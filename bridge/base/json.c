/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a tree: made of the small document that json_extract leaves, and asked by dotted paths.
 */
#include "bridge/base/json.h"

#include <string.h>

/*
 * A control character of one byte may come back as an escape of six, when its string had to be
 * rewritten.
 */
#define GROWTH_MAX 6

int json_read(const char *text, size_t len, const struct json_paths *paths, cJSON **ret,
	      struct error *err)
{
	CLEANUP(strbuf_release)
	struct strbuf kept = STRBUF(len < SIZE_MAX / 16 ? len * GROWTH_MAX : len);

	if (json_extract(text, len, paths, &kept, err) != 0)
		return -1;
	cJSON *tree = cJSON_ParseWithLengthOpts(strbuf_str(&kept), kept.len, NULL, false);
	if (tree == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory for a JSON tree of %zu bytes",
				 kept.len);
	*ret = tree;
	return 0;
}

void json_delete_at(cJSON **tree)
{
	cJSON_Delete(*tree);
	*tree = NULL;
}

static const cJSON *member(const cJSON *tree, const char *name, size_t len)
{
	const cJSON *child;

	if (!cJSON_IsObject(tree))
		return NULL;
	cJSON_ArrayForEach (child, tree) {
		if (child->string != NULL && strncmp(child->string, name, len) == 0 &&
		    child->string[len] == '\0')
			return child;
	}
	return NULL;
}

const cJSON *json_at(const cJSON *tree, const char *path)
{
	while (tree != NULL) {
		size_t len = strcspn(path, ".");
		tree = member(tree, path, len);
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	return tree;
}

const char *json_str(const cJSON *tree, const char *path)
{
	const cJSON *item = json_at(tree, path);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

/*
 * An integer as json_extract quotes it: more digits than a double holds, in the one spelling JSON
 * has.
 */
static bool read_long(const char *text, int64_t *ret)
{
	bool negative = *text == '-';
	int64_t value = 0;
	size_t digits = 0;

	for (text += negative; *text >= '0' && *text <= '9'; text++, digits++) {
		/* Downwards, since the least number has no positive twin. */
		if ((digits == 1 && value == 0) || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_sub_overflow(value, *text - '0', &value))
			return false;
	}
	if (*text != '\0' || digits <= 15 || (!negative && value == INT64_MIN))
		return false;
	*ret = negative ? value : -value;
	return true;
}

bool json_int(const cJSON *tree, const char *path, int64_t *ret)
{
	const double beyond = 9007199254740992.0; /* 2^53 */
	const cJSON *item = json_at(tree, path);

	if (cJSON_IsString(item))
		return item->valuestring != NULL && read_long(item->valuestring, ret);
	/* Written so that NaN and the infinities fail too. */
	if (!cJSON_IsNumber(item) || !(item->valuedouble > -beyond && item->valuedouble < beyond))
		return false;
	int64_t value = (int64_t)item->valuedouble;
	if ((double)value < item->valuedouble || (double)value > item->valuedouble)
		return false;
	*ret = value;
	return true;
}

bool json_bool(const cJSON *tree, const char *path, bool if_absent)
{
	const cJSON *item = json_at(tree, path);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : if_absent;
}
