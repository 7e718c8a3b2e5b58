/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/serve.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bridge/base/address.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/daemon.h"

/* A stop takes at most the sum of these. */
#define HTTP_STOP_MS     2000
#define DISPATCH_STOP_MS 8000
#define STORE_STOP_MS    5000

#define IDLE_MS          30000
#define REQUEST_MS       60000
#define ADMIN_BODY_MAX   ((size_t)2 * 1024 * 1024)
#define PEM_MAX          ((size_t)1024 * 1024)

/* ---- the committer's tick: whoever has something due on its thread ---- */

static void on_final(void *ctx, const struct outcome *outcome)
{
	struct daemon *d = ctx;

	intake_on_final(d->intake, outcome);
}

static int64_t tick(void *ctx, struct store *store, int64_t now_ms)
{
	struct daemon *d = ctx;
	int64_t next = deliver_tick(d->deliver, store, now_ms);
	int64_t waiters = intake_tick(d->intake, now_ms);
	int64_t upkeep = daemon_upkeep(d, now_ms);

	next = waiters < next ? waiters : next;
	return upkeep < next ? upkeep : next;
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
	for (size_t i = 0; i < set->count && d->name_count + 1 < DAEMON_NAMES_MAX; i++) {
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

static int open_rooms(struct daemon *d, struct error *err)
{
	const struct config *config = d->settings.current->config;
	struct deliver_options deliver = {
		.settings = &d->settings, .identities = &d->identities, .ctx = d, .on_final = on_final,
	};
	struct dispatcher_options dispatcher = {
		.proxy = config->proxy, .max_connections = (long)config->nairi.max_concurrency + 16,
		.limited_max = (size_t)config->nairi.max_concurrency,
	};

	make_directories(config);
	if (store_open(config->store, STORE_WRITE, &d->store, err) != 0 ||
	    daemon_put_links(d->store, d->settings.current, err) != 0)
		return error_prefix(err, "store: ");
	struct committer_options committer = {
		.store = d->store, .queue_max = (size_t)config->limits.connections * 2 + 1024, .ctx = d, .tick = tick,
	};
	if (config->git.cache != NULL) {
		struct git_options git = {
			.cache = config->git.cache, .max_size = config->git.max_size,
			.fetch_timeout_ms = config->git.fetch_timeout_ms,
		};
		make_parent(config->git.cache);
		if (git_service_new(&git, &d->git, err) != 0)
			return error_prefix(err, "git: ");
	}
	if (deliver_new(&deliver, &d->deliver, err) != 0 || committer_new(&committer, &d->committer, err) != 0 ||
	    dispatcher_new(&dispatcher, &d->dispatcher, err) != 0)
		return -1;
	deliver_connect(d->deliver, d->committer, d->dispatcher, d->git);
	struct intake_options intake = {
		.settings = &d->settings, .identities = &d->identities, .committer = d->committer, .deliver = d->deliver,
	};
	if (intake_new(&intake, &d->intake, err) != 0 || deliver_recover(d->deliver, d->store, err) != 0)
		return -1;
	return open_public(d, config, err) != 0 ? -1 : open_admin(d, config, err);
}

static int start_threads(struct daemon *d, struct error *err)
{
	if (d->git != NULL && git_service_start(d->git, err) != 0)
		return -1;
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
	daemon_notify("READY=1");
}

/* ---- end ---- */

/*
 * In the order in which a delivery walks, so that each thread still finds the next one: no new deliveries; those that are being
 * kept are answered; calls under way come to their end or into doubt; every outcome is recorded.
 */
static void stop(struct daemon *d)
{
	log_event(LOG_INFO, "bridge.stopping", NULL, LOG_STR("reason", "signal"));
	daemon_notify("STOPPING=1");
	intake_drain(d->intake);
	http_server_quiesce(d->http);
	deliver_close(d->deliver);
	if (d->git != NULL)
		git_service_stop(d->git);
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
	git_service_free(d->git);
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
		daemon_reload(d);
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

	struct settings *settings = daemon_load(config_file, &err);
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
			if (d->git != NULL)
				git_service_stop(d->git);
			dispatcher_stop(d->dispatcher, 0);
			committer_stop(d->committer, 0);
		}
	}
	release(d);
	free(d);
	curl_global_cleanup();
	return status;
}
