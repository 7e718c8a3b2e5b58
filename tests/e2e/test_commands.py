#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands to the bridge in comments: who may give them, what each does, and that each is carried out once."""
import os
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403

FOLLOW = {"follow": {"poll_min": "50ms", "poll_max": "200ms"}}
THREAD = "github:octo/hello#42"


def world(t, **source):
    t.any_comment()
    return t.configure(sources={"github": source} if source else {}, nairi=FOLLOW)


def command(t, body, number=42, **more):
    """A command of somebody trusted is 200, and the reason says that it was one."""
    answer = t.comment(body, number, **more)
    eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
    has(answer.json["reason"], "a command to the bridge: ")
    return answer


def said(t, count, number=42):
    """The newest of so many comments of ours in the thread."""
    found = t.sandbox.wait_comments(count, number)
    eq(len(found), count, f"comments in the thread: {[item['body'] for item in found]}")
    body = found[-1]["body"]
    has(body, "<!-- nairi-bridge:reply:")
    return body


def linked_to(t, number=42):
    links = {link["thread"]: link["job_id"] for link in t.bridge.ask("GET", "/api/v1/links").json["links"]}
    return links.get(f"github:octo/hello#{number}")


def through(t):
    """Something else has gone all the way meanwhile."""
    answer = t.generic("ci", {"job_id": t.job(), "prompt": "something else"})
    eq(answer.status, 201, "status of something else")


# ---- each of them ----

@scenario("/nairi link JOB links the thread, says so, and the next comment continues that job; unlink ends it")
def link(t):
    world(t).start()
    first, second = t.job(), t.job()
    answer = command(t, f"/nairi link {first}")
    eq(answer.json["reason"], "a command to the bridge: link", "reason")
    has(said(t, 1), first, "Linked")
    eq(linked_to(t), first, "link")
    eq(t.comment("go on").status, 202, "status of the next comment")
    t.sandbox.wait(first, 1)
    command(t, f"  /NAIRI Link `{second}`")
    has(said(t, 2), second, "Before", first)
    t.bridge.kill()
    t.bridge.start()
    eq(linked_to(t), second, "link after a kill")
    t.comment("go on")
    t.sandbox.wait(second, 1)
    command(t, "/nairi unlink")
    has(said(t, 3), "Unlinked", second)
    eq(linked_to(t), None, "link")
    answer = t.comment("nobody hears it")
    eq((answer.status, answer.json["status"]), (200, "ignored"), "a comment without a link")
    command(t, "/nairi unlink")
    has(said(t, 4), "No job is linked")
    eq((len(t.sandbox.prompts(first)), len(t.sandbox.prompts(second))), (1, 1), "messages")


@scenario("A job that is no job id is refused with how one looks, and the link stays as it was")
def link_refused(t):
    job = t.linked()
    world(t).start()
    for number, words in enumerate(("link", "link job_1", "link https://app.nairi.ai/x", f"link {job} {job}"), 1):
        command(t, f"/nairi {words}")
        has(said(t, number), "link", "job_")
    eq(linked_to(t), job, "link")


@scenario("/nairi help and an unknown command list what there is; what was wrong is repeated harmlessly")
def help_and_unknown(t):
    world(t).start()
    command(t, "/nairi help")
    has(said(t, 1), "link", "unlink", "status", "retry", "stop", "help")
    command(t, "/nairi")
    has(said(t, 2), "/nairi status")
    answer = command(t, "/nairi dance")
    eq(answer.json["reason"], "a command to the bridge: unknown", "reason")
    has(said(t, 3), "dance", "is not a command", "/nairi retry")
    command(t, "/nairi @octocat")
    lacks(said(t, 4), "@octocat")
    command(t, "/nairi status please")
    has(said(t, 5), "takes nothing behind it")


