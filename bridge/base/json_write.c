/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/json.h"

/* What stands before a value: the comma that its neighbour needs, and its name. */
static void begin_value(struct json_writer *w, const char *name)
{
	if (w->comma)
		strbuf_addc(w->out, ',');
	w->comma = true;
	if (name == NULL)
		return;
	strbuf_add_json(w->out, name, strlen(name));
	strbuf_addc(w->out, ':');
}

static void open_with(struct json_writer *w, const char *name, char bracket)
{
	begin_value(w, name);
	strbuf_addc(w->out, bracket);
	w->comma = false;
}

static void close_with(struct json_writer *w, char bracket)
{
	strbuf_addc(w->out, bracket);
	w->comma = true;
}

void json_begin_object(struct json_writer *w, const char *name)
{
	open_with(w, name, '{');
}

void json_end_object(struct json_writer *w)
{
	close_with(w, '}');
}

void json_begin_array(struct json_writer *w, const char *name)
{
	open_with(w, name, '[');
}

void json_end_array(struct json_writer *w)
{
	close_with(w, ']');
}

void json_put_str(struct json_writer *w, const char *name, const char *value)
{
	json_put_strn(w, name, value, value != NULL ? strlen(value) : 0);
}

void json_put_strn(struct json_writer *w, const char *name, const char *value, size_t len)
{
	if (value == NULL && name != NULL)
		return;
	begin_value(w, name);
	if (value == NULL)
		strbuf_adds(w->out, "null");
	else
		strbuf_add_json(w->out, value, len);
}

void json_put_int(struct json_writer *w, const char *name, int64_t value)
{
	begin_value(w, name);
	strbuf_add_i64(w->out, value);
}

void json_put_bool(struct json_writer *w, const char *name, bool value)
{
	begin_value(w, name);
	strbuf_adds(w->out, value ? "true" : "false");
}

void json_put_raw(struct json_writer *w, const char *name, const char *json)
{
	if (json == NULL && name != NULL)
		return;
	begin_value(w, name);
	strbuf_adds(w->out, json != NULL ? json : "null");
}

void json_put_time(struct json_writer *w, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (ms == 0)
		return;
	clock_format(ms, text);
	json_put_str(w, name, text);
}
