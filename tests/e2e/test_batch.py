#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several comments as one prompt: the inline comments of a review, and what waited while the job was at work."""
import json
import os
import random
import re
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403

NEVER = "60s"  # a window that no scenario sees the end of
TAG = re.compile(r"^\[nairi-bridge ([0-9a-f-]{36})\]$", re.M)
FOLLOW = {"follow": {"poll_min": "50ms", "poll_max": "200ms"}}


def tags(prompt):
    return TAG.findall(prompt)


def batch(t, window, **source):
    t.any_comment()
    return t.configure(sources={"github": {"batch": window, **source}}, nairi=FOLLOW)


def kept(answer):
    eq(answer.status, 202, f"status of {answer}")
    return answer.json["delivery_id"]


def line_comment(t, body, path="src/main.c", line=12, number=42, **more):
    """One inline comment; its delivery's id."""
    return kept(t.github("pull_request_review_comment", inline(body, number, path=path, line=line, **more)))


def plain(t, body, number=42, **more):
    return kept(t.comment(body, number, **more))


def message_of(t, delivery):
    """The message that a delivery became, as the admin API shows it."""
    message, = t.bridge.delivery(delivery)["messages"]
    return message


def together(t, deliveries, message_id):
    """All went with one prompt: the log and the ledger show its id for each."""
    for delivery in deliveries:
        line = t.bridge.wait_log("message.forwarded", delivery_id=delivery)
        eq(line["message_id"], message_id, f"message id in the log of {delivery}")
        message = message_of(t, delivery)
        eq((message["state"] in ("forwarded", "answered"), message["message_id"]), (True, message_id),
           f"state {message['state']} and message id in the ledger")


def at(job, t, *counts):
    """So many prompts, with so many parts each; no tag is there twice."""
    t.sandbox.wait(job, len(counts))
    t.settled()
    prompts = t.sandbox.prompts(job)
    eq([len(tags(prompt)) for prompt in prompts], list(counts), "parts of each prompt")
    every = [tag for prompt in prompts for tag in tags(prompt)]
    eq(len(every), len(set(every)), "different tags")
    return prompts


def order(prompt, *words):
    """The words stand in the prompt in this order."""
    end = 0
    for word in words:
        begin = prompt.find(word, end)
        ok(begin >= 0, f"no {word!r} behind {prompt[:end]!r} in {prompt!r}")
        end = begin + len(word)


# ---- a burst ----

@scenario("A review's inline comments and its summary become one prompt, in reading order, each part with its origin and tag")
def one_prompt(t):
    job = t.linked()
    batch(t, "1500ms").start()
    deliveries = [line_comment(t, "second file", "src/z.c", 5), line_comment(t, "lower line", "src/a.c", 120),
                  line_comment(t, "upper line", "src/a.c", 9), line_comment(t, "same line", "src/a.c", 9, login="octavia")]
    deliveries.append(kept(t.github("pull_request_review", review("the summary"))))
    eq(t.sandbox.prompts(job), [], "messages within the window")
    prompt, = at(job, t, 5)
    order(prompt, "upper line", "same line", "lower line", "second file", "the summary")
    order(prompt, "mona (MEMBER)", "src/a.c, line 9", "octavia (MEMBER)", "src/a.c, line 9", "src/a.c, line 120",
          "src/z.c, line 5", "requested changes")
    eq(prompt.count("#discussion_r"), 4, "links to inline comments")
    together(t, deliveries, t.sandbox.message_ids(job)[0])
    eq(sorted(tags(prompt)), sorted(message_of(t, delivery)["message"] for delivery in deliveries), "tags")
    eq(len(t.sandbox.requests(f"/{job}/continue")), 1, "calls")
    reactions = t.sandbox.reactions()
    eq(len({(item["target"], item.get("comment"), item.get("number")) for item in reactions}), len(reactions),
       "different comments with a reaction")
    eq(len(reactions), 4, "reactions: one for each comment that can have one")


@scenario("A plain comment ends the waiting: the burst goes at once, then the plain one")
def plain_ends_it(t):
    job = t.linked()
    batch(t, NEVER).start()
    line_comment(t, "word-one", line=2)
    line_comment(t, "word-two", line=1)
    eq(t.sandbox.prompts(job), [], "messages within the window")
    plain(t, "and now do it")
    first, second = at(job, t, 2, 1)
    order(first, "word-two", "word-one")
    has(second, "and now do it")


