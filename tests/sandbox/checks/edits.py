# SPDX-License-Identifier: Apache-2.0
"""GitHub's API: comments that change, comments on commits, and what a test sees of both."""
import threading
import time

from checks.kit import WAIT, check, same

SHA = "0123456789abcdef0123456789abcdef01234567"


def seen(box, query):
    return box.control("GET", "/github/comments?" + query).json()["comments"]


def texts(comment):
    return [version["body"] for version in comment["history"]]


def make(box, kind):
    """A comment of the bridge: its id and the path for it alone."""
    if kind == "issue":
        got = box.github("POST", "/repos/octo/hello/issues/42/comments", {"body": "v1"}).json()
        return got["id"], f"/repos/octo/hello/issues/comments/{got['id']}"
    if kind == "commit":
        got = box.github("POST", f"/repos/octo/hello/commits/{SHA}/comments", {"body": "v1"}).json()
        return got["id"], f"/repos/octo/hello/comments/{got['id']}"
    got = box.github("POST", "/repos/octo/hello/pulls/42/comments",
                     {"body": "v1", "commit_id": SHA, "path": "a.c"}).json()
    return got["id"], f"/repos/octo/hello/pulls/comments/{got['id']}"


def test_edits(box):
    for kind in ("issue", "review", "commit"):
        number, path = make(box, kind)
        same(f"{kind}: two edits", [box.github("PATCH", path, {"body": b}).status for b in ("v2", "v3")], [200, 200])
        same(f"{kind}: get", box.github("GET", path).json()["body"], "v3")
        got = seen(box, f"id={number}")[0]
        same(f"{kind}: every text is kept", (texts(got), got["edits"], got["kind"]), (["v1", "v2", "v3"], 2, kind))
        check(f"{kind}: with its time", [v["since"] for v in got["history"]] ==
              sorted(v["since"] for v in got["history"]), got["history"])
        same(f"{kind}: react", [box.github("POST", path + "/reactions", {"content": "eyes"}).status
                                for _ in range(2)], [201, 200])
        same(f"{kind}: the test sees it", [r["content"] for r in seen(box, f"id={number}")[0]["reactions"]], ["eyes"])
        got = box.control("POST", f"/github/comments/{number}", {"body": "by another"})
        same(f"{kind}: the test may edit", (got.status, box.github("GET", path).json()["body"]), (200, "by another"))
        same(f"{kind}: an empty text is refused", box.github("PATCH", path, {"body": ""}).status, 422)
        same(f"{kind}: delete by the test", box.control("DELETE", f"/github/comments/{number}").status, 200)
        same(f"{kind}: gone", [box.github(m, path, b).status for m, b in (
            ("GET", None), ("PATCH", {"body": "v9"}), ("DELETE", None))], [404] * 3)
        got = seen(box, f"id={number}")[0]
        same(f"{kind}: the test still sees it", (got["deleted"], texts(got)[-1]), (True, "by another"))
    same("edit what is not there", box.control("POST", "/github/comments/1", {"body": "x"}).status, 404)
    test_commit_comments(box)
    test_edit_faults(box)
    test_edit_waits(box)


def test_commit_comments(box):
    path = f"/repos/octo/commits/commits/{SHA}/comments"
    got = box.github("POST", path, {"body": "About it.", "path": "a.c", "position": 1})
    one = got.json()
    same("commit comment: 201", (got.status, one["commit_id"], one["path"], one["body"]),
         (201, SHA, "a.c", "About it."))
    check("commit comment: its page", one["html_url"].endswith(f"/commit/{SHA}#commitcomment-{one['id']}"), one)
    same("commit comment: list", [c["id"] for c in box.github("GET", path).json()], [one["id"]])
    same("commit comment: another commit", box.github("GET", path.replace(SHA, "f" * 40)).json(), [])
    same("commit comment: not by the other routes", [box.github(
        "GET", f"/repos/octo/commits/{k}/comments/{one['id']}").status for k in ("issues", "pulls")], [404, 404])
    same("commit comment: body is required", box.github("POST", path, {}).status, 422)
    theirs = box.set("/github/comments", {"repo": "octo/commits", "kind": "commit", "sha": SHA, "body": "hi"})
    same("commit comment: somebody's", [c["user"]["login"] for c in box.github("GET", path).json()],
         ["bridge-bot", "octocat"])
    same("commit comment: not ours to edit", box.github(
        "PATCH", f"/repos/octo/commits/comments/{theirs['id']}", {"body": "x"}).status, 403)
    same("commit comment: found by its commit", len(seen(box, f"sha={SHA}&repo=octo/commits&kind=commit")), 2)
    same("a commit comment needs a commit", box.control(
        "POST", "/github/comments", {"repo": "o/r", "kind": "commit"}).status, 400)


def test_edit_faults(box):
    """What can happen to an edit, and the text that is there in the end."""
    limit = {"status": 403, "headers": {"retry-after": "1"},
             "body": '{"message":"You have exceeded a secondary rate limit."}'}
    for fault, settings, wanted, text in (
            ("reset_after", {}, "reset", "v2"), ("reset_before", {}, "reset", "v1"),
            ("status", {"status": 502}, 502, "v1"), ("status", {"status": 500, "create": True}, 500, "v2"),
            ("status", limit, 403, "v1"), ("html", {"status": 503}, 503, "v1"), ("empty", {}, 200, "v2"),
            ("truncated", {}, 200, "v2"), ("status", {"status": 404}, 404, "v1")):
        number, path = make(box, "issue")
        box.set("/faults", dict(settings, path="/issues/comments/", method="PATCH", fault=fault))
        same("a fault for PATCH leaves GET alone", box.github("GET", path).status, 200)
        try:
            got = box.github("PATCH", path, {"body": "v2"}).status
        except ConnectionError:
            got = "reset"
        same(f"edit under {fault} {settings}", (got, box.github("GET", path).json()["body"]), (wanted, text))


def test_edit_waits(box):
    number, path = make(box, "issue")
    results = {}

    def wait(name, query):
        results[name] = box.control("GET", f"{query}&timeout_ms={WAIT * 1000}").status

    waiters = [threading.Thread(target=wait, args=arguments) for arguments in (
        ("text", f"/wait_comments?id={number}&text=finished"),
        ("edits", f"/wait_comments?id={number}&edits=2"),
        ("reaction", f"/wait_reactions?target=issue_comment&number={number}&content=rocket&user=bridge-bot"),
        ("answered", "/wait_requests?path=/issues/comments/&method=PATCH&answered=1&count=2"))]
    box.control("DELETE", "/requests")
    for waiter in waiters:
        waiter.start()
    box.github("PATCH", path, {"body": "working"})
    same("not yet", box.control("GET", f"/wait_comments?id={number}&edits=2&timeout_ms=10").status, 408)
    same("not that text yet", box.control("GET", f"/wait_comments?id={number}&text=finished&timeout_ms=10").status, 408)
    box.github("POST", path + "/reactions", {"content": "rocket"})
    # Nothing happens after this answer but that it is given: that alone must wake who waits for it.
    box.set("/faults", {"path": "/issues/comments/", "method": "PATCH", "fault": "delay_after", "delay_ms": 50})
    box.github("PATCH", path, {"body": "it is finished"})
    began = time.monotonic()
    for waiter in waiters:
        waiter.join(WAIT)
    check("by the event and not by the clock", time.monotonic() - began < WAIT / 2)
    same("waiters for edits are woken", results, dict.fromkeys(("text", "edits", "reaction", "answered"), 200))
