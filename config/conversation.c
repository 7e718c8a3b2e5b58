/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of sources where people speak, and what these keys ask of each other and of the rest of the file. */
#include <stdio.h>
#include <string.h>

#include "config/reader.h"

#define MAX_WORD    64
#define MAX_AUTHORS 100
#define REPO        "{repo}"

static const char *const reply_names[] = {
	[REPLY_MODE_NONE] = "none",       [REPLY_MODE_ERRORS] = "errors",
	[REPLY_MODE_ANSWERS] = "answers", [REPLY_MODE_STATUS] = "status", NULL
};
static const char *const busy_names[] = { [BUSY_SEND] = "send", [BUSY_HOLD] = "hold", NULL };
static const char *const ended_names[] = { [ENDED_TELL] = "tell", [ENDED_RESTART] = "restart", NULL };
static const char *const association_names[] = {
	"OWNER",       "MEMBER", "COLLABORATOR", "CONTRIBUTOR", "FIRST_TIME_CONTRIBUTOR",
	"FIRST_TIMER", "NONE",   "MANNEQUIN",    NULL
};

static void read_trigger(struct config_reader *reader, const struct config_node *node, void *field);
static void read_command(struct config_reader *reader, const struct config_node *node, void *field);

/* --- tables --- */

static const char trigger_schema[] =
	"{\"oneOf\":[{\"const\":\"any\"},{\"type\":\"object\",\"properties\":{"
	"\"mention\":{\"type\":\"string\",\"pattern\":\"^\\\\S+$\"},"
	"\"command\":{\"type\":\"string\",\"pattern\":\"^\\\\S+$\"}},"
	"\"minProperties\":1,\"maxProperties\":1,\"additionalProperties\":false}]}";

/* "none", or a word that begins with neither a letter nor a digit; text with ${ may become one. */
static const char command_schema[] =
	"{\"type\":\"string\",\"pattern\":\"^none$|^[!-/:-@[-`{-~][!-~]+$|\\\\$\\\\{\"}";

static const struct config_key trust_keys[] = {
	{ .name = "associations", .kind = KEY_STRINGS,
	  .offset = offsetof(struct trust_config, associations),
	  .fallback = "[OWNER, MEMBER, COLLABORATOR]", .names = association_names,
	  .help = "author associations that may speak" },
	{ .name = "users", .kind = KEY_STRINGS, .offset = offsetof(struct trust_config, users),
	  .help = "logins or numeric ids that may speak besides" },
	{ .name = "bots", .kind = KEY_STRINGS, .offset = offsetof(struct trust_config, bots),
	  .help = "bots that may speak; no other bot may" },
	{ 0 },
};
static const struct config_table trust_table = { "trust", sizeof(struct trust_config), trust_keys };

static const struct config_key api_keys[] = {
	{ .name = "url", .kind = KEY_STRING, .offset = offsetof(struct api_config, url), .min = 1,
	  .max = 1024, .help = "base URL of the API; the type knows the usual one" },
	{ .name = "token", .kind = KEY_SECRET, .offset = offsetof(struct api_config, token),
	  .help = "token for replies; without one there are none" },
	{ 0 },
};
static const struct config_table api_table = { "api", sizeof(struct api_config), api_keys };

static const struct config_key start_keys[] = {
	{ .name = "agent", .kind = KEY_STRING, .offset = offsetof(struct start_config, agent), .min = 1,
	  .help = "slug of the agent that new jobs are started with; without one none is started" },
	{ .name = "ask", .kind = KEY_BOOL, .offset = offsetof(struct start_config, ask), .fallback = "false",
	  .help = "start jobs in ask mode" },
	{ 0 },
};
static const struct config_table start_table = { "start", sizeof(struct start_config), start_keys };

static const struct config_key git_keys[] = {
	{ .name = "url", .kind = KEY_STRING, .offset = offsetof(struct git_source_config, url), .min = 1,
	  .max = 1024, .required = true,
	  .help = "where the repositories are: http(s)://, file:/// or an absolute path; {repo} becomes owner/name" },
	{ .name = "token", .kind = KEY_SECRET, .offset = offsetof(struct git_source_config, token),
	  .help = "token to fetch with; without one only what everybody can read" },
	{ .name = "link_authors", .kind = KEY_STRINGS, .offset = offsetof(struct git_source_config, link_authors),
	  .max = MAX_AUTHORS,
	  .help = "e-mail addresses of committers whose trailers and notes link a thread to a job" },
	{ 0 },
};
static const struct config_table git_table = { "git", sizeof(struct git_source_config), git_keys };

