/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/attachments.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/multipart.h"
#include "tests/sandbox/stamp.h"
#include "tests/sandbox/table.h"

struct attachment {
	char id[ULID_SIZE];
	unsigned org;
	char *filename;
	char *data;
	size_t length;
};

struct attachments {
	struct table by_id;
	struct attachment **list;
	size_t count;
};

struct attachments *attachments_new(void)
{
	return memory_new(1, sizeof(struct attachments));
}

void attachments_reset(struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count; i++) {
		free(attachments->list[i]->filename);
		free(attachments->list[i]->data);
		free(attachments->list[i]);
	}
	free(attachments->list);
	table_free(&attachments->by_id);
	*attachments = (struct attachments){0};
}

void attachments_free(struct attachments *attachments)
{
	attachments_reset(attachments);
	free(attachments);
}

static const struct attachment *find(const struct sandbox *sandbox, const char *id, unsigned org)
{
	const struct attachment *found = table_get(&sandbox->attachments->by_id, id);

	return found != NULL && found->org == org ? found : NULL;
}

bool attachments_has(const struct sandbox *sandbox, const char *id, unsigned org)
{
	return find(sandbox, id, org) != NULL;
}

cJSON *attachments_json(const struct sandbox *sandbox)
{
	const struct attachments *attachments = sandbox->attachments;
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < attachments->count; i++) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddStringToObject(object, "id", attachments->list[i]->id);
		cJSON_AddNumberToObject(object, "org", attachments->list[i]->org);
		cJSON_AddStringToObject(object, "filename", attachments->list[i]->filename);
		cJSON_AddNumberToObject(object, "bytes", (double)attachments->list[i]->length);
		cJSON_AddItemToArray(array, object);
	}
	return array;
}

static void keep(struct sandbox *sandbox, struct attachment *attachment)
{
	struct attachments *attachments = sandbox->attachments;

	ulid_make(&sandbox->ids, "att", stamp_wall(), attachment->id);
	attachments->list = memory_grow(attachments->list, attachments->count + 1,
				      sizeof(struct attachment *));
	attachments->list[attachments->count++] = attachment;
	table_put(&attachments->by_id, attachment->id, attachment);
	sandbox_changed(sandbox);
}

void attachments_upload(struct call *call)
{
	const struct text *body = &call->request->body;
	struct multipart part = {0};
	struct attachment *attachment;
	char id[ULID_SIZE];

	if (body->length == 0 ||
	    multipart_find(http_header(call->request, "Content-Type"), body->data, body->length,
			   "file", &part) != 0) {
		http_reply_error(call->reply, 400, "file is required");
		return;
	}
	if (part.length > ATTACHMENTS_BYTES_MAX) {
		free(part.filename);
		http_reply_error(call->reply, 400, "file exceeds the 50 MB limit");
		return;
	}
	attachment = memory_new(1, sizeof(*attachment));
	attachment->org = call->org;
	attachment->filename = part.filename != NULL ? part.filename : memory_copy("file");
	attachment->data = memory_copy_n(part.data, part.length);
	attachment->length = part.length;
	sandbox_lock(call->sandbox);
	keep(call->sandbox, attachment);
	memcpy(id, attachment->id, sizeof(id));
	sandbox_unlock(call->sandbox);
	http_reply(call->reply, 201);
	text_addf(&call->reply->body, "{\"attachment_id\":\"%s\"}", id);
}

void attachments_get(struct call *call)
{
	const char *id = call->path->segments[1];
	const struct attachment *attachment;

	if (!ulid_is_valid(id)) {
		http_reply_error(call->reply, 400, "invalid attachment id");
		return;
	}
	sandbox_lock(call->sandbox);
	attachment = find(call->sandbox, id, call->org);
	if (attachment == NULL) {
		http_reply_error(call->reply, 404, "attachment not found");
	} else {
		http_reply(call->reply, 200);
		text_addf(&call->reply->body, "{\"id\":\"%s\",\"filename\":", id);
		text_add_json(&call->reply->body, attachment->filename);
		text_add(&call->reply->body, ",\"data\":\"");
		text_add_base64(&call->reply->body, attachment->data, attachment->length);
		text_add(&call->reply->body, "\"}");
	}
	sandbox_unlock(call->sandbox);
}
