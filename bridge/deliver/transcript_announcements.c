/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pull requests that a job names. In S1 the URL is whatever the forge's command line tool printed, warnings
 * included, so it is looked for in the text instead of trusting the brackets (nairi-api.md section 5).
 */
#include <string.h>
#include <strings.h>

#include "bridge/deliver/transcript_private.h"

#define URL_BYTES_MAX 1000
#define SHORT_MIN 7 /* digits of a commit */

static const char lower[] = "abcdefghijklmnopqrstuvwxyz", upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", digits[] = "0123456789";

static size_t span(const char *text, const char *others)
{
	size_t n = 0;

	while (text[n] != '\0' && (strchr(lower, text[n]) != NULL || strchr(upper, text[n]) != NULL ||
				   strchr(digits, text[n]) != NULL || strchr(others, text[n]) != NULL))
		n++;
	return n;
}

/* "HOST[:PORT]/OWNER/REPO/pull/N" at the start of text: its length, or 0. */
static size_t pull_length(const char *text)
{
	static const char pull[] = "pull/";
	const char *at = text;
	size_t n = span(at, ".-");

	if (n == 0 || *at == '.' || *at == '-')
		return 0;
	at += n;
	if (*at == ':') {
		n = strspn(at + 1, digits);
		if (n == 0 || n > 5)
			return 0;
		at += 1 + n;
	}
	for (int part = 0; part < 2; part++) {
		n = *at == '/' ? span(at + 1, "._-") : 0;
		if (n == 0)
			return 0;
		at += 1 + n;
	}
	if (*at != '/' || strncmp(at + 1, pull, sizeof(pull) - 1) != 0)
		return 0;
	at += sizeof(pull);
	n = strspn(at, digits);
	if (n == 0 || n > 10 || *at == '0' || span(at + n, "_-") > 0)
		return 0;
	at += n;
	return (size_t)(at - text) <= URL_BYTES_MAX ? (size_t)(at - text) : 0;
}

/* The first URL of a pull request in text: where it begins, or NULL. */
static const char *find_pull(const char *text, size_t *ret_len)
{
	for (const char *at = strstr(text, "http"); at != NULL; at = strstr(at + 4, "http")) {
		size_t scheme = strncmp(at, "https://", 8) == 0 ? 8 : strncmp(at, "http://", 7) == 0 ? 7 : 0;
		size_t rest = scheme > 0 ? pull_length(at + scheme) : 0;
		if (rest > 0) {
			*ret_len = scheme + rest;
			return at;
		}
	}
	return NULL;
}

/* "in #42", as the documentation renders it: of the repository whose pull request was named before. */
static const char *short_number(const char *text, size_t *ret_len)
{
	const char *at = strstr(text, " in #");

	if (at == NULL)
		return NULL;
	at += sizeof(" in #") - 1;
	*ret_len = strspn(at, digits);
	return *ret_len > 0 && *ret_len <= 10 && *at != '0' && span(at + *ret_len, "_-") == 0 ? at : NULL;
}

/* "[a1b2c3d](URL)" or "a1b2c3d": where the digits begin. */
static const char *commit_of(const char *text)
{
	const char *at = strstr(text, ": ");

	if (at == NULL)
		return NULL;
	at += 2;
	return *at == '[' ? at + 1 : at;
}

bool transcript_has_commit(const struct transcript *transcript, const char *commit)
{
	for (size_t i = 0; i < transcript->count; i++) {
		const char *told = transcript->rows[i]->commit;
		size_t len = told != NULL ? strspn(told, "0123456789abcdefABCDEF") : 0;
		if (len >= SHORT_MIN && len <= strlen(commit) && strncasecmp(told, commit, len) == 0)
			return true;
	}
	return false;
}

void transcript_find_pulls(struct transcript *transcript, struct arena *arena)
{
	const char *repo = NULL; /* "https://HOST/OWNER/REPO/pull/…" */
	size_t repo_len = 0;

	for (size_t i = 0; i < transcript->count; i++) {
		struct row *row = transcript->rows[i];
		if (row->kind != ROW_PULL && row->kind != ROW_COMMIT)
			continue;
		size_t len = 0;
		if (row->kind == ROW_COMMIT)
			row->commit = commit_of(row->text);
		const char *text = row->kind == ROW_COMMIT ? strstr(row->text, " in ") : row->text;
		const char *url = text != NULL ? find_pull(text, &len) : NULL;
		if (url != NULL) {
			row->text = repo = arena_strndup(arena, url, len);
			if (repo == NULL)
				return;
			for (repo_len = len; strchr(digits, repo[repo_len - 1]) != NULL;)
				repo_len--;
			continue;
		}
		const char *number = text != NULL && repo != NULL && row->kind == ROW_COMMIT ? short_number(text, &len) : NULL;
		row->text = number == NULL ? NULL : arena_printf(arena, "%.*s%.*s", (int)repo_len, repo, (int)len, number);
	}
}

size_t transcript_announcements(const struct transcript *transcript, struct announcement *ret, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < transcript->count && count < max; i++) {
		const struct row *row = transcript->rows[i];
		if ((row->kind != ROW_PULL && row->kind != ROW_COMMIT) || row->text == NULL)
			continue;
		ret[count++] = (struct announcement){
			.url = row->text,
			.notice_id = row->id,
			.created_ms = row->created_ms >= 0 ? row->created_ms : 0,
		};
	}
	return count;
}
