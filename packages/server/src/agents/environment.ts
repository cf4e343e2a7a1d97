import { SidecarError } from '@orchestration-sidecar/shared';

/** Passed on from the sidecar’s own environment to every agent. */
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'TERM'];

/**
 * What a request may not set, matched against the upper-cased name. Each line says what the names would do.
 * Names a profile passes on are the user’s own and are not held to this.
 */
const FORBIDDEN: readonly RegExp[] = [
  // Code or libraries into any program, by the loader or the C library.
  /^(?:LD|DYLD|MALLOC|GLIBC|OPENSSL|NSS)_/,
  /^(?:GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|RESOLV_HOST_CONF|RES_OPTIONS|LOCALDOMAIN|TERMINFO|TERMCAP)$/,
  // Which program is found, and whose settings it reads.
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|TMPDIR|TMP|TEMP|CDPATH)$/,
  /^XDG_/,
  // Code into shells.
  /^BASH/,
  /^(?:ENV|IFS|SHELLOPTS|PS[0-4]|PROMPT_COMMAND|GLOBIGNORE|ZDOTDIR|FPATH|POSIXLY_CORRECT)$/,
  // Programs that other programs run.
  /^(?:EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|LESSCLOSE|BROWSER|SUDO_ASKPASS)$/,
  /^(?:GIT|SSH|GPG|HG|DOCKER|KUBE)_/,
  /^(?:GNUPGHOME|HGRCPATH|KUBECONFIG)$/,
  // Code into language run-times.
  /^(?:NODE|BUN|DENO|TSX|TS_NODE|VITE|RUBY|GEM|BUNDLE|LUA|PHP|JULIA|ERL|DOTNET|CORECLR|COR|MONO)_/,
  // PYTHON_… only informs; PYTHONPATH, PYTHONSTARTUP and theirs run code. The same goes for PERL5LIB, RUBYOPT …
  /^(?:PYTHON|PERL|RUBY)[A-Z0-9]/,
  /^(?:PHPRC|R_PROFILE|R_ENVIRON|R_PROFILE_USER|R_ENVIRON_USER)$/,
  /^(?:CLASSPATH|JAVA_HOME|JAVA_OPTS|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|SBT_OPTS)$/,
  // Which of several installed run-times is taken.
  /^(?:PYENV|RBENV|NODENV|GOENV|JENV|PLENV|PHPENV|ASDF|MISE|VOLTA|NVM|SDKMAN|FNM|VIRTUAL|POETRY|PIPENV)_/,
  /^(?:BROWSERSLIST|PYTEST_ADDOPTS|PYTEST_PLUGINS|TOX_.*|NOX_.*|JEST_.*|MOCHA_.*|PLAYWRIGHT_.*|ELECTRON_.*|CHROME_.*)$/,
  // Code into builds and package managers.
  /^(?:NPM|YARN|PNPM|COREPACK|PIP|UV|POETRY|CONDA|CARGO|RUSTC|RUSTUP|GRADLE|MAVEN|CMAKE|HOMEBREW)_/,
  /^(?:RUSTFLAGS|RUSTC|RUSTDOC|MAKEFLAGS|MFLAGS|MAKEFILES|CC|CXX|CPP|AR|LD|[A-Z]*FLAGS)$/,
  /^GO(?:PATH|ROOT|BIN|ENV|PROXY|TOOLCHAIN|SUMDB|NOSUMDB|INSECURE|PRIVATE|TMPDIR|CACHE)$/,
  // Where traffic and with it credentials go, and whom it trusts.
  /_(?:PROXY|BASE_URL|API_KEY|AUTH_TOKEN|CA_BUNDLE|CA_CERTS|ENDPOINT|ENDPOINT_URL)$/,
  /^(?:SSL|CURL|REQUESTS|AWS|AZURE|GOOGLE|GCP|ANTHROPIC|CLAUDE|OPENAI|CODEX|GEMINI|MCP)_/,
  /^(?:WGETRC|NETRC|KRB5_CONFIG)$/,
  // The sidecar’s own.
  /^(?:SIDECAR|AGENT|JWT)_/,
  /^(?:ISSUE_ID|PROJECT_ID|CONTEXT_FILE|TASK_FILE|CORRELATION_ID|TRACEPARENT|TRACESTATE)$/,
];

/** Names that a pattern above catches although they only tell the agent something. */
const HARMLESS = /^(?:NODE_ENV|(?:NODE|BUN|DENO|RUBY|LUA|PHP|JULIA|DOTNET|NPM|YARN|PNPM|UV|CMAKE|RUSTC)_VERSION)$/;

/**
 * What a request may set without being asked: names that by custom inform a program and choose nothing it runs, reads
 * or trusts. A name of this shape that can hijack is in the list above, which always has the last word.
 */
