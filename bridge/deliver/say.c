/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/say.h"

#include <string.h>

#include "bridge/base/id.h"
#include "bridge/deliver/errand.h"
#include "bridge/deliver/reply_text.h"

#define SAY_ARENA ((size_t)8 * 1024 * 1024)

struct say *say_new(const struct settings *settings, struct store *store, int64_t now_ms)
{
	struct say *say = calloc(1, sizeof(*say));

	if (say == NULL)
		return NULL;
	say->arena = arena_new(SAY_ARENA);
	if (say->arena == NULL) {
		free(say);
		return NULL;
	}
	say->settings = settings;
	say->store = store;
	say->now_ms = now_ms;
	return say;
}

void say_free(struct say *say)
{
	if (say == NULL)
		return;
	arena_free(say->arena);
	free(say);
}

static const struct source *source_of(const struct say *say, const struct message_row *row)
{
	const struct source *source = settings_source_by_name(say->settings, row->source);

	return source != NULL && source_can_reply(source) && row->place != NULL ? source : NULL;
}

static bool same_thread(const struct message_row *a, const struct message_row *b)
{
	return strcmp(a->source, b->source) == 0 && a->thread != NULL && b->thread != NULL &&
	       strcmp(a->thread, b->thread) == 0;
}

/*
 * Room for one more; NULL: there are SAY_MAX, or no memory. Grown as needed: there is a recording for each message,
 * and most of them tell nobody anything.
 */
static struct reply_row *next_row(struct say *say)
{
	if (say->count == SAY_MAX)
		return NULL;
	if (say->count == say->room) {
		size_t room = say->room > 0 ? say->room * 2 : 3;
		struct reply_row *rows = arena_alloc(say->arena, room * sizeof(*rows));
		if (rows == NULL)
			return NULL;
		if (say->count > 0)
			memcpy(rows, say->rows, say->count * sizeof(*rows));
		say->rows = rows;
		say->room = room;
	}
	return &say->rows[say->count];
}

static struct reply_row *new_row(struct say *say, const struct message_row *message, const char *kind,
				 const char *place, char marker[REPLY_MARKER_SIZE])
{
	struct reply_row *row = next_row(say);
	char id[ID_SIZE];

	if (row == NULL)
		return NULL;
	id_new(say->now_ms, id);
	*row = (struct reply_row){
		.id = arena_strdup(say->arena, id),
		.message_seq = message->seq,
		.source = message->source,
		.kind = kind,
		.place = place,
		.revision = 1,
		.state = REPLY_STATE_QUEUED,
		.created_ms = say->now_ms,
		.updated_ms = say->now_ms,
	};
	reply_marker(id, marker);
	return row->id != NULL ? row : NULL;
}