@scenario("A review's summary goes at once when no burst waits, and does not end one that does")
def summary(t):
    job = t.linked()
    batch(t, NEVER).start()
    kept(t.github("pull_request_review", review("only words")))
    t.sandbox.wait(job, 1)
    line_comment(t, "inline")
    kept(t.github("pull_request_review", review("its summary")))
    line_comment(t, "late inline", line=1)
    t.generic("ci", {"job_id": t.job(), "prompt": "something else is through"})
    eq(len(t.sandbox.prompts(job)), 1, "messages within the window")
    plain(t, "go")
    at(job, t, 1, 3, 1)


@scenario("The window slides with each comment, and ends after six times its length all the same")
def slides(t):
    job = t.linked()
    batch(t, "600ms").start()
    begin, gap, sent, last = time.monotonic(), 0.0, 0, time.monotonic()
    while not t.bridge.logs("message.forwarded"):
        ok(time.monotonic() - begin < 30, "the window never ended")
        line_comment(t, f"comment {sent}")
        now = time.monotonic()
        gap, last, sent = max(gap, now - last), now, sent + 1
        t.until(lambda: time.monotonic() - last > 0.15 or t.bridge.logs("message.forwarded"), "the next comment")
    took = time.monotonic() - begin
    ok(took < 3.6 + 5, f"{took:.2f} s are more than six windows")
    if gap < 0.5:  # else the machine was too slow to keep it open
        ok(took > 3.2, f"{took:.2f} s: the window did not slide")
    t.until(lambda: sum(len(tags(prompt)) for prompt in t.sandbox.prompts(job)) == sent, "all parts")
    t.settled()
    every = [tag for prompt in t.sandbox.prompts(job) for tag in tags(prompt)]
    eq((len(every), len(set(every))), (sent, sent), "parts, and different ones")


@scenario("A waiting burst delays no other job")
def others_go_on(t):
    job, other = t.linked(), t.linked(43)
    batch(t, NEVER).start()
    line_comment(t, "waits")
    plain(t, "does not", 43)
    t.sandbox.wait(other, 1)
    kept(t.github("pull_request_review", review("neither", number=43)))
    t.sandbox.wait(other, 2)
    eq(t.sandbox.prompts(job), [], "messages within the window")
    plain(t, "go")
    at(job, t, 1, 1)


@scenario("batch: 0s makes one prompt of each comment, in order of arrival")
def no_batch(t):
    job = t.linked()
    batch(t, "0s").start()
    t.busy(job)
    for number in range(3):
        line_comment(t, f"comment {number}", line=9 - number)
    t.sandbox.release()
    prompts = at(job, t, 1, 1, 1, 1)
    for number in range(3):
        has(prompts[1 + number], f"comment {number}")


@scenario("limits.prompt splits a batch into several prompts: all parts are there, whole")
def splits(t):
    job = t.linked()
    batch(t, NEVER).configure(limits={"prompt": "4KiB"}).start()
    for number in range(6):
        line_comment(t, f"begin{number} " + "x" * 1200 + f" end{number}", line=20 + number)
    plain(t, "go")
    t.until(lambda: sum(len(tags(prompt)) for prompt in t.sandbox.prompts(job)) == 7, "all parts")
    t.settled()
    prompts = t.sandbox.prompts(job)
    text = "".join(prompts)
    order(text, *(word for number in range(6) for word in (f"begin{number}", f"end{number}")), "go")
    eq(sum(len(tags(prompt)) for prompt in prompts), 7, "parts")
    ok(max(len(prompt.encode()) for prompt in prompts) <= 4096, "a prompt over the limit")
    lacks(text, "… cut")
    ok(2 <= len(prompts) - 1 < 6, f"{len(prompts) - 1} prompts for six parts")


@scenario("More comments than fit into one prompt by number go as several, in order, none lost")
def many(t):
    job = t.linked()
    batch(t, NEVER).start()
    for number in range(40):
        line_comment(t, f"comment {number};", line=1 + number)
    plain(t, "go")
    t.until(lambda: sum(len(tags(prompt)) for prompt in t.sandbox.prompts(job)) == 41, "all parts")
    t.settled()
    order("".join(t.sandbox.prompts(job)), *(f"comment {number};" for number in range(40)), "go")


