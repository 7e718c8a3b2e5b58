# SPDX-License-Identifier: Apache-2.0
"""GitHub's API."""
import time

from checks.kit import check, same


def test_github(box):
    """Write-back: comments."""
    path = "/repos/octo/hello/issues/42/comments"
    got = box.github("POST", path, {"body": "Hello **you**."})
    comment = got.json()
    same("comment: 201", got.status, 201)
    check("comment: members", comment["id"] > 2 ** 31 and comment["body"] == "Hello **you**." and
          comment["user"]["login"] == "bridge-bot" and comment["html_url"].endswith(str(comment["id"])), comment)
    check("rate-limit headers", all(got.headers["x-ratelimit-" + name] for name in
                                    ("limit", "remaining", "used", "reset", "resource")), dict(got.headers))
    same("list", [c["id"] for c in box.github("GET", path).json()], [comment["id"]])
    same("list of another issue", box.github("GET", "/repos/octo/hello/issues/43/comments").json(), [])
    same("repository names have no case", len(box.github("GET", path.replace("octo", "Octo")).json()), 1)
    single = f"/repos/octo/hello/issues/comments/{comment['id']}"
    got = box.github("PATCH", single, {"body": "Edited."})
    same("patch", (got.status, got.json()["body"]), (200, "Edited."))
    same("get", box.github("GET", single).json()["body"], "Edited.")
    same("get by the wrong route", box.github("GET", single.replace("issues", "pulls")).status, 404)
    theirs = box.set("/github/comments", {"repo": "octo/hello", "number": 42, "user": "octocat", "body": "mine"})
    got = box.github("PATCH", f"/repos/octo/hello/issues/comments/{theirs['id']}", {"body": "x"})
    same("patch somebody else's", got.status, 403)
    same("patch what is not there", box.github("PATCH", "/repos/octo/hello/issues/comments/1", {"body": "x"}).status, 404)
    got = box.github("POST", path, {"body": "é" * 65536})
    same("65,536 characters fit", got.status, 201)
    got = box.github("POST", path, {"body": "x" * 65537})
    check("one more does not", got.status == 422 and "too long" in got.json()["errors"][0]["message"], got.body)
    for body, status in (({}, 422), ({"body": ""}, 422), ({"body": 5}, 422), ("{", 400)):
        got = box.github("POST", path, body)
        check(f"body {body!r}: {status}", got.status == status and "message" in got.json(), got.body)
    test_github_access(box, path)
    test_github_pages(box)
    test_github_threads(box)
    test_github_reactions(box)
    test_github_lookups(box)
    test_github_limits(box, path)


def test_github_access(box, path):
    got = box.github("POST", path, {"body": "x"}, headers={"User-Agent": None})
    same("no User-Agent: 403", got.status, 403)
    got = box.github("POST", path, {"body": "x"}, headers={"Authorization": None})
    same("no authorization: 401", (got.status, got.json()["message"]), (401, "Requires authentication"))
    got = box.github("POST", path, {"body": "x"}, token="ghp_wrong")
    same("bad token: 401", (got.status, got.json()["message"]), (401, "Bad credentials"))
    check("GitHub's error shape", "documentation_url" in got.json())
    same("the older scheme", box.github("GET", "/user", headers={"Authorization": "token " + box.token}).status, 200)
    same("unknown route", box.github("GET", "/nowhere").status, 404)
    app = "ghs_" + "12345_eyJhbGciOi.J9-x_" * 24
    box.set("/github/tokens", {"token": app, "login": "my-app[bot]", "type": "Bot"})
    got = box.github("POST", path, {"body": "from an app"}, token=app).json()
    same("another token, another user", (got["user"]["login"], got["user"]["type"]), ("my-app[bot]", "Bot"))
    same("an installation has no user", box.github("GET", "/user", token=app).status, 403)
    box.set("/github/tokens", {"token": app, "login": ""})
    same("a token goes bad", box.github("GET", path, token=app).status, 401)


