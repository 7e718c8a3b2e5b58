#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs that the bridge starts: by hand, and for a thread that has none when somebody there asks for the agent."""
import json
import os
import random
import re
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402

AGENT = "my-agent"
FOLLOW = {"follow": {"poll_min": "50ms", "poll_max": "200ms"}}
TAG = re.compile(r"^\[nairi-bridge ([0-9a-f-]{36})\]$", re.M)


def has_points(program):
    try:
        with open(program, "rb") as file:
            return b"NAIRI_BRIDGE_FAULT" in file.read()
    except OSError:
        return False


FAULT_BRIDGE = next((program for program in (harness.BRIDGE, os.path.join(harness.ROOT, "build/fault/nairi-bridge"))
                     if has_points(program)), None)


def world(t, start=True, **source):
    t.any_comment()
    t.before = {job["id"] for job in t.sandbox.get("/jobs")["jobs"]}
    more = dict(source, **({"start": {"agent": AGENT}} if start is True else {"start": start} if start else {}))
    return t.configure(sources={"github": more} if more else {}, nairi=FOLLOW, retry={"first": "10ms", "max": "100ms"})


def started(t):
    """The jobs that are there now and were not before."""
    return [job["id"] for job in t.sandbox.get("/jobs")["jobs"] if job["id"] not in t.before]


def new_job(t):
    job = t.until(lambda: started(t), "a job")
    eq(len(job), 1, "jobs that were started")
    return job[0]


def linked_to(t, number=42):
    links = {link["thread"]: link["job_id"] for link in t.bridge.ask("GET", "/api/v1/links").json["links"]}
    return links.get(f"github:octo/hello#{number}")


def once(t, *prompts):
    """One job, with these prompts in order, and nothing twice anywhere."""
    job = new_job(t)
    t.sandbox.wait(job, len(prompts))
    t.settled()
    eq(new_job(t), job, "the one job")
    found = t.sandbox.prompts(job)
    eq(len(found), len(prompts), f"messages: {found}")
    for prompt, words in zip(found, prompts):
        has(prompt, words)
        eq(len(TAG.findall(prompt)), 1, "tags")
    eq(t.sandbox.get("/duplicates")["duplicates"], [], "duplicates")
    return job


def kept(answer):
    eq(answer.status, 202, f"{answer}")
    return answer.json["delivery_id"]


def said(t, count, number=42):
    found = t.sandbox.wait_comments(count, number)
    eq(len(found), count, f"comments in the thread: {[item['body'] for item in found]}")
    return found[-1]["body"]


# ---- by hand ----

def run(t, *args):
    done = subprocess.run([harness.BRIDGE, *args], capture_output=True, timeout=DEADLINE, cwd=t.directory, text=True,
                          env={**os.environ, "NAIRI_BRIDGE_CONFIG": t.bridge.config_file})
    return done.returncode, done.stdout, done.stderr


@scenario("start --agent prints the ids of the job; --link links it, by key or URL; --ask asks only")
def verb(t):
    world(t, False).start()
    status, out, err = run(t, "start", "--agent", AGENT, "do the work")
    eq((status, err), (0, ""), "start")
    job = new_job(t)
    has(out, job, t.sandbox.message_ids(job)[0], "job_id", "message_id")
    has(t.sandbox.prompts(job)[0], "do the work")
    eq(t.sandbox.job(job)["ask_mode"], False, "ask mode")
    for number, thread in enumerate(("github:octo/hello#42", "https://github.com/octo/hello/pull/43"), 42):
        t.before.update(started(t))
        status, out, err = run(t, "start", "--agent", AGENT, "--ask", "--link", thread, "what is this?")
        eq((status, err), (0, ""), "start --link")
        job = new_job(t)
        has(out, job)
        eq(linked_to(t, number), job, "link")
        eq(t.sandbox.job(job)["ask_mode"], True, "ask mode")
        kept(t.comment("and this?", number))
        t.sandbox.wait(job, 2)


