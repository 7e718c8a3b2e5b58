#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks nairi-sandbox from outside: selftest.py BINARY. Prints TAP; ends with 1 if anything failed."""
import atexit
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

API = "/api/public/v1"
ACTIVE = "job_01KRK1V46BXS73CSNK2VR35NPJ"
COMPLETED = "job_01KRK1V46BXS73CSNK2VC0MP00"
ERROR = "job_01KRK1V46BXS73CSNK2VERR0R0"
ABANDONED = "job_01KRK1V46BXS73CSNK2VABAND0"
SLACK = "job_01KRK1V46BXS73CSNK2VS1ACK0"
DISCORD = "job_01KRK1V46BXS73CSNK2VD1SC0R"
WEB = "job_01KRK1V46BXS73CSNK2VWEB000"
LEGACY = "j_01ARZ3NDEKTSV4RRFFQ69G5FAV"
FOREIGN = "job_01KRK1V46BXS73CSNK2V0THER0"
NOBODY = "job_01KRK1V46BXS73CSNK2V000000"
ULID = r"[0-9A-HJKMNP-TV-Z]{26}"
WAIT = 20  # seconds; only ever reached when something is wrong
LIMIT = 240  # seconds for all of it

counts = {"passed": 0, "failed": 0}


def check(name, ok, detail=""):
    counts["passed" if ok else "failed"] += 1
    number = counts["passed"] + counts["failed"]
    print(f"{'ok' if ok else 'not ok'} {number} - {name}")
    if not ok and detail != "":
        print("# " + repr(detail)[:1000])
    sys.stdout.flush()


def same(name, got, wanted):
    check(name, got == wanted, f"got {got!r}, wanted {wanted!r}")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        try:
            document = self.json()
        except ValueError:
            return None
        return document.get("error") if list(document) == ["error"] else None


class Sandbox:
    def __init__(self, binary, *options):
        self.process = subprocess.Popen([binary, *options], stdout=subprocess.PIPE)
        atexit.register(self.kill)
        self.line = self.process.stdout.readline()
        self.ready = json.loads(self.line)
        address = urllib.parse.urlsplit(self.ready["nairi"])
        self.host, self.port = address.hostname, address.port
        self.good = self.ready["keys"]["good"]
        self.other = self.ready["keys"]["other_org"]
        self.revoked = self.ready["keys"]["revoked"]
        self.token = self.ready["github_token"]

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()

    def stop(self):
        """Its exit status (None if it does not end) and what else it printed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=WAIT)
        except subprocess.TimeoutExpired:
            self.kill()
            return None, b""
        return self.process.returncode, rest

    def http(self, method, path, body=None, headers=None, timeout=WAIT):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            got = connection.getresponse()
            return Answer(got.status, got.headers, got.read())
        finally:
            connection.close()

    def api(self, method, path, document=None, key=None, timeout=WAIT):
        headers = {"Authorization": "Bearer " + (key or self.good)}
        body = None
        if document is not None:
            body = document if isinstance(document, (bytes, str)) else json.dumps(document)
            headers["Content-Type"] = "application/json"
        return self.http(method, API + path, body, headers, timeout)

    def go_on(self, job, prompt, key=None, timeout=WAIT):
        return self.api("POST", f"/conversations/{job}/continue", {"prompt": prompt}, key, timeout)

    def control(self, method, path, document=None):
        body = None if document is None else json.dumps(document)
        return self.http(method, "/_sandbox" + path, body)

    def set(self, path, document):
        got = self.control("POST", path, document)
        if got.status not in (200, 201):
            raise RuntimeError(f"{path}: {got.status} {got.body!r}")
        return got.json()

    def job(self, job):
        return self.control("GET", f"/jobs/{job}").json()

    def users(self, job):
        return [m["content"] for m in self.job(job)["messages"] if m["role"] == "user"]

    def messages(self, job):
        return self.api("GET", f"/conversations/{job}/messages").json()["messages"]

    def settle(self, job, count):
        got = self.control("GET", f"/wait?job={job}&count={count}&settled=1&timeout_ms={WAIT * 1000}")
        if got.status != 200:
            raise RuntimeError(f"job {job} did not settle: {got.body!r}")
        return self.messages(job)

    def github(self, method, path, document=None, token=None, headers=None):
        all_headers = {"Authorization": "Bearer " + (token or self.token), "User-Agent": "selftest"}
        all_headers.update(headers or {})
        body = None
        if document is not None:
            body = document if isinstance(document, (bytes, str)) else json.dumps(document)
        return self.http(method, "/github" + path, body,
                         {k: v for k, v in all_headers.items() if v is not None})

    def reset(self):
        self.set("/reset", {})


class Raw:
    """A kept-alive connection on which a reset and an orderly end can be told apart."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.socket = socket.create_connection((sandbox.host, sandbox.port), timeout=WAIT)

    def send(self, job, prompt):
        body = json.dumps({"prompt": prompt})
        self.socket.sendall((f"POST {API}/conversations/{job}/continue HTTP/1.1\r\n"
                             f"Host: sandbox\r\nAuthorization: Bearer {self.sandbox.good}\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body}").encode())

    def answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if more == b"":
                return "closed", data
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        while len(body) < length:
            more = self.socket.recv(65536)
            if more == b"":
                return "cut", body
            body += more
        return int(head.split()[1]), body

    def outcome(self):
        try:
            return self.answer()[0]
        except ConnectionResetError:
            return "reset"


def is_page(answer):
    return answer.headers["Content-Type"].startswith("text/html") and b"<html" in answer.body


def test_start(binary):
    """Command line and the line it prints."""
    box = Sandbox(binary)
    same("the ready line names all parts", sorted(box.ready),
         ["control", "github", "github_token", "keys", "nairi"])
    check("addresses are loopback", all(box.ready[k].startswith("http://127.0.0.1:")
                                        for k in ("nairi", "github", "control")), box.ready)
    check("keys look like keys", all(k.startswith("nr_") for k in box.ready["keys"].values()))
    status, rest = box.stop()
    same("SIGTERM ends with 0", status, 0)
    same("nothing more is printed", rest, b"")
    for address in ("0.0.0.0:0", "192.0.2.1:0", "[::]:0", "nonsense", "127.0.0.1", "127.0.0.1:99999"):
        got = subprocess.run([binary, "--listen", address], capture_output=True, timeout=WAIT)
        check(f"--listen {address} is refused", got.returncode == 1 and got.stdout == b"", got)
    got = subprocess.run([binary, "--help"], capture_output=True, timeout=WAIT)
    check("--help helps", got.returncode == 0 and b"--quick" in got.stdout, got)
    got = subprocess.run([binary, "--nonsense"], capture_output=True, timeout=WAIT)
    same("an unknown option is a usage error", got.returncode, 2)
    box = Sandbox(binary, "--key", "nr_mine")
    same("--key adds a good key", box.api("GET", "/agents", key="nr_mine").status, 200)
    box.stop()


