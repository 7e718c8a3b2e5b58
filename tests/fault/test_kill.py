#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The process dies between any two steps, the disk fills up, the store is locked. What counts is seen from outside: what was
acknowledged arrives, once, in order, and the author of what cannot arrive is told once (I1, I3, I4).

The fault points need a build with them (make FAULTS=1): BRIDGE if it has them, else build/fault/nairi-bridge. ROUNDS says how
often the random kills are done (6).
"""
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "6"))


def has_points(program):
    try:
        with open(program, "rb") as file:
            return b"NAIRI_BRIDGE_FAULT" in file.read()
    except OSError:
        return False


FAULT_BRIDGE = next((program for program in (harness.BRIDGE, os.path.join(harness.ROOT, "build/fault/nairi-bridge"))
                     if has_points(program)), None)


def points():
    """The names of all fault points in the sources."""
    found = set()
    for directory, _, files in os.walk(os.path.join(harness.ROOT, "bridge")):
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(directory, name)) as file:
                    found.update(re.findall(r'FAULT_POINT\("([a-z-]+)"\)', file.read()))
    return sorted(found)


# ---- the load, and what must have become of it ----

class Load:
    """Deliveries in a fixed order, each sent until it is acknowledged, as a sender that keeps its own queue does."""

    def __init__(self, t):
        self.t = t
        t.any_comment()
        self.jobs = [t.linked(10 + number) for number in range(3)]
        t.link("github:octo/hello#99", JOB_UNKNOWN)
        self.plan = []
        for step in range(5):
            if step < 3:  # first, so that the first reply of all is a comment
                self.plan.append(self.item(99, f"lost {step}"))
            for number in range(3):
                self.plan.append(self.item(10 + number, f"prompt {number}/{step}"))

    @staticmethod
    def item(number, text):
        return comment(text, number), str(uuid.uuid4())

    def send(self, item):
        """True: acknowledged."""
        payload, delivery = item
        try:
            answer = self.t.github("issue_comment", payload, delivery)
        except (Closed, OSError, Gone):
            return False
        if answer.status == 503:
            return False
        ok(answer.status in (200, 202) and answer.json["status"] in ("queued", "duplicate"), f"{answer}")
        return True

    def run(self, dead):
        """Sends all; calls dead() whenever the bridge is gone, which brings it back."""
        for item in self.plan:
            while not self.send(item):
                dead()

    def check(self):
        t = self.t
        t.settled()
        for number, job in enumerate(self.jobs):
            found = [re.search(r"prompt \d/\d", prompt)[0] for prompt in t.sandbox.prompts(job)]
            eq(found, [f"prompt {number}/{step}" for step in range(5)], f"messages of job {number}")
            eq(t.sandbox.job(job)["duplicate_tags"], 0, "duplicate tags")
        told = [item["body"] for item in t.sandbox.comments(number=99)]
        eq(len(told), 3, "answers to the author")
        for state in ("vetting", "queued", "sending", "in_doubt"):
            eq(t.bridge.deliveries(state=state), [], f"deliveries that are {state}")
        eq(len(t.sandbox.reactions()), 15, "reactions")


def dies(point, passage, twice=False):
    def run(t):
        t.bridge.program = FAULT_BRIDGE
        load = Load(t)
        t.configure(retry={"first": "10ms", "max": "100ms"})
        fault = {"NAIRI_BRIDGE_FAULT": f"{point}:{passage}"}
        deaths = []

        def begin(env):
            """It may die before it has begun to listen."""
            t.start(env, wait=False)
            try:
                t.bridge.wait_started()
            except Gone:
                dead()

        def dead():
            eq(t.bridge.wait_end(), -signal.SIGKILL, "how it ended")
            deaths.append(1)
            begin({"NAIRI_BRIDGE_FAULT": f"{point}:1"} if twice and len(deaths) == 1 else None)

        begin(fault)
        load.run(dead)
        if not deaths:  # it lies behind the last acknowledgement
            try:
                t.bridge.wait_log("never logged", timeout=20)
            except Gone:
                pass
            dead()
        if t.bridge.ended:
            dead()
        t.until(lambda: settled_or_dead(t, dead), "an empty queue", 60)
        load.check()
        ok(len(deaths) >= (2 if twice else 1), f"it died {len(deaths)} times")
    run.__name__ = f"kill_{point.replace('-', '_')}_{'twice' if twice else passage}"
    scenario(f"Killed at {point}, passage {passage}{', and again after the restart' if twice else ''}: "
             "nothing lost, nothing twice, in order, told once",
             FAULT_BRIDGE is not None, "no build with fault points: make FAULTS=1 B=build/fault")(run)


def settled_or_dead(t, dead):
    if t.bridge.ended:
        dead()
        return False
    try:
        status = t.bridge.status()
    except (Closed, OSError):
        return False
    deliver = status["deliver"]
    return deliver["waiting"] == deliver["in_flight"] == deliver["replies_waiting"] == status["store"]["waiting"] == 0


TURNS = ("before-turn", "after-turn")  # as many as there are turns that end, when all else is done; see also below

for point_ in points():
    for passage_ in (1, 2, 3) if point_ in ("after-reply-sending", *TURNS) else (1, 2, 4, 9):  # there are three comments
        dies(point_, passage_)
    if point_ not in TURNS:
        dies(point_, 2, twice=True)


# ---- turns: what is edited, answered, started ----

def follows(t, reply, **source):
    """Turns move only by hand, so that a death finds each where it was."""
    t.bridge.program = FAULT_BRIDGE
    t.any_comment()
    t.configure(nairi={"follow": {"poll_min": "50ms", "poll_max": "200ms"}}, retry={"first": "10ms", "max": "100ms"},
                sources={"github": {"reply": reply, **source}})
    return t


class Lives:
    """A bridge that dies at this point, and is started again without it."""

    def __init__(self, t, point, passage):
        self.t, self.deaths = t, 0
        t.start({"NAIRI_BRIDGE_FAULT": f"{point}:{passage}"}, wait=False)
        try:
            t.bridge.wait_started()
        except Gone:
            self.revive()

    def revive(self):
        eq(self.t.bridge.wait_end(), -signal.SIGKILL, "how it ended")
        self.deaths += 1
        self.t.bridge.start()

    def comment(self, number, text):
        payload, delivery = comment(text, number), str(uuid.uuid4())
        while True:
            try:
                if self.t.github("issue_comment", payload, delivery).status in (200, 202):
                    return
            except (Closed, OSError, Gone):
                self.revive()

    def until(self, condition, what):
        def alive():
            if self.t.bridge.ended:
                self.revive()
            return condition()
        return self.t.until(alive, what, 60)


POINTS = ("before-turn", "after-turn", "after-reply-sending", "after-reply-answer", "after-answer", "after-sending", "after-record")


def dies_following(point, passage, reply):
    def run(t):
        job = t.linked(42)
        follows(t, reply)
        lives = Lives(t, point, passage)
        bodies = lambda: [item["body"] for item in t.sandbox.comments(number=42)]  # noqa: E731
        for number in (1, 2):
            t.sandbox.post("/turns", {"job": job, "answer": f"Answer {number}.", "work_ms": 100})
            lives.comment(42, f"prompt {number}")
            lives.until(lambda: any(f"Answer {number}." in body for body in bodies()), f"answer {number} (there: {bodies()})")
        lives.until(lambda: settled_or_dead(t, lives.revive), "an empty queue")
        eq([[f"Answer {number}." in body for number in (1, 2)] for body in bodies()], [[True, False], [False, True]],
           f"answers in {bodies()}")
        eq((t.sandbox.job(job)["user_messages"], t.sandbox.job(job)["duplicate_tags"]), (2, 0), "messages, twice")
        lives.until(lambda: not t.bridge.deliveries(state="forwarded"), "no turn is open")
        eq(lives.deaths, 1, "deaths")
    run.__name__ = f"kill_{reply}_{point.replace('-', '_')}_{passage}"
    scenario(f"reply: {reply}, killed at {point}, passage {passage}: each answer there, once, in one comment",
             FAULT_BRIDGE is not None, "no build with fault points: make FAULTS=1 B=build/fault")(run)


for point_ in POINTS:
    for passage_ in (1, 2):
        for reply_ in ("answers", "status"):
            dies_following(point_, passage_, reply_)
dies_following("after-reply-answer", 3, "status")  # the edits: eyes, comment, and then the answer
dies_following("after-reply-answer", 4, "status")


def dies_restarting(point, passage):
    def run(t):
        job = t.linked(42)
        t.sandbox.post(f"/jobs/{job}/end", {"form": "inactive"})
        follows(t, "answers", ended="restart", start={"agent": "my-agent"})
        lives = Lives(t, point, passage)
        lives.comment(42, "prompt 1")
        lives.until(lambda: any("Done (turn 1)." in item["body"] for item in t.sandbox.comments(number=42)), "the answer")
        lives.until(lambda: settled_or_dead(t, lives.revive), "an empty queue")
        found = t.sandbox.get("/messages", text="You carry on the work")
        eq((found["count"], found["jobs"]), (1, 1), "messages to new jobs, new jobs")
        eq(t.sandbox.get("/duplicates")["duplicates"], [], "tags that came twice")
        eq(sum("a new one carries on" in item["body"] for item in t.sandbox.comments(number=42)), 1, "how often it is told")
        eq(len(t.sandbox.comments(number=42)), 2, "comments")
        eq(lives.deaths, 1, "deaths")
    run.__name__ = f"kill_restart_{point.replace('-', '_')}_{passage}"
    scenario(f"ended: restart, killed at {point}, passage {passage}: one new job, told once, answered once",
             FAULT_BRIDGE is not None, "no build with fault points: make FAULTS=1 B=build/fault")(run)


for point_ in POINTS:
    for passage_ in (1, 2):  # of the message to the old job, then of the start
        dies_restarting(point_, passage_)


@scenario(f"Killed {ROUNDS} times at random under load, with faults upstream: nothing lost, nothing twice, in order, told once")
def random_kills(t):
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    chance = random.Random(seed)
    print(f"# random_kills: SEED={seed}")
    t.configure(retry={"attempts": 1000, "first": "10ms", "max": "100ms"}, nairi={"timeout": "2s"})
    load = Load(t)
    load.plan = []
    t.start()
    stop, lock, problems = threading.Event(), threading.Lock(), []
    up = threading.Event()
    up.set()
    sent = {number: 0 for number in range(3)}
    lost = [0]

    def feed(number):
        try:
            while not stop.is_set():
                item = load.item(10 + number, f"prompt {number}/{sent[number]}")
                while not load.send(item):
                    up.wait(10)
                    time.sleep(0.02)
                sent[number] += 1
                if number == 0 and sent[0] % 5 == 0:
                    item = load.item(99, f"lost {lost[0]}")
                    while not load.send(item):
                        up.wait(10)
                        time.sleep(0.02)
                    lost[0] += 1
        except BaseException as error:  # shown by the main thread
            with lock:
                problems.append(error)

    feeders = [threading.Thread(target=feed, args=(number,)) for number in range(3)]
    for feeder in feeders:
        feeder.start()
    try:
        for _ in range(ROUNDS):
            for job in load.jobs:
                t.sandbox.fault(f"/{job}/continue", chance.choice(["reset_after", "reset_before", "empty", "cut"]),
                                skip=chance.randrange(10))
            t.sandbox.fault("/issues/99/comments", chance.choice(["reset_after", "empty"]), method="POST")
            t.bridge.wait_log(lambda event: event in ("delivery.queued", "message.forwarded", "reply.posted"),
                              chance.randrange(1, 60), since=t.bridge.mark())
            up.clear()
            t.bridge.kill()
            t.bridge.start()
            up.set()
    finally:
        up.set()
        stop.set()
        for feeder in feeders:
            feeder.join(60)
    t.sandbox.clear()
    ok(not problems, f"{problems}")
    t.settled(120)
    for number, job in enumerate(load.jobs):
        found = [re.search(r"prompt \d/\d+", prompt)[0] for prompt in t.sandbox.prompts(job)]
        eq(found, [f"prompt {number}/{step}" for step in range(sent[number])], f"messages of job {number}")
        eq(t.sandbox.job(job)["duplicate_tags"], 0, "duplicate tags")
    eq(len(t.sandbox.comments(number=99)), lost[0], "answers to the author")


@scenario("Ended by SIGTERM again and again under load: exit 0 each time, nothing lost, nothing twice, in order")
def orderly_restarts(t):
    load = Load(t)
    t.start()
    for number, item in enumerate(load.plan):
        ok(load.send(item), "not acknowledged")
        if number % 6 == 5:
            eq(t.bridge.stop(), 0, "exit status")
            t.bridge.start()
    load.check()


# ---- the store ----

@scenario("A second daemon on the same store refuses to start and says who has it; the first goes on")
def two_daemons(t):
    job = t.job()
    t.start()
    second = harness.Bridge(t.directory)
    second.config_file = os.path.join(t.directory, "second.yaml")
    config = harness.merge(t.config, {"admin": {"listen": "unix:" + os.path.join(t.directory, "second.sock")}})
    with open(os.open(second.config_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as out:
        json.dump(config, out)
    second.start(wait=False)
    eq(second.wait_end(), 1, "exit status of the second")
    said = json.dumps(second.lines) + "\n".join(second.noise)
    has(said, "store", str(t.bridge.process.pid))
    eq(t.generic("ci", {"job_id": job, "prompt": "x"}).status, 201, "status of the first")


@scenario("A locked database: 503 with Retry-After, alive, not ready; healthy again by itself, and the same delivery is taken")
def locked(t):
    job = t.job()
    t.start()
    value = {"job_id": job, "prompt": "x", "id": "again"}
    eq(t.generic("ci", {"job_id": job, "prompt": "before"}).status, 201, "status before")
    other = sqlite3.connect(os.path.join(t.directory, "bridge.db"), isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    answer = t.generic("ci", value)
    eq(answer.status, 503, f"{answer}")
    ok(int(answer.header("Retry-After")) > 0, "Retry-After")
    eq(list(answer.json), ["error"], "members")
    lacks(answer.json["error"], "sqlite", "SQL", t.directory)
    eq(call(t.bridge.address, "GET", "/healthz").status, 200, "/healthz while locked")
    ready = call(t.bridge.address, "GET", "/readyz")
    eq((ready.status, ready.json["ready"], bool(ready.json["reasons"])), (503, False, True), "/readyz while locked")
    eq(t.github("push", {}).status, 200, "what needs no commit is answered")
    t.bridge.wait_log("delivery.rejected", status=None)
    other.execute("ROLLBACK")
    other.close()
    t.until(lambda: call(t.bridge.address, "GET", "/readyz").status == 200, "/readyz good again")
    answer = t.generic("ci", value)
    eq(answer.status, 201, f"the same delivery again: {answer}")
    t.settled()
    eq(len(t.sandbox.prompts(job)), 2, "messages")


@scenario("A database that is locked while an answer comes in: the outcome is recorded later, nothing is sent twice")
def locked_in_flight(t):
    job = t.job()
    t.configure(sources={"ci": {"respond": "queued"}})
    t.start()
    fault = t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000)
    eq(t.generic("ci", {"job_id": job, "prompt": "x"}).status, 202, "status")
    t.until(lambda: t.sandbox.hits(fault) == 1, "the call")
    other = sqlite3.connect(os.path.join(t.directory, "bridge.db"), isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    t.sandbox.release()
    t.until(lambda: call(t.bridge.address, "GET", "/readyz").status == 503, "it notices")
    other.execute("ROLLBACK")
    other.close()
    t.bridge.wait_log("message.forwarded", job_id=job)
    t.settled()
    eq((t.sandbox.job(job)["user_messages"], len(t.sandbox.requests(f"/{job}/continue"))), (1, 1), "messages, calls")


class Disk:
    """A small file system of its own that can be filled; only root can make one."""

    def __init__(self, t, megabytes):
        self.path = os.path.join(t.directory, "disk")
        os.mkdir(self.path)
        if os.geteuid() != 0:
            raise Skip("a small tmpfs needs root")
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.path],
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise Skip(f"cannot mount a tmpfs: {made.stderr.strip()}")
        self.filler = os.path.join(self.path, "filler")

    def fill(self):
        with open(self.filler, "ab", buffering=0) as out:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        out.write(b"x" * size)
                except OSError:
                    pass

    def free(self):
        os.unlink(self.filler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=False)


@scenario("A full disk: 503 with Retry-After, alive, what was acknowledged before arrives; healthy again by itself")
def full_disk(t):
    with Disk(t, 12) as disk:
        job = t.job()
        t.configure(store=f"sqlite:{disk.path}/bridge.db", sources={"ci": {"respond": "queued"}},
                    retry={"attempts": 1000, "first": "10ms", "max": "100ms"})
        t.start()
        fault = t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000)
        eq(t.generic("ci", {"job_id": job, "prompt": "in flight"}).status, 202, "status before")
        eq(t.generic("ci", {"job_id": job, "prompt": "behind it"}).status, 202, "status before")
        t.until(lambda: t.sandbox.hits(fault) == 1, "the call")
        disk.fill()
        refused, number = 0, 0
        acknowledged = []
        while refused < 3:
            value = {"job_id": job, "prompt": f"full {number} " + "x" * 20_000, "id": f"full{number}"}
            number += 1
            ok(number < 500, "a full disk takes everything")
            answer = t.generic("ci", value)
            if answer.status == 202:
                acknowledged.append(value)
                continue
            eq(answer.status, 503, f"{answer}")
            ok(int(answer.header("Retry-After")) > 0, "Retry-After")
            refused += 1
        eq(call(t.bridge.address, "GET", "/healthz").status, 200, "/healthz")
        eq(call(t.bridge.address, "GET", "/readyz").status, 503, "/readyz")
        t.sandbox.release()
        disk.free()
        t.until(lambda: call(t.bridge.address, "GET", "/readyz").status == 200, "/readyz good again", 60)
        t.sandbox.wait(job, 2 + len(acknowledged))
        answer = t.generic("ci", value)
        eq(answer.status, 202, f"the refused one again: {answer}")
        t.settled()
        found = t.sandbox.job(job)
        eq((found["user_messages"], found["duplicates"], found["duplicate_tags"]), (3 + len(acknowledged), 0, 0), "messages")
        has(t.sandbox.prompts(job)[0], "in flight")
        has(t.sandbox.prompts(job)[1], "behind it")
        eq(t.bridge.stop(), 0, "exit status")  # before its disk goes


@scenario("A store that is no database, or another program's, is refused at the start and left as it was")
def wrong_store(t):
    path = os.path.join(t.directory, "bridge.db")
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE accounts (x)")
    foreign.commit()
    foreign.close()
    for content in (None, b"this is no database at all, but longer than a header of one hundred bytes" * 5):
        if content is not None:
            for name in ("", "-wal", "-shm"):
                if os.path.exists(path + name):
                    os.unlink(path + name)
            with open(path, "wb") as out:
                out.write(content)
        with open(path, "rb") as file:
            before = file.read()
        t.write_config()
        t.bridge.start(wait=False)
        eq(t.bridge.wait_end(), 1, "exit status")
        ok(t.bridge.logs("bridge.failed"), "it does not say why")
        with open(path, "rb") as file:
            ok(file.read() == before, "the file was changed")


if __name__ == "__main__":
    harness.main()
