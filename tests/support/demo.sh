#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One delivery from end to end and the answer to it, on loopback, with the real programs: demo.sh BRIDGE SANDBOX. Cleans up after itself.
set -eu

bridge=$1 sandbox=$2
secret=$(openssl rand -hex 16)
job=job_01KRK1V46BXS73CSNK2VR35NPJ       # started through the API: can be continued
slack_job=job_01KRK1V46BXS73CSNK2VS1ACK0 # started from Slack: cannot
dir=$(mktemp -d)
bridge_pid='' sandbox_pid=''

cleanup() {
	status=$?
	trap - EXIT INT TERM
	[ -z "$bridge_pid" ] || kill "$bridge_pid" 2>/dev/null || true
	[ -z "$sandbox_pid" ] || kill "$sandbox_pid" 2>/dev/null || true
	wait 2>/dev/null || true
	[ "$status" -eq 0 ] || { echo "The demo failed; the bridge's log:" >&2; cat "$dir/bridge.log" >&2 2>/dev/null || true; }
	rm -rf "$dir"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); else bold='' dim='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { sed "s/^/    $dim/; s/\$/$plain/"; }
# member NAME FILE: a string member of the JSON in FILE
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$2" | head -n 1; }
# await WHAT COMMAND...: until the command succeeds, at most 20 s
await() {
	what=$1 tries=0
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 200 ] || { echo "waited too long for: $what" >&2; exit 1; }
		sleep 0.1
	done
}

step "1. The outside world, on loopback: Nairi's API and GitHub's (nairi-sandbox)"
"$sandbox" >"$dir/sandbox.json" &
sandbox_pid=$!
await "the sandbox" grep -q control "$dir/sandbox.json"
nairi=$(member nairi "$dir/sandbox.json") github=$(member github "$dir/sandbox.json") control=$(member control "$dir/sandbox.json")
printf 'Nairi  %s\nGitHub %s\n' "$nairi" "$github" | show

step "2. The bridge (nairi-bridge serve)"
export NAIRI_API_KEY GITHUB_TOKEN WEBHOOK_SECRET
NAIRI_API_KEY=$(member good "$dir/sandbox.json") GITHUB_TOKEN=$(member github_token "$dir/sandbox.json") WEBHOOK_SECRET=$secret
cat >"$dir/config.yaml" <<YAML
listen: 127.0.0.1:0
admin: { listen: "unix:$dir/admin.sock" }
store: sqlite:$dir/bridge.db
nairi: { url: "$nairi", api_key: "\${NAIRI_API_KEY}", follow: { poll_min: 300ms } }
log: { format: logfmt }
sources:
  github:
    type: github
    secret: "\${WEBHOOK_SECRET}"
    api: { url: "$github", token: "\${GITHUB_TOKEN}" }
    reply: answers
YAML
"$bridge" serve --config "$dir/config.yaml" 2>"$dir/bridge.log" &
bridge_pid=$!
await "the bridge" grep -q bridge.started "$dir/bridge.log"
url=http://$(sed -n 's/.*bridge.started.*listening="\{0,1\}\([^ "]*\).*/\1/p' "$dir/bridge.log")/hooks/github
printf 'listens for webhooks at %s\n' "$url" | show

step "3. Two pull requests, each linked to the job that opened it"
"$bridge" link https://github.com/octo/hello/pull/42 "$job" --config "$dir/config.yaml" | show
"$bridge" link 'github:octo/hello#43' "$slack_job" --config "$dir/config.yaml" | show

# comment NUMBER ID TEXT: what GitHub sends when somebody comments on a pull request, signed like GitHub signs
comment() {
	cat >"$dir/comment.json" <<JSON
{"action":"created","issue":{"number":$1,"title":"Greet the world","user":{"login":"agent","id":2,"type":"User"},"pull_request":{"url":"https://api.github.com/repos/octo/hello/pulls/$1"}},"comment":{"id":$2,"html_url":"https://github.com/octo/hello/pull/$1#issuecomment-$2","body":"$3","user":{"login":"octocat","id":1,"type":"User"},"author_association":"MEMBER","created_at":"2026-01-01T12:00:00Z","updated_at":"2026-01-01T12:00:00Z"},"repository":{"id":3,"full_name":"octo/hello"},"sender":{"login":"octocat","id":1,"type":"User"}}
JSON
	signature=$(openssl dgst -sha256 -hmac "$secret" -r "$dir/comment.json" | cut -d ' ' -f 1)
	curl -sS -w ' (HTTP %{http_code})\n' -H 'Content-Type: application/json' -H 'X-GitHub-Event: issue_comment' \
		-H "X-GitHub-Delivery: demo-$2" -H "X-Hub-Signature-256: sha256=$signature" \
		--data-binary "@$dir/comment.json" "$url"
}
curl -sS -o /dev/null -X POST -d '{"repo":"octo/hello","number":42,"id":1001,"user":"octocat","body":"x"}' "$control/github/comments"
curl -sS -o /dev/null -X POST -d '{"job":"'"$job"'","pickup_ms":200,"work_ms":600,"answer":"*Done:* the program says good night to the moon, too. cc @octocat"}' "$control/turns"

step "4. Somebody comments on #42; GitHub posts it, signed; the bridge keeps it, then answers"
comment 42 1001 'Please also greet the moon.' | show

step "5. It has arrived at the job"
await "the message at the job" sh -c "curl -sS '$control/jobs/$job' | grep -q 'greet the moon'"
# text MEMBER: a string member of the JSON on standard input, as a person reads it
text() { sed 's/\\"/\x01/g' | sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/; s/\x01/\"/g" | awk '{ gsub(/\\n/, "\n"); print }'; }
curl -sS "$control/jobs/$job/messages?role=user" | text content | show

step "6. Its message id, in the log"
await "the log" grep -q message.forwarded "$dir/bridge.log"
grep message.forwarded "$dir/bridge.log" | show

step "7. The agent answers; the bridge brings it back to the pull request, as Markdown that pings nobody"
await "the answer" sh -c "curl -sS '$control/github/comments?repo=octo/hello&number=42' | grep -q 'good night'"
curl -sS "$control/github/comments?repo=octo/hello&number=42&text=good" | text body | show

step "8. Somebody comments on #43, whose job came from Slack and cannot be continued"
comment 43 1002 'And the stars!' | show

step "9. The error comes back, in the same place"
await "the reply" sh -c "curl -sS '$control/github/comments?repo=octo/hello&number=43' | grep -q 'not an API job'"
curl -sS "$control/github/comments?repo=octo/hello&number=43" | text body | show

step "Done. What came, what became of it:"
"$bridge" deliveries --config "$dir/config.yaml" | show
