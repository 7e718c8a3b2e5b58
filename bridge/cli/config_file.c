/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/config_file.h"

#include <stdio.h>

#include "handlers/handler.h"

#define PROBLEMS_MAX ((size_t)256 * 1024)

size_t config_file_types(const struct source_type *types[CONFIG_FILE_TYPES])
{
	size_t count = 0;

	while (count < handler_count && count < CONFIG_FILE_TYPES) {
		types[count] = &handlers[count]->kind;
		count++;
	}
	return count;
}

struct config *config_file_load(const char *file, bool warnings)
{
	const struct source_type *types[CONFIG_FILE_TYPES];
	size_t count = config_file_types(types);
	struct config_problems problems;
	struct config *config = NULL;
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(PROBLEMS_MAX);

	bool failed = config_load(file, types, count, &config, &problems) != 0;
	config_problems_print(&problems, &text);
	config_problems_release(&problems);
	if (failed || warnings)
		(void)fputs(strbuf_str(&text), stderr);
	return failed ? NULL : config;
}
