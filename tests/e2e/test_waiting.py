#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Callers that wait for an outcome: whatever way their message goes, they are told as soon as it is final, and not at their deadline."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403

FOLLOW = {"follow": {"poll_min": "50ms", "poll_max": "200ms"}}
START = {"start": {"agent": "my-agent"}}
THREAD = f"github:{REPO}#42"


def world(t, **source):
    t.any_comment()
    t.sandbox.post("/github/permissions", {"user": "writer", "permission": "write"})
    return t.configure(sources={"github": source} if source else {}, nairi=FOLLOW, retry={"first": "10ms", "max": "100ms"})


class Caller(threading.Thread):
    """Somebody who sends a webhook and wants to know. At the deadline (20 s) it would be a 202."""

    def __init__(self, t, payload, event="issue_comment", wait=20):
        super().__init__(daemon=True)
        self.t, self.payload, self.event, self.wait, self.got = t, payload, event, wait, None
        kept = len(t.bridge.logs("delivery.queued"))
        self.start()
        self.delivery = t.bridge.wait_log("delivery.queued", kept + 1)["delivery_id"]

    def run(self):
        self.got = self.t.github(self.event, self.payload, extra=[("Prefer", f"wait={self.wait}")])

    def answer(self, status):
        self.join(DEADLINE)
        eq((self.got.status, self.got.json["delivery_id"]), (status, self.delivery), f"{self.got.json}")
        return self.got.json


def stranger(body, number=42):
    return comment(body, number, login="writer", association="NONE")


# ---- withdrawn ----

@scenario("The comment is deleted while its caller waits: 200 ignored, at once")
def deleted(t):
    job = t.linked()
    world(t).start()
    t.busy(job)
    payload = comment("second thoughts")
    first, second = Caller(t, payload), Caller(t, comment("stays"))
    eq(t.github("issue_comment", {**payload, "action": "deleted"}).status, 200, "status of the deletion")
    answer = first.answer(200)
    eq((answer["status"], answer["reason"]), ("ignored", "withdrawn: deleted at the origin"), "answer")
    t.sandbox.release()
    eq(second.answer(201)["job_id"], job, "job")


@scenario("/nairi stop drops what callers wait for, also what is vetted: 200 ignored, at once, each")
def stopped(t):
    job = t.linked()
    t.sandbox.post("/turns", {"job": job, "manual": True})
    world(t, batch="60s", when_busy="hold", **START).start()
    eq(t.comment("at work").status, 202, "status")
    t.bridge.wait_log("message.forwarded")
    t.sandbox.fault("/permission", "delay_after", delay_ms=9000)
    callers = [Caller(t, comment("held")), Caller(t, inline("held, too"), "pull_request_review_comment"),
               Caller(t, stranger("vetted"))]
    eq(t.comment("/nairi stop").status, 200, "status of the command")
    for caller in callers:
        answer = caller.answer(200)
        eq((answer["status"], answer["reason"]), ("ignored", "withdrawn: stopped by a command"), "answer")
    t.sandbox.release()
    t.settled()
    eq(len(t.sandbox.prompts(job)), 1, "messages")


@scenario("/nairi stop with many callers: none is forgotten")
def stopped_many(t):
    job = t.linked()
    t.sandbox.post("/turns", {"job": job, "manual": True})
    world(t, when_busy="hold").start()
    eq(t.comment("at work").status, 202, "status")
    t.bridge.wait_log("message.forwarded")
    callers = [Caller(t, comment(f"number {number}")) for number in range(70)]
    eq(t.comment("/nairi stop").status, 200, "status of the command")
    for caller in callers:
        has(caller.answer(200)["reason"], "stopped")


# ---- became a start ----

@scenario("A mention that becomes a start after vetting: 201 with the new job's ids")
def vetted_start(t):
    world(t, **START).start()
    caller = Caller(t, stranger("@nairi begin"))
    answer = caller.answer(201)
    eq(answer["status"], "forwarded", "status")
    eq(t.sandbox.message_ids(answer["job_id"]), [answer["message_id"]], "message")


@scenario("A mention that becomes a start after vetting, and is refused: 422 with the API's words")
def vetted_start_refused(t):
    world(t, start={"agent": "nobody"}).start()
    answer = Caller(t, stranger("@nairi begin")).answer(422)
    eq((answer["status"], answer["upstream_status"]), ("failed", 404), f"{answer}")
    has(answer["error"], "agent")


@scenario("A mention that becomes a start after vetting, stopped then: 200 ignored; not accepted in time: 202")
def vetted_start_stopped(t):
    world(t, **START).configure(retry={"max": "60s"}).start()
    t.sandbox.fault("/conversations/start", "status", status=429, headers={"Retry-After": "60"}, times=0)
    caller, late = Caller(t, stranger("@nairi begin")), Caller(t, stranger("@nairi begin", 43), wait=1)
    t.bridge.wait_log("message.retry", 2)
    eq(late.answer(202)["status"], "queued", "status")
    eq(t.comment("/nairi stop").status, 200, "status of the command")
    has(caller.answer(200)["reason"], "stopped")


@scenario("A mention that was to become a start, when its source starts none any more: ignored, and not as if one was started")
def vetted_no_start(t):
    world(t, **START).start()
    t.sandbox.fault("/permission", "delay_after", delay_ms=9000)
    delivery = t.github("issue_comment", stranger("@nairi begin")).json["delivery_id"]
    t.sandbox.wait_requests("/permission", 1)
    t.bridge.kill()
    t.sandbox.release()
    t.configure(sources={"github": {"start": None}})
    t.write_config()
    t.bridge.start()
    has(t.bridge.wait_log("delivery.ignored", delivery_id=delivery)["reason"], "not linked")
    t.settled()
    eq(t.sandbox.requests("/conversations/start"), [], "starts")


# ---- carried on ----

@scenario("A job has ended and a new one carries on: every caller of the refused batch hears 201 with the new job's ids")
def carried_on(t):
    job = t.linked()
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"job has ended, so there"}', times=0)
    world(t, ended="restart", batch="1s", **START).start()
    callers = [Caller(t, inline(f"part {number}", line=9 - number), "pull_request_review_comment") for number in range(3)]
    answers = [caller.answer(201) for caller in callers]
    jobs = {(answer["job_id"], answer["message_id"]) for answer in answers}
    eq(len(jobs), 1, f"jobs and messages: {answers}")
    ok(answers[0]["job_id"] != job, "another job")
    prompt, = t.sandbox.prompts(answers[0]["job_id"])
    has(prompt, "part 0", "part 1", "part 2")


@scenario("A job has ended and the one that should carry on is refused: 422 with why there is none")
def carried_on_refused(t):
    job = t.linked()
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"job has ended, so there"}', times=0)
    world(t, ended="restart", start={"agent": "nobody"}).start()
    answer = Caller(t, comment("go on")).answer(422)
    has(answer["error"], "agent")


if __name__ == "__main__":
    main()
