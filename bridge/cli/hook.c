/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nairi-bridge hook post-receive`, for plain Git servers. The push is done when Git runs this hook, but whoever pushed
 * waits for its end: so it never takes longer than two seconds and never fails. All that could hang (the disk under the
 * repository, name resolution, the network) is done by a child, which is killed at the deadline, and which may crash.
 * Its standard error is a pipe to here: what is said to the pusher is one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bridge/base/clock.h"
#include "bridge/base/invisible.h"
#include "bridge/cli/hook_send.h"
#include "bridge/cli/hook_stdin.h"

/* Two seconds in all, with what it takes to start, to be killed and to say so. */
#define WORK_MS     1800
#define WORDS_MAX   2048 /* of the child's that are kept */
#define REFS_NAMED  3    /* of those not told about */
#define NAME_BYTES  80

struct child {
	pid_t pid;
	int words; /* its standard output and error */
};

static void names_of_missing(const struct hook_refs *refs, const atomic_bool *told, struct strbuf *out)
{
	size_t missing = refs->beyond;

	for (size_t i = 0; i < refs->count; i++) {
		if (atomic_load(&told[i]))
			continue;
		if (missing++ < refs->beyond + REFS_NAMED) {
			strbuf_adds(out, out->len > 0 ? ", " : "");
			invisible_line(refs->items[i].name + strlen("refs/heads/"), NAME_BYTES, out);
		}
	}
	size_t named = missing - refs->beyond < REFS_NAMED ? missing - refs->beyond : REFS_NAMED;
	if (missing > named)
		strbuf_addf(out, "%s%zu%s", out->len > 0 ? " and " : "", missing - named,
			    named > 0 ? " more" : " branches");
}

/* The first line of what the child said, or why it said nothing. */
static void reason(const struct strbuf *words, const struct hook_refs *refs, bool late, struct strbuf *out)
{
	static const char prefix[] = "nairi-bridge: ";
	CLEANUP(strbuf_release) struct strbuf first = STRBUF(WORDS_MAX);
	const char *text = strbuf_str(words);

	if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
		text += sizeof(prefix) - 1;
	strbuf_add(&first, text, strcspn(text, "\n"));
	if (first.len > 0)
		invisible_line(strbuf_str(&first), 600, out);
	else if (late)
		strbuf_adds(out, "it took longer than 2 seconds; is `nairi-bridge serve` well?");
	else if (refs->beyond > 0)
		strbuf_addf(out, "only the first %d of a push are told about", HOOK_REFS_MAX);
	else
		strbuf_adds(out, "the hook broke off; run `nairi-bridge hook post-receive` by hand to see why");
}

static void report(const struct hook_refs *refs, const atomic_bool *told, const struct strbuf *words, bool late)
{
	CLEANUP(strbuf_release) struct strbuf names = STRBUF(1024);
	CLEANUP(strbuf_release) struct strbuf why = STRBUF(1024);

	names_of_missing(refs, told, &names);
	if (names.len == 0)
		return;
	reason(words, refs, late, &why);
	(void)fprintf(stderr, "nairi-bridge: the push is done, but Nairi was not told about %s: %s\n",
		      strbuf_str(&names), strbuf_str(&why));
}

/* ---- the child ---- */

static void child_release(struct child *child)
{
	if (child->words >= 0)
		close(child->words);
	if (child->pid <= 0)
		return;
	(void)kill(child->pid, SIGKILL);
	/* Not waited for: a disk that hangs would hold it, and so the push. init reaps it. */
	(void)waitpid(child->pid, NULL, WNOHANG);
}

static _Noreturn void child_main(const struct hook_send *send, int words)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Git reads our standard error to its end: nothing that outlives this hook may hold it. */
	if (dup2(words, STDOUT_FILENO) >= 0 && dup2(words, STDERR_FILENO) >= 0) {
		hook_send(send);
		(void)fflush(stderr);
	}
	_exit(0);
}

static int child_start(const struct hook_send *send, struct child *ret)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		child_main(send, ends[1]);
	int code = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		errno = code;
		return -1;
	}
	*ret = (struct child){ .pid = pid, .words = ends[0] };
	return 0;
}

/* Until its end; whether the deadline came first. */
static bool child_listen(const struct child *child, int64_t deadline_ms, struct strbuf *out)
{
	struct pollfd input = { .fd = child->words, .events = POLLIN };
	char chunk[1024];

	for (;;) {
		int64_t left = deadline_ms - clock_mono_ms();
		if (left <= 0)
			return true;
		int ready = poll(&input, 1, (int)left);
		if (ready == 0 || (ready < 0 && errno == EINTR))
			continue;
		ssize_t got = ready < 0 ? -1 : read(child->words, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		strbuf_add(out, chunk, (size_t)got < out->max - out->len ? (size_t)got : out->max - out->len);
	}
}

/* ---- the verb ---- */

static void post_receive(const struct verb_call *call, int64_t deadline_ms)
{
	CLEANUP(child_release) struct child child = { .words = -1 };
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(WORDS_MAX);
	size_t size = HOOK_REFS_MAX * sizeof(atomic_bool);
	struct hook_refs refs;

	hook_stdin_read(STDIN_FILENO, deadline_ms, &refs);
	if (refs.late)
		(void)fprintf(stderr,
			      "nairi-bridge: standard input did not end within 2 seconds; Git starts this as a hook\n");
	else if (refs.garbage > 0)
		(void)fprintf(stderr, "nairi-bridge: standard input is not what Git tells a post-receive hook: "
				      "expected lines of "
				      "\"<old> <new> <ref>\" with SHA-1 ids\n");
	if (refs.count == 0)
		return;
	atomic_bool *told = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED) {
		(void)fprintf(stderr, "nairi-bridge: the push is done, but Nairi was not told: out of memory\n");
		return;
	}
	struct hook_send send = { .call = call, .refs = &refs, .told = told, .deadline_ms = deadline_ms - 50 };
	bool late = false;
	if (child_start(&send, &child) == 0)
		late = child_listen(&child, deadline_ms, &words);
	else
		strbuf_addf(&words, "no process can be started: %s\n", strerror(errno));
	report(&refs, told, &words, late);
	(void)munmap(told, size);
}

static int run(const struct verb_call *call)
{
	int64_t deadline_ms = clock_mono_ms() + WORK_MS;

	if (strcmp(call->operands[0], "post-receive") != 0) {
		(void)fprintf(stderr, "nairi-bridge hook: the only hook is post-receive\n\n");
		verb_help(call->verb, stderr);
		return VERB_USAGE;
	}
	/* Who pushed may be gone before the hook is done. */
	(void)signal(SIGPIPE, SIG_IGN);
	post_receive(call, deadline_ms);
	return VERB_DONE;
}

static const struct verb_option options[] = {
	{ "url", 'u', "URL", "the bridge's source, http://127.0.0.1:8080/hooks/NAME; else nairi.url of git config" },
	{ "secret-file", 's', "FILE", "signs with what is in it (HMAC-SHA256); else nairi.secretFile" },
	{ "token-file", 't', "FILE", "sends it as the bearer token; else nairi.tokenFile" },
	{ "thread", 'T', "KEY", "the thread, with {repo} and {branch}; else nairi.thread, else {repo}/{branch}" },
	{ "direct", 'd', "JOB", "asks the daemon on this host instead; else nairi.job, when nairi.direct is true" },
	{ 0 },
};

const struct verb hook_verb = {
	.name = "hook",
	.operands = "HOOK",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "as a Git server's post-receive hook: tells what was pushed",
	.options = options,
	.run = run,
};
