/* SPDX-License-Identifier: Apache-2.0 */
/* What is said about a push, read from real repositories that the git command made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/base/strbuf.h"
#include "bridge/git/repository.h"
#include "bridge/git/summary.h"

#define ZEROS "0000000000000000000000000000000000000000"
#define TEXT  ((size_t)64 * 1024)

struct world {
	char directory[64]; /* work/ is a repository; the file now has the time of its last commit */
};

/* Runs a shell script in the work tree; its output, without the last newline. */
static void sh_out(const struct world *world, struct strbuf *out, const char *script)
{
	CLEANUP(strbuf_release) struct strbuf command = STRBUF(TEXT);
	char chunk[4096];
	size_t got;

	strbuf_addf(&command,
		    "cd %s/work && export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null LC_ALL=C "
		    "GIT_AUTHOR_NAME=Mona GIT_AUTHOR_EMAIL=m@example.org GIT_COMMITTER_NAME=Mona "
		    "GIT_COMMITTER_EMAIL=m@example.org; "
		    "now=$(cat ../now 2>/dev/null || echo 1700000000); "
		    "commit() { now=$((now + 10)); GIT_COMMITTER_DATE=\"$now +0000\" git commit -q --allow-empty "
		    "\"$@\"; }; "
		    "{ %s\n} && echo $now > ../now",
		    world->directory, script);
	assert_false(strbuf_failed(&command));
	FILE *pipe = popen(strbuf_str(&command), "re");
	assert_non_null(pipe);
	while ((got = fread(chunk, 1, sizeof(chunk), pipe)) > 0)
		strbuf_add(out, chunk, got);
	if (pclose(pipe) != 0)
		fail_msg("this failed: %s", script);
	if (out->len > 0 && out->ptr[out->len - 1] == '\n')
		strbuf_truncate(out, out->len - 1);
}

static void sh(const struct world *world, const char *script)
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(TEXT);

	sh_out(world, &out, script);
}

/* What a name stands for now. */
static void id_of(const struct world *world, const char *name, char ret[41])
{
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(TEXT);
	char script[128];

	(void)snprintf(script, sizeof(script), "git rev-parse --verify %s", name);
	sh_out(world, &out, script);
	assert_int_equal(out.len, 40);
	memcpy(ret, strbuf_str(&out), 41);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	char script[256];

	assert_non_null(world);
	(void)snprintf(world->directory, sizeof(world->directory), "/tmp/nb-summary-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	(void)snprintf(script, sizeof(script), "mkdir %s/work", world->directory);
	assert_int_equal(system(script), 0);
	sh(world, "git init -q -b main . && printf 'a\\nb\\nc\\n' > one && git add . && commit -m first");
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	char script[128];

	(void)snprintf(script, sizeof(script), "rm -rf %s", world->directory);
	int status = system(script);
	free(world);
	return status;
}

static int summarise(const struct world *world, const char *before, const char *after, const char *branch,
		     struct strbuf *out, struct error *err)
{
	CLEANUP(repository_close_at) struct git_repository *repository = NULL;
	char directory[128], ref[512];

	(void)snprintf(directory, sizeof(directory), "%s/work/.git", world->directory);
	(void)snprintf(ref, sizeof(ref), "refs/heads/%s", branch);
	assert_int_equal(repository_open(directory, &repository, err), 0);
	return git_summary_push(repository, before, after, ref, out, err);
}

static void said(const struct world *world, const char *before, const char *after, const char *branch,
		 struct strbuf *out)
{
	struct error err = { 0 };

	strbuf_reset(out);
	if (summarise(world, before, after, branch, out, &err) != 0)
		fail_msg("%s", err.text);
	assert_true(out->len > 0 && out->len <= GIT_SUMMARY_MAX);
	assert_false(strbuf_failed(out));
}

static void has(const struct strbuf *text, const char *part)
{
	if (strstr(strbuf_str(text), part) == NULL)
		fail_msg("no \"%s\" in:\n%s", part, strbuf_str(text));
}

static void lacks(const struct strbuf *text, const char *part)
{
	if (strstr(strbuf_str(text), part) != NULL)
		fail_msg("\"%s\" stands in:\n%s", part, strbuf_str(text));
}

/* ---- what became of the branch ---- */

static void push_is_told(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	CLEANUP(strbuf_release) struct strbuf want = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], middle[41], after[41];

	id_of(world, "HEAD", before);
	sh(world, "printf 'a\\nB\\nc\\nd\\n' > one && git add . && commit -m 'change one' -m 'body text'");
	id_of(world, "HEAD", middle);
	sh(world, "mkdir sub && echo x > sub/two && git add . && commit -m 'add two' --author 'Ada <a@example.org>'");
	id_of(world, "HEAD", after);
	said(world, before, after, "main", &text);
	strbuf_addf(&want,
		    "Pushed to branch `main`: 2 commits, from `%.10s` to `%.10s`.\n\n"
		    "- `%.10s` `add two` by `Ada`\n- `%.10s` `change one` by `Mona`\n\n"
		    "2 files changed, 3 insertions, 1 deletion:\n\n- `one` +2 -1\n- `sub/two` +1 -0, new\n",
		    before, after, after, middle);
	assert_string_equal(strbuf_str(&text), strbuf_str(&want));
}

