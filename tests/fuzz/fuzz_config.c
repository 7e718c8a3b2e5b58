/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration reader over any bytes: never a crash, a leak or an endless loop, and 0 exactly
 * when there is no error. Without a file name it reads nothing from the file system, whatever the
 * input names.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tests/support/config_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What its comments in config.h promise, too. */
static size_t touch_conversation(const struct source_config *source)
{
	size_t sum = source->command != NULL ? strlen(source->command) : 0;

	if (source->ended == ENDED_RESTART && source->start.agent == NULL)
		abort();
	sum += source->start.agent != NULL ? strlen(source->start.agent) : 0;
	sum += source->git.token != NULL ? secret_len(source->git.token) : 0;
	if (source->git.url != NULL && strstr(source->git.url, "{repo}") == NULL)
		abort();
	for (size_t i = 0; i < source->git.link_authors.count; i++)
		sum += strlen(source->git.link_authors.items[i]);
	return sum;
}

/* Looks at what was read, so that a sanitizer sees a pointer that leads nowhere. */
static size_t touch(const struct config *config)
{
	size_t sum = strlen(config->store) + strlen(config->nairi.url) +
		     secret_len(config->nairi.api_key);

	for (size_t i = 0; i < config->listen.count; i++)
		sum += strlen(config->listen.items[i]);
	for (size_t i = 0; i < config->source_count; i++) {
		const struct source_config *source = &config->sources[i];
		sum += strlen(source->name) + strlen(source->path) + strlen(source->type->type);
		for (size_t j = 0; j < source->trust.users.count; j++)
			sum += strlen(source->trust.users.items[j]);
		if (source->trigger.word != NULL)
			sum += strlen(source->trigger.word);
		sum += touch_conversation(source);
	}
	for (size_t i = 0; i < config->nairi.discover.agents.count; i++)
		sum += strlen(config->nairi.discover.agents.items[i]);
	sum += config->git.cache != NULL ? strlen(config->git.cache) : 0;
	for (size_t i = 0; i < config->link_count; i++)
		sum += strlen(config->links[i].thread) + strlen(config->links[i].job);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1 << 20);
	struct config_problems problems;
	struct config *config = NULL;

	int result = config_parse(NULL, (const char *)data, size, kit_types, KIT_TYPES, &config,
				  &problems);
	if ((result == 0) != (config != NULL) || (result == 0) != (problems.errors == 0))
		abort();
	if (config != NULL && touch(config) == 0)
		abort();
	config_free(config);
	config_problems_print(&problems, &out);
	if (strbuf_failed(&out))
		abort();
	config_problems_release(&problems);
	return 0;
}
