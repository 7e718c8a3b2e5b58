/* SPDX-License-Identifier: Apache-2.0 */
/* Following jobs, Git, and the keys of sources where people speak: what is read, and what these keys ask of each
 * other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/config_kit.h"
#include "tests/support/config_rows.h"

#define NAIRI(inside)  "nairi: { api_key: nr_k, " inside " }\nsources: {}\n"
#define SOURCE(inside) "nairi: { api_key: nr_k }\nsources:\n  t: { type: talk, secret: s, " inside " }\n"
#define UNFOLLOWED(inside)                                                                         \
	"nairi: { api_key: nr_k, follow: { enabled: false } }\n"                                   \
	"sources:\n  t: { type: talk, secret: s, " inside " }\n"
#define GIT(inside) SOURCE("git: { " inside " }") "git: { cache: /c }\n"

#define DURATION "expected a duration with its unit (ms, s, m, h or d) from "
#define REPO     "expected {repo} in it once: there the repository's name goes (owner/name)\n"
#define WHERE    "expected an http or https URL, file:/// or an absolute path\n"
#define COMMAND  "expected none, or one word such as /nairi that begins with neither a letter nor a digit, got "
#define SLUG     "expected the slug of an agent, at most 200 bytes without white space\n"
#define TEN      "0123456789"
#define FIFTY    TEN TEN TEN TEN TEN
#define LONGEST  FIFTY FIFTY FIFTY FIFTY

static struct config *load(const char *text, const char *expected)
{
	struct config *config = NULL;
	CLEANUP(cleanup_free) char *printed = kit_parse(text, &config);

	assert_string_equal(printed, expected);
	assert_non_null(config);
	return config;
}

/* --- what is read --- */

static void reads_every_key(void **state)
{
	CLEANUP(config_free_at)
	struct config *c = load(
		"nairi:\n  api_key: nr_k\n"
		"  follow: { enabled: true, poll_min: 50ms, poll_max: 10m, stalled_after: 24h, give_up_after: 7d }\n"
		"  discover: { agents: [my-agent, octo/hello], every: 24h }\n"
		"git: { cache: /c/git, max_size: 1024GiB, fetch_timeout: 1h }\n"
		"sources:\n  t:\n    type: talk\n    secret: s\n    reply: answers\n    batch: 60s\n"
		"    when_busy: send\n    ended: restart\n    command: \"!bot\"\n"
		"    start: { agent: octo/hello, ask: true }\n    api: { token: t }\n"
		"    git: { url: \"https://git.example/{repo}.git\", token: t2, link_authors: [a@b, c@d.example] }\n",
		"");
	const struct source_config *t = &c->sources[0];

	(void)state;
	assert_int_equal(c->nairi.follow.poll_min_ms, 50);
	assert_int_equal(c->nairi.follow.poll_max_ms, 600000);
	assert_int_equal(c->nairi.follow.stalled_after_ms, 86400000);
	assert_int_equal(c->nairi.follow.give_up_after_ms, 7 * 86400000);
	assert_int_equal(c->nairi.discover.agents.count, 2);
	assert_string_equal(c->nairi.discover.agents.items[1], "octo/hello");
	assert_int_equal(c->nairi.discover.every_ms, 86400000);
	assert_string_equal(c->git.cache, "/c/git");
	assert_int_equal(c->git.max_size, INT64_C(1) << 40);
	assert_int_equal(c->git.fetch_timeout_ms, 3600000);
	assert_int_equal(t->reply, REPLY_MODE_ANSWERS);
	assert_int_equal(t->batch_ms, 60000);
	assert_int_equal(t->when_busy, BUSY_SEND);
	assert_int_equal(t->ended, ENDED_RESTART);
	assert_string_equal(t->command, "!bot");
	assert_string_equal(t->start.agent, "octo/hello");
	assert_true(t->start.ask);
	assert_string_equal(t->git.url, "https://git.example/{repo}.git");
	assert_string_equal(secret_bytes(t->git.token), "t2");
	assert_int_equal(t->git.link_authors.count, 2);
	assert_string_equal(t->git.link_authors.items[1], "c@d.example");
}

