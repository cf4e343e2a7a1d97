/** What every setting says of itself. Summaries are sentences for help and reference. */
interface Described {
  readonly group: SettingGroup;
  readonly summary: string;
  /** Its flag of `sidecar serve`. Default: its name with hyphens, `maxAgents` → `--max-agents`. */
  readonly flag?: string;
  /** Its environment variable. Default: `maxAgents` → `SIDECAR_MAX_AGENTS`. */
  readonly variable?: string;
  /** Its value is not shown to anyone. */
  readonly isSecret?: true;
}

/** A default that depends on what else is set. */
export type DerivedDefault = { readonly sameAs: string } | { readonly place: 'state' };

interface NumberSetting extends Described {
  /** `integer` takes whole numbers only. */
  readonly kind: 'integer' | 'number';
  /** Smallest and largest value that is taken, in the unit that the name carries. */
  readonly min: number;
  readonly max: number;
  readonly default: number | null | DerivedDefault;
}

interface BooleanSetting extends Described {
  readonly kind: 'boolean';
  readonly default: boolean;
}

/** What a text has to look like, and how to say so: “an http or https URL”. */
interface TextForm {
  readonly pattern: RegExp;
  readonly says: string;
}

interface TextSetting extends Described {
  readonly kind: 'text';
  readonly form?: TextForm;
  readonly default: string | null;
}

interface PathSetting extends Described {
  /** A place in the file system; relative ones start where it was said: the working directory, or the file’s. */
  readonly kind: 'path';
  readonly default: string | null | DerivedDefault;
}

interface ChoiceSetting extends Described {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  readonly default: string;
}

interface ListSetting extends Described {
  /** A list of texts; commas between them in flags and the environment. */
  readonly kind: 'list';
  readonly form?: TextForm;
  readonly default: readonly string[];
}

/** One setting: its kind, bounds, default and names. */
export type Setting = NumberSetting | BooleanSetting | TextSetting | PathSetting | ChoiceSetting | ListSetting;

/** Headings of the reference, in their order. */
export const SETTING_GROUPS = {
  server: 'Server',
  access: 'Access and limits',
  store: 'Store',
  agents: 'Agents',
  context: 'Context',
  observing: 'Logs, metrics and traces',
} as const;
export type SettingGroup = keyof typeof SETTING_GROUPS;

/** What a setting holds once it is settled. */
export type ValueOf<S extends Setting> =
  | (S extends { kind: 'integer' | 'number' } ? number : never)
  | (S extends { kind: 'boolean' } ? boolean : never)
  | (S extends { kind: 'text' | 'path' } ? string : never)
  | (S extends { kind: 'choice' } ? S['choices'][number] : never)
  | (S extends { kind: 'list' } ? readonly string[] : never)
  | (S extends { default: null } ? null : never);

/** A value of any setting. */
export type SettingValue = ValueOf<Setting> | null;

/** Reads what a flag or a variable says. Text that does not read as the kind stays text, for {@link faultOf} to name. */
export function fromText(setting: Setting, text: string): unknown {
  switch (setting.kind) {
    case 'integer':
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;
    case 'list':
      return text.split(',').map((item) => item.trim());
    default:
      return text;
  }
}

/** What is wrong with a value, in words that follow “port: ”; undefined when nothing is. */
export function faultOf(setting: Setting, value: unknown): string | undefined {
  if (value === null && setting.default === null) return undefined;
  return fits(setting, value) ? undefined : `${shown(setting, value)} is not ${expected(setting)}`;
}

/** What a setting takes: “a whole number from 0 to 65535”. */
export function expected(setting: Setting): string {
  switch (setting.kind) {
    case 'integer':
    case 'number':
      return `a ${setting.kind === 'integer' ? 'whole ' : ''}number from ${setting.min} to ${setting.max}`;
    case 'boolean':
      return 'true or false';
    case 'text':
      return setting.form?.says ?? 'a text';
    case 'choice':
      return `one of ${setting.choices.join(', ')}`;
    case 'list':
      return `a list, each ${setting.form?.says ?? 'a text'}`;
    default:
      return 'a path';
  }
}

function fits(setting: Setting, value: unknown): boolean {
  switch (setting.kind) {
    case 'integer':
    case 'number':
      return (
        typeof value === 'number' &&
        value >= setting.min &&
        value <= setting.max &&
        (setting.kind === 'number' || Number.isInteger(value))
      );
    case 'boolean':
      return typeof value === 'boolean';
    case 'text':
      return isText(value, setting.form);
    case 'choice':
      return typeof value === 'string' && setting.choices.includes(value);
    case 'list':
      return Array.isArray(value) && value.every((item) => isText(item, setting.form));
    default:
      return isText(value);
  }
}

function isText(value: unknown, form?: TextForm): boolean {
  return typeof value === 'string' && value !== '' && (form === undefined || form.pattern.test(value));
}

function shown(setting: Setting, value: unknown): string {
  return setting.isSecret ? 'the value' : (JSON.stringify(value) ?? String(value));
}
