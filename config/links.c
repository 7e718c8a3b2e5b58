/* SPDX-License-Identifier: Apache-2.0 */
/* links: fixed pairs of a thread and a job. */
#include <string.h>

#include "bridge/base/map.h"
#include "config/reader.h"

#define MAX_LINKS   10000
#define MAX_THREAD  512
#define MAX_JOB     64
#define MAX_NAME    64
#define ULID_LENGTH 26

static const struct config_key link_keys[] = {
	{ .name = "thread", .kind = KEY_STRING, .offset = offsetof(struct link_config, thread),
	  .min = 1, .max = MAX_THREAD, .required = true },
	{ .name = "job", .kind = KEY_STRING, .offset = offsetof(struct link_config, job), .min = 1,
	  .max = MAX_JOB, .required = true },
	{ 0 },
};
static const struct config_table link_table = { "links", sizeof(struct link_config), link_keys };

const char links_schema[] =
	"{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
	"\"thread\":{\"type\":\"string\",\"description\":\"<source>:<native id>\"},"
	"\"job\":{\"type\":\"string\",\"description\":\"job_…\"}},"
	"\"required\":[\"thread\",\"job\"],\"additionalProperties\":false}}";

/* job_ or j_ and a ULID (Crockford's base32). */
static bool is_job_id(const char *text)
{
	const char *ulid = strncmp(text, "job_", 4) == 0 ? text + 4
			   : strncmp(text, "j_", 2) == 0 ? text + 2
							 : "";

	return strspn(ulid, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ULID_LENGTH &&
	       ulid[ULID_LENGTH] == '\0';
}

/* Whether the thread names a source of the file, be that source right or not: one complaint is
 * enough. */
static bool has_source(struct config_reader *reader, const struct config_node *root,
		       const char *thread)
{
	char name[MAX_NAME + 1];
	size_t len = strcspn(thread, ":");

	if (thread[len] != ':' || thread[len + 1] == '\0' || len >= sizeof(name))
		return false;
	memcpy(name, thread, len);
	name[len] = '\0';
	return config_member(reader, config_member(reader, root, "sources"), name) != NULL;
}

static bool link_read(struct config_reader *reader, const struct config_node *node,
		      struct map *threads, struct link_config *link)
{
	if (!config_read_table(reader, node, &link_table, link))
		return false;
	link->mark = node->mark;
	const struct config_node *thread = config_member(reader, node, "thread");
	const struct config_node *job = config_member(reader, node, "job");
	if (!has_source(reader,
			node->parent->kind == NODE_LIST ? node->parent->parent : node->parent,
			link->thread))
		config_problem(
			reader, PROBLEM_ERROR, thread,
			"expected the name of a configured source, a colon and its own id, got %s",
			problems_quote(thread->text).text);
	if (!is_job_id(link->job))
		config_problem(
			reader, PROBLEM_ERROR, job,
			"expected job_ and 26 characters (0-9, A-Z without I, L, O, U), got %s",
			problems_quote(job->text).text);
	const struct link_config *first = map_get(threads, link->thread);
	if (first != NULL)
		config_problem(reader, PROBLEM_ERROR, thread,
			       "this thread has a link already (line %d)", first->mark.line);
	else if (!map_put(threads, link->thread, link))
		config_problem(reader, PROBLEM_ERROR, thread, "out of memory");
	return true;
}

void links_read(struct config_reader *reader, const struct config_node *node, void *field)
{
	CLEANUP(map_free_at) struct map *threads = map_new();

	(void)field; /* it is config->links: filled together with the count */
	if (node->kind != NODE_LIST || node->count > MAX_LINKS) {
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected a list of at most %d mappings of thread and job",
			       MAX_LINKS);
		return;
	}
	struct link_config *links = config_alloc(reader, (node->count + 1) * sizeof(*links));
	if (links == NULL || threads == NULL) {
		config_problem(reader, PROBLEM_ERROR, node, "out of memory");
		return;
	}
	size_t count = 0;
	for (size_t i = 0; i < node->count; i++) {
		if (link_read(reader, node->items[i], threads, &links[count]))
			count++;
	}
	reader->config->links = links;
	reader->config->link_count = count;
}
