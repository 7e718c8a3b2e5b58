#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml and the running program say the same: every documented path, method and status, and no more."""
import json
import os
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]

import openapi_file  # noqa: E402
from harness import (JOB_SLACK, JOB_UNKNOWN, ROOT, Wire, eq, generic_headers, main, ok,  # noqa: E402
                     request_bytes, scenario)

TOKEN = "admin-token-0123456789abcdef"
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
NO_ID = "01a20a57-5ac2-7000-96ff-4d0f116af6b0"

# Documented, and not provoked here: why.
NOT_PROVOKED = {
    ("/readyz", "GET", 503): "the daemon ends too fast to be asked",
    ("/api/v1/links", "GET", 503): "the store cannot be read",
    ("/api/v1/links/{thread}", "GET", 503): "the store cannot be read",
    ("/api/v1/links/{thread}", "PUT", 503): "the store cannot be written",
    ("/api/v1/links/{thread}", "DELETE", 503): "the store cannot be written",
    ("/api/v1/deliveries", "GET", 503): "the store cannot be read",
    ("/api/v1/deliveries/{id}", "GET", 503): "the store cannot be read",
}


def call(address, method, path, headers, body=b""):
    with Wire(address) as wire:
        wire.send(request_bytes(method, path, list(headers) + [("Connection", "close")], body, host=address))
        return wire.answer(method)


