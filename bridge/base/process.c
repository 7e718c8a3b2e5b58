/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bridge/base/clock.h"
#include "bridge/base/frame.h"
#include "bridge/base/process_greeting.h"

struct process {
	pid_t pid;
	int socket;
	struct frame_reader reader;
};

/* Descriptor 3 is the socket, 0 and 1 are nothing, 2 stays, and whatever else is open here is closed there. */
static int set_files(posix_spawn_file_actions_t *files, int socket)
{
	int bad = posix_spawn_file_actions_adddup2(files, socket, PROCESS_WORKER_FD);

	bad = bad != 0 ? bad : posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	bad = bad != 0 ? bad : posix_spawn_file_actions_addopen(files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	return bad != 0 ? bad : posix_spawn_file_actions_addclosefrom_np(files, PROCESS_WORKER_FD + 1);
}

/*
 * Signals as a fresh process has them, and a process group of its own: a Ctrl-C is for the daemon, which stops its
 * helpers itself.
 */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	int bad = posix_spawnattr_setsigmask(attributes, &none);
	bad = bad != 0 ? bad : posix_spawnattr_setsigdefault(attributes, &all);
	bad = bad != 0 ? bad : posix_spawnattr_setpgroup(attributes, 0);
	return bad != 0 ? bad
			: posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
								       POSIX_SPAWN_SETPGROUP);
}

/*
 * posix_spawn and not fork: the daemon has threads, and copying its page tables would cost more than the helper does.
 */
static int spawn(const struct process_options *options, int socket, pid_t *ret, struct error *err)
{
	char name[] = "nairi-bridge", flag[] = PROCESS_FLAG, verb[32];
	char *argv[] = { name, flag, verb, NULL };
	char *environment[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;

	(void)snprintf(verb, sizeof(verb), "%s", options->verb);
	if (posix_spawn_file_actions_init(&files) != 0)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&files);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	int bad = set_files(&files, socket);
	bad = bad != 0 ? bad : set_attributes(&attributes);
	bad = bad != 0 ? bad
		       : posix_spawn(ret, options->program != NULL ? options->program : "/proc/self/exe", &files,
				     &attributes, argv, environment);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&files);
	return bad == 0 ? 0 : error_set(err, ERR_IO, "start a helper process: %s", strerror(bad));
}

/* Its limits are the first thing that a helper hears; it binds itself by them before it reads anything else. */
static int greet(struct process *process, const struct process_options *options, struct error *err)
{
	struct process_greeting greeting = { .magic = PROCESS_GREETING, .limits = options->limits };

	return frame_send(process->socket, &greeting, sizeof(greeting), clock_mono_ms() + 1000, err);
}

int process_start(const struct process_options *options, struct process **ret, struct error *err)
{
	int pair[2];
	struct process *process = calloc(1, sizeof(*process));

	if (process == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		free(process);
		return error_set(err, ERR_IO, "start a helper process: %s", strerror(errno));
	}
	int bad = spawn(options, pair[1], &process->pid, err);
	close(pair[1]);
	if (bad != 0) {
		close(pair[0]);
		free(process);
		return -1;
	}
	process->socket = pair[0];
	process->reader = FRAME_READER(options->frame_max);
	if (greet(process, options, err) != 0) {
		(void)process_stop(process, 0);
		return error_prefix(err, "the helper process ended at once: ");
	}
	*ret = process;
	return 0;
}

int process_socket(const struct process *process)
{
	return process->socket;
}

pid_t process_pid(const struct process *process)
{
	return process->pid;
}

int process_send(struct process *process, const void *bytes, size_t len, int64_t until, struct error *err)
{
	return frame_send(process->socket, bytes, len, until, err);
}

int process_receive(struct process *process, int64_t until, const char **ret, size_t *ret_len, struct error *err)
{
	return frame_receive(&process->reader, process->socket, until, ret, ret_len, err);
}

/* Until it ended by itself, or its grace is over. */
static void wait_for_end(pid_t pid, int64_t grace_ms)
{
	int64_t until = clock_mono_ms() + grace_ms;
	int CLEANUP(cleanup_close) pidfd = pidfd_open(pid, 0);

	if (pidfd < 0)
		return;
	for (int64_t left = grace_ms; left > 0; left = until - clock_mono_ms()) {
		struct pollfd ended = { .fd = pidfd, .events = POLLIN };
		if (poll(&ended, 1, left > 60000 ? 60000 : (int)left) > 0)
			return;
	}
}

int process_stop(struct process *process, int64_t grace_ms)
{
	int status = 0;

	if (process == NULL)
		return 0;
	close(process->socket);
	if (grace_ms > 0)
		wait_for_end(process->pid, grace_ms);
	/* Not reaped yet, so the number is still its own, even if it is a zombie. */
	(void)kill(process->pid, SIGKILL);
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		;
	frame_reader_release(&process->reader);
	free(process);
	return status;
}

void process_describe(int status, char out[PROCESS_END_SIZE])
{
	if (WIFSIGNALED(status))
		(void)snprintf(out, PROCESS_END_SIZE, "killed by signal %d", WTERMSIG(status));
	else
		(void)snprintf(out, PROCESS_END_SIZE, "ended with status %d", WEXITSTATUS(status));
}