@scenario("start of an unknown agent fails with the API's words and leaves no link; without an agent it is a usage error")
def verb_refused(t):
    world(t, False).start()
    status, out, err = run(t, "start", "--agent", "nobody", "--link", "github:octo/hello#42", "do it")
    eq((status, out), (1, ""), "start")
    has(err, "agent")
    refused = t.bridge.logs("message.failed")[0]["error"]
    has(err, refused)
    eq((linked_to(t), started(t)), (None, []), "link and jobs")
    eq(run(t, "start", "do it")[0], 2, "without --agent")
    eq(run(t, "start", "--agent", "", "do it")[0] in (1, 2), True, "an empty one")


@scenario("POST /api/v1/start: 201 with the ids, 422 with the API's words, 202 when nobody waits")
def by_api(t):
    world(t, False).start()
    answer = t.bridge.ask("POST", "/api/v1/start", {"agent": AGENT, "prompt": "do it", "link": "github:octo/hello#42"})
    job = new_job(t)
    eq((answer.status, answer.json["status"], answer.json["job_id"], answer.json["message_id"]),
       (201, "forwarded", job, t.sandbox.message_ids(job)[0]), "answer")
    answer = t.bridge.ask("POST", "/api/v1/start", {"agent": "nobody", "prompt": "do it"})
    eq((answer.status, answer.json["status"], answer.json["upstream_status"]), (422, "failed", 404), f"{answer}")
    has(answer.json["error"], "agent")
    lacks(answer.body.decode(), "new_")
    t.before.update(started(t))
    answer = t.bridge.ask("POST", "/api/v1/start?wait=0", {"agent": AGENT, "prompt": "later"})
    eq((answer.status, answer.json["status"]), (202, "queued"), f"{answer}")
    once(t, "later")
    for value in ({"prompt": "x"}, {"agent": "a b", "prompt": "x"}, {"agent": AGENT}, {"agent": AGENT, "prompt": ""},
                  {"agent": AGENT, "prompt": "x", "ask": "yes"}, {"agent": AGENT, "prompt": "x", "link": "nowhere"},
                  {"agent": 7, "prompt": "x"}):
        answer = t.bridge.ask("POST", "/api/v1/start", value)
        eq(answer.status, 400, f"{value}: {answer}")


# ---- from a comment ----

@scenario("A mention in a thread without a job starts one with the text, links it, says so, and what follows goes to it")
def from_comment(t):
    world(t).start()
    delivery = kept(t.comment("@nairi please look at the leak"))
    line = t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    job = new_job(t)
    eq((line["job_id"], line["message_id"]), (job, t.sandbox.message_ids(job)[0]), "ids in the log")
    t.bridge.wait_log("job.linked", job_id=job, thread="github:octo/hello#42")
    eq(linked_to(t), job, "link")
    has(said(t, 1), job)
    has(t.sandbox.prompts(job)[0], "please look at the leak", "mona (MEMBER)", "octo/hello#42")
    kept(t.comment("and the other one"))
    t.sandbox.wait(job, 2)
    once(t, "please look at the leak", "and the other one")
    eq(len(t.sandbox.comments(number=42)), 1, "answers")
    eq(t.sandbox.job(job)["ask_mode"], False, "ask mode")


@scenario("start: {ask: true} starts jobs that only answer; a command starts one like a mention")
def asks(t):
    world(t, {"agent": AGENT, "ask": True}, trigger={"command": "/agent"}).start()
    answer = t.comment("just talk")
    eq(answer.json["status"], "ignored", "a plain comment")
    kept(t.comment("/agent what is this?"))
    job = once(t, "what is this?")
    eq(t.sandbox.job(job)["ask_mode"], True, "ask mode")


@scenario("Several words behind /nairi in a thread without a job start one, too")
def by_words(t):
    world(t).start()
    kept(t.comment("/nairi please fix the failing test"))
    once(t, "please fix the failing test")


