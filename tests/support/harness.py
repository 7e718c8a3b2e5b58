# SPDX-License-Identifier: Apache-2.0
"""Sandbox and bridge as real processes on free loopback ports, for tests that look at them from outside.

    @scenario("A comment on a linked pull request reaches the job")
    def forwards(t):
        job = t.job()
        t.link("github:octo/hello#42", job)
        t.start()
        answer = t.github("issue_comment", comment("please fix"))
        ...

    if __name__ == "__main__":
        main()

Each scenario has a world of its own (sandbox, bridge, temporary directory), so several run at once. Nothing sleeps for a
fixed time: everything waits for an event, with a deadline. At the end of each scenario the bridge must stop on SIGTERM with
0 and must have written nothing but log lines (a sanitizer's report fails the scenario). Environment: BRIDGE and SANDBOX name
the programs; LONG=1 adds the scenarios that wait for the real limits; KEEP=1 keeps the directories.
"""
import base64
import argparse
import atexit
import concurrent.futures
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BRIDGE = os.path.abspath(os.environ.get("BRIDGE", os.path.join(ROOT, "build/nairi-bridge")))
SANDBOX = os.path.abspath(os.environ.get("SANDBOX", os.path.join(ROOT, "build/nairi-sandbox")))
LONG = os.environ.get("LONG", "") not in ("", "0")
DEADLINE = 30.0

GITHUB_SECRET = "It's a Secret to Everybody"
CI_SECRET = "ci-secret"
BASE64_SECRET = "base64-secret"
BEARER = "bearer-token-0123456789"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REPO, REPO_ID = "octo/hello", 186853002

# The sandbox's seeded jobs (its README).
JOB_COMPLETED = "job_01KRK1V46BXS73CSNK2VC0MP00"
JOB_SLACK = "job_01KRK1V46BXS73CSNK2VS1ACK0"
JOB_OTHER_ORG = "job_01KRK1V46BXS73CSNK2V0THER0"
JOB_OLD_FORM = "j_01ARZ3NDEKTSV4RRFFQ69G5FAV"
JOB_UNKNOWN = "job_01KRK1V46BXS73CSNK2VN0NE00"

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Skip(Exception):
    """The scenario cannot run here; the text says why."""


class Gone(AssertionError):
    """The bridge ended while something was expected of it."""


# ---- checks ----

