/* SPDX-License-Identifier: Apache-2.0 */
/* The defaults, and every key with another value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/config_kit.h"

#define JOB  "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define TALK "sources: { t: { type: talk, secret: s1 } }\n"

static struct config *load(const char *text)
{
	struct config *config = NULL;
	CLEANUP(cleanup_free) char *printed = kit_parse(text, &config);

	if (config == NULL)
		print_error("%s", printed);
	assert_non_null(config);
	return config;
}

/* --- what is there without a word --- */

static void has_defaults(void **state)
{
	CLEANUP(config_free_at) struct config *c = load("nairi: { api_key: nr_k }\n" TALK);

	(void)state;
	assert_string_equal(c->file, KIT_FILE);
	assert_int_equal(c->listen.count, 1);
	assert_string_equal(c->listen.items[0], "127.0.0.1:8080");
	assert_null(c->tls.cert_file);
	assert_null(c->tls.key_file);
	assert_null(c->admin.listen);
	assert_null(c->admin.token);
	assert_string_equal(c->store, "sqlite:/var/lib/nairi-bridge/bridge.db");
	assert_string_equal(c->nairi.url, "https://api.nairi.ai/api/public/v1");
	assert_string_equal(secret_bytes(c->nairi.api_key), "nr_k");
	assert_int_equal(c->nairi.timeout_ms, 30000);
	assert_int_equal(c->nairi.max_concurrency, 64);
	assert_true(c->nairi.follow.enabled);
	assert_int_equal(c->nairi.follow.poll_min_ms, 2000);
	assert_int_equal(c->nairi.follow.poll_max_ms, 30000);
	assert_int_equal(c->nairi.follow.stalled_after_ms, 900000);
	assert_int_equal(c->nairi.follow.give_up_after_ms, 10800000);
	assert_int_equal(c->nairi.discover.agents.count, 0);
	assert_int_equal(c->nairi.discover.every_ms, 60000);
	assert_null(c->git.cache);
	assert_int_equal(c->git.max_size, INT64_C(2) << 30);
	assert_int_equal(c->git.fetch_timeout_ms, 60000);
	assert_string_equal(c->proxy, "none");
	assert_int_equal(c->retry.attempts, 10);
	assert_int_equal(c->retry.first_ms, 1000);
	assert_int_equal(c->retry.max_ms, 600000);
	assert_int_equal(c->retry.give_up_after_ms, 86400000);
	assert_int_equal(c->limits.body, 25 << 20);
	assert_int_equal(c->limits.prompt, 64 << 10);
	assert_int_equal(c->limits.connections, 4096);
	assert_int_equal(c->limits.connections_per_address, 256);
	assert_int_equal(c->limits.queue, 100000);
	assert_int_equal(c->limits.thread_rate, 300);
	assert_int_equal(c->limits.keep_ms, INT64_C(30) * 86400000);
	assert_int_equal(c->limits.trusted_proxies.count, 0);
	assert_int_equal(c->log.level, LOG_INFO);
	assert_int_equal(c->log.format, LOG_AUTO);
	assert_int_equal(c->link_count, 0);
	assert_int_equal(c->source_count, 1);
}