def test_transport(box):
    """12.1"""
    got = box.api("GET", "/nowhere")
    check("unknown path: 404 in JSON", got.status == 404 and got.error is not None, got.body)
    got = box.api("GET", f"/conversations/{ACTIVE}/continue")
    check("wrong method: 405 in JSON", got.status == 405 and got.error is not None, got.body)
    same("405 says what is allowed", got.headers["Allow"], "POST")
    same("wrong method on a list", box.api("DELETE", "/agents").status, 405)
    same("outside every prefix", box.http("GET", "/").status, 404)
    for name, answer in {
        "200": box.api("GET", "/agents"), "201": box.go_on(ACTIVE, "type"),
        "400": box.go_on("job_x", "x"), "401": box.go_on(ACTIVE, "x", "nr_no"),
        "404": box.go_on(NOBODY, "x"), "405": box.api("PUT", "/agents"),
    }.items():
        same(f"{name} is application/json", (str(answer.status), answer.headers["Content-Type"]),
             (name, "application/json"))
    raw = Raw(box)
    for i in range(3):
        raw.send(ACTIVE, f"kept {i}")
        same(f"keep-alive, request {i}", raw.outcome(), 201)
    connection = http.client.HTTPConnection(box.host, box.port, timeout=WAIT)
    connection.request("POST", f"{API}/conversations/{ACTIVE}/continue",
                       iter([b'{"pro', b'mpt":"chun', b'ked"}']),
                       {"Authorization": "Bearer " + box.good}, encode_chunked=True)
    same("a chunked upload", connection.getresponse().status, 201)
    connection.close()
    same("its text is whole", box.users(ACTIVE)[-1], "chunked")
    test_expect(box)
    got = box.api("POST", f"/conversations/{ACTIVE}/continue",
                  {"prompt": "extra", "colour": "red", "reasoning_effort": 3})
    same("unknown members are ignored", got.status, 201)
    raw = Raw(box)
    raw.socket.sendall(f"POST {API}/attachments HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n".encode())
    same("a body beyond all limits", raw.outcome(), 413)
    encoded = ACTIVE.replace("_", "%5F").replace("K", "%4b")
    same("ids are percent-decoded", box.go_on(encoded, "decoded").status, 201)
    for slug in ("octo/hello", "octo%2Fhello", "octo%2fhello"):
        same(f"slug {slug} in a path", box.api("GET", f"/agents/{slug}/conversations").status, 200)
    same("an encoded slash does not split elsewhere",
         box.api("GET", f"/conversations%2F{ACTIVE}/messages").status, 404)


def test_expect(box):
    """Expect: 100-continue, as libcurl sends it for larger bodies."""
    raw = Raw(box)
    body = json.dumps({"prompt": "expected"}).encode()
    raw.socket.sendall((f"POST {API}/conversations/{ACTIVE}/continue HTTP/1.1\r\nHost: x\r\n"
                        f"Authorization: Bearer {box.good}\r\nExpect: 100-continue\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode())
    same("100 Continue", raw.socket.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
    raw.socket.sendall(body)
    same("and then the answer", raw.outcome(), 201)


def test_order(box):
    """12.2: each request has this fault and all later ones; the earlier check must win."""
    bad, none = "not json", {}
    for header in (None, "Bearer", "Bearer ", "Basic " + box.good, box.good, "Bearer nr_unknown",
                   "Bearer ccagent_x", "Bearer " + box.revoked):
        headers = {"Authorization": header} if header else {}
        got = box.http("POST", f"{API}/conversations/job_bad/continue", bad, headers)
        check(f"1. 401 first, with authorization {str(header)[:16]!r}",
              got.status == 401 and got.error is not None, got.body)
    same("1. 401 also on an unknown path", box.http("GET", API + "/nowhere").status, 401)
    for job in ("job_bad", "job_01KRK1V46BXS73CSNK2VR35NPI", "JOB_01KRK1V46BXS73CSNK2VR35NPJ",
                "job_01KRK1V46BXS73CSNK2VR35NPJ0", "job01KRK1V46BXS73CSNK2VR35NPJ",
                "_01KRK1V46BXS73CSNK2VR35NPJ", "job__01KRK1V46BXS73CSNK2VR35NPJ",
                "job_01krk1v46bxs73csnk2vr35npj", "job_01KRK1V46BXS73CSNK2VR35NP%C3%84", ACTIVE + "-x"):
        got = box.api("POST", f"/conversations/{job}/continue", bad)
        check(f"2. 400 malformed id {job}", got.status == 400 and got.error == "invalid job id", got.body)
    for text in (bad, "[]", '"x"', "{", '{"prompt":"x"} y', "", b'{"prompt":"\xff"}', "null"):
        got = box.api("POST", f"/conversations/{NOBODY}/continue", text)
        check(f"3. 400 body {text!r}", got.status == 400 and got.error == "invalid request body", got.body)
    for prompt in (none, {"prompt": None}, {"prompt": ""}, {"prompt": 5}, {"prompt": ["x"]},
                   {"Prompt": "x"}):
        got = box.api("POST", f"/conversations/{NOBODY}/continue", prompt)
        check(f"4. 400 prompt is required: {prompt}",
              got.status == 400 and got.error == "prompt is required", got.body)
    eleven = {"prompt": "x", "attachment_ids": ["bad"] * 11}
    for job, key in ((NOBODY, None), (FOREIGN, None), (ACTIVE, box.other),
                     (ACTIVE.replace("job_", "cmsg_"), None)):
        got = box.api("POST", f"/conversations/{job}/continue", eleven, key)
        check(f"5. 404 job not found: {job}",
              got.status == 404 and got.error == "job not found", got.body)
    for job in (SLACK, DISCORD, WEB):
        got = box.api("POST", f"/conversations/{job}/continue", eleven)
        check(f"6. 400 not an API job: {job}",
              got.status == 400 and got.error == "job is not an API job", got.body)
    foreign = upload(box, b"theirs", key=box.other).json()["attachment_id"]
    for ids in (["bad"] * 11, ["att_bad"], ["att_" + NOBODY[4:]], [5], "att", [foreign]):
        got = box.api("POST", f"/conversations/{ACTIVE}/continue", {"prompt": "x", "attachment_ids": ids})
        check(f"7. 400 attachments {str(ids)[:40]}", got.status == 400 and got.error is not None, got.body)
    same("nothing was created by any of these", box.job(ACTIVE)["user_messages"], 0)
    got = box.go_on(LEGACY, "old form")
    same("8. 201, a legacy id", (got.status, sorted(got.json())), (201, ["job_id", "message_id"]))
    got = box.api("POST", "/conversations/start", {"prompt": "x"})
    same("start: agent_id is required", (got.status, got.error), (400, "agent_id is required"))
    got = box.api("POST", "/conversations/start", {"agent_id": "no-such"})
    same("start: prompt before agent", (got.status, got.error), (400, "prompt is required"))
    for agent in ("no-such", "other-agent"):
        got = box.api("POST", "/conversations/start", {"prompt": "x", "agent_id": agent})
        same(f"start: agent {agent} is unknown", got.status, 404)
    got = box.api("POST", "/conversations/start", {"prompt": "x", "agent_id": "my-agent", "ask_mode": "yes"})
    same("start: ask_mode of a wrong type", got.status, 400)


def test_continue(box):
    """12.3 start, continue, list, get."""
    got = box.api("POST", "/conversations/start", {"agent_id": "octo/hello", "prompt": "Hi.", "ask_mode": True})
    job, message = got.json()["job_id"], got.json()["message_id"]
    same("start: 201", got.status, 201)
    check("start: ids", re.fullmatch("job_" + ULID, job) and re.fullmatch("cmsg_" + ULID, message), got.body)
    same("start: ask_mode is kept", box.job(job)["ask_mode"], True)
    messages = box.settle(job, 1)
    same("start: the first turn runs", [m["role"] for m in messages], ["user", "assistant"])
    same("an empty thread is {\"messages\": []}", box.api("GET", f"/conversations/{ACTIVE}/messages").body,
         b'{"messages":[]}')
    box.set("/turns", {"manual": True})
    before = box.job(ACTIVE)["updated_at"]
    time.sleep(0.002)
    got = box.go_on(ACTIVE, "Żółć ✓ \"quoted\"\nline <b>\u2028")
    message = got.json()["message_id"]
    same("continue: 201 and the job's id", (got.status, got.json()["job_id"]), (201, ACTIVE))
    one = box.api("GET", f"/messages/{message}").json()
    same("the message is there before the answer", (one["role"], one["status"]), ("user", "queued"))
    same("its text is verbatim", one["content"], "Żółć ✓ \"quoted\"\nline <b>\u2028")
    same("no optional member is null", sorted(one), sorted(
        ["id", "job_id", "content", "role", "status", "created_at", "updated_at"]))
    same("get and list show the same", box.messages(ACTIVE), [one])
    check("times have milliseconds and Z",
          re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["created_at"]), one)
    check("updated_at of the job moves", box.job(ACTIVE)["updated_at"] > before)
    same("get: unknown id", box.api("GET", "/messages/cmsg_" + NOBODY[4:]).status, 404)
    same("get: malformed id", box.api("GET", "/messages/cmsg_x").status, 400)
    same("get: other organisation", box.api("GET", f"/messages/{message}", key=box.other).status, 404)
    got = box.api("GET", f"/conversations/{NOBODY}/messages")
    same("list: unknown job", (got.status, got.error), (404, "job not found"))
    same("list: malformed id", box.api("GET", "/conversations/x/messages").status, 400)
    same("list: other organisation", box.api("GET", f"/conversations/{ACTIVE}/messages", key=box.other).status, 404)
    same("list: a Slack job can be read", box.api("GET", f"/conversations/{SLACK}/messages").status, 200)
    big = "x" * 300000
    same("a large prompt", box.go_on(ACTIVE, big).status, 201)
    same("is kept whole", box.users(ACTIVE)[-1], big)


def test_curl(box):
    """The call as the API documentation shows it."""
    if shutil.which("curl") is None:
        check("curl example # SKIP no curl", True)
        return
    got = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", "-X", "POST",
         f"{box.ready['nairi']}{API}/conversations/{ACTIVE}/continue",
         "-H", f"Authorization: Bearer {box.good}", "-H", "Content-Type: application/json",
         "-d", '{"prompt": "Now add tests for the new endpoint."}'],
        capture_output=True, timeout=WAIT, check=False)
    body, status = got.stdout.decode().rsplit("\n", 1)
    same("curl example: 201", status, "201")
    check("curl example: the two ids", re.fullmatch(
        r'\{"job_id":"%s","message_id":"cmsg_%s"\}' % (ACTIVE, ULID), body), body)


