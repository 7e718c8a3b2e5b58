/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/deliver/transcript.h"

#include <string.h>

#include "bridge/base/json_each.h"
#include "bridge/deliver/transcript_private.h"

#define ID_BYTES_MAX 64
#define WORD_MAX 40
#define TAGS_MAX 4096
#define TAG_START "[nairi-bridge "

enum { FIELD_ID, FIELD_JOB, FIELD_CONTENT, FIELD_ROLE, FIELD_STATUS, FIELD_CREATED, FIELD_UPDATED };
static const char *const fields[] = { "id", "job_id", "content", "role", "status", "created_at", "updated_at", NULL };

struct reading {
	struct arena *arena;
	struct strbuf scratch;
	struct row *newest; /* linked backwards through next, until all are there */
	size_t position, count, turns, last_progress;
};

/* An id is printable ASCII without spaces, so that it can stand in logs and paths. */
static bool usable_id(const char *id)
{
	size_t len = strlen(id);

	for (size_t i = 0; i < len; i++) {
		if (id[i] <= ' ' || id[i] > '~' || id[i] == '"')
			return false;
	}
	return len > 0;
}

/* A short field as text; "" when it is longer than any that we know. Valid until the next call. */
static const char *word(struct reading *r, const struct json_row *row, size_t field, size_t max)
{
	struct strbuf *text = &r->scratch;

	strbuf_reset(text);
	json_row_add(row, field, text);
	return strbuf_failed(text) || text->len > max ? "" : strbuf_str(text);
}

static enum turn_status read_status(const char *status)
{
	if (strcmp(status, "queued") == 0)
		return TURN_QUEUED;
	if (strcmp(status, "completed") == 0)
		return TURN_COMPLETED;
	/* A word that is not documented does not end a turn. */
	return strcmp(status, "failed") == 0 ? TURN_FAILED : TURN_PENDING;
}

/* Only the lines that are tags: prompts are long, and nothing else of them is asked for. */
static const char *keep_tags(struct reading *r)
{
	CLEANUP(strbuf_release) struct strbuf tags = STRBUF(TAGS_MAX);
	const char *at = strbuf_str(&r->scratch);

	while (*at != '\0') {
		size_t len = strcspn(at, "\n");
		const char *line = at;
		at += len + (at[len] == '\n');
		while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
			len--;
		if (len < sizeof(TAG_START) - 1 || memcmp(line, TAG_START, sizeof(TAG_START) - 1) != 0)
			continue;
		if (tags.len + len + 1 > TAGS_MAX)
			break;
		strbuf_add(&tags, line, len);
		strbuf_addc(&tags, '\n');
	}
	return arena_strndup(r->arena, strbuf_str(&tags), tags.len);
}

static void read_content(struct reading *r, const struct json_row *json, struct row *row)
{
	strbuf_reset(&r->scratch);
	json_row_add(json, FIELD_CONTENT, &r->scratch);
	if (row->kind == ROW_USER) {
		row->text = keep_tags(r);
		return;
	}
	if (row->kind == ROW_OTHER) {
		/* Most system messages are ours to keep; look before the copy. */
		const char *text;
		if (strbuf_failed(&r->scratch) || r->scratch.len == 0)
			return;
		row->kind = transcript_notice(r->scratch.ptr, &text, &row->wrapped, &row->end);
		if (row->kind != ROW_OTHER)
			row->text = arena_strdup(r->arena, text);
		return;
	}
	row->text = arena_strndup(r->arena, strbuf_str(&r->scratch), r->scratch.len);
}

static bool keep_row(struct reading *r, const struct json_row *json, struct row row)
{
	const char *id = word(r, json, FIELD_ID, ID_BYTES_MAX);

	if (!usable_id(id))
		return true;
	row.id = arena_strdup(r->arena, id);
	row.status = read_status(word(r, json, FIELD_STATUS, WORD_MAX));
	row.created_ms = transcript_time_ms(word(r, json, FIELD_CREATED, WORD_MAX));
	row.updated_ms = transcript_time_ms(word(r, json, FIELD_UPDATED, WORD_MAX));
	read_content(r, json, &row);
	if (row.kind == ROW_OTHER)
		return !arena_failed(r->arena);
	struct row *kept = arena_alloc(r->arena, sizeof(*kept));
	if (kept == NULL || arena_failed(r->arena))
		return false;
	*kept = row;
	kept->next = r->newest;
	r->newest = kept;
	r->count++;
	r->turns += row.kind == ROW_USER && row.status != TURN_QUEUED;
	return true;
}

static bool read_row(void *context, const struct json_row *json)
{
	struct reading *r = context;
	struct row row = { .position = r->position++ };

	for (size_t i = 0; i <= FIELD_STATUS; i++) {
		if (!json_row_has(json, i))
			return true;
	}
	const char *role = word(r, json, FIELD_ROLE, WORD_MAX);
	if (strcmp(role, "progress") == 0) {
		r->last_progress = r->position;
		return true;
	}
	if (strcmp(role, "user") == 0)
		row.kind = ROW_USER;
	else if (strcmp(role, "assistant") == 0)
		row.kind = ROW_ASSISTANT;
	else if (strcmp(role, "system") == 0)
		row.kind = ROW_OTHER;
	else
		return true;
	return keep_row(r, json, row);
}

