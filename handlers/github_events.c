/* SPDX-License-Identifier: Apache-2.0 */
/* GitHub's deliveries by name: who reads them, and what is kept of them (webhook-sources section 1). */
#include <string.h>

#include "bridge/base/json.h"
#include "handlers/github_read.h"

/* Of a payload: a comment has at most 65,536 characters, the hunk beside it may have more. */
#define KEPT_MAX ((size_t)4 << 20)
#define ROWS_MAX 16

static const struct github_row *const tables[] = { github_talk_rows, github_ci_rows, github_push_rows };

static const char *const ping_paths[] = { "hook.events", "hook.config.insecure_ssl", NULL };
static const char *const no_paths[] = { NULL };

/* What is forwarded. */
struct github_events {
	unsigned forward;
	enum github_ci ci;
	size_t count;
	const struct github_row *rows[ROWS_MAX];
	struct json_paths *paths[ROWS_MAX];
	struct json_paths *ping;
	struct json_paths *none;
};

static bool add_row(struct github_events *events, const struct github_row *row)
{
	size_t at = events->count;

	if (at == ROWS_MAX)
		return false;
	events->rows[at] = row;
	events->paths[at] = json_paths_new(row->paths);
	events->count++;
	return events->paths[at] != NULL;
}

struct github_events *github_events_new(unsigned forward, enum github_ci ci)
{
	struct github_events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return NULL;
	events->forward = forward;
	events->ci = ci;
	events->ping = json_paths_new(ping_paths);
	events->none = json_paths_new(no_paths);
	bool ok = events->ping != NULL && events->none != NULL;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct github_row *row = tables[i]; ok && row->name != NULL; row++)
			ok = (row->forward & forward) == 0 || add_row(events, row);
	}
	if (ok)
		return events;
	github_events_free(events);
	return NULL;
}

void github_events_free(struct github_events *events)
{
	if (events == NULL)
		return;
	for (size_t i = 0; i < events->count; i++)
		json_paths_free(events->paths[i]);
	json_paths_free(events->ping);
	json_paths_free(events->none);
	free(events);
}

/* ---- ping ---- */

static bool hook_sends(const cJSON *events, const char *name)
{
	const cJSON *item = NULL;

	cJSON_ArrayForEach(item, events) {
		const char *text = cJSON_GetStringValue(item);
		if (text != NULL && (strcmp(text, name) == 0 || strcmp(text, "*") == 0))
			return true;
	}
	return false;
}

static void add_missing(struct strbuf *text, const char *name)
{
	strbuf_addf(text, "%s%s", text->len > 0 ? ", " : "the webhook does not send ", name);
}

/*
 * Results come in four kinds of events, and any of them will do. Comments on commits are rare, and
 * a hook without them was not set up wrong.
 */
static void add_all_missing(const struct github_events *events, const cJSON *sent, struct strbuf *text)
{
	bool results = (events->forward & GITHUB_CI) == 0;

	for (size_t i = 0; i < events->count; i++) {
		const struct github_row *row = events->rows[i];
		bool sends = hook_sends(sent, row->name);
		if (row->forward == GITHUB_CI)
			results = results || sends;
		else if (!sends && strcmp(row->name, "commit_comment") != 0)
			add_missing(text, row->name);
	}
	if (!results)
		add_missing(text, "workflow_run or check_run");
}

/* What is wrong with the hook as GitHub describes it; NULL: nothing. */
static const char *hook_warning(const struct github_events *events, const cJSON *tree,
				struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(512);
	const cJSON *sent = json_at(tree, "hook.events");
	const cJSON *insecure = json_at(tree, "hook.config.insecure_ssl");

	if (cJSON_IsArray(sent))
		add_all_missing(events, sent, &text);
	if ((cJSON_IsString(insecure) && strcmp(insecure->valuestring, "1") == 0) ||
	    (cJSON_IsNumber(insecure) && insecure->valuedouble > 0))
		strbuf_addf(&text, "%sthe webhook does not verify our certificate (insecure_ssl)",
			    text.len > 0 ? "; " : "");
	return text.len > 0 ? arena_strdup(arena, strbuf_str(&text)) : NULL;
}

static int parse_ping(const struct github_events *events, const char *json, size_t len,
		      struct arena *arena, struct parsed *ret, struct error *err)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;

	if (json_read(json, len, events->ping, &tree, err) < 0)
		return -1;
	ret->ignore_reason = "ping";
	ret->warning = hook_warning(events, tree, arena);
	return 0;
}

/* ---- all ---- */

static int validate_only(const struct github_events *events, const char *json, size_t len,
			 struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf nothing = STRBUF(64);

	return json_extract(json, len, events->none, &nothing, err);
}

/* Reads what is kept of the payload; its size is bounded, whatever else the payload holds. */
static int read_tree(const struct json_paths *paths, const char *json, size_t len, cJSON **ret,
		     struct error *err)
{
	CLEANUP(strbuf_release) struct strbuf kept = STRBUF(KEPT_MAX);

	if (json_extract(json, len, paths, &kept, err) < 0)
		return -1;
	*ret = cJSON_ParseWithLength(strbuf_str(&kept), kept.len);
	return *ret != NULL ? 0 : error_set(err, ERR_NO_MEMORY, "no memory");
}

int github_events_parse(const struct github_events *events, const char *name, const char *json,
			size_t len, struct arena *arena, struct parsed *ret, struct error *err)
{
	CLEANUP(json_delete_at) cJSON *tree = NULL;
	struct parsed made = { 0 };
	size_t i = 0;

	if (strcmp(name, "ping") == 0)
		return parse_ping(events, json, len, arena, ret, err);
	while (i < events->count && strcmp(events->rows[i]->name, name) != 0)
		i++;
	if (i == events->count) {
		if (validate_only(events, json, len, err) < 0)
			return -1;
		ret->ignore_reason = arena_printf(arena, "event %s is not forwarded", name);
		return 0;
	}
	if (read_tree(events->paths[i], json, len, &tree, err) < 0)
		return -1;
	struct github_delivery d = {
		.name = events->rows[i]->name, .tree = tree, .arena = arena, .ci = events->ci
	};
	if (events->rows[i]->parse(&d, &made, err) < 0)
		return -1;
	*ret = made;
	return 0;
}
