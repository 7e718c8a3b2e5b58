/* SPDX-License-Identifier: Apache-2.0 */
/* nairi-bridge: the options before the verb, the verb, its exit status. */
#include <errno.h>
#include <string.h>

#include "bridge/cli/unknown.h"
#include "bridge/cli/verb.h"

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
	int status = verb_parse_globals(argc, argv, &call, &at);

	if (status >= 0)
		return finish(status);
	const struct verb *verb = verb_find(argv[at]);
	if (verb == NULL)
		return unknown_verb(argv[at]);
	status = verb_parse(verb, argc - at, argv + at, &call);
	return finish(status >= 0 ? status : verb->run(&call));
}
