/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/unknown.h"

#include "bridge/base/invisible.h"
#include "bridge/cli/verb.h"
#include "config/reader.h"

#define VERBS_MAX 32

int unknown_verb(const char *name)
{
	const char *names[VERBS_MAX + 1] = { NULL };
	CLEANUP(strbuf_release) struct strbuf clean = STRBUF(80);

	for (size_t i = 0; verbs[i] != NULL && i < VERBS_MAX; i++)
		names[i] = verbs[i]->name;
	invisible_line(name, 60, &clean);
	(void)fprintf(stderr, "nairi-bridge: there is no verb \"%s\"", strbuf_str(&clean));
	const char *nearest = suggest_nearest(name, names);
	if (nearest != NULL)
		(void)fprintf(stderr, " (did you mean \"%s\"?)", nearest);
	(void)fprintf(stderr, "; see `nairi-bridge help`\n");
	return VERB_USAGE;
}
