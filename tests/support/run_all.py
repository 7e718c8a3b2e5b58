#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test suites one after the other and adds them up.

usage: run_all.py SUITE...      a suite is "name=command"; its output is TAP, or nothing but its exit status counts

Shows a line a suite while it works, the output of what fails, and ends in "N passed, N failed".
"""
import os
import re
import subprocess
import sys
import time

PROGRESS = re.compile(r"^\s+(CC|GEN|LINK) ")
TAP = re.compile(r"^\s*(not ok|ok)\b(.*)")
SKIP = re.compile(r"#\s*skip", re.I)


def run(name, command):
    started = time.monotonic()
    log = os.path.join(os.environ.get("TEST_LOGS", "build/test-logs"), name + ".log")
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "wb") as out:
        env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
        status = subprocess.run(command, shell=True, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                env=env).returncode
    with open(log, errors="replace") as lines:
        results = [match for match in map(TAP.match, lines) if match]
    passed = sum(1 for result in results if result[1] == "ok" and not SKIP.search(result[2]))
    skipped = sum(1 for result in results if SKIP.search(result[2]))
    failed = sum(1 for result in results if result[1] == "not ok" and not SKIP.search(result[2]))
    if not results:
        passed, failed = (1, 0) if status == 0 else (0, 1)
    elif status != 0 and failed == 0:
        failed = 1  # it ended badly after its last test
    seconds = time.monotonic() - started
    print(f"{'ok    ' if failed == 0 else 'FAILED'} {name:<24} {passed:>5} passed {failed:>3} failed"
          f"{f' {skipped} skipped' if skipped else '':<12} {seconds:6.1f} s", flush=True)
    if failed:
        with open(log, errors="replace") as lines:
            tail = [line for line in lines if not PROGRESS.match(line)][-400:]
        sys.stdout.write("".join(f"    {line}" if line.endswith("\n") else f"    {line}\n" for line in tail))
        sys.stdout.flush()
    return passed, failed, skipped


def main():
    total = [0, 0, 0]
    for suite in sys.argv[1:]:
        name, command = suite.split("=", 1)
        total = [a + b for a, b in zip(total, run(name, command))]
    if total[2]:
        print(f"({total[2]} skipped, each with its reason in build/test-logs)")
    print(f"{total[0]} passed, {total[1]} failed", flush=True)
    sys.exit(1 if total[1] or not total[0] else 0)


main()
