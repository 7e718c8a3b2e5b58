#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Results of CI as prompts: a failing run of a linked pull request reaches the job once, however it is told."""
import json
import os
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from harness import *  # noqa: E402,F403
import harness  # noqa: E402

FIXTURES = os.path.join(harness.ROOT, "tests/fixtures/github")


def recorded(name):
    """(event, payload) as GitHub sent them."""
    with open(os.path.join(FIXTURES, name, "body"), "rb") as body, \
            open(os.path.join(FIXTURES, name, "request"), encoding="utf-8") as head:
        event = next(line.split(":", 1)[1].strip() for line in head if line.lower().startswith("x-github-event:"))
        return event, json.load(body)


def ci(t, *forward, **source):
    t.any_comment()
    job = t.linked()
    t.configure(sources={"github": {"forward": ["comments", "reviews", "ci"], **source}}, nairi={"follow": {"poll_min": "50ms"}})
    t.start()
    return job


def post(t, name, change=None, delivery=None):
    event, payload = recorded(name)
    if change:
        change(payload)
    return t.github(event, payload, delivery)


def ignored(answer, *words):
    eq((answer.status, answer.json["status"]), (200, "ignored"), f"{answer}")
    has(answer.json["reason"], *words)


def exactly(t, job, count):
    t.settled()
    prompts = t.sandbox.prompts(job)
    eq(len(prompts), count, f"messages: {prompts}")
    return prompts


@scenario("A failing check run of a linked pull request becomes a prompt with its name, conclusion, summary and link")
def check_run(t):
    job = ci(t)
    answer = post(t, "check_run_failure")
    eq(answer.status, 202, f"{answer}")
    t.sandbox.wait(job, 1)
    prompt, = exactly(t, job, 1)
    has(prompt, "lint", "failure", "There are **3** problems.", "https://github.com/octo/hello/runs/128620228",
        "pull request octo/hello#42", "[nairi-bridge ")
    eq(t.sandbox.comments(), [], "comments")


@scenario("A failing workflow run becomes a prompt with its name, conclusion, branch and link")
def workflow_run(t):
    job = ci(t)
    _, payload = recorded("workflow_run_failure")
    run = payload["workflow_run"]
    eq(post(t, "workflow_run_failure").status, 202, "status")
    t.sandbox.wait(job, 1)
    prompt, = exactly(t, job, 1)
    has(prompt, run["name"], run["conclusion"], run["html_url"], run["head_branch"])


@scenario("One failure of GitHub Actions told as run, suite and jobs, and told again, is one prompt")
def once_by_any_event(t):
    job = ci(t)
    eq(post(t, "check_run_failure_actions").status, 202, "the first")
    for name in ("workflow_run_failure", "check_suite_failure_actions", "check_run_failure_actions"):
        for _ in range(2):
            answer = post(t, name, delivery=str(uuid.uuid4()))
            eq((answer.status, answer.json["status"]), (200, "duplicate"), f"{name}: {answer}")
    t.bridge.kill()
    t.bridge.start()
    eq(post(t, "workflow_run_failure").json["status"], "duplicate", "after a restart")
    t.sandbox.wait(job, 1)
    exactly(t, job, 1)


@scenario("Check runs of another app are a prompt each; the suite they belong to is no news, alone it is one")
def other_apps(t):
    job = ci(t)
    eq(post(t, "check_run_failure").status, 202, "the first check")

    def other(payload):
        payload["check_run"].update(id=128620229, name="types")
    eq(post(t, "check_run_failure", other).status, 202, "the second check")
    answer = post(t, "check_suite_failure")
    eq((answer.status, answer.json["status"]), (200, "duplicate"), f"the suite: {answer}")

    def another_suite(payload):
        payload["check_suite"]["id"] = 7
    eq(post(t, "check_suite_failure", another_suite).status, 202, "a suite of its own")
    t.sandbox.wait(job, 3)
    exactly(t, job, 3)


