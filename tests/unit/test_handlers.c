/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every row of the registry, held to the same rules: its fixtures (tests/support/handler_kit.h says
 * what one is), and what an attacker or a broken sender would do to each of them. Runs in the
 * project's root. UPDATE_FIXTURES=1 writes what is instead of comparing: read the difference before
 * believing it.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "bridge/base/utf8.h"
#include "tests/support/handler_kit.h"

#define FIXTURES    "tests/fixtures"
#define MAX_CASES   200
#define OUTCOME_MAX ((size_t)64 << 20)

struct fixture {
	char path[300];
	struct kit_source *source;
	struct kit_request request;
	struct kit_bytes body;
};

/* ---- reading ---- */

static struct kit_bytes read_part(const char *folder, const char *name)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return kit_read_file(path);
}

static void open_fixture(struct fixture *f, const char *type, const char *name)
{
	char shared[300];
	struct error err = { 0 };

	*f = (struct fixture){ 0 };
	(void)snprintf(f->path, sizeof(f->path), FIXTURES "/%s/%s", type, name);
	(void)snprintf(shared, sizeof(shared), FIXTURES "/%s", type);
	struct kit_bytes settings = read_part(f->path, "source.json");
	if (settings.ptr == NULL)
		settings = read_part(shared, "source.json");
	if (settings.ptr == NULL)
		fail_msg("%s has no source.json", shared);
	f->source = kit_open(type, settings.ptr, &err);
	if (f->source == NULL)
		fail_msg("%s: source.json: %s", f->path, err.text);
	free(settings.ptr);
	f->body = read_part(f->path, "body");
	struct kit_bytes head = read_part(f->path, "request");
	if (f->body.ptr == NULL || head.ptr == NULL)
		fail_msg("%s needs request and body", f->path);
	kit_parse_request(&f->request, head);
	f->request.http.body = f->body.ptr;
	f->request.http.body_len = f->body.len;
	f->request.http.received_ms = f->source->received_ms;
}

static void close_fixture(struct fixture *f)
{
	kit_close(f->source);
	free(f->request.text.ptr);
	free(f->body.ptr);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The cases of a type, sorted; each is to be freed. */
static size_t list_cases(const char *type, char *names[MAX_CASES])
{
	char path[300];
	size_t count = 0;
	const struct dirent *entry = NULL;

	(void)snprintf(path, sizeof(path), FIXTURES "/%s", type);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		char inner[600];
		struct stat st;
		(void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.' && stat(inner, &st) == 0 && S_ISDIR(st.st_mode)) {
			assert_true(count < MAX_CASES);
			names[count++] = strdup(entry->d_name);
		}
	}
	closedir(dir);
	qsort(names, count, sizeof(names[0]), compare_names);
	return count;
}

/* Calls check with every fixture of every row; a row without any fails. */
static void each_fixture(void (*check)(struct fixture *f))
{
	for (size_t i = 0; i < handler_count; i++) {
		const char *type = handlers[i]->kind.type;
		char *names[MAX_CASES];
		size_t count = list_cases(type, names);
		if (count == 0)
			fail_msg("the source type %s has no fixtures", type);
		for (size_t k = 0; k < count; k++) {
			struct fixture f;
			open_fixture(&f, type, names[k]);
			check(&f);
			close_fixture(&f);
			free(names[k]);
		}
	}
}

/* ---- golden ---- */

static void update(const char *path, const cJSON *outcome)
{
	char *text = cJSON_Print(outcome);
	FILE *file = fopen(path, "wb");

	assert_non_null(text);
	assert_non_null(file);
	fprintf(file, "%s\n", text);
	fclose(file);
	free(text);
}

static void check_golden(struct fixture *f)
{
	char path[400];
	CLEANUP(strbuf_release) struct strbuf out = STRBUF(OUTCOME_MAX);

	(void)snprintf(path, sizeof(path), "%s/expected.json", f->path);
	kit_outcome(f->source, &f->request.http, &out);
	assert_false(strbuf_failed(&out));
	/* json_read, since it keeps the digits of long numbers, which cJSON alone would round. */
	CLEANUP(json_delete_at) cJSON *got = NULL;
	assert_int_equal(json_read(strbuf_str(&out), out.len, NULL, &got, NULL), 0);
	if (getenv("UPDATE_FIXTURES") != NULL) {
		update(path, got);
		return;
	}
	struct kit_bytes file = kit_read_file(path);
	if (file.ptr == NULL)
		fail_msg("%s has no expected.json", f->path);
	CLEANUP(json_delete_at) cJSON *want = NULL;
	if (json_read(file.ptr, file.len, NULL, &want, NULL) < 0 || !cJSON_Compare(got, want, 1))
		fail_msg("%s\n  expected %s\n  got      %s", f->path, file.ptr, strbuf_str(&out));
	free(file.ptr);
}

