/* SPDX-License-Identifier: Apache-2.0 */
/* The program under test is this one: with --worker it is its own helper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bridge/base/clock.h"
#include "bridge/base/frame.h"
#include "bridge/base/process.h"

#define DEADLINE_MS 20000

/* ---- helpers ---- */

static int echo(int socket)
{
	struct frame_reader CLEANUP(frame_reader_release) reader = FRAME_READER(1 << 20);
	const char *frame;
	size_t len;

	while (frame_receive(&reader, socket, FRAME_FOREVER, &frame, &len, NULL) == 0) {
		if (frame_send(socket, frame, len, FRAME_FOREVER, NULL) != 0)
			return 1;
	}
	return 0;
}

static int64_t limit_of(int resource)
{
	struct rlimit limit;

	return getrlimit((__rlimit_resource_t)resource, &limit) == 0 ? (int64_t)limit.rlim_max : -2;
}

static void list_descriptors(struct strbuf *out)
{
	DIR *dir = opendir("/proc/self/fd");

	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] != '.' && (int)strtol(entry->d_name, NULL, 10) != dirfd(dir))
			strbuf_addf(out, "%s,", entry->d_name);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static int try_exec(void)
{
	char name[] = "true";
	char *argv[] = { name, NULL }, *none[] = { NULL };

	(void)execve("/bin/true", argv, none);
	return errno;
}

static int file_too_large(void)
{
	static const char bytes[8192];
	FILE *file = tmpfile();
	int bad = 0;

	if (file == NULL)
		return -1;
	if (write(fileno(file), bytes, sizeof(bytes)) != 4096 || write(fileno(file), bytes, 1) >= 0)
		bad = -2;
	else
		bad = errno;
	(void)fclose(file);
	return bad;
}

/* Says how it finds itself. */
static int tell(int socket)
{
	struct strbuf CLEANUP(strbuf_release) out = STRBUF(4096);
	int death = 0;
	size_t variables = 0;

	(void)prctl(PR_GET_PDEATHSIG, &death);
	while (environ != NULL && environ[variables] != NULL)
		variables++;
	strbuf_addf(&out, "env=%zu fds=", variables);
	list_descriptors(&out);
	strbuf_addf(&out, " core=%lld cpu=%lld files=%lld", (long long)limit_of(RLIMIT_CORE),
		    (long long)limit_of(RLIMIT_CPU), (long long)limit_of(RLIMIT_NOFILE));
	strbuf_addf(&out, " nnp=%d death=%d dump=%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), death,
		    prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	strbuf_addf(&out, " group=%d exec=%d", getpgrp() == getpid(), try_exec());
	strbuf_addf(&out, " fsize=%d", file_too_large());
	return frame_send(socket, strbuf_str(&out), out.len, FRAME_FOREVER, NULL);
}

static int hang(int socket)
{
	int bad = frame_send(socket, "here", 4, FRAME_FOREVER, NULL);

	while (bad == 0)
		(void)pause();
	return bad;
}

static int boast(int socket)
{
	const unsigned char head[4] = { 0x7f, 0xff, 0xff, 0xff };

	(void)send(socket, head, sizeof(head), MSG_NOSIGNAL);
	return hang(socket);
}

static int run_worker(const char *verb)
{
	if (process_worker_begin(PROCESS_WORKER_FD, NULL) != 0)
		return 9;
	if (strcmp(verb, "echo") == 0)
		return echo(PROCESS_WORKER_FD);
	if (strcmp(verb, "tell") == 0)
		return tell(PROCESS_WORKER_FD);
	if (strcmp(verb, "hang") == 0)
		return hang(PROCESS_WORKER_FD);
	if (strcmp(verb, "boast") == 0)
		return boast(PROCESS_WORKER_FD);
	if (strcmp(verb, "fail") == 0)
		return 7;
	if (strcmp(verb, "crash") == 0)
		(void)kill(getpid(), SIGKILL);
	return 8;
}

/* ---- tests ---- */

static struct process *start(const char *verb)
{
	struct process_options options = { .verb = verb,
					   .frame_max = 1 << 20,
					   .limits = { .cpu_s = 77, .file_size = 4096, .descriptors = 33 } };
	struct process *process;
	struct error err = { 0 };

	if (process_start(&options, &process, &err) != 0)
		fail_msg("%s", err.text);
	return process;
}

static const char *receive(struct process *process, size_t *ret_len)
{
	const char *frame;
	struct error err = { 0 };

	if (process_receive(process, clock_mono_ms() + DEADLINE_MS, &frame, ret_len, &err) != 0)
		fail_msg("%s", err.text);
	assert_non_null(frame);
	return frame;
}

static void assert_gone(pid_t pid)
{
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void frames_of_any_size_come_back(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 2, 4095, 4096, 4097, 70000, 1 << 20 };
	struct process *process = start("echo");
	pid_t pid = process_pid(process);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *bytes = malloc(sizes[i]);
		size_t len;
		assert_non_null(bytes);
		memset(bytes, (int)('a' + i), sizes[i]);
		assert_int_equal(process_send(process, bytes, sizes[i], clock_mono_ms() + DEADLINE_MS, NULL), 0);
		const char *frame = receive(process, &len);
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(frame, bytes, len);
		free(bytes);
	}
	int status = process_stop(process, DEADLINE_MS);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_gone(pid);
}

