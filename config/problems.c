/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what is wrong, and how it is worded: positions, key paths, quoted values. */
#include <stdio.h>
#include <string.h>

#include "bridge/base/utf8.h"
#include "config/reader.h"

#define MAX_PROBLEMS 50
#define MAX_MESSAGE  300
#define MAX_QUOTED   60
#define MAX_PATH     200

/* Messages go to terminals and logs: no controls, line breaks or changes of direction from the
 * file. */
static bool is_unsafe(uint32_t point)
{
	return point < 0x20U || (point >= 0x7FU && point < 0xA0U) || point == 0x2028U ||
	       point == 0x2029U || point == 0x200EU || point == 0x200FU ||
	       (point >= 0x202AU && point <= 0x202EU) || (point >= 0x2066U && point <= 0x2069U);
}

static void add_safe(struct strbuf *out, const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len;) {
		uint32_t point = 0;
		size_t step = utf8_next(text + at, len - at, &point);
		if (step == 0 || is_unsafe(point))
			strbuf_addc(out, '?');
		else
			strbuf_add(out, text + at, step);
		at += step == 0 ? 1 : step;
	}
}

struct quoted problems_quote(const char *text)
{
	struct quoted quoted = { "\"…\"" };
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(sizeof(quoted.text) - 1);
	size_t len = strnlen(text, MAX_QUOTED + 4);
	bool cut = len > MAX_QUOTED;

	for (size_t max = MAX_QUOTED; max > 0; max /= 2) {
		size_t keep = utf8_cut(text, len, max);
		strbuf_reset(&out);
		strbuf_add_json(&out, text, keep);
		if (cut || keep < len) {
			strbuf_truncate(&out, out.len - 1);
			strbuf_adds(&out, "…\"");
		}
		if (!strbuf_failed(&out)) {
			memcpy(quoted.text, strbuf_str(&out), out.len + 1);
			break;
		}
	}
	return quoted;
}

struct quoted problems_describe(const struct config_node *node)
{
	switch (node->kind) {
	case NODE_LIST:
		return (struct quoted){ "a list" };
	case NODE_MAPPING:
		return (struct quoted){ "a mapping" };
	case NODE_SCALAR:
		break;
	}
	if (node->plain && node->text[0] == '\0')
		return (struct quoted){ "nothing" };
	if (tree_is_null(node))
		return (struct quoted){ "null (quote it if the word is meant)" };
	return problems_quote(node->text);
}

static bool is_simple_name(const char *name)
{
	return name[0] != '\0' && strlen(name) <= 64 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
		       strlen(name);
}

void problems_path(const struct config_node *node, struct strbuf *out)
{
	const struct config_node *steps[READER_MAX_DEPTH + 2];
	size_t count = 0;

	for (; node != NULL && node->parent != NULL && count < READER_MAX_DEPTH + 2;
	     node = node->parent)
		steps[count++] = node;
	if (count == 0)
		strbuf_adds(out, "the top level");
	for (size_t i = count; i-- > 0;) {
		if (steps[i]->name == NULL) {
			strbuf_addf(out, "[%zu]", steps[i]->index);
			continue;
		}
		if (i + 1 < count)
			strbuf_addc(out, '.');
		strbuf_adds(out, is_simple_name(steps[i]->name)
					 ? steps[i]->name
					 : problems_quote(steps[i]->name).text);
	}
}

/* Where the next problem goes: a new place, or that of a warning which an error pushes out; NULL:
 * full. */
static struct config_problem_item *find_place(struct config_problems *problems,
					      enum problem_level level)
{
	if (problems->items == NULL)
		problems->items = calloc(MAX_PROBLEMS, sizeof(*problems->items));
	if (problems->items == NULL)
		return NULL;
	if (problems->count < MAX_PROBLEMS)
		return &problems->items[problems->count++];
	for (size_t i = problems->count; level == PROBLEM_ERROR && i-- > 0;) {
		if (problems->items[i].level == PROBLEM_WARNING) {
			free(problems->items[i].text);
			return &problems->items[i];
		}
	}
	return NULL;
}

static bool is_known(const struct config_problems *problems, struct config_mark mark,
		     const char *text)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem_item *item = &problems->items[i];
		if (item->mark.line == mark.line && item->mark.column == mark.column &&
		    item->text != NULL && strcmp(item->text, text) == 0)
			return true;
	}
	return false;
}

void problems_add(struct config_reader *reader, enum problem_level level, struct config_mark mark,
		  const struct config_node *path, const char *text)
{
	struct config_problems *problems = reader->problems;
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(4 * (MAX_PATH + MAX_MESSAGE));

	if (path != NULL && path->parent != NULL) {
		CLEANUP(strbuf_release) struct strbuf where = STRBUF(MAX_PATH);
		problems_path(path, &where);
		add_safe(&out, strbuf_failed(&where) ? "…" : strbuf_str(&where));
		strbuf_adds(&out, ": ");
	}
	add_safe(&out, text);
	if (is_known(problems, mark, strbuf_str(&out)))
		return;
	if (level == PROBLEM_ERROR)
		problems->errors++;
	struct config_problem_item *item = find_place(problems, level);
	if (item != NULL)
		*item = (struct config_problem_item){ .level = level,
						      .mark = mark,
						      .text = strbuf_detach(&out) };
}

void config_problem(struct config_reader *reader, enum problem_level level,
		    const struct config_node *node, const char *fmt, ...)
{
	char text[MAX_MESSAGE + 1];
	struct config_mark mark = { 1, 1 };
	va_list args;

	/* One complaint a value: a reader that got NULL for a broken text will complain again. */
	if (node != NULL && node == reader->broken && level == PROBLEM_ERROR)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (node != NULL)
		mark = node->mark;
	problems_add(reader, level, mark, node, text);
}

static bool comes_later(const struct config_problem_item *a, const struct config_problem_item *b)
{
	if (a->mark.line != b->mark.line)
		return a->mark.line > b->mark.line;
	return a->mark.column > b->mark.column;
}

void problems_finish(struct config_problems *problems)
{
	for (size_t i = 1; i < problems->count; i++) {
		for (size_t j = i;
		     j > 0 && comes_later(&problems->items[j - 1], &problems->items[j]); j--) {
			struct config_problem_item item = problems->items[j];
			problems->items[j] = problems->items[j - 1];
			problems->items[j - 1] = item;
		}
	}
}

void config_problems_release(struct config_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		free(problems->items[i].text);
	free(problems->items);
	free(problems->file);
	*problems = (struct config_problems){ 0 };
}

void config_problems_print(const struct config_problems *problems, struct strbuf *out)
{
	const char *file = problems->file != NULL ? problems->file : "config";
	size_t shown = 0;

	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem_item *item = &problems->items[i];
		add_safe(out, file);
		if (item->mark.line > 0)
			strbuf_addf(out, ":%d:%d", item->mark.line, item->mark.column);
		strbuf_addf(out, ": %s%s\n", item->level == PROBLEM_WARNING ? "warning: " : "",
			    item->text != NULL ? item->text : "out of memory");
		shown += item->level == PROBLEM_ERROR;
	}
	if (problems->errors > shown) {
		add_safe(out, file);
		strbuf_addf(out, ": and %zu more\n", problems->errors - shown);
	}
}
