/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/intake/policy.h"

static const char *const associations[] = { "OWNER", "MEMBER", "COLLABORATOR" };
static const char *const users[] = { "Alice", "12345", "U0ABC", "ghost[bot]" };
static const char *const bots[] = { "renovate", "Dependabot[bot]", "777" };
static const struct source_type github = { .type = "github", .conversational = true };
static const struct source_type generic = { .type = "generic" };

static struct source_config source_of(const struct source_type *type)
{
	struct source_config source = { .name = "s", .type = type };

	source.trust.associations = (struct config_strings){ associations, 3 };
	source.trust.users = (struct config_strings){ users, 4 };
	source.trust.bots = (struct config_strings){ bots, 3 };
	source.trigger = (struct trigger_config){ .kind = TRIGGER_ANY };
	return source;
}

#define OWN "999"
#define MARKER "<!-- nairi-bridge:reply:01890a5d-ac96-774b-bcce-b302099a8057 -->"
#define MEMBER { .login = "octocat", .id = "1", .association = "MEMBER" }
#define STRANGER { .login = "mallory", .id = "66", .association = "NONE" }

struct row {
	const char *what;
	enum event_kind kind;
	struct person author, actor;
	const char *text;
	bool can_ask;
	enum policy_verdict verdict;
	const char *reason;
};

static void check(const struct source_config *source, const struct row *row)
{
	struct event event = { .kind = row->kind, .author = row->author, .actor = row->actor };
	const char *reason = NULL;

	event.text = row->text != NULL ? row->text : "";
	enum policy_verdict verdict = policy_decide(source, &event, OWN, row->can_ask, false, &reason);
	if (verdict != row->verdict)
		fail_msg("%s: %d (%s)", row->what, (int)verdict, reason != NULL ? reason : "-");
	if (verdict == POLICY_IGNORE && (reason == NULL || strcmp(reason, row->reason) != 0))
		fail_msg("%s: because of \"%s\"", row->what, reason != NULL ? reason : "nothing");
}

#define CHECK(source, rows)                                                \
	do {                                                               \
		for (size_t i_ = 0; i_ < sizeof(rows) / sizeof((rows)[0]); i_++) \
			check(source, &(rows)[i_]);                        \
	} while (0)

static void authors(void **state)
{
	static const struct row rows[] = {
		{ "member", EVENT_MESSAGE, MEMBER, MEMBER, "hi", false, POLICY_FORWARD, NULL },
		{ "member without text", EVENT_MESSAGE, MEMBER, { 0 }, NULL, false, POLICY_FORWARD, NULL },
		{ "stranger", EVENT_MESSAGE, STRANGER, STRANGER, "hi", false, POLICY_IGNORE, "untrusted author" },
		{ "stranger, ask", EVENT_MESSAGE, STRANGER, STRANGER, "hi", true, POLICY_ASK, NULL },
		{ "contributor", EVENT_MESSAGE, { .login = "x", .association = "CONTRIBUTOR" }, { 0 }, "", false,
		  POLICY_IGNORE, "untrusted author" },
		{ "lower case association", EVENT_MESSAGE, { .login = "x", .association = "member" }, { 0 }, "", false,
		  POLICY_IGNORE, "untrusted author" },
		{ "listed login, other case", EVENT_MESSAGE, { .login = "aLICE" }, { 0 }, "", false, POLICY_FORWARD,
		  NULL },
		{ "longer login", EVENT_MESSAGE, { .login = "alice2" }, { 0 }, "", false, POLICY_IGNORE,
		  "untrusted author" },
		{ "shorter login", EVENT_MESSAGE, { .login = "alic" }, { 0 }, "", false, POLICY_IGNORE,
		  "untrusted author" },
		{ "listed id", EVENT_MESSAGE, { .login = "renamed", .id = "12345" }, { 0 }, "", false, POLICY_FORWARD,
		  NULL },
		{ "a login like a listed id", EVENT_MESSAGE, { .login = "12345", .id = "5" }, { 0 }, "", false,
		  POLICY_IGNORE, "untrusted author" },
		{ "listed id with letters", EVENT_MESSAGE, { .id = "U0ABC" }, { 0 }, "", false, POLICY_FORWARD, NULL },
		{ "id in another case", EVENT_MESSAGE, { .id = "u0abc" }, { 0 }, "", false, POLICY_IGNORE,
		  "untrusted author" },
		{ "nobody", EVENT_MESSAGE, { 0 }, { 0 }, "hi", false, POLICY_IGNORE, "untrusted author" },
		{ "nobody, cannot be asked about", EVENT_MESSAGE, { 0 }, { 0 }, "hi", true, POLICY_IGNORE,
		  "untrusted author" },
		{ "only an id, cannot be asked about", EVENT_MESSAGE, { .id = "8" }, { 0 }, "", true, POLICY_IGNORE,
		  "untrusted author" },
		{ "empty login", EVENT_MESSAGE, { .login = "", .id = "" }, { 0 }, "", false, POLICY_IGNORE,
		  "untrusted author" },
	};
	struct source_config source = source_of(&github);

	(void)state;
	CHECK(&source, rows);
}

