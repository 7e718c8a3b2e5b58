/* SPDX-License-Identifier: Apache-2.0 */
/* What GitHub's API answers: its limits, and its refusals (webhook-sources 1.5 and 12). */
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/base/utf8.h"
#include "handlers/github.h"

/* Of GitHub's message in ours. */
#define WORDS_MAX 200
/* GitHub's advice when it does not say how long. */
#define RATE_WAIT_MS 60000
/* Limits are by the hour: what asks for more is wrong. */
#define MAX_WAIT_MS (2 * 3600 * 1000)

static const char *header(const struct http_answer *answer, const char *name)
{
	return http_header_get(answer->headers, answer->header_count, name);
}

cJSON *github_answer_object(const struct http_answer *answer)
{
	cJSON *tree = NULL;

	if (answer->truncated || answer->body_len > GITHUB_ANSWER_MAX ||
	    json_read(answer->body, answer->body_len, NULL, &tree, NULL) < 0)
		return NULL;
	return tree;
}

/*
 * 403 is both "you may not" and "not so fast". GitHub's limits say so in a header; the secondary
 * ones sometimes only in words.
 */
bool github_answer_is_limit(const struct http_answer *answer, const cJSON *tree)
{
	const char *remaining = header(answer, "x-ratelimit-remaining");
	const char *message = json_str(tree, "message");

	if (answer->status == 429)
		return true;
	if (answer->status != 403)
		return false;
	return header(answer, "retry-after") != NULL ||
		(remaining != NULL && strcmp(remaining, "0") == 0) ||
		(message != NULL &&
		 (strcasestr(message, "rate limit") != NULL ||
		  strcasestr(message, "abuse detection") != NULL));
}

static int64_t clamp_wait(int64_t ms)
{
	return ms < 1000 ? 1000 : ms > MAX_WAIT_MS ? MAX_WAIT_MS : ms;
}

static int64_t rate_wait_ms(const struct http_answer *answer, int64_t now_ms)
{
	int64_t wait = http_retry_after_ms(header(answer, "retry-after"), now_ms, MAX_WAIT_MS);
	const char *remaining = header(answer, "x-ratelimit-remaining");
	const char *reset = header(answer, "x-ratelimit-reset");

	if (wait >= 0)
		return clamp_wait(wait);
	if (remaining == NULL || strcmp(remaining, "0") != 0 || reset == NULL)
		return RATE_WAIT_MS;
	size_t digits = strspn(reset, "0123456789");
	if (digits == 0 || digits > 12 || reset[digits] != '\0')
		return RATE_WAIT_MS;
	/* A second more: the limit ends after the second that it names. */
	return clamp_wait((strtoll(reset, NULL, 10) + 1) * 1000 - now_ms);
}

static const char *meaning(int status)
{
	switch (status) {
	case 401:
		return "GitHub does not accept the token";
	case 403:
		return "the token may not do this there, or the conversation is locked";
	case 404:
		return "not there, or hidden from the token";
	case 410:
		return "it was deleted, or issues are disabled";
	case 422:
		return "GitHub does not take this text";
	default:
		return status >= 300 && status < 400 ? "the repository has moved"
						     : "GitHub refused";
	}
}

/*
 * "not there, or hidden from the token (404: Not Found)". GitHub's words are cut, and quoted as
 * they are.
 */
static const char *final_text(const struct http_answer *answer, const cJSON *tree,
			      struct arena *arena)
{
	const char *message = json_str(tree, "message");

	if (message == NULL || message[0] == '\0')
		return arena_printf(arena, "%s (%d)", meaning(answer->status), answer->status);
	size_t len = utf8_cut(message, strlen(message), WORDS_MAX);
	return arena_printf(arena, "%s (%d: %.*s)", meaning(answer->status), answer->status,
			    (int)len, message);
}

void github_answer_failure(const struct http_answer *answer, const cJSON *tree, int64_t now_ms,
			 struct arena *arena, struct reply_result *ret)
{
	int status = answer->status;

	if (github_answer_is_limit(answer, tree)) {
		*ret = (struct reply_result){ .verdict = REPLY_LATER,
					      .wait_ms = rate_wait_ms(answer, now_ms),
					      .all = true,
					      .text = arena_printf(
						      arena, "GitHub's rate limit (%d)", status) };
		return;
	}
	/*
	 * What is not GitHub's own JSON came from something in between, which does not know what
	 * GitHub did.
	 */
	bool told = tree != NULL && status >= 300 && status < 500 && status != 408;
	*ret = (struct reply_result){
		.verdict = told ? REPLY_REFUSED : REPLY_UNKNOWN,
		.wait_ms = -1,
		.text = told ? final_text(answer, tree, arena)
			     : arena_printf(arena, "no usable answer from GitHub (%d)", status),
	};
}
