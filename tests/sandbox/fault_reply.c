/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/stamp.h"

void fault_reply_html(struct reply *reply, unsigned status)
{
	http_reply(reply, status);
	reply->content_type = "text/html; charset=UTF-8";
	text_addf(&reply->body,
		  "<!DOCTYPE html>\n<html><head><title>%s</title></head>"
		  "<body><h1>%s</h1><p>Ray ID: 8f3c0ffee</p></body></html>\n",
		  status == 403 ? "Attention Required! | Cloudflare" : "Error",
		  status == 403 ? "Sorry, you have been blocked" : "The service is unavailable");
}

/* Errors under /github have GitHub's shape, all others Nairi's. */
static void reply_status(const struct fault *fault, const struct request *request,
			 struct reply *reply)
{
	if (strncmp(request->path, "/github/", 8) == 0) {
		http_reply(reply, fault->status);
		text_add(&reply->body, "{\"message\":\"injected fault\",\"documentation_url\":"
				       "\"https://docs.github.com/rest\"}");
		return;
	}
	http_reply_error(reply, fault->status, "injected fault");
}

static void set_body(struct reply *reply, const char *body)
{
	text_free(&reply->body);
	text_add(&reply->body, body);
}

static void finish(const struct fault *fault, struct reply *reply)
{
	const cJSON *header;

	if (fault->body != NULL)
		set_body(reply, fault->body);
	cJSON_ArrayForEach(header, fault->headers) {
		/* "@now+60": an instant that the test cannot know, as epoch seconds. */
		if (strncmp(header->valuestring, "@now+", 5) == 0)
			http_reply_header(reply, header->string, "%" PRId64,
					  stamp_wall() / 1000 +
						  strtol(header->valuestring + 5, NULL, 10));
		else
			http_reply_header(reply, header->string, "%s", header->valuestring);
	}
}

void fault_reply_instead(const struct fault *fault, const struct request *request,
			 struct reply *reply)
{
	struct fault plain = *fault;

	if (plain.status == 0)
		plain.status = 200;
	if (fault->kind == FAULT_HTML)
		fault_reply_html(reply, fault->status);
	else
		reply_status(&plain, request, reply);
	if (fault->kind == FAULT_EMPTY)
		text_free(&reply->body);
	if (fault->kind == FAULT_RESET_BEFORE || fault->kind == FAULT_RESET_AFTER)
		reply->manner = REPLY_RESET;
	finish(fault, reply);
}

/* Strings become numbers, numbers strings, arrays objects, everything else an array. */
static cJSON *other_type(const cJSON *item)
{
	if (cJSON_IsString(item))
		return cJSON_CreateNumber(7);
	if (cJSON_IsNumber(item))
		return cJSON_CreateString("seven");
	if (cJSON_IsArray(item))
		return cJSON_CreateObject();
	return cJSON_CreateArray();
}

static void spoil_types(struct reply *reply)
{
	cJSON *document = doc_parse(reply->body.data, reply->body.length);
	cJSON *spoilt = cJSON_CreateObject();
	const cJSON *item;
	char *printed;

	if (cJSON_IsObject(document))
		cJSON_ArrayForEach(item, document)
			cJSON_AddItemToObject(spoilt, item->string, other_type(item));
	printed = cJSON_PrintUnformatted(spoilt);
	if (printed != NULL)
		set_body(reply, printed);
	cJSON_free(printed);
	cJSON_Delete(spoilt);
	cJSON_Delete(document);
}

void fault_spoil(const struct fault *fault, const struct request *request, struct reply *reply)
{
	if (fault->kind == FAULT_HTML)
		fault_reply_html(reply, fault->status);
	else if (fault->kind == FAULT_STATUS)
		reply_status(fault, request, reply);
	else if (fault->status != 0 && fault->kind != FAULT_DELAY_BEFORE)
		reply->status = fault->status;
	switch (fault->kind) {
	case FAULT_EMPTY:
		text_free(&reply->body);
		break;
	case FAULT_TRUNCATED:
		if (reply->body.length > 0)
			reply->body.length /= 2;
		break;
	case FAULT_CUT:
		reply->manner = REPLY_CUT;
		break;
	case FAULT_WRONG_TYPES:
		spoil_types(reply);
		break;
	case FAULT_RESET_BEFORE:
	case FAULT_RESET_AFTER:
		reply->manner = REPLY_RESET;
		break;
	case FAULT_TRICKLE:
		reply->manner = REPLY_TRICKLE;
		reply->trickle_ms = fault->delay_ms;
		break;
	default:
		break;
	}
	finish(fault, reply);
}