static void own_output(void **state)
{
	static const struct row rows[] = {
		{ "own id", EVENT_MESSAGE, { .login = "bridge", .id = OWN, .association = "OWNER" }, { 0 }, "hi", true,
		  POLICY_IGNORE, "own comment" },
		{ "own edit", EVENT_EDIT, MEMBER, { .login = "bridge", .id = OWN }, "hi", true, POLICY_IGNORE,
		  "own comment" },
		{ "own, edited by another", EVENT_EDIT, { .id = OWN }, MEMBER, "hi", true, POLICY_IGNORE,
		  "own comment" },
		{ "marker", EVENT_MESSAGE, MEMBER, MEMBER, "words\n\n" MARKER, true, POLICY_IGNORE, "own comment" },
		{ "marker of a stranger", EVENT_MESSAGE, STRANGER, STRANGER, MARKER, true, POLICY_IGNORE,
		  "own comment" },
		{ "own bot", EVENT_MESSAGE, { .login = "777", .id = OWN, .bot = true }, { 0 }, "", true,
		  POLICY_IGNORE, "own comment" },
		{ "no marker", EVENT_MESSAGE, MEMBER, MEMBER, "<!-- nairi-bridge:reply: -->", true, POLICY_FORWARD,
		  NULL },
	};
	static const struct row unknown = { "own id unknown", EVENT_MESSAGE, MEMBER, MEMBER, "hi", false,
					    POLICY_FORWARD, NULL };
	struct source_config source = source_of(&github);

	(void)state;
	CHECK(&source, rows);
	struct event event = { .author = unknown.author, .text = "hi" };
	const char *reason = NULL;
	assert_int_equal(policy_decide(&source, &event, NULL, false, false, &reason), POLICY_FORWARD);
	event.author.id = NULL;
	assert_int_equal(policy_decide(&source, &event, "", false, false, &reason), POLICY_FORWARD);
}

static void bots_only_by_list(void **state)
{
	static const struct row rows[] = {
		{ "bot", EVENT_MESSAGE, { .login = "x[bot]", .id = "5", .bot = true }, { 0 }, "", true, POLICY_IGNORE,
		  "bot" },
		{ "bot with an association", EVENT_MESSAGE,
		  { .login = "x", .association = "OWNER", .bot = true }, { 0 }, "", true, POLICY_IGNORE, "bot" },
		{ "not said to be a bot", EVENT_MESSAGE, { .login = "x[bot]", .association = "OWNER" }, { 0 }, "",
		  true, POLICY_IGNORE, "bot" },
		{ "bot in users", EVENT_MESSAGE, { .login = "ghost[bot]", .bot = true }, { 0 }, "", true,
		  POLICY_IGNORE, "bot" },
		{ "bot by bare login", EVENT_MESSAGE, { .login = "renovate[bot]", .bot = true }, { 0 }, "", false,
		  POLICY_FORWARD, NULL },
		{ "bot by full login", EVENT_MESSAGE, { .login = "dependabot[bot]", .bot = true }, { 0 }, "", false,
		  POLICY_FORWARD, NULL },
		{ "full entry, bare login", EVENT_MESSAGE, { .login = "dependabot", .bot = true }, { 0 }, "", false,
		  POLICY_FORWARD, NULL },
		{ "bot by id", EVENT_MESSAGE, { .login = "y[bot]", .id = "777", .bot = true }, { 0 }, "", false,
		  POLICY_FORWARD, NULL },
		{ "login like an id", EVENT_MESSAGE, { .login = "777[bot]", .id = "6", .bot = true }, { 0 }, "", false,
		  POLICY_IGNORE, "bot" },
		{ "a user named like a bot", EVENT_MESSAGE, { .login = "renovate", .id = "6" }, { 0 }, "", false,
		  POLICY_IGNORE, "untrusted author" },
		{ "bot edits", EVENT_EDIT, MEMBER, { .login = "x[bot]", .bot = true }, "", true, POLICY_IGNORE,
		  "bot" },
		{ "listed bot edits", EVENT_EDIT, MEMBER, { .login = "renovate[bot]", .bot = true }, "", false,
		  POLICY_FORWARD, NULL },
	};
	struct source_config source = source_of(&github);

	(void)state;
	CHECK(&source, rows);
}

