/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/dispatcher.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/fault.h"
#include "bridge/base/strbuf.h"

#define ANSWER_HEADERS   32
#define CONNECT_MAX_MS   10000L
#define CONNECTION_AGE_S 600L
#define POOL_MAX         128 /* idle easy handles that are kept */

/* One call under way, with its easy handle; reused. */
struct slot {
	struct dispatcher *dispatcher;
	CURL *easy;
	struct call *call;
	struct curl_slist *headers;
	struct strbuf body;
	struct http_header answer_headers[ANSWER_HEADERS];
	bool departed; /* the request left, or is about to */
	bool truncated;
	struct slot *next, *prev;
	char error[CURL_ERROR_SIZE];
};

struct dispatcher {
	struct dispatcher_options options;
	char *proxy;
	CURLM *multi;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;
	struct call *first, *last; /* submitted, in order */
	bool stop, ended;
	int64_t stop_at_ms;

	/* dispatcher's thread: */
	struct call *limited_first, *limited_last; /* wait for their turn */
	size_t limited_running;
	struct slot *running, *pool;
	size_t running_count, pool_count;
};

/* ---- one transfer ---- */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct slot *slot = ctx;
	size_t len = size * count;
	size_t room = slot->call->answer_max - slot->body.len;

	if (len > room) {
		/* Enough is known; refusing the rest ends the transfer (CURLE_WRITE_ERROR, told apart below). */
		strbuf_add(&slot->body, data, room);
		slot->truncated = true;
		return 0;
	}
	strbuf_add(&slot->body, data, len);
	return strbuf_failed(&slot->body) ? 0 : len;
}

/*
 * Called when the connection stands and the request is about to leave. When a kept connection dies without an answer,
 * the library repeats the request on a fresh one by itself, and a `continue` that was accepted would be made twice: so
 * a second departure is refused, and the caller hears that the first one was lost.
 */
static int on_departure(void *ctx, char *to, char *from, int to_port, int from_port)
{
	struct slot *slot = ctx;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	if (slot->departed && slot->call->spec.body != NULL)
		return CURL_PREREQFUNC_ABORT;
	slot->departed = true;
	if (slot->call->spec.body != NULL)
		FAULT_POINT("before-first-byte");
	return CURL_PREREQFUNC_OK;
}

static bool add_header(struct slot *slot, const char *name, const char *value)
{
	char line[2048];
	int len = snprintf(line, sizeof(line), "%s: %s", name, value);

	if (len < 0 || (size_t)len >= sizeof(line))
		return false;
	struct curl_slist *grown = curl_slist_append(slot->headers, line);
	if (grown == NULL)
		return false;
	slot->headers = grown;
	return true;
}

static bool set_headers(struct slot *slot)
{
	const struct call *call = slot->call;
	bool ok = true;

	for (size_t i = 0; i < call->spec.header_count; i++)
		ok = ok && add_header(slot, call->spec.headers[i].name, call->spec.headers[i].value);
	if (call->spec.body != NULL) {
		/* Bodies over 1 MB would otherwise wait for a 100 that some servers never send. */
		ok = ok && add_header(slot, "Content-Type", "application/json");
		struct curl_slist *grown = ok ? curl_slist_append(slot->headers, "Expect:") : NULL;
		ok = ok && grown != NULL;
		if (ok)
			slot->headers = grown;
	}
	return ok;
}

/* What is the same for every call is set once a slot. */
static void set_fixed_options(struct slot *slot)
{
	const char *proxy = slot->dispatcher->proxy;
	CURL *easy = slot->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "nairi-bridge/" BRIDGE_VERSION);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a stalled resolver must not hold up the others */
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_AGE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_departure);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	if (strcmp(proxy, "env") != 0)
		curl_easy_setopt(easy, CURLOPT_PROXY, strcmp(proxy, "none") == 0 ? "" : proxy);
}

