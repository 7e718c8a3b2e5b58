/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef BRIDGE_DELIVER_DELIVER_PRIVATE_H
#define BRIDGE_DELIVER_DELIVER_PRIVATE_H

#include "bridge/deliver/deliver.h"
#include "bridge/deliver/lanes.h"
#include "bridge/deliver/nairi.h"

/*
 * After a lost answer the other side may still be working on the request: absence is believed only when it is seen
 * again after this time. It is a bound on a race that no API without idempotency keys can close.
 */
#define DOUBT_GRACE_MS 3000

#define LIST_MAX       ((size_t)32 * 1024 * 1024) /* a job's list of messages */
#define ANSWER_MAX     ((size_t)256 * 1024)       /* any other answer */
#define FLIGHT_ARENA   ((size_t)24 * 1024 * 1024)

struct replies;
struct vetting;

struct deliver {
	struct deliver_options options;
	struct committer *committer;
	struct dispatcher *dispatcher;
	struct lanes lanes;
	struct circuit circuit;
	struct replies *replies;
	struct vetting *vetting;
	size_t calls; /* continue and look calls, and claims on their way to one */
	size_t vets;  /* permissions that are being asked for */
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

/*
 * One piece of work on the head of a lane, from its claim to its recorded outcome. It is a commit item and carries a call;
 * whoever holds it (committer's queue, dispatcher) owns it.
 */
struct flight {
	struct commit_item item; /* first: a flight is found from its item */
	struct call call;
	struct deliver *deliver;
	struct settings *settings; /* a reference: the call's token and the source's state live in it */
	struct arena *arena;
	struct lane *lane;         /* busy for us */
	struct waiting *waiting;   /* its head; NULL before deliver_add for a reserved one */
	struct message_row row;    /* in the arena; as loaded at the claim */
	bool looking;              /* the call is a list of messages, not a continue */
	bool counted;              /* in deliver->calls */
	bool vets;                 /* in deliver->vets */
	bool probe;                /* the one message that is let through while the upstream is unreachable */
	struct nairi_verdict verdict;
	enum nairi_sight sight;
	enum permission permission;

	/* The outcome, decided once before it is applied: */
	struct message_change change;
	bool expired;              /* there was no call: too old */
	bool with_reply, with_reaction;
	struct reply_row reply;    /* in the arena */
	char final_reason[400];
	const char *attempt_call;  /* "continue", "look", "permission"; NULL: none was made */
};

struct flight *flight_new(struct deliver *deliver, struct lane *lane, struct waiting *waiting);
void flight_free(struct flight *flight);

/* forward.c */
void forward_start(struct deliver *deliver, struct store *store, struct lane *lane, int64_t now_ms);
void forward_send(struct flight *flight);     /* committed as sending: the call goes out */
/* Commits flight->change, and with it the attempt and the replies; then settles the lane. */
void forward_record(struct flight *flight);
void deliver_count(struct deliver *deliver, uint64_t *counter);

/* vet.c */
struct vetting *vetting_new(void);
void vetting_free(struct vetting *vetting);
void vet_start(struct flight *flight, int64_t now_ms);
/* flight->permission is known: fills flight->change. */
void vet_decide(struct flight *flight, int64_t now_ms);

/* replies.c */
struct replies *replies_new(struct deliver *deliver);
void replies_free(struct replies *replies);
int replies_recover(struct replies *replies, struct store *store, struct error *err);
/* Describes the reply to a failure or an acceptance into row (arena); false: none is due. */
bool replies_for_failure(const struct settings *settings, const struct message_row *message, const char *error,
			 const char *reason, int upstream_status, int64_t now_ms, struct arena *arena,
			 struct reply_row *ret);
bool replies_for_acceptance(const struct settings *settings, const struct message_row *message, int64_t now_ms,
			    struct arena *arena, struct reply_row *ret);
void replies_add(struct replies *replies, const struct reply_row *row);
int64_t replies_tick(struct replies *replies, struct store *store, int64_t now_ms);

/* identity.c */
int64_t identity_tick(struct deliver *deliver, int64_t now_ms);
void identity_restart(struct deliver *deliver); /* after a reload */

#endif
