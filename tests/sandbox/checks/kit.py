# SPDX-License-Identifier: Apache-2.0
"""What the checks of nairi-sandbox have in common."""
import atexit
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
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


def upload(box, data, filename="notes.txt", field="file", key=None, before=b""):
    boundary = "----selftest7d9"
    body = before + (f'--{boundary}\r\nContent-Disposition: form-data; name="other"\r\n\r\nignored\r\n'
                     f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{filename}"\r\n'
                     f"Content-Type: application/octet-stream\r\n\r\n").encode() + data + \
        f"\r\n--{boundary}--\r\n".encode()
    return box.http("POST", API + "/attachments", body, {
        "Authorization": "Bearer " + (key or box.good),
        "Content-Type": f"multipart/form-data; boundary={boundary}"})


def ms(stamp):
    whole, fraction = stamp[:-1].split(".")
    return int(time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))) * 1000 + int(fraction)