static void edits_need_both(void **state)
{
	static const struct row rows[] = {
		{ "own words", EVENT_EDIT, MEMBER, { .login = "octocat", .id = "1" }, "", false, POLICY_FORWARD, NULL },
		{ "own words, no ids", EVENT_EDIT, { .login = "octocat", .association = "OWNER" },
		  { .login = "Octocat" }, "", false, POLICY_FORWARD, NULL },
		{ "same login, other id", EVENT_EDIT, MEMBER, { .login = "octocat", .id = "2" }, "", false,
		  POLICY_IGNORE, "edited by somebody who is not trusted" },
		{ "by a stranger", EVENT_EDIT, MEMBER, STRANGER, "", false, POLICY_IGNORE,
		  "edited by somebody who is not trusted" },
		{ "by a stranger, ask", EVENT_EDIT, MEMBER, STRANGER, "", true, POLICY_ASK, NULL },
		{ "by a listed user", EVENT_EDIT, MEMBER, { .login = "alice" }, "", false, POLICY_FORWARD, NULL },
		{ "a stranger's, by a member", EVENT_EDIT, STRANGER, MEMBER, "", false, POLICY_IGNORE,
		  "untrusted author" },
		{ "a stranger's, by a member, ask", EVENT_EDIT, STRANGER, MEMBER, "", true, POLICY_ASK, NULL },
		{ "by nobody knows whom", EVENT_EDIT, MEMBER, { 0 }, "", true, POLICY_IGNORE,
		  "edited by somebody who is not trusted" },
		{ "caused by a stranger", EVENT_MESSAGE, MEMBER, STRANGER, "", false, POLICY_IGNORE,
		  "caused by somebody who is not trusted" },
		{ "withdrawn by anybody", EVENT_DELETE, STRANGER, STRANGER, MARKER, false, POLICY_FORWARD, NULL },
	};
	struct source_config source = source_of(&github);

	(void)state;
	CHECK(&source, rows);
}

static void trigger_comes_last(void **state)
{
	static const struct row rows[] = {
		{ "named", EVENT_MESSAGE, MEMBER, { 0 }, "@nairi go", false, POLICY_FORWARD, NULL },
		{ "not named", EVENT_MESSAGE, MEMBER, { 0 }, "go", false, POLICY_IGNORE, "no trigger" },
		{ "not named: nobody is asked", EVENT_MESSAGE, STRANGER, { 0 }, "go", true, POLICY_IGNORE,
		  "no trigger" },
		{ "stranger", EVENT_MESSAGE, STRANGER, { 0 }, "go", false, POLICY_IGNORE, "untrusted author" },
		{ "stranger names us", EVENT_MESSAGE, STRANGER, { 0 }, "@nairi go", true, POLICY_ASK, NULL },
		{ "withdrawn", EVENT_DELETE, MEMBER, { 0 }, "", false, POLICY_FORWARD, NULL },
	};
	struct source_config source = source_of(&github);

	(void)state;
	source.trigger = (struct trigger_config){ .kind = TRIGGER_MENTION, .word = "@nairi" };
	CHECK(&source, rows);
}

