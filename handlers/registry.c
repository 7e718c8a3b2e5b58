/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sources: a new one is its file and one row here. */
#include <string.h>

#include "handlers/handler.h"
#include "handlers/rows.h"

const struct handler *const handlers[] = {
	&handler_github,
	&handler_generic,
};

const size_t handler_count = sizeof(handlers) / sizeof(handlers[0]);

const struct handler *handler_find(const char *type)
{
	for (size_t i = 0; i < handler_count; i++) {
		if (strcmp(handlers[i]->kind.type, type) == 0)
			return handlers[i];
	}
	return NULL;
}
