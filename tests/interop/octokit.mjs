// SPDX-License-Identifier: Apache-2.0
// Every payload that @octokit/webhooks-examples has recorded, signed by @octokit/webhooks-methods: GitHub's own words and
// somebody else's signer. Run by test_octokit.py. Node 18 or newer; nothing but these two packages.
//
//   node octokit.mjs list         one JSON line a payload: {number, event, action, payload}
//   node octokit.mjs post         posts each to HOOK_URL, signed with SECRET; {number, event, form, status, body} a line
//   node octokit.mjs verify       reads {secret, body, signature} lines; {good} a line
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";
import http from "node:http";
import { sign, verify } from "@octokit/webhooks-methods";

const require = createRequire(import.meta.url);
const sets = ["api.github.com", "ghes-31", "ghes-32", "ghes-33", "ghes-34", "ghes-35"];

/** All recorded payloads, and those that nobody recorded: each issue comment again as one on a pull request. */
function* payloads() {
  let number = 0;
  for (const set of sets) {
    for (const definition of require(`@octokit/webhooks-examples/${set}/index.json`)) {
      for (const payload of definition.examples) {
        yield { number: number++, event: definition.name, action: payload.action, payload };
        if (definition.name === "issue_comment") {
          const pull = structuredClone(payload);
          pull.issue.pull_request = { url: pull.issue.url.replace("/issues/", "/pulls/"), merged_at: null };
          pull.comment.id += 4294967296; // another comment, with an id beyond 32 bits
          yield { number: number++, event: definition.name, action: pull.action, derived: true, payload: pull };
        }
      }
    }
  }
}

function print(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

function post(url, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers, agent }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(parts).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function postOne(item, form) {
  const json = JSON.stringify(item.payload);
  const body = form ? new URLSearchParams({ payload: json }).toString() : json;
  const headers = {
    "Content-Type": form ? "application/x-www-form-urlencoded" : "application/json",
    "Content-Length": Buffer.byteLength(body),
    "User-Agent": "GitHub-Hookshot/044aadd",
    "X-GitHub-Event": item.event,
    "X-GitHub-Delivery": randomUUID(),
    "X-Hub-Signature-256": await sign(process.env.SECRET, body),
  };
  const answer = await post(process.env.HOOK_URL, headers, body);
  print({ number: item.number, event: item.event, action: item.action, form, status: answer.status, body: answer.body });
}

const [what] = process.argv.slice(2);
if (what === "list") {
  for (const item of payloads()) print(item);
} else if (what === "post") {
  for (const form of [false, true]) {
    for (const item of payloads()) await postOne(item, form);
  }
} else if (what === "verify") {
  for await (const line of createInterface({ input: process.stdin })) {
    const { secret, body, signature } = JSON.parse(line);
    print({ good: await verify(secret, body, signature) });
  }
} else {
  console.error("usage: octokit.mjs list|post|verify");
  process.exit(2);
}
agent.destroy();
