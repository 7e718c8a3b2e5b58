#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a prompt after the API took it: the turn is followed to its end, its words come back to the thread, the job's
pull requests are linked, ended jobs are told or carried on, and no crash between any two steps tells anybody twice or not at all."""
import contextlib
import json
import os
import sqlite3
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402

THREAD = f"github:{REPO}#42"


def follow(t, reply="errors", nairi=None, source=None, **more):
    """A bridge that looks often, with this `reply:`."""
    pace = {"poll_min": "50ms", "poll_max": "200ms", "stalled_after": "60s", "give_up_after": "1h"}
    t.any_comment()
    t.configure(nairi=harness.merge({"follow": pace}, nairi or {}),
                sources={"github": harness.merge({"reply": reply}, source or {}), "ci": {"respond": "queued"}}, **more)
    return t


def turns(t, job=None, **how):
    t.sandbox.post("/turns", {**how, **({"job": job} if job else {})})


def by_hand(t, job, what, **more):
    return t.sandbox.post(f"/jobs/{job}/{what}", more)


def lists(t, job):
    return t.sandbox.job(job)["lists"]


def looked(t, job, times=3):
    """Until the job was looked at so often again, so that what stands there now has been seen."""
    count = lists(t, job) + times
    t.sandbox.ask("GET", f"/wait?job={job}&count=0&lists={count}&timeout_ms=30000", timeout=35)


def ask(t, body="please", number=42, **more):
    """One comment, accepted by the API; its delivery id."""
    answer = t.comment(body, number, **more)
    eq(answer.status, 202, f"{answer}")
    return answer.json["delivery_id"]


def state(t, delivery):
    found = [row for row in t.bridge.deliveries(limit=200) if row["delivery_id"] == delivery]
    return found[0]["state"]


def becomes(t, delivery, wanted):
    t.until(lambda: state(t, delivery) == wanted, f"{wanted} (it is {state(t, delivery)})")
    return t.bridge.delivery(delivery)


def ours(t, number=42):
    return [comment for comment in t.sandbox.comments(number=number)]


def said(t, count, *parts, number=42):
    """So many comments of ours, the last of which has these parts; and none comes after it."""
    found = t.sandbox.wait_comments(count, number)
    t.settled()
    found = ours(t, number)
    eq(len(found), count, "comments")
    has(found[-1]["body"], *parts)
    return found[-1]["body"]


def status_becomes(t, *parts, number=42):
    """The one status comment, once it has these parts."""
    def ready():
        found = ours(t, number)
        ok(len(found) < 2, f"{len(found)} comments: {[item['body'] for item in found]}")
        return found and all(part in found[0]["body"] for part in parts) and found[0]
    return t.until(ready, f"a status comment with {parts}")


def link_of(t, thread):
    answer = t.bridge.ask("GET", "/api/v1/links")
    eq(answer.status, 200, "status of /api/v1/links")
    return {row["thread"]: row for row in answer.json["links"]}.get(thread)


def quiet_job(t, job):
    """Nobody looks at it any more."""
    t.until(lambda: t.bridge.status()["deliver"]["followed"] == 0, "nothing is followed")


def names(line, delivery, job, number=42):
    """A line about a turn says whose it was, as the line did that told of its sending."""
    got = {field: line.get(field) for field in ("source", "delivery_id", "thread", "job_id")}
    eq(got, {"source": "github", "delivery_id": delivery, "thread": f"github:{REPO}#{number}", "job_id": job}, line["event"])


# ---- how it ends ----

@scenario("A turn is followed until its end: answered, in the ledger, in the log")
def answered(t):
    job = t.linked()
    follow(t).start()
    delivery = ask(t)
    line = t.bridge.wait_log("message.answered", job_id=job)
    eq(line["message_id"], t.sandbox.message_ids(job)[0], "message id")
    names(line, delivery, job)
    shown = becomes(t, delivery, "answered")
    eq(shown["messages"][0]["state"], "answered", "state in show")
    eq([row["delivery_id"] for row in t.bridge.deliveries(state="answered")], [delivery], "deliveries by state")
    eq(ours(t), [], "comments with reply: errors")


@scenario("Comments that went as one prompt: the log tells the end of each, under its own delivery")
def answered_together(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "answers", source={"when_busy": "hold"}).start()
    first = ask(t, "first")
    t.sandbox.wait(job, 1)
    held = [ask(t, f"held {number}") for number in range(3)]
    by_hand(t, job, "finish")
    t.sandbox.wait(job, 2)
    by_hand(t, job, "finish")
    t.bridge.wait_log("message.answered", 4, job_id=job)
    told = t.bridge.logs("message.answered")
    eq([line["delivery_id"] for line in told], [first, *held], "deliveries, in order")
    eq([line["message_id"] for line in told], [t.sandbox.message_ids(job)[number] for number in (0, 1, 1, 1)], "message ids")


@scenario("A failed turn: failed, and the author reads the agent's notices once, without repeats and without credentials")
def failed(t):
    job = t.linked()
    secret = "x-access-token:ghs_0123456789abcdefghijklmnopqrstuvwxyz@github.com"
    turns(t, outcome="fail", error_detail=f"could not push to https://{secret}/octo/hello @octocat")
    follow(t).start()
    delivery = ask(t)
    body = said(t, 1, "could not push to", "mona", "could not finish")
    lacks(body, "ghs_0123456789", "@octocat")
    eq(body.count("could not push to"), 1, "how often it is said")
    shown = becomes(t, delivery, "failed")
    lacks(json.dumps(shown), "ghs_0123456789")
    lacks(json.dumps(t.bridge.lines), "ghs_0123456789")
    names(t.bridge.wait_log("message.failed", job_id=job), delivery, job)
    t.bridge.stop()
    t.bridge.start()
    t.settled()
    eq(len(ours(t)), 1, "comments after a restart")


@scenario("An answer that was lost on its way (completed, a notice, no answer) is a failure, and told")
def answer_lost(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t).start()
    delivery = ask(t)
    t.sandbox.wait(job, 1)
    by_hand(t, job, "pickup")
    by_hand(t, job, "notice", notice="lost", error_detail="could not push the branch at all")
    by_hand(t, job, "complete", status="completed")
    said(t, 1, "could not push the branch at all")
    becomes(t, delivery, "failed")


@scenario("A late notice about the footer, after the answer, changes nothing")
def late_error(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "answers").start()
    delivery = ask(t)
    t.sandbox.wait(job, 1)
    by_hand(t, job, "pickup")
    by_hand(t, job, "answer", answer="All good.")
    by_hand(t, job, "complete")
    said(t, 1, "All good.")
    by_hand(t, job, "notice", notice="late_error")
    looked(t, job)
    becomes(t, delivery, "answered")
    eq(len(ours(t)), 1, "comments")


@scenario("One look at a job serves all its turns, and looks get rarer while nothing happens")
def pace(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, nairi={"follow": {"poll_min": "100ms", "poll_max": "2s"}}).start()
    for number in range(5):
        ask(t, f"prompt {number}")
    t.sandbox.wait(job, 5)
    since = lists(t, job)
    looked(t, job, 8)
    times = [request["time"] for request in t.sandbox.requests(f"/{job}/messages")]
    eq(t.bridge.status()["deliver"]["followed"], 5, "turns that are followed")
    clock = [float(at[17:23]) + 60 * float(at[14:16]) for at in times]
    gaps = [(b - a) % 3600 for a, b in zip(clock, clock[1:])]
    ok(len(gaps) > since and max(gaps[-2:]) > 1.0, f"looks do not get rarer: {gaps}")
    ok(sum(gaps) > 3, f"one look for five turns? {gaps}")
    for _ in range(5):
        by_hand(t, job, "finish")
    t.bridge.wait_log("message.answered", 5, job_id=job)


@scenario("follow.enabled: false: nothing is looked at, and the state stays forwarded")
def not_followed(t):
    job, other = t.linked(), t.linked(43)
    follow(t, nairi={"follow": {"enabled": False}}).start()
    delivery = ask(t)
    t.bridge.wait_log("message.forwarded", job_id=job)
    ask(t, number=43)
    t.bridge.wait_log("message.forwarded", job_id=other)
    t.sandbox.ask("GET", f"/wait?job={job}&count=1&settled=1&timeout_ms=30000")
    eq((lists(t, job), t.bridge.status()["deliver"]["followed"]), (0, 0), "looks, turns followed")
    eq(state(t, delivery), "forwarded", "state")


@scenario("Following is switched off by a reload: open turns are not looked at any more; switched on again, they are")
def reload_off_and_on(t):
    job = t.linked()
    slow = t.linked(50)
    t.sandbox.fault(f"/{slow}/continue", "delay_after", delay_ms=1000, times=2)
    turns(t, manual=True)
    follow(t, "errors", source={"when_busy": "send"}).start()
    delivery = ask(t)
    looked(t, job)
    t.configure(nairi={"follow": {"enabled": False}}).write_config()
    eq(t.bridge.reload()["event"], "bridge.reloaded", "reload")
    since = lists(t, job)
    ask(t, "one", 50)  # an event to wait for, which takes as long as several looks would
    t.bridge.wait_log("message.forwarded", job_id=slow)
    ok(lists(t, job) <= since + 1, "it goes on looking")
    t.bridge.stop()
    t.bridge.start()
    since = lists(t, job)
    by_hand(t, job, "finish")
    ask(t, "two", 50)
    t.bridge.wait_log("message.forwarded", 2, job_id=slow)
    t.configure(nairi={"follow": {"enabled": True}}).write_config()
    eq(lists(t, job), since, "looks after a start without following")
    eq(state(t, delivery), "forwarded", "state")
    t.bridge.reload()
    becomes(t, delivery, "answered")


@scenario("What is held behind a turn goes out when following is switched off: nobody would tell its end")
def off_releases(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "errors", source={"when_busy": "hold"}).start()
    ask(t, "first")
    t.sandbox.wait(job, 1)
    looked(t, job)
    ask(t, "second")
    t.configure(nairi={"follow": {"enabled": False}}, sources={"github": {"when_busy": None}}).write_config()
    t.bridge.reload()
    t.sandbox.wait(job, 2)


@scenario("A reload while turns are followed: they end as before, with the new settings")
def reload_while_followed(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "errors", nairi={"follow": {"poll_min": "100ms"}}).start()
    delivery = ask(t)
    looked(t, job, 1)
    t.configure(sources={"github": {"reply": "answers"}}).write_config()
    eq(t.bridge.reload()["event"], "bridge.reloaded", "reload")
    by_hand(t, job, "finish", answer="After the reload.")
    said(t, 1, "After the reload.")
    becomes(t, delivery, "answered")


@scenario("give_up_after: the state stays forwarded, with a reason; what was held goes out")
def gives_up(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "answers", nairi={"follow": {"stalled_after": "1s", "give_up_after": "2s"}}).start()
    first = ask(t, "first")
    t.sandbox.wait(job, 1)
    by_hand(t, job, "pickup")
    ask(t, "second")
    t.sandbox.wait(job, 2)
    names(t.bridge.wait_log("message.unfollowed", job_id=job), first, job)
    shown = t.bridge.delivery(first)
    eq(shown["messages"][0]["state"], "forwarded", "state")
    has(shown["messages"][0]["reason"], "no end of the turn was seen")
    has(t.sandbox.wait_comments(1, 42)[0]["body"], "No answer was seen")


@scenario("A list that cannot be had (500, a page, half a list, 404) ends no turn; the next good one does")
def bad_lists(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "answers").start()
    delivery = ask(t)
    looked(t, job, 1)
    faults = [t.sandbox.fault(f"/{job}/messages", fault, **more) for fault, more in
              (("status", {"status": 500}), ("html", {}), ("truncated", {}), ("cut", {}), ("empty", {}),
               ("wrong_types", {}), ("status", {"status": 404}), ("reset_before", {}),
               ("status", {"status": 200, "body": '{"messages":[]}'}))]
    by_hand(t, job, "finish", answer="At last.")
    said(t, 1, "At last.")
    eq([t.sandbox.hits(fault) for fault in faults], [1] * len(faults), "hits")
    becomes(t, delivery, "answered")


@scenario("A second client that posts to the same job before, between and after does not confuse whose answer is whose")
def second_client(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "answers", source={"when_busy": "send"}).start()

    def other(text):
        t.sandbox.post(f"/jobs/{job}/messages", {"role": "user", "content": text})

    def turn(answer):
        by_hand(t, job, "pickup")
        by_hand(t, job, "answer", answer=answer)
        by_hand(t, job, "complete")

    other("a stranger's first")
    one = ask(t, "mine, one")
    t.sandbox.wait(job, 2)
    other("a stranger's second")
    two = ask(t, "mine, two")
    t.sandbox.wait(job, 4)
    other("a stranger's third")
    turn("for the stranger, first")
    looked(t, job)
    eq(ours(t), [], "comments")
    turn("for mine, one")
    has(said(t, 1, "for mine, one"), "mona")
    turn("for the stranger, second")
    looked(t, job)
    eq(len(ours(t)), 1, "comments")
    turn("for mine, two")
    said(t, 2, "for mine, two")
    turn("for the stranger, third")
    looked(t, job)
    becomes(t, one, "answered")
    becomes(t, two, "answered")
    eq([len([c for c in ours(t) if "stranger" in c["body"]]), len(ours(t))], [0, 2], "comments")


# ---- what is said ----

@scenario("reply: none says nothing, neither of answers nor of failures")
def reply_none(t):
    job = t.linked()
    follow(t, "none").start()
    ask(t)
    t.bridge.wait_log("message.answered", job_id=job)
    turns(t, outcome="fail")
    ask(t)
    t.bridge.wait_log("message.failed", job_id=job)
    t.settled()
    eq((ours(t), t.sandbox.reactions(), t.bridge.logs("reply.failed")), ([], [], []), "comments, reactions, failures")


@scenario("reply: answers brings the agent's words back as Markdown, without pings, closed issues or credentials")
def answer_as_markdown(t):
    t.linked()
    secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
    turns(t, answer=f"*Done*, see <https://example.com/x|the page>. @octocat fixes #7.\n• one\n{secret} <!-- hidden -->\n"
          "```\n@code *stays*\n```")
    follow(t, "answers").start()
    ask(t)
    body = said(t, 1, "**Done**", "[the page](https://example.com/x)", "octocat", "- one", "@code *stays*")
    lacks(body, "@octocat", "fixes #7", secret, "hidden")
    t.bridge.wait_log("answer.posted")


@scenario("An empty answer posts nothing; several messages are one comment")
def empty_and_several(t):
    job = t.linked()
    turns(t, answer="")
    follow(t, "answers").start()
    becomes(t, ask(t), "answered")
    turns(t, answers=["First part.", "", "Second part."])
    becomes(t, ask(t), "answered")
    body = said(t, 1, "First part.", "Second part.")
    ok(body.index("First") < body.index("Second"), "order")
    eq(lists(t, job) > 0, True, "looks")


@scenario("Completed first and the answer later, or the other way round: the answer comes back all the same, once")
def gaps(t):
    t.linked()
    follow(t, "answers", source={"when_busy": "send"}).start()
    for number, gap in enumerate((40, -40), 1):
        turns(t, answer=f"Answer {number}.", answer_gap_ms=gap)
        becomes(t, ask(t, f"prompt {number}"), "answered")
        said(t, number, f"Answer {number}.")


@scenario("A comment on a line is answered below it, others in the thread")
def inline_answer(t):
    t.linked()
    turns(t, answer="Fixed that line.")
    follow(t, "answers", source={"batch": "0s"}).start()
    parent = t.sandbox.post("/github/comments", {"repo": REPO, "number": 42, "user": "mona", "body": "here", "kind": "review",
                                                 "path": "src/main.c"})["id"]
    eq(t.github("pull_request_review_comment", inline("here", comment_id=parent)).status, 202, "status")
    found = t.sandbox.wait_comments(1, 42)[0]
    has(found["body"], "Fixed that line.")
    eq((found["kind"], found.get("in_reply_to_id")), ("review", parent), "kind and parent")


@scenario("An answer beyond the limit is cut in sight, with its fence closed, and still ours")
def long_answer(t):
    t.linked()
    turns(t, answer="```\n" + "x" * 90 + "\n" + ("line of the log\n" * 9000))
    follow(t, "answers").start()
    ask(t)
    body = said(t, 1, "cut:", "nairi-bridge:reply:")
    ok(len(body.encode()) <= 65536, f"{len(body.encode())} bytes")
    eq(body.count("```"), 2, "fences")


@scenario("reply: status is one comment, edited in place: working, then the answer")
def status_answer(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "status").start()
    ask(t)
    status_becomes(t, "👀")
    by_hand(t, job, "finish", answer="The *answer*.")
    found = status_becomes(t, "✅", "The **answer**.")
    ok(found["edits"] >= 1, "it was edited")
    lacks(found["body"], "👀")


@scenario("reply: status tells who waits behind a running turn, then that it is worked on, then the answer")
def status_waits(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "status").start()
    ask(t, "first")
    status_becomes(t, "👀")
    ask(t, "second")
    has(t.sandbox.wait_comments(2, 42)[1]["body"], "⏳")
    by_hand(t, job, "finish", answer="One.")
    t.sandbox.wait(job, 2)
    t.until(lambda: "👀" in ours(t)[1]["body"], "it is worked on")
    by_hand(t, job, "finish", answer="Two.")
    t.until(lambda: "Two." in ours(t)[1]["body"], "the second answer")
    t.settled()
    first, second = ours(t)
    has(first["body"], "✅", "One.")
    has(second["body"], "✅", "Two.")


@scenario("reply: status tells a failed turn, a refusal and a stalled turn in the same comment")
def status_bad_ends(t):
    job = t.linked()
    turns(t, outcome="fail", error_detail="no space left")
    follow(t, "status").start()
    ask(t)
    status_becomes(t, "❌", "no space left")
    t.link(f"github:{REPO}#43", JOB_UNKNOWN)
    ask(t, number=43)
    status_becomes(t, "❌", "job not found", number=43)
    job = t.link(f"github:{REPO}#44", t.job())
    turns(t, job=job, manual=True)
    ask(t, number=44)
    status_becomes(t, "👀", number=44)
    by_hand(t, job, "end", form="merged", name="octocat")
    found = status_becomes(t, "✋", "merged", number=44)
    lacks(found["body"], "👀")


def edit_fault(name, goal, *faults):
    def run(t):
        job = t.linked()
        turns(t, manual=True)
        follow(t, "status").start()
        ask(t)
        status_becomes(t, "👀")
        ids = [t.sandbox.fault("/issues/comments/", method="PATCH", **fault) for fault in faults]
        by_hand(t, job, "finish", answer="In the end.")
        status_becomes(t, "✅", "In the end.")
        t.settled()
        eq([t.sandbox.hits(i) for i in ids], [1] * len(ids), "hits")
        eq(t.bridge.logs("reply.failed"), [], "failures")
        eq(len(ours(t)), 1, "comments")
    run.__name__ = name
    scenario(goal)(run)


edit_fault("edit_lost", "An edit whose answer is lost is made again: one comment, the right text", {"fault": "reset_after"})
edit_fault("edit_reset", "An edit that never arrived is made again", {"fault": "reset_before"})
edit_fault("edit_500", "An edit that gets 502 is made again", {"fault": "status", "status": 502})
edit_fault("edit_limited", "An edit that hits GitHub's rate limit waits and is made again",
           {"fault": "status", "status": 403, "headers": {"retry-after": "1"},
            "body": '{"message":"You have exceeded a secondary rate limit."}'})


def deleted_status(t, *faults):
    """A status comment at work, which somebody deletes; what the forge does with the next calls ({}: its id); then the answer.
    Returns the job, and what was deleted."""
    job = t.linked()
    turns(t, job=job, manual=True)
    follow(t, "status").start()
    ask(t)
    found = status_becomes(t, "👀")
    t.sandbox.ask("DELETE", f"/github/comments/{found['id']}")
    for path, fault in faults:
        t.sandbox.fault(path.format(found["id"]), **fault)
    by_hand(t, job, "finish", answer="For the author.")
    return job, found


def edits_of(t, found):
    return len(t.sandbox.requests("/issues/comments/" + str(found["id"]), method="PATCH"))


@scenario("A status comment that somebody deleted is posted anew, once, in the same thread; deleted once all is said, it stays so")
def edit_deleted(t):
    job, gone = deleted_status(t)
    found = status_becomes(t, "✅", "For the author.")
    t.settled()
    t.bridge.stop()
    t.bridge.start()
    t.settled()
    eq((len(ours(t)), edits_of(t, gone), t.bridge.logs("reply.failed")), (1, 1, []), "comments, edits of the deleted one, failures")
    eq(t.bridge.wait_log("reply.gone")["remote_id"], f"issue_comment/{gone['id']}", "which one it was")
    t.sandbox.ask("DELETE", f"/github/comments/{found['id']}")
    turns(t, job=job, manual=False)
    ask(t, "again")
    status_becomes(t, "✅")
    t.settled()
    eq(len(ours(t)), 1, "comments: what is over stays deleted")


@scenario("…and the one that is posted anew is edited from then on")
def edit_deleted_goes_on(t):
    job = t.linked()
    turns(t, job=job, manual=True)
    follow(t, "status").start()
    ask(t, "first")
    t.sandbox.wait(job, 1)
    ask(t, "second")
    waits = t.sandbox.wait_comments(2, 42)[1]
    has(waits["body"], "⏳")
    t.sandbox.ask("DELETE", f"/github/comments/{waits['id']}")
    by_hand(t, job, "finish", answer="One.")
    t.until(lambda: len(ours(t)) == 2 and "👀" in ours(t)[1]["body"], "it is worked on, in a new comment")
    new = ours(t)[1]
    ok(new["id"] != waits["id"], "a new comment")
    by_hand(t, job, "finish", answer="Two.")
    t.until(lambda: "Two." in ours(t)[1]["body"], "the second answer")
    t.settled()
    eq([item["id"] for item in ours(t)][1:], [new["id"]], "comments")
    eq((edits_of(t, waits), t.bridge.logs("reply.failed")), (1, []), "edits of the deleted one, failures")


def deleted_and(name, goal, *faults):
    def run(t):
        _, gone = deleted_status(t, *(("/issues/42/comments", {"method": "POST", **fault}) for fault in faults))
        status_becomes(t, "✅", "For the author.")
        t.settled()
        eq((len(ours(t)), edits_of(t, gone), t.bridge.logs("reply.failed")), (1, 1, []), "comments, edits, failures")
    run.__name__ = name
    scenario(goal)(run)


deleted_and("edit_deleted_lost", "…also when the answer to that posting is lost: looked for, not posted twice",
            {"fault": "reset_after"})
deleted_and("edit_deleted_502", "…or hides behind a 502", {"fault": "status", "status": 502, "create": True})
deleted_and("edit_deleted_not_sent", "…or it never arrived", {"fault": "reset_before"})


@scenario("…and over a kill between the two: found again by its marker")
def edit_deleted_killed(t):
    held = {"fault": "delay_after", "delay_ms": 9000, "method": "POST"}
    _, gone = deleted_status(t, ("/issues/42/comments", held))
    t.sandbox.wait_comments(1, 42)
    t.bridge.kill()
    t.sandbox.release()
    t.bridge.start()
    t.settled()
    status_becomes(t, "✅", "For the author.")
    eq((len(ours(t)), edits_of(t, gone), t.bridge.logs("reply.failed")), (1, 1, []), "comments, edits of the deleted one, failures")


@scenario("A token that does not see the conversation any more: one edit, one posting, reply.failed once, other replies go on")
def edit_hidden(t):
    hidden = {"fault": "status", "status": 404, "body": '{"message":"Not Found"}', "times": 0}
    t.linked(43)
    _, gone = deleted_status(t, ("/issues/comments/{}", {"method": "PATCH", **hidden}),
                             ("/issues/42/comments", {"method": "POST", **hidden}))
    t.bridge.wait_log("reply.failed", upstream_status=404)
    ask(t, "elsewhere", 43)
    status_becomes(t, "✅", number=43)
    t.bridge.stop()
    t.bridge.start()
    t.settled()
    eq((edits_of(t, gone), len(t.bridge.logs("reply.failed"))), (1, 1), "edits, failures")
    eq(len(t.sandbox.requests("/issues/42/comments", method="POST")), 2, "postings: the first, and that one")


@scenario("A 404 on an edit that is not GitHub's own (no JSON) proves nothing: the edit is made again")
def edit_404_page(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, "status").start()
    ask(t)
    found = status_becomes(t, "👀")
    t.sandbox.fault("/issues/comments/", "html", method="PATCH", status=404)
    by_hand(t, job, "finish", answer="In the end.")
    eq(status_becomes(t, "✅", "In the end.")["id"], found["id"], "the comment")


@scenario("A status comment that could not be posted at first still brings the answer")
def status_first_refused(t):
    job = t.linked()
    turns(t, manual=True)
    t.sandbox.fault("/issues/42/comments", "status", method="POST", status=422, body='{"message":"Validation Failed"}')
    follow(t, "status").start()
    ask(t)
    t.bridge.wait_log("reply.failed")
    by_hand(t, job, "finish", answer="Here it is.")
    status_becomes(t, "✅", "Here it is.")


def overtaken(name, goal, lost):
    """The answer comes while the first posting, or the look for it after its answer was lost, is under way."""
    def run(t):
        job = t.linked()
        turns(t, manual=True)
        if lost:
            t.sandbox.fault("/issues/42/comments", "reset_after", method="POST")
        held = t.sandbox.fault("/issues/42/comments", "delay_after", method="GET" if lost else "POST", delay_ms=9000)
        follow(t, "status").start()
        ask(t)
        t.until(lambda: t.sandbox.hits(held) == 1, "the call that is held")
        by_hand(t, job, "finish", answer="Meanwhile.")
        t.bridge.wait_log("message.answered", job_id=job)
        t.sandbox.release()
        status_becomes(t, "✅", "Meanwhile.")
        t.settled()
        eq(len(ours(t)), 1, "comments")
    run.__name__ = name
    scenario(goal)(run)


overtaken("status_overtaken", "The answer comes while the status comment is being posted: one comment, which ends with it", False)
overtaken("status_post_lost", "…and while a posting whose answer was lost is being looked for", True)


# ---- links ----

def linked_by(name, goal, number=7, thread=f"github:{REPO}#7", **how):
    def run(t):
        job = t.job()
        url = how.pop("pr_url", f"https://github.com/{REPO}/pull/{number}")
        turns(t, pr_url=url, **how)
        follow(t).start()
        eq(t.generic("ci", {"job_id": job, "prompt": "go"}).status, 202, "status")
        line = t.bridge.wait_log("job.linked", job_id=job)
        eq(line["thread"], thread, "thread")
        eq(link_of(t, thread)["job_id"], job, "job of the link")
        turns(t, git="none")
        ask(t, "on the pull request", number)
        t.sandbox.wait(job, 2)
    run.__name__ = name
    scenario(goal)(run)


linked_by("link_s1", "A pull request that a job opens is linked to it by itself", git="markdown")
linked_by("link_s1_plain", "…in the documentation's plain form, too", git="plain")
linked_by("link_warning", "…with a warning of the forge's tool before the URL", git="markdown",
          git_warning="Warning: 2 uncommitted changes\n")
linked_by("link_late", "…when the notice comes 400 ms after the answer", git="markdown", notice_ms=400)
linked_by("link_capitals", "…with owner and repository in capitals", git="markdown",
          pr_url="https://github.com/Octo/HELLO/pull/7")


@scenario("A follow-up commit (S2) alone links its pull request; one on another host links nothing")
def link_s2(t):
    job, other = t.job(), t.job()
    turns(t, manual=True)
    follow(t).start()
    for job_id in (other, job):
        t.generic("ci", {"job_id": job_id, "prompt": "go"})
        t.sandbox.wait(job_id, 1)
    by_hand(t, other, "notice", notice="opened", pr_url="https://github.example.org/octo/hello/pull/8")
    looked(t, other)
    by_hand(t, job, "notice", notice="added", pr_url=f"https://github.com/{REPO}/pull/9")
    t.bridge.wait_log("job.linked", job_id=job, thread=f"github:{REPO}#9")
    eq([line["thread"] for line in t.bridge.logs("job.linked")], [f"github:{REPO}#9"], "links")


@scenario("Links made by hand or by configuration stay, whatever a job announces; a thread unlinked by hand stays unlinked")
def hand_wins(t):
    manual, fixed, job = t.job(), t.job(), t.job()
    t.link(f"github:{REPO}#2", fixed)
    turns(t, manual=True)
    follow(t).start()
    t.link(f"github:{REPO}#1", manual)
    t.link(f"github:{REPO}#3", manual)
    eq(t.bridge.ask("DELETE", "/api/v1/links/" + urllib.parse.quote(f"github:{REPO}#3", safe="")).status in (200, 204), True,
       "unlinked")
    t.generic("ci", {"job_id": job, "prompt": "go"})
    t.sandbox.wait(job, 1)
    for number in (1, 2, 3, 4):
        by_hand(t, job, "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/{number}")
    t.bridge.wait_log("job.linked", thread=f"github:{REPO}#4")
    looked(t, job)
    eq([(link_of(t, f"github:{REPO}#{n}") or {}).get("job_id") for n in (1, 2, 3, 4)], [manual, fixed, None, job], "links")


# ---- jobs that were started elsewhere ----

def discovering(t, agents=("my-agent",), every="200ms"):
    return follow(t, nairi={"discover": {"agents": list(agents), "every": every}})


def walks(t, agent, count):
    """Waits for so many more pages of an agent's jobs."""
    path = f"/agents/{agent}/conversations"
    t.sandbox.wait_requests(path, len(t.sandbox.requests(path)) + count)


