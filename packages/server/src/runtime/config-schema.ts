import type { Setting } from './setting.ts';
import { SETTING_NAMES, settingOf } from './settings.ts';

/** JSON Schema (draft 2020-12) of `sidecar.config.json`, for editors to complete and check it with. */
export function configSchema(): Record<string, unknown> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of Orchestration Sidecar',
    type: 'object',
    properties: {
      $schema: { type: 'string' },
      ...Object.fromEntries(SETTING_NAMES.map((name) => [name, schemaOf(settingOf(name))])),
    },
    additionalProperties: false,
  };
}

function schemaOf(setting: Setting): Record<string, unknown> {
  const { summary, default: preset } = setting;
  const isPlain = typeof preset !== 'object' || Array.isArray(preset);
  return { description: summary, ...orNull(typeOf(setting), preset === null), ...(isPlain ? { default: preset } : {}) };
}

function typeOf(setting: Setting): { type: string; [keyword: string]: unknown } {
  switch (setting.kind) {
    case 'integer':
    case 'number':
      return { type: setting.kind, minimum: setting.min, maximum: setting.max };
    case 'boolean':
      return { type: 'boolean' };
    case 'choice':
      return { type: 'string', enum: setting.choices };
    case 'list':
      return { type: 'array', items: { type: 'string', ...patternOf(setting) } };
    case 'text':
      return { type: 'string', minLength: 1, ...patternOf(setting) };
    default:
      return { type: 'string', minLength: 1 };
  }
}

function patternOf({ form }: { readonly form?: { readonly pattern: RegExp } }): { pattern?: string } {
  return form ? { pattern: form.pattern.source } : {};
}

function orNull(schema: { type: string }, mayBeNull: boolean): Record<string, unknown> {
  return mayBeNull ? { ...schema, type: [schema.type, 'null'] } : schema;
}