static void fixtures_give_what_they_promise(void **state)
{
	(void)state;
	each_fixture(check_golden);
}

/* ---- what holds for any outcome of parse ---- */

static void check_text(const char *text, bool required)
{
	if (required)
		assert_non_null(text);
	if (text != NULL)
		assert_true(utf8_valid(text, strlen(text)));
}

/* What another room builds a path, a URL and a Git command of. */
static void check_lookup(const struct lookup *lookup)
{
	if (lookup == NULL)
		return;
	check_text(lookup->repo, true);
	check_text(lookup->commit, true);
	check_text(lookup->branch, false);
	assert_true(lookup->wants != 0);
	size_t digits = strspn(lookup->commit, "0123456789abcdefABCDEF");
	assert_true((digits == 40 || digits == 64) && lookup->commit[digits] == '\0');
	assert_true((lookup->before != NULL) == ((lookup->wants & LOOKUP_PUSH) != 0));
	assert_true((lookup->path != NULL) == ((lookup->wants & LOOKUP_CODE) != 0));
	assert_true((lookup->line > 0) == (lookup->path != NULL));
	assert_true(lookup->last_line == 0 || lookup->last_line > lookup->line);
}

static void check_event(const struct event *event)
{
	check_text(event->name, true);
	check_text(event->text, true);
	check_text(event->did, true);
	/* Either names whom it is for, or what Git is to be asked for that. */
	bool asks = event->lookup != NULL &&
		(event->lookup->wants & (LOOKUP_THREAD | LOOKUP_PUSH)) != 0;
	assert_int_equal((event->thread != NULL) + (event->job_id != NULL) + asks, 1);
	check_lookup(event->lookup);
	const char *const others[] = { event->thread,       event->job_id,      event->object,
				       event->dedupe,       event->covers,      event->where,
				       event->title,        event->url,         event->file,
				       event->lines,        event->author.login, event->actor.login,
				       event->quote,        event->hint };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		check_text(others[i], false);
		assert_true(others[i] == NULL || others[i][0] != '\0');
	}
	if (event->place != NULL) {
		CLEANUP(json_delete_at) cJSON *place = cJSON_Parse(event->place);
		assert_true(cJSON_IsObject(place));
	}
}

/* Parses, past verification; true when it was taken. A refusal must be a clear one. */
static bool parse_any(const struct fixture *f, const struct http_request *request, size_t arena_max)
{
	struct arena *arena = arena_new(arena_max);
	struct parsed parsed = { 0 };
	struct error err = { 0 };

	assert_non_null(arena);
	int rc = f->source->handler->parse(f->source->state, request, arena, &parsed, &err);
	if (rc == 0) {
		assert_true(parsed.event_count <= HANDLER_MAX_EVENTS);
		assert_true((parsed.event_count == 0) == (parsed.ignore_reason != NULL));
		for (size_t i = 0; i < parsed.event_count; i++)
			check_event(&parsed.events[i]);
		check_text(parsed.sender_id, false);
		check_text(parsed.ignore_reason, false);
		check_text(parsed.warning, false);
	} else {
		assert_int_equal(rc, -1);
		assert_true(err.code == ERR_INVALID || err.code == ERR_TOO_LARGE ||
			    err.code == ERR_UNAUTHENTIC);
		assert_true(strlen(err.text) > 5);
		assert_true(utf8_valid(err.text, strlen(err.text)));
	}
	arena_free(arena);
	return rc == 0;
}

static bool parse_bytes(const struct fixture *f, const char *body, size_t len)
{
	struct http_request request = f->request.http;
	/* Exactly so long: a read beyond the NUL would be noticed. */
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, body, len);
	copy[len] = '\0';
	request.body = copy;
	request.body_len = len;
	bool taken = parse_any(f, &request, KIT_ARENA);
	free(copy);
	return taken;
}

