/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/serve.h"

#include "bridge/cli/verb.h"

static int run(const struct verb_call *call)
{
	return serve(call->config_file);
}

const struct verb serve_verb = {
	.name = "serve",
	.operands = "",
	.summary = "runs the daemon in the foreground; SIGHUP reads the configuration again, SIGTERM ends it",
	.run = run,
};
