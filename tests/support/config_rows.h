/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations and what a load of each prints, exactly. Include after cmocka.h. */
#ifndef TESTS_SUPPORT_CONFIG_ROWS_H
#define TESTS_SUPPORT_CONFIG_ROWS_H

#include "tests/support/config_kit.h"

struct row {
	const char *text;
	const char *printed;
};

static inline void run_rows(const struct row *rows, size_t count, bool loads)
{
	for (size_t i = 0; i < count; i++) {
		CLEANUP(config_free_at) struct config *config = NULL;
		CLEANUP(cleanup_free) char *printed = kit_parse(rows[i].text, &config);
		if ((config != NULL) != loads || strcmp(printed, rows[i].printed) != 0)
			print_error("row %zu:\n%s\nexpected:\n%sgot:\n%s", i, rows[i].text,
				    rows[i].printed, printed);
		assert_string_equal(printed, rows[i].printed);
		assert_true((config != NULL) == loads);
	}
}

#define RUN_ROWS(rows, loads) run_rows((rows), sizeof(rows) / sizeof((rows)[0]), (loads))

#endif
