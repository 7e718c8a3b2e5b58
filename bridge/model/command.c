/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/model/command.h"

static const char *const names[] = {
	[COMMAND_NONE] = "none",     [COMMAND_LINK] = "link",   [COMMAND_UNLINK] = "unlink",
	[COMMAND_STATUS] = "status", [COMMAND_RETRY] = "retry", [COMMAND_STOP] = "stop",
	[COMMAND_HELP] = "help",     [COMMAND_UNKNOWN] = "unknown", [COMMAND_PROMPT] = "prompt",
};

const char *command_name(enum command_kind kind)
{
	return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}
