import manifest from '../../package.json' with { type: 'json' };

/** Version of this sidecar. */
export const VERSION: string = manifest.version;