@scenario("A job that was started elsewhere and announces a pull request is linked; jobs that did not change are left alone")
def discovered(t):
    discovering(t).start()
    walks(t, "my-agent", 2)
    job = t.job(agent="my-agent")
    walks(t, "my-agent", 2)
    by_hand(t, job, "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/70")
    t.bridge.wait_log("job.linked", job_id=job, thread=f"github:{REPO}#70")
    walks(t, "my-agent", 2)
    before = t.sandbox.get("/counts")["lists"]
    walks(t, "my-agent", 4)
    eq(t.sandbox.get("/counts")["lists"], before, "lists of jobs that did not change")
    t.bridge.stop()
    t.bridge.start()
    walks(t, "my-agent", 3)
    eq(t.sandbox.get("/counts")["lists"], before, "lists after a restart")


@scenario("An agent with more jobs than a page shows is walked to its end in one go")
def discovered_pages(t):
    for number in range(130):
        t.job(agent="my-agent")
    late = t.job(agent="my-agent")
    by_hand(t, late, "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/71")
    discovering(t, every="1h").start()
    t.bridge.wait_log("job.linked", job_id=late)
    eq(t.bridge.logs("job.linked", job_id=lambda job: job != late), [], "other links")


@scenario("More jobs than two pages show, all changed at one moment: the last of them, and one that changes later, are found, too")
def discovered_one_moment(t):
    jobs = [t.job(agent="my-agent") for _ in range(230)]
    for number, job in ((71, jobs[110]), (72, jobs[229])):
        by_hand(t, job, "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/{number}")
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    for job in jobs:
        t.sandbox.post(f"/jobs/{job}", {"updated_at": moment})
    discovering(t).start()
    for number, job in ((71, jobs[110]), (72, jobs[229])):
        t.bridge.wait_log("job.linked", job_id=job, thread=f"github:{REPO}#{number}")
    by_hand(t, jobs[0], "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/73")
    t.bridge.wait_log("job.linked", job_id=jobs[0])
    walks(t, "my-agent", 4)
    before = t.sandbox.get("/counts")["lists"]
    walks(t, "my-agent", 4)
    eq(t.sandbox.get("/counts")["lists"], before, "lists of jobs that did not change")


