/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/intake/trigger.h"

#include <string.h>
#include <strings.h>

#include "bridge/base/cleanup.h"
#include "bridge/intake/markdown.h"

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Whether a name can go on with it. Other bytes than ASCII end it: in many scripts no space stands around a name. */
static bool is_name(char c)
{
	return is_alnum(c) || c == '-' || c == '_';
}

/* Nothing before it may make it part of an address, a path or a longer name; "_@nairi_" is emphasis. */
static bool begins_word(const char *text, size_t at, char first)
{
	if (at > 0 && first == '@' && (text[at - 1] == '/' || text[at - 1] == '@'))
		return false;
	if (first != '@' && !is_name(first) && first != '/')
		return true;
	while (at > 0 && text[at - 1] == '_')
		at--;
	if (at > 0 && is_alnum(text[at - 1]))
		return false;
	return first == '@' || at == 0 || !is_name(text[at - 1]);
}

/* Behind it a full stop may end the sentence, but not go on as a host name; "/" would be a team, "@" another host. */
static bool ends_word(const char *after, char last)
{
	if (!is_name(last))
		return true;
	if (*after == '-' || *after == '/' || *after == '@')
		return false;
	while (*after == '.' || *after == '_')
		after++;
	return !is_alnum(*after);
}

/* At most three spaces stand between the start of the line and the word. */
static bool begins_line(const char *text, size_t at)
{
	size_t spaces = 0;

	while (at > 0 && text[at - 1] == ' ' && spaces < 4) {
		at--;
		spaces++;
	}
	return spaces < 4 && (at == 0 || text[at - 1] == '\n' || text[at - 1] == '\r');
}

static bool is_command(const char *text, size_t at, size_t len)
{
	char after = text[at + len];

	return begins_line(text, at) &&
	       (after == '\0' || after == ' ' || after == '\t' || after == '\n' || after == '\r');
}

static bool is_prose(const unsigned char *map, size_t at, size_t len)
{
	for (size_t i = at; i < at + len; i++) {
		if (map[i] != MARKDOWN_TEXT)
			return false;
	}
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The next place of the word from `at` on, or NULL. (strcasestr may measure the whole text at every call.) */
static const char *find(const char *at, const char *word, size_t len)
{
	for (; *at != '\0'; at++) {
		if (lower(*at) == lower(word[0]) && strncasecmp(at, word, len) == 0)
			return at;
	}
	return NULL;
}

bool trigger_matches(const struct trigger_config *trigger, const char *text)
{
	if (trigger->kind == TRIGGER_ANY)
		return true;
	const char *word = trigger->word;
	size_t len = word != NULL ? strlen(word) : 0;
	const char *found = len > 0 ? find(text, word, len) : NULL;
	if (found == NULL)
		return false;
	CLEANUP(cleanup_free) unsigned char *map = markdown_map(text, strlen(text));
	if (map == NULL)
		return false;
	for (; found != NULL; found = find(found + 1, word, len)) {
		size_t at = (size_t)(found - text);
		bool alone = trigger->kind == TRIGGER_COMMAND ?
				     is_command(text, at, len) :
				     begins_word(text, at, word[0]) && ends_word(found + len, word[len - 1]);
		if (alone && is_prose(map, at, len))
			return true;
	}
	return false;
}
