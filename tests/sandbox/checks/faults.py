# SPDX-License-Identifier: Apache-2.0
"""Faults in the answers."""
import time

from checks.kit import ACTIVE, LEGACY, Raw, WAIT, check, is_page, same


def test_faults(box):
    """12.5, each on one kept path, and what became of the message."""
    def with_fault(name, fault, **settings):
        box.reset()
        box.set("/faults", dict({"path": "/continue", "fault": fault}, **settings))
        return box.go_on(ACTIVE, name), box.users(ACTIVE)

    for status in (401, 429, 500, 502, 503):
        got, users = with_fault("x", "status", status=status, headers={"Retry-After": "7"})
        check(f"status {status}", got.status == status and got.error is not None and users == [] and
              got.headers["Retry-After"] == "7", got.body)
    got, users = with_fault("x", "status", status=500, create=True, body='{"error":"internal"}')
    same("500 although it was created", (got.status, got.error, users), (500, "internal", ["x"]))
    got, users = with_fault("x", "html")
    check("HTML 403", got.status == 403 and is_page(got) and users == [], got.body)
    got, users = with_fault("x", "html", status=502, create=True)
    check("HTML 502 although it was created", got.status == 502 and is_page(got) and users == ["x"], got.body)
    got, users = with_fault("x", "empty")
    same("empty body", (got.status, got.body, users), (201, b"", ["x"]))
    got, users = with_fault("x", "truncated")
    check("truncated JSON", got.status == 201 and got.body.startswith(b'{"job_id') and
          not got.body.endswith(b"}") and users == ["x"], got.body)
    got, users = with_fault("x", "wrong_types")
    same("wrong types", (got.status, got.json(), users), (201, {"job_id": 7, "message_id": 7}, ["x"]))
    got, users = with_fault("x", "ok200")
    same("200 instead of 201", (got.status, sorted(got.json()), users), (200, ["job_id", "message_id"], ["x"]))
    got, users = with_fault("x", "trickle", delay_ms=1)
    same("trickle", (got.status, users), (201, ["x"]))
    test_delays(box)
    test_resets(box)
    test_fault_rules(box)


def test_delays(box):
    for fault, settings, wanted in (("delay_after", {}, ["late"]), ("delay_before", {}, []),
                                    ("delay_before", {"create": True}, ["late"])):
        box.reset()
        box.set("/faults", dict({"path": "/continue", "fault": fault, "delay_ms": 60000}, **settings))
        try:
            box.go_on(ACTIVE, "late", timeout=0.3)
            check(f"{fault} {settings}: the client gives up", False)
        except TimeoutError:
            check(f"{fault} {settings}: the client gives up", True)
        same(f"{fault} {settings}: at that moment", box.users(ACTIVE), ["late"] if fault == "delay_after" else [])
        box.set("/release", {})
        got = box.control("GET", f"/wait?job={ACTIVE}&count={len(wanted)}&timeout_ms={WAIT * 1000}")
        same(f"{fault} {settings}: in the end", (got.status, box.users(ACTIVE)), (200, wanted))
    box.reset()
    box.set("/faults", {"path": "/continue", "fault": "delay_before", "delay_ms": 1})
    same("delay_before ends in 504", box.go_on(ACTIVE, "x").status, 504)
    box.set("/faults", {"path": "/continue", "fault": "delay_after", "delay_ms": 50})
    began = time.monotonic()
    same("delay_after ends in the answer", box.go_on(ACTIVE, "x").status, 201)
    check("after the delay", time.monotonic() - began >= 0.05)


def test_resets(box):
    for fault, wanted in (("reset_before", ["first"]), ("reset_after", ["first", "second"])):
        for round_number in range(5):
            box.reset()
            raw = Raw(box)
            raw.send(ACTIVE, "first")
            same(f"{fault} {round_number}: fine before", raw.outcome(), 201)
            box.set("/faults", {"path": "/continue", "fault": fault})
            raw.send(ACTIVE, "second")
            same(f"{fault} {round_number}: a reset on a kept connection", raw.outcome(), "reset")
            same(f"{fault} {round_number}: the store", box.users(ACTIVE), wanted)
    box.set("/faults", {"path": "/continue", "fault": "reset_after"})
    raw = Raw(box)
    raw.send(LEGACY, "fresh")
    same("a reset on a fresh connection", raw.outcome(), "reset")
    box.set("/faults", {"path": "/continue", "fault": "cut"})
    raw = Raw(box)
    raw.send(LEGACY, "cut")
    same("a connection cut in the body", raw.outcome(), "cut")
    same("fine again after that", box.go_on(LEGACY, "fine").status, 201)
    same("all were created", box.users(LEGACY), ["fresh", "cut", "fine"])


def test_fault_rules(box):
    box.reset()
    box.set("/faults", {"path": f"*/{ACTIVE}/*", "method": "POST", "fault": "status", "status": 503,
                        "times": 2, "skip": 1})
    same("skip and times", [box.go_on(ACTIVE, str(i)).status for i in range(5)], [201, 503, 503, 201, 201])
    same("another path is not hit", box.go_on(LEGACY, "x").status, 201)
    got = box.control("GET", "/faults").json()["faults"]
    same("hits are counted", [f["hits"] for f in got], [2])
    first = box.set("/faults", {"path": "/messages", "fault": "empty", "times": 0})["id"]
    same("until removed", [box.api("GET", f"/conversations/{ACTIVE}/messages").body for _ in range(3)], [b""] * 3)
    same("remove one", box.control("DELETE", f"/faults/{first}").status, 200)
    same("it is gone", box.api("GET", f"/conversations/{ACTIVE}/messages").status, 200)
    same("remove what is not there", box.control("DELETE", "/faults/999").status, 404)
    box.set("/faults", {"path": "/continue", "fault": "status", "in_body": "tag-7", "times": 0})
    same("by what the body holds", [box.go_on(ACTIVE, p).status for p in ("tag-6", "tag-7")], [201, 500])
    box.control("DELETE", "/faults")
    same("remove all", box.go_on(ACTIVE, "tag-7").status, 201)
    for wrong in ({"fault": "empty"}, {"path": "x", "fault": "nonsense"}, {"path": "x", "fault": "empty", "tims": 1},
                  {"path": "x", "fault": "status", "status": 99}, {"path": "x", "fault": "empty", "headers": [1]}):
        same(f"a wrong fault is refused: {wrong}", box.control("POST", "/faults", wrong).status, 400)
    box.set("/waf", {"substring": ["<script>", "DROP TABLE"]})
    got = box.go_on(ACTIVE, "look at <script>alert(1)</script>")
    check("WAF: HTML 403", got.status == 403 and is_page(got), got.body)
    same("WAF: other prompts pass", box.go_on(ACTIVE, "harmless").status, 201)
    box.set("/waf", {"substring": None})
    same("WAF: off", box.go_on(ACTIVE, "DROP TABLE x").status, 201)
    check("WAF: nothing was created", "look at" not in str(box.users(ACTIVE)))
