/* SPDX-License-Identifier: Apache-2.0 */
/* Every key with what it does not take, and the exact message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/config_kit.h"
#include "tests/support/config_rows.h"

#define JOB  "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define TALK "sources: { t: { type: talk, secret: s1 } }\n"

/* --- messages, exactly --- */

static void says_what_is_wrong_with_a_key(void **state)
{
	static const struct row rows[] = {
		/* the rows of the table of mistakes */
		{ KIT_BASE "wrokers: 1\n",
		  "c.yaml:3:1: unknown key \"wrokers\" in the top level\n" },
		{ KIT_BASE "lisetn: x\n", "c.yaml:3:1: unknown key \"lisetn\" in the top level "
					  "(did you mean \"listen\"?)\n" },
		{ KIT_BASE "limits: { connections: four }\n",
		  "c.yaml:3:24: limits.connections: expected a whole number from 1 to 100000, got "
		  "\"four\"\n" },
		{ "nairi:\n  timeout: 1s\nsources: {}\n",
		  "c.yaml:2:3: nairi: missing key \"api_key\" (or \"api_key_file\")\n" },
		{ "sources: {}\n", "c.yaml:1:1: missing key \"nairi\"\n" },
		{ KIT_BASE "log: {}\nlog: {}\n",
		  "c.yaml:4:1: duplicate key \"log\" (first on line 3)\n" },
		{ KIT_BASE "log: { level: verbose }\n",
		  "c.yaml:3:15: log.level: expected one of debug, info, warn, error, got "
		  "\"verbose\"\n" },
		{ KIT_BASE "log:\n\tlevel: info\n",
		  "c.yaml:4:1: found a tab character; indentation must be spaces\n" },
		{ KIT_BASE "proxy: @a\n", "c.yaml:3:8: found character that cannot start any token "
					  "(quote the value, or write it as a | block)\n" },
		/* numbers */
		{ KIT_BASE "limits: { queue: 010 }\n",
		  "c.yaml:3:18: limits.queue: expected a whole number from 1 to 10000000, got "
		  "\"010\"\n" },
		{ KIT_BASE "limits: { queue: 1e3 }\n",
		  "c.yaml:3:18: limits.queue: expected a whole number from 1 to 10000000, got "
		  "\"1e3\"\n" },
		{ KIT_BASE "limits: { queue: 0 }\n", "c.yaml:3:18: limits.queue: expected a whole "
						     "number from 1 to 10000000, got \"0\"\n" },
		{ KIT_BASE "limits: { queue: 10000001 }\n",
		  "c.yaml:3:18: limits.queue: expected a whole number from 1 to 10000000, got "
		  "\"10000001\"\n" },
		{ KIT_BASE "limits: { queue: 99999999999999999999 }\n",
		  "c.yaml:3:18: limits.queue: expected a whole number from 1 to 10000000, "
		  "got \"99999999999999999999\"\n" },
		{ KIT_BASE "limits: { thread_rate: -1 }\n",
		  "c.yaml:3:24: limits.thread_rate: expected a whole number from 0 to 1000000, got "
		  "\"-1\"\n" },
		{ KIT_BASE "limits: { connections_per_address: ~ }\n",
		  "c.yaml:3:36: limits.connections_per_address: expected a whole number from 0 to "
		  "100000, "
		  "got null (quote it if the word is meant)\n" },
		{ KIT_BASE "nairi2: 1\nlimits: { connections: [1] }\n",
		  "c.yaml:3:1: unknown key \"nairi2\" in the top level (did you mean \"nairi\"?)\n"
		  "c.yaml:4:24: limits.connections: expected a whole number from 1 to 100000, got "
		  "a list\n" },
		{ "nairi: { api_key: nr_k, max_concurrency: 1025 }\nsources: {}\n",
		  "c.yaml:1:42: nairi.max_concurrency: expected a whole number from 1 to 1024, got "
		  "\"1025\"\n" },
		{ KIT_BASE "retry: { attempts: 1001 }\n",
		  "c.yaml:3:20: retry.attempts: expected a whole number from 1 to 1000, got "
		  "\"1001\"\n" },
		/* durations and sizes */
		{ "nairi: { api_key: nr_k, timeout: 30 }\nsources: {}\n",
		  "c.yaml:1:34: nairi.timeout: expected a duration with its unit (ms, s, m, h or "
		  "d) "
		  "from 100ms to 10m, got \"30\"\n" },
		{ "nairi: { api_key: nr_k, timeout: 11m }\nsources: {}\n",
		  "c.yaml:1:34: nairi.timeout: expected a duration with its unit (ms, s, m, h or "
		  "d) "
		  "from 100ms to 10m, got \"11m\"\n" },
		{ KIT_BASE "retry: { first: 1.5s }\n",
		  "c.yaml:3:17: retry.first: expected a duration with its unit (ms, s, m, h or d) "
		  "from 10ms to 10m, got \"1.5s\"\n" },
		{ KIT_BASE "retry: { first: 10m, max: 1m }\n",
		  "c.yaml:3:27: retry.max: must not be less than retry.first\n" },
		{ KIT_BASE "retry: { max: 25h }\n",
		  "c.yaml:3:15: retry.max: expected a duration with its unit (ms, s, m, h or d) "
		  "from 10ms to 1d, got \"25h\"\n" },
		{ KIT_BASE "retry: { give_up_after: 999999999999999999d }\n",
		  "c.yaml:3:25: retry.give_up_after: expected a duration with its unit (ms, s, m, "
		  "h or d) "
		  "from 1s to 30d, got \"999999999999999999d\"\n" },
		{ KIT_BASE "limits: { body: 25MB }\n",
		  "c.yaml:3:17: limits.body: expected a size with its unit (B, KiB, MiB or GiB) "
		  "from 1KiB to 64MiB, got \"25MB\"\n" },
		{ KIT_BASE "limits: { prompt: 2MiB }\n",
		  "c.yaml:3:19: limits.prompt: expected a size with its unit (B, KiB, MiB or GiB) "
		  "from 1KiB to 1MiB, got \"2MiB\"\n" },
		{ KIT_BASE "limits: { keep: 0s }\n",
		  "c.yaml:3:17: limits.keep: expected a duration with its unit (ms, s, m, h or d) "
		  "from 1s to 3650d, got \"0s\"\n" },
		/* sections */
		{ KIT_BASE "log:\n", "c.yaml:3:5: log: expected a mapping, got nothing\n" },
		{ KIT_BASE "retry: [1]\n", "c.yaml:3:8: retry: expected a mapping, got a list\n" },
		{ "nairi: nr_secret\nsources: {}\n",
		  "c.yaml:1:8: nairi: expected a mapping, got text\n" },
		{ KIT_BASE "log: { format: JSON }\n",
		  "c.yaml:3:16: log.format: expected one of auto, json, logfmt, got \"JSON\"\n" },
		{ KIT_BASE "limits: { \"a\\nb\": 1 }\n",
		  "c.yaml:3:11: unknown key \"a\\nb\" in limits\n" },
		/* of later versions */
		{ KIT_BASE "handlers: {}\n", "c.yaml:3:1: unknown key \"handlers\" in the top level\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void says_what_is_wrong_with_addresses(void **state)
{
	static const struct row rows[] = {
		{ KIT_BASE "listen: 8080\n", "c.yaml:3:9: listen: expected host:port, [v6]:port, "
					     "unix:/path or systemd, got \"8080\"\n" },
		{ KIT_BASE "listen: [127.0.0.1:80, localhost:65536]\n",
		  "c.yaml:3:24: listen[1]: expected a port from 0 to 65535 behind the last colon, "
		  "got \"localhost:65536\"\n" },
		{ KIT_BASE "listen: \":80\"\n", "c.yaml:3:9: listen: expected a host before the "
						"port (0.0.0.0 or [::] for all), got \":80\"\n" },
		{ KIT_BASE "listen: \"::1:80\"\n", "c.yaml:3:9: listen: an IPv6 address needs "
						   "brackets: [::1]:8080, got \"::1:80\"\n" },
		{ KIT_BASE "listen: \"[::g]:80\"\n", "c.yaml:3:9: listen: expected an IPv6 address "
						     "in the brackets, got \"[::g]:80\"\n" },
		{ KIT_BASE "listen: \"[::1]\"\n",
		  "c.yaml:3:9: listen: expected host:port, [v6]:port, unix:/path or systemd, got "
		  "\"[::1]\"\n" },
		{ KIT_BASE "listen: 300.1.1.1:80\n",
		  "c.yaml:3:9: listen: expected an address or a host name before the port, "
		  "got \"300.1.1.1:80\"\n" },
		{ KIT_BASE "listen: unix:x\n",
		  "c.yaml:3:9: listen: expected an absolute path behind unix:, got \"unix:x\"\n" },
		{ KIT_BASE "listen: []\n",
		  "c.yaml:3:9: listen: expected 1 to 16 entries, got 0\n" },
		{ KIT_BASE "listen: {}\n", "c.yaml:3:9: listen: expected a list, got a mapping\n" },
		{ KIT_BASE "listen: [a:1, a:1, b:0, b:0]\n",
		  "c.yaml:3:15: listen[1]: the same as listen[0]\n" },
		{ KIT_BASE "admin: { listen: systemd }\n",
		  "c.yaml:3:18: admin.listen: expected host:port or unix:/path, got "
		  "\"systemd\"\n" },
		{ KIT_BASE "admin: { listen: localhost:1 }\n",
		  "c.yaml:3:8: admin: missing key \"token\" (or \"token_file\"): "
		  "only a unix: socket is guarded without\n" },
		{ KIT_BASE "admin: { listen: \"127.0.0.1:8080\", token: t }\n",
		  "c.yaml:3:18: admin.listen: the same as listen\n" },
		{ KIT_BASE "admin: { token: t }\n", "c.yaml:3:8: admin: missing key \"listen\"\n" },
		{ KIT_BASE "admin: { listen: unix:/a, token: \"a b\" }\n",
		  "c.yaml:3:34: admin.token: contains white space or other characters that no "
		  "token has\n" },
		{ KIT_BASE "tls: { cert_file: /c }\n",
		  "c.yaml:3:6: tls: missing key \"key_file\"\n"
		  "c.yaml:3:19: tls.cert_file: cannot read \"/c\": No such file or directory\n" },
		{ KIT_BASE "store: postgresql://u@h/db\n",
		  "c.yaml:3:8: store: this version has only sqlite:/path, not PostgreSQL\n" },
		{ KIT_BASE "store: sqlite:bridge.db\n",
		  "c.yaml:3:8: store: expected sqlite: and an absolute path, got "
		  "\"sqlite:bridge.db\"\n" },
		{ KIT_BASE "proxy: ftp://u:secret@h\n",
		  "c.yaml:3:8: proxy: expected none, env, or a URL "
		  "(http, https, socks4, socks4a, socks5, socks5h)\n" },
		{ KIT_BASE "limits: { trusted_proxies: [10.0.0.0/33, proxy] }\n",
		  "c.yaml:3:29: limits.trusted_proxies[0]: expected 0 to 32 bits behind the /, "
		  "got \"10.0.0.0/33\"\n"
		  "c.yaml:3:42: limits.trusted_proxies[1]: expected an IP address or a network "
		  "such as "
		  "10.0.0.0/8, got \"proxy\"\n" },
		{ "nairi: { api_key: nr_k, url: api.nairi.ai }\nsources: {}\n",
		  "c.yaml:1:30: nairi.url: expected a URL such as https://host.example\n" },
		{ "nairi: { api_key: nr_k, url: \"ftp://x\" }\nsources: {}\n",
		  "c.yaml:1:30: nairi.url: expected an http or https URL\n" },
		{ "nairi: { api_key: nr_k, url: \"https://u:p@x\" }\nsources: {}\n",
		  "c.yaml:1:30: nairi.url: a user or password does not belong into this URL\n" },
		{ "nairi: { api_key: nr_k, url: \"https://x/?a\" }\nsources: {}\n",
		  "c.yaml:1:30: nairi.url: a query or fragment does not belong into this URL\n" },
		{ "nairi: { api_key: nr_k, url: \"https:///x y\" }\nsources: {}\n",
		  "c.yaml:1:30: nairi.url: expected a URL such as https://host.example\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

#define SOURCE(text)                                                                               \
	"nairi: { api_key: nr_k }\nsources:\n  t: { type: talk, secret: s, " text " }\n"

static void says_what_is_wrong_with_a_source(void **state)
{
	static const struct row rows[] = {
		{ "nairi: { api_key: nr_k }\nsources: { t: { secret: s } }\n",
		  "c.yaml:2:15: sources.t: missing key \"type\"\n" },
		{ "nairi: { api_key: nr_k }\nsources: { t: { type: tlak, x: 1 } }\n",
		  "c.yaml:2:23: sources.t.type: expected one of talk, plain, bare, got \"tlak\" "
		  "(did you mean \"talk\"?)\n" },
		{ "nairi: { api_key: nr_k }\nsources: { T_1: { type: talk } }\n",
		  "c.yaml:2:12: sources: expected a name of 1 to 64 characters a-z, 0-9 and -, got "
		  "\"T_1\"\n" },
		{ "nairi: { api_key: nr_k }\nsources: [a]\n",
		  "c.yaml:2:10: sources: expected a mapping of at most 1000 names to sources\n" },
		{ "nairi: { api_key: nr_k }\nsources: { t: talk }\n",
		  "c.yaml:2:15: sources.t: expected a mapping, got text\n" },
		{ "nairi: { api_key: nr_k }\nsources: { t: { type: talk } }\n",
		  "c.yaml:2:15: sources.t: missing key \"secret\" (or \"secret_file\")\n" },
		{ "nairi: { api_key: nr_k }\nsources: { t: { type: talk, sceret_file: x, secret: s "
		  "} }\n",
		  "c.yaml:2:29: unknown key \"sceret_file\" in sources.t (did you mean "
		  "\"secret_file\"?)\n" },
		{ "nairi: { api_key: nr_k }\nsources: { p: { type: plain, verify: x, reply: none } "
		  "}\n",
		  "c.yaml:2:41: unknown key \"reply\" in sources.p\n" },
		{ SOURCE("events: []"), "c.yaml:3:31: unknown key \"events\" in sources.t\n" },
		{ SOURCE("prompt: x"), "c.yaml:3:31: unknown key \"prompt\" in sources.t\n" },
		{ SOURCE("reply: stauts"),
		  "c.yaml:3:38: sources.t.reply: expected one of none, errors, answers, status, got \"stauts\" "
		  "(did you mean \"status\"?)\n" },
		{ SOURCE("respond: later"), "c.yaml:3:40: sources.t.respond: expected one of "
					    "queued, outcome, got \"later\"\n" },
		{ SOURCE("respond_within: 61s"),
		  "c.yaml:3:47: sources.t.respond_within: expected a duration with its unit "
		  "(ms, s, m, h or d) from 100ms to 1m, got \"61s\"\n" },
		{ SOURCE("hygiene: no"),
		  "c.yaml:3:40: sources.t.hygiene: expected one of strict, off, got \"no\"\n" },
		{ SOURCE("path: hooks"),
		  "c.yaml:3:37: sources.t.path: expected a path such as /hooks/ci "
		  "(letters, digits and - . _ ~ /), got \"hooks\"\n" },
		{ SOURCE("path: /a/../b"),
		  "c.yaml:3:37: sources.t.path: expected a path such as /hooks/ci "
		  "(letters, digits and - . _ ~ /), got \"/a/../b\"\n" },
		{ SOURCE("path: /healthz"),
		  "c.yaml:3:37: sources.t.path: \"/healthz\" is taken by the bridge itself\n" },
		{ SOURCE("path: /hooks/u") "  u: { type: talk, secret: s }\n",
		  "c.yaml:4:6: sources.u: the path \"/hooks/u\" belongs to \"t\" (line 3)\n" },
		{ SOURCE("forward: [ci, coments]"), "c.yaml:3:45: sources.t.forward[1]: expected "
						    "one of comments, reviews, ci, got \"coments\" "
						    "(did you mean \"comments\"?)\n" },
		{ SOURCE("flag: yes"),
		  "c.yaml:3:37: sources.t.flag: expected true or false, got \"yes\"\n" },
		{ SOURCE("number: -1"),
		  "c.yaml:3:39: sources.t.number: expected a whole number, got \"-1\"\n" },
		{ SOURCE("trigger: all"), "c.yaml:3:40: sources.t.trigger: expected any, or a "
					  "mapping with mention or command, "
					  "got \"all\"\n" },
		{ SOURCE("trigger: { mention: a, command: b }"),
		  "c.yaml:3:40: sources.t.trigger: expected either mention or command\n" },
		{ SOURCE("trigger: {}"),
		  "c.yaml:3:40: sources.t.trigger: expected either mention or command\n" },
		{ SOURCE("trigger: { mention: \"a b\" }"),
		  "c.yaml:3:51: sources.t.trigger.mention: expected one word without white "
		  "space\n" },
		{ SOURCE("trigger: { comand: a }"),
		  "c.yaml:3:42: unknown key \"comand\" in sources.t.trigger (did you mean "
		  "\"command\"?)\n" },
		{ SOURCE("trust: { associations: [owner] }"),
		  "c.yaml:3:55: sources.t.trust.associations[0]: expected one of OWNER, MEMBER, "
		  "COLLABORATOR, "
		  "CONTRIBUTOR, FIRST_TIME_CONTRIBUTOR, FIRST_TIMER, NONE, MANNEQUIN, got "
		  "\"owner\"\n" },
		{ SOURCE("trust: { users: [\"@octo\"], bots: \"a b\" }"),
		  "c.yaml:3:48: sources.t.trust.users[0]: expected a login or a numeric id, "
		  "without @ or white space\n"
		  "c.yaml:3:64: sources.t.trust.bots: expected a login or a numeric id, "
		  "without @ or white space\n" },
		{ SOURCE("trust: { users: [\"\"] }"),
		  "c.yaml:3:48: sources.t.trust.users[0]: must not be empty\n" },
		{ SOURCE("api: { url: x }"),
		  "c.yaml:3:43: sources.t.api.url: expected a URL such as https://host.example\n" },
		{ SOURCE("api: { token: \"a\\nb\" }"),
		  "c.yaml:3:45: sources.t.api.token: contains white space or other characters "
		  "that no token has\n" },
		{ "nairi: { api_key: nr_k }\nsources: { b: { type: bare, api: { token: x } } }\n",
		  "c.yaml:2:34: sources.b.api: missing key \"url\"\n" },
		{ "listen: systemd\nnairi: { api_key: nr_k }\nsources: { p: { type: plain, verify: "
		  "none } }\n",
		  "c.yaml:3:38: sources.p.verify: none only on loopback\n" },
		{ "listen: [unix:/a, 0.0.0.0:1]\nnairi: { api_key: nr_k }\n"
		  "sources: { p: { type: plain, verify: none } }\n",
		  "c.yaml:3:38: sources.p.verify: none only on loopback\n" },
		{ "nairi: { api_key: nr_k }\nsources: { p: { type: plain, verify: { how: "
		  "\"$${A}${NOT_SET_1}\" } } }\n",
		  "c.yaml:2:45: sources.p.verify.how: environment variable NOT_SET_1 is not "
		  "set\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void says_what_is_wrong_with_links(void **state)
{
	static const struct row rows[] = {
		{ KIT_BASE "links: {}\n", "c.yaml:3:8: links: expected a list of at most 10000 "
					  "mappings of thread and job\n" },
		{ KIT_BASE "links: [x]\n", "c.yaml:3:9: links[0]: expected a mapping, got text\n" },
		{ KIT_BASE "links: [{ thread: \"a:b\" }]\n",
		  "c.yaml:3:9: links[0]: missing key \"job\"\n" },
		{ KIT_BASE "links: [{ thread: \"a:b\", job: " JOB " }]\n",
		  "c.yaml:3:19: links[0].thread: expected the name of a configured source, a colon "
		  "and its own id, "
		  "got \"a:b\"\n" },
		{ "nairi: { api_key: nr_k }\n" TALK "links: [{ thread: \"t:\", job: " JOB " }]\n",
		  "c.yaml:3:19: links[0].thread: expected the name of a configured source, a colon "
		  "and its own id, "
		  "got \"t:\"\n" },
		{ "nairi: { api_key: nr_k }\n" TALK
		  "links: [{ thread: \"t:1\", job: job_01KRK1V46BXS73CSNK2VR35NPU }]\n",
		  "c.yaml:3:31: links[0].job: expected job_ and 26 characters (0-9, A-Z without I, "
		  "L, O, U), "
		  "got \"job_01KRK1V46BXS73CSNK2VR35NPU\"\n" },
		{ "nairi: { api_key: nr_k }\n" TALK "links:\n  - { thread: \"t:1\", job: " JOB
		  " }\n"
		  "  - { thread: \"t:1\", job: " JOB " }\n",
		  "c.yaml:5:15: links[1].thread: this thread has a link already (line 4)\n" },
	};

	(void)state;
	RUN_ROWS(rows, false);
}

static void warns_and_loads(void **state)
{
	static const struct row rows[] = {
		{ "nairi: { api_key: nr_k }\n",
		  "c.yaml:1:1: warning: no sources: nothing will be received\n" },
		{ "nairi: { api_key: abc }\nsources: {}\n",
		  "c.yaml:1:19: warning: nairi.api_key: does not look like an API key (nr_…)\n" },
		{ "nairi: { api_key: nr_k, url: \"http://api.example\" }\nsources: {}\n",
		  "c.yaml:1:30: warning: nairi.url: http to another machine: the token travels "
		  "unencrypted, "
		  "use https\n" },
		{ SOURCE("api: { url: \"http://10.1.2.3\" }"),
		  "c.yaml:3:43: warning: sources.t.api.url: http to another machine: the token "
		  "travels "
		  "unencrypted, use https\n" },
		{ KIT_BASE "log: { level: info } #json\n",
		  "" /* not behind a plain scalar: nothing was cut off */ },
		{ KIT_BASE "proxy: none #tor\n", "c.yaml:3:13: warning: the value ends before \" "
						 "#\": quote it if the rest belongs to it, "
						 "or put a space after the # of a comment\n" },
		{ KIT_BASE "proxy: none # tor\nstore: sqlite:/ü #7\n",
		  "c.yaml:4:18: warning: the value ends before \" #\": quote it if the rest "
		  "belongs to it, "
		  "or put a space after the # of a comment\n" },
		{ KIT_BASE "proxy: \"none\" #tor\n", "" },
		{ "listen: [\"[::1]:1\", unix:/a, 127.8.9.1:1, localhost:1]\nnairi: { api_key: "
		  "nr_k }\n"
		  "sources: { p: { type: plain, verify: none } }\n",
		  "" },
	};

	(void)state;
	RUN_ROWS(rows, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_wrong_with_a_key),
		cmocka_unit_test(says_what_is_wrong_with_addresses),
		cmocka_unit_test(says_what_is_wrong_with_a_source),
		cmocka_unit_test(says_what_is_wrong_with_links),
		cmocka_unit_test(warns_and_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
