#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a message after the 202: design 3.2 row by row, retries, order, and what is said back at the origin."""
import datetime
import email.utils
import json
import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402


def send(t, job, prompt="hello", **more):
    """One prompt by the generic source; not waited for."""
    answer = t.generic("ci", {"job_id": job, "prompt": prompt, **more})
    eq(answer.status, 202, f"status of {answer}")
    return is_id(answer.json["delivery_id"])


def quick(t, **more):
    """Answers at once, so that the tests and not the answers wait."""
    t.configure(sources={"ci": {"respond": "queued"}}, **more)
    return t


def calls(t, job, what="continue"):
    return t.sandbox.requests(f"/{job}/{what}")


def times(requests):
    return [datetime.datetime.fromisoformat(request["time"].replace("Z", "+00:00")).timestamp()
            for request in requests]


def exactly(t, job, count=1):
    """So many messages and not one twice, when nothing moves any more."""
    t.settled()
    found = t.sandbox.job(job)
    eq((found["user_messages"], found["duplicates"], found["duplicate_tags"]), (count, 0, 0),
       "messages, duplicates, duplicate tags")


def told(t, count=1, number=42):
    """The author heard of it so many times, and does not hear of it again after a restart."""
    t.settled()
    eq(len(t.sandbox.comments(number=number)), count, "comments")
    t.bridge.stop()
    t.bridge.start()
    t.settled()
    eq(len(t.sandbox.comments(number=number)), count, "comments after a restart")


# ---- accepted ----

@scenario("The call is what the API documents: POST, bearer, JSON with the prompt alone")
def the_call(t):
    job = t.job()
    quick(t).start()
    delivery = send(t, job)
    line = t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    eq((line["upstream_status"], line["attempt"]), (201, 1), "status and attempt")
    request, = calls(t, job)
    headers = {key.lower(): value for key, value in request["headers"].items()}
    eq(request["method"], "POST", "method")
    ok(request["path"].startswith("/api/public/v1/conversations/job_"), request["path"])
    eq(headers["authorization"], f"Bearer {t.sandbox.key}", "authorization")
    ok(headers["content-type"].startswith("application/json"), headers["content-type"])
    eq(list(json.loads(request["body"])), ["prompt"], "members")
    eq(t.sandbox.requests(path="/messages"), [], "look-ups")


@scenario("200 instead of 201 is accepted too, and so is an answer that drips in")
def other_forms_of_yes(t):
    job = t.job()
    quick(t).start()
    t.sandbox.fault(f"/{job}/continue", "ok200")
    send(t, job)
    t.bridge.wait_log("message.forwarded", upstream_status=200)
    t.sandbox.fault(f"/{job}/continue", "trickle", delay_ms=5)
    send(t, job)
    t.bridge.wait_log("message.forwarded", 2)
    exactly(t, job, 2)
    eq(t.sandbox.requests(path="/messages"), [], "look-ups")


def doubtful(name, goal, fault, count=1, **more):
    """A fault after which the message is there: it is found by looking, never sent twice."""
    def run(t):
        job = t.job()
        quick(t).start()
        send(t, job, "first")
        t.bridge.wait_log("message.forwarded")  # so that the connection is a kept one
        t.sandbox.fault(f"/{job}/continue", fault, times=count, **more)
        delivery = send(t, job, "second")
        t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
        line = t.bridge.wait_log("message.forwarded", delivery_id=delivery)
        eq(line["message_id"], t.sandbox.message_ids(job)[1], "message id")
        exactly(t, job, 2)
        eq(len(calls(t, job)), 2, "calls of continue")
    run.__name__ = name
    scenario(goal)(run)


def absent(name, goal, fault, sends=2, **more):
    """A fault after which the message is not there: it is looked for, then sent again."""
    def run(t):
        job = t.job()
        quick(t).start()
        send(t, job, "first")
        t.bridge.wait_log("message.forwarded")
        t.sandbox.fault(f"/{job}/continue", fault, **more)
        delivery = send(t, job, "second")
        t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
        t.bridge.wait_log("message.forwarded", delivery_id=delivery)
        exactly(t, job, 2)
        eq(len(calls(t, job)), 1 + sends, "calls of continue")
        ok(len(t.sandbox.requests(f"/{job}/messages")) >= 2, "absence was believed at the first look")
    run.__name__ = name
    scenario(goal)(run)


doubtful("empty_answer", "201 without a body: looked for, found, one message", "empty")
doubtful("truncated_answer", "201 with half a JSON: looked for, found, one message", "truncated")
doubtful("cut_answer", "201 that ends in the middle of its body: looked for, found, one message", "cut")
doubtful("wrong_types", "201 with members of other types: looked for, found, one message", "wrong_types")
doubtful("no_message_id", "200 without a message id: looked for, found, one message", "ok200", body='{"job_id":"x"}')
doubtful("id_of_spaces", "201 with an unusable message id: looked for, found, one message", "status", status=201,
         body='{"message_id":"a b\\nc"}', create=True)
