/* SPDX-License-Identifier: Apache-2.0 */
/* A prompt by hand: checked here, kept and forwarded by the intake. */
#include <string.h>

#include "bridge/admin/admin_private.h"

#define WAIT_S     30
#define WAIT_MAX_S 120

int prompt_member(const cJSON *body, const char *name, const char **ret, struct error *err)
{
	*ret = json_str(body, name);
	if (*ret == NULL && json_at(body, name) != NULL)
		return error_set(err, ERR_INVALID, "%s: expected a string", name);
	return 0;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

int prompt_check(const char *prompt, const struct settings *settings, struct error *err)
{
	int64_t max = settings->config->limits.prompt;

	if (prompt == NULL || is_blank(prompt))
		return error_set(err, ERR_INVALID, "prompt is missing or empty");
	if (strlen(prompt) > (size_t)max)
		return error_set(err, ERR_TOO_LARGE, "the prompt is longer than limits.prompt (%lld bytes)", (long long)max);
	return 0;
}

int prompt_wait(struct admin_call *call, int64_t *ret_s, struct error *err)
{
	return params_int(&call->query, "wait", 0, WAIT_MAX_S, WAIT_S, ret_s, err);
}

int prompt_room(const struct admin_call *call, const struct settings *settings, struct error *err)
{
	if (deliver_waiting(call->admin->options.deliver) < (size_t)settings->config->limits.queue)
		return 0;
	return error_set(err, ERR_BUSY, "the queue is full (limits.queue); try again later");
}

int continue_post(struct admin_call *call, struct error *err)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(call->admin->options.settings);
	const char *job_id = NULL, *thread = NULL, *prompt = NULL;
	int64_t wait_s = 0;

	if (prompt_wait(call, &wait_s, err) != 0 ||
	    prompt_member(call->body, "job_id", &job_id, err) != 0 ||
	    prompt_member(call->body, "thread", &thread, err) != 0 ||
	    prompt_member(call->body, "prompt", &prompt, err) != 0 || prompt_check(prompt, settings, err) != 0)
		return -1;
	if ((job_id == NULL) == (thread == NULL))
		return error_set(err, ERR_INVALID, "expected either job_id or thread");
	if (job_id != NULL && !job_id_is_valid(job_id))
		return error_set(err, ERR_INVALID, "\"%.60s\" is no job id: expected job_ and 26 characters", job_id);
	if (thread != NULL && settings_resolve_thread(settings, thread, call->arena, &thread, err) != 0)
		return -1;
	if (prompt_room(call, settings, err) != 0)
		return -1;
	intake_continue(call->admin->options.intake, call->x, job_id, thread, prompt, wait_s * 1000);
	return 0;
}
