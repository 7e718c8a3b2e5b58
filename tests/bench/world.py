# SPDX-License-Identifier: Apache-2.0
"""What a benchmark runs: bridge, sandbox, the bare responder, wrk and the paced sender, and what they cost.

All on loopback. Environment: BRIDGE, SANDBOX, BARE and PACE name the programs; CC builds PACE when it is not named.
"""
import atexit
import hashlib
import hmac
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SECRET = "bench-secret"
PULLS, FIRST_PULL, FIRST_ID = 1000, 1001, 1000000000
REPO = "Codertocat/Hello-World"
DEADLINE = 60.0
TICK = os.sysconf("SC_CLK_TCK")


class Broken(Exception):
    """The run means nothing: an error, a lost or a doubled delivery."""


class Payload:
    def __init__(self, event, anchor):
        self.event, self.anchor = event, anchor
        self.file = os.path.join(HERE, "payloads", event + ".json")
        with open(self.file, encoding="utf-8") as file:
            self.template = file.read()
        self.size = len(self.body(FIRST_ID, 0))

    def body(self, comment_id, pull):
        return self.template.replace("@N@", str(FIRST_PULL + pull)).replace("@ID@", str(comment_id)).encode()

    def request(self, comment_id, pull):
        """A whole signed request; all have one size."""
        body = self.body(comment_id, pull)
        mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return (f"POST /hooks/github HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                f"X-GitHub-Event: {self.event}\r\nX-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-00{comment_id}\r\n"
                f"X-Hub-Signature-256: sha256={mac}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


PAYLOADS = {"13 KB": Payload("issue_comment", "issuecomment-"),
            "25 KB": Payload("pull_request_review_comment", "discussion_r")}


# ---- HTTP, for control and counts ----

class _Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


def ask(connection, method, path, value=None):
    body = json.dumps(value).encode() if value is not None else None
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise Broken(f"{method} {path}: {answer.status} {text[:200]!r}")
    return json.loads(text) if text else None


# ---- processes ----

_running = set()


@atexit.register
def _end_all():
    for process in list(_running):
        if process.poll() is None:
            process.kill()


class Process:
    """Owns one child; `with` ends it."""

    def __init__(self, args, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        self.child = subprocess.Popen(args, **options)
        _running.add(self.child)
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        _running.discard(self.child)

    def first_line(self):
        line = self.child.stdout.readline()
        if not line:
            raise Broken(f"{self.child.args[0]} did not start")
        return line.decode()

    def cpu(self):
        """Seconds on a core so far, by thread name."""
        used = {}
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{task}/stat", encoding="ascii", errors="replace") as file:
                    text = file.read()
                fields = text[text.rindex(")") + 2:].split()
                seconds = (int(fields[11]) + int(fields[12])) / TICK
                with open(f"/proc/{self.pid}/task/{task}/schedstat", encoding="ascii") as file:
                    seconds = int(file.read().split()[0]) / 1e9 or seconds  # finer, where the kernel keeps it
            except (FileNotFoundError, ProcessLookupError):
                continue
            name = text[text.index("(") + 1:text.rindex(")")]
            used[name] = used.get(name, 0.0) + seconds
        return used

    def cpu_total(self):
        """utime + stime of the process, ended threads included."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss_mib(self, key="VmRSS"):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as file:
            return int(re.search(rf"^{key}:\s+(\d+) kB", file.read(), re.M)[1]) / 1024


class Sandbox(Process):
    def __init__(self):
        super().__init__([os.environ["SANDBOX"], "--quick"], stdout=subprocess.PIPE)
        told = json.loads(self.first_line())
        self.url, self.key = told["nairi"], told["keys"]["good"]
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(told["control"]).netloc, timeout=DEADLINE)

    def ask(self, method, path, value=None):
        try:
            return ask(self.connection, method, "/_sandbox" + path, value)
        except OSError as error:
            raise Broken(f"the sandbox: {error}; it has ended with {self.child.poll()}") from None

    def reset(self):
        self.ask("POST", "/reset")

    def shut(self):
        """The next call stays unanswered until the reset; with one call at a time nothing goes out any more."""
        self.ask("POST", "/faults", {"path": "/continue", "fault": "delay_before", "delay_ms": 600000, "times": 0})

    def quick(self, **how):
        self.ask("POST", "/quick", how)

    def counts(self):
        return self.ask("GET", "/counts")["quick"]

    def lists(self):
        return self.ask("GET", "/counts")["lists"]


class Bare(Process):
    def __init__(self):
        super().__init__([os.environ["BARE"], "0"], stdout=subprocess.PIPE)
        self.port = int(self.first_line())


class Pace(Process):
    def __init__(self, directory):
        program = os.environ.get("PACE")
        if program is None:
            program = os.path.join(directory, "pace")
            subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-pthread", "-o", program,
                            os.path.join(HERE, "pace.c")], check=True)
        super().__init__([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{int(self.first_line())}"
        self.directory = directory

    def requests(self, payload, count):
        path = os.path.join(self.directory, f"requests-{payload.event}-{count}")
        with open(path, "wb") as file:
            for i in range(count):
                file.write(payload.request(FIRST_ID + 1 + i, i % PULLS))
        return path, os.path.getsize(path) // count

    def run(self, port, rate, requests, anchor):
        path, size = requests
        self.child.stdin.write(f"{port} {rate} {size} {path} {anchor}\n".encode())
        self.child.stdin.flush()
        told = json.loads(self.first_line())
        if told["answered"] != told["sent"] or told["refused"] or told["twice"] or \
                (anchor != "-" and told["arrived"] != told["sent"]):
            raise Broken(f"at {rate}/s: {told}")
        return told


def job(number):
    """A job id that the sandbox takes for an API job."""
    alphabet, text = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", ""
    for _ in range(26):
        number, digit = divmod(number, 32)
        text = alphabet[digit] + text
    return "job_" + text


def _config(directory, url, key, links, concurrency, follow):
    lines = ["listen: 127.0.0.1:0", f"admin: {{ listen: \"unix:{directory}/admin.sock\" }}",
             f"store: \"sqlite:{directory}/bridge.db\"",
             f"nairi: {{ url: \"{url}\", api_key: \"{key}\", max_concurrency: {concurrency}, timeout: 10m, "
             f"follow: {{ {follow} }} }}",
             "limits: { thread_rate: 0, queue: 10000000, connections_per_address: 0 }", "log: { level: LEVEL, format: json }",
             "sources:", "  github:", "    type: github", f"    secret: \"{SECRET}\"", "    batch: 0s",
             "  ci: { type: generic, verify: none, respond: queued }", "links:" if links else "links: []"]
    lines += [f"  - {{ thread: \"github:{REPO.lower()}#{FIRST_PULL + i}\", job: {job(i + 1)} }}" for i in range(links)]
    return "\n".join(lines) + "\n"


class Bridge(Process):
    """A store of its own unless `directory` has one; its log goes to a file there. It follows no jobs unless told how."""

    def __init__(self, url, key, links=PULLS, concurrency=64, level="warn", directory=None, follow="enabled: false"):
        self.own = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("BENCH_DIR"))
        config = os.path.join(self.directory, "bridge.yaml")
        with open(config, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(_config(self.directory, url, key, links, concurrency, follow).replace("LEVEL", level))
        self.log = os.path.join(self.directory, "log")
        with open(self.log, "wb") as log:
            super().__init__([os.environ["BRIDGE"], "serve", "--config", config], stderr=log, stdout=log)
        self.connection = _Unix(os.path.join(self.directory, "admin.sock"))
        self._wait_started()

    def _wait_started(self):
        end = time.monotonic() + DEADLINE
        while True:
            try:
                where = [name for name in self.status()["listening"] if name.startswith("127.")]
                self.port = int(where[0].rpartition(":")[2])
                return
            except OSError:
                if self.child.poll() is not None or time.monotonic() > end:
                    raise Broken(f"the bridge did not start: {self.said()}") from None
                self.connection.close()
                time.sleep(0.01)

    def __exit__(self, *_):
        self.kill()
        if self.own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def said(self):
        with open(self.log, errors="replace", encoding="utf-8") as file:
            return file.read()[-2000:].strip()

    def status(self):
        return ask(self.connection, "GET", "/api/v1/status")

    def wait_drained(self, timeout=DEADLINE):
        """Until nothing waits in memory: every outcome is committed. Returns the status then."""
        end = time.monotonic() + timeout
        while True:
            status = self.status()
            deliver, store = status["deliver"], status["store"]
            if store["waiting"] == 0 and deliver["waiting"] == 0 and deliver["in_flight"] == 0 and \
                    deliver["forwarded"] + deliver["failed"] >= status["intake"]["queued"]:
                return status
            if time.monotonic() > end:
                raise Broken(f"not drained in time: {status}")
            time.sleep(0.01)

    def wait_counted(self, states):
        """Until the store itself has counted all messages that were kept in these states (it counts once a second)."""
        end = time.monotonic() + 5
        while True:
            status = self.status()
            if sum(status["messages"][state] for state in states) == status["intake"]["queued"] or time.monotonic() > end:
                return status
            time.sleep(0.05)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        if self.child.wait(DEADLINE) != 0:
            raise Broken(f"the bridge ended with {self.child.returncode}: {self.said()}")


def wrk(port, payload, connections, seconds, first=FIRST_ID):
    """One run of the load generator: requests answered, errors, seconds, latency of the answers."""
    env = dict(os.environ, BENCH_SECRET=SECRET, BENCH_BODY=payload.file, BENCH_EVENT=payload.event,
               BENCH_PULLS=str(PULLS), BENCH_FIRST=str(first))
    args = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency",
            "-s", os.path.join(HERE, "load.lua"), f"http://127.0.0.1:{port}/hooks/github"]
    run = subprocess.run(args, env=env, capture_output=True, text=True, check=False)
    found = re.search(r"^RESULT (.*)$", run.stdout, re.M)
    if run.returncode != 0 or found is None:
        raise Broken(f"wrk: {run.stdout} {run.stderr}")
    told = {key: int(value) for key, value in (pair.split("=") for pair in found[1].split())}
    if any(told[kind] for kind in ("connect", "read", "write", "timeout", "status")):
        raise Broken(f"wrk saw errors: {found[1]}")
    told["seconds"] = told["duration_us"] / 1e6
    told["rate"] = told["requests"] / told["seconds"]
    return told


class Meter:
    """How much of our cores others used since the start: what was busy, less what we and our children spent."""

    def __init__(self, *servers):
        self.servers, self.cores = servers, sorted(os.sched_getaffinity(0))
        self.start = self._read()

    def _read(self):
        busy = 0
        with open("/proc/stat", encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[0] in {f"cpu{core}" for core in self.cores}:
                    user, nice, system, _idle, _wait, _irq, _softirq, steal = (int(text) for text in fields[1:9])
                    busy += user + nice + system + steal  # interrupts are mostly our own packets
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        spent = sum(usage.ru_utime + usage.ru_stime for usage in own) + sum(one.cpu_total() for one in self.servers)
        return busy / TICK - spent, time.monotonic()

    def others(self):
        """A share of all our cores, 0 to 1. Children count once they have ended."""
        foreign, now = self._read()
        return max(0.0, (foreign - self.start[0]) / max((now - self.start[1]) * len(self.cores), 0.001))


def wait_quiet(patience):
    """Until others leave the cores alone, for at most so many seconds; returns how long it waited."""
    start = time.monotonic()
    while time.monotonic() - start < patience:
        meter = Meter()
        time.sleep(0.2)
        if meter.others() < 0.2:
            break
    return time.monotonic() - start


def sync_us(directory, pause=0.0):
    """What one fdatasync of an appended 16 KiB costs here, in microseconds: median and p90 of 50, `pause` seconds apart."""
    path, times = os.path.join(directory, "sync"), []
    with open(path, "wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(16384))
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
            time.sleep(pause)
    os.unlink(path)
    times.sort()
    return times[25] * 1e6, times[45] * 1e6