doubtful("huge_answer", "An answer without an end is not read to its end: looked for, found, one message", "status",
         status=201, body="x" * 600_000, create=True)
doubtful("reset_after", "A reset on a kept connection after it was taken: found, one message", "reset_after")
doubtful("error_500_created", "500 that hides an accepted one: found, one message", "status", status=500, create=True)
doubtful("error_502_created", "502 that hides an accepted one: found, one message", "status", status=502, create=True)
doubtful("html_created", "A page of an edge proxy that hides an accepted one: found, one message", "html", create=True)
doubtful("html_503_created", "503 as a page, not the API's: may hide an accepted one", "html", status=503, create=True)
absent("reset_before", "A reset on a kept connection before it was taken: looked for twice, sent again", "reset_before")
absent("error_500", "500 that took nothing: looked for, sent again", "status", status=500)
absent("error_504_html", "504 as a page that took nothing: looked for, sent again", "html", status=504)
absent("html_403", "403 as a page of a firewall is not about our key: looked for, sent again", "html")


@scenario("No answer within nairi.timeout, but it was taken: found, one message")
def timeout_after(t):
    job = t.job()
    quick(t, nairi={"timeout": "400ms"}).start()
    t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=8000)
    delivery = send(t, job)
    line = t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
    has(line["reason"], "no answer")
    t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    exactly(t, job)
    eq(len(calls(t, job)), 1, "calls of continue")


@scenario("No answer within nairi.timeout, and it is taken only afterwards: the first look finds nothing, the second does")
def timeout_then_taken(t):
    job = t.job()
    quick(t, nairi={"timeout": "400ms"}).start()
    t.sandbox.fault(f"/{job}/continue", "delay_before", delay_ms=1500, create=True)
    delivery = send(t, job)
    t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    exactly(t, job)
    eq(len(calls(t, job)), 1, "calls of continue")


@scenario("No answer within nairi.timeout and never taken: sent again, one message")
def timeout_before(t):
    job = t.job()
    quick(t, nairi={"timeout": "400ms"}).start()
    t.sandbox.fault(f"/{job}/continue", "delay_before", delay_ms=2000)
    delivery = send(t, job)
    t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    exactly(t, job)
    eq(len(calls(t, job)), 2, "calls of continue")


@scenario("While the look itself gets no valid list, absence is not believed and nothing is sent twice")
def look_fails(t):
    job = t.job()
    quick(t, nairi={"timeout": "1s"}).start()
    t.sandbox.fault(f"/{job}/continue", "reset_after")
    for fault, more in (("html", {}), ("empty", {}), ("truncated", {}), ("wrong_types", {}),
                        ("status", {"status": 200, "body": '{"messages":{}}'}),
                        ("status", {"status": 200, "body": "[]"}), ("reset_before", {})):
        t.sandbox.fault(f"/{job}/messages", fault, **more)
    delivery = send(t, job)
    t.bridge.wait_log("message.forwarded", delivery_id=delivery, timeout=60)
    exactly(t, job)
    eq(len(calls(t, job)), 1, "calls of continue")


@scenario("An answer of the agent, or another user's message, that quotes the tag is not taken for the message")
def quoted_tag(t):
    job = t.job()
    quick(t).start()
    t.sandbox.fault(f"/{job}/continue", "reset_before")
    t.sandbox.fault(f"/{job}/messages", "status", status=503, times=1)
    delivery = send(t, job)
    t.bridge.wait_log("message.in_doubt", delivery_id=delivery)
    tag = json.loads(calls(t, job)[0]["body"])["prompt"].rsplit("\n", 1)[1]
    t.sandbox.post(f"/jobs/{job}/messages", {"role": "assistant", "content": f"I was told: {tag}"})
    t.sandbox.post(f"/jobs/{job}/messages", {"role": "user", "content": f"what is {tag} for?"})
    t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    t.settled()
    eq(len(calls(t, job)), 2, "calls of continue")
    eq(sum(prompt.endswith(tag) for prompt in t.sandbox.prompts(job)), 1, "messages that end in the tag")


@scenario("A job with a long history is looked through, too")
def look_in_long_list(t):
    job = t.job()
    for number in range(30):
        t.sandbox.post(f"/jobs/{job}/messages", {"role": "assistant", "content": f"{number} " + "x" * 60_000})
    quick(t).start()
    t.sandbox.fault(f"/{job}/continue", "reset_after")
    delivery = send(t, job)
    t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    eq(len(calls(t, job)), 1, "calls of continue")