static void a_helper_is_bound(void **state)
{
	(void)state;
	size_t len;
	/* Whatever is open here must not be open there. */
	int low = open("/dev/null", O_RDONLY);
	int leak = fcntl(low, F_DUPFD, 20);
	assert_true(leak >= 20);
	struct process *process = start("tell");
	const char *told = receive(process, &len);
	assert_string_equal(told,
			    "env=0 fds=0,1,2,3, core=0 cpu=77 files=33 nnp=1 death=9 dump=0 group=1 exec=1 fsize=27");
	(void)process_stop(process, DEADLINE_MS);
	close(leak);
	close(low);
}

static void a_silent_helper_is_killed_and_reaped(void **state)
{
	(void)state;
	struct process *process = start("hang");
	pid_t pid = process_pid(process);
	const char *frame;
	size_t len;

	(void)receive(process, &len);
	assert_int_equal(process_receive(process, clock_mono_ms() + 50, &frame, &len, NULL), 0);
	assert_null(frame);
	/* Not even a grace helps it. */
	int status = process_stop(process, 50);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_gone(pid);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void what_it_says_has_a_maximum(void **state)
{
	(void)state;
	struct process *process = start("boast");
	const char *frame;
	size_t len;
	struct error err = { 0 };

	assert_int_equal(process_receive(process, clock_mono_ms() + DEADLINE_MS, &frame, &len, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_null(frame);
	(void)process_stop(process, 0);
}

static void its_end_is_told(void **state)
{
	(void)state;
	static const char *const verbs[] = { "crash", "fail", "nonsense" };
	static const char *const ends[] = { "killed by signal 9", "ended with status 7", "ended with status 8" };
	char text[PROCESS_END_SIZE];

	for (size_t i = 0; i < 3; i++) {
		struct process *process = start(verbs[i]);
		const char *frame;
		size_t len;
		struct error err = { 0 };
		assert_int_equal(process_receive(process, clock_mono_ms() + DEADLINE_MS, &frame, &len, &err), -1);
		assert_int_equal(err.code, ERR_UPSTREAM);
		process_describe(process_stop(process, DEADLINE_MS), text);
		assert_string_equal(text, ends[i]);
	}
}

static void a_program_that_is_not_there(void **state)
{
	(void)state;
	struct process_options options = { .program = "/nonexistent/program", .verb = "echo", .frame_max = 1 };
	struct process *process;
	struct error err = { 0 };

	assert_int_equal(process_start(&options, &process, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void who_does_not_read_holds_nobody(void **state)
{
	(void)state;
	static const char bytes[1 << 20];
	struct process *process = start("hang");
	struct error err = { 0 };
	int bad = 0;

	for (int i = 0; i < 4 && bad == 0; i++)
		bad = process_send(process, bytes, sizeof(bytes), clock_mono_ms() + 100, &err);
	assert_int_equal(bad, -1);
	assert_int_equal(err.code, ERR_UPSTREAM);
	(void)process_stop(process, 0);
}

static void *start_and_leave(void *ctx)
{
	struct process **process = ctx;
	size_t len;

	*process = start("hang");
	(void)receive(*process, &len);
	return NULL;
}

static void it_dies_with_the_thread_that_started_it(void **state)
{
	(void)state;
	struct process *process = NULL;
	pthread_t thread;
	const char *frame;
	size_t len;

	assert_int_equal(pthread_create(&thread, NULL, start_and_leave, &process), 0);
	(void)pthread_join(thread, NULL);
	assert_int_equal(process_receive(process, clock_mono_ms() + DEADLINE_MS, &frame, &len, NULL), -1);
	(void)process_stop(process, 0);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], PROCESS_FLAG) == 0)
		return run_worker(argv[2]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_any_size_come_back),
		cmocka_unit_test(a_helper_is_bound),
		cmocka_unit_test(a_silent_helper_is_killed_and_reaped),
		cmocka_unit_test(what_it_says_has_a_maximum),
		cmocka_unit_test(its_end_is_told),
		cmocka_unit_test(a_program_that_is_not_there),
		cmocka_unit_test(who_does_not_read_holds_nobody),
		cmocka_unit_test(it_dies_with_the_thread_that_started_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