static const struct config_key conversation_keys[] = {
	{ .name = "trigger", .kind = KEY_CUSTOM, .offset = offsetof(struct source_config, trigger),
	  .fallback = "any", .read = read_trigger, .help = "what must address the agent",
	  .schema = trigger_schema },
	{ .name = "trust", .kind = KEY_TABLE, .offset = offsetof(struct source_config, trust),
	  .table = &trust_table, .help = "who may speak" },
	{ .name = "reply", .kind = KEY_ENUM, .offset = offsetof(struct source_config, reply),
	  .names = reply_names, .fallback = "errors",
	  .help = "what to say in the thread: nothing, errors, the agent's answers too, or all of it in one comment" },
	{ .name = "batch", .kind = KEY_DURATION, .offset = offsetof(struct source_config, batch_ms), .min = 0,
	  .max = 60000, .fallback = "5s",
	  .help = "inline comments within it become one prompt; 0s: each is one of its own" },
	/* Without a fallback: its default depends on reply, see check_follow. */
	{ .name = "when_busy", .kind = KEY_ENUM, .offset = offsetof(struct source_config, when_busy),
	  .names = busy_names,
	  .help = "send to a job that works, or hold until it is done; default hold with reply answers or status, "
		  "else send" },
	{ .name = "ended", .kind = KEY_ENUM, .offset = offsetof(struct source_config, ended),
	  .names = ended_names, .fallback = "tell",
	  .help = "when the job has ended: tell so in the thread, or start another with start.agent" },
	{ .name = "command", .kind = KEY_CUSTOM, .offset = offsetof(struct source_config, command),
	  .fallback = "/nairi", .read = read_command, .schema = command_schema,
	  .help = "the word that begins a command to the bridge in a comment; none: there are no commands" },
	{ .name = "start", .kind = KEY_TABLE, .offset = offsetof(struct source_config, start),
	  .table = &start_table, .help = "jobs for threads that have none" },
	{ .name = "git", .kind = KEY_TABLE, .offset = offsetof(struct source_config, git), .table = &git_table,
	  .help = "the repositories, for what a webhook does not say; needs git.cache at the top level" },
	{ .name = "api", .kind = KEY_TABLE, .offset = offsetof(struct source_config, api),
	  .table = &api_table, .help = "where replies go" },
	{ 0 },
};
const struct config_table conversation_table = { "source", sizeof(struct source_config), conversation_keys };

/* --- values --- */

struct trigger_words {
	const char *mention;
	const char *command;
};

static const struct config_key trigger_keys[] = {
	{ .name = "mention", .kind = KEY_STRING, .offset = offsetof(struct trigger_words, mention),
	  .min = 1, .max = MAX_WORD },
	{ .name = "command", .kind = KEY_STRING, .offset = offsetof(struct trigger_words, command),
	  .min = 1, .max = MAX_WORD },
	{ 0 },
};
static const struct config_table trigger_table = { "trigger", sizeof(struct trigger_words),
						   trigger_keys };

static void read_trigger(struct config_reader *reader, const struct config_node *node, void *field)
{
	static const char expected[] = "any, or a mapping with mention or command";
	struct trigger_config *trigger = field;
	struct trigger_words words = { 0 };

	if (node->kind != NODE_MAPPING) {
		const char *text = scalars_text(reader, node, expected);
		if (text != NULL && strcmp(text, "any") != 0)
			config_problem(reader, PROBLEM_ERROR, node, "expected %s, got %s", expected,
				       problems_describe(node).text);
		return;
	}
	if (!config_read_table(reader, node, &trigger_table, &words))
		return;
	if ((words.mention == NULL) == (words.command == NULL)) {
		config_problem(reader, PROBLEM_ERROR, node, "expected either mention or command");
		return;
	}
	const char *word = words.mention != NULL ? words.mention : words.command;
	if (strpbrk(word, " \t\r\n\v\f") != NULL) {
		config_problem(reader, PROBLEM_ERROR, node->members[0].value,
			       "expected one word without white space");
		return;
	}
	*trigger =
		(struct trigger_config){ words.mention != NULL ? TRIGGER_MENTION : TRIGGER_COMMAND,
					 word };
}

/* Commands are found by comparing bytes at the start of a line (command_parse.h): a word that no prose begins with. */
static bool is_good_command(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] <= 0x20U || (unsigned char)text[i] >= 0x7FU)
			return false;
	}
	return len >= 2 && len <= MAX_WORD &&
	       strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", text[0]) == NULL;
}

