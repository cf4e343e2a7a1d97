interface Wrapped {
  readonly json?: unknown;
}

/**
 * How values travel: as superjson writes plain JSON, which is all that the contract knows. The server reads what any
 * superjson client sends; this client needs no more than the wrapper.
 */
export const wire = {
  serialize: (value: unknown): Wrapped => ({ json: value }),
  deserialize: (value: unknown): unknown => (isWrapped(value) ? value.json : value),
};

function isWrapped(value: unknown): value is Wrapped {
  return typeof value === 'object' && value !== null && 'json' in value;
}
