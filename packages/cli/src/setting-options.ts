import { Option, type Command } from 'commander';
import {
  flagOf,
  SETTING_GROUPS,
  SETTING_NAMES,
  settingOf,
  variableOf,
  type ConfigFlags,
  type Setting,
  type SettingName,
} from '@orchestration-sidecar/server/config';

/** Adds one option for every setting of the sidecar, under the headings of the reference. */
export function addSettingOptions(command: Command): Command {
  for (const [group, heading] of Object.entries(SETTING_GROUPS)) {
    command.optionsGroup(`${heading}:`);
    for (const name of SETTING_NAMES) if (settingOf(name).group === group) command.addOption(optionOf(name));
  }
  return command;
}

/** The settings among the options of a command line. */
export function settingFlags(options: Readonly<Record<string, unknown>>): ConfigFlags {
  return Object.fromEntries(
    SETTING_NAMES.flatMap((name) => {
      const value = options[optionOf(name).attributeName()];
      return value === undefined ? [] : [[name, value === true ? 'true' : value]];
    }),
  );
}

/** What stands in for the default of a setting where one is shown. */
export function defaultText({ default: preset }: Setting): string {
  if (preset === null) return 'none';
  if (typeof preset !== 'object') return String(preset);
  if ('sameAs' in preset) return `the same as ${preset.sameAs}`;
  if ('place' in preset) return '$XDG_STATE_HOME/orchestration-sidecar';
  return preset.join(',') || 'none';
}

function optionOf(name: SettingName): Option {
  const setting = settingOf(name);
  // An abbreviation keeps its capitals.
  const summary = setting.summary.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase()).replace(/\.$/, '');
  return new Option(
    `${flagOf(name)} ${placeholder(setting)}`,
    `${summary} (${variableOf(name)}; default ${defaultText(setting)})`,
  );
}

function placeholder(setting: Setting): string {
  switch (setting.kind) {
    case 'integer':
    case 'number':
      return '<number>';
    case 'boolean':
      return '[true|false]';
    case 'list':
      return '<list>';
    case 'choice':
      return `<${setting.choices.join('|')}>`;
    default:
      return `<${setting.kind}>`;
  }
}
