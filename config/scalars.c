/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict readers of single values. Every scalar is text to libyaml, so YAML's own ideas (no, off,
 * 010, 1e3, ~) do not apply: what is not exactly of the expected form is an error that says what
 * would be right.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/reader.h"

#define DEFAULT_MAX_TEXT    4096
#define DEFAULT_MAX_ENTRIES 1000
#define MAX_ENTRY           1024
#define MAX_DIGITS          18

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, for writing. */
static const struct unit durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
	{ "s", 1000 },     { "ms", 1 },      { NULL, 0 },
};

static const struct unit sizes[] = {
	{ "GiB", INT64_C(1) << 30 },
	{ "MiB", 1 << 20 },
	{ "KiB", 1 << 10 },
	{ "B", 1 },
	{ NULL, 0 },
};

static void add_with_unit(struct strbuf *out, int64_t value, const struct unit *units)
{
	const struct unit *unit = units;

	while (unit[1].name != NULL && (value % unit->factor != 0 || value == 0))
		unit++;
	strbuf_addf(out, "%" PRId64 "%s", value / unit->factor, unit->name);
}

void scalars_add_duration(struct strbuf *out, int64_t ms)
{
	add_with_unit(out, ms, durations);
}

void scalars_add_size(struct strbuf *out, int64_t bytes)
{
	add_with_unit(out, bytes, sizes);
}

static void add_names(struct strbuf *out, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		strbuf_addf(out, "%s%s", i > 0 ? ", " : "", names[i]);
}

const char *scalars_text(struct config_reader *reader, const struct config_node *node,
			 const char *expected)
{
	const char *text = tree_is_null(node) ? NULL : config_scalar(reader, node);

	if (text == NULL)
		config_problem(reader, PROBLEM_ERROR, node, "expected %s, got %s", expected,
			       problems_describe(node).text);
	return text;
}

/* --- numbers --- */

/* Digits without a leading zero; returns what stands behind them, or NULL. */
static const char *parse_digits(const char *text, int64_t *ret)
{
	size_t count = strspn(text, "0123456789");
	int64_t value = 0;

	if (count == 0 || count > MAX_DIGITS || (text[0] == '0' && count > 1))
		return NULL;
	for (size_t i = 0; i < count; i++)
		value = value * 10 + (text[i] - '0');
	*ret = value;
	return text + count;
}

static bool parse_int(const char *text, bool negative, int64_t *ret)
{
	bool minus = negative && text[0] == '-';
	const char *rest = parse_digits(text + (minus ? 1 : 0), ret);

	if (rest == NULL || *rest != '\0')
		return false;
	if (minus)
		*ret = -*ret;
	return true;
}

static bool parse_with_unit(const char *text, const struct unit *units, int64_t *ret)
{
	int64_t value = 0;
	const char *rest = parse_digits(text, &value);

	for (size_t i = 0; rest != NULL && units[i].name != NULL; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		if (value > INT64_MAX / units[i].factor)
			return false;
		*ret = value * units[i].factor;
		return true;
	}
	return false;
}

static bool parse_number(const char *text, const struct config_key *key, int64_t *ret)
{
	switch (key->kind) {
	case KEY_DURATION:
		return parse_with_unit(text, durations, ret);
	case KEY_SIZE:
		return parse_with_unit(text, sizes, ret);
	default:
		return parse_int(text, key->min < 0, ret);
	}
}

static void add_number(struct strbuf *out, const struct config_key *key, int64_t value)
{
	switch (key->kind) {
	case KEY_DURATION:
		scalars_add_duration(out, value);
		break;
	case KEY_SIZE:
		scalars_add_size(out, value);
		break;
	default:
		strbuf_add_i64(out, value);
	}
}

/* "a whole number from 1 to 64", "a duration with its unit (…) from 100ms to 10m" */
static void describe_number(const struct config_key *key, struct strbuf *out)
{
	if (key->kind == KEY_DURATION)
		strbuf_adds(out, "a duration with its unit (ms, s, m, h or d)");
	else if (key->kind == KEY_SIZE)
		strbuf_adds(out, "a size with its unit (B, KiB, MiB or GiB)");
	else
		strbuf_adds(out, "a whole number");
	if (key->min == 0 && key->max == 0)
		return;
	strbuf_adds(out, " from ");
	add_number(out, key, key->min);
	strbuf_adds(out, " to ");
	add_number(out, key, key->max);
}

static void read_number(struct config_reader *reader, const struct config_node *node,
			const struct config_key *key, int64_t *field)
{
	CLEANUP(strbuf_release) struct strbuf expected = STRBUF(200);
	int64_t max = key->min == 0 && key->max == 0 ? INT64_MAX : key->max;
	int64_t value = 0;

	describe_number(key, &expected);
	const char *text = scalars_text(reader, node, strbuf_str(&expected));
	if (text == NULL)
		return;
	if (!parse_number(text, key, &value) || value < key->min || value > max) {
		config_problem(reader, PROBLEM_ERROR, node, "expected %s, got %s",
			       strbuf_str(&expected), problems_describe(node).text);
		return;
	}
	*field = value;
}