@scenario("What is said while the start is on its way goes to the job, in order, a second mention too: one job")
def order_behind(t):
    world(t).start()
    fault = t.sandbox.fault("/conversations/start", "delay_after", delay_ms=9000)
    kept(t.comment("@nairi begin"))
    t.until(lambda: t.sandbox.hits(fault) == 1, "the start")
    kept(t.comment("second"))
    kept(t.comment("@nairi third"))
    kept(t.comment("fourth"))
    t.sandbox.release()
    job = t.until(lambda: started(t), "a job")[0]
    t.sandbox.wait(job, 4)
    eq(once(t, "begin", "second", "third", "fourth"), linked_to(t), "the linked one")


@scenario("Inline comments that come while the start is on its way are one prompt behind it")
def burst_behind(t):
    world(t, batch="60s").start()
    fault = t.sandbox.fault("/conversations/start", "delay_after", delay_ms=9000)
    kept(t.comment("@nairi begin"))
    t.until(lambda: t.sandbox.hits(fault) == 1, "the start")
    for number in range(3):
        kept(t.github("pull_request_review_comment", inline(f"part {number}", line=9 - number)))
    kept(t.comment("last"))
    t.sandbox.release()
    job = t.until(lambda: started(t), "a job")[0]
    t.sandbox.wait(job, 3)
    t.settled()
    eq([len(TAG.findall(prompt)) for prompt in t.sandbox.prompts(job)], [1, 3, 1], "parts")


@scenario("A start that is refused is told, its link goes, and what waited behind it fails with a reason")
def refused(t):
    world(t, {"agent": "nobody"}).start()
    fault = t.sandbox.fault("/conversations/start", "delay_before", delay_ms=9000, create=True)
    first = kept(t.comment("@nairi begin"))
    t.until(lambda: t.sandbox.hits(fault) == 1, "the start")
    second = kept(t.comment("second"))
    t.sandbox.release()
    line = t.bridge.wait_log("message.failed", delivery_id=first)
    eq(line["upstream_status"], 404, "status")
    line = t.bridge.wait_log("message.failed", delivery_id=second)
    has(line["reason"], "could not be started")
    t.settled()
    eq((linked_to(t), started(t)), (None, []), "link and jobs")
    bodies = [item["body"] for item in t.sandbox.comments(number=42)]
    has(bodies[0], "agent not found")
    for body in bodies:
        lacks(body, "new_")
    answer = t.comment("nobody is there")
    eq(answer.json["status"], "ignored", "a comment afterwards")


@scenario("/nairi retry starts again what could not be started, and links it")
def retry(t):
    world(t).start()
    t.sandbox.fault("/conversations/start", "status", status=400, body='{"error":"not today"}')
    kept(t.comment("@nairi begin"))
    has(said(t, 1), "not today")
    t.comment("/nairi retry")
    job = once(t, "begin")
    eq(linked_to(t), job, "link")


LATE = "comes-late"


def late_world(t, **source):
    """The agent is not there yet: until it is hired, every start is refused."""
    world(t, {"agent": LATE}, **source).start()


def hire(t):
    t.sandbox.post("/agents", {"agent_id": LATE})


def fails_with(t, *behind):
    """A start that is refused when all of these wait behind it; each of them fails with it. A function: does something between them."""
    fault = t.sandbox.fault("/conversations/start", "delay_before", delay_ms=9000, create=True)
    kept(t.comment("@nairi begin"))
    t.until(lambda: t.sandbox.hits(fault) == 1, "the start")
    for text in behind:
        text() if callable(text) else kept(t.comment(text))
    t.sandbox.release()
    t.bridge.wait_log("message.failed", 1 + len([text for text in behind if not callable(text)]))
    t.settled()


def retried(t, words):
    """A retry, and the bridge says this to it, once more than before."""
    def times():
        return sum(words in item["body"] for item in t.sandbox.comments(number=42))
    before = times()
    t.comment("/nairi retry")
    t.until(lambda: times() == before + 1, f"{words!r} in a comment")


