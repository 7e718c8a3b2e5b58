# SPDX-License-Identifier: Apache-2.0
"""Nairi's API: transport, the order of checks, each endpoint."""
import base64
import http.client
import json
import re
import shutil
import subprocess
import time

from checks.kit import (
    ABANDONED, ACTIVE, API, COMPLETED, DISCORD, ERROR, FOREIGN, LEGACY, NOBODY, Raw, SLACK, ULID, WAIT, WEB,
    check, same, upload)


def test_transport(box):
    """12.1"""
    got = box.api("GET", "/nowhere")
    check("unknown path: 404 in JSON", got.status == 404 and got.error is not None, got.body)
    got = box.api("GET", f"/conversations/{ACTIVE}/continue")
    check("wrong method: 405 in JSON", got.status == 405 and got.error is not None, got.body)
    same("405 says what is allowed", got.headers["Allow"], "POST")
    same("wrong method on a list", box.api("DELETE", "/agents").status, 405)
    same("outside every prefix", box.http("GET", "/").status, 404)
    for name, answer in {
        "200": box.api("GET", "/agents"), "201": box.go_on(ACTIVE, "type"),
        "400": box.go_on("job_x", "x"), "401": box.go_on(ACTIVE, "x", "nr_no"),
        "404": box.go_on(NOBODY, "x"), "405": box.api("PUT", "/agents"),
    }.items():
        same(f"{name} is application/json", (str(answer.status), answer.headers["Content-Type"]),
             (name, "application/json"))
    raw = Raw(box)
    for i in range(3):
        raw.send(ACTIVE, f"kept {i}")
        same(f"keep-alive, request {i}", raw.outcome(), 201)
    connection = http.client.HTTPConnection(box.host, box.port, timeout=WAIT)
    connection.request("POST", f"{API}/conversations/{ACTIVE}/continue",
                       iter([b'{"pro', b'mpt":"chun', b'ked"}']),
                       {"Authorization": "Bearer " + box.good}, encode_chunked=True)
    same("a chunked upload", connection.getresponse().status, 201)
    connection.close()
    same("its text is whole", box.users(ACTIVE)[-1], "chunked")
    test_expect(box)
    got = box.api("POST", f"/conversations/{ACTIVE}/continue",
                  {"prompt": "extra", "colour": "red", "reasoning_effort": 3})
    same("unknown members are ignored", got.status, 201)
    raw = Raw(box)
    raw.socket.sendall(f"POST {API}/attachments HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n".encode())
    same("a body beyond all limits", raw.outcome(), 413)
    encoded = ACTIVE.replace("_", "%5F").replace("K", "%4b")
    same("ids are percent-decoded", box.go_on(encoded, "decoded").status, 201)
    for slug in ("octo/hello", "octo%2Fhello", "octo%2fhello"):
        same(f"slug {slug} in a path", box.api("GET", f"/agents/{slug}/conversations").status, 200)
    same("an encoded slash does not split elsewhere",
         box.api("GET", f"/conversations%2F{ACTIVE}/messages").status, 404)


