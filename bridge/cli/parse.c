/* SPDX-License-Identifier: Apache-2.0 */
/* argv by the verbs' tables, with getopt_long(3). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/cli/verb.h"

#define DEFAULT_CONFIG "/etc/nairi-bridge/config.yaml"
#define ROWS_MAX       (VERB_OPTIONS_MAX + 8)
#define LONG_BASE      256 /* of getopt's values: above every letter */

/* The options of one parse, put together from tables; value LONG_BASE + row. */
struct rows {
	const struct verb_option *items[ROWS_MAX];
	size_t count, own; /* the first `own` are the verb's */
	struct option longs[ROWS_MAX + 1];
	char shorts[2 * ROWS_MAX + 4];
};

static void add_rows(struct rows *rows, const struct verb_option *options)
{
	for (size_t i = 0; options != NULL && options[i].name != NULL && rows->count < ROWS_MAX; i++)
		rows->items[rows->count++] = &options[i];
}

/*
 * leading: "+" ends at the first operand, "" takes options anywhere; ":" tells a missing argument from an
 * unknown option.
 */
static void compile_rows(struct rows *rows, const char *leading)
{
	size_t used = strlen(leading);

	memcpy(rows->shorts, leading, used);
	rows->shorts[used++] = ':';
	for (size_t i = 0; i < rows->count; i++) {
		const struct verb_option *row = rows->items[i];
		bool takes = row->argument != NULL;
		rows->longs[i] = (struct option){ row->name, takes ? required_argument : no_argument, NULL,
						  LONG_BASE + (int)i };
		if (row->letter == 0)
			continue;
		rows->shorts[used++] = row->letter;
		if (takes)
			rows->shorts[used++] = ':';
	}
	rows->shorts[used] = '\0';
}

/* The row of what getopt returned; NULL: none. */
static const struct verb_option *row_of(const struct rows *rows, int found, size_t *ret_index)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (found == LONG_BASE + (int)i || (found < LONG_BASE && found == rows->items[i]->letter)) {
			*ret_index = i;
			return rows->items[i];
		}
	}
	return NULL;
}

static int misused(const char *verb, const char *problem, const char *what)
{
	(void)fprintf(stderr, "nairi-bridge%s%s: %s%s%s; see `nairi-bridge help%s%s`\n", verb[0] != '\0' ? " " : "", verb,
		      problem, what[0] != '\0' ? " " : "", what, verb[0] != '\0' ? " " : "", verb);
	return VERB_USAGE;
}

/* Options until the operands; -1: go on with optind. */
static int walk(struct rows *rows, int argc, char **argv, const char *verb, struct verb_call *call, bool *ret_help)
{
	int found;
	size_t index = 0;

	optind = 0; /* glibc: start anew */
	opterr = 0;
	while ((found = getopt_long(argc, argv, rows->shorts, rows->longs, NULL)) != -1) {
		const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
		if (found == ':')
			return misused(verb, "an argument is missing after", word);
		if (found == '?')
			return misused(verb, "unknown option", word);
		const struct verb_option *row = row_of(rows, found, &index);
		if (row == NULL)
			return misused(verb, "unknown option", word);
		if (index < rows->own)
			call->values[index] = row->argument != NULL ? optarg : "";
		else if (strcmp(row->name, "config") == 0)
			call->config_file = optarg;
		else if (strcmp(row->name, "json") == 0)
			call->json = true;
		else
			*ret_help = true;
	}
	return -1;
}

static const char *default_config(void)
{
	const char *named = getenv("NAIRI_BRIDGE_CONFIG");

	return named != NULL && named[0] != '\0' ? named : DEFAULT_CONFIG;
}

int verb_parse_globals(int argc, char **argv, struct verb_call *call, int *ret_at)
{
	static const struct verb_option version[] = { { "version", 'V', NULL, "" }, { 0 } };
	struct rows rows = { .count = 0 };
	bool help = false;

	*call = (struct verb_call){ .config_file = default_config() };
	add_rows(&rows, version);
	rows.own = rows.count;
	add_rows(&rows, verb_common);
	add_rows(&rows, verb_listing);
	compile_rows(&rows, "+");
	int status = walk(&rows, argc, argv, "", call, &help);
	if (status >= 0)
		return status;
	if (help) {
		verb_overview(stdout);
		return VERB_DONE;
	}
	if (call->values[0] != NULL)
		return version_verb.run(call);
	if (optind >= argc) {
		verb_overview(stderr);
		return VERB_USAGE;
	}
	*ret_at = optind;
	return -1;
}

int verb_parse(const struct verb *verb, int argc, char **argv, struct verb_call *call)
{
	struct rows rows = { .count = 0 };
	bool help = false;

	if (call->json && !verb->lists)
		return misused(verb->name, "it takes no", "--json");
	call->verb = verb;
	memset(call->values, 0, sizeof(call->values));
	add_rows(&rows, verb->options);
	rows.own = rows.count;
	add_rows(&rows, verb_common);
	if (verb->lists)
		add_rows(&rows, verb_listing);
	compile_rows(&rows, "");
	int status = walk(&rows, argc, argv, verb->name, call, &help);
	if (status >= 0)
		return status;
	if (help) {
		verb_help(verb, stdout);
		return VERB_DONE;
	}
	call->operands = argv + optind;
	call->count = argc - optind;
	if (call->count >= verb->operands_min && call->count <= verb->operands_max)
		return -1;
	return misused(verb->name, "expected", verb->operands[0] != '\0' ? verb->operands : "no operands");
}