static void has_defaults_of_sources(void **state)
{
	CLEANUP(config_free_at)
	struct config *c = load(
		"nairi: { api_key: nr_k }\n"
		"sources:\n  t: { type: talk, secret: s1 }\n  p: { type: plain, verify: none }\n");
	const struct source_config *t = &c->sources[0], *p = &c->sources[1];
	const struct kit_talk *talk = t->settings;
	const struct kit_plain *plain = p->settings;

	(void)state;
	assert_string_equal(t->name, "t");
	assert_ptr_equal(t->type, &kit_talk_type);
	assert_int_equal(t->mark.line, 3);
	assert_int_equal(t->mark.column, 3);
	assert_string_equal(t->path, "/hooks/t");
	assert_int_equal(t->respond, RESPOND_QUEUED);
	assert_int_equal(t->respond_within_ms, 8000);
	assert_int_equal(t->hygiene, HYGIENE_STRICT);
	assert_int_equal(t->trigger.kind, TRIGGER_ANY);
	assert_null(t->trigger.word);
	assert_int_equal(t->trust.associations.count, 3);
	assert_string_equal(t->trust.associations.items[0], "OWNER");
	assert_string_equal(t->trust.associations.items[1], "MEMBER");
	assert_string_equal(t->trust.associations.items[2], "COLLABORATOR");
	assert_int_equal(t->trust.users.count, 0);
	assert_int_equal(t->trust.bots.count, 0);
	assert_int_equal(t->reply, REPLY_MODE_ERRORS);
	assert_int_equal(t->batch_ms, 5000);
	assert_int_equal(t->when_busy, BUSY_SEND);
	assert_int_equal(t->ended, ENDED_TELL);
	assert_string_equal(t->command, "/nairi");
	assert_null(t->start.agent);
	assert_false(t->start.ask);
	assert_null(t->git.url);
	assert_null(t->git.token);
	assert_int_equal(t->git.link_authors.count, 0);
	assert_string_equal(t->api.url, "https://api.talk.example");
	assert_null(t->api.token);
	assert_int_equal(talk->secret.count, 1);
	assert_int_equal(talk->forward, 3);
	assert_int_equal(talk->mark.line, 3);
	assert_int_equal(talk->number, 0);
	assert_true(talk->flag);
	assert_int_equal(p->respond, RESPOND_OUTCOME);
	assert_string_equal(plain->verify, "none");
}

/* --- every key with another value --- */

static void reads_the_top_level(void **state)
{
	CLEANUP(config_free_at)
	struct config *c =
		load("listen: [0.0.0.0:0, \"[::1]:65535\", unix:/run/x, systemd, localhost:1]\n"
		     "admin: { listen: \"127.0.0.1:9\", token: tok }\n"
		     "store: sqlite:/x\nproxy: socks5h://u:p@proxy.example:1080\n"
		     "nairi: { url: \"http://localhost:8/\", api_key: nr_1, timeout: 100ms, "
		     "max_concurrency: 1024 }\n"
		     "retry: { attempts: 1, first: 10ms, max: 24h, give_up_after: 30d }\n"
		     "limits: { body: 64MiB, connections: 1, connections_per_address: 0, queue: "
		     "10000000,\n"
		     "  prompt: 1024B, thread_rate: 0, keep: 1m, trusted_proxies: [10.0.0.0/8, "
		     "\"::1\", \"2001:db8::/32\"] }\n"
		     "log: { level: debug, format: logfmt }\n" TALK
		     "links:\n  - { thread: \"t:a:b#1\", job: " JOB " }\n"
		     "  - { thread: \"t:c\", job: j_01KRK1V46BXS73CSNK2VR35NPJ }\n");

	(void)state;
	assert_int_equal(c->listen.count, 5);
	assert_string_equal(c->listen.items[1], "[::1]:65535");
	assert_string_equal(c->admin.listen, "127.0.0.1:9");
	assert_string_equal(secret_bytes(c->admin.token), "tok");
	assert_string_equal(c->store, "sqlite:/x");
	assert_string_equal(c->proxy, "socks5h://u:p@proxy.example:1080");
	assert_string_equal(c->nairi.url, "http://localhost:8/api/public/v1");
	assert_int_equal(c->nairi.timeout_ms, 100);
	assert_int_equal(c->nairi.max_concurrency, 1024);
	assert_int_equal(c->retry.attempts, 1);
	assert_int_equal(c->retry.first_ms, 10);
	assert_int_equal(c->retry.max_ms, 86400000);
	assert_int_equal(c->retry.give_up_after_ms, INT64_C(30) * 86400000);
	assert_int_equal(c->limits.body, 64 << 20);
	assert_int_equal(c->limits.connections, 1);
	assert_int_equal(c->limits.connections_per_address, 0);
	assert_int_equal(c->limits.queue, 10000000);
	assert_int_equal(c->limits.prompt, 1024);
	assert_int_equal(c->limits.thread_rate, 0);
	assert_int_equal(c->limits.keep_ms, 60000);
	assert_int_equal(c->limits.trusted_proxies.count, 3);
	assert_string_equal(c->limits.trusted_proxies.items[2], "2001:db8::/32");
	assert_int_equal(c->log.level, LOG_DEBUG);
	assert_int_equal(c->log.format, LOG_LOGFMT);
	assert_int_equal(c->link_count, 2);
	assert_string_equal(c->links[0].thread, "t:a:b#1");
	assert_string_equal(c->links[0].job, JOB);
	assert_int_equal(c->links[1].mark.line, 13);
}