@scenario("An agent that the API does not know is warned of, and the others are walked all the same")
def discovered_unknown(t):
    job = t.job(agent="my-agent")
    by_hand(t, job, "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/72")
    discovering(t, ("no-such-agent", "my-agent")).start()
    t.bridge.wait_log("discover.failed", agent="no-such-agent")
    t.bridge.wait_log("job.linked", job_id=job)


def announcing(t, *numbers):
    """A job for each pull request, which says that it opened it; in this order of change."""
    jobs = []
    for number in numbers:
        jobs.append(t.job(agent="my-agent"))
        by_hand(t, jobs[-1], "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/{number}")
    return jobs


def linked_to(t, job, number):
    return t.bridge.wait_log("job.linked", job_id=job, thread=f"github:{REPO}#{number}")


def unread(t, job):
    return len(t.bridge.logs("discover.failed", job_id=job))


def discovered_stuck(name, goal, **fault):
    def run(t):
        stuck, good = announcing(t, 80, 81)
        held = t.sandbox.fault(f"/{stuck}/messages", times=0, **fault)
        discovering(t).configure(nairi={"timeout": "500ms"}).start()
        linked_to(t, good, 81)
        t.until(lambda: t.sandbox.hits(held) >= 3, "it is looked at again")
        eq(unread(t, stuck), 1, "how often it is told")
        t.bridge.stop()
        t.bridge.start()
        again = t.sandbox.hits(held)
        late, = announcing(t, 82)
        linked_to(t, late, 82)
        t.until(lambda: t.sandbox.hits(held) >= again + 2, "…after a restart, too")
        t.sandbox.remove(held)
        t.sandbox.release()
        linked_to(t, stuck, 80)
        before = t.sandbox.get("/counts")["lists"]
        walks(t, "my-agent", 4)
        eq((t.sandbox.get("/counts")["lists"], unread(t, stuck)), (before, 1), "lists after that, how often it is told")
    run.__name__ = name
    scenario(goal)(run)


