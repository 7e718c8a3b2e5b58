/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/hook_send.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/hmac.h"
#include "bridge/base/invisible.h"
#include "bridge/base/json.h"
#include "bridge/cli/client.h"
#include "bridge/cli/hook_settings.h"
#include "bridge/cli/print.h"
#include "bridge/git/repository.h"
#include "bridge/git/summary.h"

/* As the source reads them (handlers/generic.c). */
#define THREAD_MAX   ((size_t)512)
#define AUTHOR_MAX   200
#define ID_MAX       256
#define BODY_MAX     (6 * GIT_SUMMARY_MAX + 16384) /* JSON may escape every byte */
#define ANSWER_MAX   ((size_t)64 * 1024)
#define HEADER_MAX   256

struct sender {
	const struct hook_send *send;
	struct git_repository *repository;
	struct hook_settings settings;
	struct strbuf repo;   /* its name */
	struct strbuf author; /* "": not known */
	struct client *client; /* direct */
	CURL *curl;            /* else; one handle, so that one connection serves all branches */
};

static void sender_release(struct sender *sender)
{
	client_close(sender->client);
	if (sender->curl != NULL)
		curl_easy_cleanup(sender->curl);
	strbuf_release(&sender->repo);
	strbuf_release(&sender->author);
	hook_settings_release(&sender->settings);
	repository_close(sender->repository);
}

static void headers_release(struct curl_slist **headers)
{
	curl_slist_free_all(*headers);
}

static void say(const char *text)
{
	(void)fprintf(stderr, "%s\n", text);
}

/* ---- what is said ---- */

/* Who pushed, as the server says: GitLab, Gitolite, git-http-backend behind a web server's authentication. */
static void find_author(struct strbuf *out)
{
	static const char *const names[] = { "GL_USERNAME", "GL_USER", "REMOTE_USER" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && out->len == 0; i++) {
		const char *value = getenv(names[i]);
		if (value != NULL)
			invisible_line(value, AUTHOR_MAX, out);
	}
}

static const char *branch_of(const struct hook_ref *ref)
{
	return ref->name + strlen("refs/heads/");
}

static bool is_zeros(const char *id)
{
	return id[strspn(id, "0")] == '\0';
}

/*
 * What names this push for the bridge, so that a request which libcurl repeats counts once. The time stands in it,
 * because the same change of the same branch can truly happen again: a branch deleted a second time, or forced back and
 * forth.
 */
static void write_id(const struct hook_ref *ref, struct strbuf *out)
{
	char hash[SHA256_HEX_SIZE];

	strbuf_addf(out, "%s/%lld/", ref->new, (long long)clock_now_ms());
	if (out->len + strlen(ref->name) <= ID_MAX) {
		invisible_line(ref->name, ID_MAX, out);
	} else {
		sha256_hex(ref->name, strlen(ref->name), hash);
		strbuf_adds(out, hash);
	}
}

static int write_delivery(const struct sender *sender, const struct hook_ref *ref, const struct strbuf *summary,
			  struct strbuf *out, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf raw = STRBUF(16384);
	CLEANUP(strbuf_release) struct strbuf thread = STRBUF(2 * THREAD_MAX);
	CLEANUP(strbuf_release) struct strbuf id = STRBUF(2 * ID_MAX);
	CLEANUP(strbuf_release) struct strbuf title = STRBUF(1024);
	struct json_writer w = JSON_WRITER(out);

	hook_settings_thread(&sender->settings, strbuf_str(&sender->repo), branch_of(ref), &raw);
	invisible_line(strbuf_str(&raw), THREAD_MAX + 1, &thread);
	if (strbuf_failed(&raw) || thread.len == 0 || thread.len > THREAD_MAX)
		return error_set(err, ERR_CONFIG,
				 "the thread's key is empty or longer than 512 bytes: see nairi.thread");
	write_id(ref, &id);
	strbuf_addf(&title, "%s: ", strbuf_str(&sender->repo));
	invisible_line(branch_of(ref), 200, &title);
	strbuf_adds(&title, is_zeros(ref->new) ? " was deleted" : is_zeros(ref->old) ? " is new" : " was pushed");
	json_begin_object(&w, NULL);
	json_put_str(&w, "thread", strbuf_str(&thread));
	json_put_strn(&w, "prompt", strbuf_str(summary), summary->len);
	json_put_str(&w, "id", strbuf_str(&id));
	json_put_str(&w, "author", sender->author.len > 0 ? strbuf_str(&sender->author) : NULL);
	json_put_str(&w, "title", strbuf_str(&title));
	json_end_object(&w);
	return strbuf_failed(out) ? error_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

/* ---- to the bridge's listener ---- */

static size_t take(char *bytes, size_t size, size_t count, void *ctx)
{
	struct strbuf *out = ctx;

	strbuf_add(out, bytes, size * count);
	return strbuf_failed(out) ? 0 : size * count;
}

static int add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *more = curl_slist_append(*headers, line);

	if (more != NULL)
		*headers = more;
	return more != NULL ? 0 : -1;
}

