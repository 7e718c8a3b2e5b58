/* SPDX-License-Identifier: Apache-2.0 */
/* The top level of the configuration, and the way from a file to a struct config. */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/reader.h"

#define MAX_CONFIG_MEMORY  (64U * 1024U * 1024U)
#define MAX_SCRATCH_MEMORY (64U * 1024U * 1024U)
#define MAX_LISTEN         16
#define MAX_AGENTS         32

#define KIB    INT64_C(1024)
#define MIB    (KIB * 1024)
#define GIB    (MIB * 1024)
#define SECOND INT64_C(1000)
#define MINUTE (SECOND * 60)
#define HOUR   (MINUTE * 60)
#define DAY    (HOUR * 24)

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL
};
static const char *const format_names[] = {
	[LOG_AUTO] = "auto", [LOG_JSON] = "json", [LOG_LOGFMT] = "logfmt", NULL
};

/* Offsets within the anonymous structs of struct config: their tables are read into the section's
 * own start. */
#define IN(section, field)                                                                         \
	(offsetof(struct config, section.field) - offsetof(struct config, section))
#define SECTION_SIZE(section) sizeof(((struct config *)NULL)->section)

static const struct config_key tls_keys[] = {
	{ .name = "cert_file", .kind = KEY_STRING, .offset = IN(tls, cert_file), .min = 1,
	  .required = true, .help = "certificate chain, PEM" },
	{ .name = "key_file", .kind = KEY_STRING, .offset = IN(tls, key_file), .min = 1,
	  .required = true, .help = "its private key, PEM" },
	{ 0 },
};
static const struct config_table tls_table = { "tls", SECTION_SIZE(tls), tls_keys };

static const struct config_key admin_keys[] = {
	{ .name = "listen", .kind = KEY_STRING, .offset = IN(admin, listen), .min = 1,
	  .required = true,
	  .help = "unix:/path (guarded by its mode) or host:port (needs a token)" },
	{ .name = "token", .kind = KEY_SECRET, .offset = IN(admin, token),
	  .help = "bearer token of the admin API" },
	{ 0 },
};
static const struct config_table admin_table = { "admin", SECTION_SIZE(admin), admin_keys };

static const struct config_key follow_keys[] = {
	{ .name = "enabled", .kind = KEY_BOOL, .offset = IN(nairi.follow, enabled), .fallback = "true",
	  .help = "look at jobs until their turns have ended: for answers, and for what stalls" },
	{ .name = "poll_min", .kind = KEY_DURATION, .offset = IN(nairi.follow, poll_min_ms), .min = 50,
	  .max = MINUTE, .fallback = "2s", .help = "shortest pause between two looks at a job" },
	{ .name = "poll_max", .kind = KEY_DURATION, .offset = IN(nairi.follow, poll_max_ms), .min = 50,
	  .max = 10 * MINUTE, .fallback = "30s", .help = "longest pause, while nothing happens" },
	{ .name = "stalled_after", .kind = KEY_DURATION, .offset = IN(nairi.follow, stalled_after_ms),
	  .min = SECOND, .max = 24 * HOUR, .fallback = "15m",
	  .help = "a turn without any sign of life for so long has stalled" },
	{ .name = "give_up_after", .kind = KEY_DURATION, .offset = IN(nairi.follow, give_up_after_ms),
	  .min = SECOND, .max = 7 * DAY, .fallback = "3h", .help = "age at which a turn is followed no more" },
	{ 0 },
};
static const struct config_table follow_table = { "follow", SECTION_SIZE(nairi.follow), follow_keys };

static const struct config_key discover_keys[] = {
	{ .name = "agents", .kind = KEY_STRINGS, .offset = IN(nairi.discover, agents), .max = MAX_AGENTS,
	  .help = "slugs of agents whose new jobs are looked for; none: nothing is discovered" },
	{ .name = "every", .kind = KEY_DURATION, .offset = IN(nairi.discover, every_ms), .min = 200,
	  .max = 24 * HOUR, .fallback = "60s", .help = "pause between two looks at an agent's jobs" },
	{ 0 },
};
static const struct config_table discover_table = { "discover", SECTION_SIZE(nairi.discover), discover_keys };

