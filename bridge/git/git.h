/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bridge asks of Git: bare mirrors in a bounded cache, read with libgit2. Everything that touches the
 * network or an unknown repository runs in a child process of our own binary (bridge/base/process.h), which is killed
 * at a deadline; a repository is fetched by one child at a time, and one that failed is left alone for a while
 * (back-off: 5 s after the first failure, doubling to 10 minutes). A question never blocks anybody: it is asked from
 * any thread and answered on the service's own.
 *
 * Questions about one repository share a fetch. None is made when the mirror has the answer for sure: the commit of a
 * GIT_CODE is there, or that of a GIT_THREAD or GIT_PUSH is the head of one of refs (as long as it is only in their
 * history, another ref may have become nearer). When a fetch fails, or must wait, the mirror's answer counts if it
 * has one, and else the error says why.
 *
 * URLs are https:, http:, file: and absolute paths (bridge/git/url.h); ssh is refused with an error that says so. A
 * local one reads what this user may read: it must come from the configuration, never out of a request. TLS needs the
 * bundle of the system, or the file that SSL_CERT_FILE names in the daemon's environment when the service is made;
 * libgit2 1.5 speaks TLS 1.2, knows no addresses in certificates, and is given no proxy.
 */
#ifndef BRIDGE_GIT_GIT_H
#define BRIDGE_GIT_GIT_H

#include <sys/types.h>

#include "bridge/base/arena.h"
#include "bridge/base/error.h"
#include "bridge/base/secret.h"

struct git_service;

struct git_options {
	const char *cache;        /* directory of the mirrors; made (mode 0700) when it is missing; one service each */
	int64_t max_size;         /* bytes; the mirrors longest unused go first */
	int64_t fetch_timeout_ms; /* of one fetch, and of one question beyond it */
	const char *program;      /* our own binary, for the child; NULL: /proc/self/exe */
};

enum git_want {
	GIT_CODE,   /* the lines around path:line at commit → text */
	GIT_THREAD, /* which of refs has commit in its history, nearest its head first → found */
	GIT_LINK,   /* a job id in a trailer or a note of the head of refs[0], or of its last commits → job_id */
	GIT_PUSH,   /* GIT_THREAD, and what was pushed from before to commit → text */
};

#define GIT_REFS_MAX 200
#define GIT_TEXT_MAX ((size_t)16 * 1024)

/* One question. By the asker, all of it in the arena or longer living: */
struct git_question {
	struct arena *arena;      /* the answer is allocated here, by the service's thread, before done() */
	enum git_want want;
	const char *url;          /* of the repository */
	/* NULL: none. Sent only to the host of url; to the child over its socket, never in arguments or environment */
	const struct secret *token;
	const char *commit;       /* hex; NULL with GIT_LINK */
	const char *before;       /* GIT_PUSH */
	const char *branch;       /* GIT_PUSH: as people know it, for the text; NULL: the ref that was found */
	const char *path;         /* GIT_CODE */
	int64_t line, last_line;  /* from 1; last_line 0: one line */
	int context;              /* lines before and after: 6 */
	bool old_side;            /* GIT_CODE: the first parent's version */
	const char *const *refs;  /* "refs/pull/42/head": fetched, and searched. At most GIT_REFS_MAX */
	size_t ref_count;
	/*
	 * GIT_LINK: the e-mail addresses (any case) of which both author and committer of the commit or note must be
	 * one
	 */
	const char *const *authors;
	size_t author_count;

	void (*done)(struct git_question *question); /* on the service's thread; owns the question from then on */
	void *user;

	/* By the service: */
	struct error err;         /* code 0: answered (perhaps with nothing found) */
	bool cancelled;           /* with an error: the service is stopping */
	int64_t duration_ms;
	const char *text;         /* NULL: none */
	ssize_t found;            /* index in refs; -1: none */
	char job_id[40];          /* "": none */
	struct git_question *next; /* the service's */
};

/*
 * Before there are threads that change the environment. ERR_CONFIG: the cache belongs to another user, or others may
 * write to it.
 */
int git_service_new(const struct git_options *options, struct git_service **ret, struct error *err) MUST_CHECK;
/* ERR_CONFIG: another process uses the cache. */
int git_service_start(struct git_service *service, struct error *err) MUST_CHECK;
/* Any thread. Takes the question; done() is called exactly once, also at stop. At most 1,000 wait; more are refused. */
void git_service_ask(struct git_service *service, struct git_question *question);
/*
 * Kills the children, answers what waits with an error (cancelled), joins the thread. A question that is asked later is
 * answered so within git_service_ask.
 */
void git_service_stop(struct git_service *service);
void git_service_free(struct git_service *service); /* takes NULL */

/* The child's side: main() hands over here for the internal verb. Returns the exit status. */
int git_worker_main(int socket);

#endif
