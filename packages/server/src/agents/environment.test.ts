import { SidecarError } from '@orchestration-sidecar/shared';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agentEnvironment, isAllowedVariable, isForbiddenVariable, type SidecarVariables } from './environment.ts';

const sidecar: SidecarVariables = {
  AGENT_ID: 'python-specialist-1',
  AGENT_TYPE: 'python-specialist',
  ISSUE_ID: 'issue-1',
  PROJECT_ID: 'p',
  SIDECAR_URL: 'http://127.0.0.1:3001/api',
  JWT_TOKEN: 'token',
  CONTEXT_FILE: '/d/context.json',
  TASK_FILE: '/d/task.txt',
  CORRELATION_ID: 'corr-1',
  SIDECAR_FILE: '/d/sidecar.json',
  SIDECAR_OUTBOX: '/d/outbox',
  SIDECAR_SEND: '/d/sidecar-send',
};
const own = { PATH: '/usr/bin', HOME: '/home/u', LANG: 'C', SECRET: 's', GIT_AUTHOR_NAME: 'me', EMPTY: undefined };

const FORBIDDEN = `LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
  PATH HOME TMPDIR SHELL BASH_ENV BASH_FUNC_ls BASHOPTS ENV IFS SHELLOPTS PS4 PROMPT_COMMAND CDPATH ZDOTDIR
  GIT_SSH_COMMAND GIT_CONFIG_COUNT GIT_DIR SSH_ASKPASS EDITOR PAGER LESSOPEN BROWSER XDG_CONFIG_HOME
  PYTHONPATH PYTHONSTARTUP PYTHONHOME PYTHONINSPECT PERL5LIB PERL5OPT RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS _JAVA_OPTIONS
  CLASSPATH DOTNET_STARTUP_HOOKS PHPRC LUA_PATH npm_config_registry NPM_CONFIG_PREFIX PIP_INDEX_URL CARGO_HOME
  RUSTC_WRAPPER RUSTFLAGS GOFLAGS GOPROXY MAKEFLAGS CC LDFLAGS HTTPS_PROXY http_proxy ALL_PROXY NO_PROXY SSL_CERT_FILE
  CURL_CA_BUNDLE REQUESTS_CA_BUNDLE ANTHROPIC_BASE_URL ANTHROPIC_API_KEY OPENAI_BASE_URL CLAUDE_CONFIG_DIR
  AWS_ACCESS_KEY_ID DOCKER_HOST KUBECONFIG GCONV_PATH GLIBC_TUNABLES HOSTALIASES MALLOC_CONF OPENSSL_CONF
  SIDECAR_URL SIDECAR_PROCESS_MARKER AGENT_ID AGENT_TYPE AGENT_DIR ISSUE_ID PROJECT_ID JWT_TOKEN JWT_TOKEN_FILE
  CONTEXT_FILE TASK_FILE CORRELATION_ID TRACEPARENT`.split(/\s+/);
const ALLOWED = `PYTHON_VERSION PROJECT_ROOT NODE_ENV NODE_VERSION RUBY_VERSION GO_VERSION LOG_LEVEL DEBUG CI LC_ALL TZ
  FEATURE_X PYTHON_ENV RAILS_ENV TASK_PRIORITY TEST_SEED APP_NAME NO_COLOR`.split(/\s+/);
/** Nobody knows what they do to the program; the profile must say that they may be set. */
const UNKNOWN = `DATABASE_URL GITHUB_REPOSITORY MY_SETTING DJANGO_SETTINGS_MODULE RUST_LOG project_root Project_root
  VIM PERLDB_OPTS COMPOSER_HOME`.split(/\s+/);

describe('a request may', () => {
  test.each(FORBIDDEN)('never set %s', (name) => {
    expect(isAllowedVariable(name, [])).toBe(false);
    // Not even where a profile says so: a file found in a project must not be able to allow it.
    expect(isAllowedVariable(name, [name, `${name.slice(0, 1)}*`])).toBe(false);
  });
  test.each(ALLOWED)('set %s', (name) => expect(isAllowedVariable(name, [])).toBe(true));
  test.each(UNKNOWN)('set %s only where the profile allows it', (name) => {
    expect(isAllowedVariable(name, [])).toBe(false);
    expect(isAllowedVariable(name, ['OTHER', `${name}_X`])).toBe(false);
    const allowed = !isForbiddenVariable(name);
    expect(isAllowedVariable(name, [name])).toBe(allowed);
    expect(isAllowedVariable(name, [`${name.slice(0, 3)}*`])).toBe(allowed);
  });
});

test('every refused name is listed, and only those', () => {
  const requested = {
    PYTHON_VERSION: '3.11',
    LD_PRELOAD: '/x.so',
    node_options: '--require x',
    JWT_TOKEN: 'mine',
    MY_SETTING: 'x',
  };
  expect(() => agentEnvironment({ own, passOn: [], allowed: [], requested, sidecar })).toThrow(SidecarError);
  expect(() => agentEnvironment({ own, passOn: [], allowed: [], requested, sidecar })).toThrow(
    expect.objectContaining({
      code: 'ENVIRONMENT_FORBIDDEN',
      detail: expect.stringContaining('MY_SETTING can be allowed by `spawn_environment` of the profile'),
      extension: { names: ['JWT_TOKEN', 'LD_PRELOAD', 'MY_SETTING', 'node_options'] },
    }),
  );
});

test('an agent gets what every program needs, what its profile passes on, and nothing else of ours', () => {
  const requested = { PYTHON_VERSION: '3.11', PROJECT_ROOT: '/Users/project', TOKEN_COUNT: '1; rm -rf ~ #' };
  expect(
    agentEnvironment({ own, passOn: ['GIT_AUTHOR_NAME', 'EMPTY', 'ABSENT'], allowed: ['TOKEN_*'], requested, sidecar }),
  ).toEqual({
    PATH: '/usr/bin',
    HOME: '/home/u',
    LANG: 'C',
    GIT_AUTHOR_NAME: 'me',
    ...requested,
    ...sidecar,
  });
});

test('what the sidecar says always holds', () => {
  const name = fc.oneof(fc.constantFrom(...FORBIDDEN, ...ALLOWED), fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/));
  fc.assert(
    fc.property(fc.dictionary(name, fc.string()), (requested) => {
      const allowed = Object.keys(requested);
      fc.pre(!allowed.some((each) => isForbiddenVariable(each)));
      expect(agentEnvironment({ own, passOn: [], allowed, requested, sidecar })).toMatchObject({
        ...requested,
        PATH: own.PATH,
        HOME: own.HOME,
        ...sidecar,
      });
    }),
  );
});
