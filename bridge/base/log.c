/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/json.h"
#include "bridge/base/strbuf.h"
#include "bridge/base/utf8.h"

#define VALUE_MAX 1000
/* A write to a pipe of up to PIPE_BUF bytes never mixes with another's (pipe(7)). */
#define LINE_MAX_BYTES PIPE_BUF
/* Kept free for what ends a line: the mark that something was left out, brace and newline. */
#define END_RESERVE ((size_t)32)

struct sink {
	int fd;
	enum log_level level;
	enum log_format format;
	bool journal;
};

/* Process-wide by nature, written only by log_open before threads start. */
static struct sink sink = { .fd = STDERR_FILENO, .level = LOG_INFO, .format = LOG_AUTO };

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"
};
/* sd-daemon(3): the priorities of syslog(3). */
static const char *const journal_prefixes[] = {
	[LOG_DEBUG] = "<7>", [LOG_INFO] = "<6>", [LOG_WARN] = "<4>", [LOG_ERROR] = "<3>"
};

/* One line in the making: the chosen form, and whether something did not fit. */
struct line {
	struct strbuf sb;
	struct json_writer json;
	bool logfmt;
	bool truncated;
};

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream that leads to the journal. */
static bool leads_to_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char ours[64];

	if (stream == NULL || fstat(fd, &st) != 0)
		return false;
	(void)snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

static enum log_format resolve(int fd, enum log_format format)
{
	if (format != LOG_AUTO)
		return format;
	return isatty(fd) ? LOG_LOGFMT : LOG_JSON;
}

void log_open(int fd, enum log_level level, enum log_format format)
{
	sink.fd = fd;
	sink.level = level;
	sink.format = resolve(fd, format);
	sink.journal = leads_to_journal(fd);
}

/*
 * At most VALUE_MAX bytes, not ending inside a sequence. Text from outside may be no UTF-8 at all.
 */
static size_t cut(const char *text)
{
	size_t len = strnlen(text, VALUE_MAX + 1);

	if (len <= VALUE_MAX)
		return len;
	size_t shorter = utf8_cut(text, len, VALUE_MAX);
	return VALUE_MAX - shorter < 4 ? shorter : VALUE_MAX;
}

/* Whether logfmt may show the value without quotes: printable ASCII without what would split it. */
static bool is_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"=\\", text[i]) != NULL)
			return false;
	}
	return true;
}

static void add_logfmt_name(struct line *line, const char *key)
{
	strbuf_addf(&line->sb, "%s%s=", line->json.comma ? " " : "", key);
	line->json.comma = true;
}

static void add_text(struct line *line, const char *key, const char *text)
{
	size_t len = cut(text);

	if (!line->logfmt) {
		json_put_strn(&line->json, key, text, len);
		return;
	}
	add_logfmt_name(line, key);
	if (is_bare(text, len))
		strbuf_add(&line->sb, text, len);
	else
		strbuf_add_json(&line->sb, text, len);
}

static void add_number(struct line *line, const char *key, int64_t number)
{
	if (!line->logfmt) {
		json_put_int(&line->json, key, number);
		return;
	}
	add_logfmt_name(line, key);
	strbuf_add_i64(&line->sb, number);
}

/*
 * A field that would make the line too long is left out whole; a shorter one after it may still
 * fit.
 */
static void add_field(struct line *line, const struct log_field *field)
{
	size_t before = line->sb.len;

	if (field->text != NULL && field->text[0] != '\0')
		add_text(line, field->key, field->text);
	else if (field->text == NULL && field->is_number)
		add_number(line, field->key, field->number);
	if (line->sb.len <= LINE_MAX_BYTES - END_RESERVE)
		return;
	strbuf_truncate(&line->sb, before);
	line->truncated = true;
}

static void add_line(struct line *line, enum log_level level, const char *event, const char *msg,
		     const struct log_field *fields, size_t count)
{
	char now[CLOCK_TEXT_SIZE];

	clock_format(clock_now_ms(), now);
	if (!line->logfmt)
		json_begin_object(&line->json, NULL);
	add_text(line, "ts", now);
	add_text(line, "level", level_names[level]);
	add_field(line, &LOG_STR("event", event));
	add_field(line, &LOG_STR("msg", msg));
	for (size_t i = 0; i < count; i++)
		add_field(line, &fields[i]);
	if (line->logfmt) {
		strbuf_adds(&line->sb, line->truncated ? " truncated=true" : "");
	} else {
		if (line->truncated)
			json_put_bool(&line->json, "truncated", true);
		json_end_object(&line->json);
	}
	strbuf_addc(&line->sb, '\n');
}

static void write_whole(int fd, const char *bytes, size_t len)
{
	ssize_t done;

	/*
	 * Nobody is left to tell when even this fails; a signal that came before the first byte is
	 * no failure.
	 */
	do {
		done = write(fd, bytes, len);
	} while (done < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *event, const char *msg,
	       const struct log_field *fields, size_t count)
{
	if (level < sink.level || (unsigned)level > LOG_ERROR)
		return;
	int saved = errno;
	/*
	 * One field too many is written before it is taken back: a value escapes to six times its
	 * size.
	 */
	struct line line = { .sb = STRBUF(LINE_MAX_BYTES + 8 * VALUE_MAX),
			     .logfmt = resolve(sink.fd, sink.format) == LOG_LOGFMT };
	line.json = JSON_WRITER(&line.sb);
	if (sink.journal)
		strbuf_adds(&line.sb, journal_prefixes[level]);
	add_line(&line, level, event, msg, fields, count);
	if (!strbuf_failed(&line.sb))
		write_whole(sink.fd, line.sb.ptr, line.sb.len);
	strbuf_release(&line.sb);
	errno = saved;
}
