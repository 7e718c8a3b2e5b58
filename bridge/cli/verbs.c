/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bridge/cli/verb.h"

const struct verb *const verbs[] = {
	&serve_verb,      &check_verb, &link_verb,   &unlink_verb, &links_verb,   &continue_verb,
	&deliveries_verb, &show_verb,  &start_verb, &replay_verb, &status_verb, &hook_verb,    &version_verb,
	&help_verb,       NULL,
};

const struct verb_option verb_common[] = {
	{ "config", 'c', "FILE", "the configuration; else $NAIRI_BRIDGE_CONFIG, else /etc/nairi-bridge/config.yaml" },
	{ "help", 'h', NULL, "says how it is used" },
	{ 0 },
};

const struct verb_option verb_listing[] = {
	{ "json", 'j', NULL, "prints JSON, an object a line" },
	{ 0 },
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; verbs[i] != NULL; i++) {
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	}
	return NULL;
}

const char *verb_value(const struct verb_call *call, const char *name)
{
	const struct verb_option *options = call->verb->options;

	for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
		if (strcmp(options[i].name, name) == 0)
			return call->values[i];
	}
	return NULL;
}

/* ---- help ---- */

static void print_option(const struct verb_option *option, FILE *out)
{
	char left[64];
	const char *space = option->argument != NULL ? " " : "";
	const char *argument = option->argument != NULL ? option->argument : "";

	if (option->letter != 0)
		(void)snprintf(left, sizeof(left), "-%c, --%s%s%s", option->letter, option->name, space, argument);
	else
		(void)snprintf(left, sizeof(left), "    --%s%s%s", option->name, space, argument);
	(void)fprintf(out, "  %-24s %s\n", left, option->help);
}

static void print_options(const struct verb_option *options, FILE *out)
{
	for (size_t i = 0; options != NULL && options[i].name != NULL; i++)
		print_option(&options[i], out);
}

void verb_help(const struct verb *verb, FILE *out)
{
	(void)fprintf(out, "usage: nairi-bridge %s [options]%s%s\n\n%s\n\n", verb->name,
		      verb->operands[0] != '\0' ? " " : "", verb->operands, verb->summary);
	print_options(verb->options, out);
	if (verb->lists)
		print_options(verb_listing, out);
	print_options(verb_common, out);
}

void verb_overview(FILE *out)
{
	char left[64];

	(void)fprintf(out, "usage: nairi-bridge VERB [options]\n\n");
	for (size_t i = 0; verbs[i] != NULL; i++) {
		(void)snprintf(left, sizeof(left), "%s %s", verbs[i]->name, verbs[i]->operands);
		(void)fprintf(out, "  %-28s %s\n", left, verbs[i]->summary);
	}
	(void)fprintf(out, "\n");
	print_options(verb_common, out);
	(void)fprintf(out, "\n`nairi-bridge help VERB` tells more. See nairi-bridge(1) and nairi-bridge.yaml(5).\n");
}
