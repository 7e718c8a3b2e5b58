/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/intake/command_parse.h"

#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define OLD "j_01KRK1V46BXS73CSNK2VR35NPJ"

struct row {
	const char *text;
	enum command_kind kind;
	const char *detail; /* the job, or a part of the problem */
};

static void check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct command command;
		command_parse("/nairi", rows[i].text, &command);
		const char *detail = rows[i].detail != NULL ? rows[i].detail : "";
		if (command.kind != rows[i].kind)
			fail_msg("{%s}: %s, not %s", rows[i].text, command_name(command.kind), command_name(rows[i].kind));
		if (strcmp(command.job_id, command.kind == COMMAND_LINK ? detail : "") != 0)
			fail_msg("{%s}: job {%s}", rows[i].text, command.job_id);
		if (command.kind == COMMAND_UNKNOWN && (strstr(command.problem, detail) == NULL || detail[0] == '\0'))
			fail_msg("{%s}: problem {%s}", rows[i].text, command.problem);
		if (command.kind != COMMAND_UNKNOWN)
			assert_string_equal(command.problem, "");
	}
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void knows_its_commands(void **state)
{
	static const struct row rows[] = {
		{ "/nairi link " JOB, COMMAND_LINK, JOB },
		{ "/nairi link `" JOB "`", COMMAND_LINK, JOB },
		{ "/nairi link ``" OLD "``", COMMAND_LINK, OLD },
		{ "Words first.\n\n   /NAIRI\t Link  " OLD " \r\nand more", COMMAND_LINK, OLD },
		{ "/nairi unlink", COMMAND_UNLINK, NULL },
		{ "/nairi status", COMMAND_STATUS, NULL },
		{ "/nairi Status.", COMMAND_STATUS, NULL },
		{ "/nairi retry\n", COMMAND_RETRY, NULL },
		{ "/nairi stop!", COMMAND_STOP, NULL },
		{ "/nairi help", COMMAND_HELP, NULL },
		{ "/nairi", COMMAND_HELP, NULL },
		{ "/nairi  \n\n> quoted\n\n<!-- hidden -->", COMMAND_HELP, NULL },
		{ "/nairi status\n/nairi stop", COMMAND_STATUS, NULL },
	};

	(void)state;
	CHECK(rows);
}

static void says_what_is_wrong(void **state)
{
	static const struct row rows[] = {
		{ "/nairi frobnicate", COMMAND_UNKNOWN, "\"frobnicate\" is not a command" },
		{ "/nairi @everyone", COMMAND_UNKNOWN, "that is not a command" },
		{ "/nairi zażółć", COMMAND_UNKNOWN, "that is not a command" },
		{ "/nairi link", COMMAND_UNKNOWN, "takes the id of a job" },
		{ "/nairi link job_x", COMMAND_UNKNOWN, "is not the id of a job" },
		{ "/nairi link " JOB "X", COMMAND_UNKNOWN, "is not the id of a job" },
		{ "/nairi link " JOB " please", COMMAND_UNKNOWN, "one job id and nothing else" },
		{ "/nairi status report", COMMAND_UNKNOWN, "\"status\" takes nothing" },
		{ "/nairi stop it now", COMMAND_UNKNOWN, "\"stop\" takes nothing" },
		{ "/nairi 0123456789012345678901234567890123456789x", COMMAND_UNKNOWN, "that is" },
	};

	(void)state;
	CHECK(rows);
}

static void leaves_sentences_to_the_agent(void **state)
{
	static const struct row rows[] = {
		{ "/nairi please fix", COMMAND_PROMPT, NULL },
		{ "/nairi status report please now", COMMAND_PROMPT, NULL },
		{ "/nairi link this to that", COMMAND_PROMPT, NULL },
		{ "/nairi help me with this", COMMAND_PROMPT, NULL },
		{ "/nairi\nplease fix the test", COMMAND_PROMPT, NULL },
		{ "Please fix the test\n\n/nairi", COMMAND_PROMPT, NULL },
	};

	(void)state;
	CHECK(rows);
}

static void finds_none(void **state)
{
	static const struct row rows[] = {
		{ "", COMMAND_NONE, NULL },
		{ "see /nairi status", COMMAND_NONE, NULL },
		{ "/nairis status", COMMAND_NONE, NULL },
		{ "/nairi/status", COMMAND_NONE, NULL },
		{ "    /nairi status", COMMAND_NONE, NULL },
		{ "\t/nairi status", COMMAND_NONE, NULL },
		{ "> /nairi status", COMMAND_NONE, NULL },
		{ "```\n/nairi status\n```", COMMAND_NONE, NULL },
		{ "`x\n/nairi status\n`", COMMAND_NONE, NULL },
		{ "`/nairi status`", COMMAND_NONE, NULL },
		{ "<!--\n/nairi status\n-->", COMMAND_NONE, NULL },
	};
	struct command command;

	(void)state;
	CHECK(rows);
	command_parse("", "/nairi status", &command);
	assert_int_equal(command.kind, COMMAND_NONE);
	command_parse("!bot", "!bot status", &command);
	assert_int_equal(command.kind, COMMAND_STATUS);
	assert_string_equal(command_name((enum command_kind)99), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_its_commands),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(leaves_sentences_to_the_agent),
		cmocka_unit_test(finds_none),
	};

	return cmocka_run_group_tests_name("command_parse", tests, NULL, NULL);
}