static bool is_json(const struct fixture *f)
{
	const struct http_request *r = &f->request.http;

	return http_is_type(http_header_get(r->headers, r->header_count, "Content-Type"),
			    "application/json");
}

static bool has_events(const struct fixture *f)
{
	struct arena *arena = arena_new(KIT_ARENA);
	struct parsed parsed = { 0 };

	bool has = f->source->handler->parse(f->source->state, &f->request.http, arena, &parsed,
					     NULL) == 0 &&
		parsed.event_count > 0;
	arena_free(arena);
	return has;
}

/* ---- attacks on the signature ---- */

static int verify_with(const struct fixture *f, const struct http_header *headers, size_t count,
		       struct error *err)
{
	struct http_request request = f->request.http;

	request.headers = headers;
	request.header_count = count;
	*err = (struct error){ 0 };
	return f->source->handler->verify(f->source->state, &request, err);
}

static void assert_refused(const struct fixture *f, const struct http_header *headers, size_t count,
			   const char *what)
{
	struct error err;

	if (verify_with(f, headers, count, &err) == 0)
		fail_msg("%s: accepted with %s", f->path, what);
	assert_int_equal(err.code, ERR_UNAUTHENTIC);
	assert_true(strlen(err.text) > 5);
	/* It never helps the attacker: no value of any header, nothing that was computed. */
	for (size_t i = 0; i < count; i++) {
		if (strlen(headers[i].value) > 20)
			assert_null(strstr(err.text, headers[i].value));
	}
}

/*
 * The header at i, attacked in each way. Every one of them is under the signature or is the
 * signature itself.
 */
static void attack_header(const struct fixture *f, size_t i)
{
	struct http_header headers[KIT_MAX_HEADERS + 1];
	size_t count = f->request.http.header_count, bytes = count * sizeof(headers[0]);
	const char *value = f->request.headers[i].value;
	size_t len = strlen(value);
	char changed[1024];

	assert_true(len > 1 && len + 2 < sizeof(changed));
	memcpy(headers, f->request.headers, bytes);
	headers[i].value = "";
	assert_refused(f, headers, count, "an empty header");
	headers[i].value = changed;
	(void)snprintf(changed, sizeof(changed), "%.*s", (int)len - 1, value);
	assert_refused(f, headers, count, "a truncated header");
	(void)snprintf(changed, sizeof(changed), "%sA", value);
	assert_refused(f, headers, count, "a longer header");
	(void)snprintf(changed, sizeof(changed), "%.*s", (int)len / 2, value);
	assert_refused(f, headers, count, "half a header");
	for (size_t at = 0; at < len; at++) {
		(void)snprintf(changed, sizeof(changed), "%s", value);
		/* Another digit, and never the same letter in the other case, which hex allows. */
		changed[at] = value[at] == '1' ? '2' : '1';
		assert_refused(f, headers, count, "a changed header");
	}
	memcpy(headers, f->request.headers, bytes);
	headers[count] = headers[i];
	assert_refused(f, headers, count + 1, "a repeated header");
	headers[count].value = "x";
	assert_refused(f, headers, count + 1, "a second header");
}

static void attack_body(const struct fixture *f)
{
	struct http_request request = f->request.http;
	struct error err = { 0 };

	for (size_t at = 0; at < f->body.len; at += 1 + f->body.len / 50) {
		f->body.ptr[at] ^= 1;
		assert_int_equal(f->source->handler->verify(f->source->state, &request, &err), -1);
		assert_int_equal(err.code, ERR_UNAUTHENTIC);
		f->body.ptr[at] ^= 1;
	}
	request.body_len = f->body.len - 1;
	assert_int_equal(f->source->handler->verify(f->source->state, &request, &err), -1);
	request.body_len = 0;
	assert_int_equal(f->source->handler->verify(f->source->state, &request, &err), -1);
}