discovered_stuck("discovered_stuck_500", "A job whose list answers 500 for ever delays no other job, and is read when it can be",
                 fault="status", status=500)
discovered_stuck("discovered_stuck_page", "…or is a page from something in between, with 200",
                 fault="status", status=200, body="<html></html>")
discovered_stuck("discovered_stuck_silent", "…or never comes", fault="delay_before", delay_ms=30000)


@scenario("Several such jobs one after the other: those behind them are read, one after the other of them, too, once they can be")
def discovered_stuck_many(t):
    *stuck, good = announcing(t, *range(80, 88))
    held = [t.sandbox.fault(f"/{job}/messages", "status", status=500, times=0) for job in stuck]
    discovering(t).start()
    linked_to(t, good, 87)
    t.until(lambda: all(t.sandbox.hits(fault) >= 4 for fault in held), "each is looked at again")
    eq([unread(t, job) for job in stuck], [1] * len(stuck), "how often each is told")
    for number, fault in enumerate(held[1:], 81):
        t.sandbox.remove(fault)
        linked_to(t, stuck[number - 80], number)
    eq(t.bridge.logs("job.linked", job_id=stuck[0]), [], "links of the one that is left")
    by_hand(t, stuck[0], "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/90")
    walks(t, "my-agent", 3)
    eq(unread(t, stuck[0]), 1, "how often it is told after another change")
    t.sandbox.remove(held[0])
    linked_to(t, stuck[0], 80)
    linked_to(t, stuck[0], 90)


