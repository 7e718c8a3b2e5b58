# SPDX-License-Identifier: Apache-2.0
"""The program: its start and its end."""
import socket
import subprocess
import time

from checks.kit import ACTIVE, API, Raw, Sandbox, WAIT, check, same


def test_start(binary):
    """Command line and the line it prints."""
    box = Sandbox(binary)
    same("the ready line names all parts", sorted(box.ready),
         ["control", "github", "github_token", "keys", "nairi"])
    check("addresses are loopback", all(box.ready[k].startswith("http://127.0.0.1:")
                                        for k in ("nairi", "github", "control")), box.ready)
    check("keys look like keys", all(k.startswith("nr_") for k in box.ready["keys"].values()))
    status, rest = box.stop()
    same("SIGTERM ends with 0", status, 0)
    same("nothing more is printed", rest, b"")
    for address in ("0.0.0.0:0", "192.0.2.1:0", "[::]:0", "nonsense", "127.0.0.1", "127.0.0.1:99999"):
        got = subprocess.run([binary, "--listen", address], capture_output=True, timeout=WAIT)
        check(f"--listen {address} is refused", got.returncode == 1 and got.stdout == b"", got)
    got = subprocess.run([binary, "--help"], capture_output=True, timeout=WAIT)
    check("--help helps", got.returncode == 0 and b"--quick" in got.stdout, got)
    got = subprocess.run([binary, "--nonsense"], capture_output=True, timeout=WAIT)
    same("an unknown option is a usage error", got.returncode, 2)
    box = Sandbox(binary, "--key", "nr_mine")
    same("--key adds a good key", box.api("GET", "/agents", key="nr_mine").status, 200)
    box.stop()


def test_stop(binary):
    """A call that sleeps or waits does not hold up the end."""
    box = Sandbox(binary)
    box.set("/faults", {"path": "/continue", "fault": "delay_before", "delay_ms": 600000})
    held = Raw(box)
    held.send(ACTIVE, "held")
    box.control("GET", "/wait_requests?path=/continue&count=1")
    box.set("/faults", {"path": "/agents", "fault": "trickle", "delay_ms": 60000})
    trickled = Raw(box)
    trickled.socket.sendall((f"GET {API}/agents HTTP/1.1\r\nHost: x\r\n"
                             f"Authorization: Bearer {box.good}\r\n\r\n").encode())
    trickled.socket.recv(1)
    waiting = socket.create_connection((box.host, box.port), timeout=WAIT)
    waiting.sendall(f"GET /_sandbox/wait?job={ACTIVE}&count=5&timeout_ms=600000 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    began = time.monotonic()
    same("it ends although calls are held", box.stop()[0], 0)
    check("at once", time.monotonic() - began < WAIT / 2)
