/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's words on their way to a forge. The first byte chooses what is said, the second how much room there is;
 * the rest is the words. What intake reads in the result is held against what was promised: no ping, no command.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/utf8.h"
#include "bridge/deliver/answer_text.h"
#include "bridge/deliver/reply_text.h"
#include "bridge/intake/command_parse.h"
#include "bridge/intake/markdown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what, const char *text)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n{%s}\n", what, text);
	abort();
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void check_pings(const char *text, size_t len)
{
	CLEANUP(cleanup_free) unsigned char *map = markdown_map(text, len);

	for (size_t i = 0; map != NULL && i + 1 < len; i++) {
		bool ping = text[i] == '@' && is_alnum(text[i + 1]) && (i == 0 || !is_alnum(text[i - 1]));
		must(!ping || (map[i] & MARKDOWN_CLASS) != MARKDOWN_TEXT, "nobody is pinged", text);
		must(text[i] != '\n' || text[i + 1] != '/', "no line begins with a slash", text);
	}
	must(text[0] != '/', "the first line does not, either", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	CLEANUP(cleanup_free) char *text = malloc(size);
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf markdown = STRBUF(SIZE_MAX - 1);
	char marker[REPLY_MARKER_SIZE];
	struct command command;

	if (text == NULL)
		return 0;
	memcpy(text, data + 2, size - 2);
	text[size - 2] = '\0';
	answer_markdown(text, strlen(text), &markdown);
	must(!utf8_valid(text, strlen(text)) || utf8_valid(strbuf_str(&markdown), markdown.len), "UTF-8", text);
	reply_marker("01890a5d-ac96-774b-bcce-b302099a8057", marker);
	struct answer_text what = {
		.kind = (enum answer_kind)(data[0] % (ANSWER_STARTED + 1)), .status = (data[0] & 0x80U) != 0,
		.words = text, .author = text, .job_id = text, .end_words = text, .end = JOB_MERGED,
		.others = data[0] >> 5, .after_ms = 1000 * data[1], .marker = marker,
	};
	size_t max = strlen(marker) + (data[1] == 255 ? 1000000 : (size_t)data[1] * 8U);
	answer_text(&what, max, &out);
	must(out.len <= max, "within its maximum", out.ptr);
	must(out.len >= strlen(marker) && strcmp(out.ptr + out.len - strlen(marker), marker) == 0, "a whole marker", out.ptr);
	must(utf8_valid(out.ptr, out.len), "UTF-8", out.ptr);
	check_pings(out.ptr, out.len);
	command_parse("/nairi", out.ptr, &command);
	must(command.kind == COMMAND_NONE, "no command", out.ptr);
	return 0;
}
