/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"

struct key {
	char *text;
	unsigned org; /* 0: revoked */
};

struct accounts {
	struct key *keys;
	size_t key_count;
	struct agent **agents;
	size_t agent_count;
	char **extra_keys;
	size_t extra_count;
};

static void set_first_keys(struct accounts *accounts)
{
	accounts_set_key(accounts, ACCOUNTS_KEY_GOOD, 1);
	accounts_set_key(accounts, ACCOUNTS_KEY_OTHER, 2);
	accounts_set_key(accounts, ACCOUNTS_KEY_REVOKED, 0);
	for (size_t i = 0; i < accounts->extra_count; i++)
		accounts_set_key(accounts, accounts->extra_keys[i], 1);
}

struct accounts *accounts_new(const char *const *extra_keys, size_t extra_count)
{
	struct accounts *accounts = memory_new(1, sizeof(*accounts));

	accounts->extra_keys = memory_new(extra_count, sizeof(*accounts->extra_keys));
	accounts->extra_count = extra_count;
	for (size_t i = 0; i < extra_count; i++)
		accounts->extra_keys[i] = memory_copy(extra_keys[i]);
	set_first_keys(accounts);
	return accounts;
}

static void clear(struct accounts *accounts)
{
	for (size_t i = 0; i < accounts->key_count; i++)
		free(accounts->keys[i].text);
	free(accounts->keys);
	for (size_t i = 0; i < accounts->agent_count; i++) {
		free(accounts->agents[i]->slug);
		free(accounts->agents[i]->name);
		free(accounts->agents[i]);
	}
	free(accounts->agents);
	accounts->keys = NULL;
	accounts->key_count = 0;
	accounts->agents = NULL;
	accounts->agent_count = 0;
}

void accounts_free(struct accounts *accounts)
{
	clear(accounts);
	for (size_t i = 0; i < accounts->extra_count; i++)
		free(accounts->extra_keys[i]);
	free(accounts->extra_keys);
	free(accounts);
}

void accounts_reset(struct accounts *accounts)
{
	clear(accounts);
	set_first_keys(accounts);
}

static struct key *find_key(const struct accounts *accounts, const char *text)
{
	for (size_t i = 0; i < accounts->key_count; i++)
		if (strcmp(accounts->keys[i].text, text) == 0)
			return &accounts->keys[i];
	return NULL;
}

unsigned accounts_org(const struct accounts *accounts, const char *authorization)
{
	const struct key *key;

	/* The scheme is case-insensitive (RFC 9110 section 11.1), the key is not. */
	if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0)
		return 0;
	key = find_key(accounts, authorization + 7);
	return key != NULL ? key->org : 0;
}

void accounts_set_key(struct accounts *accounts, const char *text, unsigned org)
{
	struct key *key = find_key(accounts, text);

	if (key == NULL) {
		accounts->keys = memory_grow(accounts->keys, accounts->key_count + 1,
					   sizeof(*accounts->keys));
		key = &accounts->keys[accounts->key_count++];
		key->text = memory_copy(text);
	}
	key->org = org;
}

struct agent *accounts_add_agent(struct accounts *accounts, struct ulid_source *ids,
				 unsigned org, const char *slug, const char *name,
				 enum description_form description)
{
	struct agent *agent = memory_new(1, sizeof(*agent));

	agent->created_ms = stamp_wall();
	ulid_make(ids, "cci", agent->created_ms, agent->id);
	agent->slug = memory_copy(slug);
	agent->name = memory_copy(name);
	agent->description = description;
	agent->org = org;
	accounts->agents = memory_grow(accounts->agents, accounts->agent_count + 1,
				     sizeof(struct agent *));
	accounts->agents[accounts->agent_count++] = agent;
	return agent;
}

struct agent *accounts_agent_by_slug(const struct accounts *accounts, unsigned org,
				     const char *slug)
{
	struct agent *agent;
	size_t at = 0;

	while ((agent = accounts_next_agent(accounts, org, &at)) != NULL)
		if (strcmp(agent->slug, slug) == 0)
			return agent;
	return NULL;
}

struct agent *accounts_agent(const struct accounts *accounts, unsigned org, const char *reference)
{
	struct agent *agent;
	size_t at = 0;

	while ((agent = accounts_next_agent(accounts, org, &at)) != NULL)
		if (strcmp(agent->slug, reference) == 0 || strcmp(agent->id, reference) == 0)
			return agent;
	return NULL;
}

struct agent *accounts_next_agent(const struct accounts *accounts, unsigned org, size_t *at)
{
	while (*at < accounts->agent_count) {
		struct agent *agent = accounts->agents[(*at)++];

		if (agent->org == org)
			return agent;
	}
	return NULL;
}
