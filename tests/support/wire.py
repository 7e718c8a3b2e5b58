# SPDX-License-Identifier: Apache-2.0
"""Checks that say what they saw, and HTTP over sockets with nothing in between."""
import json
import re
import socket

DEADLINE = 30.0

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


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