static void read_command(struct config_reader *reader, const struct config_node *node, void *field)
{
	static const char expected[] = "none, or one word such as /nairi that begins with neither a letter nor a digit";
	const char **command = field;
	const char *text = scalars_text(reader, node, expected);

	if (text == NULL || strcmp(text, "none") == 0)
		return;
	if (is_good_command(text))
		*command = text;
	else
		config_problem(reader, PROBLEM_ERROR, node, "expected %s, got %s", expected,
			       problems_describe(node).text);
}

/* --- checks --- */

static void check_api(struct config_reader *reader, const struct config_node *node,
		      struct source_config *source)
{
	const struct config_node *api = config_member(reader, node, "api");
	const struct config_node *token = config_member(reader, api, "token");
	const struct config_node *url_node = config_member(reader, api, "url");
	struct address_url url;
	struct error err = { 0 };

	if (source->api.token != NULL && !secrets_is_placeholder(reader, source->api.token))
		checks_token(reader,
			     token != NULL ? token : config_member(reader, api, "token_file"),
			     source->api.token);
	if (source->api.url == NULL)
		source->api.url = url_node == NULL ? source->type->api_url : NULL;
	if (source->api.url == NULL) {
		if (url_node == NULL && source->api.token != NULL)
			config_problem(reader, PROBLEM_ERROR, api, "missing key \"url\"");
		return;
	}
	if (url_node == NULL)
		url_node = api != NULL ? api : node;
	if (address_parse_url(source->api.url, &url, &err) != 0) {
		config_problem(reader, PROBLEM_ERROR, url_node, "%s", err.text);
		return;
	}
	checks_url_is_safe(reader, url_node, &url);
	source->api.url = arena_strndup(reader->arena, source->api.url, url.base);
}

/* Logins and ids: what a sender gives, without the @ that people write before it. */
static void check_people(struct config_reader *reader, const struct config_node *node,
			 const char *key, const struct config_strings *people)
{
	const struct config_node *list =
		config_member(reader, config_member(reader, node, "trust"), key);

	for (size_t i = 0; list != NULL && i < people->count; i++) {
		if (people->items[i][0] == '@' || strpbrk(people->items[i], " \t\r\n,") != NULL)
			config_problem(
				reader, PROBLEM_ERROR, tree_item(list, i),
				"expected a login or a numeric id, without @ or white space");
	}
}

static const struct config_node *root_of(const struct config_node *node)
{
	while (node->parent != NULL)
		node = node->parent;
	return node;
}

/* Whether the file says so: a nairi.follow that could not be read has its own problem. */
static bool is_follow_off(struct config_reader *reader, const struct config_node *node)
{
	const struct config_node *nairi = config_member(reader, root_of(node), "nairi");
	const struct config_node *enabled = config_member(reader, config_member(reader, nairi, "follow"), "enabled");
	const char *text = enabled != NULL ? config_scalar(reader, enabled) : NULL;

	return text != NULL && strcmp(text, "false") == 0;
}

/* What cannot be without following jobs, and the default of when_busy, which depends on that. */
static void check_follow(struct config_reader *reader, const struct config_node *node, struct source_config *source)
{
	const struct config_node *when_busy = config_member(reader, node, "when_busy");
	bool speaks = source->reply == REPLY_MODE_ANSWERS || source->reply == REPLY_MODE_STATUS;
	bool off = is_follow_off(reader, node);

	if (when_busy == NULL)
		source->when_busy = speaks && !off ? BUSY_HOLD : BUSY_SEND;
	if (!off)
		return;
	if (speaks)
		config_problem(reader, PROBLEM_ERROR, config_member(reader, node, "reply"),
			       "%s needs nairi.follow.enabled: true (without it only none and errors can be had)",
			       reply_names[source->reply]);
	if (when_busy != NULL && source->when_busy == BUSY_HOLD)
		config_problem(reader, PROBLEM_ERROR, when_busy,
			       "hold needs nairi.follow.enabled: true (without it nobody sees when a job is done)");
}

static void check_reply(struct config_reader *reader, const struct config_node *node,
			const struct source_config *source)
{
	const struct config_node *api = config_member(reader, node, "api");

	if (source->reply != REPLY_MODE_ANSWERS && source->reply != REPLY_MODE_STATUS)
		return;
	if (config_member(reader, api, "token") == NULL && config_member(reader, api, "token_file") == NULL)
		config_problem(reader, PROBLEM_WARNING, config_member(reader, node, "reply"),
			       "nothing can be posted without api.token (or api.token_file)");
}

