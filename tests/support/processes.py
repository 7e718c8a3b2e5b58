# SPDX-License-Identifier: Apache-2.0
"""The two programs as processes: the sandbox with its control surface, the bridge with its log and its admin API."""
import atexit
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse

from payloads import REPO
from wire import DEADLINE, Closed, call, eq, ok

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BRIDGE = os.path.abspath(os.environ.get("BRIDGE", os.path.join(ROOT, "build/nairi-bridge")))
FAULT = os.environ.get("FAULT")  # a name in bridge/base/fault.h: all of a suite with that going wrong (needs FAULTS=1)
SANDBOX = os.path.abspath(os.environ.get("SANDBOX", os.path.join(ROOT, "build/nairi-sandbox")))


class Gone(AssertionError):
    """The bridge ended while something was expected of it."""


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
        self.begun = self.mark()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("NAIRI_")}
        if FAULT:
            environment["NAIRI_BRIDGE_FAULT"] = FAULT
        environment.update(env or {})
        self.ended = False
        self.process = _spawn(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
                              cwd=self.directory)
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        if wait:
            self.wait_started()
        return self

    def wait_started(self):
        """Waits for bridge.started of this life, and takes the address from it."""
        record = self.wait_log("bridge.started", since=self.begun)
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

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as line:
            fields = line.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

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
