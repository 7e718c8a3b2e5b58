# SPDX-License-Identifier: Apache-2.0
"""What the agent does about messages."""
import json
import re

from checks.kit import ACTIVE, LEGACY, check, ms, same


def test_turns(box):
    """12.4."""
    box.set("/turns", {"manual": True, "git": "markdown"})
    message = box.go_on(ACTIVE, "one").json()["message_id"]
    second = box.go_on(ACTIVE, "two").json()["message_id"]

    def status(which):
        return box.api("GET", f"/messages/{which}").json()["status"]

    same("manual: queued", status(message), "queued")
    box.set(f"/jobs/{ACTIVE}/advance", {})
    same("manual: pending; the next waits", (status(message), status(second)), ("pending", "queued"))
    box.set(f"/jobs/{ACTIVE}/advance", {})
    got = box.messages(ACTIVE)
    same("answer before the notice", [m["role"] for m in got], ["user", "user", "assistant"])
    same("completed", status(message), "completed")
    box.set(f"/jobs/{ACTIVE}/advance", {})
    got = box.messages(ACTIVE)
    check("S1 after it", re.fullmatch(r"Agent opened a \[pull request\]\(https://github\.com/octo/hello/pull/\d+\)",
                                      got[-1]["content"]) and got[-1]["role"] == "system", got[-1])
    box.set(f"/jobs/{ACTIVE}/finish", {})
    got = box.messages(ACTIVE)
    check("S2 for the next", re.fullmatch(
        r"New commit added: \[([0-9a-f]{7})\]\(https://github\.com/octo/hello/commit/\1[0-9a-f]{33}\)"
        r" in \[#(\d+)\]\(https://github\.com/octo/hello/pull/\2\)", got[-1]["content"]), got[-1])
    same("nothing left to move", box.control("POST", f"/jobs/{ACTIVE}/advance", {}).status, 409)

    box.set("/turns", {"manual": False, "git": "plain", "notice_ms": 60,
                       "pr_url": "https://github.com/o/r/pull/7"})
    prompts = [f"serial {i}" for i in range(4)]
    for prompt in prompts:
        box.go_on(LEGACY, prompt)
    got = box.settle(LEGACY, 4)
    same("users in order of arrival", [m["content"] for m in got if m["role"] == "user"], prompts)
    same("one answer each, in order", [m["content"] for m in got if m["role"] == "assistant"],
         [f"Done (turn {i})." for i in range(1, 5)])
    notices = [m for m in got if m["role"] == "system"]
    same("S1 in plain form", notices[0]["content"], "Agent opened a pull request: https://github.com/o/r/pull/7")
    check("S2 in plain form", re.fullmatch(r"New commit added: [0-9a-f]{7} in #7", notices[1]["content"]), notices[1])
    answers = [m for m in got if m["role"] == "assistant"]
    check("the notice comes notice_ms later", all(ms(n["created_at"]) - ms(a["created_at"]) >= 60
                                                  for n, a in zip(notices, answers)), got)
    check("a turn begins when the one before is over",
          all(ms(answers[i + 1]["created_at"]) >= ms(notices[i]["created_at"]) for i in range(3)), got)
    check("cost members on some answers only", {"cost_usd" in a for a in answers} == {True, False}, answers)
    same("cost members are complete",
         {"cost_usd", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "model"} -
         set(next(a for a in answers if "cost_usd" in a)), set())
    box.set("/turns", {"git": "none", "pr_url": None})
    test_turn_failures(box)
    test_turn_forms(box)
    test_endings(box)


def one_turn(box, settings, prompt="go"):
    job = box.set("/jobs", {})["id"]
    box.set("/turns", dict(settings, job=job))
    box.go_on(job, prompt)
    return job, box.settle(job, 1)