static void reads_a_source(void **state)
{
	CLEANUP(config_free_at)
	struct config *c = load(
		"nairi: { api_key: nr_k }\nsources:\n  my-1:\n    type: talk\n    secret: [a, b]\n"
		"    path: /x/y-z_1.~\n    respond: outcome\n    respond_within: 1m\n    hygiene: "
		"off\n"
		"    trigger: { command: /nairi }\n    reply: none\n    forward: ci\n    flag: "
		"false\n"
		"    trust: { associations: NONE, users: [12, octo], bots: [\"d[bot]\"] }\n"
		"    api: { url: \"http://127.0.0.1:1/api/\", token: t }\n"
		"  m: { type: talk, secret: s, trigger: { mention: \"@nairi\" }, forward: [] }\n");
	const struct source_config *s = &c->sources[0];
	const struct kit_talk *talk = s->settings;

	(void)state;
	assert_string_equal(s->name, "my-1");
	assert_string_equal(s->path, "/x/y-z_1.~");
	assert_int_equal(s->respond, RESPOND_OUTCOME);
	assert_int_equal(s->respond_within_ms, 60000);
	assert_int_equal(s->hygiene, HYGIENE_OFF);
	assert_int_equal(s->trigger.kind, TRIGGER_COMMAND);
	assert_string_equal(s->trigger.word, "/nairi");
	assert_int_equal(s->reply, REPLY_MODE_NONE);
	assert_int_equal(s->trust.associations.count, 1);
	assert_string_equal(s->trust.associations.items[0], "NONE");
	assert_string_equal(s->trust.users.items[0], "12");
	assert_string_equal(s->trust.users.items[1], "octo");
	assert_string_equal(s->trust.bots.items[0], "d[bot]");
	assert_string_equal(s->api.url, "http://127.0.0.1:1/api");
	assert_string_equal(secret_bytes(s->api.token), "t");
	assert_int_equal(talk->secret.count, 2);
	assert_string_equal(secret_bytes(talk->secret.items[1]), "b");
	assert_int_equal(talk->forward, 4);
	assert_int_equal(talk->mark.line, 12);
	assert_int_equal(talk->mark.column, 14);
	assert_false(talk->flag);
	assert_int_equal(c->sources[1].trigger.kind, TRIGGER_MENTION);
	assert_string_equal(c->sources[1].trigger.word, "@nairi");
	assert_int_equal(((const struct kit_talk *)c->sources[1].settings)->forward, 0);
}

static void normalises_the_url(void **state)
{
	static const struct {
		const char *text, *printed;
	} rows[] = {
		{ "https://a.example", "https://a.example/api/public/v1" },
		{ "https://a.example//", "https://a.example/api/public/v1" },
		{ "https://a.example/api/public/v1", "https://a.example/api/public/v1" },
		{ "https://a.example/api/public/v1//", "https://a.example/api/public/v1" },
		{ "https://a.example/gate/", "https://a.example/gate/api/public/v1" },
		{ "https://[2001:db8::1]:8443/gate//api/public/v1/",
		  "https://[2001:db8::1]:8443/gate/api/public/v1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];
		(void)snprintf(text, sizeof(text), "nairi: { api_key: nr_k, url: \"%s\" }\n",
			       rows[i].text);
		CLEANUP(config_free_at) struct config *config = load(text);
		assert_string_equal(config->nairi.url, rows[i].printed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults),        cmocka_unit_test(has_defaults_of_sources),
		cmocka_unit_test(reads_the_top_level), cmocka_unit_test(reads_a_source),
		cmocka_unit_test(normalises_the_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