/* What differs is set for every call, absent or not, so that nothing of the last one stays. */
static void set_options(struct slot *slot)
{
	const struct call *call = slot->call;
	CURL *easy = slot->easy;
	bool post = call->spec.body != NULL;
	bool usual = strcmp(call->spec.method, post ? "POST" : "GET") == 0;

	curl_easy_setopt(easy, CURLOPT_URL, call->spec.url);
	/* Wait for a connection that may turn out to multiplex only where ALPN tells soon: over plain HTTP it is known
	 * with the first answer, and one silent call would hold up all others. */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, strncmp(call->spec.url, "https:", 6) == 0 ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 call->timeout_ms < CONNECT_MAX_MS ? (long)call->timeout_ms : CONNECT_MAX_MS);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->spec.body); /* not copied: it lives as long as the call */
	curl_easy_setopt(easy, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, usual ? NULL : call->spec.method);
	curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, call->token != NULL ? secret_bytes(call->token) : NULL);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot->headers);
}

static struct slot *slot_get(struct dispatcher *dispatcher)
{
	struct slot *slot = dispatcher->pool;

	if (slot != NULL) {
		dispatcher->pool = slot->next;
		dispatcher->pool_count--;
		return slot;
	}
	slot = calloc(1, sizeof(*slot));
	if (slot == NULL)
		return NULL;
	slot->dispatcher = dispatcher;
	slot->easy = curl_easy_init();
	if (slot->easy == NULL) {
		free(slot);
		return NULL;
	}
	set_fixed_options(slot);
	return slot;
}

static void slot_free(struct slot *slot)
{
	curl_easy_cleanup(slot->easy);
	strbuf_release(&slot->body);
	free(slot);
}

static void slot_put(struct dispatcher *dispatcher, struct slot *slot)
{
	curl_slist_free_all(slot->headers);
	slot->headers = NULL;
	if (slot->body.cap > 65536)
		strbuf_release(&slot->body);
	if (dispatcher->pool_count >= POOL_MAX) {
		slot_free(slot);
		return;
	}
	slot->next = dispatcher->pool;
	dispatcher->pool = slot;
	dispatcher->pool_count++;
}

static void finish_unsent(struct call *call, const char *reason)
{
	call->result = CALL_NOT_SENT;
	(void)snprintf(call->reason, sizeof(call->reason), "%s", reason);
	call->done(call);
}

static void cancel_call(struct call *call)
{
	call->cancelled = true;
	call->started_ms = clock_now_ms();
	finish_unsent(call, "shutting down");
}

static void start_call(struct dispatcher *dispatcher, struct call *call)
{
	struct slot *slot = slot_get(dispatcher);

	call->started_ms = clock_now_ms();
	if (slot == NULL) {
		finish_unsent(call, "out of memory");
		return;
	}
	slot->call = call;
	slot->departed = false;
	slot->truncated = false;
	slot->error[0] = '\0';
	slot->body.max = call->answer_max;
	strbuf_reset(&slot->body);
	if (!set_headers(slot)) {
		slot_put(dispatcher, slot);
		finish_unsent(call, "a header does not fit");
		return;
	}
	set_options(slot);
	if (curl_multi_add_handle(dispatcher->multi, slot->easy) != CURLM_OK) {
		slot_put(dispatcher, slot);
		finish_unsent(call, "cannot start the transfer");
		return;
	}
	slot->prev = NULL;
	slot->next = dispatcher->running;
	if (slot->next != NULL)
		slot->next->prev = slot;
	dispatcher->running = slot;
	dispatcher->running_count++;
	dispatcher->limited_running += call->limited ? 1 : 0;
}

/* ---- the end of a transfer ---- */

static void collect_headers(struct slot *slot)
{
	struct http_answer *answer = &slot->call->answer;
	struct curl_header *at = NULL;

	answer->headers = slot->answer_headers;
	while (answer->header_count < ANSWER_HEADERS &&
	       (at = curl_easy_nextheader(slot->easy, CURLH_HEADER, -1, at)) != NULL)
		slot->answer_headers[answer->header_count++] =
			(struct http_header){ .name = at->name, .value = at->value };
}

