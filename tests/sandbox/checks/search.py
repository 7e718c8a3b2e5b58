# SPDX-License-Identifier: Apache-2.0
"""Over all jobs: which messages bear a text or a tag, and faults on `start`, which make jobs."""
import threading

from checks.kit import ACTIVE, LEGACY, WAIT, check, is_page, same


def found(box, query):
    return box.control("GET", "/messages?" + query).json()


def start(box, prompt, agent="my-agent", key=None):
    return box.api("POST", "/conversations/start", {"agent_id": agent, "prompt": prompt}, key)


def test_search(box):
    box.go_on(ACTIVE, "first [nairi-bridge A]")
    one = start(box, "second [nairi-bridge B]").json()
    two = start(box, "third [nairi-bridge B]").json()
    box.go_on(LEGACY, "mentions [nairi-bridge B] and is [nairi-bridge C]")
    got = found(box, "tag=%5Bnairi-bridge%20B%5D")
    same("by tag", (got["count"], got["jobs"], [(m["job_id"], m["id"]) for m in got["messages"]]),
         (2, 2, [(one["job_id"], one["message_id"]), (two["job_id"], two["message_id"])]))
    same("by text", [m["job_id"] for m in found(box, "text=nairi-bridge%20B")["messages"]],
         [one["job_id"], two["job_id"], LEGACY])
    same("in one job", found(box, f"job={LEGACY}")["count"], 1)
    same("nothing", found(box, "text=nothing"), {"count": 0, "jobs": 0, "messages": []})
    got = box.control("GET", "/duplicates").json()
    same("duplicates: tags", (got["tags"], [(d["tag"], d["count"], d["jobs"]) for d in got["duplicates"]]),
         (3, [("[nairi-bridge B]", 2, 2)]))
    same("duplicates: where", [m["id"] for m in got["duplicates"][0]["messages"]],
         [one["message_id"], two["message_id"]])
    box.settle(one["job_id"], 1)
    same("answers", found(box, f"role=assistant&job={one['job_id']}")["count"], 1)
    same("all roles", found(box, f"role=any&job={one['job_id']}")["count"], 2)
    same("by status", found(box, f"status=queued&job={one['job_id']}")["count"], 0)
    results = []
    waiter = threading.Thread(target=lambda: results.append(box.control(
        "GET", f"/wait_messages?role=system&text=opened&count=1&timeout_ms={WAIT * 1000}").status))
    waiter.start()
    same("wait: not yet", box.control("GET", "/wait_messages?role=system&text=opened&timeout_ms=10").status, 408)
    box.set(f"/jobs/{ACTIVE}/notice", {"notice": "opened"})
    waiter.join(WAIT)
    same("a waiter for messages is woken", results, [200])


def test_start_faults(box):
    """A start that fails, and how many jobs it has made."""
    for fault, settings, wanted, jobs in (
            ("reset_before", {}, "reset", 0), ("reset_after", {}, "reset", 1),
            ("status", {"status": 503}, 503, 0), ("status", {"status": 500, "create": True}, 500, 1),
            ("status", {"status": 401}, 401, 0), ("html", {}, 403, 0),
            ("html", {"status": 502, "create": True}, 502, 1),
            ("empty", {}, 201, 1), ("truncated", {}, 201, 1), ("wrong_types", {}, 201, 1), ("ok200", {}, 200, 1),
            ("status", {"status": 429, "headers": {"Retry-After": "1"}}, 429, 0)):
        box.reset()
        box.set("/faults", dict(settings, path="/conversations/start", fault=fault))
        same("a fault for start leaves continue alone", box.go_on(ACTIVE, "x").status, 201)
        try:
            got = start(box, "[nairi-bridge S]")
            status = got.status
            check(f"start under {fault}: a page or not", is_page(got) == (fault == "html"), got.body)
        except ConnectionError:
            status = "reset"
        same(f"start under {fault} {settings}", (status, found(box, "text=bridge%20S")["count"]), (wanted, jobs))
        got = start(box, "[nairi-bridge S]")
        same(f"start again after {fault}", (got.status, found(box, "text=bridge%20S")["jobs"]), (201, jobs + 1))
        same(f"and a double job is seen after {fault}",
             len(box.control("GET", "/duplicates").json()["duplicates"]), jobs)
        same("the job is among the agent's", got.json()["job_id"] in [
            r["id"] for r in box.api("GET", "/agents/my-agent/conversations?sort=updated_at_desc&limit=3")
            .json()["conversations"]], True)
    for after, jobs in (("delay_after", 1), ("delay_before", 0)):
        box.reset()
        box.set("/faults", {"path": "/start", "fault": after, "delay_ms": 60000})
        try:
            box.api("POST", "/conversations/start", {"agent_id": "my-agent", "prompt": "late"}, timeout=0.3)
            status = "answered"
        except TimeoutError:
            status = "late"
        same(f"start under {after}", (status, found(box, "text=late")["count"]), ("late", jobs))
        box.set("/release", {})
    got = start(box, "x", agent="nobody")
    same("start: unknown agent", (got.status, got.error), (404, "agent not found"))
