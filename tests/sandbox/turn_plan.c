/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/doc.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/turns.h"

#define DELAY_MAX 86400000
#define PROGRESS_MAX 100000

static const char *const outcomes[] = {"ok", "fail", "lost", "stall", "gone", NULL};
static const char *const costs[] = {"alternate", "none", "all", NULL};
static const char *const gits[] = {"none", "markdown", "plain", NULL};

struct member {
	const char *name;
	size_t offset;
};

static const struct member numbers[] = {
	{"pickup_ms", offsetof(struct turn_plan, pickup_ms)},
	{"work_ms", offsetof(struct turn_plan, work_ms)},
	{"notice_ms", offsetof(struct turn_plan, notice_ms)},
	{"answer_gap_ms", offsetof(struct turn_plan, answer_gap_ms)},
	{"progress", offsetof(struct turn_plan, progress)},
};

static const struct member booleans[] = {
	{"manual", offsetof(struct turn_plan, manual)},
	{"late_error", offsetof(struct turn_plan, late_error)},
	{"without_pr", offsetof(struct turn_plan, without_pr)},
};

static const struct member strings[] = {
	{"answer", offsetof(struct turn_plan, answer)},
	{"pr_url", offsetof(struct turn_plan, pr_url)},
	{"git_warning", offsetof(struct turn_plan, git_warning)},
	{"error_detail", offsetof(struct turn_plan, error_detail)},
	{"daemon", offsetof(struct turn_plan, daemon)},
};

static const struct member lists[] = {
	{"answers", offsetof(struct turn_plan, answers)},
	{"attachment_ids", offsetof(struct turn_plan, attachment_ids)},
};

#define LIST_MAX 32

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void *member_of(struct turn_plan *plan, const struct member *member)
{
	return (char *)plan + member->offset;
}

static const void *member_in(const struct turn_plan *plan, const struct member *member)
{
	return (const char *)plan + member->offset;
}

static void list_drop(struct turn_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct turn_list){0};
}

/* Makes a list of its own of what was copied bit by bit. */
static void list_unshare(struct turn_list *list)
{
	char **items = memory_new(list->count, sizeof(char *));

	for (size_t i = 0; i < list->count; i++)
		items[i] = memory_copy(list->items[i]);
	list->items = items;
}

static void clear(struct turn_plan *plan)
{
	for (size_t i = 0; i < COUNT(strings); i++)
		free(*(char **)member_of(plan, &strings[i]));
	for (size_t i = 0; i < COUNT(lists); i++)
		list_drop(member_of(plan, &lists[i]));
}

void turn_plan_free(struct turn_plan *plan)
{
	if (plan == NULL)
		return;
	clear(plan);
	free(plan);
}

void turn_plan_defaults(struct turn_plan *plan)
{
	clear(plan);
	*plan = (struct turn_plan){.pickup_ms = 10, .work_ms = 20, .notice_ms = 20};
}

struct turn_plan *turn_plan_copy(const struct turn_plan *plan)
{
	struct turn_plan *copy = memory_new(1, sizeof(*copy));

	*copy = *plan;
	for (size_t i = 0; i < COUNT(strings); i++) {
		char **string = member_of(copy, &strings[i]);

		*string = memory_copy(*string);
	}
	for (size_t i = 0; i < COUNT(lists); i++)
		list_unshare(member_of(copy, &lists[i]));
	return copy;
}

static int choose(const cJSON *item, const char *const *names, int *ret_choice)
{
	const char *wanted = cJSON_GetStringValue(item);

	for (int i = 0; wanted != NULL && names[i] != NULL; i++) {
		if (strcmp(names[i], wanted) == 0) {
			*ret_choice = i;
			return 0;
		}
	}
	return -1;
}

static int merge_numbers(struct turn_plan *plan, const cJSON *object)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		int64_t *number = member_of(plan, &numbers[i]);
		int64_t value;

		if (!cJSON_HasObjectItem(object, numbers[i].name))
			continue;
		value = doc_integer(object, numbers[i].name, INT64_MAX);
		if (value > DELAY_MAX || value < -DELAY_MAX)
			return -1;
		*number = value;
	}
	return plan->progress < 0 || plan->progress > PROGRESS_MAX ? -1 : 0;
}

