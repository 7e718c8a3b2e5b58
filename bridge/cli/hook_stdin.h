/* SPDX-License-Identifier: Apache-2.0 */
/* What Git tells a post-receive hook on standard input: "<old> <new> <ref>", a line a ref (githooks(5)). One thread. */
#ifndef BRIDGE_CLI_HOOK_STDIN_H
#define BRIDGE_CLI_HOOK_STDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOOK_REFS_MAX 20   /* branches of one push that are told about */
#define HOOK_REF_MAX  400  /* bytes of a name */
#define HOOK_ID_SIZE  41

struct hook_ref {
	char old[HOOK_ID_SIZE], new[HOOK_ID_SIZE];
	char name[HOOK_REF_MAX + 1]; /* "refs/heads/main" */
};

struct hook_refs {
	struct hook_ref items[HOOK_REFS_MAX]; /* the branches; tags and all else are nobody's business here */
	size_t count;
	size_t beyond;  /* branches that found no place */
	size_t garbage; /* lines that Git does not write */
	bool late;      /* the deadline came before the end */
};

/* Reads fd to its end, or to the deadline (clock_mono_ms); *ret is always filled with what came. */
void hook_stdin_read(int fd, int64_t deadline_ms, struct hook_refs *ret);

#endif
