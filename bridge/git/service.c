/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#include "bridge/base/clock.h"
#include "bridge/git/git.h"
#include "bridge/git/slot.h"
#include "bridge/git/url.h"

#define SLOTS       2
#define WAITING_MAX 1000
#define CA_BUNDLE   "/etc/ssl/certs/ca-certificates.crt"

struct git_service {
	struct git_slot_options options;
	char *program, *ca;
	struct git_cache *cache;
	pthread_t thread;
	int wake;

	pthread_mutex_t lock;
	struct git_question *first, *last; /* asked, in order */
	size_t waiting;                    /* asked and not answered */
	bool started, stop, ended;

	/* the service's thread: */
	struct git_repos repos;
	struct git_slot slots[SLOTS];
	bool trim; /* something was fetched since the cache was measured */
};

/* ---- one question ---- */

static void finish(struct git_service *service, struct git_question *question)
{
	pthread_mutex_lock(&service->lock);
	service->waiting--;
	pthread_mutex_unlock(&service->lock);
	/* Until now it was the moment of asking. */
	question->duration_ms = clock_mono_ms() - question->duration_ms;
	question->done(question);
}

static void on_answered(void *ctx, struct git_question *question)
{
	finish(ctx, question);
}

static void cancel(struct git_service *service, struct git_question *question)
{
	question->cancelled = true;
	(void)error_set(&question->err, ERR_BUSY, "git: the bridge is stopping");
	finish(service, question);
}

static int check_question(const struct git_question *question, struct error *err)
{
	if (git_url_check(question->url, err) != 0)
		return -1;
	if (question->ref_count > GIT_REFS_MAX)
		return error_set(err, ERR_INVALID, "more than %d refs are asked for", GIT_REFS_MAX);
	if (question->want == GIT_LINK)
		return question->ref_count > 0 ? 0 : error_set(err, ERR_INVALID, "no ref is asked for");
	return question->commit != NULL ? 0 : error_set(err, ERR_INVALID, "no commit is asked for");
}

static void sort_in(struct git_service *service, struct git_question *question)
{
	if (question->err.code == ERR_NONE && check_question(question, &question->err) != 0)
		(void)error_prefix(&question->err, "git: ");
	if (question->err.code == ERR_NONE && !git_repos_add(&service->repos, question))
		(void)error_set(&question->err, ERR_NO_MEMORY, "git: out of memory");
	if (question->err.code != ERR_NONE)
		finish(service, question);
}

/* ---- the loop ---- */

static struct git_question *take_asked(struct git_service *service, bool *ret_stop)
{
	pthread_mutex_lock(&service->lock);
	struct git_question *asked = service->first;
	service->first = NULL;
	service->last = NULL;
	*ret_stop = service->stop;
	pthread_mutex_unlock(&service->lock);
	return asked;
}

static bool is_busy(void *ctx, const char *name)
{
	const struct git_service *service = ctx;

	for (size_t i = 0; i < SLOTS; i++) {
		if (service->slots[i].process != NULL && strcmp(service->slots[i].repo->name, name) == 0)
			return true;
	}
	return false;
}

static void slot_free(struct git_service *service, struct git_slot *slot)
{
	struct git_repo *repo = TAKE(slot->repo);

	service->trim = service->trim || slot->fetching || slot->fetched;
	git_cache_touch(service->cache, repo->name);
	git_repos_done(&service->repos, repo);
}

static void fill_slots(struct git_service *service)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct git_slot *slot = &service->slots[i];
		while (slot->process == NULL) {
			struct git_repo *repo = git_repos_next(&service->repos);
			if (repo == NULL)
				return;
			if (!git_slot_start(slot, repo, clock_mono_ms())) {
				slot->repo = NULL;
				git_repos_done(&service->repos, repo);
			}
		}
	}
}

