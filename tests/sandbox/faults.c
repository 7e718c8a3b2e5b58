/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sandbox/faults.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"

#define FAULTS_MAX 1000
#define WORDS_MAX 32
#define DELAY_MAX 600000

struct faults {
	struct fault *list; /* in order of addition */
	int64_t last_id;
	char *words[WORDS_MAX];
	size_t word_count;
	atomic_uint *special;
};

static const struct {
	const char *name;
	enum fault_kind kind;
	bool create;
	unsigned status; /* 0: as the handler says */
	int64_t delay_ms;
} kinds[] = {
	{"status", FAULT_STATUS, false, 500, 0},
	{"html", FAULT_HTML, false, 403, 0},
	{"empty", FAULT_EMPTY, true, 0, 0},
	{"truncated", FAULT_TRUNCATED, true, 0, 0},
	{"cut", FAULT_CUT, true, 0, 0},
	{"wrong_types", FAULT_WRONG_TYPES, true, 0, 0},
	{"ok200", FAULT_OK200, true, 200, 0},
	{"delay_after", FAULT_DELAY_AFTER, true, 0, 1000},
	{"delay_before", FAULT_DELAY_BEFORE, false, 504, 1000},
	{"reset_before", FAULT_RESET_BEFORE, false, 0, 0},
	{"reset_after", FAULT_RESET_AFTER, true, 0, 0},
	{"trickle", FAULT_TRICKLE, true, 0, 20},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

struct faults *faults_new(atomic_uint *special)
{
	struct faults *faults = memory_new(1, sizeof(*faults));

	faults->special = special;
	return faults;
}

void fault_free(struct fault *fault)
{
	if (fault == NULL)
		return;
	free(fault->path);
	free(fault->method);
	free(fault->in_body);
	free(fault->body);
	cJSON_Delete(fault->headers);
	free(fault);
}

static void clear_words(struct faults *faults)
{
	atomic_fetch_sub(faults->special, (unsigned)faults->word_count);
	while (faults->word_count > 0)
		free(faults->words[--faults->word_count]);
}

void faults_reset(struct faults *faults)
{
	faults_remove(faults, 0);
	clear_words(faults);
}

void faults_free(struct faults *faults)
{
	faults_reset(faults);
	free(faults);
}

static int find_kind(const char *name)
{
	for (size_t i = 0; name != NULL && i < KIND_COUNT; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (int)i;
	return -1;
}

static const char *check(const cJSON *object)
{
	const cJSON *headers = cJSON_GetObjectItemCaseSensitive(object, "headers");
	int64_t status = doc_integer(object, "status", 200);
	int64_t delay = doc_integer(object, "delay_ms", 0);
	const cJSON *item;

	if (doc_unknown(object, "path method in_body fault create status body headers delay_ms "
				"skip times") != NULL)
		return "known members: path method in_body fault create status body headers "
		       "delay_ms skip times";
	if (doc_string(object, "path") == NULL)
		return "path is required";
	if (find_kind(doc_string(object, "fault")) < 0)
		return "fault is status|html|empty|truncated|cut|wrong_types|ok200|delay_after|"
		       "delay_before|reset_before|reset_after|trickle";
	if (status < 200 || status > 599)
		return "status is 200 to 599";
	if (delay < 0 || delay > DELAY_MAX)
		return "delay_ms is 0 to 600000";
	if (doc_integer(object, "times", 1) < 0 || doc_integer(object, "skip", 0) < 0)
		return "times and skip are not negative";
	if (headers != NULL && !cJSON_IsObject(headers))
		return "headers is an object of strings";
	cJSON_ArrayForEach(item, headers)
		if (!cJSON_IsString(item))
			return "headers is an object of strings";
	return NULL;
}

int faults_add(struct faults *faults, const cJSON *object, int64_t *ret_id,
	       const char **ret_problem)
{
	struct fault **end = &faults->list;
	size_t count = 0;
	struct fault *fault;
	int kind;

	*ret_problem = check(object);
	if (*ret_problem != NULL)
		return -1;
	for (; *end != NULL; end = &(*end)->next)
		count++;
	if (count >= FAULTS_MAX) {
		*ret_problem = "too many faults";
		return -1;
	}
	kind = find_kind(doc_string(object, "fault"));
	fault = memory_new(1, sizeof(*fault));
	fault->id = ++faults->last_id;
	fault->path = memory_copy(doc_string(object, "path"));
	fault->method = memory_copy(doc_string(object, "method"));
	fault->in_body = memory_copy(doc_string(object, "in_body"));
	fault->body = memory_copy(doc_string(object, "body"));
	fault->headers =
		cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(object, "headers"), 1);
	fault->kind = kinds[kind].kind;
	fault->create = doc_bool(object, "create", kinds[kind].create);
	fault->status = (unsigned)doc_integer(object, "status", kinds[kind].status);
	fault->delay_ms = doc_integer(object, "delay_ms", kinds[kind].delay_ms);
	fault->skip = doc_integer(object, "skip", 0);
	fault->times = doc_integer(object, "times", 1);
	*end = fault;
	atomic_fetch_add(faults->special, 1);
	*ret_id = fault->id;
	return 0;
}

bool faults_remove(struct faults *faults, int64_t id)
{
	struct fault **at = &faults->list;
	bool found = false;

	while (*at != NULL) {
		struct fault *fault = *at;

		if (id != 0 && fault->id != id) {
			at = &fault->next;
			continue;
		}
		*at = fault->next;
		fault_free(fault);
		atomic_fetch_sub(faults->special, 1);
		found = true;
	}
	return found;
}

cJSON *faults_json(const struct faults *faults)
{
	cJSON *array = cJSON_CreateArray();

	for (const struct fault *fault = faults->list; fault != NULL; fault = fault->next) {
		cJSON *object = cJSON_CreateObject();

		cJSON_AddNumberToObject(object, "id", (double)fault->id);
		cJSON_AddStringToObject(object, "path", fault->path);
		if (fault->method != NULL)
			cJSON_AddStringToObject(object, "method", fault->method);
		cJSON_AddStringToObject(object, "fault", kinds[fault->kind].name);
		cJSON_AddNumberToObject(object, "skip", (double)fault->skip);
		cJSON_AddNumberToObject(object, "times", (double)fault->times);
		cJSON_AddNumberToObject(object, "hits", (double)fault->hits);
		cJSON_AddItemToArray(array, object);
	}
	return array;
}

static int add_word(struct faults *faults, const cJSON *item)
{
	if (!cJSON_IsString(item) || *item->valuestring == '\0' || faults->word_count == WORDS_MAX)
		return -1;
	faults->words[faults->word_count++] = memory_copy(item->valuestring);
	atomic_fetch_add(faults->special, 1);
	return 0;
}

int faults_set_waf(struct faults *faults, const cJSON *words)
{
	const cJSON *item;

	clear_words(faults);
	if (words == NULL || cJSON_IsNull(words))
		return 0;
	if (!cJSON_IsArray(words))
		return add_word(faults, words);
	cJSON_ArrayForEach(item, words)
		if (add_word(faults, item) != 0)
			return -1;
	return 0;
}

bool faults_waf_hits(const struct faults *faults, const char *prompt)
{
	for (size_t i = 0; i < faults->word_count; i++)
		if (strstr(prompt, faults->words[i]) != NULL)
			return true;
	return false;
}

static bool fits(const struct fault *fault, const struct request *request)
{
	if (fault->method != NULL && strcmp(fault->method, request->method) != 0)
		return false;
	if (!text_matches(fault->path, request->path))
		return false;
	if (fault->in_body == NULL)
		return true;
	return request->body.length > 0 && memmem(request->body.data, request->body.length,
						  fault->in_body, strlen(fault->in_body)) != NULL;
}

struct fault *faults_take(struct faults *faults, const struct request *request)
{
	struct fault *fault = faults->list;
	struct fault *copy;

	for (; fault != NULL; fault = fault->next) {
		/* A used-up fault stays in the list, to be asked for its hits. */
		if ((fault->times < 0) || !fits(fault, request))
			continue;
		if (fault->skip == 0)
			break;
		fault->skip--;
	}
	if (fault == NULL)
		return NULL;
	fault->hits++;
	if (fault->times > 0 && --fault->times == 0)
		fault->times = -1;
	copy = memory_new(1, sizeof(*copy));
	*copy = *fault;
	copy->path = memory_copy(fault->path);
	copy->method = memory_copy(fault->method);
	copy->in_body = memory_copy(fault->in_body);
	copy->body = memory_copy(fault->body);
	copy->headers = cJSON_Duplicate(fault->headers, 1);
	copy->next = NULL;
	return copy;
}