def test_expect(box):
    """Expect: 100-continue, as libcurl sends it for larger bodies."""
    raw = Raw(box)
    body = json.dumps({"prompt": "expected"}).encode()
    raw.socket.sendall((f"POST {API}/conversations/{ACTIVE}/continue HTTP/1.1\r\nHost: x\r\n"
                        f"Authorization: Bearer {box.good}\r\nExpect: 100-continue\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode())
    same("100 Continue", raw.socket.recv(4096), b"HTTP/1.1 100 Continue\r\n\r\n")
    raw.socket.sendall(body)
    same("and then the answer", raw.outcome(), 201)


def test_order(box):
    """12.2: each request has this fault and all later ones; the earlier check must win."""
    bad, none = "not json", {}
    for header in (None, "Bearer", "Bearer ", "Basic " + box.good, box.good, "Bearer nr_unknown",
                   "Bearer ccagent_x", "Bearer " + box.revoked):
        headers = {"Authorization": header} if header else {}
        got = box.http("POST", f"{API}/conversations/job_bad/continue", bad, headers)
        check(f"1. 401 first, with authorization {str(header)[:16]!r}",
              got.status == 401 and got.error is not None, got.body)
    same("1. 401 also on an unknown path", box.http("GET", API + "/nowhere").status, 401)
    for job in ("job_bad", "job_01KRK1V46BXS73CSNK2VR35NPI", "JOB_01KRK1V46BXS73CSNK2VR35NPJ",
                "job_01KRK1V46BXS73CSNK2VR35NPJ0", "job01KRK1V46BXS73CSNK2VR35NPJ",
                "_01KRK1V46BXS73CSNK2VR35NPJ", "job__01KRK1V46BXS73CSNK2VR35NPJ",
                "job_01krk1v46bxs73csnk2vr35npj", "job_01KRK1V46BXS73CSNK2VR35NP%C3%84", ACTIVE + "-x"):
        got = box.api("POST", f"/conversations/{job}/continue", bad)
        check(f"2. 400 malformed id {job}", got.status == 400 and got.error == "invalid job id", got.body)
    for text in (bad, "[]", '"x"', "{", '{"prompt":"x"} y', "", b'{"prompt":"\xff"}', "null"):
        got = box.api("POST", f"/conversations/{NOBODY}/continue", text)
        check(f"3. 400 body {text!r}", got.status == 400 and got.error == "invalid request body", got.body)
    for prompt in (none, {"prompt": None}, {"prompt": ""}, {"prompt": 5}, {"prompt": ["x"]},
                   {"Prompt": "x"}):
        got = box.api("POST", f"/conversations/{NOBODY}/continue", prompt)
        check(f"4. 400 prompt is required: {prompt}",
              got.status == 400 and got.error == "prompt is required", got.body)
    eleven = {"prompt": "x", "attachment_ids": ["bad"] * 11}
    for job, key in ((NOBODY, None), (FOREIGN, None), (ACTIVE, box.other),
                     (ACTIVE.replace("job_", "cmsg_"), None)):
        got = box.api("POST", f"/conversations/{job}/continue", eleven, key)
        check(f"5. 404 job not found: {job}",
              got.status == 404 and got.error == "job not found", got.body)
    for job in (SLACK, DISCORD, WEB):
        got = box.api("POST", f"/conversations/{job}/continue", eleven)
        check(f"6. 400 not an API job: {job}",
              got.status == 400 and got.error == "job is not an API job", got.body)
    foreign = upload(box, b"theirs", key=box.other).json()["attachment_id"]
    for ids in (["bad"] * 11, ["att_bad"], ["att_" + NOBODY[4:]], [5], "att", [foreign]):
        got = box.api("POST", f"/conversations/{ACTIVE}/continue", {"prompt": "x", "attachment_ids": ids})
        check(f"7. 400 attachments {str(ids)[:40]}", got.status == 400 and got.error is not None, got.body)
    same("nothing was created by any of these", box.job(ACTIVE)["user_messages"], 0)
    got = box.go_on(LEGACY, "old form")
    same("8. 201, a legacy id", (got.status, sorted(got.json())), (201, ["job_id", "message_id"]))
    got = box.api("POST", "/conversations/start", {"prompt": "x"})
    same("start: agent_id is required", (got.status, got.error), (400, "agent_id is required"))
    got = box.api("POST", "/conversations/start", {"agent_id": "no-such"})
    same("start: prompt before agent", (got.status, got.error), (400, "prompt is required"))
    for agent in ("no-such", "other-agent"):
        got = box.api("POST", "/conversations/start", {"prompt": "x", "agent_id": agent})
        same(f"start: agent {agent} is unknown", got.status, 404)
    got = box.api("POST", "/conversations/start", {"prompt": "x", "agent_id": "my-agent", "ask_mode": "yes"})
    same("start: ask_mode of a wrong type", got.status, 400)


def test_continue(box):
    """12.3 start, continue, list, get."""
    got = box.api("POST", "/conversations/start", {"agent_id": "octo/hello", "prompt": "Hi.", "ask_mode": True})
    job, message = got.json()["job_id"], got.json()["message_id"]
    same("start: 201", got.status, 201)
    check("start: ids", re.fullmatch("job_" + ULID, job) and re.fullmatch("cmsg_" + ULID, message), got.body)
    same("start: ask_mode is kept", box.job(job)["ask_mode"], True)
    messages = box.settle(job, 1)
    same("start: the first turn runs", [m["role"] for m in messages], ["user", "assistant"])
    same("an empty thread is {\"messages\": []}", box.api("GET", f"/conversations/{ACTIVE}/messages").body,
         b'{"messages":[]}')
    box.set("/turns", {"manual": True})
    before = box.job(ACTIVE)["updated_at"]
    time.sleep(0.002)
    got = box.go_on(ACTIVE, "Żółć ✓ \"quoted\"\nline <b>\u2028")
    message = got.json()["message_id"]
    same("continue: 201 and the job's id", (got.status, got.json()["job_id"]), (201, ACTIVE))
    one = box.api("GET", f"/messages/{message}").json()
    same("the message is there before the answer", (one["role"], one["status"]), ("user", "queued"))
    same("its text is verbatim", one["content"], "Żółć ✓ \"quoted\"\nline <b>\u2028")
    same("no optional member is null", sorted(one), sorted(
        ["id", "job_id", "content", "role", "status", "created_at", "updated_at"]))
    same("get and list show the same", box.messages(ACTIVE), [one])
    check("times have milliseconds and Z",
          re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["created_at"]), one)
    check("updated_at of the job moves", box.job(ACTIVE)["updated_at"] > before)
    same("get: unknown id", box.api("GET", "/messages/cmsg_" + NOBODY[4:]).status, 404)
    same("get: malformed id", box.api("GET", "/messages/cmsg_x").status, 400)
    same("get: other organisation", box.api("GET", f"/messages/{message}", key=box.other).status, 404)
    got = box.api("GET", f"/conversations/{NOBODY}/messages")
    same("list: unknown job", (got.status, got.error), (404, "job not found"))
    same("list: malformed id", box.api("GET", "/conversations/x/messages").status, 400)
    same("list: other organisation", box.api("GET", f"/conversations/{ACTIVE}/messages", key=box.other).status, 404)
    same("list: a Slack job can be read", box.api("GET", f"/conversations/{SLACK}/messages").status, 200)
    big = "x" * 300000
    same("a large prompt", box.go_on(ACTIVE, big).status, 201)
    same("is kept whole", box.users(ACTIVE)[-1], big)


def test_curl(box):
    """The call as the API documentation shows it."""
    if shutil.which("curl") is None:
        check("curl example # SKIP no curl", True)
        return
    got = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", "-X", "POST",
         f"{box.ready['nairi']}{API}/conversations/{ACTIVE}/continue",
         "-H", f"Authorization: Bearer {box.good}", "-H", "Content-Type: application/json",
         "-d", '{"prompt": "Now add tests for the new endpoint."}'],
        capture_output=True, timeout=WAIT, check=False)
    body, status = got.stdout.decode().rsplit("\n", 1)
    same("curl example: 201", status, "201")
    check("curl example: the two ids", re.fullmatch(
        r'\{"job_id":"%s","message_id":"cmsg_%s"\}' % (ACTIVE, ULID), body), body)


