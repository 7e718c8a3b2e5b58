/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is found out about a message after it was put. Its rank in its thread is given as if it had been known from the
 * start: at the place where it came, so that ranks go on ascending with time (sqlite_threads.c lives on that).
 */
#include <string.h>

#include "bridge/store/sqlite_nouns.h"
#include "bridge/store/sqlite_runs.h"
#include "bridge/store/sqlite_states.h"

struct place {
	int64_t run, rank; /* rank 0: none */
	char *thread;      /* NULL: none */
	bool has_job;
};

static void place_release(struct place *place)
{
	free(place->thread);
}

static int check_vetting(int64_t seq, int64_t stored, struct error *err)
{
	enum message_state state = MESSAGE_VETTING;

	if (sqlite_states_to_message(stored, &state, err) != 0)
		return -1;
	if (state != MESSAGE_VETTING)
		return error_set(err, ERR_CONFLICT, "message %lld is %s, not vetting", (long long)seq,
				 message_state_name(state));
	return 0;
}

static int load_place(struct sqlite_store *store, int64_t seq, struct place *ret, struct error *err)
{
	bool row = false;
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGE_PLACE, &call, err) != 0)
		return -1;
	sqlite_call_int(&call, 1, seq);
	if (sqlite_call_step(&call, &row, err) != 0)
		return -1;
	if (!row)
		return error_set(err, ERR_NOT_FOUND, "no message %lld", (long long)seq);
	if (check_vetting(seq, sqlite_call_number(&call, 0), err) != 0)
		return -1;
	const char *thread = sqlite_call_column(&call, 3);
	char *copy = thread != NULL ? strdup(thread) : NULL;
	if (thread != NULL && copy == NULL)
		return error_set(err, ERR_NO_MEMORY, "no memory for message %lld", (long long)seq);
	*ret = (struct place){
		.run = sqlite_call_number(&call, 1),
		.rank = sqlite_call_number(&call, 2),
		.thread = copy,
		.has_job = sqlite_call_column(&call, 4) != NULL,
	};
	return 0;
}

/* *ret_rank: what the message has from now on. */
static int rank_anew(struct sqlite_store *store, const struct message_finding *finding, const struct place *place,
		     int64_t *ret_rank, struct error *err)
{
	const char *thread = finding->thread != NULL ? finding->thread : place->thread;
	bool counted = thread != NULL && (finding->job_id != NULL || place->has_job);
	bool moves = place->rank > 0 && strcmp(thread, place->thread) != 0;

	if (place->rank > 0 && !moves) {
		*ret_rank = place->rank;
		return 0;
	}
	if (moves && sqlite_threads_remove(store, place->thread, place->run, place->rank, err) != 0)
		return -1;
	*ret_rank = 0;
	return counted ? sqlite_threads_insert(store, thread, place->run, finding->seq, ret_rank, err) : 0;
}

static int learn_row(struct sqlite_store *store, const struct message_finding *finding, int64_t rank,
		     struct error *err)
{
	CLEANUP(sqlite_call_end) struct sqlite_call call = { 0 };

	if (sqlite_call_begin(store, SQL_MESSAGE_LEARN, &call, err) != 0)
		return -1;
	sqlite_call_text(&call, 1, finding->thread);
	sqlite_call_text(&call, 2, finding->job_id);
	sqlite_call_text(&call, 3, finding->place);
	if (rank > 0)
		sqlite_call_int(&call, 4, rank);
	else
		sqlite_call_text(&call, 4, NULL);
	sqlite_call_int(&call, 5, finding->now_ms);
	sqlite_call_int(&call, 6, finding->seq);
	return sqlite_call_run(&call, err);
}

int sqlite_learn(struct store *base, const struct message_finding *finding, struct error *err)
{
	struct sqlite_store *store = sqlite_of(base);
	CLEANUP(place_release) struct place place = { 0 };
	int64_t rank = 0;

	if (store->runs == NULL)
		return error_set(err, ERR_INTERNAL, "a write to a store that is open for reading");
	if (load_place(store, finding->seq, &place, err) != 0 || rank_anew(store, finding, &place, &rank, err) != 0 ||
	    learn_row(store, finding, rank, err) != 0)
		return -1;
	return finding->prompt != NULL ?
		       sqlite_messages_replace_prompt(store, finding->seq, finding->prompt, err) :
		       0;
}
