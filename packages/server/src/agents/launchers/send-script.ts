/**
 * The program by which a shell hands in results and events (`SIDECAR_SEND`). While the sidecar is away it keeps them in
 * `SIDECAR_OUTBOX`, one file each in the form that `renderKept` writes, and delivers them in order with the next call, or
 * with `--flush`. What an agent leaves there the sidecar delivers itself when the agent has ended. Bash 3.2, curl, and
 * what every POSIX system has; the token never stands on a command line.
 */
export const SEND_SCRIPT = `#!/bin/bash
# sidecar-send PATH: hands the JSON on standard input to the sidecar and prints the answer. PATH is /results or
# /events/<event_type>. When the sidecar is away, keeps it and prints {"queued":true}; it is delivered later, once.
# sidecar-send --flush [SECONDS]: delivers what is kept, waiting that long for the sidecar. Default 0.
# sidecar-send --keep-fresh: refreshes JWT_TOKEN_FILE every SIDECAR_REFRESH_SECONDS (default 2400) until it or the process
# that started it is ended, or the token is refused.
# sidecar-send --refresh: prints the next token of the agent, for JWT_TOKEN; a file that JWT_TOKEN_FILE names gets it too.
# Exits 0 when handed in or kept, 65 when the sidecar refused it, 73 when no more can be kept, 75 when --flush left some or
# the token cannot be refreshed now, 77 when it never can be.
set -uo pipefail
umask 077
box=\${SIDECAR_OUTBOX:?must name the folder to keep requests in}
work=
trap 'rm -rf -- \${work:+"$work"}' EXIT
if [[ "\${1:-}" == --keep-fresh ]]; then
  trap 'exit 0' TERM INT HUP
  # Beside the outbox: should even this be killed, it goes with the folder of the agent.
  work=$(mktemp -d "\${box%/*}/.keeper.XXXXXX" 2>/dev/null)
fi
[[ -n "$work" ]] || work=$(mktemp -d) || exit 73

# The token of the agent. JWT_TOKEN is what it was started with; the newest, where it is kept fresh, is in the file.
token() { if [[ -s "\${JWT_TOKEN_FILE:-}" ]]; then cat -- "$JWT_TOKEN_FILE"; else printf '%s' "\${JWT_TOKEN:-}"; fi; }

base() {
  local url=
  if [[ -r "\${SIDECAR_FILE:-}" ]]; then url=$(sed -n 's/.*"url" *: *"\\([^"]*\\)".*/\\1/p' "$SIDECAR_FILE" | head -n 1); fi
  if [[ -n "$url" ]]; then printf '%s/api' "$url"; else printf '%s' "$SIDECAR_URL"; fi
}

# Delivers one file; the answer is in $work/answer. 0: done, 1: refused for good, 2: the sidecar is away.
deliver() {
  local path key code
  { read -r _ path && read -r _ key; } <"$1" || return 1
  tail -n +4 -- "$1" >"$work/body"
  code=$(printf 'header = "Authorization: Bearer %s"\\n' "$(token)" |
    curl --config - --silent --max-time 30 \${SIDECAR_CA_FILE:+--cacert "$SIDECAR_CA_FILE"} --header 'content-type: application/json' \\
      --header "idempotency-key: $key" \${TRACEPARENT:+--header "traceparent: $TRACEPARENT"} \\
      \${CORRELATION_ID:+--header "x-correlation-id: $CORRELATION_ID"} --data-binary "@$work/body" \\
      --output "$work/answer" --write-out '%{http_code}' "$(base)$path") || return 2
  case $code in
    2??) return 0 ;;
    # A token that ran out meanwhile is the sidecar's to get over, once the agent has ended.
    401 | 408 | 429 | 5?? | 000) return 2 ;;
    *) return 1 ;;
  esac
}

kept() { find "$box" -name '*.request' 2>/dev/null | sort; }

# Delivers what is kept, first to last; stops where the sidecar is away.
flush() {
  local file
  while IFS= read -r file; do
    deliver "$file"
    case $? in
      0) rm -f -- "$file" ;;
      1) mv -f -- "$file" "\${file%.request}.refused" ;;
      *) return 2 ;;
    esac
  done < <(kept)
}

# Keeps a file under the next name. A link does not replace what another process put there.
keep() {
  mkdir -p -- "$box" && mv -- "$1" "$box/$$.part" || return 1
  local last number
  while :; do
    if [[ $(kept | wc -l) -ge 1000 || $(du -sk "$box" | cut -f 1) -gt 65536 ]]; then rm -f -- "$box/$$.part"; return 1; fi
    last=$(kept | tail -n 1)
    number=\${last##*/}
    number=\${number%.request}
    if ln -- "$box/$$.part" "$box/$(printf '%012d' $((10#\${number:-0} + 1))).request" 2>/dev/null; then break; fi
  done
  rm -f -- "$box/$$.part"
}

# The token before goes on for a minute, so that requests under way do not fail.
refresh() {
  local next code
  code=$(printf 'header = "Authorization: Bearer %s"\\n' "$(token)" |
    curl --config - --silent --max-time 30 \${SIDECAR_CA_FILE:+--cacert "$SIDECAR_CA_FILE"} \\
      --header 'content-type: application/json' --data '{}' \\
      --output "$work/answer" --write-out '%{http_code}' "$(base)/tokens/refresh") || return 75
  case $code in
    2??) ;;
    408 | 429) return 75 ;;
    4??) return 77 ;;
    *) return 75 ;;
  esac
  next=$(sed -n 's/.*"token":"\\([^"]*\\)".*/\\1/p' "$work/answer")
  [[ -n "$next" ]] || return 75
  if [[ -n "\${JWT_TOKEN_FILE:-}" ]]; then
    printf '%s\\n' "$next" >"$JWT_TOKEN_FILE.$$" && mv -f -- "$JWT_TOKEN_FILE.$$" "$JWT_TOKEN_FILE" || return 73
  fi
  printf '%s\\n' "$next"
}

# Where the sidecar is away, it is asked again soon: a third of the token's life is left for that.
keep_fresh() {
  local pause=\${SIDECAR_REFRESH_SECONDS:-2400}
  trap 'kill $! 2>/dev/null; rm -f -- \${JWT_TOKEN_FILE:+"$JWT_TOKEN_FILE.$$"}; exit 0' TERM INT HUP
  while :; do
    sleep "$pause" &
    wait $!
    # Whoever was killed ended nothing that it had started.
    kill -0 "$PPID" 2>/dev/null || exit 0
    refresh >"$work/fresh" &
    wait $!
    case $? in
      0) pause=\${SIDECAR_REFRESH_SECONDS:-2400} ;;
      77) exit 77 ;;
      *) pause=15 ;;
    esac
  done
}

if [[ "\${1:-}" == --keep-fresh ]]; then keep_fresh; fi
if [[ "\${1:-}" == --refresh ]]; then
  refresh
  exit
fi
if [[ "\${1:-}" == --flush ]]; then
  until=$((SECONDS + \${2:-0}))
  until flush; do
    [[ $SECONDS -lt $until ]] || exit 75
    sleep 1
  done
  exit 0
fi
case "\${1:-} $#" in '/results 1' | /events/?*' 1') ;; *) echo 'usage: sidecar-send /results | /events/<event_type> <body.json' >&2; exit 64 ;; esac
{
  printf 'POST %s\\nidempotency-key: %s-%s-%s\\n\\n' "$1" "$(date +%s)" "$$" "$RANDOM$RANDOM$RANDOM"
  cat
} >"$work/request"
if flush; then
  deliver "$work/request"
  case $? in
    0) cat -- "$work/answer"; exit 0 ;;
    1) cat -- "$work/answer" >&2; exit 65 ;;
  esac
fi
if keep "$work/request"; then echo '{"queued":true}'; else echo 'the sidecar is away and no more can be kept' >&2; exit 73; fi
`;
