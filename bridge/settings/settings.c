/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/settings/settings.h"

#include <stdio.h>
#include <string.h>

#define THREAD_MAX 1024

int settings_open(struct config *config, struct settings **ret, struct error *err)
{
	CLEANUP(settings_drop_at) struct settings *made = calloc(1, sizeof(*made));

	if (made != NULL)
		made->sources = calloc(config->source_count + 1, sizeof(*made->sources));
	if (made == NULL || made->sources == NULL) {
		config_free(config);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	made->refs = 1;
	made->config = config;
	for (size_t i = 0; i < config->source_count; i++) {
		struct source *source = &made->sources[i];
		source->config = &config->sources[i];
		source->handler = handler_find(source->config->type->type);
		if (source->handler == NULL)
			return error_set(err, ERR_CONFIG, "source %s: no handler for its type", source->config->name);
		if (source->handler->open(source->config, &source->state, err) != 0)
			return error_prefix(err, "source %s: ", source->config->name);
		made->source_count++;
	}
	*ret = TAKE(made);
	return 0;
}

struct settings *settings_share(struct settings *settings)
{
	atomic_fetch_add(&settings->refs, 1);
	return settings;
}

void settings_drop(struct settings *settings)
{
	if (settings == NULL || atomic_fetch_sub(&settings->refs, 1) > 1)
		return;
	for (size_t i = 0; i < settings->source_count; i++)
		settings->sources[i].handler->close(settings->sources[i].state);
	free(settings->sources);
	if (settings->config != NULL)
		config_free((struct config *)(uintptr_t)settings->config);
	free(settings);
}

const struct source *settings_source_by_path(const struct settings *settings, const char *path)
{
	for (size_t i = 0; i < settings->source_count; i++) {
		if (strcmp(settings->sources[i].config->path, path) == 0)
			return &settings->sources[i];
	}
	return NULL;
}

const struct source *settings_source_by_name(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->source_count; i++) {
		if (strcmp(settings->sources[i].config->name, name) == 0)
			return &settings->sources[i];
	}
	return NULL;
}

/* "<source>:<native id>" with a configured source; "https://…" is none, even if a source is called https. */
static bool is_key(const struct settings *settings, const char *text)
{
	char name[64];
	size_t len = strcspn(text, ":");

	if (len == 0 || len >= sizeof(name) || text[len] == '\0' || strncmp(text + len, "://", 3) == 0)
		return false;
	memcpy(name, text, len);
	name[len] = '\0';
	return settings_source_by_name(settings, name) != NULL;
}

static int resolve_key(const struct settings *settings, const char *text, struct arena *arena, const char **ret,
		       struct error *err)
{
	const char *colon = strchr(text, ':');
	char name[64];

	if (colon == NULL || colon == text || colon[1] == '\0' || (size_t)(colon - text) >= sizeof(name))
		return error_set(err, ERR_INVALID,
				 "\"%.200s\" is no thread: expected <source>:<id>, such as github:octo/hello#42, or a URL",
				 text);
	memcpy(name, text, (size_t)(colon - text));
	name[colon - text] = '\0';
	const struct source *source = settings_source_by_name(settings, name);
	if (source == NULL)
		return error_set(err, ERR_INVALID, "no source is called \"%s\" in the configuration", name);
	const char *native = colon + 1;
	if (source->handler->thread_normalise != NULL &&
	    source->handler->thread_normalise(source->state, native, arena, &native, err) != 0)
		return -1;
	*ret = arena_printf(arena, "%s:%s", name, native);
	return *ret != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

int settings_resolve_thread(const struct settings *settings, const char *text, struct arena *arena, const char **ret,
			    struct error *err)
{
	if (strlen(text) > THREAD_MAX)
		return error_set(err, ERR_INVALID, "a thread has at most %d bytes", THREAD_MAX);
	for (const char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20U || (unsigned char)*at == 0x7FU)
			return error_set(err, ERR_INVALID, "a thread has no control characters");
	}
	if (strstr(text, "://") == NULL || is_key(settings, text))
		return resolve_key(settings, text, arena, ret, err);
	for (size_t i = 0; i < settings->source_count; i++) {
		const struct source *source = &settings->sources[i];
		const char *native = NULL;
		struct error not_this_one;
		if (source->handler->thread_of_url == NULL ||
		    source->handler->thread_of_url(source->state, text, arena, &native, &not_this_one) != 0)
			continue;
		*ret = arena_printf(arena, "%s:%s", source->config->name, native);
		return *ret != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	return error_set(err, ERR_INVALID, "no source of the configuration understands the URL %.200s", text);
}

bool source_can_reply(const struct source *source)
{
	return source->handler->forge != NULL && source->config->api.token != NULL &&
	       source->config->reply != REPLY_MODE_NONE;
}

bool source_can_ask(const struct source *source)
{
	return source->handler->forge != NULL && source->handler->forge->permission_request != NULL &&
	       source->config->api.token != NULL;
}

void settings_slot_init(struct settings_slot *slot, struct settings *first)
{
	pthread_mutex_init(&slot->lock, NULL);
	slot->current = first;
}

struct settings *settings_get(struct settings_slot *slot)
{
	pthread_mutex_lock(&slot->lock);
	struct settings *current = slot->current;
	atomic_fetch_add(&current->refs, 1);
	pthread_mutex_unlock(&slot->lock);
	return current;
}

void settings_put(struct settings_slot *slot, struct settings *next)
{
	pthread_mutex_lock(&slot->lock);
	struct settings *old = slot->current;
	slot->current = next;
	pthread_mutex_unlock(&slot->lock);
	settings_drop(old);
}

void settings_slot_done(struct settings_slot *slot)
{
	settings_drop(slot->current);
	slot->current = NULL;
	pthread_mutex_destroy(&slot->lock);
}

void identities_init(struct identities *identities)
{
	*identities = (struct identities){ .count = 0 };
	pthread_mutex_init(&identities->lock, NULL);
}

void identities_done(struct identities *identities)
{
	pthread_mutex_destroy(&identities->lock);
}

void identities_set(struct identities *identities, const char *source, const char *user_id)
{
	size_t i = 0;

	pthread_mutex_lock(&identities->lock);
	while (i < identities->count && strcmp(identities->items[i].source, source) != 0)
		i++;
	if (i < IDENTITY_SOURCES) {
		(void)snprintf(identities->items[i].source, sizeof(identities->items[i].source), "%s", source);
		(void)snprintf(identities->items[i].user_id, sizeof(identities->items[i].user_id), "%s", user_id);
		if (i == identities->count)
			identities->count++;
	}
	pthread_mutex_unlock(&identities->lock);
}

bool identities_get(struct identities *identities, const char *source, char out[64])
{
	bool found = false;

	pthread_mutex_lock(&identities->lock);
	for (size_t i = 0; i < identities->count && !found; i++) {
		if (strcmp(identities->items[i].source, source) == 0) {
			memcpy(out, identities->items[i].user_id, sizeof(identities->items[i].user_id));
			found = true;
		}
	}
	pthread_mutex_unlock(&identities->lock);
	return found;
}