# ---- refused ----

@scenario("A final 4xx with the API's JSON ends the message; the author reads its words once, in the thread")
def refused_final(t):
    t.any_comment()
    job = t.linked()
    t.start()
    for count, status in enumerate((400, 404, 409, 410, 413, 422), 1):
        t.sandbox.fault(f"/{job}/continue", "status", status=status,
                        body=json.dumps({"error": f"no, because of {status}"}))
        delivery = t.comment("please").json["delivery_id"]
        line = t.bridge.wait_log("message.failed", delivery_id=delivery)
        eq((line["upstream_status"], line["error"]), (status, f"no, because of {status}"), "in the log")
        comments = t.sandbox.wait_comments(count, 42)
        has(comments[-1]["body"], "did not reach the agent", f"no, because of {status}", str(status), "mona")
    eq(len(calls(t, job)), 6, "calls of continue")
    eq(t.sandbox.reactions(), [], "reactions")
    told(t, 6)


@scenario("The API's own refusals are answered with what they mean and what to do")
def refusals_explained(t):
    t.link("github:octo/hello#1", JOB_UNKNOWN)
    t.link("github:octo/hello#2", JOB_SLACK)
    t.start()
    t.comment("x", 1)
    t.comment("x", 2)
    first, = t.sandbox.wait_comments(1, 1)
    second, = t.sandbox.wait_comments(1, 2)
    has(first["body"], "job not found", JOB_UNKNOWN, "What to do", "404")
    has(second["body"], "job is not an API job", "What to do", "400")


@scenario("A refusal does not block what comes behind it")
def refusal_unblocks(t):
    job = t.job()
    quick(t).start()
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"prompt is required"}')
    first, second = send(t, job, "first"), send(t, job, "second")
    t.bridge.wait_log("message.failed", delivery_id=first)
    t.bridge.wait_log("message.forwarded", delivery_id=second)
    exactly(t, job)


@scenario("An error of the API is echoed without pinging, linking, breaking out or leaking a token")
def echo_is_harmless(t):
    t.any_comment()
    job = t.linked()
    t.start()
    secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
    t.sandbox.fault(f"/{job}/continue", "status", status=400,
                    body=json.dumps({"error": f"ask @octocat about #7 ``` {secret} <!-- x --> {t.sandbox.key}"}))
    t.comment("x")
    body = t.sandbox.wait_comments(1, 42)[0]["body"]
    has(body, "octocat")
    lacks(body, "@octocat", "#7", secret, t.sandbox.key)
    eq(body.count("<!--"), body.count("<!-- nairi-bridge:reply:") + body.count("<!-- x"), "comments in the text")


# ---- later ----

@scenario("408, 429 and 503 with JSON are tried again without looking; order is kept and nobody is told")
def later(t):
    t.any_comment()
    job = t.linked()
    t.start()
    for status in (408, 429, 503):
        t.sandbox.fault(f"/{job}/continue", "status", status=status)
    first = t.comment("first").json["delivery_id"]
    t.comment("second")
    t.bridge.wait_log("message.retry", 3, delivery_id=first)
    t.sandbox.wait(job, 2)
    has(t.sandbox.prompts(job)[0], "first")
    has(t.sandbox.prompts(job)[1], "second")
    exactly(t, job, 2)
    eq(t.sandbox.requests(f"/{job}/messages"), [], "look-ups")
    eq(t.sandbox.comments(), [], "comments")


def retry_after(t, value, least, most):
    job = t.job()
    t.sandbox.fault(f"/{job}/continue", "status", status=429, headers={"Retry-After": value})
    send(t, job)
    t.sandbox.wait(job, 1)
    first, second = times(calls(t, job))
    ok(least <= second - first <= most, f"Retry-After: {value} gave a pause of {second - first:.2f} s")


@scenario("Retry-After in seconds is honoured")
def retry_after_seconds(t):
    quick(t, retry={"first": "10ms", "max": "30s"}).start()
    retry_after(t, "2", 1.95, 12)


@scenario("Retry-After as a date is honoured")
def retry_after_date(t):
    quick(t, retry={"first": "10ms", "max": "30s"}).start()
    retry_after(t, email.utils.formatdate(time.time() + 3, usegmt=True), 1.5, 13)


@scenario("Retry-After beyond retry.max is clamped; one that is no time or long past does no harm")
def retry_after_odd(t):
    quick(t, retry={"first": "10ms", "max": "500ms"}).start()
    for value in ("86400", "99999999999999999999", "soon", "-5", "", "Sun, 06 Nov 1994 08:49:37 GMT"):
        retry_after(t, value, 0, 10)


