# SPDX-License-Identifier: Apache-2.0
"""Turns that a test moves by hand, step by step and in any order."""
from checks.kit import WAIT, check, same


def thread(box, job):
    return [(m["role"], m["status"], m["content"]) for m in box.messages(job)]


def test_hands(box):
    job = box.set("/jobs", {})["id"]
    box.set("/turns", {"job": job, "manual": True})
    box.go_on(job, "one")
    same("complete before pick-up", box.control("POST", f"/jobs/{job}/complete", {}).status, 409)
    same("pick up", box.set(f"/jobs/{job}/pickup", {})["phase"], "working")
    same("pending for as long as it takes", thread(box, job), [("user", "pending", "one")])
    same("pick up twice", box.control("POST", f"/jobs/{job}/pickup", {}).status, 409)
    box.set(f"/jobs/{job}/messages", {"role": "user", "content": "from elsewhere"})
    box.set(f"/jobs/{job}/answer", {"answer": "*Done*, see `a.c`"})
    same("an answer before `completed`, and a stranger's message between", thread(box, job), [
        ("user", "pending", "one"), ("user", "queued", "from elsewhere"),
        ("assistant", "completed", "*Done*, see `a.c`")])
    url = "https://github.com/octo/hello/pull/42"
    box.set(f"/jobs/{job}/notice", {"notice": "added", "pr_url": url, "git": "plain"})
    box.set(f"/jobs/{job}/notice", {"notice": "opened", "pr_url": url})
    got = box.set(f"/jobs/{job}/complete", {})
    same("the next one's turn", (got["phase"], got["turns"]), ("queued", 1))
    got = thread(box, job)
    check("S2 before S1", got[3][2].startswith("New commit added: ") and got[3][2].endswith(" in #42") and
          got[4][2] == f"Agent opened a [pull request]({url})" and got[0][1] == "completed", got)
    box.set(f"/jobs/{job}/pickup", {})
    box.set(f"/jobs/{job}/notice", {"notice": "failed", "error_detail": "boom"})
    box.set(f"/jobs/{job}/complete", {"status": "failed"})
    got = thread(box, job)
    check("two S3", [c for _, _, c in got[5:]] == [
        "nairid encountered error: boom", "nairid encountered error: error continuing Claude session: boom"], got)
    same("failed by hand", (got[1][1], box.job(job)["status"], box.job(job)["phase"]), ("failed", "error", "idle"))
    box.set(f"/jobs/{job}/answer", {"answers": ["late", ""]})
    same("a late answer, in two messages", [c for _, _, c in thread(box, job)[7:]], ["late", ""])
    for path, wrong in (("notice", {"notice": "S9"}), ("complete", {"status": "queued"}), ("answer", {"answers": [1]}),
                        ("pickup", {"anwser": "x"})):
        same(f"refused: {path} {wrong}", box.control("POST", f"/jobs/{job}/{path}", wrong).status, 400)
    test_answers(box)
    test_ended_while_pending(box)


def test_answers(box):
    for answers, wanted in ((["one", "two", "three"], ["one", "two", "three"]), ([], []), (None, ["Done (turn 1)."])):
        job = box.set("/jobs", {})["id"]
        box.set("/turns", {"job": job, "answers": ["x"]})
        box.set("/turns", {"job": job, "answers": answers})
        box.go_on(job, "go")
        got = box.settle(job, 1)
        same(f"answers {answers}", ([m["content"] for m in got if m["role"] == "assistant"], got[0]["status"]),
             (wanted, "completed"))
    box.set("/turns", {"answers": ["a", "b"]})
    same("answers are shown", box.control("GET", "/turns").json()["answers"], ["a", "b"])
    box.set("/turns", {"answers": None})


def test_ended_while_pending(box):
    """A turn that the end of its job cuts short."""
    job = box.set("/jobs", {})["id"]
    box.set("/turns", {"job": job, "manual": True})
    box.go_on(job, "one")
    box.set(f"/jobs/{job}/pickup", {})
    box.go_on(job, "two")
    box.set(f"/jobs/{job}/end", {"form": "merged", "name": "octocat"})
    same("both stay as they were", [(r, s) for r, s, _ in thread(box, job)],
         [("user", "pending"), ("user", "queued"), ("system", "completed")])
    same("no turn is left", [box.control("POST", f"/jobs/{job}/{p}", {}).status
                             for p in ("advance", "pickup", "complete")], [409] * 3)


def test_polls(box):
    """How often a bridge asks."""
    job = box.set("/jobs", {})["id"]
    box.set("/turns", {"job": job, "manual": True})
    message = box.go_on(job, "x").json()["message_id"]
    for _ in range(3):
        box.messages(job)
    box.api("GET", f"/messages/{message}")
    box.api("GET", f"/conversations/{job}/messages", key=box.other)
    got = box.job(job)
    same("lists and gets are counted", (got["lists"], got["gets"]), (3, 1))
    got = box.control("GET", "/counts").json()
    check("over all jobs too", got["lists"] >= 3 and got["gets"] >= 1, got)
    path = f"/wait?job={job}&lists=4&timeout_ms="
    same("wait for a list: not yet", box.control("GET", path + "10").status, 408)
    box.messages(job)
    same("wait for a list", box.control("GET", path + str(WAIT * 1000)).status, 200)
    same("wait for a get", [box.control("GET", f"/wait?job={job}&gets={n}&timeout_ms=10").status for n in (1, 2)],
         [200, 408])
