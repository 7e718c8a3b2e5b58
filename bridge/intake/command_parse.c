/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/intake/command_parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bridge/base/cleanup.h"
#include "bridge/intake/markdown.h"

#define INDENT_MAX 3
#define WORDS_MAX 4 /* the command and what is behind it; more than three make a prompt */
#define STRAY_MAX 2 /* so many words behind a command are a slip of the pen, more are a sentence */
#define NAME_SHOWN 40

struct word {
	const char *ptr;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_prose(const unsigned char *map, size_t at, size_t len)
{
	for (size_t i = at; i < at + len; i++) {
		if (map[i] != MARKDOWN_TEXT)
			return false;
	}
	return true;
}

static size_t line_length(const char *line)
{
	return strcspn(line, "\r\n");
}

/* Where the words behind the prefix begin, if the line at `at` begins with it; 0: it does not. */
static size_t behind_prefix(const char *text, size_t at, const char *prefix, const unsigned char *map)
{
	size_t indent = strspn(text + at, " "), len = strlen(prefix), begin = at + indent;

	if (indent > INDENT_MAX || strncasecmp(text + begin, prefix, len) != 0 || !is_prose(map, begin, len))
		return 0;
	char after = text[begin + len];
	return after == '\0' || after == '\n' || is_blank(after) ? begin + len : 0;
}

/* At most WORDS_MAX words of the line. */
static size_t split(const char *line, size_t len, struct word words[WORDS_MAX])
{
	size_t count = 0, at = 0;

	while (at < len && count < WORDS_MAX) {
		while (at < len && is_blank(line[at]))
			at++;
		size_t begin = at;
		while (at < len && !is_blank(line[at]))
			at++;
		if (at > begin)
			words[count++] = (struct word){ line + begin, at - begin };
	}
	return count;
}

/* The known word that this is, or COMMAND_NONE. A full stop may end it, as it would a sentence. */
static enum command_kind find_kind(struct word word)
{
	static const enum command_kind kinds[] = { COMMAND_LINK,  COMMAND_UNLINK, COMMAND_STATUS,
						   COMMAND_RETRY, COMMAND_STOP,   COMMAND_HELP };

	while (word.len > 1 && strchr(".!?", word.ptr[word.len - 1]) != NULL)
		word.len--;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *name = command_name(kinds[i]);
		if (strlen(name) == word.len && strncasecmp(name, word.ptr, word.len) == 0)
			return kinds[i];
	}
	return COMMAND_NONE;
}

/* A job id, bare or in a code span. */
static bool read_job(struct word word, struct command *ret)
{
	while (word.len > 2 && word.ptr[0] == '`' && word.ptr[word.len - 1] == '`') {
		word.ptr++;
		word.len -= 2;
	}
	if (word.len >= sizeof(ret->job_id))
		return false;
	memcpy(ret->job_id, word.ptr, word.len);
	ret->job_id[word.len] = '\0';
	if (job_id_is_valid(ret->job_id))
		return true;
	ret->job_id[0] = '\0';
	return false;
}

static bool is_plain(struct word word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

	for (size_t i = 0; i < word.len; i++) {
		if (word.ptr[i] == '\0' || strchr(plain, word.ptr[i]) == NULL)
			return false;
	}
	return word.len <= NAME_SHOWN;
}

static void refuse_word(struct word word, struct command *ret)
{
	ret->kind = COMMAND_UNKNOWN;
	/* Only a word that can neither ping nor format anything is repeated. */
	if (is_plain(word))
		(void)snprintf(ret->problem, sizeof(ret->problem), "\"%.*s\" is not a command", (int)word.len, word.ptr);
	else
		(void)snprintf(ret->problem, sizeof(ret->problem), "that is not a command");
}

static void read_link(const struct word *words, size_t count, struct command *ret)
{
	if (count == 2 && read_job(words[1], ret)) {
		ret->kind = COMMAND_LINK;
		return;
	}
	ret->kind = COMMAND_UNKNOWN;
	(void)snprintf(ret->problem, sizeof(ret->problem), "%s",
		       count == 1 ? "\"link\" takes the id of a job, like job_01KRK1V46BXS73CSNK2VR35NPJ" :
		       count == 2 ? "what follows \"link\" is not the id of a job, which looks like job_01KRK1V46BXS73CSNK2VR35NPJ" :
				    "\"link\" takes one job id and nothing else");
}

static void read_words(const struct word *words, size_t count, struct command *ret)
{
	enum command_kind kind = find_kind(words[0]);

	if (count > 1 + (kind == COMMAND_NONE ? 0 : STRAY_MAX)) {
		ret->kind = COMMAND_PROMPT;
	} else if (kind == COMMAND_NONE) {
		refuse_word(words[0], ret);
	} else if (kind == COMMAND_LINK) {
		read_link(words, count, ret);
	} else if (count == 1) {
		ret->kind = kind;
	} else {
		ret->kind = COMMAND_UNKNOWN;
		(void)snprintf(ret->problem, sizeof(ret->problem), "\"%s\" takes nothing behind it", command_name(kind));
	}
}

/* Whether the comment says anything besides the bytes from..to: then it is somebody talking to the agent, not asking for help. */
static bool says_more(const char *text, size_t len, const unsigned char *map, size_t from, size_t to)
{
	for (size_t i = 0; i < len; i++) {
		if (i >= from && i < to)
			continue;
		if ((map[i] == MARKDOWN_TEXT || map[i] == MARKDOWN_CODE) && text[i] != '\n' && !is_blank(text[i]))
			return true;
	}
	return false;
}

void command_parse(const char *prefix, const char *text, struct command *ret)
{
	*ret = (struct command){ .kind = COMMAND_NONE };
	if (prefix == NULL || *prefix == '\0' || text == NULL)
		return;
	size_t len = strlen(text);
	CLEANUP(cleanup_free) unsigned char *map = markdown_map(text, len);
	if (map == NULL)
		return;
	for (size_t at = 0; at < len;) {
		size_t words_at = behind_prefix(text, at, prefix, map), end = at + line_length(text + at);
		if (words_at > 0) {
			struct word words[WORDS_MAX];
			size_t count = split(text + words_at, end > words_at ? end - words_at : 0, words);
			if (count > 0)
				read_words(words, count, ret);
			else
				ret->kind = says_more(text, len, map, at, end) ? COMMAND_PROMPT : COMMAND_HELP;
			return;
		}
		at = end + 1;
	}
}
