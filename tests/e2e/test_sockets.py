#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile and clumsy sockets: what libmicrohttpd accepts and a server behind a proxy must not, floods, drips, aborts, and
whether everything is given back afterwards (I2, I6, I7)."""
import concurrent.futures
import json
import os
import selectors
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402

POST = "POST /hooks/ci HTTP/1.1\r\nHost: x\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def signed(t, job, prompt="hello", extra=(), path="/hooks/ci"):
    """A whole request that is forwarded when it is taken."""
    body = json.dumps({"job_id": job, "prompt": prompt}).encode()
    return request_bytes("POST", path, generic_headers("ci", body) + list(extra), body)


def lines_of(headers):
    return "".join(f"{key}: {value}\r\n" for key, value in headers)


def alive(t):
    with t.wire() as wire:
        eq(wire.send(HEALTH).answer().status, 200, "/healthz")


def refuses(t, data, statuses=(400,), then_closed=True):
    """The request is refused (or the connection is ended without an answer), and what follows on it is not read as another."""
    with t.wire() as wire:
        wire.send(data)
        try:
            answer = wire.answer()
        except Closed as closed:
            eq(closed.data, b"", "what came before the end")
            return None
        ok(answer.status in statuses, f"{answer} to {data[:200]!r}")
        if then_closed:
            try:
                wire.send(HEALTH)
            except OSError:
                pass
            data = wire.rest()
            ok(b"HTTP/1.1 2" not in data, f"the connection was read on: {data[:300]!r}")
        return answer


def nothing_forwarded(t, job):
    alive(t)
    t.settled()
    eq(t.sandbox.prompts(job), [], "messages")


# ---- where a request ends ----

@scenario("Content-Length and Transfer-Encoding together: 400, closed, and what hides in the body is not a request")
def length_and_chunked(t):
    job = t.job()
    t.start()
    inner = signed(t, job, "smuggled").decode()
    outer = json.dumps({"job_id": job, "prompt": "outer"}).encode()
    chunk = f"{len(outer):x}\r\n{outer.decode()}\r\n0\r\n\r\n"
    head = lines_of(generic_headers("ci", outer))
    for lengths in ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                    f"Content-Length: {len(chunk)}\r\nTransfer-Encoding: chunked\r\n",
                    "Content-Length: 0\r\ntransfer-encoding: CHUNKED\r\n"):
        answer = refuses(t, POST + head + lengths + "\r\n" + chunk + inner)
        if answer is not None:
            has(answer.json["error"], "Content-Length", "Transfer-Encoding")
    nothing_forwarded(t, job)


@scenario("Two Content-Length, alike or not: 400 and closed")
def two_lengths(t):
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"}).encode()
    head = POST + lines_of(generic_headers("ci", body))
    size = len(body)
    for pair in ((size, size), (0, size), (size, 0), (size, size + 10)):
        refuses(t, (head + "".join(f"Content-Length: {n}\r\n" for n in pair) + "\r\n").encode() + body + signed(t, job))
    nothing_forwarded(t, job)


@scenario("A Content-Length that is no number, negative, a list or beyond all bounds is refused")
def odd_length(t):
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"}).encode()
    head = POST + lines_of(generic_headers("ci", body))
    for text in ("-1", "+5", "5,5", "5 5", "0x10", "abc", "", "18446744073709551616", "99999999999999999999999999",
                 f"{len(body)};", "1e3"):
        refuses(t, f"{head}Content-Length: {text}\r\n\r\n".encode() + body, (400, 411, 413))
    nothing_forwarded(t, job)


@scenario("Transfer codings other than chunked, also listed or repeated: 400 at once, no hanging")
def odd_coding(t):
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"})
    head = POST + lines_of(generic_headers("ci", body.encode()))
    chunk = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    for coding in ("gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked", "chunked chunked", "\x0bchunked", "chunked;x=1",
                   ""):
        started = time.monotonic()
        refuses(t, f"{head}Transfer-Encoding: {coding}\r\n\r\n{chunk}{signed(t, job).decode()}", (400, 501))
        ok(time.monotonic() - started < 10, f"{coding!r} hung")
    refuses(t, f"{head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")
    refuses(t, f"{head}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")
    nothing_forwarded(t, job)


@scenario("A chunked body in odd pieces is read whole; malformed chunks end the connection")
def chunks(t):
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "in pieces"}).encode()
    head = (POST + lines_of(generic_headers("ci", body)) + "Transfer-Encoding: chunked\r\n\r\n").encode()
    good = b"".join(b"1\r\n" + body[i:i + 1] + b"\r\n" for i in range(len(body) - 9))
    good += b"9;ext=\"x\"\r\n" + body[-9:] + b"\r\n0\r\nTrailer: x\r\n\r\n"
    with t.wire() as wire:
        wire.send(head + good)
        eq(wire.answer().status, 201, "status")
        wire.send(HEALTH)
        eq(wire.answer().status, 200, "status of the next one")
    for bad in (b"zz\r\nx\r\n0\r\n\r\n", b"-1\r\nx\r\n", b"ffffffffffffffffffff\r\nx", b"5\r\nabcdefgh\r\n0\r\n\r\n"):
        with t.wire() as wire:
            wire.send(head + bad)
            wire.end_of_sending()
            data = wire.rest()
            ok(b" 201 " not in data and b" 202 " not in data, f"{bad!r}: {data[:200]!r}")
    alive(t)
    t.settled()
    eq(len(t.sandbox.prompts(job)), 1, "messages")


@scenario("HTTP/1.1 without a Host, or with two: 400")
def host(t):
    job = t.job()
    t.start()
    whole = signed(t, job)
    refuses(t, whole.replace(b"Host: bridge.test\r\n", b""))
    refuses(t, whole.replace(b"Host: bridge.test\r\n", b"Host: a\r\nHost: b\r\n"))
    nothing_forwarded(t, job)


@scenario("A NUL in the request line or a header makes nothing valid that is not, and one request stays one")
def nul(t):
    # libmicrohttpd cuts a value at its NUL, so what stands behind it counts for nothing.
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"}).encode()
    good = b"sha256=" + hmac_hex(CI_SECRET, body).encode()
    head = POST.encode() + b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    for lines in (b"X-Signature-256: \0" + good, b"X-Signature-256: " + good[:-1] + b"\0" + good[-1:], b"\0X-Signature-256: " + good,
                  b"X-A: b\0\nX-Signature-256: ", b"X-A: \0\0X-Signature-256: " + good, b"X-Signature-256\0: " + good):
        refuses(t, head + lines + b"\r\n\r\n" + body, (400, 401), then_closed=False)
    nothing_forwarded(t, job)
    with t.wire() as wire:
        wire.send(signed(t, job).replace(b"Host: bridge.test", b"Host: bridge.test\0x") + HEALTH)
        first = wire.answer()
        ok(first.status in (201, 400), f"{first}")
        if first.status == 201:
            eq(wire.answer().status, 200, "the one behind it")
    t.settled()
    ok(len(t.sandbox.prompts(job)) <= 1, "messages")


@scenario("Bare line feeds, folded lines and spaces before the colon never stand in for a signature")
def odd_lines(t):
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"}).encode()
    mac = "sha256=" + hmac_hex(CI_SECRET, body)
    base = POST + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    for line in (f"X-Signature-256 : {mac}\r\n", f"X-A: b\r\n X-Signature-256: {mac}\r\n",
                 f"X-Signature-256:\r\n {mac}\r\n", f"X-A: b\r\n\tX-Signature-256: {mac}\r\n", f"X-A: b\rX-Signature-256: {mac}\r\n"):
        refuses(t, (base + line + "\r\n").encode() + body, (400, 401), then_closed=False)
    alive(t)
    # Bare line feeds throughout: taken or refused, but one request stays one request.
    with t.wire() as wire:
        wire.send((base + f"X-Signature-256: {mac}\r\n\r\n").replace("\r\n", "\n").encode() + body + HEALTH)
        first = wire.answer()
        ok(first.status in (201, 400), f"{first}")
        if first.status == 201:
            eq(wire.answer().status, 200, "the one behind it")
    t.settled()
    ok(len(t.sandbox.prompts(job)) <= 1, "messages")


@scenario("A signature header that stands twice is refused, whichever of them is right")
def repeated_signature(t):
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"}).encode()
    good, bad = "sha256=" + hmac_hex(CI_SECRET, body), "sha256=" + "0" * 64
    base = POST + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    for pair in ((good, bad), (bad, good), (good, good)):
        for second in ("X-Signature-256", "x-signature-256"):
            refuses(t, (base + f"X-Signature-256: {pair[0]}\r\n{second}: {pair[1]}\r\n\r\n").encode() + body, (401,),
                    then_closed=False)
    nothing_forwarded(t, job)


@scenario("Escapes in the path are not decoded: %00, %2F and %2e name no source")
def paths(t):
    job = t.job()
    t.start()
    for path in ("/hooks/ci%00", "/hooks/ci%00x", "/hooks%2Fci", "/hooks/%63i", "/hooks/x/%2e%2e/ci", "/hooks/x/../ci", "/hooks/./ci",
                 "/hooks/ci%", "/hooks/ci%zz", "/hooks/ci/", "/hooks/ci;x", "/hooks/ci#x", "*", "http://x/hooks/ci"):
        refuses(t, signed(t, job, path=path), (400, 404), then_closed=False)
    refuses(t, signed(t, job, path="/" + "a" * 8000), (404, 414, 431), then_closed=False)
    nothing_forwarded(t, job)


@scenario("Garbage instead of HTTP is refused or dropped, and harms nobody")
def garbage(t):
    job = t.job()
    t.start()
    for data in (b"\r\n\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), b"GET\r\n\r\n", b"GET /\r\n\r\n",
                 b"POST /hooks/ci HTTP/9.9\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(range(256)) * 20,
                 b"A" * 100_000, b"GET /healthz HTTP/1.1\r\n" + b"no colon here\r\n" * 5 + b"\r\n", b"\0" * 1000, b"\xff\xfe" * 500):
        with t.wire() as wire:
            try:
                wire.send(data)
                wire.end_of_sending()
                answer = wire.rest(timeout=1)
            except TimeoutError:
                continue  # an end that comes with the last byte is noticed at the idle limit only
            except OSError:
                continue
            ok(b" 201 " not in answer and b" 202 " not in answer, f"{data[:60]!r}: {answer[:100]!r}")
    nothing_forwarded(t, job)


# ---- sizes ----

@scenario("A body over the limit: 413 whether declared, chunked or announced with Expect; far over, it is not even read")
def body_limit(t):
    job = t.job()
    t.configure(limits={"body": "64KiB"})
    t.start()
    big = json.dumps({"job_id": job, "prompt": "x" * 70_000}).encode()
    head = POST + lines_of(generic_headers("ci", big))
    with t.wire() as wire:
        wire.send((head + f"Content-Length: {len(big)}\r\n\r\n").encode() + big)
        eq(wire.answer().status, 413, "declared")
    with t.wire() as wire:
        wire.send((head + "Transfer-Encoding: chunked\r\n\r\n").encode() + f"{len(big):x}\r\n".encode() + big + b"\r\n0\r\n\r\n")
        eq(wire.answer().status, 413, "chunked")
    with t.wire() as wire:
        wire.send(head + f"Content-Length: {len(big)}\r\nExpect: 100-continue\r\n\r\n")
        answer = wire.answer()
        eq((answer.status, wire.interim), (413, []), "announced")
    with t.wire() as wire:  # far over: answered without a byte of the body
        wire.send(head + "Content-Length: 1000000000\r\n\r\n")
        eq(wire.answer().status, 413, "far over")
        ok(wire.is_closed(), "the connection stays open")
    with t.wire() as wire:  # chunked without end: cut at twice the limit
        wire.send(head + "Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 100 << 20:
                wire.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                sent += 4096
        except OSError:
            pass
        ok(sent < 20 << 20, f"{sent} bytes were taken")
    nothing_forwarded(t, job)


@scenario("Expect: 100-continue is answered with 100 when the body is wanted, and with the refusal when it is not")
def expect(t):
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"}).encode()
    head = lines_of(generic_headers("ci", body)) + f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    with t.wire() as wire:
        wire.send(POST + head)
        while b"\r\n\r\n" not in wire.buffer:
            wire._more()
        has(wire.buffer.decode(), "100 Continue")
        wire.send(body)
        eq(wire.answer().status, 201, "status")
        eq(wire.interim, [100], "interim answers")
    with t.wire() as wire:
        wire.send("POST /hooks/none HTTP/1.1\r\nHost: x\r\n" + head)
        answer = wire.answer()
        eq((answer.status, wire.interim), (404, []), "unknown source")


@scenario("Header floods: many, or large ones, are 431 or the end of the connection; 60 ordinary ones are fine")
def headers(t):
    job = t.job()
    t.start()
    whole = signed(t, job)
    def with_headers(lines):
        return whole.replace(b"Host: bridge.test\r\n", b"Host: bridge.test\r\n" + lines)
    refuses(t, with_headers(b"".join(b"X-%d: y\r\n" % i for i in range(65))), (431,))
    refuses(t, with_headers(b"X-Big: " + b"a" * 33_000 + b"\r\n"), (431,))
    for lines in (b"X-Big: " + b"a" * 200_000 + b"\r\n", b"".join(b"X-%d: y\r\n" % i for i in range(20_000)),
                  b"X" * 100_000 + b": y\r\n"):
        with t.wire() as wire:
            try:
                wire.send(with_headers(lines))
                answer = wire.answer()
                ok(answer.status in (400, 413, 431), f"{answer}")
            except (Closed, OSError):
                pass
    nothing_forwarded(t, job)
    with t.wire() as wire:
        wire.send(with_headers(b"".join(b"X-%d: y\r\n" % i for i in range(55))))
        eq(wire.answer().status, 201, "55 headers more")


# ---- connections ----

@scenario("Pipelined requests are answered one by one, in order; one that waits holds back those behind it")
def pipelining(t):
    jobs = [t.job() for _ in range(3)]
    t.start()
    with t.wire() as wire:
        wire.send(b"".join(signed(t, job, f"p{n}") for n in range(5) for job in jobs) + HEALTH)
        for _ in range(5):
            for job in jobs:
                answer = wire.answer()
                eq((answer.status, answer.json.get("job_id")), (201, job), "answer")
        eq(wire.answer().status, 200, "/healthz")
    for job in jobs:
        eq([prompt.split("\n")[2] for prompt in t.sandbox.prompts(job)], [f"p{n}" for n in range(5)], "order")


@scenario("One connection serves many requests, and a refused body does not spoil the next one on it")
def keep_alive(t):
    job = t.job()
    t.start()
    with t.wire() as wire:
        started = time.monotonic()
        for number in range(50):
            eq(wire.send(signed(t, job)).answer().status, 201, f"answer {number}")
        ok(time.monotonic() - started < 15, f"50 took {time.monotonic() - started:.1f} s: a wake-up is lost")
        bad = signed(t, job).replace(b"sha256=", b"sha256=0")
        eq(wire.send(bad).answer().status, 401, "unsigned")
        eq(wire.send(signed(t, job, path="/hooks/none")).answer().status, 404, "unknown source")
        eq(wire.send(signed(t, job)).answer().status, 201, "after the refusals")


@scenario("HTTP/1.0 is served and closed; a client that ends its sending side early still gets its answer")
def old_and_half_closed(t):
    job = t.job()
    t.start()
    whole = signed(t, job)
    with t.wire() as wire:
        wire.send(whole.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host: bridge.test\r\n", b""))
        eq(wire.answer().status, 201, "HTTP/1.0")
        ok(wire.is_closed(), "HTTP/1.0 stays open")
    with t.wire() as wire:
        wire.send(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        wire.end_of_sending()
        eq(wire.answer().status, 200, "half-closed /healthz")
    with t.wire() as wire:
        wire.send(whole)
        wire.end_of_sending()
        try:
            eq(wire.answer().status, 201, "half-closed delivery")
        except Closed as closed:
            eq(closed.data, b"", "what came")  # then it must at least have been kept or not, never twice
    t.settled()
    found = t.sandbox.job(job)
    ok(2 >= found["user_messages"] >= 1 and found["duplicate_tags"] == 0, f"{found}")


@scenario("Whoever goes away in the middle of a header, a body or while the answer waits leaves nothing behind")
def aborts(t):
    job = t.job()
    t.start()
    alive(t)
    t.settled()
    fds = t.bridge.fds()
    whole = signed(t, job)
    for cut in (1, 10, 40, len(whole) - 60, len(whole) - 1):
        for how in ("reset", "close"):
            for _ in range(5):
                wire = t.wire()
                wire.send(whole[:cut])
                wire.reset() if how == "reset" else wire.sock.close()
    alive(t)
    eq(t.sandbox.prompts(job), [], "messages of requests that were cut")
    t.busy(job)
    for how in ("reset", "close"):
        wire = t.wire()
        wire.send(signed(t, job, f"gone by {how}"))
        t.until(lambda how=how: any(how in prompt for prompt in waiting(t)), "it is kept")
        wire.reset() if how == "reset" else wire.sock.close()
    t.sandbox.release()
    t.sandbox.wait(job, 3)
    t.settled()
    # A close whose FIN comes together with the last bytes is noticed at the idle limit (30 s).
    t.until(lambda: t.bridge.fds() <= fds + 2, f"descriptors back at {fds}", 60)
    eq(t.sandbox.job(job)["duplicate_tags"], 0, "duplicates")


def waiting(t):
    """What the queue holds, as the ledger shows it; a marker by how many there are, since it shows no prompts."""
    count = len(t.bridge.deliveries(state="queued"))
    return [name for number, name in enumerate(("reset", "close"), 1) if count >= number]


def exchange_all(address, data, count, timeout=DEADLINE):
    """count connections, all ready in the same moment; the status of each (None: closed without)."""
    wires, statuses = [], [None] * count
    selector = selectors.DefaultSelector()
    try:
        for number in range(count):
            sock = socket.create_connection(address, timeout)
            sock.setblocking(False)
            wires.append(sock)
            selector.register(sock, selectors.EVENT_READ, [number, b""])
        for sock in wires:
            sock.send(data)
        left, deadline = count, time.monotonic() + timeout
        while left and time.monotonic() < deadline:
            for key, _ in selector.select(1.0):
                try:
                    piece = key.fileobj.recv(65536)
                except OSError:
                    piece = b""
                key.data[1] += piece
                if not piece or b"}" in key.data[1]:
                    words = key.data[1].split(b" ", 2)
                    statuses[key.data[0]] = int(words[1]) if len(words) > 1 else None
                    selector.unregister(key.fileobj)
                    left -= 1
        ok(not left, f"{left} of {count} were not answered within {timeout} s")
        return statuses
    finally:
        for sock in wires:
            sock.close()
        selector.close()


def pair(address):
    name, port = address.rsplit(":", 1)
    return name, int(port)


@scenario("64, 128, 256 and 512 connections that are ready in the same moment are all answered, without a stall")
def ready_at_once(t):
    job = t.job()
    t.configure(sources={"ci": {"respond": "queued"}})
    t.start()
    for count in (64, 127, 128, 129, 256, 512):
        started = time.monotonic()
        eq(set(exchange_all(pair(t.bridge.address), HEALTH, count)), {200}, f"{count} × /healthz")
        ok(time.monotonic() - started < 10, f"{count} took {time.monotonic() - started:.1f} s")
    for count in (128, 256):
        started = time.monotonic()
        eq(set(exchange_all(pair(t.bridge.address), signed(t, job), count)), {202}, f"{count} deliveries")
        ok(time.monotonic() - started < 15, f"{count} took {time.monotonic() - started:.1f} s")
    t.sandbox.wait(job, 384)
    t.settled()
    found = t.sandbox.job(job)
    eq((found["user_messages"], found["duplicate_tags"]), (384, 0), "messages")


@scenario("More connections than limits.connections: the rest waits or is closed, those that are in go on, and room comes back")
def connection_limit(t):
    t.configure(limits={"connections": 20})
    t.start()
    held = []
    try:
        for _ in range(20):
            wire = t.wire()
            eq(wire.send(HEALTH).answer().status, 200, "one within the limit")
            held.append(wire)
        extra = []
        for _ in range(30):
            try:
                wire = t.wire(timeout=1)
                wire.send(HEALTH)
                extra.append(wire)
            except OSError:
                pass
        for wire in held:
            eq(wire.send(HEALTH).answer().status, 200, "one that is in")
        for wire in extra:
            wire.sock.close()
    finally:
        for wire in held:
            wire.sock.close()
    def room():
        try:
            with t.wire(timeout=2) as wire:
                return wire.send(HEALTH).answer().status == 200
        except (Closed, OSError):
            return False
    t.until(room, "room again")


@scenario("A flood of idle connections keeps nobody out as long as there is room, and costs little memory")
def idle_flood(t):
    t.start()
    alive(t)
    before = t.bridge.rss_kib()
    wires = [t.wire() for _ in range(800)]
    try:
        alive(t)
        grown = t.bridge.rss_kib() - before
        ok(grown < 800 * 80, f"{grown} KiB for 800 idle connections")
    finally:
        for wire in wires:
            wire.sock.close()
    alive(t)


@scenario("limits.connections_per_address does not count loopback, where the proxies are")
def per_address(t):
    t.configure(limits={"connections_per_address": 2})
    t.start()
    wires = [t.wire() for _ in range(10)]
    for wire in wires:
        eq(wire.send(HEALTH).answer().status, 200, "/healthz")
        wire.sock.close()


@scenario("The unix listener serves like the TCP one, and its stale socket is no obstacle")
def unix_listener(t):
    path = "unix:" + os.path.join(t.directory, "hooks.sock")
    t.configure(listen=["127.0.0.1:0", path])
    job = t.job()
    t.start()
    body = json.dumps({"job_id": job, "prompt": "x"}).encode()
    eq(call(path, "POST", "/hooks/ci", generic_headers("ci", body), body).status, 201, "status")
    t.bridge.kill()
    t.bridge.start()
    eq(call(path, "GET", "/healthz").status, 200, "after a kill")
    eq(os.stat(t.bridge.admin[5:]).st_mode & 0o777, 0o600, "mode of the admin socket")


@scenario("When descriptors run out it stays alive, does not spin, and serves again as soon as some are free")
def out_of_descriptors(t):
    job = t.job()
    t.start(wrap=["prlimit", "--nofile=80:80"])
    alive(t)
    wires = []
    try:
        for _ in range(120):
            try:
                wires.append(t.wire(timeout=2))
            except OSError:
                break
        before, started = t.bridge.cpu_seconds(), time.monotonic()
        t.until(lambda: time.monotonic() - started > 1.5, "a while")
        spent = t.bridge.cpu_seconds() - before
        ok(spent < 0.7, f"it spins: {spent:.2f} s of CPU in 1.5 s")
    finally:
        for wire in wires:
            wire.sock.close()
    def works():
        try:
            return t.generic("ci", {"job_id": job, "prompt": "x"}, timeout=5).status == 201
        except (Closed, OSError):
            return False
    t.until(works, "it serves again")


@scenario("Many large bodies at once stay within a bound: some get 503, memory does not follow them")
def large_bodies(t):
    t.start()
    alive(t)
    before = t.bridge.rss_kib()
    body = b"x" * (24 << 20)
    head = (POST + lines_of(generic_headers("ci", b"")) + f"Content-Length: {len(body)}\r\n\r\n").encode()
    peak, done = [0], []
    def upload(_):
        with t.wire(timeout=60) as wire:
            try:
                wire.send(head)
                wire.send(body)
                return wire.answer().status
            except (Closed, OSError):
                return 503
            finally:
                done.append(1)
                peak[0] = max(peak[0], t.bridge.rss_kib())
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(upload, range(10)))
    ok(set(statuses) <= {401, 503}, f"statuses {statuses}")
    ok(peak[0] - before < (600 << 10 if has_sanitizer(t) else 160 << 10), f"{(peak[0] - before) >> 10} MiB for 240 MiB of bodies")
    alive(t)


# ---- slow ones ----

@scenario("Drips of header and body go on without harm to others, and whole requests in many pieces are read")
def drips(t):
    job = t.job()
    t.start()
    whole = signed(t, job)
    slow = [t.wire() for _ in range(20)]
    for at in range(0, len(whole) - 20, 17):
        for wire in slow:
            wire.send(whole[at:at + 17])
        alive(t)
    started = time.monotonic()
    eq(t.generic("ci", {"job_id": job, "prompt": "quick"}).status, 201, "status beside the slow ones")
    ok(time.monotonic() - started < 5, "it was slow")
    last = len(range(0, len(whole) - 20, 17)) * 17
    for wire in slow[:10]:
        wire.send(whole[last:])
        eq(wire.answer().status, 201, "a whole one in pieces")
        wire.sock.close()
    for wire in slow[10:]:
        wire.reset()
    alive(t)
    t.settled()
    eq(len(t.sandbox.prompts(job)), 11, "messages")


@long("Slow headers: one byte every five seconds is ended within two idle limits, silence after one")
def slow_headers(t):
    t.start()
    started = time.monotonic()
    with t.wire(timeout=120) as quiet, t.wire(timeout=120) as drip:
        quiet.send("POST /hooks/ci HTTP/1.1\r\nHo")
        drip.send("POST /hooks/ci HTTP/1.1\r\nX: ")
        ended = None
        drip.sock.settimeout(5)
        while ended is None and time.monotonic() - started < 110:
            try:
                drip.send("a")
                if drip.sock.recv(1000) == b"":
                    ended = time.monotonic() - started
            except TimeoutError:
                continue
            except OSError:
                ended = time.monotonic() - started
        ok(ended is not None and ended < 80, f"slow headers were ended after {ended}")
        quiet.rest(timeout=10)
    alive(t)


@long("A slow body is ended within the time for a whole request")
def slow_body(t):
    job = t.job()
    t.start()
    whole = signed(t, job, "x" * 5000)
    started = time.monotonic()
    with t.wire(timeout=5) as wire:
        wire.send(whole[:300])
        at, ended = 300, None
        while ended is None and time.monotonic() - started < 110:
            try:
                wire.send(whole[at:at + 1])
                at += 1
                if wire.sock.recv(1000) == b"":
                    ended = time.monotonic() - started
            except TimeoutError:
                continue
            except OSError:
                ended = time.monotonic() - started
        ok(ended is not None and ended < 80, f"the slow body was ended after {ended}")
    nothing_forwarded(t, job)


@long("A suspended connection is not taken for a slow one: it waits for its outcome beyond the idle limit")
def suspended_is_not_idle(t):
    job = t.job()
    t.configure(sources={"ci": {"respond_within": "60s"}}, nairi={"timeout": "120s"})
    t.start()
    t.sandbox.fault(f"/{job}/continue", "delay_after", delay_ms=45_000)
    with t.wire(timeout=90) as wire:
        started = time.monotonic()
        wire.send(signed(t, job))
        eq(wire.answer().status, 201, "status")
        ok(time.monotonic() - started > 40, "it did not wait")


# ---- the end ----

@scenario("SIGTERM while requests wait for their outcome: each is answered, exit 0 in bounded time, nothing is lost")
def stop_while_suspended(t):
    jobs = [t.job() for _ in range(5)]
    t.configure(sources={"ci": {"respond_within": "60s"}}, nairi={"timeout": "60s"})
    t.start()
    fault = t.sandbox.fault("/continue", "delay_after", delay_ms=25_000, times=0)
    wires = [t.wire() for _ in jobs]
    for wire, job in zip(wires, jobs):
        wire.send(signed(t, job))
    t.until(lambda: t.sandbox.hits(fault) == 5, "all are under way")
    started = time.monotonic()
    t.bridge.signal(signal.SIGTERM)
    statuses = [wire.answer().status for wire in wires]
    # They are kept: 503 would mean that they are not, and bring a second prompt.
    ok(set(statuses) <= {201, 202}, f"answers: {statuses}")
    eq(t.bridge.wait_end(timeout=40), 0, "exit status")
    ok(time.monotonic() - started < 30, f"it took {time.monotonic() - started:.1f} s to end")
    t.sandbox.clear()
    t.sandbox.release()
    t.bridge.start()
    for job in jobs:
        t.sandbox.wait(job, 1)
    t.settled()
    for job in jobs:
        eq((t.sandbox.job(job)["user_messages"], t.sandbox.job(job)["duplicate_tags"]), (1, 0), "messages")


@scenario("SIGTERM with 300 open, idle and half-sent connections ends at once with 0; a second SIGTERM does no harm")
def stop_with_connections(t):
    job = t.job()
    t.start()
    wires = [t.wire() for _ in range(300)]
    for number, wire in enumerate(wires):
        if number % 3:
            wire.send(signed(t, job)[:number])
    alive(t)
    started = time.monotonic()
    t.bridge.signal(signal.SIGTERM)
    t.bridge.signal(signal.SIGTERM)
    eq(t.bridge.wait_end(), 0, "exit status")
    ok(time.monotonic() - started < 20, f"it took {time.monotonic() - started:.1f} s to end")
    for wire in wires:
        wire.sock.close()


@scenario("I6: after a storm of good, bad and broken requests descriptors, threads, memory and the log of the store are back")
def storm(t):
    jobs = [t.job() for _ in range(10)]
    t.start()
    def round_(seed):
        job = jobs[seed % len(jobs)]
        whole = signed(t, job, f"storm {seed}")
        for step in range(6):
            try:
                with t.wire(timeout=20) as wire:
                    if step == 0:
                        eq(wire.send(whole).answer().status // 100, 2, "status")
                    elif step == 1:
                        wire.send(whole[:50 + seed % 100])
                        wire.reset()
                    elif step == 2:
                        wire.send(whole.replace(b"sha256=", b"sha256=f")).answer()
                    elif step == 3:
                        wire.send(b"POST /hooks/ci HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef").rest()
                    elif step == 4:
                        wire.send(b"GET /none HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n").answer("GET")
                    else:
                        wire.send(whole + whole[:30])
                        wire.answer()
            except (Closed, OSError):
                pass
    def storm_of(count, start):
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            list(pool.map(round_, range(start, start + count)))
        t.settled()
        alive(t)
    storm_of(200, 0)  # what is made once is made now
    t.until(lambda: t.bridge.status()["deliver"]["in_flight"] == 0, "quiet")
    fds, threads, rss = t.bridge.fds(), t.bridge.threads(), t.bridge.rss_kib()
    for more in range(3):
        storm_of(200, 200 * (more + 1))
    # Connections to the API are kept, one for each job that was ever in flight beside others; how many is up to chance.
    most = fds + len(jobs)
    t.until(lambda: t.bridge.fds() <= most, f"descriptors back at {fds}, they are {t.bridge.fds()}", 15)
    eq(t.bridge.threads(), threads, "threads")
    grown = t.bridge.rss_kib() - rss
    # A sanitizer keeps what was freed for a while, to catch who still uses it.
    limit = 400_000 if has_sanitizer(t) else 5_000
    ok(grown < limit, f"{grown} KiB more after the storm")
    wal = os.path.getsize(os.path.join(t.directory, "bridge.db-wal"))
    ok(wal < 96 << 20, f"the write-ahead log has {wal} bytes")
    t.settled()
    for job in jobs:
        eq(t.sandbox.job(job)["duplicate_tags"], 0, "duplicates")


if __name__ == "__main__":
    harness.main()