def discovered_outage(name, goal, **fault):
    def run(t):
        numbers = range(80, 92)
        jobs = announcing(t, *numbers)
        held = t.sandbox.fault("/messages", times=0, **fault)
        discovering(t).start()
        t.until(lambda: any(unread(t, job) for job in jobs), "it comes to these jobs")
        t.bridge.kill()
        told = ["job_id" in line for line in t.bridge.logs("discover.failed", agent="my-agent")]
        ok(not any(all(told[at:at + 4]) for at in range(len(told) - 3)), f"more than three are gone past without a pause: {told}")
        t.bridge.start()
        t.sandbox.remove(held)
        for job, number in zip(jobs, numbers):
            linked_to(t, job, number)
        eq(len(t.bridge.logs("job.linked")), len(jobs), "links")
    run.__name__ = name
    scenario(goal)(run)


discovered_outage("discovered_outage", "While no list can be read nothing is lost: the walk waits, and all are read afterwards",
                  fault="status", status=502)
discovered_outage("discovered_key", "…while the key is refused", fault="status", status=401)
discovered_outage("discovered_limited", "…while the API asks for patience", fault="status", status=429)


def postponed(t, ids, updated_ms):
    """As if the walk had gone past these jobs; the bridge must be at rest."""
    with contextlib.closing(sqlite3.connect(os.path.join(t.directory, "bridge.db"))) as db, db:
        db.execute("INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)",
                   ("postponed:my-agent", " ".join(f"{job} {updated_ms}" for job in ids)))