static const struct config_key nairi_keys[] = {
	{ .name = "url", .kind = KEY_STRING, .offset = IN(nairi, url), .min = 1, .max = 1024,
	  .fallback = "https://api.nairi.ai", .help = "the API, with or without /api/public/v1" },
	{ .name = "api_key", .kind = KEY_SECRET, .offset = IN(nairi, api_key), .required = true,
	  .help = "API key (nr_…)" },
	{ .name = "timeout", .kind = KEY_DURATION, .offset = IN(nairi, timeout_ms), .min = 100,
	  .max = 10 * MINUTE, .fallback = "30s", .help = "of one call" },
	{ .name = "max_concurrency", .kind = KEY_INT, .offset = IN(nairi, max_concurrency),
	  .min = 1, .max = 1024, .fallback = "64", .help = "calls at the same time" },
	{ .name = "follow", .kind = KEY_TABLE, .offset = IN(nairi, follow), .table = &follow_table,
	  .help = "what becomes of a turn, once its prompt was sent" },
	{ .name = "discover", .kind = KEY_TABLE, .offset = IN(nairi, discover), .table = &discover_table,
	  .help = "links to jobs that were started elsewhere" },
	{ 0 },
};
static const struct config_table nairi_table = { "nairi", SECTION_SIZE(nairi), nairi_keys };

static const struct config_key git_keys[] = {
	{ .name = "cache", .kind = KEY_STRING, .offset = IN(git, cache), .min = 1, .required = true,
	  .help = "directory that repositories are fetched into; absolute" },
	{ .name = "max_size", .kind = KEY_SIZE, .offset = IN(git, max_size), .min = MIB, .max = 1024 * GIB,
	  .fallback = "2GiB", .help = "of the cache; what was longest not used goes first" },
	{ .name = "fetch_timeout", .kind = KEY_DURATION, .offset = IN(git, fetch_timeout_ms), .min = SECOND,
	  .max = HOUR, .fallback = "60s", .help = "of one fetch" },
	{ 0 },
};
static const struct config_table git_table = { "git", SECTION_SIZE(git), git_keys };

static const struct config_key retry_keys[] = {
	{ .name = "attempts", .kind = KEY_INT, .offset = IN(retry, attempts), .min = 1, .max = 1000,
	  .fallback = "10", .help = "calls for one message before it has failed" },
	{ .name = "first", .kind = KEY_DURATION, .offset = IN(retry, first_ms), .min = 10,
	  .max = 10 * MINUTE, .fallback = "1s",
	  .help = "pause before the second attempt; doubles" },
	{ .name = "max", .kind = KEY_DURATION, .offset = IN(retry, max_ms), .min = 10,
	  .max = 24 * HOUR, .fallback = "10m", .help = "longest pause" },
	{ .name = "give_up_after", .kind = KEY_DURATION, .offset = IN(retry, give_up_after_ms),
	  .min = SECOND, .max = 30 * DAY, .fallback = "24h",
	  .help = "age at which a message has failed" },
	{ 0 },
};
static const struct config_table retry_table = { "retry", SECTION_SIZE(retry), retry_keys };

static const struct config_key limits_keys[] = {
	{ .name = "body", .kind = KEY_SIZE, .offset = IN(limits, body), .min = KIB, .max = 64 * MIB,
	  .fallback = "25MiB", .help = "of one request" },
	{ .name = "connections", .kind = KEY_INT, .offset = IN(limits, connections), .min = 1,
	  .max = 100000, .fallback = "4096", .help = "at the same time" },
	{ .name = "connections_per_address", .kind = KEY_INT,
	  .offset = IN(limits, connections_per_address), .min = 0, .max = 100000, .fallback = "256",
	  .help = "of one client address; 0: no limit" },
	{ .name = "queue", .kind = KEY_INT, .offset = IN(limits, queue), .min = 1, .max = 10000000,
	  .fallback = "100000", .help = "messages that wait; then senders get 503" },
	{ .name = "prompt", .kind = KEY_SIZE, .offset = IN(limits, prompt), .min = KIB, .max = MIB,
	  .fallback = "64KiB", .help = "of one prompt; longer ones are cut" },
	{ .name = "thread_rate", .kind = KEY_INT, .offset = IN(limits, thread_rate), .min = 0,
	  .max = 1000000, .fallback = "300",
	  .help = "prompts of one thread per hour; 0: no limit" },
	{ .name = "keep", .kind = KEY_DURATION, .offset = IN(limits, keep_ms), .min = SECOND,
	  .max = 3650 * DAY, .fallback = "30d",
	  .help = "how long ended deliveries stay in the ledger" },
	{ .name = "trusted_proxies", .kind = KEY_STRINGS, .offset = IN(limits, trusted_proxies),
	  .help = "addresses or networks of proxies, to which connections_per_address does not apply" },
	{ 0 },
};
static const struct config_table limits_table = { "limits", SECTION_SIZE(limits), limits_keys };

