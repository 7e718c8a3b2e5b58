#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin API: links, the ledger, replay, a prompt by hand, and who may ask."""
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from harness import (JOB_SLACK, Wire, eq, has, inline, is_id, lacks, main, ok, request_bytes, scenario)  # noqa: E402

TOKEN = "admin-token-0123456789abcdef"


def link_path(thread):
    return "/api/v1/links/" + urllib.parse.quote(thread, safe="")


def refused(t, status, method, path, *parts, value=None):
    answer = t.bridge.ask(method, path, value)
    eq(answer.status, status, f"{method} {path}: {answer}")
    has(answer.json["error"], *parts)
    return answer


def raw(address, method, path, headers=(), body=b"", host="localhost"):
    with Wire(address) as wire:
        wire.send(request_bytes(method, path, list(headers) + [("Connection", "close")], body, host=host))
        return wire.answer(method)


def state_of(t, delivery):
    return t.bridge.delivery(delivery)["messages"][-1]["state"]


# ---- links ----

@scenario("A link that is put is used by the next delivery, replaced by the next put, and gone when deleted")
def links_live(t):
    first, second = t.job(), t.job()
    t.any_comment()
    t.start()
    path = link_path("github:octo/hello#42")
    answer = t.bridge.ask("PUT", path, {"job_id": first})
    eq(answer.status, 201, "a new link")
    eq((answer.json["thread"], answer.json["job_id"], answer.json["origin"]), ("github:octo/hello#42", first, "manual"),
       "the link")
    eq(t.bridge.ask("GET", path).json, answer.json, "the link that is stored")
    t.bridge.wait_log("job.linked", thread="github:octo/hello#42", job_id=first)
    t.comment("one")
    t.sandbox.wait(first, 1)
    eq(t.bridge.ask("PUT", path, {"job_id": second}).status, 200, "a replaced link")
    t.comment("two")
    t.sandbox.wait(second, 1)
    eq(len(t.sandbox.prompts(first)), 1, "prompts of the first job")
    removed = t.bridge.ask("DELETE", path)
    eq((removed.status, removed.json["job_id"]), (200, second), "the removed link")
    eq(t.comment("three").json["status"], "ignored", "a comment on a thread without a link")
    eq(t.bridge.ask("GET", path).status, 404, "the removed link")
    eq(t.bridge.ask("DELETE", path).status, 404, "removing it again")


@scenario("A pasted URL names the thread that its handler makes of it, in every method")
def links_url(t):
    job = t.job()
    t.start()
    url = link_path("https://github.com/octo/hello/pull/42#issuecomment-1")
    eq(t.bridge.ask("PUT", url, {"job_id": job}).json["thread"], "github:octo/hello#42", "thread of the URL")
    eq(t.bridge.ask("GET", url).json["job_id"], job, "job of the URL")
    rows = t.bridge.ask("GET", "/api/v1/deliveries?" + urllib.parse.urlencode(
        {"thread": "https://github.com/octo/hello/pull/42"}))
    eq(rows.json["deliveries"], [], "deliveries of the URL")
    eq(t.bridge.ask("DELETE", url).status, 200, "removing it by URL")
    refused(t, 400, "PUT", link_path("https://elsewhere.example/octo/hello/pull/42"), "URL", value={"job_id": job})


@scenario("What the configuration links cannot be changed or removed through the API")
def links_fixed(t):
    job = t.job()
    t.link("github:octo/hello#1", job)
    t.start()
    path = link_path("github:octo/hello#1")
    for method, value in (("PUT", {"job_id": t.job()}), ("DELETE", None)):
        eq(refused(t, 409, method, path, value=value).json["error"], "fixed in the configuration", method)
    link = t.bridge.ask("GET", path).json
    eq((link["job_id"], link["origin"]), (job, "config"), "the link")


@scenario("A link whose source is no longer configured can be read and removed, but not put")
def links_stale(t):
    job = t.job()
    t.start()
    t.link("ci:old", job)
    t.bridge.stop()
    t.config["sources"].pop("ci")
    t.start()
    path = link_path("ci:old")
    refused(t, 400, "PUT", path, "ci", value={"job_id": job})
    eq(t.bridge.ask("GET", path).json["job_id"], job, "job of the stale link")
    eq(t.bridge.ask("DELETE", path).status, 200, "removing it")