def test_turn_failures(box):
    job, got = one_turn(box, {"outcome": "fail", "error_detail": "boom\nline two"})
    same("failure: two S3 notices", [m["content"] for m in got[1:]], [
        "nairid encountered error: boom\nline two",
        "nairid encountered error: error starting Claude session: boom\nline two"])
    same("failure: message and job", (got[0]["status"], box.job(job)["status"]), ("failed", "error"))
    box.go_on(job, "again")
    got = box.settle(job, 2)
    same("failure: later turns say continuing", got[-1]["content"],
         "nairid encountered error: error continuing Claude session: boom\nline two")
    job, got = one_turn(box, {"outcome": "lost", "daemon": "eksecd"})
    same("answer lost: S3 only", ([m["role"] for m in got], got[1]["content"].split(":")[0]),
         (["user", "system"], "eksecd encountered error"))
    same("answer lost: job", box.job(job)["status"], "error")
    job, got = one_turn(box, {"outcome": "stall"})
    same("stall: stays queued", [m["status"] for m in got], ["queued"])
    job, got = one_turn(box, {"late_error": True})
    same("late error: after the answer", [m["role"] for m in got], ["user", "assistant", "system"])
    check("late error: the answer stands", got[0]["status"] == "completed" and
          got[2]["content"].startswith("nairid encountered error: failed to validate PR"), got)
    job = box.set("/jobs", {})["id"]
    box.set("/turns", {"job": job, "outcome": "fail", "times": 1})
    box.go_on(job, "a")
    box.go_on(job, "b")
    got = box.settle(job, 2)
    same("a plan for one turn", [m["status"] for m in got if m["role"] == "user"], ["failed", "completed"])


def test_turn_forms(box):
    _, got = one_turn(box, {"answer": ""})
    same("an empty answer", (got[1]["role"], got[1]["content"]), ("assistant", ""))
    job, got = one_turn(box, {"progress": 3000})
    same("a large thread", len(got), 3002)
    progress = [m for m in got if m["role"] == "progress"]
    check("progress content is JSON", all(json.loads(m["content"])["job_id"] == job for m in progress))
    check("progress members", all(m["progress_type"] == json.loads(m["content"])["progress_type"]
                                  for m in progress) and any(m.get("tool_name") == "Bash" for m in progress))
    _, got = one_turn(box, {"git": "markdown", "git_warning": "Warning: 1 uncommitted change\n",
                            "pr_url": "https://ghe.example/a/b/pull/3"})
    same("S1 with a warning before its URL", got[-1]["content"],
         "Agent opened a [pull request](Warning: 1 uncommitted change\nhttps://ghe.example/a/b/pull/3)")
    job, got = one_turn(box, {"git": "plain", "without_pr": True})
    box.go_on(job, "more")
    check("S2 without its PR", re.fullmatch(r"New commit added: [0-9a-f]{7}", box.settle(job, 2)[-1]["content"]))
    job = box.set("/jobs", {})["id"]
    for gap, first in ((30, "completed"), (-30, "assistant")):
        box.set("/turns", {"job": job, "manual": True, "answer_gap_ms": gap})
        box.go_on(job, f"gap {gap}")
        box.set(f"/jobs/{job}/advance", {})
        box.set(f"/jobs/{job}/advance", {})
        got = box.messages(job)
        user = [m for m in got if m["role"] == "user"][-1]
        same(f"{first} comes first",
             (user["status"], got[-1]["role"]),
             ("completed", "user") if gap > 0 else ("pending", "assistant"))
        box.set(f"/jobs/{job}/finish", {})
        got = box.messages(job)
        same("and then the other", ([m for m in got if m["role"] == "user"][-1]["status"], got[-1]["role"]),
             ("completed", "assistant"))


def test_endings(box):
    branch = {"branch": "nairid/x"}
    s5 = "Remote branch 'nairid/x' was deleted (likely merged)"
    pair = "nairid encountered error: job abandoned: remote branch deleted"
    for form, extra, status, wanted in (
            ("merged", {}, "completed", ["Job complete - Pull request was merged"]),
            ("merged", {"name": "octocat"}, "completed", ["Job complete - Pull request was merged by octocat"]),
            ("closed", {}, "completed", ["Job complete - Pull request was closed"]),
            ("inactive", {}, "completed", ["Job complete - Thread is inactive"]),
            ("abandoned", branch, "abandoned",
             [f"Job abandoned: {s5}. Please start a new conversation.", pair]),
            ("untidy", branch, "abandoned",
             [f"Job failed: {s5}, but cleanup failed. Please start a new conversation.", pair])):
        job = box.set("/jobs", {})["id"]
        box.set(f"/jobs/{job}/end", dict(extra, form=form))
        same(f"ending {form}", [m["content"] for m in box.messages(job)], wanted)
        same(f"ending {form}: status", box.job(job)["status"], status)