def test_github_pages(box):
    path = "/repos/octo/pages/issues/1/comments"
    for i in range(35):
        box.github("POST", path, {"body": str(i)})
    got = box.github("GET", path)
    same("30 a page", [c["body"] for c in got.json()], [str(i) for i in range(30)])
    check("a link to the next", f"{path}?per_page=30&page=2>; rel=\"next\"" in got.headers["Link"], got.headers["Link"])
    got = box.github("GET", path + "?page=2")
    check("the second page", len(got.json()) == 5 and 'rel="next"' not in got.headers["Link"] and
          'rel="prev"' in got.headers["Link"], got.headers["Link"])
    same("per_page", [c["body"] for c in box.github("GET", path + "?per_page=2&page=3").json()], ["4", "5"])
    same("since the future", box.github("GET", path + "?since=2100-01-01T00:00:00Z").json(), [])
    same("since the past", len(box.github("GET", path + "?since=2020-01-01T00:00:00Z&per_page=100").json()), 35)
    same("since nonsense", box.github("GET", path + "?since=yesterday").status, 422)


def test_github_threads(box):
    pulls = "/repos/octo/hello/pulls/42/comments"
    top = box.set("/github/comments", {"repo": "octo/hello", "number": 42, "review": True, "path": "a.c"})["id"]
    got = box.github("POST", f"{pulls}/{top}/replies", {"body": "reply"})
    reply = got.json()
    same("reply: 201", (got.status, reply["in_reply_to_id"], reply["path"]), (201, top, "a.c"))
    got = box.github("POST", f"{pulls}/{reply['id']}/replies", {"body": "x"})
    check("reply to a reply is refused", got.status == 422 and got.json()["errors"], got.body)
    got = box.github("POST", pulls, {"body": "other route", "in_reply_to": top, "path": "ignored"})
    same("reply by the other route", (got.status, got.json()["in_reply_to_id"], got.json()["path"]), (201, top, "a.c"))
    same("a reply's id there is refused",
         box.github("POST", pulls, {"body": "x", "in_reply_to": reply["id"]}).status, 422)
    same("reply to what is not there", box.github("POST", f"{pulls}/1/replies", {"body": "x"}).status, 404)
    same("reply on another pull request", box.github(
        "POST", f"/repos/octo/hello/pulls/43/comments/{top}/replies", {"body": "x"}).status, 404)
    same("a new thread needs a place", box.github("POST", pulls, {"body": "x"}).status, 422)
    same("a new thread", box.github("POST", pulls, {"body": "x", "commit_id": "c", "path": "b.c"}).status, 201)
    same("list of inline comments", [c["body"] for c in box.github("GET", pulls).json()],
         ["Hello.", "reply", "other route", "x"])
    got = box.github("PATCH", f"/repos/octo/hello/pulls/comments/{reply['id']}", {"body": "better"})
    same("patch an inline comment", (got.status, got.json()["body"]), (200, "better"))


def test_github_reactions(box):
    issue = box.set("/github/comments", {"repo": "octo/hello", "number": 42})["id"]
    inline = box.set("/github/comments", {"repo": "octo/hello", "number": 42, "review": True})["id"]
    for path in (f"/repos/octo/hello/issues/comments/{issue}/reactions",
                 f"/repos/octo/hello/pulls/comments/{inline}/reactions",
                 "/repos/octo/hello/issues/42/reactions"):
        same(f"react: new, there, another {path}", [box.github("POST", path, {"content": c}).status
                                                    for c in ("eyes", "eyes", "+1")], [201, 200, 201])
        same("reactions are listed", [(r["content"], r["user"]["login"]) for r in box.github("GET", path).json()],
             [("eyes", "bridge-bot"), ("+1", "bridge-bot")])
        same("content is checked", [box.github("POST", path, b).status
                                    for b in ({"content": "thumbsup"}, {}, {"content": 1})], [422, 422, 422])
    same("react to what is not there",
         box.github("POST", "/repos/octo/hello/issues/comments/1/reactions", {"content": "eyes"}).status, 404)
    same("react by the wrong route",
         box.github("POST", f"/repos/octo/hello/pulls/comments/{issue}/reactions", {"content": "eyes"}).status, 404)
    got = box.control("GET", "/github/comments?repo=octo/hello&number=42&user=octocat").json()["comments"]
    same("the test sees who reacted", [r["user"]["login"] for r in got[-1]["reactions"]], ["bridge-bot"] * 2)
    same("a comment's id can be chosen", box.set("/github/comments", {
        "repo": "octo/hello", "number": 42, "id": 492700400})["id"], 492700400)
    same("but only once", box.control("POST", "/github/comments", {
        "repo": "octo/hello", "number": 42, "id": 492700400}).status, 400)
    same("unless it is of the other kind", box.control("POST", "/github/comments", {
        "repo": "octo/hello", "number": 42, "id": 492700400, "review": True}).status, 201)
    path = "/repos/octo/hello/pulls/7/comments/99"
    box.set("/github/settings", {"any_comment": True})
    same("any comment exists", box.github("POST", path + "/replies", {"body": "x"}).json()["in_reply_to_id"], 99)
    box.set("/github/settings", {"any_comment": False})
    same("all reactions", len(box.control("GET", "/github/reactions").json()["reactions"]), 6)