def test_policies(box):
    """12.3, ended jobs."""
    for job in (COMPLETED, ABANDONED):
        got = box.go_on(job, "still there?")
        message = box.api("GET", f"/messages/{got.json()['message_id']}").json()
        same(f"accept-and-stall is the default: {job}", (got.status, message["status"]), (201, "queued"))
        same("the job stays ended", box.job(job)["status"], "completed" if job == COMPLETED else "abandoned")
    same("a stalled message has no turn", box.job(COMPLETED)["phase"], "idle")
    box.set("/policy", {"policy": "reject", "status": 409, "text": "job is completed"})
    got = box.go_on(COMPLETED, "no")
    same("reject: status and text", (got.status, got.error), (409, "job is completed"))
    same("reject: nothing was created", box.job(COMPLETED)["user_messages"], 1)
    same("reject is not for active jobs", box.go_on(ACTIVE, "fine").status, 201)
    box.set("/policy", {"policy": "revive", "job": ABANDONED})
    same("revive: 201", box.go_on(ABANDONED, "wake up").status, 201)
    messages = box.settle(ABANDONED, 2)
    same("revive: a normal turn", (messages[-2]["status"], messages[-1]["role"]), ("completed", "assistant"))
    same("revive: active again", box.job(ABANDONED)["status"], "active")
    same("revive: what was stalled stays so", messages[-3]["status"], "queued")
    same("the other job keeps the global policy", box.go_on(COMPLETED, "no").status, 409)
    same("a job in error can be continued", box.go_on(ERROR, "again").status, 201)
    box.settle(ERROR, 1)
    same("and is active then", box.job(ERROR)["status"], "active")


