#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line, as an operator uses it: what it prints, where, and its exit status."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from harness import (BRIDGE, DEADLINE, JOB_SLACK, JOB_UNKNOWN, eq, has, is_id, lacks, main, ok, scenario)  # noqa: E402

PULL = "https://github.com/octo/hello/pull/42"


def run(t, *args, text=None, config=True, env=None):
    """Runs a verb; (exit status, stdout, stderr)."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NAIRI_")}
    if config:
        environment["NAIRI_BRIDGE_CONFIG"] = t.bridge.config_file
    environment.update(env or {})
    done = subprocess.run([BRIDGE, *args], input=text, capture_output=True, env=environment, timeout=DEADLINE,
                          cwd=t.directory, text=True, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


def good(t, *args, **more):
    status, out, err = run(t, *args, **more)
    eq((status, err), (0, ""), " ".join(args))
    return out


def bad(t, status, *args, **more):
    got, out, err = run(t, *args, **more)
    eq((got, out), (status, ""), f"{' '.join(args)} (it said {err!r})")
    ok(err.strip(), "nothing on standard error")
    return err


def on_terminal(t, columns, *args):
    """The lines that a terminal of that width is given."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = dict(os.environ, NAIRI_BRIDGE_CONFIG=t.bridge.config_file)
    process = subprocess.Popen([BRIDGE, *args], stdin=subprocess.DEVNULL, stdout=theirs, env=environment)
    os.close(theirs)
    out = b""
    try:
        while data := os.read(ours, 65536):
            out += data
    except OSError:  # EIO: the other side is closed
        pass
    os.close(ours)
    eq(process.wait(DEADLINE), 0, f"exit status of {args}")
    return out.decode().replace("\r", "").splitlines()


@scenario("link, links and unlink change the mapping, by key and by URL, and say what they did")
def links(t):
    job = t.job()
    t.link("ci:fixed", job)
    t.start()
    eq(good(t, "link", PULL, job), f"github:octo/hello#42 -> {job}\n", "link")
    listed = good(t, "links")
    has(listed, "github:octo/hello#42", "ci:fixed", "manual", "config", job)
    rows = [json.loads(line) for line in good(t, "links", "--json").splitlines()]
    eq([row["thread"] for row in rows], ["ci:fixed", "github:octo/hello#42"], "links")
    has(bad(t, 1, "link", "ci:fixed", job), "fixed in the configuration")
    has(bad(t, 1, "link", PULL, "job_1"), "no job id")
    has(bad(t, 1, "link", "nobody:x", job), "nobody")
    good(t, "unlink", "github:octo/hello#42")
    has(bad(t, 1, "unlink", PULL), "no job is linked")


@scenario("links lists more than a page")
def many_links(t):
    job = t.job()
    for number in range(1203):
        t.link(f"ci:{number:05}", job)
    t.start()
    rows = [json.loads(line)["thread"] for line in good(t, "links", "--json").splitlines()]
    eq(rows, [f"ci:{number:05}" for number in range(1203)], "links")


@scenario("continue prints the ids, or the API's words and 1; - reads the prompt from standard input")
def continues(t):
    job = t.linked()
    t.start()
    out = good(t, "continue", job, "hello")
    eq(out, f"job_id {job}\nmessage_id {t.sandbox.message_ids(job)[0]}\n", "output")
    good(t, "continue", PULL, "--", "--verbose is what I mean")
    good(t, "continue", "github:octo/hello#42", "-", text="line one\nline two ä\n")
    told = [prompt.split("\n\n[nairi-bridge ")[0] for prompt in t.sandbox.prompts(job)]
    eq(told, ["hello", "--verbose is what I mean", "line one\nline two ä"], "prompts")
    eq(bad(t, 1, "continue", JOB_SLACK, "hello"), "job is not an API job\n", "standard error")
    eq(bad(t, 1, "continue", JOB_UNKNOWN, "hello"), "job not found\n", "standard error")
    has(bad(t, 1, "continue", "github:octo/hello#7", "hello"), "not linked")
    has(bad(t, 1, "continue", "job_1", "hello"), "no job id")
    has(bad(t, 1, "continue", job, " "), "prompt")
    has(bad(t, 1, "continue", job, "-", text="x" * (1024 * 1024 + 1)), "1 MiB")
    has(bad(t, 1, "continue", job, "-", text="x" * 70000), "limits.prompt")
    has(bad(t, 2, "continue", "--wait", "soon", job, "hello"), "--wait")
    eq(len(t.sandbox.prompts(job)), 3, "prompts that arrived")


