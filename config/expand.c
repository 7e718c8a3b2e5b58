/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ${NAME} and ${NAME:-default} from the environment, after parsing, so that a value cannot inject
 * YAML. "$${" is a plain "${", and "${{" is never ours (it begins an expression). The expanded text
 * is never shown in a message: it may be a secret that stands in the wrong place.
 */
#include <string.h>

#include "bridge/base/utf8.h"
#include "config/reader.h"

#define MAX_NAME 128

void expand_wipe(struct strbuf *sb)
{
	if (sb->ptr != NULL)
		explicit_bzero(sb->ptr, sb->cap);
	strbuf_release(sb);
}

static size_t name_length(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	if (text[0] == '\0' || strchr(letters, text[0]) == NULL)
		return 0;
	size_t len = 1;
	while (text[len] != '\0' &&
	       (strchr(letters, text[len]) != NULL || (text[len] >= '0' && text[len] <= '9')))
		len++;
	return len;
}

static void add_value(struct config_reader *reader, const struct config_node *node,
		      const char *name, const char *value, struct strbuf *out)
{
	size_t len = strnlen(value, READER_MAX_SCALAR + 1);

	if (utf8_valid(value, len))
		strbuf_add(out, value, len);
	else
		config_problem(reader, PROBLEM_ERROR, node,
			       "environment variable %s is not valid UTF-8", name);
}

/* Expands the reference that begins at text ("${…"); returns the text behind it, or NULL with a
 * problem. */
static const char *expand_one(struct config_reader *reader, const struct config_node *node,
			      const char *text, struct strbuf *out)
{
	char name[MAX_NAME];
	size_t len = name_length(text + 2);
	const char *at = text + 2 + len;
	const char *end = strchr(at, '}');

	if (len == 0 || len >= sizeof(name) || end == NULL ||
	    (at != end && strncmp(at, ":-", 2) != 0)) {
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected ${NAME} or ${NAME:-default} (write $${ for a plain ${)");
		return NULL;
	}
	memcpy(name, text + 2, len);
	name[len] = '\0';
	const char *value = getenv(name);
	if (value != NULL && (value[0] != '\0' || at == end)) {
		add_value(reader, node, name, value, out);
	} else if (at != end) {
		strbuf_add(out, at + 2, (size_t)(end - at) - 2);
	} else {
		config_problem(reader, PROBLEM_ERROR, node, "environment variable %s is not set",
			       name);
		return NULL;
	}
	return end + 1;
}

bool expand_node(struct config_reader *reader, const struct config_node *node, struct strbuf *out)
{
	size_t errors = reader->problems->errors;
	const char *text = node->text;

	while (text != NULL && *text != '\0') {
		size_t plain = node->ours ? strlen(text) : strcspn(text, "$");
		strbuf_add(out, text, plain);
		text += plain;
		if (strncmp(text, "$${", 3) == 0) {
			strbuf_add(out, "${", 2);
			text += 3;
		} else if (strncmp(text, "${", 2) == 0 && text[2] != '{') {
			text = expand_one(reader, node, text, out);
		} else if (*text == '$') {
			strbuf_addc(out, '$');
			text++;
		}
	}
	if (strbuf_failed(out))
		config_problem(reader, PROBLEM_ERROR, node, "longer than %u KiB",
			       READER_MAX_SCALAR / 1024U);
	if (reader->problems->errors == errors)
		return true;
	reader->broken = node;
	return false;
}

const char *config_scalar(struct config_reader *reader, const struct config_node *node)
{
	CLEANUP(expand_wipe) struct strbuf out = STRBUF(READER_MAX_SCALAR);

	if (node == NULL || node->kind != NODE_SCALAR || !expand_node(reader, node, &out))
		return NULL;
	return arena_strndup(reader->arena, strbuf_str(&out), out.len);
}