static int put(struct say *say, struct reply_row *row, struct error *err)
{
	if (arena_failed(say->arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (store_reply_put(say->store, row, &row->seq, err) != 0)
		return -1;
	say->count++;
	return 0;
}

/* ---- a thread's share of what was sent together ---- */

struct group {
	const struct source *source;
	const struct message_row *first;
	const struct message_row *rows[64];
	size_t count;
	const char *place;
};

/* The messages of one thread, from rows[at] on; those that came before were told with an earlier one. False: was told. */
static bool gather(const struct say *say, const struct message_row *const *rows, size_t count, size_t at,
		   struct group *ret)
{
	for (size_t i = 0; i < at; i++) {
		if (same_thread(rows[i], rows[at]))
			return false;
	}
	*ret = (struct group){ .source = source_of(say, rows[at]), .first = rows[at], .place = rows[at]->place };
	for (size_t i = at; i < count && ret->count < sizeof(ret->rows) / sizeof(ret->rows[0]); i++) {
		if (i == at || same_thread(rows[i], rows[at]))
			ret->rows[ret->count++] = rows[i];
	}
	return ret->source != NULL;
}

/* One comment alone is answered where it stands; several of them where all can see it. */
static void choose_place(struct say *say, struct group *group)
{
	const struct forge *forge = group->source->handler->forge;
	const char *native = thread_native(group->first->thread), *place = NULL;
	struct error ignored;

	if (group->count > 1 && forge->place_of_thread != NULL && native != NULL &&
	    forge->place_of_thread(group->source->state, native, say->arena, &place, &ignored) == 0)
		group->place = place;
}

/* ---- the texts ---- */

#define NAMED_MAX 10

/* Everybody whose words went along, by name. */
static const char *authors_of(struct say *say, const struct group *group)
{
	const char *names = group->first->author;
	size_t named = 1;

	for (size_t i = 1; i < group->count && names != NULL && named < NAMED_MAX; i++) {
		const char *name = group->rows[i]->author;
		bool again = name == NULL;
		for (size_t j = 0; j < i && !again; j++)
			again = group->rows[j]->author != NULL && strcmp(group->rows[j]->author, name) == 0;
		if (again)
			continue;
		names = arena_printf(say->arena, "%s, %s", names, name);
		named++;
	}
	return names;
}

static char *turn_text(struct say *say, const struct group *group, const struct answer_text *what, bool status,
		       const char *marker)
{
	size_t max = group->source->handler->forge->max_reply;
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(max);
	struct answer_text full = *what;

	full.status = status;
	full.author = authors_of(say, group);
	full.others = group->count - 1;
	full.marker = marker;
	answer_text(&full, max, &text);
	return strbuf_failed(&text) ? NULL : arena_strndup(say->arena, strbuf_str(&text), text.len);
}

static char *refusal_text(struct say *say, const struct group *group, const struct failure_text *what,
			  const char *marker)
{
	size_t max = group->source->handler->forge->max_reply;
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(max);
	struct failure_text full = *what;

	full.author = authors_of(say, group);
	full.others = group->count - 1;
	full.job_id = group->first->job_id;
	if (job_id_is_provisional(full.job_id))
		full.job_id = NULL;
	full.marker = marker;
	reply_failure_text(&full, max, &text);
	return strbuf_failed(&text) ? NULL : arena_strndup(say->arena, strbuf_str(&text), text.len);
}

/* Either kind of news. */
struct news {
	const struct answer_text *turn;
	const struct failure_text *refusal;
};

static char *news_text(struct say *say, const struct group *group, const struct news *news, bool status,
		       const char *marker)
{
	char *text = news->turn != NULL ? turn_text(say, group, news->turn, status, marker)
					: refusal_text(say, group, news->refusal, marker);

	if (text == NULL || news->turn != NULL || !status)
		return text;
	return arena_printf(say->arena, "❌ %s", text);
}

/* ---- a comment of its own ---- */

static int say_comment(struct say *say, struct group *group, const struct news *news, const char *kind,
		       struct error *err)
{
	char marker[REPLY_MARKER_SIZE];

	choose_place(say, group);
	struct reply_row *row = new_row(say, group->first, kind, group->place, marker);
	if (row == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	row->text = news_text(say, group, news, false, marker);
	if (row->text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return put(say, row, err);
}

/* ---- the one comment that is edited in place ---- */

static int find_status(struct say *say, const struct group *group, bool *ret_found, int64_t *ret_seq,
		       struct error *err)
{
	*ret_found = false;
	for (size_t i = 0; i < group->count && !*ret_found; i++) {
		const struct message_row *row = group->rows[i];
		struct errand errand = { .carries_on = 0 };
		if (store_reply_status_of(say->store, row->seq, ret_found, ret_seq, err) != 0)
			return -1;
		if (!*ret_found && row->kind == MESSAGE_START && row->lookup != NULL)
			errand_read(row->lookup, say->arena, &errand);
		if (errand.carries_on != 0 &&
		    store_reply_status_of(say->store, errand.carries_on, ret_found, ret_seq, err) != 0)
			return -1;
	}
	return 0;
}

static int revise(struct say *say, const struct group *group, int64_t seq, const struct news *news, struct error *err)
{
	struct reply_row row;
	char marker[REPLY_MARKER_SIZE];
	enum reply_state state;

	if (store_reply_load(say->store, seq, say->arena, &row, err) != 0)
		return -1;
	reply_marker(row.id, marker);
	const char *text = news_text(say, group, news, true, marker);
	if (text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	bool ended = row.state == REPLY_STATE_POSTED || row.state == REPLY_STATE_FAILED;
	if (store_reply_revise(say->store, seq, text, say->now_ms, &state, err) != 0)
		return -1;
	if (!ended || state != REPLY_STATE_QUEUED || say->count == SAY_MAX)
		return 0; /* it is still in the queue: whoever posts it finds the new text */
	row.state = state;
	row.attempts = 0;
	row.due_ms = 0;
	row.created_ms = say->now_ms;
	struct reply_row *kept = next_row(say);
	if (kept == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	*kept = row;
	say->count++;
	return 0;
}

static int say_status(struct say *say, struct group *group, const struct news *news, struct error *err)
{
	char marker[REPLY_MARKER_SIZE];
	bool found = false;
	int64_t seq = 0;

	if (find_status(say, group, &found, &seq, err) != 0)
		return -1;
	if (found)
		return revise(say, group, seq, news, err);
	choose_place(say, group);
	struct reply_row *row = new_row(say, group->first, "status", group->place, marker);
	if (row == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	row->text = news_text(say, group, news, true, marker);
	if (row->text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return put(say, row, err);
}

/* ---- what is said when ---- */

/* By `reply:`, the kind of comment that this news is worth; NULL: none. */
static const char *comment_kind(enum reply_mode mode, const struct answer_text *what)
{
	bool answers = mode == REPLY_MODE_ANSWERS;

	switch (what->kind) {
	case ANSWER_DONE:
		return answers && what->words != NULL && what->words[0] != '\0' ? "answer" : NULL;
	case ANSWER_SILENT:
		return answers ? "comment" : NULL;
	case ANSWER_QUEUED:
	case ANSWER_WORKING:
		return NULL;
	case ANSWER_TROUBLE:
	case ANSWER_STALLED:
	case ANSWER_RESTARTED:
	case ANSWER_STARTED:
	default:
		return "comment";
	}
}

static int say_news(struct say *say, const struct message_row *const *rows, size_t count, const struct news *news,
		    struct error *err)
{
	static const struct answer_text working = { .kind = ANSWER_WORKING };
	static const struct news at_work = { .turn = &working };
	struct group group;

	for (size_t i = 0; i < count; i++) {
		if (!gather(say, rows, count, i, &group))
			continue;
		enum reply_mode mode = group.source->config->reply;
		if (mode == REPLY_MODE_STATUS) {
			bool restarted = news->turn != NULL && news->turn->kind == ANSWER_RESTARTED;
			/* The one comment goes on where the old job's stopped. */
			if (say_status(say, &group, restarted ? &at_work : news, err) != 0)
				return -1;
			continue;
		}
		const char *kind = news->turn != NULL ? comment_kind(mode, news->turn) : "comment";
		if (kind != NULL && say_comment(say, &group, news, kind, err) != 0)
			return -1;
	}
	return 0;
}

int say_turn(struct say *say, const struct message_row *const *rows, size_t count, const struct answer_text *what,
	     struct error *err)
{
	struct news news = { .turn = what };

	return say_news(say, rows, count, &news, err);
}

int say_refused(struct say *say, const struct message_row *const *rows, size_t count, const char *error,
		const char *reason, int upstream_status, struct error *err)
{
	struct failure_text what = { .error = error, .reason = reason, .upstream_status = upstream_status };
	struct news news = { .refusal = &what };

	return say_news(say, rows, count, &news, err);
}

int say_seen(struct say *say, const struct message_row *const *rows, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct source *source = source_of(say, rows[i]);
		char marker[REPLY_MARKER_SIZE];
		struct http_call_spec spec;
		struct error ignored;
		if (source == NULL)
			continue;
		/* A place without reactions (a review) gets none; nothing is queued that can only fail. */
		struct reply_order order = { .kind = REPLY_REACTION, .place = rows[i]->place, .marker = "" };
		if (source->handler->forge->reply_request(source->state, &order, say->arena, &spec, &ignored) != 0)
			continue;
		struct reply_row *row = new_row(say, rows[i], "reaction", rows[i]->place, marker);
		if (row == NULL || put(say, row, err) != 0)
			return row == NULL ? error_set(err, ERR_NO_MEMORY, "out of memory") : -1;
	}
	return 0;
}

int say_command(struct say *say, const struct message_row *row, const struct command_reply *what, struct error *err)
{
	const struct source *source = source_of(say, row);
	char marker[REPLY_MARKER_SIZE];

	if (source == NULL)
		return 0;
	struct reply_row *reply = new_row(say, row, "comment", row->place, marker);
	if (reply == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	size_t max = source->handler->forge->max_reply;
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(max);
	struct command_reply full = *what;
	full.author = row->author;
	full.prefix = source->config->command;
	full.thread = row->thread;
	full.can_start = source->config->start.agent != NULL;
	full.marker = marker;
	command_reply_text(&full, max, &text);
	reply->text = strbuf_failed(&text) ? NULL : arena_strndup(say->arena, strbuf_str(&text), text.len);
	if (reply->text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return put(say, reply, err);
}
