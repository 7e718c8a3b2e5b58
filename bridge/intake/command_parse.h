/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the command to the bridge in a comment, see bridge/model/command.h. Pure; any thread. */
#ifndef BRIDGE_INTAKE_COMMAND_PARSE_H
#define BRIDGE_INTAKE_COMMAND_PARSE_H

#include "bridge/model/command.h"

/*
 * The first line of text that begins with prefix ("/nairi") as a word of its own, up to three blanks indented; inside code (fenced, indented, inline), quotes
 * and hidden comments it is none, and its case does not matter. Further such lines count for nothing. The job id may stand in a code span.
 */
void command_parse(const char *prefix, const char *text, struct command *ret);

#endif
