/* SPDX-License-Identifier: Apache-2.0 */
/* nairi-bridge: the options before the verb, the verb, its exit status. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/process.h"
#include "bridge/cli/unknown.h"
#include "bridge/cli/verb.h"
#include "bridge/git/git.h"

/* What the program is when it starts itself as a helper (bridge/base/process.h); no verbs for people. */
static const struct worker {
	const char *verb;
	int (*run)(int socket);
} workers[] = {
	{ "git", git_worker_main },
};

static int run_worker(const char *verb)
{
	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		if (strcmp(workers[i].verb, verb) == 0)
			return workers[i].run(PROCESS_WORKER_FD);
	}
	return VERB_USAGE;
}

/* What was printed may be all that a script wants: a full disk is a failure. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	(void)fprintf(stderr, "nairi-bridge: standard output cannot be written: %s\n", strerror(errno));
	return VERB_REFUSED;
}

int main(int argc, char **argv)
{
	struct verb_call call;
	int at = 0;

	if (argc == 3 && strcmp(argv[1], PROCESS_FLAG) == 0)
		_exit(run_worker(argv[2])); /* it owns nothing that outlives it */
	int status = verb_parse_globals(argc, argv, &call, &at);
	if (status >= 0)
		return finish(status);
	const struct verb *verb = verb_find(argv[at]);
	if (verb == NULL)
		return unknown_verb(argv[at]);
	status = verb_parse(verb, argc - at, argv + at, &call);
	return finish(status >= 0 ? status : verb->run(&call));
}
