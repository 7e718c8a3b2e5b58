/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

#include "tests/sandbox/jobs.h"
#include "tests/sandbox/route.h"

/*
 * The test's side: JSON over HTTP below /_sandbox, no authorization. Errors are {"error"}, an
 * unknown member of a request is one too (400). README.md has the members.
 *
 *   POST   /reset                    back to the seeded state
 *   GET    /store                    everything: jobs with messages, attachments, settings
 *   GET    /counts                   totals
 *   POST   /keys                     make an API key good, or revoke it
 *   POST   /agents                   one more agent
 *   GET    /messages                 user messages of all jobs by text or tag
 *   GET    /duplicates               tags that more than one of them bears
 *   GET    /requests                 what came in; DELETE forgets it
 *   GET    /faults                   faults in force; POST adds one, DELETE removes all
 *   DELETE /faults/{id}              removes one
 *   POST   /release                  ends every delay under way
 *   POST   /waf                      words that a WAF refuses
 *   GET    /jobs                     all jobs; POST seeds one
 *   GET    /jobs/{id}                one with its messages and counters; POST changes it
 *   GET    /jobs/{id}/messages       its messages
 *   POST   /jobs/{id}/messages       adds one of any role
 *   POST   /jobs/{id}/end            S4 or S5
 *   POST   /jobs/{id}/advance        one step of the turn
 *   POST   /jobs/{id}/finish         to the end of the turn
 *   POST   /jobs/{id}/pickup         by hand: pending
 *   POST   /jobs/{id}/answer         by hand: the answer, and nothing else
 *   POST   /jobs/{id}/notice         by hand: S1, S2 or S3
 *   POST   /jobs/{id}/complete       by hand: completed or failed, and the next one's turn
 *   POST   /policy                   ended jobs: stall, reject, revive
 *   POST   /turns                    how turns go; GET shows it
 *   GET    /wait                     until a job has so many user messages
 *   GET    /wait_requests            until so many requests came in
 *   GET    /wait_messages            until so many messages fit
 *   GET    /wait_comments            until so many comments fit
 *   GET    /wait_reactions           until so many reactions fit
 *   POST   /quick                    --quick: how long messages stay pending, and the answer
 *   POST   /quick/complete           --quick: those of a job, or all so far, are completed
 *   POST   /github/tokens            good tokens and whose they are
 *   POST   /github/permissions       who may what
 *   POST   /github/pulls             what a pull request looks like
 *   POST   /github/rate              what is left of the rate limit
 *   POST   /github/settings          whether any comment exists
 *   GET    /github/comments          all comments with their reactions; POST adds one
 *   POST   /github/comments/{id}     another text; DELETE: it is gone
 *   GET    /github/reactions         all reactions
 */

#define CONTROL_PREFIX "/_sandbox"

/* Answers one request below the prefix. Lock not held; so for all that take a call. */
void control_handle(struct call *call);

/* The request's object, whose members are all known; NULL when the reply is made. */
cJSON *control_read(struct call *call, const char *known);

/* Replies {}. */
void control_done(struct call *call);

/* control_jobs.c */
void control_jobs_list(struct call *call);
void control_jobs_seed(struct call *call);
void control_jobs_get(struct call *call);
void control_jobs_change(struct call *call);
void control_jobs_messages(struct call *call);
void control_jobs_say(struct call *call);
void control_jobs_end(struct call *call);

/* A job with its counters, and its messages if asked for. Lock held. */
cJSON *control_jobs_json(const struct sandbox *sandbox, const struct job *job, bool messages);

/* The job that the path names; NULL when the reply is made. Lock held; so for the next two. */
struct job *control_jobs_named(struct call *call);
void control_jobs_reply(struct call *call, const struct job *job);

/* What the API shows of a message, and what only the sandbox knows. */
cJSON *control_jobs_message_json(const struct message *message);

/* control_turns.c */
void control_turns_advance(struct call *call);
void control_turns_finish(struct call *call);
void control_turns_pick_up(struct call *call);
void control_turns_answer(struct call *call);
void control_turns_notice(struct call *call);
void control_turns_complete(struct call *call);

/* control_search.c */
void control_search_messages(struct call *call);
void control_search_duplicates(struct call *call);
void control_search_wait(struct call *call);

/* control_quick.c */
void control_quick_set(struct call *call);
void control_quick_complete(struct call *call);

/* control_settings.c */
void control_settings_policy(struct call *call);
void control_settings_turns(struct call *call);
void control_settings_show_turns(struct call *call);
void control_settings_key(struct call *call);
void control_settings_agent(struct call *call);
cJSON *control_settings_policy_json(const struct policy *policy);

/* control_wait.c: 200 when it came, 408 when the time was up; both show what there is. */
void control_wait_job(struct call *call);
void control_wait_requests(struct call *call);
void control_wait_comments(struct call *call);
void control_wait_reactions(struct call *call);

/* When a waiter gives up (monotonic ms), and how many it waits for. */
int64_t control_wait_deadline(const struct call *call);
int64_t control_wait_count(const struct call *call);

/* control_github.c */
void control_github_tokens(struct call *call);
void control_github_permissions(struct call *call);
void control_github_pulls(struct call *call);
void control_github_rate(struct call *call);
void control_github_settings(struct call *call);
void control_github_comments(struct call *call);
void control_github_add_comment(struct call *call);
void control_github_edit_comment(struct call *call);
void control_github_delete_comment(struct call *call);
void control_github_reactions(struct call *call);

/* The comments, the reactions that a query names (README.md has by what). Lock held. */
cJSON *control_github_comments_json(const struct call *call);
cJSON *control_github_reactions_json(const struct call *call);

#endif
