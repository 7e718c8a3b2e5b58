/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration (design 2.3) as plain structs. Loaded whole, immutable afterwards, freed whole:
 * any thread may read it while it lives. Knows nothing of sources but what their struct source_type
 * says.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "bridge/base/log.h"
#include "bridge/base/strbuf.h"
#include "config/schema.h"

enum trigger_kind { TRIGGER_ANY, TRIGGER_MENTION, TRIGGER_COMMAND };
enum reply_mode {
	REPLY_MODE_NONE,
	REPLY_MODE_ERRORS,  /* what failed or stalled */
	REPLY_MODE_ANSWERS, /* and the agent's answers */
	REPLY_MODE_STATUS,  /* all of it in one comment, edited in place */
};
enum busy_mode { BUSY_SEND, BUSY_HOLD };
enum ended_mode { ENDED_TELL, ENDED_RESTART };
enum respond_mode { RESPOND_QUEUED, RESPOND_OUTCOME };
enum hygiene_mode { HYGIENE_STRICT, HYGIENE_OFF };

/* trigger: any | { mention: "@nairi" } | { command: "/nairi" } */
struct trigger_config {
	enum trigger_kind kind;
	const char *word; /* "@nairi", "/nairi"; NULL with TRIGGER_ANY */
};

/* Numeric ids or logins, as text. */
struct trust_config {
	struct config_strings associations; /* default OWNER, MEMBER, COLLABORATOR */
	struct config_strings users;
	struct config_strings bots;
};

/* Where replies go. */
struct api_config {
	const char *url;            /* without a trailing slash */
	const struct secret *token; /* NULL: no replies */
};

/* start: { agent: SLUG, ask: false } */
struct start_config {
	const char *agent; /* NULL: nothing is started */
	bool ask;          /* in ask mode */
};

/* The slug of an agent: 1 to CONFIG_AGENT_MAX bytes, no blanks and no controls (it may hold "/"). */
#define CONFIG_AGENT_MAX 200
bool config_agent_is_valid(const char *text);

/* Where a source's repositories are, for what the payload does not say. */
struct git_source_config {
	/* http(s)://, file:/// or an absolute path, with {repo} in it exactly once and not in the host; NULL: Git is
	 * not asked */
	const char *url;
	const struct secret *token; /* NULL: read without one */
	/* E-mail addresses of committers whose trailers and notes count as links; empty: nobody's. */
	struct config_strings link_authors;
};

struct source_config;

/* What config/ must know of a type of source; handlers embed one in their row. */
struct source_type {
	const char *type;
	/* People speak there: takes trigger, trust, reply, batch, when_busy, ended, command, start, git, api. */
	bool conversational;
	enum respond_mode respond; /* its default */
	const char *api_url;       /* the default of api.url; NULL */
	/* Keys of its own, beside the common ones; NULL: none. */
	const struct config_table *settings;
	/*
	 * More checks, after the source was read from node without an error: problems go to
	 * config_problem(). loopback: all of `listen` is loopback or unix sockets (systemd: not
	 * known, so false). May be NULL. The node and what config_member gives live until the load
	 * ends; config_alloc and texts as the config.
	 */
	void (*check)(struct config_reader *reader, const struct config_node *node,
		      const struct source_config *source, bool loopback);
};

struct source_config {
	const char *name;
	const struct source_type *type;
	struct config_mark mark; /* of the name */
	const char *path;        /* "/hooks/<name>" unless set */
	enum respond_mode respond;
	int64_t respond_within_ms;
	enum hygiene_mode hygiene;
	/* conversational ones only: */
	struct trigger_config trigger;
	struct trust_config trust;
	enum reply_mode reply;   /* ANSWERS and STATUS only with nairi.follow.enabled */
	int64_t batch_ms;        /* inline comments within it become one prompt; 0: each alone */
	enum busy_mode when_busy; /* never BUSY_HOLD without nairi.follow.enabled */
	enum ended_mode ended; /* ENDED_RESTART only with start.agent */
	const char *command;     /* "/nairi"; NULL: none */
	struct start_config start;
	struct git_source_config git;
	struct api_config api;
	const void *settings; /* the struct that type->settings describes; NULL without one */
};

struct link_config {
	const char *thread;
	const char *job;
	struct config_mark mark;
};