def test_policies(box):
    """12.3, ended jobs."""
    for job in (COMPLETED, ABANDONED):
        got = box.go_on(job, "still there?")
        message = box.api("GET", f"/messages/{got.json()['message_id']}").json()
        same(f"accept-and-stall is the default: {job}", (got.status, message["status"]), (201, "queued"))
        same("the job stays ended", box.job(job)["status"], "completed" if job == COMPLETED else "abandoned")
    same("a stalled message has no turn", box.job(COMPLETED)["phase"], "idle")
    box.set("/policy", {"policy": "reject", "status": 409, "text": "job is completed"})
    got = box.go_on(COMPLETED, "no")
    same("reject: status and text", (got.status, got.error), (409, "job is completed"))
    same("reject: nothing was created", box.job(COMPLETED)["user_messages"], 1)
    same("reject is not for active jobs", box.go_on(ACTIVE, "fine").status, 201)
    box.set("/policy", {"policy": "revive", "job": ABANDONED})
    same("revive: 201", box.go_on(ABANDONED, "wake up").status, 201)
    messages = box.settle(ABANDONED, 2)
    same("revive: a normal turn", (messages[-2]["status"], messages[-1]["role"]), ("completed", "assistant"))
    same("revive: active again", box.job(ABANDONED)["status"], "active")
    same("revive: what was stalled stays so", messages[-3]["status"], "queued")
    same("the other job keeps the global policy", box.go_on(COMPLETED, "no").status, 409)
    same("a job in error can be continued", box.go_on(ERROR, "again").status, 201)
    box.settle(ERROR, 1)
    same("and is active then", box.job(ERROR)["status"], "active")


def rows(box, agent="my-agent", query="", key=None):
    return box.api("GET", f"/agents/{agent}/conversations{query}", key=key)


def ids(answer):
    return [row["id"] for row in answer.json()["conversations"]]


def test_lists(box):
    """3.5 and 3.6."""
    got = rows(box)
    same("list conversations: all statuses", len(ids(got)), 8)
    check("rows have id, status, updated_at",
          all({"id", "status", "updated_at"} <= set(r) for r in got.json()["conversations"]), got.body)
    agents = box.api("GET", "/agents").json()
    check("agents: a bare array", isinstance(agents, list) and len(agents) == 3, agents)
    by_slug = {a["agent_id"]: a for a in agents}
    check("agents: null description", by_slug["octo/hello"]["description"] is None)
    check("agents: absent description", "description" not in by_slug["quiet-agent"])
    check("agents: members", all(isinstance(a["id"], str) and re.fullmatch("cci_" + ULID, a["id"]) and
                                 isinstance(a["instances_count"], int) and
                                 isinstance(a["is_self_hosted"], bool) for a in agents), agents)
    same("agents: other organisation",
         [a["agent_id"] for a in box.api("GET", "/agents", key=box.other).json()], ["other-agent"])
    same("by cci_ id", sorted(ids(rows(box, by_slug["my-agent"]["id"]))), sorted(ids(got)))
    same("unknown agent", rows(box, "no-such").status, 404)
    same("an agent of the other organisation", rows(box, "other-agent").status, 404)
    same("unknown cci_ id", rows(box, "cci_" + NOBODY[4:]).status, 404)
    same("malformed cci_ id", rows(box, "cci_x").status, 400)
    same("status filter", ids(rows(box, query="?status=completed")), [COMPLETED])
    same("two statuses", sorted(ids(rows(box, query="?status=error,abandoned"))), sorted([ERROR, ABANDONED]))
    for query in ("status=Active", "status=", "status=active,", "status=,active", "status=active,,error",
                  "status=done", "limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "offset=-1",
                  "offset=x", "sort=created_at", "sort=", "updated_after=yesterday", "updated_after=",
                  "updated_after=2026-01-01"):
        got = rows(box, query="?" + query)
        check(f"400 for {query}", got.status == 400 and got.error is not None, got.body)
    same("limit bounds", [rows(box, query=f"?limit={n}").status for n in (1, 100)], [200, 200])
    test_sort(box)