def test_github_lookups(box):
    user = box.github("GET", "/user").json()
    same("user", (user["login"], user["type"]), ("bridge-bot", "User"))

    def permission(repo, name):
        got = box.github("GET", f"/repos/{repo}/collaborators/{name}/permission").json()
        return got["permission"], got["role_name"], got["user"]["login"]

    same("permission by default", permission("octo/hello", "eve"), ("read", "read", "eve"))
    for role, wanted in (("admin", "admin"), ("maintain", "write"), ("write", "write"), ("triage", "read"),
                         ("none", "none")):
        box.set("/github/permissions", {"repo": "octo/hello", "user": "Eve", "permission": role})
        same(f"permission {role}", permission("octo/hello", "eve"), (wanted, role, "eve"))
    same("in another repository", permission("octo/other", "eve")[0], "read")
    box.set("/github/permissions", {"permission": "none"})
    same("for everybody", permission("octo/other", "mallory")[0], "none")
    got = box.github("GET", "/repos/octo/hello/pulls/42").json()
    same("a pull request by default", (got["number"], got["state"], got["head"]["repo"]["full_name"]),
         (42, "open", "octo/hello"))
    box.set("/github/pulls", {"repo": "octo/hello", "number": 42, "state": "closed", "merged": True,
                              "head_sha": "abc", "head_repo": None, "user": "eve"})
    got = box.github("GET", "/repos/octo/hello/pulls/42").json()
    same("as it was set", (got["state"], got["merged"], got["head"]["sha"], got["head"]["repo"], got["user"]["login"]),
         ("closed", True, "abc", None, "eve"))
    same("by its head", [p["number"] for p in box.github("GET", "/repos/octo/hello/commits/abc/pulls").json()], [42])
    same("a number that is none", box.github("GET", "/repos/octo/hello/pulls/x").status, 404)


def test_github_limits(box, path):
    count = len(box.github("GET", path + "?per_page=100").json())
    box.set("/faults", {"path": "/github/", "fault": "status", "status": 403, "headers": {"retry-after": "2"},
                        "body": '{"message":"You have exceeded a secondary rate limit."}'})
    got = box.github("POST", path, {"body": "x"})
    same("secondary limit", (got.status, got.headers["retry-after"], "secondary" in got.json()["message"]),
         (403, "2", True))
    box.set("/faults", {"path": "/github/", "fault": "status", "status": 429,
                        "headers": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "@now+30"}})
    got = box.github("POST", path, {"body": "x"})
    check("an instant in a header", 0 <= int(got.headers["x-ratelimit-reset"]) - time.time() <= 31,
          dict(got.headers))
    check("a fault has GitHub's error shape", "message" in got.json(), got.body)
    box.set("/github/rate", {"remaining": 1, "reset_in": 60})
    same("the last one", (box.github("GET", "/user").status, box.github("GET", "/user").status), (200, 403))
    got = box.github("GET", "/user")
    same("nothing remains", got.headers["x-ratelimit-remaining"], "0")
    box.set("/github/rate", {"remaining": 5000})
    for fault, created in (("html", 0), ("reset_before", 0), ("reset_after", 1), ("truncated", 1)):
        box.set("/faults", {"path": path, "method": "POST", "fault": fault})
        try:
            box.github("POST", path, {"body": "fault"})
            reset = False
        except ConnectionResetError:
            reset = True
        count += created
        same(f"{fault} on a comment", (reset, len(box.github("GET", path + "?per_page=100").json())),
             ("reset" in fault, count))