@scenario("/nairi retry after a failed start starts again, and sends what failed with it behind that, in order")
def retry_behind(t):
    late_world(t)
    fails_with(t, "second", "@nairi third", "fourth")
    hire(t)
    retried(t, "Trying again: 4 messages")
    job = once(t, "begin", "second", "third", "fourth")
    eq(linked_to(t), job, "link")
    retried(t, "nothing to try again")


@scenario("/nairi retry after a start that failed again, by a retry: all of it again, and once")
def retry_twice(t):
    late_world(t)
    fails_with(t, "second", "third")
    t.bridge.kill()
    t.bridge.start()
    retried(t, "Trying again: 3 messages")
    t.bridge.wait_log("message.failed", 6)
    t.settled()
    hire(t)
    retried(t, "Trying again: 3 messages")
    eq(once(t, "begin", "second", "third"), linked_to(t), "link")


@scenario("/nairi retry after a failed start leaves out what was withdrawn")
def retry_withdrawn(t):
    late_world(t)
    payload = comment("taken back")

    def withdraw():
        kept(t.github("issue_comment", payload))
        has(t.github("issue_comment", {**payload, "action": "deleted"}).json["reason"], "withdrawn")
    fails_with(t, "second", withdraw, "third")
    hire(t)
    retried(t, "Trying again: 3 messages")
    once(t, "begin", "second", "third")


@scenario("/nairi retry where the start itself was taken back: no job; linked to one, that gets all that waited, in order")
def retry_without_start(t):
    late_world(t)
    t.configure(retry={"first": "60s", "max": "60s"})
    t.write_config()
    t.bridge.reload()
    t.sandbox.fault("/conversations/start", "status", status=429, headers={"Retry-After": "60"}, times=0)
    payload = comment("@nairi begin")
    kept(t.github("issue_comment", payload))
    t.bridge.wait_log("message.retry")
    for text in ("second", "third"):
        kept(t.comment(text))
    t.github("issue_comment", {**payload, "action": "deleted"})
    t.bridge.wait_log("message.failed", 2)
    t.settled()
    retried(t, "No job is linked")
    job = t.job()
    t.before.add(job)
    t.comment(f"/nairi link {job}")
    t.bridge.wait_log("job.linked", job_id=job)
    retried(t, "Trying again: 2 messages")
    t.sandbox.wait(job, 2)
    t.settled()
    prompts = t.sandbox.prompts(job)
    eq([words in prompt for prompt, words in zip(prompts, ("second", "third"))], [True, True], f"{prompts}")
    eq((len(prompts), started(t)), (2, []), "messages, and jobs that were started")


@scenario("/nairi retry with more behind a failed start than a command sends: the first of them, and it says so")
def retry_many(t):
    late_world(t)
    fails_with(t, *(f"number {number};" for number in range(80)))
    hire(t)
    retried(t, "Trying again: 64 messages are on the way. More failed")
    once(t, "begin", *(f"number {number};" for number in range(63)))


@scenario("429 and 503 start later, once")
def later(t):
    world(t).start()
    for status in (429, 503):
        t.sandbox.fault("/conversations/start", "status", status=status)
    kept(t.comment("@nairi begin"))
    new_job(t)
    once(t, "begin")


def lost(name, goal, fault, **more):
    def scene(t):
        world(t).start()
        t.sandbox.fault("/conversations/start", fault, **more)
        delivery = kept(t.comment("@nairi begin"))
        t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
        kept(t.comment("second"))
        line = t.bridge.wait_log("message.forwarded", delivery_id=delivery)
        t.sandbox.wait(line["job_id"], 2)
        eq(once(t, "begin", "second"), line["job_id"], "job in the log")
        eq(linked_to(t), line["job_id"], "link")
        has(said(t, 1), line["job_id"])
    scene.__name__ = name
    scenario(goal)(scene)


lost("lost_answer", "The lost answer of a start: looked for at the agent's jobs, found, one job", "reset_after")
lost("lost_empty", "A start that is answered with nothing: looked for, found, one job", "empty")
lost("lost_request", "A start that was lost on its way: looked for twice, started again, one job", "reset_before")
lost("lost_wrong", "A start that is answered with other types: looked for, found, one job", "wrong_types")


