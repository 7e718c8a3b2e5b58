/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people write, through everything that reads or repeats it: cleaning, trigger, prompt, reply, redaction.
 * The first byte chooses sizes and settings; the rest is the text (up to a NUL) and all the fields beside it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/utf8.h"
#include "bridge/deliver/reply_text.h"
#include "bridge/intake/hygiene.h"
#include "bridge/intake/markdown.h"
#include "bridge/intake/prompt.h"
#include "bridge/intake/trigger.h"
#include "bridge/model/message.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static bool ends_with(const struct strbuf *sb, const char *tail)
{
	size_t len = strlen(tail);

	return sb->len >= len && memcmp(sb->ptr + sb->len - len, tail, len) == 0;
}

static void check_hygiene(const char *text, size_t len)
{
	CLEANUP(strbuf_release) struct strbuf once = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf twice = STRBUF(SIZE_MAX - 1);

	bool removed = hygiene_clean(text, len, &once);
	must(utf8_valid(strbuf_str(&once), once.len), "clean text is UTF-8");
	must(removed || once.len <= len, "nothing removed, nothing added");
	must(!hygiene_clean(strbuf_str(&once), once.len, &twice), "clean text stays as it is");
	must(strcmp(strbuf_str(&once), strbuf_str(&twice)) == 0, "clean text stays the same");
}

static void check_map(const char *text, size_t len)
{
	CLEANUP(cleanup_free) unsigned char *map = markdown_map(text, len);

	must(map != NULL, "a map");
	for (size_t i = 0; i < len; i++)
		must((map[i] & ~MARKDOWN_QUOTED) <= MARKDOWN_HIDDEN, "a known class");
}

static void check_trigger(const char *text)
{
	static const struct trigger_config mention = { .kind = TRIGGER_MENTION, .word = "@nairi" };
	static const struct trigger_config command = { .kind = TRIGGER_COMMAND, .word = "/nairi" };

	must(!trigger_matches(&mention, text) || strcasestr(text, "@nairi") != NULL, "a mention is there");
	must(!trigger_matches(&command, text) || strcasestr(text, "/nairi") != NULL, "a command is there");
}

static void check_first_line(const char *prompt)
{
	for (; *prompt != '\n'; prompt++)
		must((unsigned char)*prompt >= 0x20U && *prompt != 0x7F, "a first line without controls");
}

static void check_prompt(const char *text, size_t len, unsigned pick)
{
	struct source_config source = { .name = "s", .hygiene = pick & 1U ? HYGIENE_OFF : HYGIENE_STRICT };
	struct event event = { .text = text, .did = "commented on", .author = { .login = text } };
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(SIZE_MAX - 1);
	char tag[MESSAGE_TAG_SIZE];
	bool cut;

	message_tag(ID, tag);
	event.kind = pick & 2U ? EVENT_EDIT : EVENT_MESSAGE;
	event.title = event.url = event.where = pick & 4U ? text : NULL;
	event.file = event.lines = event.quote = pick & 8U ? text : NULL;
	event.actor.login = pick & 16U ? text : NULL;
	size_t max = 300U + (size_t)(pick >> 3) * 40U;
	if (prompt_compose(&source, &event, ID, max, &out, &cut, NULL) != 0) {
		must(out.len == 0, "a refused prompt leaves nothing");
		return;
	}
	must(out.len <= max, "a prompt within its maximum");
	must(ends_with(&out, tag) && out.ptr[out.len - strlen(tag) - 1] == '\n', "the tag is the last line");
	check_first_line(out.ptr);
	if (source.hygiene == HYGIENE_STRICT || utf8_valid(text, len))
		must(utf8_valid(out.ptr, out.len), "a prompt of UTF-8");
}

static void check_reply(const char *text, unsigned pick)
{
	struct failure_text failure = { .upstream_status = pick & 1U ? 400 : 0 };
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(SIZE_MAX - 1);
	char marker[REPLY_MARKER_SIZE];

	reply_marker(ID, marker);
	failure.marker = marker;
	failure.author = failure.job_id = pick & 2U ? text : NULL;
	failure.error = pick & 4U ? text : NULL;
	failure.reason = pick & 8U ? text : NULL;
	size_t max = strlen(marker) + (size_t)pick * 8U;
	reply_failure_text(&failure, max, &out);
	must(out.len <= max, "a reply within its maximum");
	must(ends_with(&out, marker) && reply_has_marker(out.ptr), "a whole marker at the end");
	must(utf8_valid(out.ptr, out.len), "a reply of UTF-8");
}

static void check_redact(const char *text, size_t len)
{
	CLEANUP(strbuf_release) struct strbuf once = STRBUF(SIZE_MAX - 1);

	text_redact(text, len, &once);
	must(!utf8_valid(text, len) || utf8_valid(strbuf_str(&once), once.len), "redacted UTF-8 is UTF-8");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	CLEANUP(cleanup_free) char *text = malloc(size);
	if (text == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	size_t len = strlen(text);

	check_hygiene(text, len);
	check_map(text, len);
	check_trigger(text);
	check_prompt(text, len, data[0]);
	check_reply(text, data[0]);
	check_redact(text, len);
	return 0;
}