@scenario("continue says that a prompt is still on its way when the outcome is not known in time")
def continue_waits(t):
    job = t.linked()
    t.start()
    t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000)
    out = good(t, "continue", "--wait", "0", job, "hello")
    has(out, "queued, still on its way")
    delivery = is_id(out.split()[-1])
    t.sandbox.release()
    t.sandbox.clear()
    t.until(lambda: t.bridge.delivery(delivery)["messages"][0]["state"] == "forwarded", "forwarded")


@scenario("deliveries, show and replay tell the story of a delivery")
def ledger(t):
    job = t.linked()
    t.any_comment()
    t.start()
    first = t.comment("please fix it").json["delivery_id"]
    failed = t.generic("ci", {"job_id": JOB_SLACK, "prompt": "no"}).json["delivery_id"]
    t.until(lambda: t.bridge.delivery(first)["messages"][0]["state"] == "forwarded", "the comment at the job")
    rows = good(t, "deliveries").splitlines()
    eq([row.split()[2:4] for row in rows[1:]], [["forwarded", first], ["failed", failed]], "the newest is last")
    has(rows[2], "job is not an API job")
    for columns, most in ((40, 80), (80, 80), (100, 100), (120, 120), (250, 120)):
        for verb in (["deliveries"], ["links"]):
            wide = [row for row in on_terminal(t, columns, *verb) if len(row) > most]
            ok(not wide, f"too wide for {columns} columns: {wide}")
    eq([json.loads(row)["delivery_id"] for row in good(t, "deliveries", "--json", "-s", "failed").splitlines()],
       [failed], "failed ones")
    eq([json.loads(row)["delivery_id"] for row in good(t, "-j", "deliveries", "--thread", PULL).splitlines()], [first],
       "of a thread")
    has(bad(t, 1, "deliveries", "--state", "lost"), "vetting")
    shown = good(t, "show", first)
    has(shown, first, "mona", "    please fix it", "forwarded", job, "HTTP 201")
    eq(json.loads(good(t, "show", "--json", first))["delivery_id"], first, "as JSON")
    has(good(t, "replay", first), first)
    t.sandbox.wait(job, 2)
    has(bad(t, 1, "replay", "1"), "no delivery's id")
    has(bad(t, 1, "show", "01a20a57-5ac2-7000-96ff-4d0f116af6b0"), "no such delivery")


@scenario("deliveries --follow prints what comes, and each change of it, once")
def follow(t):
    job = t.linked()
    t.start()
    environment = dict(os.environ, NAIRI_BRIDGE_CONFIG=t.bridge.config_file)
    before = t.generic("ci", {"job_id": job, "prompt": "before"}).json["delivery_id"]
    t.settled()
    process = subprocess.Popen([BRIDGE, "deliveries", "--follow", "--json"], stdout=subprocess.PIPE, env=environment,
                               text=True)
    rows, changed = [], threading.Condition()

    def read():
        for line in process.stdout:
            with changed:
                rows.append((json.loads(line)["delivery_id"], json.loads(line)["state"]))
                changed.notify_all()
    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def wait_row(row):
        with changed:
            ok(changed.wait_for(lambda: row in rows, DEADLINE), f"{row} did not come, only {rows}")
    try:
        wait_row((before, "forwarded"))
        t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=20000)
        late = t.generic("ci", {"job_id": job, "prompt": "late"}, [("Prefer", "wait=1")]).json["delivery_id"]
        wait_row((late, "sending"))
        t.sandbox.clear()
        t.sandbox.release()
        wait_row((late, "forwarded"))
        last = t.generic("ci", {"job_id": JOB_SLACK, "prompt": "no"}).json["delivery_id"]
        wait_row((last, "failed"))
    finally:
        process.terminate()
        process.wait(DEADLINE)
        reader.join(DEADLINE)
        process.stdout.close()
    eq(len(rows), len(set(rows)), f"rows that came twice in {rows}")


@scenario("status fits on one screen and names what failed last")
def status(t):
    t.start()
    t.generic("ci", {"job_id": JOB_SLACK, "prompt": "no"})
    t.settled()
    out = good(t, "status")
    has(out, "up ", "healthy", "closed", "job is not an API job", t.bridge.address)
    ok(len(out.splitlines()) <= 24, "more than a screen")
    eq(json.loads(good(t, "status", "--json"))["circuit"]["state"], "closed", "as JSON")