@scenario("respond: outcome gives each caller of a batch its answer, with the one message id")
def outcomes(t):
    job = t.linked()
    batch(t, "1s", respond="outcome", respond_within="20s").start()
    answers = []

    def one(number):
        answers.append(t.github("pull_request_review_comment", inline(f"number {number}", line=number)))
    threads = [threading.Thread(target=one, args=(number,)) for number in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eq([answer.status for answer in answers], [201] * 3, "answers")
    at(job, t, 3)
    eq({answer.json["message_id"] for answer in answers}, set(t.sandbox.message_ids(job)), "message ids")
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"not today"}')
    answers.clear()
    threads = [threading.Thread(target=one, args=(number,)) for number in range(4, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eq([(answer.status, answer.json["error"]) for answer in answers], [(422, "not today")] * 3, "answers of a refused one")
    eq(len({answer.json["delivery_id"] for answer in answers}), 3, "delivery ids")


# ---- what may happen to it ----

@scenario("Killed or stopped within the window: after the restart the burst goes once, whole")
def restarts(t):
    job = t.linked()
    batch(t, "2s").start()
    deliveries = [line_comment(t, "word-one", line=3)]
    t.bridge.kill()
    t.bridge.start()
    deliveries.append(line_comment(t, "word-two", line=2))
    t.bridge.stop()
    t.bridge.start()
    deliveries.append(line_comment(t, "word-three", line=1))
    eq(t.sandbox.prompts(job), [], "messages within the window")
    t.bridge.kill()
    t.bridge.start()
    prompt, = at(job, t, 3)
    order(prompt, "word-three", "word-two", "word-one")
    together(t, deliveries, t.sandbox.message_ids(job)[0])


@scenario("An edit updates its part of a waiting batch; a deletion withdraws only its part, the first and the last too")
def edits(t):
    job = t.linked()
    batch(t, NEVER).start()
    payloads = [inline(f"wording {number}", line=number + 1) for number in range(4)]
    deliveries = [kept(t.github("pull_request_review_comment", payload)) for payload in payloads]
    ids = [payload["comment"]["id"] for payload in payloads]

    def change(number, action, body):
        answer = t.github("pull_request_review_comment", inline(body, line=number + 1, action=action, comment_id=ids[number]))
        eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
    change(1, "edited", "better words")
    change(0, "deleted", "wording 0")
    change(3, "deleted", "wording 3")
    t.generic("ci", {"job_id": t.job(), "prompt": "something else is through"})
    eq(t.sandbox.prompts(job), [], "messages within the window")
    line_comment(t, "one more", line=30)
    plain(t, "go")
    first, _ = at(job, t, 3, 1)
    order(first, "better words", "wording 2", "one more")
    lacks(first, "wording 0", "wording 1", "wording 3")
    for number, state in enumerate(("ignored", "forwarded", "forwarded", "ignored")):
        message = message_of(t, deliveries[number])
        ok(message["state"] == state or (state, message["state"]) == ("forwarded", "answered"), f"{number}: {message}")
        if state == "ignored":
            has(message["reason"], "withdrawn")


@scenario("A batch of which all is deleted is not sent, and what comes later is")
def all_deleted(t):
    job = t.linked()
    batch(t, "1s").start()
    payloads = [inline(f"wording {number}") for number in range(2)]
    for payload in payloads:
        kept(t.github("pull_request_review_comment", payload))
    for payload in payloads:
        t.github("pull_request_review_comment", {**payload, "action": "deleted"})
    t.settled()
    line_comment(t, "later")
    prompt, = at(job, t, 1)
    has(prompt, "later")


@scenario("Edits and deletions still reach a batch that waits for its turn behind another prompt")
def edits_when_due(t):
    job = t.linked()
    batch(t, "50ms").start()
    t.busy(job)
    payloads = [inline(f"wording {number}", line=number + 1) for number in range(3)]
    for payload in payloads:
        kept(t.github("pull_request_review_comment", payload))
    t.github("pull_request_review_comment", {**payloads[0], "action": "deleted"})
    t.github("pull_request_review_comment", inline("better words", line=3, action="edited",
                                                   comment_id=payloads[2]["comment"]["id"]))
    t.sandbox.release()
    _, prompt = at(job, t, 1, 2)
    order(prompt, "wording 1", "better words")


def lost(name, goal, fault, sends, **more):
    def run(t):
        job = t.linked()
        batch(t, NEVER).start()
        t.sandbox.fault(f"/{job}/continue", fault, **more)
        deliveries = [line_comment(t, f"number {number}", line=9 - number) for number in range(3)]
        last = plain(t, "go")
        for delivery in deliveries:
            t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
        t.bridge.wait_log("message.forwarded", delivery_id=last)
        at(job, t, 3, 1)
        together(t, deliveries, t.sandbox.message_ids(job)[0])
        eq(len(t.sandbox.requests(f"/{job}/continue")), sends + 1, "calls")
        eq(t.sandbox.get("/duplicates")["duplicates"], [], "duplicates")
    run.__name__ = name
    scenario(goal)(run)


lost("lost_answer", "The lost answer of a batch: it is looked for, and found for all of it", "reset_after", 1)
lost("lost_request", "A batch that was lost on its way: looked for twice, then sent again as it was", "reset_before", 2)


@scenario("Killed after a batch was sent and before its answer: found for all of it after the restart")
def killed_in_flight(t):
    job = t.linked()
    batch(t, NEVER).start()
    fault = t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000)
    deliveries = [line_comment(t, f"number {number}", line=9 - number) for number in range(3)]
    last = plain(t, "go")
    t.until(lambda: t.sandbox.hits(fault) == 1, "the call")
    t.sandbox.wait(job, 1)
    t.bridge.kill()
    t.sandbox.release()
    t.bridge.start()
    t.bridge.wait_log("message.forwarded", delivery_id=last)
    at(job, t, 3, 1)
    together(t, deliveries, t.sandbox.message_ids(job)[0])


@scenario("A refused batch is told once, in the thread itself, to all who wrote; each comment's failure stands in the ledger; none gets a reaction")
def refused(t):
    job = t.linked()
    batch(t, NEVER).start()
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"not today"}')
    deliveries = [line_comment(t, f"number {number}", line=1 + number, login=login)
                  for number, login in enumerate(("anna", "berta", "anna"))]
    last = plain(t, "go")
    for delivery in deliveries:
        line = t.bridge.wait_log("message.failed", delivery_id=delivery)
        eq((line["error"], line["upstream_status"]), ("not today", 400), "in the log")
        eq(message_of(t, delivery)["state"], "failed", "state")
    t.bridge.wait_log("message.forwarded", delivery_id=last)
    t.settled()
    answer, = t.sandbox.comments(number=42)
    eq(answer["kind"], "issue", "kind of the comment")
    has(answer["body"], "anna, berta: **These 3 comments did not reach the agent.**", "not today")
    eq(len(t.sandbox.reactions()), 1, "reactions")
    t.bridge.stop()
    t.bridge.start()
    t.settled()
    eq(len(t.sandbox.comments(number=42)), 1, "comments after a restart")


