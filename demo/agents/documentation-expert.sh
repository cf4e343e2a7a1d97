#!/usr/bin/env bash
# The documentation expert: describes what was built, from the code as it stands. Bash and curl only.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname -- "${BASH_SOURCE[0]}")/rest.sh"

activity 'reads what was decided and built'
decision=$(grep --only-matching --extended-regexp '"decision":"[^"]*"' "$CONTEXT_FILE" | tail -n 1 | cut -d '"' -f 4)
limit=$(grep --only-matching --extended-regexp 'MAX_CHARS = [0-9_]+' slug/slugify.mjs | head -n 1 | cut -d ' ' -f 3)

activity 'writes slug/README.md'
cat >slug/README.md <<PAGE
# slugify(text)

Makes a URL slug: lower-case ASCII words joined by dashes. Text longer than ${limit:-any} characters is refused.

${decision:-}

    node --test slug/slugify.test.mjs
PAGE
hand_in /results "{
  \"issue_id\": \"$ISSUE_ID\",
  \"result\": { \"status\": \"success\", \"summary\": \"Documented slugify and its limit.\", \"files_created\": [\"slug/README.md\"] }
}"
