#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every payload that octokit has recorded, signed by octokit's own signer, posted to a running bridge. Run by run.sh, which
installs the packages; INTEROP names the directory in which they are."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402

SCRIPT = os.path.join(os.environ.get("INTEROP", os.path.join(harness.ROOT, "build/interop")), "octokit.mjs")
TEXT = {"issue_comment": "comment", "pull_request_review_comment": "comment", "pull_request_review": "review"}
MESSAGE = {"issue_comment": "created", "pull_request_review_comment": "created", "pull_request_review": "submitted"}
EVERYBODY = ["OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR", "FIRST_TIME_CONTRIBUTOR", "FIRST_TIMER", "NONE", "MANNEQUIN"]


def node(what, env=None, text=None):
    """The lines that the script prints, read as JSON."""
    done = subprocess.run(["node", SCRIPT, what], capture_output=True, text=True, input=text, timeout=300,
                          env={**os.environ, **(env or {})})
    eq(done.returncode, 0, f"exit status of node: {done.stderr[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def thread_of(item):
    """The conversation that an event with human text belongs to, else None."""
    if item["event"] not in TEXT:
        return None
    payload = item["payload"]
    number = (payload.get("issue") or payload.get("pull_request"))["number"]
    return f"github:{payload['repository']['full_name']}#{number}"


def is_message(item):
    """Whether somebody says something with it: expected from the payload alone."""
    if MESSAGE.get(item["event"]) != item["action"]:
        return False
    said = item["payload"][TEXT[item["event"]]]
    verdict = (said.get("state") or "").lower() in ("approved", "changes_requested")
    return bool((said.get("body") or "").strip()) or verdict


def is_bot(item):
    return any(who and (who.get("type") == "Bot" or who["login"].endswith("[bot]"))
               for who in (item["payload"].get("sender"), item["payload"][TEXT[item["event"]]].get("user")))


@scenario("All recorded payloads are taken with 2xx, as JSON and as form; what people say on linked threads is forwarded once")
def recorded(t):
    items = {item["number"]: item for item in node("list")}
    ok(len(items) > 300, f"only {len(items)} payloads")
    t.any_comment()
    t.configure(sources={"github": {"trust": {"associations": EVERYBODY}, "forward": ["comments", "reviews"],
                                        "batch": "0s"}})
    jobs = {thread: t.link(thread, t.job()) for thread in sorted({thread_of(item) for item in items.values()} - {None})}
    t.start()
    results = node("post", {"HOOK_URL": f"http://{t.bridge.address}/hooks/github", "SECRET": GITHUB_SECRET})
    eq(len(results), 2 * len(items), "answers")
    bad = [result for result in results if result["status"] // 100 != 2]
    eq(bad, [], "answers that are not 2xx")

    expected, seen = {}, set()
    for result in results:
        item, body = items[result["number"]], json.loads(result["body"])
        if not (item["event"] in TEXT and is_message(item)) or is_bot(item):
            eq(body["status"], "ignored", f"status of {result}")
            continue
        said = item["payload"][TEXT[item["event"]]]
        key = (item["event"], said["id"])
        eq(body["status"], "duplicate" if key in seen else "queued", f"status of {result}")
        if key not in seen:
            seen.add(key)
            expected.setdefault(thread_of(item), []).append((said.get("body") or "").split("\r\n")[0].strip()[:40])
    ok(sum(map(len, expected.values())) > 5, f"hardly anything is a message: {expected}")
    ok(any(item.get("derived") and is_message(item) for item in items.values()), "no comment on a pull request")
    t.settled()
    for thread, texts in expected.items():
        prompts = t.sandbox.prompts(jobs[thread])
        eq(len(prompts), len(texts), f"messages of {thread}")
        for prompt, text in zip(prompts, texts):
            has(prompt, text)
    eq(t.sandbox.get("/counts")["user_messages"], sum(map(len, expected.values())), "messages in all")
    print(f"# {len(items)} payloads of {len({item['event'] for item in items.values()})} events, "
          f"{sum(map(len, expected.values()))} forwarded")


@scenario("With everything forwarded (CI results, pushes), all recorded payloads are still taken with 2xx")
def everything(t):
    items = node("list")
    t.any_comment()
    t.configure(sources={"github": {"trust": {"associations": EVERYBODY}, "ci": "all",
                                    "forward": ["comments", "reviews", "ci", "pushes"]}})
    for thread in sorted({thread_of(item) for item in items} - {None}):
        t.link(thread, t.job())
    t.start()
    results = node("post", {"HOOK_URL": f"http://{t.bridge.address}/hooks/github", "SECRET": GITHUB_SECRET})
    eq([result for result in results if result["status"] // 100 != 2], [], "answers that are not 2xx")
    told = {items_of["event"] for result in results for items_of in items
            if items_of["number"] == result["number"] and json.loads(result["body"])["status"] == "queued"}
    ok({"issue_comment", "check_run", "check_suite"} <= told, f"queued were {told}")
    t.settled()


@scenario("The signatures that these tests make are those that octokit verifies")
def signatures(t):
    lines = []
    for body in ("Hello, World!", "{}", '{"body":"żółć ✓"}', ""):
        if body:  # octokit takes no empty body
            lines.append({"secret": GITHUB_SECRET, "body": body,
                          "signature": "sha256=" + hmac_hex(GITHUB_SECRET, body.encode())})
            lines.append({**lines[-1], "signature": "sha256=" + "0" * 64})
    got = node("verify", text="\n".join(json.dumps(line) for line in lines) + "\n")
    eq([answer["good"] for answer in got], [True, False] * (len(lines) // 2), "verdicts")


if __name__ == "__main__":
    harness.main()