@scenario("A job that could not be read for as long as the ledger goes back is given up, with a word in the log, until it changes")
def discovered_given_up(t):
    job = t.job(agent="my-agent")
    discovering(t).start()
    walks(t, "my-agent", 2)
    t.bridge.stop()
    postponed(t, [job], 1000)
    held = t.sandbox.fault(f"/{job}/messages", "status", status=500, times=0)
    t.bridge.start()
    line = t.bridge.wait_log("discover.failed", job_id=job)
    has(line["msg"], "given up")
    walks(t, "my-agent", 4)
    eq((t.sandbox.hits(held), unread(t, job)), (1, 1), "looks, and lines in the log")
    t.sandbox.remove(held)
    by_hand(t, job, "notice", notice="opened", pr_url=f"https://github.com/{REPO}/pull/80")
    linked_to(t, job, 80)


@scenario("With as many jobs postponed as there is room for, the walk waits and loses none; what is gone makes room")
def discovered_full(t):
    discovering(t).start()
    walks(t, "my-agent", 2)
    t.bridge.stop()
    postponed(t, [f"job_01KRK1V46BXS73CSNK2VR{number:05}" for number in range(256)], int(time.time() * 1000))
    held = t.sandbox.fault("/messages", "status", status=500, times=0)
    jobs = announcing(t, 80, 81)
    t.bridge.start()
    t.bridge.wait_log("discover.failed", 3, msg=lambda words: "waits" in words)
    eq([unread(t, job) for job in jobs], [0, 0], "jobs that are gone past")
    t.sandbox.remove(held)
    linked_to(t, jobs[0], 80)
    linked_to(t, jobs[1], 81)
    walks(t, "my-agent", 2)
    mark = t.sandbox.requests("/messages")[-1]["number"]
    walks(t, "my-agent", 3)
    eq([item["path"] for item in t.sandbox.requests("/messages", since=mark)], [], "lists once all 256 are known to be gone")


@scenario("A list that is longer than can be read delays nobody either, and is told")
def discovered_too_long(t):
    long_, good = announcing(t, 80, 81)
    t.sandbox.fault(f"/{long_}/messages", "status", status=200, body="x" * (33 << 20), times=0)
    discovering(t).start()
    linked_to(t, good, 81)
    has(t.bridge.wait_log("discover.failed", job_id=long_)["msg"], "too long")
    walks(t, "my-agent", 3)
    eq(unread(t, long_), 1, "how often it is told")


# ---- jobs that have ended ----

def ended(form, words):
    def run(t):
        job = t.linked()
        by_hand(t, job, "end", form=form)
        follow(t).start()
        delivery = ask(t)
        said(t, 1, "did not pick this up", words)
        becomes(t, delivery, "stalled")
        names(t.bridge.wait_log("message.stalled", job_id=job), delivery, job)
        t.bridge.wait_log("job.ended", job_id=job)
        quiet_job(t, job)
        t.bridge.stop()
        t.bridge.start()
        eq(t.bridge.status()["deliver"]["followed"], 0, "turns followed after a restart")
        t.settled()
        eq(len(ours(t)), 1, "comments after a restart")
    run.__name__ = f"ended_{form}"
    scenario(f"A job that ended ({form}) and takes the comment all the same: stalled, told at once why, once")(run)


for form_, words_ in (("merged", "was merged"), ("closed", "was closed"), ("inactive", "inactive"),
                      ("abandoned", "was deleted"), ("untidy", "was deleted")):
    ended(form_, words_)


@scenario("The job picks it up, finds its branch gone and drops it: stalled, told once why")
def ended_under_it(t):
    job = t.linked()
    turns(t, manual=True, outcome="gone")
    follow(t).start()
    delivery = ask(t)
    t.sandbox.wait(job, 1)
    by_hand(t, job, "pickup")
    looked(t, job)
    by_hand(t, job, "finish")
    said(t, 1, "did not pick this up", "its branch was deleted", "was deleted (likely merged)")
    becomes(t, delivery, "stalled")
    t.bridge.wait_log("job.ended", job_id=job)
    quiet_job(t, job)
    t.settled()
    eq(len(ours(t)), 1, "comments")


@scenario("Nobody picks a message up and no notice says why: stalled after stalled_after, told once")
def stalled_silently(t):
    t.linked()
    turns(t, outcome="stall")
    follow(t, nairi={"follow": {"stalled_after": "1s"}}).start()
    delivery = ask(t)
    said(t, 1, "did not pick this up", "nobody began with it")
    has(becomes(t, delivery, "stalled")["messages"][0]["reason"], "nobody picked it up")


@scenario("A message that waits behind the job's own running turn has not stalled, however long that takes")
def busy_is_not_stalled(t):
    job = t.linked()
    turns(t, manual=True)
    follow(t, nairi={"follow": {"stalled_after": "1s"}}, source={"when_busy": "send"}).start()
    first = ask(t, "first")
    t.sandbox.wait(job, 1)
    by_hand(t, job, "pickup")
    second = ask(t, "second")
    t.sandbox.wait(job, 2)
    looked(t, job, 12)  # two seconds at 200 ms
    eq((state(t, first), state(t, second)), ("forwarded", "forwarded"), "states while the first turn runs")
    by_hand(t, job, "finish")
    by_hand(t, job, "finish")
    becomes(t, first, "answered")
    becomes(t, second, "answered")
    eq(ours(t), [], "comments")


@scenario("An ended job whose API refuses is told in the API's words")
def ended_rejects(t):
    job = t.linked()
    t.sandbox.post("/policy", {"policy": "reject", "status": 400, "text": "job has ended, so there", "job": job})
    by_hand(t, job, "end", form="closed")
    follow(t).start()
    delivery = ask(t)
    said(t, 1, "job has ended, so there")
    becomes(t, delivery, "failed")


@scenario("An ended job that the API revives is a normal turn")
def ended_revives(t):
    job = t.linked()
    t.sandbox.post("/policy", {"policy": "revive", "job": job})
    by_hand(t, job, "end", form="closed")
    follow(t, "answers").start()
    delivery = ask(t)
    said(t, 1, "Done (turn 1).")
    becomes(t, delivery, "answered")


# ---- a new job where the old one ended ----

RESTART = {"ended": "restart", "start": {"agent": "my-agent"}}


def new_job(t, thread=THREAD, *old):
    def found():
        row = link_of(t, thread)
        return row and row["job_id"].startswith("job_") and row["job_id"] not in old and row["job_id"]
    return t.until(found, "a link to the new job")


def no_second(t):
    eq(t.sandbox.get("/duplicates")["duplicates"], [], "tags at more than one message")


@scenario("ended: restart also where the job found its branch gone only when it had picked the comment up")
def restarts_under_it(t):
    job = t.linked()
    turns(t, job=job, outcome="gone")
    follow(t, source=RESTART).start()
    ask(t, "go on with this")
    new = new_job(t, THREAD, job)
    t.bridge.wait_log("message.answered", job_id=new)
    prompt, = t.sandbox.prompts(new)
    has(prompt, "go on with this", job)
    said(t, 1, new)
    no_second(t)