@scenario("While the list of jobs cannot be read, absence is not believed and nothing is started twice")
def look_fails(t):
    world(t).start()
    t.sandbox.fault("/conversations/start", "reset_after")
    for fault in ("html", "empty", "truncated", "wrong_types"):
        t.sandbox.fault(f"/agents/{AGENT}/conversations", fault)
    delivery = kept(t.comment("@nairi begin"))
    t.bridge.wait_log("message.forwarded", delivery_id=delivery, timeout=60)
    once(t, "begin")


@scenario("The agent's other jobs, many and busy, hide a start whose answer was lost from nobody")
def among_many(t):
    world(t).start()
    t.sandbox.fault("/conversations/start", "reset_after")
    t.sandbox.fault(f"/agents/{AGENT}/conversations", "status", status=503)
    delivery = kept(t.comment("@nairi begin"))
    t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
    for _ in range(120):
        t.before.add(t.job())
    t.bridge.wait_log("message.forwarded", delivery_id=delivery, timeout=60)
    once(t, "begin")


@scenario("A start that was lost on its way is started again, although the agent has more jobs than one page shows")
def absent_among_many(t):
    world(t).start()
    t.sandbox.fault("/conversations/start", "reset_before")
    t.sandbox.fault(f"/agents/{AGENT}/conversations", "status", status=503)
    delivery = kept(t.comment("@nairi begin"))
    t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
    for _ in range(120):
        t.before.add(t.job())
    t.bridge.wait_log("message.forwarded", delivery_id=delivery, timeout=60)
    once(t, "begin")


@scenario("Killed while the answer of a start is awaited: found after the restart, one job, what followed goes to it")
def killed(t):
    world(t).start()
    fault = t.sandbox.fault("/conversations/start", "delay_after", delay_ms=9000)
    delivery = kept(t.comment("@nairi begin"))
    t.until(lambda: t.sandbox.hits(fault) == 1, "the start")
    kept(t.comment("second"))
    t.until(lambda: started(t), "the job")
    t.bridge.kill()
    t.sandbox.release()
    t.bridge.start()
    kept(t.comment("third"))
    job = t.bridge.wait_log("message.forwarded", delivery_id=delivery)["job_id"]
    t.sandbox.wait(job, 3)
    eq(once(t, "begin", "second", "third"), job, "job in the log")
    eq(linked_to(t), job, "link")


def dies(point, passage):
    def scene(t):
        t.bridge.program = FAULT_BRIDGE
        world(t)
        env = {"NAIRI_BRIDGE_FAULT": f"{point}:{passage}"}
        t.start(env, wait=False)
        deaths = []

        def dead():
            t.bridge.wait_end()
            deaths.append(point)
            t.bridge.start()
        try:
            t.bridge.wait_started()
        except Gone:
            dead()
        for text in ("@nairi begin", "second"):
            payload, delivery = comment(text), None
            while True:
                try:
                    answer = t.github("issue_comment", payload, delivery)
                except (Closed, OSError, Gone):
                    dead()
                    continue
                ok(answer.json["status"] in ("queued", "duplicate"), f"{answer}")
                break

        def done():
            if t.bridge.process.poll() is not None:
                dead()
            return any(len(t.sandbox.prompts(job)) == 2 for job in started(t))
        t.until(done, "both prompts")
        try:
            t.settled()
        except (Closed, OSError, Gone):
            dead()
        job = once(t, "begin", "second")
        eq((linked_to(t), len(deaths)), (job, 1), "link and deaths")
        eq(len([item for item in t.sandbox.comments(number=42) if job in item["body"]]), 1, "answers")
    scene.__name__ = f"dies_{point.replace('-', '_')}_{passage}"
    scenario(f"Killed at {point} ({passage}) of a start: one job, linked, told once, in order", FAULT_BRIDGE is not None,
             "needs a build with fault points (make FAULTS=1)")(scene)


