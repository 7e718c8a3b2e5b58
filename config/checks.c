/* SPDX-License-Identifier: Apache-2.0 */
/* What one key alone cannot tell: the forms of addresses, URLs and tokens, and what keys ask of
 * each other. */
#include <stdio.h>
#include <string.h>

#include "config/reader.h"

#define API_PATH "/api/public/v1"
#define SQLITE   "sqlite:"
#define POSTGRES "postgres"

static void complain(struct config_reader *reader, const struct config_node *node,
		     const struct error *err, const char *text)
{
	config_problem(reader, PROBLEM_ERROR, node, "%s, got %s", err->text,
		       problems_quote(text).text);
}

/* The node of a key within a section, or of the section, or NULL: for positions. */
static const struct config_node *find(struct config_reader *reader, const struct config_node *root,
				      const char *section, const char *key)
{
	const struct config_node *node = config_member(reader, root, section);
	const struct config_node *inner = config_member(reader, node, key);

	return inner != NULL ? inner : node != NULL ? node : root;
}

void checks_listen(struct config_reader *reader, const struct config_node *root)
{
	const struct config_strings *listen = &reader->config->listen;
	const struct config_node *node = config_member(reader, root, "listen");

	for (size_t i = 0; i < listen->count; i++) {
		struct address address;
		struct error err = { 0 };
		const struct config_node *item = node != NULL ? tree_item(node, i) : root;
		if (listen->items[i][0] == '\0')
			continue; /* was complained about */
		if (address_parse(listen->items[i], &address, &err) != 0) {
			complain(reader, item, &err, item->kind == NODE_SCALAR ? item->text : "");
			continue;
		}
		for (size_t j = 0; j < i && !address.any_port; j++) {
			if (strcmp(listen->items[i], listen->items[j]) == 0)
				config_problem(reader, PROBLEM_ERROR, item,
					       "the same as listen[%zu]", j);
		}
	}
}

void checks_url_is_safe(struct config_reader *reader, const struct config_node *node,
			const struct address_url *url)
{
	if (!url->tls && !url->loopback)
		config_problem(reader, PROBLEM_WARNING, node,
			       "http to another machine: the token travels unencrypted, use https");
}

void checks_token(struct config_reader *reader, const struct config_node *node,
		  const struct secret *token)
{
	const char *bytes = secret_bytes(token);

	for (size_t i = 0; i < secret_len(token); i++) {
		if ((unsigned char)bytes[i] <= 0x20U || (unsigned char)bytes[i] >= 0x7FU) {
			config_problem(
				reader, PROBLEM_ERROR, node,
				"contains white space or other characters that no token has");
			return;
		}
	}
}

bool config_agent_is_valid(const char *text)
{
	size_t len = strlen(text);
	bool good = len > 0 && len <= CONFIG_AGENT_MAX;

	for (size_t i = 0; i < len && good; i++)
		good = (unsigned char)text[i] > 0x20U && text[i] != 0x7F;
	return good;
}

void checks_agent(struct config_reader *reader, const struct config_node *node, const char *text)
{
	if (!config_agent_is_valid(text))
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected the slug of an agent, at most %d bytes without white space", CONFIG_AGENT_MAX);
}

/* The node of a secret or of its twin. */
static const struct config_node *find_secret(struct config_reader *reader,
					     const struct config_node *root, const char *section,
					     const char *key, const char *twin)
{
	const struct config_node *node = config_member(reader, root, section);

	return find(reader, root, section, config_member(reader, node, key) != NULL ? key : twin);
}

static void check_tls(struct config_reader *reader, const struct config_node *root)
{
	struct config *config = reader->config;

	if (config->tls.cert_file != NULL)
		config->tls.cert_file =
			secrets_resolve(reader, find(reader, root, "tls", "cert_file"),
					config->tls.cert_file, false);
	if (config->tls.key_file != NULL)
		config->tls.key_file = secrets_resolve(
			reader, find(reader, root, "tls", "key_file"), config->tls.key_file, true);
}

