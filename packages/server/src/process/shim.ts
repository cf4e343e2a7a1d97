import { isDeadState, parseStat, type ProcessIdentity } from './process-identity.ts';

/** What the exit file says of a program that never began. */
export const UNBEGUN = 'unbegun';

/** What the shim waits to hear before the program begins. */
export const GO = 'go\n';

/**
 * Stands between the sidecar and the program, as leader of the group, so that the exit status outlives the sidecar:
 * waits for the program and writes its status to a file. Signals to the group reach the program as well; the shim
 * catches them only to live long enough to write (a caught signal is reset for the program, an ignored one would
 * be inherited). Neither leaves a core dump, which would hold the token: a limit of one byte, which the sidecar has set,
 * reads as 0 and is stricter than that. The newline ends the record: a file without it is not finished.
 *
 * `$1` exit file, then the command. Descriptor 3 is a socket: it reports to the sidecar, hears from it that the program may
 * begin, and is closed for the program.
 */
const LEADER = `
exit_file=$1; shift
[ "$(ulimit -H -c 2>/dev/null)" = 0 ] || ulimit -c 0 2>/dev/null
trap : HUP INT QUIT TERM USR1 USR2
if read -r stat 2>/dev/null </proc/$$/stat; then echo "leader $stat" >&3; else echo "leader $$" >&3; fi
"$@"
code=$?
exec 3>&-
umask 077
printf '%s\\n' "$code" >"$exit_file"
exit "$code"
`;

/**
 * Joins the control group, sets the limits, says who it is, waits until it may begin, and becomes the program. A limit that
 * cannot be set is reported, not fatal: the sidecar tells which ones are in force. A sidecar that dies before it has said
 * that the program may begin leaves one that never did: the exit file says so, and the leader must not write over it.
 *
 * `$1` cgroup directory or empty, `$2` data in KiB, `$3` CPU in seconds, `$4` file size in 512-byte blocks, `$5` open
 * files, `$6` exit file, then the command.
 */
const MEMBER = `
if [ -n "$1" ] && echo $$ 2>/dev/null >"$1/cgroup.procs"; then echo limit cgroup >&3; fi
if [ -n "$2" ] && ulimit -d "$2" 2>/dev/null; then echo limit data >&3; fi
if ulimit -S -t "$3" 2>/dev/null; then ulimit -H -t $(($3 + 5)) 2>/dev/null; echo limit cpu >&3; fi
if ulimit -f "$4" 2>/dev/null; then echo limit file >&3; fi
if ulimit -n "$5" 2>/dev/null; then echo limit open >&3; fi
exit_file=$6; shift 6
if read -r stat 2>/dev/null </proc/$$/stat; then echo "member $stat" >&3; else echo "member $$" >&3; fi
if ! read -r go <&3; then umask 077; echo ${UNBEGUN} >"$exit_file"; kill -KILL $PPID; exit; fi
exec "$@" 3>&-
`;

/** Numbers for the shim; `null` leaves the limit as it is. */
export interface ShimLimits {
  readonly cgroup: string | null;
  readonly dataMb: number | null;
  readonly cpuSeconds: number;
  readonly fileMb: number;
  readonly openFiles: number;
}

/** The shell that every POSIX system has at this place. */
export const SHELL = '/bin/sh';

/** Arguments for {@link SHELL} that run `file` with `args` under the shim. Nothing but them is in its command line. */
export function shimArgs(exitFile: string, limits: ShimLimits, file: string, args: readonly string[]): string[] {
  const given = [
    limits.cgroup ?? '',
    limits.dataMb === null ? '' : String(limits.dataMb * 1024),
    String(limits.cpuSeconds),
    String(limits.fileMb * 2048),
    String(limits.openFiles),
    exitFile,
  ];
  return ['-c', LEADER, 'sidecar-agent', exitFile, SHELL, '-c', MEMBER, 'sidecar-agent', ...given, file, ...args];
}

/** What the shim said about itself. `startTime` is empty where the system has no `/proc`. */
export interface ShimReport {
  readonly leader: ProcessIdentity;
  readonly program: ProcessIdentity;
  readonly limits: ReadonlySet<string>;
}

/** Reads the shim's report; `undefined` when it is not complete. */
export function parseShimReport(text: string): ShimReport | undefined {
  const limits = new Set<string>();
  let leader: ProcessIdentity | undefined;
  let program: ProcessIdentity | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    const space = line.indexOf(' ');
    const value = line.slice(space + 1);
    if (line.startsWith('limit ')) limits.add(value);
    if (line.startsWith('leader ')) leader = identity(value);
    if (line.startsWith('member ')) program = identity(value);
  }
  return leader && program && { leader, program, limits };
}

function identity(text: string): ProcessIdentity | undefined {
  const stat = parseStat(text);
  if (stat !== undefined && !isDeadState(stat.state)) return { pid: stat.pid, startTime: stat.startTime };
  const pid = Number(text);
  return Number.isInteger(pid) && pid > 0 ? { pid, startTime: '' } : undefined;
}
