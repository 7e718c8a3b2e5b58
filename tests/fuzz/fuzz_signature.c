/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading signatures, from any bytes: the first picks the scheme, the rest is header lines, an
 * empty line, the body. Whatever is accepted must not be accepted any more with another body, if
 * the scheme signs it, nor without one of its headers.
 */
#include "tests/support/handler_kit.h"

#define MAX_HEADERS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *type, *json;
} schemes[] = {
	{ "github", "{\"secret\":[\"another\",\"It's a Secret to Everybody\"]}" },
	{ "generic",
	  "{\"verify\":\"hmac-sha256\",\"header\":\"X-Sig\",\"secret\":[\"It's a Secret to Everybody\"]}" },
	{ "generic",
	  "{\"verify\":\"hmac-sha256\",\"header\":\"X-Sig\",\"prefix\":\"v0=\",\"encoding\":\"base64\",\"secret\":[\"k\"]}" },
	{ "generic", "{\"verify\":\"bearer\",\"token\":[\"token\",\"other\"]}" },
	{ "generic",
	  "{\"verify\":\"basic\",\"username\":\"Aladdin\",\"password\":\"open sesame\"}" },
	{ "generic",
	  "{\"verify\":\"standard-webhooks\",\"secret\":[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"],"
	  "\"received\":1614265330}" },
};

/*
 * Splits text into headers; returns where the body begins. A line without a colon is a header of no
 * value.
 */
static char *split(char *text, struct http_header *headers, size_t *ret_count)
{
	char *at = text;
	size_t count = 0;

	while (*at != '\0' && *at != '\n' && count < MAX_HEADERS) {
		char *end = strchr(at, '\n');
		char *next = end != NULL ? end + 1 : at + strlen(at);
		if (end != NULL)
			*end = '\0';
		char *colon = strchr(at, ':');
		const char *value = "";
		if (colon != NULL) {
			*colon = '\0';
			value = colon + 1 + strspn(colon + 1, " ");
		}
		headers[count++] = (struct http_header){ at, value };
		at = next;
	}
	*ret_count = count;
	return *at == '\n' ? at + 1 : at;
}

static bool accepted(const struct kit_source *source, const struct http_request *request)
{
	struct error err = { 0 };

	if (source->handler->verify(source->state, request, &err) == 0)
		return true;
	KIT_NEED(err.code == ERR_UNAUTHENTIC && err.text[0] != '\0');
	return false;
}

static void check(const struct kit_source *source, struct http_request *request)
{
	struct http_request bare = *request;

	if (!accepted(source, request))
		return;
	bare.header_count = 0;
	KIT_NEED(!accepted(source, &bare));
	if (!source->signs_body)
		return;
	struct http_request longer = *request;
	longer.body_len++; /* the NUL that follows */
	KIT_NEED(!accepted(source, &longer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_header headers[MAX_HEADERS];
	CLEANUP(cleanup_free) char *text = calloc(1, size + 1);
	size_t count = 0;

	if (size == 0)
		return 0;
	KIT_NEED(text != NULL);
	memcpy(text, data + 1, size - 1);
	size_t pick = data[0] % (sizeof(schemes) / sizeof(schemes[0]));
	struct kit_source *source = kit_open(schemes[pick].type, schemes[pick].json, NULL);
	KIT_NEED(source != NULL);
	const char *body = split(text, headers, &count);
	struct http_request request = { .method = "POST",
					.path = "/",
					.query = "",
					.headers = headers,
					.header_count = count,
					.body = body,
					.body_len = size - 1 - (size_t)(body - text),
					.received_ms = source->received_ms };
	check(source, &request);
	kit_close(source);
	return 0;
}