class Contract:
    """Asks, and holds each answer against what is documented for it."""

    def __init__(self, t):
        self.t = t
        self.file = openapi_file.load(os.path.join(ROOT, "docs/openapi.yaml"))
        self.seen = set()
        t.configure(admin={"listen": "127.0.0.1:0", "token": TOKEN}, limits={"queue": 2, "body": "16KiB"})

    def start(self):
        self.t.start()
        names = self.t.bridge.logs("bridge.started")[0]["listening"].split()
        self.public, self.admin = names

    def operation(self, template, method):
        return self.file["paths"][template].get(method.lower())

    def methods(self, template):
        return [method for method in METHODS if self.operation(template, method)]

    def hold(self, template, method, answer):
        operation = self.operation(template, method)
        ok(operation, f"{method} {template} is not documented")
        documented = operation["responses"].get(str(answer.status))
        ok(documented, f"{method} {template}: {answer} is not documented")
        documented = openapi_file.resolve(self.file, documented)
        eq(answer.header("Content-Type"), "application/json", f"type of {method} {template} {answer.status}")
        for name, header in documented.get("headers", {}).items():
            ok(not header.get("required") or answer.header(name) is not None,
               f"{method} {template} {answer.status}: {name} is missing")
        schema = documented["content"]["application/json"]["schema"]
        eq(openapi_file.check(self.file, schema, answer.json), [], f"{method} {template} {answer.status}")
        self.seen.add((template, method, answer.status))
        return answer

    def ask(self, status, method, template, name=None, query="", value=None, raw=None, token=TOKEN, kind=None,
            where=None):
        path = template
        if name is not None:
            path = template.replace(template[template.index("{"):template.index("}") + 1],
                                    urllib.parse.quote(name, safe=""))
        headers = [("Authorization", f"Bearer {token}")] if token else []
        body = raw if raw is not None else b"" if value is None else json.dumps(value).encode()
        if body or kind:
            headers.append(("Content-Type", kind or "application/json"))
        # What cannot be documented (an undocumented method) is asked without it.
        answer = call(where or self.admin, method, path + query, headers, body)
        eq(answer.status, status, f"{method} {path + query}")
        return self.hold(template, method, answer) if self.operation(template, method) else answer

    def hook(self, status, value, source="ci", headers=None, extra=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        headers = generic_headers("ci", body) if headers is None else headers
        answer = call(self.public, "POST", f"/hooks/{source}", headers + list(extra), body)
        eq(answer.status, status, f"POST /hooks/{source}: {answer}")
        return self.hold("/hooks/{source}", "POST", answer)

    def documented(self):
        return {(template, method, int(status)) for template in self.file["paths"] for method in self.methods(template)
                for status in self.operation(template, method)["responses"]}


def hooks(c, job):
    prompt = {"job_id": job, "prompt": "hello"}
    signed = generic_headers("ci", b"[]")
    c.hook(201, {**prompt, "id": "one"})
    c.hook(200, {**prompt, "id": "one"})
    c.hook(200, {"thread": "nobody", "prompt": "hello"})
    c.hook(400, b"[]", headers=signed)
    c.hook(401, prompt, headers=[("Content-Type", "application/json"), ("X-Signature-256", "sha256=00")])
    c.hook(404, prompt, source="nobody")
    c.hook(413, {**prompt, "prompt": "x" * 20000})
    c.hook(415, prompt, headers=[("Content-Type", "text/plain")])
    c.hook(422, {"job_id": JOB_SLACK, "prompt": "hello"})
    c.hook(431, prompt, extra=[(f"X-Many-{i}", "x") for i in range(80)])


def links(c, job):
    template, thread = "/api/v1/links/{thread}", "github:octo/hello#42"
    c.ask(201, "PUT", template, thread, value={"job_id": job})
    c.ask(200, "PUT", template, thread, value={"job_id": job})
    c.ask(400, "PUT", template, thread, value={"job_id": "job_1"})
    c.ask(409, "PUT", template, "github:octo/fixed#1", value={"job_id": job})
    c.ask(413, "PUT", template, thread, raw=b'{"job_id":"' + b"x" * (2 * 1024 * 1024) + b'"}')
    c.ask(415, "PUT", template, thread, raw=b"{}", kind="text/plain")
    c.ask(200, "GET", template, thread)
    c.ask(400, "GET", template, "no-thread")
    c.ask(404, "GET", template, "github:octo/hello#43")
    eq(len(c.ask(200, "GET", "/api/v1/links").json["links"]), 2, "links")
    c.ask(200, "GET", "/api/v1/links", query="?limit=1")
    c.ask(400, "GET", "/api/v1/links", query="?limit=0")
    c.ask(200, "DELETE", template, thread)
    c.ask(400, "DELETE", template, "no-thread")
    c.ask(404, "DELETE", template, thread)
    c.ask(409, "DELETE", template, "github:octo/fixed#1")


def continues(c, job):
    path = "/api/v1/continue"
    c.ask(201, "POST", path, value={"job_id": job, "prompt": "hello"})
    c.ask(200, "POST", path, value={"thread": "github:octo/hello#43", "prompt": "hello"})
    c.ask(202, "POST", path, query="?wait=0", value={"job_id": job, "prompt": "hello"})
    c.ask(400, "POST", path, value={"job_id": job})
    c.ask(413, "POST", path, value={"job_id": job, "prompt": "x" * 70000})
    c.ask(415, "POST", path, raw=b"{}", kind="text/plain")
    c.ask(422, "POST", path, value={"job_id": JOB_UNKNOWN, "prompt": "hello"})


def starts(c):
    path = "/api/v1/start"
    whole = {"agent": "my-agent", "prompt": "hello", "ask": True, "link": "github:octo/hello#44"}
    c.ask(201, "POST", path, value=whole)
    c.ask(202, "POST", path, query="?wait=0", value={"agent": "my-agent", "prompt": "hello"})
    c.ask(400, "POST", path, value={"prompt": "hello"})
    c.ask(413, "POST", path, value={"agent": "my-agent", "prompt": "x" * 70000})
    c.ask(415, "POST", path, raw=b"{}", kind="text/plain")
    c.ask(422, "POST", path, value={"agent": "no-agent", "prompt": "hello"})


def ledger(c):
    c.t.until(lambda: not c.ask(200, "GET", "/api/v1/status").json["deliver"]["waiting"], "an empty queue")
    rows = c.ask(200, "GET", "/api/v1/deliveries").json["deliveries"]
    c.ask(200, "GET", "/api/v1/deliveries", query="?state=failed&limit=1")
    c.ask(400, "GET", "/api/v1/deliveries", query="?state=lost")
    for row in rows:
        c.ask(200, "GET", "/api/v1/deliveries/{id}", row["delivery_id"])
    c.ask(400, "GET", "/api/v1/deliveries/{id}", "1")
    c.ask(404, "GET", "/api/v1/deliveries/{id}", NO_ID)
    template = "/api/v1/deliveries/{id}/replay"
    sent = [row for row in rows if row["state"] in ("forwarded", "answered") and row["event"] != "admin.start"]
    forwarded = sent[0]["delivery_id"]
    ignored = next(row for row in rows if row["state"] == "ignored")["delivery_id"]
    c.ask(202, "POST", template, forwarded)
    c.ask(400, "POST", template, "1")
    c.ask(404, "POST", template, NO_ID)
    c.ask(409, "POST", template, ignored)
    return forwarded


def full_queue(c, job, delivery):
    """limits.queue is 2, and the API does not answer."""
    c.t.until(lambda: not c.ask(200, "GET", "/api/v1/status").json["deliver"]["waiting"], "an empty queue")
    c.t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000, times=2)
    for number in range(2):
        c.hook(202, {"job_id": job, "prompt": f"number {number}"}, extra=[("Prefer", "wait=1")])
    c.hook(503, {"job_id": job, "prompt": "too many"})
    c.ask(503, "POST", "/api/v1/continue", value={"job_id": job, "prompt": "too many"})
    c.ask(503, "POST", "/api/v1/start", value={"agent": "my-agent", "prompt": "too many"})
    c.ask(503, "POST", "/api/v1/deliveries/{id}/replay", delivery)
    c.t.sandbox.clear()
    c.t.sandbox.release()


