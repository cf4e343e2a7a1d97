import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

// oxlint-disable-next-line typescript/no-explicit-any -- the document is read as a caller reads it
type Json = any;

/** Compares values with a document. */
export interface Checker {
  /** What is wrong with a value, one line for each fault; empty: nothing. */
  readonly faults: (schema: object, value: unknown) => string[];
  /** What a reference points to. */
  readonly resolve: (node: Json) => Json;
}

/** Answers must be described in full: what a schema does not list counts as a fault here. */
export function checker(document: Json): Checker {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  // CommonJS under another name in each module system.
  (formats as unknown as { default: (it: Ajv2020) => void }).default(ajv);
  ajv.addSchema(closed(document), 'document');
  const compiled = new Map<string, ReturnType<Ajv2020['compile']>>();
  return {
    faults(schema, value) {
      const key = JSON.stringify(schema);
      const validate = compiled.get(key) ?? ajv.compile(closed(pointed(schema)));
      compiled.set(key, validate);
      return validate(value)
        ? []
        : (validate.errors ?? []).map(
            ({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
          );
    },
    resolve(node) {
      if (typeof node?.$ref !== 'string') return node;
      return node.$ref
        .slice(2)
        .split('/')
        .reduce((found: Json, step: string) => found[step], document);
    },
  };
}

/** References into the document, from a schema outside of it. */
function pointed(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components'));
}

/** Objects that list their fields hold no others. */
function closed(node: Json): Json {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  const open = copy['additionalProperties'] !== undefined || copy['$ref'] !== undefined || copy['type'] !== 'object';
  return open || copy['properties'] === undefined ? copy : { ...copy, additionalProperties: false };
}
