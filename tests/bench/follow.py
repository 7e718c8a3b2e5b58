# SPDX-License-Identifier: Apache-2.0
"""What following costs: prompts that nobody answers, looked at for as long as the bridge likes.

Alone: follow.py [--short]. All lines run at the same time, each with a bridge and a sandbox of its own: what counts is CPU time.
"""
import http.client
import json
import sys
import time

import world
from world import Bridge, Broken, Sandbox

PACE = (2.0, 30.0)  # seconds; the defaults of poll_min and poll_max
LINES = [(10000, 10000), (10000, 1000)]  # messages, jobs
SHORT_PACE, SHORT_LINES = (0.5, 2.0), [(500, 500), (500, 50)]
SPREAD = 9 / 8  # no pause is longer than so many times what it should be


def slow_down_time(low, high):
    """Until the last job has come to the longest pause: two of the shortest, then each is half as long again."""
    total, pause = low, low
    while pause < high:
        total += pause
        pause *= 1.5
    return total * SPREAD


class Line:
    def __init__(self, messages, jobs, pace):
        self.messages, self.jobs, self.pace = messages, jobs, pace
        self.sandbox = Sandbox()
        self.sandbox.quick(pending=True)
        low, high = pace
        self.bridge = Bridge(self.sandbox.url, self.sandbox.key, links=0,
                             follow=f"enabled: true, poll_min: {int(low * 1000)}ms, poll_max: {int(high * 1000)}ms, "
                                    "stalled_after: 1h")

    def end(self):
        self.bridge.__exit__()
        self.sandbox.kill()

    def put(self):
        """Prompts by the generic source; returns when all have been taken by the API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.bridge.port, timeout=world.DEADLINE)
        names = [world.job(number + 1) for number in range(self.jobs)]
        for i in range(self.messages):
            body = json.dumps({"job_id": names[i % self.jobs], "prompt": f"Please look at file {i}."})
            connection.request("POST", "/hooks/ci", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                raise Broken(f"a prompt was answered with {answer.status}")
        connection.close()
        self.bridge.wait_drained()

    def sample(self):
        return {"at": time.monotonic(), "cpu": self.bridge.cpu_total(), "threads": self.bridge.cpu(),
                "lists": self.sandbox.lists()}

    def check(self):
        self.bridge.connection.close()  # it may have been ended while nothing was asked
        status, counts = self.bridge.wait_counted(["forwarded"]), self.sandbox.counts()
        if not status["messages"]["forwarded"] == self.messages == counts["messages"] or counts["duplicates"]:
            raise Broken(f"not all of {self.messages} prompts are followed: {status['messages']}, {counts}")
        if self.bridge.said():
            raise Broken(f"the bridge had something to say: {self.bridge.said()[:500]}")

    def told(self, first, slow, last):
        """Of the time from slow to last; first is when the prompts were sent."""
        seconds, polls = last["at"] - slow["at"], last["lists"] - slow["lists"]
        due = self.jobs / self.pace[1]
        if not 0.7 * due <= polls / seconds <= 1.3 * due:
            raise Broken(f"{polls / seconds:.0f} polls a second of {self.jobs} jobs, and not {due:.0f}")
        cpu = last["cpu"] - slow["cpu"]
        return {"messages": self.messages, "jobs": self.jobs, "polls": polls / seconds, "us": cpu * 1e6 / polls,
                "percent": cpu / seconds * 100 / (self.messages / 1000), "rss": self.bridge.rss_mib(),
                "before": slow["cpu"] - first["cpu"], "polls before": slow["lists"] - first["lists"],
                "threads": {name: (used - slow["threads"].get(name, 0)) * 1e6 / polls
                            for name, used in last["threads"].items()}}


def run(short):
    """A dict a line."""
    pace = SHORT_PACE if short else PACE
    lines = []
    try:
        for messages, jobs in SHORT_LINES if short else LINES:
            lines.append(Line(messages, jobs, pace))
        for line in lines:
            line.put()
        first = [line.sample() for line in lines]
        time.sleep(slow_down_time(*pace))
        slow = [line.sample() for line in lines]
        time.sleep(pace[1] * (2 if short else 1))
        last = [line.sample() for line in lines]
        for line in lines:
            line.check()
        return [line.told(*samples) for line, *samples in zip(lines, first, slow, last)]
    finally:
        for line in lines:
            line.end()


def worst(found, short):
    """Core-% a thousand messages at the longest pause by default, of the line that costs most."""
    return max(told["percent"] for told in found) * (SHORT_PACE if short else PACE)[1] / PACE[1]


def title(short):
    low, high = SHORT_PACE if short else PACE
    return (f"Following: prompts whose turns do not end, once each job is looked at every {high:g} s "
            f"(poll_min {low:g} s, poll_max {high:g} s).\n"
            "core-%: CPU time of the bridge per second and a thousand messages. before: core-seconds from the last prompt\n"
            "until each job was looked at so seldom, and the polls in that time. by thread: us a poll")


def rows(found):
    table = [["messages", "jobs", "polls/s", "us a poll", "core-%", "RSS MiB", "before", "polls", "by thread"]]
    for told in found:
        threads = sorted(told["threads"].items(), key=lambda item: -item[1])
        table.append([told["messages"], told["jobs"], f"{told['polls']:.0f}", f"{told['us']:.0f}",
                      f"{told['percent']:.2f}", f"{told['rss']:.0f}", f"{told['before']:.1f}", told["polls before"],
                      ", ".join(f"{name} {used:.0f}" for name, used in threads if used >= 1)])
    return table


def main():
    short = "--short" in sys.argv[1:]
    try:
        found = run(short)
    except Broken as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(title(short))
    for row in rows(found):
        print("  ".join(str(value) for value in row))
    print(f"{worst(found, short):.2f} core-% a thousand")
    return 0


if __name__ == "__main__":
    sys.exit(main())