@scenario("What was not sent at all is tried again: a closed port, then the right one after a reload")
def not_sent(t):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        job = t.job()
        good = t.config["nairi"]["url"]
        quick(t, nairi={"url": f"http://127.0.0.1:{closed.getsockname()[1]}"}).start()
        delivery = send(t, job)
        line = t.bridge.wait_log("message.retry", delivery_id=delivery)
        has(line["reason"], "not sent")
        eq(t.bridge.logs("message.in_doubt"), [], "doubts")
        t.configure(nairi={"url": good})
        t.write_config()
        t.bridge.reload()
        t.bridge.wait_log("message.forwarded", delivery_id=delivery)
        exactly(t, job)


@scenario("A redirect is never followed: neither the key nor the prompt reaches the other address")
def redirect(t):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(5)
        other.settimeout(0.2)
        job = t.job()
        quick(t).start()
        for status in (301, 302, 307, 308):
            t.sandbox.fault(f"/{job}/continue", "status", status=status,
                            headers={"Location": f"http://127.0.0.1:{other.getsockname()[1]}/x"})
        delivery = send(t, job)
        t.bridge.wait_log("message.retry", delivery_id=delivery, reason=lambda reason: "redirect" in (reason or ""))
        t.bridge.wait_log("message.forwarded", delivery_id=delivery)
        exactly(t, job)
        try:
            other.accept()
            raise AssertionError("the redirect was followed")
        except TimeoutError:
            pass


@scenario("Proxies of the environment are not used unless the configuration says so")
def no_proxy(t):
    job = t.job()
    quick(t)
    dead = "http://127.0.0.1:9"
    t.start({"http_proxy": dead, "https_proxy": dead, "all_proxy": dead, "ALL_PROXY": dead})
    send(t, job)
    t.bridge.wait_log("message.forwarded")
    t.bridge.stop()
    t.configure(proxy="env")
    t.start({"http_proxy": dead})
    delivery = send(t, job)
    has(t.bridge.wait_log("message.retry", delivery_id=delivery)["reason"], "not sent")


@scenario("After retry.attempts it gives up, says why, and tells the author once")
def give_up_attempts(t):
    t.any_comment()
    job = t.linked()
    t.configure(retry={"attempts": 3, "first": "10ms", "max": "50ms"})
    t.start()
    t.sandbox.fault(f"/{job}/continue", "status", status=503, times=0)
    delivery = t.comment("x").json["delivery_id"]
    line = t.bridge.wait_log("message.failed", delivery_id=delivery)
    has(line["reason"], "gave up after 3 attempts", "503")
    eq(len(calls(t, job)), 3, "calls of continue")
    body = t.sandbox.wait_comments(1, 42)[0]["body"]
    has(body, "did not reach the agent", "gave up")
    t.sandbox.clear()
    told(t)
    exactly(t, job, 0)


@scenario("I1: a message in doubt that grew old while nobody ran is looked for before anybody is told that it failed")
def doubt_outlives_give_up(t):
    job = t.linked(42)
    t.any_comment()
    t.configure(retry={"give_up_after": "1s"})
    t.start()
    t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000, times=1)
    born = time.time()
    delivery = t.comment("hello", 42).json["delivery_id"]
    t.until(lambda: t.sandbox.job(job)["user_messages"] == 1, "the message at the job")
    t.bridge.kill()
    t.sandbox.release()
    t.until(lambda: time.time() > born + 1.5, "the age of retry.give_up_after")
    t.bridge.start()
    t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    t.settled()
    eq(t.sandbox.job(job)["user_messages"], 1, "messages at the job")
    eq(t.sandbox.comments(number=42), [], "comments that tell of a failure")


@scenario("One source whose token is refused does not keep the next one's own identity unknown")
def identity_of_each(t):
    github = t.config["sources"]["github"]
    t.config["sources"] = {"abad": {**github, "api": {**github["api"], "token": "nonsense"}}, **t.config["sources"]}
    t.start()
    t.until(lambda: any("nonsense" not in str(request["headers"]) for request in t.sandbox.requests(path="/user")),
            "a question with the good token")


@scenario("After retry.give_up_after it gives up, says why, and tells the author once; the next one goes")
def give_up_time(t):
    t.any_comment()
    job = t.linked()
    t.configure(retry={"attempts": 1000, "first": "50ms", "max": "200ms", "give_up_after": "1s"})
    t.start()
    t.sandbox.fault(f"/{job}/continue", "status", status=429, times=0)
    delivery = t.comment("x").json["delivery_id"]
    has(t.bridge.wait_log("message.failed", delivery_id=delivery)["reason"], "give_up_after")
    t.sandbox.wait_comments(1, 42)
    t.sandbox.clear()
    t.comment("y")
    t.sandbox.wait(job, 1)
    told(t)


