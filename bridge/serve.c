/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/serve.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "bridge/admin/admin.h"
#include "bridge/base/address.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/intake/intake.h"

/* A stop takes at most the sum of these. */
#define HTTP_STOP_MS     2000
#define DISPATCH_STOP_MS 8000
#define STORE_STOP_MS    5000

#define IDLE_MS          30000
#define REQUEST_MS       60000
#define ADMIN_BODY_MAX   ((size_t)2 * 1024 * 1024)
#define PEM_MAX          ((size_t)1024 * 1024)
#define PRUNE_EVERY_MS   60000
#define PRUNE_BATCH      500
#define TRIM_EVERY_MS    5000
#define NAMES_MAX        (2 * LISTENER_MAX + 1)

struct daemon {
	const char *config_file;
	struct settings_slot settings;
	bool settings_open;
	struct identities identities;
	struct store *store;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct deliver *deliver;
	struct intake *intake;
	struct admin *admin;
	struct http_server *http, *admin_http;
	const char *names[NAMES_MAX]; /* bound addresses, NULL-terminated */
	char name_texts[NAMES_MAX][128];
	size_t name_count;
	int64_t started_ms;
	/* committer's thread, mono: */
	int64_t prune_at_ms, trim_at_ms;
	uint64_t trimmed_items;
};

/* ---- configuration ---- */

static struct settings *load(const char *file, struct error *err)
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

