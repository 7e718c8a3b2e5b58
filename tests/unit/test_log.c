/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/base/json.h"
#include "bridge/base/log.h"

#define THREADS 4
#define LINES	50

/* A pipe that does not block: what was logged is there at once, or never. */
struct capture {
	int fds[2];
	char text[65536];
	size_t len;
};

static int setup(void **state)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (capture == NULL || pipe2(capture->fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	(void)unsetenv("JOURNAL_STREAM");
	*state = capture;
	return 0;
}

static int teardown(void **state)
{
	struct capture *capture = *state;

	log_open(STDERR_FILENO, LOG_ERROR, LOG_AUTO);
	close(capture->fds[0]);
	close(capture->fds[1]);
	free(capture);
	return 0;
}

static const char *written(struct capture *capture)
{
	ssize_t got = read(capture->fds[0], capture->text, sizeof(capture->text) - 1);

	capture->len = got > 0 ? (size_t)got : 0;
	capture->text[capture->len] = '\0';
	return capture->text;
}

/* The one line that was written, as a tree; its members are also its order. */
static cJSON *written_tree(struct capture *capture)
{
	struct error err = { .code = ERR_NONE };
	cJSON *tree = NULL;
	const char *line = written(capture);

	assert_true(capture->len > 0);
	assert_ptr_equal(strchr(line, '\n'), line + capture->len - 1);
	if (json_read(line, capture->len, NULL, &tree, &err) != 0)
		fail_msg("%s: %s", err.text, line);
	return tree;
}

/* Must be the first: nothing has called log_open yet. */
static void works_before_it_is_opened(void **state)
{
	struct capture *capture = *state;
	int saved = dup(STDERR_FILENO);

	assert_true(saved >= 0);
	assert_int_equal(dup2(capture->fds[1], STDERR_FILENO), STDERR_FILENO);
	log_write(LOG_DEBUG, "test.debug", NULL, NULL, 0);
	log_write(LOG_INFO, "test.early", "hello", NULL, 0);
	(void)dup2(saved, STDERR_FILENO);
	close(saved);

	CLEANUP(json_delete_at) cJSON *tree = written_tree(capture);
	assert_string_equal(json_str(tree, "event"), "test.early");
}

static void writes_json_in_its_order(void **state)
{
	static const char *const order[] = { "ts",     "level",	  "event", "msg",
					     "source", "attempt", "job_id" };
	struct capture *capture = *state;

	log_open(capture->fds[1], LOG_INFO, LOG_JSON);
	log_event(LOG_WARN, "message.retry", "later", LOG_STR("source", "github"),
		  LOG_INT("attempt", -3), LOG_STR("gone", NULL), LOG_STR("empty", ""),
		  LOG_STR("job_id", "job_1"));
	CLEANUP(json_delete_at) cJSON *tree = written_tree(capture);
	const cJSON *member = tree->child;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++, member = member->next)
		assert_string_equal(member->string, order[i]);
	assert_null(member);
	assert_string_equal(json_str(tree, "level"), "warn");
	assert_string_equal(json_str(tree, "msg"), "later");
	int64_t attempt;
	assert_true(json_int(tree, "attempt", &attempt));
	assert_int_equal(attempt, -3);
	assert_int_equal(strlen(json_str(tree, "ts")), strlen("2026-04-12T18:45:12.000Z"));
}

static void writes_logfmt_with_quotes_where_needed(void **state)
{
	struct capture *capture = *state;

	log_open(capture->fds[1], LOG_DEBUG, LOG_LOGFMT);
	log_event(LOG_DEBUG, "delivery.queued", "two words", LOG_STR("a", "plain/1.0:x"),
		  LOG_INT("n", 7), LOG_STR("b", "has space"), LOG_STR("c", "has=sign"),
		  LOG_STR("d", "has\"quote"), LOG_STR("e", "tab\there"),
		  LOG_STR("f", "back\\slash"), LOG_STR("g", "\xC5\xBC"));
	const char *line = written(capture);
	assert_memory_equal(line, "ts=", 3);
	assert_string_equal(
		strchr(line, ' '),
		" level=debug event=delivery.queued msg=\"two words\" a=plain/1.0:x n=7 "
		"b=\"has space\" c=\"has=sign\" d=\"has\\\"quote\" e=\"tab\\there\" "
		"f=\"back\\\\slash\" g=\"\xC5\xBC\"\n");
}

static void is_quiet_below_its_level(void **state)
{
	struct capture *capture = *state;

	log_open(capture->fds[1], LOG_WARN, LOG_JSON);
	log_write(LOG_INFO, "test.quiet", NULL, NULL, 0);
	assert_string_equal(written(capture), "");
	log_write(LOG_ERROR, "test.loud", NULL, NULL, 0);
	assert_non_null(strstr(written(capture), "\"level\":\"error\""));
}

