/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/print.h"

#include <string.h>
#include <sys/ioctl.h>

#include "bridge/base/invisible.h"
#include "bridge/base/json.h"
#include "bridge/base/utf8.h"

#define COLUMNS_MIN 80
#define COLUMNS_MAX 120
#define LINE_MAX_   65536
#define TEXT_MAX    ((size_t)64 * 1024 * 1024)

int print_columns(FILE *out)
{
	struct winsize size;
	int fd = fileno(out);

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col < COLUMNS_MIN)
		return COLUMNS_MIN;
	return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
}

/* How many bytes of clean text fill so many columns; a character counts as one. */
static size_t bytes_of_columns(const char *text, size_t len, int columns, int *ret_used)
{
	size_t at = 0;
	uint32_t point;

	for (*ret_used = 0; at < len && *ret_used < columns; ++*ret_used) {
		size_t step = utf8_next(text + at, len - at, &point);
		at += step > 0 ? step : 1;
	}
	return at;
}

/* Returns the columns used. */
static int put_cut(FILE *out, const char *text, int width)
{
	CLEANUP(strbuf_release) struct strbuf clean = STRBUF(LINE_MAX_ + 8);
	int used = 0;

	invisible_line(text != NULL ? text : "", LINE_MAX_, &clean);
	size_t bytes = bytes_of_columns(strbuf_str(&clean), clean.len, width, &used);
	if (bytes < clean.len && width > 1) {
		bytes = bytes_of_columns(strbuf_str(&clean), clean.len, width - 1, &used);
		strbuf_truncate(&clean, bytes);
		strbuf_adds(&clean, "…");
		used++;
	}
	(void)fputs(strbuf_str(&clean), out);
	return used;
}

void print_cell(FILE *out, const char *text, int width)
{
	int used = put_cut(out, text, width);

	(void)fprintf(out, "%*s", width - used + 2, "");
}

void print_last(FILE *out, const char *text, int width)
{
	(void)put_cut(out, text, width > 0 ? width : LINE_MAX_);
	(void)fputc('\n', out);
}

void print_text(FILE *out, const char *text, const char *indent)
{
	CLEANUP(strbuf_release) struct strbuf clean = STRBUF(TEXT_MAX);

	(void)invisible_strip(text, strlen(text), &clean);
	for (const char *at = strbuf_str(&clean); *at != '\0';) {
		size_t len = strcspn(at, "\n");
		(void)fprintf(out, "%s%.*s\n", indent, (int)len, at);
		at += len;
		at += *at == '\n';
	}
}

void print_field(FILE *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	print_cell(out, name, 16);
	print_last(out, text, 0);
}

static void write_tree(struct json_writer *w, const cJSON *item, const char *name)
{
	const cJSON *child;
	int64_t number = 0;

	if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
		bool object = cJSON_IsObject(item);
		object ? json_begin_object(w, name) : json_begin_array(w, name);
		cJSON_ArrayForEach(child, item)
			write_tree(w, child, object ? child->string : NULL);
		object ? json_end_object(w) : json_end_array(w);
	} else if (cJSON_IsString(item)) {
		json_put_str(w, name, item->valuestring);
	} else if (cJSON_IsBool(item)) {
		json_put_bool(w, name, cJSON_IsTrue(item));
	} else if (cJSON_IsNumber(item)) {
		number = (int64_t)item->valuedouble; /* the API has whole numbers only */
		json_put_int(w, name, number);
	} else {
		json_put_raw(w, name, "null");
	}
}

void print_json(FILE *out, const cJSON *tree)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT_MAX);
	struct json_writer w = JSON_WRITER(&text);

	write_tree(&w, tree, NULL);
	(void)fputs(strbuf_str(&text), out);
	(void)fputc('\n', out);
}

void print_time(const char *text, char out[PRINT_TIME_SIZE])
{
	static const char form[] = "0000-00-00T00:00:00";
	size_t at = 0;

	while (text != NULL && form[at] != '\0' &&
	       (form[at] == '0' ? text[at] >= '0' && text[at] <= '9' : text[at] == form[at]))
		at++;
	if (text == NULL || form[at] != '\0') {
		(void)snprintf(out, PRINT_TIME_SIZE, "-");
		return;
	}
	(void)snprintf(out, PRINT_TIME_SIZE, "%.10s %.8s", text, text + 11);
}