static void merge_is_walked(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], after[41];

	sh(world, "git checkout -q -b side && commit -m aside && git checkout -q main && commit -m ahead");
	id_of(world, "main", before);
	sh(world, "git merge -q --no-ff -m merged side");
	id_of(world, "main", after);
	said(world, before, after, "main", &text);
	has(&text, "Pushed to branch `main`: 2 commits");
	has(&text, "`merged`");
	has(&text, "`aside`");
	lacks(&text, "`ahead`");
	has(&text, "\n0 files changed, 0 insertions, 0 deletions.\n");
}

static void force_is_told(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char first[41], before[41], after[41];

	id_of(world, "HEAD", first);
	sh(world, "commit -m lost1 && commit -m lost2");
	id_of(world, "HEAD", before);
	sh(world, "git reset -q --hard HEAD~2 && commit -m other");
	id_of(world, "HEAD", after);
	said(world, before, after, "main", &text);
	has(&text, "**Forced** push to branch `main`: 1 commit, from");
	has(&text, "; 2 commits that were in it before are no longer.\n");
	has(&text, "`other`");
	lacks(&text, "lost1");
	said(world, before, first, "main", &text);
	has(&text, "**Forced** push to branch `main`: 0 commits");
	said(world, first, after, "main", &text);
	lacks(&text, "Forced");
	/* Nothing in common. */
	sh(world, "git checkout -q --orphan alone && commit -m alone");
	id_of(world, "HEAD", after);
	said(world, before, after, "main", &text);
	has(&text, "**Forced** push to branch `main`: 1 commit");
	has(&text, "; 3 commits that were");
}

static void new_branch_is_compared(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	CLEANUP(strbuf_release) struct strbuf want = STRBUF(TEXT);
	const struct world *world = *state;
	char base[41], after[41];

	id_of(world, "HEAD", base);
	sh(world,
	   "git checkout -q -b topic/x && echo 1 > two && git add . && commit -m topical && git checkout -q main && "
	   "commit -m meanwhile");
	id_of(world, "topic/x", after);
	said(world, ZEROS, after, "topic/x", &text);
	strbuf_addf(&want, "New branch `topic/x` at `%.10s`, 1 commit since `main` (`%.10s`).\n", after, base);
	has(&text, strbuf_str(&want));
	has(&text, "`topical` by `Mona`");
	has(&text, "1 file changed, 1 insertion, 0 deletions:\n\n- `two` +1 -0, new\n");
	lacks(&text, "meanwhile");
}

static void new_branch_alone_has_last_commits(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char after[41];

	sh(world, "for i in $(seq 30); do commit -m \"number $i.\"; done");
	id_of(world, "HEAD", after);
	said(world, ZEROS, after, "main", &text); /* it is the default branch itself */
	has(&text, "New branch `main` at `");
	has(&text, ". Its last commits:\n");
	has(&text, "`number 30.`");
	has(&text, "`number 11.`");
	lacks(&text, "`number 10.`");
	has(&text, "- and more\n");
	lacks(&text, "changed");
	sh(world, "git checkout -q --orphan alone && commit -m alone");
	id_of(world, "HEAD", after);
	sh(world, "git checkout -q main");
	said(world, ZEROS, after, "alone", &text);
	has(&text, "Its last commits:\n\n- `");
	has(&text, "`alone` by `Mona`\n");
	lacks(&text, "more");
}