@scenario("A single inline comment that is refused is answered where it stands")
def refused_alone(t):
    job = t.linked()
    batch(t, "100ms").start()
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"not today"}')
    line_comment(t, "alone")
    answer, = t.sandbox.wait_comments(1, 42)
    eq(answer["kind"], "review", "kind of the comment")


@scenario("429 and 503 send a batch again as it was, with what else became due")
def later(t):
    job = t.linked()
    batch(t, NEVER).start()
    for status in (429, 503):
        t.sandbox.fault(f"/{job}/continue", "status", status=status)
    deliveries = [line_comment(t, f"number {number}", line=9 - number) for number in range(3)]
    plain(t, "go")
    at(job, t, 3, 1)
    together(t, deliveries, t.sandbox.message_ids(job)[0])


@scenario("Inline comments of somebody who is vetted first become one prompt, too, with those of trusted people in order")
def vetted(t):
    job = t.linked()
    t.sandbox.post("/github/permissions", {"user": "writer", "permission": "write"})
    t.sandbox.post("/github/permissions", {"user": "reader", "permission": "read"})
    batch(t, "2s").start()
    stranger = {"login": "writer", "association": "NONE"}
    deliveries = [line_comment(t, "word-one", line=4, **stranger), line_comment(t, "word-two", line=3),
                  line_comment(t, "word-three", line=2, **stranger)]
    refused_ = line_comment(t, "no", line=9, login="reader", association="NONE")
    deliveries.append(line_comment(t, "word-four", line=1))
    t.bridge.wait_log("delivery.ignored", delivery_id=refused_)
    eq(t.sandbox.prompts(job), [], "messages within the window")
    prompt, = at(job, t, 4)
    order(prompt, "word-four", "word-three", "word-two", "word-one")
    together(t, deliveries, t.sandbox.message_ids(job)[0])