static int merge_rest(struct turn_plan *plan, const cJSON *object)
{
	for (size_t i = 0; i < COUNT(booleans); i++) {
		bool *flag = member_of(plan, &booleans[i]);

		*flag = doc_bool(object, booleans[i].name, *flag);
	}
	for (size_t i = 0; i < COUNT(strings); i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, strings[i].name);
		char **string = member_of(plan, &strings[i]);

		if (item == NULL)
			continue;
		if (!cJSON_IsString(item) && !cJSON_IsNull(item))
			return -1;
		free(*string);
		*string = memory_copy(cJSON_GetStringValue(item));
	}
	return 0;
}

static int merge_choices(struct turn_plan *plan, const cJSON *object)
{
	const cJSON *item;
	int choice;

	item = cJSON_GetObjectItemCaseSensitive(object, "outcome");
	if (item != NULL) {
		if (choose(item, outcomes, &choice) != 0)
			return -1;
		plan->outcome = (enum turn_outcome)choice;
	}
	item = cJSON_GetObjectItemCaseSensitive(object, "cost");
	if (item != NULL) {
		if (choose(item, costs, &choice) != 0)
			return -1;
		plan->cost = (enum cost_form)choice;
	}
	item = cJSON_GetObjectItemCaseSensitive(object, "git");
	if (item != NULL) {
		if (choose(item, gits, &choice) != 0)
			return -1;
		plan->git = (enum git_form)choice;
	}
	return 0;
}

static int list_merge(struct turn_list *list, const cJSON *array)
{
	const cJSON *item;

	list_drop(list);
	if (cJSON_IsNull(array))
		return 0;
	if (!cJSON_IsArray(array) || cJSON_GetArraySize(array) > LIST_MAX)
		return -1;
	list->given = true;
	list->items = memory_new((size_t)cJSON_GetArraySize(array), sizeof(char *));
	cJSON_ArrayForEach(item, array) {
		if (!cJSON_IsString(item))
			return -1;
		list->items[list->count++] = memory_copy(item->valuestring);
	}
	return 0;
}

int turn_plan_merge(struct turn_plan *plan, const cJSON *object, const char **ret_problem)
{
	const cJSON *item;

	if (merge_numbers(plan, object) != 0) {
		*ret_problem = "a delay or count is not an integer in range";
		return -1;
	}
	if (merge_rest(plan, object) != 0) {
		*ret_problem = "a text member must be a string or null";
		return -1;
	}
	if (merge_choices(plan, object) != 0) {
		*ret_problem = "outcome is ok|fail|lost|stall|gone, cost alternate|none|all, "
			       "git none|markdown|plain";
		return -1;
	}
	for (size_t i = 0; i < COUNT(lists); i++) {
		item = cJSON_GetObjectItemCaseSensitive(object, lists[i].name);
		if (item != NULL && list_merge(member_of(plan, &lists[i]), item) != 0) {
			*ret_problem = "answers and attachment_ids are arrays of up to 32 "
				       "strings, or null";
			return -1;
		}
	}
	return 0;
}

cJSON *turn_plan_json(const struct turn_plan *plan)
{
	cJSON *object = cJSON_CreateObject();

	for (size_t i = 0; i < COUNT(numbers); i++)
		cJSON_AddNumberToObject(object, numbers[i].name,
					(double)*(const int64_t *)member_in(plan, &numbers[i]));
	for (size_t i = 0; i < COUNT(booleans); i++)
		cJSON_AddBoolToObject(object, booleans[i].name,
				      *(const bool *)member_in(plan, &booleans[i]));
	for (size_t i = 0; i < COUNT(strings); i++) {
		const char *string = *(char *const *)member_in(plan, &strings[i]);

		if (string != NULL)
			cJSON_AddStringToObject(object, strings[i].name, string);
	}
	for (size_t i = 0; i < COUNT(lists); i++) {
		const struct turn_list *list = member_in(plan, &lists[i]);
		cJSON *array;

		if (!list->given)
			continue;
		array = cJSON_AddArrayToObject(object, lists[i].name);
		for (size_t j = 0; j < list->count; j++)
			cJSON_AddItemToArray(array, cJSON_CreateString(list->items[j]));
	}
	cJSON_AddStringToObject(object, "outcome", outcomes[plan->outcome]);
	cJSON_AddStringToObject(object, "cost", costs[plan->cost]);
	cJSON_AddStringToObject(object, "git", gits[plan->git]);
	return object;
}
