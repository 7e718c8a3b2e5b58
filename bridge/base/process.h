/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper process: our own binary once more, with an internal verb (`nairi-bridge --worker <verb>`), for work that
 * may hang, crash or be attacked by what it reads. It has an empty environment, one socket to us as descriptor 3,
 * standard error (to say why it crashed), nothing else; limits, no new privileges, no core, no exec; and it dies with
 * the thread that started it. It is spoken to in frames (frame.h), killed with SIGKILL when its time is over, and
 * always reaped. Moments are of clock_mono_ms().
 */
#ifndef BRIDGE_BASE_PROCESS_H
#define BRIDGE_BASE_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "bridge/base/error.h"

#define PROCESS_FLAG      "--worker"
#define PROCESS_WORKER_FD 3

struct process;

/* What setrlimit(2) is told; 0: not limited. */
struct process_limits {
	int64_t cpu_s;
	int64_t memory; /* bytes that are private and writable (RLIMIT_DATA); not in sanitizer builds, which map terabytes */
	int64_t file_size;   /* bytes of one file; writing more fails (EFBIG) */
	int64_t descriptors;
};

struct process_options {
	const char *program; /* NULL: /proc/self/exe */
	const char *verb;
	struct process_limits limits;
	size_t frame_max;    /* of one answer, bytes */
};

/* ---- our side: the thread that starts a process is the one that uses it ---- */

int process_start(const struct process_options *options, struct process **ret, struct error *err) MUST_CHECK;

/* For poll(2): readable when process_receive has something to do. */
int process_socket(const struct process *process);
pid_t process_pid(const struct process *process);

/* As frame_send and frame_receive. An error is final: stop it. */
int process_send(struct process *process, const void *bytes, size_t len, int64_t until, struct error *err) MUST_CHECK;
int process_receive(struct process *process, int64_t until, const char **ret, size_t *ret_len,
		    struct error *err) MUST_CHECK;

/*
 * Closes its socket, gives it grace_ms to end by itself, kills it, reaps it, frees everything. Returns its wait
 * status (waitpid(2)); takes NULL (0).
 */
int process_stop(struct process *process, int64_t grace_ms);

/* A wait status as a clause: "ended with status 1", "killed by signal 11". */
#define PROCESS_END_SIZE 64
void process_describe(int status, char out[PROCESS_END_SIZE]);

/* ---- the helper's side ---- */

/*
 * First thing in a worker: takes the limits from the socket and binds itself by them. What cannot be bound is an
 * error, and the worker must end. From then on it may speak by frame_send and frame_receive.
 */
int process_worker_begin(int socket, struct error *err) MUST_CHECK;

#endif