for point_, passage_ in (("before-ack", 1), ("after-ack", 1), ("after-sending", 1), ("before-first-byte", 1),
                         ("after-answer", 1), ("after-answer", 2), ("after-record", 1)):
    dies(point_, passage_)


def dies_carrying(point, passage):
    def scene(t):
        t.bridge.program = FAULT_BRIDGE
        world(t, ended="restart", batch="0s")
        old = t.linked()  # by the configuration
        t.before.add(old)
        t.sandbox.fault(f"/{old}/continue", "status", status=400, body='{"error":"job has ended, so there"}', times=0)
        t.start({"NAIRI_BRIDGE_FAULT": f"{point}:{passage}"}, wait=False)
        payload, delivery, deaths = comment("go on"), str(uuid.uuid4()), []

        def dead():
            t.bridge.wait_end()
            deaths.append(point)
            t.bridge.start()

        def enduring(action):
            while True:
                try:
                    return action()
                except (Closed, OSError, Gone):
                    dead()
        enduring(t.bridge.wait_started)
        enduring(lambda: t.github("issue_comment", payload, delivery))
        t.until(lambda: deaths or t.bridge.process.poll() is not None, "the death")
        if not deaths:
            dead()
        t.until(lambda: any(t.sandbox.prompts(job) for job in started(t)), "the prompt")
        t.until(lambda: (linked_to(t) or "").startswith("job_") and linked_to(t) != old, "its name")
        job = new_job(t)
        for again in (t.bridge.kill, t.bridge.stop):
            eq(linked_to(t), job, "link")
            again()
            t.bridge.start()
        kept(t.comment("more"))
        eq(once(t, "go on", "more"), linked_to(t), "link")
        eq(len(deaths), 1, "deaths")
    scene.__name__ = f"dies_carrying_{point.replace('-', '_')}_{passage}"
    scenario(f"Killed at {point} ({passage}) while a job is carried on that the configuration names: one job, and its links lead there",
             FAULT_BRIDGE is not None, "needs a build with fault points (make FAULTS=1)")(scene)


for point_, passage_ in [(point, passage) for point in ("after-record", "after-answer") for passage in (1, 2, 3)] + [
        ("before-commit", 4), ("after-commit", 4), ("before-commit", 5), ("after-commit", 5), ("after-sending", 2)]:
    dies_carrying(point_, passage_)


@scenario("Somebody who has to be vetted may start a job once the forge says so; who may not, starts none and is not told")
def vetted(t):
    for user_, permission in (("writer", "write"), ("reader", "read")):
        t.sandbox.post("/github/permissions", {"user": user_, "permission": permission})
    world(t).start()
    delivery = kept(t.comment("@nairi no", 43, login="reader", association="NONE"))
    t.bridge.wait_log("delivery.ignored", delivery_id=delivery)
    kept(t.comment("@nairi begin", login="writer", association="NONE"))
    job = new_job(t)
    once(t, "begin")
    eq((linked_to(t), linked_to(t, 43)), (job, None), "links")
    eq((len(said(t, 1)) > 0, t.sandbox.comments(number=43)), (True, []), "answers")


@scenario("Two people ask for the agent at once, one of them is vetted first: one job, both prompts")
def vetted_and_trusted(t):
    t.sandbox.post("/github/permissions", {"user": "writer", "permission": "write"})
    world(t).start()
    t.sandbox.fault("/permission", "delay_after", delay_ms=9000)
    kept(t.comment("@nairi vetted one", login="writer", association="NONE"))
    t.sandbox.wait_requests("/permission", 1)
    kept(t.comment("@nairi trusted one"))
    job = new_job(t)
    t.sandbox.wait(job, 1)
    t.sandbox.release()
    t.sandbox.wait(job, 2)
    eq(once(t, "trusted one", "vetted one"), linked_to(t), "link")