@scenario("ended: restart starts a new job with URL, file, line and words, and links the thread to it; told once")
def restarts(t):
    job = t.linked()
    by_hand(t, job, "end", form="inactive")
    follow(t, source={**RESTART, "batch": "0s"}).start()
    parent = t.sandbox.post("/github/comments", {"repo": REPO, "number": 42, "user": "mona", "body": "gap", "kind": "review",
                                                 "path": "src/main.c"})["id"]
    eq(t.github("pull_request_review_comment", inline("mind the gap", comment_id=parent)).status, 202, "status")
    new = new_job(t, THREAD, job)
    t.bridge.wait_log("message.answered", job_id=new)
    prompt, = t.sandbox.prompts(new)
    has(prompt, f"https://github.com/{REPO}/pull/42", "src/main.c", "12", "mind the gap", job)
    said(t, 1, new)
    ask(t, "and more")
    t.sandbox.wait(new, 2)
    no_second(t)
    eq(len(ours(t)), 1, "comments")


@scenario("ended: restart with several comments: all go to one new job, in order")
def restarts_several(t):
    job = t.linked()
    by_hand(t, job, "end", form="inactive")
    fault = t.sandbox.fault(f"/{job}/messages", "status", status=500, times=0)
    follow(t, source={**RESTART, "when_busy": "send"}).start()
    for number in range(3):
        ask(t, f"words {number}")
    t.sandbox.wait(job, 3)
    t.sandbox.remove(fault)
    new = new_job(t, THREAD, job)
    ask(t, "words 3")
    t.until(lambda: "words 3" in "".join(t.sandbox.prompts(new)), "the last of them")
    t.settled()
    text = "".join(t.sandbox.prompts(new))
    places = [text.find(f"words {number}") for number in range(4)]
    ok(-1 not in places and places == sorted(places), f"words 0 to 3 in order: {places} in {text}")
    eq(len([row for row in t.sandbox.get("/jobs")["jobs"] if row["user_messages"]]), 2, "jobs that were told something")
    no_second(t)
    eq(len([comment for comment in ours(t) if "What to do" in comment["body"]]), 0, "comments that ask for something")


@scenario("ended: restart: what is held behind the stalled one goes to the new job, after it")
def restarts_held(t):
    job = t.linked()
    turns(t, job=job, manual=True)
    follow(t, "answers", source=RESTART).start()
    ask(t, "words 0")
    t.sandbox.wait(job, 1)
    ask(t, "words 1")
    by_hand(t, job, "end", form="inactive")
    new = new_job(t, THREAD, job)
    t.until(lambda: "words 1" in "".join(t.sandbox.prompts(new)), "what waited")
    has(t.sandbox.prompts(new)[0], "words 0")
    eq(len(t.sandbox.prompts(job)), 1, "messages of the old job")
    no_second(t)


@scenario("ended: restart whose start fails: /nairi retry makes it again, and what was held in this thread; another thread cannot")
def restarts_retried(t):
    follow(t, "answers", source=RESTART).start()
    job, other = t.linked(), 43
    t.link(f"github:{REPO}#{other}", job)
    turns(t, job=job, manual=True)
    t.sandbox.fault("/conversations/start", "status", status=400, body='{"error":"not today"}')
    ask(t, "words 0")
    t.sandbox.wait(job, 1)
    for words, number in (("words 1", 42), ("elsewhere", other), ("words 2", 42)):
        ask(t, words, number)
    by_hand(t, job, "end", form="inactive")
    t.bridge.wait_log("message.failed", 4)
    t.settled()
    for number, answer in ((other, "No job is linked"), (42, "Trying again: 3 messages")):
        eq(t.comment("/nairi retry", number).status, 200, "status of the command")
        t.until(lambda: any(answer in item["body"] for item in ours(t, number)), answer)
    new = new_job(t, THREAD, job)
    t.until(lambda: "words 2" in "".join(t.sandbox.prompts(new)), "what was held")
    t.settled()
    text = "".join(t.sandbox.prompts(new))
    places = [text.find(f"words {number}") for number in range(3)]
    ok(-1 not in places and places == sorted(places), f"words 0 to 2 in order: {places} in {text}")
    lacks(text, "elsewhere")
    eq(t.comment(f"/nairi link {new}", other).status, 200, "status of the command")
    eq(t.comment("/nairi retry", other).status, 200, "status of the command")
    t.until(lambda: "elsewhere" in "".join(t.sandbox.prompts(new)), "what was said elsewhere")
    no_second(t)


@scenario("ended: restart with reply: status: one comment, from the new job's work to its answer")
def restarts_status(t):
    job = t.linked()
    by_hand(t, job, "end", form="inactive")
    follow(t, "status", source=RESTART).start()
    ask(t)
    status_becomes(t, "✅", "Done (turn 1).")
    t.settled()
    eq(len(ours(t)), 1, "comments")
    ok(new_job(t, THREAD, job), "a new job")


@scenario("ended: restart does nothing where no end is known: an agent that is away may still come back")
def no_restart_without_end(t):
    job = t.linked()
    turns(t, outcome="stall")
    follow(t, nairi={"follow": {"stalled_after": "1s"}}, source=RESTART).start()
    delivery = ask(t)
    becomes(t, delivery, "stalled")
    said(t, 1, "nobody began with it")
    eq(link_of(t, THREAD)["job_id"], job, "job of the link")


@scenario("ended: restart leaves alone a thread that was meanwhile linked to another job, or unlinked, by hand")
def restart_respects_hands(t):
    job, other, gone = t.linked(42), t.job(), t.linked(43)
    for number, old in ((42, job), (43, gone)):
        turns(t, job=old, manual=True)
    follow(t, source={**RESTART, "when_busy": "send"}).start()
    first, second = ask(t, "one", 42), ask(t, "two", 43)
    t.sandbox.wait(job, 1)
    t.sandbox.wait(gone, 1)
    # A link of the configuration cannot be taken away: these take its place.
    t.links.clear()
    t.write_config()
    t.bridge.reload()
    t.link(THREAD, other)
    by_hand(t, job, "end", form="inactive")
    by_hand(t, gone, "end", form="inactive")
    becomes(t, first, "stalled")
    becomes(t, second, "stalled")
    t.settled()
    eq(link_of(t, THREAD)["job_id"], other, "job of the thread that was linked by hand")
    eq(link_of(t, f"github:{REPO}#43"), None, "link of the thread that was unlinked")
    eq(t.sandbox.requests("/conversations/start"), [], "starts")


# ---- links of the configuration, where a job was carried on ----

def hop(t, old, words):
    """The job has ended; what is said next starts another one, which takes the thread."""
    by_hand(t, old, "end", form="inactive")
    ask(t, words)
    new = new_job(t, THREAD, old)
    t.until(lambda: words in "".join(t.sandbox.prompts(new)), "the new job")
    t.bridge.wait_log("message.answered", job_id=new)
    return new


def again(t, how):
    t.write_config()
    if how == "reload":
        t.bridge.reload()
        t.link(f"github:{REPO}#999", t.job())  # the links of the configuration were put before this one
    else:
        t.bridge.stop() if how == "restart" else t.bridge.kill()
        t.bridge.start()


def starts(t):
    return len(t.sandbox.requests("/conversations/start", method="POST"))