@scenario("A doubtful message that is given up is not sent again either")
def give_up_doubt(t):
    job = t.job()
    quick(t, retry={"attempts": 2, "first": "10ms", "max": "50ms"}).start()
    t.sandbox.fault(f"/{job}/continue", "status", status=500, times=0)
    delivery = send(t, job)
    t.bridge.wait_log("message.failed", delivery_id=delivery, timeout=60)
    eq(len(calls(t, job)), 2, "calls of continue")
    exactly(t, job, 0)


# ---- the key, the circuit ----

@scenario("A refused key keeps everything queued, alerts the operator once, tells no author; it goes on when the key works")
def key_refused(t):
    t.any_comment()
    job, other = t.linked(42), t.linked(43)
    t.configure(retry={"attempts": 1, "first": "10ms", "max": "50ms"})
    t.start()
    t.sandbox.post("/keys", {"key": t.sandbox.key, "org": 0})
    t.comment("first")
    line = t.bridge.wait_log("circuit.opened")
    eq(line["level"], "error", "level")
    t.comment("second")
    t.comment("third", 43)
    status = t.until(lambda: [s for s in (t.bridge.status(),) if s["deliver"]["waiting"] == 3], "three that wait")[0]
    eq(status["circuit"]["state"], "key refused", "circuit")
    t.sandbox.wait_requests("/agents", 1)  # it asks by itself, with a call that does nothing
    t.sandbox.post("/keys", {"key": t.sandbox.key, "org": 1})
    t.sandbox.wait(job, 2)
    t.sandbox.wait(other, 1)
    has(t.sandbox.prompts(job)[0], "first")
    has(t.sandbox.prompts(job)[1], "second")
    t.bridge.wait_log("circuit.closed")
    exactly(t, job, 2)
    eq(len(t.bridge.logs("circuit.opened")), 1, "alerts")
    eq(t.sandbox.comments(), [], "comments")


@scenario("403 with JSON is about the key, too; a new key is taken over by SIGHUP at once")
def key_replaced(t):
    job = t.job()
    quick(t, nairi={"api_key": "nr_aKeyThatNobodyKnows000000000000000"}).start()
    t.sandbox.fault(f"/{job}/continue", "status", status=403, body='{"error":"forbidden"}')
    send(t, job)
    t.bridge.wait_log("circuit.opened", upstream_status=403)
    t.sandbox.wait_requests("/agents", 1)
    t.configure(nairi={"api_key": t.sandbox.key})
    t.write_config()
    t.bridge.reload()
    t.sandbox.wait(job, 1)
    exactly(t, job)


@scenario("A kept message outlives a restart while the key is refused")
def key_refused_restart(t):
    job = t.job()
    quick(t).start()
    t.sandbox.post("/keys", {"key": t.sandbox.key, "org": 0})
    send(t, job)
    t.bridge.wait_log("circuit.opened")
    t.bridge.stop()
    t.sandbox.post("/keys", {"key": t.sandbox.key, "org": 1})
    t.bridge.start()
    t.sandbox.wait(job, 1)
    exactly(t, job)


@scenario("When calls fail for several jobs the circuit opens and one message at a time tries; all arrive once it closes")
def circuit(t):
    jobs = [t.job() for _ in range(8)]
    quick(t, retry={"attempts": 1000, "first": "10ms", "max": "100ms"}).start()
    fault = t.sandbox.fault("/continue", "status", status=503, times=0)
    for job in jobs:
        send(t, job)
    t.bridge.wait_log("circuit.opened")
    eq(t.bridge.status()["circuit"]["state"], "unreachable", "circuit")
    before = t.sandbox.hits(fault)
    t.sandbox.wait_requests("/continue", before + 1)
    ok(t.sandbox.hits(fault) <= before + len(jobs), "it goes on calling while the circuit is open")
    t.sandbox.remove(fault)
    for job in jobs:
        t.sandbox.wait(job, 1)
        exactly(t, job)
    t.bridge.wait_log("circuit.closed")


@scenario("What was under way when the circuit opened does not put off the first probe")
def circuit_probe_soon(t):
    jobs = [t.job() for _ in range(30)]
    quick(t, retry={"attempts": 1000, "first": "10ms", "max": "100ms"}).start()
    slow = t.sandbox.fault("/continue", "delay_before", delay_ms=9000, times=len(jobs))
    for job in jobs:
        send(t, job)
    t.until(lambda: t.sandbox.hits(slow) == len(jobs), "all calls under way")
    t.sandbox.fault("/conversations/", "status", status=503, times=0)  # the looks, too
    t.sandbox.release()
    t.bridge.wait_log("circuit.opened")
    t.until(lambda: t.bridge.status()["deliver"]["in_flight"] == 0, "no call under way")
    before = len(t.sandbox.requests("/conversations/"))
    started = time.monotonic()
    t.sandbox.wait_requests("/conversations/", before + 1)
    ok(time.monotonic() - started < 5, f"the first probe came after {time.monotonic() - started:.1f} s")
    t.sandbox.clear()