static void finish_slot(struct dispatcher *dispatcher, struct slot *slot, CURLcode code)
{
	struct call *call = slot->call;
	long status = 0;
	curl_off_t taken_us = 0;

	(void)curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME_T, &taken_us);
	call->duration_ms = (int64_t)(taken_us / 1000);
	call->answer = (struct http_answer){ .status = (int)status };
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && slot->truncated)) {
		call->result = CALL_ANSWERED;
		call->answer.body = strbuf_str(&slot->body);
		call->answer.body_len = slot->body.len;
		call->answer.truncated = slot->truncated;
		collect_headers(slot);
	} else {
		const char *text = slot->error[0] != '\0' ? slot->error : curl_easy_strerror(code);
		call->result = slot->departed ? CALL_LOST : CALL_NOT_SENT;
		(void)snprintf(call->reason, sizeof(call->reason), "%.199s", text);
		call->reason[strcspn(call->reason, "\r\n")] = '\0';
	}
	(void)curl_multi_remove_handle(dispatcher->multi, slot->easy);
	if (slot->prev != NULL)
		slot->prev->next = slot->next;
	else
		dispatcher->running = slot->next;
	if (slot->next != NULL)
		slot->next->prev = slot->prev;
	dispatcher->running_count--;
	dispatcher->limited_running -= call->limited ? 1 : 0;
	FAULT_POINT("after-answer");
	call->done(call);
	slot_put(dispatcher, slot);
}

static void finish_ended(struct dispatcher *dispatcher)
{
	int left;

	for (CURLMsg *msg; (msg = curl_multi_info_read(dispatcher->multi, &left)) != NULL;) {
		struct slot *slot = NULL;
		if (msg->msg != CURLMSG_DONE)
			continue;
		CURLcode code = msg->data.result;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &slot);
		finish_slot(dispatcher, slot, code);
	}
}

/* ---- the loop ---- */

static struct call *take_submitted(struct dispatcher *dispatcher, bool *ret_stop, int64_t *ret_stop_at)
{
	pthread_mutex_lock(&dispatcher->lock);
	struct call *calls = dispatcher->first;
	dispatcher->first = NULL;
	dispatcher->last = NULL;
	*ret_stop = dispatcher->stop;
	*ret_stop_at = dispatcher->stop_at_ms;
	pthread_mutex_unlock(&dispatcher->lock);
	return calls;
}

static void queue_limited(struct dispatcher *dispatcher, struct call *call)
{
	call->next = NULL;
	if (dispatcher->limited_first == NULL)
		dispatcher->limited_first = call;
	else
		dispatcher->limited_last->next = call;
	dispatcher->limited_last = call;
}

static struct call *next_limited(struct dispatcher *dispatcher)
{
	struct call *call = dispatcher->limited_first;

	if (call != NULL)
		dispatcher->limited_first = call->next;
	return call;
}

static void start_limited(struct dispatcher *dispatcher)
{
	while (dispatcher->limited_running < dispatcher->options.limited_max && dispatcher->limited_first != NULL)
		start_call(dispatcher, next_limited(dispatcher));
}

/* Nothing starts after a stop: what still waits for a connection, or for its turn, goes back as it came. */
static void cancel_unsent(struct dispatcher *dispatcher)
{
	for (struct slot *slot = dispatcher->running, *next; slot != NULL; slot = next) {
		next = slot->next;
		if (slot->departed)
			continue;
		slot->call->cancelled = true;
		finish_slot(dispatcher, slot, CURLE_ABORTED_BY_CALLBACK);
	}
	for (struct call *call; (call = next_limited(dispatcher)) != NULL;)
		cancel_call(call);
}