def test_sort(box):
    made = []
    for i, (created, updated) in enumerate([("01", "09"), ("02", "05"), ("03", "07"), ("04", "07")]):
        made.append(box.set("/jobs", {
            "agent": "quiet-agent", "created_at": f"2026-01-01T00:00:{created}.000Z",
            "updated_at": f"2026-01-02T00:00:{updated}.500Z"})["id"])
        same(f"seeding job {i}", bool(re.fullmatch("job_" + ULID, made[i])), True)
    a, b, c, d = made
    for query, wanted in {
        "": [d, c, b, a], "?sort=created_at_desc": [d, c, b, a], "?sort=created_at_asc": [a, b, c, d],
        "?sort=updated_at_asc": [b, c, d, a], "?sort=updated_at_desc": [a, d, c, b],
        "?sort=created_at_asc&limit=2&offset=1": [b, c], "?offset=4": [],
        "?sort=updated_at_asc&updated_after=2026-01-02T00:00:07.500Z": [a],
        "?sort=updated_at_asc&updated_after=2026-01-02T00:00:07.499Z": [c, d, a],
        "?sort=updated_at_asc&updated_after=2026-01-02T01:00:07.499%2B01:00": [c, d, a],
        "?updated_after=2027-01-02T00:00:00Z": [],
    }.items():
        same(f"list order{query}", ids(rows(box, "quiet-agent", query)), wanted)
    for i in range(55):
        box.set("/jobs", {"agent": "octo/hello"})
    same("50 rows by default", len(ids(rows(box, "octo/hello"))), 50)
    same("the rest by offset", len(ids(rows(box, "octo/hello", "?offset=50"))), 5)


def upload(box, data, filename="notes.txt", field="file", key=None, before=b""):
    boundary = "----selftest7d9"
    body = before + (f'--{boundary}\r\nContent-Disposition: form-data; name="other"\r\n\r\nignored\r\n'
                     f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{filename}"\r\n'
                     f"Content-Type: application/octet-stream\r\n\r\n").encode() + data + \
        f"\r\n--{boundary}--\r\n".encode()
    return box.http("POST", API + "/attachments", body, {
        "Authorization": "Bearer " + (key or box.good),
        "Content-Type": f"multipart/form-data; boundary={boundary}"})


def test_attachments(box):
    """3.7, 3.8."""
    data = bytes(range(256)) + b"\r\n--not the boundary\r\n\r\n"
    got = upload(box, data, "ü \u2713.bin")
    same("upload: 201", got.status, 201)
    attachment = got.json()["attachment_id"]
    check("upload: id", re.fullmatch("att_" + ULID, attachment), attachment)
    got = box.api("GET", f"/attachments/{attachment}").json()
    same("get: file name is kept", got["filename"], "ü \u2713.bin")
    same("get: bytes are kept", base64.b64decode(got["data"], validate=True), data)
    same("get: id", got["id"], attachment)
    same("get: other organisation", box.api("GET", f"/attachments/{attachment}", key=box.other).status, 404)
    same("get: malformed", box.api("GET", "/attachments/att_x").status, 400)
    empty = upload(box, b"").json()["attachment_id"]
    same("an empty file", box.api("GET", f"/attachments/{empty}").json()["data"], "")
    same("a preamble before the first part", upload(box, b"x", before=b"preamble\r\n").status, 201)
    check("no part named file: 400", upload(box, b"x", field="document").status == 400)
    got = box.http("POST", API + "/attachments", b"x", {"Authorization": "Bearer " + box.good})
    check("no multipart: 400", got.status == 400 and got.error is not None, got.body)
    same("50 MB is allowed", upload(box, b"\0" * (50 * 1024 * 1024)).status, 201)
    got = upload(box, b"\0" * (50 * 1024 * 1024 + 1))
    check("a byte more is not", got.status == 400 and got.error is not None, got.body[:200])
    got = box.api("POST", f"/conversations/{ACTIVE}/continue",
                  {"prompt": "see", "attachment_ids": [attachment, empty]})
    message = box.api("GET", f"/messages/{got.json()['message_id']}").json()
    same("a message with attachments", message["attachment_ids"], [attachment, empty])
    got = box.api("POST", f"/conversations/{ACTIVE}/continue", {"prompt": "see", "attachment_ids": []})
    message = box.api("GET", f"/messages/{got.json()['message_id']}").json()
    check("an empty list is left out", "attachment_ids" not in message, message)
    ten = {"prompt": "x", "attachment_ids": [attachment] * 10}
    same("ten are allowed", box.api("POST", f"/conversations/{ACTIVE}/continue", ten).status, 201)


def ms(stamp):
    whole, fraction = stamp[:-1].split(".")
    return int(time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))) * 1000 + int(fraction)


def test_turns(box):
    """12.4."""
    box.set("/turns", {"manual": True, "git": "markdown"})
    message = box.go_on(ACTIVE, "one").json()["message_id"]
    second = box.go_on(ACTIVE, "two").json()["message_id"]

    def status(which):
        return box.api("GET", f"/messages/{which}").json()["status"]

    same("manual: queued", status(message), "queued")
    box.set(f"/jobs/{ACTIVE}/advance", {})
    same("manual: pending; the next waits", (status(message), status(second)), ("pending", "queued"))
    box.set(f"/jobs/{ACTIVE}/advance", {})
    got = box.messages(ACTIVE)
    same("answer before the notice", [m["role"] for m in got], ["user", "user", "assistant"])
    same("completed", status(message), "completed")
    box.set(f"/jobs/{ACTIVE}/advance", {})
    got = box.messages(ACTIVE)
    check("S1 after it", re.fullmatch(r"Agent opened a \[pull request\]\(https://github\.com/octo/hello/pull/\d+\)",
                                      got[-1]["content"]) and got[-1]["role"] == "system", got[-1])
    box.set(f"/jobs/{ACTIVE}/finish", {})
    got = box.messages(ACTIVE)
    check("S2 for the next", re.fullmatch(
        r"New commit added: \[([0-9a-f]{7})\]\(https://github\.com/octo/hello/commit/\1[0-9a-f]{33}\)"
        r" in \[#(\d+)\]\(https://github\.com/octo/hello/pull/\2\)", got[-1]["content"]), got[-1])
    same("nothing left to move", box.control("POST", f"/jobs/{ACTIVE}/advance", {}).status, 409)

    box.set("/turns", {"manual": False, "git": "plain", "notice_ms": 60,
                       "pr_url": "https://github.com/o/r/pull/7"})
    prompts = [f"serial {i}" for i in range(4)]
    for prompt in prompts:
        box.go_on(LEGACY, prompt)
    got = box.settle(LEGACY, 4)
    same("users in order of arrival", [m["content"] for m in got if m["role"] == "user"], prompts)
    same("one answer each, in order", [m["content"] for m in got if m["role"] == "assistant"],
         [f"Done (turn {i})." for i in range(1, 5)])
    notices = [m for m in got if m["role"] == "system"]
    same("S1 in plain form", notices[0]["content"], "Agent opened a pull request: https://github.com/o/r/pull/7")
    check("S2 in plain form", re.fullmatch(r"New commit added: [0-9a-f]{7} in #7", notices[1]["content"]), notices[1])
    answers = [m for m in got if m["role"] == "assistant"]
    check("the notice comes notice_ms later", all(ms(n["created_at"]) - ms(a["created_at"]) >= 60
                                                  for n, a in zip(notices, answers)), got)
    check("a turn begins when the one before is over",
          all(ms(answers[i + 1]["created_at"]) >= ms(notices[i]["created_at"]) for i in range(3)), got)
    check("cost members on some answers only", {"cost_usd" in a for a in answers} == {True, False}, answers)
    same("cost members are complete",
         {"cost_usd", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "model"} -
         set(next(a for a in answers if "cost_usd" in a)), set())
    box.set("/turns", {"git": "none", "pr_url": None})
    test_turn_failures(box)
    test_turn_forms(box)
    test_endings(box)


