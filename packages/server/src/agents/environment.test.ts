import { SidecarError } from '@orchestration-sidecar/shared';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agentEnvironment, isForbiddenVariable, type SidecarVariables } from './environment.ts';

const sidecar: SidecarVariables = {
  AGENT_ID: 'python-specialist-1',
  AGENT_TYPE: 'python-specialist',
  ISSUE_ID: 'issue-1',
  PROJECT_ID: 'p',
  SIDECAR_URL: 'http://127.0.0.1:3001/api',
  JWT_TOKEN: 'token',
  CONTEXT_FILE: '/d/context.json',
  TASK_FILE: '/d/task.txt',
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
  CONTEXT_FILE TASK_FILE TRACEPARENT`.split(/\s+/);
const ALLOWED =
  `PYTHON_VERSION PROJECT_ROOT NODE_ENV NODE_VERSION RUBY_VERSION GO_VERSION DATABASE_URL LOG_LEVEL DEBUG CI
  GITHUB_REPOSITORY MY_SETTING FEATURE_X DJANGO_SETTINGS_MODULE PYTHON_ENV RUST_LOG`.split(/\s+/);

describe('a request may', () => {
  test.each(FORBIDDEN)('not set %s', (name) => expect(isForbiddenVariable(name)).toBe(true));
  test.each(ALLOWED)('set %s', (name) => expect(isForbiddenVariable(name)).toBe(false));
});

test('every refused name is listed, and only those', () => {
  const requested = { PYTHON_VERSION: '3.11', LD_PRELOAD: '/x.so', node_options: '--require x', JWT_TOKEN: 'mine' };
  expect(() => agentEnvironment({ own, passOn: [], requested, sidecar })).toThrow(SidecarError);
  expect(() => agentEnvironment({ own, passOn: [], requested, sidecar })).toThrow(
    expect.objectContaining({
      code: 'ENVIRONMENT_FORBIDDEN',
      extension: { names: ['JWT_TOKEN', 'LD_PRELOAD', 'node_options'] },
    }),
  );
});

test('an agent gets what every program needs, what its profile passes on, and nothing else of ours', () => {
  const requested = { PYTHON_VERSION: '3.11', PROJECT_ROOT: '/Users/project', TOKEN_COUNT: '1; rm -rf ~ #' };
  expect(agentEnvironment({ own, passOn: ['GIT_AUTHOR_NAME', 'EMPTY', 'ABSENT'], requested, sidecar })).toEqual({
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
      fc.pre(!Object.keys(requested).some((each) => isForbiddenVariable(each)));
      expect(agentEnvironment({ own, passOn: [], requested, sidecar })).toMatchObject({
        ...requested,
        PATH: own.PATH,
        HOME: own.HOME,
        ...sidecar,
      });
    }),
  );
});