static int add_signature(const struct secret *key, const struct strbuf *body, struct curl_slist **headers,
			 struct error *err)
{
	CLEANUP(hmac_key_free_at) struct hmac_key *hmac = hmac_key_new(secret_bytes(key), secret_len(key), err);
	CLEANUP(strbuf_release) struct strbuf line = STRBUF(HEADER_MAX);
	const struct iovec part = { .iov_base = body->ptr, .iov_len = body->len };
	unsigned char mac[HMAC_SHA256_SIZE];

	if (hmac == NULL || hmac_sha256(hmac, &part, 1, mac, err) != 0)
		return -1;
	strbuf_adds(&line, "X-Signature-256: sha256=");
	for (size_t i = 0; i < sizeof(mac); i++)
		strbuf_addf(&line, "%02x", (unsigned)mac[i]);
	return add_header(headers, strbuf_str(&line)) == 0 ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

static void set_up(struct sender *sender, const struct strbuf *body, struct curl_slist *headers, struct strbuf *answer)
{
	CURL *curl = sender->curl;
	int64_t left = sender->send->deadline_ms - clock_mono_ms();

	curl_easy_reset(curl);
	(void)curl_easy_setopt(curl, CURLOPT_URL, sender->settings.url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* the environment is that of whoever pushes */
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left > 1 ? (long)left : 1L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "nairi-bridge-hook/" BRIDGE_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, strbuf_str(body));
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (sender->settings.token != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		(void)curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, secret_bytes(sender->settings.token));
	}
}

static const char *advice(long status)
{
	switch (status) {
	case 401:
		return "is the secret that of the source?";
	case 404:
		return "does nairi.url name a source of the bridge?";
	case 413:
		return "raise limits.prompt in the bridge's configuration";
	case 503:
		return "see the bridge's log";
	default:
		return "see `nairi-bridge help hook`";
	}
}

/* What becomes of what the bridge took (nothing, when no job is linked) is told by its ledger, not to who pushes. */
static int judge(const struct sender *sender, const struct strbuf *answer, struct error *err)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	CLEANUP(strbuf_release) struct strbuf words = STRBUF(400);
	long status = 0;

	(void)curl_easy_getinfo(sender->curl, CURLINFO_RESPONSE_CODE, &status);
	bool is_json = json_read(strbuf_str(answer), answer->len, NULL, &tree, NULL) == 0;
	if (status >= 200 && status < 300 && is_json && json_str(tree, "status") != NULL)
		return 0;
	if (status >= 200 && status < 300)
		return error_set(err, ERR_CONFIG, "what answers at nairi.url is not nairi-bridge (%ld)", status);
	const char *error = json_str(tree, "error");
	invisible_line(error != NULL ? error : "no reason given", 200, &words);
	return error_set(err, ERR_INVALID, "the bridge answered %ld: %s; %s", status, strbuf_str(&words),
			 advice(status));
}