static void reads_the_least(void **state)
{
	CLEANUP(config_free_at)
	struct config *c =
		load("nairi: { api_key: nr_k, follow: { poll_max: 50ms, poll_min: 50ms, stalled_after: 1s, "
		     "give_up_after: 1s }, discover: { agents: " LONGEST ", every: 200ms } }\n"
		     "git: { cache: /c, max_size: 1MiB, fetch_timeout: 1s }\n"
		     "sources: { t: { type: talk, secret: s, batch: 0s, command: none } }\n",
		     "");

	(void)state;
	assert_int_equal(c->nairi.follow.poll_max_ms, 50);
	assert_int_equal(c->nairi.follow.give_up_after_ms, 1000);
	assert_int_equal(c->nairi.discover.agents.count, 1);
	assert_int_equal(c->nairi.discover.every_ms, 200);
	assert_int_equal(c->git.max_size, 1 << 20);
	assert_int_equal(c->git.fetch_timeout_ms, 1000);
	assert_int_equal(c->sources[0].batch_ms, 0);
	assert_null(c->sources[0].command);
}

/* One of two that belong together is enough: the other's default gives way. */
static void lets_defaults_give_way(void **state)
{
	CLEANUP(config_free_at)
	struct config *quick = load("nairi: { api_key: nr_k, follow: { poll_max: 1s, give_up_after: 5s } }\n"
				    "sources: { t: { type: talk, secret: s } }\n",
				    "");
	CLEANUP(config_free_at)
	struct config *slow = load("nairi: { api_key: nr_k, follow: { poll_min: 1m, stalled_after: 4h } }\n"
				   "sources: { t: { type: talk, secret: s } }\n",
				   "");

	(void)state;
	assert_int_equal(quick->nairi.follow.poll_min_ms, 1000);
	assert_int_equal(quick->nairi.follow.stalled_after_ms, 5000);
	assert_int_equal(slow->nairi.follow.poll_max_ms, 60000);
	assert_int_equal(slow->nairi.follow.give_up_after_ms, 4 * 3600000);
}

/* Its default holds back what would disturb a turn whose answer somebody waits for. */
static void when_busy_depends_on_reply(void **state)
{
	static const struct {
		const char *text;
		enum busy_mode busy;
	} rows[] = {
		{ SOURCE("reply: none"), BUSY_SEND },
		{ SOURCE("reply: errors"), BUSY_SEND },
		{ SOURCE("reply: answers, api: { token: t }"), BUSY_HOLD },
		{ SOURCE("reply: status, api: { token: t }"), BUSY_HOLD },
		{ SOURCE("reply: status, api: { token: t }, when_busy: send"), BUSY_SEND },
		{ SOURCE("reply: none, when_busy: hold"), BUSY_HOLD },
		{ UNFOLLOWED("reply: errors"), BUSY_SEND },
		{ UNFOLLOWED("when_busy: send"), BUSY_SEND },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(config_free_at) struct config *config = load(rows[i].text, "");
		if (config->sources[0].when_busy != rows[i].busy)
			print_error("row %zu:\n%s", i, rows[i].text);
		assert_int_equal(config->sources[0].when_busy, rows[i].busy);
	}
}

static void takes_good_values(void **state)
{
	static const struct row rows[] = {
		{ GIT("url: \"/srv/git/{repo}\""), "" },
		{ GIT("url: \"/srv/ü and more/{repo}.git\""), "" },
		{ GIT("url: \"file:///srv/{repo}.git\""), "" },
		{ GIT("url: \"http://127.0.0.1:3000/{repo}.git\", token: t"), "" },
		{ GIT("url: \"http://git.example/{repo}\""), "" /* nothing secret travels */ },
		{ GIT("url: \"http://git.example/{repo}\", token: t"),
		  "c.yaml:3:43: warning: sources.t.git.url: http to another machine: the token travels unencrypted, "
		  "use https\n" },
		{ GIT("url: \"/a/{repo}\", token: change-me"),
		  "c.yaml:3:63: warning: sources.t.git.token: a placeholder, not a secret: nothing will match it until "
		  "you set one\n" },
		{ SOURCE("reply: answers"),
		  "c.yaml:3:38: warning: sources.t.reply: nothing can be posted without api.token (or "
		  "api.token_file)\n" },
		{ SOURCE("reply: status, api: { url: \"https://a\" }"),
		  "c.yaml:3:38: warning: sources.t.reply: nothing can be posted without api.token (or "
		  "api.token_file)\n" },
		{ SOURCE("start: { ask: true }"),
		  "c.yaml:3:45: warning: sources.t.start.ask: nothing is started without start.agent\n" },
		{ SOURCE("start: { agent: " LONGEST " }"), "" },
		{ SOURCE("command: \"/" TEN TEN TEN TEN TEN TEN "012\""), "" },
	};

	(void)state;
	RUN_ROWS(rows, true);
}

