/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef BRIDGE_DELIVER_DELIVER_PRIVATE_H
#define BRIDGE_DELIVER_DELIVER_PRIVATE_H

#include <stdatomic.h>

#include "bridge/deliver/command.h"
#include "bridge/deliver/deliver.h"
#include "bridge/deliver/errand.h"
#include "bridge/deliver/lanes.h"
#include "bridge/deliver/nairi.h"
#include "bridge/deliver/say.h"

/*
 * After a lost answer the other side may still be working on the request: absence is believed only when it is seen
 * again after this time. It is a bound on a race that no API without idempotency keys can close.
 */
#define DOUBT_GRACE_MS 3000

#define LIST_MAX       ((size_t)32 * 1024 * 1024) /* a job's list of messages */
#define ANSWER_MAX     ((size_t)256 * 1024)       /* any other answer */
#define FLIGHT_ARENA   ((size_t)24 * 1024 * 1024)

#define RUN_MAX        32 /* messages in one prompt */

struct replies;
struct vetting;
struct follow;
struct discover;

struct deliver {
	struct deliver_options options;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct lanes lanes;
	struct circuit circuit;
	struct replies *replies;
	struct vetting *vetting;
	struct follow *follow;
	struct discover *discover;
	struct git_service *git; /* NULL: Git is not used */
	size_t calls; /* continue and look calls, and claims on their way to one */
	_Atomic size_t vets; /* permissions that are being asked for; any thread counts down */
	size_t scouts;       /* messages that Git is asked about, with the permission before it */
	struct {
		int64_t at_ms;  /* mono: when to go on asking; INT64_MAX: all is known */
		size_t next;    /* the source to go on with */
		int rounds;     /* over all sources in which one failed, in a row */
		bool busy, failed;
		bool again;     /* ask those too whose answer is known: their token may be another's now */
	} identity;

	pthread_mutex_t lock; /* of what other threads read and set: */
	struct deliver_stats stats;
	bool reloaded, closed;
};

/* A message of a flight. */
struct part {
	struct waiting *waiting;
	struct message_row row; /* in the flight's arena; as loaded at the claim */
	bool gone;              /* withdrawn before the claim was committed */
};

/* What one try of recording a flight left for after the commit; before another it is taken back (flight_take_back). */
struct aftermath {
	struct command_effects *effects; /* of a command, or a start; NULL */
	struct say *say;                 /* what is said of it; NULL */
	char learned_job[JOB_ID_MAX + 2]; /* the job that it goes to from now on, or what waits behind it; "": as before */
	bool announced;                  /* learned_job is, to the queue */
	bool restarted;                  /* another message was made of it */
	const char *renamed;             /* refused, and a new job carries on: its provisional name, in the effects */
};

/*
 * One piece of work on the head of a lane, or on several messages there that go as one prompt, from the claim to the recorded
 * outcome. It is a commit item and carries a call; whoever holds it (committer's queue, dispatcher, Git) owns it.
 */
struct flight {
	struct commit_item item; /* first: a flight is found from its item */
	struct call call;
	struct deliver *deliver;
	struct settings *settings; /* a reference: the call's token and the source's state live in it */
	struct arena *arena;
	struct lane *lane;         /* busy for us */
	struct waiting *waiting;   /* its head; NULL before deliver_add for a reserved one */
	struct message_row row;    /* the head's, in the arena */
	struct part *parts;        /* all of them, in order; the first is the leading one */
	size_t count;              /* that are worked on: known when the claim is committed */
	size_t claimed;            /* of the lane */
	struct part one;           /* the room for a single one */
	const char *prompt;        /* what is sent: that of the row, or of all joined */
	bool looking;              /* the call is a list of messages, not a continue */
	bool counted;              /* in deliver->calls */
	bool vets;                 /* in deliver->vets */
	bool scouts;               /* in deliver->scouts */
	bool probe;                /* the one message that is let through while the upstream is unreachable */
	struct nairi_verdict verdict;
	enum nairi_sight sight;
	enum permission permission;
	/* vetting: */
	struct errand errand;
	struct arena *scratch;     /* of vet_apply, which may run many times */
	const char *question;      /* the URL that the forge is asked at */
	bool asked_forge;
	struct scouting *scouting; /* what Git is asked; NULL */
	const char *branch;        /* of the pull request; NULL: not asked, or not known */
	bool commanded;            /* it was a command, and is carried out */
	bool no_job;               /* its thread had none when it came, and Git knows of none: see what the store says by now */
	bool answered;             /* what was asked is known, and it waits for something else: no failed try */
	int quiet;                 /* 1: no turn of the job ran when it was looked */
	struct search *search;     /* where a start is looked for, job by job; NULL */

	/* The outcome, decided once before it is applied: */
	struct message_change decided;
	struct message_change change; /* of the leading one, as this try has it; the others follow it */
	bool expired;              /* there was no call: too old, or its job could not be started */
	bool refused;              /* failed: to be told as a refusal */
	bool accepted;             /* forwarded just now */
	const char *words;         /* refused: the API's, or NULL: final_reason */
	char final_reason[400];
	struct aftermath after;
	const char *attempt_call;  /* "continue", "start", "look", "permission", "git"; NULL: none was made */
};

