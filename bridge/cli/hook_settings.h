/* SPDX-License-Identifier: Apache-2.0 */
/* Where a hook delivers to: from the verb's options, else from `git config nairi.…` of its repository. One thread. */
#ifndef BRIDGE_CLI_HOOK_SETTINGS_H
#define BRIDGE_CLI_HOOK_SETTINGS_H

#include "bridge/base/error.h"
#include "bridge/base/secret.h"
#include "bridge/base/strbuf.h"
#include "bridge/cli/verb.h"

struct git_repository;

struct hook_settings {
	char *url;            /* NULL: direct */
	char *thread;         /* with {repo} and {branch}; never NULL */
	char *job;            /* a job's id or a thread's key or URL; NULL: to url */
	struct secret *key;   /* for the signature; NULL: none */
	struct secret *token; /* for Authorization; NULL: none */
};

/* Fails with a text that says what to set, and never what is in a file. */
int hook_settings_read(const struct verb_call *call, struct git_repository *repository, struct hook_settings *ret,
		       struct error *err) MUST_CHECK;
void hook_settings_release(struct hook_settings *settings);

/* The thread of one branch. */
void hook_settings_thread(const struct hook_settings *settings, const char *repo, const char *branch,
			  struct strbuf *out);

#endif