/* Waits for a question, a report or a deadline. */
static void wait_for_something(struct git_service *service)
{
	struct pollfd ready[SLOTS + 1] = { { .fd = service->wake, .events = POLLIN } };
	int64_t next = INT64_MAX, now = clock_mono_ms();
	uint64_t count;

	for (size_t i = 0; i < SLOTS; i++) {
		const struct git_slot *slot = &service->slots[i];
		ready[i + 1].fd = slot->process != NULL ? process_socket(slot->process) : -1;
		ready[i + 1].events = POLLIN;
		if (slot->process != NULL && slot->deadline < next)
			next = slot->deadline;
	}
	int64_t left = next > now ? next - now : 0;
	if (poll(ready, SLOTS + 1, next == INT64_MAX ? -1 : (int)(left > 60000 ? 60000 : left)) < 0)
		return;
	if (ready[0].revents != 0 && read(service->wake, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	now = clock_mono_ms();
	for (size_t i = 0; i < SLOTS; i++) {
		struct git_slot *slot = &service->slots[i];
		if (slot->process != NULL && git_slot_turn(slot, ready[i + 1].revents != 0, now))
			slot_free(service, slot);
	}
}

static void cancel_all(struct git_service *service)
{
	struct git_question *question;

	for (size_t i = 0; i < SLOTS; i++)
		git_slot_cancel(&service->slots[i]);
	for (struct git_repo *repo; (repo = git_repos_next(&service->repos)) != NULL;) {
		while ((question = git_repos_take(repo, NULL)) != NULL)
			cancel(service, question);
	}
	/* A repository that a slot had may have more that waited behind it. */
	for (size_t i = 0; i < SLOTS; i++) {
		struct git_repo *repo = service->slots[i].repo;
		while (repo != NULL && (question = git_repos_take(repo, NULL)) != NULL)
			cancel(service, question);
	}
}

/* What is asked from within the last done() is still answered; then whoever asks is told on the spot. */
static void cancel_asked(struct git_service *service)
{
	for (;;) {
		pthread_mutex_lock(&service->lock);
		struct git_question *question = service->first;
		if (question != NULL)
			service->first = question->next;
		else
			service->ended = true;
		pthread_mutex_unlock(&service->lock);
		if (question == NULL)
			return;
		cancel(service, question);
	}
}

static void *run_service(void *ctx)
{
	struct git_service *service = ctx;
	bool stop = false;

	git_cache_trim(service->cache, is_busy, service);
	for (;;) {
		for (struct git_question *asked = take_asked(service, &stop), *next; asked != NULL; asked = next) {
			next = asked->next;
			if (stop)
				cancel(service, asked);
			else
				sort_in(service, asked);
		}
		if (stop)
			break;
		fill_slots(service);
		if (service->trim) {
			service->trim = false;
			git_cache_trim(service->cache, is_busy, service);
		}
		wait_for_something(service);
	}
	cancel_all(service);
	cancel_asked(service);
	return NULL;
}

/* ---- from outside ---- */

/* The daemon's environment at its start, as OpenSSL and curl read it; the helper has none. */
static char *find_ca(void)
{
	const char *named = getenv("SSL_CERT_FILE");

	if (named != NULL && named[0] != '\0')
		return strdup(named);
	return access(CA_BUNDLE, R_OK) == 0 ? strdup(CA_BUNDLE) : NULL;
}

int git_service_new(const struct git_options *options, struct git_service **ret, struct error *err)
{
	struct git_service *service = calloc(1, sizeof(*service));

	if (service == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	(void)pthread_mutex_init(&service->lock, NULL);
	service->ca = find_ca();
	service->program = options->program != NULL ? strdup(options->program) : NULL;
	service->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int bad = service->wake < 0 ? error_set(err, ERR_IO, "eventfd: %s", strerror(errno)) : 0;
	if (bad != 0 || git_cache_open(options->cache, options->max_size, &service->cache, err) != 0 ||
	    git_repos_init(&service->repos, err) != 0) {
		git_service_free(service);
		return -1;
	}
	service->options = (struct git_slot_options){ .cache = service->cache,
						      .program = service->program,
						      .ca = service->ca,
						      .max_size = options->max_size,
						      .timeout_ms = options->fetch_timeout_ms,
						      .answered = on_answered,
						      .ctx = service };
	for (size_t i = 0; i < SLOTS; i++)
		service->slots[i].options = &service->options;
	*ret = service;
	return 0;
}

int git_service_start(struct git_service *service, struct error *err)
{
	if (git_cache_lock(service->cache, err) != 0)
		return -1;
	int failed = pthread_create(&service->thread, NULL, run_service, service);
	if (failed != 0)
		return error_set(err, ERR_IO, "cannot start a thread: %s", strerror(failed));
	service->started = true;
	(void)pthread_setname_np(service->thread, "git");
	return 0;
}

static void wake(struct git_service *service)
{
	uint64_t one = 1;

	/* It can only fail when it is full, and then it wakes all the same. */
	if (write(service->wake, &one, sizeof(one)) < 0)
		return;
}

void git_service_ask(struct git_service *service, struct git_question *question)
{
	question->err = (struct error){ 0 };
	question->cancelled = false;
	question->text = NULL;
	question->found = -1;
	question->job_id[0] = '\0';
	question->next = NULL;
	question->duration_ms = clock_mono_ms();
	pthread_mutex_lock(&service->lock);
	bool ended = service->ended;
	if (service->waiting++ >= WAITING_MAX)
		(void)error_set(&question->err, ERR_BUSY, "git: %d questions wait already", WAITING_MAX);
	if (!ended) {
		if (service->first == NULL)
			service->first = question;
		else
			service->last->next = question;
		service->last = question;
	}
	pthread_mutex_unlock(&service->lock);
	if (ended)
		cancel(service, question);
	else
		wake(service);
}

void git_service_stop(struct git_service *service)
{
	pthread_mutex_lock(&service->lock);
	service->stop = true;
	pthread_mutex_unlock(&service->lock);
	if (service->started) {
		wake(service);
		(void)pthread_join(service->thread, NULL);
		service->started = false;
	} else {
		cancel_asked(service);
	}
}

void git_service_free(struct git_service *service)
{
	if (service == NULL)
		return;
	git_repos_release(&service->repos);
	git_cache_close(service->cache);
	if (service->wake >= 0)
		close(service->wake);
	(void)pthread_mutex_destroy(&service->lock);
	free(service->program);
	free(service->ca);
	free(service);
}
