/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a document. What json_extract lets through must be valid UTF-8 that cJSON reads to
 * its end, without a repeated member, and must come through a second time unchanged; whether a
 * document is JSON must not depend on what is kept of it.
 */
#include <stdlib.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Members looked at for repetition in one object: it is a comparison of each with each. */
#define MEMBERS_MAX 200

static const char *const comment[] = { "action", "comment.id", "comment.body", "comment.user.login",
				       "a",	 "b.c",	       "b.c.d",	       "l.a",
				       "",	 NULL };
static const char *const nothing[] = { NULL };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void no_repeated_members(const cJSON *tree)
{
	int seen = 0;

	for (const cJSON *child = tree->child; child != NULL && seen < MEMBERS_MAX;
	     child = child->next, seen++) {
		for (const cJSON *other = tree->child; cJSON_IsObject(tree) && other != child;
		     other = other->next)
			must(strcmp(other->string, child->string) != 0);
		no_repeated_members(child);
	}
}

static int try_paths(const char *text, size_t len, const char *const *names)
{
	struct json_paths *paths = names != NULL ? json_paths_new(names) : NULL;
	struct strbuf out = STRBUF(8 * len + 64), again = STRBUF(8 * len + 64);
	struct error err = { .code = ERR_NONE };
	int result = json_extract(text, len, paths, &out, &err);

	if (result == 0) {
		const char *end = NULL;
		cJSON *tree = cJSON_ParseWithLengthOpts(strbuf_str(&out), out.len, &end, false);
		must(tree != NULL && end == strbuf_str(&out) + out.len);
		no_repeated_members(tree);
		cJSON_Delete(tree);
		must(utf8_valid(strbuf_str(&out), out.len) &&
		     memchr(strbuf_str(&out), 0, out.len) == NULL);
		must(json_extract(strbuf_str(&out), out.len, paths, &again, &err) == 0);
		must(again.len == out.len &&
		     memcmp(strbuf_str(&again), strbuf_str(&out), out.len) == 0);
	} else {
		must(err.code == ERR_INVALID && err.text[0] != '\0');
	}
	strbuf_release(&out);
	strbuf_release(&again);
	json_paths_free(paths);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	int result = try_paths(text, size, NULL);

	must(try_paths(text, size, comment) == result);
	must(try_paths(text, size, nothing) == result);
	return 0;
}