def rows(box, agent="my-agent", query="", key=None):
    return box.api("GET", f"/agents/{agent}/conversations{query}", key=key)


def ids(answer):
    return [row["id"] for row in answer.json()["conversations"]]


def test_lists(box):
    """3.5 and 3.6."""
    got = rows(box)
    same("list conversations: all statuses", len(ids(got)), 8)
    check("rows have id, status, updated_at",
          all({"id", "status", "updated_at"} <= set(r) for r in got.json()["conversations"]), got.body)
    agents = box.api("GET", "/agents").json()
    check("agents: a bare array", isinstance(agents, list) and len(agents) == 3, agents)
    by_slug = {a["agent_id"]: a for a in agents}
    check("agents: null description", by_slug["octo/hello"]["description"] is None)
    check("agents: absent description", "description" not in by_slug["quiet-agent"])
    check("agents: members", all(isinstance(a["id"], str) and re.fullmatch("cci_" + ULID, a["id"]) and
                                 isinstance(a["instances_count"], int) and
                                 isinstance(a["is_self_hosted"], bool) for a in agents), agents)
    same("agents: other organisation",
         [a["agent_id"] for a in box.api("GET", "/agents", key=box.other).json()], ["other-agent"])
    same("by cci_ id", sorted(ids(rows(box, by_slug["my-agent"]["id"]))), sorted(ids(got)))
    same("unknown agent", rows(box, "no-such").status, 404)
    same("an agent of the other organisation", rows(box, "other-agent").status, 404)
    same("unknown cci_ id", rows(box, "cci_" + NOBODY[4:]).status, 404)
    same("malformed cci_ id", rows(box, "cci_x").status, 400)
    same("status filter", ids(rows(box, query="?status=completed")), [COMPLETED])
    same("two statuses", sorted(ids(rows(box, query="?status=error,abandoned"))), sorted([ERROR, ABANDONED]))
    for query in ("status=Active", "status=", "status=active,", "status=,active", "status=active,,error",
                  "status=done", "limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "offset=-1",
                  "offset=x", "sort=created_at", "sort=", "updated_after=yesterday", "updated_after=",
                  "updated_after=2026-01-01"):
        got = rows(box, query="?" + query)
        check(f"400 for {query}", got.status == 400 and got.error is not None, got.body)
    same("limit bounds", [rows(box, query=f"?limit={n}").status for n in (1, 100)], [200, 200])
    test_sort(box)


