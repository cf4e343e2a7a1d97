import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';

const NAMES = ['sidecar.config.json', 'sidecar.config.ts'] as const;
/** Keys of the file that are no settings: the schema that editors check it with. */
const NO_SETTINGS: ReadonlySet<string> = new Set(['$schema']);

/** A configuration file that was read. */
export interface ConfigFile {
  /** Absolute; relative paths inside it start at its directory. */
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Finds and reads the configuration file: the one that is named, else the nearest `sidecar.config.json` or
 * `sidecar.config.ts` from `cwd` up to the root of its git repository (outside of one in `cwd` alone), else the one in
 * `$XDG_CONFIG_HOME/orchestration-sidecar`. A `.ts` file is run, as code of the person who starts the sidecar.
 * @param named by `--config` or `SIDECAR_CONFIG`; undefined: look for one.
 * @throws {ConfigError} when it cannot be read, holds no object, or two lie side by side.
 */
export async function readConfigFile(
  named: string | undefined,
  environment: Environment,
  cwd: string,
): Promise<ConfigFile | null> {
  const path = named === undefined ? findConfigFile(environment, cwd) : resolve(cwd, named);
  if (path === null) return null;
  const value = await valueOf(path);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigError([`${path} holds no object of settings.`]);
  }
  return { path, values: Object.fromEntries(Object.entries(value).filter(([name]) => !NO_SETTINGS.has(name))) };
}

function findConfigFile(environment: Environment, cwd: string): string | null {
  for (const directory of [...projectDirectories(cwd), ...userDirectory(environment)]) {
    const found = NAMES.map((name) => join(directory, name)).filter((path) => existsSync(path));
    if (found.length > 1) throw new ConfigError([`${found.join(' and ')} lie side by side: keep one of them.`]);
    if (found[0] !== undefined) return found[0];
  }
  return null;
}

function projectDirectories(cwd: string): string[] {
  const directories: string[] = [];
  for (let place = resolve(cwd); ; place = dirname(place)) {
    directories.push(place);
    if (existsSync(join(place, '.git'))) return directories;
    if (place === dirname(place)) return directories.slice(0, 1);
  }
}

function userDirectory(environment: Environment): string[] {
  const configured = environment['XDG_CONFIG_HOME'];
  const home = environment['HOME'];
  const base = configured?.startsWith('/') ? configured : home && join(home, '.config');
  return base ? [join(base, 'orchestration-sidecar')] : [];
}

async function valueOf(path: string): Promise<unknown> {
  try {
    if (!path.endsWith('.ts')) return JSON.parse(readFileSync(path, 'utf8'));
    const loaded: unknown = await import(pathToFileURL(path).href);
    return typeof loaded === 'object' && loaded !== null && 'default' in loaded ? loaded.default : undefined;
  } catch (cause) {
    throw new ConfigError([`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`], {
      cause,
    });
  }
}
