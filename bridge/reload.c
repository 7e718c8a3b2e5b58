/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/daemon.h"

#define LINKS_ARENA ((size_t)64 * 1024 * 1024)

struct settings *daemon_load(const char *file, struct error *err)
{
	const struct source_type *types[64];
	struct config_problems problems;
	struct config *config = NULL;
	struct settings *settings = NULL;

	for (size_t i = 0; i < handler_count && i < 64; i++)
		types[i] = &handlers[i]->kind;
	int failed = config_load(file, types, handler_count, &config, &problems);
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(65536);
	config_problems_print(&problems, &text);
	(void)fputs(strbuf_str(&text), stderr);
	config_problems_release(&problems);
	if (failed != 0) {
		(void)error_set(err, ERR_CONFIG, "%s has errors", file);
		return NULL;
	}
	return settings_open(config, &settings, err) == 0 ? settings : NULL;
}

/* As people type it; one that no source understands stays as it is, and matches nothing. */
static const char *thread_of(const struct settings *settings, const char *text, struct arena *arena)
{
	const char *thread = NULL;
	struct error err;

	if (settings_resolve_thread(settings, text, arena, &thread, &err) == 0)
		return thread;
	log_event(LOG_WARN, "config.link", "a link of the configuration names no thread", LOG_STR("thread", text),
		  LOG_STR("error", err.text));
	return text;
}

static int collect_link(struct store *store, const struct settings *settings, int64_t now_ms, struct error *err)
{
	const struct config *config = settings->config;
	CLEANUP(arena_free_at) struct arena *arena = arena_new(LINKS_ARENA);

	if (arena == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (store_links_forget_config(store, err) != 0)
		return -1;
	for (size_t i = 0; i < config->link_count; i++) {
		struct link_row row = {
			.thread = thread_of(settings, config->links[i].thread, arena),
			.job_id = config->links[i].job,
			.origin = LINK_CONFIG,
			.created_ms = now_ms,
		};
		if (store_link_put(store, &row, err) != 0)
			return -1;
	}
	return 0;
}

/* The configured links, put in place of the last generation's. */
struct link_update {
	struct commit_item item;
	struct settings *settings;
};

static int link_update_apply(struct commit_item *item, struct store *store, struct error *err)
{
	const struct link_update *update = (const struct link_update *)item;

	return collect_link(store, update->settings, clock_now_ms(), err);
}

static void link_update_done(struct commit_item *item, const struct error *err)
{
	struct link_update *update = (struct link_update *)item;

	if (err != NULL)
		log_event(LOG_ERROR, "bridge.reload_failed", "the configured links were not put in place",
			  LOG_STR("error", err->text));
	settings_drop(update->settings);
	free(update);
}

static bool same_strings(const struct config_strings *a, const struct config_strings *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; same && i < a->count; i++)
		same = strcmp(a->items[i], b->items[i]) == 0;
	return same;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* What a running process cannot change: says so instead of pretending. */
static void warn_of_restart(const struct config *old, const struct config *next)
{
	const char *changed = NULL;

	if (!same_strings(&old->listen, &next->listen))
		changed = "listen";
	else if (!same_text(old->tls.cert_file, next->tls.cert_file) || !same_text(old->tls.key_file, next->tls.key_file))
		changed = "tls";
	else if (old->limits.body != next->limits.body || old->limits.connections != next->limits.connections ||
		 old->limits.connections_per_address != next->limits.connections_per_address)
		changed = "limits.body, limits.connections, limits.connections_per_address";
	else if (strcmp(old->store, next->store) != 0)
		changed = "store";
	else if (!same_text(old->admin.listen, next->admin.listen))
		changed = "admin.listen";
	else if (strcmp(old->proxy, next->proxy) != 0)
		changed = "proxy";
	else if (old->nairi.max_concurrency != next->nairi.max_concurrency)
		changed = "nairi.max_concurrency";
	else if (!same_text(old->git.cache, next->git.cache) || old->git.max_size != next->git.max_size ||
		 old->git.fetch_timeout_ms != next->git.fetch_timeout_ms)
		changed = "git";
	if (changed != NULL)
		log_event(LOG_WARN, "bridge.reload_partial", "takes effect at the next start only",
			  LOG_STR("reason", changed));
}

void daemon_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	/* sd_notify(3): a datagram to the socket named in the environment; '@' stands for the abstract namespace. */
	if (path == NULL || strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	CLEANUP(cleanup_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
			     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

int daemon_put_links(struct store *store, const struct settings *settings, struct error *err)
{
	if (store_begin(store, err) != 0)
		return -1;
	if (collect_link(store, settings, clock_now_ms(), err) != 0) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, err);
}

void daemon_reload(struct daemon *d)
{
	struct error err = { 0 };
	char state[96];
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		       (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	daemon_notify(state);
	struct settings *next = daemon_load(d->config_file, &err);
	struct link_update *update = next != NULL ? calloc(1, sizeof(*update)) : NULL;
	if (update == NULL) {
		settings_drop(next);
		log_event(LOG_ERROR, "bridge.reload_failed", "the old configuration stays in force",
			  LOG_STR("error", next == NULL ? err.text : "out of memory"));
		daemon_notify("READY=1");
		return;
	}
	struct settings *old = settings_get(&d->settings);
	warn_of_restart(old->config, next->config);
	settings_drop(old);
	log_open(STDERR_FILENO, next->config->log.level, next->config->log.format);
	update->item.apply = link_update_apply;
	update->item.done = link_update_done;
	update->settings = settings_share(next);
	settings_put(&d->settings, next);
	committer_keep(d->committer, &update->item);
	deliver_reloaded(d->deliver);
	log_event(LOG_INFO, "bridge.reloaded", NULL, LOG_STR("reason", d->config_file));
	daemon_notify("READY=1");
}