static void check_signature(struct fixture *f)
{
	struct error err = { 0 };
	size_t count = f->request.http.header_count, guards = 0;

	if (f->source->handler->accepts(f->source->state, &f->request.http, &err) < 0 ||
	    f->source->handler->verify(f->source->state, &f->request.http, &err) < 0)
		return; /* a fixture of a refusal */
	for (size_t i = 0; i < count; i++) {
		struct http_header fewer[KIT_MAX_HEADERS];
		memcpy(fewer, f->request.headers, i * sizeof(fewer[0]));
		memcpy(fewer + i, f->request.headers + i + 1, (count - i - 1) * sizeof(fewer[0]));
		if (verify_with(f, fewer, count - 1, &err) == 0)
			continue;
		guards++;
		assert_int_equal(err.code, ERR_UNAUTHENTIC);
		attack_header(f, i);
	}
	bool open_to_all = f->source->generic.verify.type == VERIFY_NONE;
	if (guards == 0 && !open_to_all)
		fail_msg("%s: no header guards it", f->path);
	if (f->source->signs_body && f->body.len > 0)
		attack_body(f);
}

static void signatures_cannot_be_bent(void **state)
{
	(void)state;
	each_fixture(check_signature);
}

/* ---- attacks on the body, as if it were signed ---- */

static void check_broken(struct fixture *f)
{
	static const char *const bodies[] = {
		"",
		" ",
		"{",
		"}",
		"[]",
		"null",
		"1",
		"\"x\"",
		"{}",
		"{}{}",
		"{} x",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{'a':1}",
		"\xEF\xBB\xBF{}",
		"NaN",
		"{\"a\":NaN}",
		"{\"a\":\"\xC3\"}",
		"{\"a\":\"\xED\xA0\x80\"}",
		"{\"a\":\"\x01\"}",
		"{\"\xFF\":1}",
		"// x\n{}",
		"payload=",
		"payload=%",
		"payload=%7B",
		"payload=%7B%7D&payload=%7B%7D",
		"&&&&",
		"=",
		"%70ayload=%7B%7D",
		"payload=\xFF",
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		(void)parse_bytes(f, bodies[i], strlen(bodies[i]));
	(void)parse_bytes(f, "\0\0\0\0", 4);
	(void)parse_bytes(f, "{\"a\":\"\0\"}", 9);
	/* What is cut anywhere is refused: no prefix of a document is a document. */
	for (size_t len = 0; len < f->body.len; len += 1 + f->body.len / 300)
		assert_false(parse_bytes(f, f->body.ptr, len));
}

static void broken_bodies_are_refused(void **state)
{
	(void)state;
	each_fixture(check_broken);
}

/*
 * The body with an unknown member in front, whose value is `open` n times, `middle`, `close` n
 * times.
 */
static bool parse_with(const struct fixture *f, const char *open, size_t n, const char *middle,
		       const char *close)
{
	CLEANUP(strbuf_release) struct strbuf body = STRBUF(OUTCOME_MAX);
	const char *brace = strchr(f->body.ptr, '{');

	assert_non_null(brace);
	strbuf_adds(&body, "{\"unknown\":");
	for (size_t i = 0; i < n; i++)
		strbuf_adds(&body, open);
	strbuf_adds(&body, middle);
	for (size_t i = 0; i < n; i++)
		strbuf_adds(&body, close);
	strbuf_addc(&body, ',');
	strbuf_adds(&body, brace + 1);
	assert_false(strbuf_failed(&body));
	return parse_bytes(f, strbuf_str(&body), body.len);
}

static void check_unknown_member(struct fixture *f)
{
	if (!is_json(f) || !has_events(f))
		return;
	assert_true(parse_with(f, "[", 20, "1", "]"));
	assert_false(parse_with(f, "[", 100, "1", "]"));
	assert_false(parse_with(f, "{\"a\":", 200000, "1", "}"));
	assert_false(parse_with(f, "", 0, "\"\xC3\"", ""));
	assert_true(parse_with(f, "", 0, "\"\\u0000\\ud800\"", ""));
	assert_false(parse_with(f, "", 0, "[1,]", ""));
}

static void depth_and_encoding_count_everywhere(void **state)
{
	(void)state;
	each_fixture(check_unknown_member);
}

static void large_bodies_are_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < handler_count; i++) {
		char *names[MAX_CASES];
		bool tried = false;
		size_t count = list_cases(handlers[i]->kind.type, names);
		for (size_t k = 0; k < count; k++) {
			struct fixture f;
			open_fixture(&f, handlers[i]->kind.type, names[k]);
			if (!tried && is_json(&f) && has_events(&f)) {
				char *big = malloc(((size_t)25 << 20) + 3);
				assert_non_null(big);
				memset(big, 'x', ((size_t)25 << 20) + 2);
				big[0] = big[((size_t)25 << 20) + 1] = '"';
				big[((size_t)25 << 20) + 2] = '\0';
				assert_true(parse_with(&f, "", 0, big, ""));
				free(big);
				tried = true;
			}
			close_fixture(&f);
			free(names[k]);
		}
		assert_true(tried);
	}
}

