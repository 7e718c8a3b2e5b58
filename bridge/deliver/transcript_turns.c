/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose answer is it? The list names no message that another answers (nairi-api.md section 4), but a job has one turn
 * at a time, in the order of its messages (section 7.2), and a turn's outcome (an answer, or notices of an error) is
 * there before the next turn begins. So outcomes come in the order of their turns, and the list is walked with a
 * pointer to the turn that is running.
 *
 * When does the pointer move on? A message's updated_at is about when its turn ended, but `completed` and the answer
 * may be seen in either order, so an outcome right behind the end of a turn that has none yet is that turn's. With E
 * the end of turn p, q the turn that would be next, and o the outcome at hand:
 *   - o came before E: p's, even if it is not p's first; unless q completed and would be left without an answer;
 *   - o came after E and p has its outcome: q's;
 *   - o came after E and p has none: p's within LATE_MS. Later than that q's, when it came near q's end or long after
 * p's;
 *   - p failed: it has notices, no answer. Answers go to the next turn that did not fail;
 *   - p is pending although q was picked up: its status lags, or it is dead. It waits for its status;
 *   - p is pending and o came right behind the end of the turn before: it waits for p's end.
 * What "waits" or is unclear belongs to nobody: the list will be read again. An answer that came with LATE_MS or more
 * between it and the end of its turn, or a second one of a turn that came after its end while another runs, cannot be
 * told from the next turn's.
 *
 * Each decision looks at two turns and the pointer never goes back: linear.
 */
#include <string.h>

#include "bridge/deliver/transcript_private.h"

#define LATE_MS 2000      /* between the end of a turn and its outcome, either way round */
#define LONG_MS 60000     /* an answer never takes so long to appear */
#define DEAD_MS 7200000   /* a turn is killed after an hour, and limits may add minutes (section 7.3) */
#define ERRORS_MAX 16     /* notices kept of a turn */

struct walk {
	struct turn *turns;
	size_t count, at;
	size_t answers_left;       /* assistant messages from the one at hand on */
	struct turn *last_answered, *answered_before;
};

enum verdict { ITS_OWN, NOBODYS, MOVE_ON };

static bool is_over(const struct turn *turn)
{
	return turn->user->status == TURN_COMPLETED || turn->user->status == TURN_FAILED;
}

static int64_t end_of(const struct turn *turn)
{
	return is_over(turn) ? turn->user->updated_ms : -1;
}

static bool is_answer(const struct row *o)
{
	return o->kind == ROW_ASSISTANT;
}

static bool near_end(const struct turn *turn, const struct row *o)
{
	int64_t end = end_of(turn);

	return end >= 0 && o->created_ms <= end + LATE_MS && o->created_ms >= end - LATE_MS;
}

/* The turn that o would belong to if it is not p's: begun before it, and of a kind that has such outcomes. */
static struct turn *next_for(const struct walk *w, const struct turn *p, const struct row *o)
{
	size_t index = (size_t)(p - w->turns);
	struct turn *q = is_answer(o) ? p->next_good : index + 1 < w->count ? &w->turns[index + 1] : NULL;

	return q != NULL && q->user->position < o->position ? q : NULL;
}

/* Without o, a completed turn from q on would have no answer. */
static bool is_needed(const struct walk *w, const struct turn *q, const struct row *o)
{
	return is_answer(o) && q->user->status == TURN_COMPLETED && w->answers_left <= q->good_left;
}

/* One error is often told twice: as it is, then wrapped. */
static bool is_repeated(const struct turn *p, const struct row *o)
{
	const struct row *last = p->first;

	if (o->kind != ROW_ERROR || !o->wrapped || o->text == NULL)
		return false;
	for (; last != NULL; last = last->next) {
		if (last->kind == ROW_ERROR && !last->wrapped && last->text != NULL && strcmp(last->text, o->text) == 0)
			return true;
	}
	return false;
}

/* p's status says that it goes on, yet q was picked up. */
static enum verdict judge_overtaken(const struct walk *w, struct turn *p, const struct turn *q, const struct row *o)
{
	int64_t since = o->created_ms - p->user->updated_ms;
	bool known = o->created_ms >= 0 && p->user->updated_ms >= 0;

	if (p->met)
		return is_over(q) ? MOVE_ON : NOBODYS;
	if (known && since > DEAD_MS)
		return MOVE_ON;
	if (known && since > LONG_MS && near_end(q, o) && is_needed(w, q, o))
		return MOVE_ON;
	p->met = true;
	return NOBODYS;
}

static enum verdict judge_before_end(const struct walk *w, const struct turn *p, const struct turn *q, const struct row *o)
{
	bool more = p->met || (is_answer(o) && p->user->status == TURN_FAILED);