@scenario("/nairi status names the job and counts what waits, is on its way and at work")
def status(t):
    job = t.linked()
    t.sandbox.post("/turns", {"job": job, "manual": True})
    world(t).start()
    command(t, "/nairi status")
    has(said(t, 1), job, "in the configuration", "Waiting: 0", "On the way: 0", "At work: 0")
    t.comment("first")
    t.bridge.wait_log("message.forwarded")
    t.busy(job)
    t.comment("second")
    t.comment("third")
    command(t, "/nairi status")
    has(said(t, 2), job, "Waiting: 2", "At work: 1")
    t.sandbox.release()
    t.sandbox.wait(job, 4)
    command(t, "/nairi status", 43)
    has(said(t, 1, 43), "No job is linked", "/nairi link")


@scenario("/nairi status tells of the newest message that failed, in the API's words")
def status_of_failed(t):
    job = t.linked()
    world(t).start()
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"not today"}')
    t.comment("x")
    has(said(t, 1), "not today")
    command(t, "/nairi status")
    has(said(t, 2), "failed", "not today", "Waiting: 0")


@scenario("/nairi stop drops what waits, also what is held or waits in a batch; the turn at work goes on")
def stop(t):
    job = t.linked()
    t.sandbox.post("/turns", {"job": job, "manual": True})
    world(t, batch="60s", when_busy="hold").start()
    t.comment("at work")
    t.bridge.wait_log("message.forwarded")
    t.comment("held")
    t.github("pull_request_review_comment", inline("held, too"))
    other = t.linked(43)
    t.github("pull_request_review_comment", inline("in a batch", 43))
    command(t, "/nairi stop")
    has(said(t, 1), "2 waiting messages were dropped", "goes on")
    command(t, "/nairi stop", 43)
    has(said(t, 1, 43), "1 waiting message was dropped")
    command(t, "/nairi stop", 43)
    has(said(t, 2, 43), "Nothing was waiting")
    t.settled()
    t.sandbox.post(f"/jobs/{job}/finish")
    t.bridge.wait_log("message.answered")
    t.comment("new", 43)
    t.comment("new")
    t.sandbox.wait(job, 2)
    t.sandbox.wait(other, 1)
    has(t.sandbox.prompts(job)[1], "new")
    has(t.sandbox.prompts(other)[0], "new")
    t.settled()
    eq((len(t.sandbox.prompts(job)), len(t.sandbox.prompts(other))), (2, 1), "messages")
    reasons = [delivery["reason"] for delivery in t.bridge.deliveries(state="ignored")]
    ok(len(reasons) >= 3, f"{reasons}")


@scenario("/nairi stop leaves what is in doubt alone: it is found, once")
def stop_in_doubt(t):
    job = t.linked()
    world(t).start()
    t.sandbox.fault(f"/{job}/continue", "reset_after")
    t.sandbox.fault(f"/{job}/messages", "status", status=503, times=1)
    t.comment("x")
    t.bridge.wait_log("message.in_doubt")
    t.comment("y")
    command(t, "/nairi stop")
    has(said(t, 1), "1 waiting message was dropped")
    t.bridge.wait_log("message.forwarded")
    t.settled()
    eq(len(t.sandbox.prompts(job)), 1, "messages")


@scenario("/nairi retry sends what failed again as a new message; with nothing failed it says so")
def retry(t):
    job = t.linked()
    world(t).start()
    command(t, "/nairi retry")
    has(said(t, 1), "nothing to try again")
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"not today"}')
    t.comment("the words")
    has(said(t, 2), "not today")
    command(t, "/nairi retry")
    has(said(t, 3), "Trying again: 1 message")
    t.sandbox.wait(job, 1)
    t.settled()
    prompt, = t.sandbox.prompts(job)
    has(prompt, "the words")
    eq(prompt.count("[nairi-bridge "), 1, "tags")
    command(t, "/nairi retry")
    has(said(t, 4), "nothing to try again")
    eq(len(t.sandbox.prompts(job)), 1, "messages")


