# SPDX-License-Identifier: Apache-2.0
"""Makes payloads/ from the recorded deliveries of @octokit/webhooks-examples (MIT; see README.md).

    make_payloads.py package/api.github.com/index.json

What is changed: the members that vary come last, so that the load generator hashes a few bytes of each request and not
13 KB; the issue is made a pull request (in the recording it is an issue). @N@ stands for the pull request's number, @ID@ for
the comment's id.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# event, which of its recordings, the member that has the number, what the comment's URL ends in, file
WANTED = [("issue_comment", 2, "issue", "issuecomment-", "issue_comment.json"),
          ("pull_request_review_comment", 1, "pull_request", "discussion_r", "pull_request_review_comment.json")]


def template(recorded, subject, anchor):
    payload = {key: value for key, value in recorded.items() if key not in (subject, "comment")}
    inner = {key: value for key, value in recorded[subject].items() if key != "number"}
    if subject == "issue":
        inner["pull_request"] = {"url": inner["url"].replace("/issues/", "/pulls/")}
    comment = {key: value for key, value in recorded["comment"].items() if key not in ("id", "html_url")}
    comment["author_association"] = "OWNER"
    name = payload["repository"]["full_name"]
    inner["number"] = "@N@"
    comment["html_url"] = f"https://github.com/{name}/pull/@N@#{anchor}@ID@"
    comment["id"] = "@ID@"
    payload[subject], payload["comment"] = inner, comment
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    return text.replace('"number":"@N@"}', '"number":@N@}').replace('"id":"@ID@"}', '"id":@ID@}')


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        examples = {event["name"]: event["examples"] for event in json.load(file)}
    for event, index, subject, anchor, name in WANTED:
        with open(os.path.join(HERE, "payloads", name), "w", encoding="utf-8") as file:
            file.write(template(examples[event][index], subject, anchor))


main()
