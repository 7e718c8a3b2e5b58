/* SPDX-License-Identifier: Apache-2.0 */
/* A page of an agent's conversations (nairi-api.md section 3.5): only id, status and updated_at are certain to be there. */
#include "bridge/base/json_each.h"
#include "bridge/deliver/transcript.h"
#include "bridge/model/message.h"

/* A page has 100 rows at most; a service that forgets that is cut here. */
#define ROWS_MAX 1000
#define STATUS_MAX 40

enum { FIELD_ID, FIELD_STATUS, FIELD_UPDATED };
static const char *const fields[] = { "id", "status", "updated_at", NULL };

struct page {
	struct arena *arena;
	struct conversation *rows;
	size_t count;
};

static const char *keep(struct page *page, const struct json_row *row, size_t field, size_t max)
{
	CLEANUP(strbuf_release) struct strbuf text = STRBUF(max);

	json_row_add(row, field, &text);
	return strbuf_failed(&text) ? NULL : arena_strndup(page->arena, strbuf_str(&text), text.len);
}

static bool read_row(void *context, const struct json_row *row)
{
	struct page *page = context;

	for (size_t i = 0; fields[i] != NULL; i++) {
		if (!json_row_has(row, i))
			return true;
	}
	if (page->count == ROWS_MAX)
		return true;
	struct conversation one = {
		.id = keep(page, row, FIELD_ID, JOB_ID_MAX),
		.status = keep(page, row, FIELD_STATUS, STATUS_MAX),
		.updated_at = keep(page, row, FIELD_UPDATED, STATUS_MAX),
	};
	if (one.id == NULL || one.status == NULL || one.updated_at == NULL)
		return !arena_failed(page->arena);
	one.updated_ms = transcript_time_ms(one.updated_at);
	if (job_id_is_valid(one.id) && one.updated_ms >= 0)
		page->rows[page->count++] = one;
	return true;
}

int conversations_read(const char *json, size_t len, struct arena *arena, const struct conversation **ret,
		       size_t *ret_count, size_t *ret_rows, struct error *err)
{
	struct page page = { .arena = arena, .rows = arena_alloc(arena, ROWS_MAX * sizeof(*page.rows)) };
	size_t rows;

	if (page.rows == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (json_each(json, len, "conversations", fields, read_row, &page, &rows, err) != 0)
		return -1;
	*ret = page.rows;
	*ret_count = page.count;
	*ret_rows = rows;
	return 0;
}