@scenario("All links are found page by page, each once, whatever is in their keys")
def links_paging(t):
    job = t.job()
    keys = sorted((f"ci:{name}" for name in ("a", "a/b", "a%b", "a b", "ä", "a+b", "a#b", "a?b=c&d", "z" * 500)),
                  key=str.encode)
    t.start()
    for key in keys:
        eq(t.bridge.ask("PUT", link_path(key), {"job_id": job}).status, 201, key)
        eq(t.bridge.ask("GET", link_path(key)).json["thread"], key, "thread")
    for size in (1, 2, 4, 100):
        found, after = [], None
        while True:
            query = {"limit": size} if after is None else {"limit": size, "after": after}
            page = t.bridge.ask("GET", "/api/v1/links?" + urllib.parse.urlencode(query)).json
            ok(len(page["links"]) <= size, "a page that is too long")
            found += [link["thread"] for link in page["links"]]
            after = page.get("next")
            if after is None:
                break
        eq(found, keys, f"links in pages of {size}")


# ---- the ledger ----

@scenario("The ledger is found by state, source, thread and job, and page by page in both directions")
def ledger(t):
    job = t.linked()
    t.any_comment()
    t.start()
    told = [t.generic("ci", {"job_id": job, "prompt": f"number {i}"}).json["delivery_id"] for i in range(5)]
    failed = t.generic("ci", {"job_id": JOB_SLACK, "prompt": "no"}).json["delivery_id"]
    ignored = t.generic("ci", {"thread": "nobody", "prompt": "no"}).json["delivery_id"]
    commented = is_id(t.comment("hello").json["delivery_id"])
    t.until(lambda: state_of(t, commented) == "forwarded", "the comment at the job")

    def ids(**query):
        return [row["delivery_id"] for row in t.bridge.deliveries(**query)]
    everything = told + [failed, ignored, commented]
    eq(ids(), everything[::-1], "all, newest first")
    eq(ids(state="failed"), [failed], "failed")
    eq(ids(state="ignored"), [ignored], "ignored")
    eq(ids(source="github"), [commented], "of the source")
    eq(ids(thread="github:octo/hello#42"), [commented], "of the thread")
    eq(ids(job=JOB_SLACK), [failed], "of the job")
    eq(ids(state="forwarded", source="ci", limit=2), told[:2:-1], "two of them")
    eq(ids(before=told[2]), told[1::-1], "older ones")
    eq(ids(after=told[3]), everything[4:], "newer ones, oldest first")
    for direction, expected in (("before", everything[::-1]), ("after", everything)):
        found, at = [], "ffffffff-ffff-7fff-bfff-ffffffffffff" if direction == "before" else \
            "00000000-0000-7000-8000-000000000000"
        while at:
            page = t.bridge.ask("GET", "/api/v1/deliveries?" + urllib.parse.urlencode({direction: at, "limit": 3})).json
            found += [row["delivery_id"] for row in page["deliveries"]]
            at = page.get("next")
        eq(found, expected, f"pages with {direction}")


@scenario("A delivery shows its event, its message with the prompt, what was tried and what was replied")
def ledger_one(t):
    t.link("github:octo/hello#42", JOB_SLACK)
    t.any_comment()
    t.start()
    delivery = t.comment("please fix it", login="mona").json["delivery_id"]
    t.sandbox.wait_comments(1)
    t.settled()
    shown = t.bridge.delivery(delivery)
    eq((shown["source"], shown["event"], shown["thread"], shown["author"]),
       ("github", "issue_comment.created", "github:octo/hello#42", "mona"), "the delivery")
    eq([(event["event"], event["author"]) for event in shown["events"]], [("issue_comment.created", "mona")], "events")
    message, = shown["messages"]
    eq((message["state"], message["job_id"], message["upstream_status"]), ("failed", JOB_SLACK, 400), "the message")
    eq(message["error"], "job is not an API job", "the API's words")
    has(message["prompt"], "please fix it", f"[nairi-bridge {message['message']}]")
    eq([(attempt["number"], attempt["call"], attempt["upstream_status"]) for attempt in message["attempts"]],
       [(1, "continue", 400)], "attempts")
    reply, = message["replies"]
    eq((reply["kind"], reply["state"]), ("comment", "posted"), "the reply")
    has(reply["text"], "job is not an API job")