@scenario("Another attempt of the same run that fails again is news")
def second_attempt(t):
    job = ci(t)
    eq(post(t, "workflow_run_failure").status, 202, "the first attempt")
    eq(post(t, "workflow_run_second_attempt").status, 202, "the second attempt")
    eq(post(t, "workflow_run_second_attempt").json["status"], "duplicate", "told again")
    t.sandbox.wait(job, 2)
    exactly(t, job, 2)


@scenario("Results need neither trust nor trigger: whoever pushed, whatever the trigger")
def no_trust(t):
    job = ci(t, trigger={"mention": "@nairi"}, trust={"associations": ["OWNER"]})

    def stranger(payload):
        payload["sender"] = user("mallory")
    eq(post(t, "check_run_failure", stranger).status, 202, "status")
    t.sandbox.wait(job, 1)
    ignored(t.comment("not me", login="mallory", association="NONE"))
    exactly(t, job, 1)


@scenario("What did not fail, has no result yet or was only created is ignored with the reason; ci: all forwards success")
def success(t):
    job = ci(t)
    ignored(post(t, "check_run_success"), "did not fail")
    ignored(post(t, "check_run_created"), "not forwarded")
    ignored(post(t, "workflow_run_without_conclusion"), "no result yet")
    ignored(post(t, "status_success"), "did not fail")
    ignored(post(t, "status_pending"), "no result yet")
    exactly(t, job, 0)
    t.configure(sources={"github": {"ci": "all"}})
    t.write_config()
    t.bridge.reload()
    eq(post(t, "check_run_success").status, 202, "with ci: all")
    t.sandbox.wait(job, 1)
    has(exactly(t, job, 1)[0], "success")


@scenario("Without forward: [ci] results are ignored, and stand in no one's way")
def not_forwarded(t):
    job = ci(t, forward=["comments"])
    for name in ("check_run_failure", "workflow_run_failure", "check_suite_failure", "status_failure"):
        ignored(post(t, name), "forward")
    exactly(t, job, 0)


@scenario("A result that names no pull request (a fork's, a status) is ignored without Git, and says what would help")
def fork(t):
    job = ci(t)
    for name in ("check_run_fork", "workflow_run_fork", "status_failure"):
        ignored(post(t, name), "not linked", "git")
    exactly(t, job, 0)


@scenario("A result for a pull request that is not linked is ignored, told to nobody, and kept out of the way of later ones")
def not_linked(t):
    job = ci(t, start={"agent": "my-agent"})

    def elsewhere(payload):
        payload["check_run"]["pull_requests"][0]["number"] = 77
    answer = post(t, "check_run_failure", elsewhere)
    ignored(answer, "not linked")
    t.settled()
    eq((t.sandbox.comments(number=77), t.sandbox.requests("/conversations/start")), ([], []), "comments and starts")
    t.link("github:octo/hello#77", job)
    eq(post(t, "check_run_failure", elsewhere).status, 202, "once it is linked")
    t.sandbox.wait(job, 1)


@scenario("A result that belongs to two pull requests reaches both jobs")
def two_pulls(t):
    job, other = ci(t), t.job()
    t.link("github:octo/hello#43", other)
    eq(post(t, "check_run_two_pulls").status, 202, "status")
    t.sandbox.wait(job, 1)
    t.sandbox.wait(other, 1)
    exactly(t, job, 1)
    exactly(t, other, 1)
    eq(post(t, "check_run_two_pulls").json["status"], "duplicate", "told again")


@scenario("A failing check on a job that cannot be continued is told in the thread once, pinging nobody")
def refused(t):
    job = ci(t)
    t.sandbox.fault(f"/{job}/continue", "status", status=404, body='{"error":"job not found"}')
    post(t, "check_run_failure")
    answer, = t.sandbox.wait_comments(1, 42)
    has(answer["body"], "job not found")
    lacks(answer["body"], "@")


if __name__ == "__main__":
    main()
