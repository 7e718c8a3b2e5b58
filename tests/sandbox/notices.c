/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/notices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

static struct message *say(struct sandbox *sandbox, struct job *job, enum role role,
			   struct text *content)
{
	struct message *message = jobs_append(sandbox, job, role, MESSAGE_COMPLETED,
					      content->data != NULL ? content->data : "");

	text_free(content);
	return message;
}

static void add_usage(struct message *message, unsigned number)
{
	message->usage = memory_new(1, sizeof(*message->usage));
	*message->usage = (struct usage){
		.cost_usd = 0.0123456789 * number,
		.input_tokens = 1200 + (int)number,
		.output_tokens = 340,
		.cache_read_tokens = 56000,
		.cache_write_tokens = 7800,
		.model = "claude-sonnet-4-5",
	};
}

/* One message of an answer; NULL is the text that says nothing but the turn's number. */
static void answer(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan,
		   unsigned number, const char *words)
{
	const struct turn_list *ids = &plan->attachment_ids;
	struct text content = {0};
	struct message *message;

	if (words != NULL)
		text_add(&content, words);
	else
		text_addf(&content, "Done (turn %u).", number);
	message = say(sandbox, job, ROLE_ASSISTANT, &content);
	if (plan->cost == COST_ALL || (plan->cost == COST_ALTERNATE && number % 2 == 1))
		add_usage(message, number);
	message->attachment_ids = memory_new(ids->count, sizeof(char *));
	for (size_t i = 0; i < ids->count; i++)
		message->attachment_ids[i] = memory_copy(ids->items[i]);
	message->attachment_count = ids->count;
}

void notices_answer(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan)
{
	unsigned number = ++job->answers;

	if (!plan->answers.given)
		answer(sandbox, job, plan, number, plan->answer);
	for (size_t i = 0; i < plan->answers.count; i++)
		answer(sandbox, job, plan, number, plan->answers.items[i]);
}

void notices_progress(struct sandbox *sandbox, struct job *job, int64_t index)
{
	static const char *const types[] = {"text", "tool_use", "tool_heartbeat", "subagent"};
	const char *type = types[index % 4];
	struct text content = {0};
	struct message *message;

	text_addf(&content, "{\"job_id\":\"%s\",\"progress_type\":\"%s\"", job->id, type);
	if (index % 4 == 0)
		text_addf(&content, ",\"text_delta\":\"step %" PRId64 "\"", index);
	else if (index % 4 == 1)
		text_addf(&content,
			  ",\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"make\"},"
			  "\"tool_status\":\"completed\",\"tool_use_id\":\"toolu_%" PRId64 "\"",
			  index);
	else if (index % 4 == 3)
		text_add(&content, ",\"summary\":\"looked around\"");
	text_add(&content, "}");
	message = say(sandbox, job, ROLE_PROGRESS, &content);
	message->progress = memory_new(1, sizeof(*message->progress));
	message->progress->type = type;
	if (index % 4 != 1)
		return;
	message->progress->tool_name = "Bash";
	message->progress->tool_status = "completed";
	snprintf(message->progress->tool_use_id, sizeof(message->progress->tool_use_id),
		 "toolu_%" PRId64, index);
}

/* The PR of the job: what the plan says, else one made from its number. */
static char *pr_url_of(const struct job *job, const struct turn_plan *plan)
{
	struct text url = {0};

	if (plan->pr_url != NULL)
		return memory_copy(plan->pr_url);
	text_addf(&url, "https://github.com/octo/hello/pull/%u", 100 + job->number);
	return url.data;
}

void notices_git(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan)
{
	if (job->commits == 0)
		notices_opened(sandbox, job, plan);
	else
		notices_added(sandbox, job, plan);
}

void notices_opened(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan)
{
	CLEANUP(memory_drop) char *url = pr_url_of(job, plan);
	struct text content = {0};

	job->commits++;
	text_addf(&content,
		  plan->git != GIT_PLAIN ? "Agent opened a [pull request](%s%s)"
					 : "Agent opened a pull request: %s%s",
		  plan->git_warning != NULL ? plan->git_warning : "", url);
	say(sandbox, job, ROLE_SYSTEM, &content);
}