def one_turn(box, settings, prompt="go"):
    job = box.set("/jobs", {})["id"]
    box.set("/turns", dict(settings, job=job))
    box.go_on(job, prompt)
    return job, box.settle(job, 1)


def test_turn_failures(box):
    job, got = one_turn(box, {"outcome": "fail", "error_detail": "boom\nline two"})
    same("failure: two S3 notices", [m["content"] for m in got[1:]], [
        "nairid encountered error: boom\nline two",
        "nairid encountered error: error starting Claude session: boom\nline two"])
    same("failure: message and job", (got[0]["status"], box.job(job)["status"]), ("failed", "error"))
    box.go_on(job, "again")
    got = box.settle(job, 2)
    same("failure: later turns say continuing", got[-1]["content"],
         "nairid encountered error: error continuing Claude session: boom\nline two")
    job, got = one_turn(box, {"outcome": "lost", "daemon": "eksecd"})
    same("answer lost: S3 only", ([m["role"] for m in got], got[1]["content"].split(":")[0]),
         (["user", "system"], "eksecd encountered error"))
    same("answer lost: job", box.job(job)["status"], "error")
    job, got = one_turn(box, {"outcome": "stall"})
    same("stall: stays queued", [m["status"] for m in got], ["queued"])
    job, got = one_turn(box, {"late_error": True})
    same("late error: after the answer", [m["role"] for m in got], ["user", "assistant", "system"])
    check("late error: the answer stands", got[0]["status"] == "completed" and
          got[2]["content"].startswith("nairid encountered error: failed to validate PR"), got)
    job = box.set("/jobs", {})["id"]
    box.set("/turns", {"job": job, "outcome": "fail", "times": 1})
    box.go_on(job, "a")
    box.go_on(job, "b")
    got = box.settle(job, 2)
    same("a plan for one turn", [m["status"] for m in got if m["role"] == "user"], ["failed", "completed"])


def test_turn_forms(box):
    _, got = one_turn(box, {"answer": ""})
    same("an empty answer", (got[1]["role"], got[1]["content"]), ("assistant", ""))
    job, got = one_turn(box, {"progress": 3000})
    same("a large thread", len(got), 3002)
    progress = [m for m in got if m["role"] == "progress"]
    check("progress content is JSON", all(json.loads(m["content"])["job_id"] == job for m in progress))
    check("progress members", all(m["progress_type"] == json.loads(m["content"])["progress_type"]
                                  for m in progress) and any(m.get("tool_name") == "Bash" for m in progress))
    _, got = one_turn(box, {"git": "markdown", "git_warning": "Warning: 1 uncommitted change\n",
                            "pr_url": "https://ghe.example/a/b/pull/3"})
    same("S1 with a warning before its URL", got[-1]["content"],
         "Agent opened a [pull request](Warning: 1 uncommitted change\nhttps://ghe.example/a/b/pull/3)")
    job, got = one_turn(box, {"git": "plain", "without_pr": True})
    box.go_on(job, "more")
    check("S2 without its PR", re.fullmatch(r"New commit added: [0-9a-f]{7}", box.settle(job, 2)[-1]["content"]))
    job = box.set("/jobs", {})["id"]
    for gap, first in ((30, "completed"), (-30, "assistant")):
        box.set("/turns", {"job": job, "manual": True, "answer_gap_ms": gap})
        box.go_on(job, f"gap {gap}")
        box.set(f"/jobs/{job}/advance", {})
        box.set(f"/jobs/{job}/advance", {})
        got = box.messages(job)
        user = [m for m in got if m["role"] == "user"][-1]
        same(f"{first} comes first",
             (user["status"], got[-1]["role"]),
             ("completed", "user") if gap > 0 else ("pending", "assistant"))
        box.set(f"/jobs/{job}/finish", {})
        got = box.messages(job)
        same("and then the other", ([m for m in got if m["role"] == "user"][-1]["status"], got[-1]["role"]),
             ("completed", "assistant"))


def test_endings(box):
    branch = {"branch": "nairid/x"}
    s5 = "Remote branch 'nairid/x' was deleted (likely merged)"
    pair = "nairid encountered error: job abandoned: remote branch deleted"
    for form, extra, status, wanted in (
            ("merged", {}, "completed", ["Job complete - Pull request was merged"]),
            ("merged", {"name": "octocat"}, "completed", ["Job complete - Pull request was merged by octocat"]),
            ("closed", {}, "completed", ["Job complete - Pull request was closed"]),
            ("inactive", {}, "completed", ["Job complete - Thread is inactive"]),
            ("abandoned", branch, "abandoned",
             [f"Job abandoned: {s5}. Please start a new conversation.", pair]),
            ("untidy", branch, "abandoned",
             [f"Job failed: {s5}, but cleanup failed. Please start a new conversation.", pair])):
        job = box.set("/jobs", {})["id"]
        box.set(f"/jobs/{job}/end", dict(extra, form=form))
        same(f"ending {form}", [m["content"] for m in box.messages(job)], wanted)
        same(f"ending {form}: status", box.job(job)["status"], status)


def test_faults(box):
    """12.5, each on one kept path, and what became of the message."""
    def with_fault(name, fault, **settings):
        box.reset()
        box.set("/faults", dict({"path": "/continue", "fault": fault}, **settings))
        return box.go_on(ACTIVE, name), box.users(ACTIVE)

    for status in (401, 429, 500, 502, 503):
        got, users = with_fault("x", "status", status=status, headers={"Retry-After": "7"})
        check(f"status {status}", got.status == status and got.error is not None and users == [] and
              got.headers["Retry-After"] == "7", got.body)
    got, users = with_fault("x", "status", status=500, create=True, body='{"error":"internal"}')
    same("500 although it was created", (got.status, got.error, users), (500, "internal", ["x"]))
    got, users = with_fault("x", "html")
    check("HTML 403", got.status == 403 and is_page(got) and users == [], got.body)
    got, users = with_fault("x", "html", status=502, create=True)
    check("HTML 502 although it was created", got.status == 502 and is_page(got) and users == ["x"], got.body)
    got, users = with_fault("x", "empty")
    same("empty body", (got.status, got.body, users), (201, b"", ["x"]))
    got, users = with_fault("x", "truncated")
    check("truncated JSON", got.status == 201 and got.body.startswith(b'{"job_id') and
          not got.body.endswith(b"}") and users == ["x"], got.body)
    got, users = with_fault("x", "wrong_types")
    same("wrong types", (got.status, got.json(), users), (201, {"job_id": 7, "message_id": 7}, ["x"]))
    got, users = with_fault("x", "ok200")
    same("200 instead of 201", (got.status, sorted(got.json()), users), (200, ["job_id", "message_id"], ["x"]))
    got, users = with_fault("x", "trickle", delay_ms=1)
    same("trickle", (got.status, users), (201, ["x"]))
    test_delays(box)
    test_resets(box)
    test_fault_rules(box)