struct config {
	const char *file;             /* as given; for messages */
	struct config_strings listen; /* host:port, [v6]:port, unix:/path, systemd */
	struct {
		const char *cert_file;
		const char *key_file;
	} tls; /* both or none; paths resolved */
	struct {
		const char *listen;         /* NULL: no admin listener */
		const struct secret *token; /* required unless unix: */
	} admin;
	const char *store; /* "sqlite:/path" */
	struct {
		const char *url; /* normalised: ends in /api/public/v1, no trailing slash */
		const struct secret *api_key;
		int64_t timeout_ms;
		int64_t max_concurrency;
		struct {
			bool enabled;
			int64_t poll_min_ms, poll_max_ms, stalled_after_ms, give_up_after_ms;
		} follow;
		struct {
			struct config_strings agents; /* empty: nothing is discovered */
			int64_t every_ms;
		} discover;
	} nairi;
	struct {
		const char *cache; /* a directory, absolute; NULL: Git is not used, and no source has git.url */
		int64_t max_size;  /* bytes */
		int64_t fetch_timeout_ms;
	} git;
	const char *proxy; /* "none" (default), "env", or a URL */
	struct {
		int64_t attempts;
		int64_t first_ms, max_ms, give_up_after_ms;
	} retry;
	struct {
		int64_t body, prompt; /* bytes */
		int64_t connections, connections_per_address, queue, thread_rate;
		int64_t keep_ms; /* how long ended deliveries stay in the ledger */
		struct config_strings trusted_proxies; /* addresses or CIDR */
	} limits;
	struct {
		enum log_level level;
		enum log_format format;
	} log;
	const struct link_config *links;
	size_t link_count;
	const struct source_config *sources;
	size_t source_count;
	void *memory; /* private */
};

/* What is wrong, all of it in one run (at most 50). */
enum problem_level { PROBLEM_ERROR, PROBLEM_WARNING };

struct config_problem_item {
	enum problem_level level;
	struct config_mark mark;
	char *text; /* "workers: expected a whole number from 1 to 64, got \"four\"" */
};

struct config_problems {
	char *file;
	struct config_problem_item *items;
	size_t count, errors;
};

void config_problems_release(struct config_problems *problems);

/*
 * "file:line:col: message" a line (warnings: "file:line:col: warning: message"), in the order of
 * the file. What concerns the file as a whole has line 0 and is printed as "file: message".
 */
void config_problems_print(const struct config_problems *problems, struct strbuf *out);

/*
 * Reads the file and everything it names (secret files, certificates), with the given types of
 * sources. Returns 0 and *ret (new; config_free) when there is no error; warnings may still be in
 * *problems. Returns -1 with at least one error in *problems. *problems is initialised by this call
 * and always released by the caller. Secrets never appear in a message. One thread; reads the
 * environment (${NAME}, CREDENTIALS_DIRECTORY).
 */
int config_load(const char *file, const struct source_type *const *types, size_t type_count,
		struct config **ret, struct config_problems *problems) MUST_CHECK;
/*
 * The same from memory, with `file` only for messages and relative paths; for tests and the fuzzer.
 * With file NULL nothing is read from the file system: each file that is named is an error.
 */
int config_parse(const char *file, const char *text, size_t len,
		 const struct source_type *const *types, size_t type_count, struct config **ret,
		 struct config_problems *problems) MUST_CHECK;
void config_free(struct config *config);

/* The JSON Schema (2020-12) of the whole file, from the same tables. */
void config_json_schema(const struct source_type *const *types, size_t type_count,
			struct strbuf *out);

/*
 * For handlers' own KEY_CUSTOM readers and checks: "<key path>: <text>" at the node (NULL: the
 * top). Cut at 300 bytes; must not contain a secret. Of one node whose text config_scalar could not
 * give, only the first problem stays.
 */
void config_problem(struct config_reader *reader, enum problem_level level,
		    const struct config_node *node, const char *fmt, ...) PRINTF(4, 5);

/* Fills a struct from a node by a table, for KEY_CUSTOM readers. False: problems were reported. */
bool config_read_table(struct config_reader *reader, const struct config_node *node,
		       const struct config_table *table, void *target);
/*
 * A mapping's member node by key, or NULL (also if node is NULL or no mapping). A scalar's text,
 * expanded, or NULL if it is none or has a broken ${NAME} (reported then).
 */
const struct config_node *config_member(struct config_reader *reader,
					const struct config_node *node, const char *key);
const char *config_scalar(struct config_reader *reader, const struct config_node *node);
/* Zeroed; lives as long as the config. NULL when memory runs out (the load then fails anyway). */
void *config_alloc(struct config_reader *reader, size_t size);

#endif
