/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's side of process.h. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bridge/base/frame.h"
#include "bridge/base/process.h"
#include "bridge/base/process_greeting.h"

/* The sanitizers map terabytes of shadow, and look for leaks by ptrace. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

static int limit(int resource, int64_t value, struct error *err)
{
	struct rlimit most;

	if (value < 0)
		return 0;
	if (getrlimit((__rlimit_resource_t)resource, &most) != 0)
		return error_set(err, ERR_IO, "getrlimit: %s", strerror(errno));
	rlim_t want = (rlim_t)value;
	if (most.rlim_max != RLIM_INFINITY && most.rlim_max < want)
		want = most.rlim_max;
	struct rlimit new = { .rlim_cur = want, .rlim_max = want };
	if (setrlimit((__rlimit_resource_t)resource, &new) != 0)
		return error_set(err, ERR_IO, "setrlimit: %s", strerror(errno));
	return 0;
}

static int64_t or_unlimited(int64_t value)
{
	return value > 0 ? value : -1;
}

static int set_limits(const struct process_limits *limits, struct error *err)
{
	if (limit(RLIMIT_CORE, 0, err) != 0 || limit(RLIMIT_CPU, or_unlimited(limits->cpu_s), err) != 0 ||
	    limit(RLIMIT_FSIZE, or_unlimited(limits->file_size), err) != 0 ||
	    limit(RLIMIT_NOFILE, or_unlimited(limits->descriptors), err) != 0)
		return -1;
#ifndef SANITIZED
	if (limit(RLIMIT_DATA, or_unlimited(limits->memory), err) != 0)
		return -1;
#endif
	return 0;
}

/*
 * What no helper of ours ever does, and what someone who took it over would do next. A list of what is refused, not
 * of what is allowed: resolver, TLS and threads of the libraries differ between releases, and a helper that dies of
 * an update helps nobody.
 */
static const int refused[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(personality),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
#ifndef SANITIZED
	SCMP_SYS(ptrace),
#endif
};

static int refuse_calls(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int bad = filter == NULL ? -ENOMEM : 0;

#ifdef SANITIZED
	/*
	 * A sanitizer has a thread of its own already. Elsewhere there is only this one, and what this needs of the
	 * kernel (seccomp(2), not prctl(2)) is refused by the filter of our own systemd unit.
	 */
	bad = bad != 0 ? bad : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
#endif
	for (size_t i = 0; bad == 0 && i < sizeof(refused) / sizeof(refused[0]); i++)
		bad = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	bad = bad != 0 ? bad : seccomp_load(filter);
	seccomp_release(filter);
	return bad == 0 ? 0 : error_set(err, ERR_IO, "seccomp: %s", strerror(-bad));
}

static int bind_self(struct error *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(err, ERR_IO, "no new privileges: %s", strerror(errno));
	/* If the daemon died before this line, the socket says so at the next read. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return error_set(err, ERR_IO, "die with the daemon: %s", strerror(errno));
	/* Nobody of our own user attaches to it, or reads a token out of its memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_set(err, ERR_IO, "not dumpable: %s", strerror(errno));
	return 0;
}

int process_worker_begin(int socket, struct error *err)
{
	struct frame_reader CLEANUP(frame_reader_release) reader = FRAME_READER(sizeof(struct process_greeting));
	struct process_greeting greeting;
	const char *frame;
	size_t len;

	(void)umask(077);
	/* A full file, or a socket that is gone, is an error to report and no reason to die. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (fcntl(socket, F_SETFD, FD_CLOEXEC) != 0)
		return error_set(err, ERR_INVALID, "this is for nairi-bridge itself");
	if (frame_receive(&reader, socket, FRAME_FOREVER, &frame, &len, err) != 0)
		return -1;
	if (len != sizeof(greeting))
		return error_set(err, ERR_INVALID, "another version of nairi-bridge started this one");
	memcpy(&greeting, frame, sizeof(greeting));
	greeting.magic[sizeof(greeting.magic) - 1] = '\0';
	if (strcmp(greeting.magic, PROCESS_GREETING) != 0)
		return error_set(err, ERR_INVALID, "another version of nairi-bridge started this one");
	if (set_limits(&greeting.limits, err) != 0 || bind_self(err) != 0)
		return -1;
	return refuse_calls(err);
}
