/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/seeds.h"

#include "tests/sandbox/accounts.h"
#include "tests/sandbox/jobs.h"

struct seed {
	const char *id;
	unsigned org;
	enum platform platform;
	enum job_status status;
	const char *notice; /* the last system message, NULL: none */
};

static const struct seed seeds[] = {
	{SEEDS_JOB_ACTIVE, 1, PLATFORM_API, JOB_ACTIVE, NULL},
	{SEEDS_JOB_COMPLETED, 1, PLATFORM_API, JOB_COMPLETED, "Job complete - Thread is inactive"},
	{SEEDS_JOB_ERROR, 1, PLATFORM_API, JOB_ERROR,
	 "nairid encountered error: session timed out after 1h0m0s"},
	{SEEDS_JOB_ABANDONED, 1, PLATFORM_API, JOB_ABANDONED,
	 "nairid encountered error: job abandoned: remote branch deleted"},
	{SEEDS_JOB_SLACK, 1, PLATFORM_SLACK, JOB_ACTIVE, NULL},
	{SEEDS_JOB_DISCORD, 1, PLATFORM_DISCORD, JOB_ACTIVE, NULL},
	{SEEDS_JOB_WEB, 1, PLATFORM_WEB, JOB_ACTIVE, NULL},
	{SEEDS_JOB_LEGACY, 1, PLATFORM_API, JOB_ACTIVE, NULL},
	{SEEDS_JOB_OTHER_ORG, 2, PLATFORM_API, JOB_ACTIVE, NULL},
};

static void plant(struct sandbox *sandbox, const struct seed *seed, const char *agent_id)
{
	struct job *job = jobs_create(sandbox, seed->id, seed->org, seed->platform, agent_id);

	if (seed->notice != NULL)
		jobs_append(sandbox, job, ROLE_SYSTEM, MESSAGE_COMPLETED, seed->notice);
	job->status = seed->status;
}

void seeds_plant(struct sandbox *sandbox)
{
	struct accounts *accounts = sandbox->accounts;
	struct policy *policy = jobs_policy(sandbox, NULL);
	const struct agent *mine = accounts_add_agent(accounts, &sandbox->ids, 1, "my-agent",
						      "My agent", DESCRIPTION_GIVEN);
	const struct agent *others;

	accounts_add_agent(accounts, &sandbox->ids, 1, "octo/hello", "Hello", DESCRIPTION_NULL);
	accounts_add_agent(accounts, &sandbox->ids, 1, "quiet-agent", "Quiet", DESCRIPTION_ABSENT);
	others = accounts_add_agent(accounts, &sandbox->ids, 2, "other-agent", "Other",
				    DESCRIPTION_GIVEN);
	*policy = (struct policy){.kind = POLICY_STALL, .status = 400, .text = "job has ended"};
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		plant(sandbox, &seeds[i], seeds[i].org == 1 ? mine->id : others->id);
}
