/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nairi-sandbox: the outside world of the bridge, on loopback. It stands in for Nairi's public
 * API and for the part of GitHub's REST API that a bridge writes to, and lets tests look at and
 * spoil what happens. tests/sandbox/README.md lists the control surface.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/accounts.h"
#include "tests/sandbox/control.h"
#include "tests/sandbox/github.h"
#include "tests/sandbox/github_api.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/server.h"
#include "tests/sandbox/turns.h"

static const char usage[] =
	"usage: nairi-sandbox [--listen 127.0.0.1:0] [--quick] [--key KEY]...\n"
	"\n"
	"A local stand-in for Nairi's public API and GitHub's comment API, for tests.\n"
	"Prints one line of JSON with its addresses and credentials when it is ready.\n"
	"\n"
	"  --listen HOST:PORT  where to listen; loopback only; port 0 takes a free one\n"
	"  --key KEY           one more good API key of the first organisation\n"
	"  --quick             for load: unknown job ids are active API jobs, no request\n"
	"                      log, no turns, messages are only counted\n"
	"  --help              this text\n";

struct options {
	const char *listen;
	bool quick;
	const char **keys;
	size_t key_count;
};

/* 0 to go on, 1 when the help was asked for, 2 when the arguments are wrong. */
static int read_options(int count, char **arguments, struct options *options)
{
	for (int i = 1; i < count; i++) {
		bool has_value = i + 1 < count;

		if (strcmp(arguments[i], "--help") == 0)
			return 1;
		if (strcmp(arguments[i], "--quick") == 0) {
			options->quick = true;
		} else if (strcmp(arguments[i], "--listen") == 0 && has_value) {
			options->listen = arguments[++i];
		} else if (strcmp(arguments[i], "--key") == 0 && has_value) {
			options->keys = memory_grow(options->keys, options->key_count + 1,
						  sizeof(*options->keys));
			options->keys[options->key_count++] = arguments[++i];
		} else {
			fprintf(stderr, "nairi-sandbox: %s: unknown, or its value is missing\n",
				arguments[i]);
			return 2;
		}
	}
	return 0;
}

static void print_ready(const struct server *server)
{
	const char *address = server_address(server);

	printf("{\"nairi\":\"http://%s\",\"github\":\"http://%s" GITHUB_API_PREFIX
	       "\",\"control\":\"http://%s" CONTROL_PREFIX
	       "\",\"keys\":{\"good\":\"" ACCOUNTS_KEY_GOOD "\",\"other_org\":\"" ACCOUNTS_KEY_OTHER
	       "\",\"revoked\":\"" ACCOUNTS_KEY_REVOKED "\"},\"github_token\":\"" GITHUB_TOKEN
	       "\"}\n",
	       address, address, address);
	fflush(stdout);
}

static int serve(struct sandbox *sandbox, const char *listen, const sigset_t *signals)
{
	char problem[256];
	struct server *server;
	pthread_t turns;
	int caught;

	server = server_start(sandbox, listen, problem, sizeof(problem));
	if (server == NULL) {
		fprintf(stderr, "nairi-sandbox: %s\n", problem);
		return 1;
	}
	if (pthread_create(&turns, NULL, turns_run, sandbox) != 0) {
		fputs("nairi-sandbox: cannot start a thread\n", stderr);
		server_stop(server);
		return 1;
	}
	print_ready(server);
	sigwait(signals, &caught);
	sandbox_stop(sandbox);
	server_stop(server);
	pthread_join(turns, NULL);
	return 0;
}

int main(int count, char **arguments)
{
	struct options options = {.listen = "127.0.0.1:0"};
	struct sandbox *sandbox;
	sigset_t signals;
	int status = read_options(count, arguments, &options);

	if (status != 0) {
		fputs(usage, status == 1 ? stdout : stderr);
		free(options.keys);
		return status == 1 ? 0 : 2;
	}
	/* Before any thread exists, so that all of them leave the signals to sigwait(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	sandbox = sandbox_new(options.quick, options.keys, options.key_count);
	free(options.keys);
	status = serve(sandbox, options.listen, &signals);
	sandbox_free(sandbox);
	return status;
}