@scenario("I5: a stuck job delays no other, and one that fails all the time does not open the circuit for all")
def stuck_job(t):
    stuck, failing = t.job(), t.job()
    others = [t.job() for _ in range(10)]
    quick(t, retry={"attempts": 1000, "first": "10ms", "max": "50ms"}).start()
    t.sandbox.fault(f"/{stuck}/continue", "delay_after", delay_ms=9500)
    t.sandbox.fault(f"/{failing}/continue", "status", status=503, times=0)
    for number in range(5):
        send(t, stuck, f"{number}")
        send(t, failing, f"{number}")
    t.bridge.wait_log("message.retry", 10, job_id=failing)
    started = time.monotonic()
    for job in others:
        send(t, job)
    for job in others:
        t.sandbox.wait(job, 1)
    ok(time.monotonic() - started < 6, "the others waited for the stuck one")
    eq(t.bridge.logs("circuit.opened"), [], "circuits")
    t.sandbox.release()
    t.sandbox.clear()
    for job in (stuck, failing):
        t.sandbox.wait(job, 5)
        exactly(t, job, 5)
        for number, prompt in enumerate(t.sandbox.prompts(job)):
            has(prompt, f"\n{number}\n")


@scenario("At most nairi.max_concurrency calls are under way at once, and all arrive")
def concurrency(t):
    jobs = [t.job() for _ in range(12)]
    quick(t, nairi={"max_concurrency": 3}).start()
    fault = t.sandbox.fault("/continue", "delay_after", delay_ms=9000, times=0)
    for job in jobs:
        send(t, job)
    t.until(lambda: t.sandbox.hits(fault) >= 3, "three calls")
    eq(t.bridge.status()["deliver"]["waiting"], 12, "messages that wait")
    # Behind the calls that may be: had there been more, they would have gone before this one's answer.
    t.comment("untouched by the limit", 99)
    eq(t.sandbox.hits(fault), 3, "calls at once")
    t.sandbox.clear()
    t.sandbox.release()
    for job in jobs:
        t.sandbox.wait(job, 1)
    t.settled()
    eq(t.sandbox.get("/counts")["user_messages"], 12, "messages")


# ---- order ----

@scenario("I4: fifty prompts to one job arrive once and in order through faults of all kinds and restarts")
def order(t):
    job = t.job()
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    quick(t, retry={"attempts": 1000, "first": "10ms", "max": "100ms"}, nairi={"timeout": "2s"}).start()
    faults = ([("status", {"status": 503})] * 3 + [("status", {"status": 429, "headers": {"Retry-After": "0"}})] * 3 +
              [("reset_after", {})] * 4 + [("status", {"status": 500, "create": True})] * 3 +
              [("html", {"create": True})] * 2 + [("empty", {})] * 2 + [("truncated", {})] * 2 +
              [("reset_before", {}), ("html", {})])
    chance.shuffle(faults)
    skip = 0
    for kind, more in faults:
        # A fault with `skip` lets others through first: spread them over the run.
        t.sandbox.fault(f"/{job}/continue", kind, skip=skip, **more)
        skip = chance.randrange(4)
    try:
        for number in range(50):
            send(t, job, f"prompt {number:02}")
            if number in (15, 30):
                t.bridge.kill() if number == 15 else t.bridge.stop()
                t.bridge.start()
        t.sandbox.wait(job, 50, timeout=120)
        exactly(t, job, 50)
        numbers = [prompt.split("prompt ")[1][:2] for prompt in t.sandbox.prompts(job)]
        eq(numbers, [f"{number:02}" for number in range(50)], "order")
    except BaseException:
        print(f"# seed {seed}")
        raise


@scenario("Many jobs at once: each gets its own prompts, once and in order")
def order_of_many(t):
    import concurrent.futures
    jobs = [t.job() for _ in range(20)]
    quick(t).start()
    def feed(job):
        for number in range(10):
            send(t, job, f"prompt {number}")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(feed, jobs))
    for job in jobs:
        t.sandbox.wait(job, 10)
        eq([prompt.split("prompt ")[1][0] for prompt in t.sandbox.prompts(job)], [str(n) for n in range(10)], "order")
    t.settled()
    eq(t.sandbox.get("/counts")["user_messages"], 200, "messages")


# ---- what is said back ----

