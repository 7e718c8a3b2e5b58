/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: in place, from the environment and from files; who else can read them; that none is ever
 * shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/config_kit.h"

#define HIDDEN "s3cr3t-XYZZY"

struct room {
	char path[64];  /* a new directory */
	char creds[80]; /* another one in it, for $CREDENTIALS_DIRECTORY */
};

static int make_room(void **state)
{
	static struct room room;

	(void)snprintf(room.path, sizeof(room.path), "/tmp/test-config-XXXXXX");
	if (mkdtemp(room.path) == NULL)
		return -1;
	(void)snprintf(room.creds, sizeof(room.creds), "%s/creds", room.path);
	if (mkdir(room.creds, 0700) != 0)
		return -1;
	unsetenv("CREDENTIALS_DIRECTORY");
	*state = &room;
	return 0;
}

static int leave_room(void **state)
{
	static const char *const names[] = { "c.yaml", "one",  "two",      "big",
					     "bytes",  "fifo", "creds/one" };
	const struct room *room = *state;
	char path[160];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", room->path, names[i]);
		(void)unlink(path);
	}
	unsetenv("CREDENTIALS_DIRECTORY");
	return rmdir(room->creds) == 0 && rmdir(room->path) == 0 ? 0 : -1;
}

static void write_file(const struct room *room, const char *name, const char *bytes, size_t len,
		       mode_t mode)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", room->path, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void write_text(const struct room *room, const char *name, const char *text, mode_t mode)
{
	write_file(room, name, text, strlen(text), mode);
}

/* Writes the config and loads it; returns what was printed, with the directory cut from the front
 * of lines. */
static char *load(const struct room *room, const char *text, mode_t mode, struct config **ret)
{
	struct config_problems problems;
	char path[80];

	write_text(room, "c.yaml", text, mode);
	(void)snprintf(path, sizeof(path), "%s/c.yaml", room->path);
	*ret = NULL;
	if (config_load(path, kit_types, KIT_TYPES, ret, &problems) != 0)
		*ret = NULL;
	CLEANUP(cleanup_free) char *printed = kit_printed(&problems);
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1 << 20);
	size_t cut = strlen(room->path) + 1;
	for (const char *line = printed; *line != '\0';) {
		size_t len = strcspn(line, "\n") + 1;
		if (strncmp(line, path, strlen(path)) == 0)
			strbuf_add(&out, line + cut, len - cut);
		else
			strbuf_add(&out, line, len);
		line += len;
	}
	assert_null(strstr(strbuf_str(&out), HIDDEN));
	return strbuf_detach(&out);
}

static void expect(const struct room *room, const char *text, bool loads, const char *expected)
{
	CLEANUP(config_free_at) struct config *config = NULL;
	CLEANUP(cleanup_free) char *printed = load(room, text, 0600, &config);

	assert_string_equal(printed, expected);
	assert_true((config != NULL) == loads);
}

/* The API key that this configuration gives. */
static void expect_key(const struct room *room, const char *text, const char *key, size_t len)
{
	CLEANUP(config_free_at) struct config *config = NULL;
	CLEANUP(cleanup_free) char *printed = load(room, text, 0600, &config);

	assert_string_equal(printed, "");
	assert_non_null(config);
	assert_int_equal(secret_len(config->nairi.api_key), len);
	assert_memory_equal(secret_bytes(config->nairi.api_key), key, len);
}

#define KEY(text) "nairi: { api_key" text " }\nsources: {}\n"

/* --- the environment --- */

