/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_ACCOUNTS_H
#define SANDBOX_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/ulid.h"

/* Two organisations, their API keys and their agents. All calls: sandbox lock held. */

#define ACCOUNTS_KEY_GOOD "nr_sandboxGoodKeyOfOrganisationOne00"
#define ACCOUNTS_KEY_OTHER "nr_sandboxKeyOfOrganisationTwo000000"
#define ACCOUNTS_KEY_REVOKED "nr_sandboxRevokedKeyOfOrganisation1"

enum description_form { DESCRIPTION_GIVEN, DESCRIPTION_NULL, DESCRIPTION_ABSENT };

struct agent {
	char id[ULID_SIZE]; /* cci_... */
	char *slug;
	char *name;
	enum description_form description;
	unsigned org;
	int64_t created_ms;
};

struct accounts;

/* With the three keys above and the extra ones, which are good ones of organisation 1. */
struct accounts *accounts_new(const char *const *extra_keys, size_t extra_count);
void accounts_free(struct accounts *accounts);

/* Back to the first keys, and no agent. */
void accounts_reset(struct accounts *accounts);

/* The organisation (1 or 2) that an Authorization value stands for; 0 if none. NULL allowed. */
unsigned accounts_org(const struct accounts *accounts, const char *authorization);

/* Makes a key good for an organisation, or revokes it (org 0). */
void accounts_set_key(struct accounts *accounts, const char *key, unsigned org);

struct agent *accounts_add_agent(struct accounts *accounts, struct ulid_source *ids,
				 unsigned org, const char *slug, const char *name,
				 enum description_form description);

/* By slug, or also by cci_ id; NULL if this organisation has no such agent. */
struct agent *accounts_agent_by_slug(const struct accounts *accounts, unsigned org,
				     const char *slug);
struct agent *accounts_agent(const struct accounts *accounts, unsigned org, const char *reference);

/* The agents of an organisation, one after the other: start with *at = 0; NULL at the end. */
struct agent *accounts_next_agent(const struct accounts *accounts, unsigned org, size_t *at);

#endif
