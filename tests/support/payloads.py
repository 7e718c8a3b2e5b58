# SPDX-License-Identifier: Apache-2.0
"""What senders send: signatures of every kind that the sources of the harness want, and GitHub's payloads."""
import base64
import hashlib
import hmac
import threading
import time
import uuid

GITHUB_SECRET = "It's a Secret to Everybody"
CI_SECRET = "ci-secret"
BASE64_SECRET = "base64-secret"
BEARER = "bearer-token-0123456789"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REPO, REPO_ID = "octo/hello", 186853002

# The sandbox's seeded jobs (its README).
JOB_COMPLETED = "job_01KRK1V46BXS73CSNK2VC0MP00"
JOB_SLACK = "job_01KRK1V46BXS73CSNK2VS1ACK0"
JOB_OTHER_ORG = "job_01KRK1V46BXS73CSNK2V0THER0"
JOB_OLD_FORM = "j_01ARZ3NDEKTSV4RRFFQ69G5FAV"
JOB_UNKNOWN = "job_01KRK1V46BXS73CSNK2VN0NE00"


# ---- signatures ----

def hmac_hex(secret, body):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def github_headers(event, body, delivery=None, secret=GITHUB_SECRET, form=False, extra=()):
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    return [("User-Agent", "GitHub-Hookshot/044aadd"), ("Content-Type", kind), ("X-GitHub-Event", event),
            ("X-GitHub-Delivery", delivery or str(uuid.uuid4())),
            ("X-Hub-Signature-256", "sha256=" + hmac_hex(secret, body))] + list(extra)


def standard_headers(body, message_id, timestamp=None, secret=STANDARD_SECRET):
    timestamp = int(time.time()) if timestamp is None else timestamp
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return [("Content-Type", "application/json"), ("webhook-id", message_id), ("webhook-timestamp", str(timestamp)),
            ("webhook-signature", "v1," + base64.b64encode(mac).decode())]


def generic_headers(source, body):
    """What the sources of base_config want."""
    plain = [("Content-Type", "application/json")]
    if source == "ci":
        return plain + [("X-Signature-256", "sha256=" + hmac_hex(CI_SECRET, body))]
    if source == "b64":
        mac = hmac.new(BASE64_SECRET.encode(), body, hashlib.sha256).digest()
        return plain + [("X-Mac", base64.b64encode(mac).decode())]
    if source == "bearer":
        return plain + [("Authorization", f"Bearer {BEARER}")]
    if source == "basic":
        return plain + [("Authorization", "Basic " + base64.b64encode(b"robot:open sesame").decode())]
    if source == "standard":
        return standard_headers(body, "msg_" + uuid.uuid4().hex)
    return plain


# ---- GitHub's payloads, with the members that count ----

class Numbers:
    """Ids that no other scenario has; above 2^31 as GitHub's are."""
    lock, last = threading.Lock(), 3_000_000_000

    @classmethod
    def next(cls):
        with cls.lock:
            cls.last += 1
            return cls.last


def user(login="mona", number=None, kind="User"):
    number = number if number is not None else int(hashlib.sha256(login.encode()).hexdigest()[:6], 16) + 1
    return {"login": login, "id": number, "type": kind, "site_admin": False}


def _base(action, sender, repo):
    return {"action": action, "sender": sender,
            "repository": {"id": REPO_ID, "full_name": repo, "name": repo.split("/")[1], "private": False}}


def comment(body, number=42, login="mona", association="MEMBER", action="created", comment_id=None, kind="User",
            sender=None, repo=REPO, pull=True, title="Read the file in one go", author=None, updated=None):
    """issue_comment"""
    comment_id = comment_id or Numbers.next()
    author = author or user(login, kind=kind)
    payload = _base(action, sender or author, repo)
    payload["issue"] = {"number": number, "title": title, "state": "open", "user": user("octocat")}
    if pull:
        payload["issue"]["pull_request"] = {"url": f"https://api.github.com/repos/{repo}/pulls/{number}"}
    payload["comment"] = {
        "id": comment_id, "body": body, "user": author, "author_association": association,
        "html_url": f"https://github.com/{repo}/pull/{number}#issuecomment-{comment_id}",
        "created_at": "2026-04-12T15:20:21Z", "updated_at": updated or "2026-04-12T15:20:21Z"}
    return payload


def inline(body, number=42, login="mona", association="MEMBER", action="created", comment_id=None, reply_to=None,
           path="src/main.c", line=12, repo=REPO):
    """pull_request_review_comment"""
    comment_id = comment_id or Numbers.next()
    payload = _base(action, user(login), repo)
    payload["pull_request"] = {"number": number, "title": "Read the file in one go", "state": "open"}
    payload["comment"] = {
        "id": comment_id, "body": body, "user": user(login), "author_association": association, "path": path,
        "line": line, "side": "RIGHT", "diff_hunk": "@@ -8,6 +8,9 @@ int main(void)\n-\tgets(buffer);\n+\tputs(buffer);",
        "html_url": f"https://github.com/{repo}/pull/{number}#discussion_r{comment_id}",
        "created_at": "2026-04-12T15:20:21Z", "updated_at": "2026-04-12T15:20:21Z"}
    if reply_to:
        payload["comment"]["in_reply_to_id"] = reply_to
    return payload


def review(body, state="changes_requested", number=42, login="mona", association="MEMBER", action="submitted",
           review_id=None, repo=REPO):
    """pull_request_review"""
    review_id = review_id or Numbers.next()
    payload = _base(action, user(login), repo)
    payload["pull_request"] = {"number": number, "title": "Read the file in one go", "state": "open"}
    payload["review"] = {
        "id": review_id, "body": body, "state": state, "user": user(login), "author_association": association,
        "html_url": f"https://github.com/{repo}/pull/{number}#pullrequestreview-{review_id}",
        "submitted_at": "2026-04-12T15:20:21Z"}
    return payload
