#!/usr/bin/env bash
# An agent for tests: says what it does, waits until it is let go, and hands in a result. Bash and curl only.
# Usage: scripted-agent.sh FOLDER [STATUS]; it goes on when FOLDER/<agent type> exists.
set -euo pipefail
folder=$1 status=${2:-success}
printf '{"type":"activity","kind":"working","cause":"edits src/%s.ts"}\n' "$AGENT_TYPE"
until [[ -e "$folder/$AGENT_TYPE" ]]; do sleep 0.05; done
body=$(printf '{"issue_id":"%s","result":{"status":"%s","summary":"%s has done its part.","files_modified":["src/%s.ts"]}}' \
  "$ISSUE_ID" "$status" "$AGENT_TYPE" "$AGENT_TYPE")
printf 'header = "Authorization: Bearer %s"\n' "$JWT_TOKEN" |
  curl --config - --silent --show-error --fail-with-body --max-time 30 --header 'content-type: application/json' \
    --data "$body" "$SIDECAR_URL/results"
