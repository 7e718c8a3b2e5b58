/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/postponed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t find(const struct postponed *postponed, const char *id)
{
	size_t at = 0;

	while (at < postponed->count && strcmp(postponed->jobs[at].id, id) != 0)
		at++;
	return at;
}

bool postponed_has(const struct postponed *postponed, const char *id)
{
	return find(postponed, id) < postponed->count;
}

bool postponed_remove(struct postponed *postponed, const char *id)
{
	size_t at = find(postponed, id);

	if (at == postponed->count)
		return false;
	postponed->count--;
	memmove(&postponed->jobs[at], &postponed->jobs[at + 1], (postponed->count - at) * sizeof(postponed->jobs[0]));
	return true;
}

bool postponed_add(struct postponed *postponed, const char *id, int64_t updated_ms)
{
	if (!job_id_is_valid(id) || (postponed->count == POSTPONED_MAX && !postponed_has(postponed, id)))
		return false;
	(void)postponed_remove(postponed, id);
	struct postponed_job *job = &postponed->jobs[postponed->count++];
	(void)snprintf(job->id, sizeof(job->id), "%s", id);
	job->updated_ms = updated_ms;
	return true;
}

void postponed_read(struct postponed *postponed, const char *text)
{
	char id[JOB_ID_MAX + 2];

	postponed->count = 0;
	for (const char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		(void)snprintf(id, sizeof(id), "%.*s", len <= JOB_ID_MAX ? (int)len : 0, at);
		char *end = NULL;
		int64_t updated_ms = strtoll(at + len, &end, 10);
		if (end == at + len || (*end != ' ' && *end != '\0')) {
			at += len; /* no time after it */
			continue;
		}
		(void)postponed_add(postponed, id, updated_ms);
		at = end;
	}
}

void postponed_write(const struct postponed *postponed, struct strbuf *out)
{
	for (size_t i = 0; i < postponed->count; i++)
		strbuf_addf(out, "%s%s %lld", i > 0 ? " " : "", postponed->jobs[i].id,
			    (long long)postponed->jobs[i].updated_ms);
}