def test_sort(box):
    made = []
    for i, (created, updated) in enumerate([("01", "09"), ("02", "05"), ("03", "07"), ("04", "07")]):
        made.append(box.set("/jobs", {
            "agent": "quiet-agent", "created_at": f"2026-01-01T00:00:{created}.000Z",
            "updated_at": f"2026-01-02T00:00:{updated}.500Z"})["id"])
        same(f"seeding job {i}", bool(re.fullmatch("job_" + ULID, made[i])), True)
    a, b, c, d = made
    for query, wanted in {
        "": [d, c, b, a], "?sort=created_at_desc": [d, c, b, a], "?sort=created_at_asc": [a, b, c, d],
        "?sort=updated_at_asc": [b, c, d, a], "?sort=updated_at_desc": [a, d, c, b],
        "?sort=created_at_asc&limit=2&offset=1": [b, c], "?offset=4": [],
        "?sort=updated_at_asc&updated_after=2026-01-02T00:00:07.500Z": [a],
        "?sort=updated_at_asc&updated_after=2026-01-02T00:00:07.499Z": [c, d, a],
        "?sort=updated_at_asc&updated_after=2026-01-02T01:00:07.499%2B01:00": [c, d, a],
        "?updated_after=2027-01-02T00:00:00Z": [],
    }.items():
        same(f"list order{query}", ids(rows(box, "quiet-agent", query)), wanted)
    for i in range(55):
        box.set("/jobs", {"agent": "octo/hello"})
    same("50 rows by default", len(ids(rows(box, "octo/hello"))), 50)
    same("the rest by offset", len(ids(rows(box, "octo/hello", "?offset=50"))), 5)


def test_attachments(box):
    """3.7, 3.8."""
    data = bytes(range(256)) + b"\r\n--not the boundary\r\n\r\n"
    got = upload(box, data, "ü \u2713.bin")
    same("upload: 201", got.status, 201)
    attachment = got.json()["attachment_id"]
    check("upload: id", re.fullmatch("att_" + ULID, attachment), attachment)
    got = box.api("GET", f"/attachments/{attachment}").json()
    same("get: file name is kept", got["filename"], "ü \u2713.bin")
    same("get: bytes are kept", base64.b64decode(got["data"], validate=True), data)
    same("get: id", got["id"], attachment)
    same("get: other organisation", box.api("GET", f"/attachments/{attachment}", key=box.other).status, 404)
    same("get: malformed", box.api("GET", "/attachments/att_x").status, 400)
    empty = upload(box, b"").json()["attachment_id"]
    same("an empty file", box.api("GET", f"/attachments/{empty}").json()["data"], "")
    same("a preamble before the first part", upload(box, b"x", before=b"preamble\r\n").status, 201)
    check("no part named file: 400", upload(box, b"x", field="document").status == 400)
    got = box.http("POST", API + "/attachments", b"x", {"Authorization": "Bearer " + box.good})
    check("no multipart: 400", got.status == 400 and got.error is not None, got.body)
    same("50 MB is allowed", upload(box, b"\0" * (50 * 1024 * 1024)).status, 201)
    got = upload(box, b"\0" * (50 * 1024 * 1024 + 1))
    check("a byte more is not", got.status == 400 and got.error is not None, got.body[:200])
    got = box.api("POST", f"/conversations/{ACTIVE}/continue",
                  {"prompt": "see", "attachment_ids": [attachment, empty]})
    message = box.api("GET", f"/messages/{got.json()['message_id']}").json()
    same("a message with attachments", message["attachment_ids"], [attachment, empty])
    got = box.api("POST", f"/conversations/{ACTIVE}/continue", {"prompt": "see", "attachment_ids": []})
    message = box.api("GET", f"/messages/{got.json()['message_id']}").json()
    check("an empty list is left out", "attachment_ids" not in message, message)
    ten = {"prompt": "x", "attachment_ids": [attachment] * 10}
    same("ten are allowed", box.api("POST", f"/conversations/{ACTIVE}/continue", ten).status, 201)
