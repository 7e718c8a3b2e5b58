/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/json_each.h"

#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/json_scan.h"

struct json_row {
	struct json_text texts[JSON_EACH_FIELDS];
	bool seen[JSON_EACH_FIELDS]; /* a member of that name; texts[].ptr is NULL unless it is a string */
};

struct each {
	struct json_scan in;
	const char *const *fields;
	json_each_fn *each;
	void *context;
	size_t rows;
	struct strbuf name; /* one that is spelled with escapes */
};

static bool name_is(struct each *e, const struct json_text *raw, const char *name)
{
	size_t len = strlen(name);

	if (!raw->escaped)
		return raw->len == len && memcmp(raw->ptr, name, len) == 0;
	strbuf_reset(&e->name);
	json_scan_unescape(raw, &e->name);
	return !strbuf_failed(&e->name) && e->name.len == len && memcmp(strbuf_str(&e->name), name, len) == 0;
}

static bool read_value(struct each *e, struct json_text *ret)
{
	if (json_scan_peek(&e->in) != '"')
		return json_scan_skip(&e->in);
	return json_scan_count(&e->in) && json_scan_string(&e->in, ret);
}

static bool read_member(struct each *e, struct json_row *row)
{
	struct json_text raw;

	if (!json_scan_name(&e->in, &raw))
		return false;
	for (size_t i = 0; i < JSON_EACH_FIELDS && e->fields[i] != NULL; i++) {
		if (row->seen[i] || !name_is(e, &raw, e->fields[i]))
			continue;
		row->seen[i] = true;
		return read_value(e, &row->texts[i]);
	}
	return json_scan_skip(&e->in);
}

static bool take(struct each *e, unsigned char c)
{
	bool there = json_scan_peek(&e->in) == c;

	e->in.at += there;
	return there;
}

/* Behind the items of an object or array: its end. */
static bool leave(struct each *e, unsigned char close)
{
	if (!take(e, close))
		return json_scan_fail(&e->in, e->in.at, close == '}' ? "a comma or }" : "a comma or ]");
	e->in.depth--;
	return true;
}

static bool enter(struct each *e)
{
	if (!json_scan_count(&e->in) || !json_scan_enter(&e->in))
		return false;
	e->in.at++;
	return true;
}

static bool read_row(struct each *e)
{
	struct json_row row = { .seen = { false } };

	e->rows++;
	if (json_scan_peek(&e->in) != '{')
		return json_scan_skip(&e->in);
	if (!enter(e))
		return false;
	if (json_scan_peek(&e->in) != '}') {
		do {
			if (!read_member(e, &row))
				return false;
		} while (take(e, ','));
	}
	if (!leave(e, '}'))
		return false;
	if (!e->each(e->context, &row)) {
		(void)error_set(e->in.err, ERR_NO_MEMORY, "a list of which more would be kept than there is room for");
		return false;
	}
	return true;
}

static bool read_list(struct each *e)
{
	if (json_scan_peek(&e->in) != '[')
		return json_scan_fail(&e->in, e->in.at, "a list");
	if (!enter(e))
		return false;
	if (json_scan_peek(&e->in) != ']') {
		do {
			if (!read_row(e))
				return false;
		} while (take(e, ','));
	}
	return leave(e, ']');
}

static bool read_document(struct each *e, const char *list)
{
	struct json_text raw;
	bool found = false;

	if (json_scan_peek(&e->in) != '{')
		return json_scan_fail(&e->in, e->in.at, "an object");
	if (!enter(e))
		return false;
	if (json_scan_peek(&e->in) != '}') {
		do {
			if (!json_scan_name(&e->in, &raw))
				return false;
			bool wanted = !found && name_is(e, &raw, list);
			found = found || wanted;
			if (!(wanted ? read_list(e) : json_scan_skip(&e->in)))
				return false;
		} while (take(e, ','));
	}
	if (!leave(e, '}'))
		return false;
	if (json_scan_peek(&e->in) != 0 || e->in.at != e->in.end)
		return json_scan_fail(&e->in, e->in.at, "nothing after the object");
	if (!found)
		(void)error_set(e->in.err, ERR_INVALID, "an object without the list \"%s\"", list);
	return found;
}

int json_each(const char *text, size_t len, const char *list, const char *const *fields, json_each_fn *each, void *context,
	      size_t *ret_rows, struct error *err)
{
	const unsigned char *start = (const unsigned char *)text;
	struct each e = { .in = { .start = start, .at = start, .end = start + len, .err = err },
			  .fields = fields, .each = each, .context = context, .name = STRBUF(len) };
	bool ok = read_document(&e, list);

	strbuf_release(&e.name);
	if (!ok)
		return -1;
	*ret_rows = e.rows;
	return 0;
}

bool json_row_has(const struct json_row *row, size_t field)
{
	return row->texts[field].ptr != NULL;
}

bool json_row_is(const struct json_row *row, size_t field, const char *text)
{
	const struct json_text *raw = &row->texts[field];
	size_t len = strlen(text);

	return raw->ptr != NULL && raw->len == len && memcmp(raw->ptr, text, len) == 0;
}

void json_row_add(const struct json_row *row, size_t field, struct strbuf *out)
{
	const struct json_text *raw = &row->texts[field];

	if (raw->ptr == NULL)
		return;
	if (raw->escaped)
		json_scan_unescape(raw, out);
	else
		strbuf_add(out, raw->ptr, raw->len);
}
