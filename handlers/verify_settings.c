/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `verify` setting: `none` as a word, or a mapping whose type decides which other keys it
 * takes.
 */
#include <stddef.h>
#include <string.h>

#include "handlers/verify.h"

static const char *const type_names[] = { "none",  "hmac-sha256",       "bearer",
					  "basic", "standard-webhooks", NULL };
static const char *const encoding_names[] = { "hex", "base64", NULL };

/*
 * Only for the schema and for did-you-mean: the type is read first, to choose among these tables.
 */
#define TYPE_KEY                                                                             \
	{                                                                                    \
		.name = "type", .kind = KEY_STRING, .offset = offsetof(struct choice, type), \
		.min = 1, .max = 32, .required = true, .help = "the scheme"                  \
	}
#define AT(member) offsetof(struct choice, settings.member)

struct choice {
	const char *type;
	struct verify_settings settings;
};

static const struct config_key none_keys[] = { TYPE_KEY, { .name = NULL } };

static const struct config_key hmac_keys[] = {
	TYPE_KEY,
	{ .name = "header",
	  .kind = KEY_STRING,
	  .offset = AT(header),
	  .min = 1,
	  .max = 100,
	  .required = true,
	  .help = "the header that holds the signature" },
	{ .name = "prefix",
	  .kind = KEY_STRING,
	  .offset = AT(prefix),
	  .max = 100,
	  .help = "what stands in the header before the signature, such as sha256=" },
	{ .name = "encoding",
	  .kind = KEY_ENUM,
	  .offset = AT(encoding),
	  .fallback = "hex",
	  .names = encoding_names,
	  .help = "of the signature" },
	{ .name = "secret",
	  .kind = KEY_SECRETS,
	  .offset = AT(secret),
	  .required = true,
	  .help = "the key; a list while it is being rotated" },
	{ .name = NULL },
};

static const struct config_key bearer_keys[] = {
	TYPE_KEY,
	{ .name = "token",
	  .kind = KEY_SECRETS,
	  .offset = AT(token),
	  .required = true,
	  .help = "the token; a list while it is being rotated" },
	{ .name = NULL },
};

static const struct config_key basic_keys[] = {
	TYPE_KEY,
	{ .name = "username",
	  .kind = KEY_STRING,
	  .offset = AT(username),
	  .min = 1,
	  .max = 256,
	  .required = true,
	  .help = "without a colon" },
	{ .name = "password",
	  .kind = KEY_SECRET,
	  .offset = AT(password),
	  .required = true,
	  .help = "the password" },
	{ .name = NULL },
};

static const struct config_key standard_keys[] = {
	TYPE_KEY,
	{ .name = "secret",
	  .kind = KEY_SECRETS,
	  .offset = AT(secret),
	  .required = true,
	  .help = "whsec_ and base64 of 24 to 64 bytes; a list while it is being rotated" },
	{ .name = NULL },
};

#define TABLE(key_list)                                                             \
	{                                                                           \
		.name = "verify", .size = sizeof(struct choice), .keys = (key_list) \
	}

/* In the order of type_names. */
static const struct {
	enum verify_type type;
	struct config_table table;
} types[] = {
	{ VERIFY_NONE, TABLE(none_keys) },
	{ VERIFY_HMAC_SHA256, TABLE(hmac_keys) },
	{ VERIFY_BEARER, TABLE(bearer_keys) },
	{ VERIFY_BASIC, TABLE(basic_keys) },
	{ VERIFY_STANDARD_WEBHOOKS, TABLE(standard_keys) },
};

#define TYPES (sizeof(types) / sizeof(types[0]))
_Static_assert(TYPES == sizeof(type_names) / sizeof(type_names[0]) - 1, "a table for every type");

#define EXPECTED "none, hmac-sha256, bearer, basic or standard-webhooks"

void verify_settings_read(struct config_reader *reader, const struct config_node *node, void *field)
{
	const char *word = config_scalar(reader, node);
	const struct config_node *type = word == NULL ? config_member(reader, node, "type") : NULL;
	struct verify_settings *settings = field;
	size_t i = 0;

	if (word != NULL && strcmp(word, type_names[0]) == 0) {
		settings->type = VERIFY_NONE;
		return;
	}
	const char *name = type != NULL ? config_scalar(reader, type) : NULL;
	while (i < TYPES && (name == NULL || strcmp(type_names[i], name) != 0))
		i++;
	if (i == TYPES) {
		config_problem(reader, PROBLEM_ERROR, type != NULL ? type : node,
			       word != NULL           ? "expected none or a mapping with type"
				       : type != NULL ? "expected " EXPECTED
						      : "type is missing: " EXPECTED);
		return;
	}
	struct choice choice = { 0 };
	if (!config_read_table(reader, node, &types[i].table, &choice))
		return;
	*settings = choice.settings;
	settings->type = (int)types[i].type;
}
