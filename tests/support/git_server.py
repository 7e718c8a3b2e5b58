# SPDX-License-Identifier: Apache-2.0
"""`git http-backend` behind HTTP, with what servers do to clients: ask for a token, redirect, be silent, trickle, lie.

The first part of the path says how: /plain/… , /auth/… (basic, x-access-token), /same/… (redirects to /plain on this host), /away/… (to
another name of this machine), /port/… (to another port), /tell/… (an error that names the token), /silent/… , /trickle/… (a byte now and then), /refuse/… (403).
"""
import base64
import http.server
import os
import socketserver
import ssl
import subprocess
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        server = self.server.owner
        path, _, query = self.path.partition("?")
        kind, _, rest = path.lstrip("/").partition("/")
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self.read_chunks()
        else:
            body = self.rfile.read(length)
        server.note(self.command, self.path, self.headers.get("Authorization"), self.headers.get("Host"))
        with server.changed:
            gate = server.gates.get(kind)
        if gate is not None:
            gate.wait(60)
        if kind == "silent":
            server.closing.wait(120)
            self.close_connection = True
            return
        if kind == "refuse":
            self.answer(403)
            return
        if kind in ("same", "away", "port"):
            host = server.name if kind != "away" else server.other_name
            port = server.port if kind != "port" else server.other_port
            target = f"{server.scheme}://{host}:{port}/auth/{rest}" + ("?" + query if query else "")
            self.answer(301, [("Location", target)])
            return
        if kind in ("auth", "tell"):
            want = "Basic " + base64.b64encode(b"x-access-token:" + server.token.encode()).decode()
            if self.headers.get("Authorization") != want:
                self.answer(401, [("WWW-Authenticate", 'Basic realm="git"')])
                return
        if kind == "tell":
            said = b"ERR your token is " + server.token.encode() + b"\x1b[31m\n"
            body = b"001e# service=git-upload-pack\n0000" + f"{len(said) + 4:04x}".encode() + said
            self.answer(200, [("Content-Type", "application/x-git-upload-pack-advertisement")], body)
            return
        self.backend(server, "/" + rest, query, body, slow=kind == "trickle" and self.command == "POST")

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def backend(self, server, path, query, body, slow):
        env = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": server.root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
               "REQUEST_METHOD": self.command, "QUERY_STRING": query, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
               "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1", "HOME": "/nonexistent",
               "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            elif name:
                headers.append((name, value))
        if not slow:
            self.answer(status, headers, content)
            return
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        # Most of it at once, so that something is on the client's disk; then hardly anything.
        at = max(len(content) - 2000, 0)
        try:
            self.wfile.write(content[:at])
            self.wfile.flush()
            server.trickling.set()
            while at < len(content) and not server.closing.wait(0.2):
                self.wfile.write(content[at:at + 1])
                self.wfile.flush()
                at += 1
        except OSError:
            server.hung_up.set()
        self.close_connection = True


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


class GitServer:
    """Serves the repositories under root. cert and key: by TLS."""
    name, other_name, other_port = "127.0.0.1", "localhost", 1

    def __init__(self, root, token="", cert=None, key=None, tls13=False):
        self.root, self.token = root, token
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.requests, self.gates = [], {}
        self.closing, self.trickling, self.hung_up = threading.Event(), threading.Event(), threading.Event()
        self.http = Threads(("127.0.0.1", 0), Handler)
        self.http.owner = self
        self.port = self.http.server_address[1]
        self.scheme = "http"
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            if tls13:
                context.minimum_version = ssl.TLSVersion.TLSv1_3
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def note(self, method, path, authorization, host):
        with self.changed:
            self.requests.append((method, path, authorization, host))
            self.changed.notify_all()

    def fetches(self):
        """How many times a client began: the request for the list of refs, as often as with or without a token."""
        with self.lock:
            return sum(1 for method, path, auth, _ in self.requests if "info/refs" in path)

    def wait_requests(self, count, timeout=30):
        with self.changed:
            return self.changed.wait_for(lambda: len(self.requests) >= count, timeout)

    def gate(self, kind):
        """Holds up all requests of a kind until the returned event is set."""
        gate = threading.Event()
        with self.lock:
            self.gates[kind] = gate
        return gate

    def url(self, kind, repository, name=None):
        return f"{self.scheme}://{name or self.name}:{self.port}/{kind}/{repository}"

    def close(self):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()
