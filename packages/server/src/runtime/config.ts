import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { closestName } from './closest-name.ts';
import { conflictsOf } from './config-conflicts.ts';
import { ConfigError } from './config-error.ts';
import { readConfigFile, type ConfigFile } from './config-file.ts';
import type { Environment } from './environment.ts';
import { faultOf, fromText, type DerivedDefault, type Setting, type SettingValue, type ValueOf } from './setting.ts';
import {
  flagOf,
  isSettingName,
  SETTING_NAMES,
  settingOf,
  variableOf,
  type SETTINGS,
  type SettingName,
} from './settings.ts';

export { ConfigError } from './config-error.ts';
export { configSchema } from './config-schema.ts';
export { processEnvironment, type Environment } from './environment.ts';
export { expected, SETTING_GROUPS, type Setting, type SettingGroup, type SettingValue } from './setting.ts';
export { flagOf, SETTING_NAMES, settingOf, variableOf, type SettingName } from './settings.ts';

/** How one sidecar is set up: a value for every entry of {@link SETTINGS}. Paths are absolute. */
export type Config = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };

/** What `sidecar.config.ts` exports as its default: `export default { port: 4000 } satisfies ConfigValues`. */
export type ConfigValues = Partial<Config>;

/** Settings as flags give them: values, or text that is read like the environment’s. */
export type ConfigFlags = { readonly [Name in SettingName]?: Config[Name] | string | undefined };

/** Log level, least to most talkative. */
export type LogLevel = Config['logLevel'];

/** The settings of one start, and where each came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** `--port`, `SIDECAR_PORT`, the path of the file, `default`. */
  readonly sources: Readonly<Record<SettingName, string>>;
  /** The configuration file, when there is one. */
  readonly file: string | null;
  /** What is probably a mistake and does not keep a sidecar from starting, in words. */
  readonly warnings: readonly string[];
}

/** Variables that start with `SIDECAR_` and are no settings. */
const OTHER_VARIABLES = ['SIDECAR_CONFIG', 'SIDECAR_URL', 'SIDECAR_TOKEN', 'SIDECAR_CA_FILE'];

/**
 * Settles the configuration: flags over environment over configuration file over defaults.
 * @param options `configFile` names the file, as `--config` and `SIDECAR_CONFIG` do.
 * @throws {ConfigError} naming every setting that cannot be used, alone or beside another, and every key of the file that is none.
 */
export async function loadConfig(
  flags: ConfigFlags,
  environment: Environment,
  cwd: string,
  options: { readonly configFile?: string | undefined } = {},
): Promise<LoadedConfig> {
  const named = options.configFile ?? (environment['SIDECAR_CONFIG'] || undefined);
  const file = await readConfigFile(named, environment, cwd);
  const faults = unknownKeys(file);
  const settled = new Map<SettingName, Found>();
  for (const name of SETTING_NAMES) {
    const found = find(name, { flags, environment, file, cwd });
    if (!found) continue;
    const fault = faultOf(settingOf(name), found.value);
    if (fault !== undefined) faults.push(`${name}: ${fault} (${found.from}).`);
    settled.set(name, found);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  const valueOf = (name: string): unknown => {
    if (!isSettingName(name)) throw new TypeError(`there is no setting ${name}`);
    const found = settled.get(name);
    if (found) return found.value;
    const preset = settingOf(name).default;
    if (!isDerived(preset)) return preset;
    return 'sameAs' in preset ? valueOf(preset.sameAs) : stateDirectory(environment);
  };
  const config: object = Object.fromEntries(SETTING_NAMES.map((name) => [name, valueOf(name)]));
  if (!isConfig(config)) throw new TypeError('a setting has a default that it would not take');
  const conflicts = conflictsOf(config);
  if (conflicts.length > 0) throw new ConfigError(conflicts);
  return {
    config,
    sources: Object.fromEntries(SETTING_NAMES.map((name) => [name, settled.get(name)?.from ?? 'default'])) as Record<
      SettingName,
      string
    >,
    file: file?.path ?? null,
    warnings: unknownVariables(environment),
  };
}

/**
 * Where the data directory is, for who needs nothing else: no other setting is looked at.
 * @throws {ConfigError} when the configuration file cannot be read.
 */
export async function locateDataDir(flag: string | undefined, environment: Environment, cwd: string): Promise<string> {
  const given = flag ?? (environment[variableOf('dataDir')] || undefined);
  if (given !== undefined) return resolve(cwd, given);
  const file = await readConfigFile(environment['SIDECAR_CONFIG'] || undefined, environment, cwd);
  const said = file?.values['dataDir'];
  return file && typeof said === 'string' ? resolve(dirname(file.path), said) : stateDirectory(environment);
}

/** Whether every setting has a value that its entry takes. */
function isConfig(values: object): values is Config {
  const found = new Map<string, unknown>(Object.entries(values));
  return SETTING_NAMES.every((name) => faultOf(settingOf(name), found.get(name)) === undefined);
}

interface Found {
  readonly value: unknown;
  readonly from: string;
}

interface Places {
  readonly flags: ConfigFlags;
  readonly environment: Environment;
  readonly file: ConfigFile | null;
  readonly cwd: string;
}

function find(name: SettingName, { flags, environment, file, cwd }: Places): Found | undefined {
  const setting = settingOf(name);
  const flag = flags[name];
  if (flag !== undefined) return found(setting, flag, flagOf(name), cwd);
  const variable = variableOf(name);
  const text = environment[variable];
  if (text !== undefined && text !== '') return found(setting, text, variable, cwd);
  if (file && Object.hasOwn(file.values, name)) {
    const value = file.values[name];
    return { value: setting.kind === 'path' ? absolute(value, dirname(file.path)) : value, from: file.path };
  }
  return undefined;
}

function found(setting: Setting, said: SettingValue, from: string, cwd: string): Found {
  const value = typeof said === 'string' ? fromText(setting, said) : said;
  return { value: setting.kind === 'path' ? absolute(value, cwd) : value, from };
}

function absolute(value: unknown, directory: string): unknown {
  return typeof value === 'string' && value !== '' ? resolve(directory, value) : value;
}

function isDerived(preset: Setting['default']): preset is DerivedDefault {
  return typeof preset === 'object' && preset !== null && ('sameAs' in preset || 'place' in preset);
}

function unknownKeys(file: ConfigFile | null): string[] {
  if (!file) return [];
  return Object.keys(file.values)
    .filter((name) => !isSettingName(name))
    .map((name) => `${file.path}: there is no setting ${JSON.stringify(name)}${meant(name, SETTING_NAMES)}`);
}

/** Other programs may use the prefix too, so a variable that is unknown is no error. */
function unknownVariables(environment: Environment): string[] {
  const known = [...SETTING_NAMES.map((name) => variableOf(name)), ...OTHER_VARIABLES];
  return Object.keys(environment)
    .filter((name) => name.startsWith('SIDECAR_') && !known.includes(name))
    .map((name) => `The variable ${name} is no setting${meant(name, known)}`);
}

function meant(word: string, names: readonly string[]): string {
  const closest = closestName(word, names);
  return closest === undefined ? '.' : `; did you mean ${closest}?`;
}

/** `$XDG_STATE_HOME/orchestration-sidecar`, else `~/.local/state/orchestration-sidecar` (DECISIONS 2). */
function stateDirectory(environment: Environment): string {
  const state = environment['XDG_STATE_HOME'];
  const base = state?.startsWith('/') ? state : join(environment['HOME'] ?? homedir(), '.local', 'state');
  return join(base, 'orchestration-sidecar');
}
