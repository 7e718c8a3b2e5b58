/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/router.h"

#include <string.h>

#include "tests/sandbox/control.h"
#include "tests/sandbox/doc.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/github_api.h"
#include "tests/sandbox/nairi_api.h"
#include "tests/sandbox/request_log.h"

struct realm {
	const char *prefix;
	void (*handle)(struct call *call);
};

static const struct realm realms[] = {
	{NAIRI_API_PREFIX, nairi_api_handle},
	{GITHUB_API_PREFIX, github_api_handle},
};

static const struct realm control = {CONTROL_PREFIX, control_handle};

static bool is_below(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(path, prefix, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static const struct realm *realm_of(const char *path)
{
	for (size_t i = 0; i < sizeof(realms) / sizeof(realms[0]); i++)
		if (is_below(path, realms[i].prefix))
			return &realms[i];
	return is_below(path, control.prefix) ? &control : NULL;
}

static void handle(struct sandbox *sandbox, const struct realm *realm, struct request *request,
		   struct reply *reply)
{
	struct route_path path;
	struct call call = {
		.sandbox = sandbox, .request = request, .reply = reply, .path = &path};

	if (realm == NULL || route_split(request->path + strlen(realm->prefix), &path) != 0) {
		http_reply_error(reply, 404, "not found");
		return;
	}
	realm->handle(&call);
}

/* What an edge proxy in front of Nairi might refuse. Lock held. */
static bool is_blocked(const struct sandbox *sandbox, const struct request *request)
{
	cJSON *document;
	const char *prompt;
	bool hit;

	if (!is_below(request->path, NAIRI_API_PREFIX))
		return false;
	document = doc_parse(request->body.data, request->body.length);
	prompt = doc_string(document, "prompt");
	hit = prompt != NULL && faults_waf_hits(sandbox->faults, prompt);
	cJSON_Delete(document);
	return hit;
}

static void handle_with_fault(struct sandbox *sandbox, const struct realm *realm,
			      const struct fault *fault, struct request *request,
			      struct reply *reply)
{
	if (fault->kind == FAULT_DELAY_BEFORE)
		sandbox_sleep(sandbox, fault->delay_ms);
	if (!fault->create) {
		fault_reply_instead(fault, request, reply);
		return;
	}
	handle(sandbox, realm, request, reply);
	if (fault->kind == FAULT_DELAY_AFTER)
		sandbox_sleep(sandbox, fault->delay_ms);
	fault_spoil(fault, request, reply);
}

static void answer_with_care(struct sandbox *sandbox, const struct realm *realm,
			     struct request *request, struct reply *reply)
{
	struct fault *fault;
	bool blocked;

	sandbox_lock(sandbox);
	blocked = is_blocked(sandbox, request);
	fault = blocked ? NULL : faults_take(sandbox->faults, request);
	sandbox_unlock(sandbox);
	if (blocked)
		fault_reply_html(reply, 403);
	else if (fault != NULL)
		handle_with_fault(sandbox, realm, fault, request, reply);
	else
		handle(sandbox, realm, request, reply);
	fault_free(fault);
}

void router_answer(struct sandbox *sandbox, struct request *request, struct reply *reply)
{
	const struct realm *realm = realm_of(request->path);

	if (realm == &control) {
		handle(sandbox, realm, request, reply);
		return;
	}
	if (!sandbox->is_quick) {
		sandbox_lock(sandbox);
		request->log_number = request_log_add(sandbox->log, request);
		sandbox_changed(sandbox);
		sandbox_unlock(sandbox);
	}
	if (atomic_load_explicit(&sandbox->special, memory_order_acquire) == 0)
		handle(sandbox, realm, request, reply);
	else
		answer_with_care(sandbox, realm, request, reply);
	if (request->log_number != 0) {
		sandbox_lock(sandbox);
		request_log_answered(sandbox->log, request->log_number,
				     reply->manner == REPLY_RESET ? 0 : reply->status);
		sandbox_changed(sandbox);
		sandbox_unlock(sandbox);
	}
}
