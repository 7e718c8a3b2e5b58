/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line an event on standard error (design 2.5), as JSON or logfmt. Everything is escaped: what comes from
 * outside cannot end a line, colour a terminal or turn text around. Never give it a body, a header or a
 * secret. The sink is the one piece of process-wide state here; log_open before threads start.
 * Any thread; a line is written whole, by one write(2).
 */
#ifndef BRIDGE_BASE_LOG_H
#define BRIDGE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_AUTO, LOG_JSON, LOG_LOGFMT }; /* auto: logfmt on a terminal, else JSON */

struct log_field {
	const char *key;
	const char *text; /* NULL: the number is meant, if is_number; else the field is left out */
	int64_t number;
	bool is_number;
};

#define LOG_STR(name, value) ((struct log_field){ .key = (name), .text = (value) })
#define LOG_INT(name, value) \
	((struct log_field){ .key = (name), .number = (int64_t)(value), .is_number = true })

/*
 * Sets level and format. With JOURNAL_STREAM matching the descriptor, lines get the "<N>" priority prefix
 * of sd-daemon(3). fd is borrowed; tests may point it elsewhere.
 */
void log_open(int fd, enum log_level level, enum log_format format);

/* Fields whose text is NULL or empty are left out; values are cut at 1,000 bytes. msg may be NULL. */
void log_write(enum log_level level, const char *event, const char *msg, const struct log_field *fields,
	       size_t count);

#define log_event(level, event, msg, ...)                                           \
	log_write((level), (event), (msg), (const struct log_field[]){ __VA_ARGS__ }, \
		  sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

#endif