static const struct config_key log_keys[] = {
	{ .name = "level", .kind = KEY_ENUM, .offset = IN(log, level), .names = level_names,
	  .fallback = "info", .help = "the least that is logged" },
	{ .name = "format", .kind = KEY_ENUM, .offset = IN(log, format), .names = format_names,
	  .fallback = "auto", .help = "auto: logfmt on a terminal, else JSON" },
	{ 0 },
};
static const struct config_table log_table = { "log", SECTION_SIZE(log), log_keys };

/* In the order of reading: a source's checks ask where we listen. */
static const struct config_key top_keys[] = {
	{ .name = "listen", .kind = KEY_STRINGS, .offset = offsetof(struct config, listen),
	  .min = 1, .max = MAX_LISTEN, .fallback = "127.0.0.1:8080",
	  .help = "host:port, [v6]:port, unix:/path or systemd" },
	{ .name = "tls", .kind = KEY_TABLE, .offset = offsetof(struct config, tls),
	  .table = &tls_table, .help = "TLS on the listeners for senders" },
	{ .name = "admin", .kind = KEY_TABLE, .offset = offsetof(struct config, admin),
	  .table = &admin_table, .help = "the admin API, metrics and the dashboard" },
	{ .name = "store", .kind = KEY_STRING, .offset = offsetof(struct config, store), .min = 1,
	  .fallback = "sqlite:/var/lib/nairi-bridge/bridge.db", .help = "sqlite:/path" },
	{ .name = "nairi", .kind = KEY_TABLE, .offset = offsetof(struct config, nairi),
	  .table = &nairi_table, .required = true, .help = "the API that is called" },
	{ .name = "git", .kind = KEY_TABLE, .offset = offsetof(struct config, git), .table = &git_table,
	  .help = "the cache of repositories; without this section Git is not used" },
	{ .name = "proxy", .kind = KEY_STRING, .offset = offsetof(struct config, proxy), .min = 1,
	  .max = 1024, .fallback = "none",
	  .help = "for calls out: none, env (as curl reads it) or a URL" },
	{ .name = "retry", .kind = KEY_TABLE, .offset = offsetof(struct config, retry),
	  .table = &retry_table, .help = "when a call does not succeed" },
	{ .name = "limits", .kind = KEY_TABLE, .offset = offsetof(struct config, limits),
	  .table = &limits_table, .help = "the most of everything" },
	{ .name = "log", .kind = KEY_TABLE, .offset = offsetof(struct config, log),
	  .table = &log_table, .help = "standard error" },
	{ .name = "sources", .kind = KEY_CUSTOM, .offset = offsetof(struct config, sources),
	  .read = sources_read,
	  .schema = "{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[a-z0-9-]{1,64}$\"},"
		    "\"additionalProperties\":{\"$ref\":\"#/$defs/source\"}}",
	  .help = "who may post, by name" },
	{ .name = "links", .kind = KEY_CUSTOM, .offset = offsetof(struct config, links),
	  .read = links_read, .schema = links_schema, .help = "fixed links from threads to jobs" },
	{ 0 },
};
const struct config_table config_top = { "the top level", sizeof(struct config), top_keys };

/* --- loading --- */

static int out_of_memory(struct config_reader *reader)
{
	problems_add(reader, PROBLEM_ERROR, (struct config_mark){ 0, 0 }, NULL,
		     "out of memory, or too large");
	return -1;
}

static void read_text(struct config_reader *reader)
{
	CLEANUP(reader_document_free_at) struct reader_document *document = NULL;
	const struct config_node *root = reader_tree(reader, &document);

	if (root == NULL) {
		if (reader->problems->errors == 0)
			(void)out_of_memory(reader);
		return;
	}
	table_read(reader, root, &(struct table_part){ &config_top, reader->config }, 1);
	checks_listen(reader, root);
	checks_run(reader, root);
	if (config_member(reader, root, "sources") == NULL)
		config_problem(reader, PROBLEM_WARNING, root,
			       "no sources: nothing will be received");
}

static void free_memory(struct config_memory *memory)
{
	if (memory == NULL)
		return;
	secrets_free_all(memory);
	arena_free(memory->arena);
	free(memory);
}

DEFINE_CLEANUP(struct config_memory, free_memory);

