/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/github_api.h"
#include "tests/sandbox/github_json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/stamp.h"

struct target {
	enum github_target kind;
	int64_t number; /* of the issue, or the comment's id */
	struct github_comment *comment; /* NULL for an issue */
};

/* What a reactions path is about; -1 when the reply is made. Lock held. */
static int find_target(struct call *call, const char *repo, struct target *ret_target)
{
	enum github_kind kind;
	size_t segment;

	*ret_target = (struct target){.kind = TARGET_ISSUE};
	if (strcmp(call->path->segments[3], "issues") == 0 &&
	    strcmp(call->path->segments[4], "comments") != 0) {
		ret_target->number = github_api_number(call, 4);
		return ret_target->number < 0 ? -1 : 0;
	}
	segment = github_api_comment(call, &kind);
	ret_target->kind = github_target_of(kind);
	ret_target->number = github_api_number(call, segment);
	if (ret_target->number < 0)
		return -1;
	ret_target->comment = github_comment(call->sandbox, kind, repo, 0, ret_target->number);
	if (ret_target->comment != NULL)
		return 0;
	github_api_error(call, 404, "Not Found");
	return -1;
}

void github_reactions_list(struct call *call)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	const struct github *github = call->sandbox->github;
	struct target target;
	cJSON *array;

	sandbox_lock(call->sandbox);
	if (find_target(call, repo, &target) == 0) {
		array = cJSON_CreateArray();
		for (size_t i = 0; i < github->reaction_count; i++) {
			const struct github_reaction *reaction = github->reactions[i];

			if (reaction->target == target.kind && reaction->number == target.number &&
			    strcasecmp(reaction->repo, repo) == 0)
				cJSON_AddItemToArray(array, github_json_reaction(reaction));
		}
		http_reply_json(call->reply, 200, array);
	}
	sandbox_unlock(call->sandbox);
}

/* In --quick mode nothing is kept of a reaction: there may be one for each message. */
static void react_quickly(struct call *call, unsigned content)
{
	char login[] = "octocat";
	struct github_reaction reaction = {
		.id = 1, .user = login, .content = content, .created_ms = stamp_wall()};

	http_reply_json(call->reply, 201, github_json_reaction(&reaction));
}

static void react(struct call *call, unsigned content)
{
	CLEANUP(memory_drop) char *repo = github_api_repo(call);
	const struct github_reaction *reaction;
	struct target target;
	bool is_new;

	sandbox_lock(call->sandbox);
	if (find_target(call, repo, &target) == 0) {
		reaction = github_react(call->sandbox, target.kind, target.comment, repo,
					target.number, github_api_login(call), content, &is_new);
		http_reply_json(call->reply, is_new ? 201 : 200, github_json_reaction(reaction));
	}
	sandbox_unlock(call->sandbox);
}

void github_reactions_create(struct call *call)
{
	CLEANUP(doc_drop) cJSON *document = doc_parse_object(
		call->request->body.data, call->request->body.length, false);
	const char *wanted = doc_string(document, "content");
	unsigned content;

	if (document == NULL)
		github_api_error(call, 400, "Problems parsing JSON");
	else if (github_content_parse(wanted, &content) != 0)
		github_api_invalid(call, "Reaction", "content",
				   wanted == NULL ? "missing_field" : "invalid", NULL);
	else if (call->sandbox->is_quick)
		react_quickly(call, content);
	else
		react(call, content);
}
