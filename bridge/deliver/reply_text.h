/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a reply (webhook-sources section 13): Markdown that pings nobody, closes nothing and gives nothing away,
 * with a hidden marker by which we know it again. Pure; any thread.
 */
#ifndef BRIDGE_DELIVER_REPLY_TEXT_H
#define BRIDGE_DELIVER_REPLY_TEXT_H

#include <stdbool.h>

#include "bridge/base/strbuf.h"

/* "<!-- nairi-bridge:reply:<id> -->" */
#define REPLY_MARKER_SIZE 80
void reply_marker(const char *reply_id, char out[REPLY_MARKER_SIZE]);

/* Whether text bears a marker of any bridge. */
bool reply_has_marker(const char *text);

/* Whether it is one of the refusals that the API documents (nairi-api.md 3.2): none of them says that the job has ended. */
bool reply_is_documented(const char *error);

struct failure_text {
	const char *author;   /* login, or several: "one, other"; NULL: not addressed */
	size_t others;        /* comments that went along */
	const char *job_id;   /* NULL */
	const char *error;    /* the API's words, verbatim; NULL when it never answered */
	const char *reason;   /* ours, when error is NULL: "gave up after 10 attempts: connection refused" */
	int upstream_status;  /* 0: none */
	const char *marker;
};

/*
 * "This comment did not reach the agent …": the API's words in a code span or fence that they cannot leave, what they mean and what to do
 * next for the known ones (`job is not an API job`, `job not found`, `prompt is required`; nairi-api.md 3.2 and 6), the job id, the marker.
 * At most max bytes; what is too long is cut inside the quoted words. Tokens, keys and PEM blocks in the words are redacted,
 * @mentions and #references inside quoted text are neutralised.
 */
void reply_failure_text(const struct failure_text *failure, size_t max, struct strbuf *out);

/* Replaces what looks like a credential (ghp_…, ghs_…, github_pat_…, glpat-…, xox?-…, nr_…, Bearer …, x-access-token:…@, PEM) by "[redacted]". */
void text_redact(const char *text, size_t len, struct strbuf *out);

#endif