def wrong_methods(c):
    """A method that is not documented is refused, and Allow names those that are."""
    for template in c.file["paths"]:
        name = "ci" if "{source}" in template else "github:octo/hello#42" if "{thread}" in template else \
            NO_ID if "{" in template else None
        where = c.public if template.startswith("/hooks/") else c.admin
        allowed = c.methods(template)
        for method in METHODS:
            if method in allowed:
                continue
            answer = c.ask(405, method, template, name, value={}, where=where)
            told = answer.header("Allow").split(", ")
            eq(sorted(told), sorted(allowed + (["HEAD"] if "GET" in allowed else [])), f"Allow of {template}")
        for method in allowed:
            c.seen.add((template, method, 405))


@scenario("Every documented path, method and status is what the program does, and it does no other")
def openapi(t):
    c = Contract(t)
    job = t.job()
    t.link("github:octo/fixed#1", job)
    c.start()
    for path in ("/healthz", "/readyz"):
        for where in (c.public, c.admin):
            c.ask(200, "GET", path, where=where, token=None)
    c.ask(200, "GET", "/api/v1/status")
    c.ask(400, "GET", "/api/v1/status", query="?verbose=1")
    hooks(c, job)
    links(c, job)
    continues(c, job)
    starts(c)
    full_queue(c, job, ledger(c))
    wrong_methods(c)
    for template in c.file["paths"]:
        if not template.startswith("/api/"):
            continue
        for method in c.methods(template):
            name = NO_ID if "{" in template else None
            c.ask(401, method, template, name, token=None)
            c.ask(401, method, template, name, token=TOKEN[:-1] + "X")
    for path in ("/", "/api", "/api/v1", "/api/v1/", "/api/v1/starts", "/api/v1/links/", "/api/v1/links/a/b",
                 "/api/v1/status/", "/api/v2/status", "/api/v1/deliveries/" + NO_ID + "/"):
        eq(call(c.admin, "GET", path, [("Authorization", f"Bearer {TOKEN}")]).status, 404, path)
    eq(sorted(c.documented() - c.seen - set(NOT_PROVOKED)), [], "documented, and never seen")
    eq(sorted(set(NOT_PROVOKED) - c.documented()), [], "excused, and not documented")


if __name__ == "__main__":
    main()
