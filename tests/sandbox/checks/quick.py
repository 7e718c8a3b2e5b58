# SPDX-License-Identifier: Apache-2.0
"""--quick."""
import http.client
import json

from checks.kit import API, FOREIGN, NOBODY, SLACK, WAIT, Raw, Sandbox, check, same


def fnv(text):
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001b3) & (2 ** 64 - 1)
    return f"{value:016x}"


def test_quick(binary):
    """--quick."""
    box = Sandbox(binary, "--quick")
    connection = http.client.HTTPConnection(box.host, box.port, timeout=WAIT)
    statuses, last = set(), None
    for i in range(300):
        connection.request("POST", f"{API}/conversations/{NOBODY}/continue",
                           json.dumps({"prompt": f"prompt {i} [nairi-bridge {i}]"}),
                           {"Authorization": "Bearer " + box.good})
        got = connection.getresponse()
        last = json.loads(got.read())["message_id"]
        statuses.add(got.status)
    same("quick: unknown jobs are there", statuses, {201})
    quick = box.job(NOBODY)["quick"]
    same("quick: counters", (quick["messages"], quick["duplicates"]), (300, 0))
    same("quick: the chain proves order", quick["chain"], fnv("".join(f"[nairi-bridge {i}]\n" for i in range(300))))
    box.go_on(NOBODY, "other words [nairi-bridge 7]")
    same("quick: duplicates", box.job(NOBODY)["quick"]["duplicates"], 1)
    same("quick: another job is another matter", box.go_on(FOREIGN, "x", key=box.other).status, 201)
    got = box.api("GET", f"/messages/{last}").json()
    same("quick: look-up by id", (got["content"], got["status"]), ("prompt 299 [nairi-bridge 299]", "completed"))
    got = box.messages(NOBODY)
    check("quick: the latest are listed in order", len(got) == 256 and
          got[-2]["content"] == "prompt 299 [nairi-bridge 299]", got[-2:])
    same("quick: no request log", box.control("GET", "/requests").json()["requests"], [])
    same("quick: checks stay", [box.go_on(SLACK, "x").status, box.go_on("x", "x").status,
                                box.go_on(NOBODY, "x", "bad").status, box.go_on(NOBODY, "x", box.other).status],
         [400, 400, 401, 404])
    box.set("/faults", {"path": "/continue", "fault": "reset_after"})
    raw = Raw(box)
    raw.send(NOBODY, "r [nairi-bridge r]")
    same("quick: faults work", raw.outcome(), "reset")
    check("quick: and leave what they leave", box.messages(NOBODY)[-1]["content"].endswith("[nairi-bridge r]"))
    path = "/repos/o/r/issues/comments/77/reactions"
    same("quick: any comment can be reacted to", box.github("POST", path, {"content": "eyes"}).status, 201)
    same("quick: wait", box.control("GET", f"/wait?job={NOBODY}&count=302").status, 200)
    test_pending(box)
    same("quick: ends with 0", box.stop()[0], 0)


def test_pending(box):
    """Messages that are pending until told, or for a while; a long list of jobs."""
    box.reset()
    box.set("/quick", {"pending": True, "answer": "*Done.*\n"})
    jobs = [NOBODY[:-2] + x for x in ("00", "01", "02")]
    got = [box.go_on(job, f"p [nairi-bridge {i}]").json()["message_id"] for i, job in enumerate(jobs)]

    def states(job):
        return [(m["role"], m["status"]) for m in box.messages(job)]

    same("quick: pending until told", [states(j) for j in jobs], [[("user", "pending")]] * 3)
    box.set("/quick/complete", {"job": jobs[0]})
    done = [("user", "completed"), ("assistant", "completed")]
    same("quick: one is told", [states(j) for j in jobs], [done] + [[("user", "pending")]] * 2)
    box.go_on(jobs[0], "p [nairi-bridge 9]")
    same("quick: what comes later is pending", states(jobs[0]), done + [("user", "pending")])
    box.set("/quick/complete", {})
    same("quick: all are told", [states(j) for j in jobs], [done * 2, done, done])
    answer = box.messages(jobs[1])[1]
    same("quick: the answer", (answer["content"], answer["job_id"]), ("*Done.*\n", jobs[1]))
    same("quick: the answer can be got", box.api("GET", f"/messages/{answer['id']}").json(), answer)
    one = box.api("GET", f"/messages/{got[1]}").json()
    same("quick: get and list show the same", box.messages(jobs[1])[0], one)
    box.set("/quick", {"work_ms": 1, "answer": None})
    box.go_on(jobs[2], "short")
    same("quick: for a while", box.control("GET", f"/wait?job={jobs[2]}&lists=999&timeout_ms=20").status, 408)
    same("quick: and then completed, without an answer", states(jobs[2]), [("user", "completed")] * 2)
    box.api("POST", "/conversations/start", {"agent_id": "my-agent", "prompt": "s [nairi-bridge 1]"})
    quick = box.control("GET", "/counts").json()["quick"]
    same("quick: a second job for one tag is seen", (quick["duplicates"], quick["repeats"]), (0, 1))
    same("quick: lists are counted", box.job(jobs[1])["lists"], 5)
    same("quick: wrong settings", [box.control("POST", "/quick", d).status for d in (
        {"work_ms": -1}, {"answer": 1}, {"answer": "x" * 2000}, {"pendin": True})], [400] * 4)
    same("quick: no such job", box.control("POST", "/quick/complete", {"job": FOREIGN[:-1] + "1"}).status, 404)
    box.github("POST", "/repos/o/r/issues/1/comments", {"body": "x"})
    same("quick: comments are counted", box.control("GET", "/counts").json()["comments"], 1)
