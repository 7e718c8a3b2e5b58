/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/base/json.h"
#include "bridge/cli/config_file.h"
#include "bridge/cli/print.h"

#define ANSWER_MAX     ((size_t)32 * 1024 * 1024)
#define URL_MAX        16384
#define CONNECT_MS     5000

struct client {
	struct config *config;
	CURL *curl;
	struct curl_slist *headers;
};

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	curl_slist_free_all(client->headers);
	if (client->curl != NULL)
		curl_easy_cleanup(client->curl);
	config_free(client->config);
	free(client);
}

void client_answer_release(struct client_answer *answer)
{
	cJSON_Delete(answer->body);
	answer->body = NULL;
}

static const char *unix_path(const struct client *client)
{
	const char *listen = client->config->admin.listen;

	return strncmp(listen, "unix:", 5) == 0 ? listen + 5 : NULL;
}

/* Whether the configuration says where the daemon is. */
static bool has_address(const struct config *config)
{
	const char *listen = config->admin.listen;

	if (listen == NULL)
		(void)fprintf(stderr,
			      "nairi-bridge: admin.listen is not set in %s, so there is no way to ask the daemon\n",
			      config->file);
	else if (strcmp(listen, "systemd") == 0)
		(void)fprintf(stderr, "nairi-bridge: admin.listen is \"systemd\" in %s, which says no address to ask\n",
			      config->file);
	return listen != NULL && strcmp(listen, "systemd") != 0;
}

struct client *client_open(const char *config_file)
{
	CLEANUP(client_close_at) struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->config = config_file_load(config_file, false);
	if (client->config == NULL || !has_address(client->config))
		return NULL;
	client->curl = curl_easy_init();
	client->headers = curl_slist_append(NULL, "Expect:");
	if (client->headers == NULL || curl_slist_append(client->headers, "Content-Type: application/json") == NULL ||
	    client->curl == NULL) {
		(void)fprintf(stderr, "nairi-bridge: out of memory\n");
		return NULL;
	}
	return TAKE(client);
}

void client_encode(const char *text, struct strbuf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *text != '\0'; text++) {
		if (strchr(plain, *text) != NULL)
			strbuf_addc(out, *text);
		else
			strbuf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

static size_t take(char *bytes, size_t size, size_t count, void *ctx)
{
	struct strbuf *out = ctx;

	strbuf_add(out, bytes, size * count);
	return strbuf_failed(out) ? 0 : size * count;
}

static void set_up(struct client *client, const char *method, const char *url, const char *body, long timeout_s,
		   struct strbuf *out)
{
	CURL *curl = client->curl;
	const struct secret *token = client->config->admin.token;

	curl_easy_reset(curl);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* the environment's proxy is for elsewhere */
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "nairi-bridge-cli/" BRIDGE_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	if (unix_path(client) != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, unix_path(client));
	} else if (token != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		(void)curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, secret_bytes(token));
	}
	if (strcmp(method, "GET") != 0) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)(body != NULL ? strlen(body) : 0));
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
		(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers);
	}
}

static void explain(const struct client *client, CURLcode code)
{
	const char *listen = client->config->admin.listen;
	long number = 0;

	(void)curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &number);
	if (number == EACCES || number == EPERM)
		(void)fprintf(stderr, "nairi-bridge: no permission to use %s: run this as the daemon's user\n", listen);
	else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		(void)fprintf(stderr,
			      "nairi-bridge: the daemon does not answer at %s: is `nairi-bridge serve` running?\n", listen);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		(void)fprintf(stderr, "nairi-bridge: the daemon at %s did not answer in time\n", listen);
	else
		(void)fprintf(stderr, "nairi-bridge: no answer from the daemon at %s: %s\n", listen,
			      curl_easy_strerror(code));
}

int client_call(struct client *client, const char *method, const char *path, const char *body, long timeout_s,
		struct client_answer *ret)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(ANSWER_MAX);
	CLEANUP(strbuf_release) struct strbuf url = STRBUF(URL_MAX);
	struct error err = { 0 };
	long status = 0;
	cJSON *tree = NULL;

	strbuf_addf(&url, "http://%s%s", unix_path(client) != NULL ? "localhost" : client->config->admin.listen, path);
	if (strbuf_failed(&url)) {
		(void)fprintf(stderr, "nairi-bridge: an operand is too long\n");
		return -1;
	}
	set_up(client, method, strbuf_str(&url), body, timeout_s, &text);
	CURLcode code = curl_easy_perform(client->curl);
	if (code != CURLE_OK) {
		explain(client, code);
		return -1;
	}
	(void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (json_read(strbuf_str(&text), text.len, NULL, &tree, &err) != 0) {
		(void)fprintf(stderr, "nairi-bridge: what answers at %s is not the daemon (%ld, %s)\n",
			      client->config->admin.listen, status, err.text);
		return -1;
	}
	*ret = (struct client_answer){ .status = (int)status, .body = tree };
	return 0;
}

void client_complain(const struct client_answer *answer)
{
	const char *error = json_str(answer->body, "error");

	if (error == NULL || error[0] == '\0')
		(void)fprintf(stderr, "nairi-bridge: the daemon answered %d\n", answer->status);
	else
		print_text(stderr, error, "");
}

int client_get(struct client *client, const char *path, struct client_answer *ret)
{
	struct client_answer answer;

	if (client_call(client, "GET", path, NULL, CLIENT_TIMEOUT_S, &answer) != 0)
		return -1;
	if (answer.status != 200) {
		client_complain(&answer);
		client_answer_release(&answer);
		return -1;
	}
	*ret = answer;
	return 0;
}
