/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One generation of the configuration, opened: every source with its handler and the handler's prepared state. A
 * generation is immutable and counted; SIGHUP puts a new one in place, and the old one goes when its last user is done.
 */
#ifndef BRIDGE_SETTINGS_SETTINGS_H
#define BRIDGE_SETTINGS_SETTINGS_H

#include <pthread.h>
#include <stdatomic.h>

#include "config/config.h"
#include "handlers/handler.h"

struct source {
	const struct source_config *config;
	const struct handler *handler;
	void *state; /* the handler's */
};

struct settings {
	const struct config *config;
	struct source *sources;
	size_t source_count;
	_Atomic int refs;
};

/* Opens the config's sources. Takes the config, also on failure. */
int settings_open(struct config *config, struct settings **ret, struct error *err) MUST_CHECK;

const struct source *settings_source_by_path(const struct settings *settings, const char *path);
const struct source *settings_source_by_name(const struct settings *settings, const char *name);

/*
 * What people paste: a thread key "<source>:<native id>" of a configured source, or a URL that one of the sources'
 * handlers understands. *ret is the full key, in the arena.
 */
int settings_resolve_thread(const struct settings *settings, const char *text, struct arena *arena, const char **ret,
			    struct error *err) MUST_CHECK;

/* Can this source talk back? (It has an API, a token, and may.) */
bool source_can_reply(const struct source *source);
/* Can permissions be asked for? */
bool source_can_ask(const struct source *source);

struct settings *settings_share(struct settings *settings); /* one reference more, for somebody else */
void settings_drop(struct settings *settings); /* gives a reference back; takes NULL */
DEFINE_CLEANUP(struct settings, settings_drop);

/* Where the current generation stands. Any thread. */
struct settings_slot {
	pthread_mutex_t lock;
	struct settings *current;
};

void settings_slot_init(struct settings_slot *slot, struct settings *first); /* takes first */
struct settings *settings_get(struct settings_slot *slot);                   /* a reference: settings_drop it */
void settings_put(struct settings_slot *slot, struct settings *next);        /* takes next */
void settings_slot_done(struct settings_slot *slot);

/* ---- identities: our own user ids at the origins, which outlive a generation ---- */

#define IDENTITY_SOURCES 64
struct identities {
	pthread_mutex_t lock;
	struct {
		char source[64];
		char user_id[64];
	} items[IDENTITY_SOURCES];
	size_t count;
};

void identities_init(struct identities *identities);
void identities_done(struct identities *identities);
void identities_set(struct identities *identities, const char *source, const char *user_id);
/* Copies into out; false: not known (yet). */
bool identities_get(struct identities *identities, const char *source, char out[64]);

#endif
