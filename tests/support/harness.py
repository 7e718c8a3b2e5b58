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
import argparse
import concurrent.futures
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import urllib.parse

from payloads import *  # noqa: F401,F403 - what tests need stands in one place
from payloads import BASE64_SECRET, BEARER, CI_SECRET, GITHUB_SECRET, REPO, STANDARD_SECRET, comment, generic_headers
from payloads import github_headers
from processes import BRIDGE, ROOT, SANDBOX, Bridge, Gone, Sandbox  # noqa: F401
from wire import *  # noqa: F401,F403
from wire import DEADLINE, Wire, call, eq, ok

LONG = os.environ.get("LONG", "") not in ("", "0")


class Skip(Exception):
    """The scenario cannot run here; the text says why."""


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


def has_sanitizer(t):
    """Its memory says little: a sanitizer keeps what was freed for a while, to catch who still uses it."""
    with open(t.bridge.program, "rb") as file:
        text = file.read()
    return b"__asan_init" in text or b"__tsan_init" in text


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
            ok(self.sandbox.process.poll() is None, f"the sandbox is gone while {what} was awaited")
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
            ok(self.sandbox.process.poll() is None, "the sandbox is gone: was it killed?")
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