static void check_small_arena(struct fixture *f)
{
	if (!has_events(f))
		return;
	for (size_t max = 0; max < 3000; max += 37)
		(void)parse_any(f, &f->request.http, max);
	assert_false(parse_any(f, &f->request.http, 64));
}

static void a_full_arena_is_an_error(void **state)
{
	(void)state;
	each_fixture(check_small_arena);
}

/* ---- every member, replaced by everything ---- */

static void parse_tree(const struct fixture *f, const cJSON *root)
{
	char *text = cJSON_PrintUnformatted(root);

	assert_non_null(text);
	(void)parse_bytes(f, text, strlen(text));
	free(text);
}

/* Links that nobody reads are most of a real payload: one of them stands for all. */
static bool is_skipped_link(const cJSON *member)
{
	size_t len = member->string != NULL ? strlen(member->string) : 0;

	return len > 4 && strcmp(member->string + len - 4, "_url") == 0 &&
		strcmp(member->string, "html_url") != 0 &&
		strcmp(member->string, "avatar_url") != 0;
}

static void mutate(const struct fixture *f, cJSON *root, cJSON *parent)
{
	static const char *const values[] = {
		"null", "true",  "7",  "-1", "1.5",  "1e300", "18446744073709551616",
		"\"\"", "\"x\"", "[]", "{}", "[{}]", "\" \"", "\"\\u0000\\n\""
	};

	for (cJSON *child = parent->child; child != NULL; child = child->next) {
		if (is_skipped_link(child))
			continue;
		if (child->child != NULL)
			mutate(f, root, child);
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			cJSON *value = cJSON_Parse(values[i]);
			cJSON saved = *child;
			/*
			 * The new value in the old one's place: its type and content, its
			 * neighbours' links.
			 */
			child->type = value->type;
			child->valuestring = value->valuestring;
			child->valuedouble = value->valuedouble;
			child->valueint = value->valueint;
			child->child = value->child;
			parse_tree(f, root);
			*child = saved;
			cJSON_Delete(value);
		}
	}
}

static void check_mutations(struct fixture *f)
{
	if (!is_json(f) || !has_events(f))
		return;
	CLEANUP(json_delete_at) cJSON *root = NULL;
	assert_int_equal(json_read(f->body.ptr, f->body.len, NULL, &root, NULL), 0);
	mutate(f, root, root);
}

static void any_type_may_stand_anywhere(void **state)
{
	(void)state;
	each_fixture(check_mutations);
}

/* ---- the registry ---- */

static void rows_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < handler_count; i++) {
		const struct handler *row = handlers[i];
		assert_ptr_equal(handler_find(row->kind.type), row);
		assert_non_null(row->open);
		assert_non_null(row->accepts);
		assert_non_null(row->verify);
		assert_non_null(row->parse);
		row->close(NULL);
		const struct forge *forge = row->forge;
		assert_true(!row->kind.conversational || row->forge != NULL);
		if (forge == NULL)
			continue;
		assert_true(forge->max_reply > 1000);
		assert_true((forge->reply_request != NULL) && (forge->reply_read != NULL));
		assert_true((forge->lookup_request != NULL) && (forge->lookup_read != NULL));
		assert_true((forge->edit_request != NULL) == (forge->edit_read != NULL));
		assert_true((forge->permission_request == NULL) ==
			    (forge->permission_read == NULL));
		assert_true((forge->identity_request == NULL) == (forge->identity_read == NULL));
	}
	assert_null(handler_find("no such type"));
	assert_null(handler_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(fixtures_give_what_they_promise),
		cmocka_unit_test(signatures_cannot_be_bent),
		cmocka_unit_test(broken_bodies_are_refused),
		cmocka_unit_test(depth_and_encoding_count_everywhere),
		cmocka_unit_test(large_bodies_are_bounded),
		cmocka_unit_test(a_full_arena_is_an_error),
		cmocka_unit_test(any_type_may_stand_anywhere),
	};

	return cmocka_run_group_tests_name("handlers", tests, NULL, NULL);
}