static void deletion_is_told(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	CLEANUP(strbuf_release) struct strbuf want = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41];

	id_of(world, "HEAD", before);
	said(world, before, ZEROS, "old", &text);
	strbuf_addf(&want, "Branch `old` was deleted; it was at `%.10s` `first`.\n", before);
	assert_string_equal(strbuf_str(&text), strbuf_str(&want));
	said(world, "1234567890123456789012345678901234567890", ZEROS, "old", &text);
	assert_string_equal(strbuf_str(&text), "Branch `old` was deleted; it was at `1234567890`.\n");
}

static void unknown_before_is_said(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char after[41];

	id_of(world, "HEAD", after);
	said(world, "1234567890123456789012345678901234567890", after, "main", &text);
	has(&text, "from `1234567890` (not in this repository) to `");
	has(&text, "`first` by `Mona`");
}

/* ---- bounds ---- */

static void much_is_cut(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], after[41];

	id_of(world, "HEAD", before);
	sh(world, "for i in $(seq 25); do for j in $(seq $i); do echo $j; done > file$i; git add .; commit -m \"number "
		  "$i.\"; done");
	id_of(world, "HEAD", after);
	said(world, before, after, "main", &text);
	has(&text, ": 25 commits, from");
	has(&text, "`number 6.`");
	lacks(&text, "`number 5.`");
	has(&text,
	    "- and 5 more\n\n25 files changed, 325 insertions, 0 deletions:\n\n- `file25` +25 -0, new\n- `file24`");
	has(&text, "- `file6` +6 -0, new\n- and 5 more\n");
	lacks(&text, "`file5`");
}

/* A history longer than what is walked: it is said that it is cut, and nothing is claimed about force. */
static void walk_is_bounded(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], after[41];

	id_of(world, "HEAD", before);
	sh(world,
	   "{ for i in $(seq 1100); do echo commit refs/heads/long; echo mark :$i; echo committer M '<m@x>' "
	   "$((1700100000+i)) +0000; "
	   "echo data 2; echo n; [ $i = 1 ] && echo from refs/heads/main; echo; done; } | git fast-import --quiet");
	id_of(world, "long", after);
	said(world, before, after, "long", &text);
	has(&text, "Pushed to branch `long`: 1000 commits or more, from");
	has(&text, "- and at least 980 more\n");
	said(world, ZEROS, after, "long", &text);
	has(&text, "Its last commits:");
}

static void many_files_are_not_listed(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], after[41];

	id_of(world, "HEAD", before);
	sh(world, "mkdir m && for i in $(seq 400); do echo $i > m/$i; done && git add . && commit -m many");
	id_of(world, "HEAD", after);
	said(world, before, after, "main", &text);
	has(&text,
	    "400 files changed, 300 insertions, 0 deletions (without 100 that are binary, large or too many):\n");
	has(&text, "- and 380 more\n");
	sh(world, "for i in $(seq 2100); do echo $i > m/x$i; done && git add . && commit -m 'very many'");
	id_of(world, "HEAD", after);
	said(world, before, after, "main", &text);
	has(&text, "\nMore than 2000 files changed.\n");
}

static void large_and_binary_are_not_read(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], after[41];

	id_of(world, "HEAD", before);
	sh(world, "yes line | head -c 1100000 > large && printf 'a\\0b' > binary && git mv one uno && git add . && "
		  "git update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,module && commit "
		  "-m mixed");
	id_of(world, "HEAD", after);
	said(world, before, after, "main", &text);
	has(&text, "4 files changed, 0 insertions, 0 deletions (without 3 that are binary, large or too many):\n");
	has(&text, "- `binary` (lines not counted), new\n");
	has(&text, "- `large` (lines not counted), new\n");
	has(&text, "- `module` (lines not counted), new\n");
	has(&text, "- `one` is now `uno` +0 -0\n");
}