@scenario("/nairi retry sends a whole batch that was refused again, as one prompt; and to another job when linked anew")
def retry_batch(t):
    job = t.linked()
    world(t, batch="500ms").start()
    t.sandbox.fault(f"/{job}/continue", "status", status=404, body='{"error":"job not found"}')
    for number in range(3):
        t.github("pull_request_review_comment", inline(f"part {number}", line=9 - number))
    has(said(t, 1), "job not found")
    other = t.job()
    command(t, f"/nairi link {other}")
    said(t, 2)
    command(t, "/nairi retry")
    has(said(t, 3), "Trying again: 3 messages")
    t.sandbox.wait(other, 1)
    t.settled()
    prompt, = t.sandbox.prompts(other)
    has(prompt, "part 0", "part 1", "part 2")
    eq(t.sandbox.prompts(job), [], "messages of the old job")


@scenario("/nairi retry sends again what stalled, when the job has come back")
def retry_stalled(t):
    job = t.linked()
    world(t).configure(nairi={"follow": {"stalled_after": "1s"}}).start()
    t.sandbox.post("/turns", {"job": job, "outcome": "stall", "times": 1})
    t.comment("the words")
    t.bridge.wait_log("message.stalled")
    has(said(t, 1), "did not pick this up")
    command(t, "/nairi retry")
    has(said(t, 2), "Trying again")
    t.sandbox.wait(job, 2)
    t.settled()
    eq([prompt.count("the words") for prompt in t.sandbox.prompts(job)], [1, 1], "messages")
    eq(t.sandbox.get("/duplicates")["duplicates"], [], "duplicates")


# ---- who, where, how often ----

@scenario("A stranger's command is ignored without an answer")
def strangers(t):
    job = t.linked()
    world(t, api=None).start()
    for login, more in (("mallory", {"association": "NONE"}), ("robot[bot]", {"kind": "Bot"})):
        answer = t.comment("/nairi unlink", login=login, **more)
        eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
        lacks(answer.json["reason"], "command")
    eq(linked_to(t), job, "link")


def vetted_command(t, permission, **fault):
    job = t.linked()
    t.sandbox.post("/github/permissions", {"user": "somebody", "permission": permission})
    world(t).start()
    if fault:
        t.sandbox.fault("/permission", **fault)
    payload, delivery = comment("/nairi unlink", login="somebody", association="NONE"), str(uuid.uuid4())
    answer = t.github("issue_comment", payload, delivery)
    eq(answer.status, 202, f"{answer}")
    return job, payload, delivery, answer.json["delivery_id"]


@scenario("A command of somebody who has to be vetted is carried out after the permission, once, whatever is sent again")
def vetted(t):
    _, payload, delivery, first = vetted_command(t, "write")
    line = t.bridge.wait_log("delivery.ignored", delivery_id=first)
    eq(line["reason"], "a command to the bridge: unlink", "reason")
    has(said(t, 1), "Unlinked")
    eq(linked_to(t), None, "link")
    for again in (delivery, str(uuid.uuid4())):
        answer = t.github("issue_comment", payload, again)
        eq((answer.status, answer.json), (200, {"status": "duplicate", "delivery_id": first}), "again")
    t.settled()
    eq(len(t.sandbox.comments(number=42)), 1, "answers")


@scenario("A command of somebody without the permission is dropped without an answer")
def vetted_no(t):
    job, _, _, first = vetted_command(t, "read")
    line = t.bridge.wait_log("delivery.ignored", delivery_id=first)
    has(line["reason"], "no write permission")
    t.settled()
    eq((linked_to(t), t.sandbox.comments(number=42)), (job, []), "link and answers")


@scenario("Killed while the permission is asked for: the command is carried out once after the restart")
def vetted_kill(t):
    _, _, _, first = vetted_command(t, "write", fault="delay_after", delay_ms=9000)
    t.sandbox.wait_requests("/permission", 1)
    t.bridge.kill()
    t.sandbox.release()
    t.bridge.start()
    t.bridge.wait_log("delivery.ignored", delivery_id=first)
    has(said(t, 1), "Unlinked")
    t.settled()
    eq((linked_to(t), len(t.sandbox.comments(number=42))), (None, 1), "link and answers")


