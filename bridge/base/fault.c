/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/fault.h"

#ifdef FAULT_POINTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How often the chosen point was passed; a test build's own state. */
static atomic_int passed;

void fault_point(const char *name)
{
	const char *chosen = getenv("NAIRI_BRIDGE_FAULT");
	size_t len = strlen(name);

	if (chosen == NULL || strncmp(chosen, name, len) != 0 || (chosen[len] != '\0' && chosen[len] != ':'))
		return;
	int wanted = chosen[len] == ':' ? (int)strtol(chosen + len + 1, NULL, 10) : 1;
	if (atomic_fetch_add(&passed, 1) + 1 == wanted)
		(void)raise(SIGKILL);
}

bool fault_is_chosen(const char *name)
{
	const char *chosen = getenv("NAIRI_BRIDGE_FAULT");

	return chosen != NULL && strcmp(chosen, name) == 0;
}
#endif
