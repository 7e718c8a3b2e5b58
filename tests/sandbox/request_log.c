/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/request_log.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"

#define ENTRIES_MAX 4096U
#define BYTES_MAX ((size_t)64 * 1024 * 1024)
#define BODY_MAX ((size_t)1024 * 1024)

struct entry {
	uint64_t number; /* 0: empty */
	int64_t arrived_ms;
	char method[16];
	char *uri;
	cJSON *headers;
	char *body;
	size_t body_length; /* as received */
	size_t kept;
	int status; /* -1 until it is answered */
};

struct request_log {
	struct entry entries[ENTRIES_MAX]; /* number N at N % ENTRIES_MAX */
	uint64_t first;	/* the oldest that may still be there */
	uint64_t last;
	size_t bytes;
};

struct request_log *request_log_new(void)
{
	struct request_log *log = memory_new(1, sizeof(*log));

	log->first = 1;
	return log;
}

static struct entry *entry_at(struct request_log *log, uint64_t number)
{
	return &log->entries[number % ENTRIES_MAX];
}

static const struct entry *entry_in(const struct request_log *log, uint64_t number)
{
	return &log->entries[number % ENTRIES_MAX];
}

static void drop_oldest(struct request_log *log)
{
	struct entry *entry = entry_at(log, log->first++);

	log->bytes -= entry->kept;
	free(entry->uri);
	free(entry->body);
	cJSON_Delete(entry->headers);
	*entry = (struct entry){0};
}

void request_log_reset(struct request_log *log)
{
	while (log->first <= log->last)
		drop_oldest(log);
}

void request_log_free(struct request_log *log)
{
	request_log_reset(log);
	free(log);
}

/* Repeated headers are joined as RFC 9110 section 5.3 allows; names are as received. */
static enum MHD_Result add_header(void *closure, enum MHD_ValueKind kind, const char *name,
				  const char *value)
{
	cJSON *headers = closure;
	const cJSON *before = cJSON_GetObjectItemCaseSensitive(headers, name);
	struct text joined = {0};

	(void)kind;
	if (before != NULL) {
		text_addf(&joined, "%s, %s", before->valuestring, value != NULL ? value : "");
		cJSON_DeleteItemFromObjectCaseSensitive(headers, name);
	} else {
		text_add(&joined, value != NULL ? value : "");
	}
	cJSON_AddStringToObject(headers, name, joined.data);
	text_free(&joined);
	return MHD_YES;
}

uint64_t request_log_add(struct request_log *log, const struct request *request)
{
	size_t kept = request->body.length < BODY_MAX ? request->body.length : BODY_MAX;
	struct text uri = {0};
	struct entry *entry;

	while (log->first <= log->last &&
	       (log->last - log->first + 1 >= ENTRIES_MAX || log->bytes + kept > BYTES_MAX))
		drop_oldest(log);
	entry = entry_at(log, ++log->last);
	entry->number = log->last;
	entry->arrived_ms = stamp_wall();
	memcpy(entry->method, request->method, sizeof(entry->method));
	text_add(&uri, request->path);
	if (*request->query != '\0')
		text_addf(&uri, "?%s", request->query);
	entry->uri = uri.data;
	entry->headers = cJSON_CreateObject();
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, add_header,
				  entry->headers);
	/* Not beyond a character: the dump is JSON. */
	while (kept > 0 && kept < request->body.length &&
	       ((unsigned char)request->body.data[kept] & 0xc0) == 0x80)
		kept--;
	entry->body = memory_copy_n(request->body.data, kept);
	entry->body_length = request->body.length;
	entry->kept = kept;
	entry->status = -1;
	log->bytes += kept;
	return entry->number;
}

void request_log_answered(struct request_log *log, uint64_t number, unsigned status)
{
	struct entry *entry = entry_at(log, number);

	if (number != 0 && entry->number == number)
		entry->status = (int)status;
}

uint64_t request_log_last(const struct request_log *log)
{
	return log->last;
}

static bool fits(const struct entry *entry, const struct request_filter *filter)
{
	if (filter->method != NULL && strcmp(filter->method, entry->method) != 0)
		return false;
	if (filter->answered && entry->status < 0)
		return false;
	return filter->path == NULL || text_matches(filter->path, entry->uri);
}

static uint64_t start_of(const struct request_log *log, const struct request_filter *filter)
{
	return filter->since >= log->first ? filter->since + 1 : log->first;
}

int64_t request_log_count(const struct request_log *log, const struct request_filter *filter)
{
	int64_t count = 0;

	for (uint64_t at = start_of(log, filter); at <= log->last; at++)
		count += fits(entry_in(log, at), filter);
	return count;
}

static cJSON *entry_json(const struct entry *entry)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddNumberToObject(object, "number", (double)entry->number);
	doc_add_time(object, "time", entry->arrived_ms);
	cJSON_AddStringToObject(object, "method", entry->method);
	cJSON_AddStringToObject(object, "path", entry->uri);
	cJSON_AddItemToObject(object, "headers", cJSON_Duplicate(entry->headers, 1));
	if (text_is_utf8(entry->body, entry->kept) && memchr(entry->body, 0, entry->kept) == NULL) {
		cJSON_AddStringToObject(object, "body", entry->body);
	} else {
		struct text encoded = {0};

		text_add_base64(&encoded, entry->body, entry->kept);
		cJSON_AddStringToObject(object, "body_base64", encoded.data);
		text_free(&encoded);
	}
	cJSON_AddNumberToObject(object, "body_length", (double)entry->body_length);
	if (entry->status >= 0)
		cJSON_AddNumberToObject(object, "status", entry->status);
	else
		cJSON_AddNullToObject(object, "status");
	return object;
}

cJSON *request_log_json(const struct request_log *log, const struct request_filter *filter)
{
	cJSON *array = cJSON_CreateArray();
	int64_t left = filter->limit;

	for (uint64_t at = start_of(log, filter); at <= log->last && left > 0; at++) {
		if (!fits(entry_in(log, at), filter))
			continue;
		cJSON_AddItemToArray(array, entry_json(entry_in(log, at)));
		left--;
	}
	return array;
}