@scenario("Two mentions by people who are vetted start one job")
def vetted_twice(t):
    t.sandbox.post("/github/permissions", {"permission": "write"})
    world(t).start()
    t.sandbox.fault("/permission", "delay_after", delay_ms=9000, times=2)
    kept(t.comment("@nairi ask a", login="anna", association="NONE"))
    kept(t.comment("@nairi ask b", login="berta", association="NONE"))
    t.sandbox.wait_requests("/permission", 2)
    t.sandbox.release()
    job = t.until(lambda: started(t), "a job")[0]
    t.sandbox.wait(job, 2)
    t.settled()
    eq(len(started(t)), 1, "jobs")
    eq({tag for prompt in t.sandbox.prompts(job) for tag in re.findall("ask [ab]", prompt)}, {"ask a", "ask b"}, "prompts")


def storm(seed, **source):
    def scene(t):
        rnd = random.Random(seed)
        t.sandbox.post("/github/permissions", {"user": "writer", "permission": "write"})
        world(t, batch="100ms", **source).configure(nairi={"timeout": "2s"}, retry={"attempts": 50}).start()
        numbers = list(range(70, 74))
        sent = {number: [] for number in numbers}
        for step in range(32):
            if rnd.random() < 0.4:
                path = "/conversations/start" if rnd.random() < 0.6 else "/continue"
                fault, more = rnd.choice([("status", {"status": 429}), ("status", {"status": 503}), ("reset_after", {}),
                                          ("empty", {}), ("cut", {}), ("wrong_types", {}), ("reset_before", {})])
                t.sandbox.fault(path, fault, **more)
            number = rnd.choice(numbers)
            who = {"login": "writer", "association": "NONE"} if rnd.random() < 0.3 and sent[number] else {}
            event, payload = rnd.choice([
                ("issue_comment", comment(f"@nairi step {step};", number, **who)),
                ("issue_comment", comment(f"step {step};", number, **who)),
                ("pull_request_review_comment", inline(f"step {step};", number, path="a.c", **who))])
            if not sent[number]:
                event, payload = "issue_comment", comment(f"@nairi step {step};", number)
            delivery = str(uuid.uuid4())
            answer = t.github(event, payload, delivery)
            if rnd.random() < 0.12:
                t.bridge.kill() if rnd.random() < 0.7 else t.bridge.stop()
                t.bridge.start()
                eq(t.github(event, payload, delivery).json["status"], "duplicate", "sent again after a restart")
            sent[number].append((kept(answer), f"step {step};"))
        t.settled()
        eq(t.sandbox.get("/duplicates")["duplicates"], [], "duplicates")
        jobs = [linked_to(t, number) for number in numbers if sent[number]]
        eq(sorted(jobs), sorted(started(t)), "jobs that were started, and linked ones")
        for number, job in zip([number for number in numbers if sent[number]], jobs):
            said_ = re.findall(r"step \d+;", "".join(t.sandbox.prompts(job)))
            eq(said_, [words for _, words in sent[number]], f"what job {number} was told, in order")
            for delivery, _ in sent[number]:
                message, = t.bridge.delivery(delivery)["messages"]
                eq((message["job_id"], message["message_id"] in t.sandbox.message_ids(job)), (job, True), "ids in the ledger")
    scene.__name__ = f"storm_{seed}"
    scenario("I3, I4 with starts: every thread gets one job, and it all that was said, once and in order "
             f"({source or 'when_busy: send'})")(scene)


storm(1)
storm(2, when_busy="hold")


# ---- nothing is started ----

@scenario("Without start: a mention in a thread without a job is told once how to link one; plain comments are ignored silently")
def told_once(t):
    job = t.job()
    world(t, False).start()
    for _ in range(2):
        answer = t.comment("just talk")
        eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
        has(answer.json["reason"], "not linked")
    answer = t.comment("@nairi please look")
    eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
    has(answer.json["reason"], "not linked")
    has(said(t, 1), "no job is linked", "/nairi link job_", "nairi-bridge link 'github:octo/hello#42'")
    t.comment("@nairi please!")
    t.bridge.kill()
    t.bridge.start()
    t.comment("@nairi hello?")
    t.settled()
    eq(len(t.sandbox.comments(number=42)), 1, "answers")
    t.comment("@nairi here", 43)
    said(t, 1, 43)
    t.comment("@nairi x", 44, login="mallory", association="NONE")
    t.settled()
    eq((started(t), t.sandbox.comments(number=44)), ([], []), "jobs, and answers to a stranger")
    t.comment(f"/nairi link {job}")
    said(t, 2)
    kept(t.comment("@nairi now"))
    t.sandbox.wait(job, 1)


