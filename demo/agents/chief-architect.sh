#!/usr/bin/env bash
# The chief architect: reads its context, decides where the work goes and who does it. Bash and curl only.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname -- "${BASH_SOURCE[0]}")/rest.sh"

activity 'reads the context'
# The launch script fetched the context; the file holds the specification's answer.
grep --quiet --fixed-strings "\"issue_id\":\"$ISSUE_ID\"" "$CONTEXT_FILE"
files=$(grep --only-matching --extended-regexp '"total_files":[0-9]+' "$CONTEXT_FILE" | head -n 1 | cut -d : -f 2)
branch=$(grep --only-matching --extended-regexp '"branch":"[^"]*"' "$CONTEXT_FILE" | head -n 1 | cut -d '"' -f 4)

activity "designs the change for ${files:-0} files on ${branch:-a detached head}"
decision="Slugs live in slug/slugify.mjs as one pure function, with tests beside it for node --test."
hand_in /results "{
  \"issue_id\": \"$ISSUE_ID\",
  \"result\": {
    \"status\": \"success\",
    \"summary\": $(json_string "Designed for a project of ${files:-0} files: one module, its tests, a page of documentation."),
    \"decisions\": [$(json_string "$decision"), \"No dependency: Unicode normalisation is part of the language.\"],
    \"next_agents\": [\"typescript-pro\"]
  }
}"
hand_in /events/architecture_defined "{
  \"topic\": \"architecture\",
  \"data\": { \"issue_id\": \"$ISSUE_ID\", \"module\": \"slug/slugify.mjs\" }
}"
