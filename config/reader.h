/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to config/: the state of one load, and what its files offer each other. All of it is used
 * by one thread.
 *
 * Text → libyaml's document → a tree of our nodes (reader.c) → structs by tables (table.c,
 * scalars.c, secrets.c) → checks across keys (checks.c, sources.c, conversation.c). Problems are collected on the
 * way (problems.c), never thrown.
 */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include <stdarg.h>

#include "bridge/base/arena.h"
#include "config/config.h"

#define READER_MAX_TEXT   (1024U * 1024U) /* bytes of the whole file */
#define READER_MAX_DEPTH  32
#define READER_MAX_VISITS 100000 /* nodes, counted again at every alias: stops alias bombs */
#define READER_TOO_DEEP   "nested too deeply (or an alias that contains itself)"
#define READER_MAX_SCALAR (256U * 1024U) /* bytes of one value after expansion */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAPPING };

struct node_member {
	const struct config_node *key; /* a scalar */
	const struct config_node *value;
};

/* Lives until the load ends; the texts are borrowed from libyaml's document, so that secrets are
 * not copied. */
struct config_node {
	enum node_kind kind;
	struct config_mark mark;
	const struct config_node *parent; /* NULL: the root */
	const char *name; /* the key under which the parent mapping holds it; NULL in lists */
	size_t index;     /* its place in the parent list */
	bool plain;       /* scalar: not quoted */
	bool ours;        /* scalar: a default of ours, nothing in it is expanded */
	const char *text; /* scalar: as in the file, not expanded; no NUL inside */
	size_t count;     /* of items or members */
	const struct config_node *const *items;
	const struct node_member *members; /* without duplicate keys */
};

/* What a struct config owns. */
struct config_memory {
	struct arena *arena;
	struct kept_secret *secrets;
};

struct kept_secret {
	struct secret *secret;
	bool placeholder;
	struct kept_secret *next;
};

struct config_reader {
	const char *file; /* NULL: nothing may be read from the file system */
	const char *text; /* valid UTF-8 without BOM or control characters, once reader_tree looked
			     at it */
	size_t len;
	struct arena *arena;   /* lives as long as the config */
	struct arena *scratch; /* nodes; dies with the reader */
	struct config_memory *memory;
	struct config_problems *problems;
	const struct source_type *const *types;
	size_t type_count;
	struct config *config;
	size_t visits;
	const struct config_node *broken; /* its value was complained about already */
	bool open_to_others;              /* group or world can read the config file */
};

/* --- problems.c --- */

void problems_add(struct config_reader *reader, enum problem_level level, struct config_mark mark,
		  const struct config_node *path,
		  const char *text);                    /* path: put before the text; may be NULL */
void problems_finish(struct config_problems *problems); /* in the order of the file */

/* Appends "nairi.timeout", "listen[1]"; "the top level" for the root. */
void problems_path(const struct config_node *node, struct strbuf *out);

struct quoted {
	char text[128];
};
struct quoted problems_quote(const char *text); /* JSON string, cut */
struct quoted problems_describe(
	const struct config_node *node); /* its quoted text, "a list", "nothing" … */

/* --- reader.c --- */

struct reader_document; /* libyaml's document, wiped when freed */
void reader_document_free(struct reader_document *document);
DEFINE_CLEANUP(struct reader_document, reader_document_free);

/* The tree of reader->text, or NULL with problems. The document must outlive the tree. */
const struct config_node *reader_tree(struct config_reader *reader,
				      struct reader_document **ret_document);

/* libyaml counts from 0. */
struct yaml_mark_s;
struct config_mark reader_mark(struct yaml_mark_s mark);

/* --- tree.c --- */

/* The nodes of a document that has a root; NULL: problems were reported, or memory ran out. */
struct yaml_document_s;
const struct config_node *tree_build(struct config_reader *reader, struct yaml_document_s *yaml);

/* Item i of a list; the node itself if it is not a list ("one or a list"); NULL for NULL. */
const struct config_node *tree_item(const struct config_node *node, size_t i);
bool tree_is_null(const struct config_node *node); /* plain and empty, ~ or null */

/* --- scalars.c --- */

/* Read one value into field by the key's kind; problems are reported. Keys of kinds BOOL to STRINGS
 * only. */