static void expands_the_environment(void **state)
{
	const struct room *room = *state;

	setenv("TEST_CONFIG_A", "nr_a", 1);
	setenv("TEST_CONFIG_EMPTY", "", 1);
	unsetenv("TEST_CONFIG_NONE");
	expect_key(room, KEY(": \"${TEST_CONFIG_A}\""), "nr_a", 4);
	expect_key(room, "nairi:\n  api_key: ${TEST_CONFIG_A}\nsources: {}\n", "nr_a", 4);
	expect_key(room, KEY(": \"${TEST_CONFIG_A}-${TEST_CONFIG_A:-x}\""), "nr_a-nr_a", 9);
	expect_key(room, KEY(": \"${TEST_CONFIG_NONE:-nr_d}\""), "nr_d", 4);
	expect_key(room, KEY(": \"${TEST_CONFIG_EMPTY:-nr_e}\""), "nr_e", 4);
	expect_key(room, KEY(": \"nr_${TEST_CONFIG_NONE:-}x\""), "nr_x", 4);
	expect_key(room, KEY(": \"nr_$${TEST_CONFIG_A}\""), "nr_${TEST_CONFIG_A}", 19);
	expect_key(room, KEY(": \"nr_${{x}}$y$\""), "nr_${{x}}$y$", 12);
	/* A value is text, whatever it looks like. */
	setenv("TEST_CONFIG_A", "nr_\"}#${TEST_CONFIG_NONE}", 1);
	expect_key(room, KEY(": \"${TEST_CONFIG_A}\""), "nr_\"}#${TEST_CONFIG_NONE}", 25);
}

static void expands_any_scalar(void **state)
{
	CLEANUP(config_free_at) struct config *config = NULL;

	setenv("TEST_CONFIG_A", "7m", 1);
	setenv("TEST_CONFIG_B", "warn", 1);
	CLEANUP(cleanup_free)
	char *printed = load(*state,
			     KEY(": nr_k") "retry: { max: \"${TEST_CONFIG_A}\" }\n"
					   "log:\n  level: ${TEST_CONFIG_B}\nlisten: "
					   "unix:${TEST_CONFIG_NONE:-/run}/a\n"
					   "limits: { queue: \"1${TEST_CONFIG_NONE:-0}\" }\n",
			     0600, &config);

	assert_string_equal(printed, "");
	assert_int_equal(config->retry.max_ms, 420000);
	assert_int_equal(config->log.level, LOG_WARN);
	assert_string_equal(config->listen.items[0], "unix:/run/a");
	assert_int_equal(config->limits.queue, 10);
}

static void says_what_is_wrong_with_references(void **state)
{
	const struct room *room = *state;
	static const char form[] =
		"c.yaml:1:19: nairi.api_key: expected ${NAME} or ${NAME:-default} "
		"(write $${ for a plain ${)\n";

	unsetenv("TEST_CONFIG_NONE");
	setenv("TEST_CONFIG_A", HIDDEN "\xFF", 1);
	expect(room, KEY(": \"${TEST_CONFIG_NONE}\""), false,
	       "c.yaml:1:19: nairi.api_key: environment variable TEST_CONFIG_NONE is not set\n");
	expect(room, KEY(": \"${}\""), false, form);
	expect(room, KEY(": \"${A\""), false, form);
	expect(room, KEY(": \"${1A}\""), false, form);
	expect(room, KEY(": \"${A-b}\""), false, form);
	expect(room, KEY(": \"${A:b}\""), false, form);
	expect(room, KEY(": \"${TEST_CONFIG_A}\""), false,
	       "c.yaml:1:19: nairi.api_key: environment variable TEST_CONFIG_A is not valid "
	       "UTF-8\n");
	/* What stands in the environment is not shown, even where it is no secret. */
	setenv("TEST_CONFIG_A", HIDDEN, 1);
	expect(room, KEY(": nr_k") "log: { level: \"${TEST_CONFIG_A}\" }\n", false,
	       "c.yaml:3:15: log.level: expected one of debug, info, warn, error, "
	       "got \"${TEST_CONFIG_A}\"\n");
	expect(room, KEY(": nr_k") "listen: ${TEST_CONFIG_A}\n", false,
	       "c.yaml:3:9: listen: expected host:port, [v6]:port, unix:/path or systemd, "
	       "got \"${TEST_CONFIG_A}\"\n");
}

/* --- what a secret may be --- */