@scenario("What went along in another's prompt names it; the turn of both is counted as followed until it is over")
def ledger_lead(t):
    t.configure(nairi={"follow": {"poll_min": "100ms"}}, sources={"github": {"batch": "300ms"}})
    t.any_comment()
    job = t.linked()
    t.sandbox.post("/turns", {"job": job, "manual": True})
    t.start()
    first, second = (t.github("pull_request_review_comment", inline(text)).json["delivery_id"] 
                     for text in ("one", "two"))
    t.sandbox.wait(job, 1)
    t.settled()
    lead, = t.bridge.delivery(first)["messages"]
    along, = t.bridge.delivery(second)["messages"]
    eq((lead["kind"], along["kind"]), ("continue", "continue"), "kinds")
    ok("lead" not in lead, "the first has a lead")
    eq((along["lead"], along["lead_delivery_id"]), (lead["message"], first), "what it went along with")
    eq((along["job_id"], along["message_id"]), (job, lead["message_id"]), "one prompt")
    eq(t.bridge.status()["deliver"]["followed"], 1, "followed")
    t.sandbox.post(f"/jobs/{job}/finish", {})
    t.until(lambda: t.bridge.delivery(second)["messages"][0]["state"] == "answered", "the answer")


@scenario("The status counts what is there")
def status(t):
    job = t.linked()
    t.start()
    t.generic("ci", {"job_id": job, "prompt": "yes"})
    t.generic("ci", {"job_id": JOB_SLACK, "prompt": "no"})
    t.settled()
    t.until(lambda: t.bridge.status()["deliveries"] == 2, "counts of two deliveries")
    told = t.bridge.status()
    eq((told["messages"]["forwarded"], told["messages"]["failed"], told["links"]), (1, 1, 1), "counts")
    eq((told["deliver"]["forwarded"], told["deliver"]["failed"]), (1, 1), "since the start")
    eq((told["circuit"]["state"], told["store"]["healthy"]), ("closed", True), "health")
    lacks(json.dumps(told), "oldest_waiting_at", t.sandbox.key)
    eq(told["listening"], t.bridge.logs("bridge.started")[0]["listening"].split(), "listening")


# ---- replay ----

@scenario("What nobody was linked to is replayed to the job that is linked now, with the same words and a new tag")
def replay_linked_later(t):
    job = t.job()
    t.any_comment()
    t.start()
    t.sandbox.post("/github/permissions", {"repo": "octo/hello", "user": "mona", "permission": "write"})
    delivery = t.comment("the build is broken").json["delivery_id"]
    refused(t, 409, "POST", f"/api/v1/deliveries/{delivery}/replay", "not linked", "github:octo/hello#42")
    t.link("github:octo/hello#42", job)
    answer = t.bridge.ask("POST", f"/api/v1/deliveries/{delivery}/replay")
    eq((answer.status, answer.json["status"], answer.json["delivery_id"]), (202, "queued", delivery), "the answer")
    t.sandbox.wait(job, 1)
    t.settled()
    old, new = t.bridge.delivery(delivery)["messages"]
    eq((new["message"], new["state"], new["job_id"]), (is_id(answer.json["message"]), "forwarded", job),
       "the new message")
    eq((old["state"], old.get("job_id")), ("ignored", None), "the old message")
    eq(new["prompt"], old["prompt"].replace(old["message"], new["message"]), "its prompt")
    eq(t.sandbox.prompts(job), [new["prompt"]], "what the job was told")
    eq(len(t.bridge.delivery(delivery)["events"]), 1, "events of the delivery")


@scenario("A failed and a forwarded delivery are replayed, by thread to the present job, by job id to the same one")
def replay_again(t):
    first, second = t.job(), t.job()
    t.start()
    t.link("ci:a", JOB_SLACK)
    failed = t.generic("ci", {"thread": "a", "prompt": "try this"}).json["delivery_id"]
    named = t.generic("ci", {"job_id": first, "prompt": "and this"}).json["delivery_id"]
    t.link("ci:a", second)
    for delivery, job, count in ((failed, second, 1), (named, first, 2)):
        eq(t.bridge.ask("POST", f"/api/v1/deliveries/{delivery}/replay").status, 202, "replay")
        t.sandbox.wait(job, count)
        t.settled()
        eq([message["state"] for message in t.bridge.delivery(delivery)["messages"]][-1], "forwarded", "state")
    eq(t.sandbox.job(first)["duplicate_tags"], 0, "tags that came twice")