/* Everything as long as it may be and longer, in every place at once. */
static void longest_text_fits(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], after[41], branch[300];

	memset(branch, 'b', sizeof(branch));
	branch[sizeof(branch) - 1] = '\0';
	id_of(world, "HEAD", before);
	sh(world, "zeros=$(printf '%0200d' 0); long=$(printf '\\140\\140%01500d' 0); tick=$(printf '\\140\\140'); "
		  "for i in $(seq 30); do mkdir $i$zeros; echo $i > \"$i$zeros/$tick$zeros\"; git add .; "
		  "commit -m \"$i$long\" --author \"$long <x@y>\"; done");
	id_of(world, "HEAD", after);
	said(world, before, after, branch, &text);
	has(&text, "- and 10 more\n\n30 files changed");
	has(&text, "…");
}

/* ---- what comes from outside ---- */

static void hostile_names_stay_in_their_spans(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char before[41], after[41];

	id_of(world, "HEAD", before);
	sh(world, "printf x > \"$(printf 'new\\nline`tick')\" && git add . && "
		  "commit -m \"$(printf 'a `b` \\033[31mred \\342\\200\\256turned ```` out')\" "
		  "--author \"$(printf '`M\\342\\200\\213`') <m@x>\"");
	sh(world, "commit -m '`all`' && commit -m 'one `tick' && printf x > \"$(printf 'bad\\377')\" && git add . && "
		  "commit -m bad");
	id_of(world, "HEAD", after);
	said(world, before, after, "we`ird", &text);
	has(&text, "branch ``we`ird``:");
	has(&text, "`a 'b' [31mred turned '''' out` by `` `M` ``\n");
	has(&text, "`` `all` `` by");
	has(&text, "``one `tick`` by");
	has(&text, "- `bad\xEF\xBF\xBD` +1 -0, new\n");
	has(&text, "- ``new line`tick`` +1 -0, new\n");
	lacks(&text, "\033");
	lacks(&text, "\xE2\x80\xAE");
	lacks(&text, "\xE2\x80\x8B");
}

static void refuses_what_is_no_push(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	char head[41], blob[41];
	struct error err = { 0 };

	id_of(world, "HEAD", head);
	id_of(world, "HEAD:one", blob);
	assert_int_equal(summarise(world, "HEAD", head, "main", &text, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(summarise(world, head, "", "main", &text, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(summarise(world, ZEROS, ZEROS, "main", &text, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(summarise(world, head, "1234567890123456789012345678901234567890", "main", &text, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(summarise(world, head, blob, "main", &text, &err), -1);
	assert_int_equal(text.len, 0);
}

/* ---- the repository ---- */

static void repository_has_name_and_settings(void **state)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(TEXT);
	const struct world *world = *state;
	static const char *const places[] = { "work/.git", "hello.git", "plain" };
	static const char *const names[] = { "work", "hello", "plain" };
	struct error err = { 0 };
	bool flag = true;

	sh(world, "git init -q --bare ../hello.git && git init -q --bare ../plain && git config nairi.url http://x/ && "
		  "git config nairi.secretFile '~/s'");
	for (size_t i = 0; i < 3; i++) {
		CLEANUP(repository_close_at) struct git_repository *repository = NULL;
		char directory[128];
		(void)snprintf(directory, sizeof(directory), "%s/%s", world->directory, places[i]);
		assert_int_equal(repository_open(directory, &repository, &err), 0);
		strbuf_reset(&text);
		repository_name(repository, &text);
		assert_string_equal(strbuf_str(&text), names[i]);
		strbuf_reset(&text);
		assert_int_equal(repository_setting(repository, "nairi.url", false, &text, &err), 0);
		assert_string_equal(strbuf_str(&text), i == 0 ? "http://x/" : "");
		assert_int_equal(repository_flag(repository, "nairi.direct", &flag, &err), 0);
		assert_false(flag);
	}
	struct git_repository *none = NULL;
	assert_int_equal(repository_open("/nonexistent", &none, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(push_is_told),
		TEST(merge_is_walked),
		TEST(force_is_told),
		TEST(new_branch_is_compared),
		TEST(new_branch_alone_has_last_commits),
		TEST(deletion_is_told),
		TEST(unknown_before_is_said),
		TEST(much_is_cut),
		TEST(walk_is_bounded),
		TEST(many_files_are_not_listed),
		TEST(large_and_binary_are_not_read),
		TEST(longest_text_fits),
		TEST(hostile_names_stay_in_their_spans),
		TEST(refuses_what_is_no_push),
		TEST(repository_has_name_and_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