@scenario("The reaction comes after acceptance, under the author's comment; not for a review, which takes none")
def reaction(t):
    t.any_comment()
    job = t.linked()
    t.start()
    t.busy(job)
    payload, second = comment("x"), inline("y")
    t.github("issue_comment", payload)
    t.github("pull_request_review_comment", second)
    t.github("pull_request_review", review("z"))
    eq(t.sandbox.reactions(), [], "reactions before acceptance")
    t.sandbox.release()
    t.sandbox.wait(job, 3)  # the inline comment and the review go as one prompt
    t.settled()
    eq(sorted((item["target"], item["number"], item["content"]) for item in t.sandbox.reactions()),
       sorted([("issue_comment", payload["comment"]["id"], "eyes"),
               ("review_comment", second["comment"]["id"], "eyes")]), "reactions")
    eq(t.sandbox.comments(), [], "comments")


@scenario("A failure under an inline comment is answered in its thread: below the top comment of it")
def reply_inline(t):
    t.link("github:octo/hello#42", JOB_UNKNOWN)
    top = t.sandbox.post("/github/comments", {"repo": REPO, "number": 42, "user": "octocat", "body": "top",
                                              "review": True, "path": "src/main.c"})["id"]
    below = t.sandbox.post("/github/comments", {"repo": REPO, "number": 42, "user": "mona", "body": "below",
                                                "review": True, "path": "src/main.c", "in_reply_to": top})["id"]
    t.start()
    t.github("pull_request_review_comment", inline("below", comment_id=below, reply_to=top))
    posted, = t.sandbox.wait_comments(1, 42)
    eq((posted["kind"], posted.get("in_reply_to_id")), ("review", top), "where it stands")
    has(posted["body"], "job not found")
    eq(t.sandbox.requests(f"/comments/{below}/replies"), [], "replies to a reply")


@scenario("A failure of a review is answered in the conversation")
def reply_review(t):
    t.link("github:octo/hello#42", JOB_UNKNOWN)
    t.start()
    t.github("pull_request_review", review("x"))
    posted, = t.sandbox.wait_comments(1, 42)
    eq(posted["kind"], "issue", "where it stands")


def failing(t, number=42):
    t.link(f"github:octo/hello#{number}", JOB_UNKNOWN)
    return t


COMMENTS = "/github/repos/octo/hello/issues/42/comments"


@scenario("A post whose answer was lost is looked for by its marker and found: one comment")
def reply_doubt_found(t):
    failing(t).start()
    t.sandbox.fault(COMMENTS, "reset_after", method="POST")
    t.comment("x")
    t.bridge.wait_log("reply.posted")
    told(t)


@scenario("A post that was lost before it was taken is looked for, twice, and posted again: one comment")
def reply_doubt_absent(t):
    failing(t).start()
    t.sandbox.fault(COMMENTS, "reset_before", method="POST")
    t.comment("x")
    t.bridge.wait_log("reply.posted")
    told(t)


@scenario("A post answered with 502 that was taken, and one with an empty 201: found, one comment each")
def reply_5xx_created(t):
    failing(failing(t, 43), 42).start()
    t.sandbox.fault(COMMENTS, "status", method="POST", status=502, create=True)
    t.sandbox.fault("/issues/43/comments", "empty", method="POST")
    t.comment("x")
    t.comment("y", 43)
    t.bridge.wait_log("reply.posted", 2)
    t.settled()
    eq(len(t.sandbox.comments(number=43)), 1, "comments of the empty answer")
    told(t)


@scenario("The look for a lost post goes wrong for a while: still one comment")
def reply_look_fails(t):
    failing(t).start()
    t.sandbox.fault(COMMENTS, "reset_after", method="POST")
    t.sandbox.fault(COMMENTS, "status", method="GET", status=502)
    t.sandbox.fault(COMMENTS, "html", method="GET")
    t.comment("x")
    t.bridge.wait_log("reply.posted", timeout=60)
    told(t)


@scenario("A secondary rate limit is honoured for all replies, then all are posted, once each")
def reply_rate_limit(t):
    failing(failing(t, 43), 42).start()
    t.sandbox.wait_requests("/github/user", 1)
    t.sandbox.fault("/comments", "status", method="POST", status=403, headers={"retry-after": "2"},
                    body='{"message":"You have exceeded a secondary rate limit."}')
    t.comment("x")
    t.comment("y", 43)
    t.sandbox.wait_comments(1, 42)
    t.sandbox.wait_comments(1, 43)
    posts = times(t.sandbox.requests("/comments", "POST"))
    eq(len(posts), 3, "posts")
    ok(posts[1] - posts[0] >= 1.95, f"the second post came {posts[1] - posts[0]:.2f} s after the limit")
    t.settled()
    told(t)


@scenario("A used-up rate limit is waited for until its reset")
def reply_rate_reset(t):
    failing(t).start()
    t.sandbox.fault(COMMENTS, "status", method="POST", status=403,
                    headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "@now+2"},
                    body='{"message":"API rate limit exceeded"}')
    t.comment("x")
    t.sandbox.wait_comments(1, 42)
    first, second = times(t.sandbox.requests(COMMENTS, "POST"))
    ok(second - first >= 1.0, f"the second post came after {second - first:.2f} s")