@scenario("What is still on its way, was a ping, or came from a bot is not replayed, and the reason is said")
def replay_refused(t):
    job = t.linked()
    t.start()
    waits = t.busy(job).json["delivery_id"]
    refused(t, 409, "POST", f"/api/v1/deliveries/{waits}/replay", "still on its way")
    t.sandbox.clear()
    t.sandbox.release()
    ping = t.github("ping", {"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {"events": ["*"]}})
    bot = t.comment("do evil", login="robot[bot]", kind="Bot")
    for answer in (ping, bot):
        eq(answer.json["status"], "ignored", "status")
        path = f"/api/v1/deliveries/{answer.json['delivery_id']}"
        t.until(lambda: t.bridge.ask("GET", path).status == 200, "the delivery in the ledger")
        t.settled()
        refused(t, 409, "POST", path + "/replay", "nothing to run again", "ping" if answer is ping else "bot")
    t.sandbox.wait(job, 1)
    t.settled()
    lacks("".join(t.sandbox.prompts(job)), "do evil")


@scenario("An author whom the forge does not vouch for stays unheard at a replay too")
def replay_untrusted(t):
    job = t.linked()
    t.any_comment()
    t.start()
    t.sandbox.post("/github/permissions", {"repo": "octo/hello", "user": "guest", "permission": "read"})
    delivery = t.comment("do evil", association="NONE", login="guest").json["delivery_id"]
    t.until(lambda: state_of(t, delivery) == "ignored", "an answer of the forge")
    refused(t, 409, "POST", f"/api/v1/deliveries/{delivery}/replay", "nothing to run again", "trust")
    eq(t.sandbox.prompts(job), [], "what the job was told")


@scenario("A stranger's comment on a thread without a job is not kept, so no replay can forward it; who is trusted is")
def replay_asks(t):
    job = t.job()
    t.configure(sources={"github": {"trust": {"users": ["friend"]}}})
    t.any_comment()
    t.start()
    t.sandbox.post("/github/permissions", {"repo": "octo/hello", "user": "guest", "permission": "read"})
    said = {login: t.comment(f"said by {login}", association="NONE", login=login).json["delivery_id"]
            for login in ("guest", "friend")}
    t.link("github:octo/hello#42", job)
    refused(t, 409, "POST", f"/api/v1/deliveries/{said['guest']}/replay", "nothing to run again")
    eq(t.bridge.ask("POST", f"/api/v1/deliveries/{said['friend']}/replay").status, 202, "replay")
    t.settled()
    eq(state_of(t, said["friend"]), "forwarded", "the friend's state")
    eq(t.bridge.delivery(said["guest"])["messages"], [], "what is kept of a stranger")
    lacks("".join(t.sandbox.prompts(job)), "guest")


# ---- by hand ----

@scenario("A prompt by hand reaches the job, by id, by thread and by URL; the API's refusal comes back as it is")
def by_hand(t):
    job = t.linked()
    t.start()
    for target in ({"job_id": job}, {"thread": "github:octo/hello#42"},
                   {"thread": "https://github.com/octo/hello/pull/42"}):
        answer = t.bridge.ask("POST", "/api/v1/continue", {**target, "prompt": "by hand: ä\n\ttabbed"})
        eq((answer.status, answer.json["status"], answer.json["job_id"]), (201, "forwarded", job), "the answer")
        ok(answer.json["message_id"] in t.sandbox.message_ids(job), "an unknown message_id")
    for prompt in t.sandbox.prompts(job):
        ok(prompt.startswith("by hand: ä\n\ttabbed\n\n[nairi-bridge "), f"prompt: {prompt!r}")
    answer = t.bridge.ask("POST", "/api/v1/continue", {"job_id": JOB_SLACK, "prompt": "no"})
    eq((answer.status, answer.json["error"], answer.json["upstream_status"]), (422, "job is not an API job", 400),
       "refusal")
    answer = t.bridge.ask("POST", "/api/v1/continue", {"thread": "github:octo/hello#7", "prompt": "no"})
    eq(answer.status, 200, "status")
    has(answer.json["reason"], "not linked")


@scenario("With wait=0, or when the time is up, a prompt by hand is answered as queued, and arrives all the same")
def by_hand_wait(t):
    job = t.linked()
    t.start()
    t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000, times=2)
    for wait in (0, 1):
        answer = t.bridge.ask("POST", f"/api/v1/continue?wait={wait}", {"job_id": job, "prompt": f"waits {wait}"})
        eq((answer.status, answer.json["status"]), (202, "queued"), f"answer with wait={wait}")
    t.sandbox.clear()
    t.sandbox.release()
    t.sandbox.wait(job, 2)


# ---- strictness ----

@scenario("What is malformed is refused, with a text that says what, and has no effect")
def strict(t):
    job = t.job()
    t.start()
    path, target = link_path("github:octo/hello#42"), {"job_id": job}
    refused(t, 400, "PUT", path, "job_id", value={})
    refused(t, 400, "PUT", path, "job_id", value={"job_id": 5})
    refused(t, 400, "PUT", path, "job id", value={"job_id": job + "X"})
    refused(t, 400, "PUT", path, '"job"', value={**target, "job": job})
    refused(t, 400, "PUT", path, "object", value=[target])
    refused(t, 400, "PUT", path + "?force=1", "force", value=target)
    refused(t, 400, "PUT", link_path("github"), "thread", value=target)
    refused(t, 400, "PUT", link_path("nobody:x"), "nobody", value=target)
    refused(t, 400, "PUT", link_path("github:" + "x" * 1100), "1024", value=target)
    refused(t, 400, "PUT", link_path("github:a\nb"), "control", value=target)
    for tail in ("%", "%4", "%zz", "%00", "ci%3Aa%00b", "github%3A%ff", "github%3A%c0%80"):
        refused(t, 400, "PUT", "/api/v1/links/" + tail, value=target)
    for query in ("limit=0", "limit=1001", "limit=x", "limit=", "limit=1&limit=2", "limt=1", "after=1&x"):
        refused(t, 400, "GET", "/api/v1/links?" + query, "limit" if query.startswith("limit") else "")
    for query in ("state=lost", "before=1", "after=x", "job=1", "source=", "thread=x", "limit=-1",
                  f"before={'0' * 8}-0000-7000-8000-{'0' * 12}&after={'0' * 8}-0000-7000-8000-{'0' * 12}"):
        refused(t, 400, "GET", "/api/v1/deliveries?" + query)
    say = {"job_id": job, "prompt": "x"}
    for value in ({"prompt": "x"}, {**say, "thread": "ci:x"}, {"job_id": job}, {**say, "prompt": " \n"},
                  {**say, "prompt": 1}, {**say, "job_id": "x"}, {**say, "wait": 1}, {"thread": 1, "prompt": "x"}):
        refused(t, 400, "POST", "/api/v1/continue", value=value)
    refused(t, 400, "POST", "/api/v1/continue?wait=121", "120", value=say)
    plain = [("Content-Type", "application/json")]
    for body in (b"", b"{", b'{"job_id":"x"} x', b'{"job_id":"\xff"}', b"null", b"{" * 100):
        eq(raw(t.bridge.admin, "PUT", path, plain, body).status, 400, f"body {body!r}")
    eq(raw(t.bridge.admin, "PUT", path, [("Content-Type", "application/jsonx")], b"{}").status, 415, "a wrong type")
    eq(raw(t.bridge.admin, "PUT", path, plain + plain, b"{}").status, 415, "a repeated type")
    eq(raw(t.bridge.admin, "DELETE", path, plain, b"{}").status, 400, "a body where none is expected")
    eq(t.bridge.ask("GET", "/api/v1/links").json["links"], [], "links")
    eq(t.bridge.deliveries(), [], "deliveries")


# ---- who may ask ----

@scenario("On an address the token is asked for, and a Host that a web page could have chosen is refused")
def who_may_ask(t):
    t.configure(admin={"listen": "127.0.0.1:0", "token": TOKEN})
    t.start()
    admin = t.bridge.logs("bridge.started")[0]["listening"].split()[1]
    port = admin.rsplit(":", 1)[1]
    right = ("Authorization", f"Bearer {TOKEN}")
    cases = [
        ([right], 200), ([("Authorization", f"bearer {TOKEN}")], 200), ([], 401), ([right, right], 401),
        ([("Authorization", TOKEN)], 401), ([("Authorization", f"Basic {TOKEN}")], 401),
        ([("Authorization", "Bearer ")], 401),
        ([("Authorization", f"Bearer {TOKEN}x")], 401), ([("Authorization", f"Bearer {TOKEN[:-1]}")], 401),
    ]
    for headers, status in cases:
        eq(raw(admin, "GET", "/api/v1/status", headers).status, status, f"with {headers}")
    for host, status in (("localhost", 200), (f"localhost:{port}", 200), (f"127.0.0.1:{port}", 200),
                         (f"[::1]:{port}", 200), ("10.1.2.3", 200), ("evil.example", 400), (f"evil.example:{port}", 400),
                         ("127.0.0.1.evil.example", 400), ("[::1", 400), ("localhost.evil.example", 400)):
        eq(raw(admin, "GET", "/api/v1/status", [right], host=host).status, status, f"Host: {host}")
    for path in ("/healthz", "/readyz"):
        eq(raw(admin, "GET", path).status, 200, f"{path} without a token")
    eq(raw(admin, "GET", "/nothing").status, 401, "an unknown path without a token")
    t.bridge.wait_log("admin.rejected", count=5)
    lacks(json.dumps(t.bridge.lines), TOKEN)


if __name__ == "__main__":
    main()