static void refuses_what_is_no_api_key(void **state)
{
	const struct room *room = *state;

	expect(room, KEY(": \"\""), false, "c.yaml:1:19: nairi.api_key: the secret is empty\n");
	expect(room, KEY(": ~"), false,
	       "c.yaml:1:19: nairi.api_key: expected a secret, got null (quote it if the word is "
	       "meant)\n");
	expect(room, KEY(": [" HIDDEN "]"), false,
	       "c.yaml:1:19: nairi.api_key: expected a secret, got a list\n");
	expect(room, KEY(": { " HIDDEN ": 1 }"), false,
	       "c.yaml:1:19: nairi.api_key: expected a secret, got a mapping\n");
	expect(room, KEY(": ccagent_" HIDDEN), false,
	       "c.yaml:1:19: nairi.api_key: this is the key of a daemon (ccagent_…), "
	       "not an API key (nr_…)\n");
	expect(room, KEY(": nairid_" HIDDEN), false,
	       "c.yaml:1:19: nairi.api_key: this is the key of a daemon (nairid_…), "
	       "not an API key (nr_…)\n");
	expect(room, KEY(": eksecd_" HIDDEN), false,
	       "c.yaml:1:19: nairi.api_key: this is the key of a daemon (eksecd_…), "
	       "not an API key (nr_…)\n");
	expect(room, KEY(": \"nr_a\\nb" HIDDEN "\""), false,
	       "c.yaml:1:19: nairi.api_key: contains white space or other characters that no token "
	       "has\n");
	expect(room, KEY(": " HIDDEN), true,
	       "c.yaml:1:19: warning: nairi.api_key: does not look like an API key (nr_…)\n");
	expect(room, KEY(": nr_1, api_key_file: one"), false,
	       "c.yaml:1:39: nairi.api_key_file: \"api_key\" is given as well: one of the two\n");
}

static void a_placeholder_opens_nothing(void **state)
{
	CLEANUP(config_free_at) struct config *config = NULL;
	CLEANUP(cleanup_free)
	char *printed = load(*state, KEY(": change-me-please"), 0600, &config);
	static const char word[] = "change-me-please";

	assert_string_equal(printed,
			    "c.yaml:1:19: warning: nairi.api_key: a placeholder, not a secret: "
			    "nothing will match it until you set one\n");
	assert_non_null(config);
	assert_int_equal(secret_len(config->nairi.api_key), 64);
	assert_false(secret_equals(config->nairi.api_key, word, strlen(word)));
}

/* --- files --- */

static void reads_files(void **state)
{
	const struct room *room = *state;
	char text[200];

	write_text(room, "one", "nr_one", 0600);
	expect_key(room, KEY("_file: one"), "nr_one", 6);
	write_text(room, "one", "nr_one\n", 0400);
	expect_key(room, KEY("_file: one"), "nr_one", 6);
	write_text(room, "one", "nr_one\r\n", 0600);
	expect_key(room, KEY("_file: one"), "nr_one", 6);
	(void)snprintf(text, sizeof(text), KEY("_file: \"%s/one\""), room->path);
	expect_key(room, text, "nr_one", 6);
	setenv("TEST_CONFIG_A", "one", 1);
	expect_key(room, KEY("_file: \"${TEST_CONFIG_A}\""), "nr_one", 6);
}

static void strips_one_newline_only(void **state)
{
	const struct room *room = *state;
	CLEANUP(config_free_at) struct config *config = NULL;
	const struct kit_talk *talk;

	write_file(room, "bytes", "a\0b\r\n\n", 6, 0600);
	write_text(room, "one", "x\r", 0600);
	CLEANUP(cleanup_free)
	char *printed =
		load(room,
		     "nairi: { api_key: nr_k }\nsources: { t: { type: talk, secret: [p, q], "
		     "secret_file: [bytes, one] } }\n",
		     0600, &config);
	assert_string_equal(printed, "");
	talk = config->sources[0].settings;
	assert_int_equal(talk->secret.count, 4);
	assert_string_equal(secret_bytes(talk->secret.items[1]), "q");
	assert_int_equal(secret_len(talk->secret.items[2]), 5);
	assert_memory_equal(secret_bytes(talk->secret.items[2]), "a\0b\r\n", 5);
	assert_string_equal(secret_bytes(talk->secret.items[3]), "x\r");
}

