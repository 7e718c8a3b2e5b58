#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Scenarios for tests/unit/test_git_service.c, which starts this: usage git_scenarios.py PROGRAM [name of one scenario]."""
import base64
import glob
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from git_server import GitServer  # noqa: E402

PROGRAM = os.path.abspath(sys.argv[1])
DEADLINE = 60
JOB, OTHER_JOB = "job_01KRK1V46BXS73CSNK2VR35NPJ", "job_01KRK1V46BXS73CSNK2VR35NPK"
TOKEN = "ghp_verysecrettokenofours0123456789"
AGENT = "agent@nairi.example"


def eq(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}")


def ok(value, what):
    if not value:
        raise AssertionError(what)


class Repo:
    """A repository that is written with the git command."""

    def __init__(self, path, bare_at=None):
        self.path = path
        self.clock = 1_700_000_000
        self.git("init", "-q", "-b", "main", path, cwd=None)
        self.bare = bare_at

    def git(self, *args, cwd=True, who=("A", "a@example.com"), committer=None, stdin=None):
        committer = committer or who
        self.clock += 60
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1",
               "GIT_AUTHOR_NAME": who[0], "GIT_AUTHOR_EMAIL": who[1], "GIT_COMMITTER_NAME": committer[0],
               "GIT_COMMITTER_EMAIL": committer[1], "GIT_AUTHOR_DATE": f"{self.clock} +0000",
               "GIT_COMMITTER_DATE": f"{self.clock} +0000"}
        done = subprocess.run(["git", *args], cwd=self.path if cwd else None, env=env, capture_output=True, check=False,
                              input=stdin)
        ok(done.returncode == 0, f"git {args}: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    def commit(self, message="change", files=None, **who):
        for name, content in (files or {}).items():
            path = os.path.join(self.path, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message, **who)
        return self.git("rev-parse", "HEAD")

    def publish(self):
        """Into the bare repository that is served, all refs."""
        if not os.path.exists(self.bare):
            self.git("init", "-q", "--bare", "-b", "main", self.bare, cwd=None)
        self.git("push", "-q", "--mirror", self.bare)


class Service:
    """The driver as a process."""

    def __init__(self, cache, timeout_ms=20000, max_size=1 << 30, env=None, refused=False):
        self.cache, self.number, self.answers = cache, 0, queue.Queue()
        self.errors = tempfile.NamedTemporaryFile(prefix="git-stderr")
        self.process = subprocess.Popen([PROGRAM, "--drive", cache, str(max_size), str(timeout_ms)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, env={**os.environ, **(env or {})})
        first = json.loads(self.process.stdout.readline())
        self.refusal = first.get("refused")
        ok(bool(self.refusal) == refused, f"the service: {first}")
        self.waiting = {}
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))

    def send(self, want, url, **more):
        self.number += 1
        self.process.stdin.write(json.dumps({"id": self.number, "want": want, "url": url, **more}) + "\n")
        self.process.stdin.flush()
        return self.number

    def answer(self, number):
        until = time.monotonic() + DEADLINE
        while number not in self.waiting:
            got = self.answers.get(timeout=max(until - time.monotonic(), 0.01))
            ok(got["id"] not in self.waiting, f"answered twice: {got}")
            self.waiting[got["id"]] = got
        return self.waiting.pop(number)

    def ask(self, want, url, **more):
        return self.answer(self.send(want, url, **more))

    def helpers(self):
        """Processes that the service started and that are there still, zombies too."""
        path = f"/proc/{self.process.pid}/task/*/children"
        return [int(pid) for file in glob.glob(path) for pid in open(file).read().split()]

    def wait_helper(self, count=1):
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            found = self.helpers()
            if len(found) >= count:
                return found
            time.sleep(0.005)
        raise AssertionError("no helper came")

    def wait_no_helper(self):
        until = time.monotonic() + DEADLINE
        while self.helpers():
            ok(time.monotonic() < until, f"helpers are left: {self.helpers()}")
            time.sleep(0.01)

    def stop(self, at_once=False):
        helpers = self.helpers()
        if at_once:
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()
        self.process.stdin.close()
        status = self.process.wait(DEADLINE)
        self.errors.seek(0)
        said = self.errors.read().decode()
        eq((status, said), (0, ""), "the service's end")
        for pid in helpers:
            ok(not os.path.exists(f"/proc/{pid}"), f"helper {pid} is left")

    def mirrors(self):
        return sorted(name for name in os.listdir(self.cache) if name.endswith(".git"))