static int collect_link(struct store *store, const struct config *config, int64_t now_ms, struct error *err)
{
	if (store_links_forget_config(store, err) != 0)
		return -1;
	for (size_t i = 0; i < config->link_count; i++) {
		struct link_row row = {
			.thread = config->links[i].thread,
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

	return collect_link(store, update->settings->config, clock_now_ms(), err);
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
	if (changed != NULL)
		log_event(LOG_WARN, "bridge.reload_partial", "takes effect at the next start only",
			  LOG_STR("reason", changed));
}

static void notify_systemd(const char *state)
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

static void reload(struct daemon *d)
{
	struct error err = { 0 };
	char state[96];
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	(void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		       (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	notify_systemd(state);
	struct settings *next = load(d->config_file, &err);
	struct link_update *update = next != NULL ? calloc(1, sizeof(*update)) : NULL;
	if (update == NULL) {
		settings_drop(next);
		log_event(LOG_ERROR, "bridge.reload_failed", "the old configuration stays in force",
			  LOG_STR("error", next == NULL ? err.text : "out of memory"));
		notify_systemd("READY=1");
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
	notify_systemd("READY=1");
}

/* ---- the committer's tick: whoever has something due on its thread ---- */

static void on_final(void *ctx, const struct outcome *outcome)
{
	struct daemon *d = ctx;

	intake_on_final(d->intake, outcome);
}

struct prune_item {
	struct commit_item item;
	struct daemon *daemon;
	int64_t before_ms;
	int removed;
};

static int prune_apply(struct commit_item *item, struct store *store, struct error *err)
{
	struct prune_item *prune = (struct prune_item *)item;

	return store_prune(store, prune->before_ms, PRUNE_BATCH, &prune->removed, err);
}

static void prune_done(struct commit_item *item, const struct error *err)
{
	struct prune_item *prune = (struct prune_item *)item;

	/* More to remove: go on soon, but let deliveries in between. */
	if (err == NULL && prune->removed >= PRUNE_BATCH)
		prune->daemon->prune_at_ms = clock_mono_ms() + 100;
	free(prune);
}

static int64_t prune_tick(struct daemon *d, int64_t now_ms)
{
	if (now_ms < d->prune_at_ms)
		return d->prune_at_ms;
	d->prune_at_ms = now_ms + PRUNE_EVERY_MS;
	struct prune_item *prune = calloc(1, sizeof(*prune));
	if (prune == NULL)
		return d->prune_at_ms;
	struct settings *settings = settings_get(&d->settings);
	prune->before_ms = clock_now_ms() - settings->config->limits.keep_ms;
	settings_drop(settings);
	prune->daemon = d;
	prune->item.apply = prune_apply;
	prune->item.done = prune_done;
	if (!committer_push(d->committer, &prune->item))
		free(prune);
	return d->prune_at_ms;
}

/* After a storm, and when there is time: what malloc keeps for the next one goes back. */
static int64_t trim_tick(struct daemon *d, int64_t now_ms)
{
	struct committer_stats store;
	struct deliver_stats deliver;

	if (now_ms < d->trim_at_ms)
		return d->trim_at_ms;
	d->trim_at_ms = now_ms + TRIM_EVERY_MS;
	committer_stats(d->committer, &store);
	deliver_stats(d->deliver, &deliver);
	if (store.items == d->trimmed_items)
		return INT64_MAX; /* nothing has happened since; the next batch brings the next tick */
	if (store.waiting == 0 && deliver.in_flight == 0) {
		d->trimmed_items = store.items;
		(void)malloc_trim(0);
	}
	return d->trim_at_ms;
}

static int64_t tick(void *ctx, struct store *store, int64_t now_ms)
{
	struct daemon *d = ctx;
	int64_t next = deliver_tick(d->deliver, store, now_ms);
	int64_t waiters = intake_tick(d->intake, now_ms);
	int64_t prune = prune_tick(d, now_ms);
	int64_t trim = trim_tick(d, now_ms);

	next = waiters < next ? waiters : next;
	next = trim < next ? trim : next;
	return prune < next ? prune : next;
}

/* ---- start ---- */

/* Connections are descriptors; the soft limit is often far below the hard one. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/*
 * Under systemd the directories for state and sockets are there; by hand they mostly are not. One level is made, for us
 * alone; what cannot be made is reported by whoever opens the file next.
 */
static void make_parent(const char *path)
{
	char parent[4096];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(parent))
		return;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	if (mkdir(parent, 0700) == 0)
		log_event(LOG_INFO, "bridge.directory", "made, for this user alone", LOG_STR("reason", parent));
}

static void make_directories(const struct config *config)
{
	if (strncmp(config->store, "sqlite:", 7) == 0)
		make_parent(config->store + 7);
	if (config->admin.listen != NULL && strncmp(config->admin.listen, "unix:", 5) == 0)
		make_parent(config->admin.listen + 5);
}

static int read_pem(const char *path, struct strbuf *out, struct error *err)
{
	char chunk[4096];
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
	for (ssize_t got; (got = read(fd, chunk, sizeof(chunk))) > 0;)
		strbuf_add(out, chunk, (size_t)got);
	return strbuf_failed(out) ? error_set(err, ERR_CONFIG, "%s is too large", path) : 0;
}

static bool is_trusted_proxy(void *ctx, const char *address)
{
	struct daemon *d = ctx;
	bool trusted = false;

	CLEANUP(settings_drop_at) struct settings *settings = settings_get(&d->settings);
	const struct config_strings *proxies = &settings->config->limits.trusted_proxies;
	for (size_t i = 0; i < proxies->count && !trusted; i++)
		trusted = address_matches(address, proxies->items[i]);
	return trusted;
}

/* The room's callbacks take their own context; the server's is the daemon. */
static int public_begin(void *ctx, struct exchange *x, const struct http_request *head, struct error *err)
{
	return intake_begin(((struct daemon *)ctx)->intake, x, head, err);
}

static void public_request(void *ctx, struct exchange *x, const struct http_request *request)
{
	intake_request(((struct daemon *)ctx)->intake, x, request);
}

static void remember_names(struct daemon *d, const struct listener_set *set)
{
	for (size_t i = 0; i < set->count && d->name_count + 1 < NAMES_MAX; i++) {
		char *text = d->name_texts[d->name_count];
		(void)snprintf(text, sizeof(d->name_texts[0]), "%s", set->items[i].name);
		d->names[d->name_count++] = text;
	}
}

static int open_public(struct daemon *d, const struct config *config, struct error *err)
{
	struct listener_set set = { .count = 0 };
	CLEANUP(strbuf_release) struct strbuf cert = STRBUF(PEM_MAX);
	CLEANUP(strbuf_release) struct strbuf key = STRBUF(PEM_MAX);
	int failed = 0;

	for (size_t i = 0; i < config->listen.count && failed == 0; i++)
		failed = listener_add(&set, config->listen.items[i], 0660, err);
	if (failed == 0 && config->tls.cert_file != NULL)
		failed = read_pem(config->tls.cert_file, &cert, err) != 0 ? -1 : read_pem(config->tls.key_file, &key, err);
	if (failed != 0) {
		listener_close_all(&set);
		return -1;
	}
	remember_names(d, &set);
	struct http_options options = {
		.name = "intake",
		.body_max = (size_t)config->limits.body,
		.body_total_max = 4 * (size_t)config->limits.body > 64 * 1024 * 1024 ? 4 * (size_t)config->limits.body
										     : 64 * 1024 * 1024,
		.connections = (unsigned)config->limits.connections,
		.per_address = (unsigned)config->limits.connections_per_address,
		.exempt = is_trusted_proxy,
		.idle_ms = IDLE_MS,
		.request_ms = REQUEST_MS,
		.cert_pem = cert.len > 0 ? strbuf_str(&cert) : NULL,
		.key_pem = key.len > 0 ? strbuf_str(&key) : NULL,
		.ctx = d,
		.begin = public_begin,
		.request = public_request,
	};
	return http_server_new(&options, &set, &d->http, err);
}

static int open_admin(struct daemon *d, const struct config *config, struct error *err)
{
	struct listener_set set = { .count = 0 };

	if (config->admin.listen == NULL)
		return 0;
	if (listener_add(&set, config->admin.listen, 0600, err) != 0)
		return error_prefix(err, "admin: ");
	struct admin_options admin = {
		.settings = &d->settings,
		.committer = d->committer,
		.deliver = d->deliver,
		.intake = d->intake,
		.store_url = config->store,
		.listening = d->names,
		.token_required = strncmp(config->admin.listen, "unix:", 5) != 0,
		.started_ms = d->started_ms,
	};
	remember_names(d, &set);
	if (admin_new(&admin, &d->admin, err) != 0) {
		listener_close_all(&set);
		return error_prefix(err, "admin: ");
	}
	struct http_options options = {
		.name = "admin",
		.body_max = ADMIN_BODY_MAX,
		.body_total_max = 16 * ADMIN_BODY_MAX,
		.connections = 64,
		.idle_ms = IDLE_MS,
		.request_ms = REQUEST_MS,
		.ctx = d->admin,
		.begin = admin_begin,
		.request = admin_request,
	};
	return http_server_new(&options, &set, &d->admin_http, err);
}

static int put_config_links(struct store *store, const struct config *config, struct error *err)
{
	if (store_begin(store, err) != 0)
		return -1;
	if (collect_link(store, config, clock_now_ms(), err) != 0) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, err);
}

static int open_rooms(struct daemon *d, struct error *err)
{
	const struct config *config = d->settings.current->config;
	struct deliver_options deliver = {
		.settings = &d->settings, .identities = &d->identities, .ctx = d, .on_final = on_final,
	};
	struct dispatcher_options dispatcher = {
		.proxy = config->proxy, .max_connections = (long)config->nairi.max_concurrency + 16,
	};

	make_directories(config);
	if (store_open(config->store, STORE_WRITE, &d->store, err) != 0 ||
	    put_config_links(d->store, config, err) != 0)
		return error_prefix(err, "store: ");
	struct committer_options committer = {
		.store = d->store, .queue_max = (size_t)config->limits.connections * 2 + 1024, .ctx = d, .tick = tick,
	};
	if (deliver_new(&deliver, &d->deliver, err) != 0 || committer_new(&committer, &d->committer, err) != 0 ||
	    dispatcher_new(&dispatcher, &d->dispatcher, err) != 0)
		return -1;
	deliver_connect(d->deliver, d->committer, d->dispatcher);
	struct intake_options intake = {
		.settings = &d->settings, .identities = &d->identities, .committer = d->committer, .deliver = d->deliver,
	};
	if (intake_new(&intake, &d->intake, err) != 0 || deliver_recover(d->deliver, d->store, err) != 0)
		return -1;
	return open_public(d, config, err) != 0 ? -1 : open_admin(d, config, err);
}

static int start_threads(struct daemon *d, struct error *err)
{
	if (committer_start(d->committer, err) != 0 || dispatcher_start(d->dispatcher, err) != 0 ||
	    (d->admin_http != NULL && http_server_start(d->admin_http, err) != 0) ||
	    http_server_start(d->http, err) != 0)
		return -1;
	committer_wake(d->committer); /* what the last run left */
	return 0;
}

static void log_started(const struct daemon *d)
{
	CLEANUP(strbuf_release) struct strbuf where = STRBUF(2048);

	for (size_t i = 0; i < d->name_count; i++) {
		if (i > 0)
			strbuf_addc(&where, ' ');
		strbuf_adds(&where, d->names[i]);
	}
	log_event(LOG_INFO, "bridge.started", NULL, LOG_STR("version", BRIDGE_VERSION),
		  LOG_STR("listening", strbuf_str(&where)));
	notify_systemd("READY=1");
}

/* ---- end ---- */

/*
 * In the order in which a delivery walks, so that each thread still finds the next one: no new deliveries; those that are being
 * kept are answered; calls under way come to their end or into doubt; every outcome is recorded.
 */
static void stop(struct daemon *d)
{
	log_event(LOG_INFO, "bridge.stopping", NULL, LOG_STR("reason", "signal"));
	notify_systemd("STOPPING=1");
	intake_drain(d->intake);
	http_server_quiesce(d->http);
	deliver_close(d->deliver);
	dispatcher_stop(d->dispatcher, DISPATCH_STOP_MS);
	/* Before the servers: a request is answered by what became of it in the store, never by a deadline. */
	committer_stop(d->committer, STORE_STOP_MS);
	http_server_stop(d->http, HTTP_STOP_MS);
	if (d->admin_http != NULL)
		http_server_stop(d->admin_http, HTTP_STOP_MS);
}

static void release(struct daemon *d)
{
	/* Late answers still touch the servers: what may hold an exchange goes first. */
	intake_free(d->intake);
	http_server_free(d->http);
	http_server_free(d->admin_http);
	admin_free(d->admin);
	deliver_free(d->deliver);
	dispatcher_free(d->dispatcher);
	committer_free(d->committer);
	if (d->store != NULL)
		store_close(d->store);
	identities_done(&d->identities);
	if (d->settings_open)
		settings_slot_done(&d->settings);
}

static void wait_for_end(struct daemon *d, const sigset_t *signals)
{
	for (;;) {
		int number = 0;
		if (sigwait(signals, &number) != 0)
			continue;
		if (number != SIGHUP)
			return;
		reload(d);
	}
}

int serve(const char *config_file)
{
	struct daemon *d = calloc(1, sizeof(*d));
	struct error err = { 0 };
	sigset_t signals;
	int status = 1;

	if (d == NULL)
		return 1;
	/* Blocked before any thread starts, so that only sigwait below sees them. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	raise_descriptor_limit();
	/* A fixed threshold: large bodies are mapped, and given back when they are done, at every size. */
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	d->config_file = config_file;
	d->started_ms = clock_now_ms();
	identities_init(&d->identities);

	struct settings *settings = load(config_file, &err);
	if (settings != NULL) {
		d->settings_open = true;
		settings_slot_init(&d->settings, settings);
		log_open(STDERR_FILENO, settings->config->log.level, settings->config->log.format);
		if (open_rooms(d, &err) == 0 && start_threads(d, &err) == 0) {
			log_started(d);
			wait_for_end(d, &signals);
			stop(d);
			log_event(LOG_INFO, "bridge.stopped", NULL, LOG_STR("reason", NULL));
			status = 0;
		}
	}
	if (status != 0) {
		log_event(LOG_ERROR, "bridge.failed", "cannot start", LOG_STR("error", err.text));
		if (d->committer != NULL) {
			deliver_close(d->deliver);
			dispatcher_stop(d->dispatcher, 0);
			committer_stop(d->committer, 0);
		}
	}
	release(d);
	free(d);
	curl_global_cleanup();
	return status;
}
