/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/nairi.h"

#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/json.h"
#include "bridge/base/utf8.h"

#define URL_MAX 2048

int nairi_continue_request(const char *base, const char *job_id, const char *prompt, struct arena *arena,
			   struct http_call_spec *ret, struct error *err)
{
	/* A prompt of control characters grows sixfold as JSON; the arena has the last word. */
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(16 * 1024 * 1024);
	struct json_writer w = JSON_WRITER(&body);

	json_begin_object(&w, NULL);
	json_put_str(&w, "prompt", prompt);
	json_end_object(&w);
	*ret = (struct http_call_spec){
		.method = "POST",
		.url = arena_printf(arena, "%s/conversations/%s/continue", base, job_id),
		.body = arena_strndup(arena, strbuf_str(&body), body.len),
	};
	if (strbuf_failed(&body) || arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return 0;
}

int nairi_start_request(const char *base, const char *agent, const char *prompt, bool ask, struct arena *arena,
			struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(16 * 1024 * 1024);
	struct json_writer w = JSON_WRITER(&body);

	json_begin_object(&w, NULL);
	json_put_str(&w, "agent_id", agent);
	json_put_str(&w, "prompt", prompt);
	if (ask)
		json_put_bool(&w, "ask_mode", true);
	json_end_object(&w);
	*ret = (struct http_call_spec){
		.method = "POST",
		.url = arena_printf(arena, "%s/conversations/start", base),
		.body = arena_strndup(arena, strbuf_str(&body), body.len),
	};
	if (strbuf_failed(&body) || arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return 0;
}

/* RFC 3986 section 2.3; a slug may hold "/". */
static void add_escaped(struct strbuf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c) != NULL)
			strbuf_addc(out, (char)c);
		else
			strbuf_addf(out, "%%%02X", c);
	}
}

int nairi_conversations_request(const char *base, const char *agent, int64_t after_ms, int64_t offset,
				struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	char after[CLOCK_TEXT_SIZE];

	strbuf_addf(&url, "%s/agents/", base);
	add_escaped(&url, agent);
	strbuf_addf(&url, "/conversations?sort=updated_at_asc&limit=%d&offset=%lld", NAIRI_PAGE, (long long)offset);
	if (after_ms > 0) {
		clock_format(after_ms, after);
		strbuf_adds(&url, "&updated_after=");
		add_escaped(&url, after);
	}
	*ret = (struct http_call_spec){ .method = "GET", .url = arena_strdup(arena, strbuf_str(&url)) };
	if (strbuf_failed(&url) || arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return 0;
}

int nairi_messages_request(const char *base, const char *job_id, struct arena *arena, struct http_call_spec *ret,
			   struct error *err)
{
	*ret = (struct http_call_spec){
		.method = "GET",
		.url = arena_printf(arena, "%s/conversations/%s/messages", base, job_id),
	};
	return arena_failed(arena) ? error_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

int nairi_probe_request(const char *base, struct arena *arena, struct http_call_spec *ret, struct error *err)
{
	*ret = (struct http_call_spec){ .method = "GET", .url = arena_printf(arena, "%s/agents", base) };
	return arena_failed(arena) ? error_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}

/* ---- answers ---- */

static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = utf8_cut(text, strlen(text), size - 1);

	memcpy(out, text, len);
	out[len] = '\0';
}

/* The API's `error`, if the body is one of its error objects. */
static bool read_error(const struct http_answer *answer, char out[NAIRI_ERROR_MAX])
{
	static const char *const members[] = { "error", NULL };
	struct json_paths *paths = json_paths_new(members);
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct error ignored;
	bool ok = false;

	if (paths != NULL && !answer->truncated &&
	    json_read(answer->body, answer->body_len, paths, &tree, &ignored) == 0) {
		const char *text = json_str(tree, "error");
		ok = text != NULL;
		if (ok)
			copy_text(out, NAIRI_ERROR_MAX, text);
	}
	json_paths_free(paths);
	return ok;
}

/* An id is printable ASCII without spaces, so that it can stand in logs and paths. */
static bool usable_id(const char *id)
{
	size_t len = id != NULL ? strlen(id) : 0;

	if (len == 0 || len >= NAIRI_MESSAGE_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~' || id[i] == '"')
			return false;
	}
	return true;
}

static bool read_message_id(const struct http_answer *answer, char out[NAIRI_MESSAGE_ID_MAX])
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct error ignored;

	if (answer->truncated || json_read(answer->body, answer->body_len, NULL, &tree, &ignored) != 0)
		return false;
	const char *id = json_str(tree, "message_id");
	if (!usable_id(id))
		return false;
	copy_text(out, NAIRI_MESSAGE_ID_MAX, id);
	return true;
}

