/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent is told (design 2.8): one short line of provenance (who, where, link, file and lines; with
 * the quoted code of an inline comment), the author's text verbatim, and our tag as the last line. Pure; any thread.
 */
#ifndef BRIDGE_INTAKE_PROMPT_H
#define BRIDGE_INTAKE_PROMPT_H

#include "bridge/base/strbuf.h"
#include "bridge/model/event.h"
#include "config/config.h"

/*
 * Composes the prompt of event into out, at most max bytes in all. What comes from outside cannot break out of its part: the
 * provenance stays one line, the quote stays inside its fence. A text that is too long is cut on a UTF-8 boundary, visibly
 * ("[… cut: N of M bytes; the whole text: URL]"), and *ret_cut is set. The tag of message_id is always the last line.
 * Fails (ERR_TOO_LARGE) only when max cannot even hold provenance and tag.
 */
int prompt_compose(const struct source_config *source, const struct event *event, const char *message_id, size_t max,
		   struct strbuf *out, bool *ret_cut, struct error *err) MUST_CHECK;

#endif
