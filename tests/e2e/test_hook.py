#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""nairi-bridge hook post-receive: real repositories, real pushes over a path, the real bridge behind the hook."""
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))

from harness import BEARER, BRIDGE, CI_SECRET, DEADLINE, JOB_UNKNOWN, eq, has, lacks, main, ok, scenario  # noqa: E402

BOUND = 20  # seconds: far above what the hook takes, far below what hangs
ZEROS = "0" * 40
NOT_TOLD = "the push is done, but Nairi was not told about "


class Server:
    """A bare repository with the hook installed, and a clone of it to push from."""

    def __init__(self, t, name="hello", source="ci", url=None):
        self.t = t
        self.bare = os.path.join(t.directory, name + ".git")
        self.work = os.path.join(t.directory, name + "-work")
        self.second = 0
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(("GIT_", "NAIRI_", "GL_")) and key != "REMOTE_USER"}
        self.env.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null", HOME=t.directory, LC_ALL="C",
                        GIT_AUTHOR_NAME="Ada", GIT_AUTHOR_EMAIL="a@example.org", GIT_COMMITTER_NAME="Ada",
                        GIT_COMMITTER_EMAIL="a@example.org", NAIRI_BRIDGE_CONFIG=t.bridge.config_file)
        self.git("init", "-q", "--bare", "-b", "main", self.bare, cwd=t.directory)
        self.git("init", "-q", "-b", "main", self.work, cwd=t.directory)
        self.git("remote", "add", "origin", self.bare)
        hook = os.path.join(self.bare, "hooks", "post-receive")
        with open(hook, "w") as out:
            out.write(f"#!/bin/sh\nexec '{BRIDGE}' hook post-receive\n")
        os.chmod(hook, 0o755)
        self.secret = self.file("secret", CI_SECRET + "\n")
        self.set("secretFile", self.secret)
        if url or t.bridge.address:
            self.set("url", url or f"http://{t.bridge.address}/hooks/{source}")

    def git(self, *args, cwd=None, status=0):
        done = subprocess.run(["git", *args], cwd=cwd or self.work, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, encoding="utf-8", timeout=DEADLINE)
        eq(done.returncode, status, f"git {args}: {done.stderr}")
        return done.stdout.strip()

    def file(self, name, text):
        path = os.path.join(self.t.directory, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)
        return path

    def set(self, key, value=None):
        self.git("config", *(["nairi." + key, value] if value else ["--unset", "nairi." + key]), cwd=self.bare)

    def commit(self, subject, name="file", text=None):
        self.second += 10
        with open(os.path.join(self.work, name), "w") as out:
            out.write(text or subject + "\n")
        self.git("add", "-A")
        self.env["GIT_COMMITTER_DATE"] = f"{1700000000 + self.second} +0000"
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def push(self, *args, env=None):
        """What the pusher reads of the hook; the push has succeeded within the bound."""
        done = subprocess.run(["git", "push", "origin", *args], cwd=self.work, env={**self.env, **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=BOUND)
        eq(done.returncode, 0, f"git push {args}: {done.stderr}")
        lines = [line[8:].strip() for line in done.stderr.splitlines() if line.startswith("remote: ")]
        return [line for line in lines if line]

    def quiet(self, *args, **more):
        eq(self.push(*args, **more), [], f"what the hook says about {args}")

    def hook(self, text, *args, status=0, cwd=None, env=None):
        """The hook by hand; what it says."""
        done = subprocess.run([BRIDGE, "hook", "post-receive", *args], cwd=cwd or self.bare,
                              input=text.encode() if isinstance(text, str) else text, env={**self.env, **(env or {})},
                              capture_output=True, timeout=BOUND)
        eq((done.returncode, done.stdout), (status, b""), f"exit status and output ({done.stderr!r})")
        return done.stderr.decode()


class Silent:
    """Accepts, and never answers."""

    def __init__(self, path=None):
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind(path or ("127.0.0.1", 0))
        self.listener.listen()
        self.held, self.accepted = [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while True:
                self.held.append(self.listener.accept()[0])
                self.accepted.set()
        except OSError:
            pass

    def url(self):
        return "http://127.0.0.1:%d/hooks/ci" % self.listener.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(DEADLINE)
        for connection in self.held + [self.listener]:
            connection.close()


def told(t, job, count):
    """The prompts of a job, when so many have come."""
    t.sandbox.wait(job, count)
    prompts = t.sandbox.prompts(job)
    eq(len(prompts), count, f"prompts: {prompts}")
    return prompts


def idle(t):
    """A bridge that nobody started has no exit status to look at."""
    t.stop_status = None


@scenario("A push to a linked branch reaches its job, with its commits, its files and who pushed")
def pushes(t):
    job = t.link("ci:hello/main", t.job())
    t.start()
    server = Server(t)
    first = server.commit("first")
    server.quiet("main", env={"GL_USERNAME": "mona"})
    has(told(t, job, 1)[0], f"New branch `main` at `{first[:10]}`. Its last commits:", "`first` by `Ada`", "mona")
    server.commit("second", text="first\nmore\n")
    last = server.commit("third", "other")
    server.quiet("main", env={"REMOTE_USER": "lisa"})
    prompt = told(t, job, 2)[1]
    has(prompt, f"Pushed to branch `main`: 2 commits, from `{first[:10]}` to `{last[:10]}`.", "`second` by `Ada`",
        "2 files changed, 2 insertions, 0 deletions", "- `file` +1 -0", "- `other` +1 -0, new", "lisa",
        "hello: main was pushed")
    lacks(prompt, "Forced", CI_SECRET)


@scenario("Each branch of a push goes to its own job; tags and what is not linked are passed over in silence")
def several(t):
    one, two = (t.link(f"ci:hello/{name}", t.job()) for name in ("main", "topic/x"))
    t.start()
    server = Server(t)
    server.commit("first")
    server.git("branch", "topic/x")
    server.git("branch", "elsewhere")
    server.git("tag", "v1")
    server.quiet("main", "topic/x", "elsewhere", "v1")
    has(told(t, one, 1)[0], "New branch `main`")
    has(told(t, two, 1)[0], "New branch `topic/x`", "0 commits since `main`")
    eq(sorted(row["thread"] for row in t.bridge.deliveries()),
       ["ci:hello/elsewhere", "ci:hello/main", "ci:hello/topic/x"], "threads in the ledger")


@scenario("Force, a new branch and its deletion are told, as often as they happen")
def forced(t):
    job, other = t.link("ci:all of hello", t.job()), t.link("ci:hello/topic", t.job())
    t.start()
    server = Server(t)
    first = server.commit("first")
    lost = server.commit("lost")
    server.set("thread", "all of {repo}")
    server.quiet("main")
    for turn in range(2):  # the same two commits, forth and back: each time it is another push
        server.git("reset", "-q", "--hard", first)
        server.quiet("--force", "main")
        has(told(t, job, 2 + 2 * turn)[-1], "**Forced** push to branch `main`: 0 commits, from",
            "1 commit that was in it before is no longer")
        server.git("reset", "-q", "--hard", lost)
        server.quiet("main")
        has(told(t, job, 3 + 2 * turn)[-1], "Pushed to branch `main`: 1 commit, from", "`lost`")
    server.git("reset", "-q", "--hard", first)
    server.commit("another way")
    server.quiet("--force", "main")
    has(told(t, job, 6)[-1], "**Forced** push to branch `main`: 1 commit, from", "`another way`")
    server.set("thread")
    for turn in range(2):
        server.quiet("main:refs/heads/topic")
        has(told(t, other, 1 + 2 * turn)[-1], "New branch `topic`")
        server.quiet(":topic")
        has(told(t, other, 2 + 2 * turn)[-1], "Branch `topic` was deleted; it was at `", "`another way`")


@scenario("With nairi.direct the daemon is asked itself, for a job or a thread; --direct does the same")
def direct(t):
    job = t.link("ci:hello", t.job())
    t.start()
    server = Server(t)
    server.set("url")
    server.set("direct", "true")
    server.commit("first")
    has(server.push("main")[0], NOT_TOLD + "main: nairi.direct is set, but nairi.job is not")
    server.set("job", job)
    server.commit("second")
    server.quiet("main", env={"GL_USERNAME": "mona"})
    has(told(t, job, 1)[0], "mona pushed to the Git repository hello:\n\nPushed to branch `main`: 1 commit", "`second`")
    server.set("job", "ci:hello")
    server.commit("third")
    server.quiet("main")
    has(told(t, job, 2)[1], "Pushed to the Git repository hello:", "`third`")
    server.set("direct")
    head = server.git("rev-parse", "HEAD")
    eq(server.hook(f"{ZEROS} {head} refs/heads/main\n", "--direct", job), "", "standard error")
    told(t, job, 3)
    has(server.hook(f"{ZEROS} {head} refs/heads/main\n", "--direct", "ci:nobody"), NOT_TOLD + "main: ", "not linked")


@scenario("A bearer token works as well; what the bridge refuses is said in one line that holds no secret")
def credentials(t):
    job = t.link("bearer:hello/main", t.job())
    t.start()
    server = Server(t, source="bearer")
    token = server.file("token", BEARER + "\n")
    server.set("secretFile")
    server.set("tokenFile", token)
    server.commit("first")
    server.quiet("main")
    told(t, job, 1)
    line = f"{ZEROS} {server.git('rev-parse', 'HEAD')} refs/heads/main\n"
    url = f"http://{t.bridge.address}/hooks/"
    wrong = server.file("wrong", "not-the-secret\n")
    for args, words in (
            (["--url", url + "ci", "--secret-file", wrong], "the bridge answered 401: "),
            (["--url", url + "ci", "--token-file", wrong], "the bridge answered 401: "),
            (["--url", url + "nobody"], "the bridge answered 404: "),
            (["--url", url + "ci", "--secret-file", "/nonexistent"], "the file of nairi.secretFile cannot be read: No such"),
            (["--secret-file", server.bare], "the file of nairi.secretFile is not a regular file"),
            (["--secret-file", server.file("empty", "\n")], "the file of nairi.secretFile is empty"),
            (["--token-file", server.file("two", "one\ntwo\n")], "holds more than one token"),
            (["--url", "http://me:open-sesame@127.0.0.1/"], "nairi.url has a user in it"),
            (["--url", "ftp://127.0.0.1/"], "nairi.url is no http:// or https:// URL"),
            (["--thread", "x" * 600], "the thread's key is empty or longer than 512 bytes"),
            (["--direct", JOB_UNKNOWN[:-1]], "no job id")):
        said = server.hook(line, *args)
        has(said, "nairi-bridge: " + NOT_TOLD + "main: ", words)
        eq(said.count("\n"), 1, f"lines of {said!r}")
        lacks(said, "not-the-secret", BEARER, CI_SECRET, "sesame")
    server.set("url")
    has(server.hook(line), "nairi.url is not set: `git config nairi.url ")
    eq(len(t.sandbox.prompts(job)), 1, "prompts")


@scenario("When the bridge is down the push succeeds, and one line says what nobody was told")
def down(t):
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        server = Server(t, url="http://127.0.0.1:%d/hooks/ci" % taken.getsockname()[1])
        head = server.commit("first")
        for number in range(5):
            server.git("branch", f"topic{number}")
        said = server.push("--all")
    eq(len(said), 1, f"lines: {said}")
    has(said[0], "nairi-bridge: " + NOT_TOLD, "main, topic0, topic1 and 3 more: nobody answers at nairi.url",
        "is `nairi-bridge serve` running?")
    eq(server.git("rev-parse", "topic4", cwd=server.bare), head, "what the server has")
    idle(t)


@scenario("A bridge that accepts and never answers does not hold the push")
def silent(t):
    with Silent() as tarpit:
        server = Server(t, url=tarpit.url())
        head = server.commit("first")
        said = server.push("main")
        ok(tarpit.accepted.is_set(), "the hook did not ask")
        eq(len(said), 1, f"lines: {said}")
        has(said[0], NOT_TOLD + "main: ", "nairi-bridge serve")
        eq(server.git("rev-parse", "main", cwd=server.bare), head, "what the server has")


@scenario("Nor does a daemon whose admin socket never answers, though the call itself would wait much longer")
def silent_daemon(t):
    with Silent(t.bridge.admin[5:]) as tarpit:
        t.write_config()
        server = Server(t)
        server.set("direct", "true")
        server.set("job", JOB_UNKNOWN)
        server.commit("first")
        said = server.push("main")
        ok(tarpit.accepted.is_set(), "the hook did not ask")
        eq(said, ["nairi-bridge: " + NOT_TOLD + "main: it took longer than 2 seconds; is `nairi-bridge serve` well?"],
           "what the hook says")


@scenario("The hook ends by itself when its standard input does not")
def endless(t):
    server = Server(t, url="http://127.0.0.1:1/")
    process = subprocess.Popen([BRIDGE, "hook", "post-receive"], cwd=server.bare, env=server.env, stdin=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        eq(process.wait(BOUND), 0, "exit status")  # while we still hold the pipe open
        has(process.stderr.read().decode(), "standard input did not end within 2 seconds")
    finally:
        process.kill()
        process.stdin.close()
        process.stderr.close()


@scenario("Garbage, refs in masses and a broken repository end in a line and in 0; wrong usage in 2")
def garbage(t):
    t.start()
    server = Server(t)
    head = server.commit("first")
    server.quiet("main")
    before = len(t.bridge.deliveries())
    for text in (b"\n", b"hello\n", b"\0\xff" * 3000, b"x" * 300000, f"{head} {head}\n".encode(),
                 f"{head} {head} HEAD\n".encode(), f"{head.upper()} {head} refs/heads/main\n".encode(),
                 f"{head} {head} refs/heads/".encode() + b"x" * 5000):
        said = server.hook(text)
        has(said, "nairi-bridge: standard input is not what Git tells a post-receive hook")
        eq(said.count("\n"), 1, f"lines of {said!r}")
    eq(server.hook(b""), "", "on nothing")
    has(server.hook(f"{head} {'12' * 20} refs/heads/main\n".encode()), NOT_TOLD + "main: the commit cannot be read")
    eq(len(t.bridge.deliveries()), before, "deliveries")
    many = server.hook("".join(f"{ZEROS} {head} refs/heads/b{number}\n" for number in range(5000)).encode())
    has(many, NOT_TOLD + "4980 branches: only the first 20 of a push are told about")
    eq(len(t.bridge.deliveries()), before + 20, "deliveries")
    line = f"{ZEROS} {head} refs/heads/main\n".encode()
    has(server.hook(line, cwd=t.directory), NOT_TOLD + "main: the repository cannot be opened")
    has(server.hook(line, env={"GIT_DIR": "/nonexistent"}), NOT_TOLD + "main: the repository cannot be opened")
    object_file = os.path.join(server.bare, "objects", head[:2], head[2:])
    os.chmod(object_file, 0o644)
    with open(object_file, "wb") as out:
        out.write(b"broken")
    has(server.hook(line), NOT_TOLD + "main: the commit cannot be read")
    with open(os.path.join(server.bare, "config"), "a") as out:
        out.write("[nairi\n")
    has(server.hook(line), NOT_TOLD + "main: ", "config")
    for args in (["hook", "pre-receive"], ["hook"]):
        done = subprocess.run([BRIDGE, *args], input=b"", capture_output=True, timeout=BOUND)
        eq(done.returncode, 2, f"exit status of {args}")
        has(done.stderr.decode(), "hook")
    has(subprocess.run([BRIDGE, "hook", "update"], input=b"", capture_output=True, timeout=BOUND).stderr.decode(),
        "the only hook is post-receive", "usage: nairi-bridge hook [options] HOOK", "--secret-file")


@scenario("A push does not wait for the job: the outcome is the bridge's to follow")
def does_not_wait(t):
    job = t.link("ci:hello/main", t.job())
    t.configure(sources={"ci": {"respond": "outcome"}}).start()
    server = Server(t)
    server.commit("first")
    fault = t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=9000)
    server.quiet("main")
    t.until(lambda: t.sandbox.hits(fault) == 1, "the call that hangs")
    t.sandbox.release()
    t.sandbox.clear()
    has(told(t, job, 1)[0], "New branch `main`")


if __name__ == "__main__":
    main()