@scenario("A plain comment behind inline ones that are being vetted ends their waiting; nothing overtakes")
def vetted_then_plain(t):
    job = t.linked()
    t.sandbox.post("/github/permissions", {"user": "writer", "permission": "write"})
    batch(t, NEVER).start()
    fault = t.sandbox.fault("/permission", "delay_after", delay_ms=9000)
    line_comment(t, "word-one", line=4, login="writer", association="NONE")
    t.until(lambda: t.sandbox.hits(fault) == 1, "the question")
    line_comment(t, "word-two", line=3, login="writer", association="NONE")
    plain(t, "go")
    eq(t.sandbox.prompts(job), [], "messages before the permission is known")
    t.sandbox.release()
    t.until(lambda: sum(len(tags(prompt)) for prompt in t.sandbox.prompts(job)) == 3, "all of them")
    t.settled()
    has(t.sandbox.prompts(job)[-1], "go")
    lacks(t.sandbox.prompts(job)[-1], "word-one", "word-two")


# ---- when the job is at work ----

def manual(t, job):
    t.sandbox.post("/turns", {"job": job, "manual": True})


def running(t, job, count=1):
    """A first prompt whose turn does not end by itself."""
    plain(t, "begin")
    t.sandbox.wait(job, count)
    t.bridge.wait_log("message.forwarded", count)


@scenario("when_busy: send, the default with reply: errors, sends at once while a turn runs")
def sends_while_busy(t):
    for number, reply in enumerate(("errors", "none")):
        t.link(f"github:octo/hello#{50 + number}", t.job())
    jobs = [link["job"] for link in t.links]
    for job in jobs:
        manual(t, job)
    batch(t, NEVER, reply="errors").start()
    for number, job in enumerate(jobs):
        for text in ("one", "two", "three"):
            plain(t, text, 50 + number)
        at(job, t, 1, 1, 1)


def holding(t, **follow):
    job = t.linked()
    manual(t, job)
    batch(t, NEVER, when_busy="hold")
    t.configure(nairi={"follow": follow})
    t.start()
    running(t, job)
    return job


def finish(t, job):
    t.sandbox.post(f"/jobs/{job}/finish")


@scenario("when_busy: hold keeps what comes during a turn, then sends all of it as one prompt, order kept; without a turn nothing waits")
def holds(t):
    job = holding(t)
    deliveries = [plain(t, "first of those held"), line_comment(t, "inline"), plain(t, "last of those held")]
    other = t.linked(43)
    plain(t, "another job", 43)
    t.sandbox.wait(other, 1)
    eq(len(t.sandbox.prompts(job)), 1, "messages during the turn")
    finish(t, job)
    _, prompt = at(job, t, 1, 3)
    order(prompt, "first of those held", "inline", "last of those held")
    together(t, deliveries, t.sandbox.message_ids(job)[1])
    plain(t, "held again")
    eq(len(t.sandbox.prompts(job)), 2, "messages during the second turn")
    finish(t, job)
    t.sandbox.wait(job, 3)


@scenario("reply: answers and reply: status hold by default")
def holds_by_default(t):
    job = t.linked()
    manual(t, job)
    batch(t, NEVER, reply="answers").start()
    running(t, job)
    plain(t, "word-two")
    plain(t, "word-three")
    t.generic("ci", {"job_id": t.job(), "prompt": "something else is through"})
    eq(len(t.sandbox.prompts(job)), 1, "messages during the turn")
    finish(t, job)
    at(job, t, 1, 2)


@scenario("What is held is held after a restart and a kill, too, and goes once when the turn ends")
def holds_over_restart(t):
    job = holding(t)
    plain(t, "word-one")
    t.bridge.kill()
    t.bridge.start()
    plain(t, "word-two")
    t.bridge.stop()
    t.bridge.start()
    other = t.linked(43)
    plain(t, "another job", 43)
    t.sandbox.wait(other, 1)
    plain(t, "word-three")
    t.until(lambda: t.sandbox.job(job)["lists"] >= 3, "looks at the turn")
    eq(len(t.sandbox.prompts(job)), 1, "messages during the turn")
    finish(t, job)
    _, prompt = at(job, t, 1, 3)
    order(prompt, "word-one", "word-two", "word-three")


