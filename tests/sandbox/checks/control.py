# SPDX-License-Identifier: Apache-2.0
"""The test's side."""
import base64
import json
import threading

from checks.kit import ACTIVE, API, LEGACY, NOBODY, WAIT, check, same, upload


def test_control(box):
    """12.6."""
    box.api("POST", f"/conversations/{ACTIVE}/continue?x=1", {"prompt": "p [nairi-bridge A]"})
    box.go_on(ACTIVE, "p [nairi-bridge A]")
    box.go_on(ACTIVE, "q [nairi-bridge A]")
    box.go_on(ACTIVE, "[nairi-bridge no] r [nairi-bridge B]")
    job = box.job(ACTIVE)
    same("duplicates are provable", (job["user_messages"], job["duplicates"], job["duplicate_tags"]), (4, 1, 2))
    got = box.control("GET", f"/jobs/{ACTIVE}/messages?role=user").json()["messages"]
    same("tags", [m["tag"] for m in got],
         ["[nairi-bridge A]"] * 3 + ["[nairi-bridge B]"])
    check("order of arrival", [m["arrival"] for m in got] == sorted(m["arrival"] for m in got))
    got = box.control("GET", "/requests?path=/continue&method=POST").json()
    same("requests: all of them", len(got["requests"]), 4)
    first = got["requests"][0]
    same("requests: path with query", first["path"], f"{API}/conversations/{ACTIVE}/continue?x=1")
    same("requests: body", json.loads(first["body"]), {"prompt": "p [nairi-bridge A]"})
    same("requests: headers", first["headers"]["Authorization"], "Bearer " + box.good)
    same("requests: status", first["status"], 201)
    same("requests: since", len(box.control("GET", f"/requests?since={first['number']}").json()["requests"]), 3)
    same("requests: limit", len(box.control("GET", "/requests?limit=2").json()["requests"]), 2)
    upload(box, b"\xff\x00\xfe")
    got = box.control("GET", "/requests?path=/attachments").json()["requests"][0]
    check("requests: binary bodies", b"\xff\x00\xfe" in base64.b64decode(got["body_base64"]), got)
    box.control("DELETE", "/requests")
    same("requests: forgotten", box.control("GET", "/requests").json()["requests"], [])
    got = box.control("GET", f"/wait?job={ACTIVE}&count=9&timeout_ms=10")
    same("wait: time is up", (got.status, got.json()["user_messages"]), (408, 4))
    same("wait: no such job", box.control("GET", f"/wait?job={NOBODY}&timeout_ms=1").status, 404)
    test_waits(box)
    store = box.control("GET", "/store").json()
    same("store", (len(store["jobs"]), len(store["attachments"]), store["policy"]["policy"]),
         (9, 1, "accept-and-stall"))
    same("a typing error is refused", box.control("POST", "/turns", {"anwser": "x"}).status, 400)
    same("seeding an id twice", box.control("POST", "/jobs", {"id": ACTIVE}).status, 400)
    same("seeding a malformed id", box.control("POST", "/jobs", {"id": "job_x"}).status, 400)
    box.set("/keys", {"key": box.good, "org": 0})
    same("revoking is immediate", box.go_on(ACTIVE, "x").status, 401)
    box.set("/keys", {"key": "nr_new", "org": 2})
    same("a new key", box.api("GET", "/agents", key="nr_new").status, 200)
    box.reset()
    same("reset: key", box.api("GET", "/agents").status, 200)
    same("reset: messages", box.messages(ACTIVE), [])
    same("reset: jobs", len(box.control("GET", "/jobs").json()["jobs"]), 9)


def test_waits(box):
    """A waiter is woken by what it waits for."""
    results = {}

    def wait(name, path):
        results[name] = box.control("GET", path).status

    waiters = [threading.Thread(target=wait, args=arguments) for arguments in (
        ("job", f"/wait?job={LEGACY}&count=2&timeout_ms={WAIT * 1000}"),
        ("requests", f"/wait_requests?path={LEGACY}&count=2&timeout_ms={WAIT * 1000}"),
        ("comments", f"/wait_comments?repo=octo/hello&number=5&count=1&timeout_ms={WAIT * 1000}"))]
    for waiter in waiters:
        waiter.start()
    box.go_on(LEGACY, "a")
    box.go_on(LEGACY, "b")
    box.github("POST", "/repos/octo/hello/issues/5/comments", {"body": "hello"})
    for waiter in waiters:
        waiter.join(WAIT)
    same("waiters are woken", results, {"job": 200, "requests": 200, "comments": 200})