static void conclude(struct nairi_verdict *ret, enum nairi_meaning meaning, const char *fmt, int status)
{
	ret->meaning = meaning;
	/* fmt is one of ours, with at most one %d. */
	char number[16];
	const char *mark = strstr(fmt, "%d");
	(void)snprintf(number, sizeof(number), "%d", status);
	if (mark == NULL)
		(void)snprintf(ret->reason, sizeof(ret->reason), "%s", fmt);
	else
		(void)snprintf(ret->reason, sizeof(ret->reason), "%.*s%s%s", (int)(mark - fmt), fmt, number, mark + 2);
}

/* What every call has in common: no answer, our key, "later". False: the status needs its own reading. */
static bool read_common(const struct call *call, int64_t now_ms, int64_t max_wait_ms, struct nairi_verdict *ret)
{
	const struct http_answer *answer = &call->answer;

	*ret = (struct nairi_verdict){ .wait_ms = -1 };
	if (call->result != CALL_ANSWERED) {
		ret->meaning = call->result == CALL_NOT_SENT ? NAIRI_LATER : NAIRI_DOUBT;
		ret->unreachable = true;
		(void)snprintf(ret->reason, sizeof(ret->reason), "%s: %s",
			       call->result == CALL_NOT_SENT ? "not sent" : "no answer", call->reason);
		return true;
	}
	int status = answer->status;
	ret->status = status;
	const char *after = http_header_get(answer->headers, answer->header_count, "Retry-After");
	if (after != NULL)
		ret->wait_ms = http_retry_after_ms(after, now_ms, max_wait_ms);
	if (status >= 200 && status < 300)
		return false;
	bool json = read_error(answer, ret->error);
	if (status >= 300 && status < 400) {
		/* Not surely refused, either: a 303 says that the request was carried out (RFC 9110 section 15.4.4). */
		conclude(ret, NAIRI_DOUBT, "redirected with %d, which is never followed; correct nairi.url", status);
		ret->unreachable = true;
	} else if (!json) {
		/* An edge proxy, a firewall: it says nothing about the job, and may hide that the call was accepted. */
		conclude(ret, NAIRI_DOUBT, "%d without the API's JSON, from something in between", status);
		ret->unreachable = true;
	} else if (status == 401 || status == 403) {
		conclude(ret, NAIRI_KEY, "the API refuses our key (%d)", status);
	} else if (status == 408 || status == 429 || status == 503) {
		conclude(ret, NAIRI_LATER, "the API answered %d", status);
		ret->unreachable = status == 503;
	} else if (status >= 400 && status < 500) {
		conclude(ret, NAIRI_REFUSED, "the API answered %d", status);
	} else {
		conclude(ret, NAIRI_DOUBT, "the API answered %d", status);
		ret->unreachable = true;
	}
	return true;
}

void nairi_read_continue(const struct call *call, int64_t now_ms, int64_t max_wait_ms, struct nairi_verdict *ret)
{
	if (read_common(call, now_ms, max_wait_ms, ret))
		return;
	ret->error[0] = '\0';
	if (read_message_id(&call->answer, ret->message_id))
		ret->meaning = NAIRI_FORWARDED;
	else
		conclude(ret, NAIRI_DOUBT, "%d without a usable message_id", call->answer.status);
	ret->unreachable = ret->meaning == NAIRI_DOUBT;
}

