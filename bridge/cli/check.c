/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/cli/config_file.h"
#include "bridge/cli/print.h"
#include "bridge/cli/verb.h"
#include "bridge/settings/settings.h"

#define SCHEMA_MAX ((size_t)4 * 1024 * 1024)

static int print_schema(void)
{
	const struct source_type *types[CONFIG_FILE_TYPES];
	size_t count = config_file_types(types);
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(SCHEMA_MAX);

	config_json_schema(types, count, &text);
	(void)fputs(strbuf_str(&text), stdout);
	return VERB_DONE;
}

static void print_verdict(const char *file, const struct config *config)
{
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(4096);

	strbuf_addf(&line, "%s: good: %zu source%s, %zu fixed link%s, listens on", file, config->source_count,
		    config->source_count == 1 ? "" : "s", config->link_count, config->link_count == 1 ? "" : "s");
	for (size_t i = 0; i < config->listen.count; i++)
		strbuf_addf(&line, " %s", config->listen.items[i]);
	print_last(stdout, strbuf_str(&line), 0);
}

static int run(const struct verb_call *call)
{
	CLEANUP(settings_drop_at) struct settings *settings = NULL;
	struct error err = { 0 };

	if (verb_value(call, "schema") != NULL)
		return print_schema();
	struct config *config = config_file_load(call->config_file, true);
	if (config == NULL)
		return VERB_REFUSED;
	/* What only shows when the sources are opened: the daemon would stumble over it at its start. */
	if (settings_open(config, &settings, &err) != 0) {
		(void)fprintf(stderr, "%s: %s\n", call->config_file, err.text);
		return VERB_REFUSED;
	}
	print_verdict(call->config_file, settings->config);
	return VERB_DONE;
}

static const struct verb_option options[] = {
	{ "schema", 0, NULL, "prints the JSON Schema of the configuration instead" },
	{ 0 },
};

const struct verb check_verb = {
	.name = "check",
	.operands = "",
	.summary = "reads the configuration and everything it names, and prints every problem",
	.options = options,
	.run = run,
};