def test_delays(box):
    for fault, settings, wanted in (("delay_after", {}, ["late"]), ("delay_before", {}, []),
                                    ("delay_before", {"create": True}, ["late"])):
        box.reset()
        box.set("/faults", dict({"path": "/continue", "fault": fault, "delay_ms": 60000}, **settings))
        try:
            box.go_on(ACTIVE, "late", timeout=0.3)
            check(f"{fault} {settings}: the client gives up", False)
        except TimeoutError:
            check(f"{fault} {settings}: the client gives up", True)
        same(f"{fault} {settings}: at that moment", box.users(ACTIVE), ["late"] if fault == "delay_after" else [])
        box.set("/release", {})
        got = box.control("GET", f"/wait?job={ACTIVE}&count={len(wanted)}&timeout_ms={WAIT * 1000}")
        same(f"{fault} {settings}: in the end", (got.status, box.users(ACTIVE)), (200, wanted))
    box.reset()
    box.set("/faults", {"path": "/continue", "fault": "delay_before", "delay_ms": 1})
    same("delay_before ends in 504", box.go_on(ACTIVE, "x").status, 504)
    box.set("/faults", {"path": "/continue", "fault": "delay_after", "delay_ms": 50})
    began = time.monotonic()
    same("delay_after ends in the answer", box.go_on(ACTIVE, "x").status, 201)
    check("after the delay", time.monotonic() - began >= 0.05)


def test_resets(box):
    for fault, wanted in (("reset_before", ["first"]), ("reset_after", ["first", "second"])):
        for round_number in range(5):
            box.reset()
            raw = Raw(box)
            raw.send(ACTIVE, "first")
            same(f"{fault} {round_number}: fine before", raw.outcome(), 201)
            box.set("/faults", {"path": "/continue", "fault": fault})
            raw.send(ACTIVE, "second")
            same(f"{fault} {round_number}: a reset on a kept connection", raw.outcome(), "reset")
            same(f"{fault} {round_number}: the store", box.users(ACTIVE), wanted)
    box.set("/faults", {"path": "/continue", "fault": "reset_after"})
    raw = Raw(box)
    raw.send(LEGACY, "fresh")
    same("a reset on a fresh connection", raw.outcome(), "reset")
    box.set("/faults", {"path": "/continue", "fault": "cut"})
    raw = Raw(box)
    raw.send(LEGACY, "cut")
    same("a connection cut in the body", raw.outcome(), "cut")
    same("fine again after that", box.go_on(LEGACY, "fine").status, 201)
    same("all were created", box.users(LEGACY), ["fresh", "cut", "fine"])


def test_fault_rules(box):
    box.reset()
    box.set("/faults", {"path": f"*/{ACTIVE}/*", "method": "POST", "fault": "status", "status": 503,
                        "times": 2, "skip": 1})
    same("skip and times", [box.go_on(ACTIVE, str(i)).status for i in range(5)], [201, 503, 503, 201, 201])
    same("another path is not hit", box.go_on(LEGACY, "x").status, 201)
    got = box.control("GET", "/faults").json()["faults"]
    same("hits are counted", [f["hits"] for f in got], [2])
    first = box.set("/faults", {"path": "/messages", "fault": "empty", "times": 0})["id"]
    same("until removed", [box.api("GET", f"/conversations/{ACTIVE}/messages").body for _ in range(3)], [b""] * 3)
    same("remove one", box.control("DELETE", f"/faults/{first}").status, 200)
    same("it is gone", box.api("GET", f"/conversations/{ACTIVE}/messages").status, 200)
    same("remove what is not there", box.control("DELETE", "/faults/999").status, 404)
    box.set("/faults", {"path": "/continue", "fault": "status", "in_body": "tag-7", "times": 0})
    same("by what the body holds", [box.go_on(ACTIVE, p).status for p in ("tag-6", "tag-7")], [201, 500])
    box.control("DELETE", "/faults")
    same("remove all", box.go_on(ACTIVE, "tag-7").status, 201)
    for wrong in ({"fault": "empty"}, {"path": "x", "fault": "nonsense"}, {"path": "x", "fault": "empty", "tims": 1},
                  {"path": "x", "fault": "status", "status": 99}, {"path": "x", "fault": "empty", "headers": [1]}):
        same(f"a wrong fault is refused: {wrong}", box.control("POST", "/faults", wrong).status, 400)
    box.set("/waf", {"substring": ["<script>", "DROP TABLE"]})
    got = box.go_on(ACTIVE, "look at <script>alert(1)</script>")
    check("WAF: HTML 403", got.status == 403 and is_page(got), got.body)
    same("WAF: other prompts pass", box.go_on(ACTIVE, "harmless").status, 201)
    box.set("/waf", {"substring": None})
    same("WAF: off", box.go_on(ACTIVE, "DROP TABLE x").status, 201)
    check("WAF: nothing was created", "look at" not in str(box.users(ACTIVE)))


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


def test_github(box):
    """Write-back: comments."""
    path = "/repos/octo/hello/issues/42/comments"
    got = box.github("POST", path, {"body": "Hello **you**."})
    comment = got.json()
    same("comment: 201", got.status, 201)
    check("comment: members", comment["id"] > 2 ** 31 and comment["body"] == "Hello **you**." and
          comment["user"]["login"] == "bridge-bot" and comment["html_url"].endswith(str(comment["id"])), comment)
    check("rate-limit headers", all(got.headers["x-ratelimit-" + name] for name in
                                    ("limit", "remaining", "used", "reset", "resource")), dict(got.headers))
    same("list", [c["id"] for c in box.github("GET", path).json()], [comment["id"]])
    same("list of another issue", box.github("GET", "/repos/octo/hello/issues/43/comments").json(), [])
    same("repository names have no case", len(box.github("GET", path.replace("octo", "Octo")).json()), 1)
    single = f"/repos/octo/hello/issues/comments/{comment['id']}"
    got = box.github("PATCH", single, {"body": "Edited."})
    same("patch", (got.status, got.json()["body"]), (200, "Edited."))
    same("get", box.github("GET", single).json()["body"], "Edited.")
    same("get by the wrong route", box.github("GET", single.replace("issues", "pulls")).status, 404)
    theirs = box.set("/github/comments", {"repo": "octo/hello", "number": 42, "user": "octocat", "body": "mine"})
    got = box.github("PATCH", f"/repos/octo/hello/issues/comments/{theirs['id']}", {"body": "x"})
    same("patch somebody else's", got.status, 403)
    same("patch what is not there", box.github("PATCH", "/repos/octo/hello/issues/comments/1", {"body": "x"}).status, 404)
    got = box.github("POST", path, {"body": "é" * 65536})
    same("65,536 characters fit", got.status, 201)
    got = box.github("POST", path, {"body": "x" * 65537})
    check("one more does not", got.status == 422 and "too long" in got.json()["errors"][0]["message"], got.body)
    for body, status in (({}, 422), ({"body": ""}, 422), ({"body": 5}, 422), ("{", 400)):
        got = box.github("POST", path, body)
        check(f"body {body!r}: {status}", got.status == status and "message" in got.json(), got.body)
    test_github_access(box, path)
    test_github_pages(box)
    test_github_threads(box)
    test_github_reactions(box)
    test_github_lookups(box)
    test_github_limits(box, path)