static void check_start(struct config_reader *reader, const struct config_node *node, struct source_config *source)
{
	const struct config_node *start = config_member(reader, node, "start");
	const struct config_node *agent = config_member(reader, start, "agent");

	if (source->start.agent != NULL)
		checks_agent(reader, agent, source->start.agent);
	if (agent != NULL || (start != NULL && start->kind != NODE_MAPPING))
		return;
	if (source->ended == ENDED_RESTART)
		config_problem(reader, PROBLEM_ERROR, config_member(reader, node, "ended"),
			       "restart needs start.agent: the agent of the new job");
	if (source->start.ask)
		config_problem(reader, PROBLEM_WARNING, config_member(reader, start, "ask"),
			       "nothing is started without start.agent");
}

/* --- git --- */

static void check_path(struct config_reader *reader, const struct config_node *node, const char *text)
{
	bool good = text[0] == '/';

	for (; *text != '\0' && good; text++)
		good = (unsigned char)*text >= 0x20U && *text != 0x7F;
	if (!good)
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected an http or https URL, file:/// or an absolute path");
}

/* The repository's name comes from a payload: it may choose a path on the host, never the host. */
static void check_remote(struct config_reader *reader, const struct config_node *node, const char *text,
			 const struct git_source_config *git)
{
	const char *host = strstr(text, "://") + 3;
	const char *repo = strstr(text, REPO);
	struct address_url url;
	struct error err = { 0 };

	if (repo < host + strcspn(host, "/")) {
		config_problem(reader, PROBLEM_ERROR, node, REPO " belongs behind the host");
		return;
	}
	const char *sample = arena_printf(reader->scratch, "%.*so/r%s", (int)(repo - text), text, repo + strlen(REPO));
	if (sample == NULL)
		return;
	if (address_parse_url(sample, &url, &err) != 0)
		config_problem(reader, PROBLEM_ERROR, node, "%s", err.text);
	else if (git->token != NULL)
		checks_url_is_safe(reader, node, &url);
}

static void check_git_url(struct config_reader *reader, const struct config_node *node,
			  const struct git_source_config *git)
{
	const char *repo = strstr(git->url, REPO);

	if (repo == NULL || strcspn(git->url, "{") != (size_t)(repo - git->url) || strchr(repo + 1, '{') != NULL)
		config_problem(reader, PROBLEM_ERROR, node,
			       "expected " REPO " in it once: there the repository's name goes (owner/name)");
	else if (strncmp(git->url, "file://", 7) == 0)
		check_path(reader, node, git->url + 7);
	else if (strncmp(git->url, "http://", 7) == 0 || strncmp(git->url, "https://", 8) == 0)
		check_remote(reader, node, git->url, git);
	else
		check_path(reader, node, git->url);
}

static void check_authors(struct config_reader *reader, const struct config_node *node,
			  const struct config_strings *authors)
{
	for (size_t i = 0; node != NULL && i < authors->count; i++) {
		const char *text = authors->items[i];
		const char *at = strchr(text, '@');
		if (text[0] == '\0')
			continue; /* was complained about */
		if (at == NULL || at == text || at[1] == '\0' || strpbrk(text, " \t\r\n,;<>") != NULL)
			config_problem(reader, PROBLEM_ERROR, tree_item(node, i), "expected an e-mail address alone");
	}
}

static void check_git(struct config_reader *reader, const struct config_node *node, struct source_config *source)
{
	const struct config_node *git = config_member(reader, node, "git");
	const struct config_node *token = config_member(reader, git, "token");

	if (git == NULL)
		return;
	if (config_member(reader, root_of(node), "git") == NULL)
		config_problem(reader, PROBLEM_ERROR, git,
			       "needs git.cache at the top level: the directory that repositories are fetched into");
	if (source->git.url != NULL)
		check_git_url(reader, config_member(reader, git, "url"), &source->git);
	if (source->git.token != NULL && !secrets_is_placeholder(reader, source->git.token))
		checks_token(reader, token != NULL ? token : config_member(reader, git, "token_file"),
			     source->git.token);
	check_authors(reader, config_member(reader, git, "link_authors"), &source->git.link_authors);
}

void conversation_check(struct config_reader *reader, const struct config_node *node, struct source_config *source)
{
	check_api(reader, node, source);
	check_people(reader, node, "users", &source->trust.users);
	check_people(reader, node, "bots", &source->trust.bots);
	check_follow(reader, node, source);
	check_reply(reader, node, source);
	check_start(reader, node, source);
	check_git(reader, node, source);
}
