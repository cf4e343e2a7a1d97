# What a bash agent needs of the sidecar: curl and nothing else. Sourced by the agents beside it.
# The token reaches curl on its standard input, never on a command line.

sidecar() { # METHOD PATH [BODY]
  local method=$1 path=$2 body=${3:-}
  local -a data=()
  if [[ -n "$body" ]]; then data=(--header 'content-type: application/json' --data "$body"); fi
  printf 'header = "Authorization: Bearer %s"\n' "$JWT_TOKEN" |
    curl --config - --silent --show-error --fail-with-body --max-time 30 \
      --request "$method" "${data[@]}" "$SIDECAR_URL$path"
}

# Text as a JSON string, quotes included.
json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//$'\r'/}
  printf '"%s"' "$text"
}

# One line for the live view.
activity() {
  printf '{"type":"activity","kind":"working","cause":%s}\n' "$(json_string "$1")"
}
