/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that send a prompt by hand have in common. */
#ifndef BRIDGE_CLI_PROMPT_H
#define BRIDGE_CLI_PROMPT_H

#include "bridge/base/json.h"
#include "bridge/cli/client.h"

#define PROMPT_BODY_MAX ((size_t)6 * 1024 * 1024 + 4096) /* JSON may escape every byte */
#define PROMPT_GRACE_S  30                               /* for the daemon to answer after the wait */

/* Adds the member "prompt"; "-" reads it from standard input. -1: said why. */
int prompt_put(struct json_writer *w, const char *prompt);
/* --wait as seconds, 0 to 120, 30 when text is NULL; -1: said why. */
long prompt_wait_s(const char *verb, const char *text);
/* The ids, or why not; returns the verb's exit status. */
int prompt_print(const struct client_answer *answer);

#endif
