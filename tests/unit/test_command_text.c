/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/utf8.h"
#include "bridge/deliver/command_text.h"
#include "bridge/intake/command_parse.h"

#define JOB "job_01KRK1V46BXS73CSNK2VR35NPJ"
#define OLD "j_01KRK1V46BXS73CSNK2VR35NPJ"
#define MARKER "<!-- nairi-bridge:reply:x -->"

static char *render(struct command_reply reply, size_t max)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(1 << 20);
	struct command command;

	reply.marker = MARKER;
	command_reply_text(&reply, max, &out);
	assert_true(out.len <= max && utf8_valid(strbuf_str(&out), out.len));
	assert_true(out.len >= strlen(MARKER) && strcmp(out.ptr + out.len - strlen(MARKER), MARKER) == 0);
	command_parse(reply.prefix != NULL ? reply.prefix : "/nairi", out.ptr, &command);
	assert_int_equal(command.kind, COMMAND_NONE);
	assert_true(out.ptr[0] != '/' && strstr(out.ptr, "\n/") == NULL);
	return strbuf_detach(&out);
}

static void expect(struct command_reply reply, const char *const *has)
{
	char *text = render(reply, 2000);

	for (; *has != NULL; has++) {
		if (strstr(text, *has) == NULL)
			fail_msg("no {%s} in {%s}", *has, text);
	}
	free(text);
}
#define EXPECT(reply, ...) expect(reply, (const char *const[]){ __VA_ARGS__, NULL })

static void says_what_was_done(void **state)
{
	(void)state;
	EXPECT(((struct command_reply){ .said = SAID_LINKED, .author = "octocat", .job_id = JOB, .was = OLD }),
	       "octocat: Linked: comments here continue job `" JOB "`. Before, they continued `" OLD "`.");
	EXPECT(((struct command_reply){ .said = SAID_LINKED, .job_id = JOB, .was = JOB }), "Linked as before:");
	EXPECT(((struct command_reply){ .said = SAID_UNLINKED, .was = OLD }), "Unlinked", "It was `" OLD "`.");
	EXPECT(((struct command_reply){ .said = SAID_RETRIED, .count = 1 }), "1 message is on the way");
	EXPECT(((struct command_reply){ .said = SAID_RETRIED, .count = 2 }), "2 messages are on the way");
	EXPECT(((struct command_reply){ .said = SAID_RETRIED, .count = 64, .more = true }), "64 messages",
	       "More failed");
	EXPECT(((struct command_reply){ .said = SAID_NOTHING_TO_RETRY }), "nothing to try again");
	EXPECT(((struct command_reply){ .said = SAID_STOPPED, .count = 2, .running = 1 }), "2 waiting messages were dropped",
	       "goes on");
	EXPECT(((struct command_reply){ .said = SAID_STOPPED }), "Nothing was waiting.");
}

static void says_how_it_stands(void **state)
{
	(void)state;
	EXPECT(((struct command_reply){ .said = SAID_STATUS, .job_id = JOB,
					.status = { .origin = "found", .waiting = 2, .running = 1, .last_state = "failed",
						    .last_reason = "ask @admin\n/close", .last_message_id = "cmsg_1" } }),
	       "continues job `" JOB "` (found by its pull request).", "- Waiting: 2\n- On the way: 0\n- At work: 1",
	       "- Newest message: `failed`, `cmsg_1`, because `ask @\u200B" "admin /close`");
}

static void says_what_can_be_done(void **state)
{
	(void)state;
	EXPECT(((struct command_reply){ .said = SAID_HELP, .prefix = "/nairi" }), "\n- `/nairi link job_…`: ",
	       "\n- `/nairi status`: ");
	EXPECT(((struct command_reply){ .said = SAID_UNKNOWN, .prefix = "/nairi", .problem = "\"x\" is not a command" }),
	       "That was not understood: `\"x\" is not a command`.", "`/nairi retry`");
	EXPECT(((struct command_reply){ .said = SAID_NO_JOB, .prefix = "/nairi", .thread = "github:octo/hello#42", .can_start = true,
					.hint = "its branch was made by a Nairi agent" }),
	       "no job is linked to this conversation", "Hint: `its branch was made", "write `/nairi link job_…` here",
	       "run `nairi-bridge link 'github:octo/hello#42' job_…` where", "that starts a job");
	EXPECT(((struct command_reply){ .said = SAID_NOT_LINKED }), "No job is linked", "ask whoever runs the bridge.");
}

static void keeps_its_marker(void **state)
{
	char *many = calloc(1, 9001);

	(void)state;
	memset(many, '`', 9000);
	for (int said = SAID_LINKED; said <= SAID_NO_JOB; said++) {
		for (size_t max = strlen(MARKER) + 2; max < 2100; max += 41)
			free(render((struct command_reply){ .said = (enum command_said)said, .author = "/close", .prefix = "/nairi",
							    .job_id = many, .was = many, .problem = many, .hint = many,
							    .thread = many, .count = INT64_MAX,
							    .status = { .last_state = many, .last_reason = many } }, max));
	}
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_was_done),
		cmocka_unit_test(says_how_it_stands),
		cmocka_unit_test(says_what_can_be_done),
		cmocka_unit_test(keeps_its_marker),
	};

	return cmocka_run_group_tests_name("command_text", tests, NULL, NULL);
}