def test_github_access(box, path):
    got = box.github("POST", path, {"body": "x"}, headers={"User-Agent": None})
    same("no User-Agent: 403", got.status, 403)
    got = box.github("POST", path, {"body": "x"}, headers={"Authorization": None})
    same("no authorization: 401", (got.status, got.json()["message"]), (401, "Requires authentication"))
    got = box.github("POST", path, {"body": "x"}, token="ghp_wrong")
    same("bad token: 401", (got.status, got.json()["message"]), (401, "Bad credentials"))
    check("GitHub's error shape", "documentation_url" in got.json())
    same("the older scheme", box.github("GET", "/user", headers={"Authorization": "token " + box.token}).status, 200)
    same("unknown route", box.github("GET", "/nowhere").status, 404)
    app = "ghs_" + "12345_eyJhbGciOi.J9-x_" * 24
    box.set("/github/tokens", {"token": app, "login": "my-app[bot]", "type": "Bot"})
    got = box.github("POST", path, {"body": "from an app"}, token=app).json()
    same("another token, another user", (got["user"]["login"], got["user"]["type"]), ("my-app[bot]", "Bot"))
    same("an installation has no user", box.github("GET", "/user", token=app).status, 403)
    box.set("/github/tokens", {"token": app, "login": ""})
    same("a token goes bad", box.github("GET", path, token=app).status, 401)


def test_github_pages(box):
    path = "/repos/octo/pages/issues/1/comments"
    for i in range(35):
        box.github("POST", path, {"body": str(i)})
    got = box.github("GET", path)
    same("30 a page", [c["body"] for c in got.json()], [str(i) for i in range(30)])
    check("a link to the next", f"{path}?per_page=30&page=2>; rel=\"next\"" in got.headers["Link"], got.headers["Link"])
    got = box.github("GET", path + "?page=2")
    check("the second page", len(got.json()) == 5 and 'rel="next"' not in got.headers["Link"] and
          'rel="prev"' in got.headers["Link"], got.headers["Link"])
    same("per_page", [c["body"] for c in box.github("GET", path + "?per_page=2&page=3").json()], ["4", "5"])
    same("since the future", box.github("GET", path + "?since=2100-01-01T00:00:00Z").json(), [])
    same("since the past", len(box.github("GET", path + "?since=2020-01-01T00:00:00Z&per_page=100").json()), 35)
    same("since nonsense", box.github("GET", path + "?since=yesterday").status, 422)


def test_github_threads(box):
    pulls = "/repos/octo/hello/pulls/42/comments"
    top = box.set("/github/comments", {"repo": "octo/hello", "number": 42, "review": True, "path": "a.c"})["id"]
    got = box.github("POST", f"{pulls}/{top}/replies", {"body": "reply"})
    reply = got.json()
    same("reply: 201", (got.status, reply["in_reply_to_id"], reply["path"]), (201, top, "a.c"))
    got = box.github("POST", f"{pulls}/{reply['id']}/replies", {"body": "x"})
    check("reply to a reply is refused", got.status == 422 and got.json()["errors"], got.body)
    got = box.github("POST", pulls, {"body": "other route", "in_reply_to": top, "path": "ignored"})
    same("reply by the other route", (got.status, got.json()["in_reply_to_id"], got.json()["path"]), (201, top, "a.c"))
    same("a reply's id there is refused",
         box.github("POST", pulls, {"body": "x", "in_reply_to": reply["id"]}).status, 422)
    same("reply to what is not there", box.github("POST", f"{pulls}/1/replies", {"body": "x"}).status, 404)
    same("reply on another pull request", box.github(
        "POST", f"/repos/octo/hello/pulls/43/comments/{top}/replies", {"body": "x"}).status, 404)
    same("a new thread needs a place", box.github("POST", pulls, {"body": "x"}).status, 422)
    same("a new thread", box.github("POST", pulls, {"body": "x", "commit_id": "c", "path": "b.c"}).status, 201)
    same("list of inline comments", [c["body"] for c in box.github("GET", pulls).json()],
         ["Hello.", "reply", "other route", "x"])
    got = box.github("PATCH", f"/repos/octo/hello/pulls/comments/{reply['id']}", {"body": "better"})
    same("patch an inline comment", (got.status, got.json()["body"]), (200, "better"))


def test_github_reactions(box):
    issue = box.set("/github/comments", {"repo": "octo/hello", "number": 42})["id"]
    inline = box.set("/github/comments", {"repo": "octo/hello", "number": 42, "review": True})["id"]
    for path in (f"/repos/octo/hello/issues/comments/{issue}/reactions",
                 f"/repos/octo/hello/pulls/comments/{inline}/reactions",
                 "/repos/octo/hello/issues/42/reactions"):
        same(f"react: new, there, another {path}", [box.github("POST", path, {"content": c}).status
                                                    for c in ("eyes", "eyes", "+1")], [201, 200, 201])
        same("reactions are listed", [(r["content"], r["user"]["login"]) for r in box.github("GET", path).json()],
             [("eyes", "bridge-bot"), ("+1", "bridge-bot")])
        same("content is checked", [box.github("POST", path, b).status
                                    for b in ({"content": "thumbsup"}, {}, {"content": 1})], [422, 422, 422])
    same("react to what is not there",
         box.github("POST", "/repos/octo/hello/issues/comments/1/reactions", {"content": "eyes"}).status, 404)
    same("react by the wrong route",
         box.github("POST", f"/repos/octo/hello/pulls/comments/{issue}/reactions", {"content": "eyes"}).status, 404)
    got = box.control("GET", "/github/comments?repo=octo/hello&number=42&user=octocat").json()["comments"]
    same("the test sees who reacted", [r["user"]["login"] for r in got[-1]["reactions"]], ["bridge-bot"] * 2)
    same("a comment's id can be chosen", box.set("/github/comments", {
        "repo": "octo/hello", "number": 42, "id": 492700400})["id"], 492700400)
    same("but only once", box.control("POST", "/github/comments", {
        "repo": "octo/hello", "number": 42, "id": 492700400}).status, 400)
    same("unless it is of the other kind", box.control("POST", "/github/comments", {
        "repo": "octo/hello", "number": 42, "id": 492700400, "review": True}).status, 201)
    path = "/repos/octo/hello/pulls/7/comments/99"
    box.set("/github/settings", {"any_comment": True})
    same("any comment exists", box.github("POST", path + "/replies", {"body": "x"}).json()["in_reply_to_id"], 99)
    box.set("/github/settings", {"any_comment": False})
    same("all reactions", len(box.control("GET", "/github/reactions").json()["reactions"]), 6)