def eq(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def ok(condition, what):
    if not condition:
        raise AssertionError(what)


def has(text, *parts):
    for part in parts:
        if part not in (text or ""):
            raise AssertionError(f"{part!r} is not in {text!r}")


def lacks(text, *parts):
    for part in parts:
        if part in (text or ""):
            raise AssertionError(f"{part!r} is in {text!r}")


def is_id(text):
    """A delivery's id: UUIDv7, lower case."""
    ok(isinstance(text, str) and UUID7.fullmatch(text), f"not a UUIDv7: {text!r}")
    return text


# ---- HTTP ----

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """The value, or None; a header that is repeated is an error of whoever sent it."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        ok(len(values) < 2, f"{name} is repeated in the answer: {values}")
        return values[0] if values else None

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise AssertionError(f"answer {self.status} is not JSON ({error}): {self.body[:300]!r}") from None

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Closed(Exception):
    """The other side ended the connection without a whole answer; .data is what came."""

    def __init__(self, data):
        super().__init__(f"closed after {data[:200]!r}")
        self.data = data


class Wire:
    """One connection, bytes as they are. Answers are read with a deadline."""

    def __init__(self, address, timeout=DEADLINE):
        self.timeout = timeout
        if address.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(timeout)
            self.sock.connect(address[5:])
        else:
            host, port = address.rsplit(":", 1)
            self.sock = socket.create_connection((host.strip("[]"), int(port)), timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def reset(self):
        """Closes with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def end_of_sending(self):
        self.sock.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def _take(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _line(self):
        while b"\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("latin-1")

    def answer(self, method="POST"):
        """The next final answer; interim ones are kept in self.interim. Raises Closed, TimeoutError."""
        self.interim = []
        while True:
            parts = self._line().split(" ", 2)
            ok(len(parts) >= 2 and parts[0].startswith("HTTP/1.") and parts[1].isdigit(), f"no status line: {parts}")
            status, headers = int(parts[1]), []
            while True:
                line = self._line()
                if not line:
                    break
                if line.startswith("HTTP/1."):
                    continue  # libmicrohttpd repeats the status line of some 400s
                key, _, value = line.partition(":")
                headers.append((key.strip(), value.strip()))
            if status >= 200:
                break
            self.interim.append(status)
        answer = Answer(status, headers, b"")
        if method != "HEAD" and status not in (204, 304):
            length = answer.header("Content-Length")
            if length is not None:
                answer.body = self._take(int(length))
            else:
                answer.body = self.rest()
        return answer

    def rest(self, timeout=None):
        """All until the other side closes."""
        self.sock.settimeout(timeout if timeout is not None else self.timeout)
        try:
            while True:
                self._more()
        except Closed:
            data, self.buffer = self.buffer, b""
            return data

    def is_closed(self, timeout=DEADLINE):
        """Waits for the other side to close; False when it says something instead."""
        return self.rest(timeout) == b""


def request_bytes(method, path, headers, body=b"", host="bridge.test"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"] + [f"{key}: {value}" for key, value in headers]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def call(address, method, path, headers=(), body=b"", timeout=DEADLINE):
    headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
    with Wire(address, timeout) as wire:
        wire.send(request_bytes(method, path, headers + [("Connection", "close")], body))
        return wire.answer(method)


# ---- signatures ----

def hmac_hex(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def github_headers(event, body, delivery=None, secret=GITHUB_SECRET, form=False, extra=()):
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    return [("User-Agent", "GitHub-Hookshot/044aadd"), ("Content-Type", kind), ("X-GitHub-Event", event),
            ("X-GitHub-Delivery", delivery or str(uuid.uuid4())),
            ("X-Hub-Signature-256", "sha256=" + hmac_hex(secret, body))] + list(extra)


def standard_headers(body, message_id, timestamp=None, secret=STANDARD_SECRET):
    timestamp = int(time.time()) if timestamp is None else timestamp
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return [("Content-Type", "application/json"), ("webhook-id", message_id), ("webhook-timestamp", str(timestamp)),
            ("webhook-signature", "v1," + base64.b64encode(mac).decode())]


def generic_headers(source, body):
    """What the sources of base_config want."""
    plain = [("Content-Type", "application/json")]
    if source == "ci":
        return plain + [("X-Signature-256", "sha256=" + hmac_hex(CI_SECRET, body))]
    if source == "b64":
        mac = hmac.new(BASE64_SECRET.encode(), body, hashlib.sha256).digest()
        return plain + [("X-Mac", base64.b64encode(mac).decode())]
    if source == "bearer":
        return plain + [("Authorization", f"Bearer {BEARER}")]
    if source == "basic":
        return plain + [("Authorization", "Basic " + base64.b64encode(b"robot:open sesame").decode())]
    if source == "standard":
        return standard_headers(body, "msg_" + uuid.uuid4().hex)
    return plain


# ---- GitHub's payloads, with the members that count ----

class Numbers:
    """Ids that no other scenario has; above 2^31 as GitHub's are."""
    lock, last = threading.Lock(), 3_000_000_000

    @classmethod
    def next(cls):
        with cls.lock:
            cls.last += 1
            return cls.last


def user(login="mona", number=None, kind="User"):
    number = number if number is not None else int(hashlib.sha256(login.encode()).hexdigest()[:6], 16) + 1
    return {"login": login, "id": number, "type": kind, "site_admin": False}


def _base(action, sender, repo):
    return {"action": action, "sender": sender,
            "repository": {"id": REPO_ID, "full_name": repo, "name": repo.split("/")[1], "private": False}}


def comment(body, number=42, login="mona", association="MEMBER", action="created", comment_id=None, kind="User",
            sender=None, repo=REPO, pull=True, title="Read the file in one go", author=None, updated=None):
    """issue_comment"""
    comment_id = comment_id or Numbers.next()
    author = author or user(login, kind=kind)
    payload = _base(action, sender or author, repo)
    payload["issue"] = {"number": number, "title": title, "state": "open", "user": user("octocat")}
    if pull:
        payload["issue"]["pull_request"] = {"url": f"https://api.github.com/repos/{repo}/pulls/{number}"}
    payload["comment"] = {
        "id": comment_id, "body": body, "user": author, "author_association": association,
        "html_url": f"https://github.com/{repo}/pull/{number}#issuecomment-{comment_id}",
        "created_at": "2026-04-12T15:20:21Z", "updated_at": updated or "2026-04-12T15:20:21Z"}
    return payload


def inline(body, number=42, login="mona", association="MEMBER", action="created", comment_id=None, reply_to=None,
           path="src/main.c", line=12, repo=REPO):
    """pull_request_review_comment"""
    comment_id = comment_id or Numbers.next()
    payload = _base(action, user(login), repo)
    payload["pull_request"] = {"number": number, "title": "Read the file in one go", "state": "open"}
    payload["comment"] = {
        "id": comment_id, "body": body, "user": user(login), "author_association": association, "path": path,
        "line": line, "side": "RIGHT", "diff_hunk": "@@ -8,6 +8,9 @@ int main(void)\n-\tgets(buffer);\n+\tputs(buffer);",
        "html_url": f"https://github.com/{repo}/pull/{number}#discussion_r{comment_id}",
        "created_at": "2026-04-12T15:20:21Z", "updated_at": "2026-04-12T15:20:21Z"}
    if reply_to:
        payload["comment"]["in_reply_to_id"] = reply_to
    return payload


def review(body, state="changes_requested", number=42, login="mona", association="MEMBER", action="submitted",
           review_id=None, repo=REPO):
    """pull_request_review"""
    review_id = review_id or Numbers.next()
    payload = _base(action, user(login), repo)
    payload["pull_request"] = {"number": number, "title": "Read the file in one go", "state": "open"}
    payload["review"] = {
        "id": review_id, "body": body, "state": state, "user": user(login), "author_association": association,
        "html_url": f"https://github.com/{repo}/pull/{number}#pullrequestreview-{review_id}",
        "submitted_at": "2026-04-12T15:20:21Z"}
    return payload


# ---- processes ----

_running = set()
_running_lock = threading.Lock()


def _spawn(args, **options):
    process = subprocess.Popen(args, stdin=subprocess.DEVNULL, **options)
    with _running_lock:
        _running.add(process)
    return process


def _reap(process):
    with _running_lock:
        _running.discard(process)


@atexit.register
def _end_all():
    with _running_lock:
        for process in _running:
            if process.poll() is None:
                process.kill()


class Sandbox:
    def __init__(self, directory, args=()):
        self.errors = open(os.path.join(directory, "sandbox.err"), "wb")
        self.process = _spawn([SANDBOX, *args], stdout=subprocess.PIPE, stderr=self.errors)
        line = self.process.stdout.readline()
        ok(line, f"the sandbox did not start: {SANDBOX}")
        self.told = json.loads(line)
        self.address = urllib.parse.urlsplit(self.told["control"]).netloc
        self.key, self.token = self.told["keys"]["good"], self.told["github_token"]

    def ask(self, method, path, value=None, timeout=DEADLINE):
        body = b"" if value is None else json.dumps(value).encode()
        answer = call(self.address, method, "/_sandbox" + path, {"Content-Type": "application/json"}, body, timeout)
        ok(answer.status < 300, f"sandbox: {method} {path}: {answer}")
        return answer.json if answer.body else None

    def get(self, endpoint, **query):
        text = urllib.parse.urlencode({key: value for key, value in query.items() if value is not None})
        return self.ask("GET", endpoint + ("?" + text if text else ""))

    def post(self, path, value=None):
        return self.ask("POST", path, {} if value is None else value)

    def fault(self, path, fault, **more):
        """One more fault; returns its id."""
        return self.post("/faults", {"path": path, "fault": fault, **more})["id"]

    def clear(self):
        self.ask("DELETE", "/faults")

    def remove(self, fault_id):
        self.ask("DELETE", f"/faults/{fault_id}")

    def hits(self, fault_id):
        return sum(fault["hits"] for fault in self.get("/faults")["faults"] if fault["id"] == fault_id)

    def release(self):
        self.post("/release")

    def job(self, job_id):
        return self.get(f"/jobs/{job_id}")

    def prompts(self, job_id):
        """The user messages of a job, oldest first."""
        return [message["content"] for message in self.get(f"/jobs/{job_id}/messages", role="user")["messages"]]

    def message_ids(self, job_id):
        return [message["id"] for message in self.get(f"/jobs/{job_id}/messages", role="user")["messages"]]

    def wait(self, job_id, count, timeout=DEADLINE):
        """Until the job has so many user messages."""
        self.ask("GET", f"/wait?job={job_id}&count={count}&timeout_ms={int(timeout * 1000)}", timeout=timeout + 5)

    def wait_requests(self, path, count, method=None, timeout=DEADLINE, since=None):
        query = {"path": path, "count": count, "timeout_ms": int(timeout * 1000)}
        query.update({key: value for key, value in (("method", method), ("since", since)) if value is not None})
        self.ask("GET", "/wait_requests?" + urllib.parse.urlencode(query), timeout=timeout + 5)

    def requests(self, path=None, method=None, since=None):
        return self.get("/requests", path=path, method=method, since=since)["requests"]

    def comments(self, user="bridge-bot", number=None, repo=REPO):
        """Comments on the forge that are there now (the bridge's own, unless said otherwise)."""
        found = self.get("/github/comments", repo=repo, number=number, user=user)["comments"]
        return [item for item in found if not item["deleted"]]

    def wait_comments(self, count, number=None, user="bridge-bot", repo=REPO, timeout=DEADLINE):
        query = {"repo": repo, "user": user, "count": count, "timeout_ms": int(timeout * 1000)}
        if number is not None:
            query["number"] = number
        self.ask("GET", "/wait_comments?" + urllib.parse.urlencode(query), timeout=timeout + 5)
        return self.comments(user, number, repo)

    def reactions(self):
        return self.get("/github/reactions")["reactions"]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()
        _reap(self.process)


class Bridge:
    """The daemon: one process after the other, on the same configuration and store."""

    def __init__(self, directory):
        self.directory = directory
        self.config_file = os.path.join(directory, "bridge.yaml")
        self.admin = "unix:" + os.path.join(directory, "admin.sock")
        self.program = BRIDGE
        self.process = self.address = None
        self.lines = []   # what it logged, over all its lives
        self.noise = []   # what was no log line: must stay empty
        self.changed = threading.Condition()
        self.ended = True

    # -- life --

    def start(self, env=None, wait=True, wrap=()):
        """Starts it; env adds to the environment, wrap is a command in front. Waits for bridge.started unless told not to."""
        ok(self.process is None, "the bridge runs already")
        args = [*wrap, self.program, "serve", "--config", self.config_file]
        mark = self.mark()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("NAIRI_")}
        environment.update(env or {})
        self.ended = False
        self.process = _spawn(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
                              cwd=self.directory)
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        if wait:
            self.wait_started(mark)
        return self

    def wait_started(self, since=0):
        record = self.wait_log("bridge.started", since=since)
        names = record["listening"].split()
        tcp = [name for name in names if not name.startswith("unix:")]
        self.address = tcp[0] if tcp else names[0]
        return self.address

    def _read(self, stream):
        for raw in stream:
            try:
                record = json.loads(raw)
            except ValueError:
                record = None
            with self.changed:
                if isinstance(record, dict) and "event" in record:
                    self.lines.append(record)
                else:
                    self.noise.append(raw.decode(errors="replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_end(self, timeout=DEADLINE):
        """Waits for the process to end; its exit status (negative: the signal)."""
        status = self.process.wait(timeout)
        self.reader.join(timeout)
        self.process.stderr.close()
        _reap(self.process)
        self.process = None
        return status

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL: nothing of what it was about to do is done."""
        self.signal(signal.SIGKILL)
        return self.wait_end()

    def stop(self, timeout=DEADLINE):
        """SIGTERM; its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait_end(timeout)

    def reload(self):
        mark = self.mark()
        self.signal(signal.SIGHUP)
        return self.wait_log(lambda event: event in ("bridge.reloaded", "bridge.reload_failed"), since=mark)

    # -- log --

    def mark(self):
        with self.changed:
            return len(self.lines)

    def logs(self, event=None, since=0, **fields):
        with self.changed:
            return [line for line in self.lines[since:] if _fits(line, event, fields)]

    def wait_log(self, event, count=1, since=0, timeout=DEADLINE, **fields):
        """The count-th line with this event and these fields (a value may be a function)."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                found = [line for line in self.lines[since:] if _fits(line, event, fields)]
                if len(found) >= count:
                    return found[count - 1]
                if self.ended:
                    raise Gone(f"the bridge ended while {event} {fields} was awaited")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{timeout} s without log line {event} {fields} "
                                         f"({len(found)} of {count} came)")
                self.changed.wait(min(left, 1.0))

    # -- admin API --

    def ask(self, method, path, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        headers = {} if value is None else {"Content-Type": "application/json"}
        return call(self.admin, method, path, headers, body)

    def status(self):
        answer = self.ask("GET", "/api/v1/status")
        eq(answer.status, 200, "status of /api/v1/status")
        return answer.json

    def deliveries(self, **query):
        answer = self.ask("GET", "/api/v1/deliveries?" + urllib.parse.urlencode(query))
        eq(answer.status, 200, "status of /api/v1/deliveries")
        return answer.json["deliveries"]

    def delivery(self, delivery_id):
        answer = self.ask("GET", f"/api/v1/deliveries/{delivery_id}")
        eq(answer.status, 200, "status of /api/v1/deliveries/ID")
        return answer.json

    # -- resources --

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _fits(line, event, fields):
    if event is not None and not (event(line["event"]) if callable(event) else line["event"] == event):
        return False
    for key, wanted in fields.items():
        value = line.get(key)
        if not (wanted(value) if callable(wanted) else value == wanted):
            return False
    return True


def merge(base, more):
    """more over base, mapping by mapping; None takes a key away."""
    result = dict(base)
    for key, value in more.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


class World:
    """What a scenario gets: a sandbox that runs, and a bridge that start() starts."""

    def __init__(self, name):
        self.name = name
        self.directory = tempfile.mkdtemp(prefix="nb-")
        self.sandbox = Sandbox(self.directory)
        self.bridge = Bridge(self.directory)
        self.links = []
        self.stop_status = 0  # what the last stop must give; None: any
        self.config = self.base_config()

    def base_config(self):
        api = {"url": self.sandbox.told["github"], "token": self.sandbox.token}
        hmac_source = {"type": "hmac-sha256"}
        return {
            "listen": "127.0.0.1:0",
            "store": "sqlite:" + os.path.join(self.directory, "bridge.db"),
            "admin": {"listen": self.bridge.admin},
            "nairi": {"url": self.sandbox.told["nairi"], "api_key": self.sandbox.key, "timeout": "10s"},
            "retry": {"first": "50ms", "max": "1s", "attempts": 20},
            "log": {"level": "debug", "format": "json"},
            "sources": {
                "github": {"type": "github", "secret": GITHUB_SECRET, "api": api},
                "ci": {"type": "generic", "verify": {**hmac_source, "header": "X-Signature-256", "prefix": "sha256=",
                                                     "secret": CI_SECRET}},
                "b64": {"type": "generic", "verify": {**hmac_source, "header": "X-Mac", "encoding": "base64",
                                                      "secret": BASE64_SECRET}},
                "bearer": {"type": "generic", "verify": {"type": "bearer", "token": BEARER}},
                "basic": {"type": "generic", "verify": {"type": "basic", "username": "robot",
                                                        "password": "open sesame"}},
                "standard": {"type": "generic", "verify": {"type": "standard-webhooks", "secret": STANDARD_SECRET}},
            },
        }

    def write_config(self):
        # JSON is YAML too.
        config = self.config if not self.links else merge(self.config, {"links": self.links})
        with open(os.open(self.bridge.config_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(config, out, indent=1)

    # -- before the start --

    def configure(self, **more):
        self.config = merge(self.config, more)
        return self

    def job(self, **more):
        """A new job at Nairi that can be continued."""
        return self.sandbox.post("/jobs", more)["id"]

    def link(self, thread, job):
        """Linked by configuration before the start, through the admin API while the bridge runs."""
        if self.bridge.process is None:
            self.links.append({"thread": thread, "job": job})
            return job
        answer = self.bridge.ask("PUT", "/api/v1/links/" + urllib.parse.quote(thread, safe=""), {"job_id": job})
        ok(answer.status in (200, 201), f"link {thread}: {answer}")
        return job

    def linked(self, number=42, **more):
        """A new job, linked to this pull request."""
        return self.link(f"github:{REPO}#{number}", self.job(**more))

    def any_comment(self):
        """Every comment id exists at the forge, so that reactions find their comment."""
        self.sandbox.post("/github/settings", {"any_comment": True})

    def start(self, env=None, wait=True, wrap=()):
        self.write_config()
        self.bridge.start(env, wait, wrap)
        return self

    # -- sending --

    def post(self, path, headers, body, timeout=DEADLINE):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return call(self.bridge.address, "POST", path, headers, body, timeout)

    def github(self, event, payload, delivery=None, secret=GITHUB_SECRET, form=False, extra=(), source="github",
               timeout=DEADLINE):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        if form:
            body = b"payload=" + urllib.parse.quote_plus(body).encode()
        return self.post(f"/hooks/{source}", github_headers(event, body, delivery, secret, form, extra), body, timeout)

    def comment(self, body, number=42, delivery=None, **more):
        return self.github("issue_comment", comment(body, number, **more), delivery)

    def generic(self, source, value, extra=(), timeout=DEADLINE):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.post(f"/hooks/{source}", generic_headers(source, body) + list(extra), body, timeout)

    def wire(self, timeout=DEADLINE):
        return Wire(self.bridge.address, timeout)

    # -- waiting --

    def until(self, condition, what, timeout=DEADLINE):
        """Asks again until it is true; returns what it gave."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{timeout} s without: {what}")
            time.sleep(0.02)

    def settled(self, timeout=60):
        """Until nothing waits any more, neither messages nor replies."""
        def idle():
            status = self.bridge.status()
            deliver = status["deliver"]
            return (deliver["waiting"] == 0 and deliver["in_flight"] == 0 and deliver["replies_waiting"] == 0 and
                    status["store"]["waiting"] == 0)
        self.until(idle, "an empty queue", timeout)

    def busy(self, job, fault="delay_after", **more):
        """Keeps a job's lane busy with one message until sandbox.release(): what comes behind it stays queued."""
        fault_id = self.sandbox.fault(f"/{job}/continue", fault, delay_ms=9000, **more)
        answer = self.generic("ci", {"job_id": job, "prompt": "keeps the lane busy"}, [("Prefer", "wait=1")])
        eq(answer.status, 202, "status of the message that waits")
        eq(self.sandbox.hits(fault_id), 1, "hits of the delay")
        return answer

    # -- the end --

    def close(self):
        try:
            if self.bridge.process is not None:
                ended = self.bridge.process.poll() is not None
                status = self.bridge.stop() if not ended else self.bridge.wait_end()
                ok(not ended, f"the bridge ended by itself with {status}")
                if self.stop_status is not None:
                    eq(status, self.stop_status, "exit status after SIGTERM")
            eq(self.bridge.noise, [], "lines that are no log")
        finally:
            if self.bridge.process is not None:
                self.bridge.kill()
            self.sandbox.stop()
            if not os.environ.get("KEEP"):
                shutil.rmtree(self.directory, ignore_errors=True)


# ---- the runner ----

_scenarios = []
_output = threading.Lock()


def scenario(goal, when=True, why=""):
    """Registers a test; goal is one sentence about what must hold. When not `when`, it is skipped, with the reason."""
    def register(function):
        _scenarios.append((function.__name__, goal, function, None if when else why))
        return function
    return register


def long(goal):
    """A scenario that waits for real limits, for minutes: only with LONG=1."""
    return scenario(goal, LONG, "takes minutes: set LONG=1")


class Result:
    def __init__(self, name, goal):
        self.name, self.goal, self.failed, self.skipped, self.notes, self.seconds = name, goal, False, None, [], 0.0


def _run_one(name, goal, function, skip):
    result, world, started = Result(name, goal), None, time.monotonic()
    if skip:
        result.skipped = skip
        return result
    try:
        world = World(name)
        function(world)
    except Skip as reason:
        result.skipped = str(reason)
    except BaseException:  # whatever it is, the other scenarios go on
        result.failed = True
        result.notes += traceback.format_exc().rstrip().split("\n")
    if world is not None:
        try:
            world.close()
        except BaseException:
            result.failed = True
            result.notes += ["at the end:"] + traceback.format_exc().rstrip().split("\n")
        if result.failed:
            result.notes += ["the bridge's log ends:"]
            result.notes += [json.dumps(line, ensure_ascii=False)[:600] for line in world.bridge.lines[-40:]]
            result.notes += world.bridge.noise[-80:]
    result.seconds = time.monotonic() - started
    return result


def _print(number, result, verbose):
    state = "not ok" if result.failed else "ok"
    tail = f" # SKIP {result.skipped}" if result.skipped and not result.failed else ""
    seconds = f" ({result.seconds:.2f} s)" if verbose else ""
    with _output:
        print(f"{state} {number} - {result.name}: {result.goal}{seconds}{tail}")
        for note in result.notes:
            print(f"#   {note}")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description="Runs this file's scenarios; prints TAP.")
    parser.add_argument("filter", nargs="*", help="only scenarios whose name contains one of these")
    parser.add_argument("-v", action="store_true", help="how long each took")
    parser.add_argument("-j", type=int, default=2, help="so many at a time (2)")
    parser.add_argument("-l", action="store_true", help="list them")
    options = parser.parse_args()
    chosen = [item for item in _scenarios
              if not options.filter or any(part in item[0] for part in options.filter)]
    if options.l:
        for name, goal, _, skip in chosen:
            print(f"{name}: {goal}{f' (skipped: {skip})' if skip else ''}")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that atexit runs
    for program in (BRIDGE, SANDBOX):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} is not there: run make first")
    print(f"1..{len(chosen)}", flush=True)
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(max(1, options.j)) as pool:
        running = [pool.submit(_run_one, *item) for item in chosen]
        for number, future in enumerate(concurrent.futures.as_completed(running), 1):
            result = future.result()
            _print(number, result, options.v)
            failed += result.failed
            skipped += bool(result.skipped and not result.failed)
            passed += not result.failed and not result.skipped
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    sys.exit(1 if failed else 0)