	if (!more || !is_needed(w, q, o))
		return ITS_OWN;
	return o->created_ms == end_of(p) ? MOVE_ON : NOBODYS;
}

static enum verdict judge_after_end(const struct turn *p, const struct turn *q, const struct row *o)
{
	int64_t late = o->created_ms - end_of(p);
	bool failed = p->user->status == TURN_FAILED;

	if (is_answer(o) && failed)
		return MOVE_ON;
	if (p->met) {
		/* One more notice of p, or the first of q, which has not failed so far? */
		bool unclear = !is_answer(o) && failed && late <= LATE_MS && q->user->status != TURN_FAILED;
		return unclear ? NOBODYS : MOVE_ON;
	}
	if (late <= LATE_MS) {
		bool of_next = !is_answer(o) && !failed && q->user->status == TURN_FAILED;
		return of_next ? MOVE_ON : ITS_OWN;
	}
	return near_end(q, o) || late > LONG_MS ? MOVE_ON : NOBODYS;
}

static enum verdict judge(const struct walk *w, struct turn *p, const struct turn *q, const struct row *o)
{
	if (q == NULL || is_repeated(p, o))
		return ITS_OWN;
	if (!is_over(p))
		return judge_overtaken(w, p, q, o);
	if (end_of(p) < 0 || o->created_ms < 0)
		return p->met || (is_answer(o) && p->user->status == TURN_FAILED) ? MOVE_ON : ITS_OWN;
	if (o->created_ms <= end_of(p))
		return judge_before_end(w, p, q, o);
	return judge_after_end(p, q, o);
}

/* Of a turn that runs still: may o be of the turn before it, or older than its begin? A first turn has nobody before it. */
static bool is_too_early(const struct walk *w, const struct turn *p, const struct row *o)
{
	if (p == w->turns)
		return false;
	if (is_over(p)) /* An answer after a failed turn's end, with nobody else to have it. */
		return is_answer(o) && p->user->status == TURN_FAILED && o->created_ms > end_of(p);
	int64_t before = end_of(p - 1);
	return o->created_ms < 0 || before < 0 || o->created_ms <= before + LATE_MS ||
	       o->created_ms < p->user->updated_ms;
}

static void give(struct turn *turn, struct row *o)
{
	turn->met = turn->met || o->kind != ROW_LATE;
	if (!is_answer(o) && ++turn->errors > ERRORS_MAX)
		return;
	turn->answers += is_answer(o);
	o->turn = turn;
	*turn->last = o;
	turn->last = &o->next;
}

/* The footer check follows an answer; when two turns ended shortly before it, it does no harm to leave it out. */
static void give_late(const struct walk *w, struct row *o)
{
	const struct turn *before = w->answered_before;

	if (w->last_answered == NULL)
		return;
	if (before == NULL || o->created_ms > end_of(before) + LATE_MS)
		give(w->last_answered, o);
}

static void settle(struct walk *w, struct row *o)
{
	if (o->kind == ROW_LATE) {
		give_late(w, o);
		return;
	}
	for (;;) {
		struct turn *p = &w->turns[w->at], *q = next_for(w, p, o);
		enum verdict verdict = judge(w, p, q, o);

		if (verdict == MOVE_ON && q != NULL) {
			w->at = (size_t)(q - w->turns);
			continue;
		}
		if (verdict != ITS_OWN || is_too_early(w, p, o))
			return;
		give(p, o);
		if (is_answer(o) && w->last_answered != p) {
			w->answered_before = w->last_answered;
			w->last_answered = p;
		}
		return;
	}
}

static void count_ahead(struct walk *w)
{
	struct turn *good = NULL;
	size_t completed = 0;

	for (size_t i = w->count; i-- > 0;) {
		struct turn *turn = &w->turns[i];
		turn->next_good = good;
		completed += turn->user->status == TURN_COMPLETED;
		turn->good_left = completed;
		if (turn->user->status != TURN_FAILED)
			good = turn;
	}
}

void transcript_attribute(struct transcript *transcript)
{
	struct walk w = { .turns = transcript->turns, .count = transcript->turn_count };

	if (w.count == 0)
		return;
	count_ahead(&w);
	for (size_t i = 0; i < transcript->count; i++)
		w.answers_left += is_answer(transcript->rows[i]);
	for (size_t i = 0; i < transcript->count; i++) {
		struct row *row = transcript->rows[i];
		bool outcome = row->kind == ROW_ASSISTANT || row->kind == ROW_ERROR || row->kind == ROW_LATE;
		if (outcome && w.turns[w.at].user->position < row->position)
			settle(&w, row);
		w.answers_left -= is_answer(row);
	}
}