static void *run_dispatcher(void *ctx)
{
	struct dispatcher *dispatcher = ctx;
	bool stop, stopping = false;
	int64_t stop_at;

	for (;;) {
		int running;
		for (struct call *call = take_submitted(dispatcher, &stop, &stop_at), *next; call != NULL; call = next) {
			next = call->next;
			if (stop)
				cancel_call(call);
			else if (call->limited)
				queue_limited(dispatcher, call);
			else
				start_call(dispatcher, call);
		}
		if (stop && !stopping)
			cancel_unsent(dispatcher);
		stopping = stop;
		start_limited(dispatcher);
		if (stop && clock_mono_ms() >= stop_at) {
			while (dispatcher->running != NULL)
				finish_slot(dispatcher, dispatcher->running, CURLE_ABORTED_BY_CALLBACK);
		}
		if (stop && dispatcher->running == NULL)
			return NULL;
		(void)curl_multi_perform(dispatcher->multi, &running);
		finish_ended(dispatcher);
		if (!stop)
			start_limited(dispatcher);
		int64_t wait = 1000;
		if (stop) {
			int64_t left = stop_at - clock_mono_ms();
			wait = left < 0 ? 0 : left < wait ? left : wait;
		}
		if (!stop || dispatcher->running != NULL)
			(void)curl_multi_poll(dispatcher->multi, NULL, 0, (int)wait, NULL);
	}
}

int dispatcher_new(const struct dispatcher_options *options, struct dispatcher **ret, struct error *err)
{
	struct dispatcher *dispatcher = calloc(1, sizeof(*dispatcher));

	if (dispatcher == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	dispatcher->options = *options;
	pthread_mutex_init(&dispatcher->lock, NULL);
	dispatcher->proxy = strdup(options->proxy != NULL ? options->proxy : "none");
	dispatcher->multi = curl_multi_init();
	if (dispatcher->multi == NULL || dispatcher->proxy == NULL) {
		dispatcher_free(dispatcher);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	curl_multi_setopt(dispatcher->multi, CURLMOPT_MAXCONNECTS, options->max_connections);
	*ret = dispatcher;
	return 0;
}

int dispatcher_start(struct dispatcher *dispatcher, struct error *err)
{
	int failed = pthread_create(&dispatcher->thread, NULL, run_dispatcher, dispatcher);

	if (failed != 0)
		return error_set(err, ERR_IO, "cannot start a thread: %s", strerror(failed));
	dispatcher->started = true;
	(void)pthread_setname_np(dispatcher->thread, "dispatcher");
	return 0;
}

void dispatcher_submit(struct dispatcher *dispatcher, struct call *call)
{
	call->next = NULL;
	pthread_mutex_lock(&dispatcher->lock);
	if (dispatcher->ended) {
		pthread_mutex_unlock(&dispatcher->lock);
		cancel_call(call);
		return;
	}
	bool first = dispatcher->first == NULL;
	if (first)
		dispatcher->first = call;
	else
		dispatcher->last->next = call;
	dispatcher->last = call;
	pthread_mutex_unlock(&dispatcher->lock);
	if (first)
		(void)curl_multi_wakeup(dispatcher->multi);
}

void dispatcher_stop(struct dispatcher *dispatcher, int64_t deadline_ms)
{
	if (!dispatcher->started)
		return;
	pthread_mutex_lock(&dispatcher->lock);
	dispatcher->stop = true;
	dispatcher->stop_at_ms = clock_mono_ms() + deadline_ms;
	pthread_mutex_unlock(&dispatcher->lock);
	(void)curl_multi_wakeup(dispatcher->multi);
	(void)pthread_join(dispatcher->thread, NULL);
	dispatcher->started = false;
	/* Whoever submits from here on gets its call back at once; and so does what came in at the last moment. */
	pthread_mutex_lock(&dispatcher->lock);
	dispatcher->ended = true;
	struct call *late = dispatcher->first;
	dispatcher->first = NULL;
	pthread_mutex_unlock(&dispatcher->lock);
	for (struct call *next; late != NULL; late = next) {
		next = late->next;
		cancel_call(late);
	}
}

void dispatcher_free(struct dispatcher *dispatcher)
{
	if (dispatcher == NULL)
		return;
	for (struct slot *slot = dispatcher->pool, *next; slot != NULL; slot = next) {
		next = slot->next;
		slot_free(slot);
	}
	if (dispatcher->multi != NULL)
		curl_multi_cleanup(dispatcher->multi);
	free(dispatcher->proxy);
	pthread_mutex_destroy(&dispatcher->lock);
	free(dispatcher);
}
