#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks nairi-sandbox from outside: selftest.py BINARY. Prints TAP; ends with 1 if anything failed."""
import os
import signal
import sys

from checks import api, control, edits, faults, github, hands, program, quick, search, turns
from checks.kit import Sandbox, check, counts, same

LIMIT = 240  # seconds for all of it


def give_up(*_):
    print("Bail out! It takes too long.")
    sys.exit(1)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: selftest.py BINARY")
    binary = os.path.abspath(sys.argv[1])
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT)
    program.test_start(binary)
    box = Sandbox(binary)
    for test in (api.test_transport, api.test_order, api.test_continue, api.test_curl, api.test_policies,
                 api.test_lists, api.test_attachments, turns.test_turns, hands.test_hands, hands.test_polls,
                 faults.test_faults, search.test_search, search.test_start_faults, control.test_control,
                 github.test_github, edits.test_edits):
        box.reset()
        try:
            test(box)
        except Exception as problem:  # one broken part must not hide the others
            check(f"{test.__name__} runs to its end", False, f"{type(problem).__name__}: {problem}")
            if box.process.poll() is not None:
                break
    same("it ends with 0 after all that", box.stop()[0], 0)
    quick.test_quick(binary)
    program.test_stop(binary)
    print(f"1..{counts['passed'] + counts['failed']}")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