const ALLOWED: readonly RegExp[] = [
  HARMLESS,
  /^(?:CI|DEBUG|VERBOSE|QUIET|LOG_LEVEL|NO_COLOR|FORCE_COLOR|COLUMNS|LINES|TZ|LANG|LANGUAGE|LC_[A-Z]+)$/,
  // Which version, which stage: `PYTHON_VERSION`, `APP_ENV`.
  /^[A-Z][A-Z0-9]*_(?:VERSION|ENV)$/,
  // The caller’s own words: `PROJECT_ROOT`, `TASK_PRIORITY`, `FEATURE_SEARCH`.
  /^(?:PROJECT|TASK|FEATURE|INPUT|PARAM|TEST|APP)_[A-Z0-9_]+$/,
];

/** Whether no spawn request may ever set this variable: it could take over the agent’s process (DECISIONS 22). */
export function isForbiddenVariable(name: string): boolean {
  const upper = name.toUpperCase();
  return !HARMLESS.test(upper) && FORBIDDEN.some((pattern) => pattern.test(upper));
}

/**
 * Whether a spawn request may set this variable: it is of a harmless shape or on the profile’s list, and cannot hijack.
 * @param allowed `spawn_environment` of the profile.
 */
export function isAllowedVariable(name: string, allowed: readonly string[]): boolean {
  if (isForbiddenVariable(name)) return false;
  const listed = allowed.some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each));
  return listed || ALLOWED.some((pattern) => pattern.test(name));
}

/** What the sidecar tells every agent (specification "Agent Launch Script Template"). */
export interface SidecarVariables {
  readonly AGENT_ID: string;
  readonly AGENT_TYPE: string;
  readonly ISSUE_ID: string;
  readonly PROJECT_ID: string;
  /** Base of the REST routes, with `/api`. */
  readonly SIDECAR_URL: string;
  readonly JWT_TOKEN: string;
  /** Files of mode 0600 that hold the context and the task. */
  readonly CONTEXT_FILE: string;
  readonly TASK_FILE: string;
  /** The sidecar’s own file, which says where it listens. */
  readonly SIDECAR_FILE: string;
  /** Certificates (PEM) to trust the sidecar by, when it speaks TLS. */
  readonly SIDECAR_CA_FILE?: string;
  /** Folder of what the agent keeps while the sidecar is away, and the program that does so for shells. */
  readonly SIDECAR_OUTBOX: string;
  readonly SIDECAR_SEND: string;
  /** Correlation id of the spawn, for what the agent asks in its turn. */
  readonly CORRELATION_ID: string;
  /** W3C trace context to go on with. */
  readonly TRACEPARENT?: string;
  readonly TRACESTATE?: string;
}

/** What an agent’s environment is made of. */
export interface EnvironmentSources {
  /** The sidecar’s own environment. */
  readonly own: Readonly<Record<string, string | undefined>>;
  /** Names to pass on from it besides a few that every program needs: `environment` of the profile. */
  readonly passOn: readonly string[];
  /** `environment` of the spawn request, and what the profile allows there: its `spawn_environment`. */
  readonly allowed: readonly string[];
  readonly requested: Readonly<Record<string, string>>;
  readonly sidecar: SidecarVariables;
}

/**
 * The complete environment of an agent; nothing else reaches it.
 * @throws {SidecarError} `ENVIRONMENT_FORBIDDEN` naming every variable of the request that is not allowed.
 */
export function agentEnvironment(sources: EnvironmentSources): Record<string, string> {
  assertEnvironmentAllowed(sources.requested, sources.allowed);
  return { ...inheritedEnvironment(sources.own, sources.passOn), ...sources.requested, ...sources.sidecar };
}

/** What a child may have of the sidecar’s own environment: the names every program needs, and further ones. */
export function inheritedEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  passOn: readonly string[] = [],
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of [...PASSED_ON, ...passOn]) {
    const value = own[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/**
 * Checks the `environment` of a spawn request.
 * @param allowed `spawn_environment` of the profile.
 * @throws {SidecarError} `ENVIRONMENT_FORBIDDEN` with the refused `names`.
 */
export function assertEnvironmentAllowed(
  requested: Readonly<Record<string, string>>,
  allowed: readonly string[],
): void {
  const names = Object.keys(requested)
    .filter((name) => !isAllowedVariable(name, allowed))
    .toSorted();
  if (names.length === 0) return;
  const unlisted = names.filter((name) => !isForbiddenVariable(name));
  const advice =
    unlisted.length > 0
      ? `; ${unlisted.join(', ')} can be allowed by \`spawn_environment\` of the profile`
      : '; they can take over a process, and no profile can allow them';
  const detail = `not allowed in environment: ${names.join(', ')}${advice}`;
  throw new SidecarError('ENVIRONMENT_FORBIDDEN', detail, { extension: { names } });
}
