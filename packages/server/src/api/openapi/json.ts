/** A JSON object under construction. */
export type Json = Record<string, unknown>;

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON object a field holds; empty when it holds none. */
export function recordIn(holder: Json, field: string): Json {
  const value = holder[field];
  return isRecord(value) ? value : {};
}