static void text_from_outside_stays_on_its_line(void **state)
{
	static const char evil[] =
		"a\nts=forged\r\x1B[31mred\x7F\xE2\x80\xAE\xE2\x80\xA8\xC2\x85 \xFF\xC0\xAF";
	struct capture *capture = *state;

	for (int format = LOG_JSON; format <= LOG_LOGFMT; format++) {
		log_open(capture->fds[1], LOG_INFO, (enum log_format)format);
		log_event(LOG_INFO, "test.evil", evil, LOG_STR("error", evil));
		const char *line = written(capture);
		assert_ptr_equal(strchr(line, '\n'), line + capture->len - 1);
		for (size_t i = 0; i + 1 < capture->len; i++)
			assert_true((unsigned char)line[i] >= 0x20U && line[i] != 0x7F);
		assert_null(strstr(line, "\xE2\x80\xAE"));
		assert_null(strstr(line, "\xE2\x80\xA8"));
		assert_null(strstr(line, "\xC2\x85"));
		assert_null(strchr(line, '\xFF'));
		assert_non_null(strstr(line, "\xEF\xBF\xBD"));
	}
}

static void cuts_long_values_between_characters(void **state)
{
	struct capture *capture = *state;
	char text[1600];

	/* 999 bytes and then two-byte characters: the 1,000th byte would be half of one. */
	memset(text, 'a', 999);
	for (size_t i = 999; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xC5\xBC", 3);
	log_open(capture->fds[1], LOG_INFO, LOG_JSON);
	log_event(LOG_INFO, "test.long", NULL, LOG_STR("value", text));
	CLEANUP(json_delete_at) cJSON *tree = written_tree(capture);
	assert_int_equal(strlen(json_str(tree, "value")), 999);

	/* No place to cut at all: bytes that are never UTF-8. */
	memset(text, 0xBF, 1500);
	text[1500] = '\0';
	log_event(LOG_INFO, "test.long", NULL, LOG_STR("value", text));
	CLEANUP(json_delete_at) cJSON *second = written_tree(capture);
	assert_int_equal(strlen(json_str(second, "value")), 3000);
}

static void bounds_the_line_and_keeps_what_fits(void **state)
{
	struct capture *capture = *state;
	char escapes[1001];

	memset(escapes, 1, 1000); /* six bytes each when escaped */
	escapes[1000] = '\0';
	log_open(capture->fds[1], LOG_INFO, LOG_JSON);
	log_event(LOG_INFO, "test.full", escapes, LOG_STR("a", escapes),
		  LOG_STR("job_id", "job_1"));
	CLEANUP(json_delete_at) cJSON *tree = written_tree(capture);
	assert_true(capture->len <= PIPE_BUF);
	assert_string_equal(json_str(tree, "event"), "test.full");
	assert_string_equal(json_str(tree, "job_id"), "job_1");
	assert_null(json_at(tree, "a"));
	assert_true(json_bool(tree, "truncated", false));

	log_open(capture->fds[1], LOG_INFO, LOG_LOGFMT);
	log_event(LOG_INFO, "test.full", escapes, LOG_STR("job_id", "job_1"));
	assert_non_null(strstr(written(capture), "event=test.full job_id=job_1 truncated=true\n"));
}

static void tells_the_journal_its_priority(void **state)
{
	static const char *const prefixes[] = { "<7>{", "<6>{", "<4>{", "<3>{" };
	struct capture *capture = *state;
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(capture->fds[1], &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		       (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_open(capture->fds[1], LOG_DEBUG, LOG_AUTO);
	for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
		log_write((enum log_level)level, "test.journal", NULL, NULL, 0);
		assert_memory_equal(written(capture), prefixes[level], 4);
	}
	/* Redirected elsewhere by the service itself: no prefix. */
	assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
	log_open(capture->fds[1], LOG_DEBUG, LOG_AUTO);
	log_write(LOG_INFO, "test.journal", NULL, NULL, 0);
	assert_memory_equal(written(capture), "{", 1);
}

static void leaves_errno_alone(void **state)
{
	struct capture *capture = *state;

	log_open(-1, LOG_INFO, LOG_JSON);
	errno = ENOENT;
	log_write(LOG_INFO, "test.errno", NULL, NULL, 0);
	assert_int_equal(errno, ENOENT);
	log_open(capture->fds[1], LOG_INFO, LOG_JSON);
}

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_event(LOG_INFO, "test.thread", NULL, LOG_INT("n", i), LOG_STR("who", arg));
	return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
	struct capture *capture = *state;
	char names[THREADS][101];
	pthread_t threads[THREADS];
	int lines = 0;

	log_open(capture->fds[1], LOG_INFO, LOG_JSON);
	for (int i = 0; i < THREADS; i++) {
		memset(names[i], 'a' + i, 100);
		names[i][100] = '\0';
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	const char *line = written(capture);
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
		struct error err = { .code = ERR_NONE };
		CLEANUP(json_delete_at) cJSON *tree = NULL;
		if (json_read(line, (size_t)(end - line), NULL, &tree, &err) != 0)
			fail_msg("%s", err.text);
	}
	assert_int_equal(lines, THREADS * LINES);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(works_before_it_is_opened),
		LOG_TEST(writes_json_in_its_order),
		LOG_TEST(writes_logfmt_with_quotes_where_needed),
		LOG_TEST(is_quiet_below_its_level),
		LOG_TEST(text_from_outside_stays_on_its_line),
		LOG_TEST(cuts_long_values_between_characters),
		LOG_TEST(bounds_the_line_and_keeps_what_fits),
		LOG_TEST(tells_the_journal_its_priority),
		LOG_TEST(leaves_errno_alone),
		LOG_TEST(threads_do_not_mix_their_lines),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
