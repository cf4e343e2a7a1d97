# What a bash agent needs of the sidecar. Sourced by the agents beside it.

# Hands in a result or an event. SIDECAR_SEND is curl inside; while the sidecar is away it keeps what cannot be sent.
hand_in() { # PATH BODY
  printf '%s' "$2" | "$SIDECAR_SEND" "$1"
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