static void looks_in_the_credentials_first(void **state)
{
	const struct room *room = *state;

	write_text(room, "one", "nr_beside", 0600);
	write_text(room, "two", "nr_two", 0600);
	write_text(room, "creds/one", "nr_creds", 0440);
	setenv("CREDENTIALS_DIRECTORY", room->creds, 1);
	/* systemd's ACL shows as group access: no warning. */
	expect_key(room, KEY("_file: one"), "nr_creds", 8);
	expect_key(room, KEY("_file: two"), "nr_two", 6);
	expect(room, KEY("_file: " HIDDEN), false,
	       "c.yaml:1:24: nairi.api_key_file: cannot read this file in $CREDENTIALS_DIRECTORY "
	       "or "
	       "beside the configuration: No such file or directory\n");
	write_text(room, "creds/one", "nr_creds", 0444);
	expect(room, KEY("_file: one"), true,
	       "c.yaml:1:24: warning: nairi.api_key_file: the file can be read by everybody (mode "
	       "0444)\n");
	setenv("CREDENTIALS_DIRECTORY", "relative", 1);
	expect_key(room, KEY("_file: one"), "nr_beside", 9);
}

static void warns_about_modes(void **state)
{
	const struct room *room = *state;
	static const struct {
		mode_t mode;
		const char *printed;
	} rows[] = {
		{ 0640, "read by its group (mode 0640)" },
		{ 0604, "read by everybody (mode 0604)" },
		{ 0644, "read by everybody (mode 0644)" },
		{ 0620, "changed by its group (mode 0620)" },
		{ 0602, "changed by everybody (mode 0602)" },
		{ 0666, "changed by everybody (mode 0666)" },
	};
	char expected[200];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_text(room, "one", "nr_one", rows[i].mode);
		(void)snprintf(expected, sizeof(expected),
			       "c.yaml:1:24: warning: nairi.api_key_file: the file can be %s\n",
			       rows[i].printed);
		expect(room, KEY("_file: one"), true, expected);
	}
}

static void warns_about_the_config_itself(void **state)
{
	const struct room *room = *state;
	CLEANUP(config_free_at) struct config *config = NULL;
	CLEANUP(config_free_at) struct config *other = NULL;
	CLEANUP(cleanup_free) char *printed = load(room, KEY(": nr_" HIDDEN), 0666, &config);
	setenv("TEST_CONFIG_A", "nr_a", 1);
	CLEANUP(cleanup_free) char *quiet = load(room, KEY(": \"${TEST_CONFIG_A}\""), 0644, &other);

	assert_non_null(config);
	assert_string_equal(
		printed,
		"c.yaml: warning: the file can be changed by everybody (mode 0666)\n"
		"c.yaml:1:19: warning: nairi.api_key: a secret in a configuration that others "
		"can read: use a file or ${NAME}\n");
	assert_string_equal(quiet, "");
}