static void read_bool(struct config_reader *reader, const struct config_node *node, bool *field)
{
	const char *text = scalars_text(reader, node, "true or false");

	if (text == NULL)
		return;
	if (strcmp(text, "true") == 0)
		*field = true;
	else if (strcmp(text, "false") == 0)
		*field = false;
	else
		config_problem(reader, PROBLEM_ERROR, node, "expected true or false, got %s",
			       problems_describe(node).text);
}

/* --- names --- */

static int find_name(const char *const *names, const char *text)
{
	for (int i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], text) == 0)
			return i;
	}
	return -1;
}

/* Index into the key's names, or -1 with a problem that lists them. */
static int read_name(struct config_reader *reader, const struct config_node *node,
		     const struct config_key *key)
{
	CLEANUP(strbuf_release) struct strbuf expected = STRBUF(400);

	strbuf_adds(&expected, key->names[1] != NULL ? "one of " : "");
	add_names(&expected, key->names);
	const char *text = scalars_text(reader, node, strbuf_str(&expected));
	if (text == NULL)
		return -1;
	int index = find_name(key->names, text);
	if (index < 0) {
		const char *nearest = suggest_nearest(node->text, key->names);
		config_problem(reader, PROBLEM_ERROR, node, "expected %s, got %s%s%s%s",
			       strbuf_str(&expected), problems_describe(node).text,
			       nearest != NULL ? " (did you mean \"" : "",
			       nearest != NULL ? nearest : "", nearest != NULL ? "\"?)" : "");
	}
	return index;
}

/* Lists and "one or a list": false, with a problem, if the number of entries is not allowed. */
static bool check_count(struct config_reader *reader, const struct config_node *node, size_t count,
			const struct config_key *key)
{
	int64_t max = key->max > 0 ? key->max : DEFAULT_MAX_ENTRIES;

	if (node->kind == NODE_MAPPING) {
		config_problem(reader, PROBLEM_ERROR, node, "expected a list, got a mapping");
		return false;
	}
	if ((int64_t)count >= key->min && (int64_t)count <= max)
		return true;
	config_problem(reader, PROBLEM_ERROR, node,
		       "expected %" PRId64 " to %" PRId64 " entries, got %zu", key->min, max,
		       count);
	return false;
}

static size_t count_of(const struct config_node *node)
{
	return node->kind == NODE_LIST ? node->count : 1;
}

static void read_flags(struct config_reader *reader, const struct config_node *node,
		       const struct config_key *key, unsigned *field)
{
	unsigned flags = 0;

	if (!check_count(reader, node, count_of(node), key))
		return;
	for (size_t i = 0; i < count_of(node); i++) {
		int index = read_name(reader, tree_item(node, i), key);
		if (index >= 0)
			flags |= 1U << (unsigned)index;
	}
	*field = flags;
}

static void read_enum(struct config_reader *reader, const struct config_node *node,
		      const struct config_key *key, int *field)
{
	int index = read_name(reader, node, key);

	if (index >= 0)
		*field = index;
}

/* --- text --- */

static void read_string(struct config_reader *reader, const struct config_node *node,
			const struct config_key *key, const char **field)
{
	int64_t max = key->max > 0 ? key->max : DEFAULT_MAX_TEXT;
	const char *text = scalars_text(reader, node, "text");

	if (text == NULL)
		return;
	int64_t len = (int64_t)strlen(text);
	if (len == 0 && key->min > 0)
		config_problem(reader, PROBLEM_ERROR, node, "must not be empty");
	else if (len < key->min || len > max)
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected text of %" PRId64 " to %" PRId64 " bytes, got %" PRId64,
			       key->min, max, len);
	else
		*field = text;
}

static void read_strings(struct config_reader *reader, const struct config_node *node,
			 const struct config_key *key, struct config_strings *field)
{
	size_t count = count_of(node);

	if (!check_count(reader, node, count, key))
		return;
	const char **items = config_alloc(reader, (count + 1) * sizeof(*items));
	if (items == NULL)
		return;
	struct config_key entry = {
		.name = key->name, .kind = KEY_STRING, .min = 1, .max = MAX_ENTRY
	};
	for (size_t i = 0; i < count; i++) {
		const struct config_node *item = tree_item(node, i);
		items[i] = "";
		if (key->names == NULL) {
			read_string(reader, item, &entry, &items[i]);
			continue;
		}
		int index = read_name(reader, item, key);
		if (index >= 0)
			items[i] = key->names[index];
	}
	*field = (struct config_strings){ .items = items, .count = count };
}

void scalars_read(struct config_reader *reader, const struct config_node *node,
		  const struct config_key *key, void *field)
{
	switch (key->kind) {
	case KEY_BOOL:
		read_bool(reader, node, field);
		break;
	case KEY_INT:
	case KEY_DURATION:
	case KEY_SIZE:
		read_number(reader, node, key, field);
		break;
	case KEY_STRING:
		read_string(reader, node, key, field);
		break;
	case KEY_ENUM:
		read_enum(reader, node, key, field);
		break;
	case KEY_FLAGS:
		read_flags(reader, node, key, field);
		break;
	case KEY_STRINGS:
		read_strings(reader, node, key, field);
		break;
	case KEY_SECRET:
	case KEY_SECRETS:
	case KEY_TABLE:
	case KEY_CUSTOM:
		break; /* table.c */
	}
}