/* What is said to the bridge itself needs no trigger; whoever may not speak may not command either. */
static void the_bridge_itself_needs_no_trigger(void **state)
{
	static const struct {
		const char *what;
		struct person author;
		const char *text;
		bool can_ask;
		enum policy_verdict verdict;
		const char *reason;
	} rows[] = {
		{ "member", MEMBER, "/nairi status", false, POLICY_FORWARD, NULL },
		{ "stranger", STRANGER, "/nairi status", false, POLICY_IGNORE, "untrusted author" },
		{ "stranger, ask", STRANGER, "/nairi status", true, POLICY_ASK, NULL },
		{ "bot", { .login = "x[bot]", .bot = true, .association = "OWNER" }, "/nairi status", true, POLICY_IGNORE, "bot" },
		{ "our own answer", MEMBER, "/nairi status " MARKER, true, POLICY_IGNORE, "own comment" },
		{ "ourselves", { .id = OWN }, "/nairi status", true, POLICY_IGNORE, "own comment" },
	};
	struct source_config source = source_of(&github);

	(void)state;
	source.trigger = (struct trigger_config){ .kind = TRIGGER_MENTION, .word = "@nairi" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct event event = { .kind = EVENT_MESSAGE, .author = rows[i].author, .text = rows[i].text };
		const char *reason = NULL;
		enum policy_verdict verdict = policy_decide(&source, &event, OWN, rows[i].can_ask, true, &reason);
		if (verdict != rows[i].verdict)
			fail_msg("%s: %d (%s)", rows[i].what, (int)verdict, reason != NULL ? reason : "-");
		if (verdict == POLICY_IGNORE)
			assert_string_equal(reason, rows[i].reason);
	}
	struct event plain = { .kind = EVENT_MESSAGE, .author = MEMBER, .text = "status" };
	const char *reason = NULL;
	assert_int_equal(policy_decide(&source, &plain, OWN, false, false, &reason), POLICY_IGNORE);
	assert_string_equal(reason, "no trigger");
}

/* Results of a machine: neither trust nor trigger; only what we caused ourselves is left out. */
static void results_are_not_asked_who_they_are(void **state)
{
	static const struct {
		const char *what;
		struct person author, actor;
		const char *text;
		enum policy_verdict verdict;
		const char *reason;
	} rows[] = {
		{ "a bot's", { .login = "ci[bot]", .bot = true }, { 0 }, "failure", POLICY_FORWARD, NULL },
		{ "an app's, pushed by a stranger", { .login = "octo-lint", .bot = true }, STRANGER, "failure", POLICY_FORWARD,
		  NULL },
		{ "nobody's", { 0 }, { 0 }, "failure", POLICY_FORWARD, NULL },
		{ "a stranger's", STRANGER, STRANGER, "failure", POLICY_FORWARD, NULL },
		{ "caused by ourselves", { .login = "ci[bot]", .bot = true }, { .login = "bridge", .id = OWN }, "failure",
		  POLICY_IGNORE, "caused by ourselves" },
		{ "our own", { .id = OWN }, { 0 }, "failure", POLICY_IGNORE, "caused by ourselves" },
		{ "with our marker in it", { .login = "ci[bot]", .bot = true }, { 0 }, "said: " MARKER, POLICY_IGNORE,
		  "caused by ourselves" },
	};
	struct source_config source = source_of(&github);

	(void)state;
	source.trust = (struct trust_config){ .users = { .count = 0 } };
	source.trigger = (struct trigger_config){ .kind = TRIGGER_COMMAND, .word = "/nairi" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct event event = { .kind = EVENT_MESSAGE, .machine = true, .author = rows[i].author,
				       .actor = rows[i].actor, .text = rows[i].text };
		const char *reason = NULL;
		enum policy_verdict verdict = policy_decide(&source, &event, OWN, true, false, &reason);
		if (verdict != rows[i].verdict)
			fail_msg("%s: %d (%s)", rows[i].what, (int)verdict, reason != NULL ? reason : "-");
		if (verdict == POLICY_IGNORE)
			assert_string_equal(reason, rows[i].reason);
	}
}

static void nothing_is_trusted_by_empty_lists(void **state)
{
	struct source_config source = source_of(&github);
	static const struct row row = { "empty lists", EVENT_MESSAGE, MEMBER, { 0 }, "", false, POLICY_IGNORE,
					"untrusted author" };

	(void)state;
	source.trust = (struct trust_config){ .users = { .count = 0 } };
	check(&source, &row);
}

static void machines_are_not_asked(void **state)
{
	static const struct row rows[] = {
		{ "nobody", EVENT_MESSAGE, { 0 }, { 0 }, "hi", false, POLICY_FORWARD, NULL },
		{ "bot", EVENT_MESSAGE, { .login = "ci[bot]", .bot = true }, { 0 }, MARKER, false, POLICY_FORWARD,
		  NULL },
	};
	struct source_config source = source_of(&generic);

	(void)state;
	CHECK(&source, rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(authors),
		cmocka_unit_test(own_output),
		cmocka_unit_test(bots_only_by_list),
		cmocka_unit_test(edits_need_both),
		cmocka_unit_test(trigger_comes_last),
		cmocka_unit_test(the_bridge_itself_needs_no_trigger),
		cmocka_unit_test(results_are_not_asked_who_they_are),
		cmocka_unit_test(nothing_is_trusted_by_empty_lists),
		cmocka_unit_test(machines_are_not_asked),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