/* Reads reader->text into a new config; the reader's own memory ends here. */
static int build_config(struct config_reader *reader, const char *name, struct config **ret)
{
	CLEANUP(arena_free_at) struct arena *scratch = arena_new(MAX_SCRATCH_MEMORY);
	CLEANUP(free_memory_at) struct config_memory *memory = calloc(1, sizeof(*memory));

	if (scratch == NULL || memory == NULL)
		return out_of_memory(reader);
	memory->arena = arena_new(MAX_CONFIG_MEMORY);
	if (memory->arena == NULL)
		return out_of_memory(reader);
	reader->scratch = scratch;
	reader->arena = memory->arena;
	reader->memory = memory;
	reader->config = arena_alloc(memory->arena, sizeof(*reader->config));
	if (reader->config == NULL)
		return out_of_memory(reader);
	reader->config->memory = memory;
	reader->config->file = arena_strdup(memory->arena, name);
	read_text(reader);
	if (arena_failed(memory->arena) || arena_failed(scratch))
		(void)out_of_memory(reader);
	if (reader->problems->errors > 0)
		return -1;
	*ret = reader->config;
	memory = NULL; /* the config's now */
	return 0;
}

static int run(struct config_reader *reader, const char *name, struct config **ret)
{
	int result = build_config(reader, name, ret);

	problems_finish(reader->problems);
	return result;
}

int config_parse(const char *file, const char *text, size_t len,
		 const struct source_type *const *types, size_t type_count, struct config **ret,
		 struct config_problems *problems)
{
	const char *name = file != NULL ? file : "config";
	struct config_reader reader = { .file = file,
					.text = text,
					.len = len,
					.problems = problems,
					.types = types,
					.type_count = type_count };

	*problems = (struct config_problems){ .file = strdup(name) };
	if (len <= READER_MAX_TEXT)
		return run(&reader, name, ret);
	problems_add(&reader, PROBLEM_ERROR, (struct config_mark){ 0, 0 }, NULL,
		     "larger than 1 MiB");
	return -1;
}

/* The whole file into out, whose memory is there already: growing would leave copies of secrets
 * behind. */
static int read_file(const char *file, struct strbuf *out, struct stat *ret_status,
		     struct error *err)
{
	CLEANUP(cleanup_close) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char chunk[4096];
	ssize_t got;

	if (fd < 0 || fstat(fd, ret_status) != 0)
		return error_set(err, ERR_IO, "cannot read it: %s", strerror(errno));
	do {
		got = read(fd, chunk, sizeof(chunk));
		if (got > 0)
			strbuf_add(out, chunk, (size_t)got);
	} while ((got > 0 && !strbuf_failed(out)) || (got < 0 && errno == EINTR));
	explicit_bzero(chunk, sizeof(chunk));
	if (got < 0)
		return error_set(err, ERR_IO, "cannot read it: %s", strerror(errno));
	if (strbuf_failed(out))
		return error_set(err, ERR_TOO_LARGE, "larger than 1 MiB");
	return 0;
}

static void look_at_mode(struct config_reader *reader, const struct stat *status)
{
	char text[80];

	if (!S_ISREG(status->st_mode))
		return;
	reader->open_to_others = (status->st_mode & 0044U) != 0;
	if ((status->st_mode & 0002U) == 0)
		return;
	(void)snprintf(text, sizeof(text), "the file can be changed by everybody (mode %04o)",
		       (unsigned)status->st_mode & 07777U);
	problems_add(reader, PROBLEM_WARNING, (struct config_mark){ 0, 0 }, NULL, text);
}

int config_load(const char *file, const struct source_type *const *types, size_t type_count,
		struct config **ret, struct config_problems *problems)
{
	CLEANUP(expand_wipe) struct strbuf text = STRBUF(READER_MAX_TEXT);
	struct config_reader reader = {
		.file = file, .problems = problems, .types = types, .type_count = type_count
	};
	struct stat status;
	struct error err = { 0 };

	*problems = (struct config_problems){ .file = strdup(file) };
	text.ptr = calloc(1, READER_MAX_TEXT + 2);
	text.cap = text.ptr != NULL ? READER_MAX_TEXT + 2 : 0;
	if (read_file(file, &text, &status, &err) != 0) {
		problems_add(&reader, PROBLEM_ERROR, (struct config_mark){ 0, 0 }, NULL, err.text);
		return -1;
	}
	look_at_mode(&reader, &status);
	reader.text = strbuf_str(&text);
	reader.len = text.len;
	return run(&reader, file, ret);
}

void config_free(struct config *config)
{
	if (config != NULL)
		free_memory(config->memory); /* the config itself is in there */
}