/* The rows in their order, and a turn for each user message that was picked up. */
static struct transcript *arrange(struct reading *r)
{
	struct transcript *t = arena_alloc(r->arena, sizeof(*t));
	struct row **rows = arena_alloc(r->arena, (r->count + 1) * sizeof(struct row *));
	struct turn *turns = arena_alloc(r->arena, (r->turns + 1) * sizeof(*turns));

	if (t == NULL || rows == NULL || turns == NULL)
		return NULL;
	*t = (struct transcript){ .rows = rows, .count = r->count, .turns = turns, .last_progress = r->last_progress };
	size_t place = r->count;
	for (struct row *row = r->newest, *before; row != NULL; row = before) {
		before = row->next;
		row->next = NULL;
		rows[--place] = row;
	}
	for (size_t i = 0; i < t->count; i++) {
		if (rows[i]->kind != ROW_USER || rows[i]->status == TURN_QUEUED)
			continue;
		struct turn *turn = &turns[t->turn_count++];
		turn->user = rows[i];
		turn->last = &turn->first;
		rows[i]->turn = turn;
	}
	return t;
}

static bool was_said(const struct turn *turn, const struct row *until)
{
	for (const struct row *row = turn->first; row != until; row = row->next) {
		if (row->kind != ROW_ASSISTANT && row->text != NULL && strcmp(row->text, until->text) == 0)
			return true;
	}
	return false;
}

/* What came of a turn, as texts. */
static void compose(struct turn *turn, struct arena *arena)
{
	CLEANUP(strbuf_release) struct strbuf answer = STRBUF(SIZE_MAX - 1);
	CLEANUP(strbuf_release) struct strbuf failure = STRBUF(SIZE_MAX - 1);

	for (const struct row *row = turn->first; row != NULL; row = row->next) {
		if (row->text == NULL || row->text[0] == '\0')
			continue;
		if (row->kind == ROW_ASSISTANT) {
			strbuf_adds(&answer, answer.len > 0 ? "\n\n" : "");
			strbuf_adds(&answer, row->text);
		} else if (!was_said(turn, row)) {
			strbuf_adds(&failure, failure.len > 0 ? "\n" : "");
			strbuf_adds(&failure, row->text);
		}
	}
	if (answer.len > 0)
		turn->answer = arena_strndup(arena, answer.ptr, answer.len);
	if (failure.len > 0)
		turn->failure = arena_strndup(arena, failure.ptr, failure.len);
}

int transcript_read(const char *json, size_t len, struct arena *arena, struct transcript **ret, struct error *err)
{
	struct reading r = { .arena = arena, .scratch = STRBUF(SIZE_MAX - 1) };
	size_t rows;
	int failed = json_each(json, len, "messages", fields, read_row, &r, &rows, err);

	strbuf_release(&r.scratch);
	if (failed != 0)
		return -1;
	struct transcript *transcript = arrange(&r);
	if (transcript == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	transcript_find_pulls(transcript, arena);
	transcript_attribute(transcript);
	for (size_t i = 0; i < transcript->turn_count; i++)
		compose(&transcript->turns[i], arena);
	if (arena_failed(arena))
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	*ret = transcript;
	return 0;
}

/* Whether the job did anything for a message behind that place. */
static bool worked_since(const struct transcript *t, size_t position)
{
	if (t->last_progress > position + 1)
		return true;
	for (size_t i = t->count; i-- > 0 && t->rows[i]->position > position;) {
		if (t->rows[i]->kind != ROW_USER)
			return true;
	}
	return false;
}

/* The newest notice about the job as a whole ends it, unless a message that is newer still was picked up. */
static void find_end(const struct transcript *t, struct turn_sight *ret)
{
	const struct row *row = NULL;

	for (size_t i = t->count; i-- > 0;) {
		row = t->rows[i];
		if (row->kind == ROW_END)
			break;
		/* An ended job may refuse a message without ever working on it. */
		if (row->kind == ROW_USER && row->status != TURN_QUEUED &&
		    (row->status != TURN_FAILED || worked_since(t, row->position)))
			return;
	}
	if (row != NULL && row->kind == ROW_END) {
		ret->end = row->end;
		ret->end_words = row->text;
	}
}

static bool is_working(const struct row *row)
{
	return row->kind == ROW_USER && row->status == TURN_PENDING && (row->turn == NULL || row->turn->answers == 0);
}

void transcript_turn(const struct transcript *transcript, const char *message_id, struct turn_sight *ret)
{
	bool behind = false;

	*ret = (struct turn_sight){ .status = TURN_ABSENT };
	find_end(transcript, ret);
	for (size_t i = 0; i < transcript->count; i++) {
		const struct row *row = transcript->rows[i];
		if (row->kind != ROW_USER || strcmp(row->id, message_id) != 0) {
			behind = behind || is_working(row);
			continue;
		}
		ret->status = row->status;
		ret->behind = behind && row->status == TURN_QUEUED;
		if (row->turn == NULL)
			return;
		ret->answered = row->turn->answers > 0;
		ret->answer = row->turn->answer;
		ret->failure = row->turn->failure;
		return;
	}
}

const char *transcript_find_tag(const struct transcript *transcript, const char *tag)
{
	size_t len = strlen(tag);

	for (size_t i = transcript->count; i-- > 0;) {
		const struct row *row = transcript->rows[i];
		if (row->kind != ROW_USER)
			continue;
		for (const char *line = row->text; *line != '\0'; line = strchr(line, '\n') + 1) {
			if (strncmp(line, tag, len) == 0 && line[len] == '\n')
				return row->id;
		}
	}
	return NULL;
}
