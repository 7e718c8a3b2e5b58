#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What falls between two steps: a start that is withdrawn, a thread that goes elsewhere meanwhile, a delivery in the batch of an outcome."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402
import payloads  # noqa: E402

THREAD = f"github:{REPO}#42"


def starts(t):
    return t.sandbox.requests("/conversations/start", method="POST")


def starting(t, **more):
    t.any_comment()
    t.configure(sources={"github": {"start": {"agent": "my-agent"}, "trigger": {"mention": "@nairi"}, "batch": "0s",
                                    "when_busy": "send", **more}})
    return t


@scenario("A start that waits is withdrawn with its comment, and the thread can start a job afterwards")
def deleted_start(t):
    starting(t).configure(retry={"first": "60s", "max": "60s"}).start()
    fault = t.sandbox.fault("/conversations/start", "status", status=503, times=0)
    said = payloads.comment("@nairi first", number=42)
    t.github("issue_comment", said)
    t.bridge.wait_log("message.retry")
    t.github("issue_comment", {**said, "action": "deleted"})
    t.bridge.wait_log("delivery.ignored", reason="a deletion; the queued message was withdrawn")
    t.sandbox.clear()
    ok(fault is not None, "the fault")
    t.github("issue_comment", payloads.comment("@nairi second", number=42))
    line = t.bridge.wait_log("message.forwarded")
    t.settled()
    prompts = t.sandbox.prompts(line["job_id"])
    eq(len(prompts), 1, "prompts")
    has(prompts[0], "second")


def moved_on(name, goal, change):
    def run(t):
        starting(t, ended="restart")
        t.configure(nairi={"follow": {"poll_min": "100ms", "poll_max": "200ms"}})
        t.start()
        job = t.linked()
        t.sandbox.post("/turns", {"job": job, "manual": True})
        t.github("issue_comment", payloads.comment("@nairi go on", number=42))
        t.bridge.wait_log("message.forwarded")
        want = change(t)
        t.sandbox.post(f"/jobs/{job}/end", {"form": "closed"})
        t.bridge.wait_log("message.stalled")
        t.settled()
        eq(len(starts(t)), 0, "starts")
        links = t.bridge.ask("GET", "/api/v1/links").json["links"]
        eq([link["job_id"] for link in links if link["thread"] == THREAD.lower()], want, "links")
    run.__name__ = name
    scenario(goal)(run)


def unlink(t):
    eq(t.bridge.ask("DELETE", "/api/v1/links/" + harness.urllib.parse.quote(THREAD, safe="")).status in (200, 204), True, "unlinked")
    return []


moved_on("linked_elsewhere", "A thread that was linked to another job keeps that when a turn of the old one stalls",
         lambda t: [t.link(THREAD, t.job())])
moved_on("unlinked_meanwhile", "A thread that was unlinked stays so when a turn of its old job stalls", unlink)


@scenario("What is said in the very moment in which a start gets its name comes behind what waited for it, and all of it comes")
def named_in_a_crowd(t):
    starting(t).configure(nairi={"follow": {"enabled": False}}, limits={"thread_rate": 0}).start()
    for number in range(100, 106):
        t.sandbox.fault("/conversations/start", "delay_after", delay_ms=150, times=1)
        t.github("issue_comment", payloads.comment("@nairi begin", number=number))
        said, lock, done = [], threading.Lock(), threading.Event()

        def talk(who):
            i = 0
            while not done.is_set() and i < 60:
                i += 1
                answer = t.github("issue_comment", payloads.comment(f"@nairi word {who}.{i}", number=number))
                if answer.status == 202:
                    with lock:
                        said.append(answer.json["delivery_id"])

        crowd = [threading.Thread(target=talk, args=(who,)) for who in range(6)]
        for one in crowd:
            one.start()
        t.bridge.wait_log("job.linked", thread=f"github:{REPO}#{number}".lower())
        done.set()
        for one in crowd:
            one.join()
        t.settled()
        deliveries = [t.bridge.delivery(delivery) for delivery in said]
        states = [delivery["messages"][-1]["state"] for delivery in deliveries]
        eq([state for state in states if state not in ("forwarded", "answered")], [], "states")
        eq(t.sandbox.get("/duplicates")["duplicates"], [], "duplicates")


@scenario("Many turns of one job that end at once, told of in many threads: each is told once, and the store stays well")
def many_ends(t):
    t.any_comment()
    t.configure(sources={"github": {"batch": "2s", "when_busy": "send", "reply": "answers"}},
                nairi={"follow": {"poll_min": "1s", "poll_max": "1s"}})
    t.start()
    job = t.job()
    t.sandbox.post("/turns", {"job": job, "manual": True})
    for number in range(1000, 1128):
        t.link(f"github:{REPO}#{number}", job)
    for number in range(1000, 1128):
        t.github("pull_request_review_comment", payloads.inline("what now?", number=number))
    t.bridge.wait_log("message.forwarded", 128)
    turns = len(t.sandbox.message_ids(job))
    ok(turns <= 8, f"{turns} turns: too many to show anything")
    for _ in range(turns):
        t.sandbox.post(f"/jobs/{job}/finish", {})
    # The forge does not know the comments, so the answers are refused; that they are said is what counts.
    t.sandbox.wait_requests("/replies", 128, method="POST", timeout=60)
    t.settled()
    eq(len(t.sandbox.requests("/replies", method="POST")), 128, "answers")
    eq(t.bridge.logs("store.failed"), [], "failures of the store")


@scenario("A status comment that could not be posted is posted with the next news, not with the next start")
def revived_status(t):
    t.any_comment()
    t.configure(sources={"github": {"reply": "status", "when_busy": "send"}},
                nairi={"follow": {"poll_min": "100ms", "poll_max": "200ms"}})
    job = t.linked()
    t.sandbox.post("/turns", {"job": job, "manual": True})
    t.start()
    t.sandbox.fault("/issues/42/comments", "status", status=422, method="POST", times=1)
    t.github("issue_comment", payloads.comment("go on", number=42))
    t.bridge.wait_log("reply.failed")
    t.sandbox.post(f"/jobs/{job}/finish", {})
    t.bridge.wait_log("message.answered")
    said, = t.sandbox.wait_comments(1, number=42)
    has(said["body"], "Done (turn 1).")


if __name__ == "__main__":
    harness.main()