void notices_added(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan)
{
	CLEANUP(memory_drop) char *url = pr_url_of(job, plan);
	bool markdown = plan->git != GIT_PLAIN;
	const char *pull = strstr(url, "/pull/");
	const char *number = pull != NULL ? pull + 6 : "0";
	int repository = pull != NULL ? (int)(pull - url) : (int)strlen(url);
	struct text content = {0};
	char sha[41];

	snprintf(sha, sizeof(sha), "%016" PRIx64 "%016" PRIx64 "%08x",
		 ulid_mix(job->number + (uint64_t)job->commits * 65536), ulid_mix(job->number),
		 job->commits);
	job->commits++;
	if (markdown)
		text_addf(&content, "New commit added: [%.7s](%.*s/commit/%s)", sha,
			  repository, url, sha);
	else
		text_addf(&content, "New commit added: %.7s", sha);
	if (!plan->without_pr && markdown)
		text_addf(&content, " in [#%s](%s)", number, url);
	else if (!plan->without_pr)
		text_addf(&content, " in #%s", number);
	say(sandbox, job, ROLE_SYSTEM, &content);
}

static void encountered(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan,
			const char *before, const char *detail)
{
	struct text content = {0};

	text_addf(&content, "%s encountered error: %s%s",
		  plan->daemon != NULL ? plan->daemon : "nairid", before, detail);
	say(sandbox, job, ROLE_SYSTEM, &content);
}

void notices_failed(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan)
{
	const char *detail = plan->error_detail != NULL ? plan->error_detail
							: "the agent stopped with exit code 1";

	encountered(sandbox, job, plan, "", detail);
	encountered(sandbox, job, plan,
		    job->turns == 0 ? "error starting Claude session: "
				    : "error continuing Claude session: ",
		    detail);
}

void notices_lost(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan)
{
	encountered(sandbox, job, plan, "auto-commit failed: ",
		    plan->error_detail != NULL ? plan->error_detail : "could not push the branch");
}

void notices_late_error(struct sandbox *sandbox, struct job *job, const struct turn_plan *plan)
{
	encountered(sandbox, job, plan, "failed to validate PR description footer: ",
		    plan->error_detail != NULL ? plan->error_detail : "no pull request found");
}

int notices_ending_parse(const char *name, enum ending *ret_ending)
{
	static const char *const names[] = {"merged", "closed", "inactive", "abandoned", "untidy"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*ret_ending = (enum ending)i;
			return 0;
		}
	}
	return -1;
}

static void ending_text(struct text *content, enum ending ending, const char *name,
			const char *branch)
{
	switch (ending) {
	case ENDING_MERGED:
		text_add(content, "Job complete - Pull request was merged");
		if (name != NULL)
			text_addf(content, " by %s", name);
		return;
	case ENDING_CLOSED:
		text_add(content, "Job complete - Pull request was closed");
		return;
	case ENDING_INACTIVE:
		text_add(content, "Job complete - Thread is inactive");
		return;
	case ENDING_ABANDONED:
		text_addf(content,
			  "Job abandoned: Remote branch '%s' was deleted (likely merged). "
			  "Please start a new conversation.",
			  branch);
		return;
	case ENDING_UNTIDY:
		text_addf(content,
			  "Job failed: Remote branch '%s' was deleted (likely merged), "
			  "but cleanup failed. Please start a new conversation.",
			  branch);
		return;
	}
}

void notices_end(struct sandbox *sandbox, struct job *job, enum ending ending, const char *name,
		 const char *branch)
{
	bool dropped = ending == ENDING_ABANDONED || ending == ENDING_UNTIDY;
	struct text content = {0};

	ending_text(&content, ending, name,
		    branch != NULL ? branch : "nairid/brave-otter-20260412-184512");
	say(sandbox, job, ROLE_SYSTEM, &content);
	if (dropped)
		encountered(sandbox, job, turns_plan(sandbox, job), "",
			    "job abandoned: remote branch deleted");
	jobs_set_status(sandbox, job, dropped ? JOB_ABANDONED : JOB_COMPLETED);
	turns_abandon(sandbox, job);
}
