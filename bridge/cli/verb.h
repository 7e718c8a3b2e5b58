/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: a table a verb, from which come the parser, `help`, `--help`, and the test that the man
 * page names every option. A verb runs once, in the only thread there is (but `serve`, which starts the
 * daemon's).
 */
#ifndef BRIDGE_CLI_VERB_H
#define BRIDGE_CLI_VERB_H

#include <stdbool.h>
#include <stdio.h>

/* Exit statuses (design 2.2). */
enum { VERB_DONE = 0, VERB_REFUSED = 1, VERB_USAGE = 2 };

#define VERB_OPTIONS_MAX 8

struct verb_option {
	const char *name;     /* without dashes; NULL ends a table */
	char letter;          /* the short form; 0: none */
	const char *argument; /* "FILE"; NULL: takes none */
	const char *help;     /* one clause */
};

struct verb;

/* One call, parsed. Everything borrowed from argv and the environment. */
struct verb_call {
	const struct verb *verb;
	const char *config_file;
	bool json;
	const char *values[VERB_OPTIONS_MAX]; /* by row of verb->options; "" without argument; NULL: not given */
	char *const *operands;
	int count;
};

struct verb {
	const char *name;
	const char *operands; /* "THREAD-or-URL JOB"; "" */
	int operands_min, operands_max;
	const char *summary;  /* one clause */
	bool lists;           /* takes --json */
	const struct verb_option *options; /* NULL: none of its own */
	int (*run)(const struct verb_call *call);
};

/* All verbs, NULL-terminated, in the order in which help shows them. */
extern const struct verb *const verbs[];
const struct verb *verb_find(const char *name); /* NULL: there is none */

/* What every verb takes, and what those take that list; tables. */
extern const struct verb_option verb_common[];
extern const struct verb_option verb_listing[];

/* The value of an option of the verb's own table by its long name; NULL: not given. */
const char *verb_value(const struct verb_call *call, const char *name);

/*
 * The options before the verb: fills config_file and json. Returns -1 with *ret_at, the index of the verb in
 * argv; else the exit status (help was asked for, or misused: said on the right stream).
 */
int verb_parse_globals(int argc, char **argv, struct verb_call *call, int *ret_at);
/* The verb's own: argv[0] is its name. Returns -1: run it; else the exit status. */
int verb_parse(const struct verb *verb, int argc, char **argv, struct verb_call *call);

void verb_overview(FILE *out);
void verb_help(const struct verb *verb, FILE *out);

/* The rows of the table in verbs.c, a file each. */
extern const struct verb serve_verb, check_verb, link_verb, unlink_verb, links_verb, continue_verb, start_verb, deliveries_verb,
	show_verb, replay_verb, status_verb, version_verb, help_verb, hook_verb;

#endif