static void refuses_bad_files(void **state)
{
	const struct room *room = *state;
	static char big[64 * 1024 + 2];
	char path[160];

	memset(big, 'x', sizeof(big));
	write_text(room, "one", "\n", 0600);
	write_file(room, "big", big, 64 * 1024 + 1, 0600);
	(void)snprintf(path, sizeof(path), "%s/fifo", room->path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect(room, KEY("_file: one"), false,
	       "c.yaml:1:24: nairi.api_key_file: the secret is empty\n");
	expect(room, KEY("_file: big"), false,
	       "c.yaml:1:24: nairi.api_key_file: the secret is longer than 64 KiB\n");
	write_file(room, "big", big, 64 * 1024 + 2, 0600);
	expect(room, KEY("_file: big"), false,
	       "c.yaml:1:24: nairi.api_key_file: the secret is longer than 64 KiB\n");
	expect(room, KEY("_file: /dev/zero"), false,
	       "c.yaml:1:24: nairi.api_key_file: cannot read \"/dev/zero\": not a regular file\n");
	expect(room, KEY("_file: fifo"), false,
	       "c.yaml:1:24: nairi.api_key_file: cannot read this file beside the configuration: "
	       "not a regular file\n");
	expect(room, KEY("_file: creds"), false,
	       "c.yaml:1:24: nairi.api_key_file: cannot read this file beside the configuration: "
	       "Is a directory\n");
	expect(room, KEY("_file: \"\""), false,
	       "c.yaml:1:24: nairi.api_key_file: expected the name of a file\n");
	expect(room, KEY("_file: [a]"), false,
	       "c.yaml:1:24: nairi.api_key_file: expected the name of a file, got a list\n");
	big[64 * 1024] = '\n';
	write_file(room, "big", big, 64 * 1024 + 1, 0600);
	expect(room, KEY("_file: big"), true,
	       "c.yaml:1:24: warning: nairi.api_key_file: does not look like an API key (nr_…)\n");
}

static void caps_the_number_of_secrets(void **state)
{
	expect(*state, KEY(": nr_k") "x: 1\n", false,
	       "c.yaml:3:1: unknown key \"x\" in the top level\n");
	expect(*state, "nairi: { api_key: nr_k }\nsources: { t: { type: talk, secret: [] } }\n",
	       false, "c.yaml:2:37: sources.t.secret: expected 1 to 16 secrets, got 0\n");
	expect(*state,
	       "nairi: { api_key: nr_k }\nsources: { t: { type: talk, secret: "
	       "[a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a] } }\n",
	       false, "c.yaml:2:37: sources.t.secret: expected 1 to 16 secrets, got 17\n");
}

static void finds_certificates(void **state)
{
	const struct room *room = *state;
	CLEANUP(config_free_at) struct config *config = NULL;
	char path[160];

	write_text(room, "one", "cert", 0644);
	write_text(room, "two", "key", 0640);
	CLEANUP(cleanup_free)
	char *printed =
		load(room, KEY(": nr_k") "tls: { cert_file: one, key_file: two }\n", 0600, &config);
	assert_string_equal(printed, "c.yaml:3:34: warning: tls.key_file: the file can be read by "
				     "its group (mode 0640)\n");
	(void)snprintf(path, sizeof(path), "%s/one", room->path);
	assert_string_equal(config->tls.cert_file, path);
	(void)snprintf(path, sizeof(path), "%s/two", room->path);
	assert_string_equal(config->tls.key_file, path);
}

/* --- the file itself, and none --- */

static void says_when_there_is_no_file(void **state)
{
	struct config_problems problems;
	struct config *config = NULL;

	(void)state;
	assert_int_equal(
		config_load("/nonexistent/c.yaml", kit_types, KIT_TYPES, &config, &problems), -1);
	CLEANUP(cleanup_free) char *printed = kit_printed(&problems);
	assert_string_equal(printed,
			    "/nonexistent/c.yaml: cannot read it: No such file or directory\n");
	assert_int_equal(config_load("/tmp", kit_types, KIT_TYPES, &config, &problems), -1);
	CLEANUP(cleanup_free) char *directory = kit_printed(&problems);
	assert_string_equal(directory, "/tmp: cannot read it: Is a directory\n");
}

static void reads_no_file_without_a_name(void **state)
{
	static const char text[] =
		KEY("_file: /etc/hostname") "tls: { cert_file: /etc/hostname, key_file: a }\n";
	struct config_problems problems;
	struct config *config = NULL;

	(void)state;
	assert_int_equal(
		config_parse(NULL, text, strlen(text), kit_types, KIT_TYPES, &config, &problems),
		-1);
	CLEANUP(cleanup_free) char *printed = kit_printed(&problems);
	assert_string_equal(printed, "config:1:24: nairi.api_key_file: files are not read here\n"
				     "config:3:19: tls.cert_file: files are not read here\n"
				     "config:3:44: tls.key_file: files are not read here\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(expands_the_environment, make_room, leave_room),
		cmocka_unit_test_setup_teardown(expands_any_scalar, make_room, leave_room),
		cmocka_unit_test_setup_teardown(says_what_is_wrong_with_references, make_room,
						leave_room),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_api_key, make_room, leave_room),
		cmocka_unit_test_setup_teardown(a_placeholder_opens_nothing, make_room, leave_room),
		cmocka_unit_test_setup_teardown(reads_files, make_room, leave_room),
		cmocka_unit_test_setup_teardown(strips_one_newline_only, make_room, leave_room),
		cmocka_unit_test_setup_teardown(looks_in_the_credentials_first, make_room,
						leave_room),
		cmocka_unit_test_setup_teardown(warns_about_modes, make_room, leave_room),
		cmocka_unit_test_setup_teardown(warns_about_the_config_itself, make_room,
						leave_room),
		cmocka_unit_test_setup_teardown(refuses_bad_files, make_room, leave_room),
		cmocka_unit_test_setup_teardown(caps_the_number_of_secrets, make_room, leave_room),
		cmocka_unit_test_setup_teardown(finds_certificates, make_room, leave_room),
		cmocka_unit_test(says_when_there_is_no_file),
		cmocka_unit_test(reads_no_file_without_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
