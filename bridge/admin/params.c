/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/admin/params.h"

#include <string.h>

#include "bridge/base/utf8.h"

#define DIGITS_MAX 9

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte of text at *at, which moves on; -1: a broken escape or NUL. */
static int next_byte(const char *text, size_t len, size_t *at, bool plus)
{
	char c = text[*at];

	if (c != '%') {
		*at += 1;
		return plus && c == '+' ? ' ' : (unsigned char)c;
	}
	int high = len - *at > 2 ? hex_value(text[*at + 1]) : -1;
	int low = high >= 0 ? hex_value(text[*at + 2]) : -1;
	*at += 3;
	return low >= 0 && high * 16 + low != 0 ? high * 16 + low : -1;
}

int params_decode(const char *text, size_t len, bool plus, struct arena *arena, const char **ret, struct error *err)
{
	char *out = arena_alloc(arena, len + 1);
	size_t used = 0;

	if (out == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t at = 0; at < len;) {
		int byte = next_byte(text, len, &at, plus);
		if (byte < 0)
			return error_set(err, ERR_INVALID, "a broken percent-encoding in the address");
		out[used++] = (char)byte;
	}
	if (!utf8_valid(out, used))
		return error_set(err, ERR_INVALID, "the address is not UTF-8");
	*ret = out;
	return 0;
}

static bool is_allowed(const char *name, const char *const *allowed)
{
	for (size_t i = 0; allowed != NULL && allowed[i] != NULL; i++) {
		if (strcmp(name, allowed[i]) == 0)
			return true;
	}
	return false;
}

static int add(struct params *params, const char *name, const char *value, const char *const *allowed,
	       struct error *err)
{
	if (!is_allowed(name, allowed))
		return error_set(err, ERR_INVALID, "unknown query parameter \"%.60s\"", name);
	if (params_get(params, name) != NULL)
		return error_set(err, ERR_INVALID, "the query parameter \"%s\" is repeated", name);
	if (params->count == PARAMS_MAX)
		return error_set(err, ERR_INVALID, "more than %d query parameters", PARAMS_MAX);
	params->items[params->count].name = name;
	params->items[params->count++].value = value;
	return 0;
}

int params_read(const char *query, const char *const *allowed, struct arena *arena, struct params *ret,
		struct error *err)
{
	struct params params = { .count = 0 };

	while (*query != '\0') {
		size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);
		size_t name_len = equals != NULL ? (size_t)(equals - query) : len;
		const char *name = NULL, *value = "";
		if (params_decode(query, name_len, true, arena, &name, err) != 0 ||
		    (equals != NULL && params_decode(equals + 1, len - name_len - 1, true, arena, &value, err) != 0) ||
		    (len > 0 && add(&params, name, value, allowed, err) != 0))
			return -1;
		query += len;
		query += *query == '&';
	}
	*ret = params;
	return 0;
}

const char *params_get(const struct params *params, const char *name)
{
	for (size_t i = 0; i < params->count; i++) {
		if (strcmp(params->items[i].name, name) == 0)
			return params->items[i].value;
	}
	return NULL;
}

int params_int(const struct params *params, const char *name, int64_t min, int64_t max, int64_t if_absent, int64_t *ret,
	       struct error *err)
{
	const char *text = params_get(params, name);
	int64_t value = 0;

	if (text == NULL) {
		*ret = if_absent;
		return 0;
	}
	size_t digits = strspn(text, "0123456789");
	bool good = digits > 0 && digits <= DIGITS_MAX && text[digits] == '\0';
	for (size_t i = 0; good && i < digits; i++)
		value = value * 10 + (text[i] - '0');
	if (!good || value < min || value > max)
		return error_set(err, ERR_INVALID, "%s: expected a whole number from %lld to %lld", name, (long long)min,
				 (long long)max);
	*ret = value;
	return 0;
}