/* ERR_UPSTREAM: nobody is there, so that the next branch need not try. */
static int deliver(struct sender *sender, const struct hook_ref *ref, const struct strbuf *summary, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(BODY_MAX);
	CLEANUP(strbuf_release) struct strbuf answer = STRBUF(ANSWER_MAX);
	CLEANUP(headers_release) struct curl_slist *headers = NULL;

	if (write_delivery(sender, ref, summary, &body, err) != 0)
		return -1;
	/* wait=0: who pushes does not wait for what becomes of it (RFC 7240 section 4.3). */
	if (add_header(&headers, "Content-Type: application/json") != 0 || add_header(&headers, "Expect:") != 0 ||
	    add_header(&headers, "Prefer: wait=0") != 0)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (sender->settings.key != NULL && add_signature(sender->settings.key, &body, &headers, err) != 0)
		return -1;
	set_up(sender, &body, headers, &answer);
	CURLcode code = curl_easy_perform(sender->curl);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(err, ERR_UPSTREAM, "the bridge did not answer in time; is `nairi-bridge serve` well?");
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		return error_set(err, ERR_UPSTREAM,
				 "nobody answers at nairi.url (%s); is `nairi-bridge serve` running?",
				 curl_easy_strerror(code));
	if (code != CURLE_OK)
		return error_set(err, ERR_UPSTREAM, "no answer from the bridge: %s; is nairi.url right?",
				 curl_easy_strerror(code));
	return judge(sender, &answer, err);
}

/* ---- to the daemon ---- */

/* The admin API knows no author and no title, so the prompt says them. Whatever goes wrong was said by client_call. */
static bool continue_job(struct sender *sender, const struct strbuf *summary)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(BODY_MAX);
	CLEANUP(strbuf_release) struct strbuf prompt = STRBUF(GIT_SUMMARY_MAX + 1024);
	CLEANUP(client_answer_release) struct client_answer answer = { 0 };
	const char *job = sender->settings.job;
	struct json_writer w = JSON_WRITER(&body);

	strbuf_addf(&prompt, "%s%sto the Git repository %s:\n\n", strbuf_str(&sender->author),
		    sender->author.len > 0 ? " pushed " : "Pushed ", strbuf_str(&sender->repo));
	strbuf_add(&prompt, strbuf_str(summary), summary->len);
	json_begin_object(&w, NULL);
	json_put_str(&w, strchr(job, ':') != NULL ? "thread" : "job_id", job);
	json_put_strn(&w, "prompt", strbuf_str(&prompt), prompt.len);
	json_end_object(&w);
	if (strbuf_failed(&body)) {
		say("out of memory");
		return false;
	}
	if (client_call(sender->client, "POST", "/api/v1/continue?wait=0", strbuf_str(&body), CLIENT_TIMEOUT_S,
			&answer) != 0)
		return false;
	if (answer.status == 201 || answer.status == 202)
		return true;
	const char *why = json_str(answer.body, "reason");
	if (why != NULL)
		print_text(stderr, why, "");
	else
		client_complain(&answer);
	return false;
}

/* ---- all branches ---- */

static int open_sender(struct sender *sender, struct error *err)
{
	const char *directory = getenv("GIT_DIR");

	if (directory == NULL || directory[0] == '\0')
		directory = ".";
	if (repository_open(directory, &sender->repository, err) != 0 ||
	    hook_settings_read(sender->send->call, sender->repository, &sender->settings, err) != 0)
		return -1;
	repository_name(sender->repository, &sender->repo);
	find_author(&sender->author);
	if (sender->settings.job != NULL) {
		sender->client = client_open(sender->send->call->config_file);
		return sender->client != NULL ? 0 : error_set(err, ERR_CONFIG, "the daemon cannot be asked");
	}
	sender->curl = curl_easy_init();
	return sender->curl != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "out of memory");
}

/* Whether there is any use in telling about the next branch. */
static bool tell(struct sender *sender, size_t index)
{
	CLEANUP(strbuf_release) struct strbuf summary = STRBUF(GIT_SUMMARY_MAX);
	const struct hook_ref *ref = &sender->send->refs->items[index];
	struct error err = { 0 };
	bool told = false;

	if (git_summary_push(sender->repository, ref->old, ref->new, ref->name, &summary, &err) == 0) {
		if (sender->client != NULL)
			told = continue_job(sender, &summary);
		else
			told = deliver(sender, ref, &summary, &err) == 0;
	}
	if (err.code != ERR_NONE)
		say(err.text);
	if (told)
		atomic_store(&sender->send->told[index], true);
	return err.code != ERR_UPSTREAM;
}

void hook_send(const struct hook_send *send)
{
	CLEANUP(sender_release) struct sender sender = { .send = send, .repo = STRBUF(256), .author = STRBUF(256) };
	struct error err = { 0 };

	if (open_sender(&sender, &err) != 0) {
		say(err.text);
		return;
	}
	for (size_t i = 0; i < send->refs->count && tell(&sender, i); i++)
		continue;
}
