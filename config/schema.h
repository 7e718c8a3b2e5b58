/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings as tables: a row a key, from which come the reader, its errors, did-you-mean, the
 * defaults and the JSON Schema. A table describes one mapping and fills one plain struct by
 * offsets. All memory is the config's.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/error.h"
#include "bridge/base/secret.h"

enum config_kind {
	KEY_BOOL,     /* bool: exactly true or false */
	KEY_INT,      /* int64_t: decimal, within min..max */
	KEY_DURATION, /* int64_t milliseconds: "500ms", "30s", "10m", "24h", "7d"; with a unit */
	KEY_SIZE,     /* int64_t bytes: "512B", "64KiB", "25MiB", "2GiB"; with a unit */
	KEY_STRING,   /* const char *; min..max are its length in bytes */
	KEY_ENUM,     /* int: index into names */
	KEY_FLAGS,    /* unsigned: a list (or one) of names, bit i for names[i] */
	KEY_STRINGS,  /* struct config_strings: a list, or one; only names, if they are given */
	KEY_SECRET,   /* const struct secret *: key, or its twin key_file */
	KEY_SECRETS,  /* struct config_secrets: one or a list, of key, key_file or both */
	KEY_TABLE,    /* the struct of `table`, embedded at offset; absent: all its defaults */
	KEY_CUSTOM,   /* read() below decides; with a fallback, it gets that as a scalar */
};

struct config_strings {
	const char *const *items;
	size_t count;
};

struct config_secrets {
	const struct secret *const *items;
	size_t count;
};

/* Where something stands in the file, for messages that come later (1-based). */
struct config_mark {
	int line, column;
};

struct config_reader; /* the walker's state: file, problems, arena, environment */
struct config_node;   /* a YAML node with its position */

struct config_key {
	const char *name;
	enum config_kind kind;
	size_t offset; /* of the field in the table's struct */
	/*
	 * KEY_INT/DURATION/SIZE: bounds; both 0: no bounds but >= 0. KEY_STRING: bytes; max 0:
	 * 4096. KEY_FLAGS/STRINGS: entries; max 0: 1000.
	 */
	int64_t min, max;
	/* The default, spelt as in YAML ("30s", "[a, b]"), not expanded; NULL: zero, NULL, empty */
	const char *fallback;
	bool required; /* within a mapping that is there: an absent KEY_TABLE asks for nothing */
	const char *const *names;         /* KEY_ENUM/FLAGS/STRINGS: NULL-terminated */
	const struct config_table *table; /* KEY_TABLE */
	/* KEY_CUSTOM: fills the field at `field`; reports problems by config_problem(). */
	void (*read)(struct config_reader *reader, const struct config_node *node, void *field);
	size_t mark_offset; /* of a config_mark: the value's place, else the mapping's; 0: none */
	const char *help;   /* one clause: for the JSON Schema and the docs */
	const char *schema; /* KEY_CUSTOM: its JSON Schema, as JSON; NULL: anything */
};

struct config_table {
	const char *name;              /* "nairi", for messages: "unknown key … in nairi" */
	size_t size;                   /* of the struct */
	const struct config_key *keys; /* ends with a row whose name is NULL */
};

#endif