void nairi_read_start(const struct call *call, int64_t now_ms, int64_t max_wait_ms, struct nairi_verdict *ret)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	const struct http_answer *answer = &call->answer;
	struct error ignored;

	if (read_common(call, now_ms, max_wait_ms, ret))
		return;
	ret->error[0] = '\0';
	const char *job_id = NULL;
	if (!answer->truncated && json_read(answer->body, answer->body_len, NULL, &tree, &ignored) == 0)
		job_id = json_str(tree, "job_id");
	if (job_id_is_valid(job_id) && read_message_id(answer, ret->message_id)) {
		copy_text(ret->job_id, sizeof(ret->job_id), job_id);
		ret->meaning = NAIRI_FORWARDED;
	} else {
		conclude(ret, NAIRI_DOUBT, "%d without usable job_id and message_id", answer->status);
		ret->unreachable = true;
	}
}

/* The tag stands on a line of its own: at the end of a prompt, or of each part of one that was joined. */
static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)) != NULL; at += len) {
		const char *end = at + len + strspn(at + len, " \r");
		if ((at == text || at[-1] == '\n') && (*end == '\n' || *end == '\0'))
			return true;
	}
	return false;
}

enum nairi_sight nairi_read_messages(const struct call *call, const char *tag, int64_t now_ms, int64_t max_wait_ms,
				     struct nairi_verdict *ret)
{
	static const char *const members[] = { "messages.id", "messages.role", "messages.content", NULL };
	const struct http_answer *answer = &call->answer;
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct error err;

	if (read_common(call, now_ms, max_wait_ms, ret)) {
		/* 404 and the like: then the message is not there either, and `continue` itself will say why. */
		return ret->meaning == NAIRI_REFUSED ? NAIRI_ABSENT : NAIRI_UNSEEN;
	}
	if (answer->truncated) {
		conclude(ret, NAIRI_LATER, "the job's list of messages is too long to read", 0);
		return NAIRI_UNSEEN;
	}
	/* Absence needs a valid list, or an error page would count as proof. */
	struct json_paths *paths = json_paths_new(members);
	int failed = paths == NULL ? -1 : json_read(answer->body, answer->body_len, paths, &tree, &err);
	json_paths_free(paths);
	const cJSON *list = failed == 0 ? json_at(tree, "messages") : NULL;
	if (!cJSON_IsArray(list)) {
		conclude(ret, NAIRI_LATER, "the job's list of messages is not what the API documents", 0);
		ret->unreachable = true;
		return NAIRI_UNSEEN;
	}
	const cJSON *message;
	cJSON_ArrayForEach(message, list)
	{
		const char *role = json_str(message, "role");
		const char *content = json_str(message, "content");
		const char *id = json_str(message, "id");
		if (role == NULL || content == NULL || strcmp(role, "user") != 0 || !has_line(content, tag))
			continue;
		if (!usable_id(id)) {
			conclude(ret, NAIRI_LATER, "our message is there, but its id is unusable", 0);
			return NAIRI_UNSEEN;
		}
		copy_text(ret->message_id, NAIRI_MESSAGE_ID_MAX, id);
		ret->meaning = NAIRI_FORWARDED;
		ret->error[0] = '\0';
		return NAIRI_FOUND;
	}
	return NAIRI_ABSENT;
}

void nairi_read_list(const struct call *call, int64_t max_wait_ms, struct nairi_verdict *ret)
{
	if (read_common(call, call->started_ms + call->duration_ms, max_wait_ms, ret))
		return;
	ret->error[0] = '\0';
	ret->meaning = NAIRI_FORWARDED;
	if (call->answer.truncated)
		conclude(ret, NAIRI_LATER, "the list is too long to read", 0);
}

bool nairi_read_probe(const struct call *call)
{
	return call->result == CALL_ANSWERED && call->answer.status >= 200 && call->answer.status < 300;
}