struct flight *flight_new(struct deliver *deliver, struct lane *lane, struct waiting *waiting);
void flight_free(struct flight *flight);
/* Gives the lane back with its head as it is. */
void flight_let_go(struct flight *flight);
/* A step of ours failed (memory): the head comes back a second later. */
void flight_again_soon(struct flight *flight, const char *what);
/* A fresh arena, when an item is applied again. -1: no memory. */
int flight_renew_arena(struct flight *flight, struct error *err) MUST_CHECK;
/* What a try of recording it announced and made is withdrawn: its transaction came to nothing. */
void flight_take_back(struct flight *flight);
/* Claims the lane's head and what goes with it into parts. -1: no memory. */
int flight_claim_parts(struct flight *flight) MUST_CHECK;

/* forward.c */
void forward_start(struct deliver *deliver, struct store *store, struct lane *lane, int64_t now_ms);
void forward_send(struct flight *flight);     /* committed as sending: the call goes out */
/* A call of this flight, to Nairi; its answer comes to done, on the dispatcher's thread. */
void forward_call(struct flight *flight, const char *name, size_t answer_max, void (*done)(struct call *call));
void deliver_count(struct deliver *deliver, uint64_t *counter);

/*
 * deliver.c: a message left the queue for good, and that is committed: whoever waits for it is told. All ways out end
 * here: an outcome (record.c), what vetting found (vet.c), a withdrawal (deliver_withdraw).
 */
void deliver_final(struct deliver *deliver, const struct outcome *outcome);

/* record.c: decides what it came to (outcome.c), commits that with all that follows from it, and lets the lane go on. Any thread. */
void forward_record(struct flight *flight);

/* outcome.c: what the call came to, for the message; committer's thread, once a flight. Fills flight->change. */
void outcome_decide(struct flight *flight);
void outcome_reason(struct flight *flight, const char *fmt, ...) PRINTF(2, 3);
bool outcome_is_old(const struct flight *flight, int64_t now_ms);

/* joined.c: several prompts as one, in reading order, at most max bytes. parts[].row.prompt; NULL: no memory. */
const char *joined_prompt(struct part *parts, size_t count, struct arena *arena);
/* How many bytes one takes among others. */
size_t joined_size(const struct message_row *row);

/* start.c: finding out whether a doubtful start arrived: the agent's newest jobs are searched for our tag. */
void start_look(struct flight *flight);

/* vet.c */
struct vetting *vetting_new(void);
void vetting_free(struct vetting *vetting);
/* So many at once are worked on: no more can begin now. */
bool vet_is_full(struct deliver *deliver);
void vet_start(struct flight *flight, struct store *store, int64_t now_ms);
/* The forge has answered, or the flight is over. Any thread. */
void vet_uncount(struct flight *flight);
/* What was asked is known: fills flight->change. */
void vet_decide(struct flight *flight, int64_t now_ms);
int vet_apply(struct flight *flight, struct store *store, struct error *err) MUST_CHECK;
void vet_settle(struct flight *flight);

/* replies.c */
struct replies *replies_new(struct deliver *deliver);
void replies_free(struct replies *replies);
int replies_recover(struct replies *replies, struct store *store, struct error *err);
void replies_add(struct replies *replies, const struct reply_row *row);
int64_t replies_tick(struct replies *replies, struct store *store, int64_t now_ms);

/* follow.c: accepted prompts, until their turns end */
struct follow *follow_new(struct deliver *deliver);
void follow_free(struct follow *follow);
int follow_recover(struct follow *follow, struct store *store, struct error *err);
/* A turn that was just committed. */
void follow_add(struct follow *follow, int64_t seq, const char *job_id, const char *message_id, int64_t started_ms);
int64_t follow_tick(struct follow *follow, int64_t now_ms);
/* After a reload: following may have been switched on or off. What is switched off stays in the store. */
void follow_reloaded(struct follow *follow);
size_t follow_count(const struct follow *follow); /* turns that are followed */

/* links.c: pull requests that jobs announce */
struct announced {
	const char *thread, *job_id; /* in the arena */
};
/* Inside the transaction: offers a link for each announcement to each source that knows its URL. *ret: those that were taken, at most max. */
int links_offer(const struct settings *settings, struct store *store, const char *job_id,
		const struct announcement *announcements, size_t count, struct arena *arena, struct announced *ret,
		size_t max, size_t *ret_count, struct error *err);
void links_log(const struct announced *announced, size_t count); /* after the commit */

/* discover.c: jobs that were started elsewhere */
struct discover *discover_new(struct deliver *deliver);
void discover_free(struct discover *discover);
int64_t discover_tick(struct discover *discover, struct store *store, int64_t now_ms);

/* identity.c */
int64_t identity_tick(struct deliver *deliver, int64_t now_ms);
void identity_restart(struct deliver *deliver); /* after a reload */

#endif