@scenario("Control and bidi characters of a stranger do not reach the terminal")
def terminal(t):
    job = t.linked()
    t.configure(sources={"github": {"hygiene": "off"}})
    t.any_comment()
    t.start()
    evil = "red \x1b[31m bell \x07 back \x08 csi \x9b31m bidi \u202e end"
    delivery = t.comment(evil).json["delivery_id"]
    t.sandbox.wait(job, 1)
    t.settled()
    for args in (("show", delivery), ("show", "--json", delivery), ("deliveries",), ("deliveries", "--json"),
                 ("links",)):
        out = good(t, *args)
        for char in out:
            ok(char == "\n" or (char >= " " and not 0x7F <= ord(char) < 0xA0 and char not in "\u202e\u2066"),
               f"{char!r} in the output of {args}")
    has(good(t, "show", delivery), "red ", "[31m bell")


@scenario("A daemon that is not there, or does not let us in, is said plainly")
def no_daemon(t):
    t.write_config()
    for verb in (["status"], ["links"], ["deliveries"], ["link", PULL, t.job()], ["continue", t.job(), "x"],
                 ["unlink", PULL], ["show", "1"], ["replay", "1"]):
        err = bad(t, 1, *verb)
        eq(err, f"nairi-bridge: the daemon does not answer at {t.bridge.admin}: is `nairi-bridge serve` running?\n",
           verb[0])
    t.configure(admin=None)
    t.write_config()
    has(bad(t, 1, "status"), "admin.listen is not set")


@scenario("Over an address the token of the configuration opens the API, and a wrong one does not; no proxy is asked")
def over_tcp(t):
    t.configure(admin={"listen": "127.0.0.1:0", "token": "admin-token-0123456789abcdef"})
    t.start()
    admin = t.bridge.logs("bridge.started")[0]["listening"].split()[1]
    proxy = {"http_proxy": "http://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1"}
    t.configure(admin={"listen": admin})
    t.write_config()
    has(good(t, "status", env=proxy), "healthy")
    t.configure(admin={"token": "admin-token-0123456789abcdeX"})
    t.write_config()
    has(bad(t, 1, "status"), "token is wrong")


@scenario("check says that a configuration is good, prints every problem of a bad one, and its schema")
def check(t):
    t.write_config()
    has(good(t, "check"), t.bridge.config_file, "good", "6 sources")
    eq(json.loads(good(t, "check", "--schema"))["type"], "object", "the schema")
    t.configure(nairi={"url": "ftp://x"}, retry={"attempts": 0}, lmits={})
    t.write_config()
    err = bad(t, 1, "check")
    has(err, 'did you mean "limits"', "nairi.url", "retry.attempts")
    ok(all(line.startswith(t.bridge.config_file + ":") for line in err.splitlines()), "a line without file and place")
    eq(bad(t, 1, "status"), err, "what another verb says of it")
    has(bad(t, 1, "check", "--config", "nowhere.yaml"), "nowhere.yaml: ")


@scenario("Options stand before or after the verb; misuse is said on standard error with 2")
def usage(t):
    t.write_config()
    for args in (["--config", t.bridge.config_file, "check"], ["check", "-c", t.bridge.config_file],
                 ["-c", "nowhere", "check", "--config=" + t.bridge.config_file]):
        good(t, *args, config=False)
    has(good(t, "--help"), "serve", "deliveries", "--config")
    eq(good(t, "-h"), good(t, "help"), "-h and help")
    has(good(t, "--version"), "nairi-bridge 0.")
    eq(good(t, "version"), good(t, "-V"), "version and -V")
    eq(good(t, "help", "continue"), good(t, "continue", "--help"), "help continue and continue --help")
    has(bad(t, 2), "usage")
    has(bad(t, 2, "stats"), 'did you mean "status"')
    has(bad(t, 2, "help", "lnk"), 'did you mean "link"')
    lacks(bad(t, 2, "zzzzzz"), "did you mean")
    for args in (["link"], ["link", "a"], ["link", "a", "b", "c"], ["status", "x"], ["--json", "check"],
                 ["check", "--json"], ["links", "--wait"], ["deliveries", "--state"], ["--frob"], ["-x"], ["show"], ["continue", "x"]):
        has(bad(t, 2, *args), "nairi-bridge help")


@scenario("Output that cannot be written is a failure")
def full_disk(t):
    with open("/dev/full", "w") as full:
        done = subprocess.run([BRIDGE, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    eq(done.returncode, 1, "exit status")
    has(done.stderr, "standard output")


if __name__ == "__main__":
    main()