@scenario("A link of the configuration leads to the job that carries on, hop after hop, across restarts, kills and reloads")
def configured_carried_on(t):
    first = t.linked()
    follow(t, source={**RESTART, "batch": "0s"}).start()
    job = first
    for number, hows in enumerate((("restart",), ("reload", "kill"), ("reload", "restart", "reload")), 1):
        job = hop(t, job, f"hop {number}")
        for how in hows:
            again(t, how)
            link = link_of(t, THREAD)
            eq((link["job_id"], link["origin"]), (job, "config"), f"link after a {how}")
        ask(t, f"more {number}")
        t.until(lambda: f"more {number}" in "".join(t.sandbox.prompts(job)), "the comment")
        t.settled()
        eq(starts(t), number, "starts")
    eq(len(t.sandbox.prompts(first)), 1, "messages of the first job")
    no_second(t)
    # Another job in the configuration is another job; and the first one, said anew, is the first one.
    t.links[0]["job"] = t.job()
    again(t, "reload")
    eq(link_of(t, THREAD)["job_id"], t.links[0]["job"], "job that the configuration names now")
    t.links[0]["job"] = first
    again(t, "restart")
    eq(link_of(t, THREAD)["job_id"], first, "job that the configuration names again")


@scenario("All threads that the configuration links to a job go to the one that carries on, and a start that fails takes none away")
def configured_several(t):
    job = t.linked()
    other = f"github:{REPO}#43"
    t.link(other, job)
    t.sandbox.fault("/conversations/start", "status", status=400, body='{"error":"not today"}')
    follow(t, source={**RESTART, "batch": "0s"}).start()
    by_hand(t, job, "end", form="inactive")
    ask(t, "in vain")
    said(t, 1, "not today")
    t.settled()
    for how in (None, "reload", "restart"):
        how and again(t, how)
        eq([link_of(t, thread)["job_id"] for thread in (THREAD, other)], [job, job], f"links after a {how}")
    new = hop(t, job, "again")
    for how in (None, "reload", "restart"):
        how and again(t, how)
        eq([link_of(t, thread)["job_id"] for thread in (THREAD, other)], [new, new], f"links after a {how}")


@scenario("Restarted while the new job is being started: the configured link waits for it, and what is said meanwhile goes there")
def configured_pending(t):
    job = t.linked()
    follow(t, source={**RESTART, "batch": "0s", "when_busy": "send"}).configure(retry={"max": "60s"}).start()
    by_hand(t, job, "end", form="inactive")
    t.sandbox.fault("/conversations/start", "status", status=429, headers={"Retry-After": "3"})
    ask(t, "first")
    t.bridge.wait_log("message.retry")
    again(t, "kill")
    again(t, "reload")
    ask(t, "second")
    new = new_job(t, THREAD, job)
    t.until(lambda: "second" in "".join(t.sandbox.prompts(new)), "both")
    has(t.sandbox.prompts(new)[0], "first")
    again(t, "restart")
    eq(link_of(t, THREAD)["job_id"], new, "link")
    t.settled()
    eq((starts(t), len(t.sandbox.prompts(job))), (2, 1), "starts, messages of the old job")


@scenario("A start that carries on, fails and is tried again by /nairi retry: the configured link leads to its job")
def configured_retried(t):
    first = t.linked()
    follow(t, source={**RESTART, "batch": "0s"}).start()
    job = hop(t, first, "hop")
    fault = t.sandbox.fault("/conversations/start", "status", status=400, body='{"error":"not today"}', times=2)
    by_hand(t, job, "end", form="inactive")
    ask(t, "carry on")
    t.bridge.wait_log("message.failed")
    eq(t.comment("/nairi retry").status, 200, "status of the command")
    t.bridge.wait_log("message.failed", 2)
    eq(t.sandbox.hits(fault), 2, "refusals")
    eq(t.comment("/nairi retry").status, 200, "status of the command")
    new = new_job(t, THREAD, first, job)
    t.bridge.wait_log("message.answered", job_id=new)
    has(t.sandbox.prompts(new)[0], "carry on")
    for how in ("restart", "reload"):
        again(t, how)
        eq(link_of(t, THREAD)["job_id"], new, f"link after a {how}")
    ask(t, "more")
    t.sandbox.wait(new, 2)
    t.settled()
    eq(starts(t), 4, "starts")


@scenario("Who links a thread by hand to the job that was carried on means that job: the configuration leads there again")
def configured_by_hand(t):
    job = t.linked()
    follow(t, source={**RESTART, "batch": "0s"}).start()
    new = hop(t, job, "hop")
    t.sandbox.post("/policy", {"policy": "revive", "job": job})
    eq(t.comment(f"/nairi link {job}").status, 200, "status of the command")
    eq(link_of(t, THREAD)["job_id"], job, "link")
    again(t, "restart")
    eq(link_of(t, THREAD)["job_id"], job, "link after a restart")
    ask(t, "more")
    t.sandbox.wait(job, 2)
    eq((starts(t), len(t.sandbox.prompts(new))), (1, 1), "starts, messages of the new job")


# ---- crashes ----

@scenario("Killed while turns run: they are followed on, and answered once each")
def killed_while_open(t):
    jobs = [t.linked(number) for number in (1, 2, 3)]
    turns(t, manual=True)
    follow(t, "answers").start()
    for number in (1, 2, 3):
        ask(t, f"prompt {number}", number)
    for job in jobs:
        looked(t, job, 1)
    t.bridge.kill()
    by_hand(t, jobs[0], "finish", answer="While you were away.")
    t.bridge.start()
    t.until(lambda: t.bridge.status()["deliver"]["followed"] == 2, "the first one's end is known, the others are followed")
    for job in jobs[1:]:
        by_hand(t, job, "finish", answer="After that.")
    for number in (1, 2, 3):
        said(t, 1, "While you were" if number == 1 else "After that", number=number)
    eq(len(t.bridge.logs("message.answered")), 3, "ends")


# ---- many ----

@scenario("300 jobs followed at once: all answered, and descriptors, threads and memory are back where they were")
def many(t):
    count = 300
    jobs = [t.job() for _ in range(count)]
    turns(t, manual=True)
    follow(t, nairi={"follow": {"poll_min": "50ms", "poll_max": "1s"}}).start()

    def wave():
        for job in jobs:
            t.generic("ci", {"job_id": job, "prompt": "go"})
        t.until(lambda: t.bridge.status()["deliver"]["followed"] >= count, "all are followed", 60)
        for job in jobs:
            by_hand(t, job, "finish")
        return len(t.bridge.logs("message.answered"))

    wave()
    t.bridge.wait_log("message.answered", count, timeout=60)
    t.until(lambda: t.bridge.status()["deliver"]["followed"] == 0, "nothing is followed", 60)
    before = (t.bridge.fds(), t.bridge.threads(), t.bridge.rss_kib())
    wave()
    t.bridge.wait_log("message.answered", 2 * count, timeout=60)
    t.until(lambda: t.bridge.status()["deliver"]["followed"] == 0, "nothing is followed", 60)
    after = (t.bridge.fds(), t.bridge.threads(), t.bridge.rss_kib())
    ok(after[0] <= before[0] + 32 and after[1] <= before[1], f"descriptors, threads: {before} and {after}")
    limit = 400_000 if has_sanitizer(t) else 12_000
    ok(after[2] < before[2] + limit, f"memory in KiB: {before[2]} and {after[2]}")


if __name__ == "__main__":
    main()