class Place:
    """A directory with a repository that is served, and a service."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="nairi-git-")
        self.cache = os.path.join(self.dir, "cache")
        self.root = os.path.join(self.dir, "served")
        os.mkdir(self.root)
        self.services, self.servers = [], []

    def repo(self, name="r.git"):
        return Repo(os.path.join(self.dir, "work-" + name), os.path.join(self.root, name))

    def server(self, **options):
        self.servers.append(GitServer(self.root, token=TOKEN, **options))
        return self.servers[-1]

    def service(self, **options):
        self.services.append(Service(options.pop("cache", self.cache), **options))
        return self.services[-1]

    def certificate(self, host="DNS:localhost"):
        """A throw-away CA and a certificate of it: (ca, cert, key)."""
        ca, cert, key = (os.path.join(self.dir, f"{host.replace(':', '-')}{end}") for end in (".ca", ".crt", ".key"))
        def run(*args):
            subprocess.run(["openssl", *args], check=True, capture_output=True)
        run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=throw-away", "-keyout", ca + ".key",
            "-out", ca)
        run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", key, "-out", cert + ".req")
        with open(cert + ".ext", "w") as file:
            file.write(f"subjectAltName={host}\n")
        run("x509", "-req", "-in", cert + ".req", "-CA", ca, "-CAkey", ca + ".key", "-CAcreateserial", "-days", "2", "-extfile",
            cert + ".ext", "-out", cert)
        return ca, cert, key

    def end(self):
        for service in self.services:
            if service.process.poll() is None:
                service.process.kill()
                service.process.wait()
        for server in self.servers:
            server.close()
        subprocess.run(["chmod", "-R", "u+rwX", self.dir], check=False)
        shutil.rmtree(self.dir)


SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


# ---- what is read ----

@scenario
def code_around_a_line(p):
    r = p.repo()
    lines = "".join(f"line {n}\n" for n in range(1, 31))
    first = r.commit("first", {"src/a.c": lines, "gone.c": "old\nfile\n"})
    os.unlink(os.path.join(r.path, "gone.c"))
    second = r.commit("second", {"src/a.c": lines.replace("line 10\n", "LINE TEN\r\n"), "new.c": "x\n",
                                 "long.c": "y" * 5000 + "\n", "cut.c": "x" + "€" * 400 + "\n",
                                 "dirty.c": b"a\xff\xfeb\n\xe2\x80\x8bhidden\xe2\x80\xaeturned\n\x1b[31mred\n",
                                 "bin": b"\0\1\2" * 100, "huge.c": "z\n" * 600000, "last.c": "no\nnewline"})
    os.symlink("/etc/passwd", os.path.join(r.path, "link"))
    third = r.commit("third")
    r.publish()
    s = p.service()
    url = p.server().url("plain", "r.git")

    def code(path, line, commit=second, **more):
        got = s.ask("code", url, commit=commit, path=path, line=line, **more)
        eq(got["code"], 0, got.get("error"))
        return got.get("text")
    eq(code("src/a.c", 10, context=2), "   8 | line 8\n   9 | line 9\n> 10 | LINE TEN\n  11 | line 11\n  12 | line 12\n")
    eq(code("src/a.c", 10, context=1, old_side=True), "   9 | line 9\n> 10 | line 10\n  11 | line 11\n", "old side")
    eq(code("src/a.c", 1, context=1, last_line=2), "> 1 | line 1\n> 2 | line 2\n  3 | line 3\n", "a range at the beginning")
    eq(code("src/a.c", 30, context=6).splitlines()[-1], "> 30 | line 30", "the end")
    eq(code("src/a.c", 31, context=6), None, "a line behind the end")
    eq(code("last.c", 2, context=6), "  1 | no\n> 2 | newline\n", "no newline at the end")
    eq(code("gone.c", 1, context=0), "> 1 | old\n", "only the other side has it")
    eq(code("new.c", 1, context=0, old_side=True), "> 1 | x\n", "only this side has it")
    eq(code("long.c", 1), "> 1 | " + "y" * 300 + "…\n", "a long line")
    eq(code("cut.c", 1), "> 1 | x" + "€" * 99 + "…\n", "cut between characters")
    eq(code("dirty.c", 2, context=1), "  1 | a\ufffd\ufffdb\n> 2 | hiddenturned\n  3 | [31mred\n", "hidden characters")
    eq(code("src/a.c", 10, commit=first, context=0), "> 10 | line 10\n", "of a root commit")
    for path in ("bin", "huge.c", "src", "nothing", "../a", "/src/a.c", "src/a.c/b"):
        eq(code(path, 1), None, path)
    eq(code("link", 1, commit=third), None, "a symbolic link")
    ok(len(code("huge.c".replace("huge", "src/a"), 1, last_line=10**6, context=50).splitlines()) == 30, "all of a small file")
    for bad in ({"path": "src/a.c", "line": 0}, {"path": "", "line": 1}, {"path": "src/a.c", "line": 2**40}):
        eq(s.ask("code", url, commit=second, **bad)["code"], 1, bad)
    got = s.ask("code", url, commit="f" * 40, path="src/a.c", line=1)
    eq((got["code"], "not in the repository" in got["error"]), (3, True), got)
    for commit in ("HEAD", "main", second[:12], "", "refs/heads/main", "x" * 40):
        eq(s.ask("code", url, commit=commit, path="src/a.c", line=1)["code"], 3, commit)
    s.stop()


@scenario
def text_is_bounded(p):
    r = p.repo()
    commit = r.commit("wide", {"w.c": ("w" * 290 + "\n") * 500})
    r.publish()
    s = p.service()
    text = s.ask("code", r.bare, commit=commit, path="w.c", line=1, last_line=500)["text"]
    ok(15000 < len(text) <= 16384, len(text))
    ok(all(len(line) == 299 - 3 + 2 + 0 or line.startswith(">") for line in text.splitlines()), "whole lines")
    ok(text.endswith("w\n"), "ends with a whole line")
    s.stop()


@scenario
def thread_of_a_commit(p):
    r = p.repo()
    base = r.commit("base")
    r.git("checkout", "-q", "-b", "one")
    a = r.commit("a")
    b = r.commit("b")
    r.git("update-ref", "refs/pull/1/head", b)
    r.git("checkout", "-q", "-b", "two")
    c = r.commit("c")
    d = r.commit("d")
    r.git("update-ref", "refs/pull/2/head", d)
    r.git("checkout", "-q", "main")
    main = r.commit("on main")
    r.publish()
    s = p.service()
    server = p.server()
    url = server.url("plain", "r.git")
    refs = ["refs/pull/9/head", "refs/pull/2/head", "refs/pull/1/head"]

    def found(commit, refs=refs):
        got = s.ask("thread", url, commit=commit, refs=refs)
        eq(got["code"], 0, got)
        return got["found"]
    eq(found(b), 2, "the head of one, in the history of another that is asked first")
    eq(found(a), 2, "nearer to the head of 1")
    eq(found(c), 1, "only in 2")
    eq(found(d), 1, "the head of 2")
    eq(found(base), 2, "in both, nearer to 1")
    eq(found(main), -1, "in none")
    eq(found("e" * 40), -1, "nowhere")
    eq(found(d, []), -1, "no refs")
    eq(found(d, ["refs/pull/2/head", "refs/pull/2/head"]), 0, "the first of equals")
    eq(found(d, ["refs/../x", "refs/heads/*", "*", "", "-x", "refs/pull/2/head"]), 5, "refs that are none")
    eq(found(main, ["main", "refs/heads/main"]), 1, "a branch")
    eq(s.ask("thread", url, commit=d, refs=["refs/pull/2/head"] * 201)["code"], 1, "too many refs")
    before = server.fetches()
    eq(found(d), 1, "known")
    eq(server.fetches(), before, "the head of a ref that is known needs no fetch")
    # What moved is seen.
    r.git("checkout", "-q", "one")
    e = r.commit("e")
    r.git("update-ref", "refs/pull/1/head", e)
    r.publish()
    eq(found(e), 2, "a new commit is fetched")
    s.stop()


@scenario
def histories_are_walked_so_far_and_no_further(p):
    r = p.repo()
    lines = []
    for n in range(6000):
        lines.append(f"commit refs/heads/main\nmark :{n + 1}\ncommitter A <a@example.com> {1_700_000_000 + n} +0000\n"
                     f"data 1\nx\n" + (f"from :{n}\n" if n else ""))
    r.git("fast-import", "--quiet", stdin="".join(lines).encode())
    r.publish()
    within, beyond = r.git("rev-parse", "main~4999"), r.git("rev-parse", "main~5000")
    s = p.service()
    eq(s.ask("thread", r.bare, commit=within, refs=["refs/heads/main"])["found"], 0)
    eq(s.ask("thread", r.bare, commit=beyond, refs=["refs/heads/main"])["found"], -1)
    s.stop()


@scenario
def push_is_summed_up(p):
    r = p.repo()
    a = r.commit("a", {"f": "1\n"})
    b = r.commit("b", {"f": "2\n"})
    r.git("update-ref", "refs/pull/1/head", b)
    r.publish()
    s = p.service()
    got = s.ask("push", r.bare, commit=b, before=a, refs=["refs/pull/1/head"])
    eq((got["code"], got["found"], bool(got.get("text"))), (0, 0, True), got)
    got = s.ask("push", r.bare, commit=b, before="0" * 40, refs=[])
    eq((got["code"], got["found"], bool(got.get("text"))), (0, -1, True), got)
    got = s.ask("push", r.bare, commit="0" * 40, before=b, refs=[])
    eq((got["code"], got["found"]), (0, -1), got)
    got = s.ask("push", r.bare, commit="d" * 40, before=b, refs=[])
    eq(got["code"], 3, got)
    s.stop()


@scenario
def link_by_trailer_and_note(p):
    r = p.repo()
    agent = {"who": ("Agent", AGENT)}
    r.commit("main\n\nNairi-Job: " + OTHER_JOB, **agent)
    r.publish()
    s = p.service()
    server = p.server()
    url = server.url("plain", "r.git")

    def link(branch, authors=(AGENT.upper(),)):
        r.publish()
        got = s.ask("link", url, refs=[f"refs/heads/{branch}"], authors=list(authors))
        eq(got["code"], 0, got)
        return got.get("job_id", "")
    number = 0

    def branch(*messages, **who):
        nonlocal number
        number += 1
        # One process for all of them: there are many.
        author = (who or agent)["who"]
        committer = who.get("committer", author)
        lines = [f"reset refs/heads/b{number}\nfrom refs/heads/main^0\n"]
        for message in messages:
            r.clock += 60
            lines.append(f"commit refs/heads/b{number}\nauthor {author[0]} <{author[1]}> {r.clock} +0000\n"
                         f"committer {committer[0]} <{committer[1]}> {r.clock} +0000\ndata {len(message)}\n{message}\n")
        r.git("fast-import", "--quiet", stdin="".join(lines).encode())
        r.git("checkout", "-q", f"b{number}")
        return f"b{number}"
    eq(link(branch("x\n\nNairi-Job: " + JOB)), JOB, "a trailer")
    eq(link(branch("x\n\nnairi-JOB: " + JOB)), JOB, "any case")
    eq(link(branch("x\n\nNairi-Job: " + JOB + "\nSigned-off-by: A <a@example.com>")), JOB, "among others")
    eq(link(branch("x\n\nNairi-Job: " + OTHER_JOB + "\nNairi-Job: " + JOB)), JOB, "the last one counts")
    eq(link(branch("x\n\nNairi-Job: " + OTHER_JOB, "y\n\nNairi-Job: " + JOB)), JOB, "the newest commit counts")
    eq(link(branch("x\n\nNairi-Job: " + JOB, *["y"] * 49)), JOB, "fifty back")
    eq(link(branch("x\n\nNairi-Job: " + JOB, *["y"] * 50)), "", "fifty-one back")
    eq(link(branch("x\n\nNairi-Job: " + JOB + "\nand some prose\nand more\nand more\nand more")), "", "a paragraph of prose")
    eq(link(branch("Nairi-Job: " + JOB)), "", "the title is no trailer")
    eq(link(branch("x\n\nNairi-Job: " + JOB + "\n\nthe end")), "", "not the last paragraph")
    eq(link(branch("x\n\nNairi-Job: job_1")), "", "no job id")
    eq(link(branch("x\n\nNairi-Job: " + JOB + "; rm -rf")), "", "more than a job id")
    eq(link(branch("x\n\nNairi-Job: " + JOB, who=("M", "mallory@example.com"))), "", "a stranger's")
    eq(link(branch("x\n\nNairi-Job: " + JOB, who=("M", "mallory@example.com"), committer=("A", AGENT))), "", "a stranger wrote it")
    eq(link(branch("x\n\nNairi-Job: " + JOB, committer=("M", "mallory@example.com"), who=("A", AGENT))), "", "a stranger committed it")
    eq(link(branch("x\n\nNairi-Job: " + JOB), authors=[]), "", "nobody counts")
    eq(link(branch()), "", "nothing beyond the default branch")
    eq(link("main"), OTHER_JOB, "the default branch itself")
    eq(link("nothing"), "", "no such ref")
    # A merge: only first parents are walked.
    top = branch("top\n\nNairi-Job: " + JOB)
    side = branch("side\n\nNairi-Job: " + OTHER_JOB)
    r.git("checkout", "-q", top)
    r.git("merge", "-q", "--no-ff", "-m", "merge", side, **agent)
    eq(link(top), JOB, "first parents")
    # Notes.
    plain = branch("noted")
    r.git("notes", "--ref", "nairi", "add", "-m", JOB, "HEAD", **agent)
    eq(link(plain), JOB, "a note that is the id")
    other = branch("noted too")
    r.git("notes", "--ref", "nairi", "add", "-m", "Some words.\n\nNairi-Job: " + OTHER_JOB, "HEAD", who=("M", "mallory@example.com"))
    eq(link(other), "", "a stranger's note")
    eq(link(plain), JOB, "… does not spoil the agent's earlier one")
    third = branch("noted again")
    r.git("notes", "--ref", "nairi", "add", "-m", "Nairi-Job: " + OTHER_JOB, "HEAD", **agent)
    eq(link(third), OTHER_JOB, "a trailer in a note")
    eq(link(other), "", "… and the agent's later one does not make the stranger's good")
    r.git("checkout", "-q", plain)
    r.git("notes", "--ref", "nairi", "add", "-f", "-m", OTHER_JOB, "HEAD", who=("M", "mallory@example.com"))
    eq(link(plain), "", "overwritten by a stranger")
    elsewhere = branch("noted elsewhere")
    r.git("notes", "add", "-m", JOB, "HEAD", **agent)
    eq(link(elsewhere), "", "another notes ref")
    s.stop()


# ---- fetching ----

@scenario
def branches_come_and_go(p):
    r = p.repo()
    r.commit("base")
    r.git("branch", "a")
    r.git("tag", "v1")
    r.publish()
    s = p.service()
    url = p.server().url("plain", "r.git")
    eq(s.ask("link", url, refs=["refs/heads/a"], authors=[])["code"], 0, "first")
    mirror = os.path.join(p.cache, s.mirrors()[0])

    def refs():
        return subprocess.run(["git", "-c", "safe.directory=*", "--git-dir", mirror, "for-each-ref", "--format=%(refname)"], check=True,
                              capture_output=True, text=True).stdout.split()
    eq(refs(), ["refs/heads/a", "refs/heads/main"], "no tags")
    r.git("branch", "-D", "a")
    r.git("branch", "a/b")
    r.publish()
    got = s.ask("link", url, refs=["refs/heads/a/b"], authors=[])
    eq(got["code"], 0, got)
    eq(refs(), ["refs/heads/a/b", "refs/heads/main"], "where a was, a/b is")
    r.git("branch", "-D", "a/b")
    r.git("branch", "a")
    r.git("update-ref", "refs/pull/7/head", "HEAD")
    r.publish()
    eq(s.ask("link", url, refs=["refs/pull/7/head"], authors=[])["code"], 0, "back")
    eq(refs(), ["refs/heads/a", "refs/heads/main", "refs/pull/7/head"], "and the asked ref")
    config = open(os.path.join(mirror, "config")).read()
    ok("url" not in config and "127.0.0.1" not in config, config)
    eq(os.stat(mirror).st_mode & 0o777, 0o700, "the mirror's mode")
    eq(os.stat(p.cache).st_mode & 0o777, 0o700, "the cache's mode")
    fsck = subprocess.run(["git", "-c", "safe.directory=*", "--git-dir", mirror, "fsck", "--full"], capture_output=True, check=False)
    eq(fsck.returncode, 0, fsck.stderr)
    s.stop()


@scenario
def one_repository_one_fetch(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n2\n"})
    r.git("update-ref", "refs/pull/1/head", commit)
    r.publish()
    s = p.service()
    server = p.server()
    url = server.url("plain", "r.git")
    gate = server.gate("plain")
    numbers = [s.send("code", url, commit=commit, path="f", line=1, context=0)]
    ok(server.wait_requests(1), "the first fetch began")
    # These wait for the first fetch; none of them needs one of its own.
    numbers += [s.send("code", url, commit=commit, path="f", line=1, context=0) for _ in range(20)]
    time.sleep(0.1)
    eq(len(s.helpers()), 1, "one helper a repository")
    gate.set()
    for number in numbers:
        eq(s.answer(number)["text"], "> 1 | 1\n")
    eq(server.fetches(), 1, "fetches")
    s.stop()


@scenario
def two_repositories_at_a_time(p):
    for name in ("a.git", "b.git", "c.git"):
        r = p.repo(name)
        commit = r.commit("c", {"f": "1\n"})
        r.publish()
    s = p.service()
    server = p.server()
    gate = server.gate("plain")
    numbers = [s.send("link", server.url("plain", name), refs=["refs/heads/main"], authors=[]) for name in ("a.git", "b.git", "c.git")]
    ok(server.wait_requests(2), "two at work")
    s.wait_helper(2)
    time.sleep(0.2)
    eq((len(s.helpers()), server.fetches()), (2, 2), "and no more")
    gate.set()
    for number in numbers:
        eq(s.answer(number)["code"], 0)
    s.wait_no_helper()
    s.stop()


@scenario
def silence_has_an_end(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n"})
    r.publish()
    s = p.service(timeout_ms=1500)
    server = p.server()
    url = server.url("silent", "r.git")
    number = s.send("code", url, commit=commit, path="f", line=1)
    s.wait_helper()
    # Meanwhile another repository is served.
    eq(s.ask("code", server.url("plain", "r.git"), commit=commit, path="f", line=1)["code"], 0)
    got = s.answer(number)
    ok("was not done within 1.5 s" in got["error"], got)
    ok(1400 <= got["duration_ms"] < 20000, got)
    s.wait_no_helper()
    # And now it is left alone for a while, at no cost.
    before = len(server.requests)
    got = s.ask("code", url, commit=commit, path="f", line=1)
    ok("not tried again for" in got["error"] and "was not done" in got["error"], got)
    eq(len(server.requests), before, "requests during the back-off")
    s.stop()


@scenario
def killed_in_the_middle(p):
    r = p.repo()
    r.commit("small", {"f": "1\n"})
    r.publish()
    s = p.service(timeout_ms=2500)
    server = p.server()
    url = server.url("trickle", "r.git")
    # A first, whole fetch through the same URL: so little that the trickle is done in time.
    known = r.git("rev-parse", "HEAD")
    shutil.rmtree(p.cache)
    got = s.ask("code", url, commit=known, path="f", line=1, context=0)
    if got["code"] != 0:
        ok("was not done" in got["error"], got)
    big = r.commit("big", {f"big{n}": os.urandom(30000) for n in range(40)})
    r.publish()
    s.stop()
    s = p.service(timeout_ms=2500)
    server.trickling.clear()
    number = s.send("code", url, commit=big, path="f", line=1)
    ok(server.trickling.wait(30), "it trickles")
    got = s.answer(number)
    ok("was not done" in got["error"], got)
    s.wait_no_helper()
    mirror = os.path.join(p.cache, s.mirrors()[0])
    ok(glob.glob(mirror + "/objects/pack/pack_git2_*"), "something was left behind, or this tests nothing")
    # As if it had died while it held locks.
    for lock in ("HEAD.lock", "refs/heads/main.lock", "config.lock", "packed-refs.lock"):
        open(os.path.join(mirror, lock), "w").close()
    s.stop()
    # The same mirror by a server that works: same URL, so the same port and path are needed; the trickle ends instead.
    s = p.service(timeout_ms=20000)
    kill = s.send("code", url, commit=big, path="f", line=1)
    pid = s.wait_helper()[0]
    server.trickling.clear()
    ok(server.trickling.wait(30), "it trickles again")
    os.kill(pid, signal.SIGKILL)
    got = s.answer(kill)
    ok("killed by signal 9" in got["error"], got)
    s.stop()
    ok(os.path.isdir(mirror), "the mirror is still there")
    Handler = __import__("git_server").Handler
    backend = Handler.backend
    Handler.backend = lambda self, server, path, query, body, slow: backend(self, server, path, query, body, False)
    try:
        s = p.service()
        got = s.ask("code", url, commit=big, path="f", line=1, context=0)
        eq((got["code"], got.get("text")), (0, "> 1 | 1\n"), got)
        eq(glob.glob(mirror + "/objects/pack/pack_git2_*"), [], "left-overs")
        eq(glob.glob(mirror + "/**/*.lock", recursive=True), [], "locks")
        s.stop()
    finally:
        Handler.backend = backend


@scenario
def a_crash_is_contained(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n"})
    r.publish()
    s = p.service()
    server = p.server()
    url = server.url("plain", "r.git")
    eq(s.ask("code", url, commit=commit, path="f", line=1)["code"], 0)
    gate = server.gate("plain")
    before = len(server.requests)
    numbers = [s.send("code", url, commit="a" * 40, path="f", line=1)]
    ok(server.wait_requests(before + 1), "the fetch began")
    numbers += [s.send("code", url, commit=commit, path="f", line=1) for _ in range(20)]
    # A sanitizer would catch SIGSEGV and end in its own way.
    os.kill(s.wait_helper()[0], signal.SIGILL)
    got = s.answer(numbers[0])
    ok("killed by signal 4" in got["error"], got)
    for number in numbers[1:]:
        ok("not tried again" in s.answer(number)["error"], "who waited is told")
    eq(s.mirrors(), [], "a mirror that may have done it is made anew")
    gate.set()
    # Others are served as before.
    eq(s.ask("code", r.bare, commit=commit, path="f", line=1)["code"], 0)
    s.stop()


@scenario
def stopping_answers_all(p):
    s = p.service()
    server = p.server()
    numbers = [s.send("link", server.url("silent", f"{n}.git"), refs=["refs/heads/main"], authors=[]) for n in range(6)]
    numbers += [s.send("link", server.url("silent", "0.git"), refs=["refs/heads/main"], authors=[]) for n in range(10)]
    s.wait_helper(2)
    begun = time.monotonic()
    s.stop(at_once=True)
    ok(time.monotonic() - begun < 15, "it waits for nothing")
    for number in numbers:
        got = s.answer(number)
        eq((got["code"] != 0, got["cancelled"]), (True, True), got)


@scenario
def daemon_dies_helpers_die(p):
    s = p.service()
    server = p.server()
    s.send("link", server.url("silent", "r.git"), refs=["refs/heads/main"], authors=[])
    ok(server.wait_requests(1), "the fetch began")
    pid = s.wait_helper()[0]
    s.process.kill()
    s.process.wait()
    until = time.monotonic() + DEADLINE
    while os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().split()[2] not in "ZX":
        ok(time.monotonic() < until, "the helper outlives the daemon")
        time.sleep(0.02)


# ---- who may ----

def nowhere(p, secret, where):
    """No file of the cache has it."""
    for folder, _, files in os.walk(where):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                content = file.read()
            ok(secret.encode() not in content and base64.b64encode(secret.encode()) not in content, f"{folder}/{name}")


@scenario
def token_goes_only_where_it_belongs(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n"})
    r.publish()
    s = p.service()
    server = p.server()
    url = server.url("auth", "r.git")
    got = s.ask("code", url, commit=commit, path="f", line=1)
    ok("asks for a token" in got["error"], got)
    s.stop()
    s = p.service()
    got = s.ask("code", url, commit=commit, path="f", line=1, token="wrong" + TOKEN)
    ok("the token was refused" in got["error"], got)
    ok(TOKEN not in json.dumps(got), got)
    eq(sum(1 for *_, auth, _ in server.requests if auth), 1, "a refused token is not tried again and again")
    s.stop()
    s = p.service()
    gate = server.gate("auth")
    before = len(server.requests)
    number = s.send("code", url, commit=commit, path="f", line=1, context=0, token=TOKEN)
    ok(server.wait_requests(before + 1), "the fetch began")
    pid = s.wait_helper()[0]
    for file in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{file}", "rb") as content:
            ok(TOKEN.encode() not in content.read(), file)
    eq(open(f"/proc/{pid}/environ", "rb").read(), b"", "the environment")
    gate.set()
    eq(s.answer(number).get("text"), "> 1 | 1\n")
    nowhere(p, TOKEN, p.cache)
    # The same host may redirect, another name may not.
    got = s.ask("code", server.url("same", "r.git"), commit=commit, path="f", line=1, context=0, token=TOKEN)
    eq(got.get("text"), "> 1 | 1\n", got)
    got = s.ask("code", server.url("away", "r.git"), commit=commit, path="f", line=1, context=0, token=TOKEN)
    ok("redirects to another host" in got["error"], got)
    ok(all(host.startswith("127.0.0.1") for *_, host in server.requests), "the other host was asked")
    other = p.server()
    server.other_port = other.port
    got = s.ask("code", server.url("port", "r.git"), commit=commit, path="f", line=1, context=0, token=TOKEN)
    ok("another host asks for the token" in got["error"], got)
    ok(other.requests and not any(auth for *_, auth, _ in other.requests), "another port got the token")
    got = s.ask("code", server.url("tell", "r.git"), commit=commit, path="f", line=1, context=0, token=TOKEN)
    ok("withheld" in got["error"] and TOKEN not in json.dumps(got), got)
    got = s.ask("code", server.url("tell", "r.git"), commit=commit, path="f", line=1, context=0, token=TOKEN)
    ok("not tried again" in got["error"] and TOKEN not in json.dumps(got), got)
    got = s.ask("code", server.url("plain", "r.git").replace("http://", f"http://x-access-token:{TOKEN}@"), commit=commit, path="f", line=1)
    ok("must not contain a user" in got["error"] and TOKEN not in json.dumps(got), got)
    nowhere(p, TOKEN, p.cache)
    s.stop()


@scenario
def errors_say_what_is_wrong(p):
    s = p.service()
    server = p.server()
    for url, clause in ((server.url("plain", "none.git"), "404"), (server.url("refuse", "r.git"), "403"),
                        ("ssh://git@host.example/r.git", "ssh are not supported yet"), ("git@host.example:r.git", "ssh are not supported yet"),
                        ("git://host.example/r.git", "begins with https"), ("-oProxyCommand=x", "begins with https"),
                        ("ext::sh -c true", "white space"), ("", "not a repository URL"), ("https://", "no host"),
                        ("relative/path", "begins with"), ("file://host/path", "begins with"),
                        ("http://127.0.0.1:1/r.git", "127.0.0.1:1"), ("/nonexistent/r.git", "/nonexistent/r.git"),
                        ("file:///nonexistent/r.git", "nonexistent"), ("http://u:p@127.0.0.1/r.git", "must not contain")):
        got = s.ask("link", url, refs=["refs/heads/main"], authors=[])
        ok(got["code"] != 0 and clause in got["error"], f"{url}: {got}")
        ok("\n" not in got["error"] and "safe.directory" not in got["error"], got)
    s.stop()


@scenario
def tls_is_verified(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n"})
    r.publish()
    # A name and no address: mbedTLS 2.28 does not know addresses in certificates.
    ca, cert, key = p.certificate()
    _, wrong, wrong_key = p.certificate("DNS:elsewhere.example")
    good, elsewhere = p.server(cert=cert, key=key), None
    url = good.url("auth", "r.git", "localhost")
    s = p.service()
    got = s.ask("code", url, commit=commit, path="f", line=1, token=TOKEN)
    ok("not trusted" in got.get("error", ""), got)
    eq(len(good.requests), 0, "nothing was asked of a server that is not trusted")
    s.stop()
    s = p.service(env={"SSL_CERT_FILE": ca})
    got = s.ask("code", url, commit=commit, path="f", line=1, context=0, token=TOKEN)
    eq(got.get("text"), "> 1 | 1\n", got)
    s.stop()
    elsewhere = p.server(cert=wrong, key=wrong_key)
    s = p.service(env={"SSL_CERT_FILE": os.path.join(p.dir, "DNS-elsewhere.example.ca")})
    got = s.ask("code", elsewhere.url("plain", "r.git", "localhost"), commit=commit, path="f", line=1)
    ok("not trusted" in got.get("error", ""), got)
    s.stop()
    modern = p.server(cert=cert, key=key, tls13=True)
    s = p.service(env={"SSL_CERT_FILE": ca})
    got = s.ask("code", modern.url("plain", "r.git", "localhost"), commit=commit, path="f", line=1)
    ok("TLS 1.3 only" in got.get("error", ""), got)
    s.stop()
    s = p.service(env={"SSL_CERT_FILE": "/nonexistent/ca.crt"})
    got = s.ask("code", good.url("plain", "r.git", "localhost"), commit=commit, path="f", line=1)
    ok("/nonexistent/ca.crt" in got.get("error", ""), got)
    s.stop()


@scenario
def during_the_back_off_the_mirror_answers(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n"})
    r.git("update-ref", "refs/pull/1/head", commit)
    r.git("checkout", "-q", "-b", "b")
    r.commit("x\n\nNairi-Job: " + JOB, who=("A", AGENT))
    r.publish()
    s = p.service()
    got = s.ask("thread", r.bare, commit=commit, refs=["refs/pull/1/head"])
    eq(got["found"], 0, got)
    eq(s.ask("link", r.bare, refs=["refs/heads/b"], authors=[AGENT])["job_id"], JOB)
    os.rename(r.bare, r.bare + ".away")
    got = s.ask("code", r.bare, commit="a" * 40, path="f", line=1)
    ok(got["code"] != 0 and "not tried again" not in got["error"], got)
    got = s.ask("code", r.bare, commit="a" * 40, path="f", line=1)
    ok("not tried again for" in got["error"], got)
    eq(s.ask("code", r.bare, commit=commit, path="f", line=1, context=0).get("text"), "> 1 | 1\n")
    eq(s.ask("thread", r.bare, commit=commit, refs=["refs/pull/1/head"])["found"], 0)
    eq(s.ask("link", r.bare, refs=["refs/heads/b"], authors=[AGENT])["job_id"], JOB, "a link that is known")
    got = s.ask("link", r.bare, refs=["refs/heads/main"], authors=[AGENT])
    ok("not tried again" in got["error"], got)
    s.stop()


# ---- the cache ----

@scenario
def the_cache_is_bounded(p):
    names = [f"{n}.git" for n in range(4)]
    commits = {}
    for name in names:
        r = p.repo(name)
        commits[name] = r.commit("c", {"f": os.urandom(400_000), "g": "1\n"})
        r.publish()
    s = p.service(max_size=1_100_000)
    def use(name):
        eq(s.ask("link", os.path.join(p.root, name), refs=["refs/heads/main"], authors=[])["code"], 0, name)
        s.wait_no_helper()
    use("0.git")
    first = s.mirrors()[0]
    use("1.git")
    second = [name for name in s.mirrors() if name != first][0]
    eq(len(s.mirrors()), 2)
    time.sleep(0.02)
    # Used without a fetch.
    eq(s.ask("code", os.path.join(p.root, "0.git"), commit=commits["0.git"], path="g", line=1)["code"], 0)
    s.wait_no_helper()
    use("2.git")
    until = time.monotonic() + DEADLINE
    while second in s.mirrors():
        ok(time.monotonic() < until, "the second is the longest unused, and still there")
        time.sleep(0.02)
    ok(first in s.mirrors(), "the first was used again")
    eq(len(s.mirrors()), 2)
    # One that can never fit is an error, not a full disk.
    r = p.repo("large.git")
    r.commit("c", {f"f{n}": os.urandom(300_000) for n in range(8)})
    r.publish()
    got = s.ask("link", p.server().url("plain", "large.git"), refs=["refs/heads/main"], authors=[])
    ok("larger than the cache" in got["error"] or "File too large" in got["error"], got)
    size = sum(os.path.getsize(os.path.join(folder, f)) for folder, _, files in os.walk(p.cache) for f in files)
    ok(size < 2_500_000, size)
    s.stop()


@scenario
def old_leftovers_go(p):
    r = p.repo()
    r.commit("c")
    r.publish()
    s = p.service()
    s.ask("link", r.bare, refs=["refs/heads/main"], authors=[])
    mirror = os.path.join(p.cache, s.mirrors()[0])
    s.stop()
    old, new = (os.path.join(mirror, "objects/pack", name) for name in ("pack_git2_old", "pack_git2_new"))
    for path in (old, new):
        open(path, "w").close()
    os.utime(old, (time.time() - 4000, time.time() - 4000))
    crowded = os.path.join(p.cache, "0" * 40 + ".git")
    shutil.copytree(mirror, crowded)
    for n in range(501):
        open(os.path.join(crowded, f"objects/pack/pack-{n}.pack"), "w").close()
    gone = os.path.join(p.cache, "x.git.gone")
    os.makedirs(gone + "/deep/er")
    s = p.service()
    until = time.monotonic() + DEADLINE
    while os.path.exists(old) or os.path.exists(gone) or os.path.exists(crowded):
        ok(time.monotonic() < until, "left-overs are there still")
        time.sleep(0.02)
    ok(os.path.exists(new), "a young one may be at work")
    s.stop()


@scenario
def the_cache_is_ours_alone(p):
    r = p.repo()
    r.commit("c")
    r.publish()
    s = p.service()
    ask = dict(refs=["refs/heads/main"], authors=[])
    eq(s.ask("link", r.bare, **ask)["code"], 0)
    second = p.service(refused=True)
    ok("in use by another process" in second.refusal, second.refusal)
    mirror = os.path.join(p.cache, s.mirrors()[0])
    os.chmod(mirror, 0o777)
    got = s.ask("link", r.bare, **ask)
    ok("can be written by others" in got["error"], got)
    os.chmod(mirror, 0o700)
    eq(s.ask("link", r.bare, **ask)["code"], 0, "and good again")
    os.rename(mirror, mirror + ".real")
    os.symlink(mirror + ".real", mirror)
    got = s.ask("link", r.bare, **ask)
    ok("is not a directory" in got["error"], got)
    os.unlink(mirror)
    os.rename(mirror + ".real", mirror)
    if os.geteuid() == 0:
        os.chown(mirror, 12345, 12345)
        got = s.ask("link", r.bare, **ask)
        ok("belongs to user 12345" in got["error"], got)
        os.chown(mirror, 0, 0)
        os.chown(r.bare, 12345, 12345)
        got = s.ask("link", r.bare, **ask)
        ok("belongs to another user" in got["error"], got)
    s.stop()
    os.chmod(p.cache, 0o777)
    ok("can be written by others" in p.service(refused=True).refusal, "a cache for everybody")
    if os.geteuid() == 0:
        os.chmod(p.cache, 0o700)
        os.chown(p.cache, 12345, 12345)
        ok("belongs to user 12345" in p.service(refused=True).refusal, "another user's cache")
        os.chown(p.cache, 0, 0)


@scenario
def a_damaged_mirror_is_made_anew(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n"})
    r.publish()
    s = p.service()
    ask = dict(commit=commit, path="f", line=1, context=0)
    eq(s.ask("code", r.bare, **ask).get("text"), "> 1 | 1\n")
    mirror = os.path.join(p.cache, s.mirrors()[0])
    os.unlink(os.path.join(mirror, "HEAD"))
    eq(s.ask("code", r.bare, **ask).get("text"), "> 1 | 1\n", "no HEAD")
    for pack in glob.glob(mirror + "/objects/pack/*"):
        os.chmod(pack, 0o600)
        with open(pack, "r+b") as file:
            file.write(b"\0" * 200)
    got = s.ask("code", r.bare, **ask)
    eq(got.get("text"), "> 1 | 1\n", got)
    s.stop()


@scenario
def a_hostile_host_configuration_is_not_read(p):
    r = p.repo()
    commit = r.commit("c", {"f": "1\n"})
    r.publish()
    server = p.server()
    home = os.path.join(p.dir, "home")
    os.makedirs(os.path.join(home, ".config/git"))
    for name in (".gitconfig", ".config/git/config"):
        with open(os.path.join(home, name), "w") as file:
            file.write(f'[url "{server.url("refuse", "")}"]\n\tinsteadOf = {server.url("plain", "")}\n')
    s = p.service(env={"HOME": home, "XDG_CONFIG_HOME": home + "/.config", "http_proxy": "http://127.0.0.1:1"})
    got = s.ask("code", server.url("plain", "r.git"), commit=commit, path="f", line=1, context=0)
    eq(got.get("text"), "> 1 | 1\n", got)
    s.stop()


def main():
    wanted = sys.argv[2:]
    failed = 0
    for number, function in enumerate(SCENARIOS, 1):
        if wanted and function.__name__ not in wanted:
            continue
        p = Place()
        begun = time.monotonic()
        try:
            function(p)
            print(f"ok {number} - {function.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception as error:  # the others are still worth running
            failed += 1
            print(f"not ok {number} - {function.__name__}", flush=True)
            if wanted:
                import traceback
                traceback.print_exc()
            print(f"# {type(error).__name__}: {error}", flush=True)
            for service in p.services:
                service.errors.flush()
                with open(service.errors.name, errors="replace") as said:
                    print("".join("# " + line for line in said.read().splitlines(True)[:40]), flush=True)
        finally:
            p.end()
    print(f"1..{len(SCENARIOS)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
