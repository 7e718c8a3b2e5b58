/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the texts of bridge/deliver: words from outside, in code that they cannot leave. Pure; any thread. */
#ifndef BRIDGE_DELIVER_SAFE_WORDS_H
#define BRIDGE_DELIVER_SAFE_WORDS_H

#include <stdbool.h>

#include "bridge/base/strbuf.h"

/* Appends words visible, redacted, harmless even where code pings, and without blanks around them. */
void safe_words_prepare(const char *words, struct strbuf *out);

/* Appends prepared words as a code span, or as a fenced block in a paragraph of its own: at most room bytes, cut with "…" inside. */
void safe_words_span(struct strbuf *out, const struct strbuf *words, size_t room);
void safe_words_fence(struct strbuf *out, const struct strbuf *words, size_t room);

/* Whether it can stand in a code span as it is: an id. NULL is none. */
bool safe_words_is_id(const char *id);

/* Appends "author: ", or "one, other: ", of names that a forge could have given out; none: nothing. */
void safe_words_address(struct strbuf *out, const char *authors);

#endif