@scenario("A turn that stalls, and one that is followed no longer, release what was held")
def released_by_stall(t):
    job = holding(t, stalled_after="1s", give_up_after="2s")
    held = plain(t, "held")
    t.bridge.wait_log("message.stalled")
    t.bridge.wait_log("message.forwarded", delivery_id=held)
    t.sandbox.wait(job, 2)
    eq(len(tags(t.sandbox.prompts(job)[1])), 1, "parts")


@scenario("A deleted and an edited comment change what is held")
def edits_of_held(t):
    job = holding(t)
    payloads = [comment(f"wording {number}") for number in range(3)]
    for payload in payloads:
        kept(t.github("issue_comment", payload))
    t.github("issue_comment", {**payloads[0], "action": "deleted"})
    t.github("issue_comment", comment("better words", action="edited", comment_id=payloads[2]["comment"]["id"]))
    finish(t, job)
    _, prompt = at(job, t, 1, 2)
    order(prompt, "wording 1", "better words")


# ---- all at once ----

def is_interval(numbers, first):
    return sorted(numbers) == list(range(first, first + len(numbers)))


def storm(seed, **source):
    def run(t):
        rnd = random.Random(seed)
        t.any_comment()
        t.sandbox.post("/github/permissions", {"user": "writer", "permission": "write"})
        numbers = (60, 61)
        jobs = {number: t.linked(number) for number in numbers}
        t.configure(sources={"github": {"batch": "150ms", **source}}, nairi={**FOLLOW, "timeout": "2s"},
                    retry={"first": "10ms", "max": "100ms", "attempts": 50})
        t.start()
        sent = {number: [] for number in numbers}
        for step in range(40):
            number = rnd.choice(numbers)
            if rnd.random() < 0.25:
                fault, more = rnd.choice([("status", {"status": 429}), ("status", {"status": 503}), ("reset_after", {}),
                                          ("empty", {}), ("cut", {}), ("status", {"status": 429})]
                                         + [("reset_before", {})] * (step % 20 == 0))
                t.sandbox.fault(f"/{jobs[number]}/continue", fault, **more)
            who = {"login": "writer", "association": "NONE"} if rnd.random() < 0.3 else {}
            if who and rnd.random() < 0.2:
                t.sandbox.fault("/permission", "status", status=500)
            event, payload = rnd.choice([
                ("pull_request_review_comment", inline(f"step {step};", number, line=rnd.randint(1, 99), **who)),
                ("pull_request_review_comment", inline(f"step {step};", number, path="a.c", **who)),
                ("issue_comment", comment(f"step {step};", number, **who)),
                ("pull_request_review", review(f"step {step};", number=number, **who))])
            delivery = str(uuid.uuid4())
            answer = t.github(event, payload, delivery)
            if rnd.random() < 0.08:
                t.bridge.kill() if rnd.random() < 0.7 else t.bridge.stop()
                t.bridge.start()
                again = t.github(event, payload, delivery)
                eq((again.status, again.json["status"]), (200, "duplicate"), "sent again after a restart")
            sent[number].append(kept(answer))
        t.settled()
        eq(t.sandbox.get("/duplicates")["duplicates"], [], "duplicates")
        for number, job in jobs.items():
            place = {message_of(t, delivery)["message"]: index for index, delivery in enumerate(sent[number])}
            first = 0
            for prompt in t.sandbox.prompts(job):
                found = [place[tag] for tag in tags(prompt)]
                ok(is_interval(found, first), f"job {number}: a prompt of {found} where {first} is next")
                first += len(found)
            eq(first, len(sent[number]), f"parts of job {number}")
            ids = {id_: set(tags(prompt)) for id_, prompt in zip(t.sandbox.message_ids(job), t.sandbox.prompts(job))}
            for delivery in sent[number]:
                message = message_of(t, delivery)
                ok(message["message"] in ids.get(message["message_id"], ()), f"{delivery}: another message's id")
    run.__name__ = f"storm_{seed}"
    scenario("I3, I4: inline and plain comments, some of them vetted, arrive once and in order through retries, lost answers and kills "
             f"({source or 'when_busy: send'})")(run)


storm(1)
storm(2)
storm(3, when_busy="hold")


if __name__ == "__main__":
    main()