@scenario("With start: a plain comment in a thread without a job starts nothing, and says nothing")
def plain_starts_nothing(t):
    world(t).start()
    answer = t.comment("just talk")
    eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
    answer = t.comment("in code: `@nairi` and\n\n> @nairi quoted")
    eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
    t.settled()
    eq((started(t), t.sandbox.comments()), ([], []), "jobs and answers")


@scenario("/nairi stop before the start went out drops it and what waits behind it, and the link")
def stopped(t):
    world(t).start()
    t.sandbox.fault("/conversations/start", "status", status=429, headers={"Retry-After": "1"}, times=0)
    kept(t.comment("@nairi begin"))
    t.bridge.wait_log("message.retry")
    kept(t.comment("second"))
    t.until(lambda: t.bridge.status()["deliver"]["in_flight"] == 0, "the answer")
    t.comment("/nairi stop")
    has(said(t, 1), "dropped")
    t.sandbox.clear()
    t.settled()
    eq((started(t), linked_to(t)), ([], None), "jobs and link")
    kept(t.comment("@nairi again"))
    once(t, "again")


@scenario("Deleting the comment before the start went out withdraws it, and the link; what waits behind it fails with a reason")
def deleted(t):
    world(t).start()
    t.sandbox.fault("/conversations/start", "status", status=429, headers={"Retry-After": "1"}, times=0)
    payload = comment("@nairi begin")
    kept(t.github("issue_comment", payload))
    t.bridge.wait_log("message.retry")
    second = kept(t.comment("second"))
    answer = t.github("issue_comment", {**payload, "action": "deleted"})
    has(answer.json["reason"], "withdrawn")
    t.sandbox.clear()
    has(t.bridge.wait_log("message.failed", delivery_id=second)["reason"], "could not be started")
    t.settled()
    eq((started(t), linked_to(t)), ([], None), "jobs and link")
    kept(t.comment("@nairi again"))
    once(t, "again")


@scenario("A start by hand for a thread that has a job takes its link only when it succeeds")
def by_hand_relink(t):
    world(t, False).start()
    old = t.link("github:octo/hello#42", t.job())
    t.before.add(old)
    value = {"prompt": "do it", "link": "github:octo/hello#42"}
    answer = t.bridge.ask("POST", "/api/v1/start", {**value, "agent": "nobody"})
    eq((answer.status, linked_to(t)), (422, old), "status and link after a refusal")
    fault = t.sandbox.fault("/conversations/start", "delay_after", delay_ms=9000)
    answer = t.bridge.ask("POST", "/api/v1/start?wait=0", {**value, "agent": AGENT})
    eq(answer.status, 202, f"{answer}")
    t.until(lambda: t.sandbox.hits(fault) == 1, "the start")
    kept(t.comment("for the old one"))
    t.sandbox.wait(old, 1)
    t.sandbox.release()
    job = new_job(t)
    t.until(lambda: linked_to(t) == job, "the new link")
    kept(t.comment("for the new one"))
    t.sandbox.wait(job, 2)


@scenario("The loop breaker leaves a thread without a job as it was: nothing is started, and nothing is linked")
def loop_breaker(t):
    world(t, {"agent": "nobody"}).configure(limits={"thread_rate": 2}).start()
    for _ in range(2):
        delivery = kept(t.comment("@nairi begin"))
        t.bridge.wait_log("message.failed", delivery_id=delivery)
    answer = t.comment("@nairi begin")
    eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
    has(answer.json["reason"], "loop breaker")
    eq(linked_to(t), None, "link")


if __name__ == "__main__":
    main()