static void check_admin(struct config_reader *reader, const struct config_node *root)
{
	const struct config *config = reader->config;
	const struct config_node *node = find(reader, root, "admin", "listen");
	struct address address;
	struct error err = { 0 };

	if (config->admin.token != NULL)
		checks_token(reader, find_secret(reader, root, "admin", "token", "token_file"),
			     config->admin.token);
	if (config->admin.listen == NULL)
		return;
	if (address_parse(config->admin.listen, &address, &err) != 0) {
		complain(reader, node, &err, node->text);
		return;
	}
	if (address.form == ADDRESS_SYSTEMD) {
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected host:port or unix:/path, got \"systemd\"");
		return;
	}
	const struct config_node *section = config_member(reader, root, "admin");
	if (address.form != ADDRESS_UNIX && config_member(reader, section, "token") == NULL &&
	    config_member(reader, section, "token_file") == NULL)
		config_problem(reader, PROBLEM_ERROR, section,
			       "missing key \"token\" (or \"token_file\"): "
			       "only a unix: socket is guarded without");
	for (size_t i = 0; i < config->listen.count && !address.any_port; i++) {
		if (strcmp(config->listen.items[i], config->admin.listen) == 0)
			config_problem(reader, PROBLEM_ERROR, node, "the same as listen");
	}
}

static void check_store(struct config_reader *reader, const struct config_node *root)
{
	const char *store = reader->config->store;
	const struct config_node *node = config_member(reader, root, "store");

	if (store == NULL || node == NULL)
		return;
	if (strncmp(store, POSTGRES, strlen(POSTGRES)) == 0)
		config_problem(reader, PROBLEM_ERROR, node,
			       "this version has only sqlite:/path, not PostgreSQL");
	else if (strncmp(store, SQLITE "/", strlen(SQLITE) + 1) != 0 ||
		 store[strlen(SQLITE) + 1] == '\0')
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected sqlite: and an absolute path, got %s",
			       problems_quote(node->text).text);
}

/* --- nairi --- */

static void check_nairi_url(struct config_reader *reader, const struct config_node *root)
{
	struct config *config = reader->config;
	const struct config_node *node = find(reader, root, "nairi", "url");
	struct address_url url;
	struct error err = { 0 };
	const size_t suffix = strlen(API_PATH);

	if (config->nairi.url == NULL)
		return;
	if (address_parse_url(config->nairi.url, &url, &err) != 0) {
		config_problem(reader, PROBLEM_ERROR, node, "%s", err.text);
		return;
	}
	checks_url_is_safe(reader, node, &url);
	size_t base = url.base;
	if (base > suffix && strncmp(config->nairi.url + base - suffix, API_PATH, suffix) == 0)
		base -= suffix;
	while (base > 0 && config->nairi.url[base - 1] == '/')
		base--;
	config->nairi.url =
		arena_printf(reader->arena, "%.*s" API_PATH, (int)base, config->nairi.url);
}

static void check_nairi_key(struct config_reader *reader, const struct config_node *root)
{
	static const char *const daemons[] = { "ccagent_", "nairid_", "eksecd_" };
	const struct secret *secret = reader->config->nairi.api_key;
	const struct config_node *node =
		find_secret(reader, root, "nairi", "api_key", "api_key_file");

	if (secret == NULL || secrets_is_placeholder(reader, secret))
		return;
	checks_token(reader, node, secret);
	for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
		if (strncmp(secret_bytes(secret), daemons[i], strlen(daemons[i])) == 0) {
			config_problem(reader, PROBLEM_ERROR, node,
				       "this is the key of a daemon (%s…), "
				       "not an API key (nr_…)",
				       daemons[i]);
			return;
		}
	}
	if (strncmp(secret_bytes(secret), "nr_", 3) != 0)
		config_problem(reader, PROBLEM_WARNING, node,
			       "does not look like an API key (nr_…)");
}

/*
 * Of two durations of nairi.follow, low must not be more than high. Where only one is written it counts, and the other's default gives way:
 * nobody should have to know both to change one.
 */
