import {
  expected,
  flagOf,
  SETTING_GROUPS,
  SETTING_NAMES,
  settingOf,
  variableOf,
} from '@orchestration-sidecar/server/config';
import { defaultText } from '../setting-options.ts';

/** The reference of every setting as Markdown, made from the table of settings. */
export function renderConfigurationReference(): string {
  return [
    '# Configuration',
    '',
    'Generated from the table of settings (`packages/server/src/runtime/settings.ts`).',
    '',
    'A setting is taken from its flag of `sidecar serve`, else its environment variable, else the configuration file, else',
    'its default. `sidecar config show` says for each what it is here and where it came from. An unknown key of the file and',
    'an unknown flag are errors that name the closest setting; an unknown `SIDECAR_` variable is a warning.',
    '',
    '## The configuration file',
    '',
    '`sidecar.config.json` or `sidecar.config.ts`: the one that `--config` or `SIDECAR_CONFIG` names, else the nearest one from',
    'the working directory up to the root of its git repository, else the one in `$XDG_CONFIG_HOME/orchestration-sidecar`',
    '(`~/.config/orchestration-sidecar`). One file counts; files are not merged. Relative paths in it start at its directory.',
    '',
    '```json',
    '{',
    '  "$schema": "./sidecar.config.schema.json",',
    '  "port": 4000,',
    '  "logLevel": "debug",',
    '  "maxAgents": 20',
    '}',
    '```',
    '',
    '`sidecar config schema > sidecar.config.schema.json` writes the schema that an editor completes and checks the file with.',
    '',
    '```ts',
    "import type { ConfigValues } from '@orchestration-sidecar/server/config';",
    '',
    'export default { port: 4000, maxAgents: 20 } satisfies ConfigValues;',
    '```',
    '',
    'A `.ts` file is run when the sidecar starts, with the rights of whoever starts it: start a sidecar only in repositories',
    'whose code you would run. It needs a Node that runs TypeScript (22.18 or newer).',
    '',
    ...Object.entries(SETTING_GROUPS).flatMap(([group, heading]) => {
      const names = SETTING_NAMES.filter((name) => settingOf(name).group === group);
      return names.length === 0 ? [] : [`## ${heading}`, '', ...names.flatMap((name) => section(name))];
    }),
  ].join('\n');
}

function section(name: (typeof SETTING_NAMES)[number]): string[] {
  const setting = settingOf(name);
  return [
    `### ${name}`,
    '',
    setting.summary,
    '',
    `- Flag \`${flagOf(name)}\`, variable \`${variableOf(name)}\``,
    `- Takes ${expected(setting)}`,
    `- Default: ${defaultText(setting) === 'none' ? 'none' : `\`${defaultText(setting)}\``}`,
    '',
  ];
}
