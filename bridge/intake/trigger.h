/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the agent addressed? A mention counts anywhere in prose, a command only at the start of a line; both as a word
 * of their own and neither inside code (fenced, indented or inline) nor in a quote ("> "). Case does not matter, as
 * at GitHub. Pure; any thread.
 */
#ifndef BRIDGE_INTAKE_TRIGGER_H
#define BRIDGE_INTAKE_TRIGGER_H

#include <stdbool.h>

#include "config/config.h"

bool trigger_matches(const struct trigger_config *trigger, const char *text);

#endif
