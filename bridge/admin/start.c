/* SPDX-License-Identifier: Apache-2.0 */
/* A job by hand: checked here, kept and started by the intake. */
#include "bridge/admin/admin_private.h"

static int check_agent(const char *agent, struct error *err)
{
	if (agent == NULL || agent[0] == '\0')
		return error_set(err, ERR_INVALID, "agent is missing: expected the slug of an agent");
	if (!config_agent_is_valid(agent))
		return error_set(err, ERR_INVALID, "agent: expected a slug without blanks, at most %d bytes", CONFIG_AGENT_MAX);
	return 0;
}

int start_post(struct admin_call *call, struct error *err)
{
	CLEANUP(settings_drop_at) struct settings *settings = settings_get(call->admin->options.settings);
	const char *agent = NULL, *thread = NULL, *prompt = NULL;
	const cJSON *ask = json_at(call->body, "ask");
	int64_t wait_s = 0;

	if (prompt_wait(call, &wait_s, err) != 0 || prompt_member(call->body, "agent", &agent, err) != 0 ||
	    prompt_member(call->body, "link", &thread, err) != 0 ||
	    prompt_member(call->body, "prompt", &prompt, err) != 0 || check_agent(agent, err) != 0 ||
	    prompt_check(prompt, settings, err) != 0)
		return -1;
	if (ask != NULL && !cJSON_IsBool(ask))
		return error_set(err, ERR_INVALID, "ask: expected true or false");
	if (thread != NULL && settings_resolve_thread(settings, thread, call->arena, &thread, err) != 0)
		return -1;
	if (prompt_room(call, settings, err) != 0)
		return -1;
	struct start_config start = { .agent = agent, .ask = cJSON_IsTrue(ask) };
	intake_start(call->admin->options.intake, call->x, &start, thread, prompt, wait_s * 1000);
	return 0;
}