def test_github_lookups(box):
    user = box.github("GET", "/user").json()
    same("user", (user["login"], user["type"]), ("bridge-bot", "User"))

    def permission(repo, name):
        got = box.github("GET", f"/repos/{repo}/collaborators/{name}/permission").json()
        return got["permission"], got["role_name"], got["user"]["login"]

    same("permission by default", permission("octo/hello", "eve"), ("read", "read", "eve"))
    for role, wanted in (("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"),
                         ("none", "none")):
        box.set("/github/permissions", {"repo": "octo/hello", "user": "Eve", "permission": role})
        same(f"permission {role}", permission("octo/hello", "eve"), (wanted, role, "eve"))
    same("in another repository", permission("octo/other", "eve")[0], "read")
    box.set("/github/permissions", {"permission": "none"})
    same("for everybody", permission("octo/other", "mallory")[0], "none")
    got = box.github("GET", "/repos/octo/hello/pulls/42").json()
    same("a pull request by default", (got["number"], got["state"], got["head"]["repo"]["full_name"]),
         (42, "open", "octo/hello"))
    box.set("/github/pulls", {"repo": "octo/hello", "number": 42, "state": "closed", "merged": True,
                              "head_sha": "abc", "head_repo": None, "user": "eve"})
    got = box.github("GET", "/repos/octo/hello/pulls/42").json()
    same("as it was set", (got["state"], got["merged"], got["head"]["sha"], got["head"]["repo"], got["user"]["login"]),
         ("closed", True, "abc", None, "eve"))
    same("by its head", [p["number"] for p in box.github("GET", "/repos/octo/hello/commits/abc/pulls").json()], [42])
    same("a number that is none", box.github("GET", "/repos/octo/hello/pulls/x").status, 404)


def test_github_limits(box, path):
    count = len(box.github("GET", path + "?per_page=100").json())
    box.set("/faults", {"path": "/github/", "fault": "status", "status": 403, "headers": {"retry-after": "2"},
                        "body": '{"message":"You have exceeded a secondary rate limit."}'})
    got = box.github("POST", path, {"body": "x"})
    same("secondary limit", (got.status, got.headers["retry-after"], "secondary" in got.json()["message"]),
         (403, "2", True))
    box.set("/faults", {"path": "/github/", "fault": "status", "status": 429,
                        "headers": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "@now+30"}})
    got = box.github("POST", path, {"body": "x"})
    check("an instant in a header", 0 <= int(got.headers["x-ratelimit-reset"]) - time.time() <= 31,
          dict(got.headers))
    check("a fault has GitHub's error shape", "message" in got.json(), got.body)
    box.set("/github/rate", {"remaining": 1, "reset_in": 60})
    same("the last one", (box.github("GET", "/user").status, box.github("GET", "/user").status), (200, 403))
    got = box.github("GET", "/user")
    same("nothing remains", got.headers["x-ratelimit-remaining"], "0")
    box.set("/github/rate", {"remaining": 5000})
    for fault, created in (("html", 0), ("reset_before", 0), ("reset_after", 1), ("truncated", 1)):
        box.set("/faults", {"path": path, "method": "POST", "fault": fault})
        try:
            box.github("POST", path, {"body": "fault"})
            reset = False
        except ConnectionResetError:
            reset = True
        count += created
        same(f"{fault} on a comment", (reset, len(box.github("GET", path + "?per_page=100").json())),
             ("reset" in fault, count))


def fnv(text):
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001b3) & (2 ** 64 - 1)
    return f"{value:016x}"


def test_quick(binary):
    """--quick."""
    box = Sandbox(binary, "--quick")
    connection = http.client.HTTPConnection(box.host, box.port, timeout=WAIT)
    statuses, last = set(), None
    for i in range(300):
        connection.request("POST", f"{API}/conversations/{NOBODY}/continue",
                           json.dumps({"prompt": f"prompt {i} [nairi-bridge {i}]"}),
                           {"Authorization": "Bearer " + box.good})
        got = connection.getresponse()
        last = json.loads(got.read())["message_id"]
        statuses.add(got.status)
    same("quick: unknown jobs are there", statuses, {201})
    quick = box.job(NOBODY)["quick"]
    same("quick: counters", (quick["messages"], quick["duplicates"]), (300, 0))
    same("quick: the chain proves order", quick["chain"], fnv("".join(f"[nairi-bridge {i}]\n" for i in range(300))))
    box.go_on(NOBODY, "other words [nairi-bridge 7]")
    same("quick: duplicates", box.job(NOBODY)["quick"]["duplicates"], 1)
    same("quick: another job is another matter", box.go_on(FOREIGN, "x", key=box.other).status, 201)
    got = box.api("GET", f"/messages/{last}").json()
    same("quick: look-up by id", (got["content"], got["status"]), ("prompt 299 [nairi-bridge 299]", "completed"))
    got = box.messages(NOBODY)
    check("quick: the latest are listed in order", len(got) == 256 and
          got[-2]["content"] == "prompt 299 [nairi-bridge 299]", got[-2:])
    same("quick: no request log", box.control("GET", "/requests").json()["requests"], [])
    same("quick: checks stay", [box.go_on(SLACK, "x").status, box.go_on("x", "x").status,
                                box.go_on(NOBODY, "x", "bad").status, box.go_on(NOBODY, "x", box.other).status],
         [400, 400, 401, 404])
    box.set("/faults", {"path": "/continue", "fault": "reset_after"})
    raw = Raw(box)
    raw.send(NOBODY, "r [nairi-bridge r]")
    same("quick: faults work", raw.outcome(), "reset")
    check("quick: and leave what they leave", box.messages(NOBODY)[-1]["content"].endswith("[nairi-bridge r]"))
    path = "/repos/o/r/issues/comments/77/reactions"
    same("quick: any comment can be reacted to", box.github("POST", path, {"content": "eyes"}).status, 201)
    same("quick: wait", box.control("GET", f"/wait?job={NOBODY}&count=302").status, 200)
    same("quick: ends with 0", box.stop()[0], 0)


def test_stop(binary):
    """A call that sleeps or waits does not hold up the end."""
    box = Sandbox(binary)
    box.set("/faults", {"path": "/continue", "fault": "delay_before", "delay_ms": 600000})
    held = Raw(box)
    held.send(ACTIVE, "held")
    box.control("GET", "/wait_requests?path=/continue&count=1")
    box.set("/faults", {"path": "/agents", "fault": "trickle", "delay_ms": 60000})
    trickled = Raw(box)
    trickled.socket.sendall((f"GET {API}/agents HTTP/1.1\r\nHost: x\r\n"
                             f"Authorization: Bearer {box.good}\r\n\r\n").encode())
    trickled.socket.recv(1)
    waiting = socket.create_connection((box.host, box.port), timeout=WAIT)
    waiting.sendall(f"GET /_sandbox/wait?job={ACTIVE}&count=5&timeout_ms=600000 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    began = time.monotonic()
    same("it ends although calls are held", box.stop()[0], 0)
    check("at once", time.monotonic() - began < WAIT / 2)


def give_up(*_):
    print("Bail out! It takes too long.")
    sys.exit(1)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: selftest.py BINARY")
    binary = os.path.abspath(sys.argv[1])
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT)
    test_start(binary)
    box = Sandbox(binary)
    for test in (test_transport, test_order, test_continue, test_curl, test_policies, test_lists,
                 test_attachments, test_turns, test_faults, test_control, test_github):
        box.reset()
        try:
            test(box)
        except Exception as problem:  # one broken part must not hide the others
            check(f"{test.__name__} runs to its end", False, f"{type(problem).__name__}: {problem}")
            if box.process.poll() is not None:
                break
    same("it ends with 0 after all that", box.stop()[0], 0)
    test_quick(binary)
    test_stop(binary)
    print(f"1..{counts['passed'] + counts['failed']}")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