void scalars_read(struct config_reader *reader, const struct config_node *node,
		  const struct config_key *key, void *field);
/* Text that must be there; NULL with a problem reported. */
const char *scalars_text(struct config_reader *reader, const struct config_node *node,
			 const char *expected);
/* "30s", "10m"; "64KiB". */
void scalars_add_duration(struct strbuf *out, int64_t ms);
void scalars_add_size(struct strbuf *out, int64_t bytes);

/* --- expand.c --- */

/* Appends the node's text with ${NAME} replaced; false with a problem reported. */
bool expand_node(struct config_reader *reader, const struct config_node *node, struct strbuf *out);
/* Overwrites before it frees: for buffers that held a secret. */
void expand_wipe(struct strbuf *sb);

/* --- suggest.c --- */

/* The candidate nearest to text, if it is near enough for a slip of the finger; else NULL.
 * NULL-terminated. */
const char *suggest_nearest(const char *text, const char *const *candidates);

/* --- secrets.c --- */

/* value: the node of `key`, file: of `key_file`; either may be NULL. One of each at most, or lists
 * with many. */
void secrets_read(struct config_reader *reader, const struct config_node *value,
		  const struct config_node *file, const struct secret **field);
void secrets_read_many(struct config_reader *reader, const struct config_node *value,
		       const struct config_node *file, struct config_secrets *field);
bool secrets_is_placeholder(const struct config_reader *reader, const struct secret *secret);
void secrets_free_all(struct config_memory *memory);
/* Resolves a file that is named in the config and makes sure that it can be read. NULL with a
 * problem reported. */
const char *secrets_resolve(struct config_reader *reader, const struct config_node *node,
			    const char *name, bool is_private);

/* --- table.c --- */

/* One mapping read by several tables side by side: what no table knows is an unknown key. */
struct table_part {
	const struct config_table *table;
	void *target;
};
void table_read(struct config_reader *reader, const struct config_node *node,
		const struct table_part *parts, size_t count);

/* --- address.c --- */

enum address_form { ADDRESS_HOST, ADDRESS_UNIX, ADDRESS_SYSTEMD };

struct address {
	enum address_form form;
	bool loopback; /* a loopback address or a unix socket */
	bool any_port; /* port 0 */
};

/* "127.0.0.1:8080", "[::1]:8080", "name:8080", "unix:/path", "systemd". */
int address_parse(const char *text, struct address *ret, struct error *err) MUST_CHECK;
/* "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". */
int address_check_network(const char *text, struct error *err) MUST_CHECK;

struct address_url {
	bool tls; /* https */
	bool loopback;
	size_t base; /* length without trailing slashes */
};

/* An http or https URL with a host and without user, password, query or fragment. The text never
 * quotes it. */
int address_parse_url(const char *text, struct address_url *ret, struct error *err) MUST_CHECK;
int address_check_proxy(const char *text,
			struct error *err) MUST_CHECK; /* may have a user and password */

/* --- checks.c --- */

/* What holds between keys, and what only makes sense to a program: run once all is read. */
void checks_run(struct config_reader *reader, const struct config_node *root);
void checks_listen(struct config_reader *reader, const struct config_node *root);
/* http to another machine: a warning. */
void checks_url_is_safe(struct config_reader *reader, const struct config_node *node,
			const struct address_url *url);
/* A token that goes into a header: visible ASCII. */
void checks_token(struct config_reader *reader, const struct config_node *node,
		  const struct secret *token);
/* An agent's slug. */
void checks_agent(struct config_reader *reader, const struct config_node *node, const char *text);

/* --- sources.c --- */

void sources_read(struct config_reader *reader, const struct config_node *node, void *field);
extern const struct config_table sources_common; /* struct source_config, any type */

/* --- conversation.c --- */

extern const struct config_table conversation_table; /* struct source_config, where people speak */
/* After both tables of a conversational source were read; sets what depends on other keys. */
void conversation_check(struct config_reader *reader, const struct config_node *node, struct source_config *source);

/* --- links.c --- */

void links_read(struct config_reader *reader, const struct config_node *node, void *field);
extern const char links_schema[];

/* --- config.c --- */

extern const struct config_table config_top; /* struct config */

#endif