@scenario("The same command sent again, under the same delivery id or another, is a duplicate and has no effect, also after a kill")
def duplicates(t):
    world(t).start()
    job, other = t.job(), t.job()
    payload, delivery = comment(f"/nairi link {job}"), str(uuid.uuid4())
    first = t.github("issue_comment", payload, delivery).json["delivery_id"]
    said(t, 1)
    command(t, f"/nairi link {other}")
    said(t, 2)
    for step, again in enumerate((delivery, str(uuid.uuid4()), delivery, str(uuid.uuid4()))):
        if step == 2:
            t.bridge.kill()
            t.bridge.start()
        answer = t.github("issue_comment", payload, again)
        eq((answer.status, answer.json), (200, {"status": "duplicate", "delivery_id": first}), "again")
    t.settled()
    eq((linked_to(t), len(t.sandbox.comments(number=42))), (other, 2), "link and answers")


@scenario("No command in code, in a quote or within a line; there it is a prompt like any other")
def not_in_code(t):
    job = t.linked()
    world(t).start()
    texts = ("```\n/nairi unlink\n```", "> /nairi unlink", "please say /nairi unlink", "    /nairi unlink", "`/nairi unlink`",
             "/nairid unlink", "/nairi-bridge unlink")
    for text in texts:
        answer = t.comment(f"look:\n\n{text}")
        eq(answer.status, 202, f"{text!r}: {answer}")
    t.sandbox.wait(job, len(texts))
    t.settled()
    eq((linked_to(t), t.sandbox.comments()), (job, []), "link and answers")


@scenario("Its own answers, which show commands, are not taken for commands when they come back")
def own_answers(t):
    job = t.linked()
    world(t).start()
    command(t, "/nairi help")
    said(t, 1)
    ours, = t.sandbox.comments(number=42)
    for login, more in (("mona", {}), ("bridge-bot", {"comment_id": ours["id"]})):
        for body in (ours["body"], "/nairi unlink\n\n" + ours["body"]):
            answer = t.comment(body, login=login, **more)
            eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
            has(answer.json["reason"], "own comment")
    t.settled()
    eq((linked_to(t), len(t.sandbox.comments(number=42))), (job, 1), "link and answers")


@scenario("command: gives another prefix, none takes commands away; with trigger: {mention} a command needs no mention")
def prefixes(t):
    t.linked()
    world(t, command="!bot", trigger={"mention": "@nairi"}).start()
    answer = t.comment("/nairi status")
    has(answer.json["reason"], "no trigger")
    command(t, "!bot status")
    has(said(t, 1), "Waiting: 0")
    t.configure(sources={"github": {"command": "none", "trigger": "any"}})
    t.write_config()
    t.bridge.reload()
    eq(t.comment("!bot status").status, 202, "a prompt")
    eq(t.comment("/nairi status").status, 202, "a prompt")
    t.settled()
    eq(len(t.sandbox.comments(number=42)), 1, "answers")


@scenario("A command in an inline comment or a review is carried out, too, and answered")
def elsewhere(t):
    job = t.linked()
    world(t).start()
    answer = t.github("pull_request_review_comment", inline("/nairi status"))
    has(answer.json["reason"], "a command to the bridge: status")
    has(said(t, 1), job)
    answer = t.github("pull_request_review", review("/nairi status", "commented"))
    has(answer.json["reason"], "a command to the bridge: status")
    has(said(t, 2), job)
    through(t)
    eq(t.sandbox.prompts(job), [], "messages")


@scenario("Several words behind the prefix are for the agent of a linked thread, and a mistake where none is")
def prompts(t):
    job = t.linked()
    world(t).start()
    eq(t.comment("/nairi please fix the tests now").status, 202, "status")
    t.sandbox.wait(job, 1)
    has(t.sandbox.prompts(job)[0], "/nairi please fix the tests now")


@scenario("Without an API token a command is carried out all the same, only nothing is said")
def silent(t):
    world(t, api={"token": None}).start()
    job = t.job()
    command(t, f"/nairi link {job}")
    eq(linked_to(t), job, "link")
    t.settled()
    eq(t.sandbox.comments(), [], "answers")


if __name__ == "__main__":
    main()
