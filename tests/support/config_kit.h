/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of config/: two types of sources that look like real ones, and a load in one line. */
#ifndef TESTS_SUPPORT_CONFIG_KIT_H
#define TESTS_SUPPORT_CONFIG_KIT_H

#include <string.h>

#include "config/config.h"

#define KIT_FILE "c.yaml"
/* Two lines that make a whole configuration of any others. */
#define KIT_BASE "nairi: { api_key: nr_k }\nsources: {}\n"

struct kit_talk {
	struct config_secrets secret;
	unsigned forward;
	int64_t number;
	bool flag;
	struct config_mark mark;
};

static const char *const kit_forward_names[] = { "comments", "reviews", "ci", NULL };

static const struct config_key kit_talk_keys[] = {
	{ .name = "secret",
	  .kind = KEY_SECRETS,
	  .offset = offsetof(struct kit_talk, secret),
	  .required = true,
	  .help = "signs" },
	{ .name = "forward",
	  .kind = KEY_FLAGS,
	  .offset = offsetof(struct kit_talk, forward),
	  .fallback = "[comments, reviews]",
	  .names = kit_forward_names,
	  .mark_offset = offsetof(struct kit_talk, mark) },
	{ .name = "number", .kind = KEY_INT, .offset = offsetof(struct kit_talk, number) },
	{ .name = "flag",
	  .kind = KEY_BOOL,
	  .offset = offsetof(struct kit_talk, flag),
	  .fallback = "true" },
	{ .name = NULL },
};
static const struct config_table kit_talk_table = { "talk", sizeof(struct kit_talk),
						    kit_talk_keys };

struct kit_plain {
	const char *verify; /* "none", or the word behind `how` */
};

static inline void kit_read_verify(struct config_reader *reader, const struct config_node *node,
				   void *field)
{
	const struct config_node *how = config_member(reader, node, "how");
	const char *text = config_scalar(reader, how != NULL ? how : node);

	if (text == NULL)
		config_problem(reader, PROBLEM_ERROR, how != NULL ? how : node, "expected a word");
	*(const char **)field = text;
}

static const struct config_key kit_plain_keys[] = {
	{ .name = "verify",
	  .kind = KEY_CUSTOM,
	  .offset = offsetof(struct kit_plain, verify),
	  .required = true,
	  .read = kit_read_verify,
	  .help = "how" },
	{ .name = NULL },
};
static const struct config_table kit_plain_table = { "plain", sizeof(struct kit_plain),
						     kit_plain_keys };

static inline void kit_check_plain(struct config_reader *reader, const struct config_node *node,
				   const struct source_config *source, bool loopback)
{
	const struct kit_plain *plain = source->settings;

	if (strcmp(plain->verify, "none") == 0 && !loopback)
		config_problem(reader, PROBLEM_ERROR, config_member(reader, node, "verify"),
			       "none only on loopback");
}

static const struct source_type kit_talk_type = { .type = "talk",
						  .conversational = true,
						  .api_url = "https://api.talk.example",
						  .settings = &kit_talk_table };
static const struct source_type kit_plain_type = { .type = "plain",
						   .respond = RESPOND_OUTCOME,
						   .settings = &kit_plain_table,
						   .check = kit_check_plain };
static const struct source_type kit_bare_type = { .type = "bare", .conversational = true };
static const struct source_type *const kit_types[] = { &kit_talk_type, &kit_plain_type,
						       &kit_bare_type };
#define KIT_TYPES (sizeof(kit_types) / sizeof(kit_types[0]))

/* What a load printed (new), and the config if there is one. */
static inline char *kit_printed(struct config_problems *problems)
{
	struct strbuf out = STRBUF(1 << 20);

	config_problems_print(problems, &out);
	config_problems_release(problems);
	return strbuf_detach(&out);
}

static inline char *kit_parse_len(const char *text, size_t len, struct config **ret)
{
	struct config_problems problems;

	*ret = NULL;
	/* The result shows in *ret; what was printed says why. */
	if (config_parse(KIT_FILE, text, len, kit_types, KIT_TYPES, ret, &problems) != 0)
		*ret = NULL;
	return kit_printed(&problems);
}

static inline char *kit_parse(const char *text, struct config **ret)
{
	return kit_parse_len(text, strlen(text), ret);
}

DEFINE_CLEANUP(struct config, config_free);

#endif