@scenario("A forge that refuses the reply for good is not asked again; the delivery is failed all the same")
def reply_refused(t):
    failing(t).start()
    for status in (403, 404, 410, 422):
        mark = t.bridge.mark()
        t.sandbox.fault(COMMENTS, "status", method="POST", status=status, body='{"message":"Nope"}')
        delivery = t.comment("x").json["delivery_id"]
        line = t.bridge.wait_log("reply.failed", since=mark)
        has(line["reason"], "Nope", str(status))
        eq((line["delivery_id"], line["thread"]), (delivery, f"github:{REPO}#42"), "whose reply")
    eq(len(t.sandbox.requests(COMMENTS, "POST")), 4, "posts")
    t.settled()
    eq(t.bridge.status()["messages"]["failed"], 4, "failed messages")


@scenario("reply: none says nothing and reacts to nothing; neither does a source without a token")
def reply_none(t):
    t.any_comment()
    failing(t)
    t.linked(43)
    t.configure(sources={"github": {"reply": "none"}})
    t.start()
    for _ in range(2):
        t.comment("x")
        t.comment("y", 43)
        t.settled()
        eq((t.sandbox.comments(), t.sandbox.reactions()), ([], []), "comments, reactions")
        t.bridge.stop()
        t.configure(sources={"github": {"reply": "errors", "api": {"token": None}}})
        t.start()


@scenario("The forge is called as it wants: User-Agent, Accept, version, bearer; its token goes nowhere else")
def forge_call(t):
    t.any_comment()
    failing(t)
    job = t.linked(43)
    t.start()
    t.comment("x")
    t.comment("y", 43)
    t.settled()
    for request in t.sandbox.requests("/github/"):
        headers = {key.lower(): value for key, value in request["headers"].items()}
        ok(headers.get("user-agent"), "no User-Agent")
        eq(headers["authorization"], f"Bearer {t.sandbox.token}", "authorization")
        eq(headers["x-github-api-version"], "2022-11-28", "version")
    for request in calls(t, job):
        lacks(json.dumps(request), t.sandbox.token)


# ---- by hand, the ledger ----

@scenario("The ledger shows every attempt with what came of it")
def attempts(t):
    job = t.job()
    quick(t).start()
    t.sandbox.fault(f"/{job}/continue", "status", status=429, headers={"Retry-After": "0"})
    t.sandbox.fault(f"/{job}/continue", "reset_after")
    delivery = send(t, job)
    t.bridge.wait_log("message.forwarded", delivery_id=delivery)
    found = json.dumps(t.bridge.delivery(delivery))
    has(found, '"continue"', '"look"', "429", "no answer", "forwarded")
    eq(t.bridge.deliveries(state="forwarded", job=job)[0]["delivery_id"], delivery, "the ledger")


@scenario("POST /api/v1/continue forwards by hand and gives the ids, or the error as it is")
def by_hand(t):
    job = t.linked()
    t.start()
    answer = t.bridge.ask("POST", "/api/v1/continue", {"thread": "github:octo/hello#42", "prompt": "by hand"})
    eq((answer.status, answer.json["job_id"]), (201, job), f"{answer}")
    has(t.sandbox.prompts(job)[0], "by hand")
    answer = t.bridge.ask("POST", "/api/v1/continue", {"job_id": JOB_UNKNOWN, "prompt": "by hand"})
    eq((answer.status, answer.json["error"]), (422, "job not found"), f"{answer}")
    for value in ({"prompt": "x"}, {"job_id": job}, {"job_id": job, "prompt": " "}, {"job_id": "x", "prompt": "x"},
                  {"job_id": job, "thread": "t:x", "prompt": "x"}, {"job_id": job, "prompt": "x", "other": 1}, []):
        eq(t.bridge.ask("POST", "/api/v1/continue", value).status, 400, f"status for {value}")


@scenario("A replay runs a failed delivery again, under a new message, and its job gets it once")
def replay(t):
    job = t.job()
    quick(t).start()
    t.sandbox.fault(f"/{job}/continue", "status", status=400, body='{"error":"not now"}')
    delivery = send(t, job, "again please")
    t.bridge.wait_log("message.failed", delivery_id=delivery)
    answer = t.bridge.ask("POST", f"/api/v1/deliveries/{delivery}/replay")
    ok(answer.status in (200, 201, 202), f"{answer}")
    t.sandbox.wait(job, 1)
    has(t.sandbox.prompts(job)[0], "again please")
    exactly(t, job)


if __name__ == "__main__":
    harness.main()