static void check_order(struct config_reader *reader, const struct config_node *follow, const char *low_key, int64_t *low,
			const char *high_key, int64_t *high)
{
	const struct config_node *low_node = config_member(reader, follow, low_key);
	const struct config_node *high_node = config_member(reader, follow, high_key);
	CLEANUP(strbuf_release) struct strbuf bound = STRBUF(40);

	if (*low == 0 || *high == 0 || *low <= *high) /* zero: it was not read, and complained about */
		return;
	if (low_node == NULL) {
		*low = *high;
	} else if (high_node == NULL) {
		*high = *low;
	} else {
		scalars_add_duration(&bound, *low);
		config_problem(reader, PROBLEM_ERROR, high_node, "must not be less than %s (%s)", low_key, strbuf_str(&bound));
	}
}

static void check_follow(struct config_reader *reader, const struct config_node *root)
{
	struct config *config = reader->config;
	const struct config_node *follow = config_member(reader, config_member(reader, root, "nairi"), "follow");

	check_order(reader, follow, "poll_min", &config->nairi.follow.poll_min_ms, "poll_max",
		    &config->nairi.follow.poll_max_ms);
	check_order(reader, follow, "stalled_after", &config->nairi.follow.stalled_after_ms, "give_up_after",
		    &config->nairi.follow.give_up_after_ms);
}

static void check_discover(struct config_reader *reader, const struct config_node *root)
{
	const struct config_strings *agents = &reader->config->nairi.discover.agents;
	const struct config_node *nairi = config_member(reader, root, "nairi");
	const struct config_node *list = config_member(reader, config_member(reader, nairi, "discover"), "agents");

	for (size_t i = 0; list != NULL && i < agents->count; i++) {
		if (agents->items[i][0] != '\0') /* else it was complained about */
			checks_agent(reader, tree_item(list, i), agents->items[i]);
	}
}

/* --- the rest --- */

/* Absolute, since nobody can tell where a service was started. */
static void check_cache(struct config_reader *reader, const struct config_node *root)
{
	const char *cache = reader->config->git.cache;
	const struct config_node *node = find(reader, root, "git", "cache");

	if (cache != NULL && (cache[0] != '/' || cache[1] == '\0'))
		config_problem(reader, PROBLEM_ERROR, node, "expected the absolute path of a directory, got %s",
			       problems_quote(node->text).text);
}

static void check_proxy(struct config_reader *reader, const struct config_node *root)
{
	const char *proxy = reader->config->proxy;
	struct error err = { 0 };

	if (proxy == NULL || strcmp(proxy, "none") == 0 || strcmp(proxy, "env") == 0)
		return;
	if (address_check_proxy(proxy, &err) != 0) /* not shown: it may hold a password */
		config_problem(reader, PROBLEM_ERROR, config_member(reader, root, "proxy"), "%s",
			       err.text);
}

static void check_retry(struct config_reader *reader, const struct config_node *root)
{
	const struct config *config = reader->config;

	/* Zero: it was not read, and complained about. */
	if (config->retry.max_ms > 0 && config->retry.max_ms < config->retry.first_ms)
		config_problem(reader, PROBLEM_ERROR, find(reader, root, "retry", "max"),
			       "must not be less than retry.first");
}

static void check_proxies(struct config_reader *reader, const struct config_node *root)
{
	const struct config_strings *proxies = &reader->config->limits.trusted_proxies;
	const struct config_node *node = find(reader, root, "limits", "trusted_proxies");

	for (size_t i = 0; i < proxies->count; i++) {
		const struct config_node *item = tree_item(node, i);
		struct error err = { 0 };
		if (proxies->items[i][0] != '\0' &&
		    address_check_network(proxies->items[i], &err) != 0)
			complain(reader, item, &err, item->kind == NODE_SCALAR ? item->text : "");
	}
}

void checks_run(struct config_reader *reader, const struct config_node *root)
{
	check_tls(reader, root);
	check_admin(reader, root);
	check_store(reader, root);
	check_nairi_url(reader, root);
	check_nairi_key(reader, root);
	check_follow(reader, root);
	check_discover(reader, root);
	check_cache(reader, root);
	check_proxy(reader, root);
	check_retry(reader, root);
	check_proxies(reader, root);
}