/* --- what is wrong --- */

static void says_what_is_wrong_with_following(void **state)
{
	static const struct row rows[] = {
		{ NAIRI("follow: { poll_min: 49ms }"),
		  "c.yaml:1:45: nairi.follow.poll_min: " DURATION "50ms to 1m, got \"49ms\"\n" },
		{ NAIRI("follow: { poll_max: 601s }"),
		  "c.yaml:1:45: nairi.follow.poll_max: " DURATION "50ms to 10m, got \"601s\"\n" },
		{ NAIRI("follow: { poll_min: 2s, poll_max: 1s }"),
		  "c.yaml:1:59: nairi.follow.poll_max: must not be less than poll_min (2s)\n" },
		{ NAIRI("follow: { stalled_after: 999ms }"),
		  "c.yaml:1:50: nairi.follow.stalled_after: " DURATION "1s to 1d, got \"999ms\"\n" },
		{ NAIRI("follow: { stalled_after: 2s, give_up_after: 1s }"),
		  "c.yaml:1:69: nairi.follow.give_up_after: must not be less than stalled_after (2s)\n" },
		{ NAIRI("follow: { give_up_after: 8d }"),
		  "c.yaml:1:50: nairi.follow.give_up_after: " DURATION "1s to 7d, got \"8d\"\n" },
		{ NAIRI("follow: { enabled: no }"),
		  "c.yaml:1:44: nairi.follow.enabled: expected true or false, got \"no\"\n" },
		{ NAIRI("follow: false"), "c.yaml:1:33: nairi.follow: expected a mapping, got text\n" },
		{ NAIRI("follow: { pol_min: 1s }"),
		  "c.yaml:1:35: unknown key \"pol_min\" in nairi.follow (did you mean \"poll_min\"?)\n" },
		{ NAIRI("discover: { every: 199ms }"),
		  "c.yaml:1:44: nairi.discover.every: " DURATION "200ms to 1d, got \"199ms\"\n" },
		{ NAIRI("discover: { agents: [a, \"b c\"] }"), "c.yaml:1:49: nairi.discover.agents[1]: " SLUG },
		{ NAIRI("discover: { agents: \"a\\tb\" }"), "c.yaml:1:45: nairi.discover.agents: " SLUG },
		{ NAIRI("discover: { agents: [\"a\\x7f\"] }"), "c.yaml:1:46: nairi.discover.agents[0]: " SLUG },
		{ NAIRI("discover: { agents: " LONGEST "x }"), "c.yaml:1:45: nairi.discover.agents: " SLUG },
		{ NAIRI("discover: { agents: [\"\"] }"),
		  "c.yaml:1:46: nairi.discover.agents[0]: must not be empty\n" },
		{ NAIRI("discover: { agents: [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a] }"),
		  "c.yaml:1:45: nairi.discover.agents: expected 0 to 32 entries, got 33\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void says_what_needs_following(void **state)
{
	static const struct row rows[] = {
		{ UNFOLLOWED("reply: answers, api: { token: t }"),
		  "c.yaml:3:38: sources.t.reply: answers needs nairi.follow.enabled: true (without it only none and "
		  "errors can be had)\n" },
		{ UNFOLLOWED("when_busy: hold, reply: status, api: { token: t }"),
		  "c.yaml:3:42: sources.t.when_busy: hold needs nairi.follow.enabled: true (without it nobody sees "
		  "when a job is done)\n"
		  "c.yaml:3:55: sources.t.reply: status needs nairi.follow.enabled: true (without it only none and "
		  "errors can be had)\n" },
		/* One complaint is enough. */
		{ "nairi: { api_key: nr_k, follow: { enabled: of } }\n"
		  "sources: { t: { type: talk, secret: s, when_busy: hold } }\n",
		  "c.yaml:1:44: nairi.follow.enabled: expected true or false, got \"of\"\n" },
		{ "sources: { t: { type: talk, secret: s, when_busy: hold } }\n",
		  "c.yaml:1:1: missing key \"nairi\"\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void says_what_is_wrong_with_a_conversation(void **state)
{
	static const struct row rows[] = {
		{ SOURCE("batch: 61s"), "c.yaml:3:38: sources.t.batch: " DURATION "0ms to 1m, got \"61s\"\n" },
		{ SOURCE("batch: 0"), "c.yaml:3:38: sources.t.batch: " DURATION "0ms to 1m, got \"0\"\n" },
		{ SOURCE("when_busy: wait"),
		  "c.yaml:3:42: sources.t.when_busy: expected one of send, hold, got \"wait\"\n" },
		{ SOURCE("ended: start"),
		  "c.yaml:3:38: sources.t.ended: expected one of tell, restart, got \"start\" (did you mean "
		  "\"restart\"?)\n" },
		{ SOURCE("ended: restart"),
		  "c.yaml:3:38: sources.t.ended: restart needs start.agent: the agent of the new job\n" },
		{ SOURCE("ended: restart, start: { ask: false }"),
		  "c.yaml:3:38: sources.t.ended: restart needs start.agent: the agent of the new job\n" },
		{ SOURCE("ended: restart, start: x"), "c.yaml:3:54: sources.t.start: expected a mapping, got text\n" },
		{ SOURCE("start: { agent: \"a b\" }"), "c.yaml:3:47: sources.t.start.agent: " SLUG },
		{ SOURCE("start: { agent: " LONGEST "x }"), "c.yaml:3:47: sources.t.start.agent: " SLUG },
		{ SOURCE("start: { agent: \"\" }"), "c.yaml:3:47: sources.t.start.agent: must not be empty\n" },
		{ SOURCE("command: nairi"), "c.yaml:3:40: sources.t.command: " COMMAND "\"nairi\"\n" },
		{ SOURCE("command: 1x"), "c.yaml:3:40: sources.t.command: " COMMAND "\"1x\"\n" },
		{ SOURCE("command: /a b"), "c.yaml:3:40: sources.t.command: " COMMAND "\"/a b\"\n" },
		{ SOURCE("command: /"), "c.yaml:3:40: sources.t.command: " COMMAND "\"/\"\n" },
		{ SOURCE("command: /ü"), "c.yaml:3:40: sources.t.command: " COMMAND "\"/ü\"\n" },
		{ SOURCE("command: \"\""), "c.yaml:3:40: sources.t.command: " COMMAND "\"\"\n" },
		{ SOURCE("command: ~"),
		  "c.yaml:3:40: sources.t.command: " COMMAND "null (quote it if the word is meant)\n" },
		{ SOURCE("command: [/a]"), "c.yaml:3:40: sources.t.command: " COMMAND "a list\n" },
		{ "nairi: { api_key: nr_k }\nsources: { p: { type: plain, verify: x, batch: 1s } }\n",
		  "c.yaml:2:41: unknown key \"batch\" in sources.p (did you mean \"path\"?)\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void says_what_is_wrong_with_git(void **state)
{
	static const struct row rows[] = {
		{ KIT_BASE "git: {}\n", "c.yaml:3:6: git: missing key \"cache\"\n" },
		{ KIT_BASE "git: { cache: git }\n",
		  "c.yaml:3:15: git.cache: expected the absolute path of a directory, got \"git\"\n" },
		{ KIT_BASE "git: { cache: / }\n",
		  "c.yaml:3:15: git.cache: expected the absolute path of a directory, got \"/\"\n" },
		{ KIT_BASE "git: { cache: /c, max_size: 1025GiB }\n",
		  "c.yaml:3:29: git.max_size: expected a size with its unit (B, KiB, MiB or GiB) from 1MiB to "
		  "1024GiB, got \"1025GiB\"\n" },
		{ KIT_BASE "git: { cache: /c, fetch_timeout: 61m }\n",
		  "c.yaml:3:34: git.fetch_timeout: " DURATION "1s to 1h, got \"61m\"\n" },
		{ SOURCE("git: { url: \"/a/{repo}\" }"),
		  "c.yaml:3:36: sources.t.git: needs git.cache at the top level: the directory that repositories are "
		  "fetched into\n" },
		{ SOURCE("git: { url: \"/a/{repo}\" }") "git: {}\n", "c.yaml:4:6: git: missing key \"cache\"\n" },
		{ GIT("token: t"), "c.yaml:3:36: sources.t.git: missing key \"url\"\n" },
		{ GIT("url: \"https://a/x.git\""), "c.yaml:3:43: sources.t.git.url: " REPO },
		{ GIT("url: \"/a/{repo}/{repo}\""), "c.yaml:3:43: sources.t.git.url: " REPO },
		{ GIT("url: \"/{owner}/{repo}\""), "c.yaml:3:43: sources.t.git.url: " REPO },
		{ GIT("url: \"https://{repo}/x\""),
		  "c.yaml:3:43: sources.t.git.url: {repo} belongs behind the host\n" },
		{ GIT("url: \"https://a.{repo}\""),
		  "c.yaml:3:43: sources.t.git.url: {repo} belongs behind the host\n" },
		{ GIT("url: \"https://u:p@a/{repo}\""),
		  "c.yaml:3:43: sources.t.git.url: a user or password does not belong into this URL\n" },
		{ GIT("url: \"https://a/?{repo}\""),
		  "c.yaml:3:43: sources.t.git.url: a query or fragment does not belong into this URL\n" },
		{ GIT("url: \"https://a b/{repo}\""),
		  "c.yaml:3:43: sources.t.git.url: expected a URL such as https://host.example\n" },
		{ GIT("url: \"ssh://git@a/{repo}\""), "c.yaml:3:43: sources.t.git.url: " WHERE },
		{ GIT("url: \"srv/{repo}\""), "c.yaml:3:43: sources.t.git.url: " WHERE },
		{ GIT("url: \"file://srv/{repo}\""), "c.yaml:3:43: sources.t.git.url: " WHERE },
		{ GIT("url: \"/a\\n/{repo}\""), "c.yaml:3:43: sources.t.git.url: " WHERE },
		{ GIT("url: \"/a/{repo}\", token: \"a b\""),
		  "c.yaml:3:63: sources.t.git.token: contains white space or other characters that no token has\n" },
		{ GIT("url: \"/a/{repo}\", token: a, token_file: b"),
		  "c.yaml:3:78: sources.t.git.token_file: \"token\" is given as well: one of the two\n" },
		{ GIT("url: \"/a/{repo}\", link_authors: [a@b, c, \"C <c@d>\", \"@d\", \"\"]"),
		  "c.yaml:3:76: sources.t.git.link_authors[1]: expected an e-mail address alone\n"
		  "c.yaml:3:79: sources.t.git.link_authors[2]: expected an e-mail address alone\n"
		  "c.yaml:3:90: sources.t.git.link_authors[3]: expected an e-mail address alone\n"
		  "c.yaml:3:96: sources.t.git.link_authors[4]: must not be empty\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(reads_the_least),
		cmocka_unit_test(lets_defaults_give_way),
		cmocka_unit_test(when_busy_depends_on_reply),
		cmocka_unit_test(takes_good_values),
		cmocka_unit_test(says_what_is_wrong_with_following),
		cmocka_unit_test(says_what_needs_following),
		cmocka_unit_test(says_what_is_wrong_with_a_conversation),
		cmocka_unit_test(says_what_is_wrong_with_git),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
