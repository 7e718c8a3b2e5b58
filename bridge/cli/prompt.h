/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that send a prompt by hand have in common. */
#ifndef BRIDGE_CLI_PROMPT_H
#define BRIDGE_CLI_PROMPT_H

#include "bridge/base/json.h"
#include "bridge/cli/verb.h"

/* Adds the member "prompt"; "-" reads it from standard input. -1: said why. */
int prompt_put(struct json_writer *w, const char *prompt);
/*
 * A whole verb: asks POST path?wait=… of the daemon, with the JSON object that `members` writes into, and prints the ids, or why not.
 * Its option --wait says how long. Returns the verb's exit status.
 */
int prompt_send(const struct verb_call *call, const char *path,
		int (*members)(const struct verb_call *call, struct json_writer *w));

#endif
